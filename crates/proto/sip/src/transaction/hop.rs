//! Messages that a transaction makes by itself.

use bytes::Bytes;

use crate::headers::CSeq;
use crate::message::{HeaderName, Message, Method, StatusCode};
use crate::print::{RequestBuilder, ResponseBuilder};

/// Max-Forwards of ACK and CANCEL when their INVITE has none.
const MAX_FORWARDS: u8 = 70;

/// A response without To tag, for 100 and for refusals outside of every transaction.
pub(super) fn response_to(request: &Message, status: StatusCode) -> Message {
    ResponseBuilder::for_request(request, status).build()
}

/// The ACK of a failure response (RFC 3261 17.1.1.3): To comes from the response.
pub(super) fn ack_of_failure(invite: &Message, response: &Message) -> Bytes {
    let ack = same_hop(invite, Method::Ack).copy(response, HeaderName::To).build();
    ack.to_bytes()
}

/// The CANCEL of an INVITE (RFC 3261 9.1).
pub(super) fn cancel_of(invite: &Message, reason: Option<&str>) -> Message {
    let mut cancel = same_hop(invite, Method::Cancel).copy(invite, HeaderName::To);
    if let Some(reason) = reason {
        cancel = cancel.header(HeaderName::Reason, reason);
    }
    cancel.build()
}

/// What a request to the same hop as `invite` shares with it: Request-URI, top Via, Route, From,
/// Call-ID and the CSeq number.
fn same_hop(invite: &Message, method: Method) -> RequestBuilder {
    let mut request = RequestBuilder::new(&method, invite.request_uri_text());
    if let Ok(via) = invite.via_top() {
        request = request.header(HeaderName::Via, via.as_str());
    }
    let max_forwards = invite.max_forwards().ok().flatten();
    request = request
        .header(HeaderName::MaxForwards, max_forwards.unwrap_or(MAX_FORWARDS))
        .copy(invite, HeaderName::Route)
        .copy(invite, HeaderName::From)
        .copy(invite, HeaderName::CallId);
    match invite.cseq() {
        Ok(CSeq { sequence, .. }) => request.header(HeaderName::CSeq, CSeq { sequence, method }),
        Err(_) => request,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:b@c SIP/2.0\r\n\
        Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
        Via: SIP/2.0/UDP other;branch=z9hG4bK0\r\n\
        Max-Forwards: 9\r\n\
        Route: <sip:p;lr>\r\n\
        From: <sip:a@b>;tag=1\r\n\
        To: <sip:b@c>\r\n\
        Call-ID: x\r\n\
        CSeq: 7 INVITE\r\n\
        Content-Length: 0\r\n\r\n";

    fn invite() -> Message {
        Message::parse(INVITE.into()).expect("well-formed")
    }

    #[test]
    fn ack_takes_its_to_from_the_response() {
        let response = ResponseBuilder::tagged(&invite(), StatusCode::BUSY_HERE, "9").build();
        let ack = Message::parse(ack_of_failure(&invite(), &response)).expect("well-formed");
        let expected = "ACK sip:b@c SIP/2.0\r\n\
            Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
            Max-Forwards: 9\r\n\
            Route: <sip:p;lr>\r\n\
            From: <sip:a@b>;tag=1\r\n\
            Call-ID: x\r\n\
            CSeq: 7 ACK\r\n\
            To: <sip:b@c>;tag=9\r\n\
            Content-Length: 0\r\n\r\n";
        assert_eq!(ack.to_string(), expected);
    }

    #[test]
    fn cancel_has_the_invites_branch_and_number() {
        let cancel = cancel_of(&invite(), Some("SIP;cause=200"));
        assert_eq!(cancel.method(), Some(&Method::Cancel));
        assert_eq!(cancel.vias().count(), 1);
        assert_eq!(cancel.via_top().unwrap().branch(), Some("z9hG4bK1"));
        assert_eq!(cancel.cseq().unwrap().sequence, 7);
        assert_eq!(cancel.to_tag(), None);
        assert_eq!(cancel.header(HeaderName::Reason), Some("SIP;cause=200"));
    }
}
