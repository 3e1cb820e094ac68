//! A clock that moves only when told to.

use std::time::{Duration, Instant};

/// The time of a test.
#[derive(Debug, Clone, Copy)]
pub struct VirtualClock {
    start: Instant,
    now: Instant,
}

impl VirtualClock {
    /// A clock that stands still. Only differences of its instants mean anything.
    pub fn new() -> Self {
        let start = Instant::now();
        Self { start, now: start }
    }

    /// The present instant.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Time since the test began.
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Moves on by `duration`.
    pub fn advance(&mut self, duration: Duration) {
        self.now += duration;
    }

    /// Moves on to `instant`; an instant in the past changes nothing.
    pub fn advance_to(&mut self, instant: Instant) {
        self.now = self.now.max(instant);
    }
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_forward_only() {
        let mut clock = VirtualClock::new();
        let start = clock.now();
        clock.advance(Duration::from_secs(3));
        clock.advance_to(start);
        assert_eq!(clock.elapsed(), Duration::from_secs(3));
    }
}
