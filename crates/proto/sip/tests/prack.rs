//! Reliable provisional responses (RFC 3262).

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

use std::time::Duration;

use offhook_sip::transaction::Transport;
use offhook_sip::user_agent::{
    CommandError, EndReason, Event, InviteRequest, LegHandle, PROVISIONAL_QUEUE_MAX, ReinviteReply,
    ReliableProvisionals,
};
use offhook_sip::{HeaderName, Message, StatusCode};
use offhook_testkit::{Phone, ScriptedPeer, new_request, request_within};

const ANSWER: &str = "v=0\r\no=answer\r\n";
const OFFER: &str = "Require: 100rel\nContent-Type: application/sdp\n\nv=0";

fn incoming(more: &str) -> (ScriptedPeer<Phone>, LegHandle) {
    let mut peer = ScriptedPeer::new(Phone::seeded("phone", 1));
    peer.say(&new_request("INVITE", "c1", 1, more));
    peer.expect("SIP/2.0 100");
    let leg = peer.engine.incoming().unwrap();
    (peer, leg)
}

fn prack(provisional: &Message, sequence: u32, body: &str) -> String {
    let rseq = provisional.rseq().unwrap().unwrap();
    request_within(provisional, "PRACK", sequence, "", &format!("RAck: {rseq} 1 INVITE\n{body}"))
}

fn calling(sdp: Option<&str>) -> (ScriptedPeer<Phone>, LegHandle, Message) {
    let mut peer = ScriptedPeer::new(Phone::seeded("alice", 1));
    let mut request =
        InviteRequest::new("sip:bob@example.org", "sip:alice@example.org", Transport::Udp);
    if let Some(sdp) = sdp {
        request = request.sdp(sdp.to_owned());
    }
    let now = peer.now();
    let leg = peer.engine.ua.invite(request, now).unwrap();
    let invite = peer.expect("INVITE");
    assert!(invite.has_token(HeaderName::Supported, "100rel"));
    (peer, leg, invite)
}

fn reliable(rseq: u32, more: &str) -> String {
    format!("Contact: <sip:bob@pc>\nRequire: 100rel\nRSeq: {rseq}\n{more}")
}

#[test]
fn reliable_ringing_is_repeated_with_doubling_intervals_until_prack() {
    let (mut peer, leg) = incoming(OFFER);
    let now = peer.now();
    peer.engine.ua.ring(leg, StatusCode::RINGING, None, &[], now).unwrap();
    peer.advance(Duration::from_millis(3_600));
    let ringing = peer.received();
    assert_eq!(ringing.len(), 4);
    assert!(ringing.iter().all(|response| *response == ringing[0]));
    assert!(ringing[0].has_token(HeaderName::Require, "100rel"));
    peer.say(&prack(&ringing[0], 2, ""));
    peer.expect("SIP/2.0 200");
    peer.advance(Duration::from_secs(40));
    peer.expect_nothing();
    assert!(peer.engine.event().is_none());
}

#[test]
fn ringing_without_prack_ends_with_504() {
    let (mut peer, leg) = incoming(OFFER);
    let now = peer.now();
    peer.engine.ua.ring(leg, StatusCode::RINGING, None, &[], now).unwrap();
    peer.advance(Duration::from_secs(32));
    let last = peer.received().pop().unwrap();
    assert_eq!(last.status(), Some(StatusCode::SERVER_TIMEOUT));
    let ended = peer.engine.event();
    assert!(matches!(ended, Some(Event::Ended { why: EndReason::NoPrack, .. })), "{ended:?}");
}

#[test]
fn prack_that_matches_nothing_gets_481() {
    let (mut peer, leg) = incoming(OFFER);
    let now = peer.now();
    peer.engine.ua.ring(leg, StatusCode::RINGING, None, &[], now).unwrap();
    let ringing = peer.expect("SIP/2.0 180");
    let wrong = prack(&ringing, 2, "").replace("1 INVITE", "2 INVITE");
    peer.say(&wrong);
    peer.expect("SIP/2.0 481");
    peer.say(&prack(&ringing, 3, ""));
    peer.expect("SIP/2.0 200");
    peer.say(&prack(&ringing, 4, ""));
    peer.expect("SIP/2.0 481");
}

#[test]
fn next_provisional_and_answer_wait_for_the_prack() {
    let (mut peer, leg) = incoming(OFFER);
    let now = peer.now();
    peer.engine.ua.ring(leg, StatusCode::SESSION_PROGRESS, Some(ANSWER.into()), &[], now).unwrap();
    peer.engine.ua.ring(leg, StatusCode::RINGING, None, &[("X-Note", "2")], now).unwrap();
    let progress = peer.expect("SIP/2.0 183");
    assert_eq!(progress.body(), ANSWER.as_bytes());
    peer.expect_nothing();
    peer.say(&prack(&progress, 2, ""));
    peer.expect("SIP/2.0 200");
    let ringing = peer.expect("SIP/2.0 180");
    assert_eq!(ringing.rseq().unwrap(), progress.rseq().unwrap().map(|rseq| rseq + 1));
    assert_eq!(ringing.header_named("X-Note"), Some("2"));
    // Without SDP the last provisional response need not be waited for, and the answer was given.
    peer.engine.ua.accept(leg, None, &[], now).unwrap();
    let ok = peer.expect("SIP/2.0 200");
    assert!(ok.body().is_empty());
    peer.say(&request_within(&ok, "ACK", 1, "", ""));
    let acked = peer.engine.event();
    assert!(matches!(acked, Some(Event::Acked { sdp: None, .. })), "{acked:?}");
    peer.advance(Duration::from_secs(40));
    peer.expect_nothing();
}

#[test]
fn answer_waits_while_a_response_with_sdp_is_not_pracked() {
    let (mut peer, leg) = incoming(OFFER);
    let now = peer.now();
    peer.engine.ua.ring(leg, StatusCode::SESSION_PROGRESS, Some(ANSWER.into()), &[], now).unwrap();
    peer.engine.ua.accept(leg, None, &[], now).unwrap();
    let again = peer.engine.ua.accept(leg, None, &[], now);
    assert_eq!(again, Err(CommandError::WrongState));
    let progress = peer.expect("SIP/2.0 183");
    peer.expect_nothing();
    peer.say(&prack(&progress, 2, ""));
    let responses = peer.received();
    let numbers: Vec<_> =
        responses.iter().map(|response| response.cseq().unwrap().to_string()).collect();
    assert_eq!(numbers, ["2 PRACK", "1 INVITE"]);
}

#[test]
fn late_offer_in_a_provisional_response_is_answered_by_prack() {
    let (mut peer, leg) = incoming("Require: 100rel");
    let now = peer.now();
    peer.engine
        .ua
        .ring(leg, StatusCode::SESSION_PROGRESS, Some("v=0\r\no=ours\r\n".into()), &[], now)
        .unwrap();
    let progress = peer.expect("SIP/2.0 183");
    peer.say(&prack(&progress, 2, "Content-Type: application/sdp\n\nv=0\no=theirs"));
    peer.expect("SIP/2.0 200");
    let Some(Event::Acked { sdp: Some(sdp), .. }) = peer.engine.event() else {
        panic!("no answer");
    };
    assert_eq!(sdp, "v=0\r\no=theirs\r\n");
}

#[test]
fn offer_in_prack_is_the_owners_to_answer() {
    let (mut peer, leg) = incoming(OFFER);
    let now = peer.now();
    peer.engine.ua.ring(leg, StatusCode::SESSION_PROGRESS, Some(ANSWER.into()), &[], now).unwrap();
    let progress = peer.expect("SIP/2.0 183");
    peer.say(&prack(&progress, 2, "Content-Type: application/sdp\n\nv=0\no=second"));
    let event = peer.engine.event();
    assert!(matches!(event, Some(Event::Reinvite { sdp: Some(_), .. })), "{event:?}");
    peer.expect_nothing();
    let reply = ReinviteReply::Accept("v=0\r\no=reply\r\n".into());
    peer.engine.ua.answer_reinvite(leg, reply, now).unwrap();
    let ok = peer.expect("SIP/2.0 200");
    assert_eq!(ok.body(), b"v=0\r\no=reply\r\n");
    peer.expect_nothing();
}

#[test]
fn reliability_is_used_where_it_is_only_supported_when_configured() {
    let mut config = Phone::config("phone");
    for (setting, is_reliable) in
        [(ReliableProvisionals::WhenRequired, false), (ReliableProvisionals::WhenSupported, true)]
    {
        config.reliable_provisionals = setting;
        let mut peer = ScriptedPeer::new(Phone::configured(config.clone(), Transport::Udp, 1));
        peer.say(&new_request("INVITE", "c1", 1, "Supported: 100rel"));
        peer.expect("SIP/2.0 100");
        let (leg, now) = (peer.engine.incoming().unwrap(), peer.now());
        peer.engine.ua.ring(leg, StatusCode::RINGING, None, &[], now).unwrap();
        assert_eq!(peer.expect("SIP/2.0 180").has(HeaderName::RSeq), is_reliable);
    }
}

#[test]
fn queue_of_provisional_responses_is_bounded() {
    let (mut peer, leg) = incoming(OFFER);
    let now = peer.now();
    for _ in 0..=PROVISIONAL_QUEUE_MAX {
        peer.engine.ua.ring(leg, StatusCode::RINGING, None, &[], now).unwrap();
    }
    let full = peer.engine.ua.ring(leg, StatusCode::RINGING, None, &[], now);
    assert_eq!(full, Err(CommandError::Full));
}

#[test]
fn caller_pracks_in_order_and_each_once() {
    let (mut peer, _, invite) = calling(Some("v=0\r\n"));
    peer.reply(&invite, "183 Session Progress", "t1", &reliable(7, ""));
    let first = peer.expect("PRACK sip:bob@pc");
    assert_eq!(first.rack().unwrap().unwrap().to_string(), "7 1 INVITE");
    assert_eq!(first.cseq().unwrap().to_string(), "2 PRACK");
    peer.reply(&first, "200 OK", "", "");
    peer.reply(&invite, "183 Session Progress", "t1", &reliable(7, ""));
    peer.reply(&invite, "180 Ringing", "t1", &reliable(9, ""));
    peer.expect_nothing();
    peer.reply(&invite, "180 Ringing", "t1", &reliable(8, ""));
    let second = peer.expect("PRACK");
    assert_eq!(second.rack().unwrap().unwrap().rseq, 8);
    assert_eq!(peer.engine.events().len(), 2);

    peer.reply(
        &invite,
        "200 OK",
        "t1",
        "Contact: <sip:bob@pc>\nContent-Type: application/sdp\n\nv=0",
    );
    assert_eq!(peer.expect("ACK").cseq().unwrap().sequence, 1);
    let accepted = peer.engine.events().pop();
    let Some(Event::Accepted { handle, .. }) = accepted else {
        panic!("{accepted:?}");
    };
    let now = peer.now();
    peer.engine.ua.hang_up(handle, None, now).unwrap();
    assert_eq!(peer.expect("BYE").cseq().unwrap().sequence, 4);
}

#[test]
fn each_fork_counts_for_itself() {
    let (mut peer, _, invite) = calling(Some("v=0\r\n"));
    peer.reply(&invite, "180 Ringing", "t1", &reliable(7, ""));
    assert_eq!(peer.expect("PRACK").to_tag(), Some("t1"));
    peer.reply(&invite, "180 Ringing", "t2", &reliable(100, ""));
    assert_eq!(peer.expect("PRACK").to_tag(), Some("t2"));
}

#[test]
fn early_answer_is_repeated_with_the_acceptance() {
    let (mut peer, _, invite) = calling(Some("v=0\r\n"));
    peer.reply(
        &invite,
        "183 Session Progress",
        "t1",
        &reliable(1, "Content-Type: application/sdp\n\nv=0\no=early"),
    );
    peer.expect("PRACK");
    peer.reply(&invite, "200 OK", "t1", "Contact: <sip:bob@pc>");
    peer.expect("ACK");
    let events = peer.engine.events();
    let [
        Event::Progress { answer_due: false, .. },
        Event::Accepted { sdp: Some(sdp), answer_due: false, .. },
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!(sdp.as_ref(), b"v=0\r\no=early\r\n");
}

#[test]
fn offer_in_a_provisional_response_is_answered_in_the_prack() {
    let (mut peer, leg, invite) = calling(None);
    peer.reply(
        &invite,
        "183 Session Progress",
        "t1",
        &reliable(1, "Content-Type: application/sdp\n\nv=0\no=offer"),
    );
    let progress = peer.engine.event();
    assert!(matches!(progress, Some(Event::Progress { answer_due: true, .. })), "{progress:?}");
    peer.expect_nothing();
    let now = peer.now();
    peer.engine.ua.acknowledge(leg, ANSWER.into(), now).unwrap();
    assert_eq!(peer.expect("PRACK").body(), ANSWER.as_bytes());
    peer.reply(&invite, "200 OK", "t1", "Contact: <sip:bob@pc>");
    assert!(peer.expect("ACK").body().is_empty());
    let accepted = peer.engine.event();
    assert!(matches!(accepted, Some(Event::Accepted { answer_due: false, .. })), "{accepted:?}");
}
