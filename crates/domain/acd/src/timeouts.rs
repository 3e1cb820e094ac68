use crate::callbacks::CALLBACK_WAIT_MAX_MS;
use crate::callers::Departure;
use crate::entry::Entry;
use crate::timers::Timer;
use crate::{
    Acd, AgentIx, EntryId, OfferFailure, OfferId, Output, Overflow, QueueIx, WithdrawReason,
};
use offhook_model::Queue;

impl Acd {
    /// Does what is due.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        self.clock.advance(now_ms);
        while let Some(timer) = self.timers.pop_due(self.clock.now_ms()) {
            self.fire(timer);
        }
        self.settle();
    }

    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Ring(offer) => self.stop_ringing(offer),
            Timer::WrapUp(agent) => self.end_wrap_up(agent),
            Timer::Rest(agent) => self.end_rest(agent),
            Timer::Sticky(entry) => self.end_sticky(entry),
            Timer::Relax(entry) => self.relax(entry),
            Timer::Retry(entry) => self.retry(entry),
            Timer::MaxWait(entry) => self.end_wait(entry),
            Timer::Empty(queue) => self.send_all_on(queue),
            Timer::Announce(entry) => self.announce(entry),
            Timer::Comfort(entry) => self.comfort(entry),
            Timer::CallAgain(entry) => self.call_again(entry),
        }
    }

    /// An agent whose device rang has missed the call; of one whose device never rang nothing is known.
    fn stop_ringing(&mut self, id: OfferId) {
        let Some(offer) = self.offers.get(&id) else { return };
        let rang = offer.rings_since_ms.is_some();
        let caller = self.entries.get(&offer.entry).and_then(|entry| entry.caller);
        let why = WithdrawReason::NoAnswer;
        self.outputs.push_back(Output::Withdraw { offer: id, caller, why });
        self.fail(id, if rang { OfferFailure::NoAnswer } else { OfferFailure::Unreachable });
    }

    fn end_rest(&mut self, ix: AgentIx) {
        self.rest(ix, None);
        self.refresh(ix);
    }

    pub(crate) fn end_sticky(&mut self, id: EntryId) {
        self.timers.cancel(Timer::Sticky(id));
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.sticky = None;
            self.unserved.insert(id);
        }
    }

    fn relax(&mut self, id: EntryId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.relaxed = entry.relaxed.saturating_add(1);
        self.unserved.insert(id);
        self.set_entry_timers(id);
    }

    fn retry(&mut self, id: EntryId) {
        let now_ms = self.now_ms();
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.failed.retain(|_, until_ms| *until_ms > now_ms);
        self.timers.put(Timer::Retry(id), entry.retry_ms());
        self.unserved.insert(id);
    }

    /// A caller for whom somebody is being rung may wait for that.
    fn end_wait(&mut self, id: EntryId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if entry.is_left_alone() {
            self.depart(id, &Departure::SentOn(Overflow::MaxWait));
        } else {
            entry.is_overdue = true;
        }
    }

    /// The callers of a queue without agents are sent on; callbacks stay.
    fn send_all_on(&mut self, ix: QueueIx) {
        let Some(queue) = self.queues.get(&ix) else { return };
        if !queue.is_deserted(queue.config.stay_when_empty) {
            return;
        }
        for id in queue.order.iter().map(|place| place.entry).collect::<Vec<_>>() {
            if self.entries.get(&id).is_some_and(|entry| entry.caller.is_some()) {
                self.depart(id, &Departure::SentOn(Overflow::Empty));
            }
        }
    }

    /// Sets the timers that depend on the queue's settings, by what these are.
    pub(crate) fn set_entry_timers(&mut self, id: EntryId) {
        let Some(entry) = self.entries.get(&id) else { return };
        let Some(queue) = self.queues.get(&entry.queue) else { return };
        let max_wait_ms = match entry.caller {
            None => Some(CALLBACK_WAIT_MAX_MS),
            Some(_) => (!entry.is_overdue).then(|| whole_ms(queue.config.max_wait_s)).flatten(),
        };
        let max_wait = max_wait_ms.map(|ms| entry.joined_ms.saturating_add(ms));
        let sticky = entry.sticky.and_then(|_| whole_ms(queue.config.sticky_s));
        let relax = relaxes_at(entry, &queue.config);
        // Another setting may make something due that was not; it is not late for that.
        let now_ms = self.clock.now_ms();
        self.timers.put(Timer::MaxWait(id), max_wait.map(|due_ms| due_ms.max(now_ms)));
        self.timers.put(Timer::Relax(id), relax.map(|due_ms| due_ms.max(now_ms)));
        if self.timers.due(Timer::Sticky(id)).is_none() {
            self.timers.put(Timer::Sticky(id), sticky.map(|ms| now_ms.saturating_add(ms)));
        }
    }

    /// Sets the timers of announcements that are not set.
    pub(crate) fn set_announcements(&mut self, id: EntryId) {
        let Some(entry) = self.entries.get(&id).filter(|entry| entry.caller.is_some()) else {
            return;
        };
        let Some(queue) = self.queues.get(&entry.queue) else { return };
        let said = &queue.config.announcements;
        let first =
            (said.position || said.expected_wait).then(|| u64::from(said.first_after_s) * 1_000);
        let comfort = whole_ms(said.comfort_every_s).filter(|_| !said.comfort.is_empty());
        let now_ms = self.clock.now_ms();
        for (timer, after_ms) in [(Timer::Announce(id), first), (Timer::Comfort(id), comfort)] {
            if self.timers.due(timer).is_none() {
                self.timers.put(timer, after_ms.map(|ms| now_ms.saturating_add(ms)));
            }
        }
    }

    fn announce(&mut self, id: EntryId) {
        let now_ms = self.now_ms();
        let Some(entry) = self.entries.get(&id) else { return };
        let Some(queue) = self.queues.get(&entry.queue) else { return };
        let Some(caller) = entry.caller else { return };
        let said = &queue.config.announcements;
        let position = queue.position(entry.place());
        let expected_wait_ms =
            said.expected_wait.then(|| queue.pace.expected_ms(position, now_ms)).flatten();
        let position = said.position.then_some(position);
        let again = whole_ms(said.every_s).filter(|_| said.position || said.expected_wait);
        self.timers.put(Timer::Announce(id), again.map(|ms| now_ms.saturating_add(ms)));
        if position.is_some() || expected_wait_ms.is_some() {
            self.outputs.push_back(Output::Announce {
                caller,
                position,
                expected_wait_ms,
                comfort: None,
            });
        }
    }

    fn comfort(&mut self, id: EntryId) {
        let now_ms = self.now_ms();
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let Some(queue) = self.queues.get(&entry.queue) else { return };
        let Some(caller) = entry.caller else { return };
        let said = &queue.config.announcements;
        let Some(every_ms) = whole_ms(said.comfort_every_s) else { return };
        let Some(prompt) = said.comfort.get(entry.next_comfort % said.comfort.len().max(1)) else {
            return;
        };
        entry.next_comfort = entry.next_comfort.wrapping_add(1);
        self.timers.set(Timer::Comfort(id), now_ms.saturating_add(every_ms));
        self.outputs.push_back(Output::Announce {
            caller,
            position: None,
            expected_wait_ms: None,
            comfort: Some(prompt.clone()),
        });
    }
}

/// When the caller will need less, while there is something that it needs.
fn relaxes_at(entry: &Entry, queue: &Queue) -> Option<u64> {
    let every_ms = whole_ms(queue.relax_every_s)?;
    entry.needs(queue).next()?;
    let steps = u64::from(entry.relaxed) + 1;
    Some(entry.joined_ms.saturating_add(every_ms.saturating_mul(steps)))
}

/// Seconds in milliseconds; `None` for 0, which stands for never.
fn whole_ms(seconds: u32) -> Option<u64> {
    (seconds > 0).then(|| u64::from(seconds) * 1_000)
}
