//! What a queue ought to do, written as plainly as possible: lists that are gone through from front to end.
//!
//! It is told the same inputs as the ACD, works out what must follow, and takes the ACD's outputs one by one.
//! What it did not expect, and what it expected and did not get, is a failure. Which of several agents is
//! asked is the ACD's choice; the model says whether it was allowed.

use offhook_acd::{EntryId, Join, Left, OfferFailure, OfferId, Output, Overflow, QueueEvent};
use offhook_model::{
    Agent, AgentId, AgentState, AgentStatus, LegId, Queue, QueueId, Strategy, WhenEmpty,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

pub type Checked = Result<(), String>;

macro_rules! ensure {
    ($holds:expr, $($said:tt)+) => {
        if !$holds {
            return Err(format!($($said)+));
        }
    };
}

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
        !(queue.skills.is_empty() && self.skills.is_empty()) && !self.needs(queue).is_empty()
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
        } else if config.callback_key == Some(key) {
            self.legs.remove(&leg);
            self.expected.callback = Some(id);
            let entry = self.entries.get_mut(&id).expect("it waits");
            (entry.leg, entry.is_overdue) = (None, false);
            for offer in entry.offers.clone() {
                self.take_back(offer);
            }
        }
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
        // An answer saves an overdue caller.
        self.entries.get_mut(&entry).expect("it waits").is_overdue = false;
        self.end(entry, End::Answered);
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
                if let Some(offer) = agent.offer {
                    self.take_back(offer);
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
            let before = (entry.sticky, entry.failed.len(), entry.relaxed);
            entry.sticky = entry.sticky.filter(|(_, until_ms)| *until_ms > now_ms);
            entry.failed.retain(|(_, until_ms)| *until_ms > now_ms);
            while relaxes_at(entry, config).is_some_and(|at_ms| at_ms <= now_ms) {
                entry.relaxed += 1;
            }
            if before != (entry.sticky, entry.failed.len(), entry.relaxed) {
                self.touched_entries.push(*id);
            }
            if entry.deadline_ms(config).is_some_and(|at_ms| at_ms <= now_ms) {
                entry.is_overdue = true;
                over.extend(entry.offers.is_empty().then_some(*id));
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
        if let Some(leg) = entry.leg {
            self.legs.remove(&leg);
        }
        self.expected.ends.push((id, end));
        for offer in entry.offers {
            self.take_back(offer);
        }
    }
}

// Outputs: whether each was expected, or allowed.
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
