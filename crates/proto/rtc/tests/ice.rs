//! ICE between a lite and a full agent, and its failures.

mod pair;

use offhook_rtc::{DtlsStack, ICE_TIMEOUT, IceCredentials, Incoming, Output, Refusal, Security};
use pair::Pair;
use std::time::Duration;

/// `a` is made a full agent by a remote that says it is lite; `b` stays lite.
fn full_to_lite() -> Pair {
    let mut pair = Pair::new(true);
    let of_b = pair.b.remote(Security::Plain, Some(true));
    let of_a = pair.a.remote(Security::Plain, Some(false));
    pair.agree(&of_b, &of_a);
    pair
}

#[test]
fn a_full_agent_finds_the_lite_one() {
    let mut pair = full_to_lite();
    assert!(!pair.a.is_connected());
    pair.advance(Duration::from_secs(2));
    assert!(pair.a.is_connected() && pair.b.is_connected());
    assert!(matches!(pair.send_rtp(1, b"x"), Incoming::Rtp { .. }));
}

#[test]
fn ice_and_dtls_connect_in_one_go() {
    let mut pair = Pair::new(true);
    let stack = DtlsStack::Dimpl;
    pair.agree_dtls(stack, stack, true);
    pair.advance(Duration::from_secs(3));
    assert!(pair.a.is_connected() && pair.b.is_connected());
    assert!(matches!(pair.send_rtp(1, b"x"), Incoming::Rtp { .. }));
}

#[test]
fn media_from_an_address_that_was_not_checked_is_refused() {
    let mut pair = full_to_lite();
    pair.advance(Duration::from_secs(2));
    let stranger = "198.51.100.9:9".parse().expect("an address");
    let incoming = pair.deliver_rtp(stranger, pair::rtp(1, b"x"));
    assert_eq!(incoming, Incoming::Refused(Refusal::Source));
}

#[test]
fn checks_that_nobody_answers_fail_in_time() {
    let mut pair = full_to_lite();
    pair.lost = (0..10_000).collect();
    pair.advance(ICE_TIMEOUT + Duration::from_secs(1));
    assert_eq!(pair.a.outputs, [Output::IceFailed]);
    assert_eq!(pair.b.outputs, [Output::IceFailed]);
}

#[test]
fn a_party_that_falls_silent_is_noticed() {
    let mut pair = full_to_lite();
    pair.advance(Duration::from_secs(2));
    pair.lost = (0..100_000).collect();
    pair.advance(Duration::from_secs(60));
    assert_eq!(pair.b.outputs, [Output::Connected, Output::IceFailed]);
}

#[test]
fn a_restart_with_new_credentials_connects_again() {
    let mut pair = full_to_lite();
    pair.advance(Duration::from_secs(2));
    pair.a.credentials = IceCredentials::from_random(&[77; 32]);
    pair.b.credentials = IceCredentials::from_random(&[78; 32]);
    let of_a = pair.a.remote(Security::Plain, Some(false));
    let of_b = pair.b.remote(Security::Plain, Some(true));
    assert!(pair.b.peer.is_ice_restart(of_a.ice.as_ref().expect("ICE")));
    pair.a.peer.restart_ice(pair.a.credentials.clone());
    pair.b.peer.restart_ice(pair.b.credentials.clone());
    pair.agree(&of_b, &of_a);
    pair.advance(Duration::from_secs(40));
    let failed = |outputs: &[Output]| outputs.contains(&Output::IceFailed);
    assert!(!failed(&pair.a.outputs) && !failed(&pair.b.outputs));
    assert!(matches!(pair.send_rtp(1, b"x"), Incoming::Rtp { .. }));
}

#[test]
fn the_same_description_again_costs_no_path_that_was_found() {
    let mut pair = full_to_lite();
    pair.advance(Duration::from_secs(2));
    let of_a = pair.a.remote(Security::Plain, Some(false));
    let of_b = pair.b.remote(Security::Plain, Some(true));
    // As a hold does, and its end.
    pair.agree(&of_b, &of_a);
    pair.advance(ICE_TIMEOUT + Duration::from_secs(10));
    assert_eq!(pair.a.outputs, [Output::Connected]);
    assert_eq!(pair.b.outputs, [Output::Connected]);
    assert!(matches!(pair.send_rtp(1, b"x"), Incoming::Rtp { .. }));
}
