use crate::leg::{Attempt, Describing, Signalling};
use crate::script::Script;
use crate::{Action, Call, Failure, LegAction, Route};
use offhook_model::{
    AudioVerdict, Binding, HangupCause, IceRole, LegId, MediaCommand, OfferPolicy, Party, Security,
    Transport,
};
use offhook_sdp::SessionDescription;
use serde::{Deserialize, Serialize};

/// The most bindings of one extension that are rung at once.
pub const BINDING_ATTEMPTS_MAX: usize = 10;

/// What an answered party hears while somebody is rung for it: the European ringing tone.
pub const RINGBACK: [&str; 2] = ["tone:425,1000", "silence:4000"];

/// How long a callee of 6000 and of a transfer rings, milliseconds.
const RING_TIMEOUT_MS: u64 = 25_000;

/// Somebody is being rung for the served leg.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Dial {
    pub(crate) target: String,
    pub(crate) rings_until_ms: u64,
    pub(crate) attempts: Vec<LegId>,
    /// The attempt that was answered first.
    winner: Option<LegId>,
    ringing: bool,
    /// The most telling failure so far.
    failure: Failure,
    failed_by: Party,
    otherwise: Otherwise,
}

/// What follows when nobody takes the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Otherwise {
    /// The caller is turned away.
    TurnAway,
    /// The caller hears a prompt and the call ends.
    Apologise(String),
    /// The transferor gets the party back, if it is still there.
    GiveBack(LegId),
}

impl Call {
    pub(crate) fn dial_for_caller(&mut self, target: String, timeout_ms: u64, now_ms: u64) {
        self.dial(target, Otherwise::TurnAway, now_ms + timeout_ms);
    }

    pub(crate) fn dial_for_placement(&mut self, target: String, now_ms: u64) {
        self.dial(target, Otherwise::TurnAway, now_ms + RING_TIMEOUT_MS);
    }

    pub(crate) fn dial_after_welcome(&mut self, target: String, apology: String, now_ms: u64) {
        self.play(self.served, &RINGBACK, true);
        self.dial(target, Otherwise::Apologise(apology), now_ms + RING_TIMEOUT_MS);
    }

    pub(crate) fn dial_for_transfer(&mut self, target: String, transferor: LegId, now_ms: u64) {
        self.play(self.served, &RINGBACK, true);
        self.dial(target, Otherwise::GiveBack(transferor), now_ms + RING_TIMEOUT_MS);
    }

    fn dial(&mut self, target: String, otherwise: Otherwise, rings_until_ms: u64) {
        self.act(Action::Lookup(target.clone()));
        let failure = Failure::new(HangupCause::SUBSCRIBER_ABSENT, "Not registered");
        self.script = Script::Dialling(Dial {
            target,
            rings_until_ms,
            attempts: Vec::new(),
            winner: None,
            ringing: false,
            failure,
            failed_by: Party::System,
            otherwise,
        });
    }

    /// Where the extension asked for by [`Action::Lookup`] is bound, without bindings that have expired.
    pub fn handle_bindings(&mut self, bindings: &[Binding], now_ms: u64) {
        let Script::Dialling(dial) = &self.script else { return };
        if !dial.attempts.is_empty() {
            return;
        }
        let target = dial.target.clone();
        let routes: Vec<_> = bindings.iter().take(BINDING_ATTEMPTS_MAX).map(attempt).collect();
        for attempt in routes {
            self.start_attempt(&target, attempt);
        }
        self.fail_if_nobody_is_left(now_ms);
    }

    fn start_attempt(&mut self, target: &str, mut attempt: Attempt) {
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
            dial.attempts.push(leg);
        }
        self.media(MediaCommand::Offer { leg, policy });
        if let Some(section) = section {
            self.offer_video(leg, &section);
        }
    }

    pub(crate) fn send_invite(&mut self, leg: LegId, audio: &str) {
        let (caller, caller_name) = self.shown_caller();
        let Some(state) = self.leg_mut(leg) else { return };
        let Some(attempt) = &mut state.attempt else { return };
        attempt.offered.extend(summary(audio));
        let route = attempt.route.clone();
        let offer = state.described(audio, true);
        state.signalling = Signalling::Inviting;
        self.signal(leg, LegAction::Invite { route, caller, caller_name, offer });
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
        if !dial.attempts.contains(&leg) || dial.ringing {
            return;
        }
        dial.ringing = true;
        self.ring_caller();
    }

    pub(crate) fn handle_accepted(&mut self, leg: LegId, sdp: Option<String>, now_ms: u64) {
        let taken = match &mut self.script {
            Script::Dialling(dial) if dial.winner.is_none() && dial.attempts.contains(&leg) => {
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
                self.drop_attempts_except(Some(leg));
            }
            Some(_) => self.drop_leg(leg, HangupCause::NORMAL_CLEARING),
            None => {
                self.signal(leg, LegAction::HangUp(HangupCause::PROTOCOL_ERROR));
                let failure = Failure::new(HangupCause::PROTOCOL_ERROR, "Answered without SDP");
                self.handle_rejected(leg, &failure, Party::Callee, now_ms);
            }
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
        let (target, otherwise) = (dial.target.clone(), dial.otherwise.clone());
        self.answered_by = Some(target);
        self.script = Script::Talking { with: leg };
        // What another device refused is of no consequence.
        self.legs.values_mut().for_each(|leg| leg.not_agreed = None);
        self.answer_caller(now_ms);
        self.join();
        self.publish();
        if let Otherwise::GiveBack(transferor) = otherwise {
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
        let Script::Dialling(dial) = &mut self.script else { return };
        dial.attempts.retain(|attempt| *attempt != leg);
        let had_won = dial.winner == Some(leg);
        if had_won {
            dial.winner = None;
        }
        if failure_rank(failure.status) >= failure_rank(dial.failure.status) {
            dial.failure = failure.clone();
            dial.failed_by = by;
        }
        if had_won {
            self.forget_video_described();
        }
        if let Some(attempt) = attempt.filter(|_| is_about_media(failure.status)) {
            self.start_attempt(&number, attempt);
        }
        self.fail_if_nobody_is_left(now_ms);
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
        if let Script::Dialling(dial) = &self.script
            && dial.attempts.is_empty()
        {
            let (failure, by) = (dial.failure.clone(), dial.failed_by);
            let otherwise = dial.otherwise.clone();
            self.nobody_took_it(&failure, by, otherwise, now_ms);
        }
    }

    fn nobody_took_it(&mut self, failure: &Failure, by: Party, otherwise: Otherwise, now_ms: u64) {
        match otherwise {
            Otherwise::TurnAway => self.turn_away(&told(failure, by), by, now_ms),
            Otherwise::Apologise(prompt) => {
                self.script = Script::Playing { prompt, repeat: false };
                self.resume_script(self.served);
            }
            Otherwise::GiveBack(transferor) => self.give_back(transferor, failure, now_ms),
        }
    }

    /// Ends what has waited too long.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        match &mut self.script {
            Script::Dialling(dial) if dial.winner.is_none() && dial.rings_until_ms <= now_ms => {
                let otherwise = dial.otherwise.clone();
                let failure = Failure::new(HangupCause::NO_ANSWER, "No answer");
                self.drop_attempts_except(None);
                self.nobody_took_it(&failure, Party::System, otherwise, now_ms);
            }
            Script::Over(ending) if ending.waits_until_ms <= now_ms => self.finish(),
            _ => {}
        }
    }

    /// When [`Call::handle_timeout`] has something to do, milliseconds of Unix time.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        match &self.script {
            Script::Dialling(dial) if dial.winner.is_none() => Some(dial.rings_until_ms),
            Script::Over(ending) if !ending.finished => Some(ending.waits_until_ms),
            _ => None,
        }
    }

    /// Stops ringing every device, but for the one that answered.
    pub(crate) fn drop_attempts_except(&mut self, keep: Option<LegId>) {
        let Script::Dialling(dial) = &mut self.script else { return };
        let others: Vec<_> =
            dial.attempts.iter().copied().filter(|leg| Some(*leg) != keep).collect();
        dial.attempts.retain(|leg| Some(*leg) == keep);
        let cause = match keep {
            Some(_) => HangupCause::NON_SELECTED_USER_CLEARING,
            None => HangupCause::NORMAL_CLEARING,
        };
        for leg in others {
            self.drop_leg(leg, cause);
        }
    }
}

/// What the caller is told. What a device says of itself is not said of this server: it has not moved, asks
/// for no password of the callee's, and is not overloaded.
fn told(failure: &Failure, by: Party) -> Failure {
    let (status, cause, reason) = match failure.status {
        300..=399 | 401 | 407 | 430 | 481 => {
            (480, HangupCause::DESTINATION_OUT_OF_ORDER, "Temporarily Unavailable")
        }
        503 if by == Party::Callee => (500, failure.cause, "Server Internal Error"),
        _ => return failure.clone(),
    };
    Failure { status, cause, reason: reason.to_owned() }
}

/// Failures of the offer, after which the same device is asked again with another.
fn is_about_media(status: u16) -> bool {
    matches!(status, 415 | 488 | 606)
}

/// Which of several failures the caller is told: an answer of a person counts more than a silence.
fn failure_rank(status: u16) -> u8 {
    match status {
        600..=699 => 4,
        486 => 3,
        480 | 408 | 430 => 0,
        488 | 415 => 2,
        _ => 1,
    }
}

/// What an offer of ours says, in words.
fn summary(offer: &str) -> Option<String> {
    let offer = SessionDescription::parse(offer.as_bytes()).ok()?;
    Some(format!("{} ({})", offer.audio_protection(), offer.audio_formats().join(", ")))
}

fn attempt(binding: &Binding) -> Attempt {
    Attempt {
        route: Route {
            contact: binding.contact.clone(),
            route: binding.route.clone(),
            reliable: binding.transport.is_reliable(),
        },
        policies: policies(binding.transport),
        offered: Vec::new(),
        with_video: true,
    }
}

/// The offers to try on a device, best first: browsers accept nothing but DTLS with ICE; a phone on TLS
/// can keep SDES keys secret, others are most likely to want plain RTP. SDES and DTLS are offered together,
/// since a phone that speaks DTLS alone may take an offer of SDES and then answer without keys.
fn policies(transport: Transport) -> Vec<OfferPolicy> {
    let offer = |security, ice| OfferPolicy { security, ice, prefer_codec_of: None };
    let plain = offer(Security::Plain, IceRole::None);
    let secured = offer(Security::SdesOrDtls, IceRole::None);
    let dtls = offer(Security::Dtls, IceRole::None);
    match transport {
        Transport::Ws | Transport::Wss => vec![offer(Security::Dtls, IceRole::Full)],
        Transport::Tls => vec![secured, plain, dtls],
        Transport::Udp | Transport::Tcp => vec![plain, secured, dtls],
    }
}
