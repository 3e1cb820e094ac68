//! Attended transfer (RFC 5589 section 7) and take-over: a leg goes over from one call to another.
//!
//! The transferor talks with one party in each of two calls. The call that it transfers adopts the party of
//! the other one, which ends. A leg that has gone keeps its [`LegId`], so that its media knows nothing of it.

use crate::leg::{Leg, Signalling};
use crate::script::Script;
use crate::{Call, LegAction};
use offhook_model::{HangupCause, LegId, MediaCommand, Party};

impl Call {
    /// Whom the leg talks with.
    #[must_use]
    pub fn partner(&self, leg: LegId) -> Option<LegId> {
        self.script.partner(self.served, leg)
    }

    /// Whether the leg talks with one other or with two.
    pub(crate) fn talks(&self, leg: LegId) -> bool {
        self.partner(leg).is_some() || self.three().is_some_and(|three| three.contains(&leg))
    }

    /// Turns a transfer away with this SIP status.
    pub fn refuse_refer(&mut self, transferor: LegId, status: u16) {
        self.signal(transferor, LegAction::AnswerRefer(status));
    }

    /// Gives the party away that the transferor talks with, and ends the call; `None` when there is no such
    /// party. The call keeps what it knows of the leg, for its record.
    pub fn release_partner(&mut self, transferor: LegId, now_ms: u64) -> Option<Leg> {
        let party = self.partner(transferor)?;
        self.media(MediaCommand::Unbridge { leg: party });
        self.reply_to_asker(transferor, now_ms);
        self.drop_video(party);
        let gone = self.give_away(party)?;
        self.end(HangupCause::ATTENDED_TRANSFER, self.party_of(transferor), None, now_ms);
        Some(gone)
    }

    /// Gives the leg of a supervisor away, and ends the call; `None` when it is not up or does not supervise.
    pub fn release_supervisor(&mut self, leg: LegId, now_ms: u64) -> Option<Leg> {
        if self.script != Script::Supervising || !self.is_up(leg) {
            return None;
        }
        let gone = self.give_away(leg)?;
        self.end(HangupCause::ATTENDED_TRANSFER, Party::System, None, now_ms);
        Some(gone)
    }

    fn give_away(&mut self, leg: LegId) -> Option<Leg> {
        let state = self.leg_mut(leg)?;
        let gone = state.clone();
        state.signalling = Signalling::Ended;
        state.describing = None;
        state.has_media = false;
        Some(gone)
    }

    /// Takes a leg of another call on, in the place of the transferor, who is told and let go. Recording and
    /// times go on.
    pub fn adopt(&mut self, transferor: LegId, leg: Leg, now_ms: u64) {
        let Some(party) = self.partner(transferor) else { return };
        self.signal(transferor, LegAction::AnswerRefer(ACCEPTED));
        self.replace(transferor, party, leg, now_ms);
        self.finish_transfer(transferor);
        self.join();
        self.publish();
    }

    /// Takes a leg of another call on, in the place of one of the two who talk, which ends. Recording and times
    /// go on.
    pub fn take_over(&mut self, from: LegId, leg: Leg, now_ms: u64) {
        let Some(party) = self.partner(from) else { return };
        self.replace(from, party, leg, now_ms);
        self.drop_leg(from, HangupCause::NORMAL_CLEARING);
        self.join();
        self.publish();
    }

    fn replace(&mut self, from: LegId, party: LegId, by: Leg, now_ms: u64) {
        self.media(MediaCommand::Unbridge { leg: party });
        self.reply_to_asker(from, now_ms);
        self.drop_video(party);
        let with = by.id;
        self.legs.insert(with, by);
        self.served = party;
        self.run(Script::Talking { with });
    }

    /// A call that somebody has transferred without waiting for its answer: what was dialled takes its place.
    pub fn give_up_for_transfer(&mut self, transferor: LegId, now_ms: u64) {
        self.end(HangupCause::ATTENDED_TRANSFER, self.party_of(transferor), None, now_ms);
    }
}

/// SIP's "Accepted" (RFC 3515 section 2.4.2).
const ACCEPTED: u16 = 202;
