use crate::{AgentId, Target};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A queue's name, as it stands in URLs and records: `sales`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct QueueId(pub String);

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which of the agents who are ready is offered a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// All at once; the first to accept has the call.
    RingAll,
    /// Who has been ready for longest.
    #[default]
    LongestIdle,
    /// Each in turn, after the one who was offered the last call.
    RoundRobin,
    /// Who has answered the fewest calls today.
    FewestCalls,
    /// Who has talked least today.
    LeastTalkTime,
    /// By the order of the tiers.
    TopDown,
    /// Any.
    Random,
    /// Who has the skills that the caller needs, the most proficient first.
    SkillBased,
}

/// The strategies by the names of this and other servers, our own first.
const STRATEGY_NAMES: [(Strategy, &[&str]); 8] = [
    (Strategy::RingAll, &["ring-all", "ringall"]),
    (
        Strategy::LongestIdle,
        &["longest-idle", "longest-idle-agent", "leastrecent", "longest_wait_time", "mi"],
    ),
    (Strategy::RoundRobin, &["round-robin", "rrmemory", "rr"]),
    (
        Strategy::FewestCalls,
        &[
            "fewest-calls",
            "agent-with-fewest-calls",
            "fewestcalls",
            "fewest_calls",
            "LeastAnswered",
        ],
    ),
    (Strategy::LeastTalkTime, &["least-talk-time", "agent-with-least-talk-time"]),
    (Strategy::TopDown, &["top-down", "sequentially-by-agent-order", "linear", "sequential"]),
    (Strategy::Random, &["random", "wrandom"]),
    (Strategy::SkillBased, &["skill-based"]),
];

impl Strategy {
    /// The word that is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let named = STRATEGY_NAMES.iter().find(|(strategy, _)| *strategy == self);
        named.map_or("longest-idle", |(_, names)| names[0])
    }

    /// Reads the word, or the name that another server has for it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let named = STRATEGY_NAMES.iter().find(|(_, names)| names.contains(&word));
        named.map(|(strategy, _)| *strategy)
    }

    /// Our own names, in the order in which they are offered.
    pub fn names() -> impl Iterator<Item = &'static str> {
        STRATEGY_NAMES.iter().map(|(_, names)| names[0])
    }
}

/// Whether somebody may join, or stay, when nobody could take the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenEmpty {
    /// Yes, always.
    #[default]
    Allow,
    /// Not when no agent of the queue is signed in.
    NoAgents,
    /// Not when no agent of the queue is signed in and other than not ready.
    NoReadyAgents,
}

/// What those who wait are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Announcements {
    /// Whether the position is told.
    pub position: bool,
    /// Whether the expected wait is told.
    pub expected_wait: bool,
    /// After this long for the first time, seconds.
    pub first_after_s: u32,
    /// And then every so often, seconds; 0 for no more.
    pub every_s: u32,
    /// Prompt URIs that are played between announcements, in turn.
    pub comfort: Vec<String>,
    /// How often, seconds.
    pub comfort_every_s: u32,
}

impl Default for Announcements {
    fn default() -> Self {
        Self {
            position: true,
            expected_wait: false,
            first_after_s: 10,
            every_s: 30,
            comfort: Vec::new(),
            comfort_every_s: 45,
        }
    }
}

/// An agent's place in a queue. Lower levels are offered a call first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// The agent.
    pub agent: AgentId,
    /// Agents of a higher level are asked when nobody of a lower one can take the call. From 1.
    #[serde(default = "first")]
    pub level: u32,
    /// The agent's place among those of its level. From 1.
    #[serde(default = "first")]
    pub position: u32,
}

fn first() -> u32 {
    1
}

/// A queue: callers wait in it until one of its agents takes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Queue {
    /// Its name.
    pub id: QueueId,
    /// What agents and callers are shown: `Sales`.
    pub display_name: String,
    /// Who is offered a call.
    pub strategy: Strategy,
    /// How long an agent is rung, seconds.
    pub ring_timeout_s: u32,
    /// How long an agent has for work after a call, seconds; 0 for none.
    pub wrap_up_s: u32,
    /// How long a caller waits at most, seconds; 0 for as long as it likes.
    pub max_wait_s: u32,
    /// How many may wait at once; 0 for as many as the server takes.
    pub max_size: u32,
    /// Whether somebody may join a queue without agents.
    pub join_when_empty: WhenEmpty,
    /// Whether those who wait may stay in a queue without agents.
    pub stay_when_empty: WhenEmpty,
    /// Where those go who may not join or stay, or have waited for too long.
    pub overflow: Target,
    /// The prompt URI that those who wait hear.
    pub music: String,
    /// What they are told.
    pub announcements: Announcements,
    /// A caller who is answered within so many seconds counts towards the service level.
    pub service_level_s: u32,
    /// A caller who leaves within so many seconds does not count as abandoned.
    pub short_abandon_s: u32,
    /// Of two queues whose callers an agent could take, that of the greater weight comes first.
    pub weight: u32,
    /// The agent who had a caller last is asked first, and alone for so many seconds; 0 for never.
    pub sticky_s: u32,
    /// Skills that the callers need: the least proficiency, 1 to 10.
    pub skills: BTreeMap<String, u8>,
    /// After each so many seconds of wait the proficiency asked for is one less, down to none; 0 for never.
    pub relax_every_s: u32,
    /// The key by which a caller asks to be called back and keeps the place.
    pub callback_key: Option<char>,
    /// How often somebody who is to be called back is called at most, when nobody answers. From 1.
    pub callback_tries_max: u32,
    /// How long after one of these calls the next one may follow, seconds.
    pub callback_retry_s: u32,
    /// The key by which a caller leaves for the overflow.
    pub exit_key: Option<char>,
    /// Who serves it.
    pub tiers: Vec<Tier>,
}

impl Queue {
    /// A queue with the usual settings and nobody in it.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self { id: QueueId(id.to_owned()), display_name: id.to_owned(), ..Self::default() }
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            id: QueueId(String::new()),
            display_name: String::new(),
            strategy: Strategy::default(),
            ring_timeout_s: 20,
            wrap_up_s: 15,
            max_wait_s: 600,
            max_size: 0,
            join_when_empty: WhenEmpty::default(),
            stay_when_empty: WhenEmpty::default(),
            overflow: Target::HangUp,
            music: "music:".to_owned(),
            announcements: Announcements::default(),
            service_level_s: 20,
            short_abandon_s: 5,
            weight: 0,
            sticky_s: 0,
            skills: BTreeMap::new(),
            relax_every_s: 0,
            callback_key: None,
            callback_tries_max: 3,
            callback_retry_s: 300,
            exit_key: None,
            tiers: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_is_known_by_the_names_of_other_servers() {
        for (strategy, names) in STRATEGY_NAMES {
            assert!(names.iter().all(|name| Strategy::parse(name) == Some(strategy)));
            assert_eq!(serde_json::to_value(strategy).unwrap(), strategy.as_str());
        }
        assert_eq!(Strategy::parse("ring-progressively"), None);
        assert_eq!(Strategy::names().count(), 8);
    }
}
