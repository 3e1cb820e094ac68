//! How long packets have to wait so that nearly all of them come in time.

use std::time::Duration;

use super::{JitterConfig, units};

/// Packets whose delay is remembered: 5 s of 20 ms packets.
const WINDOW_PACKETS: usize = 250;
/// Packets of the window that are known before it counts.
const KNOWN_PACKETS_MIN: usize = 25;
/// The share of packets that shall come in time, in percent.
const IN_TIME_PERCENT: usize = 97;
/// The width and number of the histogram's buckets.
const BUCKET: Duration = Duration::from_millis(5);
const BUCKETS: usize = 101;
/// A packet this much earlier or later than the bounds allow belongs to another time line.
const IMPLAUSIBLE: Duration = Duration::from_secs(2);

/// Transit is arrival less timestamp, in units of the RTP clock; only its changes mean anything.
#[derive(Debug)]
pub(super) struct DelayEstimator {
    bucket_units: i64,
    initial: i64,
    min: i64,
    max: i64,
    implausible: i64,
    /// The lowest transit of this window and of the one before; their minimum follows the drift
    /// of the sender's clock.
    base: Option<i64>,
    lowest: Option<i64>,
    lowest_before: Option<i64>,
    lowest_count: usize,
    /// The buckets of the last packets, and how many are in each.
    ring: [u8; WINDOW_PACKETS],
    ring_next: usize,
    known: usize,
    counts: [u16; BUCKETS],
    target: i64,
}

impl DelayEstimator {
    pub fn new(config: &JitterConfig) -> Self {
        let units = |time| units(time, config.clock_rate);
        let (min, max) = (units(config.delay_min), units(config.delay_max));
        let max = max.max(min);
        Self {
            bucket_units: units(BUCKET).max(1),
            initial: units(config.delay_initial).clamp(min, max),
            min,
            max,
            implausible: max + units(IMPLAUSIBLE),
            base: None,
            lowest: None,
            lowest_before: None,
            lowest_count: 0,
            ring: [0; WINDOW_PACKETS],
            ring_next: 0,
            known: 0,
            counts: [0; BUCKETS],
            target: units(config.delay_initial).clamp(min, max),
        }
    }

    /// Takes the transit of a packet.
    pub fn handle_arrival(&mut self, transit: i64) {
        self.lower_base(transit);
        let delay = self.of(transit);
        let bucket = usize::try_from(delay / self.bucket_units).unwrap_or(0).min(BUCKETS - 1);
        if self.known == WINDOW_PACKETS {
            self.counts[usize::from(self.ring[self.ring_next])] -= 1;
        } else {
            self.known += 1;
        }
        self.ring[self.ring_next] = bucket as u8;
        self.ring_next = (self.ring_next + 1) % WINDOW_PACKETS;
        self.counts[bucket] += 1;
        self.target = self.compute_target();
    }

    fn lower_base(&mut self, transit: i64) {
        if self.lowest_count == WINDOW_PACKETS {
            self.lowest_before = self.lowest.take();
            self.lowest_count = 0;
        }
        self.lowest_count += 1;
        let lowest = self.lowest.map_or(transit, |lowest| lowest.min(transit));
        self.lowest = Some(lowest);
        self.base = Some(self.lowest_before.map_or(lowest, |before| before.min(lowest)));
    }

    fn compute_target(&self) -> i64 {
        let wanted = self.known * IN_TIME_PERCENT;
        let mut in_time = 0;
        let bucket = self.counts.iter().position(|count| {
            in_time += usize::from(*count) * 100;
            in_time >= wanted
        });
        let bucket = bucket.unwrap_or(BUCKETS - 1);
        let target = (bucket as i64 + 1) * self.bucket_units;
        let floor = if self.known < KNOWN_PACKETS_MIN { self.initial } else { self.min };
        target.clamp(floor, self.max)
    }

    /// The delay of a transit: how much more it is than the least.
    pub fn of(&self, transit: i64) -> i64 {
        transit - self.base.unwrap_or(transit)
    }

    pub fn target(&self) -> i64 {
        self.target
    }

    pub fn is_plausible(&self, transit: i64) -> bool {
        self.of(transit).abs() <= self.implausible
    }

    /// Another source has another time line; how much its packets vary is likely the same.
    pub fn forget_base(&mut self) {
        self.base = None;
        self.lowest = None;
        self.lowest_before = None;
        self.lowest_count = 0;
    }
}
