use serde::{Deserialize, Serialize};

/// What an operator can set for the switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The host and port that stand in our Contact and Via. Devices never connect to it: their messages
    /// come through the edge, whose Route they carry.
    pub contact: String,
    /// Calls at once; beyond, a new call is answered with 503.
    pub calls_max: usize,
    /// The session interval proposed to devices, seconds (RFC 4028); 0 proposes none.
    pub session_expires_s: u32,
    /// Whether every call is recorded from its answer to its end, without being asked to.
    pub record_calls: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            contact: "127.0.0.1:5080".to_owned(),
            calls_max: 10_000,
            session_expires_s: 1_800,
            record_calls: false,
        }
    }
}
