//! A party that waits in a queue, and the agents who are rung for it.

mod rig;

use offhook_call::{Action, Failure, LegAction, LegInput, OfferReport, Offered};
use offhook_model::{
    HangupCause, LegId, MediaCommand, MediaEvent, OfferId, QueueId, Target, Transport,
};
use offhook_routing::Decision;
use rig::{CALLER, Rig, binding};

fn queue() -> QueueId {
    QueueId("sales".into())
}

fn offered(number: u64) -> Offered {
    Offered {
        offer: OfferId(number),
        queue: queue(),
        queue_name: "Sales".into(),
        waited_ms: 4_000,
        auto_answer: false,
        callback: None,
    }
}

fn waiting() -> Rig {
    let phone = binding("sip:2001@127.0.0.2", Transport::Udp);
    let mut rig = Rig::new(Some("offer"), Decision::Queue { queue: queue() }, vec![phone]);
    rig.call.handle_joined("music:".into());
    rig.run();
    rig
}

/// The leg by which an agent is rung.
fn offer(rig: &mut Rig, number: u64, agent: &str) -> LegId {
    rig.call.handle_offer(agent.into(), offered(number));
    rig.run();
    *rig.invited().last().expect("an agent is rung")
}

fn hears(rig: &Rig) -> (Vec<&str>, bool) {
    let heard = rig.commands.iter().rev().find_map(|command| match command {
        MediaCommand::Play { leg: CALLER, prompts, repeat } => Some((prompts, *repeat)),
        _ => None,
    });
    let (prompts, repeat) = heard.expect("something is played");
    (prompts.iter().map(String::as_str).collect(), repeat)
}

#[test]
fn a_caller_is_answered_and_hears_music_while_it_waits() {
    let rig = waiting();
    assert!(matches!(rig.signals_to(CALLER)[..], [LegAction::Accept(_)]));
    assert_eq!(rig.waiting, [Action::JoinQueue { leg: CALLER, queue: queue() }]);
    assert_eq!(hears(&rig), (vec!["music:"], true));
}

#[test]
fn an_announcement_is_followed_by_the_music() {
    let mut rig = waiting();
    rig.call.announce(&["tts:You are first."]);
    rig.run();
    assert_eq!(hears(&rig), (vec!["tts:You are first."], false));
    rig.media(MediaEvent::PlayFinished { leg: CALLER });
    assert_eq!(hears(&rig), (vec!["music:"], true));
}

#[test]
fn an_agent_who_answers_talks_and_the_queue_is_left() {
    let mut rig = waiting();
    let agent = offer(&mut rig, 1, "2001");
    rig.say(agent, LegInput::Ringing);
    rig.say(agent, LegInput::Accepted(Some("answer".into())));
    assert!(rig.was_bridged(CALLER, agent));
    let told = [
        Action::JoinQueue { leg: CALLER, queue: queue() },
        Action::Offer(OfferId(1), OfferReport::Ringing),
        Action::Offer(OfferId(1), OfferReport::Answered),
        Action::LeaveQueue { leg: CALLER },
    ];
    assert_eq!(rig.waiting, told);
    rig.say(agent, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    assert_eq!(rig.record.expect("a record").answered_by.as_deref(), Some("2001"));
}

#[test]
fn an_agents_device_is_told_of_the_queue() {
    let mut rig = waiting();
    let agent = offer(&mut rig, 1, "2001");
    let told = rig.signals_to(agent);
    assert!(
        matches!(&told[..], [LegAction::Invite { offered: Some(told), .. }] if *told == offered(1))
    );
}

#[test]
fn of_two_agents_who_answer_the_first_has_the_call() {
    let mut rig = waiting();
    let (first, second) = (offer(&mut rig, 1, "2001"), offer(&mut rig, 2, "2002"));
    rig.media_is_slow = true;
    rig.say(first, LegInput::Accepted(Some("answer".into())));
    rig.say(second, LegInput::Accepted(Some("answer".into())));
    rig.media_catches_up();
    assert!(rig.was_bridged(CALLER, first));
    let let_go = LegAction::HangUp(HangupCause::NON_SELECTED_USER_CLEARING);
    assert_eq!(rig.signals_to(second).last(), Some(&&let_go));
    let answered = rig
        .waiting
        .iter()
        .filter(|action| matches!(action, Action::Offer(_, OfferReport::Answered)));
    assert_eq!(answered.count(), 1);
}

#[test]
fn an_offer_that_is_refused_or_reaches_nobody_is_reported_and_the_caller_waits_on() {
    let mut rig = waiting();
    let agent = offer(&mut rig, 1, "2001");
    let busy = Failure::new(HangupCause::USER_BUSY, "Busy Here");
    rig.say(agent, LegInput::Rejected(busy.clone()));
    assert_eq!(rig.waiting.last(), Some(&Action::Offer(OfferId(1), OfferReport::Failed(busy))));
    rig.bindings.clear();
    rig.call.handle_offer("2002".into(), offered(2));
    rig.run();
    assert!(matches!(rig.waiting.last(), Some(Action::Offer(OfferId(2), OfferReport::Failed(_)))));
    assert!(rig.record.is_none());
}

#[test]
fn an_offer_that_is_withdrawn_rings_no_longer() {
    let mut rig = waiting();
    let agent = offer(&mut rig, 1, "2001");
    rig.call.handle_withdrawal(OfferId(1), HangupCause::NO_ANSWER);
    rig.run();
    assert_eq!(rig.signals_to(agent).last(), Some(&&LegAction::HangUp(HangupCause::NO_ANSWER)));
    assert!(rig.record.is_none());
}

#[test]
fn a_withdrawal_that_comes_after_the_answer_changes_nothing() {
    let mut rig = waiting();
    let agent = offer(&mut rig, 1, "2001");
    rig.media_is_slow = true;
    rig.say(agent, LegInput::Accepted(Some("answer".into())));
    rig.call.handle_withdrawal(OfferId(1), HangupCause::NO_ANSWER);
    rig.run();
    rig.media_catches_up();
    assert!(rig.was_bridged(CALLER, agent));
}

#[test]
fn nobody_rings_for_a_caller_who_is_gone() {
    let mut rig = waiting();
    let agent = offer(&mut rig, 1, "2001");
    rig.say(CALLER, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    assert!(matches!(rig.signals_to(agent).last(), Some(LegAction::HangUp(_))));
    assert_eq!(rig.waiting.last(), Some(&Action::LeaveQueue { leg: CALLER }));
    assert!(rig.record.is_some());
}

#[test]
fn an_agent_who_cannot_be_connected_leaves_the_caller_where_it_was() {
    let mut rig = waiting();
    let agent = offer(&mut rig, 1, "2001");
    rig.media_is_slow = true;
    rig.say(agent, LegInput::Accepted(Some("answer".into())));
    rig.say(agent, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    let again = Action::JoinQueue { leg: CALLER, queue: queue() };
    assert!(rig.waiting.iter().filter(|action| **action == again).count() == 2);
    assert_eq!(hears(&rig), (vec!["music:"], true));
    assert!(rig.record.is_none());
}

#[test]
fn a_caller_who_is_sent_on_leaves_the_queue() {
    let mut rig = waiting();
    let agent = offer(&mut rig, 1, "2001");
    rig.call.send_on(Target::Play("tts:sorry".into()), None);
    rig.run();
    assert!(matches!(rig.signals_to(agent).last(), Some(LegAction::HangUp(_))));
    assert_eq!(rig.waiting.last(), Some(&Action::LeaveQueue { leg: CALLER }));
    assert_eq!(hears(&rig), (vec!["tts:sorry"], false));
    rig.media(MediaEvent::PlayFinished { leg: CALLER });
    assert_eq!(rig.cause(), Some(HangupCause::NORMAL_CLEARING));
}

#[test]
fn a_transferred_party_waits_and_the_transferor_is_let_go() {
    let (mut rig, callee) = Rig::talking();
    rig.call.handle_refer(callee, Decision::Queue { queue: queue() }, rig.now_ms);
    rig.run();
    assert_eq!(rig.waiting, [Action::JoinQueue { leg: CALLER, queue: queue() }]);
    assert!(matches!(rig.signals_to(callee).last(), Some(LegAction::HangUp(_))));
    assert!(rig.record.is_none());
}
