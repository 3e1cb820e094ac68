//! The piece that a caller hears on hold: composed here, so that nobody else's rights are touched.
//!
//! Eight bars at 96 beats per minute, 20 seconds that loop without a seam: broken chords of
//! plucked notes over a quiet bass and a sparse melody, within what a telephone carries.

use crate::{Resampler, level};
use std::f64::consts::TAU;
use std::sync::OnceLock;

/// Samples per second of the piece.
pub const SAMPLE_RATE: u32 = 16_000;

/// Samples in the loop: 20 seconds.
pub const LOOP_SAMPLES: usize = 32 * BEAT;

/// Level of the whole piece, in dBm0.
pub const LEVEL_DBM0: f64 = -20.0;

/// Samples in a beat at 96 beats per minute.
const BEAT: usize = 10_000;

/// The chord of each bar: bass note and four notes to break, as MIDI numbers.
const CHORDS: [[u8; 5]; 8] = [
    [48, 64, 67, 71, 74],
    [45, 60, 64, 67, 72],
    [41, 60, 65, 69, 72],
    [43, 59, 62, 67, 74],
    [52, 62, 67, 71, 74],
    [45, 60, 64, 67, 76],
    [50, 62, 65, 69, 72],
    [43, 59, 65, 67, 71],
];

/// The order in which a bar's eight quavers take the chord's notes.
const PATTERN: [usize; 8] = [1, 2, 3, 4, 3, 2, 4, 3];

/// The melody: half beats from the start, and MIDI number.
const MELODY: [(usize, u8); 18] = [
    (0, 79),
    (3, 76),
    (6, 74),
    (8, 76),
    (14, 72),
    (16, 77),
    (19, 76),
    (22, 72),
    (24, 74),
    (32, 79),
    (35, 83),
    (38, 81),
    (40, 79),
    (46, 76),
    (48, 77),
    (51, 74),
    (54, 72),
    (56, 71),
];

/// How a note sounds.
struct Voice {
    amplitude: f64,
    /// Seconds in which a note falls to about a third.
    decay_s: f64,
    /// Amplitudes of the fundamental and its harmonics.
    harmonics: [f64; 4],
}

const BASS: Voice = Voice { amplitude: 0.8, decay_s: 0.9, harmonics: [0.6, 0.5, 0.3, 0.1] };
const PLUCK: Voice = Voice { amplitude: 0.5, decay_s: 0.35, harmonics: [1.0, 0.3, 0.12, 0.05] };
const BELL: Voice = Voice { amplitude: 0.7, decay_s: 0.7, harmonics: [1.0, 0.08, 0.15, 0.02] };

/// A note is cut when it has decayed for this many times its `decay_s`: to -61 dB.
const DECAYS: f64 = 7.0;

/// The piece, composed at the first call.
pub fn hold_music() -> &'static [i16] {
    static PIECE: OnceLock<Vec<i16>> = OnceLock::new();
    PIECE.get_or_init(compose)
}

/// The rates at which the piece is kept, so that it is converted once and not for each who hears it: those of
/// the telephone's codecs, samples per second.
pub const KEPT_RATES: [u32; 3] = [8_000, SAMPLE_RATE, 48_000];

/// The piece at one of [`KEPT_RATES`], made at the first call for that rate; `None` for others. It loops
/// without a seam as it does at its own rate.
pub fn hold_music_at(rate: u32) -> Option<&'static [i16]> {
    static PIECES: [OnceLock<Vec<i16>>; KEPT_RATES.len()] = [const { OnceLock::new() }; 3];
    if rate == SAMPLE_RATE {
        return Some(hold_music());
    }
    let place = KEPT_RATES.iter().position(|kept| *kept == rate)?;
    Some(PIECES.get(place)?.get_or_init(|| at_rate(rate)))
}

/// The loop at another rate. It is converted twice, since the beginning hears the end's echo in the filter.
fn at_rate(rate: u32) -> Vec<i16> {
    let Ok(mut resampler) = Resampler::new(SAMPLE_RATE, rate) else { return Vec::new() };
    let mut piece = vec![0; resampler.max_output(LOOP_SAMPLES)];
    let mut length = 0;
    for _ in 0..2 {
        length = resampler.process(hold_music(), &mut piece).unwrap_or(0);
    }
    piece.truncate(length);
    piece
}

/// Composes the piece: [`LOOP_SAMPLES`] of mono PCM at [`SAMPLE_RATE`], the same each time.
pub fn compose() -> Vec<i16> {
    let mut mix = vec![0.0; LOOP_SAMPLES];
    for (bar, chord) in CHORDS.iter().enumerate() {
        let start = bar * 4 * BEAT;
        add_note(&mut mix, start, chord[0], &BASS);
        add_note(&mut mix, start + 2 * BEAT, chord[0], &BASS);
        for (quaver, &note) in PATTERN.iter().enumerate() {
            add_note(&mut mix, start + quaver * BEAT / 2, chord[note], &PLUCK);
        }
    }
    for (half_beat, note) in MELODY {
        add_note(&mut mix, half_beat * BEAT / 2, note, &BELL);
    }
    at_level(&mix)
}

/// Adds a note; what rings past the end of the loop is heard at its beginning.
fn add_note(mix: &mut [f64], start: usize, midi: u8, voice: &Voice) {
    let hz = 440.0 * 2f64.powf((f64::from(midi) - 69.0) / 12.0);
    for (overtone, strength) in (1..).zip(voice.harmonics) {
        let partial = f64::from(overtone);
        add_decaying_sine(
            mix,
            start,
            hz * partial,
            voice.amplitude * strength,
            voice.decay_s / partial.sqrt(),
        );
    }
}

/// A sine that dies away, as the impulse response of a two-pole resonator.
fn add_decaying_sine(mix: &mut [f64], start: usize, hz: f64, amplitude: f64, decay_s: f64) {
    let decay_samples = decay_s * f64::from(SAMPLE_RATE);
    let radius = (-1.0 / decay_samples).exp();
    let angle = TAU * hz / f64::from(SAMPLE_RATE);
    let (feedback, damping) = (2.0 * radius * angle.cos(), radius * radius);
    let (mut before, mut now) = (0.0, amplitude * radius * angle.sin());
    for n in 0..(decay_samples * DECAYS) as usize {
        mix[(start + n) % LOOP_SAMPLES] += before;
        (before, now) = (now, feedback * now - damping * before);
    }
}

fn at_level(mix: &[f64]) -> Vec<i16> {
    let mean_square = mix.iter().map(|s| s * s).sum::<f64>() / mix.len() as f64;
    let wanted_rms = level::sine_amplitude(LEVEL_DBM0) / std::f64::consts::SQRT_2;
    let gain = wanted_rms / mean_square.sqrt();
    mix.iter().map(|s| (s * gain).round() as i16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goertzel;

    #[test]
    fn the_loop_has_its_level_and_does_not_clip() {
        let piece = compose();
        assert_eq!(piece.len(), LOOP_SAMPLES);
        assert!((level::dbm0(&piece) - LEVEL_DBM0).abs() < 0.1);
        let peak = piece.iter().map(|s| s.unsigned_abs()).max().unwrap();
        assert!(peak < 28_000, "{peak}");
    }

    #[test]
    fn there_is_no_second_of_silence() {
        for second in compose().chunks(SAMPLE_RATE as usize) {
            assert!(level::dbm0(second) > LEVEL_DBM0 - 8.0);
        }
    }

    #[test]
    fn the_seam_is_no_louder_a_step_than_the_music() {
        let piece = compose();
        let step = |a: i16, b: i16| (i32::from(a) - i32::from(b)).abs();
        let greatest = piece.windows(2).map(|w| step(w[0], w[1])).max().unwrap();
        assert!(step(piece[LOOP_SAMPLES - 1], piece[0]) <= greatest / 2);
    }

    #[test]
    fn the_first_bar_sounds_its_chord() {
        let bar = &compose()[..4 * BEAT];
        let (third, outside) = (329.63, 311.13);
        let heard = goertzel::power(bar, SAMPLE_RATE, third);
        assert!(heard > 20.0 * goertzel::power(bar, SAMPLE_RATE, outside));
    }

    #[test]
    fn the_piece_is_the_same_at_each_rate_and_loops_there_without_a_seam() {
        for rate in KEPT_RATES {
            let piece = hold_music_at(rate).unwrap();
            assert_eq!(piece.len() as u64, LOOP_SAMPLES as u64 * u64::from(rate / 8_000) / 2);
            assert!((level::dbm0(piece) - LEVEL_DBM0).abs() < 0.5, "{}", level::dbm0(piece));
            // No step where it starts over is greater than those elsewhere.
            let step = |pair: &[i16]| (i32::from(pair[1]) - i32::from(pair[0])).abs();
            let greatest = piece.windows(2).map(step).max().unwrap();
            assert!(step(&[piece[piece.len() - 1], piece[0]]) <= greatest, "{rate}");
        }
        assert_eq!(hold_music_at(11_025), None);
    }
}
