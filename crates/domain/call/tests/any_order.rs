//! Whatever happens in whatever order, a call ends once and leaves nothing behind.

mod rig;

use offhook_call::{Failure, LegAction, LegInput};
use offhook_model::{HangupCause, LegId, MediaCommand, MediaEvent, MediaTrouble, Transport};
use proptest::prelude::*;
use rig::{CALLER, Rig, binding, extension};

fn input() -> impl Strategy<Value = LegInput> {
    prop_oneof![
        Just(LegInput::Ringing),
        Just(LegInput::Accepted(Some("answer".into()))),
        Just(LegInput::Accepted(None)),
        Just(LegInput::Rejected(Failure::new(HangupCause::USER_BUSY, "Busy"))),
        Just(LegInput::Rejected(Failure::new(HangupCause::INCOMPATIBLE_DESTINATION, "No"))),
        Just(LegInput::Acked(None)),
        Just(LegInput::Acked(Some("answer".into()))),
        Just(LegInput::Cancelled),
        Just(LegInput::HungUp(HangupCause::NORMAL_CLEARING)),
        Just(LegInput::Lost(HangupCause::RECOVERY_ON_TIMER_EXPIRE)),
        Just(LegInput::Reinvite(Some("offer".into()))),
        Just(LegInput::Reinvite(None)),
        Just(LegInput::Dtmf("1".into())),
        Just(LegInput::TakesInfo),
    ]
}

#[derive(Debug, Clone)]
enum Step {
    Leg(u64, LegInput),
    Refer(u64),
    Trouble(u64),
    Advance(u64),
    Slow(bool),
    CatchUp,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..6u64, input()).prop_map(|(leg, input)| Step::Leg(leg, input)),
        1 => (0..6u64).prop_map(Step::Refer),
        1 => (0..6u64).prop_map(Step::Trouble),
        1 => (0..30_000u64).prop_map(Step::Advance),
        1 => any::<bool>().prop_map(Step::Slow),
        1 => Just(Step::CatchUp),
    ]
}

fn carry_out(rig: &mut Rig, step: Step) {
    match step {
        Step::Leg(leg, input) => rig.say(LegId(CALLER.0 + leg), input),
        Step::Refer(leg) => {
            rig.call.handle_refer(LegId(CALLER.0 + leg), extension("1003"), rig.now_ms);
            rig.run();
        }
        Step::Trouble(leg) => {
            let leg = LegId(CALLER.0 + leg);
            rig.media(MediaEvent::Trouble { leg, what: MediaTrouble::IceFailed });
        }
        Step::Advance(ms) => rig.advance(ms),
        Step::Slow(slow) => rig.media_is_slow = slow,
        Step::CatchUp => rig.media_catches_up(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn a_call_ends_once_and_releases_every_leg(
        late_offer in any::<bool>(),
        is_placed in any::<bool>(),
        devices in 0..3usize,
        steps in prop::collection::vec(step(), 0..40),
    ) {
        let device = binding("sip:1001@127.0.0.2", Transport::Udp);
        let offer = (!late_offer).then_some("offer");
        let devices = vec![device; devices];
        let mut rig = match is_placed {
            true => Rig::placed(devices),
            false => Rig::new(offer, extension("1001"), devices),
        };
        for step in steps {
            carry_out(&mut rig, step);
        }
        rig.call.hang_up(HangupCause::NORMAL_CLEARING, rig.now_ms);
        rig.run();
        rig.media_catches_up();
        rig.advance(60_000);
        let record = rig.record.as_ref().expect("every call leaves a record");
        prop_assert!(rig.call.is_finished());
        prop_assert!(record.ended_at_ms >= record.started_at_ms);
        for leg in &record.legs {
            let made = rig.commands.iter().any(|c| matches!(c, MediaCommand::Offer { leg: l, .. }
                | MediaCommand::Answer { leg: l, .. } if *l == leg.leg));
            let released = rig.commands.contains(&MediaCommand::Release { leg: leg.leg });
            prop_assert_eq!(made, released);
        }
        let finals = rig.signals_to(CALLER).into_iter().filter(|action| matches!(action,
            LegAction::Accept(_) | LegAction::Reject(_))).count();
        prop_assert!(finals <= 1, "the caller got {} final answers", finals);
    }
}
