use crate::{CallKey, EntryId, OfferEnd, OfferFailure, Overflow, QueueEvent, WithdrawReason};
use offhook_model::{
    AgentId, CallRef, OfferOutcome, OverflowCause, QueueId, QueueRecord, QueueStep,
};

/// Where an event belongs.
type Place<'a> = (Option<&'a QueueId>, Option<EntryId>, Option<CallKey>, Option<&'a AgentId>);

impl QueueEvent {
    /// The call in which it happened; `None` of an agent's state.
    #[must_use]
    pub fn call(&self) -> Option<CallKey> {
        self.place().2
    }

    /// The call in which the agent has talked, once that is over.
    #[must_use]
    pub fn talked_in(&self) -> Option<CallKey> {
        match self {
            Self::Completed { talked_in, .. } => Some(*talked_in),
            _ => None,
        }
    }

    /// The event as it is written down: `id` is given once, `name` gives the names of calls.
    #[must_use]
    pub fn record(&self, id: String, name: impl Fn(CallKey) -> CallRef, at_ms: u64) -> QueueRecord {
        let (queue, entry, call, agent) = self.place();
        let call = call.map(&name);
        QueueRecord {
            id,
            at_ms,
            call,
            entry: entry.map(|entry| entry.0),
            queue: queue.cloned(),
            agent: agent.cloned(),
            step: self.step(name),
        }
    }

    fn place(&self) -> Place<'_> {
        match self {
            Self::Offered { queue, entry, call, agent, .. }
            | Self::OfferEnded { queue, entry, call, agent, .. }
            | Self::Answered { queue, entry, call, agent, .. }
            | Self::CallbackPlaced { queue, entry, call, agent, .. }
            | Self::Completed { queue, entry, call, agent, .. } => {
                (Some(queue), Some(*entry), Some(*call), Some(agent))
            }
            Self::CallbackFailed { queue, entry, call, agent, .. } => {
                (Some(queue), Some(*entry), Some(*call), agent.as_ref())
            }
            Self::Joined { queue, entry, call, .. }
            | Self::Abandoned { queue, entry, call, .. }
            | Self::Overflowed { queue, entry, call, .. }
            | Self::TransferredOut { queue, entry, call, .. }
            | Self::CallbackTaken { queue, entry, call, .. }
            | Self::PositionChanged { queue, entry, call, .. } => {
                (Some(queue), Some(*entry), Some(*call), None)
            }
            Self::AgentState { agent, .. } => (None, None, None, Some(agent)),
        }
    }

    fn step(&self, name: impl Fn(CallKey) -> CallRef) -> QueueStep {
        match self.clone() {
            Self::Joined { number, position, .. } => QueueStep::Joined { number, position },
            Self::Offered { waited_ms, .. } => QueueStep::Offered { waited_ms },
            Self::OfferEnded { why, rang_ms, .. } => {
                QueueStep::OfferEnded { outcome: outcome(why), rang_ms }
            }
            Self::Answered { waited_ms, rang_ms, is_callback, within_service_level, .. } => {
                QueueStep::Answered { waited_ms, rang_ms, is_callback, within_service_level }
            }
            Self::Completed { waited_ms, talk_ms, hold_ms, .. } => {
                QueueStep::Completed { waited_ms, talk_ms, hold_ms, by: None }
            }
            Self::Abandoned { position, joined_position, waited_ms, is_short, .. } => {
                QueueStep::Abandoned { position, joined_position, waited_ms, is_short }
            }
            Self::Overflowed { position, joined_position, waited_ms, target, why, .. } => {
                let (why, key) = cause(why);
                QueueStep::Overflowed { position, joined_position, waited_ms, target, why, key }
            }
            Self::TransferredOut { position, waited_ms, key, .. } => {
                QueueStep::TransferredOut { position, waited_ms, key }
            }
            Self::CallbackTaken { number, waited_ms, .. } => {
                QueueStep::CallbackTaken { number, waited_ms }
            }
            Self::CallbackPlaced { number, waited_ms, placed, .. } => {
                QueueStep::CallbackPlaced { number, waited_ms, placed: name(placed) }
            }
            Self::CallbackFailed { number, tries, .. } => {
                QueueStep::CallbackFailed { number, tries }
            }
            Self::PositionChanged { position, .. } => QueueStep::PositionChanged { position },
            Self::AgentState { from, to, status, reason, lasted_ms, .. } => {
                QueueStep::AgentState { from, to, status, reason, lasted_ms }
            }
        }
    }
}

fn outcome(why: OfferEnd) -> OfferOutcome {
    match why {
        OfferEnd::Answered => OfferOutcome::Answered,
        OfferEnd::Failed(OfferFailure::Refused) => OfferOutcome::Refused,
        OfferEnd::Failed(OfferFailure::Unreachable) => OfferOutcome::Unreachable,
        OfferEnd::Failed(OfferFailure::Fault) => OfferOutcome::Fault,
        OfferEnd::Failed(OfferFailure::NoAnswer)
        | OfferEnd::Withdrawn(WithdrawReason::NoAnswer) => OfferOutcome::NoAnswer,
        OfferEnd::Withdrawn(WithdrawReason::AnsweredElsewhere) => OfferOutcome::AnsweredElsewhere,
        OfferEnd::Withdrawn(WithdrawReason::CallerLeft) => OfferOutcome::CallerLeft,
        OfferEnd::Withdrawn(WithdrawReason::AgentGone) => OfferOutcome::AgentGone,
        OfferEnd::Withdrawn(WithdrawReason::AgentBusy) => OfferOutcome::AgentBusy,
        OfferEnd::Withdrawn(WithdrawReason::TooLate) => OfferOutcome::TooLate,
    }
}

fn cause(why: Overflow) -> (OverflowCause, Option<char>) {
    match why {
        Overflow::NoQueue => (OverflowCause::NoQueue, None),
        Overflow::Full => (OverflowCause::Full, None),
        Overflow::Empty => (OverflowCause::Empty, None),
        Overflow::Unreached => (OverflowCause::Unreached, None),
        Overflow::MaxWait => (OverflowCause::MaxWait, None),
        Overflow::ExitKey(key) => (OverflowCause::ExitKey, Some(key)),
    }
}
