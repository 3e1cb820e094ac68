//! Tables are bounded: what is too much is refused and counted, and calls in progress go on.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

use std::time::{Duration, Instant};

use offhook_sip::transaction::Transport;
use offhook_sip::user_agent::{CommandError, Event, InviteRequest};
use offhook_testkit::{Phone, ScriptedPeer, new_request, request_within};

const SDP: &str = "Content-Type: application/sdp\n\nv=0";

fn phone(leg_count_max: usize, transaction_count_max: usize) -> ScriptedPeer<Phone> {
    let mut config = Phone::config("phone");
    config.leg_count_max = leg_count_max;
    config.transaction_count_max = transaction_count_max;
    ScriptedPeer::new(Phone::configured(config, Transport::Udp, 1))
}

fn call() -> InviteRequest<Transport> {
    InviteRequest::new("sip:bob@example.org", "sip:alice@example.org", Transport::Udp)
}

#[test]
fn call_beyond_the_leg_limit_gets_503() {
    let mut peer = phone(2, 100);
    for number in 0..2 {
        peer.say(&new_request("INVITE", &format!("c{number}"), 1, SDP));
        peer.expect("SIP/2.0 100");
    }
    peer.say(&new_request("INVITE", "c2", 1, SDP));
    peer.expect("SIP/2.0 100");
    peer.expect("SIP/2.0 503");
    assert_eq!(peer.engine.events().len(), 2);
    let now = peer.now();
    assert_eq!(peer.engine.ua.invite(call(), now), Err(CommandError::Full));
}

#[test]
fn full_transaction_table_refuses_new_requests_and_still_ends_calls() {
    let mut peer = phone(100, 8);
    peer.say(&new_request("INVITE", "c1", 1, SDP));
    peer.expect("SIP/2.0 100");
    let (leg, now) = (peer.engine.incoming().unwrap(), peer.now());
    peer.engine.ua.accept(leg, Some("v=0\r\n".into()), &[], now).unwrap();
    let ok = peer.expect("SIP/2.0 200");
    peer.say(&request_within(&ok, "ACK", 1, "", ""));
    for number in 0..7 {
        peer.say(&new_request("OPTIONS", &format!("o{number}"), 1, ""));
    }
    peer.expect_nothing();
    peer.say(&new_request("OPTIONS", "o7", 1, ""));
    peer.expect("SIP/2.0 503");
    assert_eq!(peer.engine.ua.counters().refused_full, 1);
    assert_eq!(peer.engine.ua.invite(call(), now), Err(CommandError::Full));

    peer.say(&request_within(&ok, "INFO", 2, "", ""));
    peer.say(&request_within(&ok, "BYE", 3, "", ""));
    peer.expect("SIP/2.0 200");
    assert!(matches!(peer.engine.events().pop(), Some(Event::Bye { .. })));
    peer.say(
        &new_request("BYE", "c9", 1, "").replace("phone@example.org>", "phone@example.org>;tag=x"),
    );
    peer.expect("SIP/2.0 503");

    peer.advance(Duration::from_secs(33));
    assert_eq!(peer.engine.ua.transaction_count(), 0);
    peer.say(&new_request("OPTIONS", "o8", 1, ""));
    assert!(matches!(peer.engine.events().pop(), Some(Event::OutOfDialog { .. })));
}

#[test]
fn thousands_of_transactions_are_cheap() {
    const COUNT: usize = 10_000;
    let mut phone = Phone::seeded("phone", 1);
    let start = Instant::now();
    for _ in 0..COUNT {
        phone.ua.invite(call(), start).unwrap();
    }
    phone.events();
    assert_eq!(phone.ua.leg_count(), COUNT);
    let mut steps = 0;
    while let Some((due, _)) = phone.ua.poll_timeout() {
        phone.ua.handle_timeout(due);
        steps += 1;
    }
    // All run in step: one time for each retransmission and one for the end.
    assert_eq!(steps, 7);
    let rejected =
        phone.events().iter().filter(|event| matches!(event, Event::Rejected { .. })).count();
    assert_eq!(rejected, COUNT);
    assert_eq!((phone.ua.leg_count(), phone.ua.transaction_count()), (0, 0));
}
