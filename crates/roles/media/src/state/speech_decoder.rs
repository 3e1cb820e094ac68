//! From a party's packets to frames of speech, on our clock.

use super::agreed::FRAME_MS;
use offhook_audio::codec::MAX_FRAME_SAMPLES;
use offhook_audio::{Codec, Decoder};
use offhook_rtp::{JitterBuffer, JitterConfig, Playout, RtpPacket};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A jitter buffer, a decoder behind it, and what of a packet is not played yet.
#[derive(Debug)]
pub(crate) struct SpeechDecoder {
    codec: Codec,
    buffer: JitterBuffer,
    decoder: Decoder,
    decoded: VecDeque<i16>,
}

impl SpeechDecoder {
    /// `None` when the codec's library fails.
    pub(crate) fn new(codec: Codec) -> Option<Self> {
        Some(Self {
            codec,
            buffer: JitterBuffer::new(JitterConfig::new(codec.clock_rate())),
            decoder: Decoder::new(codec).ok()?,
            decoded: VecDeque::with_capacity(2 * MAX_FRAME_SAMPLES),
        })
    }

    pub(crate) fn codec(&self) -> Codec {
        self.codec
    }

    /// Takes a packet of speech. The buffer counts what it refuses.
    pub(crate) fn put(&mut self, packet: &RtpPacket<'_>, now: Instant) {
        if let Err(dropped) = self.buffer.put(packet, now) {
            tracing::trace!(?dropped, "a packet is not played");
        }
    }

    /// Takes note of a packet of the stream that is not speech, so that it does not count as lost.
    pub(crate) fn put_other(&mut self, packet: &RtpPacket<'_>, now: Instant) {
        if let Err(dropped) = self.buffer.put_other(packet, now) {
            tracing::trace!(?dropped, "a packet is not noted");
        }
    }

    /// How long packets wait at present.
    pub(crate) fn delay(&self, now: Instant) -> Duration {
        self.buffer.delay(now)
    }

    /// Fills the front of `frame` with one frame at the codec's sample rate; the number of samples.
    pub(crate) fn fill(&mut self, frame: &mut [i16], now: Instant) -> usize {
        let samples = self.codec.frame_samples(FRAME_MS).min(frame.len());
        while self.decoded.len() < samples {
            self.decode_next(now);
        }
        for (slot, sample) in frame.iter_mut().zip(self.decoded.drain(..samples)) {
            *slot = sample;
        }
        samples
    }

    /// Decodes, conceals or leaves silent the next piece, which is never empty.
    fn decode_next(&mut self, now: Instant) {
        let mut pcm = [0; MAX_FRAME_SAMPLES];
        let (clock_rate, sample_rate) = (self.codec.clock_rate(), self.codec.sample_rate());
        let samples_of = |units: u32| {
            let samples = u64::from(units) * u64::from(sample_rate) / u64::from(clock_rate);
            usize::try_from(samples).unwrap_or(MAX_FRAME_SAMPLES).clamp(1, MAX_FRAME_SAMPLES)
        };
        let frame_samples = self.codec.frame_samples(FRAME_MS);
        let samples = match self.buffer.pop(now) {
            Playout::Frame(frame) => match self.decoder.decode(frame.payload, &mut pcm) {
                Ok(samples) if samples > 0 => samples,
                _ => conceal(&mut self.decoder, None, &mut pcm[..frame_samples]),
            },
            Playout::Conceal { units, following } => {
                let following = following.map(|frame| frame.payload);
                conceal(&mut self.decoder, following, &mut pcm[..samples_of(units)])
            }
            Playout::Silence { units } => samples_of(units),
        };
        self.decoded.extend(&pcm[..samples]);
    }
}

/// Makes up for a lost piece, from the copy in the packet behind it where there is one. When the codec cannot,
/// the piece stays silent.
fn conceal(decoder: &mut Decoder, following: Option<&[u8]>, pcm: &mut [i16]) -> usize {
    let concealed = match following {
        Some(payload) => decoder.recover(payload, pcm).or_else(|_| decoder.conceal(pcm)),
        None => decoder.conceal(pcm),
    };
    if concealed.is_err() {
        pcm.fill(0);
    }
    pcm.len()
}
