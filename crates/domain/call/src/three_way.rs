//! Three-way calls: a third party comes in beside the two who talk.
//!
//! The third comes from another call of one of the two, which ends. While the three talk they are in a
//! conference; when one of them goes, whoever it is, the two who are left are bridged.

use crate::Call;
use crate::leg::Leg;
use crate::script::Script;
use offhook_model::{ConferenceCommand, ConferenceId, LegId, MediaCommand, MemberRole};

/// Conferences of three-way calls are numbered from here by their calls; those that are dialled are counted
/// from below, those of supervised calls from above.
const FIRST_CONFERENCE: u64 = 1 << 61;

impl Call {
    /// The three who talk with each other.
    #[must_use]
    pub fn three(&self) -> Option<[LegId; 3]> {
        let Script::ThreeWay { with: [one, other] } = self.script else { return None };
        Some([self.served, one, other])
    }

    /// Takes a leg of another call on, beside the two who talk. Recording and times go on.
    pub fn let_in(&mut self, leg: Leg) {
        let Script::Talking { with } = self.script else { return };
        let third = leg.id;
        self.media(MediaCommand::Unbridge { leg: with });
        self.legs.insert(third, leg);
        self.run(Script::ThreeWay { with: [with, third] });
        for party in [self.served, with, third] {
            self.drop_video(party);
        }
        self.join();
        self.publish();
    }

    /// One of three is gone; whether it was one of them. The other two talk on.
    pub(crate) fn go_on_without(&mut self, gone: LegId) -> bool {
        let Some(three) = self.three().filter(|three| three.contains(&gone)) else { return false };
        self.confer(ConferenceCommand::Leave { leg: gone });
        let mut left = three.into_iter().filter(|leg| *leg != gone);
        if let (Some(served), Some(with)) = (left.next(), left.next()) {
            self.run(Script::Talking { with });
            self.served = served;
            self.join();
            self.publish();
        }
        true
    }

    /// Puts those of the three into their conference whose media is agreed, or puts them there again.
    pub(crate) fn join_three(&mut self, three: [LegId; 3]) {
        for leg in three {
            if self.legs.get(&leg).is_some_and(|state| state.agreed) {
                self.confer(ConferenceCommand::Join { leg, role: MemberRole::TALKS });
            }
        }
    }

    fn confer(&mut self, command: ConferenceCommand) {
        let conference = ConferenceId(FIRST_CONFERENCE + u64::from(self.serial));
        self.media(MediaCommand::Conference { conference, command });
    }
}
