use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// An agent's name in URLs and records. The demo's agents are named by their extensions: `2001`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentId(pub String);

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an agent has chosen to be. It outlives calls, devices and restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentStatus {
    /// Takes calls.
    Online,
    /// Is at the desk and takes no calls, for a reason of work.
    Busy,
    /// Is not at the desk.
    Away,
    /// Has signed out.
    #[default]
    Offline,
}

impl AgentStatus {
    /// All, in the order in which they are offered.
    pub const ALL: [Self; 4] = [Self::Online, Self::Busy, Self::Away, Self::Offline];

    /// The word that is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Busy => "busy",
            Self::Away => "away",
            Self::Offline => "offline",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// What an agent does at this moment.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// Has signed out, or none of the agent's devices can be reached.
    #[default]
    Offline,
    /// Waits for a call.
    Ready,
    /// Has been chosen for a call that is not ringing yet.
    Reserved,
    /// Is being rung.
    Ringing,
    /// Is on a call.
    OnCall,
    /// Works after a call.
    Acw,
    /// Takes no calls, for the reason that is beside it.
    NotReady,
}

impl AgentState {
    /// The word that is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Ready => "ready",
            Self::Reserved => "reserved",
            Self::Ringing => "ringing",
            Self::OnCall => "on_call",
            Self::Acw => "acw",
            Self::NotReady => "not_ready",
        }
    }
}

/// An agent: somebody who serves queues from an extension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// The agent.
    pub id: AgentId,
    /// Who signs in for it.
    pub username: String,
    /// Where it is rung.
    pub extension: String,
    /// What it was when it was last written down; live state is the switch's.
    #[serde(default)]
    pub status: AgentStatus,
    /// The reason for being busy or away.
    #[serde(default)]
    pub reason: Option<String>,
    /// What the agent can do, and how well: 1 to 10.
    #[serde(default)]
    pub skills: BTreeMap<String, u8>,
    /// After so many calls in a row that were not answered the agent is made not ready; 0 for never.
    #[serde(default = "max_misses")]
    pub max_misses: u32,
    /// Whether the agent's device is told to answer by itself.
    #[serde(default)]
    pub auto_answer: bool,
    /// Whether a call is offered to the agent who is on one.
    #[serde(default)]
    pub takes_second_call: bool,
}

fn max_misses() -> u32 {
    3
}

impl Agent {
    /// An agent with the usual settings, who is rung at the extension of the same name.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            id: AgentId(id.to_owned()),
            username: id.to_owned(),
            extension: id.to_owned(),
            status: AgentStatus::default(),
            reason: None,
            skills: BTreeMap::new(),
            max_misses: max_misses(),
            auto_answer: false,
            takes_second_call: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_survives_its_word() {
        for status in AgentStatus::ALL {
            assert_eq!(AgentStatus::parse(status.as_str()), Some(status));
        }
        assert_eq!(AgentStatus::parse("ready"), None);
    }
}
