use crate::entry::{Entry, Spot};
use crate::timers::Timer;
use crate::{
    Acd, AgentIx, CallKey, EntryId, Join, Left, NotWaiting, Output, Overflow, QueueEvent, QueueIx,
    WithdrawReason,
};
use offhook_model::{AgentStatus, LegId, Target};
use std::collections::BTreeMap;

/// How many may wait in all queues together.
const WAITING_MAX: usize = 50_000;

/// How a stay in a queue ends without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Departure {
    HungUp,
    Moved(Option<char>),
    SentOn(Overflow),
}

/// What events say of a stay that is over.
struct Stay {
    position: usize,
    waited_ms: u64,
}

impl Acd {
    /// A caller comes to a queue. It waits there, or is sent on by [`Output::SendOn`].
    pub fn join(&mut self, join: Join, now_ms: u64) {
        self.clock.advance(now_ms);
        if let Some(entry) = self.callers.get(&join.caller).copied() {
            self.depart(entry, &Departure::Moved(None));
        }
        match self.queue_ids.get(&join.queue).copied() {
            Some(queue) => self.join_queue(queue, join),
            None => self.outputs.push_back(Output::SendOn {
                caller: join.caller,
                queue: join.queue,
                target: Target::HangUp,
                why: Overflow::NoQueue,
            }),
        }
        self.settle();
    }

    fn join_queue(&mut self, ix: QueueIx, join: Join) {
        let Some(queue) = self.queues.get(&ix) else { return };
        let size = u32::try_from(queue.order.len()).unwrap_or(u32::MAX);
        let is_full = queue.config.max_size > 0 && size >= queue.config.max_size;
        let is_deserted = queue.is_deserted(queue.config.join_when_empty);
        let id = self.enter(ix, join);
        if is_full || self.entries.len() > WAITING_MAX {
            self.depart(id, &Departure::SentOn(Overflow::Full));
        } else if is_deserted {
            self.depart(id, &Departure::SentOn(Overflow::Empty));
        } else {
            self.set_entry_timers(id);
            self.set_announcements(id);
            self.check_empty(ix);
            self.unserved.insert(id);
        }
    }

    /// Puts a caller into the queue.
    pub(crate) fn enter(&mut self, ix: QueueIx, join: Join) -> EntryId {
        let now_ms = self.now_ms();
        self.numbers.entry += 1;
        let id = EntryId(self.numbers.entry);
        let joined_ms = join.joined_at_ms.map_or(now_ms, |at_ms| self.clock.inside(at_ms));
        let joined_ms = joined_ms.min(now_ms);
        let mut entry = Entry {
            id,
            caller: Some(join.caller),
            call: join.call,
            queue: ix,
            number: join.number,
            priority: join.priority,
            at: Spot::joined(joined_ms, id),
            joined_ms,
            joined_position: 0,
            skills: join.skills,
            relaxed: 0,
            sticky: join.last_agent.and_then(|agent| self.sticky_agent(ix, &agent)),
            offers: Vec::new(),
            rung: None,
            failed: BTreeMap::new(),
            is_overdue: false,
            next_comfort: 0,
            placed: None,
            tries: 0,
            again_ms: None,
        };
        let place = entry.place();
        if let Some(queue) = self.queues.get_mut(&ix) {
            if queue.order.is_empty() {
                queue.pace.begin(now_ms);
            }
            queue.order.insert(place);
            queue.waiting.insert(place);
            queue.callers += 1;
            queue.today.joined += 1;
            entry.joined_position = queue.position(place);
        }
        self.callers.insert(join.caller, id);
        self.changed_queues.insert(ix);
        self.tell(QueueEvent::Joined {
            queue: join.queue,
            entry: id,
            caller: join.caller,
            call: join.call,
            number: entry.number.clone(),
            position: entry.joined_position,
        });
        self.entries.insert(id, entry);
        id
    }

    /// The agent who had the caller last, where the queue asks that one first and it takes calls.
    fn sticky_agent(&self, ix: QueueIx, agent: &offhook_model::AgentId) -> Option<AgentIx> {
        let queue = self.queues.get(&ix).filter(|queue| queue.config.sticky_s > 0)?;
        let agent = self.agent_ids.get(agent).filter(|agent| queue.seats.contains_key(agent))?;
        let row = self.agents.get(agent)?;
        (row.status == AgentStatus::Online && row.presence().is_willing).then_some(*agent)
    }

    /// A caller has left by itself. The ACD tells those who watch; its offers are withdrawn.
    pub fn leave(&mut self, caller: LegId, why: Left, now_ms: u64) {
        self.clock.advance(now_ms);
        let Some(entry) = self.callers.get(&caller).copied() else { return };
        let departure = match why {
            Left::HungUp => Departure::HungUp,
            Left::Moved => Departure::Moved(None),
            Left::Exited(key) => Departure::Moved(Some(key)),
        };
        self.depart(entry, &departure);
        self.settle();
    }

    /// A caller has pressed a key: the queue's exit key means something. Of its callback key see
    /// [`Acd::callback_key`].
    pub fn key(&mut self, caller: LegId, key: char, now_ms: u64) {
        self.clock.advance(now_ms);
        let Some(id) = self.callers.get(&caller).copied() else { return };
        let Some(entry) = self.entries.get(&id) else { return };
        let Some(queue) = self.queues.get(&entry.queue) else { return };
        if queue.config.exit_key == Some(key) {
            self.depart(id, &Departure::SentOn(Overflow::ExitKey(key)));
        }
        self.settle();
    }

    /// The key by which a caller who waits asks to be called back, and the number that it has shown.
    #[must_use]
    pub fn callback_key(&self, caller: LegId) -> Option<(char, &str)> {
        let entry = self.entries.get(self.callers.get(&caller)?)?;
        let key = self.queues.get(&entry.queue)?.config.callback_key?;
        Some((key, &entry.number))
    }

    /// Whether this leg waits in a queue, and in which.
    #[must_use]
    pub fn queue_of(&self, caller: LegId) -> Option<&offhook_model::QueueId> {
        let entry = self.entries.get(self.callers.get(&caller)?)?;
        self.queues.get(&entry.queue).map(|queue| &queue.config.id)
    }

    /// Takes a stay out of everything but its offers, which the caller of this ends.
    pub(crate) fn take_entry(&mut self, id: EntryId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        if let Some(caller) = entry.caller {
            self.callers.remove(&caller);
        }
        if let Some(queue) = self.queues.get_mut(&entry.queue) {
            queue.order.remove(&entry.place());
            queue.waiting.remove(&entry.place());
            queue.callers -= usize::from(entry.caller.is_some());
        }
        for timer in [
            Timer::Sticky(id),
            Timer::Relax(id),
            Timer::Retry(id),
            Timer::MaxWait(id),
            Timer::Announce(id),
            Timer::Comfort(id),
            Timer::CallAgain(id),
        ] {
            self.timers.cancel(timer);
        }
        self.unserved.remove(&id);
        self.changed_queues.insert(entry.queue);
        self.check_empty(entry.queue);
        Some(entry)
    }

    /// A stay ends without an answer.
    pub(crate) fn depart(&mut self, id: EntryId, departure: &Departure) {
        let now_ms = self.now_ms();
        self.unplace(id);
        let Some(entry) = self.entries.get(&id) else { return };
        let Some(queue) = self.queues.get(&entry.queue) else { return };
        let position = queue.position(entry.place());
        let stay = Stay { position, waited_ms: entry.waited_ms(now_ms) };
        let Some(entry) = self.take_entry(id) else { return };
        match departure {
            Departure::HungUp => self.abandon(&entry, &stay),
            Departure::Moved(key) => self.transfer_out(&entry, &stay, *key),
            Departure::SentOn(why) => self.overflow(&entry, &stay, *why),
        }
        self.withdraw_all(&entry, WithdrawReason::CallerLeft);
    }

    fn abandon(&mut self, entry: &Entry, stay: &Stay) {
        let Some(queue) = self.queues.get_mut(&entry.queue) else { return };
        let within = |seconds: u32| stay.waited_ms <= u64::from(seconds) * 1_000;
        let short_abandon_s = queue.config.short_abandon_s;
        let is_short = entry.caller.is_some() && short_abandon_s > 0 && within(short_abandon_s);
        let within_sl = !is_short && within(queue.config.service_level_s);
        queue.today.short_abandoned += u64::from(is_short);
        queue.today.abandoned += u64::from(!is_short);
        queue.today.abandoned_within_sl += u64::from(within_sl);
        let event = QueueEvent::Abandoned {
            queue: queue.config.id.clone(),
            entry: entry.id,
            call: entry.call,
            position: stay.position,
            joined_position: entry.joined_position,
            waited_ms: stay.waited_ms,
            is_short,
        };
        self.tell(event);
    }

    fn transfer_out(&mut self, entry: &Entry, stay: &Stay, key: Option<char>) {
        let Some(queue) = self.queues.get_mut(&entry.queue) else { return };
        queue.today.transferred_out += 1;
        let event = QueueEvent::TransferredOut {
            queue: queue.config.id.clone(),
            entry: entry.id,
            call: entry.call,
            position: stay.position,
            waited_ms: stay.waited_ms,
            key,
        };
        self.tell(event);
    }

    fn overflow(&mut self, entry: &Entry, stay: &Stay, why: Overflow) {
        let Some(queue) = self.queues.get_mut(&entry.queue) else { return };
        queue.today.overflowed += 1;
        let (name, target) = (queue.config.id.clone(), queue.config.overflow.clone());
        self.tell(QueueEvent::Overflowed {
            queue: name.clone(),
            entry: entry.id,
            call: entry.call,
            position: stay.position,
            joined_position: entry.joined_position,
            waited_ms: stay.waited_ms,
            target: target.clone(),
            why,
        });
        self.outputs.push_back(match entry.caller {
            Some(caller) => Output::SendOn { caller, queue: name, target, why },
            None => {
                let number = entry.number.clone();
                Output::CallbackDropped { entry: entry.id, queue: name, number, why }
            }
        });
    }

    /// A supervisor gives a caller another position, from 1. It takes the priority of who is there; beyond
    /// the end is the end.
    ///
    /// # Errors
    /// When the caller waits in no queue.
    pub fn move_caller(
        &mut self,
        caller: LegId,
        position: usize,
        now_ms: u64,
    ) -> Result<(), NotWaiting> {
        self.clock.advance(now_ms);
        let id = self.callers.get(&caller).copied().ok_or(NotWaiting::Caller(caller))?;
        let ix = self.entries.get(&id).map_or(QueueIx(0), |entry| entry.queue);
        let Some(queue) = self.queues.get(&ix) else { return Ok(()) };
        let mut order: Vec<EntryId> = queue.order.iter().map(|place| place.entry).collect();
        let Some(from) = order.iter().position(|other| *other == id) else { return Ok(()) };
        let to = position.saturating_sub(1).min(order.len() - 1);
        let there = order[to];
        order.remove(from);
        order.insert(to, id);
        if from != to {
            self.place_between(id, &order, to, there);
            self.tell_position(id, to + 1);
        }
        self.settle();
        Ok(())
    }

    /// Gives an entry a place between its neighbours in this order, with the priority of who was there.
    fn place_between(&mut self, id: EntryId, order: &[EntryId], to: usize, there: EntryId) {
        let priority = self.entries.get(&there).map_or(0, |entry| entry.priority);
        let spot_of = |other: Option<&EntryId>| {
            let entry = self.entries.get(other?)?;
            (entry.priority == priority).then_some(entry.at)
        };
        let before = spot_of(to.checked_sub(1).and_then(|before| order.get(before)));
        let after = spot_of(order.get(to + 1));
        let spot = match (before, after) {
            (Some(before), Some(after)) => Spot::between(before, after),
            (Some(before), None) => Some(before.just_after()),
            (None, Some(after)) => Some(after.just_before()),
            (None, None) => self.entries.get(&id).map(|entry| entry.at),
        };
        match spot {
            Some(spot) => self.put_at(id, priority, spot),
            None => self.space_out(order, priority, id),
        }
    }

    /// Gives all of one priority places of their own again, in this order.
    fn space_out(&mut self, order: &[EntryId], priority: i32, moved: EntryId) {
        let is_alike = |id: &&EntryId| {
            **id == moved || self.entries.get(id).is_some_and(|entry| entry.priority == priority)
        };
        let alike: Vec<EntryId> = order.iter().filter(is_alike).copied().collect();
        let spots = alike.iter().filter_map(|id| self.entries.get(id)).map(|entry| entry.at);
        let mut spot = spots.min().unwrap_or_default();
        for id in alike {
            self.put_at(id, priority, spot);
            spot = spot.just_after();
        }
    }

    fn put_at(&mut self, id: EntryId, priority: i32, spot: Spot) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let Some(queue) = self.queues.get_mut(&entry.queue) else { return };
        queue.order.remove(&entry.place());
        let was_waiting = queue.waiting.remove(&entry.place());
        (entry.priority, entry.at) = (priority, spot);
        queue.order.insert(entry.place());
        if was_waiting {
            queue.waiting.insert(entry.place());
        }
    }

    fn tell_position(&mut self, id: EntryId, position: usize) {
        let Some(entry) = self.entries.get(&id) else { return };
        let (queue, call): (QueueIx, CallKey) = (entry.queue, entry.call);
        let name = self.queue_name(queue);
        self.changed_queues.insert(queue);
        self.tell(QueueEvent::PositionChanged { queue: name, entry: id, call, position });
    }
}
