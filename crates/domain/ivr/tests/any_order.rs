//! Whatever happens in whatever order, a session does not panic, and ends when its caller falls silent.

mod rig;

use offhook_ivr::{Output, Session};
use offhook_model::Target;
use proptest::prelude::*;
use std::sync::Arc;

/// What may happen after the caller has fallen silent until the session is over: each prompt ends, and each
/// wait.
const STEPS_MAX: usize = 500;

#[derive(Debug, Clone)]
enum Step {
    Key(char),
    Heard,
    Interrupted,
    Renegotiated,
    TimeOut,
    Early,
    Answer(u64, Option<Target>),
    Return,
}

fn step() -> impl Strategy<Value = Step> {
    let target = prop_oneof![
        Just(Target::HangUp),
        "[a-z]{0,4}".prop_map(Target::Menu),
        Just(Target::Menu("deep".into())),
        "[0-9]{0,4}".prop_map(Target::Extension),
        Just(Target::Play("tts:Hello.".into())),
    ];
    prop_oneof![
        6 => "[0-9*#A-D]".prop_map(|key| Step::Key(key.chars().next().unwrap_or('0'))),
        3 => Just(Step::Heard),
        1 => Just(Step::Interrupted),
        1 => Just(Step::Renegotiated),
        3 => Just(Step::TimeOut),
        1 => Just(Step::Early),
        1 => (0..4u64, prop::option::of(target)).prop_map(|(n, target)| Step::Answer(n, target)),
        1 => Just(Step::Return),
    ]
}

fn take(session: &mut Session, step: &Step, now_ms: &mut u64) {
    *now_ms += 1;
    match step {
        Step::Key(key) => session.handle_key(*key, *now_ms),
        Step::Heard => session.handle_play_finished(*now_ms),
        Step::Interrupted => session.handle_play_interrupted(*now_ms),
        Step::Renegotiated => session.handle_renegotiated(*now_ms),
        Step::TimeOut => {
            *now_ms = session.poll_timeout().unwrap_or(*now_ms).max(*now_ms);
            session.handle_timeout(*now_ms);
        }
        Step::Early => session.handle_timeout(*now_ms),
        Step::Answer(question, target) => session.handle_answer(*question, target.clone(), *now_ms),
        Step::Return => session.handle_return(*now_ms),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_silent_caller_is_let_go(steps in prop::collection::vec(step(), 0..300)) {
        let mut now_ms = 1_000_000;
        let mut session = Session::enter(Arc::new(rig::directory()), "main", now_ms);
        let mut outputs = Vec::new();
        for step in &steps {
            take(&mut session, step, &mut now_ms);
            outputs.extend(std::iter::from_fn(|| session.poll_output()));
            let is_over = outputs.contains(&Output::HangUp);
            prop_assert_eq!(session.poll_timeout().is_none(), is_over || session.is_away());
        }
        let mut left = STEPS_MAX;
        while session.poll_timeout().is_some() {
            let step = if left.is_multiple_of(2) { Step::Heard } else { Step::TimeOut };
            take(&mut session, &step, &mut now_ms);
            outputs.extend(std::iter::from_fn(|| session.poll_output()));
            left -= 1;
            prop_assert!(left > 0, "it goes on for ever");
        }
        let ends = outputs.iter().filter(|output| **output == Output::HangUp).count();
        prop_assert!(ends <= 1, "it hangs up once");
        prop_assert!(ends == 1 || session.is_away());
        let played = outputs.iter().filter(|output| matches!(output, Output::Play { .. })).count();
        prop_assert!(played <= 200, "{} prompts", played);
    }
}
