use offhook_model::{Audience, ConferenceSettings, MemberRole};
use serde::{Deserialize, Serialize};

/// Somebody who has dialled the conference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Caller {
    pub(crate) stage: Stage,
    pub(crate) is_moderator: bool,
    pub(crate) is_muted: bool,
    pub(crate) is_deaf: bool,
    pub(crate) is_speaking: bool,
    /// Whether the key before was a star, so that the next is a command.
    pub(crate) has_pressed_star: bool,
}

/// How far in the caller is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// It is asked for a PIN.
    Entering { typed: String, tries: u32 },
    /// It hears music until a moderator is there.
    Waiting,
    /// It is a member.
    In,
    /// It is told why it cannot come in, and then hung up on.
    TurnedAway,
}

/// What a PIN opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entrance {
    Member,
    Moderator,
    Closed,
}

impl Caller {
    pub(crate) fn new(stage: Stage) -> Self {
        Self {
            stage,
            is_moderator: false,
            is_muted: false,
            is_deaf: false,
            is_speaking: false,
            has_pressed_star: false,
        }
    }

    pub(crate) fn is_in(&self) -> bool {
        self.stage == Stage::In
    }

    pub(crate) fn role(&self) -> MemberRole {
        let speaks_to = if self.is_muted { Audience::Nobody } else { Audience::Everyone };
        MemberRole { speaks_to, hears: !self.is_deaf }
    }
}

/// What these digits open.
pub(crate) fn entrance(settings: &ConferenceSettings, typed: &str) -> Entrance {
    let is = |pin: &Option<String>| pin.as_deref().is_some_and(|pin| pin == typed);
    if is(&settings.moderator_pin) {
        Entrance::Moderator
    } else if is(&settings.pin) || (settings.pin.is_none() && typed.is_empty()) {
        Entrance::Member
    } else {
        Entrance::Closed
    }
}

/// Whether somebody who comes is asked for a PIN.
pub(crate) fn asks_for_pin(settings: &ConferenceSettings) -> bool {
    settings.pin.is_some() || settings.moderator_pin.is_some()
}

/// Digits of a PIN at most; what is typed beyond is wrong anyhow.
pub(crate) const PIN_DIGITS_MAX: usize = 16;
