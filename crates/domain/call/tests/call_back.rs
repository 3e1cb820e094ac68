//! An agent is called, and then whoever is to be called back.

mod rig;

use offhook_call::{Action, Failure, LegAction, LegInput, OfferReport};
use offhook_model::{
    Forwarding, HangupCause, LegId, MediaCommand, MediaEvent, OfferId, Target, Transport,
};
use rig::{Rig, binding};

fn phone() -> offhook_model::Binding {
    binding("sip:phone@127.0.0.2", Transport::Udp)
}

/// The agent has answered and the customer's phone rings: the legs of both.
fn ringing() -> (Rig, LegId, LegId) {
    let mut rig = Rig::calling_back(vec![phone()]);
    let agent = rig.invited()[0];
    rig.say(agent, LegInput::Ringing);
    rig.say(agent, LegInput::Accepted(Some("answer".into())));
    let customer = rig.invited()[1];
    rig.say(customer, LegInput::Ringing);
    (rig, agent, customer)
}

fn offer(report: OfferReport) -> Action {
    Action::Offer(OfferId(1), report)
}

fn heard(rig: &Rig, by: LegId) -> &str {
    let played = rig.commands.iter().rev().find_map(|command| match command {
        MediaCommand::Play { leg, prompts, .. } if *leg == by => Some(prompts[0].as_str()),
        _ => None,
    });
    played.expect("something is played")
}

#[test]
fn the_agent_is_rung_with_whom_to_call_back_and_then_that_one_is() {
    let (mut rig, agent, customer) = ringing();
    let [LegAction::Invite { caller, offered: Some(offered), .. }] = rig.signals_to(agent)[..]
    else {
        panic!("{:?}", rig.signals_to(agent));
    };
    assert_eq!((caller.as_str(), offered.callback.as_deref()), ("1005", Some("1005")));
    assert_eq!(rig.waiting, [offer(OfferReport::Ringing), offer(OfferReport::Answered)]);
    assert_eq!(heard(&rig, agent), "tone:425,1000", "the agent hears that it rings");
    let [LegAction::Invite { caller, caller_name, offered: None, .. }] =
        rig.signals_to(customer)[..]
    else {
        panic!("{:?}", rig.signals_to(customer));
    };
    assert_eq!((caller.as_str(), caller_name.as_deref()), ("2001", Some("Sales")));
    rig.now_ms += 4_000;
    rig.say(customer, LegInput::Accepted(Some("answer".into())));
    assert!(rig.was_bridged(agent, customer));
    assert_eq!(rig.waiting.last(), Some(&Action::CalledBack { is_reached: true }));
    rig.now_ms += 9_000;
    rig.say(customer, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    let record = rig.record.expect("the call is over");
    assert_eq!((record.caller.as_str(), record.dialled.as_str()), ("2001", "1005"));
    assert_eq!((record.answered_by.as_deref(), record.talk_ms), (Some("1005"), 9_000));
}

#[test]
fn the_agent_is_told_when_nobody_is_reached() {
    let (mut rig, agent, customer) = ringing();
    rig.forward = Forwarding::default();
    rig.say(customer, LegInput::Rejected(Failure::new(HangupCause::USER_BUSY, "Busy Here")));
    assert_eq!(rig.waiting.last(), Some(&Action::CalledBack { is_reached: false }));
    assert_eq!(heard(&rig, agent), "tts:Nobody could be reached at that number.");
    assert_eq!(rig.cause(), None);
    rig.media(MediaEvent::PlayFinished { leg: agent });
    let record = rig.record.expect("the call is over");
    assert_eq!((record.cause, record.sip_status), (HangupCause::USER_BUSY, Some(486)));
    assert_eq!((record.answered_at_ms, record.answered_by), (None, None));
    assert!(matches!(rig.signalled.last(), Some((leg, LegAction::HangUp(_))) if *leg == agent));
}

#[test]
fn whoever_does_not_answer_is_not_called_for_ever_nor_somewhere_else() {
    let mut rig = Rig::calling_back(vec![phone()]);
    let no_answer = Some(Target::Voicemail("1005".into()));
    rig.forward = Forwarding { no_answer, ..Forwarding::default() };
    let agent = rig.invited()[0];
    rig.say(agent, LegInput::Accepted(Some("answer".into())));
    rig.advance(20_000);
    assert_eq!(rig.waiting.last(), Some(&Action::CalledBack { is_reached: false }));
    assert!(heard(&rig, agent).starts_with("tts:Nobody"));
}

#[test]
fn an_agent_who_hangs_up_or_does_not_answer_ends_the_call() {
    let (mut rig, agent, customer) = ringing();
    rig.say(agent, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    assert!(matches!(rig.signals_to(customer).last(), Some(LegAction::HangUp(_))));
    assert!(rig.record.is_some(), "the call is over");
    assert!(!rig.waiting.iter().any(|action| matches!(action, Action::CalledBack { .. })));
    let mut rig = Rig::calling_back(vec![phone()]);
    let agent = rig.invited()[0];
    let failure = Failure::new(HangupCause::CALL_REJECTED, "Decline");
    rig.say(agent, LegInput::Rejected(failure.clone()));
    assert_eq!(rig.waiting, [offer(OfferReport::Failed(failure))]);
    assert!(rig.record.is_some(), "the call is over");
    assert!(matches!(
        Rig::calling_back(vec![]).waiting[..],
        [Action::Offer(_, OfferReport::Failed(_))]
    ));
}
