//! Opus (RFC 6716) through libopus: mono, 48 kHz, in-band forward error correction on.

use crate::codec::{CodecError, MAX_FRAME_SAMPLES};
use opus::{Application, Bitrate, Channels, ErrorCode};

const SAMPLE_RATE: u32 = 48_000;

/// Frame lengths that Opus has, in samples at 48 kHz: 2.5 to 60 ms (RFC 6716 2.1.4).
const FRAME_LENGTHS: [usize; 6] = [120, 240, 480, 960, 1920, 2880];

/// Concealment comes in steps of 2.5 ms.
const CONCEAL_STEP: usize = 120;

/// The longest payload that is sent, in bytes: one frame's limit (RFC 6716 3.2.1).
const MAX_OPUS_PAYLOAD: usize = 1275;

/// Average bits per second of an encoder: full-band speech with room for error correction.
const BITRATE: i32 = 32_000;

/// The limits of the bitrate in bits per second (RFC 6716 2.1.1).
const BITRATE_MIN: i32 = 6_000;
const BITRATE_MAX: i32 = 510_000;

/// libopus' effort from 0 to 10. 5 costs a third of 10 and is hard to tell from it on speech.
const COMPLEXITY: i32 = 5;

/// Loss that an encoder prepares for until it is told better, in percent.
const INITIAL_EXPECTED_LOSS: i32 = 5;

/// How many samples are decoded from a payload (RFC 6716 3.2).
pub(crate) fn decoded_samples(payload: &[u8]) -> Result<usize, CodecError> {
    if payload.is_empty() {
        return Err(CodecError::Malformed);
    }
    match opus::packet::get_nb_samples(payload, SAMPLE_RATE) {
        Ok(samples) if (1..=MAX_FRAME_SAMPLES).contains(&samples) => Ok(samples),
        _ => Err(CodecError::Malformed),
    }
}

#[derive(Debug)]
pub(crate) struct OpusEncoder(opus::Encoder);

impl OpusEncoder {
    pub(crate) fn new() -> Result<OpusEncoder, CodecError> {
        Self::configured().map_err(|_| CodecError::Unavailable)
    }

    fn configured() -> opus::Result<OpusEncoder> {
        let mut encoder = opus::Encoder::new(SAMPLE_RATE, Channels::Mono, Application::Voip)?;
        encoder.set_bitrate(Bitrate::Bits(BITRATE))?;
        encoder.set_complexity(COMPLEXITY)?;
        encoder.set_inband_fec(true)?;
        encoder.set_packet_loss_perc(INITIAL_EXPECTED_LOSS)?;
        Ok(OpusEncoder(encoder))
    }

    pub(crate) fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        if !FRAME_LENGTHS.contains(&pcm.len()) {
            return Err(CodecError::FrameLength);
        }
        let room = payload.len().min(MAX_OPUS_PAYLOAD);
        let payload = &mut payload[..room];
        self.0
            .encode(pcm, payload)
            .map_err(|_| CodecError::OutputTooSmall { needed: MAX_OPUS_PAYLOAD })
    }

    pub(crate) fn set_bitrate(&mut self, bits_per_s: u32) {
        let bits = i32::try_from(bits_per_s).unwrap_or(i32::MAX).clamp(BITRATE_MIN, BITRATE_MAX);
        self.0.set_bitrate(Bitrate::Bits(bits)).expect("libopus takes what is within its limits");
    }

    pub(crate) fn set_expected_loss(&mut self, percent: u8) {
        self.0
            .set_packet_loss_perc(i32::from(percent.min(100)))
            .expect("libopus takes 0 to 100 percent");
    }
}

#[derive(Debug)]
pub(crate) struct OpusDecoder(opus::Decoder);

impl OpusDecoder {
    pub(crate) fn new() -> Result<OpusDecoder, CodecError> {
        opus::Decoder::new(SAMPLE_RATE, Channels::Mono)
            .map(OpusDecoder)
            .map_err(|_| CodecError::Unavailable)
    }

    pub(crate) fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        self.0.decode(payload, pcm, false).map_err(|error| codec_error(&error))
    }

    pub(crate) fn conceal(&mut self, pcm: &mut [i16]) -> Result<(), CodecError> {
        self.fill_lost(&[], pcm, false)
    }

    pub(crate) fn recover(&mut self, next: &[u8], pcm: &mut [i16]) -> Result<(), CodecError> {
        self.fill_lost(next, pcm, true)
    }

    fn fill_lost(&mut self, next: &[u8], pcm: &mut [i16], fec: bool) -> Result<(), CodecError> {
        if pcm.is_empty() || !pcm.len().is_multiple_of(CONCEAL_STEP) {
            return Err(CodecError::FrameLength);
        }
        let filled = self.0.decode(next, pcm, fec).map_err(|error| codec_error(&error))?;
        pcm[filled..].fill(0);
        Ok(())
    }
}

fn codec_error(error: &opus::Error) -> CodecError {
    match error.code() {
        ErrorCode::BufferTooSmall => CodecError::OutputTooSmall { needed: MAX_FRAME_SAMPLES },
        _ => CodecError::Malformed,
    }
}
