//! Somebody answers what rings elsewhere.

use crate::leg::{Describing, Leg, Signalling};
use crate::script::Script;
use crate::{Call, Failure, LegAction};
use offhook_model::{Direction, HangupCause, LegId, MediaCommand, OfferPolicy, Party};

/// Who picks a call up, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PickUp {
    /// The account that it has proved to own.
    pub account: String,
    /// SIP's Call-ID.
    pub sip_call_id: String,
    /// Its offer; without one we make ours.
    pub offer: Option<String>,
    /// What we offer if it makes no offer.
    pub policy: OfferPolicy,
}

impl Call {
    /// Whether somebody is being rung at this extension, and nobody has answered.
    #[must_use]
    pub fn rings_at(&self, extension: &str) -> bool {
        if self.is_parked_at(extension) {
            return true;
        }
        let Script::Dialling(dial) = &self.script else { return false };
        let is_rung = |ring: &crate::dial::Ring| {
            ring.extension == extension && ring.attempts.iter().any(|leg| self.is_inviting(*leg))
        };
        let is_free = dial.winner.is_none() && !self.waits_for_placement();
        is_free && dial.rings.iter().any(is_rung)
    }

    fn is_inviting(&self, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(|leg| leg.signalling == Signalling::Inviting)
    }

    /// Somebody picks up what rings at the extension: a leg of this call, which is answered as soon as its
    /// media is described; `None` when nothing rings there.
    pub fn pick_up(&mut self, extension: &str, by: PickUp) -> Option<LegId> {
        if !self.rings_at(extension) {
            return None;
        }
        let id = self.next_leg_id()?;
        let mut leg = Leg::new(id, Direction::Inbound, &by.account);
        leg.account = Some(by.account);
        leg.sip_call_id = by.sip_call_id;
        leg.has_media = true;
        leg.offered = by.offer.is_none();
        leg.describing = Some(Describing::PickUp);
        leg.policy = Some(by.policy.clone());
        self.legs.insert(id, leg);
        if let Script::Dialling(dial) = &mut self.script {
            let mut rings = dial.rings.iter_mut();
            let ring = rings.find(|ring| ring.extension == extension);
            ring.into_iter().for_each(|ring| ring.attempts.push(id));
        }
        self.media(match by.offer {
            Some(offer) => MediaCommand::Answer { leg: id, offer },
            None => MediaCommand::Offer { leg: id, policy: by.policy },
        });
        Some(id)
    }

    /// The media of whoever picks up is described: it has answered, if nobody was faster.
    pub(crate) fn finish_pick_up(&mut self, leg: LegId, audio: &str, now_ms: u64) {
        let is_first = match &mut self.script {
            Script::Dialling(dial) if dial.winner.is_none() && dial.has(leg) => {
                dial.winner = Some(leg);
                true
            }
            _ => false,
        };
        if !is_first {
            let gone = Failure::new(HangupCause::NON_SELECTED_USER_CLEARING, "Answered elsewhere");
            return self.refuse_pick_up(leg, &Failure { status: ANSWERED, ..gone }, now_ms);
        }
        let Some(state) = self.leg_mut(leg) else { return };
        state.signalling = Signalling::Up;
        state.sip_status = Some(200);
        state.agreed = !state.offered;
        let is_agreed = state.agreed;
        let sdp = state.described(audio, !is_agreed);
        self.signal(leg, LegAction::Accept(sdp));
        self.drop_attempts_except(Some(leg));
        if is_agreed {
            self.handle_answer_in_force(leg, now_ms);
        }
    }

    pub(crate) fn refuse_pick_up(&mut self, leg: LegId, failure: &Failure, now_ms: u64) {
        self.signal(leg, LegAction::Reject(failure.clone()));
        self.handle_rejected(leg, failure, Party::System, now_ms);
    }
}

/// SIP's "Busy Here" for a call that somebody else has answered (RFC 3891 section 3).
const ANSWERED: u16 = 486;
