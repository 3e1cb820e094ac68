//! INVITE without an offer: the 2xx offers, the ACK answers (RFC 3261 13.2.1).

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

use std::time::Duration;

use offhook_sip::transaction::Transport;
use offhook_sip::user_agent::{CommandError, Event, InviteRequest, ReinviteOutcome, ReinviteReply};
use offhook_testkit::{Phone, ScriptedPeer, new_request, request_within};

const OFFER: &str = "v=0\r\no=offer\r\n";
const ANSWER: &str = "v=0\r\no=answer\r\n";
const THEIR_ANSWER: &str = "Content-Type: application/sdp\n\nv=0\no=theirs";

#[test]
fn our_answer_offers_and_the_ack_brings_the_answer() {
    let mut peer = ScriptedPeer::new(Phone::seeded("phone", 1));
    peer.say(&new_request("INVITE", "c1", 1, ""));
    peer.expect("SIP/2.0 100");
    let Some(Event::IncomingInvite { handle: leg, sdp: None, .. }) = peer.engine.event() else {
        panic!("no call without offer");
    };
    let now = peer.now();
    let without = peer.engine.ua.accept(leg, None, &[], now);
    assert_eq!(without, Err(CommandError::Invalid("SDP is owed")));
    peer.engine.ua.accept(leg, Some(OFFER.into()), &[], now).unwrap();
    let ok = peer.expect("SIP/2.0 200");
    assert_eq!(ok.body(), OFFER.as_bytes());
    let early = peer.engine.ua.reinvite(leg, Some(OFFER.into()), &[], now);
    assert_eq!(early, Err(CommandError::OfferPending));
    peer.say(&request_within(&ok, "UPDATE", 2, "", THEIR_ANSWER));
    peer.expect("SIP/2.0 491");
    assert!(peer.engine.event().is_none(), "our offer waits for its answer (RFC 3311 5.2)");
    peer.say(&request_within(&ok, "ACK", 1, "", THEIR_ANSWER));
    let Some(Event::Acked { sdp: Some(sdp), .. }) = peer.engine.event() else {
        panic!("no answer");
    };
    assert_eq!(sdp, "v=0\r\no=theirs\r\n");
    peer.advance(Duration::from_secs(40));
    peer.expect_nothing();
}

#[test]
fn their_answer_offers_and_our_ack_brings_the_answer() {
    let mut peer = ScriptedPeer::new(Phone::seeded("alice", 1));
    let request =
        InviteRequest::new("sip:bob@example.org", "sip:alice@example.org", Transport::Udp);
    let now = peer.now();
    let leg = peer.engine.ua.invite(request, now).unwrap();
    let invite = peer.expect("INVITE");
    assert!(invite.body().is_empty());
    let answer = "Contact: <sip:bob@pc>\nContent-Type: application/sdp\n\nv=0\no=theirs";
    peer.reply(&invite, "200 OK", "t1", answer);
    let Some(Event::Accepted { sdp: Some(sdp), answer_due: true, .. }) = peer.engine.event() else {
        panic!("no offer");
    };
    assert_eq!(sdp, "v=0\r\no=theirs\r\n");
    peer.reply(&invite, "200 OK", "t1", answer);
    peer.expect_nothing();
    peer.engine.ua.acknowledge(leg, ANSWER.into(), now).unwrap();
    let ack = peer.expect("ACK sip:bob@pc");
    assert_eq!(ack.body(), ANSWER.as_bytes());
    peer.reply(&invite, "200 OK", "t1", answer);
    assert_eq!(peer.expect("ACK"), ack);
    let again = peer.engine.ua.acknowledge(leg, ANSWER.into(), now);
    assert_eq!(again, Err(CommandError::WrongState));
}

#[test]
fn hanging_up_instead_of_answering_acks_and_ends() {
    let mut peer = ScriptedPeer::new(Phone::seeded("alice", 1));
    let request =
        InviteRequest::new("sip:bob@example.org", "sip:alice@example.org", Transport::Udp);
    let now = peer.now();
    let leg = peer.engine.ua.invite(request, now).unwrap();
    let invite = peer.expect("INVITE");
    peer.reply(
        &invite,
        "200 OK",
        "t1",
        "Contact: <sip:bob@pc>\nContent-Type: application/sdp\n\nv=0",
    );
    peer.engine.ua.hang_up(leg, None, now).unwrap();
    assert!(peer.expect("ACK").body().is_empty());
    peer.expect("BYE");
}

#[test]
fn reinvite_without_offer_works_both_ways() {
    let mut peer = ScriptedPeer::new(Phone::seeded("phone", 1));
    peer.say(&new_request("INVITE", "c1", 1, "Content-Type: application/sdp\n\nv=0"));
    peer.expect("SIP/2.0 100");
    let (leg, now) = (peer.engine.incoming().unwrap(), peer.now());
    peer.engine.ua.accept(leg, Some(ANSWER.into()), &[], now).unwrap();
    let ok = peer.expect("SIP/2.0 200");
    peer.say(&request_within(&ok, "ACK", 1, "", ""));
    peer.engine.events();

    peer.say(&request_within(&ok, "INVITE", 2, "", ""));
    peer.expect("SIP/2.0 100");
    let event = peer.engine.event();
    assert!(matches!(event, Some(Event::Reinvite { sdp: None, .. })), "{event:?}");
    peer.engine.ua.answer_reinvite(leg, ReinviteReply::Accept(OFFER.into()), now).unwrap();
    assert_eq!(peer.expect("SIP/2.0 200").body(), OFFER.as_bytes());
    peer.say(&request_within(&ok, "ACK", 2, "", THEIR_ANSWER));
    let event = peer.engine.event();
    assert!(matches!(event, Some(Event::Acked { sdp: Some(_), .. })), "{event:?}");

    peer.engine.ua.reinvite(leg, None, &[], now).unwrap();
    let reinvite = peer.expect("INVITE");
    assert!(reinvite.body().is_empty());
    peer.reply(
        &reinvite,
        "200 OK",
        "",
        "Contact: <sip:peer@new>\nContent-Type: application/sdp\n\nv=0\no=2",
    );
    let event = peer.engine.event();
    let Some(Event::ReinviteDone {
        outcome: ReinviteOutcome::Answered { sdp: Some(_), answer_due: true },
        ..
    }) = event
    else {
        panic!("{event:?}");
    };
    peer.expect_nothing();
    peer.engine.ua.acknowledge(leg, ANSWER.into(), now).unwrap();
    assert_eq!(peer.expect("ACK sip:peer@new").body(), ANSWER.as_bytes());
}
