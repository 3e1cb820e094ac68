//! Entry points for fuzzing. They must return for every input.

use crate::codec::MAX_FRAME_SAMPLES;
use crate::{Codec, Decoder, L16Rate, TonePrompt, sound_file};
use std::hint::black_box;

/// Payloads of one input at most.
const PAYLOADS_MAX: usize = 64;
/// Bytes of a file at most: what is larger only takes longer.
const FILE_BYTES_MAX: usize = 64 * 1024;

/// Reads `input` as a sound file of any format.
pub fn file(input: &[u8]) {
    let input = &input[..input.len().min(FILE_BYTES_MAX)];
    if let Ok(sound) = sound_file::read(input.to_vec()) {
        debug_assert!(!sound.samples.is_empty() && sound.samples.len() <= sound_file::MAX_SAMPLES);
    }
}

/// Reads `input` as a tone of a prompt.
pub fn tone(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        black_box(text.parse::<TonePrompt>().is_ok());
    }
}

/// Reads `input` as payloads of one stream: the first byte names the codec, and before each payload a byte says how
/// long it is and a byte what becomes of it.
pub fn payloads(input: &[u8]) {
    const CODECS: [Codec; 7] = [
        Codec::Opus,
        Codec::G722,
        Codec::Pcmu,
        Codec::Pcma,
        Codec::L16(L16Rate::Hz8000),
        Codec::L16(L16Rate::Hz44100),
        Codec::L16Stereo(L16Rate::Hz48000),
    ];
    let Some((codec, mut rest)) = input.split_first() else { return };
    let codec = CODECS[usize::from(*codec) % CODECS.len()];
    let mut decoder = Decoder::new(codec).expect("the codec's library works");
    let (mut pcm, lost) = ([0; MAX_FRAME_SAMPLES], codec.frame_samples(20));
    for _ in 0..PAYLOADS_MAX {
        let [length, order, others @ ..] = rest else { return };
        let (payload, others) = others.split_at(usize::from(*length).min(others.len()));
        rest = others;
        let samples = match order % 4 {
            0 => decoder.conceal(&mut pcm[..lost]).map(|()| lost),
            1 => decoder.recover(payload, &mut pcm[..lost]).map(|()| lost),
            _ => decoder.decode(payload, &mut pcm),
        };
        debug_assert!(
            samples.is_ok_and(|samples| samples <= MAX_FRAME_SAMPLES) || samples.is_err()
        );
    }
}
