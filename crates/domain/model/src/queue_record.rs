use crate::{AgentId, AgentState, AgentStatus, CallRef, Party, QueueId, Target};
use serde::{Deserialize, Serialize};

/// One thing that happened in a queue or to an agent, as it is written down, exported and told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRecord {
    /// Given once, in whichever process: 32 hexadecimal digits. What is written twice counts once.
    pub id: String,
    /// When, milliseconds of Unix time.
    pub at_ms: u64,
    /// The call in which the caller came to wait; `None` of an agent's state.
    pub call: Option<CallRef>,
    /// The stay in the queue, within the process; `None` of an agent's state.
    pub entry: Option<u64>,
    /// The queue; `None` of an agent's state.
    pub queue: Option<QueueId>,
    /// The agent, where one takes part.
    pub agent: Option<AgentId>,
    /// What happened.
    pub step: QueueStep,
}

/// What happened. Positions count from 1, durations are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
#[allow(missing_docs)] // The fields say what they are.
pub enum QueueStep {
    /// A caller has joined.
    Joined { number: String, position: usize },
    /// An agent is offered the caller.
    Offered { waited_ms: u64 },
    /// An offer is over.
    OfferEnded { outcome: OfferOutcome, rang_ms: u64 },
    /// An agent has the caller.
    Answered { waited_ms: u64, rang_ms: u64, is_callback: bool, within_service_level: bool },
    /// The agent's part in the call is over; `by` has ended the call, unless that is not known.
    Completed { waited_ms: u64, talk_ms: u64, hold_ms: u64, by: Option<Party> },
    /// The caller has hung up while it waited.
    Abandoned { position: usize, joined_position: usize, waited_ms: u64, is_short: bool },
    /// The caller was sent on.
    Overflowed {
        position: usize,
        joined_position: usize,
        waited_ms: u64,
        target: Target,
        why: OverflowCause,
        key: Option<char>,
    },
    /// The caller was transferred or picked up, or has chosen to go elsewhere.
    TransferredOut { position: usize, waited_ms: u64, key: Option<char> },
    /// The caller will be called back.
    CallbackTaken { number: String, waited_ms: u64 },
    /// The agent has answered, and whoever is to be called back is called, in the call `placed`.
    CallbackPlaced { number: String, waited_ms: u64, placed: CallRef },
    /// Whoever was to be called back was not reached, for the `tries`th time.
    CallbackFailed { number: String, tries: u32 },
    /// A supervisor has given the caller another place.
    PositionChanged { position: usize },
    /// The agent is in another state; `lasted_ms` is how long it was in the one before.
    AgentState {
        from: AgentState,
        to: AgentState,
        status: AgentStatus,
        reason: Option<String>,
        lasted_ms: u64,
    },
}

/// A callback that waits, as it is kept over a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingCallback {
    /// The queue.
    pub queue: QueueId,
    /// The number to call.
    pub number: String,
    /// Since when it waits, milliseconds of Unix time.
    pub joined_at_ms: u64,
}

/// How an offer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferOutcome {
    /// The agent has the caller.
    Answered,
    /// Nobody answered in time.
    NoAnswer,
    /// The agent has declined.
    Refused,
    /// None of the agent's devices can be reached.
    Unreachable,
    /// Something of ours failed.
    Fault,
    /// Another agent has the caller.
    AnsweredElsewhere,
    /// The caller has left.
    CallerLeft,
    /// The agent takes no calls any more.
    AgentGone,
    /// The agent is on another call.
    AgentBusy,
    /// The offer was over when it was answered.
    TooLate,
}

/// Why a caller was sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverflowCause {
    /// There is no such queue, or it is no more.
    NoQueue,
    /// As many wait as may.
    Full,
    /// Nobody could take the call.
    Empty,
    /// It has waited for as long as it may.
    MaxWait,
    /// It has pressed the key for that.
    ExitKey,
    /// It was called back and not reached, as often as its queue tries.
    Unreached,
}

impl OverflowCause {
    /// The word that is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoQueue => "no_queue",
            Self::Full => "full",
            Self::Empty => "empty",
            Self::MaxWait => "max_wait",
            Self::ExitKey => "exit_key",
            Self::Unreached => "unreached",
        }
    }
}

impl QueueStep {
    /// The word that is stored and shown, in the past tense.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Joined { .. } => "joined",
            Self::Offered { .. } => "offered",
            Self::OfferEnded { .. } => "offer_ended",
            Self::Answered { .. } => "answered",
            Self::Completed { .. } => "completed",
            Self::Abandoned { .. } => "abandoned",
            Self::Overflowed { .. } => "overflowed",
            Self::TransferredOut { .. } => "transferred_out",
            Self::CallbackTaken { .. } => "callback_taken",
            Self::CallbackPlaced { .. } => "callback_placed",
            Self::CallbackFailed { .. } => "callback_failed",
            Self::PositionChanged { .. } => "position_changed",
            Self::AgentState { .. } => "agent_state",
        }
    }
}
