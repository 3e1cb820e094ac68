//! Offers that cross (RFC 3261 14.1 and 14.2).

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

use std::time::Duration;

use offhook_sip::transaction::Transport;
use offhook_sip::user_agent::{
    CommandError, Event, InviteRequest, LegHandle, ReinviteOutcome, ReinviteReply,
};
use offhook_sip::{HeaderName, Message, StatusCode};
use offhook_testkit::{Pair, Phone, ScriptedPeer, new_request, request_within};

const SDP: &str = "v=0\r\no=ours\r\n";
const THEIR_SDP: &str = "Content-Type: application/sdp\n\nv=0\no=theirs";

/// A call that the peer placed: the peer made the Call-ID.
fn called(seed: u64) -> (ScriptedPeer<Phone>, LegHandle, Message) {
    let mut peer = ScriptedPeer::new(Phone::seeded("phone", seed));
    peer.say(&new_request("INVITE", "c1", 1, THEIR_SDP));
    peer.expect("SIP/2.0 100");
    let (leg, now) = (peer.engine.incoming().unwrap(), peer.now());
    peer.engine.ua.accept(leg, Some(SDP.into()), &[], now).unwrap();
    let ok = peer.expect("SIP/2.0 200");
    peer.say(&request_within(&ok, "ACK", 1, "", ""));
    peer.engine.events();
    (peer, leg, ok)
}

/// A call that the phone placed: the phone made the Call-ID.
fn calling(seed: u64) -> (ScriptedPeer<Phone>, LegHandle) {
    let mut peer = ScriptedPeer::new(Phone::seeded("alice", seed));
    let request =
        InviteRequest::new("sip:bob@example.org", "sip:alice@example.org", Transport::Udp);
    let now = peer.now();
    let leg = peer.engine.ua.invite(request.sdp(SDP), now).unwrap();
    let invite = peer.expect("INVITE");
    peer.reply(&invite, "200 OK", "t1", &format!("Contact: <sip:bob@pc>\n{THEIR_SDP}"));
    peer.expect("ACK");
    peer.engine.events();
    (peer, leg)
}

/// How long the phone waits after 491 before it tries again, in milliseconds.
fn wait_after_491(peer: &mut ScriptedPeer<Phone>, leg: LegHandle) -> u128 {
    let now = peer.now();
    peer.engine.ua.reinvite(leg, Some(SDP.into()), &[], now).unwrap();
    let reinvite = peer.expect("INVITE");
    peer.reply(&reinvite, "491 Request Pending", "", "");
    peer.expect("ACK");
    assert!(peer.engine.event().is_none());
    let start = peer.elapsed();
    for _ in 0..500 {
        if !peer.received().is_empty() {
            return (peer.elapsed() - start).as_millis();
        }
        peer.advance(Duration::from_millis(10));
    }
    panic!("never tried again");
}

#[test]
fn wait_after_491_depends_on_who_made_the_call_id_and_on_the_seed() {
    let mut callers = Vec::new();
    let mut callees = Vec::new();
    for seed in 0..40 {
        let (mut peer, leg) = calling(seed);
        callers.push(wait_after_491(&mut peer, leg));
        let (mut peer, leg, _) = called(seed);
        callees.push(wait_after_491(&mut peer, leg));
    }
    assert!(callers.iter().all(|wait| (2_100..=4_000).contains(wait)), "{callers:?}");
    assert!(callees.iter().all(|wait| (0..=2_000).contains(wait)), "{callees:?}");
    callers.dedup();
    assert!(callers.len() > 20, "{callers:?}");
}

#[test]
fn second_491_is_reported() {
    let (mut peer, leg) = calling(1);
    let now = peer.now();
    peer.engine.ua.reinvite(leg, Some(SDP.into()), &[], now).unwrap();
    for _ in 0..2 {
        let reinvite = peer.expect("INVITE");
        peer.received();
        peer.reply(&reinvite, "491 Request Pending", "", "");
        peer.expect("ACK");
        peer.advance(Duration::from_secs(4));
    }
    peer.expect_nothing();
    let event = peer.engine.event();
    let Some(Event::ReinviteDone { outcome: ReinviteOutcome::Refused { code }, .. }) = event else {
        panic!("{event:?}");
    };
    assert_eq!(code, StatusCode::REQUEST_PENDING);
}

#[test]
fn nothing_else_may_be_offered_while_a_retry_is_out() {
    let (mut peer, leg) = calling(1);
    wait_after_491(&mut peer, leg);
    let now = peer.now();
    let second = peer.engine.ua.reinvite(leg, None, &[], now);
    assert_eq!(second, Err(CommandError::OfferPending));
}

#[test]
fn offer_that_crosses_ours_gets_491() {
    let (mut peer, leg, ok) = called(1);
    let now = peer.now();
    peer.engine.ua.reinvite(leg, Some(SDP.into()), &[], now).unwrap();
    peer.expect("INVITE");
    peer.say(&request_within(&ok, "INVITE", 2, "", THEIR_SDP));
    peer.expect("SIP/2.0 100");
    peer.expect("SIP/2.0 491");
    peer.say(&request_within(&ok, "UPDATE", 3, "", THEIR_SDP));
    peer.expect("SIP/2.0 491");
    peer.say(&request_within(&ok, "UPDATE", 4, "", ""));
    peer.expect("SIP/2.0 200");
    assert!(peer.engine.event().is_none());
}

#[test]
fn second_offer_before_the_first_is_answered_gets_500_with_retry_after() {
    let (mut peer, leg, ok) = called(1);
    peer.say(&request_within(&ok, "INVITE", 2, "", THEIR_SDP));
    peer.expect("SIP/2.0 100");
    peer.say(&request_within(&ok, "INVITE", 3, "", THEIR_SDP));
    peer.expect("SIP/2.0 100");
    let refusal = peer.expect("SIP/2.0 500");
    let wait_s: u32 = refusal.header(HeaderName::RetryAfter).unwrap().parse().unwrap();
    assert!(wait_s <= 10);
    peer.say(&request_within(&ok, "UPDATE", 4, "", THEIR_SDP));
    assert!(peer.expect("SIP/2.0 500").has(HeaderName::RetryAfter));
    let now = peer.now();
    let ours = peer.engine.ua.reinvite(leg, Some(SDP.into()), &[], now);
    assert!(ours.is_err());
    peer.engine.ua.answer_reinvite(leg, ReinviteReply::Accept(SDP.into()), now).unwrap();
    let ok = peer.expect("SIP/2.0 200");
    assert_eq!(ok.cseq().unwrap().to_string(), "2 INVITE");
}

#[test]
fn two_user_agents_that_collide_both_get_through() {
    for seed in 0..20 {
        let mut pair = Pair::seeded(seed).delay(Duration::from_millis(30));
        let request =
            InviteRequest::new("sip:bob@example.org", "sip:alice@example.org", Transport::Udp);
        let now = pair.now();
        let caller = pair.alice.ua.invite(request.sdp(SDP), now).unwrap();
        pair.advance(Duration::from_secs(1));
        let (callee, now) = (pair.bob.incoming().unwrap(), pair.now());
        pair.bob.ua.accept(callee, Some(SDP.into()), &[], now).unwrap();
        pair.advance(Duration::from_secs(1));
        pair.alice.events();
        pair.bob.events();
        let now = pair.now();
        pair.alice.ua.reinvite(caller, Some("v=0\r\no=alice\r\n".into()), &[], now).unwrap();
        pair.bob.ua.reinvite(callee, Some("v=0\r\no=bob\r\n".into()), &[], now).unwrap();
        let mut done = 0;
        for _ in 0..1_000 {
            pair.advance(Duration::from_millis(10));
            let now = pair.now();
            for phone in [&mut pair.alice, &mut pair.bob] {
                for event in phone.events() {
                    match event {
                        Event::Reinvite { handle, .. } => {
                            let reply = ReinviteReply::Accept(SDP.into());
                            phone.ua.answer_reinvite(handle, reply, now).unwrap();
                        }
                        Event::ReinviteDone {
                            outcome: ReinviteOutcome::Answered { .. }, ..
                        } => done += 1,
                        Event::Acked { .. } => {}
                        other => panic!("seed {seed}: {other:?}"),
                    }
                }
            }
        }
        assert_eq!(done, 2, "seed {seed}");
    }
}
