//! One RTP stream to a party, whatever its packets come from.

use offhook_rtp::RtpHeader;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Gives every packet its place: sequence numbers without a gap of our making, timestamps that follow the
/// wall clock over every change of source, and a marker where a source begins.
#[derive(Debug)]
pub(crate) struct Timeline {
    ssrc: u32,
    clock_rate: u32,
    next_sequence_number: u16,
    last_timestamp: u32,
    last_at: Option<Instant>,
    source: Source,
    keeps_numbers: bool,
    /// How many numbers another process may have given that are left out unless the stream that was passed on
    /// comes next, whose numbers tell.
    unsure: u16,
}

/// What the last packet was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Source {
    None,
    /// Our own frames; the next one of an unbroken row has this timestamp.
    Own {
        next_timestamp: u32,
    },
    /// Packets of another stream, moved by constant offsets.
    Relayed {
        ssrc: u32,
        first: u16,
        sequence_offset: u16,
        timestamp_offset: u32,
    },
}

/// A [`Timeline`] as plain data.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TimelineState {
    clock_rate: u32,
    next_sequence_number: u16,
    last_timestamp: u32,
    /// How long before the moment it was noted the last packet was sent.
    since_last_ms: Option<u64>,
    source: Source,
    keeps_numbers: bool,
    #[serde(default)]
    unsure: u16,
}

impl Timeline {
    pub(crate) fn state(&self, now: Instant) -> TimelineState {
        let since = self.last_at.map(|at| now.saturating_duration_since(at).as_millis());
        TimelineState {
            clock_rate: self.clock_rate,
            next_sequence_number: self.next_sequence_number,
            last_timestamp: self.last_timestamp,
            since_last_ms: since.map(|ms| u64::try_from(ms).unwrap_or(u64::MAX)),
            source: self.source,
            keeps_numbers: self.keeps_numbers,
            unsure: self.unsure,
        }
    }

    /// Goes on where another process was `age` before, which may have sent up to `packets_since` packets
    /// since.
    ///
    /// A stream in the clear that is passed on keeps following its source, so that its receiver sees the
    /// packets as lost that were lost. Everything else leaves out the numbers that may have been given: those
    /// of frames of our own, because they would go back, and those of packets that are encrypted, because a
    /// number stands for a key stream, and packets of our own that came in between may have moved the
    /// source's numbers since the state was noted.
    pub(crate) fn restore(
        ssrc: u32,
        state: &TimelineState,
        (age, packets_since): (Duration, u16),
        is_encrypted: bool,
        now: Instant,
    ) -> Self {
        let mut timeline = Self {
            ssrc,
            clock_rate: state.clock_rate,
            next_sequence_number: state.next_sequence_number,
            last_timestamp: state.last_timestamp,
            last_at: None,
            source: state.source,
            keeps_numbers: state.keeps_numbers,
            unsure: state.unsure,
        };
        if let Some(since_ms) = state.since_last_ms {
            let elapsed = age.saturating_add(Duration::from_millis(since_ms));
            let ticks = elapsed.as_millis() * u128::from(state.clock_rate) / 1_000;
            // Timestamps count modulo 2^32.
            timeline.last_timestamp = state.last_timestamp.wrapping_add(ticks as u32);
            timeline.last_at = Some(now);
        }
        match &mut timeline.source {
            Source::Relayed { .. } if !is_encrypted => {
                timeline.unsure = timeline.unsure.saturating_add(packets_since);
                return timeline;
            }
            Source::Relayed { sequence_offset, .. } => {
                *sequence_offset = sequence_offset.wrapping_add(packets_since);
            }
            source @ (Source::None | Source::Own { .. }) => *source = Source::None,
        }
        let next = &mut timeline.next_sequence_number;
        *next = next.wrapping_add(packets_since);
        timeline
    }

    pub(crate) fn new(ssrc: u32, sequence_number: u16, timestamp: u32) -> Self {
        Self {
            ssrc,
            clock_rate: 8_000,
            next_sequence_number: sequence_number,
            last_timestamp: timestamp,
            last_at: None,
            source: Source::None,
            keeps_numbers: false,
            unsure: 0,
        }
    }

    /// A stream that is the first to be relayed keeps its numbers, as its sender may be asked about them.
    pub(crate) fn keep_numbers(&mut self) {
        self.keeps_numbers = true;
    }

    /// The clock of the payload that is sent from here on, in Hz.
    pub(crate) fn set_clock_rate(&mut self, clock_rate: u32) {
        if clock_rate != self.clock_rate {
            self.clock_rate = clock_rate;
            self.interrupt();
        }
    }

    /// The next packet comes from another source than the last.
    pub(crate) fn interrupt(&mut self) {
        self.source = Source::None;
        let unsure = std::mem::take(&mut self.unsure);
        self.next_sequence_number = self.next_sequence_number.wrapping_add(unsure);
    }

    /// Something else is sent than what was passed on before the restart.
    fn leave_out_unsure(&mut self) {
        if self.unsure > 0 {
            self.interrupt();
        }
    }

    /// The timestamp of this instant.
    pub(crate) fn timestamp_at(&self, now: Instant) -> u32 {
        let Some(last_at) = self.last_at else {
            return self.last_timestamp;
        };
        let elapsed = now.saturating_duration_since(last_at).as_nanos();
        let ticks = elapsed * u128::from(self.clock_rate) / 1_000_000_000;
        // Timestamps count modulo 2^32; one more tick, so that none is given twice.
        self.last_timestamp.wrapping_add((ticks as u32).max(1))
    }

    /// The header of a frame of our own, `ticks` of the clock long.
    pub(crate) fn own_frame(&mut self, payload_type: u8, ticks: u32, now: Instant) -> RtpHeader {
        self.leave_out_unsure();
        let (marker, timestamp) = match self.source {
            Source::Own { next_timestamp } => (false, next_timestamp),
            Source::None | Source::Relayed { .. } => (true, self.timestamp_at(now)),
        };
        self.source = Source::Own { next_timestamp: timestamp.wrapping_add(ticks) };
        self.note(timestamp, now);
        let sequence_number = self.take_sequence_number();
        RtpHeader { marker, payload_type, sequence_number, timestamp, ssrc: self.ssrc }
    }

    /// Time passes in which frames of our own would have been sent and were not.
    pub(crate) fn skip_frame(&mut self, ticks: u32) {
        if let Source::Own { next_timestamp } = &mut self.source {
            *next_timestamp = next_timestamp.wrapping_add(ticks);
        }
    }

    /// The header of another stream's packet that is passed on; `None` for a straggler from before this
    /// stream was passed on.
    pub(crate) fn relayed(&mut self, packet: &RtpHeader, now: Instant) -> Option<RtpHeader> {
        let known = self.is_relaying(packet.ssrc);
        if !known {
            self.leave_out_unsure();
            if self.keeps_numbers && self.last_at.is_none() {
                self.next_sequence_number = packet.sequence_number;
                self.last_timestamp = packet.timestamp;
            }
            self.source = Source::Relayed {
                ssrc: packet.ssrc,
                first: packet.sequence_number,
                sequence_offset: self.next_sequence_number.wrapping_sub(packet.sequence_number),
                timestamp_offset: self.timestamp_at(now).wrapping_sub(packet.timestamp),
            };
        }
        let (sequence_number, timestamp_offset) = self.relayed_place(packet)?;
        let timestamp = packet.timestamp.wrapping_add(timestamp_offset);
        self.note(timestamp, now);
        let (marker, payload_type) = (packet.marker || !known, packet.payload_type);
        Some(RtpHeader { marker, payload_type, sequence_number, timestamp, ssrc: self.ssrc })
    }

    /// The header of another stream's event packet (RFC 4733) that is passed on. Its timestamp and marker
    /// are those that [`offhook_rtp::EventRelay`] gave it.
    pub(crate) fn relayed_event(&mut self, packet: &RtpHeader, now: Instant) -> Option<RtpHeader> {
        let known = self.is_relaying(packet.ssrc);
        let &RtpHeader { marker, payload_type, timestamp, .. } = packet;
        let sequence_number = match known {
            true => self.relayed_place(packet)?.0,
            false => self.take_sequence_number(),
        };
        if marker {
            self.note(timestamp, now);
        }
        Some(RtpHeader { marker, payload_type, sequence_number, timestamp, ssrc: self.ssrc })
    }

    /// The header of an event packet of our own whose timestamp was fixed when the event began, which the
    /// marker tells.
    pub(crate) fn own_event(
        &mut self,
        payload_type: u8,
        marker: bool,
        timestamp: u32,
        now: Instant,
    ) -> RtpHeader {
        if marker {
            self.note(timestamp, now);
        }
        let sequence_number = self.take_sequence_number();
        RtpHeader { marker, payload_type, sequence_number, timestamp, ssrc: self.ssrc }
    }

    fn is_relaying(&self, source_ssrc: u32) -> bool {
        matches!(self.source, Source::Relayed { ssrc, .. } if ssrc == source_ssrc)
    }

    /// Where a relayed packet goes; `None` when it is older than the first that was relayed.
    fn relayed_place(&mut self, packet: &RtpHeader) -> Option<(u16, u32)> {
        let Source::Relayed { first, sequence_offset, timestamp_offset, .. } = &mut self.source
        else {
            return None;
        };
        let since_first = packet.sequence_number.wrapping_sub(*first) as i16;
        if since_first < 0 {
            return None;
        }
        // The reference follows the stream, so that its distance never wraps.
        if since_first > i16::MAX / 2 {
            *first = packet.sequence_number.wrapping_sub(1_000);
        }
        self.unsure = 0;
        let sequence_number = packet.sequence_number.wrapping_add(*sequence_offset);
        let place = (sequence_number, *timestamp_offset);
        let next = sequence_number.wrapping_add(1);
        if next.wrapping_sub(self.next_sequence_number) as i16 > 0 {
            self.next_sequence_number = next;
        }
        Some(place)
    }

    /// A packet of our own between relayed ones moves those that follow.
    fn take_sequence_number(&mut self) -> u16 {
        self.leave_out_unsure();
        let taken = self.next_sequence_number;
        self.next_sequence_number = taken.wrapping_add(1);
        if let Source::Relayed { sequence_offset, .. } = &mut self.source {
            *sequence_offset = sequence_offset.wrapping_add(1);
        }
        taken
    }

    /// Remembers the newest timestamp; one of a packet that came late is not.
    fn note(&mut self, timestamp: u32, now: Instant) {
        let is_newer = timestamp.wrapping_sub(self.last_timestamp) as i32 >= 0;
        if self.last_at.is_none() || is_newer {
            self.last_timestamp = timestamp;
            self.last_at = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn packet(ssrc: u32, sequence_number: u16, timestamp: u32) -> RtpHeader {
        RtpHeader { marker: false, payload_type: 0, sequence_number, timestamp, ssrc }
    }

    fn after(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn own_frames_are_contiguous_and_the_first_has_the_marker() {
        let mut timeline = Timeline::new(9, 65_535, u32::MAX - 100);
        let start = Instant::now();
        let first = timeline.own_frame(0, 160, start);
        let second = timeline.own_frame(0, 160, after(start, 23));
        assert_eq!((first.sequence_number, second.sequence_number), (65_535, 0));
        assert_eq!(second.timestamp, first.timestamp.wrapping_add(160));
        assert_eq!((first.marker, second.marker), (true, false));
        timeline.skip_frame(160);
        let third = timeline.own_frame(0, 160, after(start, 60));
        assert_eq!(third.timestamp, second.timestamp.wrapping_add(320));
    }

    #[test]
    fn a_relayed_stream_continues_ours_and_keeps_its_gaps() {
        let mut timeline = Timeline::new(9, 100, 5_000);
        let start = Instant::now();
        let own = timeline.own_frame(0, 160, start);
        let first = timeline.relayed(&packet(1, 7, 1_000_000), after(start, 100)).unwrap();
        assert_eq!(first.sequence_number, own.sequence_number.wrapping_add(1));
        assert_eq!(first.timestamp, own.timestamp + 800);
        assert!(first.marker);
        let lost_one = timeline.relayed(&packet(1, 9, 1_000_320), after(start, 140)).unwrap();
        assert_eq!(lost_one.sequence_number, first.sequence_number + 2);
        assert_eq!(lost_one.timestamp, first.timestamp + 320);
        assert!(!lost_one.marker);
        let late = timeline.relayed(&packet(1, 8, 1_000_160), after(start, 141)).unwrap();
        assert_eq!(late.sequence_number, first.sequence_number + 1);
        assert_eq!(timeline.relayed(&packet(1, 6, 999_840), after(start, 142)), None);
        let again = timeline.own_frame(0, 160, after(start, 240));
        assert_eq!(again.sequence_number, lost_one.sequence_number + 1);
        assert_eq!(again.timestamp, lost_one.timestamp + 800);
    }

    #[test]
    fn the_first_source_keeps_its_numbers_when_told_so() {
        let mut timeline = Timeline::new(9, 100, 5_000);
        timeline.keep_numbers();
        let start = Instant::now();
        let first = timeline.relayed(&packet(1, 65_535, 70_000), start).unwrap();
        assert_eq!((first.sequence_number, first.timestamp), (65_535, 70_000));
        let second = timeline.relayed(&packet(1, 0, 70_160), after(start, 20)).unwrap();
        assert_eq!((second.sequence_number, second.timestamp), (0, 70_160));
        let other = timeline.relayed(&packet(2, 9_000, 5), after(start, 40)).unwrap();
        assert_eq!((other.sequence_number, other.timestamp), (1, 70_320));
    }

    #[test]
    fn another_source_continues_where_the_last_one_was() {
        let mut timeline = Timeline::new(9, 1, 0);
        let start = Instant::now();
        timeline.relayed(&packet(1, 500, 70_000), start);
        let other = timeline.relayed(&packet(2, 9_000, 5), after(start, 20)).unwrap();
        assert_eq!((other.sequence_number, other.timestamp, other.marker), (2, 160, true));
    }

    #[test]
    fn a_long_relay_does_not_take_its_packets_for_stragglers() {
        let mut timeline = Timeline::new(9, 1, 0);
        let start = Instant::now();
        for number in 0..200_000_u32 {
            let header = packet(1, number as u16, number.wrapping_mul(160));
            let relayed = timeline.relayed(&header, after(start, u64::from(number) * 20)).unwrap();
            assert_eq!(relayed.sequence_number, (number as u16).wrapping_add(1));
        }
    }

    #[test]
    fn an_event_keeps_its_timestamp_and_audio_goes_on_behind_it() {
        let mut timeline = Timeline::new(9, 1, 0);
        let start = Instant::now();
        timeline.relayed(&packet(1, 10, 0), start);
        let timestamp = timeline.timestamp_at(after(start, 20));
        let event = RtpHeader { marker: true, ..packet(1, 11, timestamp) };
        let first = timeline.relayed_event(&event, after(start, 20)).unwrap();
        assert!(first.marker);
        let again = RtpHeader { sequence_number: 12, marker: false, ..event };
        let second = timeline.relayed_event(&again, after(start, 40)).unwrap();
        assert_eq!((second.timestamp, second.marker), (first.timestamp, false));
        assert_eq!(second.sequence_number, first.sequence_number + 1);
        let audio = timeline.relayed(&packet(1, 13, 960), after(start, 120)).unwrap();
        assert_eq!(audio.sequence_number, second.sequence_number + 1);
        assert_eq!(audio.timestamp, 960);
    }

    /// As another process has it that starts three seconds later.
    fn restored(timeline: &Timeline, is_encrypted: bool, now: Instant) -> Timeline {
        let text = serde_json::to_string(&timeline.state(now)).unwrap();
        let state = serde_json::from_str(&text).unwrap();
        let since = (Duration::from_secs(3), 400);
        Timeline::restore(9, &state, since, is_encrypted, after(now, 3_000))
    }

    #[test]
    fn a_relayed_stream_in_the_clear_goes_on_as_its_source_does() {
        let mut timeline = Timeline::new(9, 100, 5_000);
        let start = Instant::now();
        let before = timeline.relayed(&packet(1, 7, 1_000), start).unwrap();
        let mut timeline = restored(&timeline, false, after(start, 20));
        let next = timeline.relayed(&packet(1, 158, 25_160), after(start, 3_020)).unwrap();
        assert_eq!(next.sequence_number, before.sequence_number + 151);
        assert_eq!(next.timestamp, before.timestamp + 24_160);
        assert!(!next.marker);
    }

    #[test]
    fn a_relayed_stream_that_is_encrypted_leaves_out_what_may_have_been_sent() {
        let mut timeline = Timeline::new(9, 100, 5_000);
        let start = Instant::now();
        let before = timeline.relayed(&packet(1, 7, 1_000), start).unwrap();
        let mut timeline = restored(&timeline, true, after(start, 20));
        let next = timeline.relayed(&packet(1, 8, 1_160), after(start, 3_020)).unwrap();
        assert_eq!(next.sequence_number, before.sequence_number + 401);
        assert_eq!(next.timestamp, before.timestamp + 160);
        let own = timeline.own_event(101, true, 80, after(start, 3_030));
        assert_eq!(own.sequence_number, next.sequence_number + 1);
    }

    #[test]
    fn frames_of_our_own_go_on_later_and_never_back() {
        let mut timeline = Timeline::new(9, 100, 5_000);
        let start = Instant::now();
        let before = timeline.own_frame(0, 160, start);
        let mut timeline = restored(&timeline, false, after(start, 20));
        let next = timeline.own_frame(0, 160, after(start, 3_020));
        assert_eq!(next.sequence_number, before.sequence_number + 401);
        // 3,020 ms at 8 kHz, and one tick so that none is given twice.
        assert_eq!(next.timestamp, before.timestamp + 24_160 + 1);
        assert!(next.marker);
    }

    #[test]
    fn a_stream_that_had_not_begun_still_keeps_its_sources_numbers() {
        let mut timeline = Timeline::new(9, 100, 5_000);
        timeline.keep_numbers();
        let start = Instant::now();
        let mut timeline = restored(&timeline, true, start);
        let first = timeline.relayed(&packet(1, 777, 70_000), after(start, 3_000)).unwrap();
        assert_eq!((first.sequence_number, first.timestamp), (777, 70_000));
    }

    #[test]
    fn a_packet_of_our_own_between_relayed_ones_makes_no_collision() {
        let mut timeline = Timeline::new(9, 1, 0);
        let start = Instant::now();
        timeline.relayed(&packet(1, 10, 0), start);
        let own = timeline.own_event(101, true, 80, after(start, 10));
        let next = timeline.relayed(&packet(1, 11, 160), after(start, 20)).unwrap();
        assert_eq!((own.sequence_number, next.sequence_number), (2, 3));
    }
}
