//! Signal levels.
//!
//! 0 dBm0 is the level of G.711's digital milliwatt: a sine 3.14 dB below the largest that the
//! A-law carries (ITU-T G.711 table 5). The same figure is used on 16-bit linear samples, where a
//! full-scale sine therefore has +3.14 dBm0.
//! dBov counts from overload, the level of a full-scale square wave (RFC 6465 appendix A), so that
//! a full-scale sine has -3.01 dBov.

/// Level of a full-scale sine, in dBm0.
#[allow(clippy::approx_constant)] // Decibels, not pi.
pub const FULL_SCALE_SINE_DBM0: f64 = 3.14;

/// What silence measures, in dBm0 and dBov alike.
pub const SILENCE_DB: f64 = -127.0;

const FULL_SCALE: f64 = 32768.0;

/// Root mean square of the samples, on the 16-bit scale; 0 for none.
pub fn rms(samples: &[i16]) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    let energy: f64 = samples.iter().map(|&s| f64::from(s) * f64::from(s)).sum();
    (energy / samples.len() as f64).sqrt()
}

/// Level in dBov; [`SILENCE_DB`] for silence.
pub fn dbov(samples: &[i16]) -> f64 {
    let relative = rms(samples) / FULL_SCALE;
    if relative > 0.0 { 20.0 * relative.log10() } else { SILENCE_DB }
}

/// Level in dBm0; [`SILENCE_DB`] for silence.
pub fn dbm0(samples: &[i16]) -> f64 {
    let relative = rms(samples) * std::f64::consts::SQRT_2 / FULL_SCALE;
    if relative > 0.0 { 20.0 * relative.log10() + FULL_SCALE_SINE_DBM0 } else { SILENCE_DB }
}

/// Level as RTP's audio level extension carries it: 0 is overload, 127 is silence, in steps of
/// -1 dBov (RFC 6464 3).
pub fn audio_level(samples: &[i16]) -> u8 {
    (-dbov(samples)).round().clamp(0.0, 127.0) as u8
}

/// Peak amplitude of a sine of the given level, on the 16-bit scale; above
/// [`FULL_SCALE_SINE_DBM0`] it clips.
pub fn sine_amplitude(dbm0: f64) -> f64 {
    FULL_SCALE * 10f64.powf((dbm0 - FULL_SCALE_SINE_DBM0) / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_scale_square_wave_is_overload() {
        let square = [32767, -32768].repeat(80);
        assert!(dbov(&square).abs() < 0.01);
        assert_eq!(audio_level(&square), 0);
    }

    #[test]
    fn silence_is_the_floor() {
        assert_eq!(dbm0(&[0; 160]), SILENCE_DB);
        assert_eq!(dbm0(&[]), SILENCE_DB);
        assert_eq!(audio_level(&[0; 160]), 127);
    }

    #[test]
    fn the_digital_milliwatt_measures_0_dbm0() {
        use crate::codec::{Codec, Decoder};
        let milliwatt = [0x1E, 0x0B, 0x0B, 0x1E, 0x9E, 0x8B, 0x8B, 0x9E].repeat(20);
        let mut pcm = [0; 160];
        let mut decoder = Decoder::new(Codec::Pcmu).unwrap();
        decoder.decode(&milliwatt, &mut pcm).unwrap();
        assert!(dbm0(&pcm).abs() < 0.1, "{}", dbm0(&pcm));
    }
}
