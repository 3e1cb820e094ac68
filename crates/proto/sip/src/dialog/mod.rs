//! Dialogs (RFC 3261 section 12): what two user agents remember between requests.
//!
//! A [`Dialog`] is plain data. It numbers and builds requests, checks the numbers of incoming ones
//! and follows the remote target. It knows neither transactions nor what the requests mean.

mod route_set;

use std::fmt::Display;

use crate::headers::{CSeq, HeaderError, SEQUENCE_MAX};
use crate::message::{HeaderName, Message, Method};
use crate::print::RequestBuilder;

pub use route_set::{ROUTE_COUNT_MAX, RouteSet};

/// Max-Forwards of requests made here (RFC 3261 8.1.1.6).
pub const MAX_FORWARDS: u8 = 70;

/// Identifies a dialog, as seen from this side.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DialogId {
    /// The Call-ID.
    pub call_id: String,
    /// This side's tag.
    pub local_tag: String,
    /// The other side's tag; empty for peers of RFC 2543 that have none.
    pub remote_tag: String,
}

impl DialogId {
    /// The dialog that an incoming request belongs to; `None` when its To has no tag.
    pub fn of_request(request: &Message) -> Option<Self> {
        Some(Self {
            call_id: request.call_id().ok()?.to_owned(),
            local_tag: request.to_tag()?.to_owned(),
            remote_tag: request.from_tag().unwrap_or_default().to_owned(),
        })
    }

    /// The dialog that a response belongs to; `None` when its To has no tag.
    pub fn of_response(response: &Message) -> Option<Self> {
        Some(Self {
            call_id: response.call_id().ok()?.to_owned(),
            local_tag: response.from_tag()?.to_owned(),
            remote_tag: response.to_tag()?.to_owned(),
        })
    }
}

/// Why a message makes no dialog or does not fit one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DialogError {
    /// A header that the dialog needs is missing or broken.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The route set is longer than [`ROUTE_COUNT_MAX`].
    #[error("Too many Record-Route values")]
    RouteSetTooLong,
    /// The request's number is not higher than the last one; to be answered with 500
    /// (RFC 3261 12.2.2).
    #[error("CSeq out of order")]
    OutOfOrder,
}

/// One side of a dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialog {
    id: DialogId,
    /// From of requests, with this side's tag.
    local: String,
    /// To of requests, with the other side's tag.
    remote: String,
    local_sequence: u32,
    remote_sequence: Option<u32>,
    remote_target: String,
    route_set: RouteSet,
}

impl Dialog {
    /// The dialog that a tagged response to `request` makes on the side that sent it
    /// (RFC 3261 12.1.2). A provisional response without Contact leaves the Request-URI as target.
    pub fn from_response(request: &Message, response: &Message) -> Result<Self, DialogError> {
        let id = DialogId::of_response(response).ok_or(HeaderError::Missing(HeaderName::To))?;
        let is_final = response.status().is_some_and(|status| status.is_final());
        let remote_target = match response.contact() {
            Ok(contact) => contact.uri_text().to_owned(),
            Err(error) if is_final => return Err(error.into()),
            Err(_) => request.request_uri_text().to_owned(),
        };
        Ok(Self {
            id,
            local: header(response, HeaderName::From)?,
            remote: header(response, HeaderName::To)?,
            local_sequence: request.cseq()?.sequence,
            remote_sequence: None,
            remote_target,
            route_set: RouteSet::of_response(response)?,
        })
    }

    /// The dialog that an incoming `request` makes on the side that answers it with `local_tag`
    /// (RFC 3261 12.1.1).
    pub fn from_request(request: &Message, local_tag: &str) -> Result<Self, DialogError> {
        let id = DialogId {
            call_id: request.call_id()?.to_owned(),
            local_tag: local_tag.to_owned(),
            remote_tag: request.from_tag().unwrap_or_default().to_owned(),
        };
        Ok(Self {
            id,
            local: format!("{};tag={local_tag}", header(request, HeaderName::To)?),
            remote: header(request, HeaderName::From)?,
            local_sequence: 0,
            remote_sequence: Some(request.cseq()?.sequence),
            remote_target: request.contact()?.uri_text().to_owned(),
            route_set: RouteSet::of_request(request)?,
        })
    }

    /// Call-ID and tags.
    pub fn id(&self) -> &DialogId {
        &self.id
    }

    /// This side's address with its tag, as it stands in From of requests.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The other side's address with its tag, as it stands in To of requests.
    pub fn remote(&self) -> &str {
        &self.remote
    }

    /// The URI that requests are meant for.
    pub fn remote_target(&self) -> &str {
        &self.remote_target
    }

    /// The proxies that requests pass.
    pub fn route_set(&self) -> &RouteSet {
        &self.route_set
    }

    /// The number of the last request sent.
    pub fn local_sequence(&self) -> u32 {
        self.local_sequence
    }

    /// The number of the last request received, if any came.
    pub fn remote_sequence(&self) -> Option<u32> {
        self.remote_sequence
    }

    /// The URI of the next element on the way: the first route or the remote target.
    pub fn next_hop(&self) -> &str {
        self.route_set.first().unwrap_or(&self.remote_target)
    }

    /// Begins a request with the next number and that Via; Contact and what the request says are
    /// the caller's. ACK has the number of its INVITE: see [`Dialog::ack`].
    pub fn request(&mut self, method: &Method, via: impl Display) -> RequestBuilder {
        self.local_sequence = (self.local_sequence + 1).min(SEQUENCE_MAX);
        self.numbered(method, self.local_sequence, via)
    }

    /// Begins the ACK of a 2xx to the INVITE with that number (RFC 3261 13.2.2.4).
    pub fn ack(&self, invite_sequence: u32, via: impl Display) -> RequestBuilder {
        self.numbered(&Method::Ack, invite_sequence, via)
    }

    /// Goes on counting where the early form of the same dialog stopped. Route set and target are
    /// those of the 2xx (RFC 3261 13.2.2.4).
    pub fn continue_from(&mut self, early: &Self) {
        self.local_sequence = self.local_sequence.max(early.local_sequence);
        self.remote_sequence = self.remote_sequence.max(early.remote_sequence);
    }

    /// Checks and notes the number of an incoming request other than ACK and CANCEL
    /// (RFC 3261 12.2.2).
    pub fn note_request(&mut self, request: &Message) -> Result<(), DialogError> {
        let sequence = request.cseq()?.sequence;
        if self.remote_sequence.is_some_and(|last| sequence <= last) {
            return Err(DialogError::OutOfOrder);
        }
        self.remote_sequence = Some(sequence);
        Ok(())
    }

    /// Follows the Contact of a target refresh request or of its 2xx (RFC 3261 12.2).
    pub fn refresh_target(&mut self, message: &Message) {
        if let Ok(contact) = message.contact()
            && contact.uri_text() != self.remote_target
        {
            self.remote_target = contact.uri_text().to_owned();
        }
    }

    fn numbered(&self, method: &Method, sequence: u32, via: impl Display) -> RequestBuilder {
        let way = self.route_set.way_to(&self.remote_target);
        let mut request = RequestBuilder::new(method, way.request_uri)
            .header(HeaderName::Via, via)
            .header(HeaderName::MaxForwards, MAX_FORWARDS);
        for route in way.routes {
            request = request.header(HeaderName::Route, route);
        }
        let cseq = CSeq { sequence, method: method.clone() };
        request
            .header(HeaderName::From, &self.local)
            .header(HeaderName::To, &self.remote)
            .header(HeaderName::CallId, &self.id.call_id)
            .header(HeaderName::CSeq, cseq)
    }
}

fn header(message: &Message, name: HeaderName) -> Result<String, HeaderError> {
    let value = message.header(name).ok_or(HeaderError::Missing(name))?;
    Ok(crate::message::unfold(value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::StatusCode;
    use crate::print::ResponseBuilder;

    const VIA: &str = "SIP/2.0/UDP h;branch=z9hG4bK2";

    fn invite(record_routes: &str) -> Message {
        let text = format!(
            "INVITE sip:b@pc SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n{record_routes}\
             From: <sip:a@x>;tag=1\r\nTo: <sip:b@y>\r\nCall-ID: c1\r\nCSeq: 7 INVITE\r\n\
             Contact: <sip:a@host;transport=tcp>\r\n\r\n"
        );
        Message::parse(text.into()).expect("well-formed")
    }

    fn ok(contact: &str) -> Message {
        let invite = invite("Record-Route: <sip:p2;lr>\r\nRecord-Route: <sip:p1;lr>\r\n");
        ResponseBuilder::tagged(&invite, StatusCode::OK, "2")
            .header(HeaderName::Contact, contact)
            .build()
    }

    #[test]
    fn both_sides_see_the_same_dialog() {
        let uac = Dialog::from_response(&invite(""), &ok("<sip:b@pc2>")).unwrap();
        let uas = Dialog::from_request(&invite(""), "2").unwrap();
        assert_eq!(uac.id().local_tag, uas.id().remote_tag);
        assert_eq!(uac.id().remote_tag, uas.id().local_tag);
        assert_eq!(uac.remote_target(), "sip:b@pc2");
        assert_eq!(uas.remote_target(), "sip:a@host;transport=tcp");
    }

    #[test]
    fn route_set_is_reversed_for_the_caller_only() {
        let uac = Dialog::from_response(&invite(""), &ok("<sip:b@pc2>")).unwrap();
        assert_eq!(uac.next_hop(), "sip:p1;lr");
        let request = invite("Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\n");
        let uas = Dialog::from_request(&request, "2").unwrap();
        assert_eq!(uas.next_hop(), "sip:p2;lr");
    }

    #[test]
    fn requests_count_up_and_ack_does_not() {
        let mut uac = Dialog::from_response(&invite(""), &ok("<sip:b@pc2>")).unwrap();
        assert_eq!(uac.ack(7, VIA).build().cseq().unwrap().sequence, 7);
        let bye = uac.request(&Method::Bye, VIA).build();
        assert_eq!(bye.request_uri_text(), "sip:b@pc2");
        assert_eq!(bye.cseq().unwrap().to_string(), "8 BYE");
        assert_eq!((bye.from_tag(), bye.to_tag()), (Some("1"), Some("2")));
        let routes: Vec<_> = bye.routes().map(|route| route.unwrap().uri_text()).collect();
        assert_eq!(routes, ["sip:p1;lr", "sip:p2;lr"]);
    }

    #[test]
    fn numbers_must_rise() {
        let mut uas = Dialog::from_request(&invite(""), "2").unwrap();
        assert_eq!(uas.note_request(&invite("")), Err(DialogError::OutOfOrder));
        let later = crate::print::Editor::new(&invite("")).set(HeaderName::CSeq, "9 INFO").finish();
        assert_eq!(uas.note_request(&later), Ok(()));
        assert_eq!(uas.note_request(&later), Err(DialogError::OutOfOrder));
    }

    #[test]
    fn answer_without_contact_makes_no_dialog() {
        let response = ResponseBuilder::tagged(&invite(""), StatusCode::OK, "2").build();
        let expected = Err(DialogError::Header(HeaderError::Missing(HeaderName::Contact)));
        assert_eq!(Dialog::from_response(&invite(""), &response), expected);
    }
}
