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

    /// What a supervisor wants who dials this code and then an extension.
    #[must_use]
    pub fn of_code(dialled: &str) -> Option<(Self, &str)> {
        [Self::Listen, Self::Whisper(CallSide::Agent), Self::Barge]
            .into_iter()
            .find_map(|mode| dialled.strip_prefix(mode.code()).map(|rest| (mode, rest)))
    }

    /// The code that is dialled before an extension; both whispers have one.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Listen => "*33",
            Self::Whisper(_) => "*34",
            Self::Barge => "*35",
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
