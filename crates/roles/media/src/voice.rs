//! One stream of packets as frames of 20 ms at a chosen rate.

use crate::state::speech_decoder::SpeechDecoder;
use offhook_audio::{Codec, Resampler};
use offhook_rtp::RtpPacket;
use std::time::Instant;

/// Samples of a frame at the highest rate.
pub(crate) const FRAME_SAMPLES_MAX: usize = 960;

/// One frame, in its front.
pub(crate) type Frame = [i16; FRAME_SAMPLES_MAX];

/// Decodes one stream of packets, whatever codecs it changes to.
#[derive(Debug, Default)]
pub(crate) struct Voice {
    decoder: Option<SpeechDecoder>,
    /// From the codec's rate to the one that is wanted.
    resampler: Option<(u32, Resampler)>,
}

impl Voice {
    /// Takes a packet; one without a codec is no speech.
    pub(crate) fn handle_packet(
        &mut self,
        codec: Option<Codec>,
        packet: &RtpPacket<'_>,
        at: Instant,
    ) {
        if let Some(codec) = codec
            && self.decoder.as_ref().is_none_or(|decoder| decoder.codec() != codec)
        {
            self.decoder = SpeechDecoder::new(codec);
        }
        match (&mut self.decoder, codec) {
            (Some(decoder), Some(_)) => decoder.put(packet, at),
            (Some(decoder), None) => decoder.put_other(packet, at),
            (None, _) => {}
        }
    }

    /// Fills the front of `frame` with the next 20 ms at this rate; it stays silent when nothing is said.
    pub(crate) fn fill(&mut self, frame: &mut Frame, rate: u32, at: Instant) {
        let Some(decoder) = &mut self.decoder else { return };
        let mut decoded: Frame = [0; FRAME_SAMPLES_MAX];
        let samples = decoder.fill(&mut decoded, at);
        let from = decoder.codec().sample_rate();
        if from == rate {
            return frame.copy_from_slice(&decoded);
        }
        if self.resampler.as_ref().is_none_or(|(known, _)| *known != from) {
            self.resampler = Resampler::new(from, rate).ok().map(|made| (from, made));
        }
        let Some((_, resampler)) = &mut self.resampler else { return };
        if let Err(error) = resampler.process(&decoded[..samples], frame) {
            tracing::debug!(%error, "a frame stays silent");
        }
    }
}
