use crate::agent::AgentRow;
use crate::callers::Departure;
use crate::queue::{QueueRow, Seat};
use crate::{Acd, AgentIx, EntryId, OfferId, Overflow, QueueIx, WithdrawReason};
use offhook_model::{Agent, AgentId, Queue, QueueId};
use std::collections::BTreeMap;

impl Acd {
    /// Takes the configuration, at start and at each change. A new agent begins with the status it was
    /// written down with; of one that is known the live status stays. Callers of a queue that is gone go to
    /// that queue's overflow, offers to agents who are gone or serve the queue no more are withdrawn.
    pub fn configure(
        &mut self,
        queues: &BTreeMap<QueueId, Queue>,
        agents: &BTreeMap<AgentId, Agent>,
        now_ms: u64,
    ) {
        self.clock.advance(now_ms);
        self.remove_queues(queues);
        self.remove_agents(agents);
        self.take_agents(agents);
        self.take_queues(queues);
        self.index();
        self.withdraw_stray();
        self.forget_strangers();
        self.look_at_all();
        self.settle();
    }

    fn remove_queues(&mut self, kept: &BTreeMap<QueueId, Queue>) {
        let gone = self.queue_ids.iter().filter(|(id, _)| !kept.contains_key(*id));
        for ix in gone.map(|(_, ix)| *ix).collect::<Vec<QueueIx>>() {
            let order = self.queues.get(&ix).map(|queue| queue.order.clone()).unwrap_or_default();
            for place in order {
                self.depart(place.entry, &Departure::SentOn(Overflow::NoQueue));
            }
            self.outputs.push_back(crate::Output::QueueChanged(self.queue_name(ix)));
            self.timers.cancel(crate::timers::Timer::Empty(ix));
            self.queues.remove(&ix);
        }
    }

    fn remove_agents(&mut self, kept: &BTreeMap<AgentId, Agent>) {
        let gone = self.agent_ids.iter().filter(|(id, _)| !kept.contains_key(*id));
        for ix in gone.map(|(_, ix)| *ix).collect::<Vec<AgentIx>>() {
            self.remove_agent(ix);
        }
    }

    fn take_agents(&mut self, agents: &BTreeMap<AgentId, Agent>) {
        let now_ms = self.now_ms();
        for (id, config) in agents {
            if let Some(row) = self.agent_ids.get(id).and_then(|ix| self.agents.get_mut(ix)) {
                row.config = config.clone();
            } else {
                self.numbers.agent += 1;
                let ix = AgentIx(self.numbers.agent);
                self.agents.insert(ix, AgentRow::new(config, now_ms));
                self.agent_ids.insert(id.clone(), ix);
            }
        }
        self.agent_ids.retain(|id, _| agents.contains_key(id));
    }

    fn take_queues(&mut self, queues: &BTreeMap<QueueId, Queue>) {
        for (id, config) in queues {
            let seats = self.seats(config);
            let known = self.queue_ids.get(id).copied();
            let ix = known.unwrap_or_else(|| {
                self.numbers.queue += 1;
                QueueIx(self.numbers.queue)
            });
            let row = self.queues.entry(ix).or_insert_with(|| QueueRow::new(config));
            row.config = config.clone();
            row.turns.retain(|_, (_, agent)| seats.contains_key(agent));
            row.seats = seats;
        }
    }

    /// The seats of a queue's agents. An agent who is named twice has the first place.
    fn seats(&self, config: &Queue) -> BTreeMap<AgentIx, Seat> {
        let mut seats = BTreeMap::new();
        for tier in &config.tiers {
            let Some(ix) = self.agent_ids.get(&tier.agent) else { continue };
            let seat = Seat { level: tier.level, position: tier.position, rank: None };
            seats.entry(*ix).or_insert(seat);
        }
        seats
    }

    /// Withdraws offers to agents who serve the queue no more, or take no second calls any more.
    fn withdraw_stray(&mut self) {
        let is_stray = |offer: &crate::entry::Offer| {
            let queue = self.queues.get(&offer.queue);
            let has_seat = queue.is_some_and(|queue| queue.seats.contains_key(&offer.agent));
            let takes = self.agents.get(&offer.agent).is_some_and(AgentRow::takes_offers);
            !has_seat || !takes
        };
        let stray = self.offers.iter().filter(|(_, offer)| is_stray(offer)).map(|(id, _)| *id);
        for id in stray.collect::<Vec<OfferId>>() {
            self.withdraw(id, WithdrawReason::AgentGone);
        }
    }

    /// Lets callers forget agents who do not serve their queue.
    fn forget_strangers(&mut self) {
        for entry in self.entries.values_mut() {
            let Some(queue) = self.queues.get(&entry.queue) else { continue };
            entry.failed.retain(|agent, _| queue.seats.contains_key(agent));
            let is_sticky = |agent: &AgentIx| {
                let is_willing =
                    self.agents.get(agent).is_some_and(|row| row.presence().is_willing);
                queue.config.sticky_s > 0 && queue.seats.contains_key(agent) && is_willing
            };
            entry.sticky = entry.sticky.filter(is_sticky);
            self.timers.put(crate::timers::Timer::Retry(entry.id), entry.retry_ms());
            if entry.sticky.is_none() {
                self.timers.cancel(crate::timers::Timer::Sticky(entry.id));
            }
        }
    }

    /// Looks at every agent, caller and queue.
    fn look_at_all(&mut self) {
        for ix in self.agents.keys().copied().collect::<Vec<AgentIx>>() {
            self.refresh(ix);
            self.changed_agents.insert(ix);
        }
        for id in self.entries.keys().copied().collect::<Vec<EntryId>>() {
            self.set_entry_timers(id);
            self.set_announcements(id);
            self.unserved.insert(id);
        }
        for ix in self.queues.keys().copied().collect::<Vec<QueueIx>>() {
            self.check_empty(ix);
            self.changed_queues.insert(ix);
        }
    }
}
