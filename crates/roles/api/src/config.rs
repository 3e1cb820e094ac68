use serde::{Deserialize, Serialize};

/// What an operator can set about the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long a sign-in lasts, in seconds.
    pub login_lifetime_s: u32,
    /// How long a guest's SIP credentials are good for new calls, in seconds.
    pub guest_lifetime_s: u32,
    /// How many guest sessions an address may begin per minute; as many may come at once.
    pub guest_sessions_per_minute: u32,
    /// How many wrong passwords an address may send at once; one more is allowed every 30 seconds.
    pub login_failures_max: u32,
    /// Whether the sign-in's cookie is for HTTPS only. Set it when a proxy in front terminates TLS.
    pub secure_cookie: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            login_lifetime_s: 12 * 3_600,
            guest_lifetime_s: 3_600,
            guest_sessions_per_minute: 60,
            login_failures_max: 10,
            secure_cookie: false,
        }
    }
}
