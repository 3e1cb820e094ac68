//! Offers within a call: those of a party, and ours when one party's offer is to reach the other.
//!
//! Audio is answered by the party's own leg. Video is passed on as it is, so that the other party is asked
//! about each change of it, and the reply waits for the answer.

use crate::leg::Describing;
use crate::video::Section;
use crate::{Call, LegAction};
use offhook_model::{IceRole, LegId, MediaCommand, OfferPolicy, Security};
use offhook_sdp::{Direction, MediaKind, SessionDescription};

/// Another offer is under way on the leg (RFC 3261 section 14.2).
const REQUEST_PENDING: u16 = 491;

impl Call {
    /// The party holds, resumes, or changes codecs, addresses or video.
    pub(crate) fn handle_reinvite(&mut self, leg: LegId, sdp: Option<String>) {
        let Some(state) = self.legs.get(&leg) else { return };
        if state.describing.is_some() || !state.is_up() {
            self.refuse_reinvite(leg, REQUEST_PENDING);
            return;
        }
        let Some(offer) = sdp else { return self.make_late_offer(leg) };
        let section = Section::of_offer(&offer, state.sent.as_deref());
        let other = self.other_to_ask(leg, section.as_ref());
        if other.is_some_and(|other| self.is_negotiating(other) || !self.is_up(other)) {
            self.refuse_reinvite(leg, REQUEST_PENDING);
            return;
        }
        self.set_describing(leg, Describing::Reinvite);
        let is_holding = holds(&offer);
        self.media(MediaCommand::Answer { leg, offer });
        self.release_moved_video(leg, section.as_ref());
        if let Some(state) = self.leg_mut(leg) {
            state.offered_video.clone_from(&section);
            state.is_holding = is_holding;
        }
        match (other, self.script.partner(self.served, leg)) {
            (Some(other), _) => self.ask(other, leg, section.as_ref()),
            (None, Some(partner)) => self.conclude_video(leg, partner),
            (None, None) => self.release_video(leg),
        }
    }

    /// The party that is to be asked about the video of this one.
    fn other_to_ask(&self, leg: LegId, section: Option<&Section>) -> Option<LegId> {
        let other = self.script.partner(self.served, leg)?;
        let is_asked = self.is_news_of_video(leg, section) && self.may_be_asked(other, section);
        is_asked.then_some(other)
    }

    fn make_late_offer(&mut self, leg: LegId) {
        if let Some(state) = self.leg_mut(leg) {
            state.offered = true;
        }
        self.set_describing(leg, Describing::Reinvite);
        self.media(MediaCommand::Offer { leg, policy: KEEP });
        self.offer_video_again(leg);
    }

    fn ask(&mut self, other: LegId, for_whom: LegId, section: Option<&Section>) {
        match section {
            Some(section) if self.offer_video(other, section) => {}
            Some(_) | None => self.release_video(other),
        }
        self.begin_change(other, Some(for_whom));
    }

    /// Offers the party what there is for it from here on, if nothing else is under way with it.
    pub(crate) fn begin_change(&mut self, leg: LegId, asked_for: Option<LegId>) {
        let is_free = self.is_up(leg) && !self.is_negotiating(leg);
        let Some(state) = self.leg_mut(leg).filter(|state| is_free && state.agreed) else { return };
        state.asked_for = asked_for;
        self.set_describing(leg, Describing::Change);
        self.media(MediaCommand::Offer { leg, policy: KEEP });
    }

    pub(crate) fn send_change(&mut self, leg: LegId, audio: &str) {
        let Some(state) = self.leg_mut(leg) else { return };
        let offer = state.described(audio, true);
        self.signal(leg, LegAction::Reinvite(offer));
    }

    /// The party has answered our offer.
    pub(crate) fn handle_reinvited(&mut self, leg: LegId, sdp: Option<String>, now_ms: u64) {
        let is_expected = |state: &crate::Leg| state.describing == Some(Describing::Change);
        if !self.legs.get(&leg).is_some_and(is_expected) {
            return;
        }
        let Some(answer) = sdp else { return self.handle_change_failed(leg, now_ms) };
        self.set_describing(leg, Describing::ChangeAgreement);
        self.accept_video(leg, &answer);
        self.media(MediaCommand::AcceptAnswer { leg, answer });
    }

    /// The party's answer to our offer is in force.
    pub(crate) fn finish_change(&mut self, leg: LegId, now_ms: u64) {
        self.reply_to_asker(leg, now_ms);
        self.join_video();
    }

    /// The party has refused our offer, or it could not be sent.
    pub(crate) fn handle_change_failed(&mut self, leg: LegId, now_ms: u64) {
        let is_change = |what: &mut Describing| {
            matches!(what, Describing::Change | Describing::ChangeAgreement)
        };
        if self.leg_mut(leg).is_some_and(|state| state.describing.take_if(is_change).is_some()) {
            self.undo_change(leg, now_ms);
        }
    }

    /// Our offer to the party came to nothing: what was agreed before holds.
    pub(crate) fn undo_change(&mut self, leg: LegId, now_ms: u64) {
        if let Some(state) = self.leg_mut(leg) {
            state.audio = None;
        }
        self.media(MediaCommand::Rollback { leg });
        self.withdraw_video(leg);
        self.reply_to_asker(leg, now_ms);
        self.join_video();
    }

    /// Whoever waits for this party's answer gets one.
    pub(crate) fn reply_to_asker(&mut self, leg: LegId, now_ms: u64) {
        let asker = self.leg_mut(leg).and_then(|state| state.asked_for.take());
        let Some(asker) = asker else { return };
        let waits = |state: &crate::Leg| state.describing == Some(Describing::Reinvite);
        if self.legs.get(&asker).is_some_and(waits) {
            self.conclude_video(asker, leg);
            self.proceed(asker, now_ms);
        }
    }

    pub(crate) fn answer_reinvite(&mut self, leg: LegId, audio: &str) {
        let Some(state) = self.leg_mut(leg) else { return };
        let is_offer = state.offered;
        let sdp = state.described(audio, is_offer);
        self.signal(leg, LegAction::AnswerReinvite(Ok(sdp)));
        self.join_video();
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

/// Whether an offer puts the call on hold (RFC 6337 section 5.3): its party sends at most.
fn holds(offer: &str) -> bool {
    let Ok(offer) = SessionDescription::parse(offer.as_bytes()) else { return false };
    let audio = offer.media.iter().find(|section| section.kind == MediaKind::Audio);
    audio.is_some_and(|section| {
        matches!(offer.direction(section), Direction::SendOnly | Direction::Inactive)
    })
}
