//! Sample rate conversion by a polyphase low-pass filter.
//!
//! From rate `f` to rate `g` the signal is thought of as raised by `up` and lowered by `down`
//! (`g / f` in lowest terms) with one windowed-sinc filter in between; only the products that
//! reach an output sample are computed. The filter spans 40 samples of the lower rate, so that its
//! delay is 20 of them: 2.5 ms where 8 kHz takes part, 1.25 ms between 16 and 48 kHz.

use std::f64::consts::PI;
use thiserror::Error;

/// Lowest sample rate that is converted, in Hz.
pub const MIN_RATE: u32 = 8_000;

/// Highest sample rate that is converted, in Hz.
pub const MAX_RATE: u32 = 192_000;

/// The most phases that a filter may have. 44.1 kHz to 48 kHz has 160, 11.025 to 16 kHz 640.
pub const MAX_PHASES: usize = 1280;

/// Length of the filter in samples of the lower rate.
const SPAN: usize = 40;

/// Middle of the filter's slope as a part of the lower rate: it passes up to 0.426 and stops from
/// 0.534, which for 8 kHz is 3.41 and 4.27 kHz.
const CUTOFF: f64 = 0.480;

/// Kaiser window parameter for a stop band of 70 dB.
const KAISER_BETA: f64 = 6.76;

/// Input samples that are taken in one pass.
const CHUNK: usize = 960;

/// Why two rates have no converter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ResamplerError {
    /// A rate is not within [`MIN_RATE`] and [`MAX_RATE`], or the two have too little in common
    /// for a filter of [`MAX_PHASES`].
    #[error("no conversion from {from} Hz to {to} Hz")]
    UnsupportedRates {
        /// Input samples per second.
        from: u32,
        /// Output samples per second.
        to: u32,
    },
    /// The caller's buffer is too small; offer at least `needed` samples.
    #[error("the output buffer is too small: {needed} samples are needed")]
    OutputTooSmall {
        /// Samples that would have been enough.
        needed: usize,
    },
}

/// Converts one stream from one sample rate to another, frame by frame without a seam.
#[derive(Debug, Clone)]
pub struct Resampler {
    from: u32,
    up: usize,
    down: usize,
    taps: usize,
    /// `up` phases of `taps` coefficients, each phase ready for a dot product with the history.
    filter: Vec<f32>,
    /// The last `taps - 1` samples and then those of the chunk at hand.
    history: Vec<f32>,
    /// Where the next output lies: a multiple of `1 / up` input samples past the next input.
    position: usize,
}

impl Resampler {
    /// A converter at the start of a stream, `from` and `to` in samples per second.
    pub fn new(from: u32, to: u32) -> Result<Resampler, ResamplerError> {
        let unsupported = ResamplerError::UnsupportedRates { from, to };
        let supported = MIN_RATE..=MAX_RATE;
        if !supported.contains(&from) || !supported.contains(&to) {
            return Err(unsupported);
        }
        let common = greatest_common_divisor(from, to);
        let (up, down) = ((to / common) as usize, (from / common) as usize);
        if up > MAX_PHASES {
            return Err(unsupported);
        }
        let taps = if up == down { 1 } else { SPAN * down.max(up).div_ceil(up) };
        Ok(Resampler {
            from,
            up,
            down,
            taps,
            filter: if up == down { vec![1.0] } else { polyphase_filter(up, down, taps) },
            history: vec![0.0; taps - 1 + CHUNK],
            position: 0,
        })
    }

    /// The most samples that [`Resampler::process`] makes of `input` samples. Where the input is a
    /// whole number of output samples long, as 20 ms is between telephone rates, it makes exactly
    /// that number.
    pub const fn max_output(&self, input: usize) -> usize {
        (input * self.up).div_ceil(self.down)
    }

    /// The filter's delay in microseconds.
    pub fn delay_us(&self) -> u64 {
        (self.taps as u64 * self.up as u64 - 1) * 500_000 / (self.up as u64 * u64::from(self.from))
    }

    /// Converts all of `input` and returns how many samples were put at the front of `output`.
    pub fn process(&mut self, input: &[i16], output: &mut [i16]) -> Result<usize, ResamplerError> {
        let needed = self.max_output(input.len());
        if output.len() < needed {
            return Err(ResamplerError::OutputTooSmall { needed });
        }
        if self.up == self.down {
            output[..input.len()].copy_from_slice(input);
            return Ok(input.len());
        }
        let mut written = 0;
        for chunk in input.chunks(CHUNK) {
            written += self.process_chunk(chunk, &mut output[written..]);
        }
        Ok(written)
    }

    fn process_chunk(&mut self, chunk: &[i16], output: &mut [i16]) -> usize {
        let before = self.taps - 1;
        for (slot, &sample) in self.history[before..].iter_mut().zip(chunk) {
            *slot = f32::from(sample);
        }
        let end = chunk.len() * self.up;
        let mut written = 0;
        while self.position < end {
            let (start, phase) = (self.position / self.up, self.position % self.up);
            output[written] = self.output_sample(start, phase);
            written += 1;
            self.position += self.down;
        }
        self.position -= end;
        self.history.copy_within(chunk.len()..chunk.len() + before, 0);
        written
    }

    fn output_sample(&self, start: usize, phase: usize) -> i16 {
        let coefficients = &self.filter[phase * self.taps..(phase + 1) * self.taps];
        let samples = &self.history[start..start + self.taps];
        // A cast of a float saturates.
        dot(coefficients, samples).round() as i16
    }
}

/// Sum of products in eight lanes, which the compiler turns into vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut lanes = [0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// The prototype low-pass at `up` times the input rate, dealt out to its phases. A phase's
/// coefficients are in the order of the samples they meet, the oldest first.
fn polyphase_filter(up: usize, down: usize, taps: usize) -> Vec<f32> {
    let length = up * taps;
    let prototype = low_pass(length, CUTOFF / up.max(down) as f64);
    let mut filter = vec![0.0; length];
    for phase in 0..up {
        let of_phase = |tap: usize| prototype[phase + up * (taps - 1 - tap)];
        let gain: f64 = (0..taps).map(of_phase).sum();
        for tap in 0..taps {
            filter[phase * taps + tap] = (of_phase(tap) / gain) as f32;
        }
    }
    filter
}

/// A Kaiser-windowed sinc of `length` samples; `cutoff` in cycles per sample.
fn low_pass(length: usize, cutoff: f64) -> Vec<f64> {
    let middle = (length - 1) as f64 / 2.0;
    let at = |n: usize| {
        let offset = n as f64 - middle;
        let edge = offset / middle;
        let window = bessel_i0(KAISER_BETA * (1.0 - edge * edge).max(0.0).sqrt());
        2.0 * cutoff * sinc(2.0 * cutoff * offset) * window / bessel_i0(KAISER_BETA)
    };
    (0..length).map(at).collect()
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-12 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// Modified Bessel function of the first kind and order zero, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..64 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}

fn greatest_common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_rates_are_refused() {
        for (from, to) in [(0, 8000), (8000, 0), (4000, 8000), (8000, 400_000), (8000, 44_101)] {
            assert_eq!(
                Resampler::new(from, to).unwrap_err(),
                ResamplerError::UnsupportedRates { from, to }
            );
        }
    }

    #[test]
    fn frames_of_20_ms_stay_frames_of_20_ms() {
        for (from, to) in
            [(8000, 16000), (8000, 48000), (16000, 8000), (48000, 8000), (48000, 16000)]
        {
            let mut resampler = Resampler::new(from, to).unwrap();
            let input = vec![0; from as usize / 50];
            let mut output = vec![0; to as usize / 50];
            for _ in 0..10 {
                assert_eq!(resampler.process(&input, &mut output), Ok(output.len()));
            }
        }
    }

    #[test]
    fn a_stream_does_not_depend_on_how_it_is_cut() {
        let input: Vec<i16> = (0..4410i32).map(|n| ((n * n) % 9973 - 4986) as i16).collect();
        let whole = {
            let mut output = vec![0; 4800];
            let written =
                Resampler::new(44_100, 48_000).unwrap().process(&input, &mut output).unwrap();
            assert_eq!(written, 4800);
            output
        };
        let mut resampler = Resampler::new(44_100, 48_000).unwrap();
        let mut pieces = Vec::new();
        for piece in input.chunks(37) {
            let mut output = [0; 64];
            let written = resampler.process(piece, &mut output).unwrap();
            pieces.extend_from_slice(&output[..written]);
        }
        assert_eq!(pieces, whole);
    }

    #[test]
    fn a_short_output_is_refused_before_anything_is_taken() {
        let mut resampler = Resampler::new(8000, 16000).unwrap();
        assert_eq!(
            resampler.process(&[0; 160], &mut [0; 319]),
            Err(ResamplerError::OutputTooSmall { needed: 320 })
        );
    }
}
