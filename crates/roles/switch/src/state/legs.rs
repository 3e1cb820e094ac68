use super::serial_of;
use offhook_model::LegId;
use offhook_sip::user_agent::{LegHandle, RequestKey};
use std::collections::{BTreeMap, HashMap};

/// Which leg of which call is which INVITE usage of the user agent.
#[derive(Debug, Default)]
pub(super) struct Legs {
    by_leg: BTreeMap<LegId, LegHandle>,
    by_handle: HashMap<LegHandle, LegId>,
    /// The INVITE that is to replace the dialog of a leg.
    replacements: HashMap<LegId, LegHandle>,
    /// The REFER of a leg that waits for its response.
    refers: HashMap<LegId, RequestKey>,
    /// Legs that went over to another call, and its number.
    moved: BTreeMap<LegId, u32>,
}

impl Legs {
    pub(super) fn insert(&mut self, leg: LegId, handle: LegHandle) {
        self.by_leg.insert(leg, handle);
        self.by_handle.insert(handle, leg);
    }

    pub(super) fn leg(&self, handle: LegHandle) -> Option<LegId> {
        self.by_handle.get(&handle).copied()
    }

    pub(super) fn handle(&self, leg: LegId) -> Option<LegHandle> {
        self.by_leg.get(&leg).copied()
    }

    pub(super) fn keep_refer(&mut self, leg: LegId, key: RequestKey) {
        self.refers.insert(leg, key);
    }

    pub(super) fn take_refer(&mut self, leg: LegId) -> Option<RequestKey> {
        self.refers.remove(&leg)
    }

    /// An INVITE is to replace the dialog of a leg; the one that was to do so before, if there was one.
    pub(super) fn keep_replacement(&mut self, leg: LegId, by: LegHandle) -> Option<LegHandle> {
        self.replacements.insert(leg, by)
    }

    pub(super) fn take_replacement(&mut self, leg: LegId) -> Option<LegHandle> {
        self.replacements.remove(&leg)
    }

    /// The leg's dialog is this one from here on; the one that it had.
    pub(super) fn replace(&mut self, leg: LegId, by: LegHandle) -> Option<LegHandle> {
        let old = self.by_leg.insert(leg, by);
        self.by_handle.insert(by, leg);
        if let Some(old) = old {
            self.by_handle.remove(&old);
        }
        old
    }

    /// The number of the call that a leg belongs to: that which it carries, unless it went over.
    pub(super) fn call_of(&self, leg: LegId) -> u32 {
        self.moved.get(&leg).copied().unwrap_or_else(|| serial_of(leg))
    }

    /// The leg goes over to another call.
    pub(super) fn move_to(&mut self, leg: LegId, serial: u32) {
        if serial_of(leg) == serial {
            self.moved.remove(&leg);
        } else {
            self.moved.insert(leg, serial);
        }
    }

    /// Forgets every leg of the call with this number, and says which they were.
    pub(super) fn forget(&mut self, serial: u32) -> Vec<(LegId, LegHandle)> {
        let first = LegId(u64::from(serial) << 16);
        let last = LegId(first.0 | 0xffff);
        let own = self.by_leg.range(first..=last).map(|(leg, _)| *leg);
        let own = own.filter(|leg| !self.moved.contains_key(leg));
        let come = self.moved.iter().filter(|(_, call)| **call == serial).map(|(leg, _)| *leg);
        let legs: Vec<_> = own.chain(come).collect();
        legs.into_iter().filter_map(|leg| Some((leg, self.remove(leg)?))).collect()
    }

    fn remove(&mut self, leg: LegId) -> Option<LegHandle> {
        self.moved.remove(&leg);
        self.refers.remove(&leg);
        self.replacements.remove(&leg);
        let handle = self.by_leg.remove(&leg)?;
        self.by_handle.remove(&handle);
        Some(handle)
    }
}
