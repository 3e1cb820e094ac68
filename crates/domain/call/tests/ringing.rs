//! From a caller's INVITE to an answer, or to a reason why there is none.

mod rig;

use offhook_call::{Failure, LegAction, LegInput};
use offhook_model::{
    AudioVerdict, HangupCause, MediaCommand, MediaEvent, MediaRefusal, Party, Security, Transport,
};
use offhook_model::{Forwarding, Target};
use offhook_routing::Decision;
use rig::{CALLER, Rig, START_MS, binding, extension};

fn failure(status: u16) -> LegInput {
    LegInput::Rejected(Failure {
        status,
        cause: HangupCause::from_sip_status(status),
        reason: "no".into(),
    })
}

fn phone() -> offhook_model::Binding {
    binding("sip:1001@127.0.0.2", Transport::Udp)
}

#[test]
fn the_caller_hears_ringing_and_then_the_callee() {
    let (rig, callee) = Rig::talking();
    let signals = rig.signals_to(CALLER);
    assert_eq!(signals[0], &LegAction::Ring);
    assert_eq!(signals[1], &LegAction::Accept(format!("answer for {CALLER}")));
    assert_ne!(callee, CALLER);
}

#[test]
fn the_record_counts_ringing_and_talking_apart() {
    let (mut rig, callee) = Rig::talking();
    rig.now_ms += 10_000;
    rig.say(callee, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    let record = rig.record.expect("finished");
    assert_eq!((record.ring_ms, record.talk_ms), (3_000, 10_000));
    assert_eq!(record.started_at_ms, START_MS);
    assert_eq!(record.hung_up_by, Party::Callee);
    assert_eq!(record.answered_by.as_deref(), Some("1001"));
    assert_eq!(record.legs.len(), 2);
    assert!(record.legs.iter().all(|leg| leg.stream.is_some()));
}

#[test]
fn a_caller_who_gives_up_stops_the_ringing() {
    let mut rig = Rig::new(Some("offer"), extension("1001"), vec![phone()]);
    let callee = rig.invited()[0];
    rig.say(CALLER, LegInput::Cancelled);
    assert!(rig.signals_to(callee).contains(&&LegAction::HangUp(HangupCause::NORMAL_CLEARING)));
    let record = rig.record.expect("finished");
    assert_eq!((record.sip_status, record.hung_up_by), (Some(487), Party::Caller));
    assert_eq!(record.talk_ms, 0);
}

#[test]
fn a_busy_callee_is_busy_to_the_caller() {
    let mut rig = Rig::new(Some("offer"), extension("1001"), vec![phone()]);
    let callee = rig.invited()[0];
    rig.say(callee, failure(486));
    let rejected = rig.signals_to(CALLER);
    assert!(matches!(rejected[..], [LegAction::Reject(f)] if f.status == 486));
    assert_eq!(rig.cause(), Some(HangupCause::USER_BUSY));
}

#[test]
fn nobody_answers_in_time() {
    let mut rig = Rig::new(Some("offer"), extension("1001"), vec![phone()]);
    let callee = rig.invited()[0];
    rig.say(callee, LegInput::Ringing);
    rig.advance(19_999);
    assert!(rig.record.is_none());
    rig.advance(2);
    assert!(rig.signals_to(callee).contains(&&LegAction::HangUp(HangupCause::NORMAL_CLEARING)));
    assert_eq!(rig.cause(), Some(HangupCause::NO_ANSWER));
}

#[test]
fn an_extension_without_a_device_is_absent() {
    let rig = Rig::new(Some("offer"), extension("1001"), vec![]);
    let rejected = rig.signals_to(CALLER);
    assert!(matches!(rejected[..], [LegAction::Reject(f)] if f.status == 480));
    assert_eq!(rig.cause(), Some(HangupCause::SUBSCRIBER_ABSENT));
}

#[test]
fn of_several_devices_the_first_to_answer_gets_the_call() {
    let devices = vec![phone(), binding("sip:1001@x.invalid;transport=ws", Transport::Ws)];
    let mut rig = Rig::new(Some("offer"), extension("1001"), devices);
    let legs = rig.invited();
    assert_eq!(legs.len(), 2);
    assert_eq!(rig.offered_security(), [Security::Plain, Security::Dtls]);
    rig.say(legs[1], LegInput::Accepted(Some("answer".into())));
    assert!(rig.was_bridged(CALLER, legs[1]));
    let dropped = rig.signals_to(legs[0]);
    assert!(dropped.contains(&&LegAction::HangUp(HangupCause::NON_SELECTED_USER_CLEARING)));
    rig.say(legs[0], LegInput::Accepted(Some("too late".into())));
    assert!(!rig.was_bridged(CALLER, legs[0]));
}

#[test]
fn a_device_that_wants_encryption_is_asked_again() {
    let mut rig = Rig::new(Some("offer"), extension("1001"), vec![phone()]);
    rig.say(rig.invited()[0], failure(488));
    rig.say(rig.invited()[1], failure(488));
    let offered = rig.offered_security();
    assert_eq!(offered, [Security::Plain, Security::SdesOrDtls, Security::Dtls]);
    rig.say(rig.invited()[2], failure(488));
    assert_eq!(rig.cause(), Some(HangupCause::INCOMPATIBLE_DESTINATION));
}

#[test]
fn the_most_telling_failure_of_several_devices_is_told() {
    let devices = vec![phone(), phone()];
    let mut rig = Rig::new(Some("offer"), extension("1001"), devices);
    let legs = rig.invited();
    rig.say(legs[0], failure(486));
    rig.say(legs[1], failure(408));
    assert_eq!(rig.cause(), Some(HangupCause::USER_BUSY));
}

#[test]
fn a_caller_without_an_offer_answers_ours_in_the_ack() {
    let mut rig = Rig::new(None, extension("1001"), vec![phone()]);
    let callee = rig.invited()[0];
    rig.say(callee, LegInput::Accepted(Some("answer".into())));
    assert!(!rig.was_bridged(CALLER, callee));
    rig.say(CALLER, LegInput::Acked(Some("late answer".into())));
    assert!(rig.was_bridged(CALLER, callee));
}

#[test]
fn an_answer_without_sdp_is_a_fault_of_the_device() {
    let mut rig = Rig::new(Some("offer"), extension("1001"), vec![phone()]);
    let callee = rig.invited()[0];
    rig.say(callee, LegInput::Accepted(None));
    assert_eq!(rig.cause(), Some(HangupCause::PROTOCOL_ERROR));
}

/// Lets the media role describe the last leg that it was asked to make an offer for.
fn describe_offer(rig: &mut Rig, profile: &str) {
    let leg = rig.commands.iter().rev().find_map(|command| match command {
        MediaCommand::Offer { leg, .. } => Some(*leg),
        _ => None,
    });
    let leg = leg.expect("it was asked for an offer");
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
         m=audio 4000 {profile} 9 0\r\n"
    );
    rig.media(MediaEvent::Described { leg, sdp });
}

/// A call whose device refuses what it is offered until these offers are spent.
fn refusing(profiles: &[&str]) -> Rig {
    let mut rig = Rig::of_slow_media(Some("offer"), extension("1001"), vec![phone()]);
    rig.media(MediaEvent::Described { leg: CALLER, sdp: "answer".into() });
    for profile in profiles {
        describe_offer(&mut rig, profile);
        let device = *rig.invited().last().expect("an invitation");
        rig.say(device, failure(488));
    }
    rig
}

#[test]
fn a_device_that_refuses_every_offer_leaves_a_verdict_with_all_of_them() {
    let mut rig = refusing(&["RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVPF"]);
    rig.advance(5_000);
    let record = rig.record.expect("finished");
    let (leg, verdict) = record.verdict().expect("a verdict");
    let offers = ["RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVPF"];
    let offers = offers.map(|profile| format!("{profile} without keys (G722, PCMU)")).into();
    assert_eq!(*verdict, AudioVerdict::OffersRefused { status: 488, offers });
    assert_eq!(leg.sip_status, Some(488));
}

#[test]
fn a_description_that_has_nothing_in_common_leaves_a_verdict() {
    let mut rig = Rig::of_slow_media(Some("offer"), extension("1001"), vec![phone()]);
    let theirs = vec!["G729".to_owned()];
    let verdict = Box::new(AudioVerdict::NoCommonCodec { theirs, ours: vec![] });
    let why = MediaRefusal::NothingInCommon { text: "none".into(), verdict: verdict.clone() };
    rig.media(MediaEvent::Refused { leg: CALLER, why });
    rig.media(MediaEvent::Released { leg: CALLER, report: None });
    let record = rig.record.expect("finished");
    assert_eq!(record.sip_status, Some(488));
    assert_eq!(record.verdict().map(|(_, found)| found), Some(&*verdict));
}

#[test]
fn an_offer_that_is_taken_after_others_were_refused_leaves_no_verdict() {
    let mut rig = refusing(&["RTP/AVP"]);
    describe_offer(&mut rig, "RTP/SAVP");
    let device = *rig.invited().last().expect("an invitation");
    rig.say(device, LegInput::Accepted(Some("answer".into())));
    rig.media(MediaEvent::Agreed { leg: device });
    rig.say(device, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    rig.advance(5_000);
    let record = rig.record.expect("finished");
    assert!(record.answered_at_ms.is_some());
    assert_eq!(record.verdict(), None);
}

#[test]
fn a_renegotiation_without_anything_in_common_leaves_no_verdict() {
    let (mut rig, callee) = Rig::talking();
    rig.media_is_slow = true;
    rig.say(callee, LegInput::Reinvite(Some("offer".into())));
    let verdict = Box::new(AudioVerdict::NoCommonCodec { theirs: vec![], ours: vec![] });
    let why = MediaRefusal::NothingInCommon { text: "none".into(), verdict };
    rig.media(MediaEvent::Refused { leg: callee, why });
    assert!(rig.signals_to(callee).contains(&&LegAction::AnswerReinvite(Err(488))));
    rig.say(callee, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    rig.advance(5_000);
    assert_eq!(rig.record.expect("finished").verdict(), None);
}

/// A call to 1001, whose calls go elsewhere.
fn forwarding(forward: Forwarding) -> Rig {
    let number = "1001".to_owned();
    let decision = Decision::Extension { number, ring_timeout_ms: 20_000, forward };
    let phone = binding("sip:1001@127.0.0.2", Transport::Udp);
    Rig::new(Some("offer"), decision, vec![phone])
}

#[test]
fn who_is_busy_forwards_and_who_does_not_answer_does_otherwise() {
    let to = |number: &str| Some(Target::Extension(number.into()));
    let forward = Forwarding { busy: to("1003"), no_answer: to("1004"), ..Forwarding::default() };
    let mut rig = forwarding(forward.clone());
    let busy = Failure::new(HangupCause::USER_BUSY, "Busy Here");
    rig.say(rig.invited()[0], LegInput::Rejected(busy));
    assert_eq!(rig.call.number(rig.invited()[1]), Some("1003"));
    let other = rig.invited()[1];
    rig.say(other, LegInput::Ringing);
    rig.say(other, LegInput::Accepted(Some("answer".into())));
    assert!(rig.was_bridged(CALLER, other));
    let mut rig = forwarding(forward);
    rig.advance(20_000);
    assert_eq!(rig.call.number(rig.invited()[1]), Some("1004"));
    assert!(rig.signals_to(CALLER).is_empty(), "the caller has not been answered");
}

#[test]
fn extensions_that_forward_to_each_other_turn_the_caller_away() {
    let busy = Failure::new(HangupCause::USER_BUSY, "Busy Here");
    let elsewhere = Some(Target::Extension("1003".into()));
    let mut rig = forwarding(Forwarding { busy: elsewhere.clone(), ..Forwarding::default() });
    rig.forward = Forwarding { busy: elsewhere, ..Forwarding::default() };
    for round in 0..6 {
        rig.say(rig.invited()[round], LegInput::Rejected(busy.clone()));
    }
    assert_eq!(rig.cause(), Some(HangupCause::EXCHANGE_ROUTING_ERROR));
    assert_eq!(rig.invited().len(), 6);
}
