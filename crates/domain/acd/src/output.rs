use crate::{CallKey, EntryId, OfferId, QueueEvent};
use offhook_model::{AgentId, AgentStatus, LegId, QueueId, Target};
use serde::{Deserialize, Serialize};

/// What the ACD wants done, or told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// Ring this agent for this caller, and say by `offer_*` what comes of it.
    Offer {
        /// The offer.
        offer: OfferId,
        /// What waits.
        entry: EntryId,
        /// The caller's leg; `None` when the agent is to call somebody back.
        caller: Option<LegId>,
        /// The caller's call. Of a callback it is over: tell the new one by `begin_callback`.
        call: CallKey,
        /// Who is rung.
        agent: AgentId,
        /// Where.
        extension: String,
        /// How long. The ACD withdraws the offer by itself after that.
        ring_ms: u64,
        /// Whether the device is to answer by itself.
        auto_answer: bool,
        /// The queue.
        queue: QueueId,
        /// How long the caller has waited.
        waited_ms: u64,
        /// The number to be called back, where the agent is to do that.
        callback: Option<String>,
    },
    /// Stop ringing. An offer that is over already is withdrawn again when it is answered too late.
    Withdraw {
        /// The offer.
        offer: OfferId,
        /// The caller's leg; `None` of a callback, and when the offer was over before.
        caller: Option<LegId>,
        /// Why.
        why: WithdrawReason,
    },
    /// The agent has answered and has this caller: bridge them. The caller has left the queue.
    Connect {
        /// The offer that was answered.
        offer: OfferId,
        /// What waited.
        entry: EntryId,
        /// The caller's leg.
        caller: LegId,
        /// The caller's call, in which the agent takes part from here on (no `begin_call` is needed).
        call: CallKey,
        /// Who has it.
        agent: AgentId,
        /// The queue.
        queue: QueueId,
        /// How long the caller has waited.
        waited_ms: u64,
    },
    /// The agent has answered and is to be connected with this number, which is called only at this point.
    /// Say by [`Acd::callback_answered`](crate::Acd::callback_answered) or `callback_failed` what comes of it;
    /// an agent whose part in the call ends before has left it.
    CallBack {
        /// The offer that was answered.
        offer: OfferId,
        /// What waited.
        entry: EntryId,
        /// The call in which the agent is.
        call: CallKey,
        /// Who calls.
        agent: AgentId,
        /// The queue.
        queue: QueueId,
        /// Whom.
        number: String,
        /// How long it has waited.
        waited_ms: u64,
    },
    /// The caller will be called back, and its place is kept: say so and hang up.
    CallbackTaken {
        /// What waits from here on. The leg has left the queue.
        entry: EntryId,
        /// The leg.
        caller: LegId,
        /// The queue.
        queue: QueueId,
        /// Whom to call back.
        number: String,
    },
    /// A callback is given up: its queue is gone, or it has waited for too long.
    CallbackDropped {
        /// What waited.
        entry: EntryId,
        /// The queue.
        queue: QueueId,
        /// Who is not called back.
        number: String,
        /// Why.
        why: Overflow,
    },
    /// Tell the caller something. It goes on waiting, and an offer goes on meanwhile.
    Announce {
        /// The caller's leg.
        caller: LegId,
        /// Its position, from 1, when that is to be told.
        position: Option<usize>,
        /// How long it will probably wait, when that is to be told and can be guessed.
        expected_wait_ms: Option<u64>,
        /// A prompt URI to play.
        comfort: Option<String>,
    },
    /// The caller has left the queue for this target.
    SendOn {
        /// The caller's leg.
        caller: LegId,
        /// The queue that it has left.
        queue: QueueId,
        /// Where it goes.
        target: Target,
        /// Why.
        why: Overflow,
    },
    /// The agent's view is another.
    AgentChanged(AgentId),
    /// The queue's view is another: who waits, how many agents could take a call.
    QueueChanged(QueueId),
    /// The agent's status was changed by the ACD and is to be written down.
    StatusChanged {
        /// Whose.
        agent: AgentId,
        /// What it is.
        status: AgentStatus,
        /// The reason beside it.
        reason: Option<String>,
    },
    /// Something happened, for records, logs and events.
    Event(QueueEvent),
}

/// Why an offer is withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithdrawReason {
    /// Another agent has the caller.
    AnsweredElsewhere,
    /// The caller has left the queue.
    CallerLeft,
    /// It has been rung for long enough.
    NoAnswer,
    /// The agent takes no calls any more: another status, a lost device, a change of the configuration.
    AgentGone,
    /// The agent is on another call.
    AgentBusy,
    /// The offer was over when it was answered.
    TooLate,
}

/// Why a caller is sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overflow {
    /// There is no such queue, or it is no more.
    NoQueue,
    /// As many wait as may.
    Full,
    /// Nobody could take the call.
    Empty,
    /// It has waited for as long as it may.
    MaxWait,
    /// It has pressed the key for that.
    ExitKey(char),
    /// It was called back and not reached, as often as its queue tries.
    Unreached,
}
