//! Whatever happens in whatever order, a call ends once and leaves nothing behind.

mod rig;

use offhook_call::{Failure, LegAction, LegInput};
use offhook_model::{HangupCause, LegId, MediaCommand, MediaEvent, MediaTrouble, Transport};
use proptest::prelude::*;
use rig::{CALLER, Rig, binding, extension};

/// A description with audio and, unless its port is 0, video.
fn sdp(video_port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
         m=audio 5000 RTP/AVP 0\r\nm=video {video_port} RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"
    )
}

fn video_port() -> impl Strategy<Value = u16> {
    prop_oneof![Just(0), Just(5_002)]
}

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
        Just(LegInput::Reinvited(Some(sdp(0)))),
        Just(LegInput::Reinvited(None)),
        Just(LegInput::ReinviteRefused),
        video_port().prop_map(|port| LegInput::Accepted(Some(sdp(port)))),
        video_port().prop_map(|port| LegInput::Acked(Some(sdp(port)))),
        video_port().prop_map(|port| LegInput::Reinvite(Some(sdp(port)))),
        video_port().prop_map(|port| LegInput::Reinvited(Some(sdp(port)))),
        Just(LegInput::Dtmf("1".into())),
        Just(LegInput::TakesInfo),
    ]
}

#[derive(Debug, Clone)]
enum Step {
    Leg(u64, LegInput),
    Refer(u64),
    Trouble(u64),
    Connected(u64),
    Back(u64, String),
    PickUp(bool),
    Registered,
    Advance(u64),
    Slow(bool),
    CatchUp,
    VideoPorts(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..10u64, input()).prop_map(|(leg, input)| Step::Leg(leg, input)),
        1 => (0..10u64).prop_map(Step::Refer),
        1 => (0..10u64).prop_map(Step::Trouble),
        1 => (0..10u64).prop_map(Step::Connected),
        1 => (0..10u64, back()).prop_map(|(leg, offer)| Step::Back(leg, offer)),
        1 => any::<bool>().prop_map(Step::PickUp),
        1 => Just(Step::Registered),
        1 => (0..30_000u64).prop_map(Step::Advance),
        1 => any::<bool>().prop_map(Step::Slow),
        1 => Just(Step::CatchUp),
        1 => any::<bool>().prop_map(Step::VideoPorts),
    ]
}

/// What a party that comes back offers.
fn back() -> impl Strategy<Value = String> {
    prop_oneof![Just("offer".to_owned()), video_port().prop_map(sdp)]
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
        Step::Connected(leg) => rig.media(MediaEvent::Connected { leg: LegId(CALLER.0 + leg) }),
        Step::Back(leg, offer) => rig.come_back(LegId(CALLER.0 + leg), &offer),
        Step::PickUp(has_offer) => {
            rig.pick_up("1001", has_offer.then_some("offer"));
        }
        Step::Registered => {
            rig.call.handle_registered("1001");
            rig.run();
        }
        Step::Advance(ms) => rig.advance(ms),
        Step::Slow(slow) => rig.media_is_slow = slow,
        Step::CatchUp => rig.media_catches_up(),
        Step::VideoPorts(free) => rig.has_video_ports = free,
    }
}

/// Everybody says what is waited for; then nothing is under way.
fn come_to_rest(rig: &mut Rig) {
    rig.media_is_slow = false;
    rig.media_catches_up();
    let legs = || (0..40).map(|leg| LegId(CALLER.0 + leg));
    for leg in legs() {
        rig.say(leg, LegInput::Acked(Some(sdp(0))));
    }
    // One refusal may lead to another change, of the other party.
    for _ in 0..3 {
        for leg in legs() {
            rig.say(leg, LegInput::ReinviteRefused);
        }
    }
}

/// Whether the caller was answered and nobody has ended its leg.
fn caller_is_up(rig: &Rig) -> bool {
    let signals = rig.signals_to(CALLER);
    rig.record.is_none()
        && signals.iter().any(|action| matches!(action, LegAction::Accept(_)))
        && !signals.iter().any(|action| matches!(action, LegAction::HangUp(_)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn a_call_ends_once_and_releases_every_leg(
        offer in prop_oneof![Just(None), Just(Some("offer".to_owned())), video_port().prop_map(|p| Some(sdp(p)))],
        is_placed in any::<bool>(),
        devices in 0..3usize,
        steps in prop::collection::vec(step(), 0..40),
    ) {
        let device = binding("sip:1001@127.0.0.2", Transport::Udp);
        let devices = vec![device; devices];
        let mut rig = match is_placed {
            true => Rig::placed(devices),
            false => Rig::new(offer.as_deref(), extension("1001"), devices),
        };
        for step in steps {
            carry_out(&mut rig, step);
        }
        come_to_rest(&mut rig);
        if caller_is_up(&rig) {
            let put_off = |rig: &Rig| {
                let later = LegAction::AnswerReinvite(Err(491));
                rig.signals_to(CALLER).into_iter().filter(|action| **action == later).count()
            };
            let before = put_off(&rig);
            rig.say(CALLER, LegInput::Reinvite(Some(sdp(0))));
            prop_assert_eq!(put_off(&rig), before, "nothing is under way");
        }
        rig.call.hang_up(HangupCause::NORMAL_CLEARING, rig.now_ms);
        rig.run();
        rig.media_catches_up();
        rig.advance(60_000);
        let record = rig.record.as_ref().expect("every call leaves a record");
        prop_assert!(rig.call.is_finished());
        prop_assert!(record.ended_at_ms >= record.started_at_ms);
        let made = rig.commands.iter().filter_map(|command| match command {
            MediaCommand::OfferOn { leg, .. } | MediaCommand::AnswerOn { leg, .. } => Some(*leg),
            _ => None,
        });
        for leg in made {
            let released = rig.commands.iter().filter(|c| **c == MediaCommand::Release { leg });
            prop_assert_eq!(released.count(), 1, "video of {}", leg);
        }
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
