//! The ACD's outputs: whether each was expected, or allowed; and what must hold when an input is over.

use super::{Checked, End, Expected, RefAgent, RefEntry, RefOffer, RefQueue, Reference};
use super::{agent_no, ms, queue_no};
use offhook_acd::{EntryId, OfferId, Output, Overflow, QueueEvent};
use offhook_model::{AgentState, LegId, Strategy};
use std::cmp::Reverse;

impl Reference {
    pub fn apply(&mut self, output: &Output) -> Checked {
        match output {
            Output::Offer { offer, entry, caller, call, agent, ring_ms, queue, .. } => {
                self.check_offer(*entry, *caller, agent_no(agent), queue_no(queue))?;
                self.take_offer(*offer, *entry, agent_no(agent), call.0, *ring_ms);
                Ok(())
            }
            Output::Withdraw { offer, .. } => {
                let too_late = self.expected.too_late.take_if(|late| late == offer).is_some();
                let index = self.expected.withdrawn.iter().position(|known| known == offer);
                ensure!(too_late || index.is_some(), "{offer} is withdrawn for no reason");
                if let Some(index) = index.filter(|_| !too_late) {
                    self.expected.withdrawn.swap_remove(index);
                }
                Ok(())
            }
            Output::Connect { offer, entry, .. } | Output::CallBack { offer, entry, .. } => {
                let is_expected = self.expected.connect == Some((*offer, *entry));
                ensure!(is_expected, "{offer} connects {entry}, which nobody has answered");
                self.expected.connect = None;
                Ok(())
            }
            Output::SendOn { caller, why, .. } => {
                let no_queue = self.expected.no_queue.take_if(|leg| leg == caller).is_some();
                let sent = self.expected.send_on.iter().position(|leg| leg == caller);
                ensure!(no_queue || sent.is_some(), "{caller} is sent on: {why:?}");
                if let Some(index) = sent.filter(|_| !no_queue) {
                    self.expected.send_on.swap_remove(index);
                }
                Ok(())
            }
            Output::CallbackTaken { entry, .. } => {
                ensure!(self.expected.callback == Some(*entry), "{entry} asked for no callback");
                self.expected.callback = None;
                Ok(())
            }
            Output::CallbackDropped { entry, .. } => {
                let index = self.expected.drop_callback.iter().position(|known| known == entry);
                ensure!(index.is_some(), "{entry} is dropped");
                self.expected.drop_callback.swap_remove(index.unwrap_or(0));
                Ok(())
            }
            Output::StatusChanged { agent, .. } => {
                let index = self.expected.away.iter().position(|no| *no == agent_no(agent));
                ensure!(index.is_some(), "{agent} is made away");
                self.expected.away.swap_remove(index.unwrap_or(0));
                Ok(())
            }
            Output::Announce { caller, .. } => {
                let is_there =
                    self.legs.contains_key(caller) || self.expected.send_on.contains(caller);
                ensure!(is_there, "{caller} has left and is told something");
                Ok(())
            }
            Output::Event(event) => self.apply_event(event),
            Output::AgentChanged(_) | Output::QueueChanged(_) => Ok(()),
        }
    }

    fn apply_event(&mut self, event: &QueueEvent) -> Checked {
        let (entry, end) = match event {
            QueueEvent::Joined { entry, .. } => return self.take_in(*entry),
            QueueEvent::Answered { entry, .. } => (entry, End::Answered),
            QueueEvent::Abandoned { entry, .. } => (entry, End::Abandoned),
            QueueEvent::TransferredOut { entry, .. } => (entry, End::Moved),
            QueueEvent::Overflowed { entry, why, .. } => (entry, End::Overflowed(*why)),
            _ => return Ok(()),
        };
        // Who is to go for having waited too long may as well go for want of agents.
        let is_it = |(known, expected): &(EntryId, End)| {
            let by_time =
                |end: &End| matches!(end, End::Overflowed(Overflow::MaxWait | Overflow::Empty));
            known == entry && (*expected == end || (by_time(expected) && by_time(&end)))
        };
        let index = self.expected.ends.iter().position(is_it);
        ensure!(index.is_some(), "{entry} ends as {end:?}, expected: {:?}", self.expected.ends);
        self.expected.ends.swap_remove(index.unwrap_or(0));
        Ok(())
    }

    /// The ACD has given a number to who joins.
    fn take_in(&mut self, id: EntryId) -> Checked {
        let Some(join) = self.expected.join.take() else { return Err(format!("{id} joins")) };
        let no = queue_no(&join.queue);
        let joined_ms = join.joined_at_ms.map_or(self.now_ms, |at_ms| self.inside(at_ms));
        let last = join.last_agent.as_ref().map(agent_no);
        let queue = self.queues[no].as_ref().expect("it is there");
        let sticky = last.filter(|last| {
            let is_willing = self.agent(*last).is_some_and(RefAgent::is_willing);
            queue.config.sticky_s > 0 && queue.level(*last).is_some() && is_willing
        });
        let is_full =
            queue.config.max_size > 0 && queue.order.len() >= queue.config.max_size as usize;
        let entry = RefEntry {
            leg: Some(join.caller),
            queue: no,
            priority: join.priority,
            joined_ms: joined_ms.min(self.now_ms),
            skills: join.skills,
            relaxed: 0,
            sticky: sticky.map(|last| (last, self.now_ms + ms(queue.config.sticky_s))),
            failed: Vec::new(),
            offers: Vec::new(),
            rung: None,
            is_overdue: false,
            was_moved: false,
            number: join.number,
            placed: None,
            tries: 0,
            again_ms: None,
        };
        let is_empty = self.lacks_agents(no, queue.config.join_when_empty);
        let place = |id: EntryId, entry: &RefEntry| (Reverse(entry.priority), entry.joined_ms, id);
        let own = place(id, &entry);
        let is_after = |other: &EntryId| place(*other, &self.entries[other]) > own;
        let index = queue.order.iter().position(is_after).unwrap_or(queue.order.len());
        let queue = self.queues[no].as_mut().expect("it is there");
        queue.order.insert(index, id);
        queue.counts.joined += 1;
        self.legs.insert(join.caller, id);
        self.entries.insert(id, entry);
        self.touched_entries.push(id);
        if is_full {
            self.end(id, End::Overflowed(Overflow::Full));
        } else if is_empty {
            self.end(id, End::Overflowed(Overflow::Empty));
        }
        Ok(())
    }

    /// Whether places were given by hand, so that the model has to ask where somebody new stands.
    pub fn has_moved(&self, no: usize) -> bool {
        let order = self.queue(no).into_iter().flat_map(|queue| &queue.order);
        order.into_iter().any(|id| self.entries[id].was_moved)
    }

    /// Takes over the ACD's order, in which nobody may have changed places but who has just come.
    pub fn take_order(&mut self, no: usize, actual: &[EntryId], new: Option<EntryId>) -> Checked {
        let queue = self.queues[no].as_mut().expect("it is there");
        let others = |order: &[EntryId]| -> Vec<EntryId> {
            order.iter().filter(|id| Some(**id) != new).copied().collect()
        };
        let (known, actual_others) = (others(&queue.order), others(actual));
        ensure!(known == actual_others, "the order is {actual_others:?}, expected {known:?}");
        queue.order = actual.to_vec();
        Ok(())
    }

    fn take_offer(&mut self, id: OfferId, entry_id: EntryId, no: usize, call: u32, ring_ms: u64) {
        let now_ms = self.now_ms;
        let entry = &self.entries[&entry_id];
        let group = self.group(self.queue(entry.queue).expect("checked"), no);
        let entry = self.entries.get_mut(&entry_id).expect("checked");
        entry.offers.push(id);
        entry.rung = Some(entry.rung.map_or(group, |rung| rung.min(group)));
        self.agent_mut(no).expect("checked").offer = Some(id);
        let offer =
            RefOffer { entry: entry_id, agent: no, call, made_ms: now_ms, rings: false, ring_ms };
        self.offers.insert(id, offer);
    }

    fn group(&self, queue: &RefQueue, no: usize) -> (bool, u32) {
        let is_busy = self.agent(no).is_some_and(|agent| !agent.calls.is_empty());
        (is_busy, queue.level(no).map_or(u32::MAX, |(level, _)| level))
    }

    /// Whether a caller could be offered to this agent at this moment.
    fn fits(&self, id: EntryId, no: usize) -> bool {
        let Some(agent) = self.agent(no).filter(|agent| agent.is_idle()) else { return false };
        let entry = &self.entries[&id];
        let Some(queue) = self.queue(entry.queue) else { return false };
        let is_open = match entry.rung {
            None => true,
            Some(rung) => {
                queue.config.strategy == Strategy::RingAll && self.group(queue, no) <= rung
            }
        };
        let is_open = is_open && !entry.is_overdue;
        let is_open = is_open && entry.placed.is_none() && entry.again_ms.is_none();
        is_open && queue.level(no).is_some() && entry.suits(&queue.config, no, &agent.config)
    }

    fn check_offer(&self, id: EntryId, leg: Option<LegId>, no: usize, queue: usize) -> Checked {
        let Some(entry) = self.entries.get(&id) else {
            return Err(format!("{id} has left and is offered"));
        };
        ensure!(entry.leg == leg && entry.queue == queue, "the offer of {id} names another");
        ensure!(!entry.is_overdue, "{id} is overdue");
        let agent = self.agent(no);
        ensure!(agent.is_some_and(|agent| agent.offer.is_none()), "a{no} has an offer already");
        ensure!(self.fits(id, no), "a{no} may not be asked for {id}");
        let row = self.queue(queue).expect("entries have queues");
        let asked = self.merit(row, id, no);
        for (other, ..) in row.seats.iter().filter(|(other, ..)| *other != no) {
            if self.fits(id, *other) {
                let better = self.merit(row, id, *other);
                ensure!(asked <= better, "a{no} {asked:?} is asked before a{other} {better:?}");
            }
        }
        self.check_turn(id, no)
    }

    /// What the strategy goes by: less comes first.
    fn merit(&self, queue: &RefQueue, id: EntryId, no: usize) -> ((bool, u32), u64, u64) {
        let agent = self.agent(no).expect("it is idle");
        let group = self.group(queue, no);
        let position = queue.level(no).map_or(0, |(_, position)| u64::from(position));
        let (first, second) = match queue.config.strategy {
            Strategy::RingAll | Strategy::RoundRobin | Strategy::Random => (0, 0),
            Strategy::LongestIdle => (agent.idle_since_ms, position),
            Strategy::FewestCalls => (agent.answered, agent.idle_since_ms),
            // Of who is on a call, the talk up to its last change counts.
            Strategy::LeastTalkTime if group.0 => (0, 0),
            Strategy::LeastTalkTime => (agent.talked_ms, agent.idle_since_ms),
            Strategy::TopDown => (position, 0),
            Strategy::SkillBased => {
                let needs = self.entries[&id].needs(&queue.config);
                let has = |skill| u64::from(agent.config.skills.get(skill).copied().unwrap_or(0));
                (1_000 - needs.keys().map(has).sum::<u64>(), agent.idle_since_ms)
            }
        };
        (group, first, second)
    }

    /// Nobody may come before this caller for this agent.
    fn check_turn(&self, id: EntryId, no: usize) -> Checked {
        let entry = &self.entries[&id];
        let own_weight = self.queue(entry.queue).map_or(0, |queue| queue.config.weight);
        let place = |id: EntryId, entry: &RefEntry| (Reverse(entry.priority), entry.joined_ms, id);
        for other_no in &self.agent(no).expect("checked").queues {
            let other_queue = self.queue(*other_no).expect("agents serve queues that are there");
            if other_queue.config.weight < own_weight {
                continue;
            }
            for other in &other_queue.order {
                let other_entry = &self.entries[other];
                if *other_no == entry.queue && *other == id {
                    break;
                }
                let is_before = *other_no == entry.queue
                    || other_queue.config.weight > own_weight
                    || (!entry.was_moved
                        && !other_entry.was_moved
                        && place(*other, other_entry) < place(id, entry));
                let comes_first = is_before && self.fits(*other, no);
                ensure!(!comes_first, "a{no} is asked for {id} before {other}");
            }
        }
        Ok(())
    }

    /// The input is over: everything has come that had to.
    pub fn finish(&mut self) -> Checked {
        let Expected {
            join,
            no_queue,
            ends,
            send_on,
            drop_callback,
            withdrawn,
            too_late,
            connect,
            callback,
            away,
        } = std::mem::take(&mut self.expected);
        ensure!(ends.is_empty(), "not told to be over: {ends:?}");
        ensure!(send_on.is_empty() && no_queue.is_none(), "not sent on: {send_on:?} {no_queue:?}");
        ensure!(withdrawn.is_empty(), "rung on: {withdrawn:?}");
        ensure!(too_late.is_none(), "answered too late and not told so: {too_late:?}");
        ensure!(connect.is_none(), "answered and not connected: {connect:?}");
        ensure!(callback.is_none() && drop_callback.is_empty(), "no callback: {callback:?}");
        ensure!(away.is_empty() && join.is_none(), "not away: {away:?}, not joined: {join:?}");
        for no in 0..self.queues.len() {
            let is_deserted = self.is_deserted(no);
            let (now_ms, entries) = (self.now_ms, &self.entries);
            let Some(queue) = self.queues[no].as_mut() else { continue };
            let has_callers = queue.order.iter().any(|id| entries[id].leg.is_some());
            let since_ms = queue.deserted_since_ms.unwrap_or(now_ms);
            queue.deserted_since_ms = (is_deserted && has_callers).then_some(since_ms);
        }
        Ok(())
    }

    /// The same as [`Self::check_waiting`], of those for whom something has changed.
    pub fn check_touched(&mut self) -> Checked {
        let agents = std::mem::take(&mut self.touched_agents);
        let entries = std::mem::take(&mut self.touched_entries);
        for no in agents {
            let Some(agent) = self.agent(no).filter(|agent| agent.is_idle()) else { continue };
            let queues = agent.queues.iter().filter_map(|queue| self.queue(*queue));
            for id in queues.flat_map(|queue| &queue.order) {
                ensure!(!self.fits(*id, no), "{id} waits beside a{no}");
            }
        }
        for id in entries {
            let entry = self.entries.get(&id);
            let queue = entry.and_then(|entry| self.queue(entry.queue));
            for (no, ..) in queue.into_iter().flat_map(|queue| &queue.seats) {
                ensure!(!self.fits(id, *no), "{id} waits beside a{no}");
            }
        }
        Ok(())
    }

    /// Nobody waits beside somebody who could take the call.
    pub fn check_waiting(&self, no: usize) -> Checked {
        let Some(queue) = self.queue(no).filter(|queue| !queue.order.is_empty()) else {
            return Ok(());
        };
        for (agent, ..) in &queue.seats {
            if !self.agent(*agent).is_some_and(RefAgent::is_idle) {
                continue;
            }
            for id in &queue.order {
                ensure!(!self.fits(*id, *agent), "{id} waits in q{no} beside a{agent}");
            }
        }
        Ok(())
    }

    /// No offer without a caller who waits and an agent who may have it.
    pub fn check_offers(&self) -> Checked {
        for (id, offer) in &self.offers {
            let agent = self.agent(offer.agent);
            let is_right = agent.is_some_and(|a| a.offer == Some(*id) && a.may_have_an_offer());
            ensure!(is_right, "{id} rings a{} who may not have it", offer.agent);
            let entry = self.entries.get(&offer.entry);
            let waits = entry.is_some_and(|entry| entry.offers.contains(id));
            ensure!(waits, "{id} rings for {}, which has left", offer.entry);
        }
        Ok(())
    }

    pub fn state(&self, no: usize) -> AgentState {
        let Some(agent) = self.agent(no) else { return AgentState::Offline };
        match agent.offer {
            Some(offer) if self.offers[&offer].rings => AgentState::Ringing,
            Some(_) => AgentState::Reserved,
            None => agent.works(),
        }
    }
}
