//! A caller leaves a message, by what it is played and by what is kept.

use offhook_model::{RecordingEvent, RecordingFailure, RecordingSummary};
use offhook_voicemail::{Deposit, DepositOutput as Wanted, RETAKES_MAX, Rules, Taken};
use proptest::prelude::*;

const RULES: Rules = Rules { message_max_ms: 180_000, silence_ms: 5_000, speech_min_ms: 1_000 };

fn begin() -> Deposit {
    Deposit::begin(vec!["file:hello".into()], RULES, 0)
}

fn wanted(deposit: &mut Deposit) -> Vec<Wanted> {
    std::iter::from_fn(|| deposit.poll_output()).collect()
}

fn played(wanted: &[Wanted]) -> String {
    match wanted.last() {
        Some(Wanted::Play(prompts)) => prompts.join(" "),
        other => panic!("nothing is played but {other:?}"),
    }
}

fn stopped(speech_seconds: f64) -> RecordingEvent {
    let path = "m.wav".into();
    let summary = RecordingSummary { path, seconds: 8.0, speech_seconds, ..Default::default() };
    RecordingEvent::Stopped(summary)
}

fn taken() -> Wanted {
    Wanted::Keep(Taken { path: "m.wav".into(), duration_s: 8.0 })
}

/// A deposit whose recording runs since `now_ms`.
fn recording(now_ms: u64) -> Deposit {
    let mut deposit = begin();
    deposit.handle_play_finished(now_ms);
    deposit.handle_play_finished(now_ms);
    assert_eq!(wanted(&mut deposit).pop(), Some(Wanted::Record));
    deposit
}

#[test]
fn a_caller_hears_greeting_and_tone_and_speaks_until_it_hangs_up() {
    let mut deposit = begin();
    let greeting = played(&wanted(&mut deposit));
    assert!(greeting.starts_with("file:hello tts:Please leave a message"), "{greeting}");
    deposit.handle_play_finished(4_000);
    assert_eq!(played(&wanted(&mut deposit)), "tone:1000,800");
    deposit.handle_play_finished(4_400);
    assert_eq!(wanted(&mut deposit), [Wanted::Record]);
    deposit.handle_gone(9_000);
    assert_eq!(wanted(&mut deposit), []);
    deposit.handle_recording(&stopped(3.0), 9_100);
    assert_eq!(wanted(&mut deposit), [taken()]);
    assert!(deposit.is_over());
}

#[test]
fn the_pound_key_skips_the_greeting_and_ends_the_message() {
    let mut deposit = begin();
    deposit.handle_key('#', 500);
    assert_eq!(played(&wanted(&mut deposit)), "tone:1000,800");
    deposit.handle_play_finished(1_000);
    wanted(&mut deposit);
    deposit.handle_key('5', 2_000);
    deposit.handle_key('#', 6_000);
    assert_eq!(wanted(&mut deposit), [Wanted::EndRecording]);
    deposit.handle_recording(&stopped(3.0), 6_100);
    assert!(played(&wanted(&mut deposit)).starts_with("tts:To hear your message, press 1."));
    deposit.handle_key('1', 7_000);
    assert!(played(&wanted(&mut deposit)).starts_with("recording:m.wav else:"));
    deposit.handle_key('2', 8_000);
    let again = wanted(&mut deposit);
    assert_eq!(again[0], Wanted::Drop("m.wav".into()));
    assert_eq!(played(&again), "tone:1000,800");
    deposit.handle_play_finished(8_400);
    deposit.handle_key('#', 12_000);
    deposit.handle_recording(&stopped(2.0), 12_100);
    wanted(&mut deposit);
    deposit.handle_key('3', 13_000);
    let end = wanted(&mut deposit);
    assert_eq!(end[0], taken());
    assert!(played(&end).starts_with("tts:Thank you."));
    deposit.handle_play_finished(15_000);
    assert_eq!(wanted(&mut deposit), [Wanted::HangUp]);
}

#[test]
fn silence_ends_the_message_and_speech_puts_that_off() {
    let mut deposit = recording(1_000);
    assert_eq!(deposit.poll_timeout(), Some(6_000));
    deposit.handle_recording(&RecordingEvent::Speech { is_speaking: true }, 2_000);
    assert_eq!(deposit.poll_timeout(), Some(181_000), "the longest message");
    deposit.handle_recording(&RecordingEvent::Speech { is_speaking: false }, 10_000);
    deposit.handle_timeout(14_999);
    assert_eq!(wanted(&mut deposit), []);
    deposit.handle_timeout(15_000);
    assert_eq!(wanted(&mut deposit), [Wanted::EndRecording]);
    deposit.handle_recording(&stopped(8.0), 15_100);
    assert_eq!(wanted(&mut deposit)[0], taken());
}

#[test]
fn what_is_too_short_is_dropped() {
    let mut gone = recording(0);
    gone.handle_gone(900);
    gone.handle_recording(&stopped(0.9), 1_000);
    assert_eq!(wanted(&mut gone), [Wanted::Drop("m.wav".into())]);
    assert!(gone.is_over());

    let mut silent = recording(0);
    silent.handle_timeout(5_000);
    silent.handle_recording(&stopped(0.0), 5_100);
    let end = wanted(&mut silent);
    assert_eq!(end[1], Wanted::Drop("m.wav".into()));
    assert!(played(&end).contains("did not hear"));

    let mut hasty = recording(0);
    for _ in 0..RETAKES_MAX {
        hasty.handle_key('#', 10);
        hasty.handle_recording(&stopped(0.1), 20);
        assert!(played(&wanted(&mut hasty)).starts_with("tts:That was too short."));
        hasty.handle_play_finished(30);
    }
    hasty.handle_key('#', 40);
    hasty.handle_recording(&stopped(0.1), 50);
    assert_eq!(played(&wanted(&mut hasty)), "tts:Goodbye.");
}

#[test]
fn whoever_presses_no_key_or_hangs_up_has_left_the_message() {
    let choosing = || {
        let mut deposit = recording(0);
        deposit.handle_key('#', 5_000);
        deposit.handle_recording(&stopped(3.0), 5_100);
        wanted(&mut deposit);
        deposit
    };
    let mut silent = choosing();
    for now_ms in [20_000, 30_000] {
        silent.handle_play_finished(now_ms);
        silent.handle_timeout(now_ms + 6_000);
        assert!(played(&wanted(&mut silent)).starts_with("tts:To hear"));
    }
    silent.handle_play_finished(40_000);
    silent.handle_timeout(46_000);
    assert_eq!(wanted(&mut silent)[0], taken());
    let mut gone = choosing();
    gone.handle_gone(9_000);
    assert_eq!(wanted(&mut gone), [taken()]);
}

#[test]
fn a_recorder_that_fails_or_is_silent_is_told() {
    let mut failed = recording(0);
    let summary = RecordingSummary::default();
    let why = RecordingFailure::Exhausted;
    failed.handle_recording(&RecordingEvent::Failed { why, summary }, 10);
    assert!(played(&wanted(&mut failed)).contains("cannot be taken"));
    let mut lost = recording(0);
    lost.handle_key('#', 5_000);
    lost.handle_timeout(15_000);
    assert!(played(&wanted(&mut lost)).contains("cannot be taken"));
    let mut gone = recording(0);
    gone.handle_gone(5_000);
    gone.handle_timeout(15_000);
    assert!(gone.is_over() && wanted(&mut gone).is_empty());
}

#[derive(Debug, Clone)]
enum Step {
    Key(char),
    Finished,
    Speech(bool),
    Stopped(f64),
    Time,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        prop::sample::select(vec!['1', '2', '3', '#', '*']).prop_map(Step::Key),
        Just(Step::Finished),
        any::<bool>().prop_map(Step::Speech),
        (0.0..3.0).prop_map(Step::Stopped),
        Just(Step::Time),
    ]
}

proptest! {
    /// Whatever happens in whatever order: one message at most, and after the caller is gone and the recorder
    /// has had its time nothing is left.
    #[test]
    fn any_order_keeps_at_most_one_message(steps in prop::collection::vec(step(), 0..60)) {
        let mut deposit = begin();
        let (mut now_ms, mut kept) = (0, 0);
        for step in steps {
            now_ms += 700;
            match step {
                Step::Key(key) => deposit.handle_key(key, now_ms),
                Step::Finished => deposit.handle_play_finished(now_ms),
                Step::Speech(is_speaking) => {
                    deposit.handle_recording(&RecordingEvent::Speech { is_speaking }, now_ms);
                }
                Step::Stopped(speech) => deposit.handle_recording(&stopped(speech), now_ms),
                Step::Time => if let Some(due) = deposit.poll_timeout() {
                    now_ms = now_ms.max(due);
                    deposit.handle_timeout(now_ms);
                },
            }
            kept += wanted(&mut deposit).iter().filter(|w| matches!(w, Wanted::Keep(_))).count();
            prop_assert!(deposit.is_over() || deposit.poll_timeout().is_some());
        }
        deposit.handle_gone(now_ms);
        deposit.handle_timeout(now_ms + 10_000);
        kept += wanted(&mut deposit).iter().filter(|w| matches!(w, Wanted::Keep(_))).count();
        prop_assert!(deposit.is_over());
        prop_assert!(kept <= 1, "{kept} messages");
    }
}
