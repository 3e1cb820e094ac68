//! New responses (RFC 3261 sections 8.2.6 and 12.1.1).

use std::fmt::Display;

use bytes::Bytes;

use super::Draft;
use crate::message::{HeaderName, Message, Method, StatusCode};

/// Puts a response to a request together.
///
/// Via, From, To, Call-ID and CSeq are copied byte for byte, Record-Route when
/// the response can establish a dialog, and Timestamp into a 100. Copying works
/// for requests that did not pass validation as well: what is missing there is
/// missing here.
#[derive(Debug, Clone)]
pub struct ResponseBuilder {
    draft: Draft,
}

impl ResponseBuilder {
    /// A response with the code's own reason phrase and the To of the request
    /// as it is. Only a 100 may go out like that when To has no tag: see
    /// [`ResponseBuilder::tagged`].
    #[must_use]
    pub fn for_request(request: &Message, status: StatusCode) -> Self {
        Self::write(request, status, status.reason(), None)
    }

    /// A response with `to_tag` added to To when it has no tag.
    #[must_use]
    pub fn tagged(request: &Message, status: StatusCode, to_tag: &str) -> Self {
        Self::write(request, status, status.reason(), Some(to_tag))
    }

    /// A response with its own reason phrase, such as the text of a
    /// [`crate::Defect`].
    #[must_use]
    pub fn with_reason(
        request: &Message,
        status: StatusCode,
        reason: impl Display,
        to_tag: Option<&str>,
    ) -> Self {
        Self::write(request, status, reason, to_tag)
    }

    fn write(
        request: &Message,
        status: StatusCode,
        reason: impl Display,
        to_tag: Option<&str>,
    ) -> Self {
        let mut draft = Draft::new(format_args!("SIP/2.0 {status} {reason}"));
        draft.copy(request, HeaderName::Via);
        if establishes_dialog(request, status) {
            draft.copy(request, HeaderName::RecordRoute);
        }
        draft.copy(request, HeaderName::From);
        copy_to(&mut draft, request, to_tag);
        draft.copy(request, HeaderName::CallId);
        draft.copy(request, HeaderName::CSeq);
        if status == StatusCode::TRYING {
            draft.copy(request, HeaderName::Timestamp);
        }
        Self { draft }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl Display) -> Self {
        self.draft.header(name.as_str(), value);
        self
    }

    /// Adds a header by its text.
    #[must_use]
    pub fn header_named(mut self, name: &str, value: impl Display) -> Self {
        self.draft.header(name, value);
        self
    }

    /// Adds all headers of that name that `message` has, byte for byte.
    #[must_use]
    pub fn copy(mut self, message: &Message, name: HeaderName) -> Self {
        self.draft.copy(message, name);
        self
    }

    /// Gives it a body.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.draft.body(content_type, body.into());
        self
    }

    /// The response.
    #[must_use]
    pub fn build(self) -> Message {
        self.draft.finish()
    }
}

fn establishes_dialog(request: &Message, status: StatusCode) -> bool {
    let may = request.method().is_some_and(|method| {
        method.creates_dialog() || matches!(method, Method::Notify | Method::Update)
    });
    may && status > StatusCode::TRYING && !status.is_failure()
}

/// Copies To and adds the tag when none is there. A To that breaks the grammar
/// is looked through for a tag as text, so that none is added twice.
fn copy_to(draft: &mut Draft, request: &Message, to_tag: Option<&str>) {
    let Some(value) = request.raw_values(HeaderName::To).next() else {
        return;
    };
    let has_tag = match request.to() {
        Ok(to) => to.param("tag").is_some(),
        Err(_) => request.header(HeaderName::To).is_some_and(|text| text.contains(";tag=")),
    };
    match to_tag.filter(|_| !has_tag) {
        Some(tag) => draft.raw_header("To", &[value, b";tag=", tag.as_bytes()].concat()),
        None => draft.raw_header("To", value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite(to: &str) -> Message {
        let text = format!(
            "INVITE sip:b@c SIP/2.0\r\nv: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b\r\n\
             Record-Route: <sip:p;lr>\r\nVia: SIP/2.0/TCP c\r\nf: <sip:a@b>;tag=1\r\nTo: {to}\r\n\
             i: x\r\nCSeq: 1 INVITE\r\nTimestamp: 54\r\n\r\n"
        );
        Message::parse(text.into()).expect("well-formed")
    }

    #[test]
    fn what_a_response_must_carry_is_copied() {
        let response =
            ResponseBuilder::tagged(&invite("<sip:b@c>"), StatusCode::RINGING, "t1").build();
        let expected = "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b\r\n\
                        Via: SIP/2.0/TCP c\r\nRecord-Route: <sip:p;lr>\r\nFrom: <sip:a@b>;tag=1\r\n\
                        To: <sip:b@c>;tag=t1\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(response.to_string(), expected);
    }

    #[test]
    fn a_tag_is_never_added_twice() {
        let response =
            ResponseBuilder::tagged(&invite("<sip:b@c> ;Tag=x"), StatusCode::OK, "t1").build();
        assert_eq!(response.to_tag(), Some("x"));
        assert_eq!(response.header(HeaderName::To), Some("<sip:b@c> ;Tag=x"));
    }

    #[test]
    fn trying_carries_the_timestamp_and_failures_no_route() {
        let trying = ResponseBuilder::for_request(&invite("<sip:b@c>"), StatusCode::TRYING).build();
        assert_eq!(trying.header(HeaderName::Timestamp), Some("54"));
        assert_eq!(trying.to_tag(), None);
        assert!(!trying.has(HeaderName::RecordRoute));
        let busy =
            ResponseBuilder::tagged(&invite("<sip:b@c>"), StatusCode::BUSY_HERE, "t").build();
        assert!(!busy.has(HeaderName::RecordRoute) && !busy.has(HeaderName::Timestamp));
    }
}
