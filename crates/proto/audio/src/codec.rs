//! The codecs of RFC 3551 and RFC 7587 behind one encoder and one decoder.

use crate::g711::Law;
use crate::opus_codec::{OpusDecoder, OpusEncoder};
use crate::plc::Concealer;
use crate::{g711, g722, opus_codec};
use thiserror::Error;

/// The longest frame that a decoder may produce: 120 ms of Opus at 48 kHz (RFC 6716 2.1.4).
pub const MAX_FRAME_SAMPLES: usize = 5760;

/// The longest payload that an encoder may produce: 60 ms of L16 at 48 kHz in two channels, in bytes.
pub const MAX_PAYLOAD: usize = 11_520;

/// Shortest packet time that is encoded, in milliseconds.
pub const MIN_PTIME_MS: u32 = 10;

/// Longest packet time that is encoded, in milliseconds.
pub const MAX_PTIME_MS: u32 = 60;

/// A way of carrying speech in RTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 with the mu-law (RFC 3551 4.5.14), static payload type 0.
    Pcmu,
    /// G.711 with the A-law (RFC 3551 4.5.14), static payload type 8.
    Pcma,
    /// G.722 at 64 kbit/s (RFC 3551 4.5.2), static payload type 9.
    G722,
    /// Opus (RFC 7587), sent as mono.
    Opus,
    /// Linear 16-bit big-endian mono samples (RFC 3551 4.5.11).
    L16(L16Rate),
    /// The same in two channels. What is encoded is the same in both; what is decoded is their mean.
    L16Stereo(L16Rate),
}

/// Sample rates at which [`Codec::L16`] is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum L16Rate {
    /// 8000 samples per second.
    Hz8000,
    /// 16000 samples per second.
    Hz16000,
    /// 44100 samples per second, static payload type 11.
    Hz44100,
    /// 48000 samples per second.
    Hz48000,
}

impl L16Rate {
    /// Samples per second.
    pub const fn hz(self) -> u32 {
        match self {
            L16Rate::Hz8000 => 8000,
            L16Rate::Hz16000 => 16000,
            L16Rate::Hz44100 => 44100,
            L16Rate::Hz48000 => 48000,
        }
    }

    const fn from_hz(hz: u32) -> Option<L16Rate> {
        match hz {
            8000 => Some(L16Rate::Hz8000),
            16000 => Some(L16Rate::Hz16000),
            44100 => Some(L16Rate::Hz44100),
            48000 => Some(L16Rate::Hz48000),
            _ => None,
        }
    }
}

impl Codec {
    /// The codec of an `a=rtpmap` value (RFC 8866 6.6): encoding name (any case), clock rate in
    /// Hz, and channels (1 when the attribute names none).
    pub fn from_rtpmap(encoding_name: &str, clock_rate: u32, channels: u32) -> Option<Codec> {
        let is = |name: &str| encoding_name.eq_ignore_ascii_case(name);
        match (clock_rate, channels) {
            (8000, 1) if is("PCMU") => Some(Codec::Pcmu),
            (8000, 1) if is("PCMA") => Some(Codec::Pcma),
            (8000, 1) if is("G722") => Some(Codec::G722),
            (48000, 2) if is("opus") => Some(Codec::Opus),
            (hz, 1) if is("L16") => L16Rate::from_hz(hz).map(Codec::L16),
            (hz, 2) if is("L16") => L16Rate::from_hz(hz).map(Codec::L16Stereo),
            _ => None,
        }
    }

    /// The codec of a static payload type (RFC 3551 6).
    pub const fn from_static_payload_type(payload_type: u8) -> Option<Codec> {
        match payload_type {
            0 => Some(Codec::Pcmu),
            8 => Some(Codec::Pcma),
            9 => Some(Codec::G722),
            10 => Some(Codec::L16Stereo(L16Rate::Hz44100)),
            11 => Some(Codec::L16(L16Rate::Hz44100)),
            _ => None,
        }
    }

    /// The static payload type (RFC 3551 6), where there is one.
    pub const fn static_payload_type(self) -> Option<u8> {
        match self {
            Codec::Pcmu => Some(0),
            Codec::Pcma => Some(8),
            Codec::G722 => Some(9),
            Codec::L16Stereo(L16Rate::Hz44100) => Some(10),
            Codec::L16(L16Rate::Hz44100) => Some(11),
            Codec::Opus | Codec::L16(_) | Codec::L16Stereo(_) => None,
        }
    }

    /// The encoding name in `a=rtpmap`.
    pub const fn encoding_name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
            Codec::G722 => "G722",
            Codec::Opus => "opus",
            Codec::L16(_) | Codec::L16Stereo(_) => "L16",
        }
    }

    /// Channels in `a=rtpmap`. Opus always says 2 (RFC 7587 7), whatever is sent.
    pub const fn rtpmap_channels(self) -> u32 {
        match self {
            Codec::Opus | Codec::L16Stereo(_) => 2,
            Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::L16(_) => 1,
        }
    }

    /// PCM samples per second that the encoder takes and the decoder gives.
    pub const fn sample_rate(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma => 8000,
            Codec::G722 => 16000,
            Codec::Opus => 48000,
            Codec::L16(rate) | Codec::L16Stereo(rate) => rate.hz(),
        }
    }

    /// RTP timestamp ticks per second. G.722 counts 8000 (RFC 3551 4.5.2).
    pub const fn clock_rate(self) -> u32 {
        match self {
            Codec::G722 => 8000,
            Codec::Pcmu | Codec::Pcma | Codec::Opus | Codec::L16(_) | Codec::L16Stereo(_) => {
                self.sample_rate()
            }
        }
    }

    /// RTP timestamp ticks of so many PCM samples.
    pub const fn ticks_of(self, samples: usize) -> u32 {
        (samples as u64 * self.clock_rate() as u64 / self.sample_rate() as u64) as u32
    }

    /// How many PCM samples make a payload of no more than so many bytes. Only linear samples need more than
    /// a packet for 20 ms.
    pub const fn samples_within(self, bytes: usize) -> usize {
        match self {
            Codec::Pcmu | Codec::Pcma => bytes,
            Codec::G722 => bytes * 2,
            Codec::Opus => MAX_FRAME_SAMPLES,
            Codec::L16(_) => bytes / 2,
            Codec::L16Stereo(_) => bytes / 4,
        }
    }

    /// PCM samples in a frame of `ptime_ms` milliseconds.
    pub const fn frame_samples(self, ptime_ms: u32) -> usize {
        (self.sample_rate() as u64 * ptime_ms as u64 / 1000) as usize
    }

    /// RTP timestamp ticks in a frame of `ptime_ms` milliseconds.
    pub const fn frame_ticks(self, ptime_ms: u32) -> u32 {
        (self.clock_rate() as u64 * ptime_ms as u64 / 1000) as u32
    }

    /// How many PCM samples at [`Codec::sample_rate`] a payload holds.
    pub fn payload_samples(self, payload: &[u8]) -> Result<usize, CodecError> {
        match self {
            Codec::Pcmu | Codec::Pcma => Ok(payload.len()),
            Codec::G722 => Ok(payload.len() * 2),
            Codec::Opus => opus_codec::decoded_samples(payload),
            Codec::L16(_) => l16_samples(payload, 1),
            Codec::L16Stereo(_) => l16_samples(payload, 2),
        }
    }

    /// The packet time to send when the peer asks for `asked_ms`: the nearest shorter one that the
    /// codec has frames for, within [`MIN_PTIME_MS`] and [`MAX_PTIME_MS`].
    pub fn ptime_for(self, asked_ms: u32) -> u32 {
        let ptime = asked_ms.clamp(MIN_PTIME_MS, MAX_PTIME_MS) / 10 * 10;
        match (self, ptime) {
            (Codec::Opus, 30) => 20,
            (Codec::Opus, 50) => 40,
            _ => ptime,
        }
    }
}

/// Why a frame could not be coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CodecError {
    /// The caller's buffer is too small; offer at least `needed` elements.
    #[error("the output buffer is too small: {needed} elements are needed")]
    OutputTooSmall {
        /// Elements that would have been enough.
        needed: usize,
    },
    /// The frame has a length that the codec has no frame for; see [`Codec::ptime_for`].
    #[error("the codec has no frame of this length")]
    FrameLength,
    /// The payload is not one of this codec; drop it and conceal.
    #[error("the payload is malformed")]
    Malformed,
    /// The codec's library could not set up its state; refuse the call.
    #[error("the codec is not available")]
    Unavailable,
}

/// Turns PCM frames into RTP payloads.
#[derive(Debug)]
pub struct Encoder {
    codec: Codec,
    state: EncoderState,
}

#[derive(Debug)]
enum EncoderState {
    G711(Law),
    G722(Box<g722::Encoder>),
    Opus(OpusEncoder),
    /// With this many channels.
    L16(usize),
}

impl Encoder {
    /// An encoder at the start of a stream.
    pub fn new(codec: Codec) -> Result<Encoder, CodecError> {
        let state = match codec {
            Codec::Pcmu => EncoderState::G711(Law::Mu),
            Codec::Pcma => EncoderState::G711(Law::A),
            Codec::G722 => EncoderState::G722(Box::default()),
            Codec::Opus => EncoderState::Opus(OpusEncoder::new()?),
            Codec::L16(_) => EncoderState::L16(1),
            Codec::L16Stereo(_) => EncoderState::L16(2),
        };
        Ok(Encoder { codec, state })
    }

    /// What is encoded.
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// Encodes one frame of mono PCM at [`Codec::sample_rate`] and returns the payload's length in
    /// bytes. [`MAX_PAYLOAD`] bytes of `payload` are always enough for frames up to
    /// [`MAX_PTIME_MS`].
    pub fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        match &mut self.state {
            EncoderState::G711(law) => {
                let payload = room(payload, pcm.len())?;
                g711::encode(*law, pcm, payload);
                Ok(pcm.len())
            }
            EncoderState::G722(encoder) => {
                if !pcm.len().is_multiple_of(2) {
                    return Err(CodecError::FrameLength);
                }
                encoder.encode(pcm, room(payload, pcm.len() / 2)?);
                Ok(pcm.len() / 2)
            }
            EncoderState::Opus(encoder) => encoder.encode(pcm, payload),
            EncoderState::L16(channels) => encode_l16(pcm, *channels, payload),
        }
    }

    /// How many bits per second Opus may take, on average; it is kept within 6,000 and 510,000. Other codecs
    /// have one rate.
    pub fn set_bitrate(&mut self, bits_per_s: u32) {
        if let EncoderState::Opus(encoder) = &mut self.state {
            encoder.set_bitrate(bits_per_s);
        }
    }

    /// Tells the encoder how much the network loses, in percent, so that Opus can spend bits on
    /// forward error correction (RFC 6716 2.1.7). Codecs without it ignore the figure.
    pub fn set_expected_loss(&mut self, percent: u8) {
        if let EncoderState::Opus(encoder) = &mut self.state {
            encoder.set_expected_loss(percent);
        }
    }
}

/// Turns RTP payloads into PCM frames, and conceals those that did not come.
#[derive(Debug)]
pub struct Decoder {
    codec: Codec,
    state: DecoderState,
}

#[derive(Debug)]
enum DecoderState {
    G711(Law, Concealer),
    G722(Box<g722::Decoder>, Concealer),
    Opus(OpusDecoder),
    /// With this many channels.
    L16(usize, Concealer),
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new(codec: Codec) -> Result<Decoder, CodecError> {
        let concealer = || Concealer::new(codec.sample_rate());
        let state = match codec {
            Codec::Pcmu => DecoderState::G711(Law::Mu, concealer()),
            Codec::Pcma => DecoderState::G711(Law::A, concealer()),
            Codec::G722 => DecoderState::G722(Box::default(), concealer()),
            Codec::Opus => DecoderState::Opus(OpusDecoder::new()?),
            Codec::L16(_) => DecoderState::L16(1, concealer()),
            Codec::L16Stereo(_) => DecoderState::L16(2, concealer()),
        };
        Ok(Decoder { codec, state })
    }

    /// What is decoded.
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// How many PCM samples [`Decoder::decode`] makes of `payload`.
    pub fn decoded_samples(&self, payload: &[u8]) -> Result<usize, CodecError> {
        self.codec.payload_samples(payload)
    }

    /// Decodes one payload into mono PCM at [`Codec::sample_rate`] and returns the number of
    /// samples. An empty payload is malformed. A failed call leaves the decoder's state alone.
    pub fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        if payload.is_empty() {
            return Err(CodecError::Malformed);
        }
        let samples = self.decoded_samples(payload)?;
        let pcm = room(pcm, samples)?;
        match &mut self.state {
            DecoderState::G711(law, concealer) => {
                g711::decode(*law, payload, pcm);
                concealer.handle_good(pcm);
            }
            DecoderState::G722(decoder, concealer) => {
                decoder.decode(payload, pcm);
                concealer.handle_good(pcm);
            }
            DecoderState::Opus(decoder) => return decoder.decode(payload, pcm),
            DecoderState::L16(channels, concealer) => {
                decode_l16(payload, *channels, pcm);
                concealer.handle_good(pcm);
            }
        }
        Ok(samples)
    }

    /// Fills all of `pcm` with a guess at a frame that was lost. For Opus the length must be a
    /// multiple of 2.5 ms.
    pub fn conceal(&mut self, pcm: &mut [i16]) -> Result<(), CodecError> {
        match &mut self.state {
            DecoderState::G711(_, concealer)
            | DecoderState::G722(_, concealer)
            | DecoderState::L16(_, concealer) => {
                concealer.conceal(pcm);
                Ok(())
            }
            DecoderState::Opus(decoder) => decoder.conceal(pcm),
        }
    }

    /// Fills all of `pcm` with the lost frame before `next`, from the forward error correction
    /// that `next` carries (RFC 6716 2.1.7), or by concealment when it carries none.
    /// [`Decoder::decode`] of `next` itself follows.
    pub fn recover(&mut self, next: &[u8], pcm: &mut [i16]) -> Result<(), CodecError> {
        match &mut self.state {
            DecoderState::Opus(decoder) if !next.is_empty() => decoder.recover(next, pcm),
            _ => self.conceal(pcm),
        }
    }
}

/// The first `needed` elements of `buffer`.
fn room<T>(buffer: &mut [T], needed: usize) -> Result<&mut [T], CodecError> {
    buffer.get_mut(..needed).ok_or(CodecError::OutputTooSmall { needed })
}

fn l16_samples(payload: &[u8], channels: usize) -> Result<usize, CodecError> {
    let bytes = 2 * channels;
    if !payload.len().is_multiple_of(bytes) {
        return Err(CodecError::Malformed);
    }
    Ok(payload.len() / bytes)
}

fn encode_l16(pcm: &[i16], channels: usize, payload: &mut [u8]) -> Result<usize, CodecError> {
    let bytes = pcm.len() * 2 * channels;
    let payload = room(payload, bytes)?;
    for (frame, sample) in payload.chunks_exact_mut(2 * channels).zip(pcm) {
        for bytes in frame.chunks_exact_mut(2) {
            bytes.copy_from_slice(&sample.to_be_bytes());
        }
    }
    Ok(bytes)
}

fn decode_l16(payload: &[u8], channels: usize, pcm: &mut [i16]) {
    for (sample, frame) in pcm.iter_mut().zip(payload.chunks_exact(2 * channels)) {
        let of_channel = |bytes: &[u8]| i32::from(i16::from_be_bytes([bytes[0], bytes[1]]));
        let sum = frame.chunks_exact(2).map(of_channel).sum::<i32>();
        let mean = sum / i32::try_from(channels).unwrap_or(1);
        *sample = i16::try_from(mean).expect("a mean of 16-bit samples has 16 bits");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Codec; 10] = [
        Codec::Pcmu,
        Codec::Pcma,
        Codec::G722,
        Codec::Opus,
        Codec::L16(L16Rate::Hz8000),
        Codec::L16(L16Rate::Hz16000),
        Codec::L16(L16Rate::Hz44100),
        Codec::L16(L16Rate::Hz48000),
        Codec::L16Stereo(L16Rate::Hz16000),
        Codec::L16Stereo(L16Rate::Hz44100),
    ];

    #[test]
    fn rtpmap_names_round_trip() {
        for codec in ALL {
            let found = Codec::from_rtpmap(
                &codec.encoding_name().to_ascii_lowercase(),
                codec.clock_rate(),
                codec.rtpmap_channels(),
            );
            assert_eq!(found, Some(codec));
        }
        assert_eq!(Codec::from_rtpmap("PCMU", 16000, 1), None);
        assert_eq!(Codec::from_rtpmap("opus", 48000, 1), None);
        assert_eq!(Codec::from_rtpmap("G729", 8000, 1), None);
    }

    #[test]
    fn static_payload_types_round_trip() {
        for codec in ALL {
            if let Some(payload_type) = codec.static_payload_type() {
                assert_eq!(Codec::from_static_payload_type(payload_type), Some(codec));
            }
        }
    }

    #[test]
    fn g722_counts_half_its_samples_on_the_clock() {
        assert_eq!(Codec::G722.frame_samples(20), 320);
        assert_eq!(Codec::G722.frame_ticks(20), 160);
        assert_eq!(Codec::Opus.frame_samples(60), 2880);
    }

    #[test]
    fn ptime_is_one_the_codec_can_encode() {
        for codec in ALL {
            for asked in [0, 5, 10, 15, 20, 30, 40, 50, 60, 120, u32::MAX] {
                let mut encoder = Encoder::new(codec).unwrap();
                let pcm = vec![0; codec.frame_samples(codec.ptime_for(asked))];
                let mut payload = [0; MAX_PAYLOAD];
                assert!(encoder.encode(&pcm, &mut payload).is_ok(), "{codec:?} {asked}");
            }
        }
    }

    #[test]
    fn short_buffers_and_odd_frames_are_refused() {
        let mut pcmu = Encoder::new(Codec::Pcmu).unwrap();
        assert_eq!(
            pcmu.encode(&[0; 160], &mut [0; 159]),
            Err(CodecError::OutputTooSmall { needed: 160 })
        );
        let mut g722 = Encoder::new(Codec::G722).unwrap();
        assert_eq!(g722.encode(&[0; 321], &mut [0; 400]), Err(CodecError::FrameLength));
        let mut opus = Encoder::new(Codec::Opus).unwrap();
        assert_eq!(opus.encode(&[0; 961], &mut [0; 400]), Err(CodecError::FrameLength));
        let mut l16 = Decoder::new(Codec::L16(L16Rate::Hz8000)).unwrap();
        assert_eq!(l16.decode(&[0; 3], &mut [0; 8]), Err(CodecError::Malformed));
        assert_eq!(l16.decode(&[], &mut [0; 8]), Err(CodecError::Malformed));
    }
}
