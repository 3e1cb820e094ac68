//! The next timeout of each of many things.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Instant;

use super::timer::TimerName;

/// Holds at most one timeout per key; setting, clearing and taking cost the logarithm of the count.
#[derive(Debug, Clone)]
pub(crate) struct Schedule<K> {
    queue: BTreeSet<(Instant, K, TimerName)>,
    by_key: HashMap<K, (Instant, TimerName)>,
}

impl<K: Copy + Ord + Hash> Schedule<K> {
    pub(crate) fn new() -> Self {
        Self { queue: BTreeSet::new(), by_key: HashMap::new() }
    }

    /// Makes `next` the timeout of `key`; `None` clears it.
    pub(crate) fn set(&mut self, key: K, next: Option<(Instant, TimerName)>) {
        let before = match next {
            Some(next) => self.by_key.insert(key, next),
            None => self.by_key.remove(&key),
        };
        if before == next {
            return;
        }
        if let Some((at, name)) = before {
            self.queue.remove(&(at, key, name));
        }
        if let Some((at, name)) = next {
            self.queue.insert((at, key, name));
        }
    }

    /// The earliest timeout of all.
    pub(crate) fn next(&self) -> Option<(Instant, TimerName)> {
        self.queue.first().map(|(at, _, name)| (*at, *name))
    }

    /// The key whose timeout is due first, if any is by `now`. Its timeout stays set.
    pub(crate) fn due(&self, now: Instant) -> Option<K> {
        let (at, key, _) = self.queue.first()?;
        (*at <= now).then_some(*key)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_latest_setting_of_a_key_counts() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut schedule = Schedule::new();
        schedule.set(1, Some((now, TimerName::A)));
        schedule.set(2, Some((later, TimerName::B)));
        schedule.set(1, Some((later + Duration::from_secs(1), TimerName::A)));
        assert_eq!(schedule.next(), Some((later, TimerName::B)));
        assert_eq!(schedule.due(now), None);
        assert_eq!(schedule.due(later), Some(2));
        schedule.set(2, None);
        schedule.set(1, None);
        assert_eq!(schedule.next(), None);
    }
}
