//! Callers in menus: one session each, from its first prompt until somebody talks with it.

use super::{Output, Switch, serial_of};
use offhook_call::Call;
use offhook_ivr::{Output as Wanted, Session};
use offhook_model::{
    CallRef, Directory, HangupCause, LegId, MediaCommand, MediaEvent, PlayControl, Target,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

/// The keys that interrupt a prompt.
const BARGE_IN_KEYS: &str = "0123456789*#";

/// What a menu asks a webhook: the body of the request, but for what tells who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Question {
    /// The leg of the caller.
    #[serde(skip)]
    pub leg: LegId,
    /// The question's number among the caller's.
    #[serde(skip)]
    pub number: u64,
    /// The URL that is asked.
    #[serde(skip)]
    pub url: String,
    /// The call.
    pub call: CallRef,
    /// Who calls: number or user name.
    pub caller: String,
    /// The number as dialled.
    pub dialled: String,
    /// The menu.
    pub menu: String,
    /// What the caller has entered so far.
    pub variables: BTreeMap<String, String>,
}

/// The sessions of all callers in menus, and of those whom a menu has sent on and nobody has answered.
#[derive(Debug, Default)]
pub(super) struct Menus {
    sessions: HashMap<LegId, Session>,
    deadlines: BTreeSet<(u64, LegId)>,
}

impl Menus {
    /// A leg comes into a menu, comes back to it, or has negotiated its media anew.
    fn enter(
        &mut self,
        leg: LegId,
        menu: &str,
        directory: &Arc<Directory>,
        now_ms: u64,
    ) -> Vec<Wanted> {
        let is_known = self.sessions.get(&leg).is_some_and(|session| {
            let has_left_for_good = session.is_away() && session.menu() != Some(menu);
            !has_left_for_good
        });
        if is_known {
            return self.with(leg, |session| {
                if session.is_away() {
                    session.handle_return(now_ms);
                } else {
                    session.handle_renegotiated(now_ms);
                }
            });
        }
        self.forget(leg);
        self.sessions.insert(leg, Session::enter(Arc::clone(directory), menu, now_ms));
        self.with(leg, |_| {})
    }

    /// A leg has left its menu. A session that sent it on waits for it.
    pub(super) fn leave(&mut self, leg: LegId) {
        if !self.sessions.get(&leg).is_some_and(Session::is_away) {
            self.forget(leg);
        }
    }

    /// A leg talks or is gone.
    pub(super) fn forget(&mut self, leg: LegId) {
        let session = self.sessions.remove(&leg);
        if let Some(due) = session.as_ref().and_then(Session::poll_timeout) {
            self.deadlines.remove(&(due, leg));
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<u64> {
        self.deadlines.first().map(|(due, _)| *due)
    }

    fn handle_media(&mut self, event: &MediaEvent, now_ms: u64) -> Option<(LegId, Vec<Wanted>)> {
        let leg = event.leg()?;
        let wanted = match event {
            MediaEvent::Dtmf { digit, .. } => {
                self.with(leg, |session| session.handle_key(*digit, now_ms))
            }
            MediaEvent::PlayFinished { .. } => {
                self.with(leg, |session| session.handle_play_finished(now_ms))
            }
            MediaEvent::PlayInterrupted { .. } => {
                self.with(leg, |session| session.handle_play_interrupted(now_ms))
            }
            _ => return None,
        };
        Some((leg, wanted))
    }

    /// Does something with a leg's session; what it wants.
    fn with(&mut self, leg: LegId, act: impl FnOnce(&mut Session)) -> Vec<Wanted> {
        let Some(session) = self.sessions.get_mut(&leg) else { return Vec::new() };
        if let Some(due) = session.poll_timeout() {
            self.deadlines.remove(&(due, leg));
        }
        act(session);
        if let Some(due) = session.poll_timeout() {
            self.deadlines.insert((due, leg));
        }
        std::iter::from_fn(|| session.poll_output()).collect()
    }
}

/// What a menu wants of the call.
enum ForCall {
    SendOn { target: Target, otherwise: Target },
    HangUp,
}

impl ForCall {
    fn apply(self, call: &mut Call, now_ms: u64) {
        match self {
            Self::SendOn { target, otherwise } => call.send_on(target, Some(otherwise)),
            Self::HangUp => call.hang_up(HangupCause::NORMAL_CLEARING, now_ms),
        }
    }
}

impl Switch {
    /// A leg of a call that is being stepped comes into a menu.
    pub(super) fn enter_menu(&mut self, call: &mut Call, leg: LegId, menu: &str, now: Instant) {
        let now_ms = self.unix_ms(now);
        tracing::debug!(call = %call.reference(), menu, "a caller is in a menu");
        for wanted in self.menus.enter(leg, menu, &self.directory, now_ms) {
            if let Some(change) = self.carry_out_for_menu(leg, wanted) {
                change.apply(call, now_ms);
            }
        }
    }

    pub(super) fn handle_menu_media(&mut self, event: &MediaEvent, now: Instant) {
        let now_ms = self.unix_ms(now);
        if let Some((leg, wanted)) = self.menus.handle_media(event, now_ms) {
            self.step_for_menu(leg, wanted, now);
        }
    }

    /// The answer of a webhook to an [`Output::Ask`]; `None` when there is none that can be followed.
    pub fn handle_answer(&mut self, leg: LegId, number: u64, answer: Option<Target>, now: Instant) {
        let now_ms = self.unix_ms(now);
        let wanted = self.menus.with(leg, |session| session.handle_answer(number, answer, now_ms));
        self.step_for_menu(leg, wanted, now);
    }

    pub(super) fn handle_menu_timeouts(&mut self, now: Instant) {
        let now_ms = self.unix_ms(now);
        while let Some((due, leg)) = self.menus.deadlines.first().copied() {
            if due > now_ms {
                break;
            }
            let wanted = self.menus.with(leg, |session| session.handle_timeout(now_ms));
            self.step_for_menu(leg, wanted, now);
        }
    }

    fn step_for_menu(&mut self, leg: LegId, wanted: Vec<Wanted>, now: Instant) {
        let now_ms = self.unix_ms(now);
        for wanted in wanted {
            if let Some(change) = self.carry_out_for_menu(leg, wanted) {
                self.step(serial_of(leg), now, |call| change.apply(call, now_ms));
            }
        }
    }

    /// Carries out what a menu wants; what it wants of the call is handed back.
    fn carry_out_for_menu(&mut self, leg: LegId, wanted: Wanted) -> Option<ForCall> {
        match wanted {
            Wanted::Play { prompts, barge_in } => {
                let play = MediaCommand::Play { leg, prompts, repeat: false };
                self.outputs.push_back(Output::Media(play));
                if barge_in {
                    let control = PlayControl::BargeIn(BARGE_IN_KEYS.to_owned());
                    let control = MediaCommand::PlayControl { leg, control };
                    self.outputs.push_back(Output::Media(control));
                }
                None
            }
            Wanted::Stop => {
                self.outputs.push_back(Output::Media(MediaCommand::Stop { leg }));
                None
            }
            Wanted::Ask { question, url, menu, variables } => {
                let call = self.calls.get(&serial_of(leg))?;
                self.outputs.push_back(Output::Ask(Question {
                    leg,
                    number: question,
                    url,
                    call: call.reference().clone(),
                    caller: call.caller_number().to_owned(),
                    dialled: call.dialled().to_owned(),
                    menu,
                    variables,
                }));
                None
            }
            Wanted::SendOn { target, otherwise } => Some(ForCall::SendOn { target, otherwise }),
            Wanted::HangUp => Some(ForCall::HangUp),
        }
    }
}
