//! Keys that a leg's party presses, and keys that it is told of.

use super::{Leg, Outgoing, Program};
use crate::state::agreed::Agreed;
use crate::state::description;
use crate::state::heard_keys::KeySource;
use crate::state::inband::{InbandDetector, InbandDtmf, InbandKey};
use offhook_bus::MediaEvent;
use offhook_rtp::{DIGITS_QUEUED_MAX, Digit, EventDetector, RtpPacket, TelephoneEvent};
use offhook_sdp::AudioFormat;
use std::time::{Duration, Instant};

/// A key that the party has pressed and released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeardKey {
    pub(crate) digit: Digit,
    pub(crate) duration: Duration,
    pub(crate) source: KeySource,
}

impl Leg {
    /// The detector for events of this clock, made when the first comes.
    pub(super) fn detector(&mut self, clock_rate: u32) -> &mut EventDetector {
        if self.digits_in.as_ref().is_some_and(|(clock, _)| *clock != clock_rate) {
            self.digits_in = None;
        }
        let made = || (clock_rate, EventDetector::new(clock_rate));
        &mut self.digits_in.get_or_insert_with(made).1
    }

    /// Listens for keys in a packet of speech, when the party has no better way to tell of them.
    pub(super) fn listen_for_keys(
        &mut self,
        packet: &RtpPacket<'_>,
        format: AudioFormat,
        now: Instant,
    ) {
        let is_wanted = match self.inband_dtmf {
            InbandDtmf::Never => false,
            InbandDtmf::Needed => !self.takes_events(),
            InbandDtmf::Always => true,
        };
        if !is_wanted {
            self.inband = None;
            return;
        }
        let Some(codec) = description::codec_of(format) else { return };
        if self.inband.as_ref().is_none_or(|inband| inband.codec() != codec) {
            self.inband = InbandDetector::new(codec).map(Box::new);
        }
        if let Some(inband) = &mut self.inband {
            inband.put(packet, now);
        }
    }

    /// Whether a tone is being heard or was, and nobody has asked for it yet.
    pub(crate) fn has_tone(&self) -> bool {
        self.inband.as_ref().is_some_and(|inband| inband.is_active())
    }

    /// Whether what the party says at this instant is a key's tone.
    pub(crate) fn says_a_tone(&self, now: Instant) -> bool {
        self.inband.as_ref().is_some_and(|inband| inband.is_heard(now))
    }

    /// Takes keys that the party has told of in signalling. What is no key is skipped.
    pub(crate) fn handle_signalled(&mut self, digits: &str, duration_ms: u32) {
        let duration = Duration::from_millis(duration_ms.into());
        for digit in digits.chars().filter_map(Digit::from_char) {
            if self.signalled.len() < DIGITS_QUEUED_MAX {
                self.signalled.push_back((digit, duration));
            }
        }
    }

    /// Tells of keys that the party has pressed, and returns the next that it has released.
    pub(crate) fn poll_key(&mut self, outgoing: &mut Outgoing, now: Instant) -> Option<HeardKey> {
        while let Some(key) = self.poll_any_key(outgoing) {
            let HeardKey { digit, duration, source } = key;
            if self.heard_keys.is_new(digit, source, duration, now) {
                let duration_ms = u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
                let (leg, digit) = (self.id, digit.as_char());
                outgoing.event(MediaEvent::Dtmf { leg, digit, duration_ms });
                return Some(key);
            }
            tracing::trace!(?source, "a press was told of twice");
        }
        None
    }

    fn poll_any_key(&mut self, outgoing: &mut Outgoing) -> Option<HeardKey> {
        while let Some(event) = self.digits_in.as_mut().and_then(|(_, d)| d.poll_output()) {
            match event {
                TelephoneEvent::Pressed(digit) => self.barge_in(digit, outgoing),
                TelephoneEvent::Released { digit, duration } => {
                    return Some(HeardKey { digit, duration, source: KeySource::Event });
                }
            }
        }
        while let Some(key) = self.inband.as_mut().and_then(|inband| inband.poll_key()) {
            match key {
                InbandKey::Pressed(digit) => self.barge_in(digit, outgoing),
                InbandKey::Released { digit, duration } => {
                    return Some(HeardKey { digit, duration, source: KeySource::Tone });
                }
            }
        }
        let (digit, duration) = self.signalled.pop_front()?;
        self.barge_in(digit, outgoing);
        Some(HeardKey { digit, duration, source: KeySource::Signalling })
    }

    /// A key may end what is played.
    fn barge_in(&mut self, digit: Digit, outgoing: &mut Outgoing) {
        let digit = digit.as_char();
        let Program::Player(player) = &self.program else { return };
        if player.is_ended_by(digit) {
            self.stop();
            outgoing.event(MediaEvent::PlayInterrupted { leg: self.id, digit });
        }
    }

    /// Whether events (RFC 4733) can be sent to the party.
    pub(crate) fn takes_events(&self) -> bool {
        self.agreed.as_ref().is_some_and(|agreed| agreed.events().is_some())
    }

    /// The party's signalling takes keys.
    pub(crate) fn set_takes_info(&mut self) {
        self.takes_info = true;
    }

    /// A key of the partner is told in another way than it came, where the party would not learn of it.
    pub(crate) fn hand_key(&mut self, key: HeardKey, outgoing: &mut Outgoing) {
        let is_needed = match key.source {
            // Its packets were passed on.
            KeySource::Event => !self.takes_events(),
            // The tone itself was passed on.
            KeySource::Tone => self.takes_events(),
            KeySource::Signalling => true,
        };
        if is_needed && self.is_listening() && !self.has_program() {
            self.press(key.digit, key.duration, outgoing);
        }
    }

    /// Presses keys for the party to hear. What is no key is skipped.
    pub(crate) fn send_digits(&mut self, digits: &str, duration_ms: u32, outgoing: &mut Outgoing) {
        let duration = Duration::from_millis(u64::from(duration_ms));
        for digit in digits.chars().filter_map(Digit::from_char) {
            self.press(digit, duration, outgoing);
        }
    }

    /// Presses one key in the best way that the party takes: events, its signalling, or a tone.
    fn press(&mut self, digit: Digit, duration: Duration, outgoing: &mut Outgoing) {
        let format = self.agreed.as_ref().and_then(Agreed::events);
        if format.is_none() && self.takes_info {
            let duration_ms = u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
            let (leg, digit) = (self.id, digit.as_char());
            return outgoing.event(MediaEvent::SendInfo { leg, digit, duration_ms });
        }
        self.digits_out.press(digit, duration, format);
    }
}
