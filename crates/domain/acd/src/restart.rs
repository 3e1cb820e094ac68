use crate::callers::Departure;
use crate::{Acd, AgentIx, CallKey, EntryId, OfferId, WithdrawReason};

impl Acd {
    /// After a restart: what of the calls that were carried along is not there any more is over. Callers of
    /// such calls have hung up, agents' parts in them have ended, offers of callbacks that rang are
    /// withdrawn.
    /// Callbacks that wait need no call and stay.
    pub fn keep_calls(&mut self, is_live: impl Fn(CallKey) -> bool, now_ms: u64) {
        self.clock.advance(now_ms);
        let is_lost = |entry: &&crate::entry::Entry| entry.caller.is_some() && !is_live(entry.call);
        let lost = self.entries.values().filter(is_lost).map(|entry| entry.id);
        for id in lost.collect::<Vec<EntryId>>() {
            self.depart(id, &Departure::HungUp);
        }
        let silent = self.offers.iter().filter(|(_, offer)| !is_live(offer.call));
        for id in silent.map(|(id, _)| *id).collect::<Vec<OfferId>>() {
            self.withdraw(id, WithdrawReason::AgentGone);
        }
        let parts =
            self.agents.iter().flat_map(|(ix, row)| row.calls.keys().map(|key| (*ix, *key)));
        let over = parts.filter(|(_, key)| !is_live(*key));
        for (ix, key) in over.collect::<Vec<(AgentIx, CallKey)>>() {
            self.finish_call(ix, key);
            self.refresh(ix);
        }
        self.settle();
    }
}
