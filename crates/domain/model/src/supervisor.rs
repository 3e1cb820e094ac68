use serde::{Deserialize, Serialize};

/// Which side of a call of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallSide {
    /// Whoever works here: the extension that is supervised, or else who was called.
    #[default]
    Agent,
    /// The other.
    Customer,
}

/// What a supervisor does on a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SupervisorMode {
    /// Hears both, and is heard by nobody.
    Listen,
    /// Hears both, and is heard by one of them.
    Whisper(CallSide),
    /// Talks with both.
    Barge,
}

impl SupervisorMode {
    /// What a supervisor wants who presses `*` and this key.
    #[must_use]
    pub fn of_key(key: char) -> Option<Self> {
        match key {
            '1' => Some(Self::Listen),
            '2' => Some(Self::Whisper(CallSide::Agent)),
            '3' => Some(Self::Barge),
            '4' => Some(Self::Whisper(CallSide::Customer)),
            _ => None,
        }
    }

    /// The word that is shown; a whisper has one for either side.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listen => "listen",
            Self::Whisper(CallSide::Agent) => "whisper",
            Self::Whisper(CallSide::Customer) => "whisper_to_customer",
            Self::Barge => "barge",
        }
    }
}
