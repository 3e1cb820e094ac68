//! Legs that hear what another one's party says, without being heard and without being noticed.

use super::Engine;
use super::agreed::PayloadKind;
use super::speech_decoder::SpeechDecoder;
use offhook_bus::MediaRefusal;
use offhook_model::LegId;
use offhook_rtp::RtpPacket;
use std::time::Instant;

/// Legs that listen to one at most.
pub(crate) const LISTENERS_MAX: usize = 16;

/// Those that listen to a leg.
pub(crate) type Listeners = Vec<LegId>;

/// Whom a leg listens to.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) source: LegId,
    /// What the source's party says, decoded for a listener that has another codec. It is the listener's
    /// own, so that listening changes nothing for the partner of the source.
    pub(crate) speech: Option<Box<SpeechDecoder>>,
}

impl Engine {
    /// Lets a leg listen to another one.
    pub(super) fn listen(&mut self, id: LegId, source: LegId, now: Instant) {
        if self.legs.get(&id).and_then(|leg| leg.listens_to()) == Some(source) {
            return;
        }
        let is_there = id != source && self.legs.contains_key(&id);
        let Some(heard) = self.legs.get_mut(&source).filter(|_| is_there) else {
            return self.refuse(id, MediaRefusal::NoSuchLeg);
        };
        if !heard.add_listener(id) {
            return self.refuse(id, MediaRefusal::Exhausted);
        }
        self.detach(id, now);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.set_listening(Some(Listening { source, speech: None }));
        }
        self.settle(id, now);
    }

    /// The leg listens to nobody from here on.
    pub(super) fn stop_listening(&mut self, id: LegId, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(source) = leg.listens_to() else { return };
        leg.set_listening(None);
        if let Some(source) = self.legs.get_mut(&source) {
            source.remove_listener(id);
        }
        self.settle(id, now);
    }

    /// Nobody listens to the leg from here on.
    pub(super) fn dismiss_listeners(&mut self, id: LegId, now: Instant) {
        while let Some(listener) = self.legs.get_mut(&id).and_then(|leg| leg.pop_listener()) {
            if let Some(leg) = self.legs.get_mut(&listener) {
                leg.set_listening(None);
            }
            self.settle(listener, now);
        }
    }

    /// Hands a packet of the leg to those who listen to it.
    pub(super) fn pass_to_listeners(
        &mut self,
        id: LegId,
        kind: PayloadKind,
        packet: &RtpPacket<'_>,
        now: Instant,
    ) {
        let mut place = 0;
        while let Some(listener) = self.legs.get(&id).and_then(|leg| leg.listener(place)) {
            place += 1;
            let [Some(leg), Some(listener)] = self.legs.get_disjoint_mut([&id, &listener]) else {
                continue;
            };
            let is_heard = leg.passes_on(kind) && !listener.has_program();
            if is_heard && listener.overhear(kind, packet, &mut self.outgoing, now) {
                let listener = listener.id();
                self.settle(listener, now);
            }
        }
    }
}
