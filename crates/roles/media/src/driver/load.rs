//! How busy a media thread is.

use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// How often the load is measured.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);
/// How much of each measurement goes into the load, so that one bad second does not turn callers away.
const WEIGHT: f64 = 0.5;
/// A load below this is none.
const IDLE: f64 = 0.001;

/// Measures the share of its time, from 0 to 1, in which a thread has work. That is the time between its
/// waits, in which it also may have waited for its processor, or the time of a processor that it had, in
/// which the kernel may have worked during its waits: whichever is more.
#[derive(Debug)]
pub(crate) struct LoadMeter {
    since: Instant,
    woke: Instant,
    busy: Duration,
    processor: Duration,
    load: f64,
}

impl LoadMeter {
    pub(crate) fn new(now: Instant) -> Self {
        Self { since: now, woke: now, busy: Duration::ZERO, processor: Duration::ZERO, load: 0.0 }
    }

    /// The thread is about to wait.
    pub(crate) fn handle_wait(&mut self, now: Instant) {
        self.busy += now.saturating_duration_since(self.woke);
    }

    /// The thread has waited. The load, when it was measured anew.
    pub(crate) fn handle_woken(&mut self, now: Instant) -> Option<f64> {
        self.woke = now;
        let passed = now.saturating_duration_since(self.since);
        if passed < INTERVAL {
            return None;
        }
        self.measure(passed, processor_time());
        self.since = now;
        Some(self.load)
    }

    fn measure(&mut self, passed: Duration, processor: Duration) {
        let busy = std::mem::take(&mut self.busy);
        let used = processor.saturating_sub(std::mem::replace(&mut self.processor, processor));
        let share = busy.max(used).div_duration_f64(passed).min(1.0);
        // Before a wait that was longer than an interval there was nothing to measure.
        let weight = if passed >= 2 * INTERVAL { 1.0 } else { WEIGHT };
        self.load += (share - self.load) * weight;
        if self.load < IDLE {
            self.load = 0.0;
        }
    }

    /// Whether there is a load that has to be measured again although nothing happens.
    pub(crate) fn is_loaded(&self) -> bool {
        self.load > 0.0
    }
}

/// The time of a processor that the calling thread has had.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thread that works for `busy` of each 20 ms.
    fn run(meter: &mut LoadMeter, start: Instant, busy: Duration, turns: u32) -> Vec<f64> {
        let turn = Duration::from_millis(20);
        let mut loads = Vec::new();
        for number in 0..turns {
            let begun = start + turn * number;
            loads.extend(meter.handle_woken(begun));
            meter.handle_wait(begun + busy);
        }
        loads
    }

    #[test]
    fn the_load_is_the_share_of_the_time_between_waits() {
        let start = Instant::now();
        let mut meter = LoadMeter::new(start);
        let loads = run(&mut meter, start, Duration::from_millis(15), 501);
        assert_eq!(loads.len(), 10);
        assert!(loads.windows(2).all(|pair| pair[0] <= pair[1]), "{loads:?}");
        assert!((loads[9] - 0.75).abs() < 0.01, "{loads:?}");
        assert!(meter.is_loaded());
    }

    #[test]
    fn a_thread_that_works_in_its_waits_is_loaded_as_well() {
        let start = Instant::now();
        let mut meter = LoadMeter::new(start);
        for second in 1..=8_u32 {
            meter.measure(INTERVAL, Duration::from_millis(400) * second);
        }
        assert!((meter.load - 0.4).abs() < 0.01, "{}", meter.load);
        for _ in 0..12 {
            meter.measure(INTERVAL, Duration::from_millis(3_200));
        }
        assert!(!meter.is_loaded(), "{}", meter.load);
    }
}
