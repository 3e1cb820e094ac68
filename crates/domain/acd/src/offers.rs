use crate::agent::{Origin, Rest};
use crate::entry::{Entry, Offer};
use crate::timers::Timer;
use crate::{
    Acd, AgentIx, CallKey, EntryId, NotOffered, OfferEnd, OfferFailure, OfferId, Output,
    QueueEvent, WithdrawReason,
};
use offhook_model::AgentId;

/// For how long an agent who has declined a call is skipped, and is not offered the same caller.
const REFUSED_REST_MS: u64 = 3_000;
const REFUSED_RETRY_MS: u64 = 30_000;
/// The same after a call that was not answered.
const NO_ANSWER_REST_MS: u64 = 3_000;
const NO_ANSWER_RETRY_MS: u64 = 15_000;
/// For how long an agent whose devices cannot be reached is skipped, if none registers meanwhile.
const UNREACHABLE_REST_MS: u64 = 30_000;
/// For how long an agent is skipped after a fault of ours.
const FAULT_REST_MS: u64 = 5_000;

impl Acd {
    /// The call in which the agent is rung for a callback, told before it is answered. The agent takes part
    /// in this one then.
    ///
    /// # Errors
    /// When the offer is over.
    pub fn begin_callback(&mut self, offer: OfferId, call: CallKey) -> Result<(), NotOffered> {
        let offer = self.offers.get_mut(&offer).ok_or(NotOffered(offer))?;
        offer.call = call;
        Ok(())
    }

    /// A device of the agent rings.
    pub fn offer_ringing(&mut self, offer: OfferId, now_ms: u64) {
        self.clock.advance(now_ms);
        let now_ms = self.now_ms();
        let Some(offer) = self.offers.get_mut(&offer) else { return };
        offer.rings_since_ms.get_or_insert(now_ms);
        let agent = offer.agent;
        if let Some(row) = self.agents.get_mut(&agent) {
            row.is_ringing = true;
        }
        self.refresh(agent);
        self.settle();
    }

    /// The agent has answered. The first to do so has the caller ([`Output::Connect`], or
    /// [`Output::CallBack`]); other offers of that caller are withdrawn. An offer that is over is withdrawn
    /// again, as [`WithdrawReason::TooLate`].
    pub fn offer_answered(&mut self, offer: OfferId, now_ms: u64) {
        self.clock.advance(now_ms);
        if self.offers.contains_key(&offer) {
            self.answer(offer);
            self.settle();
        } else {
            let why = WithdrawReason::TooLate;
            self.outputs.push_back(Output::Withdraw { offer, caller: None, why });
        }
    }

    /// The offer came to nothing. The caller keeps its place.
    pub fn offer_failed(&mut self, offer: OfferId, why: OfferFailure, now_ms: u64) {
        self.clock.advance(now_ms);
        self.fail(offer, why);
        self.settle();
    }

    /// Offers a caller to an agent who is available.
    pub(crate) fn make_offer(&mut self, entry_id: EntryId, ix: AgentIx) {
        let now_ms = self.now_ms();
        let Some(entry) = self.entries.get_mut(&entry_id) else { return };
        let Some(queue) = self.queues.get_mut(&entry.queue) else { return };
        let Some(row) = self.agents.get_mut(&ix) else { return };
        let Some(seat) = queue.seats.get(&ix) else { return };
        self.numbers.offer += 1;
        let id = OfferId(self.numbers.offer);
        let group = seat.group(row);
        queue.turns.insert(seat.level, (seat.position, ix));
        entry.offers.push(id);
        entry.rung = Some(entry.rung.map_or(group, |rung| rung.min(group)));
        if !queue.rings_all() {
            queue.waiting.remove(&entry.place());
        }
        queue.today.offers += 1;
        row.offer = Some(id);
        row.today.offered += 1;
        let (call, queue_ix, ring_ms) = (entry.call, entry.queue, queue.ring_ms());
        let offer = Offer {
            entry: entry_id,
            queue: queue_ix,
            agent: ix,
            call,
            stay: call,
            made_ms: now_ms,
            rings_since_ms: None,
        };
        self.offers.insert(id, offer);
        self.timers.set(Timer::Ring(id), now_ms.saturating_add(ring_ms));
        self.changed_queues.insert(queue_ix);
        self.tell_offer(id);
        self.refresh(ix);
    }

    fn tell_offer(&mut self, id: OfferId) {
        let Some(offer) = self.offers.get(&id) else { return };
        let Some(entry) = self.entries.get(&offer.entry) else { return };
        let Some(queue) = self.queues.get(&entry.queue) else { return };
        let Some(row) = self.agents.get(&offer.agent) else { return };
        let waited_ms = entry.waited_ms(offer.made_ms);
        let told = Output::Offer {
            offer: id,
            entry: entry.id,
            caller: entry.caller,
            call: entry.call,
            agent: row.config.id.clone(),
            extension: row.config.extension.clone(),
            ring_ms: queue.ring_ms(),
            auto_answer: row.config.auto_answer,
            queue: queue.config.id.clone(),
            waited_ms,
            callback: entry.caller.is_none().then(|| entry.number.clone()),
        };
        let event = QueueEvent::Offered {
            queue: queue.config.id.clone(),
            entry: entry.id,
            call: entry.call,
            offer: id,
            agent: row.config.id.clone(),
            waited_ms,
        };
        self.outputs.push_back(told);
        self.tell(event);
    }

    /// The agent has the caller, or calls back whoever has waited.
    pub(crate) fn answer(&mut self, id: OfferId) {
        let Some(offer) = self.offers.get(&id).cloned() else { return };
        let caller = self.entries.get(&offer.entry).and_then(|entry| entry.caller);
        let Some(caller) = caller else { return self.place_callback(id) };
        let Some(entry) = self.take_entry(offer.entry) else { return };
        let now_ms = self.now_ms();
        let waited_ms = entry.waited_ms(now_ms);
        let ix = offer.agent;
        let agent = self.agent_name(ix);
        self.outputs.push_back(Output::Connect {
            offer: id,
            entry: entry.id,
            caller,
            call: offer.call,
            agent: agent.clone(),
            queue: self.queue_name(entry.queue),
            waited_ms,
        });
        self.close_offer(id, OfferEnd::Answered);
        let origin = self.origin(&offer, waited_ms);
        self.take_part(ix, offer.call, Some(origin));
        self.count_agents_answer(ix);
        self.count_answer(&entry, agent, offer.rang_ms(now_ms));
        self.refresh(ix);
        self.withdraw_all(&entry, WithdrawReason::AnsweredElsewhere);
    }

    /// Where a call that an agent has came from.
    pub(crate) fn origin(&self, offer: &Offer, waited_ms: u64) -> Origin {
        let (queue, name) = (offer.queue, self.queue_name(offer.queue));
        Origin { queue, name, entry: offer.entry, stay: offer.stay, waited_ms }
    }

    pub(crate) fn count_agents_answer(&mut self, ix: AgentIx) {
        if let Some(row) = self.agents.get_mut(&ix) {
            row.misses_in_a_row = 0;
            row.today.answered += 1;
        }
    }

    /// Counts and tells that the wait of this entry has ended with an answer.
    pub(crate) fn count_answer(&mut self, entry: &Entry, agent: AgentId, rang_ms: u64) {
        let now_ms = self.now_ms();
        let waited_ms = entry.waited_ms(now_ms);
        let Some(queue) = self.queues.get_mut(&entry.queue) else { return };
        let within_service_level = waited_ms <= u64::from(queue.config.service_level_s) * 1_000;
        queue.today.answered += 1;
        queue.today.answered_within_sl += u64::from(within_service_level);
        queue.today.answered_wait_ms += waited_ms;
        queue.today.longest_wait_ms = queue.today.longest_wait_ms.max(waited_ms);
        queue.pace.answered(now_ms);
        let event = QueueEvent::Answered {
            queue: queue.config.id.clone(),
            entry: entry.id,
            call: entry.call,
            agent,
            waited_ms,
            rang_ms,
            is_callback: entry.caller.is_none(),
            within_service_level,
        };
        self.tell(event);
    }

    /// An offer came to nothing by the agent or its device.
    pub(crate) fn fail(&mut self, id: OfferId, why: OfferFailure) {
        let Some(offer) = self.close_offer(id, OfferEnd::Failed(why)) else { return };
        let now_ms = self.now_ms();
        let (rest_ms, retry_ms) = match why {
            OfferFailure::Refused => (REFUSED_REST_MS, Some(REFUSED_RETRY_MS)),
            OfferFailure::NoAnswer => (NO_ANSWER_REST_MS, Some(NO_ANSWER_RETRY_MS)),
            OfferFailure::Unreachable => (UNREACHABLE_REST_MS, None),
            OfferFailure::Fault => (FAULT_REST_MS, None),
        };
        let is_for_device = why == OfferFailure::Unreachable;
        let until_ms = now_ms.saturating_add(rest_ms);
        self.rest(offer.agent, Some(Rest { until_ms, is_for_device }));
        self.part(offer.entry, offer.agent, retry_ms);
        if let Some(row) = self.agents.get_mut(&offer.agent) {
            row.idle_from(now_ms);
        }
        let has_missed_enough = why == OfferFailure::NoAnswer && self.miss(offer.agent);
        self.refresh(offer.agent);
        if has_missed_enough {
            self.give_up_on(offer.agent);
        }
    }

    /// Counts a miss in a row; `true` when it was one too many.
    fn miss(&mut self, ix: AgentIx) -> bool {
        let Some(row) = self.agents.get_mut(&ix) else { return false };
        row.misses_in_a_row += 1;
        row.config.max_misses > 0 && row.misses_in_a_row >= row.config.max_misses
    }

    /// The caller is not to wait for this agent alone any more, and not offered to it again for a while.
    pub(crate) fn part(&mut self, entry_id: EntryId, agent: AgentIx, retry_ms: Option<u64>) {
        let now_ms = self.now_ms();
        let Some(entry) = self.entries.get_mut(&entry_id) else { return };
        if let Some(retry_ms) = retry_ms {
            entry.remember_failed(agent, now_ms.saturating_add(retry_ms));
            self.timers.put(Timer::Retry(entry_id), entry.retry_ms());
        }
        if entry.sticky == Some(agent) {
            self.end_sticky(entry_id);
        }
        self.unserved.insert(entry_id);
    }

    /// Stops the ringing of an offer.
    pub(crate) fn withdraw(&mut self, id: OfferId, why: WithdrawReason) {
        let Some(offer) = self.close_offer(id, OfferEnd::Withdrawn(why)) else { return };
        let caller = self.entries.get(&offer.entry).and_then(|entry| entry.caller);
        self.outputs.push_back(Output::Withdraw { offer: id, caller, why });
        self.refresh(offer.agent);
    }

    /// Withdraws what is left of the offers of an entry that has been taken out.
    pub(crate) fn withdraw_all(&mut self, entry: &Entry, why: WithdrawReason) {
        for id in &entry.offers {
            let Some(offer) = self.close_offer(*id, OfferEnd::Withdrawn(why)) else { continue };
            self.outputs.push_back(Output::Withdraw { offer: *id, caller: entry.caller, why });
            self.refresh(offer.agent);
        }
    }

    /// Forgets an offer. Its entry waits again when that was the last one.
    pub(crate) fn close_offer(&mut self, id: OfferId, why: OfferEnd) -> Option<Offer> {
        let offer = self.offers.remove(&id)?;
        let now_ms = self.now_ms();
        self.timers.cancel(Timer::Ring(id));
        if let Some(row) = self.agents.get_mut(&offer.agent) {
            row.offer = None;
            row.is_ringing = false;
            row.today.missed += u64::from(why == OfferEnd::Failed(OfferFailure::NoAnswer));
            row.today.refused += u64::from(why == OfferEnd::Failed(OfferFailure::Refused));
        }
        self.tell_offer_end(id, &offer, why, now_ms);
        self.wait_again(&offer, id);
        Some(offer)
    }

    fn tell_offer_end(&mut self, id: OfferId, offer: &Offer, why: OfferEnd, now_ms: u64) {
        let agent = self.agent_name(offer.agent);
        let Some(queue) = self.queues.get_mut(&offer.queue) else { return };
        queue.today.misses += u64::from(why == OfferEnd::Failed(OfferFailure::NoAnswer));
        queue.today.refusals += u64::from(why == OfferEnd::Failed(OfferFailure::Refused));
        let event = QueueEvent::OfferEnded {
            queue: queue.config.id.clone(),
            entry: offer.entry,
            call: offer.stay,
            offer: id,
            agent,
            why,
            rang_ms: offer.rang_ms(now_ms),
        };
        self.tell(event);
    }

    fn wait_again(&mut self, offer: &Offer, id: OfferId) {
        let Some(entry) = self.entries.get_mut(&offer.entry) else { return };
        entry.offers.retain(|other| *other != id);
        if !entry.offers.is_empty() {
            return;
        }
        entry.rung = None;
        let id = entry.id;
        self.wait_on(id);
    }
}
