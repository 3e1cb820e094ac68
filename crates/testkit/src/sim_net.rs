//! A simulated network: seeded loss, delay, reordering and duplication of datagrams.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::rng::Rng;

/// Datagrams in flight at once; beyond it the network drops, as a full queue would.
pub const IN_FLIGHT_COUNT_MAX: usize = 1 << 20;

/// A network that carries datagrams of type `T`, each on its own.
///
/// The same seed and the same calls deliver the same datagrams at the same times.
#[derive(Debug, Clone)]
pub struct SimNet<T> {
    rng: Rng,
    loss: f64,
    duplicate: f64,
    reorder: f64,
    delay: Duration,
    jitter: Duration,
    in_flight: BTreeMap<(Instant, u64), T>,
    sent: u64,
    lost: u64,
}

impl<T: Clone> SimNet<T> {
    /// A network without loss or delay.
    pub fn seeded(seed: u64) -> Self {
        Self {
            rng: Rng::seeded(seed),
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            in_flight: BTreeMap::new(),
            sent: 0,
            lost: 0,
        }
    }

    /// Share of datagrams that are lost; 1.0 loses all.
    #[must_use]
    pub fn loss(mut self, probability: f64) -> Self {
        self.set_loss(probability);
        self
    }

    /// Share of datagrams that arrive twice.
    #[must_use]
    pub fn duplicate(mut self, probability: f64) -> Self {
        self.duplicate = probability;
        self
    }

    /// Share of datagrams that take twice the delay and one jitter more, and so are overtaken.
    #[must_use]
    pub fn reorder(mut self, probability: f64) -> Self {
        self.reorder = probability;
        self
    }

    /// Time each datagram takes.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Largest random addition to the delay.
    #[must_use]
    pub fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// Changes the loss from here on, such as for a partition in the middle of a test.
    pub fn set_loss(&mut self, probability: f64) {
        self.loss = probability;
    }

    /// Puts a datagram on its way.
    pub fn send(&mut self, datagram: T, now: Instant) {
        if self.rng.chance(self.duplicate) {
            self.carry(datagram.clone(), now);
        }
        self.carry(datagram, now);
    }

    fn carry(&mut self, datagram: T, now: Instant) {
        self.sent += 1;
        let lost = self.rng.chance(self.loss);
        if lost || self.in_flight.len() >= IN_FLIGHT_COUNT_MAX {
            self.lost += 1;
            return;
        }
        let arrival = now + self.transit();
        self.in_flight.insert((arrival, self.sent), datagram);
    }

    fn transit(&mut self) -> Duration {
        let jitter_ns = u64::try_from(self.jitter.as_nanos()).unwrap_or(u64::MAX);
        let mut transit = self.delay + Duration::from_nanos(self.rng.below(jitter_ns));
        if self.rng.chance(self.reorder) {
            transit += self.delay + self.jitter;
        }
        transit
    }

    /// When the next datagram arrives.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.in_flight.keys().next().map(|(at, _)| *at)
    }

    /// Takes out the next datagram that has arrived by `now`.
    pub fn receive(&mut self, now: Instant) -> Option<T> {
        let entry = self.in_flight.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    /// Datagrams sent, counting duplicates.
    pub fn sent_count(&self) -> u64 {
        self.sent
    }

    /// Datagrams lost.
    pub fn lost_count(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(mut net: SimNet<u32>, count: u32) -> Vec<u32> {
        let start = Instant::now();
        for number in 0..count {
            net.send(number, start + Duration::from_millis(number.into()));
        }
        let end = start + Duration::from_secs(3_600);
        std::iter::from_fn(|| net.receive(end)).collect()
    }

    #[test]
    fn without_faults_everything_arrives_in_order() {
        assert_eq!(arrivals(SimNet::seeded(1), 100), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn loss_keeps_its_share_and_its_seed() {
        let first = arrivals(SimNet::seeded(7).loss(0.2), 10_000);
        assert!((7_800..8_200).contains(&first.len()), "{}", first.len());
        assert_eq!(first, arrivals(SimNet::seeded(7).loss(0.2), 10_000));
        assert_ne!(first, arrivals(SimNet::seeded(8).loss(0.2), 10_000));
    }

    #[test]
    fn reordering_delays_some_and_loses_none() {
        let net = SimNet::seeded(3).delay(Duration::from_millis(20)).reorder(0.1);
        let mut numbers = arrivals(net, 1_000);
        assert!(!numbers.is_sorted());
        numbers.sort_unstable();
        assert_eq!(numbers, (0..1_000).collect::<Vec<_>>());
    }

    #[test]
    fn duplicates_arrive_twice() {
        assert_eq!(arrivals(SimNet::seeded(3).duplicate(1.0), 3), [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn nothing_arrives_before_its_delay() {
        let mut net = SimNet::seeded(1).delay(Duration::from_millis(50));
        let start = Instant::now();
        net.send(1, start);
        assert_eq!(net.poll_timeout(), Some(start + Duration::from_millis(50)));
        assert_eq!(net.receive(start + Duration::from_millis(49)), None);
        assert_eq!(net.receive(start + Duration::from_millis(50)), Some(1));
    }
}
