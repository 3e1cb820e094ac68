//! What a message says: lists across lines, folds, compact forms, and headers
//! of all kinds.

use offhook_sip::headers::{RAck, Refresher, SessionExpires};
use offhook_sip::message::unfold;
use offhook_sip::{CSeq, HeaderError, HeaderName, Message, Method, StatusCode};

fn message(headers: &str) -> Message {
    let text = format!("OPTIONS sip:b@c SIP/2.0\r\n{headers}\r\nbody");
    Message::parse(text.into()).expect("well-formed")
}

#[test]
fn a_list_runs_across_lines_and_compact_forms() {
    let message = message(
        "Route: <sip:p1;lr>, \"a,b\" <sip:p2;lr>\r\nX-Other: <sip:no>\r\nROUTE:\r\n\t<sip:p3>;x=\"1,2\"\r\n\
         m: sip:c1;q=0.1,<sip:c2,c3>\r\nContact: *\r\nk: timer, 100rel\r\nSupported:\r\nSupported: PATH\r\n",
    );
    let routes: Vec<_> =
        message.routes().map(|route| route.expect("well-formed").uri_text()).collect();
    assert_eq!(routes, ["sip:p1;lr", "sip:p2;lr", "sip:p3"]);
    let contacts: Vec<_> = message.contacts().collect();
    assert_eq!(contacts.len(), 3);
    let first = contacts[0].expect("well-formed").address().expect("an address");
    assert_eq!((first.uri_text(), first.q_thousandths()), ("sip:c1", Some(100)));
    assert_eq!(
        contacts[1].err(),
        Some(HeaderError::Malformed(HeaderName::Contact)),
        "no comma in a host"
    );
    assert!(contacts[2].is_ok_and(|value| value.address().is_none()), "the star");
    assert!(message.supports("100REL") && message.supports("path") && !message.supports("gruu"));
    assert_eq!(message.tokens(HeaderName::Supported).count(), 3);
}

#[test]
fn a_folded_value_reads_as_one_line() {
    let message = message("Subject: I know you're there,\r\n   pick up the phone\r\n\tnow\r\n");
    let subject = message.header(HeaderName::Subject).expect("a Subject");
    assert_eq!(unfold(subject), "I know you're there, pick up the phone now");
    assert_eq!(unfold("on one line"), "on one line");
}

#[test]
fn more_headers_than_the_index_holds_inline_stay_in_order() {
    let headers: String = (0..100).map(|number| format!("X-{number}: {number}\r\n")).collect();
    let message = message(&headers);
    assert_eq!(message.header_count(), 100);
    for (number, field) in message.headers().enumerate() {
        assert_eq!((field.name, field.value), (HeaderName::Other, number.to_string().as_str()));
        assert_eq!(message.header_named(&format!("x-{number}")), Some(field.value));
    }
    assert_eq!(message.header_named("x-100"), None);
    assert_eq!(message.body(), b"body");
}

#[test]
fn headers_of_extensions_are_read() {
    let message = message(
        "x: 1800;refresher=uac\r\nMin-SE: 90\r\nRSeq: 9\r\nRAck: 9 1 INVITE\r\nRetry-After: 120 (busy);duration=60\r\n\
         r: <sip:c@d?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>\r\nb: <sip:a@b>\r\nReplaces: x;to-tag=1;from-tag=2\r\n\
         Reason: SIP;cause=486, Q.850 ;cause=17;text=\"busy, sorry\"\r\no: refer;id=7\r\n\
         Subscription-State: active;expires=60\r\nUser-Agent: Phone/1\r\nc: application/sdp;x=y\r\nExpires: 7\r\nMin-Expires: 60\r\n",
    );
    let timer = SessionExpires { interval_s: 1_800, refresher: Some(Refresher::Uac) };
    assert_eq!(message.session_expires(), Ok(Some(timer)));
    assert_eq!(message.min_se_s(), Ok(Some(90)));
    assert_eq!(message.rseq(), Ok(Some(9)));
    let rack = RAck { rseq: 9, cseq: CSeq { sequence: 1, method: Method::Invite } };
    assert_eq!(message.rack(), Ok(Some(rack)));
    assert_eq!(message.retry_after_s(), Ok(Some(120)));
    let refer_to = message.refer_to().expect("well-formed").expect("Refer-To");
    let (name, value) = refer_to.uri().expect("a URI").headers().next().expect("a header");
    assert_eq!((name.as_ref(), value.as_ref()), ("Replaces", "x;to-tag=1;from-tag=2"));
    assert!(message.referred_by().is_ok_and(|by| by.is_some()));
    assert_eq!(
        message.replaces().expect("well-formed").map(|replaces| replaces.from_tag()),
        Some("2")
    );
    assert_eq!(message.q850(), Some(17));
    assert_eq!(message.reasons().count(), 2);
    assert_eq!(message.event().expect("well-formed").and_then(|event| event.id()), Some("7"));
    let state = message.subscription_state().expect("well-formed").expect("a state");
    assert_eq!((state.state, state.expires_s()), ("active", Some(60)));
    assert_eq!(message.user_agent(), Some("Phone/1"));
    assert_eq!(message.body_of("Application/SDP"), Some(&b"body"[..]));
    assert_eq!(message.body_of("text/plain"), None);
    assert_eq!((message.expires_s(), message.min_expires_s()), (Ok(Some(7)), Ok(Some(60))));
}

#[test]
fn what_is_missing_and_what_is_malformed_are_told_apart() {
    let missing = message("");
    assert_eq!(missing.via_top().err(), Some(HeaderError::Missing(HeaderName::Via)));
    assert_eq!(missing.contact().err(), Some(HeaderError::Missing(HeaderName::Contact)));
    assert_eq!(missing.session_expires(), Ok(None));
    assert!(missing.route_top().is_ok_and(|route| route.is_none()));
    let malformed = message(
        "v: x\r\nx: soon\r\nRSeq: 0\r\nRAck: 1\r\nReplaces: x\r\nr: x\r\nMin-SE: -1\r\nm: *\r\n",
    );
    assert_eq!(malformed.via_top().err(), Some(HeaderError::Malformed(HeaderName::Via)));
    assert_eq!(
        malformed.session_expires(),
        Err(HeaderError::Malformed(HeaderName::SessionExpires))
    );
    assert_eq!(malformed.rseq(), Err(HeaderError::Malformed(HeaderName::RSeq)));
    assert_eq!(malformed.rack(), Err(HeaderError::Malformed(HeaderName::RAck)));
    assert!(
        malformed.replaces().is_err()
            && malformed.refer_to().is_err()
            && malformed.min_se_s().is_err()
    );
    assert_eq!(malformed.contact().err(), Some(HeaderError::Malformed(HeaderName::Contact)));
}

#[test]
fn a_response_has_a_status_and_no_method() {
    let response = Message::parse("sip/2.0 486 Busy Here\r\nCSeq: 1 INVITE\r\n\r\n".into())
        .expect("well-formed");
    assert_eq!(response.status(), Some(StatusCode::BUSY_HERE));
    assert_eq!((response.reason(), response.method()), ("Busy Here", None));
    assert!(response.request_uri().is_err() && response.is_response());
    assert_eq!(response.cseq().map(|cseq| cseq.method), Ok(Method::Invite));
    let bare = Message::parse("SIP/2.0 200\r\n\r\n".into()).expect("well-formed");
    assert_eq!(bare.reason(), "");
}

#[test]
fn cloning_shares_the_buffer() {
    let message = message("Via: x\r\n");
    let clone = message.clone();
    assert_eq!(clone, message);
    assert_eq!(clone.as_bytes().as_ptr(), message.as_bytes().as_ptr());
    assert_eq!(message.body_bytes().as_ptr(), message.body().as_ptr());
}
