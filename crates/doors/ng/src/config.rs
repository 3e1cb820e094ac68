use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// The port of the NG protocol.
pub const PORT: u16 = 22_222;
/// Calls at a time unless configured otherwise.
pub const CALLS_MAX: usize = 2_000;
/// Seconds between a delete and the end of a call, unless configured or asked otherwise.
pub const DELETE_DELAY_S: u32 = 30;

/// Seconds without a packet after which a call ends, unless configured otherwise.
pub const SILENCE_TIMEOUT_S: u32 = 60;
/// Seconds after which a call ends in which nobody was ever heard, unless configured otherwise.
pub const OFFER_TIMEOUT_S: u32 = 3_600;

/// Settings of the NG door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether the door is there at all.
    pub enabled: bool,
    /// The address on which it listens. Whoever reaches it can end calls and move media: it is for the
    /// proxy's machine alone.
    pub bind: IpAddr,
    /// The port for UDP. 0 lets the kernel choose.
    pub port: u16,
    /// Calls at a time; further offers are refused.
    pub calls_max: usize,
    /// Seconds between a delete and the end of a call when the delete does not say.
    pub delete_delay_s: u32,
    /// Seconds without a packet of any party after which a call ends. Zero never ends one.
    pub silence_timeout_s: u32,
    /// Seconds after which a call ends in which nobody was ever heard.
    pub offer_timeout_s: u32,
    /// Addresses for descriptions by the names that the flag `direction` has for them, such as
    /// `external = "203.0.113.5"`. The media role must be reachable under each of them.
    pub interfaces: BTreeMap<String, IpAddr>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: PORT,
            calls_max: CALLS_MAX,
            delete_delay_s: DELETE_DELAY_S,
            silence_timeout_s: SILENCE_TIMEOUT_S,
            offer_timeout_s: OFFER_TIMEOUT_S,
            interfaces: BTreeMap::new(),
        }
    }
}
