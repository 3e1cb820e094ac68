//! Callbacks: somebody who waited has hung up and keeps the place. When it is its turn an agent is rung, and
//! when the agent has answered, whoever is to be called back is called.

use crate::callers::Departure;
use crate::entry::{Entry, Offer};
use crate::timers::Timer;
use crate::{
    Acd, AgentIx, CallKey, EntryId, Join, NotCalledBack, NotWaiting, OfferEnd, OfferId, Output,
    Overflow, QueueEvent, QueueIx, WithdrawReason,
};
use offhook_model::LegId;
use serde::{Deserialize, Serialize};

/// How long a callback may wait.
pub(crate) const CALLBACK_WAIT_MAX_MS: u64 = 24 * 3_600_000;
/// For how long an agent who has gone before anybody was reached is not offered the same callback.
const LEFT_RETRY_MS: u64 = 30_000;

/// An agent is on the line, and whoever is to be called back is being called.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Placed {
    pub(crate) agent: AgentIx,
    pub(crate) call: CallKey,
    /// How long the agent was rung, milliseconds.
    pub(crate) rang_ms: u64,
}

impl Acd {
    /// A caller who waits asks to be called back at this number. It keeps its place
    /// ([`Output::CallbackTaken`]).
    ///
    /// # Errors
    /// When the caller waits in no queue, when its queue calls nobody back, and when a callback to that
    /// number waits there already.
    pub fn request_callback(
        &mut self,
        caller: LegId,
        number: &str,
        now_ms: u64,
    ) -> Result<(), NotCalledBack> {
        self.clock.advance(now_ms);
        let id = self.callers.get(&caller).copied().ok_or(NotCalledBack::NotWaiting)?;
        let entry = self.entries.get(&id).ok_or(NotCalledBack::NotWaiting)?;
        let queue = self.queues.get(&entry.queue).ok_or(NotCalledBack::NotWaiting)?;
        if queue.config.callback_key.is_none() {
            return Err(NotCalledBack::NotOffered);
        }
        let same = |other: &Entry| other.caller.is_none() && other.number == number;
        if queue.order.iter().any(|place| self.entries.get(&place.entry).is_some_and(same)) {
            return Err(NotCalledBack::WaitsAlready);
        }
        self.take_callback(id, caller, number);
        self.settle();
        Ok(())
    }

    /// A callback that waited in an earlier process waits again, whether or not the queue takes callers in at
    /// this moment. `join.caller` is a leg that nobody has. Says whether there is such a queue.
    pub fn restore_callback(&mut self, join: Join, now_ms: u64) -> bool {
        self.clock.advance(now_ms);
        let Some(ix) = self.queue_ids.get(&join.queue).copied() else { return false };
        let (caller, number) = (join.caller, join.number.clone());
        let id = self.enter(ix, join);
        self.unserved.insert(id);
        self.take_callback(id, caller, &number);
        self.settle();
        true
    }

    /// A callback takes the caller's place.
    fn take_callback(&mut self, id: EntryId, caller: LegId, number: &str) {
        let now_ms = self.now_ms();
        for offer in self.entries.get(&id).map(|entry| entry.offers.clone()).unwrap_or_default() {
            self.withdraw(offer, WithdrawReason::CallerLeft);
        }
        self.callers.remove(&caller);
        let Some(entry) = self.entries.get_mut(&id) else { return };
        number.clone_into(&mut entry.number);
        entry.caller = None;
        entry.is_overdue = false;
        let ix = entry.queue;
        let Some(queue) = self.queues.get_mut(&ix) else { return };
        queue.today.callbacks += 1;
        queue.callers -= 1;
        let (queue, number) = (queue.config.id.clone(), entry.number.clone());
        let event = QueueEvent::CallbackTaken {
            queue: queue.clone(),
            entry: id,
            call: entry.call,
            number: number.clone(),
            waited_ms: entry.waited_ms(now_ms),
        };
        self.changed_queues.insert(ix);
        self.outputs.push_back(Output::CallbackTaken { entry: id, caller, queue, number });
        self.tell(event);
        self.timers.cancel(Timer::Announce(id));
        self.timers.cancel(Timer::Comfort(id));
        self.set_entry_timers(id);
        self.check_empty(ix);
    }

    /// A callback is not wanted any more.
    ///
    /// # Errors
    /// When there is none.
    pub fn cancel_callback(&mut self, entry: EntryId, now_ms: u64) -> Result<(), NotWaiting> {
        self.clock.advance(now_ms);
        let is_callback = self.entries.get(&entry).is_some_and(|entry| entry.caller.is_none());
        if !is_callback {
            return Err(NotWaiting::Callback(entry));
        }
        self.depart(entry, &Departure::HungUp);
        self.settle();
        Ok(())
    }

    /// The agent has answered: from here on whoever is to be called back is called. The callback keeps its
    /// place until that was answered.
    pub(crate) fn place_callback(&mut self, id: OfferId) {
        let Some(offer) = self.close_offer(id, OfferEnd::Answered) else { return };
        let now_ms = self.now_ms();
        let ix = offer.agent;
        let rang_ms = offer.rang_ms(now_ms);
        let Some(entry) = self.entries.get_mut(&offer.entry) else { return };
        entry.placed = Some(Placed { agent: ix, call: offer.call, rang_ms });
        let (place, rivals) = (entry.place(), entry.offers.clone());
        let waited_ms = entry.waited_ms(now_ms);
        if let Some(queue) = self.queues.get_mut(&offer.queue) {
            queue.waiting.remove(&place);
        }
        self.tell_placed(id, &offer, waited_ms);
        let origin = self.origin(&offer, waited_ms);
        self.take_part(ix, offer.call, Some(origin));
        self.count_agents_answer(ix);
        self.refresh(ix);
        for rival in rivals {
            self.withdraw(rival, WithdrawReason::AnsweredElsewhere);
        }
    }

    fn tell_placed(&mut self, id: OfferId, offer: &Offer, waited_ms: u64) {
        let number = self.entries.get(&offer.entry).map(|entry| entry.number.clone());
        let number = number.unwrap_or_default();
        let (agent, queue) = (self.agent_name(offer.agent), self.queue_name(offer.queue));
        self.outputs.push_back(Output::CallBack {
            offer: id,
            entry: offer.entry,
            call: offer.call,
            agent: agent.clone(),
            queue: queue.clone(),
            number: number.clone(),
            waited_ms,
        });
        self.tell(QueueEvent::CallbackPlaced {
            queue,
            entry: offer.entry,
            call: offer.stay,
            placed: offer.call,
            agent,
            number,
            waited_ms,
        });
    }

    /// Whoever was called back has answered: that is the end of its wait.
    pub fn callback_answered(&mut self, entry: EntryId, now_ms: u64) {
        self.clock.advance(now_ms);
        let placed = self.entries.get(&entry).and_then(|entry| entry.placed.clone());
        let Some(placed) = placed else { return };
        let Some(entry) = self.take_entry(entry) else { return };
        let waited_ms = entry.waited_ms(self.now_ms());
        let call =
            self.agents.get_mut(&placed.agent).and_then(|row| row.calls.get_mut(&placed.call));
        if let Some(origin) = call.and_then(|call| call.origin.as_mut()) {
            origin.waited_ms = waited_ms;
        }
        let agent = self.agent_name(placed.agent);
        self.count_answer(&entry, agent, placed.rang_ms);
        self.settle();
    }

    /// Whoever was to be called back could not be reached. It is tried again later, as often as the queue
    /// says.
    pub fn callback_failed(&mut self, entry: EntryId, now_ms: u64) {
        self.clock.advance(now_ms);
        let Some(placed) = self.unplace(entry) else { return };
        let now_ms = self.now_ms();
        let Some(callback) = self.entries.get_mut(&entry) else { return };
        callback.tries = callback.tries.saturating_add(1);
        let Some(queue) = self.queues.get(&callback.queue) else { return };
        let event = QueueEvent::CallbackFailed {
            queue: queue.config.id.clone(),
            entry,
            call: callback.call,
            agent: self.agents.get(&placed.agent).map(|row| row.config.id.clone()),
            number: callback.number.clone(),
            tries: callback.tries,
        };
        let is_given_up = callback.tries >= queue.config.callback_tries_max;
        let again_ms = now_ms + u64::from(queue.config.callback_retry_s) * 1_000;
        callback.again_ms = Some(again_ms);
        self.timers.set(Timer::CallAgain(entry), again_ms);
        self.unserved.insert(entry);
        self.tell(event);
        if is_given_up {
            self.depart(entry, &Departure::SentOn(Overflow::Unreached));
        }
        self.settle();
    }

    /// The agent has gone before anybody was reached: the callback waits for another one.
    pub(crate) fn leave_callback(&mut self, entry: EntryId) {
        let Some(placed) = self.unplace(entry) else { return };
        self.part(entry, placed.agent, Some(LEFT_RETRY_MS));
        self.wait_on(entry);
    }

    /// Whether this call of the agent's is one in which a callback is being placed.
    pub(crate) fn places(&self, entry: EntryId, call: CallKey) -> bool {
        let placed = self.entries.get(&entry).and_then(|entry| entry.placed.as_ref());
        placed.is_some_and(|placed| placed.call == call)
    }

    /// The callback is called no longer. The agent's call is none of the queue's from here on.
    pub(crate) fn unplace(&mut self, entry: EntryId) -> Option<Placed> {
        let placed = self.entries.get_mut(&entry)?.placed.take()?;
        let row = self.agents.get_mut(&placed.agent);
        if let Some(call) = row.and_then(|row| row.calls.get_mut(&placed.call)) {
            call.origin = None;
        }
        Some(placed)
    }

    pub(crate) fn call_again(&mut self, id: EntryId) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.again_ms = None;
            self.wait_on(id);
        }
    }

    /// It can be offered again, if nothing keeps it from that.
    pub(crate) fn wait_on(&mut self, id: EntryId) {
        let Some(entry) = self.entries.get(&id).filter(|entry| entry.is_open()) else { return };
        let (place, ix): (_, QueueIx) = (entry.place(), entry.queue);
        if let Some(queue) = self.queues.get_mut(&ix) {
            queue.waiting.insert(place);
        }
        self.changed_queues.insert(ix);
        self.unserved.insert(id);
    }
}
