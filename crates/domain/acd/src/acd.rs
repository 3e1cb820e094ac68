#![expect(clippy::todo, reason = "the shapes come first")]
use crate::{
    AgentView, CallKey, EntryId, Join, Left, NotOffered, NotWaiting, NotWrappingUp, OfferFailure,
    OfferId, Output, QueueView, UnknownAgent, Violation, WaitingView,
};
use offhook_model::{Agent, AgentId, AgentStatus, LegId, Queue, QueueId};
use std::collections::BTreeMap;

/// All queues, agents and waiting callers of one node.
///
/// After each input take the outputs with [`Acd::poll_output`] until there is none, and call
/// [`Acd::handle_timeout`] at [`Acd::poll_timeout`]. Inputs about what is not there (an offer that is over, a
/// caller who has left) change nothing, since both sides act at once.
#[derive(Debug, Clone)]
pub struct Acd {}

impl Acd {
    /// An ACD without queues. The seed decides for queues whose strategy is `random`.
    #[must_use]
    pub fn new(_seed: u64) -> Self {
        todo!()
    }

    /// Takes the configuration, at start and at each change. A new agent begins with the status it was
    /// written down with; of one that is known the live status stays. Callers of a queue that is gone go to
    /// that queue's overflow, offers to agents who are gone or serve the queue no more are withdrawn.
    pub fn configure(
        &mut self,
        _queues: &BTreeMap<QueueId, Queue>,
        _agents: &BTreeMap<AgentId, Agent>,
        _now_ms: u64,
    ) {
        todo!()
    }

    /// A day begins: today's counts start again.
    pub fn start_day(&mut self, _now_ms: u64) {
        todo!()
    }

    /// The agent, or a supervisor for it, has chosen a status. Any other than online withdraws the offer
    /// that it has; being online ends wrap-up no sooner.
    ///
    /// # Errors
    /// When there is no such agent.
    pub fn set_status(
        &mut self,
        _agent: &AgentId,
        _status: AgentStatus,
        _reason: Option<String>,
        _now_ms: u64,
    ) -> Result<(), UnknownAgent> {
        todo!()
    }

    /// Whether at least one of the agent's devices is registered. An agent is unreachable until this is
    /// said.
    pub fn set_reachable(&mut self, _agent: &AgentId, _is_reachable: bool, _now_ms: u64) {
        todo!()
    }

    /// The agent takes part in this call: it has dialled, or was called directly. Another offer that it has
    /// is withdrawn. For a call that is being offered to it, it is the answer. Said again, it changes
    /// nothing.
    pub fn begin_call(&mut self, _agent: &AgentId, _call: CallKey, _now_ms: u64) {
        todo!()
    }

    /// The agent's part in this call is over. After a queue's call wrap-up begins.
    pub fn end_call(&mut self, _agent: &AgentId, _call: CallKey, _now_ms: u64) {
        todo!()
    }

    /// The agent has put this call on hold, or has taken it up again.
    pub fn hold(&mut self, _agent: &AgentId, _call: CallKey, _is_on_hold: bool, _now_ms: u64) {
        todo!()
    }

    /// The agent is done with its work after the call.
    ///
    /// # Errors
    /// When it has none.
    pub fn finish_wrap_up(&mut self, _agent: &AgentId, _now_ms: u64) -> Result<(), NotWrappingUp> {
        todo!()
    }

    /// The agent needs longer for its work after the call.
    ///
    /// # Errors
    /// When it has none.
    pub fn extend_wrap_up(
        &mut self,
        _agent: &AgentId,
        _by_ms: u64,
        _now_ms: u64,
    ) -> Result<(), NotWrappingUp> {
        todo!()
    }

    /// A caller comes to a queue. It waits there, or is sent on by [`Output::SendOn`].
    pub fn join(&mut self, _join: Join, _now_ms: u64) {
        todo!()
    }

    /// A caller has left by itself. The ACD says nothing of it but to those who watch; its offers are
    /// withdrawn.
    pub fn leave(&mut self, _caller: LegId, _why: Left, _now_ms: u64) {
        todo!()
    }

    /// A caller has pressed a key: the queue's exit key or callback key; others mean nothing.
    pub fn key(&mut self, _caller: LegId, _key: char, _now_ms: u64) {
        todo!()
    }

    /// A supervisor gives a caller another position, from 1. It takes the priority of who is there; beyond
    /// the end is the end.
    ///
    /// # Errors
    /// When the caller waits in no queue.
    pub fn move_caller(
        &mut self,
        _caller: LegId,
        _position: usize,
        _now_ms: u64,
    ) -> Result<(), NotWaiting> {
        todo!()
    }

    /// A callback is not wanted any more.
    ///
    /// # Errors
    /// When there is none.
    pub fn cancel_callback(&mut self, _entry: EntryId, _now_ms: u64) -> Result<(), NotWaiting> {
        todo!()
    }

    /// The call in which the agent is rung for a callback, told before it is answered. The agent takes part
    /// in this one then.
    ///
    /// # Errors
    /// When the offer is over.
    pub fn begin_callback(&mut self, _offer: OfferId, _call: CallKey) -> Result<(), NotOffered> {
        todo!()
    }

    /// A device of the agent rings.
    pub fn offer_ringing(&mut self, _offer: OfferId, _now_ms: u64) {
        todo!()
    }

    /// The agent has answered. The first to do so has the caller ([`Output::Connect`], or
    /// [`Output::CallBack`]); other offers of that caller are withdrawn. An offer that is over is withdrawn
    /// again, as [`WithdrawReason::TooLate`](crate::WithdrawReason::TooLate).
    pub fn offer_answered(&mut self, _offer: OfferId, _now_ms: u64) {
        todo!()
    }

    /// The offer came to nothing. The caller keeps its place.
    pub fn offer_failed(&mut self, _offer: OfferId, _why: OfferFailure, _now_ms: u64) {
        todo!()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, _now_ms: u64) {
        todo!()
    }

    /// When [`Acd::handle_timeout`] is due, Unix time in milliseconds.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        todo!()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        todo!()
    }

    /// One agent.
    #[must_use]
    pub fn agent(&self, _agent: &AgentId) -> Option<AgentView> {
        todo!()
    }

    /// All agents, by their names.
    #[must_use]
    pub fn agents(&self) -> Vec<AgentView> {
        todo!()
    }

    /// One queue.
    #[must_use]
    pub fn queue(&self, _queue: &QueueId) -> Option<QueueView> {
        todo!()
    }

    /// All queues, by their names.
    #[must_use]
    pub fn queues(&self) -> Vec<QueueView> {
        todo!()
    }

    /// Who waits in a queue, in order.
    #[must_use]
    pub fn waiting(&self, _queue: &QueueId) -> Vec<WaitingView> {
        todo!()
    }

    /// Whether this leg waits in a queue, and in which.
    #[must_use]
    pub fn queue_of(&self, _caller: LegId) -> Option<&QueueId> {
        todo!()
    }

    /// What must never be and is. Looks at everything: for metrics and `offhook queue audit`, not for each
    /// call.
    #[must_use]
    pub fn audit(&self, _now_ms: u64) -> Vec<Violation> {
        todo!()
    }
}
