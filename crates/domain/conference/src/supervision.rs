use offhook_model::{ConferenceCommand, ConferenceId, LegId, MediaCommand, MemberRole};
use serde::{Deserialize, Serialize};

/// What a supervisor does on a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SupervisionMode {
    /// Hears both, and is heard by nobody.
    Listen,
    /// Hears both, and is heard by one of them.
    Whisper {
        /// Who hears it.
        to: LegId,
    },
    /// Talks with both.
    Barge,
}

impl SupervisionMode {
    fn role(self) -> MemberRole {
        match self {
            Self::Listen => MemberRole::LISTENS,
            Self::Whisper { to } => MemberRole::whispers_to(to),
            Self::Barge => MemberRole::TALKS,
        }
    }
}

/// A supervisor on a call of two: while it lasts the two are in a conference, before and after it bridged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supervision {
    conference: ConferenceId,
    parties: [LegId; 2],
    supervisor: LegId,
}

impl Supervision {
    /// Puts the supervisor on the call, and says what the media role has to do.
    #[must_use]
    pub fn begin(
        conference: ConferenceId,
        parties: [LegId; 2],
        supervisor: LegId,
        mode: SupervisionMode,
    ) -> (Self, Vec<MediaCommand>) {
        let begun = Self { conference, parties, supervisor };
        let join = |leg, role| begun.order(ConferenceCommand::Join { leg, role });
        let [one, other] = parties;
        let commands = vec![
            join(one, MemberRole::TALKS),
            join(other, MemberRole::TALKS),
            join(supervisor, mode.role()),
        ];
        (begun, commands)
    }

    /// The supervisor does something else.
    #[must_use]
    pub fn set_mode(&self, mode: SupervisionMode) -> MediaCommand {
        self.order(ConferenceCommand::SetRole { leg: self.supervisor, role: mode.role() })
    }

    /// The supervisor goes; the two talk on.
    #[must_use]
    pub fn end(self) -> Vec<MediaCommand> {
        let [a, b] = self.parties;
        let leave = self.order(ConferenceCommand::Leave { leg: self.supervisor });
        vec![leave, MediaCommand::Bridge { a, b }]
    }

    fn order(&self, command: ConferenceCommand) -> MediaCommand {
        MediaCommand::Conference { conference: self.conference, command }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_becomes_a_conference_of_three_and_a_bridge_again() {
        let [a, b, supervisor] = [1, 2, 3].map(LegId);
        let conference = ConferenceId(9);
        let order = |command| MediaCommand::Conference { conference, command };
        let (supervision, commands) =
            Supervision::begin(conference, [a, b], supervisor, SupervisionMode::Listen);
        let join = |leg, role| order(ConferenceCommand::Join { leg, role });
        let talks = MemberRole::TALKS;
        let listens = MemberRole::LISTENS;
        assert_eq!(commands, [join(a, talks), join(b, talks), join(supervisor, listens)]);
        let set = |role| order(ConferenceCommand::SetRole { leg: supervisor, role });
        let whisper = supervision.set_mode(SupervisionMode::Whisper { to: b });
        assert_eq!(whisper, set(MemberRole::whispers_to(b)));
        assert_eq!(supervision.set_mode(SupervisionMode::Barge), set(talks));
        let leave = order(ConferenceCommand::Leave { leg: supervisor });
        assert_eq!(supervision.end(), [leave, MediaCommand::Bridge { a, b }]);
    }
}
