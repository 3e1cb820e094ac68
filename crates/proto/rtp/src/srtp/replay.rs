//! The replay window (RFC 3711 3.3.2).

/// Packets behind the newest one that are still accepted.
pub const REPLAY_WINDOW_PACKETS: u64 = 128;

/// Remembers which of the last indices were seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReplayWindow {
    /// The highest index plus one; 0 when nothing was seen.
    next: u64,
    /// Bit n is the index `next - 1 - n`.
    seen: u128,
}

impl ReplayWindow {
    /// One in which every index below `next` was seen.
    pub fn seen_below(next: u64) -> Self {
        Self { next, seen: u128::MAX }
    }

    /// The highest index plus one; 0 when nothing was seen.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Whether the index is new and not too old.
    pub fn is_fresh(&self, index: u64) -> bool {
        if index >= self.next {
            return true;
        }
        let age = self.next - 1 - index;
        age < REPLAY_WINDOW_PACKETS && self.seen >> age & 1 == 0
    }

    /// Notes an index as seen.
    pub fn insert(&mut self, index: u64) {
        if index >= self.next {
            let ahead = index - self.next + 1;
            let shift = u32::try_from(ahead).ok();
            self.seen = shift.and_then(|shift| self.seen.checked_shl(shift)).unwrap_or(0) | 1;
            self.next = index + 1;
            return;
        }
        let age = self.next - 1 - index;
        if age < REPLAY_WINDOW_PACKETS {
            self.seen |= 1 << age;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_index_is_fresh_once_within_the_window() {
        let mut window = ReplayWindow::default();
        for index in [1_000, 1_001, 999, 1_127, 1_000 + 5] {
            assert!(window.is_fresh(index), "{index}");
            window.insert(index);
            assert!(!window.is_fresh(index), "{index}");
        }
        assert!(window.is_fresh(1_002));
        assert!(!window.is_fresh(999));
        window.insert(2_000);
        assert!(window.is_fresh(2_000 - REPLAY_WINDOW_PACKETS + 1));
        assert!(!window.is_fresh(2_000 - REPLAY_WINDOW_PACKETS));
        window.insert(u64::MAX - 1);
        assert!(!window.is_fresh(2_000));
    }

    #[test]
    fn what_is_below_a_restored_window_was_seen() {
        let window = ReplayWindow::seen_below(1_000);
        assert!([999, 900, 0].iter().all(|index| !window.is_fresh(*index)));
        assert!(window.is_fresh(1_000));
        assert!(ReplayWindow::seen_below(0).is_fresh(0));
    }

    #[test]
    fn it_agrees_with_a_set() {
        let mut window = ReplayWindow::default();
        let mut seen = std::collections::BTreeSet::new();
        let mut state = 7_u64;
        for step in 0..20_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let index = 500 + step / 2 + (state >> 33) % 300;
            let highest = seen.last().copied().unwrap_or(0);
            let is_recent = index + REPLAY_WINDOW_PACKETS > highest;
            assert_eq!(window.is_fresh(index), is_recent && !seen.contains(&index));
            if window.is_fresh(index) {
                window.insert(index);
                seen.insert(index);
            }
        }
    }
}
