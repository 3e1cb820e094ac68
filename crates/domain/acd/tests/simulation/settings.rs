//! Queues and agents as administrators might set them up, drawn at random.

use offhook_model::{
    Agent, AgentId, AgentStatus, Announcements, Queue, QueueId, Strategy, Target, Tier, WhenEmpty,
};
use offhook_testkit::Rng;
use std::collections::BTreeMap;

const STRATEGIES: [Strategy; 8] = [
    Strategy::RingAll,
    Strategy::LongestIdle,
    Strategy::RoundRobin,
    Strategy::FewestCalls,
    Strategy::LeastTalkTime,
    Strategy::TopDown,
    Strategy::Random,
    Strategy::SkillBased,
];

/// How large a world is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// A few queues with a few agents each, and trouble all the time.
    Small { queues: usize, agents: usize, callers: u32 },
    /// Thousands of agents.
    Large,
}

impl Size {
    pub fn draw(rng: &mut Rng, callers: u32) -> Self {
        let queues = 1 + rng.below(4) as usize;
        let agents = 1 + rng.below(10) as usize;
        Self::Small { queues, agents, callers }
    }

    pub fn queues(self) -> usize {
        match self {
            Self::Small { queues, .. } => queues,
            Self::Large => 12,
        }
    }

    pub fn agents(self) -> usize {
        match self {
            Self::Small { agents, .. } => agents,
            Self::Large => 2_400,
        }
    }

    pub fn callers(self) -> u32 {
        match self {
            Self::Small { callers, .. } => callers,
            Self::Large => 10_000,
        }
    }

    pub fn is_large(self) -> bool {
        self == Self::Large
    }

    pub fn talk_ms(self) -> u64 {
        20_000
    }

    /// From half of what the agents can take to twice as much.
    pub fn arrive_every_ms(self, rng: &mut Rng) -> u64 {
        let capacity_ms = 35_000 / self.agents() as u64;
        (capacity_ms / 2 + rng.below(capacity_ms * 3 / 2)).max(1)
    }

    pub fn disturb_every_ms(self) -> u64 {
        if self.is_large() { 200 } else { 4_000 }
    }

    /// How often everything is compared that takes long, in steps.
    pub fn check_every(self) -> usize {
        if self.is_large() { 100 } else { 2 }
    }
}

pub fn draw(rng: &mut Rng, size: Size) -> (BTreeMap<QueueId, Queue>, BTreeMap<AgentId, Agent>) {
    let queues = (0..size.queues()).map(|no| draw_queue(rng, size, no));
    let queues = queues.map(|queue| (queue.id.clone(), queue)).collect();
    let agents = (0..size.agents()).map(|no| draw_agent(rng, no));
    (queues, agents.map(|agent| (agent.id.clone(), agent)).collect())
}

/// One thing is another than it was: a queue or an agent is changed, added or taken away.
pub fn change(
    rng: &mut Rng,
    size: Size,
    queues: &mut BTreeMap<QueueId, Queue>,
    agents: &mut BTreeMap<AgentId, Agent>,
) {
    let queue = draw_queue(rng, size, 0);
    let no = rng.below(size.queues() as u64);
    let queue = Queue { id: QueueId(format!("q{no}")), ..queue };
    let agent = rng.below(size.agents() as u64) as usize;
    match rng.below(6) {
        0 => drop(queues.remove(&queue.id)),
        1 => drop(agents.remove(&AgentId(format!("a{agent}")))),
        2 | 3 => {
            let agent = draw_agent(rng, agent);
            agents.insert(agent.id.clone(), agent);
        }
        _ => drop(queues.insert(queue.id.clone(), queue)),
    }
    // What is away comes back some time.
    if rng.chance(0.7) {
        let (all_queues, all_agents) = draw(rng, size);
        for (id, queue) in all_queues {
            queues.entry(id).or_insert(queue);
        }
        for (id, agent) in all_agents {
            agents.entry(id).or_insert(agent);
        }
    }
}

fn draw_queue(rng: &mut Rng, size: Size, no: usize) -> Queue {
    let mut queue = Queue::new(&format!("q{no}"));
    queue.strategy = STRATEGIES[rng.below(8) as usize];
    queue.ring_timeout_s = 5 + rng.below(16) as u32;
    queue.wrap_up_s = rng.below(3) as u32 * 4;
    queue.max_wait_s = rng.below(3) as u32 * 60;
    queue.max_size = if rng.chance(0.3) { 3 + rng.below(20) as u32 } else { 0 };
    queue.join_when_empty = draw_policy(rng);
    queue.stay_when_empty = draw_policy(rng);
    queue.overflow = Target::HangUp;
    queue.service_level_s = 10 + rng.below(20) as u32;
    queue.short_abandon_s = rng.below(6) as u32;
    queue.weight = rng.below(3) as u32;
    queue.sticky_s = if rng.chance(0.3) { 1 + rng.below(20) as u32 } else { 0 };
    queue.skills = if rng.chance(0.3) { skills(rng, 5) } else { BTreeMap::new() };
    queue.relax_every_s = if rng.chance(0.5) { 3 + rng.below(20) as u32 } else { 0 };
    queue.callback_key = rng.chance(0.5).then_some('1');
    queue.callback_tries_max = 1 + rng.below(3) as u32;
    queue.callback_retry_s = rng.below(60) as u32;
    queue.exit_key = rng.chance(0.5).then_some('#');
    queue.tiers = draw_tiers(rng, size, no);
    queue.announcements = Announcements { position: false, ..Announcements::default() };
    if rng.chance(0.1) && !size.is_large() {
        queue.announcements.expected_wait = true;
        queue.announcements.comfort = vec!["file:patience".to_owned()];
    }
    queue
}

fn draw_tiers(rng: &mut Rng, size: Size, no: usize) -> Vec<Tier> {
    let mut tiers = Vec::new();
    for agent in 0..size.agents() {
        // In the large world each agent serves two or three queues of many.
        let serves = match size {
            Size::Small { .. } => rng.chance(0.7),
            Size::Large => agent % 12 == no || rng.chance(0.1),
        };
        if serves {
            let level = if rng.chance(0.3) { 2 } else { 1 };
            let position = 1 + rng.below(4) as u32;
            tiers.push(Tier { agent: AgentId(format!("a{agent}")), level, position });
        }
    }
    tiers
}

fn draw_policy(rng: &mut Rng) -> WhenEmpty {
    match rng.below(8) {
        0 => WhenEmpty::NoAgents,
        1 => WhenEmpty::NoReadyAgents,
        _ => WhenEmpty::Allow,
    }
}

fn draw_agent(rng: &mut Rng, no: usize) -> Agent {
    let mut agent = Agent::new(&format!("a{no}"));
    agent.status = if rng.chance(0.5) { AgentStatus::Online } else { AgentStatus::Offline };
    agent.skills = skills(rng, 10);
    agent.max_misses = rng.below(4) as u32;
    agent.takes_second_call = rng.chance(0.2);
    agent
}

/// Some skills, of a proficiency up to this.
pub fn skills(rng: &mut Rng, most: u64) -> BTreeMap<String, u8> {
    let mut skills = BTreeMap::new();
    for skill in ["billing", "spanish", "wiring"] {
        if rng.chance(0.5) {
            skills.insert(skill.to_owned(), 1 + rng.below(most) as u8);
        }
    }
    skills
}
