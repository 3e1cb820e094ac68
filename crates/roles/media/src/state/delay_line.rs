//! Packets that wait for their time: what a delayed echo is made of.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The longest delay.
pub(crate) const DELAY_MAX: Duration = Duration::from_secs(10);
/// Bytes that wait at most: ten seconds of a wideband codec with room for bursts.
const WAITING_BYTES_MAX: usize = 512 * 1024;

/// A queue of packets in one ring of bytes, so that a packet costs no allocation.
#[derive(Debug)]
pub(crate) struct DelayLine {
    delay: Duration,
    bytes: VecDeque<u8>,
    entries: VecDeque<(Instant, usize)>,
}

impl DelayLine {
    pub(crate) fn new(delay: Duration) -> Self {
        Self { delay: delay.min(DELAY_MAX), bytes: VecDeque::new(), entries: VecDeque::new() }
    }

    /// How much later packets come out.
    pub(crate) fn delay(&self) -> Duration {
        self.delay
    }

    /// Takes a packet; what no longer fits is dropped.
    pub(crate) fn push(&mut self, packet: &[u8], now: Instant) {
        if self.bytes.len() + packet.len() <= WAITING_BYTES_MAX {
            self.bytes.extend(packet);
            self.entries.push_back((now + self.delay, packet.len()));
        }
    }

    /// When the next packet is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.entries.front().map(|(due, _)| *due)
    }

    /// Copies the next packet that is due to the front of `buffer` and returns its length.
    pub(crate) fn pop_due(&mut self, now: Instant, buffer: &mut [u8]) -> Option<usize> {
        let (_, length) = self.entries.pop_front_if(|(due, _)| *due <= now)?;
        for (slot, byte) in buffer.iter_mut().zip(self.bytes.drain(..length)) {
            *slot = byte;
        }
        Some(length.min(buffer.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_in_order_when_they_are_due() {
        let mut line = DelayLine::new(Duration::from_millis(100));
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        line.push(b"one", at(0));
        line.push(b"three", at(20));
        let mut buffer = [0; 8];
        assert_eq!(line.poll_timeout(), Some(at(100)));
        assert_eq!(line.pop_due(at(99), &mut buffer), None);
        assert_eq!(line.pop_due(at(100), &mut buffer), Some(3));
        assert_eq!(&buffer[..3], b"one");
        assert_eq!(line.pop_due(at(100), &mut buffer), None);
        assert_eq!(line.pop_due(at(120), &mut buffer), Some(5));
        assert_eq!(&buffer[..5], b"three");
        assert_eq!(line.poll_timeout(), None);
    }

    #[test]
    fn a_flood_is_bounded() {
        let mut line = DelayLine::new(Duration::from_secs(60));
        assert_eq!(line.delay, DELAY_MAX);
        for _ in 0..10_000 {
            line.push(&[0; 1_000], Instant::now());
        }
        assert!(line.bytes.len() <= WAITING_BYTES_MAX);
    }
}
