use crate::{CallKey, EntryId, OfferId};
use offhook_model::{AgentId, LegId, QueueId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// A caller comes to a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// The caller's leg. A leg waits in one queue at most: a second join moves it there.
    pub caller: LegId,
    /// Its call.
    pub call: CallKey,
    /// Where it is to wait. A queue that is not there sends the caller on at once.
    pub queue: QueueId,
    /// The caller's number, by which it is called back.
    pub number: String,
    /// Greater goes first; 0 is usual.
    pub priority: i32,
    /// Skills that this caller needs besides those of the queue: the least proficiency, 1 to 10.
    pub skills: BTreeMap<String, u8>,
    /// The agent who had this caller last, for queues that ask that one first.
    pub last_agent: Option<AgentId>,
    /// Since when it waits, where that was before it came to this queue (after a transfer back, a restart):
    /// it keeps its place. Unix time in milliseconds; `None` for now.
    pub joined_at_ms: Option<u64>,
}

/// Why a caller is no longer in the queue, where the queue was not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Left {
    /// It has hung up, or was lost.
    HungUp,
    /// It was transferred or picked up by somebody to whom it was not offered.
    Moved,
    /// It has chosen to go elsewhere, by this key.
    Exited(char),
}

/// Why an offer came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferFailure {
    /// The agent has declined it (486, 603). The agent is skipped for a moment, and is not offered the same
    /// caller for longer.
    Refused,
    /// None of the agent's devices can be reached (480, 404, 408). The agent is skipped until it is told to
    /// be reachable, or for a while.
    Unreachable,
    /// It was rung and nobody answered. That is a miss.
    NoAnswer,
    /// Something of ours failed. The agent is skipped for a moment.
    Fault,
}

/// There is no such agent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no agent {0}")]
pub struct UnknownAgent(pub AgentId);

/// The agent has no work after a call at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("agent {0} has no wrap-up at this moment")]
pub struct NotWrappingUp(pub AgentId);

/// The caller, or the callback, waits in no queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotWaiting {
    /// No caller of that leg.
    #[error("{0} waits in no queue")]
    Caller(LegId),
    /// No callback of that number.
    #[error("{0} is no callback that waits")]
    Callback(EntryId),
}

/// Why somebody is not called back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotCalledBack {
    /// The caller waits in no queue.
    #[error("the caller waits in no queue")]
    NotWaiting,
    /// The queue has no callback key, which means that it calls nobody back.
    #[error("the queue calls nobody back")]
    NotOffered,
    /// A callback to that number waits in the same queue.
    #[error("a callback to that number waits already")]
    WaitsAlready,
}

/// The offer is over, or never was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0} is not under way")]
pub struct NotOffered(pub OfferId);
