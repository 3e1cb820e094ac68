//! What comes from a leg's party.

use super::{Leg, Outgoing, Program};
use crate::state::agreed::{Passage, PayloadKind};
use crate::state::delay_line::DelayLine;
use crate::state::description;
use crate::state::packet::PACKET_BYTES_MAX;
use crate::state::speech_decoder::SpeechDecoder;
use offhook_rtc::{Component, Incoming};
use offhook_rtp::RtpPacket;
use offhook_sdp::AudioFormat;
use std::net::SocketAddr;
use std::time::Instant;

impl Leg {
    pub(crate) fn handle_packet(
        &mut self,
        component: Component,
        source: SocketAddr,
        buffer: &mut [u8],
        now: Instant,
    ) -> Incoming {
        let incoming = self.peer.handle_packet(component, source, buffer, now);
        if let Incoming::Rtp { .. } = incoming {
            self.evidence.handle_source(source);
        }
        incoming
    }

    /// Takes RTCP of the party; `false` when it is malformed.
    pub(crate) fn handle_rtcp(&mut self, packet: &[u8], now: Instant) -> bool {
        self.note_heard(now);
        self.reports.handle_rtcp(packet, now).is_ok()
    }

    /// Takes an RTP packet of the party and says what it carries.
    pub(crate) fn handle_rtp(
        &mut self,
        packet: &RtpPacket<'_>,
        outgoing: &mut Outgoing,
        now: Instant,
    ) -> PayloadKind {
        self.note_heard(now);
        let Some(agreed) = &self.agreed else { return PayloadKind::Unknown };
        let kind = agreed.kind(packet.payload_type);
        let is_speech = matches!(kind, PayloadKind::Speech(_));
        let payload_bytes = packet.payload.len();
        self.reports.handle_received(&packet.header(), payload_bytes, is_speech, now);
        if !agreed.receives() {
            return PayloadKind::Unknown;
        }
        self.tap_said(packet, kind, outgoing, now);
        if let PayloadKind::Event { clock_rate } = kind {
            self.detector(clock_rate).handle_packet(packet.payload, packet.timestamp, now);
        }
        if let PayloadKind::Speech(format) = kind {
            if let Some(codec) = description::codec_of(format) {
                self.evidence.handle_speech(packet, codec);
            }
            self.listen_for_keys(packet, format, now);
        }
        self.echo_packet(kind, packet, outgoing, now);
        kind
    }

    /// Sends a packet back where it came from, if the party hears its echo. Keys are left out.
    fn echo_packet(
        &mut self,
        kind: PayloadKind,
        packet: &RtpPacket<'_>,
        outgoing: &mut Outgoing,
        now: Instant,
    ) {
        let is_spoken_to = self.is_spoken_to();
        let Program::Echo(line) = &mut self.program else { return };
        // What a receiver says takes the place of the echo.
        if is_spoken_to {
            return;
        }
        match (kind, line.delay().is_zero()) {
            (PayloadKind::Speech(_), true) => {
                self.relay(packet, Passage::unchanged(packet.payload_type), outgoing, now);
            }
            (PayloadKind::Speech(_), false) => push_packet(line, packet, now),
            (_, true) => self.leave_out(),
            (_, false) => {}
        }
    }

    pub(super) fn note_heard(&mut self, now: Instant) {
        self.last_heard = Some(now);
        self.is_silence_reported = false;
    }

    /// Takes a packet whose format the partner does not have.
    pub(crate) fn decode(&mut self, packet: &RtpPacket<'_>, format: AudioFormat, now: Instant) {
        let Some(codec) = description::codec_of(format) else { return };
        if self.speech.as_ref().is_none_or(|speech| speech.codec() != codec) {
            self.speech = SpeechDecoder::new(codec).map(Box::new);
        }
        if let Some(speech) = &mut self.speech {
            speech.put(packet, now);
        }
    }

    /// Takes a packet of a party that is in a conference.
    pub(crate) fn speak_in_conference(
        &mut self,
        kind: PayloadKind,
        packet: &RtpPacket<'_>,
        now: Instant,
    ) {
        match kind {
            PayloadKind::Speech(format) if self.membership.is_some_and(|m| m.is_heard) => {
                self.decode(packet, format, now);
            }
            PayloadKind::Event { .. } => self.skip_decoding(packet, now),
            PayloadKind::Noise => self.decode_noise(packet, now),
            PayloadKind::Speech(_) | PayloadKind::Unknown => {}
        }
    }

    /// Takes note of an event packet within speech that is decoded.
    pub(crate) fn skip_decoding(&mut self, packet: &RtpPacket<'_>, now: Instant) {
        if let Some(speech) = &mut self.speech {
            speech.put_other(packet, now);
        }
    }

    /// Takes comfort noise within speech that is decoded.
    pub(crate) fn decode_noise(&mut self, packet: &RtpPacket<'_>, now: Instant) {
        if let Some(speech) = &mut self.speech {
            speech.put_noise(packet, now);
        }
    }

    /// What the party says is passed on as it is.
    pub(crate) fn stop_decoding(&mut self) {
        self.speech = None;
    }

    /// Whether what the party says is decoded.
    pub(crate) fn is_decoded(&self) -> bool {
        self.speech.is_some()
    }

    /// The next decoded frame of what the party says: its samples and their rate.
    pub(crate) fn next_speech(&mut self, frame: &mut [i16], now: Instant) -> Option<(usize, u32)> {
        let speech = self.speech.as_mut()?;
        let samples = speech.fill(frame, now);
        Some((samples, speech.codec().sample_rate()))
    }
}

/// Puts a packet into a delay line with a plain header.
fn push_packet(line: &mut DelayLine, packet: &RtpPacket<'_>, now: Instant) {
    let mut bytes = [0; PACKET_BYTES_MAX];
    if let Ok(length) = packet.header().write_packet(packet.payload, &mut bytes) {
        line.push(&bytes[..length], now);
    }
}
