use crate::{Agent, AgentId, Aor, ConferenceSettings, Greetings, Menu, Queue, QueueId, Target};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What proves that a device is who it says: never printed, never serialised to the outside.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Secret {
    /// The password itself.
    Password(String),
    /// Digest's HA1 for both algorithms (RFC 7616 section 3.4.2), made for one realm.
    Ha1 {
        /// MD5(user:realm:password).
        md5: [u8; 16],
        /// SHA-256(user:realm:password).
        sha256: [u8; 32],
    },
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// An extension: a number inside the house whose devices register and are called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// The number dialled, which is the SIP user name also.
    pub number: String,
    /// The name shown to the other party.
    pub display_name: String,
    /// What the devices authenticate with.
    pub secret: Secret,
    /// How long its devices ring before the caller is told that nobody answers.
    pub ring_timeout_s: u32,
    /// Which of its calls are recorded.
    pub record: RecordPolicy,
    /// Where its calls go instead.
    pub forward: Forwarding,
}

/// Where the calls of an extension go that its devices are not to take, or do not take.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Forwarding {
    /// Its devices do not ring: callers find it busy.
    pub do_not_disturb: bool,
    /// All calls go there at once.
    pub always: Option<Target>,
    /// Calls go there that find it busy.
    pub busy: Option<Target>,
    /// Calls go there that nobody takes in time, or for which no device is registered.
    pub no_answer: Option<Target>,
}

/// Which calls of an extension are recorded without being asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordPolicy {
    /// None.
    #[default]
    None,
    /// Those that it answers.
    Inbound,
    /// Those that it places.
    Outbound,
    /// All.
    All,
}

impl RecordPolicy {
    /// The word that is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::All => "all",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::None, Self::Inbound, Self::Outbound, Self::All];
        all.into_iter().find(|policy| policy.as_str() == word)
    }

    /// Whether a call that the extension answers is recorded.
    #[must_use]
    pub fn takes_inbound(self) -> bool {
        matches!(self, Self::Inbound | Self::All)
    }

    /// Whether a call that the extension places is recorded.
    #[must_use]
    pub fn takes_outbound(self) -> bool {
        matches!(self, Self::Outbound | Self::All)
    }
}

/// What a service number does. Each is one of the numbers of the demo's dial plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// The caller hears itself, `delay_ms` later.
    Echo {
        /// Zero for at once.
        delay_ms: u32,
    },
    /// The caller hears one prompt, once or again and again.
    Play {
        /// A prompt URI: `tone:1004,1000`, `music:`, `tts:text`.
        prompt: String,
        /// Whether it starts over when it ends.
        repeat: bool,
    },
    /// The conference of that number.
    Conference(ConferenceSettings),
    /// A party that is transferred here is parked; whoever dials it fetches the one that was parked first.
    Park {},
    /// The caller leaves a message.
    Voicemail {
        /// For whom: an extension, or a queue's name.
        mailbox: String,
    },
    /// The caller hears the messages of a mailbox.
    Mailbox {
        /// Whether that is the one of the caller's extension; otherwise it is asked for, with its PIN.
        own: bool,
    },
    /// The caller is sent on, after a welcome if there is one.
    GoTo {
        /// The prompt URI of the welcome.
        #[serde(default)]
        welcome: Option<String>,
        /// Where to.
        target: Target,
        /// Where a caller goes whom nobody takes there.
        #[serde(default)]
        otherwise: Option<Target>,
    },
}

/// Which numbers a caller without an account may dial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct GuestPolicy {
    /// Patterns: digits stand for themselves, `X` for any digit; hyphens are ignored.
    pub allowed: Vec<String>,
}

impl GuestPolicy {
    /// Whether a guest may dial `number` (hyphens already removed).
    #[must_use]
    pub fn allows(&self, number: &str) -> bool {
        self.allowed.iter().any(|pattern| matches_pattern(pattern, number))
    }
}

fn matches_pattern(pattern: &str, number: &str) -> bool {
    let wanted = pattern.bytes().filter(|b| *b != b'-');
    let mut dialled = number.bytes();
    let all = wanted.into_iter().all(|want| {
        dialled.next().is_some_and(|got| match want {
            b'X' | b'x' => got.is_ascii_digit(),
            other => got == other,
        })
    });
    all && dialled.next().is_none()
}

/// One immutable snapshot of what the database knows about numbers.
///
/// Calls are routed and devices authenticated from it, so that no call waits for the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Directory {
    /// The default SIP domain; requests to the server's own address belong to it too.
    pub domain: String,
    /// Extensions by number.
    pub extensions: BTreeMap<String, Extension>,
    /// Service numbers.
    pub services: BTreeMap<String, Service>,
    /// The service numbers whose calls are recorded.
    pub recorded_services: BTreeSet<String>,
    /// The extensions of those who may supervise calls.
    pub supervisors: BTreeSet<String>,
    /// What a guest may dial.
    pub guest_policy: GuestPolicy,
    /// The queues.
    pub queues: BTreeMap<QueueId, Queue>,
    /// Those who serve them.
    pub agents: BTreeMap<AgentId, Agent>,
    /// The menus.
    pub menus: BTreeMap<String, Menu>,
    /// The greetings of the mailboxes that have one of their own.
    pub greetings: Greetings,
}

impl Directory {
    /// The address-of-record of an extension of this directory.
    #[must_use]
    pub fn aor(&self, number: &str) -> Option<Aor> {
        let extension = self.extensions.get(number)?;
        Aor::new(&extension.number, &self.domain).ok()
    }
}

impl Directory {
    /// Whether messages can be left for an extension or a queue of this name.
    #[must_use]
    pub fn has_mailbox(&self, mailbox: &str) -> bool {
        self.extensions.contains_key(mailbox)
            || self.queues.contains_key(&QueueId(mailbox.to_owned()))
    }

    /// The mailboxes whose messages are for this extension: its own, and those of the queues that its agent
    /// serves.
    #[must_use]
    pub fn mailboxes_of(&self, extension: &str) -> Vec<String> {
        let is_theirs = |agent: &AgentId| {
            self.agents.get(agent).is_some_and(|agent| agent.extension == extension)
        };
        let served = self
            .queues
            .values()
            .filter(|queue| queue.tiers.iter().any(|tier| is_theirs(&tier.agent)));
        std::iter::once(extension.to_owned())
            .chain(served.map(|queue| queue.id.0.clone()))
            .collect()
    }

    /// Whether a call is recorded without being asked for that this account has placed and this number has
    /// answered.
    #[must_use]
    pub fn records(&self, account: Option<&str>, answered_by: &str) -> bool {
        let policy = |number: &str| self.extensions.get(number).map(|known| known.record);
        account.and_then(policy).is_some_and(RecordPolicy::takes_outbound)
            || policy(answered_by).is_some_and(RecordPolicy::takes_inbound)
            || self.recorded_services.contains(answered_by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guest_patterns_match_digit_by_digit() {
        let policy = GuestPolicy { allowed: vec!["6000".into(), "555-XXXX".into()] };
        assert!(policy.allows("6000"));
        assert!(policy.allows("5551234"));
        assert!(!policy.allows("555123"));
        assert!(!policy.allows("60001"));
        assert!(!policy.allows("555abcd"));
    }

    #[test]
    fn a_call_is_recorded_for_either_side_or_for_the_number() {
        use RecordPolicy::{All, Inbound, None, Outbound};
        let extension = |(number, record): (&str, RecordPolicy)| {
            let secret = Secret::Password("secret".into());
            let (number, display_name) = (number.to_owned(), String::new());
            let made = Extension {
                number: number.clone(),
                display_name,
                secret,
                ring_timeout_s: 20,
                record,
                forward: Forwarding::default(),
            };
            (number, made)
        };
        let directory = Directory {
            extensions: [("1", None), ("2", Inbound), ("3", Outbound), ("4", All)]
                .map(extension)
                .into(),
            recorded_services: ["6000".to_owned()].into(),
            ..Directory::default()
        };
        for (account, answered_by, is_recorded) in [
            ("1", "1", false),
            ("1", "2", true),
            ("2", "1", false),
            ("3", "1", true),
            ("1", "3", false),
            ("4", "1", true),
            ("1", "4", true),
            ("1", "6000", true),
            ("1", "9196", false),
        ] {
            assert_eq!(
                directory.records(Some(account), answered_by),
                is_recorded,
                "{account} to {answered_by}"
            );
        }
        assert!(!directory.records(Option::None, "1"));
        for policy in [None, Inbound, Outbound, All] {
            assert_eq!(RecordPolicy::parse(policy.as_str()), Some(policy));
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        let text = format!("{:?}", Secret::Password("demo-1001".into()));
        assert!(!text.contains("demo"));
    }
}
