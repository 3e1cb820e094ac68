//! Packets of another length than our frames.

use super::agreed::FRAME_MS;
use offhook_audio::Codec;
use offhook_audio::codec::MAX_PAYLOAD;

/// Collects frames until they fill a packet of the length that is asked for.
#[derive(Debug)]
pub(crate) struct Packing {
    ptime_ms: u32,
    pcm: Vec<i16>,
}

impl Packing {
    /// Packets of `ptime_ms` milliseconds, as near as the codec has them.
    pub(crate) fn new(ptime_ms: u16) -> Self {
        Self { ptime_ms: ptime_ms.into(), pcm: Vec::with_capacity(MAX_PAYLOAD) }
    }

    /// How long a packet of this codec is, in milliseconds.
    pub(crate) fn ptime_ms(&self, codec: Codec) -> u32 {
        codec.ptime_for(self.ptime_ms)
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
    pub(crate) fn take(&mut self, codec: Codec, send: impl FnOnce(&[i16], u32)) -> bool {
        let ptime_ms = self.ptime_ms(codec);
        let samples = codec.frame_samples(ptime_ms);
        let Some(packet) = self.pcm.get(..samples) else { return false };
        send(packet, ptime_ms);
        self.pcm.drain(..samples);
        true
    }

    /// Forgets what fills no packet.
    pub(crate) fn clear(&mut self) {
        self.pcm.clear();
    }
}
