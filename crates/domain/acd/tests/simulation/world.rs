//! The world around an ACD: callers who come and hang up, devices that ring, are answered or lost, agents who
//! take breaks, administrators who change the configuration, clocks that are set.

use crate::reference::{Checked, Reference, number};
use crate::settings::{self, Size};
use offhook_acd::{Acd, CallKey, EntryId, Join, Left, OfferFailure, OfferId, Output, QueueEvent};
use offhook_model::{Agent, AgentId, AgentStatus, LegId, Queue, QueueId};
use offhook_testkit::Rng;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Where the clock stands in the beginning.
const START_MS: u64 = 1_800_000_000_000;
/// Everything happens on a grid, so that much happens at the same time.
const GRID_MS: u64 = 50;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    Timeouts,
    Arrive,
    HangUp(LegId),
    Key(LegId, char),
    Ring(OfferId),
    Answer(OfferId),
    Fail(OfferId, u8),
    EndCall(usize, u32),
    CalledBack(EntryId, bool),
    Hold(usize, u32, bool),
    Disturb,
}

pub struct World {
    acd: Acd,
    reference: Reference,
    rng: Rng,
    size: Size,
    queues: BTreeMap<QueueId, Queue>,
    agents: BTreeMap<AgentId, Agent>,
    actions: BinaryHeap<Reverse<(u64, u64, Action)>>,
    scheduled: u64,
    /// Time as it passes, and by how much the clock is off.
    time_ms: u64,
    clock_off_ms: i64,
    /// By how much the next timeout is late.
    lateness_ms: u64,
    next_leg: u32,
    arrive_every_ms: u64,
    newest_entry: Option<EntryId>,
    pub joined: u32,
    pub steps: u64,
    pub snapshots: u64,
    history: Vec<String>,
}

impl World {
    pub fn new(seed: u64, size: Size) -> Self {
        let mut rng = Rng::seeded(seed);
        let (queues, agents) = settings::draw(&mut rng, size);
        let mut world = Self {
            acd: Acd::new(seed),
            reference: Reference::default(),
            size,
            arrive_every_ms: size.arrive_every_ms(&mut rng),
            rng,
            queues,
            agents,
            actions: BinaryHeap::new(),
            scheduled: 0,
            time_ms: START_MS,
            clock_off_ms: 0,
            lateness_ms: 0,
            next_leg: 0,
            newest_entry: None,
            joined: 0,
            steps: 0,
            snapshots: 0,
            history: Vec::new(),
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        self.reference.clock(self.now_ms());
        self.configure().expect("the first configuration");
        for no in 0..self.size.agents() {
            if self.rng.chance(0.9) {
                self.reach(no, true).expect("a device");
                self.set_status(no, AgentStatus::Online).expect("a status");
            }
        }
        self.schedule(0, Action::Arrive);
        self.schedule(1_000, Action::Disturb);
    }

    fn now_ms(&self) -> u64 {
        self.time_ms.saturating_add_signed(self.clock_off_ms)
    }

    fn schedule(&mut self, after_ms: u64, action: Action) {
        self.scheduled += 1;
        let at_ms = (self.time_ms + after_ms).next_multiple_of(GRID_MS);
        self.actions.push(Reverse((at_ms, self.scheduled, action)));
    }

    /// Lets callers come until so many have joined, then until all are gone; checks after every step.
    pub fn run(&mut self, callers: u32) -> Checked {
        while self.joined < callers || !self.reference.entries.is_empty() {
            if self.joined >= callers {
                self.wind_down()?;
            }
            let Some(action) = self.next_action() else { break };
            let said = format!("{} {action:?}", self.time_ms - START_MS);
            self.steps += 1;
            let checked = self.perform(action);
            self.remember(said);
            checked.and_then(|()| self.check()).map_err(|why| self.report(&why))?;
        }
        Ok(())
    }

    fn remember(&mut self, said: String) {
        if self.history.len() >= 60 {
            self.history.drain(..30);
        }
        self.history.push(said);
    }

    fn report(&self, why: &str) -> String {
        let history = self.history.join("\n  ");
        format!("step {}: {why}\n  {history}", self.steps)
    }

    /// Nobody comes any more: who waits for good, as callbacks may, is let go.
    fn wind_down(&mut self) -> Checked {
        let callbacks = self.reference.entries.iter().filter(|(_, entry)| entry.leg.is_none());
        for entry in callbacks.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.cancel_callback(entry)?;
        }
        Ok(())
    }

    /// What happens next: a timeout, when it is due or a little later, or what was scheduled.
    fn next_action(&mut self) -> Option<Action> {
        let due_ms = self.acd.poll_timeout().map(|due_ms| {
            let due_ms = due_ms.saturating_add_signed(-self.clock_off_ms);
            due_ms.max(self.time_ms) + self.lateness_ms
        });
        let action_ms = self.actions.peek().map(|Reverse((at_ms, ..))| *at_ms);
        match (due_ms, action_ms) {
            (Some(due_ms), Some(action_ms)) if due_ms <= action_ms => self.time_out(due_ms),
            (Some(due_ms), None) => self.time_out(due_ms),
            _ => {
                let Reverse((at_ms, _, action)) = self.actions.pop()?;
                self.lateness_ms = self.lateness_ms.saturating_sub(at_ms - self.time_ms);
                self.time_ms = at_ms;
                Some(action)
            }
        }
    }

    fn time_out(&mut self, at_ms: u64) -> Option<Action> {
        self.time_ms = at_ms;
        self.lateness_ms = if self.rng.chance(0.1) { self.rng.below(200) } else { 0 };
        Some(Action::Timeouts)
    }

    fn perform(&mut self, action: Action) -> Checked {
        match action {
            Action::Timeouts => self.timeouts(),
            Action::Arrive => self.arrive(),
            Action::HangUp(leg) => self.leave(leg, Left::HungUp),
            Action::Key(leg, key) => self.key(leg, key),
            Action::Ring(offer) => self.ring(offer),
            Action::Answer(offer) => self.answer(offer),
            Action::Fail(offer, why) => self.fail(offer, why),
            Action::EndCall(agent, call) => self.end_call(agent, call),
            Action::CalledBack(entry, is_reached) => self.called_back(entry, is_reached),
            Action::Hold(agent, call, is_on_hold) => self.hold(agent, call, is_on_hold),
            Action::Disturb => self.disturb(),
        }
    }

    /// Takes the outputs, which the model checks and the devices act upon.
    fn drain(&mut self) -> Checked {
        while let Some(output) = self.acd.poll_output() {
            self.reference.apply(&output)?;
            match output {
                Output::Offer { offer, callback, .. } => self.devices(offer, callback.is_some()),
                Output::Connect { call, agent, .. } => self.talk(number(&agent.0), call.0),
                Output::CallBack { entry, call, agent, .. } => {
                    self.talk(number(&agent.0), call.0);
                    self.call_back(entry);
                }
                Output::Event(QueueEvent::Joined { entry, .. }) => self.newest_entry = Some(entry),
                _ => {}
            }
        }
        self.reference.finish()
    }

    fn talk(&mut self, agent: usize, call: u32) {
        let talk_ms = self.rng.below(2 * self.size.talk_ms());
        if self.rng.chance(0.1) {
            self.schedule(talk_ms / 3, Action::Hold(agent, call, true));
            self.schedule(talk_ms / 2, Action::Hold(agent, call, false));
        }
        self.schedule(talk_ms, Action::EndCall(agent, call));
    }

    /// What an agent's devices make of an offer.
    fn devices(&mut self, offer: OfferId, is_callback: bool) {
        if is_callback {
            self.next_leg += 1;
            let call = self.next_leg;
            self.acd.begin_callback(offer, CallKey(call)).expect("it was just made");
            self.reference.begin_callback(offer, call);
        }
        let ring_ms = self.rng.below(2_000);
        let is_rung = self.rng.chance(0.95);
        if is_rung {
            self.schedule(ring_ms, Action::Ring(offer));
        }
        let then_ms = self.rng.below(12_000);
        match self.rng.below(100) {
            // Some devices answer before they ring, and some too late.
            0..60 => self.schedule(ring_ms + then_ms / 4, Action::Answer(offer)),
            60..75 => self.schedule(then_ms, Action::Answer(offer)),
            75..80 => self.schedule(18_000 + then_ms, Action::Answer(offer)),
            80..94 => {
                let why = u8::try_from(self.rng.below(4)).unwrap_or(0);
                self.schedule(then_ms, Action::Fail(offer, why));
            }
            _ => {}
        }
    }

    /// What becomes of the call to somebody who is called back. Some agents do not wait for that.
    fn call_back(&mut self, entry: EntryId) {
        let (after_ms, is_reached) = (self.rng.below(20_000), self.rng.chance(0.4));
        self.schedule(after_ms, Action::CalledBack(entry, is_reached));
    }

    fn called_back(&mut self, entry: EntryId, is_reached: bool) -> Checked {
        let now_ms = self.now_ms();
        self.reference.clock(now_ms);
        if is_reached {
            self.reference.callback_answered(entry);
            self.acd.callback_answered(entry, now_ms);
        } else {
            self.reference.callback_failed(entry);
            self.acd.callback_failed(entry, now_ms);
        }
        self.drain()
    }

    fn timeouts(&mut self) -> Checked {
        let now_ms = self.now_ms();
        self.reference.clock(now_ms);
        self.reference.timeouts();
        self.acd.handle_timeout(now_ms);
        self.drain()
    }

    fn arrive(&mut self) -> Checked {
        if self.joined >= self.size.callers() {
            return Ok(());
        }
        let next_ms = self.rng.below(2 * self.arrive_every_ms);
        self.schedule(next_ms, Action::Arrive);
        self.next_leg += 1;
        let leg = LegId(self.next_leg.into());
        let join = self.draw_join(leg);
        let patience_ms = match self.rng.below(10) {
            0 => self.rng.below(300),
            1..8 => self.rng.below(60_000),
            _ => self.rng.below(600_000),
        };
        self.schedule(patience_ms, Action::HangUp(leg));
        if self.rng.chance(0.05) {
            let key = ['#', '1', '7'][self.rng.below(3) as usize];
            let after_ms = self.rng.below(30_000);
            self.schedule(after_ms, Action::Key(leg, key));
        }
        self.join(&join)
    }

    fn draw_join(&mut self, leg: LegId) -> Join {
        let rng = &mut self.rng;
        let skilled = rng.chance(0.1);
        let again = rng.chance(0.2);
        let kept = rng.chance(0.05);
        let queues = self.size.queues() as u64 + u64::from(rng.chance(0.01));
        Join {
            caller: leg,
            call: CallKey(leg.0 as u32),
            queue: QueueId(format!("q{}", rng.below(queues))),
            number: format!("55501{:02}", rng.below(40)),
            priority: if rng.chance(0.1) { rng.below(3) as i32 - 1 } else { 0 },
            skills: if skilled { settings::skills(rng, 6) } else { BTreeMap::new() },
            last_agent: again
                .then(|| AgentId(format!("a{}", rng.below(self.size.agents() as u64)))),
            joined_at_ms: kept.then(|| {
                let before_ms = rng.below(60_000);
                self.time_ms.saturating_add_signed(self.clock_off_ms) - before_ms
            }),
        }
    }

    fn join(&mut self, join: &Join) -> Checked {
        let now_ms = self.now_ms();
        let queue = number(&join.queue.0);
        self.reference.clock(now_ms);
        let has_moved = self.reference.has_moved(queue);
        self.reference.join(join);
        self.newest_entry = None;
        self.acd.join(join.clone(), now_ms);
        self.joined += 1;
        self.drain()?;
        self.check_queue(&join.queue, has_moved)
    }

    fn leave(&mut self, leg: LegId, why: Left) -> Checked {
        let now_ms = self.now_ms();
        self.reference.clock(now_ms);
        self.reference.leave(leg, why);
        self.acd.leave(leg, why, now_ms);
        self.drain()
    }

    fn cancel_callback(&mut self, entry: EntryId) -> Checked {
        let now_ms = self.now_ms();
        self.reference.clock(now_ms);
        self.reference.cancel_callback(entry);
        self.acd.cancel_callback(entry, now_ms).map_err(|why| why.to_string())?;
        self.drain()
    }

    fn key(&mut self, leg: LegId, key: char) -> Checked {
        let now_ms = self.now_ms();
        self.reference.clock(now_ms);
        let asked = self.acd.callback_key(leg).filter(|(wanted, _)| *wanted == key);
        if let Some(number) = asked.map(|(_, number)| number.to_owned()) {
            return self.request_callback(leg, &number);
        }
        self.reference.key(leg, key);
        self.acd.key(leg, key, now_ms);
        self.drain()
    }

    fn request_callback(&mut self, leg: LegId, number: &str) -> Checked {
        let may = self.reference.request_callback(leg, number);
        let asked = self.acd.request_callback(leg, number, self.now_ms());
        if asked.is_ok() != may {
            return Err(format!("{leg} may be called back: {may}, {asked:?}"));
        }
        self.drain()
    }

    fn ring(&mut self, offer: OfferId) -> Checked {
        let now_ms = self.now_ms();
        self.reference.clock(now_ms);
        self.reference.ringing(offer);
        self.acd.offer_ringing(offer, now_ms);
        self.drain()
    }

    fn answer(&mut self, offer: OfferId) -> Checked {
        // Another of the same caller's agents may answer in the same millisecond.
        let entry = self.reference.offers.get(&offer).map(|offer| offer.entry);
        let rivals = entry.and_then(|entry| self.reference.entries.get(&entry));
        let rival = rivals.and_then(|entry| entry.offers.iter().find(|other| **other != offer));
        let rival = rival.copied().filter(|_| self.rng.chance(0.5));
        for offer in [Some(offer), rival].into_iter().flatten() {
            let now_ms = self.now_ms();
            self.reference.clock(now_ms);
            self.reference.answered(offer);
            self.acd.offer_answered(offer, now_ms);
            self.drain()?;
        }
        Ok(())
    }

    fn fail(&mut self, offer: OfferId, why: u8) -> Checked {
        let why = match why {
            0 => OfferFailure::Refused,
            1 => OfferFailure::Unreachable,
            2 => OfferFailure::NoAnswer,
            _ => OfferFailure::Fault,
        };
        let now_ms = self.now_ms();
        self.reference.clock(now_ms);
        self.reference.failed(offer, why);
        self.acd.offer_failed(offer, why, now_ms);
        self.drain()
    }

    fn end_call(&mut self, no: usize, call: u32) -> Checked {
        let now_ms = self.now_ms();
        self.reference.clock(now_ms);
        self.reference.end_call(no, call);
        self.acd.end_call(&name(no), CallKey(call), now_ms);
        self.drain()
    }

    fn hold(&mut self, no: usize, call: u32, is_on_hold: bool) -> Checked {
        let now_ms = self.now_ms();
        self.reference.clock(now_ms);
        self.reference.hold(no, call, is_on_hold);
        self.acd.hold(&name(no), CallKey(call), is_on_hold, now_ms);
        self.drain()
    }

    fn reach(&mut self, no: usize, is_reachable: bool) -> Checked {
        let now_ms = self.now_ms();
        self.reference.clock(now_ms);
        self.reference.set_reachable(no, is_reachable);
        self.acd.set_reachable(&name(no), is_reachable, now_ms);
        self.drain()
    }

    fn set_status(&mut self, no: usize, status: AgentStatus) -> Checked {
        let now_ms = self.now_ms();
        self.reference.clock(now_ms);
        self.reference.set_status(no, status);
        let known = self.acd.set_status(&name(no), status, None, now_ms).is_ok();
        if known != self.reference.agent(no).is_some() {
            return Err(format!("a{no} is known: {known}"));
        }
        self.drain()
    }

    fn begin_call(&mut self, no: usize, call: u32) -> Checked {
        let now_ms = self.now_ms();
        self.reference.clock(now_ms);
        self.reference.begin_call(no, call);
        self.acd.begin_call(&name(no), CallKey(call), now_ms);
        self.drain()
    }

    fn configure(&mut self) -> Checked {
        let now_ms = self.now_ms();
        self.reference.clock(now_ms);
        self.reference.configure(&self.queues, &self.agents);
        self.acd.configure(&self.queues, &self.agents, now_ms);
        self.drain()
    }

    /// Something that is not a caller or a device.
    fn disturb(&mut self) -> Checked {
        let again_ms = self.rng.below(2 * self.size.disturb_every_ms());
        self.schedule(again_ms, Action::Disturb);
        let no = self.rng.below(self.size.agents() as u64) as usize;
        let kind = self.rng.below(100);
        self.remember(format!("disturbance {kind} of a{no}"));
        match kind {
            0..20 => self.change_status(no),
            20..40 => self.change_devices(no),
            40..58 => self.direct_call(no),
            58..66 => self.change_wrap_up(no),
            66..76 => self.move_somebody(),
            76..84 => self.transfer_somebody(),
            84..88 => self.change_configuration(),
            88..93 => self.restart(),
            93..97 => self.set_clock(),
            97 => self.start_day(),
            _ => self.answer_by_call(no),
        }
    }

    fn change_status(&mut self, no: usize) -> Checked {
        let is_online =
            self.reference.agent(no).is_some_and(|agent| agent.status == AgentStatus::Online);
        let away = [AgentStatus::Busy, AgentStatus::Away, AgentStatus::Offline];
        let status = if is_online { away[self.rng.below(3) as usize] } else { AgentStatus::Online };
        self.set_status(no, status)?;
        // Breaks are short, or nobody would be there.
        let others = (0..self.size.agents()).filter(|other| {
            *other != no
                && self.reference.agent(*other).is_some_and(|a| a.status != AgentStatus::Online)
        });
        match others.max_by_key(|_| self.rng.next_u64()) {
            Some(other) if self.rng.chance(0.8) => self.set_status(other, AgentStatus::Online),
            _ => Ok(()),
        }
    }

    fn change_devices(&mut self, no: usize) -> Checked {
        let is_reachable = self.reference.agent(no).is_some_and(|agent| agent.is_reachable);
        let stays = self.rng.chance(0.2);
        self.reach(no, !is_reachable || stays)?;
        let lost = (0..self.size.agents()).find(|other| {
            *other != no && self.reference.agent(*other).is_some_and(|agent| !agent.is_reachable)
        });
        match lost {
            Some(other) if self.rng.chance(0.8) => self.reach(other, true),
            _ => Ok(()),
        }
    }

    fn direct_call(&mut self, no: usize) -> Checked {
        if self.reference.agent(no).is_some_and(|agent| agent.calls.len() > 3) {
            return Ok(());
        }
        self.next_leg += 1;
        let call = self.next_leg;
        self.talk(no, call);
        self.begin_call(no, call)
    }

    /// The agent takes part in the call that it is offered before its device says so.
    fn answer_by_call(&mut self, no: usize) -> Checked {
        let offer = self.reference.agent(no).and_then(|agent| agent.offer);
        let call =
            offer.and_then(|offer| self.reference.offers.get(&offer)).map(|offer| offer.call);
        call.map_or(Ok(()), |call| self.begin_call(no, call))
    }

    fn change_wrap_up(&mut self, no: usize) -> Checked {
        let now_ms = self.now_ms();
        self.reference.clock(now_ms);
        let works = self.reference.agent(no).is_some_and(|agent| agent.wrap_until_ms.is_some());
        let changed = if self.rng.chance(0.5) {
            self.reference.finish_wrap_up(no);
            self.acd.finish_wrap_up(&name(no), now_ms)
        } else {
            self.reference.extend_wrap_up(no, 4_000);
            self.acd.extend_wrap_up(&name(no), 4_000, now_ms)
        };
        if changed.is_ok() != works {
            return Err(format!("a{no} works after a call: {works}, {changed:?}"));
        }
        self.drain()
    }

    fn somebody(&mut self) -> Option<LegId> {
        let queue = self.rng.below(self.size.queues() as u64) as usize;
        let order = &self.reference.queue(queue)?.order;
        let entry = order.get(self.rng.below(order.len() as u64) as usize)?;
        self.reference.entries.get(entry)?.leg
    }

    fn move_somebody(&mut self) -> Checked {
        let Some(leg) = self.somebody() else { return Ok(()) };
        let position = self.rng.below(12) as usize;
        let now_ms = self.now_ms();
        let queue = self.acd.queue_of(leg).cloned().ok_or("nobody waits there")?;
        self.reference.clock(now_ms);
        self.reference.move_caller(leg, position);
        self.acd.move_caller(leg, position, now_ms).map_err(|why| why.to_string())?;
        self.drain()?;
        self.newest_entry = None;
        self.check_queue(&queue, false)
    }

    fn transfer_somebody(&mut self) -> Checked {
        let Some(leg) = self.somebody() else { return Ok(()) };
        match self.rng.below(3) {
            0 => self.leave(leg, Left::Moved),
            1 => self.leave(leg, Left::Exited('5')),
            _ => {
                let join = self.draw_join(leg);
                self.join(&join)
            }
        }
    }

    fn change_configuration(&mut self) -> Checked {
        settings::change(&mut self.rng, self.size, &mut self.queues, &mut self.agents);
        self.configure()
    }

    /// The process is another one from here on.
    fn restart(&mut self) -> Checked {
        // A large world takes long to write down.
        if self.size.is_large() && self.snapshots > 20 {
            return Ok(());
        }
        self.snapshots += 1;
        let text = serde_json::to_string(&self.acd).map_err(|why| why.to_string())?;
        self.acd = serde_json::from_str(&text).map_err(|why| why.to_string())?;
        match self.acd.poll_output() {
            Some(output) => Err(format!("after a restart: {output:?}")),
            None => Ok(()),
        }
    }

    fn set_clock(&mut self) -> Checked {
        let by_ms = self.rng.below(7_200_000) as i64;
        self.clock_off_ms += if self.rng.chance(0.7) { -by_ms } else { by_ms / 600 };
        self.timeouts()
    }

    fn start_day(&mut self) -> Checked {
        let now_ms = self.now_ms();
        self.reference.clock(now_ms);
        self.reference.start_day();
        self.acd.start_day(now_ms);
        self.drain()
    }

    /// What must hold after every step.
    fn check(&mut self) -> Checked {
        let queues = self.size.queues();
        let round = self.steps as usize;
        let every = self.size.check_every();
        self.reference.check_touched()?;
        if !self.size.is_large() || round.is_multiple_of(10 * every) {
            self.check_everybody()?;
        }
        self.check_agent(round % self.size.agents())?;
        if round.is_multiple_of(4) {
            self.check_counts((round / 4) % queues)?;
        }
        if round.is_multiple_of(every) {
            self.check_timers()?;
        }
        if round.is_multiple_of(100 * every) {
            self.check_all()?;
        }
        Ok(())
    }

    /// In small worlds after every step too; in the large one what has changed is enough in between.
    fn check_everybody(&self) -> Checked {
        self.reference.check_offers()?;
        (0..self.size.queues()).try_for_each(|queue| self.reference.check_waiting(queue))
    }

    fn check_timers(&self) -> Checked {
        let off_ms = self.reference.inside(0);
        let (expected_ms, now_ms) = (self.reference.next_due(), self.reference.now_ms);
        let actual_ms = self.acd.poll_timeout().map(|due_ms| due_ms + off_ms);
        match (expected_ms, actual_ms) {
            (Some((at_ms, what)), None) => Err(format!("nothing is due, {what} is at {at_ms}")),
            (Some((at_ms, what)), Some(actual_ms)) if actual_ms > at_ms.max(now_ms) => {
                Err(format!("due at {actual_ms}, {what} is at {at_ms}"))
            }
            _ => Ok(()),
        }
    }

    fn check_agent(&self, no: usize) -> Checked {
        let Some(view) = self.acd.agent(&name(no)) else {
            let is_gone = self.reference.agent(no).is_none();
            return if is_gone { Ok(()) } else { Err(format!("a{no} is gone")) };
        };
        let (expected, calls) = (self.reference.state(no), view.calls.len());
        let known = self.reference.agent(no).map_or(0, |agent| agent.calls.len());
        if (view.state, calls) != (expected, known) {
            let actual = view.state;
            return Err(format!("a{no} is {actual:?} with {calls}, expected {expected:?} {known}"));
        }
        Ok(())
    }

    /// Everybody who came is accounted for.
    fn check_counts(&self, no: usize) -> Checked {
        let Some(view) = self.acd.queue(&QueueId(format!("q{no}"))) else { return Ok(()) };
        let queue = self.reference.queue(no).ok_or("a queue that should be gone")?;
        let (today, counts) = (view.today, queue.counts);
        let actual = [
            today.joined,
            today.answered,
            today.answered_within_sl,
            today.abandoned,
            today.short_abandoned,
            today.overflowed,
            today.transferred_out,
            view.waiting as u64,
        ];
        let waiting = queue.order.len() as u64;
        let expected = [
            counts.joined,
            counts.answered,
            counts.within,
            counts.abandoned,
            counts.short,
            counts.overflowed,
            counts.moved,
            waiting,
        ];
        let over = counts.answered + counts.abandoned + counts.short + counts.overflowed;
        if actual != expected || counts.joined != over + counts.moved + waiting {
            return Err(format!("q{no} counts {actual:?}, expected {expected:?}"));
        }
        Ok(())
    }

    /// Who stands where.
    fn check_queue(&mut self, queue: &QueueId, has_moved: bool) -> Checked {
        let no = number(&queue.0);
        let is_left_out = self.size.is_large() && !has_moved && self.rng.chance(0.99);
        if self.reference.queue(no).is_none() || is_left_out {
            return Ok(());
        }
        let actual: Vec<EntryId> = self.acd.waiting(queue).iter().map(|view| view.entry).collect();
        let new = self.newest_entry.filter(|_| has_moved);
        self.reference.take_order(no, &actual, new)
    }

    fn check_all(&mut self) -> Checked {
        for no in 0..self.size.agents() {
            self.check_agent(no)?;
        }
        for no in 0..self.size.queues() {
            self.check_counts(no)?;
            self.newest_entry = None;
            self.check_queue(&QueueId(format!("q{no}")), true)?;
        }
        match self.acd.audit(self.now_ms()).as_slice() {
            [] => Ok(()),
            [first, ..] => Err(format!("audit: {first}")),
        }
    }
}

fn name(no: usize) -> AgentId {
    AgentId(format!("a{no}"))
}
