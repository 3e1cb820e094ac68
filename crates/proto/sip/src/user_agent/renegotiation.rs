//! Changes of an answered call: re-INVITE, UPDATE, session refresh, both ways
//! (RFC 3261 section 14, RFC 3311, RFC 4028).

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::command::{CommandError, ExtraHeaders, ReinviteReply};
use super::config::Peer;
use super::core::{Core, HeaderSink, Purpose, Refusal, check_headers};
use super::event::{EndReason, Event, ReinviteOutcome};
use super::incoming::{borrowed, wanted_session, with_session};
use super::leg::{AckDue, Leg, State, Unacked};
use super::sdp;
use crate::headers::{Refresher, SessionExpires};
use crate::message::{HeaderName, Message, Method, StatusCode};
use crate::print::RequestBuilder;
use crate::session_timer::{self, Due};
use crate::transaction::{SendError, T1, TIMER_C, TimerName, TransactionKey};

/// Times that a renegotiation is tried again after 491 or 422.
const RETRY_COUNT_MAX: u8 = 1;

/// Retry-After of a 500 for an offer that came before the last one was answered, in seconds
/// (RFC 3261 14.2 asks for 0 to 10).
const RETRY_AFTER_BOUND_S: u64 = 11;

/// Step of the wait after 491 (RFC 3261 14.1).
const GLARE_STEP: Duration = Duration::from_millis(10);

/// A refresh that an unfinished renegotiation stands in the way of is tried again after this time.
const BUSY_REFRESH_WAIT: Duration = Duration::from_secs(2);

/// Why this side renegotiates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The owner wants it, and hears what came of it.
    Owner,
    /// The session must be refreshed.
    Refresh,
}

/// A renegotiation of ours that has no final response, or waits to be tried again.
#[derive(Debug)]
pub(super) struct Renegotiation {
    method: Method,
    cause: Cause,
    sdp: Option<Bytes>,
    headers: Vec<(String, String)>,
    /// `None` while it waits to be tried again.
    transaction: Option<TransactionKey>,
    retry_count: u8,
    min_se_s: Option<u32>,
}

impl Renegotiation {
    fn is_out(&self) -> bool {
        self.transaction.is_some()
    }
}

/// An offer of theirs, or a re-INVITE that asks for ours, which the owner has not answered.
#[derive(Debug)]
pub(super) struct IncomingOffer {
    pub(super) transaction: TransactionKey,
    pub(super) request: Message,
    session: Option<SessionExpires>,
}

impl IncomingOffer {
    pub(super) fn new(
        transaction: TransactionKey,
        request: Message,
        session: Option<SessionExpires>,
    ) -> Self {
        Self { transaction, request, session }
    }
}

impl<P: Peer> Leg<P> {
    pub(super) fn renegotiate(
        &mut self,
        core: &mut Core<P>,
        method: Method,
        sdp: Option<Bytes>,
        headers: ExtraHeaders<'_>,
        now: Instant,
    ) -> Result<(), CommandError> {
        check_headers(headers.iter().copied())?;
        let by_update = method == Method::Update;
        if !self.may_renegotiate(by_update) {
            return Err(CommandError::WrongState);
        }
        if self.is_offer_pending(by_update && sdp.is_none()) {
            return Err(CommandError::OfferPending);
        }
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.begin(
            core,
            Renegotiation {
                method,
                cause: Cause::Owner,
                sdp,
                headers: headers.iter().map(own).collect(),
                transaction: None,
                retry_count: 0,
                min_se_s: None,
            },
            now,
        )
    }

    /// UPDATE works in early dialogs too, when the first offer has been answered there.
    fn may_renegotiate(&mut self, by_update: bool) -> bool {
        match &self.state {
            State::Confirmed => self.bye_due.is_none(),
            State::Ringing(ringing) => by_update && !ringing.is_negotiating(),
            State::Calling(_) => by_update && self.dialog_mut().is_some(),
            State::Ending => false,
        }
    }

    /// True while a new offer would collide. A request without SDP collides only with requests.
    fn is_offer_pending(&self, without_sdp: bool) -> bool {
        let is_out = self.renegotiation.as_ref().is_some_and(|own| own.is_out());
        let answers_due =
            self.incoming_offer.is_some() || self.ack_due.is_some() || self.unacked.is_some();
        is_out || (answers_due && !without_sdp)
    }

    fn begin(
        &mut self,
        core: &mut Core<P>,
        mut renegotiation: Renegotiation,
        now: Instant,
    ) -> Result<(), CommandError> {
        self.timers.stop(TimerName::Glare);
        let request = self.write_renegotiation(core, &renegotiation)?;
        let handle = self.handle;
        let purpose = if renegotiation.method == Method::Invite {
            Purpose::Reinvite { handle, peer: self.peer.clone(), ack: None }
        } else {
            Purpose::Update { handle }
        };
        let transaction = core.send(request.build(), &self.peer, purpose, now)?;
        if renegotiation.method == Method::Invite {
            self.timers.start(TimerName::C, now + TIMER_C);
        }
        if renegotiation.sdp.is_some() {
            self.local_sdp.clone_from(&renegotiation.sdp);
        }
        renegotiation.transaction = Some(transaction);
        self.renegotiation = Some(renegotiation);
        Ok(())
    }

    fn write_renegotiation(
        &mut self,
        core: &mut Core<P>,
        renegotiation: &Renegotiation,
    ) -> Result<RequestBuilder, CommandError> {
        let contact = self.contact();
        let mut request = self
            .request(core, &renegotiation.method)?
            .header(HeaderName::Contact, contact)
            .with_known(&core.capabilities())
            .with_all(&borrowed(&renegotiation.headers));
        if let Some(session) = self.session_of_refresh(core, renegotiation) {
            request = request.header(HeaderName::SessionExpires, session);
        }
        if let Some(min_se_s) = renegotiation.min_se_s {
            request = request.header(HeaderName::MinSe, min_se_s);
        }
        Ok(request.with_sdp(renegotiation.sdp.clone()))
    }

    /// Every request that can refresh the session does, and keeps the roles (RFC 4028 section 7.4).
    fn session_of_refresh(
        &self,
        core: &Core<P>,
        renegotiation: &Renegotiation,
    ) -> Option<SessionExpires> {
        let least_s = renegotiation.min_se_s.unwrap_or(0);
        if let Some(timer) = self.session {
            let refresher = if timer.refreshes_here() { Refresher::Uac } else { Refresher::Uas };
            return Some(SessionExpires {
                interval_s: timer.interval_s().max(least_s),
                refresher: Some(refresher),
            });
        }
        let config =
            core.config.session_timer.filter(|_| matches!(self.state, State::Confirmed))?;
        Some(SessionExpires { interval_s: config.expires_s.max(least_s), refresher: None })
    }

    /// A provisional response to a re-INVITE says nothing; a final one decides.
    pub(super) fn handle_renegotiation_response(
        &mut self,
        core: &mut Core<P>,
        key: TransactionKey,
        code: StatusCode,
        response: Option<&Message>,
        now: Instant,
    ) {
        if code.is_provisional() {
            return;
        }
        let Some(renegotiation) = self.renegotiation.take() else {
            return;
        };
        self.timers.stop(TimerName::C);
        match code {
            _ if code.is_success() => {
                self.handle_renegotiated(core, key, &renegotiation, response, now)
            }
            StatusCode::REQUEST_PENDING if renegotiation.retry_count < RETRY_COUNT_MAX => {
                self.retry_later(core, renegotiation, now);
            }
            StatusCode::SESSION_INTERVAL_TOO_SMALL
                if renegotiation.retry_count < RETRY_COUNT_MAX =>
            {
                let min_se_s = response.and_then(|response| response.min_se_s().ok().flatten());
                self.retry_with_interval(core, renegotiation, min_se_s, now);
            }
            StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST | StatusCode::REQUEST_TIMEOUT
                if matches!(self.state, State::Confirmed) =>
            {
                self.leave(core, EndReason::DialogGone, Some("SIP;cause=481"), now);
            }
            _ => {
                let is_alive = response.is_some() && shows_life(code);
                self.renegotiation_refused(core, &renegotiation, code, is_alive, now);
            }
        }
    }

    fn handle_renegotiated(
        &mut self,
        core: &mut Core<P>,
        key: TransactionKey,
        renegotiation: &Renegotiation,
        response: Option<&Message>,
        now: Instant,
    ) {
        let Some(response) = response else {
            return;
        };
        self.note_capabilities(response);
        if let Some(dialog) = self.dialog_mut() {
            dialog.refresh_target(response);
        }
        if matches!(self.state, State::Confirmed) {
            let agreed = session_timer::agreed(response).or_else(|| self.session_of_our_own());
            self.start_session(agreed, true, now);
        }
        let sdp = sdp::of(response);
        let is_invite = renegotiation.method == Method::Invite;
        let answer_due = is_invite && renegotiation.sdp.is_none() && sdp.is_some();
        if is_invite {
            let sequence = response.cseq().map_or(0, |cseq| cseq.sequence);
            self.ack_due = Some(AckDue { transaction: key, sequence });
            if !answer_due {
                self.send_ack(core, None);
            }
        }
        let is_news = sdp.is_some() && sdp != self.remote_sdp;
        if sdp.is_some() {
            self.remote_sdp.clone_from(&sdp);
        }
        if renegotiation.cause == Cause::Owner || is_news {
            self.report(core, ReinviteOutcome::Answered { sdp, answer_due });
        }
    }

    fn renegotiation_refused(
        &mut self,
        core: &mut Core<P>,
        renegotiation: &Renegotiation,
        code: StatusCode,
        is_alive: bool,
        now: Instant,
    ) {
        // A refused refresh leaves the session timer running to its end, unless the other side never
        // agreed to one: its refusal says all that was asked, that it is there.
        match renegotiation.cause {
            Cause::Owner => self.report(core, ReinviteOutcome::Refused { code }),
            Cause::Refresh if is_alive && !self.remote_knows_timer => {
                self.start_session(self.session_of_our_own(), true, now);
            }
            Cause::Refresh => {}
        }
    }

    /// The session as it goes on when this side alone keeps its time.
    fn session_of_our_own(&self) -> Option<SessionExpires> {
        let timer = self.session.filter(|_| !self.remote_knows_timer)?;
        Some(SessionExpires { interval_s: timer.interval_s(), refresher: Some(Refresher::Uac) })
    }

    fn report(&self, core: &mut Core<P>, outcome: ReinviteOutcome) {
        let handle = self.handle;
        self.emit(core, Event::ReinviteDone { handle, outcome });
    }

    /// Waits 2.1 to 4 s when this side made the Call-ID, 0 to 2 s otherwise (RFC 3261 14.1).
    fn retry_later(&mut self, core: &mut Core<P>, mut renegotiation: Renegotiation, now: Instant) {
        let steps =
            if self.calls_out { 210 + core.tokens.below(191) } else { core.tokens.below(201) };
        let wait = GLARE_STEP * u32::try_from(steps).unwrap_or(0);
        renegotiation.transaction = None;
        renegotiation.retry_count += 1;
        self.renegotiation = Some(renegotiation);
        self.timers.start(TimerName::Glare, now + wait);
    }

    fn retry_with_interval(
        &mut self,
        core: &mut Core<P>,
        mut renegotiation: Renegotiation,
        min_se_s: Option<u32>,
        now: Instant,
    ) {
        renegotiation.min_se_s = min_se_s;
        renegotiation.retry_count += 1;
        self.try_again(core, renegotiation, now);
    }

    /// Cancels a re-INVITE that has no final response, so that its transaction ends. What comes of
    /// it is reported like any other final response, unless the leg has ended.
    pub(super) fn cancel_renegotiation(&mut self, core: &mut Core<P>, now: Instant) {
        let Some(Renegotiation { method: Method::Invite, transaction, .. }) = self.renegotiation
        else {
            return;
        };
        // A transaction that is over needs no CANCEL.
        let result = transaction.map(|transaction| core.layer.cancel(transaction, None, now));
        debug_assert!(result != Some(Err(SendError::NotARequest)), "re-INVITEs are INVITEs");
    }

    /// The wait after 491 is over.
    pub(super) fn retry_renegotiation(&mut self, core: &mut Core<P>, now: Instant) {
        let Some(mut renegotiation) = self.renegotiation.take_if(|own| !own.is_out()) else {
            return;
        };
        if renegotiation.cause == Cause::Refresh && renegotiation.method == Method::Invite {
            // The other side's offer, which ours gave way to, may have changed our description.
            renegotiation.sdp.clone_from(&self.local_sdp);
        }
        let without_sdp = renegotiation.method == Method::Update && renegotiation.sdp.is_none();
        if self.is_offer_pending(without_sdp) {
            self.renegotiation = Some(renegotiation);
            self.timers.start(TimerName::Glare, now + BUSY_REFRESH_WAIT);
        } else {
            self.try_again(core, renegotiation, now);
        }
    }

    fn try_again(&mut self, core: &mut Core<P>, renegotiation: Renegotiation, now: Instant) {
        let cause = renegotiation.cause;
        if self.begin(core, renegotiation, now).is_err() && cause == Cause::Owner {
            let code = StatusCode::SERVICE_UNAVAILABLE;
            self.report(core, ReinviteOutcome::Refused { code });
        }
    }

    pub(super) fn handle_session_due(&mut self, core: &mut Core<P>, due: Due, now: Instant) {
        match due {
            Due::Expired => {
                let reason = "SIP;cause=408;text=\"Session expired\"";
                self.leave(core, EndReason::SessionExpired, Some(reason), now);
            }
            Due::Refresh => self.refresh(core, now),
        }
    }

    /// Refreshes by UPDATE without SDP where the other side takes it, by re-INVITE with the same
    /// SDP otherwise (RFC 4028 section 7.4).
    fn refresh(&mut self, core: &mut Core<P>, now: Instant) {
        if self.renegotiation.is_some() {
            // What is under way refreshes the session as well.
            return;
        }
        let by_update = self.remote_allows_update;
        let refresh = Renegotiation {
            method: if by_update { Method::Update } else { Method::Invite },
            cause: Cause::Refresh,
            sdp: self.local_sdp.clone().filter(|_| !by_update),
            headers: Vec::new(),
            transaction: None,
            retry_count: 0,
            min_se_s: None,
        };
        if self.is_offer_pending(by_update) {
            self.renegotiation = Some(refresh);
            self.timers.start(TimerName::Glare, now + BUSY_REFRESH_WAIT);
        } else {
            self.try_again(core, refresh, now);
        }
    }

    /// A re-INVITE of the other side.
    pub(super) fn handle_reinvite(
        &mut self,
        core: &mut Core<P>,
        key: TransactionKey,
        request: Message,
        now: Instant,
    ) {
        let is_answered = matches!(self.state, State::Confirmed);
        let invite_is_open = self.incoming_offer.is_some() || !is_answered;
        let our_offer_is_open = self.renegotiation.as_ref().is_some_and(|own| own.is_out())
            || self.ack_due.is_some()
            || self.unacked.as_ref().is_some_and(|unacked| unacked.carries_offer);
        if invite_is_open {
            self.refuse_too_early(core, key, &request, now);
        } else if our_offer_is_open {
            core.refuse(key, &request, StatusCode::REQUEST_PENDING, now);
        } else {
            self.imply_ack(core);
            core.by_invite.insert(key, self.handle);
            self.take_offer(core, key, request, now);
        }
    }

    /// A new INVITE shows that our last 2xx arrived, though its ACK did not.
    fn imply_ack(&mut self, core: &mut Core<P>) {
        if self.unacked.take().is_some() {
            self.timers.stop(TimerName::Retransmit2xx);
            self.timers.stop(TimerName::NoAck);
            let handle = self.handle;
            self.emit(core, Event::Acked { handle, sdp: None });
        }
    }

    /// An UPDATE of the other side. One without SDP only refreshes.
    pub(super) fn handle_update(
        &mut self,
        core: &mut Core<P>,
        key: TransactionKey,
        request: Message,
        now: Instant,
    ) {
        if sdp::of(&request).is_none() {
            self.answer_refresh(core, key, &request, now);
            return;
        }
        let our_offer_is_open = match &self.state {
            State::Calling(_) | State::Ending => false,
            State::Confirmed => self.unacked.as_ref().is_some_and(|unacked| unacked.carries_offer),
            State::Ringing(ringing) => ringing.is_negotiating(),
        };
        let our_request_is_out = self.renegotiation.as_ref().is_some_and(|own| own.is_out());
        if self.incoming_offer.is_some() {
            self.refuse_too_early(core, key, &request, now);
        } else if our_offer_is_open || our_request_is_out || self.ack_due.is_some() {
            core.refuse(key, &request, StatusCode::REQUEST_PENDING, now);
        } else {
            self.take_offer(core, key, request, now);
        }
    }

    fn refuse_too_early(
        &mut self,
        core: &mut Core<P>,
        key: TransactionKey,
        request: &Message,
        now: Instant,
    ) {
        let wait_s = core.tokens.below(RETRY_AFTER_BOUND_S);
        let code = StatusCode::SERVER_INTERNAL_ERROR;
        core.refuse(
            key,
            request,
            Refusal::with(code, HeaderName::RetryAfter, wait_s.to_string()),
            now,
        );
    }

    fn take_offer(
        &mut self,
        core: &mut Core<P>,
        key: TransactionKey,
        request: Message,
        now: Instant,
    ) {
        let Some(session) = self.session_for(core, key, &request, now) else {
            return;
        };
        self.note_capabilities(&request);
        let sdp = sdp::of(&request);
        if sdp.is_some() {
            self.remote_sdp.clone_from(&sdp);
        }
        self.incoming_offer = Some(IncomingOffer::new(key, request.clone(), session));
        let event = Event::Reinvite {
            handle: self.handle,
            method: request.method().cloned().unwrap_or(Method::Invite),
            sdp,
            request,
        };
        self.emit(core, event);
    }

    /// The session interval that answers a request; `None` when the request was refused with 422.
    fn session_for(
        &mut self,
        core: &mut Core<P>,
        key: TransactionKey,
        request: &Message,
        now: Instant,
    ) -> Option<Option<SessionExpires>> {
        match wanted_session(core, request) {
            Ok(session) => {
                self.remote_knows_timer = request.supports("timer");
                Some(session)
            }
            Err(too_small) => {
                core.by_invite.remove(&key);
                core.refuse(key, request, too_small, now);
                None
            }
        }
    }

    fn answer_refresh(
        &mut self,
        core: &mut Core<P>,
        key: TransactionKey,
        request: &Message,
        now: Instant,
    ) {
        let Some(session) = self.session_for(core, key, request, now) else {
            return;
        };
        self.note_capabilities(request);
        self.refresh_target(request);
        let ok = core
            .response(request, StatusCode::OK, None, "")
            .header(HeaderName::Contact, self.contact())
            .with_known(&core.capabilities());
        let is_answered = matches!(self.state, State::Confirmed);
        let session = session.filter(|_| is_answered);
        core.respond(key, &with_session(ok, session).build(), now);
        if is_answered {
            self.start_session(session, false, now);
        }
    }

    pub(super) fn answer_reinvite(
        &mut self,
        core: &mut Core<P>,
        reply: ReinviteReply,
        now: Instant,
    ) -> Result<(), CommandError> {
        let offer = self.incoming_offer.as_ref().ok_or(CommandError::RequestOver)?;
        let sdp = match reply {
            ReinviteReply::Accept(sdp) => Some(sdp),
            ReinviteReply::AcceptEmpty => None,
            ReinviteReply::Refuse(code) if !code.is_failure() => {
                return Err(CommandError::Invalid("not a failure status"));
            }
            ReinviteReply::Refuse(code) => {
                let (key, request) = (offer.transaction, offer.request.clone());
                self.incoming_offer = None;
                core.by_invite.remove(&key);
                core.refuse(key, &request, code, now);
                return Ok(());
            }
        };
        self.accept_reinvite(core, sdp, now);
        Ok(())
    }

    fn accept_reinvite(&mut self, core: &mut Core<P>, sdp: Option<Bytes>, now: Instant) {
        let Some(offer) = self.incoming_offer.take() else {
            return;
        };
        let IncomingOffer { transaction, request, session } = offer;
        core.by_invite.remove(&transaction);
        self.refresh_target(&request);
        let is_confirmed = matches!(self.state, State::Confirmed);
        let session = session.filter(|_| is_confirmed);
        let is_invite = request.method() == Some(&Method::Invite);
        let carries_offer = is_invite && sdp::of(&request).is_none() && sdp.is_some();
        if sdp.is_some() {
            self.local_sdp.clone_from(&sdp);
        }
        let ok = core
            .response(&request, StatusCode::OK, None, "")
            .header(HeaderName::Contact, self.contact())
            .with_known(&core.capabilities())
            .with_sdp(sdp);
        let response = with_session(ok, session).build();
        core.respond(transaction, &response, now);
        if is_confirmed && request.method() != Some(&Method::Prack) {
            self.start_session(session, false, now);
        }
        if is_invite {
            let sequence = request.cseq().map_or(0, |cseq| cseq.sequence);
            let unacked = Unacked { transaction, response, sequence, interval: T1, carries_offer };
            self.wait_for_ack(unacked, now);
        }
    }

    /// CANCEL of a re-INVITE (RFC 3261 section 9.2).
    pub(super) fn handle_cancel_of_reinvite(
        &mut self,
        core: &mut Core<P>,
        invite: TransactionKey,
        now: Instant,
    ) {
        if let Some(offer) = self.incoming_offer.take_if(|offer| offer.transaction == invite) {
            core.by_invite.remove(&invite);
            core.refuse(invite, &offer.request, StatusCode::REQUEST_TERMINATED, now);
        }
    }
}

/// Whether a refusal comes from the other side itself: not from a proxy that could not reach it.
fn shows_life(code: StatusCode) -> bool {
    !matches!(code.code(), 404 | 408 | 410 | 430 | 480 | 481 | 502..=504)
}
