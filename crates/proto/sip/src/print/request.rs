//! New requests.

use std::fmt::Display;

use bytes::Bytes;

use super::Draft;
use crate::message::{HeaderName, Message, Method};

/// Puts a request together. Headers stand in the order of the calls;
/// Content-Type and Content-Length are added at the end.
#[derive(Debug, Clone)]
pub struct RequestBuilder {
    draft: Draft,
}

impl RequestBuilder {
    /// A request with that method and Request-URI. White space in the URI is
    /// the caller's mistake and makes the message malformed; no URI that
    /// [`crate::Uri::parse`] accepts has any.
    #[must_use]
    pub fn new(method: &Method, request_uri: impl Display) -> Self {
        Self { draft: Draft::new(format_args!("{method} {request_uri} SIP/2.0")) }
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

    /// The request.
    #[must_use]
    pub fn build(self) -> Message {
        self.draft.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_stand_in_order_and_the_length_is_right() {
        let request = RequestBuilder::new(&Method::Message, "sip:bob@example.org")
            .header(HeaderName::MaxForwards, 70)
            .header_named("X-Note", "a")
            .body("text/plain", "hello")
            .build();
        let expected = "MESSAGE sip:bob@example.org SIP/2.0\r\nMax-Forwards: 70\r\nX-Note: a\r\n\
                        Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(request.to_string(), expected);
        assert_eq!(request.body(), b"hello");
    }

    #[test]
    fn a_value_cannot_add_a_header_or_end_the_head() {
        let request = RequestBuilder::new(&Method::Options, "sip:a@b")
            .header(HeaderName::Subject, "x\r\nRoute: <sip:evil>\r\n\r\nbody")
            .build();
        assert!(!request.has(HeaderName::Route));
        assert_eq!(request.header(HeaderName::Subject), Some("x  Route: <sip:evil>    body"));
    }
}
