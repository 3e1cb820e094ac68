use crate::{AgentIx, EntryId, OfferId, QueueIx};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is due at some time. Each is set once at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Timer {
    /// An offer has been rung for long enough.
    Ring(OfferId),
    /// Work after a call ends.
    WrapUp(AgentIx),
    /// An agent is skipped no longer.
    Rest(AgentIx),
    /// A caller waits for the agent who had it last no longer.
    Sticky(EntryId),
    /// A caller needs less skill.
    Relax(EntryId),
    /// A caller may be offered again to somebody who has failed it.
    Retry(EntryId),
    /// A caller has waited for as long as it may.
    MaxWait(EntryId),
    /// A queue has had no agents for long enough.
    Empty(QueueIx),
    /// Position and expected wait are told.
    Announce(EntryId),
    /// A comfort prompt is played.
    Comfort(EntryId),
    /// A callback that has reached nobody may be offered again.
    CallAgain(EntryId),
}

/// All timers, by when they are due.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(Timer, u64)>", into = "Vec<(Timer, u64)>")]
pub(crate) struct Timers {
    due: BTreeMap<Timer, u64>,
    queue: BTreeSet<(u64, Timer)>,
}

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, due_ms: u64) {
        self.cancel(timer);
        self.due.insert(timer, due_ms);
        self.queue.insert((due_ms, timer));
    }

    pub(crate) fn cancel(&mut self, timer: Timer) {
        if let Some(due_ms) = self.due.remove(&timer) {
            self.queue.remove(&(due_ms, timer));
        }
    }

    /// Sets it, or cancels it.
    pub(crate) fn put(&mut self, timer: Timer, due_ms: Option<u64>) {
        match due_ms {
            Some(due_ms) => self.set(timer, due_ms),
            None => self.cancel(timer),
        }
    }

    pub(crate) fn due(&self, timer: Timer) -> Option<u64> {
        self.due.get(&timer).copied()
    }

    pub(crate) fn next_due(&self) -> Option<u64> {
        self.queue.first().map(|(due_ms, _)| *due_ms)
    }

    /// Takes the earliest that is due.
    pub(crate) fn pop_due(&mut self, now_ms: u64) -> Option<Timer> {
        let (_, timer) = self.queue.first().copied().filter(|(due_ms, _)| *due_ms <= now_ms)?;
        self.cancel(timer);
        Some(timer)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Timer> {
        self.due.keys().copied()
    }
}

impl From<Vec<(Timer, u64)>> for Timers {
    fn from(list: Vec<(Timer, u64)>) -> Self {
        let mut timers = Self::default();
        for (timer, due_ms) in list {
            timers.set(timer, due_ms);
        }
        timers
    }
}

impl From<Timers> for Vec<(Timer, u64)> {
    fn from(timers: Timers) -> Self {
        timers.due.into_iter().collect()
    }
}
