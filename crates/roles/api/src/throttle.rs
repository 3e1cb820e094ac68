use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Lets each key do something so often: `capacity` times at once, and once more per `refill`.
///
/// It is a token bucket kept as one moment per key (the generic cell rate algorithm): the moment at which
/// the key's bucket is full again. It reads no clock.
#[derive(Debug)]
pub(crate) struct Throttle<K> {
    capacity: u32,
    refill: Duration,
    keys_max: usize,
    full_at: HashMap<K, Instant>,
}

impl<K: Hash + Eq + Clone> Throttle<K> {
    pub fn new(capacity: u32, refill: Duration, keys_max: usize) -> Self {
        Self { capacity: capacity.max(1), refill, keys_max, full_at: HashMap::new() }
    }

    /// Takes one; the error is how long to wait for the next.
    pub fn take(&mut self, key: &K, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.get(key).copied().unwrap_or(now).max(now);
        let emptied = full_at.duration_since(now);
        let allowed = self.refill * (self.capacity - 1);
        if emptied > allowed {
            return Err(emptied - allowed);
        }
        if !self.full_at.contains_key(key) {
            self.make_room(now);
        }
        self.full_at.insert(key.clone(), full_at + self.refill);
        Ok(())
    }

    /// Gives back what was taken.
    pub fn give_back(&mut self, key: &K, now: Instant) {
        let Some(full_at) = self.full_at.get_mut(key) else { return };
        match full_at.checked_sub(self.refill).filter(|full_at| *full_at > now) {
            Some(earlier) => *full_at = earlier,
            None => {
                self.full_at.remove(key);
            }
        }
    }

    /// Forgets the keys whose buckets are full, and when there are none, the key that did the least.
    fn make_room(&mut self, now: Instant) {
        if self.full_at.len() < self.keys_max {
            return;
        }
        self.full_at.retain(|_, full_at| *full_at > now);
        if self.full_at.len() < self.keys_max {
            return;
        }
        let least =
            self.full_at.iter().min_by_key(|(_, full_at)| **full_at).map(|(key, _)| key.clone());
        if let Some(key) = least {
            self.full_at.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_is_allowed_and_then_one_per_refill() {
        let now = Instant::now();
        let mut throttle = Throttle::new(3, SECOND, 8);
        for _ in 0..3 {
            assert_eq!(throttle.take(&"a", now), Ok(()));
        }
        assert_eq!(throttle.take(&"a", now), Err(SECOND));
        assert_eq!(throttle.take(&"b", now), Ok(()));
        assert_eq!(throttle.take(&"a", now + SECOND / 2), Err(SECOND / 2));
        assert_eq!(throttle.take(&"a", now + SECOND), Ok(()));
        assert_eq!(throttle.take(&"a", now + SECOND), Err(SECOND));
        assert_eq!(throttle.take(&"a", now + SECOND * 60), Ok(()));
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let now = Instant::now();
        let mut throttle = Throttle::new(1, SECOND, 8);
        assert_eq!(throttle.take(&"a", now), Ok(()));
        throttle.give_back(&"a", now);
        assert_eq!(throttle.take(&"a", now), Ok(()));
        assert!(throttle.take(&"a", now).is_err());
    }

    #[test]
    fn the_table_is_bounded_and_keeps_who_did_the_most() {
        let now = Instant::now();
        let mut throttle = Throttle::new(5, SECOND, 3);
        for _ in 0..5 {
            throttle.take(&1_000, now).unwrap();
        }
        for key in 0..100 {
            throttle.take(&key, now).unwrap();
            assert!(throttle.full_at.len() <= 3);
        }
        assert!(throttle.take(&1_000, now).is_err());
    }
}
