use offhook_model::AllowedHost;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

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
    /// The file to which what happens in queues is added, in the lines of Asterisk's `queue_log`.
    pub queue_log_file: Option<PathBuf>,
    /// Those who are told of events.
    pub webhooks: WebhookConfig,
    /// Whether the sign-in's cookie is for HTTPS only. Set it when a proxy in front terminates TLS.
    pub secure_cookie: bool,
}

/// What an operator can set about webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookConfig {
    /// The hosts that may be told of events; none until they are named.
    pub allowed_hosts: Vec<AllowedHost>,
    /// The pause before a message is sent again, in milliseconds. It doubles with each try, up to five minutes.
    pub retry_first_ms: u64,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self { allowed_hosts: Vec::new(), retry_first_ms: 1_000 }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            login_lifetime_s: 12 * 3_600,
            guest_lifetime_s: 3_600,
            guest_sessions_per_minute: 60,
            login_failures_max: 10,
            queue_log_file: None,
            webhooks: WebhookConfig::default(),
            secure_cookie: false,
        }
    }
}
