//! What arrives from one source: numbers, loss, bursts and jitter (RFC 3550 A.1, A.3, A.8).

use serde::{Deserialize, Serialize};
use std::time::Instant;

use crate::sequence::SequenceExtender;

/// A number this far ahead of the highest is a jump and not loss (RFC 3550 A.1).
const DROPOUT_MAX: i64 = 3_000;
/// A number this far behind is a jump and not reordering.
const MISORDER_MAX: i64 = 100;
/// Packets after which one that is missing counts as lost.
const WINDOW_PACKETS: u64 = 128;

/// Counts the packets of one source.
#[derive(Clone, Debug)]
pub struct ReceiveStatistics {
    clock_rate: u32,
    sequence: SequenceExtender,
    /// The first number since the last jump.
    base: u64,
    /// Bit n is the number `highest - n`.
    window: u128,
    received: u64,
    /// Counts of before the last jump.
    earlier_expected: u64,
    earlier_received: u64,
    payload_bytes: u64,
    duplicates: u64,
    lost_settled: u64,
    loss_bursts: u64,
    is_in_burst: bool,
    /// The number after a jump, to be confirmed by the next packet.
    suspect: Option<u16>,
    jitter: Jitter,
    /// Counts at the last report.
    reported_expected: u64,
    reported_received: u64,
}

/// The interarrival jitter in 16ths of a timestamp unit.
#[derive(Clone, Copy, Debug, Default)]
struct Jitter {
    sixteenths: u32,
    last: Option<(Instant, u32)>,
}

/// What was counted, as call records want it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReceiveSummary {
    /// Packets that came, without doubles.
    pub packets_received: u64,
    /// Packets that should have come.
    pub packets_expected: u64,
    /// Packets that did not.
    pub packets_lost: u64,
    /// Runs of lost packets.
    pub loss_bursts: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Payload bytes that came.
    pub payload_bytes: u64,
    /// The interarrival jitter in milliseconds.
    pub jitter_ms: f64,
}

impl ReceiveStatistics {
    /// For a source with that clock rate in Hz.
    pub fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate: clock_rate.max(1),
            sequence: SequenceExtender::default(),
            base: 0,
            window: 0,
            received: 0,
            earlier_expected: 0,
            earlier_received: 0,
            payload_bytes: 0,
            duplicates: 0,
            lost_settled: 0,
            loss_bursts: 0,
            is_in_burst: false,
            suspect: None,
            jitter: Jitter::default(),
            reported_expected: 0,
            reported_received: 0,
        }
    }

    /// Takes a packet. A packet far from the others counts when the next one follows it.
    pub fn handle_packet(
        &mut self,
        sequence_number: u16,
        timestamp: u32,
        payload_bytes: usize,
        now: Instant,
    ) {
        let extended = self.sequence.peek(sequence_number);
        match self.sequence.highest() {
            None => self.restart(sequence_number),
            Some(highest) => {
                let distance = extended as i64 - highest as i64;
                let is_near = (-MISORDER_MAX..DROPOUT_MAX).contains(&distance);
                if !is_near && !self.confirms_jump(sequence_number) {
                    return;
                }
                if !is_near {
                    self.restart(sequence_number);
                }
            }
        }
        self.suspect = None;
        self.count(sequence_number, payload_bytes);
        self.jitter.handle_packet(timestamp, self.clock_rate, now);
    }

    fn confirms_jump(&mut self, sequence_number: u16) -> bool {
        let expected = self.suspect.replace(sequence_number.wrapping_add(1));
        expected == Some(sequence_number)
    }

    /// Begins to count anew, and keeps what was counted.
    fn restart(&mut self, sequence_number: u16) {
        self.settle_all();
        self.earlier_expected += self.expected_since_base();
        self.earlier_received += self.received;
        self.sequence = SequenceExtender::default();
        self.base = self.sequence.extend(sequence_number);
        self.window = 0;
        self.received = 0;
        self.jitter.last = None;
    }

    fn count(&mut self, sequence_number: u16, payload_bytes: usize) {
        let before = self.sequence.highest().unwrap_or(self.base);
        let extended = self.sequence.extend(sequence_number);
        if extended > before {
            self.advance(before, extended - before);
        }
        let age = self.sequence.highest().unwrap_or(extended) - extended;
        let bit = 1_u128.checked_shl(age as u32).unwrap_or(0);
        if self.window & bit != 0 || extended < self.base {
            self.duplicates += u64::from(self.window & bit != 0);
            return;
        }
        self.window |= bit;
        self.received += 1;
        self.payload_bytes += payload_bytes as u64;
    }

    /// Moves the window up; numbers that leave it are settled.
    fn advance(&mut self, highest: u64, steps: u64) {
        for step in 0..steps {
            let leaving = (highest + step).checked_sub(WINDOW_PACKETS - 1);
            if leaving.is_some_and(|leaving| leaving >= self.base) {
                let is_received = self.window >> (WINDOW_PACKETS - 1) & 1 == 1;
                self.settle(is_received);
            }
            self.window <<= 1;
        }
    }

    fn settle(&mut self, is_received: bool) {
        if !is_received {
            self.lost_settled += 1;
            self.loss_bursts += u64::from(!self.is_in_burst);
        }
        self.is_in_burst = !is_received;
    }

    /// Settles what is left in the window.
    fn settle_all(&mut self) {
        let Some(highest) = self.sequence.highest() else {
            return;
        };
        let left = (highest + 1 - self.base).min(WINDOW_PACKETS);
        for age in (0..left).rev() {
            self.settle(self.window >> age & 1 == 1);
        }
        self.is_in_burst = false;
    }

    fn expected_since_base(&self) -> u64 {
        let highest = self.sequence.highest();
        highest.map_or(0, |highest| highest + 1 - self.base)
    }

    /// Packets that should have come.
    pub fn packets_expected(&self) -> u64 {
        self.earlier_expected + self.expected_since_base()
    }

    /// Packets that came, without doubles.
    pub fn packets_received(&self) -> u64 {
        self.earlier_received + self.received
    }

    /// The highest number with its cycles in the upper half, as reports write it.
    pub fn highest_sequence_number(&self) -> u32 {
        // The extender begins one cycle up.
        let highest = self.sequence.highest().unwrap_or(0);
        highest.saturating_sub(1 << 16) as u32
    }

    /// The jitter in timestamp units.
    pub fn jitter(&self) -> u32 {
        self.jitter.sixteenths >> 4
    }

    /// Packets lost since the last call in 256ths, and in all (RFC 3550 A.3).
    pub fn take_loss(&mut self) -> (u8, i32) {
        let (expected, received) = (self.packets_expected(), self.packets_received());
        let expected_since = expected - self.reported_expected;
        let received_since = received - self.reported_received;
        let lost_since = expected_since.saturating_sub(received_since);
        (self.reported_expected, self.reported_received) = (expected, received);
        let fraction = (lost_since << 8).checked_div(expected_since).unwrap_or(0);
        let lost = i64::try_from(expected.saturating_sub(received)).unwrap_or(i64::MAX);
        (fraction.min(255) as u8, lost.min(0x7F_FFFF) as i32)
    }

    /// What was counted.
    pub fn summary(&self) -> ReceiveSummary {
        let mut settled = self.clone();
        settled.settle_all();
        let (expected, received) = (self.packets_expected(), self.packets_received());
        ReceiveSummary {
            packets_received: received,
            packets_expected: expected,
            packets_lost: expected.saturating_sub(received),
            loss_bursts: settled.loss_bursts,
            duplicates: self.duplicates,
            payload_bytes: self.payload_bytes,
            jitter_ms: f64::from(self.jitter.sixteenths) * 1_000.0
                / (16.0 * f64::from(self.clock_rate)),
        }
    }
}

impl Jitter {
    /// RFC 3550 A.8. Packets of one moment, such as those of an event, tell nothing.
    fn handle_packet(&mut self, timestamp: u32, clock_rate: u32, now: Instant) {
        let Some((then, before)) = self.last else {
            self.last = Some((now, timestamp));
            return;
        };
        if timestamp == before {
            return;
        }
        let micros = now.saturating_duration_since(then).as_micros();
        let micros = u64::try_from(micros).unwrap_or(u64::MAX);
        let units = micros.saturating_mul(u64::from(clock_rate)) / 1_000_000;
        let advance = i64::from(timestamp.wrapping_sub(before) as i32);
        let difference = i64::try_from(units).unwrap_or(i64::MAX).saturating_sub(advance);
        let difference = difference.unsigned_abs().min(u64::from(u32::MAX >> 5)) as u32;
        self.sixteenths = (self.sixteenths + difference).saturating_sub((self.sixteenths + 8) >> 4);
        self.last = Some((now, timestamp));
    }
}
