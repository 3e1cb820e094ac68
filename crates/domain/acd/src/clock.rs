use serde::{Deserialize, Serialize};

/// Time within the ACD. It goes on by as much as the clock outside goes forward, and stands while that one
/// is set back.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Clock {
    outside_ms: u64,
    /// By how much the clock outside was set back, all in all.
    ahead_ms: u64,
}

impl Clock {
    /// Takes the time outside.
    pub(crate) fn advance(&mut self, outside_ms: u64) {
        let back_ms = self.outside_ms.saturating_sub(outside_ms);
        self.ahead_ms = self.ahead_ms.saturating_add(back_ms);
        self.outside_ms = outside_ms;
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.inside(self.outside_ms)
    }

    pub(crate) fn inside(&self, outside_ms: u64) -> u64 {
        outside_ms.saturating_add(self.ahead_ms)
    }

    pub(crate) fn outside(&self, inside_ms: u64) -> u64 {
        inside_ms.saturating_sub(self.ahead_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_stands_for_a_moment_and_goes_on() {
        let mut clock = Clock::default();
        clock.advance(10_000);
        clock.advance(4_000);
        assert_eq!(clock.now_ms(), 10_000);
        clock.advance(4_500);
        assert_eq!(clock.now_ms(), 10_500);
        assert_eq!(clock.outside(11_000), 5_000, "a deadline is as far away as it was");
    }
}
