use crate::agent::{AgentCall, AgentRow};
use crate::queue::QueueRow;
use crate::{Acd, AgentView, CallKey, CallView, QueueView, WaitingView};
use offhook_model::{AgentId, QueueId};

impl Acd {
    /// One agent.
    #[must_use]
    pub fn agent(&self, agent: &AgentId) -> Option<AgentView> {
        let row = self.agents.get(self.agent_ids.get(agent)?)?;
        Some(self.view_agent(row))
    }

    /// All agents, by their names.
    #[must_use]
    pub fn agents(&self) -> Vec<AgentView> {
        let rows = self.agent_ids.values().filter_map(|ix| self.agents.get(ix));
        rows.map(|row| self.view_agent(row)).collect()
    }

    /// One queue.
    #[must_use]
    pub fn queue(&self, queue: &QueueId) -> Option<QueueView> {
        let row = self.queues.get(self.queue_ids.get(queue)?)?;
        Some(self.view_queue(row))
    }

    /// All queues, by their names.
    #[must_use]
    pub fn queues(&self) -> Vec<QueueView> {
        let rows = self.queue_ids.values().filter_map(|ix| self.queues.get(ix));
        rows.map(|row| self.view_queue(row)).collect()
    }

    /// Who waits in a queue, in order.
    #[must_use]
    pub fn waiting(&self, queue: &QueueId) -> Vec<WaitingView> {
        let row = self.queue_ids.get(queue).and_then(|ix| self.queues.get(ix));
        let order = row.into_iter().flat_map(|row| &row.order);
        let entries = order.filter_map(|place| self.entries.get(&place.entry));
        let views = entries.enumerate().map(|(index, entry)| WaitingView {
            entry: entry.id,
            caller: entry.caller,
            call: entry.call,
            number: entry.number.clone(),
            position: index + 1,
            priority: entry.priority,
            joined_at_ms: self.clock.outside(entry.joined_ms),
            offered_to: self.agents_rung(&entry.offers),
        });
        views.collect()
    }

    fn agents_rung(&self, offers: &[crate::OfferId]) -> Vec<AgentId> {
        let offers = offers.iter().filter_map(|id| self.offers.get(id));
        offers.map(|offer| self.agent_name(offer.agent)).collect()
    }

    fn view_agent(&self, row: &AgentRow) -> AgentView {
        let outside = |ms: u64| self.clock.outside(ms);
        AgentView {
            id: row.config.id.clone(),
            extension: row.config.extension.clone(),
            status: row.status,
            reason: row.reason.clone(),
            state: row.state,
            since_ms: outside(row.since_ms),
            is_reachable: row.is_reachable,
            calls: row.calls.iter().map(|(key, call)| self.view_call(*key, call)).collect(),
            offer: row.offer,
            wrap_up_until_ms: row.wrap_up.map(|wrap_up| outside(wrap_up.until_ms)),
            rests_until_ms: row.rest.map(|rest| outside(rest.until_ms)),
            misses_in_a_row: row.misses_in_a_row,
            queues: row.queues.iter().map(|ix| self.queue_name(*ix)).collect(),
            today: row.today,
        }
    }

    fn view_call(&self, call: CallKey, row: &AgentCall) -> CallView {
        CallView {
            call,
            queue: row.origin.as_ref().map(|origin| origin.name.clone()),
            since_ms: self.clock.outside(row.since_ms),
            is_on_hold: row.held_since_ms.is_some(),
        }
    }

    fn view_queue(&self, row: &QueueRow) -> QueueView {
        let entries = || row.order.iter().filter_map(|place| self.entries.get(&place.entry));
        let longest_since = entries().map(|entry| entry.joined_ms).min();
        QueueView {
            id: row.config.id.clone(),
            display_name: row.config.display_name.clone(),
            strategy: row.config.strategy,
            waiting: row.order.len(),
            offered: entries().filter(|entry| !entry.offers.is_empty()).count(),
            callbacks: entries().filter(|entry| entry.caller.is_none()).count(),
            longest_since_ms: longest_since.map(|ms| self.clock.outside(ms)),
            expected_wait_ms: row.pace.expected_ms(row.order.len() + 1, self.now_ms()),
            agents_signed_in: row.signed_in,
            agents_ready: row.idle.len(),
            today: row.today,
        }
    }
}
