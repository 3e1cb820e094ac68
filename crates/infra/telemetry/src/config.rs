use serde::{Deserialize, Serialize};

/// What an operator can set about logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What is logged: `error`, `warn`, `info`, `debug` or `trace`, and where wanted another level for one
    /// part, as in `info,offhook_edge=debug`.
    pub level: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { level: "info".to_owned() }
    }
}
