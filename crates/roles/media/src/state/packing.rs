//! Packets of another length than our frames.

use super::agreed::FRAME_MS;
use offhook_audio::Codec;
use offhook_audio::codec::MAX_PTIME_MS;

/// Samples that are kept at most: a packet that lacks some, and the frame that has them, at the highest rate.
const SAMPLES_MAX: usize = Codec::Opus.frame_samples(MAX_PTIME_MS + FRAME_MS);

/// Collects frames until they fill a packet of the length that is asked for.
#[derive(Debug)]
pub(crate) struct Packing {
    asked_ms: u16,
    pcm: Vec<i16>,
}

impl Packing {
    /// Packets of `ptime_ms` milliseconds, as near as the codec has them.
    pub(crate) fn new(ptime_ms: u16) -> Self {
        Self { asked_ms: ptime_ms, pcm: Vec::with_capacity(SAMPLES_MAX) }
    }

    /// The length that was asked for, in milliseconds.
    pub(crate) fn asked_ms(&self) -> u16 {
        self.asked_ms
    }

    /// How long a packet of this codec is, in milliseconds. Linear samples fill a datagram with a frame.
    fn ptime_ms(&self, codec: Codec) -> u32 {
        let ptime_ms = codec.ptime_for(self.asked_ms.into());
        match codec {
            Codec::L16(_) | Codec::L16Stereo(_) => ptime_ms.min(FRAME_MS),
            Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::Opus => ptime_ms,
        }
    }

    /// Whether a frame of ours is a packet.
    pub(crate) fn is_a_frame(&self, codec: Codec) -> bool {
        self.ptime_ms(codec) == FRAME_MS
    }

    /// Whether a packet from elsewhere has the length.
    pub(crate) fn fits(&self, codec: Codec, payload: &[u8]) -> bool {
        codec.payload_samples(payload) == Ok(codec.frame_samples(self.ptime_ms(codec)))
    }

    /// Takes a frame.
    pub(crate) fn push(&mut self, frame: &[i16]) {
        if self.pcm.len() + frame.len() <= self.pcm.capacity() {
            self.pcm.extend_from_slice(frame);
        }
    }

    /// Hands a packet's samples to `send`, if there are as many; whether there were.
    pub(crate) fn take(&mut self, codec: Codec, send: impl FnOnce(&[i16])) -> bool {
        let samples = codec.frame_samples(self.ptime_ms(codec));
        let Some(packet) = self.pcm.get(..samples) else { return false };
        send(packet);
        self.pcm.drain(..samples);
        true
    }

    /// Forgets what fills no packet.
    pub(crate) fn clear(&mut self) {
        self.pcm.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_audio::L16Rate;

    #[test]
    fn every_packet_fits_into_a_datagram() {
        let codecs = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::L16(L16Rate::Hz16000)];
        for codec in codecs {
            for ptime_ms in [0, 10, 20, 30, 60, u16::MAX] {
                let mut packing = Packing::new(ptime_ms);
                let frame = vec![0; codec.frame_samples(FRAME_MS)];
                let mut sent = 0;
                let mut send = |pcm: &[i16]| {
                    assert!(pcm.len() <= 960, "{codec:?} of {ptime_ms} ms");
                    sent += pcm.len();
                };
                for _ in 0..30 {
                    packing.push(&frame);
                    while packing.take(codec, &mut send) {}
                }
                assert_eq!(sent, 30 * frame.len(), "{codec:?} of {ptime_ms} ms");
            }
        }
    }
}
