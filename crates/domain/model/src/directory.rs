use crate::{Aor, ConferenceSettings};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// A welcome, then an extension is rung; an apology when nobody takes the call.
    DirectCall {
        /// The prompt URI of the welcome.
        welcome: String,
        /// The extension that is rung.
        target: String,
        /// The prompt URI of the apology.
        apology: String,
    },
    /// The conference of that number.
    Conference(ConferenceSettings),
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
    /// What a guest may dial.
    pub guest_policy: GuestPolicy,
}

impl Directory {
    /// The address-of-record of an extension of this directory.
    #[must_use]
    pub fn aor(&self, number: &str) -> Option<Aor> {
        let extension = self.extensions.get(number)?;
        Aor::new(&extension.number, &self.domain).ok()
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
    fn a_secret_is_not_printed() {
        let text = format!("{:?}", Secret::Password("demo-1001".into()));
        assert!(!text.contains("demo"));
    }
}
