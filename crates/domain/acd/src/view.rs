use crate::{AgentCounts, CallKey, EntryId, OfferId, QueueCounts};
use offhook_model::{AgentId, AgentState, AgentStatus, LegId, QueueId, Strategy};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An agent, for those who watch. Times are Unix time in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentView {
    /// The agent.
    pub id: AgentId,
    /// Where it is rung.
    pub extension: String,
    /// What it has chosen to be.
    pub status: AgentStatus,
    /// The reason beside it.
    pub reason: Option<String>,
    /// What it does. On a call it is `on_call`, whatever its status has become meanwhile.
    pub state: AgentState,
    /// Since when.
    pub since_ms: u64,
    /// Whether one of its devices is registered.
    pub is_reachable: bool,
    /// Its calls, in the order of their numbers.
    pub calls: Vec<CallView>,
    /// The offer it has.
    pub offer: Option<OfferId>,
    /// Until when it works after a call.
    pub wrap_up_until_ms: Option<u64>,
    /// Until when it is skipped after an offer that failed.
    pub rests_until_ms: Option<u64>,
    /// Offers in a row that rang and were not answered.
    pub misses_in_a_row: u32,
    /// The queues it serves.
    pub queues: Vec<QueueId>,
    /// Today's counts, up to the last change of state; `since_ms` says when that was.
    pub today: AgentCounts,
}

/// A call of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallView {
    /// The call.
    pub call: CallKey,
    /// The queue it came from, if one.
    pub queue: Option<QueueId>,
    /// Since when the agent takes part in it, Unix time in milliseconds.
    pub since_ms: u64,
    /// Whether the agent has it on hold.
    pub is_on_hold: bool,
}

/// A queue, for those who watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueView {
    /// The queue.
    pub id: QueueId,
    /// What people call it.
    pub display_name: String,
    /// Who is offered a call.
    pub strategy: Strategy,
    /// Callers who wait, callbacks too.
    pub waiting: usize,
    /// Of these, those who are being offered to somebody.
    pub offered: usize,
    /// Of these, callbacks.
    pub callbacks: usize,
    /// Since when the one waits who has waited for longest, Unix time in milliseconds.
    pub longest_since_ms: Option<u64>,
    /// How long a caller who joined at this moment would probably wait, milliseconds.
    pub expected_wait_ms: Option<u64>,
    /// Agents who serve it, and are signed in and can be reached.
    pub agents_signed_in: usize,
    /// Agents who could take a call at this moment.
    pub agents_ready: usize,
    /// Today's counts.
    pub today: QueueCounts,
}

/// Who waits in a queue. Times are Unix time in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingView {
    /// The stay.
    pub entry: EntryId,
    /// The caller's leg; `None` of a callback.
    pub caller: Option<LegId>,
    /// Its call, which of a callback is over.
    pub call: CallKey,
    /// The caller's number.
    pub number: String,
    /// Its position, from 1.
    pub position: usize,
    /// Its priority.
    pub priority: i32,
    /// Since when it waits.
    pub joined_at_ms: u64,
    /// Who is being rung for it.
    pub offered_to: Vec<AgentId>,
}

/// Something that must never be. `offhook queue audit` and the metrics show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error)]
#[serde(rename_all = "snake_case", tag = "violation")]
#[allow(missing_docs)] // The messages say what the fields are.
pub enum Violation {
    /// An agent and an offer do not know of each other.
    #[error("agent {agent} and {offer} do not know of each other")]
    StrayOffer { agent: AgentId, offer: OfferId },
    /// An offer of a caller who has left.
    #[error("{offer} is of {entry}, which does not wait")]
    OfferWithoutCaller { offer: OfferId, entry: EntryId },
    /// An offer, work after a call, a stay or a rest that no timer ends.
    #[error("{what} has no timer that ends it")]
    NoTimer { what: String },
    /// A timer that was due and has not fired.
    #[error("a timer is late by {late_ms} ms")]
    LateTimer { late_ms: u64 },
    /// A caller waits beside an agent who could take it.
    #[error("{entry} waits in {queue} beside agent {agent}, who could take it")]
    IdleAgent { queue: QueueId, entry: EntryId, agent: AgentId },
    /// An agent who takes no second call has an offer beside a call, or more calls than there can be.
    #[error("agent {agent} is offered a call beside {calls} others")]
    TooManyCalls { agent: AgentId, calls: usize },
    /// An index does not say what the state says.
    #[error("the index of {what} is wrong")]
    WrongIndex { what: String },
    /// The counts of a queue do not add up.
    #[error("queue {queue}: {joined} have joined, {accounted} are accounted for")]
    Unaccounted { queue: QueueId, joined: u64, accounted: u64 },
}

impl Violation {
    /// The words of [`Violation::kind`].
    pub const KINDS: [&'static str; 8] = [
        "stray_offer",
        "offer_without_caller",
        "no_timer",
        "late_timer",
        "idle_agent",
        "too_many_calls",
        "wrong_index",
        "unaccounted",
    ];

    /// What kind it is of.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::StrayOffer { .. } => "stray_offer",
            Self::OfferWithoutCaller { .. } => "offer_without_caller",
            Self::NoTimer { .. } => "no_timer",
            Self::LateTimer { .. } => "late_timer",
            Self::IdleAgent { .. } => "idle_agent",
            Self::TooManyCalls { .. } => "too_many_calls",
            Self::WrongIndex { .. } => "wrong_index",
            Self::Unaccounted { .. } => "unaccounted",
        }
    }
}
