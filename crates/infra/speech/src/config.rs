use crate::voice::{Flite, Program, Server, Voice};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use thiserror::Error;

/// Seconds that an engine has for one sentence unless configured otherwise.
pub const TIMEOUT_S: u64 = 10;

/// Which engine speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineName {
    /// The embedded voice.
    #[default]
    Flite,
    /// A program of the operator's.
    Command,
    /// A server.
    Http,
}

/// Settings of text to speech. When a program or server fails, the embedded voice speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `flite`, `command` or `http`.
    pub engine: EngineName,
    /// For `command`: the program and its arguments. It reads the text on standard input and writes a sound
    /// file (WAV, MP3, Ogg) to standard output.
    pub command: Vec<String>,
    /// For `http`: where the text is posted; the answer is a sound file.
    pub url: String,
    /// For `http`: the value of the Authorization header.
    pub authorization: Option<String>,
    /// How long an engine may take for one sentence, in seconds.
    pub timeout_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            engine: EngineName::Flite,
            command: Vec::new(),
            url: String::new(),
            authorization: None,
            timeout_s: TIMEOUT_S,
        }
    }
}

/// What is missing for the engine that was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// There is no program.
    #[error("speech.command names the program that engine \"command\" runs")]
    NoCommand,
    /// There is no URL.
    #[error("speech.url is the http:// or https:// URL that engine \"http\" posts to")]
    NoUrl,
}

impl Config {
    /// The engine that was chosen.
    ///
    /// # Errors
    /// When what it needs is missing.
    pub fn voice(&self) -> Result<Box<dyn Voice>, ConfigError> {
        let timeout = Duration::from_secs(self.timeout_s.max(1));
        match self.engine {
            EngineName::Flite => Ok(Box::new(Flite)),
            EngineName::Command => {
                let program = Program::new(self.command.clone(), timeout);
                Ok(Box::new(program.ok_or(ConfigError::NoCommand)?))
            }
            EngineName::Http => {
                let server = Server::new(&self.url, self.authorization.clone(), timeout);
                Ok(Box::new(server.map_err(|_| ConfigError::NoUrl)?))
            }
        }
    }
}
