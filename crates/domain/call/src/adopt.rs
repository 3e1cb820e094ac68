//! Attended transfer (RFC 5589 section 7): a leg goes over from one call to another.
//!
//! The transferor talks with one party in each of two calls. The call that it transfers adopts the party of
//! the other one, which ends. A leg that has gone keeps its [`LegId`], so that its media knows nothing of it.

use crate::leg::{Leg, Signalling};
use crate::script::Script;
use crate::{Call, LegAction};
use offhook_model::{HangupCause, LegId, MediaCommand};

impl Call {
    /// Whom the leg talks with.
    #[must_use]
    pub fn partner(&self, leg: LegId) -> Option<LegId> {
        self.script.partner(self.served, leg)
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
        let state = self.leg_mut(party)?;
        let gone = state.clone();
        state.signalling = Signalling::Ended;
        state.describing = None;
        state.has_media = false;
        self.end(HangupCause::ATTENDED_TRANSFER, self.party_of(transferor), None, now_ms);
        Some(gone)
    }

    /// Takes a leg of another call on, in the place of the transferor, who is told and let go. Recording and
    /// times go on.
    pub fn adopt(&mut self, transferor: LegId, leg: Leg, now_ms: u64) {
        let Some(party) = self.partner(transferor) else { return };
        self.signal(transferor, LegAction::AnswerRefer(ACCEPTED));
        self.media(MediaCommand::Unbridge { leg: party });
        self.reply_to_asker(transferor, now_ms);
        self.drop_video(party);
        let adopted = leg.id;
        self.legs.insert(adopted, leg);
        self.served = party;
        self.run(Script::Talking { with: adopted });
        self.finish_transfer(transferor);
        self.join();
        self.publish();
    }

    /// A call that somebody has transferred without waiting for its answer: what was dialled takes its place.
    pub fn give_up_for_transfer(&mut self, transferor: LegId, now_ms: u64) {
        self.end(HangupCause::ATTENDED_TRANSFER, self.party_of(transferor), None, now_ms);
    }
}

/// SIP's "Accepted" (RFC 3515 section 2.4.2).
const ACCEPTED: u16 = 202;
