//! How much faster or slower a sender's clock runs than ours.

use std::time::{Duration, Instant};

/// How long the packets are watched of which the fastest counts: jitter only ever delays.
const WINDOW: Duration = Duration::from_secs(5);
/// How far apart two windows must be before their distance says something: then a millisecond is 50 ppm.
const SPAN_MIN: Duration = Duration::from_secs(20);
/// A timestamp that is this far from where the clock should be is a jump and not drift.
const JUMP: f64 = 1.0;

/// Compares a stream's timestamps with the instants at which its packets come.
#[derive(Clone, Debug)]
pub struct ClockDrift {
    clock_rate: u32,
    /// The first packet since the last jump: its source, its timestamp, when it came.
    origin: Option<(u32, u32, Instant)>,
    /// Seconds of media since the origin, as the timestamps tell, and the last timestamp.
    media: f64,
    last_timestamp: u32,
    window_start: Option<Instant>,
    /// The least delay within the window at hand, in seconds, and when it was.
    least: Option<(f64, Instant)>,
    first: Option<(f64, Instant)>,
    latest: Option<(f64, Instant)>,
}

impl ClockDrift {
    /// For timestamps of that clock rate in Hz.
    #[must_use]
    pub fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate: clock_rate.max(1),
            origin: None,
            media: 0.0,
            last_timestamp: 0,
            window_start: None,
            least: None,
            first: None,
            latest: None,
        }
    }

    /// A packet came.
    pub fn handle_packet(&mut self, ssrc: u32, timestamp: u32, now: Instant) {
        let Some((_, _, began)) = self.origin.filter(|origin| origin.0 == ssrc) else {
            return self.restart(ssrc, timestamp, now);
        };
        let step = timestamp.wrapping_sub(self.last_timestamp) as i32;
        let media = self.media + f64::from(step) / f64::from(self.clock_rate);
        let delay = now.saturating_duration_since(began).as_secs_f64() - media;
        if (delay - self.least.map_or(delay, |least| least.0)).abs() > JUMP {
            return self.restart(ssrc, timestamp, now);
        }
        (self.media, self.last_timestamp) = (media, timestamp);
        if self.window_start.is_some_and(|start| now.saturating_duration_since(start) >= WINDOW) {
            self.close_window(now);
        }
        if self.least.is_none_or(|least| delay < least.0) {
            self.least = Some((delay, now));
        }
    }

    fn restart(&mut self, ssrc: u32, timestamp: u32, now: Instant) {
        *self = Self::new(self.clock_rate);
        self.origin = Some((ssrc, timestamp, now));
        self.last_timestamp = timestamp;
        self.window_start = Some(now);
        self.least = Some((0.0, now));
    }

    fn close_window(&mut self, now: Instant) {
        self.window_start = Some(now);
        let least = self.least.take();
        self.first = self.first.or(least);
        self.latest = least;
    }

    /// How much faster the sender's clock is than ours, in parts per million, negative when it is slower;
    /// `None` until it was watched for long enough.
    #[must_use]
    pub fn ppm(&self) -> Option<f64> {
        let ((first, then), (latest, at)) = (self.first?, self.latest?);
        let span = at.saturating_duration_since(then);
        (span >= SPAN_MIN).then(|| (first - latest) / span.as_secs_f64() * 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends packets of 20 ms for so many seconds by a clock that is `ppm` fast, each late by what
    /// `jitter_us` says of its number.
    fn measured(ppm: f64, seconds: u32, jitter_us: impl Fn(u64) -> u64) -> Option<f64> {
        let (start, mut drift) = (Instant::now(), ClockDrift::new(8_000));
        for number in 0..u64::from(seconds) * 50 {
            let sent = number as f64 * 0.02 / (1.0 + ppm / 1e6);
            let now =
                start + Duration::from_secs_f64(sent) + Duration::from_micros(jitter_us(number));
            let timestamp = 0xFFFF_F000_u32.wrapping_add((number * 160) as u32);
            drift.handle_packet(1, timestamp, now);
        }
        drift.ppm()
    }

    #[test]
    fn drift_is_found_behind_jitter() {
        for ppm in [-200.0, -50.0, 0.0, 80.0, 300.0] {
            let found = measured(ppm, 120, |number| number * 7_919 % 30_000).expect("two minutes");
            assert!((found - ppm).abs() < 15.0, "{found} for {ppm}");
        }
    }

    #[test]
    fn a_short_call_tells_nothing() {
        assert_eq!(measured(100.0, 20, |_| 0), None);
        assert_eq!(ClockDrift::new(8_000).ppm(), None);
    }

    #[test]
    fn a_jump_of_the_timestamps_is_no_drift() {
        let (start, mut drift) = (Instant::now(), ClockDrift::new(8_000));
        for number in 0..6_000_u32 {
            let jump = if number > 2_000 { 1_000_000 } else { 0 };
            let ssrc = 1 + number / 4_000;
            let now = start + Duration::from_millis(u64::from(number) * 20);
            drift.handle_packet(ssrc, number * 160 + jump, now);
        }
        let ppm = drift.ppm().expect("the last 40 s");
        assert!(ppm.abs() < 1.0, "{ppm}");
    }
}
