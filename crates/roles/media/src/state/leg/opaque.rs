//! A leg while it is opaque.

use super::{Leg, Outgoing, Program};
use crate::state::Output;
use crate::state::agreed::security_name;
use crate::state::description;
use crate::state::opaque::{Opaque, PASSED_BYTES_MAX, Passed, PassedSize};
use crate::state::reserved::Reserved;
use crate::state::seed::Seed;
use crate::state::settings::Settings;
use offhook_bus::{MediaRefusal, SpeechGate, Terms};
use offhook_rtc::Remote;
use offhook_rtp::RtpPacket;
use offhook_sdp::{MediaDescription, NegotiationError, OfferPolicy, SessionDescription, Transport};
use std::time::Instant;

impl Leg {
    /// Whether what the party sends is passed on as it is.
    pub(crate) fn is_opaque(&self) -> bool {
        self.opaque.is_some()
    }

    /// Offers the section of `like`.
    pub(super) fn offer_opaque_on(
        &mut self,
        terms: &Terms,
        like: &SessionDescription,
        settings: &Settings,
    ) -> Result<String, MediaRefusal> {
        let section = section(like)?;
        let local = self.local_on(terms, like, section, settings);
        let security = description::offer_security(terms.security);
        let policy = OfferPolicy::new(section.protocol.clone(), security);
        self.serve_proxy(terms);
        self.withdraw_offer();
        let offer = self.session.offer_opaque(like, &local, &policy);
        let offer = offer.map_err(|error| description::not_agreed(&error))?;
        self.is_offer_opaque = true;
        Ok(offer.to_string())
    }

    /// Answers an offer with the section of `like`.
    pub(super) fn answer_opaque_on(
        &mut self,
        offer: &SessionDescription,
        terms: &Terms,
        like: &SessionDescription,
        seed: &Seed,
        settings: &Settings,
        now: Instant,
    ) -> Result<String, MediaRefusal> {
        let section = section(like)?;
        let trial = self.local_on(terms, like, section, settings);
        let trial = offhook_sdp::answer_opaque(offer, like, &trial).ok();
        let trial = trial.map(|(_, transport)| transport);
        let (answer, transport) = self.with_credentials(trial.as_ref(), seed, |leg| {
            let local = leg.local_on(terms, like, section, settings);
            let answered = leg.session.answer_opaque(offer, like, &local);
            answered.map_err(|error| description::not_agreed(&error))
        })?;
        self.agree_opaque(&transport, now)?;
        Ok(answer.to_string())
    }

    /// Takes the answer to our last offer, of whatever formats.
    pub(crate) fn accept_opaque_answer(
        &mut self,
        answer: &str,
        now: Instant,
    ) -> Result<(), MediaRefusal> {
        let answer = description::parse(answer)?;
        let transport = self.session.handle_opaque_answer(&answer);
        let transport = transport.map_err(|error| description::not_agreed(&error))?.clone();
        self.agree_opaque(&transport, now)
    }

    fn agree_opaque(&mut self, transport: &Transport, now: Instant) -> Result<(), MediaRefusal> {
        let remote = Remote::from_transport(transport);
        let set = self.peer.set_remote(&remote, now);
        set.map_err(|error| MediaRefusal::NotAcceptable(error.to_string()))?;
        self.pass_on(&remote, security_name(&transport.security), now);
        Ok(())
    }

    /// What the party sends is passed on as it is from here on.
    pub(super) fn pass_on(&mut self, remote: &Remote, security: &'static str, now: Instant) {
        self.fall_silent();
        self.evidence.handle_opaque_agreement(remote);
        self.opaque = Some(Opaque { is_rtp: remote.is_rtp, security });
        self.last_heard = self.last_heard.map(|_| now);
    }

    /// Lets go of all that is there to speak and to listen.
    fn fall_silent(&mut self) {
        self.agreed = None;
        self.program = Program::None;
        self.hold_music = None;
        self.encoder = None;
        self.speech = None;
        self.resampler = None;
        self.inband = None;
        self.digits_in = None;
        self.notice.set(None);
        self.timeline.interrupt();
        self.reports.fall_silent();
    }

    /// Takes note of what is passed on, and says how it counts; `None` when it is malformed.
    pub(crate) fn note_passed(
        &mut self,
        what: Passed,
        bytes: &[u8],
        now: Instant,
    ) -> Option<PassedSize> {
        let size = match what {
            Passed::Rtp => {
                let packet = RtpPacket::parse(bytes).ok()?;
                PassedSize { ssrc: Some(packet.ssrc), payload_bytes: packet.payload.len() }
            }
            Passed::Rtcp | Passed::Datagram => {
                PassedSize { ssrc: None, payload_bytes: bytes.len() }
            }
        };
        if what != Passed::Rtcp {
            self.reports.count_received(size);
            self.evidence.handle_passed_on();
        }
        self.note_heard(now);
        Some(size)
    }

    /// Whether it is passed on to the partner. What shall be silenced is not, since nobody here can write
    /// silence for it. Feedback always is: a party that is not heard may still ask for a picture.
    pub(crate) fn lets_pass(&self, what: Passed) -> bool {
        self.gate.speech == SpeechGate::Open || what == Passed::Rtcp
    }

    /// Sends what came from the partner's party, if this leg serves the like of it.
    pub(crate) fn send_as_it_is(
        &mut self,
        what: Passed,
        bytes: &[u8],
        size: PassedSize,
        outgoing: &mut Outgoing,
    ) {
        let is_rtp = what != Passed::Datagram;
        if self.opaque.is_none_or(|opaque| opaque.is_rtp != is_rtp) || !self.peer.is_connected() {
            return;
        }
        if bytes.len() > PASSED_BYTES_MAX {
            return outgoing.counts.refuse("too_long");
        }
        let mut packet = outgoing.pool.take();
        let buffer = packet.buffer();
        buffer[..bytes.len()].copy_from_slice(bytes);
        let protected = match what {
            Passed::Rtp => self.peer.protect_rtp(buffer, bytes.len()),
            Passed::Rtcp => self.peer.protect_rtcp(buffer, bytes.len()),
            Passed::Datagram => self.peer.address_datagram(bytes.len()),
        };
        let Some(protected) = protected else {
            outgoing.counts.refuse("unsent");
            return outgoing.pool.recycle(packet);
        };
        if size.ssrc.is_some_and(|ssrc| self.reserves(ssrc)) {
            outgoing.push(Output::Reserve { leg: self.id });
        }
        if what != Passed::Rtcp {
            self.reports.count_sent(size);
            outgoing.counts.sent += 1;
        }
        self.push(packet, protected, outgoing);
    }
}

impl Leg {
    /// A packet of this source was protected. Says whether what the leg has reserved is to be noted before it
    /// is sent.
    fn reserves(&mut self, ssrc: u32) -> bool {
        let (keys, index) = (self.peer.send_keys(), self.peer.sent_index(ssrc));
        let Some(reserved) = &mut self.reserved else { return false };
        index.is_some_and(|index| reserved.note(keys, ssrc, index))
    }

    /// The port of RTP, and up to where numbers of packets to the party may have been used that are passed on;
    /// `None` while nobody keeps the leg.
    pub(crate) fn reserved(&self) -> Option<(u16, &Reserved)> {
        let reserved = self.reserved.as_deref()?;
        Some((self.local.addresses.rtp_port, reserved))
    }
}

fn section(like: &SessionDescription) -> Result<&MediaDescription, MediaRefusal> {
    let found = like.first_in_use().map(|(_, section)| section);
    found.ok_or_else(|| description::not_agreed(&NegotiationError::NoSection))
}
