//! Which ports of the range are free. It opens none.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a released pair rests, so that late packets of one call do not reach the next.
pub(crate) const PORT_QUARANTINE: Duration = Duration::from_secs(5);

/// The even ports of a range in a shuffled order; each stands for itself and the odd one above it.
#[derive(Debug)]
pub(crate) struct PortPool {
    free: VecDeque<u16>,
    resting: VecDeque<(Instant, u16)>,
}

impl PortPool {
    /// The pairs that lie wholly within `min..max`. `seed` decides their order, so that the next port
    /// cannot be guessed from the last.
    pub(crate) fn new(min: u16, max: u16, seed: u64) -> Self {
        let first = u32::from(min).next_multiple_of(2);
        let pairs = (first..u32::from(max).saturating_sub(1)).step_by(2);
        let mut free: Vec<u16> = pairs.filter_map(|port| u16::try_from(port).ok()).collect();
        shuffle(&mut free, seed);
        Self { free: free.into(), resting: VecDeque::new() }
    }

    /// How many pairs are free or resting.
    pub(crate) fn available(&self) -> usize {
        self.free.len() + self.resting.len()
    }

    /// Takes the pair that has been free the longest; `None` when all are in use or resting.
    pub(crate) fn take(&mut self, now: Instant) -> Option<u16> {
        while let Some((since, port)) = self.resting.front().copied() {
            if now.duration_since(since) < PORT_QUARANTINE {
                break;
            }
            self.resting.pop_front();
            self.free.push_back(port);
        }
        self.free.pop_front()
    }

    /// Takes this pair, free or resting; whether it is one of the range that nobody has.
    pub(crate) fn reserve(&mut self, port: u16) -> bool {
        let is_it = |free: &u16| *free == port;
        if let Some(place) = self.free.iter().position(is_it) {
            return self.free.remove(place).is_some();
        }
        let place = self.resting.iter().position(|(_, resting)| is_it(resting));
        place.and_then(|place| self.resting.remove(place)).is_some()
    }

    /// Gives a pair back.
    pub(crate) fn release(&mut self, port: u16, now: Instant) {
        self.resting.push_back((now, port));
    }
}

/// Fisher and Yates, with the numbers of a linear congruential generator (Knuth's MMIX constants).
fn shuffle(ports: &mut [u16], mut state: u64) {
    for last in (1..ports.len()).rev() {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bound = u64::try_from(last + 1).expect("a port count fits in 64 bits");
        let chosen = usize::try_from((state >> 33) % bound).expect("it is below the port count");
        ports.swap(last, chosen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_pair_of_the_range_is_given_once_and_is_even() {
        let mut pool = PortPool::new(30_001, 30_011, 7);
        let now = Instant::now();
        let taken: BTreeSet<u16> = std::iter::from_fn(|| pool.take(now)).collect();
        assert_eq!(taken, BTreeSet::from([30_002, 30_004, 30_006, 30_008]));
        assert_eq!(pool.take(now), None);
    }

    #[test]
    fn the_whole_of_the_last_port_range_is_usable() {
        let pool = PortPool::new(65_530, u16::MAX, 1);
        assert_eq!(pool.available(), 2);
        assert_eq!(PortPool::new(5, 5, 1).available(), 0);
        assert_eq!(PortPool::new(0, 1, 1).available(), 0);
    }

    #[test]
    fn a_released_pair_rests_before_it_is_given_again() {
        let mut pool = PortPool::new(30_000, 30_002, 1);
        let start = Instant::now();
        assert_eq!(pool.take(start), Some(30_000));
        pool.release(30_000, start);
        assert_eq!(pool.take(start + PORT_QUARANTINE - Duration::from_millis(1)), None);
        assert_eq!(pool.take(start + PORT_QUARANTINE), Some(30_000));
    }

    #[test]
    fn a_reserved_pair_is_not_given_to_others() {
        let mut pool = PortPool::new(30_000, 30_004, 1);
        let start = Instant::now();
        assert!(pool.reserve(30_002));
        assert!(!pool.reserve(30_002) && !pool.reserve(40_000));
        assert_eq!(pool.take(start), Some(30_000));
        assert_eq!(pool.take(start), None);
        pool.release(30_002, start);
        assert!(pool.reserve(30_002), "one that rests may be reserved");
    }

    #[test]
    fn the_order_follows_the_seed() {
        let order = |seed| {
            let mut pool = PortPool::new(30_000, 30_100, seed);
            std::iter::from_fn(move || pool.take(Instant::now())).collect::<Vec<_>>()
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }
}
