//! From a party's packets to frames of speech, on our clock.

use super::agreed::FRAME_MS;
use offhook_audio::codec::MAX_FRAME_SAMPLES;
use offhook_audio::{Codec, Decoder};
use offhook_rtp::{JitterBuffer, JitterConfig, Playout, RtpPacket, comfort_noise};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A jitter buffer, a decoder behind it, and what of a packet is not played yet.
#[derive(Debug)]
pub(crate) struct SpeechDecoder {
    codec: Codec,
    buffer: JitterBuffer,
    decoder: Decoder,
    decoded: VecDeque<i16>,
    /// What is heard while the party sends no speech.
    noise: Option<Noise>,
}

impl SpeechDecoder {
    /// `None` when the codec's library fails.
    pub(crate) fn new(codec: Codec) -> Option<Self> {
        Some(Self {
            codec,
            buffer: JitterBuffer::new(JitterConfig::new(codec.clock_rate())),
            decoder: Decoder::new(codec).ok()?,
            decoded: VecDeque::with_capacity(2 * MAX_FRAME_SAMPLES),
            noise: None,
        })
    }

    pub(crate) fn codec(&self) -> Codec {
        self.codec
    }

    /// Takes a packet of speech. The buffer counts what it refuses.
    pub(crate) fn put(&mut self, packet: &RtpPacket<'_>, now: Instant) {
        self.noise = None;
        if let Err(dropped) = self.buffer.put(packet, now) {
            tracing::trace!(?dropped, "a packet is not played");
        }
    }

    /// Takes a packet of comfort noise: it is heard until speech comes again (RFC 3389).
    pub(crate) fn put_noise(&mut self, packet: &RtpPacket<'_>, now: Instant) {
        self.put_other(packet, now);
        self.noise = comfort_noise::parse_level(packet.payload).map(Noise::new).or(self.noise);
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
            Playout::Conceal { units, following: None } if self.noise.is_some() => {
                fill_noise(&mut self.noise, &mut pcm[..samples_of(units)])
            }
            Playout::Conceal { units, following } => {
                let following = following.map(|frame| frame.payload);
                conceal(&mut self.decoder, following, &mut pcm[..samples_of(units)])
            }
            Playout::Silence { units } => {
                fill_noise(&mut self.noise, &mut pcm[..samples_of(units)])
            }
        };
        self.decoded.extend(&pcm[..samples]);
    }
}

/// White noise at a level.
#[derive(Debug, Clone, Copy)]
struct Noise {
    amplitude: f64,
    state: u32,
}

impl Noise {
    /// The level is in -dBov; uniform noise is weaker than its amplitude by the root of three.
    fn new(level: u8) -> Self {
        let rms = f64::from(i16::MAX) * 10_f64.powf(-f64::from(level) / 20.0);
        Self { amplitude: rms * 3_f64.sqrt(), state: 1 }
    }

    fn next_sample(&mut self) -> i16 {
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let unit = f64::from(self.state) / f64::from(u32::MAX) * 2.0 - 1.0;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a cast to a narrower integer saturates"
        )]
        let sample = (unit * self.amplitude) as i16;
        sample
    }
}

/// Fills a piece with the party's comfort noise, or leaves it silent.
fn fill_noise(noise: &mut Option<Noise>, pcm: &mut [i16]) -> usize {
    if let Some(noise) = noise {
        pcm.fill_with(|| noise.next_sample());
    }
    pcm.len()
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
