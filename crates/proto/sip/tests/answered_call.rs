//! An ordinary call from INVITE to BYE, from both sides.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

use std::time::Duration;

use offhook_sip::user_agent::{EndReason, Event, InviteRequest, LegHandle};
use offhook_sip::{HeaderName, StatusCode};
use offhook_testkit::{Pair, Phone, ScriptedPeer, new_request, request_within};

const OFFER: &str = "v=0\r\no=offer\r\n";
const ANSWER: &str = "v=0\r\no=answer\r\n";

fn answered(pair: &mut Pair) -> (LegHandle, LegHandle) {
    let request = InviteRequest::new(
        "sip:bob@example.org",
        "\"Alice\" <sip:alice@example.org>",
        pair.alice.peer(),
    )
    .sdp(OFFER)
    .header("X-Call", "c 1");
    let now = pair.now();
    let caller = pair.alice.ua.invite(request, now).unwrap();
    pair.advance(Duration::from_millis(100));
    let Some(Event::IncomingInvite { handle, request, sdp, .. }) = pair.bob.event() else {
        panic!("no call came");
    };
    assert_eq!(sdp.as_deref(), Some(OFFER.as_bytes()));
    assert_eq!(request.header_named("x-call"), Some("c 1"));
    let now = pair.now();
    pair.bob.ua.ring(handle, StatusCode::RINGING, None, &[], now).unwrap();
    pair.advance(Duration::from_millis(100));
    let ringing = pair.alice.event();
    assert!(
        matches!(ringing, Some(Event::Progress { sdp: None, answer_due: false, .. })),
        "{ringing:?}"
    );
    let now = pair.now();
    pair.bob.ua.accept(handle, Some(ANSWER.into()), &[("X-Note", "hi")], now).unwrap();
    pair.advance(Duration::from_millis(100));
    (caller, handle)
}

#[test]
fn both_sides_are_told_and_the_caller_hangs_up() {
    let mut pair = Pair::seeded(3).delay(Duration::from_millis(10));
    let (caller, callee) = answered(&mut pair);
    let Some(Event::Accepted { handle, sdp, answer_due: false, response }) = pair.alice.event()
    else {
        panic!("not accepted");
    };
    assert_eq!((handle, sdp.as_deref()), (caller, Some(ANSWER.as_bytes())));
    assert_eq!(response.header_named("X-Note"), Some("hi"));
    let acked = pair.bob.event();
    assert!(matches!(acked, Some(Event::Acked { sdp: None, .. })), "{acked:?}");

    let now = pair.now();
    pair.alice.ua.hang_up(caller, Some("Q.850;cause=16"), now).unwrap();
    let ended = pair.alice.event();
    assert!(matches!(ended, Some(Event::Ended { why: EndReason::Local, .. })), "{ended:?}");
    pair.advance(Duration::from_millis(100));
    let Some(Event::Bye { handle, reason, q850, .. }) = pair.bob.event() else {
        panic!("no BYE came");
    };
    assert_eq!((handle, q850), (callee, Some(16)));
    assert_eq!(reason.as_deref(), Some("Q.850;cause=16"));
    pair.advance(Duration::from_secs(40));
    assert!(pair.alice.event().is_none() && pair.bob.event().is_none());
    for phone in [&pair.alice, &pair.bob] {
        assert_eq!((phone.ua.leg_count(), phone.ua.transaction_count()), (0, 0));
        assert_eq!(phone.ua.poll_timeout(), None);
    }
}

#[test]
fn callee_hangs_up_and_crossing_byes_do_no_harm() {
    let mut pair = Pair::seeded(4).delay(Duration::from_millis(10));
    let (caller, callee) = answered(&mut pair);
    let now = pair.now();
    pair.bob.ua.hang_up(callee, None, now).unwrap();
    pair.alice.ua.hang_up(caller, None, now).unwrap();
    pair.advance(Duration::from_secs(40));
    let last = |phone: &mut Phone| phone.events().pop();
    assert!(matches!(last(&mut pair.alice), Some(Event::Ended { why: EndReason::Local, .. })));
    assert!(matches!(last(&mut pair.bob), Some(Event::Ended { why: EndReason::Local, .. })));
    assert_eq!(pair.alice.ua.transaction_count() + pair.bob.ua.transaction_count(), 0);
}

#[test]
fn same_seed_gives_the_same_bytes() {
    let transcript = || {
        let mut peer = ScriptedPeer::new(Phone::seeded("alice", 9));
        let request =
            InviteRequest::new("sip:b@example.org", "sip:a@example.org", peer.engine.peer());
        let now = peer.now();
        peer.engine.ua.invite(request.sdp(OFFER), now).unwrap();
        let invite = peer.expect("INVITE");
        peer.reply(&invite, "200 OK", "t1", "Contact: <sip:b@pc>");
        peer.expect("ACK");
        peer.conversation()
    };
    assert_eq!(transcript(), transcript());
}

#[test]
fn requests_of_the_dialog_follow_record_route_and_contact() {
    let mut peer = ScriptedPeer::new(Phone::seeded("phone", 1));
    let routes =
        "Record-Route: <sip:edge2;lr>, <sip:edge1;lr>\nContent-Type: application/sdp\n\nv=0";
    peer.say(&new_request("INVITE", "c1", 1, routes));
    peer.expect("SIP/2.0 100");
    let (leg, now) = (peer.engine.incoming().unwrap(), peer.now());
    peer.engine.ua.accept(leg, Some(ANSWER.into()), &[], now).unwrap();
    let ok = peer.expect("SIP/2.0 200");
    assert_eq!(ok.record_routes().count(), 2);
    assert_eq!(ok.contact().unwrap().uri_text(), "sip:phone@phone.example.org");
    assert!(ok.has_token(HeaderName::Supported, "timer"));
    peer.say(&request_within(&ok, "ACK", 1, "", ""));
    let now = peer.now();
    peer.engine.ua.hang_up(leg, None, now).unwrap();
    let bye = peer.expect("BYE sip:peer@peer.example.org");
    let routes: Vec<_> = bye.routes().map(|route| route.unwrap().uri_text().to_owned()).collect();
    assert_eq!(routes, ["sip:edge2;lr", "sip:edge1;lr"]);
    assert_eq!((bye.from_tag(), bye.to_tag()), (ok.to_tag(), Some("peer")));
}

#[test]
fn bye_waits_for_the_ack_of_the_answer() {
    let mut peer = ScriptedPeer::new(Phone::seeded("phone", 1));
    peer.say(&new_request("INVITE", "c1", 1, "Content-Type: application/sdp\n\nv=0"));
    peer.expect("SIP/2.0 100");
    let (leg, now) = (peer.engine.incoming().unwrap(), peer.now());
    peer.engine.ua.accept(leg, Some(ANSWER.into()), &[], now).unwrap();
    let ok = peer.expect("SIP/2.0 200");
    peer.engine.ua.hang_up(leg, None, now).unwrap();
    peer.expect_nothing();
    peer.say(&request_within(&ok, "ACK", 1, "", ""));
    peer.expect("BYE");
}

#[test]
fn answer_without_ack_is_repeated_and_then_ends_the_call() {
    let mut peer = ScriptedPeer::new(Phone::seeded("phone", 1));
    peer.say(&new_request("INVITE", "c1", 1, "Content-Type: application/sdp\n\nv=0"));
    peer.expect("SIP/2.0 100");
    let (leg, now) = (peer.engine.incoming().unwrap(), peer.now());
    peer.engine.ua.accept(leg, Some(ANSWER.into()), &[], now).unwrap();
    peer.advance(Duration::from_millis(31_999));
    let answers = peer.received();
    assert_eq!(answers.len(), 11);
    assert!(answers.iter().all(|answer| answer.status() == Some(StatusCode::OK)));
    assert!(peer.engine.event().is_none());
    peer.advance(Duration::from_millis(1));
    peer.expect("BYE");
    let ended = peer.engine.event();
    assert!(matches!(ended, Some(Event::Ended { why: EndReason::NoAck, .. })), "{ended:?}");
}
