//! Goertzel's measurement of one frequency's share of a signal.

use std::f64::consts::TAU;

/// A running measurement of one frequency.
#[derive(Debug, Clone)]
pub struct Goertzel {
    /// Cosine and sine of the frequency's angle from one sample to the next.
    turn: (f64, f64),
    coefficient: f64,
    before: f64,
    before_that: f64,
    samples: usize,
}

impl Goertzel {
    /// Measures `hz` in a signal of `sample_rate` samples per second.
    pub fn new(sample_rate: u32, hz: f64) -> Goertzel {
        let angle = TAU * hz / f64::from(sample_rate);
        Goertzel {
            turn: (angle.cos(), angle.sin()),
            coefficient: 2.0 * angle.cos(),
            before: 0.0,
            before_that: 0.0,
            samples: 0,
        }
    }

    /// Takes one sample.
    pub fn push(&mut self, sample: i16) {
        let now = f64::from(sample) + self.coefficient * self.before - self.before_that;
        self.before_that = self.before;
        self.before = now;
        self.samples += 1;
    }

    /// Mean power of the frequency over the samples so far: the square of its RMS on the 16-bit
    /// scale. A sine of amplitude A that fits the block a whole number of times has A*A/2.
    pub fn power(&self) -> f64 {
        if self.samples == 0 {
            return 0.0;
        }
        let squared = self.before * self.before + self.before_that * self.before_that
            - self.coefficient * self.before * self.before_that;
        2.0 * squared / (self.samples as f64 * self.samples as f64)
    }

    /// The phase of the frequency in radians, of which a block of N samples that follows has N times the
    /// frequency's angle more.
    pub fn phase(&self) -> f64 {
        let (cosine, sine) = self.turn;
        let real = self.before - cosine * self.before_that;
        (sine * self.before_that).atan2(real)
    }

    /// Forgets the samples.
    pub fn reset(&mut self) {
        self.before = 0.0;
        self.before_that = 0.0;
        self.samples = 0;
    }
}

/// Mean power of `hz` in `samples`; see [`Goertzel::power`].
pub fn power(samples: &[i16], sample_rate: u32, hz: f64) -> f64 {
    let mut meter = Goertzel::new(sample_rate, hz);
    for &sample in samples {
        meter.push(sample);
    }
    meter.power()
}

/// The part of the signal's whole power that is at `hz`, from 0 (none) to about 1 (a pure tone).
/// Silence gives 0. The measurement is 2/duration wide, so 100 ms tell tones 20 Hz apart.
pub fn power_share(samples: &[i16], sample_rate: u32, hz: f64) -> f64 {
    let all = crate::level::rms(samples).powi(2);
    if all > 0.0 { power(samples, sample_rate, hz) / all } else { 0.0 }
}

/// Level of `hz` in `samples`, in dBm0, at least [`crate::level::SILENCE_DB`].
pub fn dbm0(samples: &[i16], sample_rate: u32, hz: f64) -> f64 {
    let reference = crate::level::sine_amplitude(0.0).powi(2) / 2.0;
    let relative = power(samples, sample_rate, hz) / reference;
    (10.0 * relative.log10()).max(crate::level::SILENCE_DB)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Tone, ToneGenerator};

    fn tone(hz: f64, dbm0: f64) -> Vec<i16> {
        let mut pcm = vec![0; 1600];
        ToneGenerator::new(8000, &[Tone { hz, dbm0 }]).fill(&mut pcm);
        pcm
    }

    #[test]
    fn a_pure_tone_is_all_of_its_power() {
        let pcm = tone(440.0, -10.0);
        assert!((power_share(&pcm, 8000, 440.0) - 1.0).abs() < 0.01);
        assert!(power_share(&pcm, 8000, 480.0) < 0.01);
        assert!((dbm0(&pcm, 8000, 440.0) + 10.0).abs() < 0.05);
    }

    #[test]
    fn the_phase_goes_on_as_the_tone_does() {
        for hz in [430.0, 440.0, 447.0] {
            let mut meter = Goertzel::new(8000, 440.0);
            let pcm = tone(hz, -10.0);
            let phases = pcm.chunks_exact(100).take(9).map(|block| {
                meter.reset();
                block.iter().for_each(|&sample| meter.push(sample));
                meter.phase()
            });
            let phases: Vec<f64> = phases.collect();
            for pair in phases.windows(2) {
                let beyond = pair[1] - pair[0] - TAU * hz * 100.0 / 8000.0;
                let beyond = beyond - (beyond / TAU).round() * TAU;
                assert!(beyond.abs() < 0.1, "{hz} Hz: {beyond}");
            }
        }
    }

    #[test]
    fn silence_has_no_share() {
        assert_eq!(power_share(&[0; 800], 8000, 440.0), 0.0);
        assert_eq!(power(&[], 8000, 440.0), 0.0);
    }
}
