use crate::agent::Group;
use crate::callbacks::Placed;
use crate::{AgentIx, CallKey, EntryId, OfferId, QueueIx};
use offhook_model::{Agent, LegId, Queue};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// How many agents a caller remembers not to be offered to again for a while.
const FAILED_MAX: usize = 1_024;
/// The room between two callers who join in the same millisecond, in which others can be placed.
const ROOM: u32 = 24;

/// Somebody who waits, or the callback that has taken its place.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) id: EntryId,
    pub(crate) caller: Option<LegId>,
    pub(crate) call: CallKey,
    pub(crate) queue: QueueIx,
    pub(crate) number: String,
    pub(crate) priority: i32,
    pub(crate) at: Spot,
    pub(crate) joined_ms: u64,
    pub(crate) joined_position: usize,
    pub(crate) skills: BTreeMap<String, u8>,
    /// By how much the proficiency that it needs has become less.
    pub(crate) relaxed: u8,
    /// The agent whom it waits for alone.
    pub(crate) sticky: Option<AgentIx>,
    pub(crate) offers: Vec<OfferId>,
    /// The group that is being rung.
    pub(crate) rung: Option<Group>,
    /// Agents who have failed it, and until when it is not offered to them.
    pub(crate) failed: BTreeMap<AgentIx, u64>,
    /// It has waited for too long, and goes when nobody is rung for it.
    pub(crate) is_overdue: bool,
    pub(crate) next_comfort: usize,
    /// Of a callback: it is being called.
    pub(crate) placed: Option<Placed>,
    /// Of a callback: how often nobody was reached.
    pub(crate) tries: u32,
    /// Of a callback that has reached nobody: when it may be offered again.
    pub(crate) again_ms: Option<u64>,
}

/// A place in time: milliseconds, and parts of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub(crate) struct Spot(u64, u64);

/// A place in a queue: first by priority, then by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) priority: Reverse<i32>,
    pub(crate) at: Spot,
    pub(crate) entry: EntryId,
}

/// One caller offered to one agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Offer {
    pub(crate) entry: EntryId,
    pub(crate) queue: QueueIx,
    pub(crate) agent: AgentIx,
    /// The call in which the agent takes part when it answers.
    pub(crate) call: CallKey,
    /// The call in which the caller came to wait.
    pub(crate) stay: CallKey,
    pub(crate) made_ms: u64,
    pub(crate) rings_since_ms: Option<u64>,
}

impl Entry {
    pub(crate) fn place(&self) -> Place {
        Place { priority: Reverse(self.priority), at: self.at, entry: self.id }
    }

    pub(crate) fn waited_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.joined_ms)
    }

    /// Whether it can be offered at all: it is not being called back, nor to be tried later.
    pub(crate) fn is_open(&self) -> bool {
        self.placed.is_none() && self.again_ms.is_none()
    }

    /// Whether nobody is rung for it, or called.
    pub(crate) fn is_left_alone(&self) -> bool {
        self.offers.is_empty() && self.placed.is_none()
    }

    /// Whether this agent may be asked: the caller is not to wait for another one, has not been failed by
    /// it, and needs no more than it can do.
    pub(crate) fn suits(&self, queue: &Queue, ix: AgentIx, agent: &Agent) -> bool {
        self.sticky.is_none_or(|sticky| sticky == ix)
            && !self.failed.contains_key(&ix)
            && self.needs(queue).all(|(skill, least)| has(agent, skill) >= least)
    }

    /// What the caller needs at this moment: each skill once, and the least proficiency above none.
    pub(crate) fn needs<'a>(&'a self, queue: &'a Queue) -> impl Iterator<Item = (&'a str, u8)> {
        let own = self.skills.iter().filter(|(skill, _)| !queue.skills.contains_key(*skill));
        let shared = queue.skills.iter().map(|(skill, least)| {
            (skill, self.skills.get(skill).map_or(*least, |own| (*own).max(*least)))
        });
        let all = own.map(|(skill, least)| (skill, *least)).chain(shared);
        all.map(|(skill, least)| (skill.as_str(), least.saturating_sub(self.relaxed)))
            .filter(|(_, least)| *least > 0)
    }

    /// How well an agent can do what the caller needs.
    pub(crate) fn proficiency(&self, queue: &Queue, agent: &Agent) -> u32 {
        self.needs(queue).map(|(skill, _)| u32::from(has(agent, skill))).sum()
    }

    /// Remembers that an agent has failed it, until then.
    pub(crate) fn remember_failed(&mut self, agent: AgentIx, until_ms: u64) {
        if self.failed.len() >= FAILED_MAX {
            let soonest = self.failed.iter().min_by_key(|(_, until_ms)| **until_ms);
            if let Some(soonest) = soonest.map(|(failed, _)| *failed) {
                self.failed.remove(&soonest);
            }
        }
        self.failed.insert(agent, until_ms);
    }

    /// When it may be offered to somebody again.
    pub(crate) fn retry_ms(&self) -> Option<u64> {
        self.failed.values().copied().min()
    }
}

fn has(agent: &Agent, skill: &str) -> u8 {
    agent.skills.get(skill).copied().unwrap_or(0)
}

impl Offer {
    /// How long it has rung.
    pub(crate) fn rang_ms(&self, now_ms: u64) -> u64 {
        self.rings_since_ms.map_or(0, |since_ms| now_ms.saturating_sub(since_ms))
    }
}

impl Spot {
    /// Where somebody stands who has joined at this time.
    pub(crate) fn joined(at_ms: u64, entry: EntryId) -> Self {
        Self(at_ms, (1 << 62) | (entry.0 << ROOM))
    }

    fn bits(self) -> u128 {
        u128::from(self.0) << 64 | u128::from(self.1)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the halves of 128 bits")]
    fn from_bits(bits: u128) -> Self {
        Self((bits >> 64) as u64, bits as u64)
    }

    /// Between these two; `None` when there is no room.
    pub(crate) fn between(before: Self, after: Self) -> Option<Self> {
        let (low, high) = (before.bits(), after.bits());
        let middle = low + high.checked_sub(low)? / 2;
        (middle > low && middle < high).then(|| Self::from_bits(middle))
    }

    pub(crate) fn just_before(self) -> Self {
        Self::from_bits(self.bits().saturating_sub(1 << ROOM))
    }

    pub(crate) fn just_after(self) -> Self {
        Self::from_bits(self.bits().saturating_add(1 << ROOM))
    }
}
