//! G.711: logarithmic companding of 16-bit samples to eight bits (ITU-T G.711).

/// The two companding laws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Law {
    /// North America and Japan: PCMU.
    Mu,
    /// The rest of the world: PCMA.
    A,
}

/// Added to a mu-law magnitude so that each segment begins at a power of two (16-bit scale).
const MU_BIAS: i32 = 132;
/// The largest magnitude that the mu-law can carry once the bias is added (16-bit scale).
const MU_CLIP: i32 = 32767 - MU_BIAS;

static MU_TO_LINEAR: [i16; 256] = decode_table(Law::Mu);
static A_TO_LINEAR: [i16; 256] = decode_table(Law::A);

/// Compands `pcm` into `payload`; both have the same length.
pub(crate) fn encode(law: Law, pcm: &[i16], payload: &mut [u8]) {
    let compress = match law {
        Law::Mu => mu_from_linear,
        Law::A => a_from_linear,
    };
    for (code, sample) in payload.iter_mut().zip(pcm) {
        *code = compress(*sample);
    }
}

/// Expands `payload` into `pcm`; both have the same length.
pub(crate) fn decode(law: Law, payload: &[u8], pcm: &mut [i16]) {
    let table = match law {
        Law::Mu => &MU_TO_LINEAR,
        Law::A => &A_TO_LINEAR,
    };
    for (sample, code) in pcm.iter_mut().zip(payload) {
        *sample = table[usize::from(*code)];
    }
}

/// Changes mu-law codes to the A-law codes nearest to them, in place.
pub fn pcmu_to_pcma(payload: &mut [u8]) {
    payload.iter_mut().for_each(|code| *code = MU_TO_A[usize::from(*code)]);
}

/// Changes A-law codes to the mu-law codes nearest to them, in place.
pub fn pcma_to_pcmu(payload: &mut [u8]) {
    payload.iter_mut().for_each(|code| *code = A_TO_MU[usize::from(*code)]);
}

static MU_TO_A: [u8; 256] = convert_table(Law::Mu);
static A_TO_MU: [u8; 256] = convert_table(Law::A);

/// The codes of the other law.
const fn convert_table(from: Law) -> [u8; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = match from {
            Law::Mu => a_from_linear(mu_to_linear(code as u8)),
            Law::A => mu_from_linear(a_to_linear(code as u8)),
        };
        code += 1;
    }
    table
}

const fn mu_from_linear(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let absolute = (sample as i32).abs();
    let clipped = if absolute < MU_CLIP { absolute } else { MU_CLIP };
    let magnitude = (clipped + MU_BIAS) as u32;
    let segment = magnitude.ilog2() - 7;
    let step = (magnitude >> (segment + 3)) & 0x0F;
    !(sign | (segment << 4) as u8 | step as u8)
}

const fn a_from_linear(sample: i16) -> u8 {
    let sign = if sample < 0 { 0 } else { 0x80 };
    let magnitude = ((sample ^ (sample >> 15)) >> 3) as u32;
    let code = if magnitude < 32 {
        magnitude >> 1
    } else {
        let segment = magnitude.ilog2() - 4;
        (segment << 4) | ((magnitude >> segment) & 0x0F)
    };
    (sign | code as u8) ^ 0x55
}

const fn decode_table(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = match law {
            Law::Mu => mu_to_linear(code as u8),
            Law::A => a_to_linear(code as u8),
        };
        code += 1;
    }
    table
}

const fn mu_to_linear(code: u8) -> i16 {
    let code = !code;
    let segment = (code >> 4) & 0x07;
    let step = (code & 0x0F) as i32;
    let magnitude = (((step << 3) + MU_BIAS) << segment) - MU_BIAS;
    if code & 0x80 != 0 { -magnitude as i16 } else { magnitude as i16 }
}

const fn a_to_linear(code: u8) -> i16 {
    let code = code ^ 0x55;
    let segment = (code >> 4) & 0x07;
    let middle = (((code & 0x0F) as i32) << 4) + 8;
    let magnitude = if segment == 0 { middle } else { (middle + 256) << (segment - 1) };
    if code & 0x80 != 0 { magnitude as i16 } else { -magnitude as i16 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_the_scale_are_those_of_the_recommendation() {
        assert_eq!(mu_to_linear(0xFF), 0);
        assert_eq!(mu_to_linear(0x80), 32124);
        assert_eq!(mu_to_linear(0x00), -32124);
        assert_eq!(a_to_linear(0xD5), 8);
        assert_eq!(a_to_linear(0xAA), 32256);
        assert_eq!(a_to_linear(0x2A), -32256);
        assert_eq!(mu_from_linear(i16::MIN), 0x00);
        assert_eq!(a_from_linear(i16::MIN), 0x2A);
    }

    #[test]
    fn every_code_survives_a_round_trip() {
        for code in 0..=255u8 {
            assert_eq!(a_from_linear(a_to_linear(code)), code);
            let linear = mu_to_linear(code);
            assert_eq!(mu_to_linear(mu_from_linear(linear)), linear);
        }
    }

    #[test]
    fn between_the_laws_a_code_becomes_the_nearest_and_the_tables_agree_with_the_codecs() {
        let (mut mu, mut a): (Vec<u8>, Vec<u8>) = ((0..=255).collect(), (0..=255).collect());
        pcmu_to_pcma(&mut mu);
        pcma_to_pcmu(&mut a);
        for code in 0..=255u8 {
            let linear = mu_to_linear(code);
            assert_eq!(mu[usize::from(code)], a_from_linear(linear));
            assert_eq!(a[usize::from(code)], mu_from_linear(a_to_linear(code)));
            let error = (i32::from(a_to_linear(mu[usize::from(code)])) - i32::from(linear)).abs();
            assert!(error <= 8 + i32::from(linear).abs() / 16, "{code}: {error}");
        }
    }

    #[test]
    fn companding_is_monotonic_and_close() {
        let mut before = (i16::MIN, i16::MIN);
        for sample in i16::MIN..=i16::MAX {
            let mu = mu_to_linear(mu_from_linear(sample));
            let a = a_to_linear(a_from_linear(sample));
            assert!(mu >= before.0 && a >= before.1, "at {sample}");
            before = (mu, a);
            let allowed = i32::from(sample).abs() / 16 + 16;
            if sample.unsigned_abs() < 32000 {
                assert!((i32::from(mu) - i32::from(sample)).abs() <= allowed, "mu at {sample}");
                assert!((i32::from(a) - i32::from(sample)).abs() <= allowed, "A at {sample}");
            }
        }
    }
}
