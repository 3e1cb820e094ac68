//! Two legs that hear each other.

use super::Engine;
use super::agreed::{Passage, PayloadKind};
use super::description::codec_of;
use super::packet::PACKET_BYTES_MAX;
use offhook_audio::silent_payload;
use offhook_model::LegId;
use offhook_rtp::RtpPacket;
use std::time::Instant;

/// Samples of the longest frame at the highest rate.
const FRAME_SAMPLES_MAX: usize = 5_760;

/// Bytes of the longest payload that is silenced.
const SILENT_BYTES_MAX: usize = PACKET_BYTES_MAX;
/// A comfort noise payload of the lowest level (RFC 3389 3).
const NO_NOISE: u8 = 127;

/// Buffers for one frame on its way; they belong to the engine, so that no frame allocates them.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) frame: [i16; FRAME_SAMPLES_MAX],
}

impl Default for Scratch {
    fn default() -> Self {
        Self { frame: [0; FRAME_SAMPLES_MAX] }
    }
}

impl Engine {
    pub(super) fn bridge(&mut self, a: LegId, b: LegId, now: Instant) {
        let both_there = self.legs.contains_key(&a) && self.legs.contains_key(&b);
        if a == b || !both_there {
            tracing::debug!(%a, %b, "a bridge needs two legs");
            return;
        }
        if self.legs.get(&a).and_then(|leg| leg.partner()) == Some(b) && !self.has_program(a, b) {
            return self.refresh_bridge(a);
        }
        self.detach(a, now);
        self.detach(b, now);
        for (id, partner) in [(a, b), (b, a)] {
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.set_partner(Some(partner));
            }
        }
        self.refresh_bridge(a);
        self.settle(a, now);
        self.settle(b, now);
    }

    /// Parts a leg from whomever it hears: its partner, its conference or the one it listens to. Who listens
    /// to it goes on.
    pub(super) fn detach(&mut self, id: LegId, now: Instant) {
        self.part(id, now);
        self.leave_conference(id, now);
        self.stop_listening(id, now);
    }

    /// Whether either hears something in the place of the other.
    fn has_program(&self, a: LegId, b: LegId) -> bool {
        [a, b].iter().any(|id| self.legs.get(id).is_some_and(|leg| leg.has_program()))
    }

    /// Begins the tone that tells of a recording, for the leg that is recorded and for its partner.
    pub(super) fn begin_notice(&mut self, id: LegId, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if !leg.begin_due_notice(now) {
            return;
        }
        let partner = leg.partner().and_then(|partner| self.legs.get_mut(&partner));
        if let Some(partner) = partner {
            partner.begin_notice();
            let partner = partner.id();
            self.settle(partner, now);
        }
    }

    /// Parts a leg from its partner.
    pub(super) fn part(&mut self, id: LegId, now: Instant) {
        let Some(partner) = self.legs.get(&id).and_then(|leg| leg.partner()) else { return };
        for id in [id, partner] {
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.set_partner(None);
            }
            self.settle(id, now);
        }
    }

    /// What each of the two hears follows from what both have agreed on with us.
    pub(super) fn refresh_bridge(&mut self, id: LegId) {
        let Some(partner) = self.legs.get(&id).and_then(|leg| leg.partner()) else { return };
        let hold_music = self.settings.hold_music;
        let [Some(a), Some(b)] = self.legs.get_disjoint_mut([&id, &partner]) else { return };
        let hold_music = hold_music && !a.is_quiet_when_held() && !b.is_quiet_when_held();
        let is_holding = |leg: &super::Leg| leg.agreed().is_some_and(|agreed| !agreed.sends());
        let (a_holds, b_holds) = (is_holding(a), is_holding(b));
        a.set_hold_music(hold_music && b_holds && !a_holds);
        b.set_hold_music(hold_music && a_holds && !b_holds);
    }

    /// Whether the leg needs frames of our own: it is played something, or its partner is decoded for it. In a
    /// conference its frames are made with those of the others.
    pub(super) fn wants_frames(&self, id: LegId) -> bool {
        let Some(leg) = self.legs.get(&id).filter(|leg| leg.membership().is_none()) else {
            return false;
        };
        let partner = leg.partner().and_then(|partner| self.legs.get(&partner));
        let hears_decoded = partner.is_some_and(|partner| partner.is_decoded());
        leg.has_player() || hears_decoded || leg.is_overhearing_decoded()
    }

    /// Passes silence in the rhythm of the leg's packets on to whoever hears its party.
    pub(super) fn pass_silence_on(
        &mut self,
        id: LegId,
        kind: PayloadKind,
        packet: &RtpPacket<'_>,
        now: Instant,
    ) {
        let mut buffer = [0; SILENT_BYTES_MAX];
        if let Some(silent) = silenced(kind, packet, &mut buffer) {
            self.pass_to_listeners(id, kind, &silent, now);
            self.pass_to_partner(id, kind, &silent, now);
        }
    }

    /// Passes a packet of the leg on to its partner, or to its conference.
    pub(super) fn pass_to_partner(
        &mut self,
        id: LegId,
        kind: PayloadKind,
        packet: &RtpPacket<'_>,
        now: Instant,
    ) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if leg.membership().is_some() {
            return leg.speak_in_conference(kind, packet, now);
        }
        let Some(partner_id) = leg.partner() else {
            // A delayed echo sets a timer.
            return if leg.has_program() {
                self.settle(id, now)
            };
        };
        let [Some(leg), Some(partner)] = self.legs.get_disjoint_mut([&id, &partner_id]) else {
            return;
        };
        if partner.has_program() || !partner.is_listening() || !leg.passes_on(kind) {
            return leg.stop_decoding();
        }
        match kind {
            PayloadKind::Speech(format) => {
                let becomes_event = leg.says_a_tone(now) && partner.takes_events();
                if let Some(passage) = partner.passage(format, packet.payload) {
                    leg.stop_decoding();
                    // A tone that becomes an event is not heard as well: that would be two presses.
                    if becomes_event {
                        return partner.leave_out();
                    }
                    return partner.relay(packet, passage, &mut self.outgoing, now);
                }
                let was_decoded = leg.is_decoded();
                leg.decode(packet, format, now);
                if !was_decoded {
                    self.settle(partner_id, now);
                }
            }
            PayloadKind::Event { clock_rate } => {
                leg.skip_decoding(packet, now);
                partner.relay_event(packet, clock_rate, &mut self.outgoing, now);
            }
            PayloadKind::Noise => {
                leg.decode_noise(packet, now);
                let noise = partner.agreed().and_then(|agreed| agreed.noise());
                if let Some(payload_type) = noise.filter(|_| !leg.is_decoded()) {
                    let passage = Passage::unchanged(payload_type);
                    partner.relay(packet, passage, &mut self.outgoing, now);
                }
            }
            PayloadKind::Unknown => {}
        }
    }

    /// Tells of keys that the leg's party has pressed, and presses them for its partner when that one would
    /// not learn of them otherwise.
    pub(super) fn hand_on_digits(&mut self, id: LegId, now: Instant) {
        while let Some(leg) = self.legs.get_mut(&id)
            && let Some(key) = leg.poll_key(&mut self.outgoing, now)
        {
            let digit = key.digit.as_char();
            leg.forks().push_key(digit, key.duration, &mut self.outgoing, now);
            let partner = leg.partner().filter(|_| leg.passes_digits());
            if let Some(partner) = partner.and_then(|partner| self.legs.get_mut(&partner)) {
                partner.hand_key(key, &mut self.outgoing);
                let partner = partner.id();
                self.settle(partner, now);
            }
        }
    }

    /// Makes and sends the frames of a leg that are due.
    pub(super) fn play_frames(&mut self, id: LegId, now: Instant) {
        while self.legs.get_mut(&id).is_some_and(|leg| leg.take_due_frame(now)) {
            self.play_frame(id, now);
            if !self.wants_frames(id) {
                break;
            }
        }
    }

    /// One frame: of a digit, of what is played to the leg, or of what its partner says.
    fn play_frame(&mut self, id: LegId, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let frame = &mut self.scratch.frame;
        if leg.send_digit_frame(frame, &mut self.outgoing, now) {
            // What the partner says meanwhile is not heard later.
            let partner = leg.partner().and_then(|partner| self.legs.get_mut(&partner));
            if let Some(partner) = partner {
                partner.next_speech(frame, now);
            }
            return;
        }
        if let Some(samples) = leg.next_own_frame(frame, &mut self.outgoing) {
            return leg.send_mixed(&mut frame[..samples], &mut self.outgoing, now);
        }
        if let Some((samples, rate)) = leg.next_overheard(frame, now) {
            return leg.send_speech(&mut frame[..samples], rate, &mut self.outgoing, now);
        }
        let Some(partner) = leg.partner() else {
            return leg.send_spoken(frame, &mut self.outgoing, now);
        };
        let [Some(leg), Some(partner)] = self.legs.get_disjoint_mut([&id, &partner]) else {
            return;
        };
        if let Some((samples, rate)) = partner.next_speech(frame, now) {
            if partner.says_a_tone(now) && leg.takes_events() {
                frame[..samples].fill(0);
            }
            leg.send_speech(&mut frame[..samples], rate, &mut self.outgoing, now);
        } else {
            leg.send_spoken(frame, &mut self.outgoing, now);
        }
    }
}

/// The packet with silence in the place of what it carries; `None` when that cannot be written.
fn silenced<'a>(
    kind: PayloadKind,
    packet: &RtpPacket<'a>,
    buffer: &'a mut [u8],
) -> Option<RtpPacket<'a>> {
    let length = match kind {
        PayloadKind::Speech(format) => silent_payload(codec_of(format)?, packet.payload, buffer)?,
        PayloadKind::Noise => {
            *buffer.first_mut()? = NO_NOISE;
            1
        }
        PayloadKind::Event { .. } | PayloadKind::Unknown => return None,
    };
    let mut silent = *packet;
    silent.payload = &buffer[..length];
    Some(silent)
}
