use crate::{CallKey, EntryId, OfferFailure, OfferId, Overflow, WithdrawReason};
use offhook_model::{AgentId, AgentState, AgentStatus, LegId, QueueId, Target};
use serde::{Deserialize, Serialize};

/// How an offer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferEnd {
    /// The agent has the caller.
    Answered,
    /// By the agent or its device.
    Failed(OfferFailure),
    /// By the ACD.
    Withdrawn(WithdrawReason),
}

/// What happened in a queue or to an agent, once and for all.
///
/// `call` is the one in which the caller came to wait. Positions count from 1; durations are in milliseconds. Asterisk's queue_log has a line for most of
/// them, whose name is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[allow(missing_docs)] // The fields say what they are.
pub enum QueueEvent {
    /// A caller has joined (ENTERQUEUE).
    Joined {
        queue: QueueId,
        entry: EntryId,
        caller: LegId,
        call: CallKey,
        number: String,
        position: usize,
    },
    /// An agent is offered the caller.
    Offered {
        queue: QueueId,
        entry: EntryId,
        call: CallKey,
        offer: OfferId,
        agent: AgentId,
        waited_ms: u64,
    },
    /// An offer is over (RINGNOANSWER, RINGCANCELED).
    OfferEnded {
        queue: QueueId,
        entry: EntryId,
        call: CallKey,
        offer: OfferId,
        agent: AgentId,
        why: OfferEnd,
        rang_ms: u64,
    },
    /// An agent has the caller (CONNECT).
    Answered {
        queue: QueueId,
        entry: EntryId,
        call: CallKey,
        agent: AgentId,
        waited_ms: u64,
        rang_ms: u64,
        is_callback: bool,
        within_service_level: bool,
    },
    /// The agent's part in a call of the queue is over (COMPLETEAGENT, COMPLETECALLER: the switch knows who
    /// ended it). A callback is talked in another call than it was asked for in.
    Completed {
        queue: QueueId,
        entry: EntryId,
        call: CallKey,
        talked_in: CallKey,
        agent: AgentId,
        waited_ms: u64,
        talk_ms: u64,
        hold_ms: u64,
    },
    /// The caller has hung up while it waited (ABANDON). A callback was cancelled.
    Abandoned {
        queue: QueueId,
        entry: EntryId,
        call: CallKey,
        position: usize,
        joined_position: usize,
        waited_ms: u64,
        is_short: bool,
    },
    /// The caller was sent on (EXITEMPTY, EXITWITHTIMEOUT, EXITWITHKEY; FULL of ours).
    Overflowed {
        queue: QueueId,
        entry: EntryId,
        call: CallKey,
        position: usize,
        joined_position: usize,
        waited_ms: u64,
        target: Target,
        why: Overflow,
    },
    /// The caller was transferred or picked up, or has chosen to go elsewhere (WITHDRAW, EXITWITHKEY).
    TransferredOut {
        queue: QueueId,
        entry: EntryId,
        call: CallKey,
        position: usize,
        waited_ms: u64,
        key: Option<char>,
    },
    /// The caller will be called back.
    CallbackTaken { queue: QueueId, entry: EntryId, call: CallKey, number: String, waited_ms: u64 },
    /// The agent has answered, and whoever is to be called back is called, in the call `placed`.
    CallbackPlaced {
        queue: QueueId,
        entry: EntryId,
        call: CallKey,
        placed: CallKey,
        agent: AgentId,
        number: String,
        waited_ms: u64,
    },
    /// Whoever was to be called back was not reached, for the `tries`th time.
    CallbackFailed {
        queue: QueueId,
        entry: EntryId,
        call: CallKey,
        agent: Option<AgentId>,
        number: String,
        tries: u32,
    },
    /// A supervisor has given the caller another place.
    PositionChanged { queue: QueueId, entry: EntryId, call: CallKey, position: usize },
    /// The agent is in another state (PAUSE, UNPAUSE where it is `not_ready`; ADDMEMBER, REMOVEMEMBER where it
    /// is `offline`). `lasted_ms` is how long it was in the one before.
    AgentState {
        agent: AgentId,
        from: AgentState,
        to: AgentState,
        status: AgentStatus,
        reason: Option<String>,
        lasted_ms: u64,
    },
}
