use crate::{CallRef, LegId, LiveRecording};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A conference of the media role: legs whose audio is mixed. Unique within a node's life.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct ConferenceId(pub u64);

impl fmt::Display for ConferenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conference-{}", self.0)
    }
}

/// Who hears a member of a conference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// All who listen.
    Everyone,
    /// Nobody: the member is muted, or only listens.
    Nobody,
    /// This member alone: a whisper.
    Only(LegId),
}

/// How a conference that is dialled receives its callers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConferenceSettings {
    /// What a member types to come in; without it everybody comes in.
    pub pin: Option<String>,
    /// What a moderator types.
    pub moderator_pin: Option<String>,
    /// Whether members hear music until a moderator is there.
    pub wait_for_moderator: bool,
    /// Whether a tone is heard when somebody comes or goes.
    pub announce: bool,
    /// How many members there may be.
    pub members_max: u32,
}

/// Members of a conference that says nothing else.
const MEMBERS_MAX: u32 = 200;

impl Default for ConferenceSettings {
    fn default() -> Self {
        Self {
            pin: None,
            moderator_pin: None,
            wait_for_moderator: false,
            announce: true,
            members_max: MEMBERS_MAX,
        }
    }
}

/// What a member does in a conference. One member hears another when the other speaks to it and it is not
/// deaf; nobody hears itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MemberRole {
    /// Who hears the member.
    pub speaks_to: Audience,
    /// Whether the member hears the others.
    pub hears: bool,
}

impl MemberRole {
    /// Speaks to everyone and hears everyone.
    pub const TALKS: Self = Self { speaks_to: Audience::Everyone, hears: true };
    /// Hears everyone and is heard by nobody.
    pub const LISTENS: Self = Self { speaks_to: Audience::Nobody, hears: true };

    /// Hears everyone and is heard by one.
    #[must_use]
    pub const fn whispers_to(leg: LegId) -> Self {
        Self { speaks_to: Audience::Only(leg), hears: true }
    }
}

/// What the switch asks of a conference. It exists from the first member's joining to the last one's leaving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConferenceCommand {
    /// Makes the leg a member. It leaves its bridge or its other conference, and what is played or echoed
    /// to it ends.
    Join {
        /// The leg.
        leg: LegId,
        /// What it does there.
        role: MemberRole,
    },
    /// Changes what a member does.
    SetRole {
        /// The leg.
        leg: LegId,
        /// What it does from here on.
        role: MemberRole,
    },
    /// The leg is a member no longer; it stays.
    Leave {
        /// The leg.
        leg: LegId,
    },
    /// Plays prompts to all who listen, mixed with who speaks; ends with
    /// [`ConferenceEvent::PlayFinished`] unless repeated. Replaces what was played before.
    Play {
        /// Prompt URIs, as of [`crate::MediaCommand::Play`].
        prompts: Vec<String>,
        /// Whether it starts over when it ends.
        repeat: bool,
    },
    /// Ends what is played.
    Stop,
}

impl ConferenceCommand {
    /// The member that it is about; `None` when it is about all.
    #[must_use]
    pub fn member(&self) -> Option<LegId> {
        match self {
            Self::Join { leg, .. } | Self::SetRole { leg, .. } | Self::Leave { leg } => Some(*leg),
            Self::Play { .. } | Self::Stop => None,
        }
    }
}

/// What a conference tells the switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConferenceEvent {
    /// A member began to speak, or was silent for half a second. A member that nobody hears does neither.
    Speaking {
        /// The member.
        leg: LegId,
        /// Whether it speaks.
        speaks: bool,
    },
    /// What was played has ended.
    PlayFinished,
    /// The leg was not taken in.
    Refused {
        /// The leg.
        leg: LegId,
        /// Why.
        why: JoinRefusal,
    },
}

/// Why a leg was not taken into a conference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinRefusal {
    /// It does not exist.
    NoSuchLeg,
    /// The conference has as many members as it may have.
    Full,
    /// The media role has no room for more mixing.
    Overloaded,
}

/// A conference in progress, for those who watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveConference {
    /// The number that is dialled.
    pub number: String,
    /// Whether nobody else may come in but moderators.
    pub is_locked: bool,
    /// Whether it is being recorded.
    pub recording: Option<LiveRecording>,
    /// Who is in it or waits for a moderator, in the order in which they called.
    pub members: Vec<LiveMember>,
}

/// A member of a conference in progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveMember {
    /// The member's leg.
    pub leg: LegId,
    /// The member's call.
    pub call: CallRef,
    /// Who it is: number or user name.
    pub number: String,
    /// Whether it may mute, lock and put out.
    pub is_moderator: bool,
    /// Whether nobody hears it.
    pub is_muted: bool,
    /// Whether it hears nobody.
    pub is_deaf: bool,
    /// Whether it is speaking.
    pub is_speaking: bool,
    /// Whether it waits for a moderator.
    pub is_waiting: bool,
}
