//! Which media thread each conference is on.

use offhook_model::{ConferenceId, LegId};
use std::collections::{HashMap, HashSet};

/// Conferences, the threads that have them, and their members. Whoever is a member is on the thread of its
/// conference.
#[derive(Debug, Default)]
pub(crate) struct Homes {
    homes: HashMap<ConferenceId, Home>,
    conference_of: HashMap<LegId, ConferenceId>,
}

#[derive(Debug)]
struct Home {
    worker: usize,
    members: HashSet<LegId>,
}

impl Homes {
    /// How many conferences there are.
    pub(crate) fn len(&self) -> usize {
        self.homes.len()
    }

    /// The thread of a conference.
    pub(crate) fn of(&self, conference: ConferenceId) -> Option<usize> {
        self.homes.get(&conference).map(|home| home.worker)
    }

    /// The leg joins, on this thread when it is the first.
    pub(crate) fn join(&mut self, conference: ConferenceId, leg: LegId, worker: usize) {
        self.leave(leg);
        let made = || Home { worker, members: HashSet::new() };
        self.homes.entry(conference).or_insert_with(made).members.insert(leg);
        self.conference_of.insert(leg, conference);
    }

    /// The leg leaves this conference, if it is in it.
    pub(crate) fn leave_from(&mut self, conference: ConferenceId, leg: LegId) {
        if self.conference_of.get(&leg) == Some(&conference) {
            self.leave(leg);
        }
    }

    /// The leg leaves whichever conference it is in.
    pub(crate) fn leave(&mut self, leg: LegId) {
        let Some(conference) = self.conference_of.remove(&leg) else { return };
        let Some(home) = self.homes.get_mut(&conference) else { return };
        home.members.remove(&leg);
        if home.members.is_empty() {
            self.homes.remove(&conference);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conference_stays_where_it_began_until_the_last_has_left() {
        let mut homes = Homes::default();
        let (one, other) = (ConferenceId(1), ConferenceId(2));
        homes.join(one, LegId(1), 3);
        homes.join(one, LegId(2), 0);
        assert_eq!(homes.of(one), Some(3));
        homes.leave(LegId(1));
        assert_eq!(homes.of(one), Some(3));
        homes.join(other, LegId(2), 1);
        assert_eq!((homes.of(one), homes.of(other)), (None, Some(1)));
        homes.leave_from(one, LegId(2));
        assert_eq!(homes.of(other), Some(1));
        homes.leave_from(other, LegId(2));
        homes.leave(LegId(2));
        assert_eq!((homes.of(other), homes.len()), (None, 0));
    }
}
