use crate::dial::Otherwise;
use crate::script::Script;
use crate::{Call, Failure, LegAction, Reply};
use offhook_model::{HangupCause, LegId, MediaCommand, Party};
use offhook_routing::Decision;

impl Call {
    /// Blind transfer (RFC 5589 section 6): the transferor asks that the party it talks with be connected
    /// to somebody else. The reply goes out as [`LegAction::AnswerRefer`].
    pub fn handle_refer(&mut self, transferor: LegId, decision: Decision, now_ms: u64) -> Reply {
        let Some(party) = self.script.partner(self.served, transferor) else {
            self.signal(transferor, LegAction::AnswerRefer(NOTHING_TO_TRANSFER));
            return Reply::Refused;
        };
        let refused = match &decision {
            Decision::Refuse { cause, .. } => Some(cause.sip_status()),
            Decision::Supervise { .. } => Some(NO_PARTY_SUPERVISES),
            _ => None,
        };
        if let Some(status) = refused {
            self.signal(transferor, LegAction::AnswerRefer(status));
            return Reply::Refused;
        }
        if let Decision::Service { number, .. } = &decision {
            self.answered_by = Some(number.clone());
        }
        self.part_for_transfer(transferor, party);
        self.run(Script::GoingTo { otherwise: Otherwise::GiveBack(transferor) });
        self.handle_decision(decision, now_ms);
        self.publish();
        Reply::Taken
    }

    fn part_for_transfer(&mut self, transferor: LegId, party: LegId) {
        self.signal(transferor, LegAction::AnswerRefer(202));
        self.signal(transferor, LegAction::NotifyRefer(100));
        self.media(MediaCommand::Unbridge { leg: party });
        self.drop_video(party);
        self.drop_video(transferor);
        self.served = party;
    }

    /// The party has reached its new partner; the transferor is told and let go.
    pub(crate) fn finish_transfer(&mut self, transferor: LegId) {
        if self.is_up(transferor) {
            self.signal(transferor, LegAction::NotifyRefer(200));
            self.drop_leg(transferor, HangupCause::NORMAL_CLEARING);
        }
    }

    /// Nobody took the transferred party: it goes back to the transferor, or the call ends.
    pub(crate) fn give_back(&mut self, transferor: LegId, failure: &Failure, now_ms: u64) {
        if !self.is_up(transferor) {
            self.end(failure.cause, Party::Callee, None, now_ms);
            return;
        }
        self.signal(transferor, LegAction::NotifyRefer(failure.status));
        self.run(Script::Talking { with: transferor });
        self.join();
    }
}

/// SIP's "Forbidden" for a REFER to a supervisor's code, which is for supervisors and not for their parties.
const NO_PARTY_SUPERVISES: u16 = 403;
/// SIP's "Call/Transaction Does Not Exist" for a REFER of a party that talks with nobody.
const NOTHING_TO_TRANSFER: u16 = 481;
