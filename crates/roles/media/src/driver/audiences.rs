//! Who listens to whom, so that both stay on one media thread.

use offhook_model::LegId;
use std::collections::HashMap;

/// Listeners and whom they hear. A listener is on the thread of whom it hears.
#[derive(Debug, Default)]
pub(crate) struct Audiences {
    listeners: HashMap<LegId, Vec<LegId>>,
    heard_by: HashMap<LegId, LegId>,
}

impl Audiences {
    /// Those who listen to a leg.
    pub(crate) fn of(&self, leg: LegId) -> Vec<LegId> {
        self.listeners.get(&leg).cloned().unwrap_or_default()
    }

    /// The leg listens to this one, and to no other.
    pub(crate) fn listen(&mut self, listener: LegId, to: LegId) {
        self.leave(listener);
        self.heard_by.insert(listener, to);
        self.listeners.entry(to).or_default().push(listener);
    }

    /// The leg listens to nobody.
    pub(crate) fn leave(&mut self, listener: LegId) {
        let Some(heard) = self.heard_by.remove(&listener) else { return };
        let Some(listeners) = self.listeners.get_mut(&heard) else { return };
        listeners.retain(|known| *known != listener);
        if listeners.is_empty() {
            self.listeners.remove(&heard);
        }
    }

    /// The leg is gone.
    pub(crate) fn forget(&mut self, leg: LegId) {
        self.leave(leg);
        for listener in self.listeners.remove(&leg).unwrap_or_default() {
            self.heard_by.remove(&listener);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_hears_one_at_a_time_and_nothing_is_left_of_those_who_are_gone() {
        let mut audiences = Audiences::default();
        let (a, b, one, other) = (LegId(1), LegId(2), LegId(3), LegId(4));
        audiences.listen(one, a);
        audiences.listen(other, a);
        assert_eq!(audiences.of(a), [one, other]);
        audiences.listen(one, b);
        assert_eq!((audiences.of(a), audiences.of(b)), (vec![other], vec![one]));
        audiences.forget(other);
        audiences.forget(b);
        assert!(audiences.listeners.is_empty() && audiences.heard_by.is_empty());
    }
}
