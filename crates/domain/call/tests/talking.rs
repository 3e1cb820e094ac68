//! What happens to a call after its answer: hold, transfer, hang-up, services.

mod rig;

use offhook_call::{Failure, LegAction, LegInput};
use offhook_model::{
    ConferenceSettings, HangupCause, MediaCommand, MediaEvent, Party, Service, Target, Transport,
};
use offhook_routing::Decision;
use rig::{CALLER, Rig, binding, extension};

fn service(service: Service) -> Decision {
    Decision::Service { number: "6000".into(), service }
}

fn direct_call() -> Decision {
    service(Service::GoTo {
        welcome: Some("tts:welcome".into()),
        target: Target::Extension("1001".into()),
        otherwise: Some(Target::Play("tts:sorry".into())),
    })
}

#[test]
fn an_echo_is_answered_at_once() {
    let mut rig = Rig::new(Some("offer"), service(Service::Echo { delay_ms: 500 }), vec![]);
    assert!(matches!(rig.signals_to(CALLER)[..], [LegAction::Accept(_)]));
    assert!(rig.commands.contains(&MediaCommand::Echo { leg: CALLER, delay_ms: 500 }));
    rig.say(CALLER, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    let record = rig.record.expect("finished");
    assert_eq!(record.hung_up_by, Party::Caller);
    assert_eq!(record.answered_by.as_deref(), Some("6000"));
}

#[test]
fn a_conference_is_joined_by_its_number_and_again_after_a_renegotiation() {
    let conference = Service::Conference(ConferenceSettings::default());
    let mut rig = Rig::new(Some("offer"), service(conference), vec![]);
    assert_eq!(rig.joined, [(CALLER, "6000".to_owned())]);
    rig.media(MediaEvent::PlayFinished { leg: CALLER });
    assert!(rig.record.is_none(), "an announcement does not end the call");
    rig.media(MediaEvent::Agreed { leg: CALLER });
    assert_eq!(rig.joined.len(), 2);
    rig.say(CALLER, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    assert!(rig.record.is_some());
}

#[test]
fn a_direct_call_welcomes_and_then_rings() {
    let phone = binding("sip:1001@127.0.0.2", Transport::Udp);
    let mut rig = Rig::new(Some("offer"), direct_call(), vec![phone]);
    assert!(rig.invited().is_empty());
    rig.media(MediaEvent::PlayFinished { leg: CALLER });
    let callee = rig.invited()[0];
    rig.say(callee, LegInput::Accepted(Some("answer".into())));
    assert!(rig.was_bridged(CALLER, callee));
}

#[test]
fn a_direct_call_that_nobody_takes_ends_with_an_apology() {
    let mut rig = Rig::new(Some("offer"), direct_call(), vec![]);
    rig.media(MediaEvent::PlayFinished { leg: CALLER });
    let apology =
        MediaCommand::Play { leg: CALLER, prompts: vec!["tts:sorry".into()], repeat: false };
    assert_eq!(rig.commands.last(), Some(&apology));
    assert!(rig.record.is_none());
    rig.media(MediaEvent::PlayFinished { leg: CALLER });
    let record = rig.record.expect("finished");
    assert_eq!(record.hung_up_by, Party::System);
    assert_eq!(record.cause, HangupCause::NORMAL_CLEARING);
}

#[test]
fn a_party_that_holds_is_answered_by_its_own_leg_alone() {
    let (mut rig, callee) = Rig::talking();
    rig.say(CALLER, LegInput::Reinvite(Some("sendonly".into())));
    let answer = LegAction::AnswerReinvite(Ok(format!("answer for {CALLER}")));
    assert_eq!(rig.signals_to(CALLER).last(), Some(&&answer));
    assert_eq!(rig.signals_to(callee).len(), 1);
}

#[test]
fn two_offers_at_once_on_a_leg_are_one_too_many() {
    let (mut rig, callee) = Rig::talking();
    rig.media_is_slow = true;
    rig.say(callee, LegInput::Reinvite(Some("one".into())));
    rig.say(callee, LegInput::Reinvite(Some("two".into())));
    let refused = LegAction::AnswerReinvite(Err(491));
    assert_eq!(rig.signals_to(callee).last(), Some(&&refused));
    rig.media_catches_up();
    let answered = LegAction::AnswerReinvite(Ok(format!("answer for {callee}")));
    assert_eq!(rig.signals_to(callee).last(), Some(&&answered));
}

#[test]
fn keys_sent_by_info_take_the_way_of_those_in_the_audio() {
    let (mut rig, callee) = Rig::talking();
    for leg in [CALLER, callee] {
        rig.say(leg, LegInput::Dtmf("5".into()));
        let passed = MediaCommand::HandleDtmf { leg, digits: "5".into(), duration_ms: 160 };
        assert_eq!(rig.commands.last(), Some(&passed));
    }
}

#[test]
fn a_party_that_takes_info_is_told_of_keys_so() {
    let (mut rig, callee) = Rig::talking();
    rig.say(callee, LegInput::TakesInfo);
    assert_eq!(rig.commands.last(), Some(&MediaCommand::TakesInfo { leg: callee }));
    rig.media(MediaEvent::SendInfo { leg: callee, digit: '#', duration_ms: 120 });
    let told = LegAction::SendDtmf { digit: '#', duration_ms: 120 };
    assert_eq!(rig.signals_to(callee).last(), Some(&&told));
}

#[test]
fn a_welcome_that_a_key_ends_is_over() {
    let phone = binding("sip:1001@127.0.0.2", Transport::Udp);
    let mut rig = Rig::new(Some("offer"), direct_call(), vec![phone]);
    rig.media(MediaEvent::PlayInterrupted { leg: CALLER, digit: '1' });
    assert_eq!(rig.invited().len(), 1);
}

#[test]
fn a_transferred_party_talks_to_the_target_and_the_transferor_is_let_go() {
    let (mut rig, callee) = Rig::talking();
    rig.call.handle_refer(callee, extension("1003"), rig.now_ms);
    rig.run();
    let third = rig.invited()[1];
    rig.say(third, LegInput::Ringing);
    assert!(rig.was_bridged(CALLER, callee));
    rig.say(third, LegInput::Accepted(Some("answer".into())));
    assert!(rig.was_bridged(CALLER, third));
    let told = rig.signals_to(callee);
    let expected = [
        LegAction::AnswerRefer(202),
        LegAction::NotifyRefer(100),
        LegAction::NotifyRefer(200),
        LegAction::HangUp(HangupCause::NORMAL_CLEARING),
    ];
    assert!(told.ends_with(&expected.iter().collect::<Vec<_>>()));
    rig.say(CALLER, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    assert_eq!(rig.record.expect("finished").answered_by.as_deref(), Some("1003"));
}

#[test]
fn a_transfer_that_fails_gives_the_party_back() {
    let (mut rig, callee) = Rig::talking();
    rig.call.handle_refer(callee, extension("1003"), rig.now_ms);
    rig.run();
    let third = rig.invited()[1];
    let busy = Failure::new(HangupCause::USER_BUSY, "Busy Here");
    rig.say(third, LegInput::Rejected(busy));
    assert_eq!(rig.signals_to(callee).last(), Some(&&LegAction::NotifyRefer(486)));
    let bridges = rig.commands.iter().filter(|c| matches!(c, MediaCommand::Bridge { .. }));
    assert_eq!(bridges.count(), 2);
    assert!(rig.record.is_none());
}

#[test]
fn a_transferor_who_hung_up_cannot_get_the_party_back() {
    let (mut rig, callee) = Rig::talking();
    rig.call.handle_refer(callee, extension("1003"), rig.now_ms);
    rig.run();
    rig.say(callee, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    assert!(rig.record.is_none());
    rig.advance(30_000);
    assert_eq!(rig.cause(), Some(HangupCause::NO_ANSWER));
}

#[test]
fn a_refer_of_nobody_is_refused() {
    let mut rig = Rig::new(Some("offer"), service(Service::Echo { delay_ms: 0 }), vec![]);
    rig.call.handle_refer(CALLER, extension("1003"), rig.now_ms);
    rig.run();
    assert_eq!(rig.signals_to(CALLER).last(), Some(&&LegAction::AnswerRefer(481)));
}

#[test]
fn the_record_does_not_wait_for_ever_for_media() {
    let (mut rig, _) = Rig::talking();
    rig.media_is_slow = true;
    rig.call.hang_up(HangupCause::NORMAL_CLEARING, rig.now_ms);
    rig.run();
    assert!(rig.record.is_none());
    rig.advance(offhook_call::RELEASE_WAIT_MS);
    assert_eq!(rig.record.as_ref().map(|record| record.hung_up_by), Some(Party::System));
    rig.media_catches_up();
}

#[test]
fn a_call_is_plain_data() {
    let (rig, _) = Rig::talking();
    let text = serde_json::to_string(&rig.call).expect("serialises");
    let back: offhook_call::Call = serde_json::from_str(&text).expect("reads back");
    assert_eq!(back, rig.call);
}
