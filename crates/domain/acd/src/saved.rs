use crate::acd::Numbers;
use crate::agent::{AgentRow, Presence};
use crate::clock::Clock;
use crate::entry::{Entry, Offer};
use crate::queue::QueueRow;
use crate::rng::Rng;
use crate::timers::Timers;
use crate::{Acd, AgentIx, EntryId, OfferId, Output, QueueIx};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// What is serialised: everything but the indexes.
#[derive(Serialize, Deserialize)]
pub(crate) struct Saved {
    clock: Clock,
    rng: Rng,
    queues: BTreeMap<QueueIx, QueueRow>,
    agents: BTreeMap<AgentIx, AgentRow>,
    entries: BTreeMap<EntryId, Entry>,
    offers: BTreeMap<OfferId, Offer>,
    timers: Timers,
    numbers: Numbers,
    outputs: VecDeque<Output>,
}

impl From<Acd> for Saved {
    fn from(acd: Acd) -> Self {
        Self {
            clock: acd.clock,
            rng: acd.rng,
            queues: acd.queues,
            agents: acd.agents,
            entries: acd.entries,
            offers: acd.offers,
            timers: acd.timers,
            numbers: acd.numbers,
            outputs: acd.outputs,
        }
    }
}

impl From<Saved> for Acd {
    fn from(saved: Saved) -> Self {
        let mut acd = Self {
            clock: saved.clock,
            queues: saved.queues,
            agents: saved.agents,
            entries: saved.entries,
            offers: saved.offers,
            timers: saved.timers,
            numbers: saved.numbers,
            outputs: saved.outputs,
            ..Self::new(0)
        };
        acd.rng = saved.rng;
        acd.index();
        // Nothing is another than it was.
        acd.changed_queues.clear();
        acd
    }
}

impl Acd {
    /// Makes all indexes from the state.
    pub(crate) fn index(&mut self) {
        self.queue_ids = self.queues.iter().map(|(ix, row)| (row.config.id.clone(), *ix)).collect();
        self.agent_ids = self.agents.iter().map(|(ix, row)| (row.config.id.clone(), *ix)).collect();
        let callers = self.entries.values().filter_map(|entry| Some((entry.caller?, entry.id)));
        self.callers = callers.collect();
        self.index_callers();
        self.index_agents();
    }

    fn index_callers(&mut self) {
        for queue in self.queues.values_mut() {
            queue.order.clear();
            queue.waiting.clear();
            queue.callers = 0;
        }
        for entry in self.entries.values() {
            let Some(queue) = self.queues.get_mut(&entry.queue) else { continue };
            queue.order.insert(entry.place());
            queue.callers += usize::from(entry.caller.is_some());
            if entry.is_open() && (entry.offers.is_empty() || queue.rings_all()) {
                queue.waiting.insert(entry.place());
            }
        }
    }

    fn index_agents(&mut self) {
        for row in self.agents.values_mut() {
            row.indexed = Presence::default();
            row.queues.clear();
        }
        for (ix, queue) in &mut self.queues {
            queue.idle.clear();
            (queue.signed_in, queue.willing) = (0, 0);
            for (agent, seat) in &mut queue.seats {
                seat.rank = None;
                if let Some(row) = self.agents.get_mut(agent) {
                    row.queues.push(*ix);
                }
            }
        }
        let agents: Vec<AgentIx> = self.agents.keys().copied().collect();
        for ix in agents {
            self.index_agent(ix);
        }
    }

    /// Lets the queues of an agent know what it is. Gives what they knew.
    pub(crate) fn index_agent(&mut self, ix: AgentIx) -> Presence {
        let Some(row) = self.agents.get_mut(&ix) else { return Presence::default() };
        let (old, new) = (row.indexed, row.presence());
        row.indexed = new;
        for queue_ix in &row.queues {
            let Some(queue) = self.queues.get_mut(queue_ix) else { continue };
            count(&mut queue.signed_in, old.is_signed_in, new.is_signed_in);
            count(&mut queue.willing, old.is_willing, new.is_willing);
            queue.seat(ix, row, new.is_available);
            if old != new {
                self.changed_queues.insert(*queue_ix);
            }
        }
        old
    }
}

fn count(number: &mut usize, was: bool, is: bool) {
    *number += usize::from(is);
    *number -= usize::from(was);
}
