//! What goes wrong with calls, and what is left of them.

mod desk;

use bytes::Bytes;
use desk::{Desk, SDP, invite, within};
use offhook_model::{HangupCause, MediaRefusal, Party};
use offhook_testkit::Engine;
use std::time::{Duration, Instant};

#[test]
fn an_ack_that_owes_us_an_answer_ends_the_call_and_leaves_a_record() {
    let mut peer = Desk::peer();
    peer.say(&invite("9196", None, None));
    peer.expect("SIP/2.0 100");
    let ok = peer.expect("SIP/2.0 200");
    peer.say(&within("ACK", 1, &ok, ""));
    let bye = peer.expect("BYE");
    peer.reply(&bye, "200 OK", "caller", "");
    assert_eq!(peer.engine.switch.call_count(), 0);
    let [record] = &peer.engine.records[..] else { panic!("one record") };
    assert_eq!((record.cause, record.hung_up_by), (HangupCause::PROTOCOL_ERROR, Party::Caller));
}

/// A process that was suspended wakes up with all its timers due.
#[test]
fn many_calls_may_end_at_the_same_instant() {
    let mut desk = Desk::new();
    let now = Instant::now();
    let calls = 2_000;
    for number in 0..calls {
        let text = invite("9196", None, Some(SDP))
            .replace("call-1", &format!("call-{number}"))
            .replace("z9hG4bKinv", &format!("z9hG4bKinv{number}x"))
            .replace('\n', "\r\n");
        let (head, body) = text.split_once("\r\n\r\n").expect("it has a body");
        let length = body.len();
        let text = format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}");
        desk.handle_datagram(Bytes::from(text), now);
        while desk.poll_transmit().is_some() {}
    }
    assert_eq!(desk.switch.call_count(), calls);
    desk.handle_timeout(now + Duration::from_secs(40));
    assert_eq!(desk.switch.call_count(), 0);
    assert_eq!(desk.records.len(), calls);
    assert!(desk.records.iter().all(|record| record.hung_up_by == Party::System));
}

/// The caller's call to 1001, whose device answers with this status line.
fn called(status: &str, more: &str) -> (String, HangupCause, Party) {
    let mut peer = Desk::peer();
    peer.say(&invite("1001", Some("1002"), Some(SDP)));
    peer.expect("SIP/2.0 100");
    let out = peer.expect("INVITE sip:1001@127.0.0.3:5070");
    peer.reply(&out, status, "callee", more);
    peer.expect("ACK");
    let told = peer.expect("SIP/2.0").to_string();
    let record = peer.engine.records.last().expect("a record");
    (told.lines().next().unwrap_or_default().to_owned(), record.cause, record.hung_up_by)
}

#[test]
fn what_a_device_says_of_itself_is_not_said_of_this_server() {
    let moved = called("302 Moved Temporarily", "Contact: <sip:1003@127.0.0.3>\n");
    let out_of_order = HangupCause::DESTINATION_OUT_OF_ORDER;
    let unavailable = "SIP/2.0 480 Temporarily Unavailable".to_owned();
    assert_eq!(moved, (unavailable.clone(), out_of_order, Party::Callee));
    let (told, cause, _) = called("407 Proxy Authentication Required", "");
    assert_eq!((told, cause), (unavailable, out_of_order));
    let (told, ..) = called("503 Service Unavailable", "Retry-After: 120\n");
    assert_eq!(told, "SIP/2.0 500 Server Internal Error");
    let (told, cause, by) = called("486 Busy Here", "");
    assert_eq!(told, "SIP/2.0 486 Busy Here");
    assert_eq!((cause, by), (HangupCause::USER_BUSY, Party::Callee));
}

#[test]
fn a_phone_that_rings_in_vain_has_not_hung_up() {
    let mut peer = Desk::peer();
    peer.say(&invite("1001", Some("1002"), Some(SDP)));
    peer.expect("SIP/2.0 100");
    peer.expect("INVITE sip:1001@127.0.0.3:5070");
    peer.advance(Duration::from_secs(60));
    let [record] = &peer.engine.records[..] else { panic!("one record") };
    assert_eq!((record.cause, record.hung_up_by), (HangupCause::NO_ANSWER, Party::System));
}

#[test]
fn the_clock_is_set_while_nobody_talks() {
    let mut peer = Desk::peer();
    let start = Instant::now();
    peer.engine.switch.set_clock(50_000_000, start);
    peer.say(&invite("9196", None, Some(SDP)));
    peer.expect("SIP/2.0 100");
    let ok = peer.expect("SIP/2.0 200");
    peer.say(&within("ACK", 1, &ok, ""));
    // It is stepped by an hour in a call; the call's length does not follow.
    peer.engine.switch.set_clock(53_600_000, start);
    peer.say(&within("BYE", 2, &ok, ""));
    peer.expect("SIP/2.0 200");
    let [record] = &peer.engine.records[..] else { panic!("one record") };
    assert!((50_000_000..50_060_000).contains(&record.started_at_ms));
    assert!(record.talk_ms < 60_000, "{}", record.talk_ms);
}

#[test]
fn a_caller_for_whom_there_is_no_capacity_is_told_when_to_try_again() {
    let mut peer = Desk::peer();
    peer.engine.refuse_answer = Some(MediaRefusal::Overloaded);
    peer.say(&invite("1001", Some("1002"), Some(SDP)));
    peer.expect("SIP/2.0 100");
    let out = peer.expect("INVITE sip:1001@127.0.0.3:5070");
    let contact = "Contact: <sip:1001@127.0.0.3:5070>\nContent-Type: application/sdp\n\n";
    peer.reply(&out, "200 OK", "callee", &format!("{contact}{SDP}\n"));
    peer.expect("ACK");
    let bye = peer.expect("BYE");
    peer.reply(&bye, "200 OK", "callee", "");
    let told = peer.expect("SIP/2.0 503").to_string();
    assert!(told.contains("Retry-After: 10\r\n"), "{told}");
    let record = peer.engine.records.last().expect("a record");
    let expected = (HangupCause::SWITCH_CONGESTION, Some(503), Party::System);
    assert_eq!((record.cause, record.sip_status, record.hung_up_by), expected);
}
