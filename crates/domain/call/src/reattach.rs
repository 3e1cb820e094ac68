//! A party whose device is lost keeps its leg for a while: the page is loaded again, the network comes back.
//!
//! Whoever comes back says so by an INVITE that replaces the dialog it had (RFC 3891). The leg stays the same,
//! so that its place in a queue, a menu, a bridge, a conference and a recording is kept; its dialog and what
//! was agreed on with the device are exchanged.

use crate::leg::{Describing, Leg};
use crate::script::Script;
use crate::{Action, Call, Failure, LegAction};
use offhook_model::{HangupCause, LegId, MediaCommand, OfferPolicy, Party};

/// How long a party whose device is lost may come back, milliseconds.
pub const REATTACH_MS: u64 = 30_000;

/// What the partner of a party hears that is lost.
const HOLD_MUSIC: &str = "music:";

/// Another offer is under way on the leg (RFC 3261 section 14.2).
const REQUEST_PENDING: u16 = 491;

/// A party that comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reattach {
    /// Its offer.
    pub offer: String,
    /// What we offer to such a device.
    pub policy: OfferPolicy,
}

impl Call {
    /// Sets how long a party whose device is lost may come back, in milliseconds; 0 ends the call at once.
    pub fn set_reattach_ms(&mut self, reattach_ms: u64) {
        self.reattach_ms = reattach_ms;
    }

    /// Whether the leg has been answered and not ended.
    #[must_use]
    pub fn has_up(&self, leg: LegId) -> bool {
        self.is_up(leg)
    }

    /// The party of a leg that is up comes back with another dialog. [`LegAction::AcceptReplacement`] or
    /// [`LegAction::RefuseReplacement`] follows.
    pub fn reattach(&mut self, leg: LegId, back: Reattach, now_ms: u64) {
        // Offers of ours are lost with the dialog in which they were made.
        self.handle_change_failed(leg, now_ms);
        let Some(state) = self.leg_mut(leg).filter(|state| state.is_up()) else { return };
        if state.describing.is_some() {
            let failure = Failure::new(HangupCause::NORMAL_TEMPORARY_FAILURE, "Request Pending");
            let failure = Failure { status: REQUEST_PENDING, ..failure };
            return self.signal(leg, LegAction::RefuseReplacement(failure));
        }
        if std::mem::take(&mut state.offered) {
            self.media(MediaCommand::Rollback { leg });
        }
        self.release_video(leg);
        if let Some(state) = self.leg_mut(leg) {
            state.policy = Some(back.policy);
            state.offered_video = None;
        }
        self.set_describing(leg, Describing::Reattach);
        self.media(MediaCommand::Answer { leg, offer: back.offer });
    }

    /// The media role has answered the offer of the party that comes back.
    pub(crate) fn finish_reattach(&mut self, leg: LegId, audio: &str) {
        let Some(state) = self.leg_mut(leg) else { return };
        state.lost_until_ms = None;
        state.agreed = true;
        state.sent = None;
        let sdp = state.described(audio, false);
        self.signal(leg, LegAction::AcceptReplacement(sdp));
        self.resume_script(leg);
    }

    /// The party's media is lost; whether it is waited for.
    pub(crate) fn wait_for_return(&mut self, leg: LegId, now_ms: u64) -> bool {
        let (until_ms, is_rung) = (now_ms + self.reattach_ms, self.script.is_dialling(leg));
        let may_return = until_ms > now_ms && !is_rung;
        let is_known = |state: &&mut Leg| state.is_up() && state.has_connected;
        let Some(state) = self.leg_mut(leg).filter(is_known).filter(|_| may_return) else {
            return false;
        };
        state.lost_until_ms.get_or_insert(until_ms);
        if let Some(partner) = self.partner(leg) {
            self.play(partner, &[HOLD_MUSIC], true);
        }
        true
    }

    /// Media flows, for the first time or again.
    pub(crate) fn handle_connected(&mut self, leg: LegId) {
        let Some(state) = self.leg_mut(leg) else { return };
        state.has_connected = true;
        if state.lost_until_ms.take().is_some() && self.talks(leg) {
            self.join();
        }
    }

    pub(crate) fn waits_for_return_until_ms(&self) -> Option<u64> {
        let waiting = self.legs.values().filter(|leg| leg.is_up());
        waiting.filter_map(|leg| leg.lost_until_ms).min()
    }

    /// Whoever has not come back in time is gone.
    pub(crate) fn end_what_is_lost(&mut self, now_ms: u64) {
        let is_late = |leg: &&Leg| leg.is_up() && leg.lost_until_ms.is_some_and(|at| at <= now_ms);
        let late: Vec<_> = self.legs.values().filter(is_late).map(|leg| leg.id).collect();
        for leg in late.into_iter().filter(|leg| self.is_up(*leg)).collect::<Vec<_>>() {
            let cause = HangupCause::DESTINATION_OUT_OF_ORDER;
            self.signal(leg, LegAction::HangUp(cause));
            self.handle_gone(leg, cause, Party::System, now_ms);
        }
    }

    /// Whether the extension is being rung, on whichever devices.
    #[must_use]
    pub fn is_ringing(&self, extension: &str) -> bool {
        let Script::Dialling(dial) = &self.script else { return false };
        dial.winner.is_none() && dial.rings.iter().any(|ring| ring.extension == extension)
    }

    /// A device of the extension has registered. If the extension is rung, so is that device.
    pub fn handle_registered(&mut self, extension: &str) {
        let Script::Dialling(dial) = &mut self.script else { return };
        let is_rung = |ring: &&mut crate::dial::Ring| ring.extension == extension && ring.is_bound;
        let Some(ring) = dial.rings.iter_mut().find(is_rung).filter(|_| dial.winner.is_none())
        else {
            return;
        };
        ring.is_bound = false;
        self.act(Action::Lookup(extension.to_owned()));
    }

    /// Whether one of these attempts goes to the contact.
    pub(crate) fn rings_on(&self, attempts: &[LegId], contact: &str) -> bool {
        let route = |leg: &LegId| self.legs.get(leg)?.attempt.as_ref().map(|it| &it.route);
        attempts.iter().filter_map(route).any(|route| route.contact == contact)
    }
}
