use crate::agent::AgentRow;
use crate::clock::Clock;
use crate::entry::{Entry, Offer};
use crate::queue::QueueRow;
use crate::rng::Rng;
use crate::saved::Saved;
use crate::timers::Timers;
use crate::{AgentIx, EntryId, OfferId, Output, QueueEvent, QueueIx};
use offhook_model::{AgentId, LegId, QueueId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// All queues, agents and waiting callers of one node.
///
/// After each input take the outputs with [`Acd::poll_output`] until there is none, and call
/// [`Acd::handle_timeout`] at [`Acd::poll_timeout`]. Inputs about what is not there (an offer that is over, a
/// caller who has left) change nothing, since both sides act at once.
///
/// Serialised, it can be carried to another process, with the outputs that were not taken yet. There, say
/// which calls are still there ([`Acd::keep_calls`]), what the configuration is and who can be reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub struct Acd {
    pub(crate) clock: Clock,
    pub(crate) rng: Rng,
    pub(crate) queues: BTreeMap<QueueIx, QueueRow>,
    pub(crate) agents: BTreeMap<AgentIx, AgentRow>,
    pub(crate) entries: BTreeMap<EntryId, Entry>,
    pub(crate) offers: BTreeMap<OfferId, Offer>,
    pub(crate) timers: Timers,
    pub(crate) numbers: Numbers,
    pub(crate) outputs: VecDeque<Output>,
    /// Indexes, which are made from the rest.
    pub(crate) queue_ids: BTreeMap<QueueId, QueueIx>,
    pub(crate) agent_ids: BTreeMap<AgentId, AgentIx>,
    pub(crate) callers: BTreeMap<LegId, EntryId>,
    /// Agents who could take a call, callers who could be offered, and views that are other ones, since the
    /// input began.
    pub(crate) freed: BTreeSet<AgentIx>,
    pub(crate) unserved: BTreeSet<EntryId>,
    pub(crate) changed_agents: BTreeSet<AgentIx>,
    pub(crate) changed_queues: BTreeSet<QueueIx>,
}

/// The last number that was given of each kind.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Numbers {
    pub(crate) queue: u32,
    pub(crate) agent: u32,
    pub(crate) entry: u64,
    pub(crate) offer: u64,
}

impl Acd {
    /// An ACD without queues. The seed decides for queues whose strategy is `random`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            clock: Clock::default(),
            rng: Rng::seeded(seed),
            queues: BTreeMap::new(),
            agents: BTreeMap::new(),
            entries: BTreeMap::new(),
            offers: BTreeMap::new(),
            timers: Timers::default(),
            numbers: Numbers::default(),
            outputs: VecDeque::new(),
            queue_ids: BTreeMap::new(),
            agent_ids: BTreeMap::new(),
            callers: BTreeMap::new(),
            freed: BTreeSet::new(),
            unserved: BTreeSet::new(),
            changed_agents: BTreeSet::new(),
            changed_queues: BTreeSet::new(),
        }
    }

    /// When [`Acd::handle_timeout`] is due, Unix time in milliseconds.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        self.timers.next_due().map(|due_ms| self.clock.outside(due_ms))
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// A day begins: today's counts start again.
    pub fn start_day(&mut self, now_ms: u64) {
        self.clock.advance(now_ms);
        let agents: Vec<AgentIx> = self.agents.keys().copied().collect();
        for ix in &agents {
            self.account(*ix);
            if let Some(row) = self.agents.get_mut(ix) {
                row.today = crate::AgentCounts::default();
            }
        }
        for (ix, queue) in &mut self.queues {
            let joined = u64::try_from(queue.order.len()).unwrap_or(u64::MAX);
            queue.today = crate::QueueCounts { joined, ..Default::default() };
            self.changed_queues.insert(*ix);
        }
        for ix in agents {
            self.refresh(ix);
            self.changed_agents.insert(ix);
        }
        self.settle();
    }

    /// Goes on counting where an earlier process stopped in the same day, right after the first
    /// configuration. Those who waited then wait no longer and do not count.
    pub fn restore_day(&mut self, counts: &crate::DayCounts) {
        for (id, counts) in &counts.agents {
            let row = self.agent_ids.get(id).and_then(|ix| self.agents.get_mut(ix));
            row.into_iter().for_each(|row| row.today = *counts);
        }
        for (id, counts) in &counts.queues {
            let Some(queue) = self.queue_ids.get(id).and_then(|ix| self.queues.get_mut(ix)) else {
                continue;
            };
            let waiting = u64::try_from(queue.order.len()).unwrap_or(u64::MAX);
            queue.today = crate::QueueCounts { joined: counts.accounted() + waiting, ..*counts };
        }
        self.changed_agents.extend(self.agents.keys());
        self.changed_queues.extend(self.queues.keys());
        self.tell_changes();
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    pub(crate) fn tell(&mut self, event: QueueEvent) {
        self.outputs.push_back(Output::Event(event));
    }

    pub(crate) fn queue_name(&self, ix: QueueIx) -> QueueId {
        self.queues.get(&ix).map_or(QueueId(String::new()), |queue| queue.config.id.clone())
    }

    pub(crate) fn agent_name(&self, ix: AgentIx) -> AgentId {
        self.agents.get(&ix).map_or(AgentId(String::new()), |row| row.config.id.clone())
    }

    /// Says which views are other ones.
    pub(crate) fn tell_changes(&mut self) {
        for ix in std::mem::take(&mut self.changed_agents) {
            if let Some(row) = self.agents.get(&ix) {
                self.outputs.push_back(Output::AgentChanged(row.config.id.clone()));
            }
        }
        for ix in std::mem::take(&mut self.changed_queues) {
            if let Some(queue) = self.queues.get(&ix) {
                self.outputs.push_back(Output::QueueChanged(queue.config.id.clone()));
            }
        }
    }
}
