//! What goes to a leg's party.

use super::{Leg, Outgoing, Program};
use crate::state::Output;
use crate::state::agreed::{Agreed, Passage};
use crate::state::description::codec_of;
use crate::state::digits::DigitFrame;
use crate::state::packet::{PACKET_BYTES_MAX, Packet};
use crate::state::player::Played;
use crate::state::reports::Reports;
use offhook_audio::{Codec, Encoder, Resampler};
use offhook_bus::MediaEvent;
use offhook_rtc::{PROTECTION_BYTES_MAX, Protected};
use offhook_rtp::{EventPacket, RTP_HEADER_BYTES, RelayedEventPacket, RtpHeader, RtpPacket};
use offhook_sdp::AudioFormat;
use std::time::{Duration, Instant};

/// Samples of a frame at the highest rate.
const FRAME_SAMPLES_MAX: usize = 960;
/// Bytes of a payload of ours at most, so that no packet is fragmented on its way.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 1_400;
/// How long after an event packet that was passed on speech still waits for the next one.
const EVENT_GAP: Duration = Duration::from_millis(100);

impl Leg {
    /// Passes on a packet of another stream.
    pub(crate) fn relay(
        &mut self,
        packet: &RtpPacket<'_>,
        passage: Passage,
        outgoing: &mut Outgoing,
        now: Instant,
    ) {
        if !self.is_listening() || self.digits_out.is_active() {
            return;
        }
        let source = RtpHeader { payload_type: passage.payload_type, ..packet.header() };
        if let Some(header) = self.timeline.relayed(&source, now) {
            self.send_converted(header, packet.payload, passage.convert, outgoing, now);
        }
    }

    /// Leaves out a packet of another stream; what follows it continues ours without a gap.
    pub(crate) fn leave_out(&mut self) {
        self.timeline.interrupt();
    }

    /// Passes on an event packet of another stream, whose clock runs at `clock_rate`. A party that takes no
    /// events is not sent any.
    pub(crate) fn relay_event(
        &mut self,
        packet: &RtpPacket<'_>,
        clock_rate: u32,
        outgoing: &mut Outgoing,
        now: Instant,
    ) {
        let Some(format) = self.agreed.as_ref().and_then(Agreed::events) else { return };
        if !self.is_listening() || self.digits_out.is_active() {
            return;
        }
        self.event_until = Some(now + EVENT_GAP);
        let clocks = (clock_rate, format.clock_rate);
        let here = self.timeline.timestamp_at(now);
        let relayed =
            self.event_relay.handle_packet(&packet.header(), packet.payload, clocks, here);
        let Some(RelayedEventPacket { marker, timestamp, payload }) = relayed else { return };
        let payload_type = format.payload_type;
        let source = RtpHeader { payload_type, marker, timestamp, ..packet.header() };
        if let Some(header) = self.timeline.relayed_event(&source, now) {
            self.send(header, &payload, outgoing, now);
        }
    }

    pub(super) fn send(
        &mut self,
        header: RtpHeader,
        payload: &[u8],
        outgoing: &mut Outgoing,
        now: Instant,
    ) {
        self.send_converted(header, payload, None, outgoing, now);
    }

    /// Sends a packet after something was done to its payload.
    fn send_converted(
        &mut self,
        header: RtpHeader,
        payload: &[u8],
        convert: Option<fn(&mut [u8])>,
        outgoing: &mut Outgoing,
        now: Instant,
    ) {
        let mut packet = outgoing.pool.take();
        let written = header.write_packet(payload, packet.buffer());
        if let (Ok(length), Some(convert)) = (&written, convert) {
            convert(&mut packet.buffer()[RTP_HEADER_BYTES..*length]);
        }
        match written {
            Ok(_) => self.transmit(packet, &header, payload.len(), outgoing, now),
            Err(_) => outgoing.pool.recycle(packet),
        }
    }

    /// Protects the packet with this header and so many bytes of payload, and sends it.
    pub(super) fn transmit(
        &mut self,
        mut packet: Packet,
        header: &RtpHeader,
        payload_bytes: usize,
        outgoing: &mut Outgoing,
        now: Instant,
    ) {
        let length = RTP_HEADER_BYTES + payload_bytes;
        let payload = &packet.buffer()[RTP_HEADER_BYTES..length];
        self.tap_heard(header, payload, outgoing, now);
        let Some(protected) = self.peer.protect_rtp(packet.buffer(), length) else {
            return outgoing.pool.recycle(packet);
        };
        self.reports.handle_sent(header, payload_bytes, now);
        outgoing.counts.sent += 1;
        self.push(packet, protected, outgoing);
    }

    pub(super) fn push(&self, mut packet: Packet, protected: Protected, outgoing: &mut Outgoing) {
        packet.set_length(protected.length);
        let (component, destination) = (protected.component, protected.destination);
        outgoing.push(Output::Transmit { leg: self.id, component, destination, packet });
    }

    /// Sends a report that is written into a buffer, if one is.
    pub(super) fn send_rtcp(
        &mut self,
        outgoing: &mut Outgoing,
        write: impl FnOnce(&mut Reports, &mut [u8]) -> Option<usize>,
    ) {
        let mut packet = outgoing.pool.take();
        let room = PACKET_BYTES_MAX - PROTECTION_BYTES_MAX;
        let length = write(&mut self.reports, &mut packet.buffer()[..room]);
        let protected = length.and_then(|length| self.peer.protect_rtcp(packet.buffer(), length));
        match protected {
            Some(protected) => self.push(packet, protected, outgoing),
            None => outgoing.pool.recycle(packet),
        }
    }

    /// How packets of a format are relayed to the party; not at all when it does not have the format, takes
    /// packets of another length, or is spoken to by a receiver of a fork, with which they are mixed.
    pub(crate) fn passage(&self, format: AudioFormat, payload: &[u8]) -> Option<Passage> {
        if self.is_spoken_to() {
            return None;
        }
        let passage = self.agreed.as_ref()?.passage_of(format)?;
        let Some(packing) = &self.packing else { return Some(passage) };
        packing.fits(codec_of(format)?, payload).then_some(passage)
    }

    /// Sends one frame at the leg's sample rate, in packets of the length that is asked for.
    pub(crate) fn send_frame(&mut self, pcm: &[i16], outgoing: &mut Outgoing, now: Instant) {
        let Some(codec) = self.agreed.as_ref().map(|agreed| agreed.codec) else { return };
        let Some(mut packing) = self.packing.take_if(|packing| !packing.is_a_frame(codec)) else {
            return self.send_samples(codec, pcm, outgoing, now);
        };
        packing.push(pcm);
        while packing.take(codec, |pcm| self.send_samples(codec, pcm, outgoing, now)) {}
        self.packing = Some(packing);
    }

    /// Sends samples, in pieces where a packet does not hold them.
    fn send_samples(&mut self, codec: Codec, pcm: &[i16], outgoing: &mut Outgoing, now: Instant) {
        let pieces = pcm.len().div_ceil(codec.samples_within(PAYLOAD_BYTES_MAX)).max(1);
        for piece in pcm.chunks(pcm.len().div_ceil(pieces).max(1)) {
            self.send_packet(piece, outgoing, now);
        }
    }

    /// Encodes samples into one packet and sends it.
    fn send_packet(&mut self, pcm: &[i16], outgoing: &mut Outgoing, now: Instant) {
        let Some(agreed) = &self.agreed else { return };
        let (codec, payload_type) = (agreed.codec, agreed.send_payload_type);
        let ticks = codec.ticks_of(pcm.len());
        let Some(encoder) = encoder(&mut self.encoder, codec, self.opus_bitrate) else { return };
        let mut packet = outgoing.pool.take();
        let room = RTP_HEADER_BYTES..PACKET_BYTES_MAX - PROTECTION_BYTES_MAX;
        let Ok(length) = encoder.encode(pcm, &mut packet.buffer()[room]) else {
            return outgoing.pool.recycle(packet);
        };
        let header = self.timeline.own_frame(payload_type, ticks, now);
        match header.write(packet.buffer()) {
            Ok(_) => self.transmit(packet, &header, length, outgoing, now),
            Err(_) => outgoing.pool.recycle(packet),
        }
    }

    /// Sends a frame that was encoded for several.
    pub(crate) fn send_payload(&mut self, payload: &[u8], outgoing: &mut Outgoing, now: Instant) {
        let Some(agreed) = &self.agreed else { return };
        let (payload_type, ticks) = (agreed.send_payload_type, agreed.frame_ticks());
        if self.is_event_passing(now) {
            return self.timeline.skip_frame(ticks);
        }
        let header = self.timeline.own_frame(payload_type, ticks, now);
        self.send(header, payload, outgoing, now);
    }

    /// Sends a frame of the partner's speech.
    pub(crate) fn send_speech(
        &mut self,
        frame: &mut [i16],
        rate: u32,
        outgoing: &mut Outgoing,
        now: Instant,
    ) {
        if self.is_event_passing(now) {
            let ticks = self.agreed.as_ref().map_or(0, Agreed::frame_ticks);
            return self.timeline.skip_frame(ticks);
        }
        let own_rate = self.sample_rate();
        if rate == own_rate {
            return self.send_mixed(frame, outgoing, now);
        }
        if self.resampler.as_ref().is_none_or(|(from, _)| *from != rate) {
            self.resampler = Resampler::new(rate, own_rate).ok().map(|made| (rate, made));
        }
        let Some((_, resampler)) = &mut self.resampler else { return };
        let mut output = [0; FRAME_SAMPLES_MAX];
        if let Ok(samples) = resampler.process(frame, &mut output) {
            self.send_mixed(&mut output[..samples], outgoing, now);
        }
    }

    /// Adds what the receivers of forks say to a frame at the leg's rate, and sends it.
    pub(crate) fn send_mixed(&mut self, frame: &mut [i16], outgoing: &mut Outgoing, now: Instant) {
        let rate = self.sample_rate();
        self.forks.add_to(frame, rate, outgoing, now);
        self.send_frame(frame, outgoing, now);
    }

    /// Sends a frame of what the receivers of forks say alone; it begins in silence.
    pub(crate) fn send_spoken(&mut self, frame: &mut [i16], outgoing: &mut Outgoing, now: Instant) {
        let samples = self.agreed.as_ref().map_or(0, Agreed::frame_samples);
        let Some(frame) = frame.get_mut(..samples).filter(|_| self.is_spoken_to()) else { return };
        frame.fill(0);
        self.send_mixed(frame, outgoing, now);
    }

    /// A receiver begins to speak: frames of ours follow what was passed on.
    pub(crate) fn begin_speaking(&mut self) {
        self.timeline.interrupt();
    }

    /// Uses a frame's time for a digit; `false` when none is to be sent.
    pub(crate) fn send_digit_frame(
        &mut self,
        frame: &mut [i16],
        outgoing: &mut Outgoing,
        now: Instant,
    ) -> bool {
        let Some(agreed) = self.agreed.as_ref().filter(|_| self.digits_out.is_active()) else {
            return false;
        };
        let (samples, ticks) = (agreed.frame_samples(), agreed.frame_ticks());
        let Some(frame) = frame.get_mut(..samples) else { return false };
        let timestamp = self.timeline.timestamp_at(now);
        match self.digits_out.next_frame(timestamp, self.sample_rate(), frame) {
            DigitFrame::Event { payload_type, packet } => {
                let EventPacket { marker, timestamp, payload } = packet;
                let header = self.timeline.own_event(payload_type, marker, timestamp, now);
                self.send(header, &payload, outgoing, now);
                self.timeline.skip_frame(ticks);
            }
            DigitFrame::Tone => self.send_frame(frame, outgoing, now),
            DigitFrame::Pause => self.timeline.skip_frame(ticks),
        }
        if !self.digits_out.is_active() {
            self.timeline.interrupt();
        }
        true
    }

    /// Whether speech has to wait for an event that is passed on.
    pub(crate) fn is_event_passing(&self, now: Instant) -> bool {
        self.event_until.is_some_and(|until| now < until)
    }

    /// Makes the next frame of what is played, if something is. It also says when a play list has ended.
    pub(crate) fn next_own_frame(
        &mut self,
        frame: &mut [i16],
        outgoing: &mut Outgoing,
    ) -> Option<usize> {
        let samples = self.agreed.as_ref()?.frame_samples();
        let rate = self.sample_rate();
        let frame = frame.get_mut(..samples)?;
        if self.notice.next_frame(frame, rate) {
            if !self.notice.is_sounding() {
                self.timeline.interrupt();
            }
            return Some(samples);
        }
        if let Program::Player(player) = &mut self.program {
            player.set_rate(rate);
            if player.next_frame(frame) != Played::Finished {
                return Some(samples);
            }
            self.program = Program::None;
            self.timeline.interrupt();
            outgoing.event(MediaEvent::PlayFinished { leg: self.id });
        }
        let music = self.hold_music.as_mut()?;
        music.set_rate(rate);
        music.next_frame(frame);
        Some(samples)
    }
}

/// The encoder of this codec, made when it is first needed.
fn encoder(
    slot: &mut Option<Encoder>,
    codec: Codec,
    opus_bitrate: Option<u32>,
) -> Option<&mut Encoder> {
    if slot.as_ref().is_none_or(|encoder| encoder.codec() != codec) {
        *slot = Encoder::new(codec).ok();
        if let (Some(encoder), Some(bits_per_s)) = (slot.as_mut(), opus_bitrate) {
            encoder.set_bitrate(bits_per_s);
        }
    }
    slot.as_mut()
}
