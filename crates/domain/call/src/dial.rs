//! Ringing: somebody's devices are tried for the served leg, until one of them is answered.

use crate::attempt::{attempt, failure_rank, is_about_media, summary, told};
use crate::leg::{Attempt, Describing, Signalling};
use crate::script::Script;
use crate::{Action, Call, Failure, LegAction, OfferReport, Offered};
use offhook_model::{
    AudioVerdict, Binding, Forwarding, HangupCause, LegId, MediaCommand, OfferId, Party, QueueId,
    Target,
};
use serde::{Deserialize, Serialize};

/// The most bindings of one extension that are rung at once.
pub const BINDING_ATTEMPTS_MAX: usize = 10;

/// What an answered party hears while somebody is rung for it: the European ringing tone.
pub const RINGBACK: [&str; 2] = ["tone:425,1000", "silence:4000"];

/// How long a supervisor rings whom we call, milliseconds.
pub(crate) const RING_TIMEOUT_MS: u64 = 25_000;

/// People are being rung for the served leg.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Dial {
    pub(crate) purpose: Purpose,
    pub(crate) rings: Vec<Ring>,
    /// The attempt that was answered first.
    pub(crate) winner: Option<LegId>,
    ringing: bool,
    /// The most telling failure so far.
    failure: Failure,
    failed_by: Party,
}

/// Why somebody is rung.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Purpose {
    /// An extension is called.
    Extension {
        /// Until when, milliseconds of Unix time.
        until_ms: u64,
        /// Where the extension's calls go that its devices do not take.
        forward: Forwarding,
        /// What follows when nobody takes the call.
        otherwise: Otherwise,
    },
    /// The served leg is parked: whoever fetches it has answered.
    Parked {
        /// When whoever parked it is rung, milliseconds of Unix time.
        until_ms: u64,
    },
    /// The served leg waits in a queue, whose agents are rung as they are offered the call.
    Queue {
        /// The queue.
        queue: QueueId,
        /// The prompt URI that it hears meanwhile, once the queue has said so.
        music: Option<String>,
    },
}

/// The devices of one extension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ring {
    pub(crate) extension: String,
    /// The queue's offer to the agent who is rung there.
    pub(crate) offer: Option<Offered>,
    pub(crate) attempts: Vec<LegId>,
    /// Whether it is known where the extension is bound.
    pub(crate) is_bound: bool,
}

/// What follows when nobody takes the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Otherwise {
    /// The caller is turned away.
    TurnAway,
    /// The caller is sent on.
    GoTo(Target),
    /// The transferor gets the party back, if it is still there.
    GiveBack(LegId),
    /// The party is parked again.
    Park,
    /// The agent who calls somebody back is told that nobody was reached.
    Unreached,
}

impl From<Option<Target>> for Otherwise {
    fn from(target: Option<Target>) -> Self {
        target.map_or(Self::TurnAway, Self::GoTo)
    }
}

impl Ring {
    pub(crate) fn new(extension: String, offer: Option<Offered>) -> Self {
        Self { extension, offer, attempts: Vec::new(), is_bound: false }
    }

    fn offer_id(&self) -> Option<OfferId> {
        self.offer.as_ref().map(|offered| offered.offer)
    }
}

impl Dial {
    pub(crate) fn new(purpose: Purpose, rings: Vec<Ring>) -> Self {
        let failure = Failure::new(HangupCause::SUBSCRIBER_ABSENT, "Not registered");
        let failed_by = Party::System;
        Self { purpose, rings, winner: None, ringing: false, failure, failed_by }
    }

    /// Whether the leg is an attempt to reach somebody.
    pub(crate) fn has(&self, leg: LegId) -> bool {
        self.ring_of(leg).is_some()
    }

    fn ring_of(&self, leg: LegId) -> Option<&Ring> {
        self.rings.iter().find(|ring| ring.attempts.contains(&leg))
    }

    pub(crate) fn attempts(&self) -> impl Iterator<Item = LegId> + '_ {
        self.rings.iter().flat_map(|ring| ring.attempts.iter().copied())
    }

    /// The queue in which the served leg waits.
    pub(crate) fn queue(&self) -> Option<&QueueId> {
        match &self.purpose {
            Purpose::Queue { queue, .. } => Some(queue),
            Purpose::Extension { .. } | Purpose::Parked { .. } => None,
        }
    }

    fn rings_until_ms(&self) -> Option<u64> {
        match &self.purpose {
            Purpose::Extension { until_ms, .. } | Purpose::Parked { until_ms }
                if self.winner.is_none() =>
            {
                Some(*until_ms)
            }
            Purpose::Extension { .. } | Purpose::Parked { .. } | Purpose::Queue { .. } => None,
        }
    }
}

impl Call {
    pub(crate) fn dial_for_placement(&mut self, target: String, now_ms: u64) {
        let until_ms = now_ms + RING_TIMEOUT_MS;
        self.dial(target, Forwarding::default(), Otherwise::TurnAway, until_ms);
    }

    /// Rings an extension for the served leg. One that was answered before hears it.
    pub(crate) fn dial(
        &mut self,
        target: String,
        forward: Forwarding,
        otherwise: Otherwise,
        until_ms: u64,
    ) {
        if self.is_up(self.served) {
            self.play(self.served, &RINGBACK, true);
        }
        self.act(Action::Lookup(target.clone()));
        let purpose = Purpose::Extension { until_ms, forward, otherwise };
        self.run(Script::Dialling(Dial::new(purpose, vec![Ring::new(target, None)])));
    }

    /// Lets the served leg wait in a queue.
    pub(crate) fn wait_in_queue(&mut self, queue: QueueId) {
        let purpose = Purpose::Queue { queue, music: None };
        self.run(Script::Dialling(Dial::new(purpose, Vec::new())));
    }

    /// Rings an agent to whom the queue offers the call.
    pub(crate) fn ring_agent(&mut self, extension: String, offered: Offered) {
        let Script::Dialling(dial) = &mut self.script else { return };
        dial.rings.push(Ring::new(extension.clone(), Some(offered)));
        self.act(Action::Lookup(extension));
    }

    /// Where the extension asked for by [`Action::Lookup`] is bound, without bindings that have expired.
    pub fn handle_bindings(&mut self, extension: &str, bindings: &[Binding], now_ms: u64) {
        let Script::Dialling(dial) = &mut self.script else { return };
        let is_asked = |ring: &&mut Ring| ring.extension == extension && !ring.is_bound;
        let Some(ring) = dial.rings.iter_mut().find(is_asked) else { return };
        ring.is_bound = true;
        let offer = ring.offer_id();
        let rung: Vec<_> = ring.attempts.clone();
        let new = bindings.iter().filter(|binding| !self.rings_on(&rung, &binding.contact));
        let room = BINDING_ATTEMPTS_MAX.saturating_sub(rung.len());
        let routes: Vec<_> = new.take(room).map(attempt).collect();
        for attempt in routes {
            self.start_attempt(extension, offer, attempt);
        }
        self.fail_if_nobody_is_left(now_ms);
    }

    fn start_attempt(&mut self, target: &str, offer: Option<OfferId>, mut attempt: Attempt) {
        if attempt.policies.is_empty() {
            return;
        }
        let Some(leg) = self.add_leg(target) else { return };
        let mut policy = attempt.policies.remove(0);
        let section = self.video_to_ring_with().filter(|_| attempt.with_video);
        policy.prefer_codec_of = self.legs.contains_key(&self.served).then_some(self.served);
        if let Some(state) = self.leg_mut(leg) {
            state.attempt = Some(attempt);
            state.describing = Some(Describing::Offer);
            state.has_media = true;
            state.policy = Some(policy.clone());
        }
        if let Script::Dialling(dial) = &mut self.script {
            let is_meant = |ring: &&mut Ring| ring.extension == target && ring.offer_id() == offer;
            let ring = dial.rings.iter_mut().find(is_meant);
            ring.into_iter().for_each(|ring| ring.attempts.push(leg));
        }
        self.media(MediaCommand::Offer { leg, policy });
        if let Some(section) = section {
            self.offer_video(leg, &section);
        }
    }

    pub(crate) fn send_invite(&mut self, leg: LegId, audio: &str) {
        let (caller, caller_name) = self.shown_caller();
        let offered = match &self.script {
            Script::Dialling(dial) => dial.ring_of(leg).and_then(|ring| ring.offer.clone()),
            _ => None,
        };
        let Some(state) = self.leg_mut(leg) else { return };
        let Some(attempt) = &mut state.attempt else { return };
        attempt.offered.extend(summary(audio));
        let route = attempt.route.clone();
        let offer = state.described(audio, true);
        state.signalling = Signalling::Inviting;
        self.signal(leg, LegAction::Invite { route, caller, caller_name, offer, offered });
    }

    /// The party for whom somebody is rung, as the callee's display shows it.
    fn shown_caller(&self) -> (String, Option<String>) {
        if self.waits_for_placement() {
            return (self.dialled.clone(), None);
        }
        let number = self.legs.get(&self.served).map(|leg| leg.number.clone()).unwrap_or_default();
        let name = if self.served == self.caller { self.caller_name.clone() } else { None };
        (number, name)
    }

    pub(crate) fn handle_ringing(&mut self, leg: LegId) {
        let Script::Dialling(dial) = &mut self.script else { return };
        let Some(ring) = dial.ring_of(leg) else { return };
        if let Some(offer) = ring.offer_id() {
            return self.act(Action::Offer(offer, OfferReport::Ringing));
        }
        if !std::mem::replace(&mut dial.ringing, true) {
            self.ring_caller();
        }
    }

    pub(crate) fn handle_accepted(&mut self, leg: LegId, sdp: Option<String>, now_ms: u64) {
        let taken = match &mut self.script {
            Script::Dialling(dial) if dial.winner.is_none() && dial.has(leg) => {
                dial.winner = Some(leg);
                true
            }
            _ => false,
        };
        let Some(state) = self.leg_mut(leg) else { return };
        state.signalling = Signalling::Up;
        state.sip_status = Some(200);
        match sdp {
            Some(answer) if taken => {
                state.describing = Some(Describing::Agreement);
                self.accept_video(leg, &answer);
                self.media(MediaCommand::AcceptAnswer { leg, answer });
                self.report_answered(leg);
                self.drop_attempts_except(Some(leg));
            }
            Some(_) => self.drop_leg(leg, HangupCause::NON_SELECTED_USER_CLEARING),
            None => {
                self.signal(leg, LegAction::HangUp(HangupCause::PROTOCOL_ERROR));
                let failure = Failure::new(HangupCause::PROTOCOL_ERROR, "Answered without SDP");
                self.handle_rejected(leg, &failure, Party::Callee, now_ms);
            }
        }
    }

    fn report_answered(&mut self, leg: LegId) {
        let Script::Dialling(dial) = &self.script else { return };
        if let Some(offer) = dial.ring_of(leg).and_then(Ring::offer_id) {
            self.act(Action::Offer(offer, OfferReport::Answered));
        }
    }

    /// The callee's answer is in force: the two talk, once the caller's video is described as well.
    pub(crate) fn handle_answer_in_force(&mut self, leg: LegId, now_ms: u64) {
        let Script::Dialling(dial) = &self.script else { return };
        if dial.winner == Some(leg) {
            if self.describe_video_for(leg) {
                let served = self.served;
                self.set_describing(served, Describing::Video);
            } else {
                self.begin_talking(leg, now_ms);
            }
        }
    }

    /// The caller's video is described, or cannot be.
    pub(crate) fn handle_video_described(&mut self, now_ms: u64) {
        if let Script::Dialling(dial) = &self.script
            && let Some(winner) = dial.winner
        {
            self.begin_talking(winner, now_ms);
        }
    }

    fn begin_talking(&mut self, leg: LegId, now_ms: u64) {
        if self.waits_for_placement() {
            return self.begin_placed(leg, now_ms);
        }
        let Script::Dialling(dial) = &self.script else { return };
        let transferor = match &dial.purpose {
            Purpose::Extension { otherwise: Otherwise::GiveBack(leg), .. } => Some(*leg),
            Purpose::Extension { .. } | Purpose::Parked { .. } | Purpose::Queue { .. } => None,
        };
        self.answered_by = self.legs.get(&leg).map(|leg| leg.number.clone());
        self.run(Script::Talking { with: leg });
        // What another device refused is of no consequence.
        self.legs.values_mut().for_each(|leg| leg.not_agreed = None);
        self.answer_caller(now_ms);
        self.note_called_back(now_ms);
        self.join();
        self.publish();
        if let Some(transferor) = transferor {
            self.finish_transfer(transferor);
        }
    }

    pub(crate) fn handle_rejected(
        &mut self,
        leg: LegId,
        failure: &Failure,
        by: Party,
        now_ms: u64,
    ) {
        let Some(state) = self.leg_mut(leg) else { return };
        state.sip_status = Some(failure.status);
        state.signalling = Signalling::Ended;
        let number = state.number.clone();
        let attempt = state.next_attempt();
        if let Some(attempt) = attempt.as_ref().filter(|attempt| attempt.policies.is_empty())
            && is_about_media(failure.status)
            && by == Party::Callee
        {
            let (status, offers) = (failure.status, attempt.offered.clone());
            state.not_agreed = Some(Box::new(AudioVerdict::OffersRefused { status, offers }));
        }
        self.release_media(leg);
        let Some((offer, had_won)) = self.note_rejected(leg, failure, by) else { return };
        if had_won {
            self.forget_video_described();
        }
        if let Some(attempt) = attempt.filter(|_| is_about_media(failure.status)) {
            self.start_attempt(&number, offer, attempt);
        }
        if had_won {
            self.wait_again();
        }
        self.fail_if_nobody_is_left(now_ms);
    }

    /// An attempt has failed: for whom it was, and whether it had been answered before.
    fn note_rejected(
        &mut self,
        leg: LegId,
        failure: &Failure,
        by: Party,
    ) -> Option<(Option<OfferId>, bool)> {
        let Script::Dialling(dial) = &mut self.script else { return None };
        let offer = dial.ring_of(leg).and_then(Ring::offer_id);
        dial.rings.iter_mut().for_each(|ring| ring.attempts.retain(|attempt| *attempt != leg));
        let had_won = dial.winner.take_if(|winner| *winner == leg).is_some();
        if failure_rank(failure.status) >= failure_rank(dial.failure.status) {
            dial.failure = failure.clone();
            dial.failed_by = by;
        }
        Some((offer, had_won))
    }

    /// Whoever has taken the caller's video is gone.
    fn forget_video_described(&mut self) {
        let served = self.served;
        self.release_video(served);
        if let Some(state) = self.leg_mut(served) {
            state.describing.take_if(|what| *what == Describing::Video);
        }
    }

    fn fail_if_nobody_is_left(&mut self, now_ms: u64) {
        let Script::Dialling(dial) = &mut self.script else { return };
        let is_over = |ring: &mut Ring| ring.is_bound && ring.attempts.is_empty();
        let over: Vec<_> = dial.rings.extract_if(.., is_over).collect();
        let (failure, by) = (dial.failure.clone(), dial.failed_by);
        let is_called = matches!(dial.purpose, Purpose::Extension { .. });
        let nobody_is_left = is_called && dial.rings.is_empty();
        for offer in over.iter().filter_map(Ring::offer_id) {
            self.act(Action::Offer(offer, OfferReport::Failed(failure.clone())));
        }
        if nobody_is_left {
            self.nobody_took_it(&failure, by, now_ms);
        }
    }

    fn nobody_took_it(&mut self, failure: &Failure, by: Party, now_ms: u64) {
        let Script::Dialling(dial) = &self.script else { return };
        let Purpose::Extension { forward, otherwise, .. } = dial.purpose.clone() else { return };
        let is_busy = matches!(failure.status, 486 | 600);
        let elsewhere = if is_busy { forward.busy } else { forward.no_answer };
        if let Some(target) = elsewhere {
            return self.forward(target, otherwise, now_ms);
        }
        self.fall_back(failure, by, otherwise, now_ms);
    }

    /// The served leg has reached nobody.
    pub(crate) fn fall_back(
        &mut self,
        failure: &Failure,
        by: Party,
        otherwise: Otherwise,
        now_ms: u64,
    ) {
        match otherwise {
            Otherwise::TurnAway => self.turn_away(&told(failure, by), by, now_ms),
            Otherwise::GoTo(target) => self.go_to(target, Otherwise::TurnAway),
            Otherwise::GiveBack(transferor) => self.give_back(transferor, failure, now_ms),
            Otherwise::Park => self.park(None, now_ms),
            Otherwise::Unreached => self.tell_unreached(failure, by),
        }
    }

    /// Ends what has waited too long.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        self.end_what_is_lost(now_ms);
        match &self.script {
            Script::Dialling(dial) if dial.rings_until_ms().is_some_and(|at| at <= now_ms) => {
                let is_parked = matches!(dial.purpose, Purpose::Parked { .. });
                let failure = Failure::new(HangupCause::NO_ANSWER, "No answer");
                self.drop_attempts_except(None);
                if is_parked {
                    return self.remind_parker(now_ms);
                }
                self.nobody_took_it(&failure, Party::System, now_ms);
            }
            Script::Over(ending) if ending.waits_until_ms <= now_ms => self.finish(),
            _ => {}
        }
    }

    /// When [`Call::handle_timeout`] has something to do, milliseconds of Unix time.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let script = match &self.script {
            Script::Dialling(dial) => dial.rings_until_ms(),
            Script::Over(ending) if !ending.finished => Some(ending.waits_until_ms),
            _ => None,
        };
        script.into_iter().chain(self.waits_for_return_until_ms()).min()
    }

    /// Stops ringing every device, but for the one that answered.
    pub(crate) fn drop_attempts_except(&mut self, keep: Option<LegId>) {
        let Script::Dialling(dial) = &mut self.script else { return };
        let others: Vec<_> = dial.attempts().filter(|leg| Some(*leg) != keep).collect();
        for ring in &mut dial.rings {
            ring.attempts.retain(|leg| Some(*leg) == keep);
        }
        let cause = match keep {
            Some(_) => HangupCause::NON_SELECTED_USER_CLEARING,
            None => HangupCause::NORMAL_CLEARING,
        };
        for leg in others {
            self.drop_leg(leg, cause);
        }
    }
}
