//! Parties whose device is lost and who come back, and calls that are picked up.

mod rig;

use offhook_call::{LegAction, LegInput, OfferReport, Offered, REATTACH_MS};
use offhook_model::{
    HangupCause, LegId, MediaCommand, MediaEvent, MediaTrouble, OfferId, Party, QueueId, Transport,
};
use offhook_routing::Decision;
use rig::{CALLER, Rig, binding, extension};

fn lose(rig: &mut Rig, leg: LegId) {
    rig.media(MediaEvent::Connected { leg });
    rig.media(MediaEvent::Trouble { leg, what: MediaTrouble::IceFailed });
}

fn plays_music_to(rig: &Rig, leg: LegId) -> bool {
    let is_music = |command: &MediaCommand| {
        matches!(command, MediaCommand::Play { leg: to, prompts, .. }
            if *to == leg && prompts == &["music:"])
    };
    rig.commands.iter().any(is_music)
}

fn bridges(rig: &Rig) -> usize {
    rig.commands.iter().filter(|c| matches!(c, MediaCommand::Bridge { .. })).count()
}

#[test]
fn the_partner_of_a_lost_party_hears_music_until_it_is_back() {
    let (mut rig, callee) = Rig::talking();
    lose(&mut rig, callee);
    assert!(plays_music_to(&rig, CALLER));
    rig.advance(REATTACH_MS - 1);
    rig.come_back(callee, "offer");
    let accepted = rig.signals_to(callee).last().copied().cloned();
    assert!(matches!(accepted, Some(LegAction::AcceptReplacement(_))), "{accepted:?}");
    assert_eq!(bridges(&rig), 2);
    rig.advance(10 * REATTACH_MS);
    assert!(rig.record.is_none());
}

#[test]
fn a_party_that_stays_away_is_gone() {
    let (mut rig, callee) = Rig::talking();
    lose(&mut rig, callee);
    rig.advance(REATTACH_MS);
    assert_eq!(rig.cause(), Some(HangupCause::DESTINATION_OUT_OF_ORDER));
    assert_eq!(rig.record.as_ref().map(|record| record.hung_up_by), Some(Party::System));
}

#[test]
fn a_partner_who_does_not_wait_ends_the_call() {
    let (mut rig, callee) = Rig::talking();
    lose(&mut rig, callee);
    rig.say(CALLER, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    assert_eq!(rig.cause(), Some(HangupCause::NORMAL_CLEARING));
}

#[test]
fn a_party_that_never_had_a_path_is_not_waited_for() {
    let (mut rig, callee) = Rig::talking();
    rig.media(MediaEvent::Trouble { leg: callee, what: MediaTrouble::IceFailed });
    assert_eq!(rig.cause(), Some(HangupCause::DESTINATION_OUT_OF_ORDER));
}

#[test]
fn nobody_is_waited_for_where_that_is_not_wanted() {
    let (mut rig, callee) = Rig::talking();
    rig.call.set_reattach_ms(0);
    lose(&mut rig, callee);
    assert_eq!(rig.cause(), Some(HangupCause::DESTINATION_OUT_OF_ORDER));
}

#[test]
fn who_comes_back_while_an_offer_is_being_answered_is_asked_to_try_again() {
    let (mut rig, callee) = Rig::talking();
    rig.media_is_slow = true;
    rig.say(callee, LegInput::Reinvite(Some("offer".into())));
    rig.come_back(callee, "offer");
    let told = rig.signals_to(callee).last().copied().cloned();
    let Some(LegAction::RefuseReplacement(failure)) = told else { panic!("{told:?}") };
    assert_eq!(failure.status, 491);
    rig.media_catches_up();
    assert!(rig.record.is_none());
}

fn ringing() -> (Rig, LegId) {
    let phone = binding("sip:1001@127.0.0.2", Transport::Udp);
    let mut rig = Rig::new(Some("offer"), extension("1001"), vec![phone]);
    let rung = rig.invited()[0];
    rig.say(rung, LegInput::Ringing);
    (rig, rung)
}

#[test]
fn a_call_that_is_picked_up_is_answered_by_whoever_does_so() {
    let (mut rig, rung) = ringing();
    let picker = rig.pick_up("1001", Some("offer")).expect("it rings there");
    assert!(rig.was_bridged(CALLER, picker));
    let elsewhere = LegAction::HangUp(HangupCause::NON_SELECTED_USER_CLEARING);
    assert_eq!(rig.signals_to(rung).last(), Some(&&elsewhere));
    assert!(rig.pick_up("1001", Some("offer")).is_none(), "nothing rings any longer");
    rig.say(picker, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    assert_eq!(rig.record.expect("over").answered_by.as_deref(), Some("1004"));
}

#[test]
fn whoever_picks_up_without_an_offer_gets_ours() {
    let (mut rig, _) = ringing();
    let picker = rig.pick_up("1001", None).expect("it rings there");
    assert!(!rig.was_bridged(CALLER, picker));
    rig.say(picker, LegInput::Acked(Some("answer".into())));
    assert!(rig.was_bridged(CALLER, picker));
}

#[test]
fn who_answers_first_has_the_call() {
    let (mut rig, rung) = ringing();
    rig.media_is_slow = true;
    let picker = rig.pick_up("1001", Some("offer")).expect("it rings there");
    rig.say(rung, LegInput::Accepted(Some("answer".into())));
    rig.media_catches_up();
    assert!(rig.was_bridged(CALLER, rung));
    let elsewhere = LegAction::HangUp(HangupCause::NON_SELECTED_USER_CLEARING);
    assert_eq!(rig.signals_to(picker), [&elsewhere]);
}

#[test]
fn a_queue_s_caller_can_be_picked_up_and_leaves_the_queue() {
    let phone = binding("sip:1001@127.0.0.2", Transport::Udp);
    let queue = QueueId("sales".into());
    let decision = Decision::Queue { queue: queue.clone() };
    let mut rig = Rig::new(Some("offer"), decision, vec![phone]);
    rig.say(CALLER, LegInput::Acked(None));
    let offered = Offered {
        offer: OfferId(1),
        queue,
        queue_name: "Sales".into(),
        waited_ms: 0,
        auto_answer: false,
        callback: None,
    };
    rig.call.handle_offer("1001".into(), offered);
    rig.run();
    let picker = rig.pick_up("1001", Some("offer")).expect("it rings there");
    assert!(rig.was_bridged(CALLER, picker));
    let said = |wanted: &offhook_call::Action| rig.waiting.contains(wanted);
    assert!(said(&offhook_call::Action::LeaveQueue { leg: CALLER }));
    let answered = offhook_call::Action::Offer(OfferId(1), OfferReport::Answered);
    assert!(!said(&answered), "the agent to whom it was offered has not answered");
}

#[test]
fn a_device_that_registers_is_rung_and_the_others_are_not_rung_twice() {
    let (mut rig, _) = ringing();
    rig.bindings.push(binding("sip:again@127.0.0.2", Transport::Udp));
    rig.call.handle_registered("1001");
    rig.run();
    assert_eq!(rig.invited().len(), 2);
    rig.call.handle_registered("1003");
    rig.run();
    assert_eq!(rig.invited().len(), 2);
}
