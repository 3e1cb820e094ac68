use offhook_model::LegId;
use offhook_sip::user_agent::{LegHandle, RequestKey};
use std::collections::{BTreeMap, HashMap};

/// Which leg of which call is which INVITE usage of the user agent.
#[derive(Debug, Default)]
pub(super) struct Legs {
    by_leg: BTreeMap<LegId, LegHandle>,
    by_handle: HashMap<LegHandle, LegId>,
    /// The REFER of a leg that waits for its response.
    refers: HashMap<LegId, RequestKey>,
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

    /// Forgets every leg of the call with this number, and says which they were.
    pub(super) fn forget(&mut self, serial: u32) -> Vec<(LegId, LegHandle)> {
        let first = LegId(u64::from(serial) << 16);
        let last = LegId(first.0 | 0xffff);
        let legs: Vec<_> = self.by_leg.range(first..=last).map(|(leg, h)| (*leg, *h)).collect();
        for (leg, handle) in &legs {
            self.by_leg.remove(leg);
            self.by_handle.remove(handle);
            self.refers.remove(leg);
        }
        legs
    }
}
