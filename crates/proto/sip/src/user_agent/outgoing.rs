//! A call that this side places, until it is answered (RFC 3261 13.2, RFC 3262 section 4).

use std::time::Instant;

use bytes::Bytes;

use super::command::{CommandError, InviteRequest};
use super::config::Peer;
use super::core::{Core, HeaderSink, Purpose, address, check_headers, check_uri};
use super::event::{Event, LegHandle};
use super::leg::{AckDue, Leg, State};
use super::sdp;
use crate::dialog::{Dialog, DialogId};
use crate::headers::{CSeq, NameAddr, RAck};
use crate::message::{HeaderName, Message, Method, StatusCode};
use crate::print::{Editor, RequestBuilder};
use crate::session_timer;
use crate::transaction::TransactionKey;

/// Early dialogs that one INVITE may make; further forks are ignored until they answer.
pub const FORK_COUNT_MAX: usize = 16;

/// Times that an INVITE is repeated with a longer session interval after 422.
const INTERVAL_RETRY_COUNT_MAX: u8 = 2;

/// An INVITE of ours that has no final response.
#[derive(Debug)]
pub(super) struct Calling {
    pub(super) transaction: TransactionKey,
    pub(super) invite: Message,
    has_offer: bool,
    forks: Vec<Fork>,
    interval_retry_count: u8,
}

/// An early dialog.
#[derive(Debug)]
struct Fork {
    dialog: Dialog,
    last_rseq: Option<u32>,
    /// A reliable response whose offer the owner has to answer in the PRACK.
    prack_due: Option<RAck>,
    sdp: Option<Bytes>,
    /// An offer of this fork was answered in a PRACK.
    is_negotiated: bool,
}

impl Calling {
    pub(super) fn latest_dialog_mut(&mut self) -> Option<&mut Dialog> {
        self.forks.last_mut().map(|fork| &mut fork.dialog)
    }

    pub(super) fn latest_dialog(&self) -> Option<&Dialog> {
        self.forks.last().map(|fork| &fork.dialog)
    }

    pub(super) fn dialog_named(&mut self, id: &DialogId) -> Option<&mut Dialog> {
        let mut dialogs = self.forks.iter_mut().map(|fork| &mut fork.dialog);
        dialogs.find(|dialog| dialog.id() == id)
    }

    pub(super) fn dialog_ids(&self) -> impl Iterator<Item = DialogId> {
        self.forks.iter().map(|fork| fork.dialog.id().clone())
    }

    /// The early dialog of a tagged response, made if need be; `None` when it cannot be.
    fn fork_of(&mut self, response: &Message) -> Option<&mut Fork> {
        let id = DialogId::of_response(response)?;
        let known = self.forks.iter().position(|fork| *fork.dialog.id() == id);
        let index = match known {
            Some(index) => index,
            None if self.forks.len() == FORK_COUNT_MAX => return None,
            None => {
                let dialog = Dialog::from_response(&self.invite, response).ok()?;
                self.forks.push(Fork::new(dialog));
                self.forks.len() - 1
            }
        };
        self.forks.get_mut(index)
    }
}

impl Fork {
    fn new(dialog: Dialog) -> Self {
        Self { dialog, last_rseq: None, prack_due: None, sdp: None, is_negotiated: false }
    }

    /// Takes the number of a reliable response. False for repeated ones and for those that came
    /// before their predecessor, which are not processed (RFC 3262 section 4).
    fn note_rseq(&mut self, rseq: u32) -> bool {
        let is_next = self.last_rseq.is_none_or(|last| Some(rseq) == last.checked_add(1));
        if is_next {
            self.last_rseq = Some(rseq);
        }
        is_next
    }
}

/// Places a call.
pub(super) fn place<P: Peer>(
    core: &mut Core<P>,
    handle: LegHandle,
    request: InviteRequest<P>,
    now: Instant,
) -> Result<Leg<P>, CommandError> {
    let contact_uri = request.contact_uri.clone();
    let contact_uri = contact_uri.unwrap_or_else(|| core.config.contact_uri.clone());
    check_uri(&contact_uri)?;
    let invite = first_invite(core, &request, &contact_uri)?;
    let purpose = Purpose::invite(handle, invite.clone(), request.peer.clone());
    let transaction = core.send(invite.clone(), &request.peer, purpose, now)?;
    let local_sdp = sdp::of(&invite);
    let calling = Calling {
        transaction,
        invite,
        has_offer: local_sdp.is_some(),
        forks: Vec::new(),
        interval_retry_count: 0,
    };
    let mut leg = Leg::new(handle, request.peer, contact_uri, State::Calling(Box::new(calling)));
    leg.local_sdp = local_sdp;
    Ok(leg)
}

fn first_invite<P: Peer>(
    core: &mut Core<P>,
    request: &InviteRequest<P>,
    contact_uri: &str,
) -> Result<Message, CommandError> {
    let target = Target {
        method: &Method::Invite,
        request_uri: &request.request_uri,
        route: &request.route,
        from: &request.from,
        to: &request.to,
        headers: &request.headers,
        call_id: request.call_id.as_deref(),
        max_forwards: request.max_forwards,
    };
    let mut invite = begin(core, &target, &request.peer)?
        .header(HeaderName::Contact, format_args!("<{contact_uri}>"))
        .with_known(&core.capabilities());
    if let Some(timer) = core.config.session_timer {
        invite = invite.header(HeaderName::SessionExpires, timer.expires_s);
        if timer.min_se_s > session_timer::MIN_SE_S {
            invite = invite.header(HeaderName::MinSe, timer.min_se_s);
        }
    }
    if let Some(body) = request.body.clone() {
        invite = invite.with_body(body);
    }
    Ok(invite.build())
}

/// Where a request outside of every dialog goes and whom it names.
pub(super) struct Target<'a> {
    pub(super) method: &'a Method,
    pub(super) request_uri: &'a str,
    pub(super) route: &'a [String],
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) headers: &'a [(String, String)],
    pub(super) call_id: Option<&'a str>,
    pub(super) max_forwards: u8,
}

/// Begins a request outside of every dialog (RFC 3261 8.1.1).
pub(super) fn begin<P: Peer>(
    core: &mut Core<P>,
    target: &Target<'_>,
    peer: &P,
) -> Result<RequestBuilder, CommandError> {
    check_uri(target.request_uri)?;
    check_headers(target.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())))?;
    let from = address(target.from)?;
    let to = address(target.to)?;
    let call_id = match target.call_id {
        Some(call_id) if is_call_id(call_id) => call_id.to_owned(),
        Some(_) => return Err(CommandError::Invalid("Call-ID")),
        None => core.tokens.call_id(),
    };
    let mut request = RequestBuilder::new(target.method, target.request_uri)
        .header(HeaderName::Via, core.via(peer))
        .header(HeaderName::MaxForwards, target.max_forwards);
    for route in target.route {
        let is_route = NameAddr::parse(route).is_some_and(|route| route.uri().is_ok());
        if !is_route || !route.contains('<') {
            return Err(CommandError::Invalid("route"));
        }
        request = request.header(HeaderName::Route, route);
    }
    let cseq = CSeq { sequence: 1, method: target.method.clone() };
    request = request
        .header(HeaderName::From, format_args!("{from};tag={}", core.tokens.tag()))
        .header(HeaderName::To, to)
        .header(HeaderName::CallId, call_id)
        .header(HeaderName::CSeq, cseq)
        .header(HeaderName::UserAgent, &core.config.product);
    for (name, value) in target.headers {
        request = request.header_named(name, value);
    }
    Ok(request)
}

fn is_call_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl<P: Peer> Leg<P> {
    /// A provisional response to our INVITE.
    pub(super) fn handle_provisional(
        &mut self,
        core: &mut Core<P>,
        response: Message,
        now: Instant,
    ) {
        let code = response.status().unwrap_or(StatusCode::TRYING);
        if code == StatusCode::TRYING {
            return;
        }
        self.note_capabilities(&response);
        let State::Calling(calling) = &mut self.state else {
            return;
        };
        let sdp = sdp::of(&response);
        let has_offer = calling.has_offer;
        let mut answer_due = false;
        if let Some(fork) = calling.fork_of(&response) {
            core.by_dialog.insert(fork.dialog.id().clone(), self.handle);
            fork.dialog.refresh_target(&response);
            if let Some(rack) = reliable(&response) {
                if !fork.note_rseq(rack.rseq) {
                    return;
                }
                answer_due = sdp.is_some() && !has_offer && fork.sdp.is_none();
                if answer_due {
                    fork.prack_due = Some(rack);
                } else {
                    send_prack(core, fork, &rack, None, &self.peer, now);
                }
            }
            if sdp.is_some() {
                fork.sdp.clone_from(&sdp);
            }
        } else if reliable(&response).is_some() {
            return;
        }
        let event = Event::Progress { handle: self.handle, code, sdp, answer_due, response };
        self.emit(core, event);
    }

    /// The first 2xx to our INVITE.
    pub(super) fn handle_answer(&mut self, core: &mut Core<P>, response: Message, now: Instant) {
        let State::Calling(calling) = &mut self.state else {
            return;
        };
        let Ok(mut dialog) = Dialog::from_response(&calling.invite, &response) else {
            self.handle_refusal(core, StatusCode::BAD_GATEWAY, None, now);
            return;
        };
        let sequence = dialog.local_sequence();
        let transaction = calling.transaction;
        let has_offer = calling.has_offer;
        let fork = calling.forks.iter().position(|fork| fork.dialog.id() == dialog.id());
        let fork = fork.map(|index| calling.forks.swap_remove(index));
        for id in calling.dialog_ids() {
            core.by_dialog.remove(&id);
        }
        if let Some(fork) = &fork {
            dialog.continue_from(&fork.dialog);
        }
        core.by_dialog.insert(dialog.id().clone(), self.handle);
        self.dialog = Some(dialog);
        self.state = State::Confirmed;
        self.note_capabilities(&response);
        self.start_session(session_timer::agreed(&response), true, now);
        self.ack_due = Some(AckDue { transaction, sequence });
        let is_negotiated = has_offer || fork.as_ref().is_some_and(|fork| fork.is_negotiated);
        let in_answer = sdp::of(&response);
        let answer_due = !is_negotiated && in_answer.is_some();
        let sdp = in_answer.or_else(|| fork.and_then(|fork| fork.sdp));
        self.remote_sdp.clone_from(&sdp);
        if !answer_due {
            self.send_ack(core, None);
        }
        let event = Event::Accepted { handle: self.handle, sdp, answer_due, response };
        self.emit(core, event);
    }

    /// A failure response to our INVITE, or its time-out.
    pub(super) fn handle_refusal(
        &mut self,
        core: &mut Core<P>,
        code: StatusCode,
        response: Option<Message>,
        now: Instant,
    ) {
        if let Some(refusal) = &response
            && code == StatusCode::SESSION_INTERVAL_TOO_SMALL
            && self.retry_with_longer_interval(core, refusal, now)
        {
            return;
        }
        let reason = response.as_ref().map(|response| response.reason().to_owned());
        let event = Event::Rejected {
            handle: self.handle,
            code,
            reason: reason.unwrap_or_else(|| code.reason().to_owned()),
            q850: response.as_ref().and_then(Message::q850),
            response,
        };
        self.finish(core, event);
        self.over = true;
    }

    /// Repeats the INVITE as RFC 4028 section 7.3 asks. False when it cannot.
    fn retry_with_longer_interval(
        &mut self,
        core: &mut Core<P>,
        refusal: &Message,
        now: Instant,
    ) -> bool {
        let State::Calling(calling) = &mut self.state else {
            return false;
        };
        let (Ok(Some(min_se_s)), Ok(cseq)) = (refusal.min_se_s(), calling.invite.cseq()) else {
            return false;
        };
        if self.closing || calling.interval_retry_count == INTERVAL_RETRY_COUNT_MAX {
            return false;
        }
        let offered_s = core.config.session_timer.map_or(0, |timer| timer.expires_s);
        let next = CSeq { sequence: cseq.sequence + 1, method: Method::Invite };
        let invite = Editor::new(&calling.invite)
            .replace_top(HeaderName::Via, core.via(&self.peer))
            .set(HeaderName::CSeq, next)
            .set(HeaderName::SessionExpires, offered_s.max(min_se_s))
            .set(HeaderName::MinSe, min_se_s)
            .finish();
        let purpose = Purpose::invite(self.handle, invite.clone(), self.peer.clone());
        let Ok(transaction) = core.send(invite.clone(), &self.peer, purpose, now) else {
            return false;
        };
        for id in calling.dialog_ids() {
            core.by_dialog.remove(&id);
        }
        calling.forks.clear();
        calling.transaction = transaction;
        calling.invite = invite;
        calling.interval_retry_count += 1;
        true
    }

    /// Answers the offer of a reliable provisional response or of a 2xx.
    pub(super) fn acknowledge(
        &mut self,
        core: &mut Core<P>,
        sdp: Bytes,
        now: Instant,
    ) -> Result<(), CommandError> {
        if self.ack_due.is_some() {
            self.send_ack(core, Some(sdp));
            return Ok(());
        }
        let State::Calling(calling) = &mut self.state else {
            return Err(CommandError::WrongState);
        };
        let due = calling.forks.iter_mut().find(|fork| fork.prack_due.is_some());
        let fork = due.ok_or(CommandError::WrongState)?;
        if let Some(rack) = fork.prack_due.take() {
            fork.is_negotiated = true;
            self.local_sdp = Some(sdp.clone());
            send_prack(core, fork, &rack, Some(sdp), &self.peer, now);
        }
        Ok(())
    }
}

/// RAck of a reliable provisional response.
fn reliable(response: &Message) -> Option<RAck> {
    let is_reliable = response.has_token(HeaderName::Require, "100rel");
    let rseq = response.rseq().ok().flatten().filter(|_| is_reliable)?;
    Some(RAck { rseq, cseq: response.cseq().ok()? })
}

fn send_prack<P: Peer>(
    core: &mut Core<P>,
    fork: &mut Fork,
    rack: &RAck,
    sdp: Option<Bytes>,
    peer: &P,
    now: Instant,
) {
    let via = core.via(peer);
    let prack = fork
        .dialog
        .request(&Method::Prack, via)
        .header(HeaderName::UserAgent, &core.config.product)
        .header(HeaderName::RAck, rack)
        .with_sdp(sdp)
        .build();
    let reliable = peer.transport().is_reliable();
    // Without room the PRACK is not sent; the other side repeats its response in vain and then
    // ends the attempt (RFC 3262 section 3).
    if core.layer.send_request(prack, peer.clone(), reliable, now).is_err() {
        fork.last_rseq = None;
    }
}
