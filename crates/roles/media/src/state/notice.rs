//! The tone that tells a party that it is recorded.

use offhook_audio::{Tone, ToneGenerator};
use std::time::{Duration, Instant};

/// What it sounds like: a short high note, well below speech.
const TONE: Tone = Tone { hz: 1_400.0, dbm0: -20.0 };
/// Frames of 20 ms that it lasts.
const FRAMES: u32 = 10;
/// How long after one the next follows.
const INTERVAL: Duration = Duration::from_secs(15);

/// When the tone is next heard, and what is left of the one that is being heard.
#[derive(Debug, Default)]
pub(crate) struct Notice {
    due: Option<Instant>,
    frames_left: u32,
    generator: Option<(u32, ToneGenerator)>,
}

impl Notice {
    /// The first tone is at this instant; `None` ends them.
    pub(crate) fn set(&mut self, first: Option<Instant>) {
        *self = Self { due: first, ..Self::default() };
    }

    /// When the next tone begins.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Begins a tone that is due; whether it did.
    pub(crate) fn begin_due(&mut self, now: Instant) -> bool {
        let Some(due) = self.due.filter(|due| *due <= now) else { return false };
        let next = due + INTERVAL;
        self.due = Some(if next <= now { now + INTERVAL } else { next });
        self.begin();
        true
    }

    /// Begins a tone.
    pub(crate) fn begin(&mut self) {
        self.frames_left = FRAMES;
        self.generator = None;
    }

    /// Whether the tone sounds.
    pub(crate) fn is_sounding(&self) -> bool {
        self.frames_left > 0
    }

    /// Fills a frame, while the tone sounds.
    pub(crate) fn next_frame(&mut self, frame: &mut [i16], rate: u32) -> bool {
        if self.frames_left == 0 {
            return false;
        }
        self.frames_left -= 1;
        if self.generator.as_ref().is_none_or(|(known, _)| *known != rate) {
            self.generator = Some((rate, ToneGenerator::new(rate, &[TONE])));
        }
        if let Some((_, generator)) = &mut self.generator {
            generator.fill(frame);
        }
        true
    }
}
