//! One INVITE that several user agents answer (RFC 3261 13.2.2.4).

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

use std::time::Duration;

use offhook_sip::transaction::{TIMER_M, Transport};
use offhook_sip::user_agent::{Event, FORK_COUNT_MAX, InviteRequest, LegHandle};
use offhook_sip::{Message, StatusCode};
use offhook_testkit::{Phone, ScriptedPeer};

fn calling() -> (ScriptedPeer<Phone>, LegHandle, Message) {
    let mut peer = ScriptedPeer::new(Phone::seeded("alice", 1));
    let request =
        InviteRequest::new("sip:bob@example.org", "sip:alice@example.org", Transport::Udp);
    let now = peer.now();
    let leg = peer.engine.ua.invite(request.sdp("v=0\r\n"), now).unwrap();
    let invite = peer.expect("INVITE");
    (peer, leg, invite)
}

fn answer(fork: &str) -> String {
    format!("Contact: <sip:{fork}@pc>\nContent-Type: application/sdp\n\nv=0\no={fork}")
}

#[test]
fn first_answer_wins_and_later_ones_are_ended() {
    let (mut peer, leg, invite) = calling();
    peer.reply(&invite, "180 Ringing", "desk", "Contact: <sip:desk@pc>");
    peer.reply(&invite, "183 Session Progress", "mobile", &answer("mobile"));
    peer.reply(&invite, "200 OK", "desk", &answer("desk"));
    let ack = peer.expect("ACK sip:desk@pc");
    assert_eq!(ack.to_tag(), Some("desk"));
    peer.reply(&invite, "200 OK", "mobile", &answer("mobile"));
    let ack = peer.expect("ACK sip:mobile@pc");
    assert_eq!((ack.to_tag(), ack.cseq().unwrap().sequence), (Some("mobile"), 1));
    let bye = peer.expect("BYE sip:mobile@pc");
    assert_eq!(bye.to_tag(), Some("mobile"));
    peer.reply(&bye, "200 OK", "", "");
    peer.expect_nothing();

    let events = peer.engine.events();
    let [
        Event::Progress { .. },
        Event::Progress { sdp: Some(early), .. },
        Event::Accepted { handle, sdp, .. },
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!(early.as_ref(), b"v=0\r\no=mobile\r\n");
    assert_eq!((*handle, sdp.as_deref()), (leg, Some(b"v=0\r\no=desk\r\n".as_slice())));
    let dialog = peer.engine.ua.dialog(leg).unwrap();
    assert_eq!(dialog.id().remote_tag, "desk");
}

#[test]
fn repeated_answers_are_acked_again_with_the_same_ack() {
    let (mut peer, _, invite) = calling();
    peer.reply(&invite, "200 OK", "desk", &answer("desk"));
    let ack = peer.expect("ACK");
    peer.reply(&invite, "200 OK", "desk", &answer("desk"));
    assert_eq!(peer.expect("ACK"), ack);
    peer.reply(&invite, "200 OK", "late", &answer("late"));
    peer.expect("ACK sip:late@pc");
    peer.expect("BYE sip:late@pc");
    peer.reply(&invite, "200 OK", "late", &answer("late"));
    peer.expect("ACK sip:late@pc");
    peer.expect_nothing();
}

#[test]
fn answers_after_timer_m_are_ignored() {
    let (mut peer, _, invite) = calling();
    peer.reply(&invite, "200 OK", "desk", &answer("desk"));
    peer.expect("ACK");
    peer.advance(TIMER_M);
    peer.reply(&invite, "200 OK", "late", &answer("late"));
    peer.expect_nothing();
    assert_eq!(peer.engine.ua.counters().unmatched_responses, 1);
}

#[test]
fn answer_of_a_leg_that_has_hung_up_is_still_acked() {
    let (mut peer, leg, invite) = calling();
    peer.reply(&invite, "200 OK", "desk", &answer("desk"));
    peer.expect("ACK");
    let now = peer.now();
    peer.engine.ua.hang_up(leg, None, now).unwrap();
    let bye = peer.expect("BYE");
    peer.reply(&bye, "200 OK", "", "");
    peer.advance(Duration::from_secs(1));
    peer.reply(&invite, "200 OK", "desk", &answer("desk"));
    peer.expect("ACK");
    peer.expect_nothing();
}

#[test]
fn a_flood_of_forks_is_reported_but_not_remembered() {
    let (mut peer, leg, invite) = calling();
    for number in 0..FORK_COUNT_MAX + 5 {
        peer.reply(&invite, "180 Ringing", &format!("t{number}"), "Contact: <sip:b@pc>");
    }
    assert_eq!(peer.engine.events().len(), FORK_COUNT_MAX + 5);
    let last = format!("t{}", FORK_COUNT_MAX - 1);
    assert_eq!(peer.engine.ua.dialog(leg).unwrap().id().remote_tag, last);
    peer.reply(&invite, "200 OK", "t20", &answer("t20"));
    peer.expect("ACK sip:t20@pc");
    let accepted = peer.engine.event();
    assert!(matches!(accepted, Some(Event::Accepted { .. })), "{accepted:?}");
}

#[test]
fn refusal_ends_the_call_with_its_reason_and_cause() {
    let (mut peer, leg, invite) = calling();
    peer.reply(&invite, "180 Ringing", "desk", "Contact: <sip:desk@pc>");
    peer.reply(&invite, "486 Gone fishing", "desk", "Reason: Q.850;cause=17");
    peer.expect("ACK");
    let Some(Event::Rejected { handle, code, reason, q850, response: Some(_) }) =
        peer.engine.events().pop()
    else {
        panic!("not rejected");
    };
    assert_eq!((handle, code), (leg, StatusCode::BUSY_HERE));
    assert_eq!((reason.as_str(), q850), ("Gone fishing", Some(17)));
    assert_eq!(peer.engine.ua.leg_count(), 0);
}
