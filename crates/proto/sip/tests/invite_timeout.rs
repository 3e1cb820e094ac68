//! A call that nobody answers ends by itself (RFC 3261 17.1.1.2).

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

use std::time::Duration;

use offhook_sip::StatusCode;
use offhook_sip::transaction::{TIMER_B, Transport};
use offhook_sip::user_agent::{Event, InviteRequest};
use offhook_testkit::{Pair, Phone, ScriptedPeer};

fn call(phone: &Phone) -> InviteRequest<Transport> {
    InviteRequest::new("sip:bob@example.org", "sip:alice@example.org", phone.peer()).sdp("v=0\r\n")
}

#[test]
fn unanswered_invite_ends_with_408_after_timer_b() {
    let mut pair = Pair::seeded(7).loss(1.0);
    let (now, request) = (pair.now(), call(&pair.alice));
    let leg = pair.alice.ua.invite(request, now).unwrap();
    pair.advance(TIMER_B - Duration::from_millis(1));
    assert!(pair.alice.event().is_none());
    pair.advance(Duration::from_millis(1));
    let Some(Event::Rejected { handle, code, response, .. }) = pair.alice.event() else {
        panic!("the call has not ended");
    };
    assert_eq!((handle, code), (leg, StatusCode::REQUEST_TIMEOUT));
    assert!(response.is_none());
    assert!(pair.alice.event().is_none());
    assert_eq!(pair.datagram_counts(), (7, 7));
    assert_eq!(pair.alice.ua.leg_count(), 0);
    assert_eq!(pair.alice.ua.transaction_count(), 0);
    assert_eq!(pair.alice.ua.poll_timeout(), None);
}

#[test]
fn ringing_stops_the_timeout() {
    let mut peer = ScriptedPeer::new(Phone::seeded("alice", 1));
    let (now, request) = (peer.now(), call(&peer.engine));
    peer.engine.ua.invite(request, now).unwrap();
    let invite = peer.expect("INVITE");
    peer.reply(&invite, "180 Ringing", "t1", "Contact: <sip:bob@b>");
    peer.advance(Duration::from_secs(600));
    peer.expect_nothing();
    let events = peer.engine.events();
    assert!(
        matches!(events[..], [Event::Progress { code: StatusCode::RINGING, .. }]),
        "{events:?}"
    );
}

#[test]
fn transport_error_ends_the_call_with_503() {
    let mut phone = Phone::seeded("alice", 1);
    let now = std::time::Instant::now();
    let request = call(&phone);
    phone.ua.invite(request, now).unwrap();
    let Some(offhook_sip::user_agent::Output::Transmit(transmit)) = phone.ua.poll_output() else {
        panic!("no INVITE");
    };
    phone.ua.handle_transport_error(transmit.transaction.unwrap(), now);
    let Some(Event::Rejected { code, .. }) = phone.event() else {
        panic!("the call has not ended");
    };
    assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
}
