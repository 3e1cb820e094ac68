//! Changes of an answered call by re-INVITE and UPDATE (RFC 3261 section 14, RFC 3311).

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

use std::time::Duration;

use offhook_sip::transaction::{TIMER_C, Transport};
use offhook_sip::user_agent::{
    CommandError, EndReason, Event, InviteRequest, LegHandle, ReinviteOutcome, ReinviteReply,
};
use offhook_sip::{HeaderName, Message, Method, StatusCode};
use offhook_testkit::{Phone, ScriptedPeer, new_request, request_within};

const SDP: &str = "v=0\r\no=ours\r\n";
const THEIR_SDP: &str = "Content-Type: application/sdp\n\nv=0\no=theirs";

fn answered() -> (ScriptedPeer<Phone>, LegHandle, Message) {
    let mut peer = ScriptedPeer::new(Phone::seeded("phone", 1));
    peer.say(&new_request("INVITE", "c1", 1, THEIR_SDP));
    peer.expect("SIP/2.0 100");
    let (leg, now) = (peer.engine.incoming().unwrap(), peer.now());
    peer.engine.ua.accept(leg, Some(SDP.into()), &[], now).unwrap();
    let ok = peer.expect("SIP/2.0 200");
    peer.say(&request_within(&ok, "ACK", 1, "", ""));
    peer.engine.events();
    (peer, leg, ok)
}

fn outcome(peer: &mut ScriptedPeer<Phone>) -> ReinviteOutcome {
    match peer.engine.event() {
        Some(Event::ReinviteDone { outcome, .. }) => outcome,
        other => panic!("{other:?}"),
    }
}

#[test]
fn our_reinvite_is_answered_and_acked() {
    let (mut peer, leg, _) = answered();
    let now = peer.now();
    peer.engine
        .ua
        .reinvite(leg, Some("v=0\r\na=sendonly\r\n".into()), &[("X-Hold", "1")], now)
        .unwrap();
    let reinvite = peer.expect("INVITE sip:peer@peer.example.org");
    assert_eq!(reinvite.body(), b"v=0\r\na=sendonly\r\n");
    assert_eq!(reinvite.header_named("X-Hold"), Some("1"));
    assert_eq!(reinvite.contact().unwrap().uri_text(), "sip:phone@phone.example.org");
    let twice = peer.engine.ua.reinvite(leg, Some(SDP.into()), &[], now);
    assert_eq!(twice, Err(CommandError::OfferPending));
    peer.reply(&reinvite, "180 Ringing", "", "");
    assert!(peer.engine.event().is_none());
    let ok = format!("Contact: <sip:peer@moved>\n{THEIR_SDP}");
    peer.reply(&reinvite, "200 OK", "", &ok);
    let ack = peer.expect("ACK sip:peer@moved");
    assert_eq!(ack.cseq().unwrap().sequence, reinvite.cseq().unwrap().sequence);
    let ReinviteOutcome::Answered { sdp: Some(sdp), answer_due: false } = outcome(&mut peer) else {
        panic!("not answered");
    };
    assert_eq!(sdp, "v=0\r\no=theirs\r\n");
    peer.reply(&reinvite, "200 OK", "", &ok);
    assert_eq!(peer.expect("ACK"), ack);
    peer.engine.ua.hang_up(leg, None, now).unwrap();
    peer.expect("BYE sip:peer@moved");
}

#[test]
fn refused_reinvite_leaves_the_call_as_it_was() {
    let (mut peer, leg, _) = answered();
    let now = peer.now();
    peer.engine.ua.reinvite(leg, Some(SDP.into()), &[], now).unwrap();
    let reinvite = peer.expect("INVITE");
    peer.reply(&reinvite, "488 Not Acceptable Here", "", "");
    peer.expect("ACK");
    let refused = outcome(&mut peer);
    assert!(
        matches!(refused, ReinviteOutcome::Refused { code: StatusCode::NOT_ACCEPTABLE_HERE }),
        "{refused:?}"
    );
    assert_eq!(peer.engine.ua.leg_count(), 1);
    peer.engine.ua.reinvite(leg, Some(SDP.into()), &[], now).unwrap();
    peer.expect("INVITE");
}

#[test]
fn reinvite_that_finds_no_dialog_ends_the_call() {
    for (status, extra_s) in [("481 Gone", 0), ("408 Timeout", 0), ("", 32)] {
        let (mut peer, leg, _) = answered();
        let now = peer.now();
        peer.engine.ua.reinvite(leg, Some(SDP.into()), &[], now).unwrap();
        let reinvite = peer.expect("INVITE");
        if status.is_empty() {
            peer.advance(Duration::from_secs(extra_s));
        } else {
            peer.reply(&reinvite, status, "", "");
        }
        assert_eq!(peer.received().pop().unwrap().method(), Some(&Method::Bye));
        let ended = peer.engine.event();
        assert!(
            matches!(ended, Some(Event::Ended { why: EndReason::DialogGone, .. })),
            "{ended:?}"
        );
    }
}

#[test]
fn their_reinvite_is_answered_by_the_owner() {
    let (mut peer, leg, ok) = answered();
    peer.say(
        &request_within(&ok, "INVITE", 2, "", &format!("Contact: <sip:peer@moved>\n{THEIR_SDP}"))
            .replacen("Contact: <sip:peer@peer.example.org>\n", "", 1),
    );
    peer.expect("SIP/2.0 100");
    let Some(Event::Reinvite { method: Method::Invite, sdp: Some(sdp), .. }) = peer.engine.event()
    else {
        panic!("no re-INVITE");
    };
    assert_eq!(sdp, "v=0\r\no=theirs\r\n");
    let now = peer.now();
    peer.engine.ua.answer_reinvite(leg, ReinviteReply::Accept(SDP.into()), now).unwrap();
    let answer = peer.expect("SIP/2.0 200");
    assert_eq!((answer.body(), answer.to_tag()), (SDP.as_bytes(), ok.to_tag()));
    assert!(answer.has(HeaderName::Contact));
    peer.say(&request_within(&ok, "ACK", 2, "", ""));
    let acked = peer.engine.event();
    assert!(matches!(acked, Some(Event::Acked { sdp: None, .. })), "{acked:?}");
    let twice = peer.engine.ua.answer_reinvite(leg, ReinviteReply::AcceptEmpty, now);
    assert_eq!(twice, Err(CommandError::RequestOver));
    peer.engine.ua.hang_up(leg, None, now).unwrap();
    peer.expect("BYE sip:peer@moved");
}

#[test]
fn their_reinvite_can_be_refused_or_cancelled() {
    let (mut peer, leg, ok) = answered();
    peer.say(&request_within(&ok, "INVITE", 2, "", THEIR_SDP));
    peer.expect("SIP/2.0 100");
    let now = peer.now();
    let invalid = peer.engine.ua.answer_reinvite(leg, ReinviteReply::Refuse(StatusCode::OK), now);
    assert_eq!(invalid, Err(CommandError::Invalid("not a failure status")));
    let refuse = ReinviteReply::Refuse(StatusCode::NOT_ACCEPTABLE_HERE);
    peer.engine.ua.answer_reinvite(leg, refuse, now).unwrap();
    peer.expect("SIP/2.0 488");

    peer.say(&request_within(&ok, "INVITE", 3, "", THEIR_SDP));
    peer.expect("SIP/2.0 100");
    peer.say(&request_within(&ok, "CANCEL", 3, "", "").replace("-3-CANCEL", "-3-INVITE"));
    peer.expect("SIP/2.0 200");
    peer.expect("SIP/2.0 487");
    let late = peer.engine.ua.answer_reinvite(leg, ReinviteReply::AcceptEmpty, now);
    assert_eq!(late, Err(CommandError::RequestOver));
    assert_eq!(peer.engine.ua.leg_count(), 1);
}

#[test]
fn bye_while_a_reinvite_waits_for_its_answer_ends_both() {
    let (mut peer, _, ok) = answered();
    peer.say(&request_within(&ok, "INVITE", 2, "", THEIR_SDP));
    peer.expect("SIP/2.0 100");
    peer.engine.events();
    peer.say(&request_within(&ok, "BYE", 3, "", ""));
    peer.expect("SIP/2.0 200");
    let terminated = peer.expect("SIP/2.0 487");
    assert_eq!(terminated.cseq().unwrap().to_string(), "2 INVITE");
    let bye = peer.engine.event();
    assert!(matches!(bye, Some(Event::Bye { .. })), "{bye:?}");
}

#[test]
fn hanging_up_with_a_reinvite_out_acks_its_late_answer() {
    let (mut peer, leg, _) = answered();
    let now = peer.now();
    peer.engine.ua.reinvite(leg, Some(SDP.into()), &[], now).unwrap();
    let reinvite = peer.expect("INVITE");
    peer.engine.ua.hang_up(leg, None, now).unwrap();
    peer.expect("BYE");
    peer.reply(&reinvite, "200 OK", "", &format!("Contact: <sip:peer@pc>\n{THEIR_SDP}"));
    let ack = peer.expect("ACK");
    assert_eq!(ack.cseq().unwrap().sequence, reinvite.cseq().unwrap().sequence);
}

#[test]
fn lost_ack_is_implied_by_the_next_reinvite() {
    let mut peer = ScriptedPeer::new(Phone::seeded("phone", 1));
    peer.say(&new_request("INVITE", "c1", 1, THEIR_SDP));
    peer.expect("SIP/2.0 100");
    let (leg, now) = (peer.engine.incoming().unwrap(), peer.now());
    peer.engine.ua.accept(leg, Some(SDP.into()), &[], now).unwrap();
    let ok = peer.expect("SIP/2.0 200");
    peer.say(&request_within(&ok, "INVITE", 2, "", THEIR_SDP));
    peer.expect("SIP/2.0 100");
    let events = peer.engine.events();
    assert!(matches!(events[..], [Event::Acked { .. }, Event::Reinvite { .. }]), "{events:?}");
    peer.advance(Duration::from_secs(40));
    peer.expect_nothing();
    assert_eq!(peer.engine.ua.leg_count(), 1);
}

#[test]
fn update_with_sdp_is_the_owners_and_without_it_is_answered() {
    let (mut peer, leg, ok) = answered();
    peer.say(&request_within(&ok, "UPDATE", 2, "", ""));
    peer.expect("SIP/2.0 200");
    assert!(peer.engine.event().is_none());
    peer.say(&request_within(&ok, "UPDATE", 3, "", THEIR_SDP));
    peer.expect_nothing();
    let event = peer.engine.event();
    assert!(
        matches!(event, Some(Event::Reinvite { method: Method::Update, sdp: Some(_), .. })),
        "{event:?}"
    );
    let now = peer.now();
    peer.engine.ua.answer_reinvite(leg, ReinviteReply::Accept(SDP.into()), now).unwrap();
    assert_eq!(peer.expect("SIP/2.0 200").body(), SDP.as_bytes());
    peer.advance(Duration::from_secs(40));
    peer.expect_nothing();

    let now = peer.now();
    peer.engine.ua.update(leg, Some(SDP.into()), &[], now).unwrap();
    let update = peer.expect("UPDATE");
    peer.reply(&update, "200 OK", "", &format!("Contact: <sip:peer@pc>\n{THEIR_SDP}"));
    peer.expect_nothing();
    let answered = outcome(&mut peer);
    assert!(
        matches!(answered, ReinviteOutcome::Answered { sdp: Some(_), answer_due: false }),
        "{answered:?}"
    );
}

#[test]
fn update_works_before_the_answer_once_an_early_dialog_stands() {
    let mut peer = ScriptedPeer::new(Phone::seeded("alice", 1));
    let request =
        InviteRequest::new("sip:bob@example.org", "sip:alice@example.org", Transport::Udp);
    let now = peer.now();
    let leg = peer.engine.ua.invite(request.sdp(SDP), now).unwrap();
    let invite = peer.expect("INVITE");
    let early = peer.engine.ua.update(leg, Some(SDP.into()), &[], now);
    assert_eq!(early, Err(CommandError::WrongState));
    peer.reply(
        &invite,
        "183 Progress",
        "t1",
        &format!("Contact: <sip:bob@pc>\nRequire: 100rel\nRSeq: 1\n{THEIR_SDP}"),
    );
    let prack = peer.expect("PRACK");
    peer.reply(&prack, "200 OK", "", "");
    peer.engine.events();
    peer.engine.ua.update(leg, Some(SDP.into()), &[], now).unwrap();
    let update = peer.expect("UPDATE sip:bob@pc");
    peer.reply(&update, "200 OK", "", &format!("Contact: <sip:bob@pc>\n{THEIR_SDP}"));
    let answered = outcome(&mut peer);
    assert!(matches!(answered, ReinviteOutcome::Answered { .. }), "{answered:?}");

    peer.say(&request_within(&invite, "UPDATE", 10, "t1", THEIR_SDP));
    let event = peer.engine.event();
    assert!(matches!(event, Some(Event::Reinvite { method: Method::Update, .. })), "{event:?}");
    peer.engine.ua.answer_reinvite(leg, ReinviteReply::Accept(SDP.into()), now).unwrap();
    peer.expect("SIP/2.0 200");
    peer.reply(&invite, "200 OK", "t1", &format!("Contact: <sip:bob@pc>\n{THEIR_SDP}"));
    peer.expect("ACK");
    peer.say(&request_within(&invite, "INFO", 10, "t1", ""));
    peer.expect("SIP/2.0 500");
    peer.say(&request_within(&invite, "INFO", 11, "t1", ""));
    assert!(matches!(peer.engine.events().pop(), Some(Event::InDialog { .. })));
}

#[test]
fn reinvite_without_final_response_is_cancelled_after_timer_c() {
    let (mut peer, leg, _) = answered();
    let now = peer.now();
    peer.engine.ua.reinvite(leg, Some(SDP.into()), &[], now).unwrap();
    let reinvite = peer.expect("INVITE");
    peer.reply(&reinvite, "100 Trying", "", "");
    peer.advance(TIMER_C - Duration::from_millis(1));
    peer.expect_nothing();
    peer.advance(Duration::from_millis(1));
    let cancel = peer.expect("CANCEL");
    peer.reply(&cancel, "200 OK", "", "");
    peer.reply(&reinvite, "487 Request Terminated", "", "");
    peer.expect("ACK");
    let refused = outcome(&mut peer);
    let code = StatusCode::REQUEST_TERMINATED;
    assert!(matches!(refused, ReinviteOutcome::Refused { code: found } if found == code));
    peer.engine.ua.reinvite(leg, Some(SDP.into()), &[], now).unwrap();
    peer.expect("INVITE");
}

#[test]
fn bye_with_a_reinvite_out_does_not_leave_its_transaction_behind() {
    let (mut peer, leg, ok) = answered();
    let now = peer.now();
    peer.engine.ua.reinvite(leg, Some(SDP.into()), &[], now).unwrap();
    let reinvite = peer.expect("INVITE");
    peer.reply(&reinvite, "100 Trying", "", "");
    peer.say(&request_within(&ok, "BYE", 2, "", ""));
    let sent = peer.received();
    let methods: Vec<_> = sent.iter().map(|message| message.cseq().unwrap().method).collect();
    assert_eq!(methods, [Method::Bye, Method::Cancel]);
    peer.advance(Duration::from_secs(70));
    assert_eq!(peer.engine.ua.transaction_count(), 0);
}

#[test]
fn refused_early_update_leaves_the_call_ringing() {
    let mut peer = ScriptedPeer::new(Phone::seeded("phone", 1));
    peer.say(&new_request("INVITE", "c1", 1, &format!("Require: 100rel\n{THEIR_SDP}")));
    peer.expect("SIP/2.0 100");
    let (leg, now) = (peer.engine.incoming().unwrap(), peer.now());
    let code = StatusCode::SESSION_PROGRESS;
    peer.engine.ua.ring(leg, code, Some(SDP.into()), &[], now).unwrap();
    let progress = peer.expect("SIP/2.0 183");
    let early = peer.engine.ua.update(leg, Some(SDP.into()), &[], now);
    assert_eq!(early, Err(CommandError::WrongState));
    let rack = format!("RAck: {} 1 INVITE", progress.rseq().unwrap().unwrap());
    peer.say(&request_within(&progress, "PRACK", 2, "", &rack));
    peer.expect("SIP/2.0 200");
    peer.engine.ua.update(leg, Some(SDP.into()), &[], now).unwrap();
    let update = peer.expect("UPDATE");
    peer.reply(&update, "481 Gone", "", "");
    let refused = outcome(&mut peer);
    assert!(matches!(refused, ReinviteOutcome::Refused { .. }), "{refused:?}");
    peer.expect_nothing();
    peer.engine.ua.accept(leg, None, &[], now).unwrap();
    peer.expect("SIP/2.0 200");
}
