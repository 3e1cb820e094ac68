//! Tones: sums of sines at given levels, and the `tone:` prompts made of them.

use crate::level::sine_amplitude;
use std::f64::consts::TAU;
use std::str::FromStr;
use thiserror::Error;

/// The most sines that sound at once.
pub const MAX_TONES: usize = 4;

/// The longest tone prompt, in milliseconds.
pub const MAX_TONE_MS: u32 = 60_000;

/// Level of each sine of a tone prompt that names none, in dBm0.
pub const PROMPT_DBM0: f64 = -10.0;

/// Frequencies of a DTMF digit's row, in Hz (ITU-T Q.23).
pub const DTMF_ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];

/// Frequencies of a DTMF digit's column, in Hz (ITU-T Q.23).
pub const DTMF_COLUMNS: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];

/// DTMF digits by row and column.
pub const DTMF_DIGITS: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// One sine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tone {
    /// Frequency in Hz.
    pub hz: f64,
    /// Level in dBm0; see [`crate::level`].
    pub dbm0: f64,
}

impl Tone {
    /// The two sines of a DTMF digit (0-9, A-D, * and #), each at `dbm0`; nothing for another
    /// character.
    pub fn dtmf(digit: char, dbm0: f64) -> Option<[Tone; 2]> {
        let digit = digit.to_ascii_uppercase();
        (0..16).map(|i| (i / 4, i % 4)).find_map(|(row, column)| {
            (DTMF_DIGITS[row][column] == digit).then_some([
                Tone { hz: DTMF_ROWS[row], dbm0 },
                Tone { hz: DTMF_COLUMNS[column], dbm0 },
            ])
        })
    }
}

/// Makes a steady sum of sines, frame by frame without a seam.
#[derive(Debug, Clone)]
pub struct ToneGenerator {
    oscillators: [Oscillator; MAX_TONES],
}

#[derive(Debug, Clone, Copy, Default)]
struct Oscillator {
    amplitude: f64,
    /// Turns per sample.
    step: f64,
    /// Turns, from 0 to 1.
    phase: f64,
}

impl ToneGenerator {
    /// A generator of the first [`MAX_TONES`] of `tones` at `sample_rate` samples per second.
    pub fn new(sample_rate: u32, tones: &[Tone]) -> ToneGenerator {
        let mut oscillators = [Oscillator::default(); MAX_TONES];
        for (oscillator, tone) in oscillators.iter_mut().zip(tones) {
            *oscillator = Oscillator {
                amplitude: sine_amplitude(tone.dbm0),
                step: tone.hz / f64::from(sample_rate),
                phase: 0.0,
            };
        }
        ToneGenerator { oscillators }
    }

    /// Fills all of `pcm` with what comes next. Sums beyond 16 bits are clipped.
    pub fn fill(&mut self, pcm: &mut [i16]) {
        for sample in pcm {
            *sample = self.next_sample();
        }
    }

    fn next_sample(&mut self) -> i16 {
        let sum: f64 = self.oscillators.iter_mut().map(Oscillator::next).sum();
        // A cast of a float saturates.
        sum.round() as i16
    }
}

impl Oscillator {
    fn next(&mut self) -> f64 {
        let value = self.amplitude * (TAU * self.phase).sin();
        self.phase = (self.phase + self.step).fract();
        value
    }
}

/// A prompt written `tone:440,2000` or `tone:350+440,2000`: frequencies in Hz joined by `+`, then
/// a duration in milliseconds, and optionally a third value, the level of each sine in dBm0.
#[derive(Debug, Clone, PartialEq)]
pub struct TonePrompt {
    /// The sines, one to [`MAX_TONES`].
    pub tones: Vec<Tone>,
    /// Duration in milliseconds, 1 to [`MAX_TONE_MS`].
    pub duration_ms: u32,
}

/// Why a tone prompt cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TonePromptError {
    /// It is not of the form `tone:HZ[+HZ...],MS[,DBM0]`.
    #[error("a tone is written tone:HZ[+HZ...],MS[,DBM0], for example tone:440,2000")]
    Form,
    /// It has more than [`MAX_TONES`] frequencies.
    #[error("a tone has at most {MAX_TONES} frequencies")]
    TooManyFrequencies,
    /// A frequency is not within 20 to 20000 Hz.
    #[error("a tone's frequencies are 20 to 20000 Hz")]
    Frequency,
    /// The duration is not within 1 to [`MAX_TONE_MS`].
    #[error("a tone lasts 1 to {MAX_TONE_MS} ms")]
    Duration,
    /// The level is not within -60 to 3 dBm0.
    #[error("a tone's level is -60 to 3 dBm0")]
    Level,
}

impl FromStr for TonePrompt {
    type Err = TonePromptError;

    fn from_str(uri: &str) -> Result<TonePrompt, TonePromptError> {
        let rest = uri.strip_prefix("tone:").ok_or(TonePromptError::Form)?;
        let mut parts = rest.split(',').map(str::trim);
        let (Some(frequencies), Some(duration)) = (parts.next(), parts.next()) else {
            return Err(TonePromptError::Form);
        };
        let dbm0 = parts.next().map_or(Ok(PROMPT_DBM0), parse_level)?;
        if parts.next().is_some() {
            return Err(TonePromptError::Form);
        }
        Ok(TonePrompt {
            tones: parse_frequencies(frequencies, dbm0)?,
            duration_ms: parse_duration(duration)?,
        })
    }
}

fn parse_frequencies(text: &str, dbm0: f64) -> Result<Vec<Tone>, TonePromptError> {
    if text.split('+').count() > MAX_TONES {
        return Err(TonePromptError::TooManyFrequencies);
    }
    text.split('+').map(|hz| Ok(Tone { hz: parse_frequency(hz)?, dbm0 })).collect()
}

fn parse_frequency(text: &str) -> Result<f64, TonePromptError> {
    let hz: f64 = text.trim().parse().map_err(|_| TonePromptError::Form)?;
    if (20.0..=20_000.0).contains(&hz) { Ok(hz) } else { Err(TonePromptError::Frequency) }
}

fn parse_duration(text: &str) -> Result<u32, TonePromptError> {
    let ms: u32 = text.parse().map_err(|_| TonePromptError::Form)?;
    if (1..=MAX_TONE_MS).contains(&ms) { Ok(ms) } else { Err(TonePromptError::Duration) }
}

fn parse_level(text: &str) -> Result<f64, TonePromptError> {
    let dbm0: f64 = text.parse().map_err(|_| TonePromptError::Form)?;
    if (-60.0..=3.0).contains(&dbm0) { Ok(dbm0) } else { Err(TonePromptError::Level) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{goertzel, level};

    #[test]
    fn a_tone_has_its_frequency_and_level_across_frames() {
        let tone = Tone { hz: 1004.0, dbm0: -10.0 };
        for rate in [8000, 16000, 44100, 48000] {
            let mut generator = ToneGenerator::new(rate, &[tone]);
            let mut pcm = vec![0; rate as usize];
            for frame in pcm.chunks_mut(160) {
                generator.fill(frame);
            }
            assert!((level::dbm0(&pcm) + 10.0).abs() < 0.02);
            assert!(goertzel::power_share(&pcm, rate, 1004.0) > 0.999);
        }
    }

    #[test]
    fn sums_clip_instead_of_wrapping() {
        let loud = [Tone { hz: 300.0, dbm0: 3.0 }; 4];
        let mut pcm = [0; 800];
        ToneGenerator::new(8000, &loud).fill(&mut pcm);
        assert_eq!(pcm.iter().max(), Some(&i16::MAX));
        let jumps = pcm.windows(2).filter(|w| w[0] > 20_000 && w[1] < -20_000).count();
        assert_eq!(jumps, 0);
    }

    #[test]
    fn prompts_are_read() {
        let prompt: TonePrompt = "tone:350+440.5,2000,-13".parse().unwrap();
        assert_eq!(prompt.duration_ms, 2000);
        assert_eq!(
            prompt.tones,
            [Tone { hz: 350.0, dbm0: -13.0 }, Tone { hz: 440.5, dbm0: -13.0 }]
        );
        let plain: TonePrompt = "tone:700,2000".parse().unwrap();
        assert_eq!(plain.tones, [Tone { hz: 700.0, dbm0: PROMPT_DBM0 }]);
    }

    #[test]
    fn bad_prompts_say_what_is_wrong() {
        let error = |uri: &str| uri.parse::<TonePrompt>().unwrap_err();
        assert_eq!(error("file:hello"), TonePromptError::Form);
        assert_eq!(error("tone:"), TonePromptError::Form);
        assert_eq!(error("tone:440"), TonePromptError::Form);
        assert_eq!(error("tone:440,20,-1,5"), TonePromptError::Form);
        assert_eq!(error("tone:nan,20"), TonePromptError::Frequency);
        assert_eq!(error("tone:inf,20"), TonePromptError::Frequency);
        assert_eq!(error("tone:1+2+3+4+5,20"), TonePromptError::TooManyFrequencies);
        assert_eq!(error("tone:440,0"), TonePromptError::Duration);
        assert_eq!(error("tone:440,20,nan"), TonePromptError::Level);
    }
}
