//! Payloads that sound like nothing, made without an encoder.

use crate::codec::Codec;

/// Zero of the mu-law and of the A-law (G.711).
const PCMU_ZERO: u8 = 0xFF;
const PCMA_ZERO: u8 = 0xD5;
/// A byte of G.722 with which a decoder is the quietest, measured after a loud tone.
const G722_QUIET: u8 = 0xFC;
/// The first configuration of CELT at full band, that of 2.5 ms (RFC 6716 3.1).
const CELT_FULL_BAND: u8 = 28;
/// The lengths of its four configurations, in samples at 48 kHz, the longest first.
const CELT_FRAMES: [(u8, usize); 4] = [(3, 960), (2, 480), (1, 240), (0, 120)];
/// A CELT frame whose silence flag is set (RFC 6716 4.3).
const CELT_SILENCE: [u8; 2] = [0xFF, 0xFE];
/// The code of a packet with a count of frames, all of one length (RFC 6716 3.2.5).
const COUNTED_FRAMES: u8 = 3;

/// Writes a payload of `codec` that lasts as long as `payload` and is silent; the number of its bytes.
///
/// `None` when `payload` is malformed or `silent` has no room. As many bytes as `payload` has, or 130, are
/// always enough.
pub fn silent_payload(codec: Codec, payload: &[u8], silent: &mut [u8]) -> Option<usize> {
    let fill = |silent: &mut [u8], byte: u8| {
        silent.get_mut(..payload.len())?.fill(byte);
        Some(payload.len())
    };
    match codec {
        Codec::Pcmu => fill(silent, PCMU_ZERO),
        Codec::Pcma => fill(silent, PCMA_ZERO),
        Codec::G722 => fill(silent, G722_QUIET),
        Codec::L16(_) | Codec::L16Stereo(_) => fill(silent, 0),
        Codec::Opus => silent_opus(payload, silent),
    }
}

fn silent_opus(payload: &[u8], silent: &mut [u8]) -> Option<usize> {
    let samples = Codec::Opus.payload_samples(payload).ok()?;
    let divides = |(_, length): &&(u8, usize)| samples.is_multiple_of(*length);
    let (configuration, length) = CELT_FRAMES.iter().find(divides)?;
    let count = u8::try_from(samples / length).ok()?;
    let toc = ((CELT_FULL_BAND + configuration) << 3) | COUNTED_FRAMES;
    let bytes = 2 + usize::from(count) * CELT_SILENCE.len();
    let (head, frames) = silent.get_mut(..bytes)?.split_at_mut(2);
    head.copy_from_slice(&[toc, count]);
    for frame in frames.chunks_exact_mut(CELT_SILENCE.len()) {
        frame.copy_from_slice(&CELT_SILENCE);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::MAX_FRAME_SAMPLES;
    use crate::level;
    use crate::{Decoder, Encoder, L16Rate, Tone, ToneGenerator};

    const CODECS: [Codec; 6] = [
        Codec::Pcmu,
        Codec::Pcma,
        Codec::G722,
        Codec::Opus,
        Codec::L16(L16Rate::Hz16000),
        Codec::L16Stereo(L16Rate::Hz16000),
    ];

    #[test]
    fn what_is_silenced_is_quiet_and_as_long() {
        for codec in CODECS {
            for ptime_ms in [10, 20, 40, 60] {
                let mut encoder = Encoder::new(codec).expect("an encoder");
                let mut decoder = Decoder::new(codec).expect("a decoder");
                let tone = Tone { hz: 440.0, dbm0: -10.0 };
                let mut tone = ToneGenerator::new(codec.sample_rate(), &[tone]);
                let mut pcm = vec![0; codec.frame_samples(ptime_ms)];
                let mut heard = vec![0; MAX_FRAME_SAMPLES];
                // G.722 forgets the last step sizes within 60 ms, the others within a frame.
                let quiet_after = 10 + 60 / ptime_ms;
                for frame in 0..20 {
                    tone.fill(&mut pcm);
                    let mut payload = [0; 4_000];
                    let length = encoder.encode(&pcm, &mut payload).expect("a payload");
                    let payload = &payload[..length];
                    let mut silent = [0; 4_000];
                    let is_silenced = frame >= 10;
                    let length = silent_payload(codec, payload, &mut silent).expect("silence");
                    let sent = if is_silenced { &silent[..length] } else { payload };
                    let samples = decoder.decode(sent, &mut heard).expect("it decodes");
                    assert_eq!(samples, pcm.len(), "{codec:?} of {ptime_ms} ms");
                    let level = level::dbm0(&heard[..samples]);
                    if frame > quiet_after {
                        assert!(level < -50.0, "{codec:?}, {ptime_ms} ms: {level} dBm0");
                    }
                    if !is_silenced && frame > 4 {
                        assert!(level > -15.0, "{codec:?}, {ptime_ms} ms: {level} dBm0");
                    }
                }
            }
        }
    }

    #[test]
    fn every_kind_of_opus_packet_keeps_its_length() {
        let samples = |packet: &[u8]| Codec::Opus.payload_samples(packet).expect("a packet");
        for configuration in 0..32_u8 {
            for (code, rest, frames) in
                [(0, vec![1], 1), (1, vec![1, 2], 2), (3, vec![1, 9], 1), (3, vec![2, 9, 9], 2)]
            {
                let packet = [vec![(configuration << 3) | code], rest].concat();
                let one = [(configuration << 3), 0];
                let length = samples(&one) * frames;
                let mut silent = [0; 130];
                let bytes = silent_payload(Codec::Opus, &packet, &mut silent).expect("silence");
                assert_eq!(samples(&silent[..bytes]), length);
            }
        }
    }

    #[test]
    fn nonsense_and_too_little_room_are_refused() {
        let mut silent = [0; 130];
        assert_eq!(silent_payload(Codec::Opus, &[], &mut silent), None);
        assert_eq!(silent_payload(Codec::Opus, &[3], &mut silent), None);
        assert_eq!(silent_payload(Codec::Opus, &[3, 0], &mut silent), None);
        assert_eq!(silent_payload(Codec::Opus, &[27, 63], &mut silent), None);
        assert_eq!(silent_payload(Codec::Pcmu, &[0; 160], &mut silent), None);
    }
}
