use crate::{PROMPT_MS_MAX, spoken, words};
use offhook_model::{RecordingEvent, RecordingSummary};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// How often one caller records a message anew.
pub const RETAKES_MAX: u32 = 5;
/// How often the choices are told before the message is kept all the same.
const CHOICES_TOLD_MAX: u32 = 3;
/// How long a key is waited for, in milliseconds.
const KEY_WAIT_MS: u64 = 6_000;
/// How long the recorder may take to end a recording before the message counts as lost, in milliseconds.
const RECORDER_WAIT_MS: u64 = 10_000;
const MS_PER_SECOND: f64 = 1_000.0;

/// What a message may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The longest one, milliseconds.
    pub message_max_ms: u64,
    /// Silence that ends it, milliseconds.
    pub silence_ms: u64,
    /// With less speech than this it is dropped, milliseconds.
    pub speech_min_ms: u64,
}

/// What a deposit wants done, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum DepositOutput {
    /// Play these prompts, in place of what is played.
    Play(Vec<String>),
    /// Stop what is played.
    Stop,
    /// Record what the caller says, and hand on what the recorder tells by [`Deposit::handle_recording`].
    Record,
    /// End the recording.
    EndRecording,
    /// The message is to be kept.
    Keep(Taken),
    /// This recording is no message: delete its file.
    Drop(PathBuf),
    /// The call ends.
    HangUp,
}

/// A recording that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// The file, relative to the folder of the recordings.
    pub path: PathBuf,
    /// How long it plays, in seconds.
    pub duration_s: f64,
}

/// Why a recording was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Key,
    Silence,
    Gone,
}

#[derive(Debug, Clone, PartialEq)]
enum Stage {
    Greeting,
    Beep,
    Recording {
        ends_by_ms: u64,
    },
    Ending(Why),
    /// The caller decides what becomes of it.
    Choosing {
        taken: Taken,
        told: u32,
    },
    /// The caller hears the last words.
    Leaving,
    Over,
}

/// One caller's way from the greeting to a message.
#[derive(Debug)]
pub struct Deposit {
    rules: Rules,
    stage: Stage,
    prompts: Vec<String>,
    is_playing: bool,
    due_ms: Option<u64>,
    retakes_left: u32,
    outputs: VecDeque<DepositOutput>,
}

impl Deposit {
    /// A caller hears the greeting, which is these prompts, and then what to do.
    #[must_use]
    pub fn begin(mut greeting: Vec<String>, rules: Rules, now_ms: u64) -> Self {
        greeting.push(spoken(words::INSTRUCTIONS));
        let mut deposit = Self {
            rules,
            stage: Stage::Greeting,
            prompts: Vec::new(),
            is_playing: false,
            due_ms: None,
            retakes_left: RETAKES_MAX,
            outputs: VecDeque::new(),
        };
        deposit.play(greeting, now_ms);
        deposit
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<DepositOutput> {
        self.outputs.pop_front()
    }

    /// When [`Deposit::handle_timeout`] has something to do, milliseconds of Unix time.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        self.due_ms
    }

    /// Whether nothing more comes of it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Whether a recording of this deposit runs, or has not told its end.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        matches!(self.stage, Stage::Recording { .. } | Stage::Ending(_))
    }

    /// The caller's media was agreed anew: what was being played is played again.
    pub fn handle_renegotiated(&mut self, now_ms: u64) {
        if self.is_playing {
            self.play(self.prompts.clone(), now_ms);
        }
    }

    /// The caller pressed a key.
    pub fn handle_key(&mut self, key: char, now_ms: u64) {
        match (&self.stage, key) {
            (Stage::Greeting, '#') => self.beep(Vec::new(), now_ms),
            (Stage::Recording { .. }, '#') => self.end_recording(Why::Key, now_ms),
            (Stage::Choosing { taken, .. }, _) => {
                let taken = taken.clone();
                self.choose(taken, key, now_ms);
            }
            (
                Stage::Greeting
                | Stage::Beep
                | Stage::Recording { .. }
                | Stage::Ending(_)
                | Stage::Leaving
                | Stage::Over,
                _,
            ) => {}
        }
    }

    /// What was played has ended.
    pub fn handle_play_finished(&mut self, now_ms: u64) {
        if !std::mem::take(&mut self.is_playing) {
            return;
        }
        match self.stage {
            Stage::Greeting => self.beep(Vec::new(), now_ms),
            Stage::Beep => self.record(now_ms),
            Stage::Choosing { .. } => self.due_ms = Some(now_ms + KEY_WAIT_MS),
            Stage::Leaving => self.hang_up(),
            Stage::Recording { .. } | Stage::Ending(_) | Stage::Over => {}
        }
    }

    /// What the recorder tells of the recording.
    pub fn handle_recording(&mut self, event: &RecordingEvent, now_ms: u64) {
        match event {
            RecordingEvent::Speech { is_speaking } => self.note_speech(*is_speaking, now_ms),
            RecordingEvent::Stopped(summary) => self.handle_ended(summary, now_ms),
            RecordingEvent::Failed { summary, .. } if summary.seconds > 0.0 => {
                // A disk that is full: what was said until then can be played.
                self.handle_ended(summary, now_ms);
            }
            RecordingEvent::Failed { .. } => self.give_up(now_ms),
            RecordingEvent::Started { .. } | RecordingEvent::FallingBehind => {}
        }
    }

    /// The caller has hung up. A recording that runs tells its end later.
    pub fn handle_gone(&mut self, now_ms: u64) {
        self.is_playing = false;
        match &self.stage {
            Stage::Recording { .. } | Stage::Ending(_) => {
                self.stage = Stage::Ending(Why::Gone);
                self.due_ms = Some(now_ms + RECORDER_WAIT_MS);
            }
            Stage::Choosing { taken, .. } => {
                let taken = taken.clone();
                self.outputs.push_back(DepositOutput::Keep(taken));
                self.finish();
            }
            Stage::Greeting | Stage::Beep | Stage::Leaving | Stage::Over => self.finish(),
        }
    }

    /// Does what has become due.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        if self.due_ms.is_none_or(|due| due > now_ms) {
            return;
        }
        self.due_ms = None;
        match &self.stage {
            Stage::Recording { .. } => self.end_recording(Why::Silence, now_ms),
            Stage::Ending(_) => self.give_up(now_ms),
            Stage::Choosing { taken, told } if !self.is_playing => {
                let (taken, told) = (taken.clone(), *told);
                self.tell_choices(taken, told, now_ms);
            }
            Stage::Greeting | Stage::Beep | Stage::Choosing { .. } | Stage::Leaving => {
                self.outputs.push_back(DepositOutput::Stop);
                self.handle_play_finished(now_ms);
            }
            Stage::Over => {}
        }
    }

    fn beep(&mut self, mut before: Vec<String>, now_ms: u64) {
        self.stage = Stage::Beep;
        before.push(words::BEEP.to_owned());
        self.play(before, now_ms);
    }

    fn record(&mut self, now_ms: u64) {
        let ends_by_ms = now_ms + self.rules.message_max_ms;
        self.stage = Stage::Recording { ends_by_ms };
        self.due_ms = Some(ends_by_ms.min(now_ms + self.rules.silence_ms));
        self.outputs.push_back(DepositOutput::Record);
    }

    fn note_speech(&mut self, is_speaking: bool, now_ms: u64) {
        if let Stage::Recording { ends_by_ms } = self.stage {
            let silent_by_ms = now_ms + self.rules.silence_ms;
            self.due_ms = Some(if is_speaking { ends_by_ms } else { ends_by_ms.min(silent_by_ms) });
        }
    }

    fn end_recording(&mut self, why: Why, now_ms: u64) {
        self.stage = Stage::Ending(why);
        self.due_ms = Some(now_ms + RECORDER_WAIT_MS);
        self.outputs.push_back(DepositOutput::EndRecording);
    }

    /// The recording has ended: by our wish, or since its leg is gone.
    fn handle_ended(&mut self, summary: &RecordingSummary, now_ms: u64) {
        let why = match self.stage {
            Stage::Ending(why) => why,
            // The recorder has ended it by itself.
            Stage::Recording { .. } => Why::Silence,
            _ => return,
        };
        let taken = Taken { path: summary.path.clone(), duration_s: summary.seconds };
        let is_message = speech_ms(summary) >= self.rules.speech_min_ms;
        if !is_message {
            self.outputs.push_back(DepositOutput::Drop(taken.path.clone()));
        }
        match (why, is_message) {
            (Why::Key, true) => self.tell_choices(taken, 0, now_ms),
            (Why::Silence, true) => self.keep(taken, now_ms),
            (Why::Gone, true) => {
                self.outputs.push_back(DepositOutput::Keep(taken));
                self.finish();
            }
            (Why::Key, false) => self.retake(vec![spoken(words::TOO_SHORT)], now_ms),
            (Why::Silence, false) => self.leave(words::NOTHING_SAID, now_ms),
            (Why::Gone, false) => self.finish(),
        }
    }

    fn choose(&mut self, taken: Taken, key: char, now_ms: u64) {
        match key {
            '1' => {
                let prompts = vec![
                    recording_prompt(&taken.path),
                    format!("else:{}", spoken(words::UNPLAYABLE)),
                    spoken(words::CHOICES),
                ];
                self.stage = Stage::Choosing { taken, told: 1 };
                self.play(prompts, now_ms);
            }
            '2' => {
                self.outputs.push_back(DepositOutput::Drop(taken.path));
                self.retake(Vec::new(), now_ms);
            }
            '3' | '#' => self.keep(taken, now_ms),
            _ => self.tell_choices(taken, 1, now_ms),
        }
    }

    fn tell_choices(&mut self, taken: Taken, told: u32, now_ms: u64) {
        if told >= CHOICES_TOLD_MAX {
            return self.keep(taken, now_ms);
        }
        self.stage = Stage::Choosing { taken, told: told + 1 };
        self.play(vec![spoken(words::CHOICES)], now_ms);
    }

    fn retake(&mut self, before: Vec<String>, now_ms: u64) {
        match self.retakes_left.checked_sub(1) {
            Some(left) => {
                self.retakes_left = left;
                self.beep(before, now_ms);
            }
            None => self.leave(words::GOODBYE, now_ms),
        }
    }

    fn keep(&mut self, taken: Taken, now_ms: u64) {
        self.outputs.push_back(DepositOutput::Keep(taken));
        self.leave(words::KEPT, now_ms);
    }

    /// The recording cannot be made, or its end was never told.
    fn give_up(&mut self, now_ms: u64) {
        match self.stage {
            Stage::Ending(Why::Gone) => self.finish(),
            Stage::Recording { .. } | Stage::Ending(_) => self.leave(words::NOT_TAKEN, now_ms),
            _ => {}
        }
    }

    fn leave(&mut self, last_words: &str, now_ms: u64) {
        self.stage = Stage::Leaving;
        self.play(vec![spoken(last_words)], now_ms);
    }

    fn play(&mut self, prompts: Vec<String>, now_ms: u64) {
        self.prompts.clone_from(&prompts);
        self.is_playing = true;
        self.due_ms = Some(now_ms + PROMPT_MS_MAX);
        self.outputs.push_back(DepositOutput::Play(prompts));
    }

    fn hang_up(&mut self) {
        self.finish();
        self.outputs.push_back(DepositOutput::HangUp);
    }

    fn finish(&mut self) {
        self.stage = Stage::Over;
        (self.is_playing, self.due_ms) = (false, None);
    }
}

/// The prompt URI that plays a recording.
pub(crate) fn recording_prompt(path: &Path) -> String {
    format!("recording:{}", path.display())
}

fn speech_ms(summary: &RecordingSummary) -> u64 {
    // A day's milliseconds are far from the limits of both types.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a recording is short"
    )]
    let speech_ms = (summary.speech_seconds * MS_PER_SECOND) as u64;
    speech_ms
}
