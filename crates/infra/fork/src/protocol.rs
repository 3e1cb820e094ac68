//! The messages on the socket.
//!
//! Audio is a binary message: linear PCM, 16 bits, little-endian, at the fork's rate. With two channels
//! their samples alternate, the party first. The program's audio has one channel always. Everything else is
//! a JSON text message: [`Told`] to the program, [`Command`] from it.

use crate::ForkChannels;
use serde::{Deserialize, Serialize};

/// What the program is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Told {
    /// The first message.
    Start {
        /// `L16`: linear PCM, 16 bits, little-endian.
        encoding: String,
        /// Samples per second.
        rate: u32,
        /// Whom the program hears.
        channels: ForkChannels,
        /// What the fork was made with.
        metadata: serde_json::Value,
    },
    /// The party pressed a key.
    Dtmf {
        /// `0-9*#A-D`.
        digit: char,
    },
    /// The party has heard everything up to this mark, or it was cleared away.
    Mark {
        /// As the program named it.
        name: String,
        /// Whether it was cleared away and not heard.
        cleared: bool,
    },
    /// The program read too slowly: audio was left out before the next binary message.
    Overrun {
        /// How much, in milliseconds.
        dropped_ms: u64,
    },
    /// A message of the program was not understood; the call and the fork go on.
    Error {
        /// What was wrong and what is allowed.
        reason: String,
    },
    /// The last message: the fork ends.
    Stop {
        /// Why.
        reason: String,
    },
}

/// What the program asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Throw away what the party has not heard yet: it speaks itself.
    Clear {},
    /// Tell when the party has heard all that was sent before.
    Mark {
        /// Comes back in [`Told::Mark`].
        name: String,
    },
    /// End the fork; the call goes on.
    Stop {},
}

impl Command {
    /// Reads a text message.
    ///
    /// # Errors
    /// A sentence for the program: what was wrong and what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text)
            .map_err(|error| format!("{error}; the commands are clear, mark (with name) and stop"))
    }
}

/// Samples as a binary message has them.
#[must_use]
pub fn to_bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// The samples of a binary message.
///
/// # Errors
/// A sentence for the program when half a sample is left over.
pub fn to_samples(bytes: &[u8]) -> Result<Vec<i16>, String> {
    let (samples, rest) = bytes.as_chunks::<2>();
    if rest.is_empty() {
        return Ok(samples.iter().map(|sample| i16::from_le_bytes(*sample)).collect());
    }
    let length = bytes.len();
    Err(format!("{length} bytes are no whole number of samples: each sample has 2 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_and_nonsense_is_explained() {
        assert_eq!(Command::parse(r#"{"command":"clear"}"#), Ok(Command::Clear {}));
        let mark = Command::parse(r#"{"command":"mark","name":"greeting"}"#);
        assert_eq!(mark, Ok(Command::Mark { name: "greeting".to_owned() }));
        for wrong in ["", "{}", r#"{"command":"sing"}"#, r#"{"command":"mark"}"#] {
            let error = Command::parse(wrong).expect_err(wrong);
            assert!(error.contains("clear, mark"), "{error}");
        }
    }

    #[test]
    fn samples_survive_and_half_a_sample_is_refused() {
        let samples = [0, 1, -1, i16::MAX, i16::MIN];
        assert_eq!(to_samples(&to_bytes(&samples)), Ok(samples.to_vec()));
        assert!(to_samples(&[1, 2, 3]).is_err());
    }
}
