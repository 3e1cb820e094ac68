//! Telephone events that are passed on to a party whose clock may be another (RFC 4733).

use crate::{EventPayload, RtpHeader};

/// The longest duration one segment of an event can say (RFC 4733 2.5.1.3).
const SEGMENT_DURATION_MAX: u32 = 0xFFFF;
/// Packets of an earlier press that arrive within so many seconds of RTP time are stragglers.
const STRAGGLER_SECONDS: u32 = 5;

/// Passes the packets of one stream's events on, one by one.
///
/// A press lasts as long on the other side as on this one: where the other clock is faster, an event that
/// outgrows the duration field goes on in a further segment.
#[derive(Clone, Debug, Default)]
pub struct EventRelay {
    event: Option<RelayedEvent>,
}

/// An event packet as it is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayedEventPacket {
    /// The marker, set on the first packet of a press.
    pub marker: bool,
    /// The timestamp of the press, or of this segment of it.
    pub timestamp: u32,
    /// The payload.
    pub payload: [u8; 4],
}

#[derive(Clone, Copy, Debug)]
struct RelayedEvent {
    ssrc: u32,
    event: u8,
    has_ended: bool,
    /// The timestamp of the source's newest segment, and that segment's duration so far.
    source_timestamp: u32,
    duration: u32,
    /// The source's units in the segments before.
    earlier: u64,
    /// The timestamp of our newest segment, and our units in the segments before.
    timestamp: u32,
    segment_start: u64,
}

impl EventRelay {
    /// What becomes of a packet; `None` for a straggler or a payload that is no event. The clocks are in Hz;
    /// `timestamp` is that of this instant on the side to which it goes.
    pub fn handle_packet(
        &mut self,
        header: &RtpHeader,
        payload: &[u8],
        (from, to): (u32, u32),
        timestamp: u32,
    ) -> Option<RelayedEventPacket> {
        let payload = EventPayload::parse(payload)?;
        let known = self.event.filter(|event| event.ssrc == header.ssrc);
        if known.is_some_and(|event| event.is_older(header.timestamp, from)) {
            return None;
        }
        let continued = known.filter(|event| event.continues(payload.event, header.timestamp));
        let mut event =
            continued.unwrap_or_else(|| RelayedEvent::new(header, payload.event, timestamp));
        let packet = event.pass_on(payload, header.timestamp, (from, to));
        self.event = Some(event);
        let marker = continued.is_none();
        packet.map(|(timestamp, payload)| RelayedEventPacket { marker, timestamp, payload })
    }
}

impl RelayedEvent {
    fn new(header: &RtpHeader, event: u8, timestamp: u32) -> Self {
        Self {
            ssrc: header.ssrc,
            event,
            has_ended: false,
            source_timestamp: header.timestamp,
            duration: 0,
            earlier: 0,
            timestamp,
            segment_start: 0,
        }
    }

    fn is_older(&self, timestamp: u32, clock_rate: u32) -> bool {
        let behind = self.source_timestamp.wrapping_sub(timestamp);
        behind > 0 && behind <= clock_rate.saturating_mul(STRAGGLER_SECONDS)
    }

    /// Whether a packet belongs to this press: its timestamp is the same, that of the next segment, or, of
    /// gateways that count it up within a press, one before the press is over.
    fn continues(&self, event: u8, timestamp: u32) -> bool {
        let ahead = timestamp.wrapping_sub(self.source_timestamp);
        let is_next_segment = ahead == SEGMENT_DURATION_MAX && !self.has_ended;
        event == self.event && (is_next_segment || ahead <= self.duration)
    }

    /// The timestamp and the payload to send; `None` when the packet tells of a segment that is over.
    fn pass_on(
        &mut self,
        payload: EventPayload,
        source_timestamp: u32,
        (from, to): (u32, u32),
    ) -> Option<(u32, [u8; 4])> {
        if source_timestamp.wrapping_sub(self.source_timestamp) == SEGMENT_DURATION_MAX {
            self.earlier += u64::from(SEGMENT_DURATION_MAX);
            self.duration = 0;
        }
        self.source_timestamp = source_timestamp;
        self.duration = self.duration.max(payload.duration.into());
        let total = self.earlier + u64::from(payload.duration);
        let total = total * u64::from(to) / u64::from(from.max(1));
        let duration = total.checked_sub(self.segment_start)?;
        if let Ok(duration) = u16::try_from(duration) {
            self.has_ended |= payload.end;
            let payload = EventPayload { duration, ..payload };
            return Some((self.timestamp, payload.to_bytes()));
        }
        // The segment is full. An end is repeated, and its next packet is of the next segment.
        let (timestamp, duration) = (self.timestamp, u16::MAX);
        self.timestamp = timestamp.wrapping_add(SEGMENT_DURATION_MAX);
        self.segment_start += u64::from(SEGMENT_DURATION_MAX);
        let payload = EventPayload { duration, end: false, ..payload };
        Some((timestamp, payload.to_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Digit, EventDetector, EventGenerator, TelephoneEvent};
    use std::time::{Duration, Instant};

    const FRAME: Duration = Duration::from_millis(20);

    fn header(timestamp: u32) -> RtpHeader {
        RtpHeader { marker: false, payload_type: 101, sequence_number: 1, timestamp, ssrc: 7 }
    }

    /// The packets of one press after another, each with its place in packet times.
    fn pressed(keys: &str, clock_rate: u32, duration: Duration) -> Vec<(u32, u32, [u8; 4])> {
        let mut generator = EventGenerator::new(clock_rate, FRAME);
        for key in keys.chars() {
            assert!(generator.press(Digit::from_char(key).expect("a key"), duration));
        }
        let (mut place, mut packets) = (0, Vec::new());
        while generator.is_active() {
            let packet = generator.poll_packet(9_000 + place * clock_rate / 50);
            packets.extend(packet.map(|packet| (place, packet.timestamp, packet.payload)));
            place += 1;
        }
        packets
    }

    /// Relays packets and detects presses behind it: keys, durations, and what was relayed.
    fn relayed(
        packets: &[(u32, u32, [u8; 4])],
        clocks: (u32, u32),
    ) -> (String, Vec<u128>, Vec<RelayedEventPacket>) {
        let (start, mut relay) = (Instant::now(), EventRelay::default());
        let mut detector = EventDetector::new(clocks.1);
        let (mut keys, mut lengths, mut sent) = (String::new(), Vec::new(), Vec::new());
        for (place, timestamp, payload) in packets {
            let here = 500_000 + place * clocks.1 / 50;
            let packet = relay.handle_packet(&header(*timestamp), payload, clocks, here);
            let Some(packet) = packet else { continue };
            sent.push(packet);
            detector.handle_packet(&packet.payload, packet.timestamp, start + FRAME * *place);
            while let Some(event) = detector.poll_output() {
                match event {
                    TelephoneEvent::Pressed(digit) => keys.push(digit.as_char()),
                    TelephoneEvent::Released { duration, .. } => {
                        lengths.push(duration.as_millis());
                    }
                }
            }
        }
        (keys, lengths, sent)
    }

    #[test]
    fn a_press_is_as_long_on_the_other_side_whatever_the_clocks() {
        for from in [8_000, 16_000, 48_000] {
            for to in [8_000, 16_000, 48_000] {
                for length in [100, 1_360, 1_400, 3_000, 8_000] {
                    let packets = pressed("5", from, Duration::from_millis(length));
                    let (keys, lengths, sent) = relayed(&packets, (from, to));
                    assert_eq!(keys, "5", "{from} to {to}, {length} ms");
                    assert_eq!(lengths.len(), 1);
                    let error = lengths[0].abs_diff(u128::from(length));
                    assert!(error <= 1, "{from} to {to}: {lengths:?} for {length} ms");
                    assert_eq!(sent.iter().filter(|packet| packet.marker).count(), 1);
                }
            }
        }
    }

    #[test]
    fn a_segment_that_is_full_says_so_and_the_next_begins_where_it_ends() {
        let packets = pressed("5", 8_000, Duration::from_millis(2_000));
        let (_, _, sent) = relayed(&packets, (8_000, 48_000));
        let full = |packet: &&RelayedEventPacket| packet.payload[2..] == [0xFF, 0xFF];
        let full: Vec<_> = sent.iter().filter(full).collect();
        assert_eq!(full.len(), 1);
        let payload = EventPayload::parse(&full[0].payload).expect("an event");
        assert!(!payload.end && full[0].timestamp == sent[0].timestamp);
        assert_eq!(sent.last().expect("packets").timestamp, sent[0].timestamp + 0xFFFF);
    }

    #[test]
    fn stragglers_of_an_earlier_press_are_not_passed_on() {
        let mut packets = pressed("12", 8_000, Duration::from_millis(100));
        let late = packets[6];
        packets.insert(9, late);
        packets.insert(11, late);
        let (keys, lengths, sent) = relayed(&packets, (8_000, 48_000));
        assert_eq!((keys.as_str(), lengths), ("12", vec![100, 100]));
        assert_eq!(sent.len(), packets.len() - 2);
    }

    #[test]
    fn what_is_no_event_is_not_passed_on() {
        let mut relay = EventRelay::default();
        assert_eq!(relay.handle_packet(&header(1), &[1, 2, 3], (8_000, 8_000), 5), None);
    }
}
