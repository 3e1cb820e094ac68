//! A call that comes in, until it is answered (RFC 3261 13.3, RFC 3262 section 3).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::command::{CommandError, ExtraHeaders};
use super::config::{Peer, ReliableProvisionals};
use super::core::{Core, HeaderSink, check_headers};
use super::event::{EndReason, Event};
use super::leg::{Leg, State, Unacked};
use super::renegotiation::IncomingOffer;
use super::sdp;
use crate::headers::{Refresher, SessionExpires};
use crate::message::{HeaderName, Message, StatusCode};
use crate::print::ResponseBuilder;
use crate::session_timer::{self, IntervalTooSmall};
use crate::transaction::{T1, TimerName, TransactionKey};

/// Reliable provisional responses that wait for the PRACK of the one before them.
pub const PROVISIONAL_QUEUE_MAX: usize = 8;

/// Ringing is said again this often, so that no proxy on the way gives up (RFC 3261 13.3.1.1).
const KEEP_RINGING_INTERVAL: Duration = Duration::from_secs(60);

/// First RSeq numbers are below this, so that counting up never wraps (RFC 3262 section 3).
const FIRST_RSEQ_MAX: u64 = 1 << 30;

/// An INVITE of theirs that has no final response.
#[derive(Debug)]
pub(super) struct Ringing {
    pub(super) transaction: TransactionKey,
    pub(super) request: Message,
    pub(super) has_offer: bool,
    session: Option<SessionExpires>,
    is_reliable: bool,
    next_rseq: u32,
    unpracked: Option<Unpracked>,
    queue: VecDeque<Provisional>,
    /// A 2xx that waits for the PRACK of a response with SDP (RFC 3262 section 3).
    accept_due: Option<Answer>,
    /// The last provisional response, for saying it again.
    last_code: Option<StatusCode>,
    /// A reliable response carried our answer or offer.
    is_negotiated: bool,
}

#[derive(Debug)]
struct Provisional {
    code: StatusCode,
    sdp: Option<Bytes>,
    headers: Vec<(String, String)>,
}

#[derive(Debug)]
struct Answer {
    sdp: Option<Bytes>,
    headers: Vec<(String, String)>,
}

#[derive(Debug)]
struct Unpracked {
    rseq: u32,
    response: Message,
    interval: Duration,
    has_sdp: bool,
}

impl Ringing {
    /// The state of a new call.
    pub(super) fn new<P: Peer>(
        core: &mut Core<P>,
        transaction: TransactionKey,
        request: Message,
    ) -> Result<Self, IntervalTooSmall> {
        let session = wanted_session(core, &request)?;
        let when_supported =
            core.config.reliable_provisionals == ReliableProvisionals::WhenSupported;
        let is_reliable = request.has_token(HeaderName::Require, "100rel")
            || (when_supported && request.supports("100rel"));
        let first_rseq = u32::try_from(core.tokens.below(FIRST_RSEQ_MAX)).unwrap_or(0) + 1;
        Ok(Self {
            transaction,
            has_offer: sdp::of(&request).is_some(),
            request,
            session,
            is_reliable,
            next_rseq: first_rseq,
            unpracked: None,
            queue: VecDeque::new(),
            accept_due: None,
            last_code: None,
            is_negotiated: false,
        })
    }

    /// True when the dialog's first offer is still open.
    pub(super) fn is_negotiating(&self) -> bool {
        !self.is_negotiated || self.unpracked.as_ref().is_some_and(|unpracked| unpracked.has_sdp)
    }
}

/// The session interval that answers `request`.
pub(super) fn wanted_session<P: Peer>(
    core: &Core<P>,
    request: &Message,
) -> Result<Option<SessionExpires>, IntervalTooSmall> {
    let timer = core.config.session_timer;
    let offered_s = timer.map(|timer| timer.expires_s);
    let min_se_s = timer.map_or(session_timer::MIN_SE_S, |timer| timer.min_se_s);
    session_timer::answer(request, offered_s, min_se_s.max(session_timer::MIN_SE_S))
}

/// Adds Session-Expires, and Require when the other side has to refresh (RFC 4028 section 9).
pub(super) fn with_session(
    response: ResponseBuilder,
    session: Option<SessionExpires>,
) -> ResponseBuilder {
    match session {
        Some(session) if session.refresher == Some(Refresher::Uac) => response
            .header(HeaderName::SessionExpires, session)
            .header(HeaderName::Require, "timer"),
        Some(session) => response.header(HeaderName::SessionExpires, session),
        None => response,
    }
}

impl<P: Peer> Leg<P> {
    fn ringing(&mut self) -> Result<&mut Ringing, CommandError> {
        match &mut self.state {
            State::Ringing(ringing) => Ok(ringing),
            State::Calling(_) | State::Confirmed | State::Ending => Err(CommandError::WrongState),
        }
    }

    /// A response within the dialog of an incoming call.
    fn dialog_response(
        &self,
        core: &Core<P>,
        request: &Message,
        code: StatusCode,
    ) -> ResponseBuilder {
        let tag = self.dialog.as_ref().map_or("", |dialog| &dialog.id().local_tag);
        core.response(request, code, None, tag)
            .header(HeaderName::Contact, self.contact())
            .with_known(&core.capabilities())
    }

    pub(super) fn ring(
        &mut self,
        core: &mut Core<P>,
        code: StatusCode,
        sdp: Option<Bytes>,
        headers: ExtraHeaders<'_>,
        now: Instant,
    ) -> Result<(), CommandError> {
        if !code.is_provisional() || code == StatusCode::TRYING {
            return Err(CommandError::Invalid("not a provisional status"));
        }
        check_headers(headers.iter().copied())?;
        let ringing = self.ringing()?;
        if ringing.accept_due.is_some() {
            return Err(CommandError::WrongState);
        }
        let provisional = Provisional { code, sdp, headers: owned(headers) };
        if ringing.unpracked.is_none() {
            self.send_provisional(core, provisional, now);
            return Ok(());
        }
        if ringing.queue.len() == PROVISIONAL_QUEUE_MAX {
            return Err(CommandError::Full);
        }
        ringing.queue.push_back(provisional);
        Ok(())
    }

    fn send_provisional(&mut self, core: &mut Core<P>, provisional: Provisional, now: Instant) {
        let Provisional { code, sdp, headers } = provisional;
        let State::Ringing(ringing) = &self.state else {
            return;
        };
        let (transaction, is_reliable, rseq) =
            (ringing.transaction, ringing.is_reliable, ringing.next_rseq);
        let has_sdp = sdp.is_some();
        if has_sdp {
            self.local_sdp.clone_from(&sdp);
        }
        let mut response = self
            .dialog_response(core, &ringing.request, code)
            .with_all(&borrowed(&headers))
            .with_sdp(sdp);
        if is_reliable {
            response =
                response.header(HeaderName::Require, "100rel").header(HeaderName::RSeq, rseq);
        }
        let response = response.build();
        core.respond(transaction, &response, now);
        self.timers.start(TimerName::KeepRinging, now + KEEP_RINGING_INTERVAL);
        let State::Ringing(ringing) = &mut self.state else {
            return;
        };
        ringing.last_code = Some(code);
        if is_reliable {
            ringing.next_rseq += 1;
            ringing.is_negotiated |= has_sdp;
            ringing.unpracked = Some(Unpracked { rseq, response, interval: T1, has_sdp });
            self.timers.start(TimerName::RetransmitProvisional, now + T1);
            self.timers.start(TimerName::NoPrack, now + 64 * T1);
        }
    }

    pub(super) fn keep_ringing(&mut self, core: &mut Core<P>, now: Instant) {
        let State::Ringing(ringing) = &self.state else {
            return;
        };
        if let Some(code) = ringing.last_code.filter(|_| ringing.unpracked.is_none()) {
            let again = Provisional { code, sdp: None, headers: Vec::new() };
            self.send_provisional(core, again, now);
        } else {
            self.timers.start(TimerName::KeepRinging, now + KEEP_RINGING_INTERVAL);
        }
    }

    /// Retransmits a reliable provisional response at intervals that double without limit
    /// (RFC 3262 section 3).
    pub(super) fn retransmit_provisional(&mut self, core: &mut Core<P>, now: Instant) {
        let State::Ringing(ringing) = &mut self.state else {
            return;
        };
        if let Some(unpracked) = &mut ringing.unpracked {
            core.respond(ringing.transaction, &unpracked.response, now);
            unpracked.interval *= 2;
            self.timers.start(TimerName::RetransmitProvisional, now + unpracked.interval);
        }
    }

    pub(super) fn handle_no_prack(&mut self, core: &mut Core<P>, now: Instant) {
        self.refuse_call(core, StatusCode::SERVER_TIMEOUT, None, &[], now);
        self.end(core, EndReason::NoPrack);
    }

    /// PRACK of the other side. One that matches nothing is answered with 481.
    pub(super) fn handle_prack(
        &mut self,
        core: &mut Core<P>,
        key: TransactionKey,
        request: Message,
        now: Instant,
    ) {
        if !self.is_prack_expected(&request) {
            let code = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
            core.refuse(key, &request, code, now);
            return;
        }
        self.timers.stop(TimerName::RetransmitProvisional);
        self.timers.stop(TimerName::NoPrack);
        let sdp = sdp::of(&request);
        let State::Ringing(ringing) = &mut self.state else {
            return;
        };
        let answers_offer = ringing
            .unpracked
            .take()
            .is_some_and(|unpracked| unpracked.has_sdp && !ringing.has_offer);
        if sdp.is_some() {
            self.remote_sdp.clone_from(&sdp);
        }
        if sdp.is_some() && !answers_offer {
            self.offer_in_prack(core, key, sdp, request);
        } else {
            let ok = core.response(&request, StatusCode::OK, None, "").build();
            core.respond(key, &ok, now);
            if sdp.is_some() {
                let handle = self.handle;
                self.emit(core, Event::Acked { handle, sdp });
            }
        }
        self.go_on_ringing(core, now);
    }

    fn is_prack_expected(&self, request: &Message) -> bool {
        let State::Ringing(ringing) = &self.state else {
            return false;
        };
        let (Some(unpracked), Ok(Some(rack))) = (&ringing.unpracked, request.rack()) else {
            return false;
        };
        rack.rseq == unpracked.rseq && ringing.request.cseq().is_ok_and(|cseq| cseq == rack.cseq)
    }

    fn offer_in_prack(
        &mut self,
        core: &mut Core<P>,
        key: TransactionKey,
        sdp: Option<Bytes>,
        request: Message,
    ) {
        self.incoming_offer = Some(IncomingOffer::new(key, request.clone(), None));
        let event = Event::Reinvite {
            handle: self.handle,
            method: crate::message::Method::Prack,
            sdp,
            request,
        };
        self.emit(core, event);
    }

    /// Sends what waited for a PRACK.
    fn go_on_ringing(&mut self, core: &mut Core<P>, now: Instant) {
        let State::Ringing(ringing) = &mut self.state else {
            return;
        };
        if let Some(answer) = ringing.accept_due.take() {
            self.send_answer(core, answer, now);
        } else if let Some(next) = ringing.queue.pop_front() {
            self.send_provisional(core, next, now);
        }
    }

    pub(super) fn accept(
        &mut self,
        core: &mut Core<P>,
        sdp: Option<Bytes>,
        headers: ExtraHeaders<'_>,
        now: Instant,
    ) -> Result<(), CommandError> {
        check_headers(headers.iter().copied())?;
        let ringing = self.ringing()?;
        if ringing.accept_due.is_some() {
            return Err(CommandError::WrongState);
        }
        let is_negotiated = ringing.is_negotiated;
        let must_wait = ringing.unpracked.as_ref().is_some_and(|unpracked| unpracked.has_sdp);
        // An answer in an unreliable provisional response is repeated in the 2xx
        // (RFC 3261 13.2.1).
        let sdp = match sdp {
            None if !is_negotiated => {
                Some(self.local_sdp.clone().ok_or(CommandError::Invalid("SDP is owed"))?)
            }
            given => given,
        };
        let answer = Answer { sdp, headers: owned(headers) };
        if must_wait {
            self.ringing()?.accept_due = Some(answer);
        } else {
            self.send_answer(core, answer, now);
        }
        Ok(())
    }

    fn send_answer(&mut self, core: &mut Core<P>, answer: Answer, now: Instant) {
        let State::Ringing(ringing) = &self.state else {
            return;
        };
        let (transaction, session) = (ringing.transaction, ringing.session);
        let knows_timer = ringing.request.supports("timer");
        let carries_offer = answer.sdp.is_some() && !ringing.has_offer && !ringing.is_negotiated;
        let sequence = ringing.request.cseq().map_or(0, |cseq| cseq.sequence);
        if answer.sdp.is_some() {
            self.local_sdp.clone_from(&answer.sdp);
        }
        let ok = self
            .dialog_response(core, &ringing.request, StatusCode::OK)
            .with_all(&borrowed(&answer.headers))
            .with_sdp(answer.sdp);
        let response = with_session(ok, session).build();
        core.respond(transaction, &response, now);
        core.by_invite.remove(&transaction);
        self.state = State::Confirmed;
        self.timers.stop_all();
        self.remote_knows_timer = knows_timer;
        self.start_session(session, false, now);
        let unacked = Unacked { transaction, response, sequence, interval: T1, carries_offer };
        self.wait_for_ack(unacked, now);
    }

    pub(super) fn reject(
        &mut self,
        core: &mut Core<P>,
        code: StatusCode,
        reason: Option<&str>,
        headers: ExtraHeaders<'_>,
        now: Instant,
    ) -> Result<(), CommandError> {
        if !code.is_failure() {
            return Err(CommandError::Invalid("not a failure status"));
        }
        check_headers(headers.iter().copied())?;
        self.ringing()?;
        self.refuse_call(core, code, reason, headers, now);
        self.end(core, EndReason::Local);
        Ok(())
    }

    /// Sends a failure response to the INVITE of an unanswered call.
    pub(super) fn refuse_call(
        &mut self,
        core: &mut Core<P>,
        code: StatusCode,
        reason: Option<&str>,
        headers: ExtraHeaders<'_>,
        now: Instant,
    ) {
        let State::Ringing(ringing) = &self.state else {
            return;
        };
        let transaction = ringing.transaction;
        let tag = self.dialog.as_ref().map_or("", |dialog| &dialog.id().local_tag);
        let response = core.response(&ringing.request, code, reason, tag).with_all(headers);
        core.respond(transaction, &response.build(), now);
        core.by_invite.remove(&transaction);
        self.timers.stop_all();
        self.over = true;
    }

    /// CANCEL of the INVITE that made this leg.
    pub(super) fn handle_cancel(&mut self, core: &mut Core<P>, cancel: &Message, now: Instant) {
        self.refuse_call(core, StatusCode::REQUEST_TERMINATED, None, &[], now);
        let event = Event::Cancelled {
            handle: self.handle,
            reason: cancel.header(HeaderName::Reason).map(str::to_owned),
            q850: cancel.q850(),
        };
        self.finish(core, event);
    }
}

fn owned(headers: ExtraHeaders<'_>) -> Vec<(String, String)> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    headers.iter().map(own).collect()
}

pub(super) fn borrowed(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
