use crate::leg::{Leg, Signalling};
use crate::script::Script;
use crate::{Action, Call, Failure, LegAction};
use offhook_model::{CallRecord, HangupCause, LegId, MediaCommand, Party, StreamReport};
use serde::{Deserialize, Serialize};

/// How long a call's record waits for the measurements of its legs, milliseconds.
pub const RELEASE_WAIT_MS: u64 = 2_000;

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ending {
    cause: HangupCause,
    sip_status: Option<u16>,
    by: Party,
    at_ms: u64,
    pub(crate) waits_until_ms: u64,
    pub(crate) finished: bool,
}

impl Call {
    /// Whether [`Action::Finished`] has been put out; nothing follows it.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        matches!(&self.script, Script::Over(ending) if ending.finished)
    }

    /// Whether the call is over, and at most its record is awaited.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.script, Script::Over(_))
    }

    /// Who ended the call, once it is over.
    #[must_use]
    pub fn ended_by(&self) -> Option<Party> {
        match &self.script {
            Script::Over(ending) => Some(ending.by),
            _ => None,
        }
    }

    /// Turns an unanswered caller away, or ends the call when it was answered after all.
    pub(crate) fn turn_away(&mut self, failure: &Failure, by: Party, now_ms: u64) {
        let caller = self.caller;
        if let Some(leg) = self.leg_mut(caller).filter(|l| l.signalling == Signalling::Incoming) {
            leg.signalling = Signalling::Ended;
            leg.sip_status = Some(failure.status);
            self.signal(caller, LegAction::Reject(failure.clone()));
        }
        self.end(failure.cause, by, Some(failure.status), now_ms);
    }

    /// Which side of the call a leg is.
    pub(crate) fn party_of(&self, leg: LegId) -> Party {
        if leg == self.caller { Party::Caller } else { Party::Callee }
    }

    /// A leg is gone: by the party's own doing, or by a fault, which is ours.
    pub(crate) fn handle_gone(&mut self, leg: LegId, cause: HangupCause, by: Party, now_ms: u64) {
        if self.script.is_dialling(leg) {
            self.handle_rejected(leg, &Failure::new(cause, "Hung up"), by, now_ms);
            return;
        }
        let needed = leg == self.served || self.script.partner(self.served, leg).is_some();
        let unanswered = leg == self.caller && self.answered_at_ms.is_none();
        if let Some(state) = self.leg_mut(leg) {
            state.signalling = Signalling::Ended;
            if unanswered {
                state.sip_status = Some(REQUEST_TERMINATED);
            }
        }
        if self.go_on_without(leg) {
            return self.release_media(leg);
        }
        self.release_media(leg);
        if needed {
            self.end(cause, by, unanswered.then_some(REQUEST_TERMINATED), now_ms);
        }
    }

    /// Ends one leg of a call that goes on.
    pub(crate) fn drop_leg(&mut self, leg: LegId, cause: HangupCause) {
        let Some(state) = self.leg_mut(leg).filter(|state| !state.has_ended()) else { return };
        let was_sent = state.signalling != Signalling::Preparing;
        state.signalling = Signalling::Ended;
        if was_sent {
            self.signal(leg, LegAction::HangUp(cause));
        }
        self.release_media(leg);
    }

    pub(crate) fn release_media(&mut self, leg: LegId) {
        self.release_video(leg);
        if let Some(state) = self.leg_mut(leg).filter(|state| state.has_media && !state.releasing) {
            state.releasing = true;
            self.media(MediaCommand::Release { leg });
        }
    }

    /// Ends the whole call. The first ending counts.
    pub(crate) fn end(&mut self, cause: HangupCause, by: Party, status: Option<u16>, now_ms: u64) {
        if matches!(self.script, Script::Over(_)) {
            return;
        }
        self.run(Script::Over(Ending {
            cause,
            sip_status: status,
            by,
            at_ms: now_ms,
            waits_until_ms: now_ms + RELEASE_WAIT_MS,
            finished: false,
        }));
        let legs: Vec<_> = self.legs.keys().copied().collect();
        for leg in legs {
            self.drop_leg(leg, cause);
            self.release_media(leg);
        }
        self.finish_if_released();
    }

    pub(crate) fn handle_released(&mut self, leg: LegId, report: Option<StreamReport>) {
        if let Some(state) = self.leg_mut(leg) {
            state.has_media = false;
            state.report = report;
        }
        self.finish_if_released();
    }

    pub(crate) fn finish_if_released(&mut self) {
        let over = matches!(&self.script, Script::Over(ending) if !ending.finished);
        let has_media = self.legs.values().any(|leg| leg.has_media) || !self.video_legs.is_empty();
        if over && !has_media {
            self.finish();
        }
    }

    /// Puts the record out. Nothing follows it.
    pub(crate) fn finish(&mut self) {
        let Script::Over(ending) = &mut self.script else { return };
        ending.finished = true;
        let ending = ending.clone();
        let record = self.record(&ending);
        self.act(Action::Finished(Box::new(record)));
    }

    /// The record of a call whose state cannot be trusted any longer.
    #[must_use]
    pub fn record_of_fault(&self, now_ms: u64) -> CallRecord {
        self.record(&Ending {
            cause: HangupCause::NORMAL_TEMPORARY_FAILURE,
            sip_status: None,
            by: Party::System,
            at_ms: now_ms,
            waits_until_ms: now_ms,
            finished: true,
        })
    }

    fn record(&self, ending: &Ending) -> CallRecord {
        let answered = self.answered_at_ms;
        CallRecord {
            call: self.call.clone(),
            caller: self.caller_number().to_owned(),
            caller_name: self.caller_name.clone(),
            dialled: self.dialled.clone(),
            answered_by: answered.and(self.answered_by.clone()),
            started_at_ms: self.started_at_ms,
            answered_at_ms: answered,
            ended_at_ms: ending.at_ms,
            ring_ms: answered.unwrap_or(ending.at_ms).saturating_sub(self.started_at_ms),
            talk_ms: answered.map_or(0, |at| ending.at_ms.saturating_sub(at)),
            cause: ending.cause,
            sip_status: ending.sip_status,
            hung_up_by: ending.by,
            legs: self.legs.values().map(Leg::record).collect(),
            recordings: Vec::new(),
        }
    }
}

/// SIP's status of a call that the caller gave up (RFC 3261 section 21.4.25).
const REQUEST_TERMINATED: u16 = 487;
