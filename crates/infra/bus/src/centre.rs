//! The call centre as it stands, for those who watch it.

use offhook_acd::{AgentView, DayCounts, QueueView, Violation, WaitingView};
use offhook_model::{AgentId, AgentStatus, CallRef, QueueId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// An agent at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveAgent {
    /// As the queues know it.
    pub view: AgentView,
    /// Its calls, in the order of `view.calls`.
    pub calls: Vec<CallRef>,
    /// What it does in them; `None` without a call.
    pub on_call: Option<OnCall>,
}

/// What an agent who is on a call does there: the sub-state of `on_call`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnCall {
    /// It talks with one other.
    Talking,
    /// It has every call on hold.
    Hold,
    /// It has placed a second call, and talks there.
    Consult,
    /// It talks with two others.
    Conference,
}

impl OnCall {
    /// Its word on the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Talking => "talking",
            Self::Hold => "hold",
            Self::Consult => "consult",
            Self::Conference => "conference",
        }
    }
}

/// A queue at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveQueue {
    /// How many wait, and today's counts.
    pub view: QueueView,
    /// Who waits, in order.
    pub waiting: Vec<LiveWaiting>,
}

/// A caller who waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveWaiting {
    /// As the queue knows it.
    pub view: WaitingView,
    /// The call.
    pub call: CallRef,
}

/// What is asked about an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentOrder {
    /// Another status, with the reason beside it.
    Status(AgentStatus, Option<String>),
    /// The work after the call is done.
    FinishWrapUp,
    /// The work after the call takes longer by so many milliseconds.
    ExtendWrapUp(u64),
}

/// What was wrong with the queues when they were looked through last, and must never be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueAudit {
    /// When, milliseconds of Unix time.
    pub at_ms: u64,
    /// What was found.
    pub found: Vec<Violation>,
}

/// Agents and queues as they stand. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Centre {
    agents: Arc<Mutex<BTreeMap<AgentId, LiveAgent>>>,
    queues: Arc<Mutex<BTreeMap<QueueId, LiveQueue>>>,
    audit: Arc<Mutex<Option<QueueAudit>>>,
    changes: Arc<watch::Sender<u64>>,
}

impl Default for Centre {
    fn default() -> Self {
        let changes = Arc::new(watch::Sender::new(0));
        Self { agents: Arc::default(), queues: Arc::default(), audit: Arc::default(), changes }
    }
}

impl Centre {
    /// Puts an agent's state in the place of what was said of it.
    pub fn set_agent(&self, agent: LiveAgent) {
        crate::shared::lock(&self.agents).insert(agent.view.id.clone(), agent);
        self.note_change();
    }

    /// An agent is no more.
    pub fn remove_agent(&self, agent: &AgentId) {
        crate::shared::lock(&self.agents).remove(agent);
        self.note_change();
    }

    /// One agent.
    #[must_use]
    pub fn agent(&self, agent: &AgentId) -> Option<LiveAgent> {
        crate::shared::lock(&self.agents).get(agent).cloned()
    }

    /// All agents, by their names.
    #[must_use]
    pub fn agents(&self) -> Vec<LiveAgent> {
        crate::shared::lock(&self.agents).values().cloned().collect()
    }

    /// Puts a queue's state in the place of what was said of it.
    pub fn set_queue(&self, queue: LiveQueue) {
        crate::shared::lock(&self.queues).insert(queue.view.id.clone(), queue);
        self.note_change();
    }

    /// A queue is no more.
    pub fn remove_queue(&self, queue: &QueueId) {
        crate::shared::lock(&self.queues).remove(queue);
        self.note_change();
    }

    /// One queue.
    #[must_use]
    pub fn queue(&self, queue: &QueueId) -> Option<LiveQueue> {
        crate::shared::lock(&self.queues).get(queue).cloned()
    }

    /// All queues, by their names.
    #[must_use]
    pub fn queues(&self) -> Vec<LiveQueue> {
        crate::shared::lock(&self.queues).values().cloned().collect()
    }

    /// Puts what was found in the place of what was found before.
    pub fn set_audit(&self, audit: QueueAudit) {
        *crate::shared::lock(&self.audit) = Some(audit);
    }

    /// What was found last; `None` before the queues were looked through.
    #[must_use]
    pub fn audit(&self) -> Option<QueueAudit> {
        crate::shared::lock(&self.audit).clone()
    }

    /// What was counted of the day so far.
    #[must_use]
    pub fn day_counts(&self) -> DayCounts {
        let agents = self.agents().into_iter().map(|agent| (agent.view.id, agent.view.today));
        let queues = self.queues().into_iter().map(|queue| (queue.view.id, queue.view.today));
        DayCounts { agents: agents.collect(), queues: queues.collect() }
    }

    /// Tells whenever an agent or a queue is other than it was.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn note_change(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_acd::Acd;
    use offhook_model::{Agent, Queue};

    #[test]
    fn whoever_watches_hears_of_a_change_and_reads_it() {
        let (queue, agent) = (Queue::new("sales"), Agent::new("2001"));
        let mut acd = Acd::new(1);
        let queues = [(queue.id.clone(), queue.clone())].into();
        let agents = [(agent.id.clone(), agent.clone())].into();
        acd.configure(&queues, &agents, 1_000);
        let centre = Centre::default();
        let mut watch = centre.watch();
        let view = acd.agent(&agent.id).expect("an agent");
        centre.set_agent(LiveAgent { view: view.clone(), calls: Vec::new(), on_call: None });
        assert!(watch.has_changed().expect("a centre"));
        watch.mark_unchanged();
        assert_eq!(centre.agent(&agent.id).expect("an agent").view, view);
        let view = acd.queue(&queue.id).expect("a queue");
        centre.set_queue(LiveQueue { view, waiting: Vec::new() });
        assert!(watch.has_changed().expect("a centre"));
        assert_eq!(centre.queues().len(), 1);
        centre.remove_queue(&queue.id);
        centre.remove_agent(&agent.id);
        assert!(centre.queues().is_empty() && centre.agents().is_empty());
    }
}
