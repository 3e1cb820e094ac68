//! When each leg wants to be looked at.

use super::leg_map::LegMap;
use offhook_model::LegId;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// The instants at which legs are due. Setting one leg's instant replaces the one before.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// Entries that were replaced stay until they come up.
    heap: BinaryHeap<Reverse<(Instant, LegId)>>,
    due: LegMap<Instant>,
}

impl Timers {
    /// Sets when the leg is due; `None` forgets it.
    pub(crate) fn set(&mut self, leg: LegId, due: Option<Instant>) {
        match due {
            Some(at) if self.due.get(&leg) == Some(&at) => {}
            Some(at) => {
                self.due.insert(leg, at);
                self.heap.push(Reverse((at, leg)));
            }
            None => {
                self.due.remove(&leg);
            }
        }
    }

    /// The earliest instant.
    pub(crate) fn poll_timeout(&mut self) -> Option<Instant> {
        self.drop_replaced();
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// The next leg that is due at `now`; it is forgotten until it is set again.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<LegId> {
        self.drop_replaced();
        let Reverse((at, leg)) = *self.heap.peek()?;
        if at > now {
            return None;
        }
        self.heap.pop();
        self.due.remove(&leg);
        Some(leg)
    }

    fn drop_replaced(&mut self) {
        while let Some(Reverse((at, leg))) = self.heap.peek() {
            if self.due.get(leg) == Some(at) {
                return;
            }
            self.heap.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn legs_come_up_in_order_and_once() {
        let mut timers = Timers::default();
        let now = Instant::now();
        let at = |ms| now + Duration::from_millis(ms);
        timers.set(LegId(1), Some(at(30)));
        timers.set(LegId(2), Some(at(10)));
        timers.set(LegId(3), Some(at(20)));
        timers.set(LegId(1), Some(at(5)));
        timers.set(LegId(3), None);
        assert_eq!(timers.poll_timeout(), Some(at(5)));
        assert_eq!(timers.pop_due(at(4)), None);
        assert_eq!(timers.pop_due(at(40)), Some(LegId(1)));
        assert_eq!(timers.pop_due(at(40)), Some(LegId(2)));
        assert_eq!(timers.pop_due(at(40)), None);
        assert_eq!(timers.poll_timeout(), None);
    }

    #[test]
    fn replacing_the_same_leg_for_ever_does_not_grow_the_heap_beyond_what_is_due() {
        let mut timers = Timers::default();
        let now = Instant::now();
        for tick in 0..10_000 {
            let at = now + Duration::from_millis(20 * tick);
            timers.set(LegId(1), Some(at));
            assert_eq!(timers.pop_due(at), Some(LegId(1)));
        }
        assert!(timers.heap.is_empty());
    }
}
