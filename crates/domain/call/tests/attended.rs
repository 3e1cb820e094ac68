//! Attended transfer and three-way calls: a leg goes over from one call to another.

mod rig;

use offhook_call::{LegAction, LegInput};
use offhook_model::{HangupCause, LegId, MediaCommand, MediaEvent, Transport};
use proptest::prelude::*;
use rig::{CALLER, Rig, binding};
use std::collections::BTreeMap;

const CONSULTING: LegId = LegId(8 << 16);

/// A customer talks with an agent, who talks with somebody else in a second call.
fn consulting() -> (Rig, LegId, Rig, LegId) {
    let (call, agent) = Rig::talking();
    let phone = binding("sip:1003@127.0.0.4", Transport::Udp);
    let mut second = Rig::second("1001", Some("offer"), vec![phone]);
    let target = second.invited()[0];
    second.say(target, LegInput::Accepted(Some("answer".into())));
    assert!(second.was_bridged(CONSULTING, target));
    (call, agent, second, target)
}

#[test]
fn the_two_talk_in_the_first_call_and_the_transferor_is_let_go_in_both() {
    let (mut call, agent, mut second, target) = consulting();
    assert_eq!(call.adopt(agent, &mut second, CONSULTING), Some(target));
    assert!(call.was_bridged(CALLER, target));
    let told = call.signals_to(agent);
    let expected = [
        LegAction::AnswerRefer(202),
        LegAction::NotifyRefer(200),
        LegAction::HangUp(HangupCause::NORMAL_CLEARING),
    ];
    assert!(told.ends_with(&expected.iter().collect::<Vec<_>>()), "{told:?}");
    assert!(call.commands.contains(&MediaCommand::Release { leg: agent }));
    assert!(!second.commands.contains(&MediaCommand::Release { leg: target }));
    assert_eq!(second.cause(), Some(HangupCause::ATTENDED_TRANSFER));
    let consulted = second.record.as_ref().expect("the second call is over");
    assert_eq!(consulted.legs.len(), 2);
    assert_eq!(consulted.answered_by.as_deref(), Some("1003"));
}

#[test]
fn the_times_of_the_first_call_go_on() {
    let (mut call, agent, mut second, target) = consulting();
    call.adopt(agent, &mut second, CONSULTING);
    call.advance(60_000);
    call.say(target, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    let record = call.record.expect("the call is over");
    assert_eq!((record.ring_ms, record.talk_ms), (3_000, 60_000));
    assert_eq!(record.answered_by.as_deref(), Some("1001"));
    let numbers: Vec<_> = record.legs.iter().map(|leg| leg.number.as_str()).collect();
    assert_eq!(numbers, ["1002", "1001", "1003"]);
    assert!(call.commands.contains(&MediaCommand::Release { leg: target }));
}

#[test]
fn a_party_that_was_handed_over_can_be_sent_on() {
    let (mut call, agent, mut second, target) = consulting();
    call.adopt(agent, &mut second, CONSULTING);
    call.call.handle_refer(target, rig::extension("1001"), call.now_ms);
    call.run();
    let third = *call.invited().last().expect("an attempt");
    call.say(third, LegInput::Accepted(Some("answer".into())));
    assert!(call.was_bridged(CALLER, third));
    assert!(call.commands.contains(&MediaCommand::Release { leg: target }));
}

#[test]
fn who_talks_with_nobody_has_nobody_to_hand_over() {
    let (mut call, agent) = Rig::talking();
    let mut second = Rig::second("1001", Some("offer"), vec![]);
    assert_eq!(call.adopt(agent, &mut second, CONSULTING), None);
    assert!(second.call.release_partner(CONSULTING, second.now_ms).is_none());
}

/// One thing that happens in one of two calls, or between them.
#[derive(Debug, Clone)]
enum Step {
    Leg(usize, usize, LegInput),
    Trouble(usize, usize),
    Refer(usize, usize),
    Adopt(usize, usize, usize),
    LetIn(usize, usize),
    Advance(u64),
    Slow(usize, bool),
    CatchUp(usize),
}

fn input() -> impl Strategy<Value = LegInput> {
    prop_oneof![
        4 => Just(LegInput::Accepted(Some("answer".into()))),
        1 => Just(LegInput::Accepted(None)),
        1 => Just(LegInput::Acked(Some("answer".into()))),
        1 => Just(LegInput::HungUp(HangupCause::NORMAL_CLEARING)),
        1 => Just(LegInput::Lost(HangupCause::RECOVERY_ON_TIMER_EXPIRE)),
        1 => Just(LegInput::Reinvite(Some("offer".into()))),
        1 => Just(LegInput::Reinvite(None)),
        1 => Just(LegInput::ReinviteRefused),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let (one, leg) = (|| 0..2usize, || 0..6usize);
    prop_oneof![
        6 => (one(), leg(), input()).prop_map(|(call, leg, input)| Step::Leg(call, leg, input)),
        1 => (one(), leg()).prop_map(|(call, leg)| Step::Trouble(call, leg)),
        1 => (one(), leg()).prop_map(|(call, leg)| Step::Refer(call, leg)),
        4 => (one(), leg(), leg()).prop_map(|(to, leg, other)| Step::Adopt(to, leg, other)),
        2 => (one(), leg()).prop_map(|(to, other)| Step::LetIn(to, other)),
        1 => (0..30_000u64).prop_map(Step::Advance),
        1 => (one(), any::<bool>()).prop_map(|(call, slow)| Step::Slow(call, slow)),
        1 => one().prop_map(Step::CatchUp),
    ]
}

/// The legs that each of the two calls has.
type Legs = [Vec<LegId>; 2];

fn in_order(rigs: &mut [Rig; 2], first: usize) -> [&mut Rig; 2] {
    let [a, b] = rigs;
    if first == 0 { [a, b] } else { [b, a] }
}

fn note_moved(legs: &mut Legs, to: usize, moved: Option<LegId>) {
    let Some(party) = moved else { return };
    legs[1 - to].retain(|known| *known != party);
    legs[to].push(party);
}

fn carry_out(rigs: &mut [Rig; 2], legs: &mut Legs, step: Step) {
    let named = |legs: &Legs, call: usize, leg: usize| {
        legs[call].get(leg).copied().unwrap_or(LegId(u64::MAX))
    };
    match step {
        Step::Leg(call, leg, input) => rigs[call].say(named(legs, call, leg), input),
        Step::Trouble(call, leg) => {
            let leg = named(legs, call, leg);
            let what = offhook_model::MediaTrouble::IceFailed;
            rigs[call].media(MediaEvent::Trouble { leg, what });
        }
        Step::Refer(call, leg) => {
            let now_ms = rigs[call].now_ms;
            let leg = named(legs, call, leg);
            rigs[call].call.handle_refer(leg, rig::extension("1009"), now_ms);
            rigs[call].run();
        }
        Step::Adopt(to, leg, other) => {
            let (leg, other) = (named(legs, to, leg), named(legs, 1 - to, other));
            let [into, from] = in_order(rigs, to);
            note_moved(legs, to, into.adopt(leg, from, other));
        }
        Step::LetIn(to, other) => {
            let other = named(legs, 1 - to, other);
            let [into, from] = in_order(rigs, to);
            note_moved(legs, to, into.let_in(from, other));
        }
        Step::Advance(ms) => rigs.iter_mut().for_each(|rig| rig.advance(ms)),
        Step::Slow(call, slow) => rigs[call].media_is_slow = slow,
        Step::CatchUp(call) => rigs[call].media_catches_up(),
    }
    for (rig, known) in rigs.iter().zip(legs) {
        let invited = rig.invited().into_iter();
        let new: Vec<_> = invited.filter(|leg| !known.contains(leg)).collect();
        known.extend(new.into_iter().filter(|leg| !rig.has_gone(*leg)));
    }
}

/// Whom each leg is bridged with when all of this was done; nobody is bridged while it is bridged.
fn bridges(commands: &[MediaCommand]) -> Result<BTreeMap<LegId, LegId>, String> {
    let mut partners = BTreeMap::new();
    for command in commands {
        match command {
            MediaCommand::Bridge { a, b } => {
                let had = [partners.insert(*a, *b), partners.insert(*b, *a)];
                let kept = had == [None, None] || had == [Some(*b), Some(*a)];
                kept.then_some(()).ok_or(format!("{a} and {b} had {had:?}"))?;
            }
            MediaCommand::Unbridge { leg } | MediaCommand::Release { leg } => {
                let partner = partners.remove(leg);
                partner.and_then(|partner| partners.remove(&partner));
            }
            _ => {}
        }
    }
    Ok(partners)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn two_calls_leave_one_record_each_and_release_every_leg_once(
        has_offer in any::<bool>(),
        steps in prop::collection::vec(step(), 0..40),
    ) {
        let device = binding("sip:1001@127.0.0.2", Transport::Udp);
        let offer = has_offer.then_some("offer");
        let mut rigs = [
            Rig::new(offer, rig::extension("1001"), vec![device.clone()]),
            Rig::second("1001", offer, vec![device]),
        ];
        let mut legs = [vec![CALLER], vec![CONSULTING]];
        for (rig, known) in rigs.iter().zip(&mut legs) {
            known.extend(rig.invited());
        }
        for step in steps {
            carry_out(&mut rigs, &mut legs, step);
        }
        let mut commands = Vec::new();
        for rig in &mut rigs {
            rig.media_is_slow = false;
            rig.media_catches_up();
            rig.call.hang_up(HangupCause::NORMAL_CLEARING, rig.now_ms);
            rig.run();
            rig.advance(60_000);
            prop_assert!(rig.record.is_some(), "every call leaves a record");
            let parted = bridges(&rig.commands);
            prop_assert!(parted.is_ok(), "{:?}", parted);
            commands.extend(rig.commands.iter().cloned());
        }
        for made in &commands {
            let (MediaCommand::Offer { leg, .. } | MediaCommand::Answer { leg, .. }) = made else {
                continue;
            };
            let released = commands.iter().filter(|c| **c == MediaCommand::Release { leg: *leg });
            prop_assert_eq!(released.count(), 1, "{}", leg);
        }
    }
}
