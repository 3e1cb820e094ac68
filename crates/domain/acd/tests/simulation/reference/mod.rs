//! What a queue ought to do, written as plainly as possible: lists that are gone through from front to end.
//!
//! It is told the same inputs as the ACD, works out what must follow, and takes the ACD's outputs one by one.
//! What it did not expect, and what it expected and did not get, is a failure. Which of several agents is
//! asked is the ACD's choice; the model says whether it was allowed.

use offhook_acd::{EntryId, Join, Left, OfferFailure, OfferId, Overflow};
use offhook_model::{Agent, AgentId, AgentState, AgentStatus, LegId, Queue, QueueId, WhenEmpty};
use std::collections::{BTreeMap, HashMap};

pub type Checked = Result<(), String>;

macro_rules! ensure {
    ($holds:expr, $($said:tt)+) => {
        if !$holds {
            return Err(format!($($said)+));
        }
    };
}

mod outputs;

#[derive(Default)]
pub struct Reference {
    last_raw_ms: u64,
    pub now_ms: u64,
    pub queues: Vec<Option<RefQueue>>,
    pub agents: Vec<Option<RefAgent>>,
    pub entries: HashMap<EntryId, RefEntry>,
    pub offers: BTreeMap<OfferId, RefOffer>,
    pub legs: HashMap<LegId, EntryId>,
    queues_made: u64,
    expected: Expected,
    /// For whom something has changed since the last check.
    touched_agents: Vec<usize>,
    touched_entries: Vec<EntryId>,
}

/// What must come before the input is over.
#[derive(Default)]
struct Expected {
    join: Option<Join>,
    no_queue: Option<LegId>,
    ends: Vec<(EntryId, End)>,
    send_on: Vec<LegId>,
    drop_callback: Vec<EntryId>,
    withdrawn: Vec<OfferId>,
    too_late: Option<OfferId>,
    connect: Option<(OfferId, EntryId)>,
    callback: Option<EntryId>,
    away: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq)]
enum End {
    Answered,
    Abandoned,
    Moved,
    Overflowed(Overflow),
}

#[derive(Default, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub joined: u64,
    pub answered: u64,
    pub within: u64,
    pub abandoned: u64,
    pub short: u64,
    pub overflowed: u64,
    pub moved: u64,
}

pub struct RefQueue {
    pub config: Queue,
    pub order: Vec<EntryId>,
    pub seats: Vec<(usize, u32, u32)>,
    pub counts: Counts,
    deserted_since_ms: Option<u64>,
    serial: u64,
}

/// A queue, and which of those that had its name.
pub type Origin = (usize, u64);

pub struct RefAgent {
    pub config: Agent,
    pub status: AgentStatus,
    pub is_reachable: bool,
    pub offer: Option<OfferId>,
    /// Each call: the queue it came from, if one, and whether it is on hold.
    pub calls: BTreeMap<u32, (Option<Origin>, bool)>,
    pub wrap_until_ms: Option<u64>,
    rest: Option<(u64, bool)>,
    misses: u32,
    idle_since_ms: u64,
    state: AgentState,
    answered: u64,
    talked_ms: u64,
    talks_since_ms: Option<u64>,
    pub queues: Vec<usize>,
}

pub struct RefEntry {
    pub leg: Option<LegId>,
    pub queue: usize,
    priority: i32,
    joined_ms: u64,
    skills: BTreeMap<String, u8>,
    relaxed: u8,
    sticky: Option<(usize, u64)>,
    failed: Vec<(usize, u64)>,
    pub offers: Vec<OfferId>,
    rung: Option<(bool, u32)>,
    is_overdue: bool,
    was_moved: bool,
    number: String,
    /// The agent who is on the line for a callback, and the call.
    placed: Option<(usize, u32)>,
    tries: u32,
    again_ms: Option<u64>,
}

pub struct RefOffer {
    pub entry: EntryId,
    pub agent: usize,
    pub call: u32,
    made_ms: u64,
    rings: bool,
    ring_ms: u64,
}

/// The number in a name such as `a17` or `q3`.
pub fn number(name: &str) -> usize {
    name[1..].parse().expect("names are a letter and a number")
}

fn agent_no(agent: &AgentId) -> usize {
    number(&agent.0)
}

fn queue_no(queue: &QueueId) -> usize {
    number(&queue.0)
}

fn ms(seconds: u32) -> u64 {
    u64::from(seconds) * 1_000
}

impl RefAgent {
    fn is_there(&self) -> bool {
        self.is_reachable || !self.calls.is_empty()
    }

    fn is_willing(&self) -> bool {
        self.is_there() && self.status == AgentStatus::Online
    }

    fn may_have_an_offer(&self) -> bool {
        let calls = if self.config.takes_second_call { 1 } else { 0 };
        self.status == AgentStatus::Online && self.is_reachable && self.calls.len() <= calls
    }

    pub fn is_idle(&self) -> bool {
        self.may_have_an_offer()
            && self.offer.is_none()
            && self.wrap_until_ms.is_none()
            && self.rest.is_none()
    }

    fn works(&self) -> AgentState {
        if !self.calls.is_empty() {
            AgentState::OnCall
        } else if self.status == AgentStatus::Offline || !self.is_reachable {
            AgentState::Offline
        } else if self.status != AgentStatus::Online {
            AgentState::NotReady
        } else if self.wrap_until_ms.is_some() {
            AgentState::Acw
        } else {
            AgentState::Ready
        }
    }
}

impl RefQueue {
    fn level(&self, agent: usize) -> Option<(u32, u32)> {
        let seat = self.seats.iter().find(|(seated, ..)| *seated == agent);
        seat.map(|(_, level, position)| (*level, *position))
    }
}

impl RefEntry {
    fn needs(&self, queue: &Queue) -> BTreeMap<String, u8> {
        let mut needs = queue.skills.clone();
        for (skill, least) in &self.skills {
            let known = needs.entry(skill.clone()).or_insert(0);
            *known = (*known).max(*least);
        }
        needs.retain(|_, least| {
            *least = least.saturating_sub(self.relaxed);
            *least > 0
        });
        needs
    }

    fn has_needs(&self, queue: &Queue) -> bool {
        let asked = queue.skills.len() + self.skills.len();
        asked > 0 && !self.needs(queue).is_empty()
    }

    fn suits(&self, queue: &Queue, no: usize, agent: &Agent) -> bool {
        let has = |skill: &str| agent.skills.get(skill).copied().unwrap_or(0);
        self.sticky.is_none_or(|(sticky, _)| sticky == no)
            && !self.failed.iter().any(|(failed, _)| *failed == no)
            && (!self.has_needs(queue)
                || self.needs(queue).iter().all(|(skill, least)| has(skill) >= *least))
    }

    fn deadline_ms(&self, queue: &Queue) -> Option<u64> {
        match self.leg {
            None => Some(self.joined_ms + 24 * 3_600_000),
            Some(_) if queue.max_wait_s > 0 => Some(self.joined_ms + ms(queue.max_wait_s)),
            Some(_) => None,
        }
    }
}

// Inputs: what must follow from each.
impl Reference {
    /// A clock that is set back stands for a moment.
    pub fn clock(&mut self, raw_ms: u64) {
        self.now_ms += raw_ms.saturating_sub(self.last_raw_ms);
        self.last_raw_ms = raw_ms;
    }

    pub fn inside(&self, raw_ms: u64) -> u64 {
        raw_ms + (self.now_ms - self.last_raw_ms)
    }

    pub fn agent(&self, no: usize) -> Option<&RefAgent> {
        self.agents.get(no)?.as_ref()
    }

    fn agent_mut(&mut self, no: usize) -> Option<&mut RefAgent> {
        self.agents.get_mut(no)?.as_mut()
    }

    pub fn queue(&self, no: usize) -> Option<&RefQueue> {
        self.queues.get(no)?.as_ref()
    }

    fn queue_mut(&mut self, no: usize) -> Option<&mut RefQueue> {
        self.queues.get_mut(no)?.as_mut()
    }

    pub fn join(&mut self, join: &Join) {
        if self.legs.contains_key(&join.caller) {
            self.leave(join.caller, Left::Moved);
        }
        if self.queue(queue_no(&join.queue)).is_none() {
            self.expected.no_queue = Some(join.caller);
        } else {
            self.expected.join = Some(join.clone());
        }
    }

    pub fn leave(&mut self, leg: LegId, why: Left) {
        let Some(entry) = self.legs.get(&leg).copied() else { return };
        self.end(entry, if why == Left::HungUp { End::Abandoned } else { End::Moved });
    }

    pub fn cancel_callback(&mut self, entry: EntryId) {
        self.end(entry, End::Abandoned);
    }

    pub fn key(&mut self, leg: LegId, key: char) {
        let Some(id) = self.legs.get(&leg).copied() else { return };
        let config = self.queue(self.entries[&id].queue).map(|queue| &queue.config);
        let Some(config) = config else { return };
        if config.exit_key == Some(key) {
            self.end(id, End::Overflowed(Overflow::ExitKey(key)));
        }
    }

    /// Whether the caller can be called back at this number, which takes its place then.
    pub fn request_callback(&mut self, leg: LegId, number: &str) -> bool {
        let Some(id) = self.legs.get(&leg).copied() else { return false };
        let Some(queue) = self.queue(self.entries[&id].queue) else { return false };
        let is_same = |other: &EntryId| {
            let other = &self.entries[other];
            other.leg.is_none() && other.number == number
        };
        if queue.config.callback_key.is_none() || queue.order.iter().any(is_same) {
            return false;
        }
        self.legs.remove(&leg);
        self.expected.callback = Some(id);
        let entry = self.entries.get_mut(&id).expect("it waits");
        (entry.leg, entry.is_overdue, entry.number) = (None, false, number.to_owned());
        for offer in entry.offers.clone() {
            self.take_back(offer);
        }
        true
    }

    pub fn callback_answered(&mut self, id: EntryId) {
        if self.entries.get(&id).is_some_and(|entry| entry.placed.is_some()) {
            self.end(id, End::Answered);
        }
    }

    pub fn callback_failed(&mut self, id: EntryId) {
        let now_ms = self.now_ms;
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let Some(placed) = entry.placed.take() else { return };
        entry.tries += 1;
        let config = &self.queues[entry.queue].as_ref().expect("it waits there").config;
        entry.again_ms = Some(now_ms + ms(config.callback_retry_s));
        let end = if entry.tries >= config.callback_tries_max {
            Some(End::Overflowed(Overflow::Unreached))
        } else {
            entry.is_overdue.then_some(End::Overflowed(Overflow::MaxWait))
        };
        self.forget_origin(placed);
        if let Some(end) = end {
            self.end(id, end);
        }
    }

    /// The agent's call is none of a queue's any more.
    fn forget_origin(&mut self, (no, call): (usize, u32)) {
        let agent = self.agent_mut(no);
        if let Some((origin, _)) = agent.and_then(|agent| agent.calls.get_mut(&call)) {
            *origin = None;
        }
    }

    /// The agent has gone before anybody was reached; says whether there was such a callback.
    fn leave_callback(&mut self, placed: (usize, u32)) -> bool {
        let now_ms = self.now_ms;
        let found = self.entries.iter_mut().find(|(_, entry)| entry.placed == Some(placed));
        let Some((id, entry)) = found else { return false };
        let (id, no) = (*id, placed.0);
        entry.placed = None;
        entry.failed.retain(|(failed, _)| *failed != no);
        entry.failed.push((no, now_ms + 30_000));
        entry.sticky = entry.sticky.filter(|(sticky, _)| *sticky != no);
        self.touched_entries.push(id);
        if entry.is_overdue {
            self.end(id, End::Overflowed(Overflow::MaxWait));
        }
        true
    }

    pub fn move_caller(&mut self, leg: LegId, position: usize) {
        let Some(id) = self.legs.get(&leg).copied() else { return };
        let no = self.entries[&id].queue;
        let queue = self.queues[no].as_mut().expect("it waits there");
        let to = (position.max(1) - 1).min(queue.order.len() - 1);
        let there = queue.order[to];
        queue.order.retain(|other| *other != id);
        queue.order.insert(to, id);
        let priority = self.entries[&there].priority;
        let entry = self.entries.get_mut(&id).expect("it waits");
        (entry.priority, entry.was_moved) = (priority, true);
    }

    pub fn set_status(&mut self, no: usize, status: AgentStatus) {
        let Some(agent) = self.agent_mut(no) else { return };
        if agent.status != status {
            (agent.status, agent.misses, agent.rest) = (status, 0, None);
            self.agent_changed(no);
        }
    }

    pub fn set_reachable(&mut self, no: usize, is_reachable: bool) {
        let Some(agent) = self.agent_mut(no) else { return };
        agent.is_reachable = is_reachable;
        if is_reachable && agent.rest.is_some_and(|(_, is_for_device)| is_for_device) {
            agent.rest = None;
        }
        self.agent_changed(no);
    }

    pub fn begin_call(&mut self, no: usize, call: u32) {
        let Some(agent) = self.agent(no) else { return };
        match agent.offer.filter(|offer| self.offers[offer].call == call) {
            Some(offer) => self.answered(offer),
            None => {
                let agent = self.agent_mut(no).expect("it was there");
                agent.calls.entry(call).or_insert((None, false));
                self.agent_changed(no);
            }
        }
    }

    pub fn end_call(&mut self, no: usize, call: u32) {
        let now_ms = self.now_ms;
        let Some(agent) = self.agent_mut(no) else { return };
        let Some((origin, _)) = agent.calls.remove(&call) else { return };
        let origin = origin.filter(|_| !self.leave_callback((no, call)));
        let wrap_up_ms = origin.and_then(|(queue, serial)| {
            let queue = self.queue(queue).filter(|queue| queue.serial == serial)?;
            Some(ms(queue.config.wrap_up_s))
        });
        if let Some(wrap_up_ms) = wrap_up_ms.filter(|ms| *ms > 0) {
            let until_ms = now_ms + wrap_up_ms;
            let agent = self.agent_mut(no).expect("it was there");
            agent.wrap_until_ms = Some(agent.wrap_until_ms.unwrap_or(0).max(until_ms));
        }
        self.agent_changed(no);
    }

    pub fn hold(&mut self, no: usize, call: u32, is_on_hold: bool) {
        let Some(agent) = self.agent_mut(no) else { return };
        if let Some((_, held)) = agent.calls.get_mut(&call) {
            *held = is_on_hold;
            self.agent_changed(no);
        }
    }

    pub fn finish_wrap_up(&mut self, no: usize) {
        if let Some(agent) = self.agent_mut(no) {
            agent.wrap_until_ms = None;
            self.agent_changed(no);
        }
    }

    pub fn extend_wrap_up(&mut self, no: usize, by_ms: u64) {
        if let Some(until_ms) = self.agent_mut(no).and_then(|agent| agent.wrap_until_ms.as_mut()) {
            *until_ms += by_ms;
        }
    }

    pub fn ringing(&mut self, offer: OfferId) {
        if let Some(offer) = self.offers.get_mut(&offer) {
            offer.rings = true;
        }
    }

    pub fn begin_callback(&mut self, offer: OfferId, call: u32) {
        if let Some(offer) = self.offers.get_mut(&offer) {
            offer.call = call;
        }
    }

    pub fn answered(&mut self, id: OfferId) {
        let Some(offer) = self.offers.get(&id) else {
            self.expected.too_late = Some(id);
            return;
        };
        let (entry, no, call) = (offer.entry, offer.agent, offer.call);
        self.expected.connect = Some((id, entry));
        self.lose(id);
        let queue = self.entries[&entry].queue;
        let origin = self.queue(queue).map(|row| (queue, row.serial));
        if let Some(agent) = self.agent_mut(no) {
            agent.misses = 0;
            agent.answered += 1;
            agent.calls.entry(call).or_insert((origin, false));
        }
        let row = self.entries.get_mut(&entry).expect("it waits");
        if row.leg.is_some() {
            // An answer saves an overdue caller.
            row.is_overdue = false;
            self.end(entry, End::Answered);
        } else {
            row.placed = Some((no, call));
            for rival in row.offers.clone() {
                self.take_back(rival);
            }
        }
        self.agent_changed(no);
    }

    pub fn failed(&mut self, id: OfferId, why: OfferFailure) {
        let Some(offer) = self.offers.get(&id) else { return };
        let (entry_id, no, now_ms) = (offer.entry, offer.agent, self.now_ms);
        let entry = self.entries.get_mut(&entry_id).expect("it waits");
        let retry_ms = match why {
            OfferFailure::Refused => Some(30_000),
            OfferFailure::NoAnswer => Some(15_000),
            OfferFailure::Unreachable | OfferFailure::Fault => None,
        };
        if let Some(retry_ms) = retry_ms {
            entry.failed.retain(|(failed, _)| *failed != no);
            entry.failed.push((no, now_ms + retry_ms));
        }
        if entry.sticky.is_some_and(|(sticky, _)| sticky == no) {
            entry.sticky = None;
        }
        self.lose(id);
        self.tire(no, why);
    }

    /// What a failure does to the agent.
    fn tire(&mut self, no: usize, why: OfferFailure) {
        let now_ms = self.now_ms;
        let Some(agent) = self.agent_mut(no) else { return };
        agent.rest = Some(match why {
            OfferFailure::Refused | OfferFailure::NoAnswer => (now_ms + 3_000, false),
            OfferFailure::Unreachable => (now_ms + 30_000, true),
            OfferFailure::Fault => (now_ms + 5_000, false),
        });
        agent.idle_since_ms = now_ms;
        if why == OfferFailure::NoAnswer {
            agent.misses += 1;
            if agent.config.max_misses > 0 && agent.misses >= agent.config.max_misses {
                (agent.status, agent.misses, agent.rest) = (AgentStatus::Away, 0, None);
                self.expected.away.push(no);
            }
        }
        self.agent_changed(no);
    }

    pub fn start_day(&mut self) {
        for no in 0..self.agents.len() {
            self.agent_changed(no);
            if let Some(agent) = self.agent_mut(no) {
                (agent.answered, agent.talked_ms) = (0, 0);
            }
        }
        for queue in self.queues.iter_mut().flatten() {
            queue.counts = Counts { joined: queue.order.len() as u64, ..Counts::default() };
        }
    }

    pub fn configure(
        &mut self,
        queues: &BTreeMap<QueueId, Queue>,
        agents: &BTreeMap<AgentId, Agent>,
    ) {
        self.configure_queues(queues);
        self.configure_agents(agents);
        self.seat(queues);
        for no in 0..self.agents.len() {
            self.agent_changed(no);
        }
        for id in self.offers.keys().copied().collect::<Vec<_>>() {
            let offer = &self.offers[&id];
            let queue = self.queue(self.entries[&offer.entry].queue).expect("it waits there");
            if queue.level(offer.agent).is_none() {
                self.take_back(id);
            }
        }
        let Self { entries, queues, agents, .. } = self;
        for entry in entries.values_mut() {
            let queue = queues[entry.queue].as_ref().expect("it waits there");
            let is_seated = |no: usize| queue.level(no).is_some();
            entry.failed.retain(|(no, _)| is_seated(*no));
            entry.sticky = entry.sticky.filter(|(no, _)| {
                let is_willing = agents[*no].as_ref().is_some_and(RefAgent::is_willing);
                queue.config.sticky_s > 0 && is_seated(*no) && is_willing
            });
        }
    }

    fn configure_queues(&mut self, queues: &BTreeMap<QueueId, Queue>) {
        for no in 0..self.queues.len() {
            let Some(queue) = self.queue(no) else { continue };
            if queues.contains_key(&queue.config.id) {
                continue;
            }
            for entry in queue.order.clone() {
                self.end(entry, End::Overflowed(Overflow::NoQueue));
            }
            self.queues[no] = None;
        }
        for (id, config) in queues {
            let no = queue_no(id);
            self.queues.resize_with(self.queues.len().max(no + 1), || None);
            match &mut self.queues[no] {
                Some(queue) => queue.config = config.clone(),
                none => {
                    self.queues_made += 1;
                    let serial = self.queues_made;
                    *none = Some(RefQueue {
                        config: config.clone(),
                        order: Vec::new(),
                        seats: Vec::new(),
                        counts: Counts::default(),
                        deserted_since_ms: None,
                        serial,
                    });
                }
            }
        }
    }

    fn configure_agents(&mut self, agents: &BTreeMap<AgentId, Agent>) {
        for no in 0..self.agents.len() {
            let Some(agent) = self.agent(no) else { continue };
            if !agents.contains_key(&agent.config.id) {
                let calls = agent.calls.keys().copied().collect::<Vec<_>>();
                if let Some(offer) = agent.offer {
                    self.take_back(offer);
                }
                for call in calls {
                    self.leave_callback((no, call));
                }
                self.agents[no] = None;
            }
        }
        let now_ms = self.now_ms;
        for (id, config) in agents {
            let no = agent_no(id);
            self.agents.resize_with(self.agents.len().max(no + 1), || None);
            match &mut self.agents[no] {
                Some(agent) => agent.config = config.clone(),
                none => *none = Some(new_agent(config, now_ms)),
            }
        }
    }

    fn seat(&mut self, queues: &BTreeMap<QueueId, Queue>) {
        for agent in self.agents.iter_mut().flatten() {
            agent.queues.clear();
        }
        for (id, config) in queues {
            let mut seats: Vec<(usize, u32, u32)> = Vec::new();
            for tier in &config.tiers {
                let no = agent_no(&tier.agent);
                let is_new = seats.iter().all(|(seated, ..)| *seated != no);
                if let Some(agent) = self.agent_mut(no).filter(|_| is_new) {
                    agent.queues.push(queue_no(id));
                    seats.push((no, tier.level, tier.position));
                }
            }
            self.queue_mut(queue_no(id)).expect("it was made").seats = seats;
        }
    }

    /// Everything that time alone brings about.
    pub fn timeouts(&mut self) {
        let now_ms = self.now_ms;
        let is_due = |at_ms: u64| at_ms <= now_ms;
        for no in 0..self.agents.len() {
            let Some(agent) = self.agent_mut(no) else { continue };
            let wrap_up_ends = agent.wrap_until_ms.is_some_and(is_due);
            let rest_ends = agent.rest.is_some_and(|(until_ms, _)| is_due(until_ms));
            agent.wrap_until_ms = agent.wrap_until_ms.filter(|_| !wrap_up_ends);
            agent.rest = agent.rest.filter(|_| !rest_ends);
            if wrap_up_ends || rest_ends {
                self.agent_changed(no);
            }
        }
        let rung_out =
            self.offers.iter().filter(|(_, offer)| is_due(offer.made_ms + offer.ring_ms));
        let rung_out = rung_out.map(|(id, offer)| (*id, offer.rings)).collect::<Vec<_>>();
        for (id, rang) in rung_out {
            self.expected.withdrawn.push(id);
            self.failed(id, if rang { OfferFailure::NoAnswer } else { OfferFailure::Unreachable });
        }
        self.entry_timeouts();
        self.desertion_timeouts();
    }

    fn entry_timeouts(&mut self) {
        let now_ms = self.now_ms;
        let mut over = Vec::new();
        for (id, entry) in &mut self.entries {
            let config = &self.queues[entry.queue].as_ref().expect("it waits there").config;
            let before = (entry.sticky, entry.failed.len(), entry.relaxed, entry.again_ms);
            entry.again_ms = entry.again_ms.filter(|at_ms| *at_ms > now_ms);
            entry.sticky = entry.sticky.filter(|(_, until_ms)| *until_ms > now_ms);
            entry.failed.retain(|(_, until_ms)| *until_ms > now_ms);
            while relaxes_at(entry, config).is_some_and(|at_ms| at_ms <= now_ms) {
                entry.relaxed += 1;
            }
            if before != (entry.sticky, entry.failed.len(), entry.relaxed, entry.again_ms) {
                self.touched_entries.push(*id);
            }
            if entry.deadline_ms(config).is_some_and(|at_ms| at_ms <= now_ms) {
                entry.is_overdue = true;
                let is_left_alone = entry.offers.is_empty() && entry.placed.is_none();
                over.extend(is_left_alone.then_some(*id));
            }
        }
        for id in over {
            self.end(id, End::Overflowed(Overflow::MaxWait));
        }
    }

    fn desertion_timeouts(&mut self) {
        for no in 0..self.queues.len() {
            let Some(queue) = self.queue(no) else { continue };
            let since_ms = queue.deserted_since_ms.filter(|_| self.is_deserted(no));
            if since_ms.is_none_or(|since_ms| since_ms + 5_000 > self.now_ms) {
                continue;
            }
            for id in queue.order.clone() {
                if self.entries[&id].leg.is_some() {
                    self.end(id, End::Overflowed(Overflow::Empty));
                }
            }
        }
    }

    /// When [`Self::timeouts`] is due, and what for.
    pub fn next_due(&self) -> Option<(u64, &'static str)> {
        let agents = self.agents.iter().flatten().flat_map(|agent| {
            let rest = agent.rest.map(|(until_ms, _)| (until_ms, "rest"));
            [agent.wrap_until_ms.map(|until_ms| (until_ms, "wrap-up")), rest]
        });
        let offers = self.offers.values();
        let offers = offers.map(|offer| Some((offer.made_ms + offer.ring_ms, "ringing")));
        let entries = self.entries.values().flat_map(|entry| {
            let config = &self.queues[entry.queue].as_ref().expect("it waits there").config;
            let deadline_ms = entry.deadline_ms(config).filter(|_| !entry.is_overdue);
            let retry_ms = entry.failed.iter().map(|(_, until_ms)| *until_ms).min();
            [
                entry.sticky.map(|(_, until_ms)| (until_ms, "sticky")),
                retry_ms.map(|ms| (ms, "retry")),
                relaxes_at(entry, config).map(|ms| (ms, "relax")),
                deadline_ms.map(|ms| (ms, "longest wait")),
                entry.again_ms.map(|ms| (ms, "call again")),
            ]
        });
        let queues = self.queues.iter().flatten();
        let queues = queues.map(|queue| Some((queue.deserted_since_ms? + 5_000, "desertion")));
        agents.chain(offers).chain(entries).chain(queues).flatten().min()
    }
}

fn new_agent(config: &Agent, now_ms: u64) -> RefAgent {
    RefAgent {
        config: config.clone(),
        status: config.status,
        is_reachable: false,
        offer: None,
        calls: BTreeMap::new(),
        wrap_until_ms: None,
        rest: None,
        misses: 0,
        idle_since_ms: now_ms,
        state: AgentState::Offline,
        answered: 0,
        talked_ms: 0,
        talks_since_ms: None,
        queues: Vec::new(),
    }
}

fn relaxes_at(entry: &RefEntry, config: &Queue) -> Option<u64> {
    (config.relax_every_s > 0 && entry.has_needs(config))
        .then(|| entry.joined_ms + ms(config.relax_every_s) * (u64::from(entry.relaxed) + 1))
}

// Consequences.
impl Reference {
    fn is_deserted(&self, no: usize) -> bool {
        self.lacks_agents(no, self.queue(no).map_or(WhenEmpty::Allow, |q| q.config.stay_when_empty))
    }

    fn lacks_agents(&self, no: usize, policy: WhenEmpty) -> bool {
        let Some(queue) = self.queue(no) else { return false };
        let mut seated = queue.seats.iter().filter_map(|(agent, ..)| self.agent(*agent));
        match policy {
            WhenEmpty::Allow => false,
            WhenEmpty::NoAgents => {
                !seated.any(|agent| agent.is_there() && agent.status != AgentStatus::Offline)
            }
            WhenEmpty::NoReadyAgents => !seated.any(RefAgent::is_willing),
        }
    }

    /// After any change of an agent.
    fn agent_changed(&mut self, no: usize) {
        self.touched_agents.push(no);
        let now_ms = self.now_ms;
        let Some(agent) = self.agent_mut(no) else { return };
        if let Some(since_ms) = agent.talks_since_ms.take() {
            agent.talked_ms += now_ms - since_ms;
        }
        let talks = agent.calls.values().any(|(_, is_on_hold)| !is_on_hold);
        agent.talks_since_ms = talks.then_some(now_ms);
        let state = agent.works();
        if state == AgentState::Ready && agent.state != AgentState::Ready {
            agent.idle_since_ms = now_ms;
        }
        agent.state = state;
        if let Some(offer) = agent.offer.filter(|_| !agent.may_have_an_offer()) {
            self.take_back(offer);
        }
        let Some(agent) = self.agent(no).filter(|agent| !agent.is_willing()) else { return };
        for queue in agent.queues.clone() {
            let order = self.queue(queue).map(|queue| queue.order.clone()).unwrap_or_default();
            for id in order {
                let entry = self.entries.get_mut(&id).expect("it waits");
                if entry.sticky.take_if(|(sticky, _)| *sticky == no).is_some() {
                    self.touched_entries.push(id);
                }
            }
        }
    }

    /// The ACD must stop the ringing.
    fn take_back(&mut self, id: OfferId) {
        self.expected.withdrawn.push(id);
        self.lose(id);
    }

    /// An offer is no more.
    fn lose(&mut self, id: OfferId) {
        let offer = self.offers.remove(&id).expect("it is live");
        if let Some(agent) = self.agent_mut(offer.agent) {
            agent.offer = None;
        }
        self.touched_agents.push(offer.agent);
        self.touched_entries.push(offer.entry);
        let Some(entry) = self.entries.get_mut(&offer.entry) else { return };
        entry.offers.retain(|other| *other != id);
        if entry.offers.is_empty() {
            entry.rung = None;
            let is_answered = self.expected.connect.is_some_and(|(_, other)| other == offer.entry);
            if entry.is_overdue && !is_answered {
                self.end(offer.entry, End::Overflowed(Overflow::MaxWait));
            }
        }
    }

    /// A stay is over, and the ACD must say so.
    fn end(&mut self, id: EntryId, end: End) {
        let now_ms = self.now_ms;
        let Some(entry) = self.entries.remove(&id) else { return };
        let queue = self.queues[entry.queue].as_mut().expect("it waits there");
        queue.order.retain(|other| *other != id);
        if !queue.order.iter().any(|id| self.entries[id].leg.is_some()) {
            queue.deserted_since_ms = None;
        }
        let waited_ms = now_ms.saturating_sub(entry.joined_ms);
        let short_ms = ms(queue.config.short_abandon_s);
        let is_short = entry.leg.is_some() && short_ms > 0 && waited_ms <= short_ms;
        let counts = &mut queue.counts;
        match &end {
            End::Answered => {
                counts.answered += 1;
                counts.within += u64::from(waited_ms <= ms(queue.config.service_level_s));
            }
            End::Abandoned if is_short => counts.short += 1,
            End::Abandoned => counts.abandoned += 1,
            End::Moved => counts.moved += 1,
            End::Overflowed(_) => {
                counts.overflowed += 1;
                match entry.leg {
                    Some(leg) => self.expected.send_on.push(leg),
                    None => self.expected.drop_callback.push(id),
                }
            }
        }
        if let Some(placed) = entry.placed.filter(|_| end != End::Answered) {
            self.forget_origin(placed);
        }
        if let Some(leg) = entry.leg {
            self.legs.remove(&leg);
        }
        self.expected.ends.push((id, end));
        for offer in entry.offers {
            self.take_back(offer);
        }
    }
}
