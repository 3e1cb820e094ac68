//! INFO, REFER, NOTIFY and others within a call, and requests outside of every call.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

use std::time::Duration;

use offhook_sip::transaction::Transport;
use offhook_sip::user_agent::{
    Body, CommandError, EndReason, Event, InviteRequest, LegHandle, OutOfDialogRequest,
};
use offhook_sip::{HeaderName, Message, Method, StatusCode};
use offhook_testkit::{Phone, ScriptedPeer, new_request, request_within};

const SDP: &str = "Content-Type: application/sdp\n\nv=0";

/// Makes a good call a bad one.
type Spoil = fn(&mut InviteRequest<Transport>);

fn answered() -> (ScriptedPeer<Phone>, LegHandle, Message) {
    let mut peer = ScriptedPeer::new(Phone::seeded("phone", 1));
    peer.say(&new_request("INVITE", "c1", 1, SDP));
    peer.expect("SIP/2.0 100");
    let (leg, now) = (peer.engine.incoming().unwrap(), peer.now());
    peer.engine.ua.accept(leg, Some("v=0\r\n".into()), &[], now).unwrap();
    let ok = peer.expect("SIP/2.0 200");
    peer.say(&request_within(&ok, "ACK", 1, "", ""));
    peer.engine.events();
    (peer, leg, ok)
}

#[test]
fn blind_transfer_by_refer_and_notify() {
    let (mut peer, leg, ok) = answered();
    peer.say(&request_within(&ok, "REFER", 2, "", "Refer-To: <sip:carol@example.org>"));
    let Some(Event::InDialog { handle, key, request }) = peer.engine.event() else {
        panic!("no REFER");
    };
    assert_eq!(handle, leg);
    assert_eq!(request.refer_to().unwrap().unwrap().uri_text(), "sip:carol@example.org");
    let now = peer.now();
    peer.engine.ua.respond(key, StatusCode::ACCEPTED, None, &[], None, now).unwrap();
    let accepted = peer.expect("SIP/2.0 202");
    assert!(accepted.has(HeaderName::Contact));
    let headers = [("Event", "refer"), ("Subscription-State", "active;expires=60")];
    let body = Body::new("message/sipfrag", "SIP/2.0 100 Trying\r\n");
    let sent =
        peer.engine.ua.send_in_dialog(leg, &Method::Notify, &headers, Some(body), now).unwrap();
    let notify = peer.expect("NOTIFY sip:peer@peer.example.org");
    assert_eq!(notify.body(), b"SIP/2.0 100 Trying\r\n");
    assert_eq!(notify.header(HeaderName::Event), Some("refer"));
    assert!(notify.has(HeaderName::Contact));
    peer.reply(&notify, "200 OK", "", "");
    let Some(Event::RequestDone { key, handle: Some(done), code: StatusCode::OK, .. }) =
        peer.engine.event()
    else {
        panic!("NOTIFY not done");
    };
    assert_eq!((key, done), (sent, leg));
}

#[test]
fn notify_that_finds_no_subscription_leaves_the_call() {
    let (mut peer, leg, _) = answered();
    let now = peer.now();
    let headers = [("Event", "refer"), ("Subscription-State", "terminated")];
    peer.engine.ua.send_in_dialog(leg, &Method::Notify, &headers, None, now).unwrap();
    let notify = peer.expect("NOTIFY");
    peer.reply(&notify, "481 Gone", "", "");
    let done = peer.engine.events();
    assert!(matches!(done[..], [Event::RequestDone { .. }]), "{done:?}");
    peer.engine.ua.send_in_dialog(leg, &Method::Info, &[], None, now).unwrap();
    let info = peer.expect("INFO");
    peer.reply(&info, "481 Gone", "", "");
    peer.expect("BYE");
    let events = peer.engine.events();
    let [Event::RequestDone { .. }, Event::Ended { why: EndReason::DialogGone, .. }] = &events[..]
    else {
        panic!("{events:?}");
    };
}

#[test]
fn request_without_response_is_done_with_408() {
    let (mut peer, leg, _) = answered();
    let now = peer.now();
    peer.engine.ua.send_in_dialog(leg, &Method::Info, &[], None, now).unwrap();
    peer.advance(Duration::from_secs(32));
    let done = peer.engine.event();
    let Some(Event::RequestDone { code, response: None, .. }) = done else {
        panic!("{done:?}");
    };
    assert_eq!(code, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(peer.engine.ua.leg_count(), 1);
}

#[test]
fn headers_that_would_break_the_dialog_are_refused() {
    let (mut peer, leg, _) = answered();
    let now = peer.now();
    let mut send = |method: &Method, header: (&str, &str)| {
        peer.engine.ua.send_in_dialog(leg, method, &[header], None, now)
    };
    let own = Err(CommandError::Invalid("header is written by the user agent"));
    assert_eq!(send(&Method::Info, ("CSeq", "9 INFO")), own);
    assert_eq!(send(&Method::Info, ("i", "x")), own);
    let line_end = Err(CommandError::Invalid("line end in header value"));
    assert_eq!(send(&Method::Info, ("X-A", "1\r\nX-B: 2")), line_end);
    assert_eq!(send(&Method::Info, ("X A", "1")), Err(CommandError::Invalid("header name")));
    assert_eq!(send(&Method::Bye, ("X-A", "1")), Err(CommandError::Invalid("method")));
    peer.expect_nothing();
}

#[test]
fn invalid_addresses_are_refused_before_anything_is_sent() {
    let mut peer = ScriptedPeer::new(Phone::seeded("alice", 1));
    let now = peer.now();
    let good =
        || InviteRequest::new("sip:bob@example.org", "sip:alice@example.org", Transport::Udp);
    let cases: [(&str, Spoil); 7] = [
        ("no scheme", |call| call.request_uri = "bob".to_owned()),
        ("white space", |call| call.request_uri = "sip:bob@a b".to_owned()),
        ("line end", |call| call.from = "\"a\r\nb\" <sip:a@b>".to_owned()),
        ("tag", |call| call.to = "<sip:a@b>;tag=1".to_owned()),
        ("Call-ID", |call| call.call_id = Some("a b".to_owned())),
        ("route", |call| call.route = vec!["sip:edge".to_owned()]),
        ("contact", |call| call.contact_uri = Some("nothing".to_owned())),
    ];
    for (case, spoil) in cases {
        let mut call = good();
        spoil(&mut call);
        let result = peer.engine.ua.invite(call, now);
        assert!(matches!(result, Err(CommandError::Invalid(_))), "{case}: {result:?}");
    }
    peer.expect_nothing();
    assert_eq!(peer.engine.ua.leg_count(), 0);
    let mut call = good();
    call.route = vec!["<sip:edge.example.org;lr>".to_owned()];
    call.max_forwards = 12;
    call.contact_uri = Some("sip:1001@10.0.0.1;transport=tcp".to_owned());
    peer.engine.ua.invite(call, now).unwrap();
    let invite = peer.expect("INVITE sip:bob@example.org");
    assert_eq!(invite.route_top().unwrap().unwrap().uri_text(), "sip:edge.example.org;lr");
    assert_eq!(invite.max_forwards(), Ok(Some(12)));
    assert_eq!(invite.contact().unwrap().uri_text(), "sip:1001@10.0.0.1;transport=tcp");
    assert_eq!(invite.validate(), Ok(()));
}

#[test]
fn options_ping_tells_whether_a_trunk_lives() {
    let mut peer = ScriptedPeer::new(Phone::seeded("alice", 1));
    let now = peer.now();
    let ping = || OutOfDialogRequest {
        method: Method::Options,
        request_uri: "sip:trunk.example.org".to_owned(),
        route: Vec::new(),
        from: "sip:alice@example.org".to_owned(),
        to: "sip:trunk.example.org".to_owned(),
        headers: Vec::new(),
        body: None,
        peer: Transport::Udp,
    };
    let sent = peer.engine.ua.send_request(ping(), now).unwrap();
    let options = peer.expect("OPTIONS sip:trunk.example.org");
    peer.reply(&options, "404 Nobody", "t", "");
    let done = peer.engine.event();
    let Some(Event::RequestDone {
        key,
        handle: None,
        code: StatusCode::NOT_FOUND,
        response: Some(_),
    }) = done
    else {
        panic!("{done:?}");
    };
    assert_eq!(key, sent);
    peer.engine.ua.send_request(ping(), now).unwrap();
    peer.advance(Duration::from_secs(32));
    let done = peer.engine.event();
    assert!(
        matches!(done, Some(Event::RequestDone { code: StatusCode::REQUEST_TIMEOUT, .. })),
        "{done:?}"
    );
    let invite = OutOfDialogRequest { method: Method::Invite, ..ping() };
    assert_eq!(peer.engine.ua.send_request(invite, now), Err(CommandError::Invalid("method")));
}

#[test]
fn ringing_is_said_again_each_minute() {
    let mut peer = ScriptedPeer::new(Phone::seeded("phone", 1));
    peer.say(&new_request("INVITE", "c1", 1, SDP));
    peer.expect("SIP/2.0 100");
    let (leg, now) = (peer.engine.incoming().unwrap(), peer.now());
    peer.engine.ua.ring(leg, StatusCode::RINGING, None, &[], now).unwrap();
    peer.expect("SIP/2.0 180");
    peer.advance(Duration::from_secs(125));
    peer.expect("SIP/2.0 180");
    peer.expect("SIP/2.0 180");
    peer.expect_nothing();
    let now = peer.now();
    peer.engine
        .ua
        .reject(leg, StatusCode::BUSY_HERE, Some("Lunch"), &[("Reason", "Q.850;cause=17")], now)
        .unwrap();
    let busy = peer.expect("SIP/2.0 486 Lunch");
    assert_eq!(busy.q850(), Some(17));
    let ended = peer.engine.event();
    assert!(matches!(ended, Some(Event::Ended { why: EndReason::Local, .. })), "{ended:?}");
    peer.advance(Duration::from_secs(40));
    assert_eq!(peer.engine.ua.transaction_count(), 0);
}
