//! One encoder for all who hear the same.

use super::FRAME_SAMPLES_MAX;
use crate::state::packet::PACKET_BYTES_MAX;
use offhook_audio::{Codec, Encoder, Mixer, Resampler};

/// Encodes what all hear, once a frame.
#[derive(Debug)]
pub(super) struct SharedEncoder {
    encoder: Encoder,
    /// From the mix's sample rate to the codec's, where they differ.
    resampler: Option<Resampler>,
    payload: Box<[u8; PACKET_BYTES_MAX]>,
    length: usize,
    /// The frame that the payload is of.
    frame: u64,
}

impl SharedEncoder {
    /// `None` when the codec's library fails or the rates have no converter.
    pub(super) fn new(codec: Codec, mix_rate: u32) -> Option<Self> {
        let rate = codec.sample_rate();
        let resampler = match mix_rate == rate {
            true => None,
            false => Some(Resampler::new(mix_rate, rate).ok()?),
        };
        let encoder = Encoder::new(codec).ok()?;
        let payload = Box::new([0; PACKET_BYTES_MAX]);
        Some(Self { encoder, resampler, payload, length: 0, frame: 0 })
    }

    pub(super) fn codec(&self) -> Codec {
        self.encoder.codec()
    }

    /// The payload of this frame, made when it is first asked for.
    pub(super) fn payload(&mut self, mixer: &Mixer, frame: u64) -> Option<&[u8]> {
        if self.frame != frame {
            self.frame = frame;
            self.length = self.encode(mixer).unwrap_or_default();
        }
        Some(&self.payload[..self.length]).filter(|payload| !payload.is_empty())
    }

    fn encode(&mut self, mixer: &Mixer) -> Option<usize> {
        let mut mix = [0; FRAME_SAMPLES_MAX];
        let mix = mix.get_mut(..mixer.frame_samples())?;
        mixer.mix_for_all(mix);
        let mut converted = [0; FRAME_SAMPLES_MAX];
        let pcm = match &mut self.resampler {
            None => &*mix,
            Some(resampler) => {
                let samples = resampler.process(mix, &mut converted).ok()?;
                &converted[..samples]
            }
        };
        self.encoder.encode(pcm, &mut self.payload[..]).ok()
    }
}
