//! What a leg hears of a party that it is not bridged with.

use super::{Leg, Outgoing};
use crate::state::agreed::{Passage, PayloadKind};
use crate::state::description;
use crate::state::listener::{LISTENERS_MAX, Listening};
use crate::state::speech_decoder::SpeechDecoder;
use offhook_model::LegId;
use offhook_rtp::RtpPacket;
use offhook_sdp::AudioFormat;
use std::time::Instant;

impl Leg {
    /// Whose party this one listens to.
    pub(crate) fn listens_to(&self) -> Option<LegId> {
        self.listening.as_ref().map(|listening| listening.source)
    }

    pub(crate) fn set_listening(&mut self, listening: Option<Listening>) {
        self.listening = listening;
        // Whoever listened before a restart goes on where it was.
        if self.listening.is_none() {
            self.timeline.interrupt();
        }
    }

    /// Whether anybody listens to the party.
    pub(crate) fn has_listeners(&self) -> bool {
        !self.listeners.is_empty()
    }

    /// One of those who listen to the party.
    pub(crate) fn listener(&self, place: usize) -> Option<LegId> {
        self.listeners.get(place).copied()
    }

    /// `false` when there is no room for another listener.
    pub(crate) fn add_listener(&mut self, listener: LegId) -> bool {
        let has_room = self.listeners.len() < LISTENERS_MAX;
        if has_room {
            self.listeners.push(listener);
        }
        has_room
    }

    pub(crate) fn remove_listener(&mut self, listener: LegId) {
        self.listeners.retain(|known| *known != listener);
    }

    pub(crate) fn pop_listener(&mut self) -> Option<LegId> {
        self.listeners.pop()
    }

    /// Whether frames are to be made of what is overheard.
    pub(crate) fn is_overhearing_decoded(&self) -> bool {
        self.listening.as_ref().is_some_and(|listening| listening.speech.is_some())
    }

    /// Takes a packet of the party that is listened to; whether it is the first that is decoded.
    pub(crate) fn overhear(
        &mut self,
        kind: PayloadKind,
        packet: &RtpPacket<'_>,
        outgoing: &mut Outgoing,
        now: Instant,
    ) -> bool {
        if !self.is_listening() {
            return false;
        }
        match kind {
            PayloadKind::Speech(format) => {
                return self.overhear_speech(format, packet, outgoing, now);
            }
            PayloadKind::Event { clock_rate } => {
                self.skip_overheard(packet, now);
                self.relay_event(packet, clock_rate, outgoing, now);
            }
            PayloadKind::Noise => {
                self.skip_overheard(packet, now);
                let noise = self.agreed.as_ref().and_then(|agreed| agreed.noise());
                if let Some(payload_type) = noise.filter(|_| !self.is_overhearing_decoded()) {
                    self.relay(packet, Passage::unchanged(payload_type), outgoing, now);
                }
            }
            PayloadKind::Unknown => {}
        }
        false
    }

    fn overhear_speech(
        &mut self,
        format: AudioFormat,
        packet: &RtpPacket<'_>,
        outgoing: &mut Outgoing,
        now: Instant,
    ) -> bool {
        let passage = self.passage(format, packet.payload);
        let Some(listening) = &mut self.listening else { return false };
        if let Some(passage) = passage {
            listening.speech = None;
            self.relay(packet, passage, outgoing, now);
            return false;
        }
        let Some(codec) = description::codec_of(format) else { return false };
        let was_decoded = listening.speech.is_some();
        if listening.speech.as_ref().is_none_or(|speech| speech.codec() != codec) {
            listening.speech = SpeechDecoder::new(codec).map(Box::new);
        }
        if let Some(speech) = &mut listening.speech {
            speech.put(packet, now);
        }
        !was_decoded
    }

    /// Takes note of a packet that is no speech within speech that is decoded.
    fn skip_overheard(&mut self, packet: &RtpPacket<'_>, now: Instant) {
        let listening = self.listening.as_mut();
        if let Some(speech) = listening.and_then(|listening| listening.speech.as_mut()) {
            speech.put_other(packet, now);
        }
    }

    /// The next decoded frame of what is overheard: its samples and their rate.
    pub(crate) fn next_overheard(
        &mut self,
        frame: &mut [i16],
        now: Instant,
    ) -> Option<(usize, u32)> {
        let speech = self.listening.as_mut()?.speech.as_mut()?;
        let samples = speech.fill(frame, now);
        Some((samples, speech.codec().sample_rate()))
    }
}
