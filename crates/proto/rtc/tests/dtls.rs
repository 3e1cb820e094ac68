//! DTLS-SRTP between both implementations, and what goes wrong with it.

mod pair;

use offhook_rtc::{DtlsError, DtlsStack, Incoming, Output, Security};
use offhook_sdp::DtlsRole;
use pair::{Pair, rtp};
use std::time::Duration;

const STACKS: [DtlsStack; 2] = [DtlsStack::Dimpl, DtlsStack::Openssl];

#[test]
fn media_flows_between_every_pair_of_implementations() {
    for client in STACKS {
        for server in STACKS {
            let mut pair = Pair::new(false);
            pair.agree_dtls(client, server, false);
            pair.advance(Duration::from_secs(2));
            assert!(pair.a.is_connected(), "{client:?} to {server:?}: {:?}", pair.a.outputs);
            assert!(pair.b.is_connected(), "{client:?} to {server:?}: {:?}", pair.b.outputs);
            let incoming = pair.send_rtp(7, b"the payload");
            assert!(matches!(incoming, Incoming::Rtp { .. }), "{incoming:?}");
            assert_eq!(pair.b.received, [rtp(7, b"the payload")]);
        }
    }
}

#[test]
fn a_lost_flight_is_repeated() {
    for lost in 0..6 {
        let mut pair = Pair::new(false);
        pair.lost = vec![lost];
        pair.agree_dtls(DtlsStack::Dimpl, DtlsStack::Dimpl, false);
        pair.advance(Duration::from_secs(10));
        assert!(pair.a.is_connected() && pair.b.is_connected(), "datagram {lost} lost");
    }
}

#[test]
fn a_certificate_that_was_not_promised_ends_the_handshake() {
    for client in STACKS {
        for server in STACKS {
            let mut pair = Pair::new(false);
            let forged = |role, stack| Security::Dtls {
                role,
                stack,
                fingerprints: vec![pair.a.fingerprint()],
            };
            let of_b = pair.b.remote(forged(DtlsRole::Client, client), None);
            let of_a = pair.a.remote(forged(DtlsRole::Server, server), None);
            pair.agree(&of_b, &of_a);
            pair.advance(Duration::from_secs(2));
            let mismatch = Output::DtlsFailed(DtlsError::FingerprintMismatch);
            assert!(pair.a.outputs.contains(&mismatch), "{client:?}: {:?}", pair.a.outputs);
            assert!(!pair.a.is_connected());
        }
    }
}

#[test]
fn a_handshake_that_nobody_answers_times_out() {
    for stack in STACKS {
        let mut pair = Pair::new(false);
        pair.lost = (0..1_000).collect();
        pair.agree_dtls(stack, DtlsStack::Dimpl, false);
        pair.advance(Duration::from_secs(60));
        let timed_out = Output::DtlsFailed(DtlsError::TimedOut);
        assert!(pair.a.outputs.contains(&timed_out), "{stack:?}: {:?}", pair.a.outputs);
    }
}

#[test]
fn garbage_during_the_handshake_does_no_harm() {
    for (server, ice) in [(STACKS[0], false), (STACKS[0], true), (STACKS[1], false)] {
        let mut pair = Pair::new(ice);
        pair.agree_dtls(DtlsStack::Dimpl, server, ice);
        for first in 0..=255_u8 {
            for length in [1, 13, 40, 1_200] {
                let source = pair.a.address;
                pair.deliver_rtp(source, vec![first; length]);
            }
        }
        pair.advance(Duration::from_secs(5));
        assert!(
            pair.a.is_connected() && pair.b.is_connected(),
            "{server:?} ice {ice}: {:?} {:?}",
            pair.a.outputs,
            pair.b.outputs
        );
    }
}
