use crate::leg::Describing;
use crate::{Call, LegAction};
use offhook_model::{IceRole, LegId, MediaCommand, OfferPolicy, Security};

/// Another offer is under way on the leg (RFC 3261 section 14.2).
const REQUEST_PENDING: u16 = 491;

impl Call {
    /// The party holds, resumes, or changes codecs or addresses.
    pub(crate) fn handle_reinvite(&mut self, leg: LegId, sdp: Option<String>) {
        let Some(state) = self.leg_mut(leg) else { return };
        if state.describing.is_some() || !state.is_up() {
            self.refuse_reinvite(leg, REQUEST_PENDING);
            return;
        }
        state.describing = Some(Describing::Reinvite);
        state.offered = sdp.is_none();
        self.media(match sdp {
            Some(offer) => MediaCommand::Answer { leg, offer },
            None => MediaCommand::Offer { leg, policy: KEEP },
        });
    }

    pub(crate) fn answer_reinvite(&mut self, leg: LegId, sdp: String) {
        self.signal(leg, LegAction::AnswerReinvite(Ok(sdp)));
    }

    pub(crate) fn refuse_reinvite(&mut self, leg: LegId, status: u16) {
        if let Some(state) = self.leg_mut(leg) {
            state.offered = false;
        }
        self.signal(leg, LegAction::AnswerReinvite(Err(status)));
    }
}

/// On a leg that exists the media role keeps the protection it has.
const KEEP: OfferPolicy =
    OfferPolicy { security: Security::Plain, ice: IceRole::None, prefer_codec_of: None };
