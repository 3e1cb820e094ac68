//! How long packets took.

use std::time::Duration;

/// Latencies are told apart to a microsecond up to this one, in microseconds.
const MICROSECONDS_MAX: usize = 200_000;

/// A histogram with a step of one microsecond.
pub struct Latencies {
    counts: Vec<u32>,
    count: u64,
    lag_max: Duration,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { counts: vec![0; MICROSECONDS_MAX + 1], count: 0, lag_max: Duration::ZERO }
    }
}

impl Latencies {
    /// A packet took so long.
    pub fn note(&mut self, latency: Duration) {
        let microseconds = usize::try_from(latency.as_micros()).unwrap_or(MICROSECONDS_MAX);
        self.counts[microseconds.min(MICROSECONDS_MAX)] += 1;
        self.count += 1;
    }

    /// The load itself was late by so much.
    pub fn note_lag(&mut self, lag: Duration) {
        self.lag_max = self.lag_max.max(lag);
    }

    /// The most that the load was late.
    pub fn lag_max(&self) -> Duration {
        self.lag_max
    }

    /// How many packets were noted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The latency that this share of the packets stays below, in microseconds.
    pub fn percentile_us(&self, share: f64) -> usize {
        let wanted = (self.count as f64 * share) as u64;
        let mut passed = 0;
        let reached = self.counts.iter().position(|count| {
            passed += u64::from(*count);
            passed > wanted
        });
        reached.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_noted() {
        let mut latencies = Latencies::default();
        (1..=1_000).for_each(|us| latencies.note(Duration::from_micros(us)));
        assert_eq!(latencies.percentile_us(0.5), 501);
        assert_eq!(latencies.percentile_us(0.99), 991);
        assert_eq!(latencies.count(), 1_000);
    }
}
