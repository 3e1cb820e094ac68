//! G.722 at 64 kbit/s (ITU-T G.722, mode 1): two sub-bands of adaptive differential PCM.
//!
//! A quadrature mirror filter splits 16 kHz speech at 4 kHz; six bits carry each sample pair's
//! low band and two its high band, so that two PCM samples make one octet. Names of the steps
//! (QUANTL, LOGSCL, UPPOL2 ...) are those of the Recommendation's section 6.2.

/// Decision levels of the low band's 60-level quantizer, in units of the scale factor / 4096.
const LOW_DECISIONS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023,
    1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];

/// Decision level of the high band's 4-level quantizer.
const HIGH_DECISION: i32 = 564;

/// Inverse quantizer of the low band with all six bits, indexed by the code.
const LOW_LEVELS_6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
    -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776,
    -2400, -2032, -1688, -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280,
    11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776,
    2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];

/// Inverse quantizer of the low band with four bits, which drives the predictor on both sides.
const LOW_LEVELS_4: [i32; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584,
    1200, 0,
];

/// Inverse quantizer of the high band, indexed by the code.
const HIGH_LEVELS: [i32; 4] = [-7408, -1616, 7408, 1616];

/// What each four-bit code of the low band adds to the logarithmic scale factor.
const LOW_SCALE_STEPS: [i32; 16] =
    [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];

/// What each code of the high band adds to the logarithmic scale factor.
const HIGH_SCALE_STEPS: [i32; 4] = [798, -214, 798, -214];

/// 2048 * 2^(n/32): turns the logarithmic scale factor's fraction into a linear one.
const ANTILOG: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

/// Half of the symmetric 24-tap quadrature mirror filter.
const MIRROR_TAPS: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

const LOW_SCALE_MAX: i32 = 18432;
const HIGH_SCALE_MAX: i32 = 22528;
/// Signals inside a band have 15 bits.
const BAND_MAX: i32 = 16383;
const BAND_MIN: i32 = -16384;

fn saturate(value: i32) -> i32 {
    value.clamp(-32768, 32767)
}

/// One sub-band's predictor and scale factor; the encoder's and the decoder's stay equal.
#[derive(Debug, Clone)]
struct Band {
    /// Predicted signal.
    predicted: i32,
    /// The zero section's part of the prediction.
    predicted_zero: i32,
    /// The last two partially reconstructed signals.
    partial: [i32; 2],
    /// The last two reconstructed signals.
    reconstructed: [i32; 2],
    /// Coefficients of the pole section.
    poles: [i32; 2],
    /// Coefficients of the zero section.
    zeros: [i32; 6],
    /// The last six quantized differences.
    differences: [i32; 6],
    /// Logarithmic scale factor.
    log_scale: i32,
    /// Linear scale factor.
    scale: i32,
}

impl Band {
    fn new(scale: i32) -> Band {
        Band {
            predicted: 0,
            predicted_zero: 0,
            partial: [0; 2],
            reconstructed: [0; 2],
            poles: [0; 2],
            zeros: [0; 6],
            differences: [0; 6],
            log_scale: 0,
            scale,
        }
    }

    fn low() -> Band {
        Band::new(32)
    }

    fn high() -> Band {
        Band::new(8)
    }

    /// Takes the low band's code after it was sent or received.
    fn adapt_low(&mut self, code: usize) {
        let code = code >> 2;
        let difference = (self.scale * LOW_LEVELS_4[code]) >> 15;
        self.adapt_scale(LOW_SCALE_STEPS[code], LOW_SCALE_MAX, 8);
        self.adapt_predictor(difference);
    }

    /// Takes the high band's code after it was sent or received.
    fn adapt_high(&mut self, code: usize) {
        let difference = (self.scale * HIGH_LEVELS[code]) >> 15;
        self.adapt_scale(HIGH_SCALE_STEPS[code], HIGH_SCALE_MAX, 10);
        self.adapt_predictor(difference);
    }

    /// LOGSCL and SCALEL, or LOGSCH and SCALEH.
    fn adapt_scale(&mut self, step: i32, max: i32, shift: i32) {
        let decayed = (self.log_scale * 127) >> 7;
        self.log_scale = (decayed + step).clamp(0, max);
        let fraction = ANTILOG[((self.log_scale >> 6) & 31) as usize];
        let shift = shift - (self.log_scale >> 11);
        let linear = if shift < 0 { fraction << -shift } else { fraction >> shift };
        self.scale = linear << 2;
    }

    /// RECONS, PARREC, UPPOL2, UPPOL1, UPZERO, FILTEP, FILTEZ and PREDIC.
    fn adapt_predictor(&mut self, difference: i32) {
        let reconstructed = saturate(self.predicted + difference);
        let partial = saturate(self.predicted_zero + difference);
        self.adapt_poles(partial);
        self.adapt_zeros(difference);
        self.partial = [partial, self.partial[0]];
        self.reconstructed = [reconstructed, self.reconstructed[0]];
        self.differences.copy_within(0..5, 1);
        self.differences[0] = difference;
        self.predict();
    }

    /// UPPOL2 and UPPOL1: the signs of successive signals push the pole coefficients.
    fn adapt_poles(&mut self, partial: i32) {
        let same_as = |before: i32| (partial < 0) == (before < 0);
        let first = saturate(self.poles[0] << 2);
        let pushed = if same_as(self.partial[0]) { saturate(-first) } else { first };
        let second = (pushed >> 7)
            + if same_as(self.partial[1]) { 128 } else { -128 }
            + ((self.poles[1] * 32512) >> 15);
        let second = second.clamp(-12288, 12288);

        let push = if same_as(self.partial[0]) { 192 } else { -192 };
        let limit = 15360 - second;
        let first = (((self.poles[0] * 32640) >> 15) + push).clamp(-limit, limit);
        self.poles = [first, second];
    }

    /// UPZERO: each zero coefficient leaks and is pushed by two differences' signs.
    fn adapt_zeros(&mut self, difference: i32) {
        let push = if difference == 0 { 0 } else { 128 };
        for (zero, before) in self.zeros.iter_mut().zip(self.differences) {
            let signed = if (difference < 0) == (before < 0) { push } else { -push };
            *zero = saturate(((*zero * 32640) >> 15) + signed);
        }
    }

    /// FILTEP, FILTEZ and PREDIC.
    fn predict(&mut self) {
        let tap = |coefficient: i32, signal: i32| (coefficient * saturate(2 * signal)) >> 15;
        let pole_part =
            tap(self.poles[0], self.reconstructed[0]) + tap(self.poles[1], self.reconstructed[1]);
        let zero_part = self.zeros.iter().zip(self.differences).map(|(&b, d)| tap(b, d)).sum();
        self.predicted_zero = saturate(zero_part);
        self.predicted = saturate(saturate(pole_part) + self.predicted_zero);
    }
}

/// The quadrature mirror filter's last 24 samples, interleaved.
#[derive(Debug, Clone, Default)]
struct MirrorFilter {
    history: [i32; 24],
}

impl MirrorFilter {
    /// Takes two samples and gives the filter's two phases.
    fn push(&mut self, first: i32, second: i32) -> (i32, i32) {
        self.history.copy_within(2.., 0);
        self.history[22] = first;
        self.history[23] = second;
        let (mut even, mut odd) = (0, 0);
        for (pair, i) in self.history.chunks_exact(2).zip(0..) {
            even += pair[0] * MIRROR_TAPS[i];
            odd += pair[1] * MIRROR_TAPS[11 - i];
        }
        (even, odd)
    }
}

/// PCM at 16 kHz to octets.
#[derive(Debug, Clone)]
pub(crate) struct Encoder {
    low: Band,
    high: Band,
    filter: MirrorFilter,
}

impl Default for Encoder {
    fn default() -> Encoder {
        Encoder { low: Band::low(), high: Band::high(), filter: MirrorFilter::default() }
    }
}

impl Encoder {
    /// Encodes `pcm` into `payload`, which has half as many elements.
    pub(crate) fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) {
        for (octet, pair) in payload.iter_mut().zip(pcm.chunks_exact(2)) {
            let (even, odd) = self.filter.push(i32::from(pair[0]), i32::from(pair[1]));
            let low = self.encode_low((odd + even) >> 14);
            let high = self.encode_high((odd - even) >> 14);
            *octet = ((high << 6) | low) as u8;
        }
    }

    /// SUBTRA and QUANTL. Codes count down from the ends of the scale towards zero: 4 and 32 are
    /// the outermost, 63 and 61 the innermost of their sign.
    fn encode_low(&mut self, signal: i32) -> usize {
        let error = saturate(signal - self.low.predicted);
        let magnitude = if error < 0 { !error } else { error };
        let scale = self.low.scale;
        let level =
            LOW_DECISIONS.partition_point(|&decision| magnitude >= (decision * scale) >> 12);
        let code = match (error < 0, level) {
            (true, 0 | 1) => 63 - level,
            (true, _) => 33 - level,
            (false, _) => 61 - level,
        };
        self.low.adapt_low(code);
        code
    }

    /// SUBTRA and QUANTH.
    fn encode_high(&mut self, signal: i32) -> usize {
        let error = saturate(signal - self.high.predicted);
        let magnitude = if error < 0 { !error } else { error };
        let outer = magnitude >= (HIGH_DECISION * self.high.scale) >> 12;
        let code = match (error < 0, outer) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        self.high.adapt_high(code);
        code
    }
}

/// Octets to PCM at 16 kHz.
#[derive(Debug, Clone)]
pub(crate) struct Decoder {
    low: Band,
    high: Band,
    filter: MirrorFilter,
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder { low: Band::low(), high: Band::high(), filter: MirrorFilter::default() }
    }
}

impl Decoder {
    /// Decodes `payload` into `pcm`, which has twice as many elements.
    pub(crate) fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) {
        for (&octet, pair) in payload.iter().zip(pcm.chunks_exact_mut(2)) {
            let low = self.decode_low(usize::from(octet & 0x3F));
            let high = self.decode_high(usize::from(octet >> 6));
            let (even, odd) = self.filter.push(low + high, low - high);
            pair[0] = saturate(odd >> 11) as i16;
            pair[1] = saturate(even >> 11) as i16;
        }
    }

    fn decode_low(&mut self, code: usize) -> i32 {
        let difference = (self.low.scale * LOW_LEVELS_6[code]) >> 15;
        let signal = self.low.predicted + difference;
        self.low.adapt_low(code);
        signal.clamp(BAND_MIN, BAND_MAX)
    }

    fn decode_high(&mut self, code: usize) -> i32 {
        let difference = (self.high.scale * HIGH_LEVELS[code]) >> 15;
        let signal = self.high.predicted + difference;
        self.high.adapt_high(code);
        signal.clamp(BAND_MIN, BAND_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fnv(bytes: impl IntoIterator<Item = u8>) -> u64 {
        bytes.into_iter().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        })
    }

    /// The hashes are of what libg722 (through its Python binding) makes of the same input: noise
    /// that grows louder in eight steps.
    #[test]
    fn encodes_to_the_same_bits_as_libg722() {
        let sample = |n: i64| ((n * n * 31 + n * 17) % 20_001 - 10_000) * (n / 2000 + 1);
        let pcm: Vec<i16> = (0..16_000).map(|n| sample(n).div_euclid(8) as i16).collect();
        let mut payload = vec![0; 8000];
        Encoder::default().encode(&pcm, &mut payload);
        assert_eq!(payload[..4], [0x3A, 0x98, 0x28, 0x87]);
        assert_eq!(fnv(payload), 0x5500_0C75_1AAD_AC72);
    }

    #[test]
    fn decodes_to_the_same_samples_as_libg722() {
        let payload: Vec<u8> = (0..8000u32).map(|n| ((n * n * 7 + n / 3) % 256) as u8).collect();
        let mut pcm = vec![0; 16_000];
        Decoder::default().decode(&payload, &mut pcm);
        let bytes = pcm.iter().flat_map(|sample: &i16| sample.to_le_bytes());
        assert_eq!(fnv(bytes), 0x38E7_BAEE_05EA_A88A);
    }
}
