//! Between a call's words and the user agent's.

use super::{Edge, Output, RETRY_AFTER, Switch};
use crate::identity::{Replaced, dialled, refer_target};
use crate::info::{callback_request, dtmf_keys, dtmf_relay, takes_info};
use bytes::Bytes;
use offhook_bus::SipMessage;
use offhook_call::{Call, Failure, LegAction, LegInput, Offered, Route};
use offhook_model::{HangupCause, LegId};
use offhook_routing::{Request, route};
use offhook_sip::headers::quote;
use offhook_sip::message::{HeaderName, Message, Method, StatusCode};
use offhook_sip::user_agent::{
    Body, CommandError, EndReason, Event, InviteRequest, LegHandle, Output as AgentOutput,
    ReinviteOutcome, ReinviteReply, RequestKey,
};
use std::time::Instant;

/// The methods a device may use with us, for `Allow`.
const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY, SUBSCRIBE";

/// Our name for the call, for the API.
const CALL_HEADER: &str = "X-Offhook-Call";

impl Switch {
    /// Takes what the user agent has to say until it has no more. What it says leads to steps of calls, and
    /// these to more of it: that is taken in its turn by the outermost of these functions.
    pub(super) fn drain_agent(&mut self, now: Instant) {
        if std::mem::replace(&mut self.is_hearing_agent, true) {
            return;
        }
        while let Some(output) = self.agent.poll_output() {
            match output {
                AgentOutput::Transmit(transmit) => {
                    let reliable = transmit.destination.reliable;
                    let message = SipMessage { bytes: transmit.bytes, reliable };
                    self.outputs.push_back(Output::Sip(message));
                }
                AgentOutput::Event(event) => self.handle_event(*event, now),
            }
        }
        self.is_hearing_agent = false;
    }

    fn handle_event(&mut self, event: Event<Edge>, now: Instant) {
        match event {
            Event::IncomingInvite { handle, request, sdp, replaces, .. } => match replaces {
                Some(old) => self.handle_replaces(handle, old, &request, sdp.as_ref(), now),
                None => self.handle_invite(handle, &request, sdp.as_ref(), now),
            },
            Event::Progress { handle, code, .. } => {
                if code.code() >= 180 {
                    self.input(handle, LegInput::Ringing, now);
                }
            }
            Event::Accepted { handle, sdp, response, .. } => {
                self.note_call_id(handle, &response);
                self.input(handle, LegInput::Accepted(sdp.as_ref().map(text)), now);
                if takes_info(&response) {
                    self.input(handle, LegInput::TakesInfo, now);
                }
            }
            Event::Rejected { handle, code, reason, q850, .. } => {
                let cause = cause_of(q850, HangupCause::from_sip_status(code.code()));
                let failure = Failure { status: code.code(), cause, reason };
                self.input(handle, LegInput::Rejected(failure), now);
            }
            Event::Acked { handle, sdp } => {
                self.input(handle, LegInput::Acked(sdp.as_ref().map(text)), now);
            }
            Event::Cancelled { handle, .. } => self.input(handle, LegInput::Cancelled, now),
            Event::Bye { handle, q850, .. } => {
                let cause = cause_of(q850, HangupCause::NORMAL_CLEARING);
                self.input(handle, LegInput::HungUp(cause), now);
            }
            Event::Reinvite { handle, sdp, .. } => {
                self.input(handle, LegInput::Reinvite(sdp.as_ref().map(text)), now);
            }
            Event::InDialog { handle, key, request } => {
                self.handle_in_dialog(handle, key, &request, now);
            }
            Event::OutOfDialog { key, request, peer } => {
                if request.method() == Some(&Method::Subscribe) {
                    self.handle_subscribe(key, &request, peer, now);
                } else {
                    self.answer_out_of_dialog(key, &request, now);
                }
            }
            Event::Resubscribe { handle, key, request } => {
                self.handle_resubscribe(handle, key, &request, now);
            }
            Event::Ended { handle, why } => self.handle_ended(handle, why, now),
            Event::ReinviteDone { handle, outcome } => {
                let input = match outcome {
                    ReinviteOutcome::Answered { sdp, .. } => {
                        LegInput::Reinvited(sdp.as_ref().map(text))
                    }
                    ReinviteOutcome::Refused { .. } => LegInput::ReinviteRefused,
                };
                self.input(handle, input, now);
            }
            Event::RequestDone { key, code, .. } => self.handle_notified(key, code),
        }
    }

    fn note_call_id(&mut self, handle: LegHandle, response: &Message) {
        let Some(leg) = self.legs.leg(handle) else { return };
        if let Some(call) = self.calls.get_mut(&self.legs.call_of(leg)) {
            call.set_sip_call_id(leg, call_id(response));
        }
    }

    fn handle_invite(
        &mut self,
        handle: LegHandle,
        request: &Message,
        sdp: Option<&Bytes>,
        now: Instant,
    ) {
        if sdp.is_none() && !request.body().is_empty() {
            let headers = [("Accept", "application/sdp")];
            let code = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            note("reject", self.agent.reject(handle, code, None, &headers, now));
        } else if !self.pick_up_dialled(handle, request, sdp, now) {
            self.take_call(handle, request, sdp, now);
        }
    }

    fn handle_ended(&mut self, handle: LegHandle, why: EndReason, now: Instant) {
        let cause = match why {
            EndReason::Local => return,
            EndReason::NoAck | EndReason::NoPrack | EndReason::SessionExpired => {
                HangupCause::RECOVERY_ON_TIMER_EXPIRE
            }
            EndReason::DialogGone | EndReason::TransportError => {
                HangupCause::DESTINATION_OUT_OF_ORDER
            }
        };
        self.input(handle, LegInput::Lost(cause), now);
    }

    fn handle_in_dialog(
        &mut self,
        handle: LegHandle,
        key: RequestKey,
        request: &Message,
        now: Instant,
    ) {
        match request.method() {
            Some(Method::Info) => {
                if let Some(asked) = callback_request(request) {
                    return self.answer_callback_request(self.legs.leg(handle), key, asked, now);
                }
                let code = match dtmf_keys(request) {
                    Some(keys) => {
                        self.input(handle, LegInput::Dtmf(keys), now);
                        StatusCode::OK
                    }
                    None if request.body().is_empty() => StatusCode::OK,
                    None => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                };
                self.respond(key, code, now);
            }
            Some(Method::Refer) => self.handle_refer(handle, key, request, now),
            Some(Method::Options | Method::Notify) => self.respond(key, StatusCode::OK, now),
            _ => self.respond(key, StatusCode::METHOD_NOT_ALLOWED, now),
        }
    }

    /// A transfer: the call is asked, and answers by [`LegAction::AnswerRefer`].
    fn handle_refer(
        &mut self,
        handle: LegHandle,
        key: RequestKey,
        request: &Message,
        now: Instant,
    ) {
        if let Some(replaced) = Replaced::by_refer(request) {
            return self.handle_attended(handle, key, &replaced, now);
        }
        let target = refer_target(request);
        let (Some(leg), Some(target)) = (self.legs.leg(handle), target) else {
            self.respond(key, StatusCode::NOT_IMPLEMENTED, now);
            return;
        };
        let call = self.calls.get(&self.legs.call_of(leg));
        let caller = call.and_then(|call| call.account(leg));
        let decision = route(Request { caller, dialled: &target }, &self.directory);
        self.legs.keep_refer(leg, key);
        let now_ms = self.unix_ms(now);
        self.step(self.legs.call_of(leg), now, |call| {
            call.handle_refer(leg, decision, now_ms);
        });
    }

    fn answer_out_of_dialog(&mut self, key: RequestKey, request: &Message, now: Instant) {
        let code = match request.method() {
            Some(Method::Options) => self.options_status(request),
            Some(Method::Other(_)) => StatusCode::NOT_IMPLEMENTED,
            _ => StatusCode::METHOD_NOT_ALLOWED,
        };
        self.respond(key, code, now);
    }

    /// OPTIONS tells what an INVITE to the same number would find (RFC 3261 section 11.2).
    fn options_status(&self, request: &Message) -> StatusCode {
        let number = offhook_routing::normalize(&dialled(request));
        let known = self.directory.extensions.contains_key(&number)
            || self.directory.services.contains_key(&number);
        if known { StatusCode::OK } else { StatusCode::NOT_FOUND }
    }

    pub(super) fn respond(&mut self, key: RequestKey, code: StatusCode, now: Instant) {
        let headers = [("Allow", ALLOW), ("Accept", "application/sdp")];
        note("respond", self.agent.respond(key, code, None, &headers, None, now));
    }

    /// Carries out what a call wants done on one of its legs.
    pub(super) fn signal(&mut self, call: &mut Call, leg: LegId, action: LegAction, now: Instant) {
        if let LegAction::Invite { route, caller, caller_name, offer, offered } = action {
            let shown = (caller.as_str(), caller_name.as_deref());
            self.place(call, leg, &route, shown, (offer, offered.as_ref()), now);
            return;
        }
        let Some(handle) = self.legs.handle(leg) else { return };
        let name = call.reference().to_string();
        let named = [(CALL_HEADER, name.as_str())];
        let done = match action {
            LegAction::Invite { .. } => Ok(()),
            LegAction::AcceptReplacement(sdp) => self.accept_replacement(call, leg, sdp, now),
            LegAction::RefuseReplacement(failure) => self.refuse_replacement(leg, &failure, now),
            LegAction::Ring => self.agent.ring(handle, StatusCode::RINGING, None, &named, now),
            LegAction::Accept(sdp) => self.agent.accept(handle, Some(sdp.into()), &named, now),
            LegAction::Reject(failure) => self.turn_away(handle, &failure, now),
            LegAction::HangUp(cause) => {
                self.agent.hang_up(handle, Some(&cause.reason_header()), now)
            }
            LegAction::Reinvite(sdp) => {
                let sent = self.agent.reinvite(handle, Some(sdp.into()), &[], now);
                if sent.is_err() {
                    call.handle_leg(leg, LegInput::ReinviteRefused, self.unix_ms(now));
                }
                sent
            }
            LegAction::AnswerReinvite(Ok(sdp)) => {
                self.agent.answer_reinvite(handle, ReinviteReply::Accept(sdp.into()), now)
            }
            LegAction::AnswerReinvite(Err(code)) => {
                self.agent.answer_reinvite(handle, ReinviteReply::Refuse(status(code)), now)
            }
            LegAction::AnswerRefer(code) => self.answer_refer(leg, code, now),
            LegAction::SendDtmf { digit, duration_ms } => {
                let body = Some(dtmf_relay(digit, duration_ms));
                self.agent.send_in_dialog(handle, &Method::Info, &[], body, now).map(drop)
            }
            LegAction::NotifyRefer(code) => self.notify_refer(handle, code, now),
        };
        note("signal a leg", done);
    }

    /// Who finds no room is told when to try again (RFC 3261 section 21.5.4).
    pub(super) fn turn_away(
        &mut self,
        handle: LegHandle,
        failure: &Failure,
        now: Instant,
    ) -> Result<(), CommandError> {
        let why = failure.cause.reason_header();
        let code = status(failure.status);
        let headers = [("Reason", why.as_str()), RETRY_AFTER];
        let used = if code == StatusCode::SERVICE_UNAVAILABLE { 2 } else { 1 };
        self.agent.reject(handle, code, Some(&failure.reason), &headers[..used], now)
    }

    /// Sends an INVITE; a call that cannot be placed hears so at once.
    fn place(
        &mut self,
        call: &mut Call,
        leg: LegId,
        to: &Route,
        (number, name): (&str, Option<&str>),
        (offer, offered): (String, Option<&Offered>),
        now: Instant,
    ) {
        let host = &self.directory.domain;
        let from = match name {
            Some(name) => format!("{} <sip:{number}@{host}>", quote(name)),
            None => format!("<sip:{number}@{host}>"),
        };
        let mut request =
            InviteRequest::new(to.contact.clone(), from, Edge { reliable: to.reliable }).sdp(offer);
        request.to = format!("<{}>", to.contact);
        request.route.push(to.route.clone());
        request.headers = about(call, offered);
        match self.agent.invite(request, now) {
            Ok(handle) => self.legs.insert(leg, handle),
            Err(error) => {
                tracing::warn!(%error, "an outgoing leg could not be placed");
                let failure = Failure::new(HangupCause::SWITCH_CONGESTION, "Cannot place the leg");
                call.handle_leg(leg, LegInput::Rejected(failure), self.unix_ms(now));
            }
        }
    }

    fn answer_refer(&mut self, leg: LegId, code: u16, now: Instant) -> Result<(), CommandError> {
        match self.legs.take_refer(leg) {
            Some(key) => self.agent.respond(key, status(code), None, &[], None, now),
            None => Ok(()),
        }
    }

    /// RFC 3515 section 2.4.5: progress as a status line; the subscription ends with the final one.
    fn notify_refer(
        &mut self,
        handle: LegHandle,
        code: u16,
        now: Instant,
    ) -> Result<(), CommandError> {
        let state = if code < 200 { "active;expires=60" } else { "terminated;reason=noresource" };
        let headers = [("Event", "refer"), ("Subscription-State", state)];
        let line = format!("SIP/2.0 {code} {}\r\n", status(code).reason());
        let body = Body::new("message/sipfrag;version=2.0", line);
        self.agent.send_in_dialog(handle, &Method::Notify, &headers, Some(body), now).map(drop)
    }
}

/// What a device is told of the call beside who calls: our name for it, and the queue that offers it.
fn about(call: &Call, offered: Option<&Offered>) -> Vec<(String, String)> {
    let mut headers = vec![(CALL_HEADER.to_owned(), call.reference().to_string())];
    let Some(offered) = offered else { return headers };
    let waited_s = (offered.waited_ms / 1_000).to_string();
    headers.push(("X-Offhook-Queue".to_owned(), offered.queue.to_string()));
    headers.push(("X-Offhook-Queue-Name".to_owned(), quote(&offered.queue_name)));
    headers.push(("X-Offhook-Waited".to_owned(), waited_s));
    if let Some(number) = &offered.callback {
        headers.push(("X-Offhook-Callback".to_owned(), number.clone()));
    }
    if offered.auto_answer {
        // What Polycom, Yealink and others take for an order to answer.
        let order = "<http://www.notused.com>;info=alert-autoanswer;delay=0";
        headers.push(("Alert-Info".to_owned(), order.to_owned()));
    }
    headers
}

/// A command that comes too late, because the other side was faster, is ordinary.
pub(super) fn note(what: &'static str, outcome: Result<(), CommandError>) {
    if let Err(error) = outcome {
        tracing::debug!(what, %error, "the user agent did not carry a command out");
    }
}

pub(super) fn call_id(request: &Message) -> String {
    request.header(HeaderName::CallId).unwrap_or_default().to_owned()
}

/// SDP as text; what is not UTF-8 is replaced, and then refused by the SDP parser if it matters.
pub(super) fn text(sdp: &Bytes) -> String {
    String::from_utf8_lossy(sdp).into_owned()
}

fn status(code: u16) -> StatusCode {
    StatusCode::new(code).unwrap_or(StatusCode::SERVER_INTERNAL_ERROR)
}

fn cause_of(q850: Option<u8>, otherwise: HangupCause) -> HangupCause {
    q850.and_then(HangupCause::from_code).unwrap_or(otherwise)
}
