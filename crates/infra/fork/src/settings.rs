use serde::{Deserialize, Serialize};

/// The sampling rates that a fork can have, in Hz.
const RATES: [u32; 3] = [8_000, 16_000, 24_000];

/// What to connect to, and what to send there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkSettings {
    /// `ws:` or `wss:`.
    pub url: String,
    /// Samples per second: 8000, 16000 or 24000, in both directions.
    pub rate: u32,
    /// Whom the program hears.
    pub channels: ForkChannels,
    /// Handed to the program in the first message as it is.
    #[serde(default)]
    pub metadata: serde_json::Value,
}

/// Whom the program hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForkChannels {
    /// The party of the forked leg.
    Party,
    /// The party on the left, what it hears on the right.
    Both,
}

/// Why settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForkSettingsError {
    /// The address is not that of a WebSocket.
    #[error("the url {0:?} does not begin with ws:// or wss://")]
    NotAWebSocket(String),
    /// The rate is not offered.
    #[error("a rate of {0} Hz is not offered: 8000, 16000 and 24000 are")]
    UnknownRate(u32),
}

impl ForkSettings {
    /// Whether they can be used at all.
    ///
    /// # Errors
    /// Names the value that cannot, and what is allowed.
    pub fn validate(&self) -> Result<(), ForkSettingsError> {
        let schemes = ["ws://", "wss://"];
        if !schemes.iter().any(|scheme| self.url.starts_with(scheme)) {
            return Err(ForkSettingsError::NotAWebSocket(self.url.clone()));
        }
        if !RATES.contains(&self.rate) {
            return Err(ForkSettingsError::UnknownRate(self.rate));
        }
        Ok(())
    }
}

impl ForkChannels {
    /// How many samples stand side by side.
    #[must_use]
    pub fn count(self) -> usize {
        match self {
            Self::Party => 1,
            Self::Both => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str, rate: u32) -> ForkSettings {
        let metadata = serde_json::Value::Null;
        ForkSettings { url: url.to_owned(), rate, channels: ForkChannels::Party, metadata }
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        assert_eq!(settings("wss://example.org/a", 16_000).validate(), Ok(()));
        let error = settings("http://example.org", 8_000).validate().expect_err("http");
        assert!(error.to_string().contains("ws://"));
        let error = settings("ws://example.org", 44_100).validate().expect_err("44100");
        assert!(error.to_string().contains("24000"));
    }
}
