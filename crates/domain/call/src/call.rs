use crate::dial::Otherwise;
use crate::leg::{Describing, Leg, Signalling};
use crate::script::Script;
use crate::video::Section;
use crate::{Action, Failure, LegAction, LegInput, REATTACH_MS};
use offhook_model::{
    CallRef, CallState, Direction, HangupCause, LegId, LiveCall, MediaCommand, MediaEvent,
    MediaTrouble, OfferPolicy, Party,
};
use offhook_routing::Decision;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// A call as it comes in.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming {
    /// Our name for the call.
    pub call: CallRef,
    /// The call's number within this node, from which its legs are numbered; never used twice.
    pub serial: u32,
    /// The account that the caller has proved to own; `None` for somebody without one.
    pub account: Option<String>,
    /// Who calls, as shown and recorded: number or user name.
    pub caller: String,
    /// The name the caller gave.
    pub caller_name: Option<String>,
    /// The number as dialled.
    pub dialled: String,
    /// SIP's Call-ID.
    pub sip_call_id: String,
    /// The caller's offer; without one we make ours.
    pub offer: Option<String>,
    /// What we offer to a caller who makes no offer.
    pub policy: OfferPolicy,
    /// What routing decided.
    pub decision: Decision,
}

/// A call that we place to somebody's extension: who supervises another call from there, or calls somebody back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Our name for the call.
    pub call: CallRef,
    /// The call's number within this node, from which its legs are numbered; never used twice.
    pub serial: u32,
    /// The extension that is rung.
    pub extension: String,
    /// What the extension could have dialled to the same end, or whom it calls back; it is shown as the caller.
    pub dialled: String,
}

/// One call: its legs and what is being done for them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    pub(crate) call: CallRef,
    pub(crate) serial: u32,
    legs_made: u16,
    pub(crate) caller_name: Option<String>,
    pub(crate) dialled: String,
    pub(crate) started_at_ms: u64,
    pub(crate) answered_at_ms: Option<u64>,
    pub(crate) answered_by: Option<String>,
    pub(crate) legs: BTreeMap<LegId, Leg>,
    /// The media role's legs for video that have not been released, and whose each is.
    pub(crate) video_legs: BTreeMap<LegId, LegId>,
    /// The leg that placed the call.
    pub(crate) caller: LegId,
    /// The leg for which the script runs; after a transfer it need not be the caller.
    pub(crate) served: LegId,
    pub(crate) script: Script,
    decision: Option<Decision>,
    /// How often the served leg was sent on without anything else happening.
    #[serde(skip)]
    pub(crate) sent_on: u8,
    /// The account that has parked the served leg.
    pub(crate) parked_by: Option<String>,
    /// How often it was forwarded.
    pub(crate) forwarded: u8,
    /// The extension that we call ourselves, of a call that nobody placed.
    placed_to: Option<String>,
    /// Whoever is called first, an agent, calls somebody back.
    #[serde(default)]
    pub(crate) calls_back: bool,
    /// How long a party whose device is lost may come back, milliseconds.
    pub(crate) reattach_ms: u64,
    #[serde(skip)]
    pub(crate) outputs: VecDeque<Action>,
}

impl Call {
    /// Takes a call on. The media role is asked for a description, or the caller turned away.
    #[must_use]
    pub fn new(incoming: Incoming, now_ms: u64) -> Self {
        let caller = LegId(u64::from(incoming.serial) << 16);
        let mut leg = Leg::new(caller, Direction::Inbound, &incoming.caller);
        leg.sip_call_id = incoming.sip_call_id;
        leg.account = incoming.account;
        let mut call = Self::without_legs(incoming.call, incoming.serial, caller, now_ms);
        call.caller_name = incoming.caller_name;
        call.dialled = incoming.dialled;
        call.legs.insert(caller, leg);
        call.publish();
        match incoming.decision {
            Decision::Refuse { cause, reason } => {
                call.turn_away(&Failure::new(cause, &reason), Party::System, now_ms);
            }
            decision @ (Decision::Extension { .. }
            | Decision::Forward { .. }
            | Decision::Service { .. }
            | Decision::Menu { .. }
            | Decision::Queue { .. }
            | Decision::Supervise { .. }) => {
                call.decision = Some(decision);
                call.describe_caller(incoming.offer, incoming.policy);
            }
        }
        call
    }

    /// Places a call of a supervisor. Whoever answers the extension is its caller.
    #[must_use]
    pub fn place(placement: Placement, now_ms: u64) -> Self {
        let extension = placement.extension.clone();
        let mut call = Self::placed(placement, now_ms);
        call.publish();
        call.dial_for_placement(extension, now_ms);
        call
    }

    pub(crate) fn placed(placement: Placement, now_ms: u64) -> Self {
        let caller = LegId(u64::from(placement.serial) << 16);
        let mut call = Self::without_legs(placement.call, placement.serial, caller, now_ms);
        call.dialled = placement.dialled;
        call.placed_to = Some(placement.extension);
        call
    }

    fn without_legs(call: CallRef, serial: u32, caller: LegId, now_ms: u64) -> Self {
        Self {
            call,
            serial,
            legs_made: 1,
            caller_name: None,
            dialled: String::new(),
            started_at_ms: now_ms,
            answered_at_ms: None,
            answered_by: None,
            legs: BTreeMap::new(),
            video_legs: BTreeMap::new(),
            caller,
            served: caller,
            script: Script::Starting,
            decision: None,
            sent_on: 0,
            parked_by: None,
            forwarded: 0,
            placed_to: None,
            calls_back: false,
            reattach_ms: REATTACH_MS,
            outputs: VecDeque::new(),
        }
    }

    /// The call's name.
    #[must_use]
    pub fn reference(&self) -> &CallRef {
        &self.call
    }

    /// When the call came in, in milliseconds of Unix time.
    #[must_use]
    pub fn started_at_ms(&self) -> u64 {
        self.started_at_ms
    }

    /// The leg that placed the call.
    #[must_use]
    pub fn caller(&self) -> LegId {
        self.caller
    }

    /// Who placed the call: number or user name.
    #[must_use]
    pub fn caller_number(&self) -> &str {
        let caller = self.legs.get(&self.caller).map(|leg| leg.number.as_str());
        caller.or(self.placed_to.as_deref()).unwrap_or_default()
    }

    /// The name that the caller gave.
    #[must_use]
    pub fn caller_name(&self) -> Option<&str> {
        self.caller_name.as_deref()
    }

    /// The leg of the party that the caller talks with, once it is up.
    #[must_use]
    pub fn callee(&self) -> Option<LegId> {
        let mut others = self.legs.values().filter(|leg| leg.id != self.caller && leg.is_up());
        others.next_back().map(|leg| leg.id)
    }

    /// The number or user name of a leg's party.
    #[must_use]
    pub fn number(&self, leg: LegId) -> Option<&str> {
        self.legs.get(&leg).map(|leg| leg.number.as_str())
    }

    /// The number as dialled.
    #[must_use]
    pub fn dialled(&self) -> &str {
        &self.dialled
    }

    /// The account that a leg's party has: the one it proved, or the extension that was rung.
    #[must_use]
    pub fn account(&self, leg: LegId) -> Option<&str> {
        self.legs.get(&leg)?.account.as_deref()
    }

    /// The two who talk with each other: the one that is served and its partner.
    #[must_use]
    pub fn talking(&self) -> Option<[LegId; 2]> {
        let Script::Talking { with } = self.script else { return None };
        let both = [self.served, with];
        both.iter().all(|leg| self.legs.get(leg).is_some_and(|leg| leg.agreed)).then_some(both)
    }

    /// Whether its caller has been answered.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.answered_at_ms.is_some()
    }

    /// The menu in which a party of the call is.
    #[must_use]
    pub fn menu(&self) -> Option<&str> {
        match &self.script {
            Script::Menu(menu) => Some(menu),
            _ => None,
        }
    }

    /// The accounts that take part in the call: whoever placed it and those who have answered. Whoever is
    /// only being rung does not. With each, whether it has put the call on hold.
    pub fn engaged(&self) -> impl Iterator<Item = (&str, bool)> {
        let parts =
            self.legs.values().filter(|leg| leg.is_up() || leg.signalling == Signalling::Incoming);
        parts.filter_map(|leg| Some((leg.account.as_deref()?, leg.is_holding)))
    }

    /// Notes SIP's Call-ID of an outgoing leg, for the record.
    pub fn set_sip_call_id(&mut self, leg: LegId, sip_call_id: String) {
        if let Some(leg) = self.legs.get_mut(&leg) {
            leg.sip_call_id = sip_call_id;
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Action> {
        self.outputs.pop_front()
    }

    /// What a leg's signalling reports.
    pub fn handle_leg(&mut self, leg: LegId, input: LegInput, now_ms: u64) {
        let Some(signalling) = self.legs.get(&leg).map(|state| state.signalling) else { return };
        let is_inviting = signalling == Signalling::Inviting;
        match input {
            _ if signalling == Signalling::Ended => {}
            // One final response counts, and only to an INVITE of ours.
            LegInput::Accepted(_) | LegInput::Rejected(_) if !is_inviting => {}
            LegInput::Ringing => self.handle_ringing(leg),
            LegInput::Accepted(sdp) => self.handle_accepted(leg, sdp, now_ms),
            LegInput::Rejected(failure) => {
                let by = rejected_by(&failure);
                self.handle_rejected(leg, &failure, by, now_ms);
            }
            LegInput::Acked(sdp) => self.handle_acked(leg, sdp, now_ms),
            LegInput::Cancelled => {
                self.handle_gone(leg, HangupCause::NORMAL_CLEARING, self.party_of(leg), now_ms);
            }
            LegInput::HungUp(cause) => self.handle_gone(leg, cause, self.party_of(leg), now_ms),
            LegInput::Lost(cause) => self.handle_gone(leg, cause, Party::System, now_ms),
            LegInput::Reinvite(sdp) => self.handle_reinvite(leg, sdp),
            LegInput::Reinvited(sdp) => self.handle_reinvited(leg, sdp, now_ms),
            LegInput::ReinviteRefused => self.handle_change_failed(leg, now_ms),
            LegInput::Dtmf(digits) => self.handle_dtmf(leg, digits),
            LegInput::TakesInfo => self.media_of(leg, MediaCommand::TakesInfo { leg }),
        }
    }

    /// What the media role reports of a leg of this call.
    pub fn handle_media(&mut self, event: MediaEvent, now_ms: u64) {
        self.sent_on = 0;
        if let Some(leg) = event.leg()
            && let Some(party) = self.video_legs.get(&leg).copied()
        {
            return self.handle_video((party, leg), event, now_ms);
        }
        match event {
            MediaEvent::Described { leg, sdp } => self.handle_described(leg, sdp, now_ms),
            MediaEvent::Agreed { leg } => self.handle_agreed(leg, now_ms),
            MediaEvent::Refused { leg, why } => self.handle_media_refused(leg, &why, now_ms),
            MediaEvent::PlayFinished { leg } => self.handle_play_finished(leg, now_ms),
            MediaEvent::Trouble { leg, what } => self.handle_trouble(leg, &what, now_ms),
            MediaEvent::Released { leg, report } => self.handle_released(leg, report),
            MediaEvent::PlayInterrupted { leg, .. } => self.handle_play_finished(leg, now_ms),
            MediaEvent::SendInfo { leg, digit, duration_ms } => {
                if self.is_up(leg) {
                    self.signal(leg, LegAction::SendDtmf { digit, duration_ms });
                }
            }
            MediaEvent::Connected { leg } => self.handle_connected(leg),
            MediaEvent::Dtmf { .. }
            | MediaEvent::Measured { .. }
            | MediaEvent::Snapshot { .. }
            | MediaEvent::Restored { .. }
            | MediaEvent::Conference { .. }
            | MediaEvent::Recording { .. }
            | MediaEvent::RecordingsExpired { .. }
            | MediaEvent::Fork { .. } => {}
        }
    }

    /// Ends the call at an administrator's or our own wish.
    pub fn hang_up(&mut self, cause: HangupCause, now_ms: u64) {
        self.end(cause, Party::System, None, now_ms);
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.outputs.push_back(action);
    }

    pub(crate) fn signal(&mut self, leg: LegId, action: LegAction) {
        self.act(Action::Leg(leg, action));
    }

    pub(crate) fn media(&mut self, command: MediaCommand) {
        self.act(Action::Media(command));
    }

    pub(crate) fn leg_mut(&mut self, leg: LegId) -> Option<&mut Leg> {
        self.legs.get_mut(&leg)
    }

    pub(crate) fn is_up(&self, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(Leg::is_up)
    }

    /// Adds an outgoing leg; `None` when the call has had as many legs as it may have.
    pub(crate) fn add_leg(&mut self, number: &str) -> Option<LegId> {
        let id = self.next_leg_id()?;
        let mut leg = Leg::new(id, Direction::Outbound, number);
        leg.account = Some(number.to_owned());
        self.legs.insert(id, leg);
        Some(id)
    }

    pub(crate) fn next_leg_id(&mut self) -> Option<LegId> {
        let id = LegId(u64::from(self.serial) << 16 | u64::from(self.legs_made));
        self.legs_made = self.legs_made.checked_add(1)?;
        Some(id)
    }

    /// Says again how the call stands.
    pub fn publish(&mut self) {
        let state = match self.answered_at_ms {
            Some(_) => CallState::Answered,
            None => CallState::Ringing,
        };
        let live = LiveCall {
            call: self.call.clone(),
            caller: self.caller_number().to_owned(),
            dialled: self.dialled.clone(),
            answered_by: self.answered_by.clone(),
            state,
            started_at_ms: self.started_at_ms,
            answered_at_ms: self.answered_at_ms,
            recording: None,
            supervisors: Vec::new(),
        };
        self.act(Action::Live(live));
    }

    fn describe_caller(&mut self, offer: Option<String>, policy: OfferPolicy) {
        let leg = self.caller;
        let offered = offer.is_none();
        if let Some(caller) = self.leg_mut(leg) {
            caller.describing = Some(Describing::First);
            caller.offered = offered;
            caller.has_media = true;
            caller.offered_video =
                offer.as_deref().and_then(|offer| Section::of_offer(offer, None));
            caller.policy = Some(policy.clone());
        }
        self.media(match offer {
            Some(offer) => MediaCommand::Answer { leg, offer },
            None => MediaCommand::Offer { leg, policy },
        });
    }

    /// The caller's media is described: carries out what routing decided.
    pub(crate) fn begin(&mut self, now_ms: u64) {
        match self.decision.take() {
            Some(Decision::Extension { number, ring_timeout_ms, forward }) => {
                let until_ms = now_ms + ring_timeout_ms;
                self.dial(number, forward, Otherwise::TurnAway, until_ms);
            }
            Some(Decision::Forward { target, .. }) => {
                self.forward(target, Otherwise::TurnAway, now_ms);
            }
            Some(Decision::Service { number, service }) => {
                self.answered_by = Some(number);
                self.run_service(service, now_ms);
            }
            Some(Decision::Menu { menu }) => self.enter_menu(menu, now_ms),
            Some(Decision::Queue { queue }) => self.enter_queue(queue, now_ms),
            Some(Decision::Supervise { .. }) => {
                self.answered_by = Some(self.dialled.clone());
                self.script = Script::Supervising;
                self.answer_caller(now_ms);
                self.resume_script(self.served);
            }
            Some(Decision::Refuse { .. }) | None => {}
        }
    }

    /// Whether the call is one that we place, and nobody has answered it.
    pub(crate) fn waits_for_placement(&self) -> bool {
        self.placed_to.is_some() && !self.legs.contains_key(&self.caller)
    }

    /// The extension that we called has answered: that is who the call is for.
    pub(crate) fn begin_placed(&mut self, leg: LegId, now_ms: u64) {
        (self.caller, self.served) = (leg, leg);
        if self.calls_back {
            return self.begin_call_back();
        }
        self.answered_at_ms = Some(now_ms);
        self.answered_by = Some(self.dialled.clone());
        self.script = Script::Supervising;
        self.publish();
        self.resume_script(leg);
    }

    /// Answers the caller with the description that is at hand.
    pub(crate) fn answer_caller(&mut self, now_ms: u64) {
        let leg = self.caller;
        let Some(caller) = self.leg_mut(leg).filter(|l| l.signalling == Signalling::Incoming)
        else {
            return;
        };
        caller.signalling = Signalling::Up;
        caller.sip_status = Some(200);
        caller.offered_video = None;
        let audio = caller.description.take();
        let is_offer = caller.offered;
        let description = audio.map(|audio| caller.described(&audio, is_offer));
        self.answered_at_ms = Some(now_ms);
        if let Some(sdp) = description {
            self.signal(leg, LegAction::Accept(sdp));
        }
        self.publish();
    }

    fn handle_acked(&mut self, leg: LegId, sdp: Option<String>, now_ms: u64) {
        let Some(state) = self.leg_mut(leg).filter(|state| state.offered) else {
            return;
        };
        state.offered = false;
        if let Some(answer) = sdp {
            state.describing = Some(Describing::Agreement);
            self.accept_video(leg, &answer);
            self.media(MediaCommand::AcceptAnswer { leg, answer });
        } else {
            self.signal(leg, LegAction::HangUp(HangupCause::PROTOCOL_ERROR));
            let by = self.party_of(leg);
            self.handle_gone(leg, HangupCause::PROTOCOL_ERROR, by, now_ms);
        }
    }

    fn handle_trouble(&mut self, leg: LegId, what: &MediaTrouble, now_ms: u64) {
        let cause = match what {
            MediaTrouble::IceFailed if self.wait_for_return(leg, now_ms) => return,
            MediaTrouble::IceFailed => HangupCause::DESTINATION_OUT_OF_ORDER,
            MediaTrouble::DtlsFailed(_) => HangupCause::INCOMPATIBLE_DESTINATION,
            MediaTrouble::Silent { .. } => return,
        };
        if self.is_up(leg) {
            self.signal(leg, LegAction::HangUp(cause));
            self.handle_gone(leg, cause, Party::System, now_ms);
        }
    }

    /// Keys that came by signalling take the way of those that come with the audio.
    fn handle_dtmf(&mut self, leg: LegId, digits: String) {
        let duration_ms = DTMF_TONE_MS;
        self.media_of(leg, MediaCommand::HandleDtmf { leg, digits, duration_ms });
    }

    /// A command for a leg that the media role knows.
    fn media_of(&mut self, leg: LegId, command: MediaCommand) {
        if self.legs.get(&leg).is_some_and(|leg| leg.has_media && !leg.releasing) {
            self.media(command);
        }
    }
}

/// A device that never said a word has not rejected anything.
fn rejected_by(failure: &Failure) -> Party {
    match failure.status {
        408 | 430 => Party::System,
        _ => Party::Callee,
    }
}

/// Length of a key press that came by INFO, in milliseconds.
const DTMF_TONE_MS: u32 = 160;
