//! The stream a jitter buffer plays: its numbers, its time, and how far playing is.

use std::time::{Duration, Instant};

use super::{
    ADJUST_INTERVAL, CONCEAL_PIECES_MAX, Choice, IDLE_PIECES_MAX, JitterBufferStatistics, units,
};
use crate::sequence::SequenceExtender;

/// The shortest and longest packet time that is believed.
const PACKET_TIME_MIN: Duration = Duration::from_micros(2_500);
const PACKET_TIME_MAX: Duration = Duration::from_millis(120);

#[derive(Debug)]
pub(super) struct Stream {
    pub ssrc: u32,
    sequence: SequenceExtender,
    clock_rate: u32,
    /// The newest packet: number, timestamp, and its place in units from the first packet.
    newest: (u64, u32, i64),
    pub packet_units: i64,
    /// A packet time that was seen once and counts when it is seen again.
    packet_units_candidate: i64,
    /// The number to be played next.
    pub next: u64,
    /// The place of the playout clock.
    pub position: i64,
    pub is_playing: bool,
    pub has_played: bool,
    /// Pieces since the last packet.
    pub empty_pieces: u32,
    pub is_in_burst: bool,
    pub last_adjusted: Option<Instant>,
}

impl Stream {
    pub fn new(
        ssrc: u32,
        sequence_number: u16,
        timestamp: u32,
        packet_units: i64,
        clock_rate: u32,
    ) -> Self {
        let mut sequence = SequenceExtender::default();
        let number = sequence.extend(sequence_number);
        Self {
            ssrc,
            sequence,
            clock_rate,
            newest: (number, timestamp, 0),
            packet_units,
            packet_units_candidate: packet_units,
            next: number,
            position: 0,
            is_playing: false,
            has_played: false,
            empty_pieces: 0,
            is_in_burst: false,
            last_adjusted: None,
        }
    }

    /// Gives a packet its number and place.
    pub fn handle_packet(&mut self, sequence_number: u16, timestamp: u32) -> (u64, i64) {
        let number = self.sequence.extend(sequence_number);
        let place = self.place(timestamp);
        let (newest, _, newest_place) = self.newest;
        if number == newest + 1 {
            self.learn_packet_units(place - newest_place);
        }
        if number > newest {
            self.newest = (number, timestamp, place);
        }
        (number, place)
    }

    fn learn_packet_units(&mut self, advance: i64) {
        let bounds = [PACKET_TIME_MIN, PACKET_TIME_MAX].map(|time| units(time, self.clock_rate));
        if advance < bounds[0].max(1) || advance > bounds[1] {
            return;
        }
        if advance == self.packet_units_candidate {
            self.packet_units = advance;
        }
        self.packet_units_candidate = advance;
    }

    /// The place of a timestamp; timestamps wrap, places do not.
    pub fn place(&self, timestamp: u32) -> i64 {
        let (_, newest, place) = self.newest;
        place + i64::from(timestamp.wrapping_sub(newest) as i32)
    }

    /// How far a number is from the newest.
    pub fn distance(&self, sequence_number: u16) -> u64 {
        self.sequence.peek(sequence_number).abs_diff(self.newest.0)
    }

    /// By how much the delay may be above its target before packets are left out.
    pub fn slack(&self) -> i64 {
        self.packet_units + self.packet_units / 2
    }

    pub fn may_adjust(&self, now: Instant) -> bool {
        let since = self.last_adjusted.map(|last| now.saturating_duration_since(last));
        since.is_none_or(|since| since >= ADJUST_INTERVAL)
    }

    /// Nothing is there: concealment, then silence, then the end of playing.
    pub fn go_on_empty(&mut self) -> Choice {
        if !self.is_playing {
            return Choice::Silence;
        }
        self.position += self.packet_units;
        self.empty_pieces += 1;
        self.is_playing = self.empty_pieces <= IDLE_PIECES_MAX;
        if self.empty_pieces > CONCEAL_PIECES_MAX {
            return Choice::Silence;
        }
        Choice::Conceal
    }

    /// The first packet's time has not come: one before it is missing, or nothing was said.
    pub fn wait_for(&mut self, first: u64) -> Choice {
        self.position += self.packet_units;
        if first > self.next { Choice::Conceal } else { Choice::Silence }
    }

    /// Goes on behind a packet; those before it that did not come are lost.
    pub fn leave_out(&mut self, number: u64, statistics: &mut JitterBufferStatistics) {
        self.count_lost(number.saturating_sub(self.next), statistics);
        self.next = number + 1;
    }

    pub fn count_lost(&mut self, count: u64, statistics: &mut JitterBufferStatistics) {
        if count > 0 {
            statistics.lost += count;
            statistics.loss_bursts += u64::from(!self.is_in_burst);
            self.is_in_burst = true;
        }
    }
}
