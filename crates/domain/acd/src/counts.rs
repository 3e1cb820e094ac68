use offhook_model::{AgentId, QueueId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The counts of a day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DayCounts {
    /// Of each agent.
    pub agents: BTreeMap<AgentId, AgentCounts>,
    /// Of each queue.
    pub queues: BTreeMap<QueueId, QueueCounts>,
}

/// What happened in a queue since the day began. Durations are in milliseconds.
///
/// `joined` = `answered` + `abandoned` + `short_abandoned` + `overflowed` + `transferred_out` + those who
/// wait. Whoever waits when a day begins has joined in that day too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueCounts {
    /// Callers who came, those too who were sent on at once.
    pub joined: u64,
    /// Callers whom an agent has taken, callbacks too.
    pub answered: u64,
    /// Callers who hung up after more than the queue's `short_abandon_s`; callbacks that were cancelled.
    pub abandoned: u64,
    /// Callers who hung up before.
    pub short_abandoned: u64,
    /// Callers who were sent on.
    pub overflowed: u64,
    /// Callers who were transferred or picked up, or went elsewhere by a key.
    pub transferred_out: u64,
    /// Of the answered, those within the queue's `service_level_s`.
    pub answered_within_sl: u64,
    /// Of the abandoned, those within it.
    pub abandoned_within_sl: u64,
    /// Offers made.
    pub offers: u64,
    /// Offers that rang and were not answered.
    pub misses: u64,
    /// Offers that agents have declined.
    pub refusals: u64,
    /// Callers who asked to be called back.
    pub callbacks: u64,
    /// The waits of the answered, together.
    pub answered_wait_ms: u64,
    /// The longest of them.
    pub longest_wait_ms: u64,
    /// What agents have talked.
    pub talk_ms: u64,
    /// How long agents had callers on hold.
    pub hold_ms: u64,
    /// What agents have worked after calls.
    pub acw_ms: u64,
}

impl QueueCounts {
    /// Callers whose wait is over, however it ended.
    #[must_use]
    pub fn accounted(&self) -> u64 {
        self.answered
            + self.abandoned
            + self.short_abandoned
            + self.overflowed
            + self.transferred_out
    }

    /// Callers who count: all who came but those who left at once.
    #[must_use]
    pub fn offered(&self) -> u64 {
        self.joined.saturating_sub(self.short_abandoned)
    }

    /// Service level: answered within it / offered, of those whose wait is over; `None` before the first.
    #[must_use]
    pub fn service_level(&self) -> Option<f64> {
        let over = self.answered + self.abandoned + self.overflowed + self.transferred_out;
        (over > 0).then(|| self.answered_within_sl as f64 / over as f64)
    }

    /// Average speed of answer: the waits of the answered / answered; `None` before the first.
    #[must_use]
    pub fn average_wait_ms(&self) -> Option<u64> {
        self.answered_wait_ms.checked_div(self.answered)
    }
}

/// What an agent did since the day began. Durations are in milliseconds, up to the last change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentCounts {
    /// Offers made.
    pub offered: u64,
    /// Offers answered.
    pub answered: u64,
    /// Offers that rang and were not answered.
    pub missed: u64,
    /// Offers declined.
    pub refused: u64,
    /// Calls besides those of the queues.
    pub other_calls: u64,
    /// On a call, and not every call on hold.
    pub talk_ms: u64,
    /// On calls, all of them on hold.
    pub hold_ms: u64,
    /// Work after calls.
    pub acw_ms: u64,
    /// Ready.
    pub ready_ms: u64,
    /// Not ready.
    pub not_ready_ms: u64,
    /// Reserved or rung, and not on a call.
    pub ring_ms: u64,
}

impl AgentCounts {
    /// Occupancy: (talk + hold + ACW + ring) / (those + ready); `None` before the agent was ready.
    #[must_use]
    pub fn occupancy(&self) -> Option<f64> {
        let busy = self.talk_ms + self.hold_ms + self.acw_ms + self.ring_ms;
        let staffed = busy + self.ready_ms;
        (staffed > 0).then(|| busy as f64 / staffed as f64)
    }
}
