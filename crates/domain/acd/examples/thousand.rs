//! What the ACD costs: 500 agents and 1,000 callers who wait, for an hour of their time.
//!
//! `cargo run --release -p offhook-acd --example thousand` prints events per second of processor time,
//! processor time per call, and the memory that the ACD holds.

#![allow(clippy::print_stdout)]

use offhook_acd::{Acd, CallKey, Join, Left, OfferFailure, OfferId, Output};
use offhook_model::{Agent, AgentId, AgentStatus, LegId, Queue, QueueId, Strategy, Target, Tier};
use offhook_testkit::Rng;
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const AGENTS: u64 = 500;
const WAITING: usize = 1_000;
const QUEUES: u64 = 10;
const HOUR_MS: u64 = 3_600_000;
const START_MS: u64 = 1_800_000_000_000;

/// Counts what is allocated.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

#[allow(unsafe_code)] // Counting allocations needs an allocator, and passes everything on.
// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps to the allocator's terms.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps to the allocator's terms.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    Ring(OfferId),
    Answer(OfferId),
    Refuse(OfferId),
    End(AgentId, CallKey),
    HangUp(LegId),
}

struct Floor {
    acd: Acd,
    rng: Rng,
    now_ms: u64,
    actions: BTreeSet<(u64, u64, Action)>,
    numbers: u64,
    waiting: usize,
    events: u64,
    answered: u64,
    abandoned: u64,
    spent: Duration,
}

fn main() {
    let before = HELD.load(Ordering::Relaxed);
    let mut floor = Floor::new();
    let mut most_held = 0;
    while floor.now_ms < START_MS + HOUR_MS {
        while floor.waiting < WAITING {
            floor.join();
        }
        floor.step();
        if floor.events.is_multiple_of(1_000) {
            // The actions of this example are small beside it.
            most_held = most_held.max(HELD.load(Ordering::Relaxed) - before);
        }
    }
    assert_eq!(floor.acd.audit(floor.now_ms), []);
    let calls = floor.answered + floor.abandoned;
    let per_call = floor.spent / u32::try_from(calls).unwrap_or(u32::MAX);
    let per_second = floor.events as f64 / floor.spent.as_secs_f64();
    println!("{AGENTS} agents, {WAITING} waiting, {QUEUES} queues, one hour");
    println!("{} answered, {} abandoned, {} events", floor.answered, floor.abandoned, floor.events);
    println!("{per_second:.0} events/s, {per_call:?} per call, {:?} in all", floor.spent);
    println!("{} kB held at most", most_held / 1_000);
}

impl Floor {
    fn new() -> Self {
        let mut floor = Self {
            acd: Acd::new(1),
            rng: Rng::seeded(1),
            now_ms: START_MS,
            actions: BTreeSet::new(),
            numbers: 0,
            waiting: 0,
            events: 0,
            answered: 0,
            abandoned: 0,
            spent: Duration::ZERO,
        };
        let agents: BTreeMap<AgentId, Agent> = (0..AGENTS)
            .map(|number| Agent::new(&format!("agent-{number:03}")))
            .map(|agent| (agent.id.clone(), agent))
            .collect();
        let ids: Vec<AgentId> = agents.keys().cloned().collect();
        let queues = (0..QUEUES).map(|number| queue(number, &ids));
        let queues = queues.map(|queue| (queue.id.clone(), queue)).collect();
        floor.acd.configure(&queues, &agents, START_MS);
        for agent in &ids {
            floor.acd.set_reachable(agent, true, START_MS);
            floor.acd.set_status(agent, AgentStatus::Online, None, START_MS).expect("it is known");
        }
        floor.drain();
        floor
    }

    fn after(&mut self, ms: u64, action: Action) {
        self.numbers += 1;
        self.actions.insert((self.now_ms + ms, self.numbers, action));
    }

    fn join(&mut self) {
        self.numbers += 1;
        let number = u32::try_from(self.numbers).unwrap_or(0);
        let caller = LegId(number.into());
        let join = Join {
            caller,
            call: CallKey(number),
            queue: QueueId(format!("queue-{}", self.rng.below(QUEUES))),
            number: "+4930555".to_owned(),
            priority: 0,
            skills: BTreeMap::new(),
            last_agent: None,
            joined_at_ms: None,
        };
        let patience_ms = 60_000 + self.rng.below(1_200_000);
        self.after(patience_ms, Action::HangUp(caller));
        self.waiting += 1;
        self.time(|acd, now_ms| acd.join(join, now_ms));
    }

    /// Does what is next, and counts the time that the ACD takes for it.
    fn step(&mut self) {
        let due_ms = self.acd.poll_timeout().unwrap_or(u64::MAX);
        if self.actions.first().is_none_or(|(at_ms, ..)| due_ms <= *at_ms) {
            self.now_ms = due_ms.max(self.now_ms);
            return self.time(Acd::handle_timeout);
        }
        let Some((at_ms, _, action)) = self.actions.pop_first() else { return };
        self.now_ms = at_ms;
        self.time(|acd, now_ms| match action {
            Action::Ring(offer) => acd.offer_ringing(offer, now_ms),
            Action::Answer(offer) => acd.offer_answered(offer, now_ms),
            Action::Refuse(offer) => acd.offer_failed(offer, OfferFailure::Refused, now_ms),
            Action::End(agent, call) => acd.end_call(&agent, call, now_ms),
            Action::HangUp(caller) => acd.leave(caller, Left::HungUp, now_ms),
        });
    }

    fn time(&mut self, work: impl FnOnce(&mut Acd, u64)) {
        let start = Instant::now();
        work(&mut self.acd, self.now_ms);
        self.spent += start.elapsed();
        self.events += 1;
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.acd.poll_output() {
            match output {
                Output::Offer { offer, .. } => {
                    self.after(300, Action::Ring(offer));
                    let then_ms = 500 + self.rng.below(8_000);
                    let refuses = self.rng.chance(0.05);
                    let then = if refuses { Action::Refuse } else { Action::Answer };
                    self.after(then_ms, then(offer));
                }
                Output::Connect { agent, call, .. } => {
                    self.answered += 1;
                    self.waiting -= 1;
                    let talk_ms = 60_000 + self.rng.below(240_000);
                    self.after(talk_ms, Action::End(agent, call));
                }
                Output::Event(offhook_acd::QueueEvent::Abandoned { .. }) => {
                    self.abandoned += 1;
                    self.waiting -= 1;
                }
                Output::SendOn { .. } => self.waiting -= 1,
                _ => {}
            }
        }
    }
}

/// A queue that half of all agents serve.
fn queue(number: u64, agents: &[AgentId]) -> Queue {
    let mut queue = Queue::new(&format!("queue-{number}"));
    queue.strategy = [Strategy::LongestIdle, Strategy::RoundRobin, Strategy::FewestCalls]
        [usize::try_from(number % 3).unwrap_or(0)];
    queue.max_wait_s = 0;
    queue.overflow = Target::HangUp;
    let serving = agents.iter().zip(0..).filter(|(_, index)| (index + number).is_multiple_of(2));
    let tiers = serving.map(|(agent, index)| Tier {
        agent: agent.clone(),
        level: 1 + u32::try_from(index % 2).unwrap_or(0),
        position: 1,
    });
    queue.tiers = tiers.collect();
    queue
}
