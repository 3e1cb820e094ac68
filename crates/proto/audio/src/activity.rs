//! Who is speaking.

use crate::level;

/// Level from which a frame is speech, in dBm0.
pub const SPEECH_DBM0: f64 = -38.0;

/// Level below which a frame is silence, in dBm0. Frames in between leave things as they are.
pub const SILENCE_DBM0: f64 = -46.0;

/// Milliseconds of speech after which somebody speaks, so that a click is no speech.
pub const ATTACK_MS: u32 = 60;

/// Milliseconds of silence after which somebody speaks no longer, so that pauses between words do not
/// count.
pub const RELEASE_MS: u32 = 500;

/// Part of the loudness that a quieter frame keeps of the one before, in percent.
const DECAY_PERCENT: u64 = 90;

/// Follows one speaker's frames.
#[derive(Debug, Clone, Copy, Default)]
pub struct Activity {
    is_speaking: bool,
    /// Milliseconds of what speaks against `is_speaking`.
    contrary_ms: u32,
    loudness: u64,
}

impl Activity {
    /// Takes a frame of `frame_ms` milliseconds; the new state when it has changed.
    pub fn push(&mut self, frame: &[i16], frame_ms: u32) -> Option<bool> {
        let power = mean_power(frame);
        self.loudness = power.max(self.loudness * DECAY_PERCENT / 100);
        let is_contrary = if self.is_speaking {
            power < power_of(SILENCE_DBM0)
        } else {
            power >= power_of(SPEECH_DBM0)
        };
        if is_contrary {
            self.contrary_ms += frame_ms;
        } else if self.is_speaking == (power >= power_of(SPEECH_DBM0)) {
            self.contrary_ms = 0;
        }
        let limit_ms = if self.is_speaking { RELEASE_MS } else { ATTACK_MS };
        if self.contrary_ms < limit_ms {
            return None;
        }
        self.contrary_ms = 0;
        self.is_speaking = !self.is_speaking;
        Some(self.is_speaking)
    }

    /// Whether somebody speaks.
    pub fn is_speaking(&self) -> bool {
        self.is_speaking
    }

    /// How loud it is: mean power on the 16-bit scale, which rises at once and falls within a second.
    pub fn loudness(&self) -> u64 {
        self.loudness
    }
}

fn mean_power(frame: &[i16]) -> u64 {
    let energy: u64 = frame.iter().map(|&s| u64::from(i32::from(s).pow(2).unsigned_abs())).sum();
    energy.checked_div(frame.len() as u64).unwrap_or_default()
}

/// Mean power of a sine of this level.
fn power_of(dbm0: f64) -> u64 {
    (level::sine_amplitude(dbm0).powi(2) / 2.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Tone, ToneGenerator};

    /// Feeds a tone; after how many milliseconds the state changed, and to what.
    fn feed(activity: &mut Activity, dbm0: f64, ms: u32) -> Vec<(u32, bool)> {
        let mut generator = ToneGenerator::new(8_000, &[Tone { hz: 440.0, dbm0 }]);
        let mut frame = [0; 160];
        let frames = (1..=ms / 20).filter_map(|number| {
            generator.fill(&mut frame);
            Some((number * 20, activity.push(&frame, 20)?))
        });
        frames.collect()
    }

    #[test]
    fn speech_begins_soon_and_ends_late() {
        let mut activity = Activity::default();
        assert_eq!(feed(&mut activity, -20.0, 1_000), [(60, true)]);
        assert_eq!(feed(&mut activity, -80.0, 400), [], "a pause between words");
        assert_eq!(feed(&mut activity, -20.0, 200), []);
        assert_eq!(feed(&mut activity, -80.0, 1_000), [(500, false)]);
    }

    #[test]
    fn clicks_and_hum_are_no_speech() {
        let mut activity = Activity::default();
        for _ in 0..20 {
            assert_eq!(feed(&mut activity, -10.0, 40), []);
            assert_eq!(feed(&mut activity, -80.0, 40), []);
        }
        assert_eq!(feed(&mut activity, -42.0, 2_000), [], "between the levels nothing changes");
        feed(&mut activity, -20.0, 100);
        assert_eq!(feed(&mut activity, -42.0, 2_000), []);
        assert!(activity.is_speaking());
    }

    #[test]
    fn loudness_rises_at_once_and_falls_slowly() {
        let mut activity = Activity::default();
        feed(&mut activity, -20.0, 20);
        let loud = activity.loudness();
        feed(&mut activity, -80.0, 100);
        assert!(activity.loudness() > loud / 2);
        feed(&mut activity, -80.0, 2_000);
        assert!(activity.loudness() < loud / 1_000);
    }
}
