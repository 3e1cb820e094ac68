//! Giving up a call before it is answered (RFC 3261 section 9).

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

use std::time::Duration;

use offhook_sip::transaction::Transport;
use offhook_sip::user_agent::{CommandError, EndReason, Event, InviteRequest, LegHandle};
use offhook_sip::{HeaderName, StatusCode};
use offhook_testkit::{Phone, ScriptedPeer, new_request};

const SDP: &str = "v=0\r\n";

fn calling() -> (ScriptedPeer<Phone>, LegHandle) {
    let mut peer = ScriptedPeer::new(Phone::seeded("alice", 1));
    let request =
        InviteRequest::new("sip:bob@example.org", "sip:alice@example.org", Transport::Udp);
    let now = peer.now();
    let leg = peer.engine.ua.invite(request.sdp(SDP), now).unwrap();
    (peer, leg)
}

fn assert_ended_locally(peer: &mut ScriptedPeer<Phone>) {
    let event = peer.engine.events().pop();
    assert!(matches!(event, Some(Event::Ended { why: EndReason::Local, .. })), "{event:?}");
}

#[test]
fn cancel_waits_for_a_provisional_response() {
    let (mut peer, leg) = calling();
    let invite = peer.expect("INVITE");
    let now = peer.now();
    peer.engine.ua.hang_up(leg, Some("Q.850;cause=16"), now).unwrap();
    assert_ended_locally(&mut peer);
    peer.expect_nothing();
    peer.reply(&invite, "100 Trying", "", "");
    let cancel = peer.expect("CANCEL sip:bob@example.org");
    assert_eq!(cancel.via_top().unwrap().as_str(), invite.via_top().unwrap().as_str());
    assert_eq!(cancel.header(HeaderName::Reason), Some("Q.850;cause=16"));
    assert_eq!(cancel.cseq().unwrap().sequence, invite.cseq().unwrap().sequence);
    peer.reply(&cancel, "200 OK", "t1", "");
    peer.reply(&invite, "487 Request Terminated", "t1", "");
    let ack = peer.expect("ACK");
    assert_eq!(ack.via_top().unwrap().branch(), invite.via_top().unwrap().branch());
    assert_eq!(ack.to_tag(), Some("t1"));
    assert!(peer.engine.event().is_none());
    assert_eq!(peer.engine.ua.hang_up(leg, None, now), Err(CommandError::LegEnded));
    peer.advance(Duration::from_secs(40));
    assert_eq!(peer.engine.ua.transaction_count(), 0);
}

#[test]
fn answer_that_crosses_the_cancel_is_acked_and_ended() {
    let (mut peer, leg) = calling();
    let invite = peer.expect("INVITE");
    peer.reply(&invite, "180 Ringing", "t1", "Contact: <sip:bob@pc>");
    let now = peer.now();
    peer.engine.ua.hang_up(leg, None, now).unwrap();
    peer.expect("CANCEL");
    let answer = "Contact: <sip:bob@pc>\nContent-Type: application/sdp\n\nv=0";
    peer.reply(&invite, "200 OK", "t1", answer);
    peer.expect("ACK sip:bob@pc");
    let bye = peer.expect("BYE sip:bob@pc");
    assert_eq!(bye.to_tag(), Some("t1"));
    peer.reply(&invite, "200 OK", "t1", answer);
    peer.expect("ACK sip:bob@pc");
    peer.expect_nothing();
    assert_ended_locally(&mut peer);
}

#[test]
fn cancelled_call_without_final_response_is_given_up() {
    let (mut peer, leg) = calling();
    let invite = peer.expect("INVITE");
    peer.reply(&invite, "180 Ringing", "t1", "Contact: <sip:bob@pc>");
    let now = peer.now();
    peer.engine.ua.hang_up(leg, None, now).unwrap();
    peer.advance(Duration::from_secs(70));
    assert_eq!(peer.engine.ua.transaction_count(), 0);
    assert_eq!(peer.engine.ua.poll_timeout(), None);
}

#[test]
fn caller_that_gives_up_gets_200_and_487() {
    let mut peer = ScriptedPeer::new(Phone::seeded("phone", 1));
    peer.say(&new_request("INVITE", "c1", 1, "Content-Type: application/sdp\n\nv=0"));
    peer.expect("SIP/2.0 100");
    let leg = peer.engine.incoming().unwrap();
    let cancel = new_request("CANCEL", "c1", 1, "Reason: SIP;cause=200;text=\"elsewhere\"");
    let cancel = cancel.replace("-1-CANCEL", "-1-INVITE");
    peer.say(&cancel);
    let terminated = peer.received();
    let statuses: Vec<_> = terminated.iter().filter_map(|message| message.status()).collect();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::REQUEST_TERMINATED]);
    let Some(Event::Cancelled { handle, reason, .. }) = peer.engine.event() else {
        panic!("not cancelled");
    };
    assert_eq!(handle, leg);
    assert_eq!(reason.as_deref(), Some("SIP;cause=200;text=\"elsewhere\""));
    peer.say(&cancel);
    peer.expect("SIP/2.0 200");
    assert_eq!(peer.engine.ua.leg_count(), 0);
}

#[test]
fn cancel_of_an_answered_call_changes_nothing() {
    let mut peer = ScriptedPeer::new(Phone::seeded("phone", 1));
    peer.say(&new_request("INVITE", "c1", 1, "Content-Type: application/sdp\n\nv=0"));
    peer.expect("SIP/2.0 100");
    let (leg, now) = (peer.engine.incoming().unwrap(), peer.now());
    peer.engine.ua.accept(leg, Some(SDP.into()), &[], now).unwrap();
    peer.expect("SIP/2.0 200");
    peer.say(&new_request("CANCEL", "c1", 1, "").replace("-1-CANCEL", "-1-INVITE"));
    let ok = peer.expect("SIP/2.0 200");
    assert_eq!(ok.cseq().unwrap().to_string(), "1 CANCEL");
    peer.expect_nothing();
    assert!(peer.engine.event().is_none());
    assert_eq!(peer.engine.ua.leg_count(), 1);
}

#[test]
fn cancel_that_matches_nothing_gets_481() {
    let mut peer = ScriptedPeer::new(Phone::seeded("phone", 1));
    peer.say(&new_request("CANCEL", "c9", 1, ""));
    peer.expect("SIP/2.0 481");
}
