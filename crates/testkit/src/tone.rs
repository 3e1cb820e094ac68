//! Tones made and measured. Levels are dBm0 as in G.711 (ITU-T G.711 table 5): a sine of full
//! scale has +3.14 dBm0.

use std::f64::consts::TAU;

/// Level of a sine whose peak is the largest i16, in dBm0.
#[allow(clippy::approx_constant, reason = "the figure of G.711, not pi")]
pub const FULL_SCALE_DBM0: f64 = 3.14;

/// Lowest level that the meter reports, in dBm0; digital silence reads as this.
pub const SILENCE_DBM0: f64 = -120.0;

/// A sine of `frequency_hz` at `level_dbm0`, `sample_count` samples long.
pub fn tone(frequency_hz: f64, level_dbm0: f64, rate_hz: u32, sample_count: usize) -> Vec<i16> {
    let peak = f64::from(i16::MAX) * 10f64.powf((level_dbm0 - FULL_SCALE_DBM0) / 20.0);
    let step = TAU * frequency_hz / f64::from(rate_hz);
    (0..sample_count).map(|index| ((step * index as f64).sin() * peak).round() as i16).collect()
}

/// What a piece of audio holds at one frequency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToneMeasurement {
    /// Power at the frequency, in dBm0.
    pub level_dbm0: f64,
    /// Share of the whole energy that is at the frequency, 0 to 1.
    pub purity: f64,
}

/// Measures `frequency_hz` in `samples` by the Goertzel algorithm.
///
/// The measurement uses the largest whole number of cycles that the samples hold, so that a pure
/// tone has a purity of nearly 1 whatever their count.
pub fn measure(samples: &[i16], frequency_hz: f64, rate_hz: u32) -> ToneMeasurement {
    let samples = whole_cycles(samples, frequency_hz, rate_hz);
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    if energy == 0.0 {
        return ToneMeasurement { level_dbm0: SILENCE_DBM0, purity: 0.0 };
    }
    let count = samples.len() as f64;
    let amplitude = 2.0 * goertzel_magnitude(samples, frequency_hz, rate_hz) / count;
    let tone_energy = amplitude.powi(2) / 2.0 * count;
    ToneMeasurement {
        level_dbm0: amplitude_dbm0(amplitude),
        purity: (tone_energy / energy).min(1.0),
    }
}

/// The level of all of `samples` together, in dBm0.
pub fn level_dbm0(samples: &[i16]) -> f64 {
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    let mean = energy / samples.len().max(1) as f64;
    amplitude_dbm0((2.0 * mean).sqrt())
}

fn amplitude_dbm0(amplitude: f64) -> f64 {
    let ratio = amplitude / f64::from(i16::MAX);
    (20.0 * ratio.log10() + FULL_SCALE_DBM0).max(SILENCE_DBM0)
}

fn whole_cycles(samples: &[i16], frequency_hz: f64, rate_hz: u32) -> &[i16] {
    let period = f64::from(rate_hz) / frequency_hz;
    let cycles = (samples.len() as f64 / period).floor();
    let length = (cycles * period).round() as usize;
    &samples[..length.min(samples.len())]
}

fn goertzel_magnitude(samples: &[i16], frequency_hz: f64, rate_hz: u32) -> f64 {
    let omega = TAU * frequency_hz / f64::from(rate_hz);
    let coefficient = 2.0 * omega.cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in samples {
        let next = f64::from(*sample) + coefficient * last - before;
        before = last;
        last = next;
    }
    (last * last + before * before - coefficient * last * before).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_of_a_tone_is_measured_within_a_tenth_of_a_decibel() {
        for (frequency, rate) in [(440.0, 8_000), (1_004.0, 16_000), (440.0, 48_000)] {
            for level in [-3.0, -10.0, -30.0] {
                let samples = tone(frequency, level, rate, 4_001);
                let found = measure(&samples, frequency, rate);
                assert!((found.level_dbm0 - level).abs() < 0.1, "{frequency} {level} {found:?}");
                assert!(found.purity > 0.99, "{frequency} {level} {found:?}");
            }
        }
    }

    #[test]
    fn another_frequency_has_next_to_nothing() {
        let samples = tone(440.0, -10.0, 8_000, 8_000);
        let found = measure(&samples, 1_000.0, 8_000);
        assert!(found.purity < 0.001, "{found:?}");
    }

    #[test]
    fn two_equal_tones_share_the_energy() {
        let mut samples = tone(440.0, -10.0, 8_000, 8_000);
        for (sample, other) in samples.iter_mut().zip(tone(1_000.0, -10.0, 8_000, 8_000)) {
            *sample += other;
        }
        let found = measure(&samples, 440.0, 8_000);
        assert!((found.purity - 0.5).abs() < 0.01, "{found:?}");
        assert!((level_dbm0(&samples) - -7.0).abs() < 0.1);
    }

    #[test]
    fn silence_has_no_tone() {
        let found = measure(&[0; 800], 440.0, 8_000);
        assert_eq!(found, ToneMeasurement { level_dbm0: SILENCE_DBM0, purity: 0.0 });
        assert_eq!(level_dbm0(&[]), SILENCE_DBM0);
    }
}
