use crate::agent::{AgentCall, Rest, WrapUp};
use crate::timers::Timer;
use crate::{
    Acd, AgentIx, CallKey, NotWrappingUp, Output, QueueEvent, QueueIx, UnknownAgent, WithdrawReason,
};
use offhook_model::{AgentId, AgentState, AgentStatus};

/// How many calls of one agent are kept account of.
const CALLS_PER_AGENT_MAX: usize = 32;
/// For how long a queue may be without agents before its callers are sent on, where they may not stay: a
/// browser that is loaded again must not cost a queue its callers.
const EMPTY_GRACE_MS: u64 = 5_000;
/// The longest time for work after a call that can be asked for at once.
const EXTENSION_MAX_MS: u64 = 8 * 3_600_000;

impl Acd {
    /// The agent, or a supervisor for it, has chosen a status. Any other than online withdraws the offer
    /// that it has. Work after a call goes on.
    ///
    /// # Errors
    /// When there is no such agent.
    pub fn set_status(
        &mut self,
        agent: &AgentId,
        status: AgentStatus,
        reason: Option<String>,
        now_ms: u64,
    ) -> Result<(), UnknownAgent> {
        self.clock.advance(now_ms);
        let ix = self.agent_ids.get(agent).copied();
        let ix = ix.ok_or_else(|| UnknownAgent(agent.clone()))?;
        self.choose_status(ix, status, reason);
        self.settle();
        Ok(())
    }

    pub(crate) fn choose_status(
        &mut self,
        ix: AgentIx,
        status: AgentStatus,
        reason: Option<String>,
    ) {
        let Some(row) = self.agents.get_mut(&ix) else { return };
        if (row.status, &row.reason) == (status, &reason) {
            return;
        }
        let old = row.state;
        row.status = status;
        row.reason = reason;
        row.misses_in_a_row = 0;
        self.rest(ix, None);
        self.withdraw_unless_takes_offers(ix, WithdrawReason::AgentGone);
        self.refresh(ix);
        // A change that leaves the state as it is, as from busy to away, is told nevertheless.
        if self.agents.get(&ix).is_some_and(|row| row.state == old) {
            self.tell_agent_state(ix);
        }
    }

    /// Whether at least one of the agent's devices is registered. An agent is unreachable until this is
    /// said.
    pub fn set_reachable(&mut self, agent: &AgentId, is_reachable: bool, now_ms: u64) {
        self.clock.advance(now_ms);
        let Some(ix) = self.agent_ids.get(agent).copied() else { return };
        let Some(row) = self.agents.get_mut(&ix) else { return };
        row.is_reachable = is_reachable;
        if is_reachable && row.rest.is_some_and(|rest| rest.is_for_device) {
            self.rest(ix, None);
        }
        self.withdraw_unless_takes_offers(ix, WithdrawReason::AgentGone);
        self.refresh(ix);
        self.settle();
    }

    /// The agent takes part in this call: it has dialled, or was called directly. An offer that it has is
    /// withdrawn, unless it takes second calls. For a call that is being offered to it, it is the answer.
    /// Said again, it changes nothing.
    pub fn begin_call(&mut self, agent: &AgentId, call: CallKey, now_ms: u64) {
        self.clock.advance(now_ms);
        let Some(ix) = self.agent_ids.get(agent).copied() else { return };
        let Some(row) = self.agents.get(&ix) else { return };
        let offer = row.offer.and_then(|id| Some((id, self.offers.get(&id)?)));
        if let Some((id, _)) = offer.filter(|(_, offer)| offer.call == call) {
            self.answer(id);
        } else {
            self.take_part(ix, call, None);
            self.withdraw_unless_takes_offers(ix, WithdrawReason::AgentBusy);
            self.refresh(ix);
        }
        self.settle();
    }

    /// Counts a call among the agent's, once.
    pub(crate) fn take_part(
        &mut self,
        ix: AgentIx,
        call: CallKey,
        origin: Option<crate::agent::Origin>,
    ) {
        let now_ms = self.now_ms();
        let Some(row) = self.agents.get_mut(&ix) else { return };
        if row.calls.contains_key(&call) || row.calls.len() >= CALLS_PER_AGENT_MAX {
            return;
        }
        row.today.other_calls += u64::from(origin.is_none());
        row.calls.insert(call, AgentCall::new(now_ms, origin));
    }

    /// The agent's part in this call is over. After a queue's call wrap-up begins.
    pub fn end_call(&mut self, agent: &AgentId, call: CallKey, now_ms: u64) {
        self.clock.advance(now_ms);
        let Some(ix) = self.agent_ids.get(agent).copied() else { return };
        if self.finish_call(ix, call) {
            self.refresh(ix);
            self.settle();
        }
    }

    /// Takes a call from the agent's; `false` when it was none of them.
    pub(crate) fn finish_call(&mut self, ix: AgentIx, key: CallKey) -> bool {
        let now_ms = self.now_ms();
        let Some(row) = self.agents.get_mut(&ix) else { return false };
        let Some(call) = row.calls.remove(&key) else { return false };
        let agent = row.config.id.clone();
        let (talk_ms, hold_ms) = call.talk_and_hold_ms(now_ms);
        let Some(origin) = call.origin else { return true };
        if self.places(origin.entry, key) {
            self.leave_callback(origin.entry);
            return true;
        }
        if let Some(queue) = self.queues.get_mut(&origin.queue) {
            queue.today.talk_ms += talk_ms;
            queue.today.hold_ms += hold_ms;
            let wrap_up_ms = u64::from(queue.config.wrap_up_s) * 1_000;
            self.wrap_up(ix, origin.queue, wrap_up_ms);
        }
        self.tell(QueueEvent::Completed {
            queue: origin.name,
            entry: origin.entry,
            call: origin.stay,
            talked_in: key,
            agent,
            waited_ms: origin.waited_ms,
            talk_ms,
            hold_ms,
        });
        true
    }

    fn wrap_up(&mut self, ix: AgentIx, queue: QueueIx, for_ms: u64) {
        let until_ms = self.now_ms().saturating_add(for_ms);
        let Some(row) = self.agents.get_mut(&ix).filter(|_| for_ms > 0) else { return };
        if row.wrap_up.is_none_or(|wrap_up| wrap_up.until_ms < until_ms) {
            row.wrap_up = Some(WrapUp { until_ms, queue });
            self.timers.set(Timer::WrapUp(ix), until_ms);
        }
    }

    /// The agent has put this call on hold, or has taken it up again.
    pub fn hold(&mut self, agent: &AgentId, call: CallKey, is_on_hold: bool, now_ms: u64) {
        self.clock.advance(now_ms);
        let Some(ix) = self.agent_ids.get(agent).copied() else { return };
        let now_ms = self.now_ms();
        let row = self.agents.get_mut(&ix);
        let Some(call) = row.and_then(|row| row.calls.get_mut(&call)) else { return };
        call.hold(is_on_hold, now_ms);
        self.refresh(ix);
        self.changed_agents.insert(ix);
        self.settle();
    }

    /// The agent is done with its work after the call.
    ///
    /// # Errors
    /// When it has none.
    pub fn finish_wrap_up(&mut self, agent: &AgentId, now_ms: u64) -> Result<(), NotWrappingUp> {
        self.clock.advance(now_ms);
        let ix = self.wrapping_up(agent)?;
        self.end_wrap_up(ix);
        self.settle();
        Ok(())
    }

    pub(crate) fn end_wrap_up(&mut self, ix: AgentIx) {
        // What was worked is the queue's, which is forgotten with the wrap-up.
        self.account(ix);
        self.timers.cancel(Timer::WrapUp(ix));
        if let Some(row) = self.agents.get_mut(&ix) {
            row.wrap_up = None;
        }
        self.refresh(ix);
        self.changed_agents.insert(ix);
    }

    /// The agent needs longer for its work after the call.
    ///
    /// # Errors
    /// When it has none.
    pub fn extend_wrap_up(
        &mut self,
        agent: &AgentId,
        by_ms: u64,
        now_ms: u64,
    ) -> Result<(), NotWrappingUp> {
        self.clock.advance(now_ms);
        let ix = self.wrapping_up(agent)?;
        let row = self.agents.get_mut(&ix);
        let Some(wrap_up) = row.and_then(|row| row.wrap_up.as_mut()) else { return Ok(()) };
        wrap_up.until_ms = wrap_up.until_ms.saturating_add(by_ms.min(EXTENSION_MAX_MS));
        let until_ms = wrap_up.until_ms;
        self.timers.set(Timer::WrapUp(ix), until_ms);
        self.changed_agents.insert(ix);
        self.settle();
        Ok(())
    }

    fn wrapping_up(&self, agent: &AgentId) -> Result<AgentIx, NotWrappingUp> {
        let ix = self.agent_ids.get(agent).copied();
        let is_at_work =
            |ix: &AgentIx| self.agents.get(ix).is_some_and(|row| row.wrap_up.is_some());
        ix.filter(is_at_work).ok_or_else(|| NotWrappingUp(agent.clone()))
    }

    /// Skips the agent until then, or no longer.
    pub(crate) fn rest(&mut self, ix: AgentIx, rest: Option<Rest>) {
        if let Some(row) = self.agents.get_mut(&ix) {
            row.rest = rest;
            self.timers.put(Timer::Rest(ix), rest.map(|rest| rest.until_ms));
        }
    }

    pub(crate) fn withdraw_unless_takes_offers(&mut self, ix: AgentIx, why: WithdrawReason) {
        let Some(row) = self.agents.get(&ix) else { return };
        if let Some(offer) = row.offer.filter(|_| !row.takes_offers()) {
            self.withdraw(offer, why);
        }
    }

    /// Counts the agent's time up to now.
    pub(crate) fn account(&mut self, ix: AgentIx) {
        let now_ms = self.now_ms();
        let Some(row) = self.agents.get_mut(&ix) else { return };
        if let Some((queue, acw_ms)) = row.account(now_ms)
            && let Some(queue) = self.queues.get_mut(&queue)
        {
            queue.today.acw_ms += acw_ms;
        }
    }

    /// Draws the conclusions from a change of an agent: its time, its state, its place in its queues.
    pub(crate) fn refresh(&mut self, ix: AgentIx) {
        self.account(ix);
        self.change_state(ix);
        let before = self.index_agent(ix);
        let Some(row) = self.agents.get(&ix) else { return };
        if row.indexed.is_available {
            self.freed.insert(ix);
        }
        let is_as_present = before.is_signed_in == row.indexed.is_signed_in
            && before.is_willing == row.indexed.is_willing;
        if is_as_present {
            return;
        }
        let takes_no_more = before.is_willing && !row.indexed.is_willing;
        for queue in row.queues.clone() {
            self.check_empty(queue);
            if takes_no_more {
                self.release_sticky(queue, ix);
            }
        }
    }

    fn change_state(&mut self, ix: AgentIx) {
        let now_ms = self.now_ms();
        let Some(row) = self.agents.get_mut(&ix) else { return };
        let (old, new) = (row.state, row.current_state());
        row.activity = row.current_activity();
        row.note_idle(now_ms);
        if old != new {
            self.tell_agent_state(ix);
        }
    }

    /// Tells the state that the agent has from here on.
    fn tell_agent_state(&mut self, ix: AgentIx) {
        let now_ms = self.now_ms();
        let Some(row) = self.agents.get_mut(&ix) else { return };
        let event = QueueEvent::AgentState {
            agent: row.config.id.clone(),
            from: row.state,
            to: row.current_state(),
            status: row.status,
            reason: row.reason.clone(),
            lasted_ms: now_ms.saturating_sub(row.since_ms),
        };
        // A call goes on since it began, whatever is chosen meanwhile; another reason is another break.
        if row.state != row.current_state() || row.state == AgentState::NotReady {
            row.since_ms = now_ms;
        }
        row.state = row.current_state();
        self.changed_agents.insert(ix);
        self.tell(event);
    }

    /// Begins or ends the time for which a queue may be without agents.
    pub(crate) fn check_empty(&mut self, ix: QueueIx) {
        let Some(queue) = self.queues.get(&ix) else { return };
        let timer = Timer::Empty(ix);
        if !queue.is_deserted(queue.config.stay_when_empty) || queue.callers == 0 {
            self.timers.cancel(timer);
        } else if self.timers.due(timer).is_none() {
            self.timers.set(timer, self.clock.now_ms().saturating_add(EMPTY_GRACE_MS));
        }
    }

    /// Callers wait no longer for an agent who takes no calls.
    fn release_sticky(&mut self, queue: QueueIx, agent: AgentIx) {
        let Some(row) = self.queues.get(&queue).filter(|row| row.config.sticky_s > 0) else {
            return;
        };
        for entry in row.order.iter().map(|place| place.entry).collect::<Vec<_>>() {
            if self.entries.get(&entry).is_some_and(|entry| entry.sticky == Some(agent)) {
                self.end_sticky(entry);
            }
        }
    }

    /// The agent is made not ready for having missed too many calls.
    pub(crate) fn give_up_on(&mut self, ix: AgentIx) {
        let reason = Some("missed calls".to_owned());
        self.choose_status(ix, AgentStatus::Away, reason.clone());
        let agent = self.agent_name(ix);
        self.outputs.push_back(Output::StatusChanged { agent, status: AgentStatus::Away, reason });
    }

    /// The agent is no more: its calls are others' business, its offer is withdrawn.
    pub(crate) fn remove_agent(&mut self, ix: AgentIx) {
        let Some(row) = self.agents.get(&ix) else { return };
        let (offer, calls) = (row.offer, row.calls.keys().copied().collect::<Vec<_>>());
        if let Some(offer) = offer {
            self.withdraw(offer, WithdrawReason::AgentGone);
        }
        for call in calls {
            self.finish_call(ix, call);
        }
        self.account(ix);
        let Some(row) = self.agents.get_mut(&ix) else { return };
        (row.status, row.reason) = (AgentStatus::Offline, None);
        if row.state != AgentState::Offline {
            self.tell_agent_state(ix);
        }
        self.timers.cancel(Timer::WrapUp(ix));
        self.timers.cancel(Timer::Rest(ix));
        self.outputs.push_back(Output::AgentChanged(self.agent_name(ix)));
        self.agents.remove(&ix);
    }
}
