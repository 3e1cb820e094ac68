//! From the transactions' events to the legs they concern.

use std::time::Instant;

use super::config::Peer;
use super::core::{Core, PlacedInvite, Purpose, Refusal, SUPPORTED};
use super::event::{EndReason, Event, LegHandle};
use super::incoming::Ringing;
use super::leg::{Leg, State};
use super::{UserAgent, merged_key, outgoing, sdp};
use crate::dialog::{Dialog, DialogError, DialogId};
use crate::headers::Replaces;
use crate::message::{Defect, HeaderName, Message, Method, StatusCode};
use crate::transaction::{self, LayerOutput, TransactionKey};

/// Late answers of other forks that one INVITE ends with BYE; more are only acknowledged.
const LOSER_COUNT_MAX: usize = outgoing::FORK_COUNT_MAX;

/// What to do with a 2xx to an INVITE.
enum Verdict {
    Wins,
    Repeats,
    Loses,
    LosesAgain,
}

impl<P: Peer> UserAgent<P> {
    pub(super) fn drain_layer(&mut self, now: Instant) {
        while let Some(output) = self.core.layer.poll_output() {
            match output {
                LayerOutput::Transmit(transmit) => {
                    self.core.outputs.push_back(super::Output::Transmit(transmit));
                }
                LayerOutput::Event(event) => self.handle_event(*event, now),
            }
        }
    }

    fn handle_event(&mut self, event: transaction::Event<P>, now: Instant) {
        use transaction::Event as E;
        match event {
            E::Request { key, request, origin } => self.handle_request(key, request, origin, now),
            E::Cancel { key, invite, request, .. } => {
                self.handle_cancel(key, invite, &request, now)
            }
            E::Ack { request, .. } => self.handle_ack(&request, now),
            E::Response { key: Some(key), response, .. } => {
                self.handle_response(key, response, now)
            }
            // Its transaction is over; nobody waits for it.
            E::Response { key: None, .. } => {}
            E::Timeout { key } => self.handle_failure(key, StatusCode::REQUEST_TIMEOUT, now),
            E::TransportError { key } => {
                self.handle_failure(key, StatusCode::SERVICE_UNAVAILABLE, now);
            }
            E::Terminated { key } => {
                self.core.purposes.remove(&key);
                self.core.waiting.remove(&key);
            }
        }
    }

    /// Answers outside of every transaction what is too broken to have one.
    pub(super) fn refuse_malformed(&mut self, request: &Message, defect: Defect, peer: P) {
        self.core.layer.count_unreadable();
        let is_answerable = request.method().is_some_and(|method| *method != Method::Ack);
        if is_answerable && request.via_top().is_ok() {
            let tag = self.core.tokens.tag();
            let reason = defect.to_string();
            let response = self.core.response(request, defect.status(), Some(&reason), &tag);
            self.core.transmit(response.build().to_bytes(), peer);
        }
    }

    fn handle_request(&mut self, key: TransactionKey, request: Message, peer: P, now: Instant) {
        let Some(method) = request.method().cloned() else {
            return;
        };
        if !self.core.allows(&method) {
            let allow = self.core.config.allow.as_str();
            let refusal = Refusal::with(StatusCode::METHOD_NOT_ALLOWED, HeaderName::Allow, allow);
            self.core.refuse(key, &request, refusal, now);
        } else if let Some(unsupported) = unsupported(&request) {
            let code = StatusCode::BAD_EXTENSION;
            let refusal = Refusal::with(code, HeaderName::Unsupported, unsupported);
            self.core.refuse(key, &request, refusal, now);
        } else if let Some(id) = DialogId::of_request(&request) {
            self.handle_in_dialog(key, &id, request, &method, now);
        } else {
            self.handle_out_of_dialog(key, request, &method, peer, now);
        }
    }

    fn handle_out_of_dialog(
        &mut self,
        key: TransactionKey,
        request: Message,
        method: &Method,
        peer: P,
        now: Instant,
    ) {
        match method {
            Method::Invite => self.handle_invite(key, request, peer, now),
            Method::Bye | Method::Prack | Method::Update | Method::Info => {
                let code = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
                self.core.refuse(key, &request, code, now);
            }
            _ => {
                let key = self.core.wait_for_owner(key, request.clone(), None);
                self.core.emit(Event::OutOfDialog { key, request, peer });
            }
        }
    }

    fn handle_invite(&mut self, key: TransactionKey, request: Message, peer: P, now: Instant) {
        match self.admit(key, &request, &peer) {
            Ok((leg, replaces)) => {
                let handle = leg.handle;
                self.bind(&leg);
                self.core.by_invite.insert(key, handle);
                self.add_leg(leg);
                let sdp = sdp::of(&request);
                self.core.emit(Event::IncomingInvite { handle, request, sdp, replaces, peer });
            }
            Err(refusal) => self.core.refuse(key, &request, refusal, now),
        }
    }

    /// Makes the leg of a new call, or says how the call is refused.
    fn admit(
        &mut self,
        key: TransactionKey,
        request: &Message,
        peer: &P,
    ) -> Result<(Leg<P>, Option<LegHandle>), Refusal> {
        let tag = self.core.tokens.tag();
        let dialog = Dialog::from_request(request, &tag)?;
        if self.is_merged(&dialog) {
            return Err(StatusCode::LOOP_DETECTED.into());
        }
        if self.legs.len() >= self.core.config.leg_count_max {
            return Err(StatusCode::SERVICE_UNAVAILABLE.into());
        }
        if has_unknown_body(request) {
            let code = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Refusal::with(code, HeaderName::Accept, "application/sdp"));
        }
        let replaces = self.replaced(request)?;
        let ringing = Ringing::new(&mut self.core, key, request.clone())?;
        let handle = self.new_handle();
        let contact_uri = self.core.config.contact_uri.clone();
        let state = State::Ringing(Box::new(ringing));
        let mut leg = Leg::new(handle, peer.clone(), contact_uri, state);
        leg.remote_sdp = sdp::of(request);
        leg.dialog = Some(dialog);
        leg.note_capabilities(request);
        Ok((leg, replaces))
    }

    /// The same INVITE came before on another way.
    fn is_merged(&self, dialog: &Dialog) -> bool {
        let handle = self.core.by_dialog.get(&merged_key(dialog.id()));
        let leg = handle.and_then(|handle| self.legs.get(handle));
        let first = leg.and_then(|leg| leg.dialog.as_ref());
        first.is_some_and(|first| first.remote_sequence() >= dialog.remote_sequence())
    }

    /// The leg that Replaces names (RFC 3891 section 3).
    fn replaced(&self, request: &Message) -> Result<Option<LegHandle>, Refusal> {
        let Some(replaces) = request.replaces().map_err(DialogError::from)? else {
            return Ok(None);
        };
        let found = self.find_dialog(replaces.call_id, replaces.to_tag(), replaces.from_tag());
        let handle = found.ok_or_else(|| self.without_dialog(&replaces))?;
        let state = self.legs.get(&handle).map(|leg| &leg.state);
        if replaces.is_early_only() && matches!(state, Some(State::Confirmed)) {
            return Err(StatusCode::BUSY_HERE.into());
        }
        Ok(Some(handle))
    }

    /// How an INVITE is refused that replaces a dialog that has ended, or never was.
    fn without_dialog(&self, replaces: &Replaces<'_>) -> StatusCode {
        let id = DialogId {
            call_id: replaces.call_id.to_owned(),
            local_tag: replaces.to_tag().to_owned(),
            remote_tag: replaces.from_tag().to_owned(),
        };
        match self.core.by_dialog.contains_key(&id) {
            true => StatusCode::DECLINE,
            false => StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST,
        }
    }

    fn bind(&mut self, leg: &Leg<P>) {
        for id in leg.dialog_ids() {
            self.core.by_dialog.insert(merged_key(&id), leg.handle);
            self.core.by_dialog.insert(id, leg.handle);
        }
    }

    fn handle_in_dialog(
        &mut self,
        key: TransactionKey,
        id: &DialogId,
        request: Message,
        method: &Method,
        now: Instant,
    ) {
        let request = match method {
            Method::Subscribe => match self.handle_resubscribe(key, id, request, now) {
                Some(request) => request,
                None => return,
            },
            _ => request,
        };
        let handle = self.core.by_dialog.get(id).copied();
        let leg = handle.and_then(|handle| self.legs.get_mut(&handle));
        let code = match leg {
            None => Some(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST),
            Some(leg) => leg.refusal_of(id, &request, method),
        };
        if let Some(code) = code {
            self.core.refuse(key, &request, code, now);
        } else if let Some(handle) = handle {
            self.with_leg(handle, |leg, core| {
                leg.handle_request(core, key, request, method, now);
            });
        }
    }

    fn handle_cancel(
        &mut self,
        key: TransactionKey,
        invite: Option<TransactionKey>,
        request: &Message,
        now: Instant,
    ) {
        let Some(invite) = invite else {
            let code = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
            self.core.refuse(key, request, code, now);
            return;
        };
        self.core.refuse(key, request, StatusCode::OK, now);
        if let Some(handle) = self.core.by_invite.get(&invite).copied() {
            self.with_leg(handle, |leg, core| match leg.state {
                State::Ringing(_) => leg.handle_cancel(core, request, now),
                State::Confirmed => leg.handle_cancel_of_reinvite(core, invite, now),
                State::Calling(_) | State::Ending => {}
            });
        }
    }

    fn handle_ack(&mut self, request: &Message, now: Instant) {
        let id = DialogId::of_request(request);
        let handle = id.and_then(|id| self.core.by_dialog.get(&id)).copied();
        if let Some(handle) = handle {
            self.with_leg(handle, |leg, core| leg.handle_ack(core, request, now));
        }
    }

    fn handle_response(&mut self, key: TransactionKey, response: Message, now: Instant) {
        let Some(code) = response.status() else {
            return;
        };
        match self.core.purposes.get(&key) {
            Some(Purpose::Invite(placed)) => {
                let handle = placed.handle;
                self.handle_invite_response(key, handle, code, response, now);
            }
            Some(Purpose::Reinvite { handle, peer, ack }) => {
                let (handle, peer, ack) = (*handle, peer.clone(), ack.clone());
                match ack.filter(|_| code.is_success()) {
                    Some(ack) => self.core.transmit(ack, peer),
                    None => self.handle_reinvite_response(key, handle, code, &response, now),
                }
            }
            Some(_) if code.is_provisional() => {}
            Some(_) => self.handle_outcome(key, code, Some(response), now),
            None => {}
        }
    }

    fn handle_reinvite_response(
        &mut self,
        key: TransactionKey,
        handle: LegHandle,
        code: StatusCode,
        response: &Message,
        now: Instant,
    ) {
        let waits = |leg: &Leg<P>| leg.renegotiation.is_some() || leg.ack_due.is_some();
        let is_wanted = self.legs.get(&handle).is_some_and(|leg| waits(leg));
        if !is_wanted && code.is_success() {
            self.ack_of_ended_leg(key, handle, response);
            return;
        }
        self.with_leg(handle, |leg, core| {
            leg.handle_renegotiation_response(core, key, code, Some(response), now);
        });
    }

    /// The leg ended while its re-INVITE was out: the 2xx still wants its ACK.
    fn ack_of_ended_leg(&mut self, key: TransactionKey, handle: LegHandle, response: &Message) {
        let Some(Purpose::Reinvite { peer, .. }) = self.core.purposes.get(&key) else {
            return;
        };
        let peer = peer.clone();
        let dialog = self.legs.get(&handle).and_then(|leg| leg.dialog.clone());
        let (Some(dialog), Ok(cseq)) = (dialog, response.cseq()) else {
            return;
        };
        let via = self.core.via(&peer);
        let ack = dialog.ack(cseq.sequence, via).build();
        self.core.transmit(ack.to_bytes(), peer);
    }

    fn handle_invite_response(
        &mut self,
        key: TransactionKey,
        handle: LegHandle,
        code: StatusCode,
        response: Message,
        now: Instant,
    ) {
        if code.is_success() {
            self.handle_invite_success(key, handle, response, now);
            return;
        }
        self.with_leg(handle, |leg, core| {
            if !leg.is_calling_in(key) {
            } else if code.is_provisional() {
                leg.handle_provisional(core, response, now);
            } else {
                leg.handle_refusal(core, code, Some(response), now);
            }
        });
    }

    fn handle_invite_success(
        &mut self,
        key: TransactionKey,
        handle: LegHandle,
        response: Message,
        now: Instant,
    ) {
        let is_wanted =
            self.legs.get(&handle).is_some_and(|leg| !leg.closing && leg.is_calling_in(key));
        let Some(Purpose::Invite(placed)) = self.core.purposes.get_mut(&key) else {
            return;
        };
        let tag = response.to_tag().unwrap_or_default().to_owned();
        let verdict = placed.judge(tag, is_wanted);
        let (invite, peer, ack) = (placed.invite.clone(), placed.peer.clone(), placed.ack.clone());
        match verdict {
            Verdict::Wins => {
                self.with_leg(handle, |leg, core| leg.handle_answer(core, response, now));
            }
            Verdict::Repeats => {
                if let Some(ack) = ack {
                    self.core.transmit(ack, peer);
                }
            }
            Verdict::Loses => {
                self.core.refuse_answer(&invite, &response, &peer, now);
                self.with_leg(handle, |leg, _| leg.over |= leg.is_calling_in(key));
            }
            Verdict::LosesAgain => self.core.ack_again(&invite, &response, &peer),
        }
    }

    /// A client transaction that ended without a response.
    fn handle_failure(&mut self, key: TransactionKey, code: StatusCode, now: Instant) {
        match self.core.purposes.get(&key) {
            Some(Purpose::Invite(placed)) if placed.winner.is_none() => {
                let handle = placed.handle;
                self.with_leg(handle, |leg, core| {
                    if leg.is_calling_in(key) {
                        leg.handle_refusal(core, code, None, now);
                    }
                });
            }
            Some(Purpose::Invite(_)) | None => {}
            Some(_) => self.handle_outcome(key, code, None, now),
        }
    }

    /// The final outcome of a request other than a first INVITE.
    fn handle_outcome(
        &mut self,
        key: TransactionKey,
        code: StatusCode,
        response: Option<Message>,
        now: Instant,
    ) {
        match self.core.purposes.get(&key) {
            Some(Purpose::Reinvite { handle, .. } | Purpose::Update { handle }) => {
                let handle = *handle;
                self.with_leg(handle, |leg, core| {
                    leg.handle_renegotiation_response(core, key, code, response.as_ref(), now);
                });
            }
            Some(Purpose::Bye { handle }) => {
                let handle = *handle;
                self.with_leg(handle, |leg, _| leg.over = true);
            }
            Some(Purpose::Request { key: sent, handle }) => {
                let (sent, handle) = (*sent, *handle);
                self.report_request(sent, handle, code, response, now);
            }
            Some(Purpose::Invite(_)) | None => {}
        }
    }

    fn report_request(
        &mut self,
        key: super::SentKey,
        handle: Option<LegHandle>,
        code: StatusCode,
        response: Option<Message>,
        now: Instant,
    ) {
        let method =
            response.as_ref().and_then(|response| response.cseq().ok()).map(|cseq| cseq.method);
        self.core.emit(Event::RequestDone { key, handle, code, response });
        // A 481 to NOTIFY, REFER or SUBSCRIBE ends a subscription, not the call (RFC 5057 5.1).
        let is_subscription =
            matches!(method, Some(Method::Notify | Method::Refer | Method::Subscribe));
        let is_gone = code == StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST && !is_subscription;
        if let Some(handle) = handle.filter(|_| is_gone) {
            self.with_leg(handle, |leg, core| {
                if !leg.closing && matches!(leg.state, State::Confirmed) {
                    leg.leave(core, EndReason::DialogGone, Some("SIP;cause=481"), now);
                }
            });
        }
    }
}

impl<P> PlacedInvite<P> {
    fn judge(&mut self, tag: String, is_wanted: bool) -> Verdict {
        if self.winner.as_ref() == Some(&tag) {
            return Verdict::Repeats;
        }
        if self.winner.is_none() && is_wanted {
            self.winner = Some(tag);
            return Verdict::Wins;
        }
        if self.losers.contains(&tag) || self.losers.len() == LOSER_COUNT_MAX {
            return Verdict::LosesAgain;
        }
        self.losers.push(tag);
        Verdict::Loses
    }
}

impl<P: Peer> Leg<P> {
    fn is_calling_in(&self, key: TransactionKey) -> bool {
        match &self.state {
            State::Calling(calling) => calling.transaction == key,
            State::Ringing(_) | State::Confirmed | State::Ending => false,
        }
    }

    /// The status with which an incoming request is refused before it is looked at.
    fn refusal_of(
        &mut self,
        id: &DialogId,
        request: &Message,
        method: &Method,
    ) -> Option<StatusCode> {
        let gone = Some(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
        let is_calling = matches!(self.state, State::Calling(_));
        let is_bye = *method == Method::Bye;
        // The answering side may not send BYE in an early dialog (RFC 3261 section 15).
        if (self.closing && !is_bye) || (is_calling && is_bye) {
            return gone;
        }
        let Some(dialog) = self.dialog_named(id) else {
            return gone;
        };
        match dialog.note_request(request) {
            Ok(()) => None,
            Err(_) => Some(StatusCode::SERVER_INTERNAL_ERROR),
        }
    }

    fn handle_request(
        &mut self,
        core: &mut Core<P>,
        key: TransactionKey,
        request: Message,
        method: &Method,
        now: Instant,
    ) {
        match method {
            Method::Bye => self.handle_bye(core, key, request, now),
            Method::Invite => self.handle_reinvite(core, key, request, now),
            Method::Update => self.handle_update(core, key, request, now),
            Method::Prack => self.handle_prack(core, key, request, now),
            _ => {
                if method.is_target_refresh() {
                    self.refresh_target(&request);
                }
                let handle = self.handle;
                let key = core.wait_for_owner(key, request.clone(), Some(handle));
                self.emit(core, Event::InDialog { handle, key, request });
            }
        }
    }
}

/// Option tags in Require that are not understood, comma-separated.
fn unsupported(request: &Message) -> Option<String> {
    let required = request.tokens(HeaderName::Require);
    let is_known = |token: &str| SUPPORTED.iter().any(|known| known.eq_ignore_ascii_case(token));
    let unknown: Vec<&str> = required.filter(|token| !is_known(token)).collect();
    (!unknown.is_empty()).then(|| unknown.join(", "))
}

/// True for an INVITE whose body is neither SDP nor declared optional (RFC 3261 8.2.3).
fn has_unknown_body(request: &Message) -> bool {
    let is_optional = request
        .header(HeaderName::ContentDisposition)
        .is_some_and(|value| value.to_ascii_lowercase().contains("handling=optional"));
    !request.body().is_empty() && sdp::of(request).is_none() && !is_optional
}
