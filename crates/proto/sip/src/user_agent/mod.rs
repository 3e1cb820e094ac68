//! A user agent for many calls at once: transactions, dialogs, PRACK, UPDATE and session timers
//! behind commands and events that suit a back-to-back user agent.
//!
//! The owner hands in messages and commands with `now`, then drains [`UserAgent::poll_output`].
//! Each INVITE usage is a leg with a [`LegHandle`]. The user agent answers by itself what needs no
//! decision: 100, PRACK, ACK, CANCEL, BYE, session refreshes, retransmissions, broken requests.
//!
//! It resolves no names and chooses no transports: requests go to the [`Peer`] that the owner gave
//! or that the dialog began with, responses to the peer that the request came from.

mod command;
mod config;
mod core;
mod dispatch;
mod event;
mod incoming;
mod leg;
mod outgoing;
mod renegotiation;
mod sdp;
mod subscription;
mod token;

use std::collections::HashMap;
use std::time::Instant;

use bytes::Bytes;

pub use command::{
    Body, CommandError, ExtraHeaders, InviteRequest, OutOfDialogRequest, ReinviteReply,
};
pub use config::{
    Config, LEG_COUNT_MAX, Peer, ReliableProvisionals, SESSION_EXPIRES_DEFAULT_S,
    SessionTimerConfig,
};
pub use event::{
    EndReason, Event, LegHandle, Output, ReinviteOutcome, RequestKey, SentKey, SubscriptionHandle,
};
pub use incoming::PROVISIONAL_QUEUE_MAX;
pub use outgoing::FORK_COUNT_MAX;
pub use subscription::SUBSCRIPTION_COUNT_MAX;

use self::core::{Core, HeaderSink, Purpose, check_headers};
use crate::dialog::{Dialog, DialogId};
use crate::message::{HeaderName, Message, Method, ParseFailure, StatusCode};
use crate::print::ResponseBuilder;
use crate::transaction::{Counters, Schedule, TimerName, TransactionKey};
use leg::{Leg, State};
use outgoing::Target;

/// Methods that the user agent sends by itself or by commands of their own.
const OWN_METHODS: [Method; 6] =
    [Method::Invite, Method::Ack, Method::Cancel, Method::Bye, Method::Prack, Method::Update];

/// All legs of one element. See the module's comment.
#[derive(Debug)]
pub struct UserAgent<P: Peer> {
    core: Core<P>,
    legs: HashMap<LegHandle, Box<Leg<P>>>,
    schedule: Schedule<LegHandle>,
    subscriptions: subscription::Subscriptions<P>,
    last_handle: u64,
}

impl<P: Peer> UserAgent<P> {
    /// A user agent without legs. `seed` makes every tag, branch and Call-ID, so outside of tests
    /// it must come from a cryptographic source and differ for each start of the process.
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        Self {
            core: Core::new(config, seed),
            legs: HashMap::new(),
            schedule: Schedule::new(),
            subscriptions: subscription::Subscriptions::default(),
            last_handle: 0,
        }
    }

    /// Takes a datagram or frame that came from `peer`. What is no message is dropped, or answered
    /// with 400 when enough of it could be read (RFC 3261 18.3).
    pub fn handle_datagram(&mut self, datagram: Bytes, peer: P, now: Instant) {
        match Message::parse(datagram) {
            Ok(message) => self.handle_message(message, peer, now),
            Err(failure) => self.handle_parse_failure(&failure, peer),
        }
    }

    /// Takes what a parser could not accept, and answers it where that is possible.
    pub fn handle_parse_failure(&mut self, failure: &ParseFailure, peer: P) {
        match failure.message.as_deref() {
            Some(request) => self.refuse_malformed(request, failure.defect, peer),
            None => self.core.layer.count_unreadable(),
        }
    }

    /// Takes a message that came from `peer`.
    pub fn handle_message(&mut self, message: Message, peer: P, now: Instant) {
        if let Err(defect) = message.validate() {
            self.refuse_malformed(&message, defect, peer);
            return;
        }
        let reliable = peer.transport().is_reliable();
        self.core.layer.handle_message(message, peer, reliable, now);
        self.drain_layer(now);
    }

    /// Does what has become due. To be called when the instant of `poll_timeout` has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.core.layer.handle_timeout(now);
        self.drain_layer(now);
        while let Some(handle) = self.schedule.due(now) {
            self.with_leg(handle, |leg, core| leg.handle_timeout(core, now));
            self.drain_layer(now);
        }
    }

    /// Takes note that a [`Transmit`](crate::transaction::Transmit) that names `transaction` could
    /// not be sent.
    pub fn handle_transport_error(&mut self, transaction: TransactionKey, now: Instant) {
        self.core.layer.handle_transport_error(transaction, now);
        self.drain_layer(now);
    }

    /// The next thing to do. To be called until `None` after every other call.
    pub fn poll_output(&mut self) -> Option<Output<P>> {
        self.core.outputs.pop_front()
    }

    /// When `handle_timeout` wants to be called, and for which timer (for logs).
    pub fn poll_timeout(&self) -> Option<(Instant, TimerName)> {
        let layer = self.core.layer.poll_timeout();
        layer.into_iter().chain(self.schedule.next()).min()
    }

    /// Places a call. `Progress`, `Accepted` or `Rejected` tell how it goes on.
    pub fn invite(
        &mut self,
        request: InviteRequest<P>,
        now: Instant,
    ) -> Result<LegHandle, CommandError> {
        if self.legs.len() >= self.core.config.leg_count_max {
            return Err(CommandError::Full);
        }
        let handle = self.new_handle();
        let leg = outgoing::place(&mut self.core, handle, request, now)?;
        self.add_leg(leg);
        self.drain_layer(now);
        Ok(handle)
    }

    /// Sends a provisional response from 180 on for an incoming call, reliably where the caller or
    /// the configuration asks for it.
    pub fn ring(
        &mut self,
        handle: LegHandle,
        code: StatusCode,
        sdp: Option<Bytes>,
        headers: ExtraHeaders<'_>,
        now: Instant,
    ) -> Result<(), CommandError> {
        self.command(handle, now, |leg, core| leg.ring(core, code, sdp, headers, now))
    }

    /// Answers an incoming call with 200. `sdp` is the answer, or the offer when the INVITE had
    /// none. `None` repeats the SDP of `ring`, and sends none when a reliable response has
    /// carried it.
    pub fn accept(
        &mut self,
        handle: LegHandle,
        sdp: Option<Bytes>,
        headers: ExtraHeaders<'_>,
        now: Instant,
    ) -> Result<(), CommandError> {
        self.command(handle, now, |leg, core| leg.accept(core, sdp, headers, now))
    }

    /// Refuses an incoming call with a status from 300 on. `reason` is the reason phrase.
    pub fn reject(
        &mut self,
        handle: LegHandle,
        code: StatusCode,
        reason: Option<&str>,
        headers: ExtraHeaders<'_>,
        now: Instant,
    ) -> Result<(), CommandError> {
        self.command(handle, now, |leg, core| leg.reject(core, code, reason, headers, now))
    }

    /// Ends the leg by whatever its state asks for: CANCEL, BYE, or 480 for an unanswered incoming
    /// call. `reason` is the value of the `Reason` header, such as `Q.850;cause=16`.
    /// `Ended` follows at once; what the protocol still needs is done in the background.
    pub fn hang_up(
        &mut self,
        handle: LegHandle,
        reason: Option<&str>,
        now: Instant,
    ) -> Result<(), CommandError> {
        check_headers(reason.map(|reason| ("Reason", reason)))?;
        self.command(handle, now, |leg, core| {
            leg.leave(core, EndReason::Local, reason, now);
            Ok(())
        })
    }

    /// Answers the offer that `Progress`, `Accepted` or `ReinviteDone` reported with `answer_due`,
    /// in ACK or PRACK.
    pub fn acknowledge(
        &mut self,
        handle: LegHandle,
        sdp: Bytes,
        now: Instant,
    ) -> Result<(), CommandError> {
        self.command(handle, now, |leg, core| leg.acknowledge(core, sdp, now))
    }

    /// Renegotiates an answered call by re-INVITE; without `sdp` the other side makes the offer.
    /// `ReinviteDone` follows.
    pub fn reinvite(
        &mut self,
        handle: LegHandle,
        sdp: Option<Bytes>,
        headers: ExtraHeaders<'_>,
        now: Instant,
    ) -> Result<(), CommandError> {
        self.command(handle, now, |leg, core| {
            leg.renegotiate(core, Method::Invite, sdp, headers, now)
        })
    }

    /// Renegotiates by UPDATE (RFC 3311), which also works before the answer. `ReinviteDone`
    /// follows.
    pub fn update(
        &mut self,
        handle: LegHandle,
        sdp: Option<Bytes>,
        headers: ExtraHeaders<'_>,
        now: Instant,
    ) -> Result<(), CommandError> {
        self.command(handle, now, |leg, core| {
            leg.renegotiate(core, Method::Update, sdp, headers, now)
        })
    }

    /// Replies to `Reinvite`.
    pub fn answer_reinvite(
        &mut self,
        handle: LegHandle,
        reply: ReinviteReply,
        now: Instant,
    ) -> Result<(), CommandError> {
        self.command(handle, now, |leg, core| leg.answer_reinvite(core, reply, now))
    }

    /// Sends INFO, REFER, NOTIFY, MESSAGE and others within the leg's dialog. `RequestDone`
    /// follows.
    pub fn send_in_dialog(
        &mut self,
        handle: LegHandle,
        method: &Method,
        headers: ExtraHeaders<'_>,
        body: Option<Body>,
        now: Instant,
    ) -> Result<SentKey, CommandError> {
        if OWN_METHODS.contains(method) {
            return Err(CommandError::Invalid("method"));
        }
        check_headers(headers.iter().copied())?;
        self.command(handle, now, |leg, core| {
            let mut request = leg.request(core, method)?.with_all(headers);
            if method.is_target_refresh() {
                request = request.header(HeaderName::Contact, leg.contact());
            }
            if let Some(body) = body {
                request = request.with_body(body);
            }
            let key = core.new_sent_key();
            let purpose = Purpose::Request { key, handle: Some(handle) };
            core.send(request.build(), &leg.peer, purpose, now)?;
            Ok(key)
        })
    }

    /// Sends a request outside of any dialog. `RequestDone` follows.
    pub fn send_request(
        &mut self,
        request: OutOfDialogRequest<P>,
        now: Instant,
    ) -> Result<SentKey, CommandError> {
        if OWN_METHODS.contains(&request.method) {
            return Err(CommandError::Invalid("method"));
        }
        let target = Target {
            method: &request.method,
            request_uri: &request.request_uri,
            route: &request.route,
            from: &request.from,
            to: &request.to,
            headers: &request.headers,
            call_id: None,
            max_forwards: crate::dialog::MAX_FORWARDS,
        };
        let mut message = outgoing::begin(&mut self.core, &target, &request.peer)?;
        message =
            message.header(HeaderName::Contact, format_args!("<{}>", self.core.config.contact_uri));
        if let Some(body) = request.body {
            message = message.with_body(body);
        }
        let key = self.core.new_sent_key();
        let purpose = Purpose::Request { key, handle: None };
        self.core.send(message.build(), &request.peer, purpose, now)?;
        self.drain_layer(now);
        Ok(key)
    }

    /// Answers `InDialog` or `OutOfDialog` with a final status (200-699).
    pub fn respond(
        &mut self,
        key: RequestKey,
        code: StatusCode,
        reason: Option<&str>,
        headers: ExtraHeaders<'_>,
        body: Option<Body>,
        now: Instant,
    ) -> Result<(), CommandError> {
        if !code.is_final() {
            return Err(CommandError::Invalid("not a final status"));
        }
        check_headers(headers.iter().copied())?;
        let transaction = TransactionKey(key.0);
        let waiting = self.core.waiting.remove(&transaction);
        let waiting = waiting.ok_or(CommandError::RequestOver)?;
        let leg = waiting.handle.and_then(|handle| self.legs.get(&handle));
        let contact = leg.map(|leg| leg.contact());
        let response = self.core.owner_response(&waiting.request, code, reason, contact);
        let mut response = response.with_all(headers);
        if let Some(body) = body {
            response = response.with_body(body);
        }
        self.core.respond(transaction, &response.build(), now);
        self.drain_layer(now);
        Ok(())
    }

    /// The leg's dialog: Call-ID, tags, remote target. For a call that this side places, the
    /// latest early dialog until it is answered; `None` before the first response with a tag.
    pub fn dialog(&self, handle: LegHandle) -> Option<&Dialog> {
        let leg = self.legs.get(&handle)?;
        match &leg.state {
            State::Calling(calling) => calling.latest_dialog(),
            State::Ringing(_) | State::Confirmed | State::Ending => leg.dialog.as_ref(),
        }
    }

    /// The leg whose dialog has this Call-ID and these tags, seen from this side (RFC 3891).
    pub fn find_dialog(
        &self,
        call_id: &str,
        local_tag: &str,
        remote_tag: &str,
    ) -> Option<LegHandle> {
        let id = DialogId {
            call_id: call_id.to_owned(),
            local_tag: local_tag.to_owned(),
            remote_tag: remote_tag.to_owned(),
        };
        let handle = self.core.by_dialog.get(&id)?;
        let leg = self.legs.get(handle)?;
        (!leg.closing).then_some(*handle)
    }

    /// Sends the leg's further requests to `peer`, such as after a failover.
    pub fn set_peer(&mut self, handle: LegHandle, peer: P) -> Result<(), CommandError> {
        let leg = self.legs.get_mut(&handle).filter(|leg| !leg.closing);
        leg.ok_or(CommandError::LegEnded)?.peer = peer;
        Ok(())
    }

    /// Legs that have not ended.
    pub fn leg_count(&self) -> usize {
        self.core.live_leg_count
    }

    /// Transactions held.
    pub fn transaction_count(&self) -> usize {
        self.core.layer.transaction_count()
    }

    /// What was refused or ignored so far.
    pub fn counters(&self) -> Counters {
        self.core.layer.counters()
    }

    fn new_handle(&mut self) -> LegHandle {
        self.last_handle += 1;
        LegHandle(self.last_handle)
    }

    fn add_leg(&mut self, leg: Leg<P>) {
        let handle = leg.handle;
        self.core.live_leg_count += 1;
        self.legs.insert(handle, Box::new(leg));
        self.settle(handle);
    }

    /// Runs a command of the owner on a leg that has not ended.
    fn command<T>(
        &mut self,
        handle: LegHandle,
        now: Instant,
        run: impl FnOnce(&mut Leg<P>, &mut Core<P>) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        if self.legs.get(&handle).is_none_or(|leg| leg.closing) {
            return Err(CommandError::LegEnded);
        }
        let result = self.with_leg(handle, run);
        self.drain_layer(now);
        result.unwrap_or(Err(CommandError::LegEnded))
    }

    fn with_leg<T>(
        &mut self,
        handle: LegHandle,
        run: impl FnOnce(&mut Leg<P>, &mut Core<P>) -> T,
    ) -> Option<T> {
        let leg = self.legs.get_mut(&handle)?;
        let result = run(leg, &mut self.core);
        self.settle(handle);
        Some(result)
    }

    /// Follows what a step of a leg changed: its next timeout, or its end.
    fn settle(&mut self, handle: LegHandle) {
        let Some(leg) = self.legs.get(&handle) else {
            self.schedule.set(handle, None);
            return;
        };
        if !leg.over {
            self.schedule.set(handle, leg.poll_timeout());
            return;
        }
        debug_assert!(leg.closing, "the owner hears of every end");
        for id in leg.dialog_ids() {
            self.core.by_dialog.remove(&merged_key(&id));
            self.core.by_dialog.remove(&id);
        }
        self.legs.remove(&handle);
        self.schedule.set(handle, None);
    }
}

impl<P: Peer> Core<P> {
    /// Begins a response of the owner, with what the method's responses carry.
    fn owner_response(
        &mut self,
        request: &Message,
        code: StatusCode,
        reason: Option<&str>,
        contact: Option<String>,
    ) -> ResponseBuilder {
        let tag = self.tokens.tag();
        let mut response = self.response(request, code, reason, &tag);
        if !code.is_success() {
            return response;
        }
        if request.method() == Some(&Method::Options) {
            response = response
                .with_known(&self.capabilities())
                .header(HeaderName::Accept, "application/sdp");
        }
        if request.method().is_some_and(Method::is_target_refresh) {
            let contact = contact.unwrap_or_else(|| format!("<{}>", self.config.contact_uri));
            response = response.header(HeaderName::Contact, contact);
        }
        response
    }
}

/// By this key an incoming call is found before its caller knows our tag, to recognise an INVITE
/// that arrives twice on different ways (RFC 3261 8.2.2.2).
fn merged_key(id: &DialogId) -> DialogId {
    DialogId {
        call_id: id.call_id.clone(),
        local_tag: String::new(),
        remote_tag: id.remote_tag.clone(),
    }
}
