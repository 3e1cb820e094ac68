use offhook_model::{ConferenceCommand, ConferenceId, LegId, MediaCommand, MemberRole};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

/// Supervisors on a call of two: while there is one the two are in a conference, before and after they are
/// bridged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supervision {
    conference: ConferenceId,
    parties: [LegId; 2],
    supervisors: BTreeMap<LegId, SupervisionMode>,
}

impl Supervision {
    /// Nobody supervises the two yet.
    #[must_use]
    pub fn new(conference: ConferenceId, parties: [LegId; 2]) -> Self {
        Self { conference, parties, supervisors: BTreeMap::new() }
    }

    /// The two.
    #[must_use]
    pub fn parties(&self) -> [LegId; 2] {
        self.parties
    }

    /// Whether nobody supervises them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.supervisors.is_empty()
    }

    /// Puts a supervisor on the call, and says what the media role has to do.
    #[must_use]
    pub fn add(&mut self, supervisor: LegId, mode: SupervisionMode) -> Vec<MediaCommand> {
        let is_first = self.supervisors.is_empty();
        self.supervisors.insert(supervisor, mode);
        let parties = if is_first { self.join_parties() } else { Vec::new() };
        parties.into_iter().chain([self.join(supervisor, mode.role())]).collect()
    }

    /// The supervisor does something else; nothing happens when it is not there.
    #[must_use]
    pub fn set_mode(&mut self, supervisor: LegId, mode: SupervisionMode) -> Option<MediaCommand> {
        *self.supervisors.get_mut(&supervisor)? = mode;
        Some(self.order(ConferenceCommand::SetRole { leg: supervisor, role: mode.role() }))
    }

    /// The two are to be joined again, as after a renegotiation.
    #[must_use]
    pub fn join_parties(&self) -> Vec<MediaCommand> {
        self.parties.map(|leg| self.join(leg, MemberRole::TALKS)).into()
    }

    /// A supervisor goes. With the last of them the two are bridged again.
    #[must_use]
    pub fn remove(&mut self, supervisor: LegId) -> Vec<MediaCommand> {
        if self.supervisors.remove(&supervisor).is_none() {
            return Vec::new();
        }
        let [a, b] = self.parties;
        let bridge = self.supervisors.is_empty().then_some(MediaCommand::Bridge { a, b });
        [self.leave(supervisor)].into_iter().chain(bridge).collect()
    }

    /// The two part, and all leave.
    #[must_use]
    pub fn end(self) -> Vec<MediaCommand> {
        let all = self.supervisors.keys().chain(&self.parties);
        all.map(|leg| self.leave(*leg)).collect()
    }

    fn join(&self, leg: LegId, role: MemberRole) -> MediaCommand {
        self.order(ConferenceCommand::Join { leg, role })
    }

    fn leave(&self, leg: LegId) -> MediaCommand {
        self.order(ConferenceCommand::Leave { leg })
    }

    fn order(&self, command: ConferenceCommand) -> MediaCommand {
        MediaCommand::Conference { conference: self.conference, command }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFERENCE: ConferenceId = ConferenceId(9);
    const PARTIES: [LegId; 2] = [LegId(1), LegId(2)];

    fn order(command: ConferenceCommand) -> MediaCommand {
        MediaCommand::Conference { conference: CONFERENCE, command }
    }

    fn join(leg: u64, role: MemberRole) -> MediaCommand {
        order(ConferenceCommand::Join { leg: LegId(leg), role })
    }

    fn leave(leg: u64) -> MediaCommand {
        order(ConferenceCommand::Leave { leg: LegId(leg) })
    }

    #[test]
    fn a_call_becomes_a_conference_of_three_and_a_bridge_again() {
        let [a, b] = PARTIES;
        let supervisor = LegId(3);
        let mut supervision = Supervision::new(CONFERENCE, PARTIES);
        let (talks, listens) = (MemberRole::TALKS, MemberRole::LISTENS);
        let commands = supervision.add(supervisor, SupervisionMode::Listen);
        assert_eq!(commands, [join(1, talks), join(2, talks), join(3, listens)]);
        let set = |role| Some(order(ConferenceCommand::SetRole { leg: supervisor, role }));
        let whisper = supervision.set_mode(supervisor, SupervisionMode::Whisper { to: b });
        assert_eq!(whisper, set(MemberRole::whispers_to(b)));
        assert_eq!(supervision.set_mode(supervisor, SupervisionMode::Barge), set(talks));
        assert_eq!(supervision.remove(supervisor), [leave(3), MediaCommand::Bridge { a, b }]);
        assert_eq!(supervision.remove(supervisor), []);
        assert_eq!(supervision.set_mode(supervisor, SupervisionMode::Barge), None);
    }

    #[test]
    fn the_two_are_bridged_when_the_last_supervisor_goes() {
        let [a, b] = PARTIES;
        let mut supervision = Supervision::new(CONFERENCE, PARTIES);
        assert_eq!(supervision.add(LegId(3), SupervisionMode::Listen).len(), 3);
        let second = supervision.add(LegId(4), SupervisionMode::Barge);
        assert_eq!(second, [join(4, MemberRole::TALKS)]);
        assert_eq!(supervision.remove(LegId(3)), [leave(3)]);
        assert_eq!(supervision.remove(LegId(4)), [leave(4), MediaCommand::Bridge { a, b }]);
    }

    #[test]
    fn all_leave_when_the_two_part() {
        let mut supervision = Supervision::new(CONFERENCE, PARTIES);
        assert_eq!(supervision.add(LegId(3), SupervisionMode::Listen).len(), 3);
        assert_eq!(supervision.end(), [leave(3), leave(1), leave(2)]);
    }
}
