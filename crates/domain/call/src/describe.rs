//! What the media role replies when it was asked for a description or to put one in force. A party's audio
//! and video are legs of their own there, and what follows waits for both.

use crate::leg::{AudioReply, Describing};
use crate::{Call, Failure, LegAction};
use offhook_model::{HangupCause, LegId, MediaRefusal, Party};

impl Call {
    pub(crate) fn handle_described(&mut self, leg: LegId, sdp: String, now_ms: u64) {
        self.handle_audio(leg, AudioReply::Described(sdp), now_ms);
    }

    pub(crate) fn handle_agreed(&mut self, leg: LegId, now_ms: u64) {
        self.handle_audio(leg, AudioReply::Agreed, now_ms);
    }

    fn handle_audio(&mut self, leg: LegId, reply: AudioReply, now_ms: u64) {
        let Some(state) = self.leg_mut(leg).filter(|state| !state.has_ended()) else { return };
        if state.describing.is_some() {
            state.audio = Some(reply);
            self.proceed(leg, now_ms);
        } else if reply == AudioReply::Agreed {
            self.handle_agreement(leg, now_ms);
        }
    }

    pub(crate) fn set_describing(&mut self, leg: LegId, what: Describing) {
        if let Some(state) = self.leg_mut(leg) {
            state.describing = Some(what);
            state.audio = None;
        }
    }

    /// Whether the party's descriptions are being made, or are out and not answered.
    pub(crate) fn is_negotiating(&self, leg: LegId) -> bool {
        let is_asked_for = |other: &crate::Leg| other.asked_for == Some(leg);
        self.legs.get(&leg).is_some_and(|state| state.describing.is_some() || state.offered)
            || self.legs.values().any(is_asked_for)
    }

    /// Goes on with what the media role was asked for, when it has replied about audio and video.
    pub(crate) fn proceed(&mut self, leg: LegId, now_ms: u64) {
        let is_asked_for = self.legs.values().any(|other| other.asked_for == Some(leg));
        let Some(state) = self.leg_mut(leg).filter(|state| !state.has_ended()) else { return };
        if is_asked_for || state.video.as_ref().is_some_and(|video| video.is_awaited) {
            return;
        }
        let Some(describing) = state.describing else { return };
        if describing == Describing::Video {
            state.describing = None;
            return self.handle_video_described(now_ms);
        }
        let Some(reply) = state.audio.take() else { return };
        if describing != Describing::Change {
            state.describing = None;
        }
        match (describing, reply) {
            (Describing::First, AudioReply::Described(sdp)) => {
                state.description = Some(sdp);
                state.agreed = !state.offered;
                self.begin(now_ms);
            }
            (Describing::Offer, AudioReply::Described(sdp)) => self.send_invite(leg, &sdp),
            (Describing::Reinvite, AudioReply::Described(sdp)) => self.answer_reinvite(leg, &sdp),
            (Describing::Change, AudioReply::Described(sdp)) => self.send_change(leg, &sdp),
            (Describing::Reattach, AudioReply::Described(sdp)) => self.finish_reattach(leg, &sdp),
            (Describing::PickUp, AudioReply::Described(sdp)) => {
                self.finish_pick_up(leg, &sdp, now_ms);
            }
            (Describing::ChangeAgreement, AudioReply::Agreed) => self.finish_change(leg, now_ms),
            (
                Describing::First
                | Describing::Offer
                | Describing::Agreement
                | Describing::Reinvite
                | Describing::Video
                | Describing::Reattach
                | Describing::PickUp
                | Describing::Change,
                AudioReply::Agreed,
            ) => self.handle_agreement(leg, now_ms),
            (
                Describing::Agreement | Describing::ChangeAgreement | Describing::Video,
                AudioReply::Described(_),
            ) => {}
        }
    }

    fn handle_agreement(&mut self, leg: LegId, now_ms: u64) {
        let Some(state) = self.leg_mut(leg) else { return };
        state.describing = None;
        state.agreed = true;
        if self.script.is_dialling(leg) {
            self.handle_answer_in_force(leg, now_ms);
        } else {
            self.resume_script(leg);
        }
    }

    pub(crate) fn handle_media_refused(&mut self, leg: LegId, why: &MediaRefusal, now_ms: u64) {
        let Some(state) = self.leg_mut(leg).filter(|state| !state.has_ended()) else {
            return;
        };
        let failure = refusal(why);
        // Video is described by another leg.
        let describing = state.describing.take_if(|what| *what != Describing::Video);
        // A call whose renegotiation fails goes on as it was.
        let is_setting_up = matches!(
            describing,
            Some(Describing::First | Describing::Offer | Describing::Agreement)
        );
        if let MediaRefusal::NothingInCommon { verdict, .. } = why
            && is_setting_up
        {
            state.not_agreed = Some(verdict.clone());
        }
        match describing {
            Some(Describing::First) => self.turn_away(&failure, Party::System, now_ms),
            Some(Describing::Offer) => {
                self.handle_rejected(leg, &failure, Party::System, now_ms);
            }
            Some(Describing::Reinvite) => self.refuse_reinvite(leg, failure.status),
            Some(Describing::Agreement) if self.script.is_dialling(leg) => {
                self.signal(leg, LegAction::HangUp(failure.cause));
                self.handle_rejected(leg, &failure, Party::System, now_ms);
            }
            Some(Describing::Agreement) => self.end(failure.cause, Party::System, None, now_ms),
            Some(Describing::Change | Describing::ChangeAgreement) => self.undo_change(leg, now_ms),
            Some(Describing::Reattach) => {
                self.signal(leg, LegAction::RefuseReplacement(failure));
            }
            Some(Describing::PickUp) => self.refuse_pick_up(leg, &failure, now_ms),
            Some(Describing::Video) | None => {}
        }
    }
}

fn refusal(why: &MediaRefusal) -> Failure {
    match why {
        MediaRefusal::Malformed(text) => Failure {
            status: 400,
            cause: HangupCause::PROTOCOL_ERROR,
            reason: format!("Bad SDP: {text}"),
        },
        MediaRefusal::NotAcceptable(text) | MediaRefusal::NothingInCommon { text, .. } => {
            Failure::new(HangupCause::INCOMPATIBLE_DESTINATION, text)
        }
        MediaRefusal::Exhausted => {
            Failure::new(HangupCause::SWITCH_CONGESTION, "No media port is free")
        }
        MediaRefusal::Overloaded => {
            Failure::new(HangupCause::SWITCH_CONGESTION, "No capacity for transcoding")
        }
        MediaRefusal::NoSuchLeg => {
            Failure::new(HangupCause::NORMAL_TEMPORARY_FAILURE, "Media is not available")
        }
    }
}
