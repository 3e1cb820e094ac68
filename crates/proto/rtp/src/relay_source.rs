//! One outgoing stream out of changing incoming ones: numbers and time go on without a break.

use std::time::{Duration, Instant};

use crate::rtp::{RtpError, RtpHeader, RtpPacket, RtpRewrite};

/// How long packets of the source before are dropped after a change: they are stragglers.
pub const SOURCE_CHANGE_GUARD: Duration = Duration::from_millis(200);

/// Rewrites SSRC, sequence number and timestamp so that a receiver sees a single source.
///
/// Reordering and loss within a source pass through; a change of source, or packets that this
/// side puts in, do not look like loss.
#[derive(Clone, Debug)]
pub struct RelaySource {
    ssrc: u32,
    clock_rate: u32,
    next_sequence_number: u16,
    /// The highest timestamp sent and when; at the start the first to be sent.
    last_timestamp: u32,
    last_sent: Option<Instant>,
    incoming: Option<Incoming>,
    previous: Option<(u32, Instant)>,
}

#[derive(Clone, Copy, Debug)]
struct Incoming {
    ssrc: u32,
    /// What is added to the incoming numbers.
    sequence_offset: u16,
    timestamp_offset: u32,
}

impl RelaySource {
    /// A stream with an SSRC, first sequence number and first timestamp, all three random, and
    /// its clock rate in Hz.
    pub fn new(ssrc: u32, sequence_number: u16, timestamp: u32, clock_rate: u32) -> Self {
        Self {
            ssrc,
            clock_rate,
            next_sequence_number: sequence_number,
            last_timestamp: timestamp,
            last_sent: None,
            incoming: None,
            previous: None,
        }
    }

    /// The SSRC of the outgoing stream.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// What to change in an incoming packet; `None` when it is a straggler to be dropped.
    ///
    /// The first packet of another source carries the marker.
    pub fn rewrite(&mut self, header: &RtpHeader, now: Instant) -> Option<RtpRewrite> {
        if self.is_straggler(header.ssrc, now) {
            return None;
        }
        let known = self.incoming.filter(|incoming| incoming.ssrc == header.ssrc);
        let incoming = known.unwrap_or_else(|| self.start(header, now));
        let sequence_number = header.sequence_number.wrapping_add(incoming.sequence_offset);
        let timestamp = header.timestamp.wrapping_add(incoming.timestamp_offset);
        self.note(sequence_number, timestamp, now);
        Some(RtpRewrite {
            marker: known.is_none().then_some(true),
            payload_type: None,
            sequence_number: Some(sequence_number),
            timestamp: Some(timestamp),
            ssrc: Some(self.ssrc),
        })
    }

    /// Rewrites a packet in place; `Ok(false)` when it is a straggler to be dropped.
    pub fn rewrite_packet(&mut self, packet: &mut [u8], now: Instant) -> Result<bool, RtpError> {
        let header = RtpPacket::parse(packet)?.header();
        let Some(rewrite) = self.rewrite(&header, now) else {
            return Ok(false);
        };
        rewrite.apply(packet)?;
        Ok(true)
    }

    /// The header of a packet that this side puts into the stream, such as a prompt or a digit.
    ///
    /// Later incoming packets are numbered behind it. `timestamp` is one that
    /// [`RelaySource::timestamp`] gave, or follows from one.
    pub fn insert(&mut self, timestamp: u32, now: Instant) -> RtpHeader {
        let sequence_number = self.next_sequence_number;
        if let Some(incoming) = &mut self.incoming {
            incoming.sequence_offset = incoming.sequence_offset.wrapping_add(1);
        }
        self.note(sequence_number, timestamp, now);
        RtpHeader { marker: false, payload_type: 0, sequence_number, timestamp, ssrc: self.ssrc }
    }

    /// An incoming packet is left out; the next one takes its number.
    ///
    /// Leaving out is for packets in order, such as digits that are not passed on.
    pub fn omit(&mut self, header: &RtpHeader) {
        let incoming = self.incoming.as_mut();
        if let Some(incoming) = incoming.filter(|incoming| incoming.ssrc == header.ssrc) {
            let number = header.sequence_number.wrapping_add(incoming.sequence_offset);
            if number == self.next_sequence_number {
                incoming.sequence_offset = incoming.sequence_offset.wrapping_sub(1);
            }
        }
    }

    /// The next packet begins a new source even if its SSRC is the same.
    pub fn end_source(&mut self, now: Instant) {
        if let Some(incoming) = self.incoming.take() {
            self.previous = Some((incoming.ssrc, now));
        }
    }

    /// The timestamp of the outgoing stream at `now`.
    pub fn timestamp(&self, now: Instant) -> u32 {
        let Some(last_sent) = self.last_sent else {
            return self.last_timestamp;
        };
        let elapsed = now.saturating_duration_since(last_sent).as_micros() as u64;
        let units = elapsed * u64::from(self.clock_rate) / 1_000_000;
        self.last_timestamp.wrapping_add(units as u32)
    }

    fn is_straggler(&self, ssrc: u32, now: Instant) -> bool {
        let is_current = self.incoming.is_some_and(|incoming| incoming.ssrc == ssrc);
        self.previous.is_some_and(|(previous, since)| {
            let age = now.saturating_duration_since(since);
            !is_current && self.incoming.is_some() && previous == ssrc && age < SOURCE_CHANGE_GUARD
        })
    }

    fn start(&mut self, header: &RtpHeader, now: Instant) -> Incoming {
        if let Some(before) = self.incoming {
            self.previous = Some((before.ssrc, now));
        }
        // Two packets of a stream never share a timestamp by a change of source.
        let is_first = self.last_sent.is_none();
        let timestamp = match self.timestamp(now) {
            timestamp if is_first || timestamp != self.last_timestamp => timestamp,
            timestamp => timestamp.wrapping_add(1),
        };
        let incoming = Incoming {
            ssrc: header.ssrc,
            sequence_offset: self.next_sequence_number.wrapping_sub(header.sequence_number),
            timestamp_offset: timestamp.wrapping_sub(header.timestamp),
        };
        self.incoming = Some(incoming);
        incoming
    }

    /// Keeps the highest number and timestamp; a packet out of order does not set them back.
    fn note(&mut self, sequence_number: u16, timestamp: u32, now: Instant) {
        let ahead = sequence_number.wrapping_sub(self.next_sequence_number) as i16;
        if ahead >= 0 {
            self.next_sequence_number = sequence_number.wrapping_add(1);
        }
        let is_later = timestamp.wrapping_sub(self.last_timestamp) as i32 >= 0;
        if self.last_sent.is_none() || is_later {
            self.last_timestamp = timestamp;
            self.last_sent = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(ssrc: u32, sequence_number: u16, timestamp: u32) -> RtpHeader {
        RtpHeader { ssrc, sequence_number, timestamp, ..RtpHeader::default() }
    }

    fn sent(relay: &mut RelaySource, header: RtpHeader, now: Instant) -> Option<(u16, u32)> {
        let rewrite = relay.rewrite(&header, now)?;
        assert_eq!(rewrite.ssrc, Some(relay.ssrc()));
        Some((rewrite.sequence_number?, rewrite.timestamp?))
    }

    const FRAME: Duration = Duration::from_millis(20);

    #[test]
    fn loss_and_reordering_within_a_source_pass_through() {
        let mut relay = RelaySource::new(9, 65_534, 1_000, 8_000);
        let now = Instant::now();
        let numbers = [(10, 65_534), (12, 0), (11, 65_535), (15, 3)];
        for (incoming, outgoing) in numbers {
            let timestamp = u32::from(incoming) * 160;
            let expected = 1_000 + (u32::from(incoming) - 10) * 160;
            let found = sent(&mut relay, header(1, incoming, timestamp), now);
            assert_eq!(found, Some((outgoing, expected)));
        }
    }

    #[test]
    fn a_change_of_source_goes_on_in_number_and_time() {
        let mut relay = RelaySource::new(9, 100, 1_000, 8_000);
        let start = Instant::now();
        assert_eq!(sent(&mut relay, header(1, 7, 70), start), Some((100, 1_000)));
        let other = relay.rewrite(&header(2, 5_000, 900_000), start + 3 * FRAME).unwrap();
        assert_eq!(other.marker, Some(true));
        assert_eq!((other.sequence_number, other.timestamp), (Some(101), Some(1_480)));
        let next = header(2, 5_001, 900_160);
        assert_eq!(sent(&mut relay, next, start + 4 * FRAME), Some((102, 1_640)));
    }

    #[test]
    fn stragglers_of_the_source_before_are_dropped_for_a_while() {
        let mut relay = RelaySource::new(9, 0, 0, 8_000);
        let start = Instant::now();
        sent(&mut relay, header(1, 0, 0), start);
        sent(&mut relay, header(2, 0, 0), start + FRAME);
        assert_eq!(sent(&mut relay, header(1, 1, 160), start + 2 * FRAME), None);
        let later = start + FRAME + SOURCE_CHANGE_GUARD;
        assert!(sent(&mut relay, header(1, 9, 1_440), later).is_some());
    }

    #[test]
    fn what_is_put_in_or_left_out_does_not_look_like_loss() {
        let mut relay = RelaySource::new(9, 0, 0, 8_000);
        let now = Instant::now();
        assert_eq!(sent(&mut relay, header(1, 50, 0), now), Some((0, 0)));
        assert_eq!(relay.insert(160, now).sequence_number, 1);
        assert_eq!(relay.insert(320, now).sequence_number, 2);
        assert_eq!(sent(&mut relay, header(1, 51, 480), now), Some((3, 480)));
        relay.omit(&header(1, 52, 640));
        relay.omit(&header(1, 53, 640));
        assert_eq!(sent(&mut relay, header(1, 54, 800), now), Some((4, 800)));
    }

    #[test]
    fn an_ended_source_may_come_again_with_other_numbers() {
        let mut relay = RelaySource::new(9, 0, 0, 8_000);
        let start = Instant::now();
        sent(&mut relay, header(1, 50, 0), start);
        relay.end_source(start);
        assert_eq!(sent(&mut relay, header(1, 7, 7), start + FRAME), Some((1, 160)));
    }

    #[test]
    fn time_goes_on_between_packets() {
        let mut relay = RelaySource::new(9, 0, 5, 48_000);
        let start = Instant::now();
        assert_eq!(relay.timestamp(start), 5);
        relay.insert(5, start);
        assert_eq!(relay.timestamp(start + FRAME), 965);
    }
}
