//! One INVITE usage and what every state of it needs.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::command::CommandError;
use super::config::Peer;
use super::core::{Core, HeaderSink, Purpose};
use super::event::{EndReason, Event, LegHandle};
use super::incoming::Ringing;
use super::outgoing::Calling;
use super::renegotiation::{IncomingOffer, Renegotiation};
use crate::dialog::{Dialog, DialogId};
use crate::headers::{Refresher, SessionExpires};
use crate::message::{HeaderName, Message, Method, StatusCode};
use crate::print::RequestBuilder;
use crate::session_timer::SessionTimer;
use crate::transaction::{T1, T2, TimerName, TimerTable, TransactionKey};

/// Timers that one leg may run at once.
const TIMER_COUNT: usize = 8;

/// Where a leg stands.
#[derive(Debug)]
pub(super) enum State {
    /// Our INVITE has no final response.
    Calling(Box<Calling>),
    /// Their INVITE has no final response.
    Ringing(Box<Ringing>),
    /// Answered.
    Confirmed,
    /// Our BYE has no response.
    Ending,
}

/// A 2xx of ours that waits for its ACK (RFC 3261 13.3.1.4).
#[derive(Debug)]
pub(super) struct Unacked {
    pub(super) transaction: TransactionKey,
    pub(super) response: Message,
    pub(super) sequence: u32,
    pub(super) interval: Duration,
    /// True when the ACK brings the answer.
    pub(super) carries_offer: bool,
}

/// A 2xx of theirs whose offer the owner has to answer before the ACK goes out.
#[derive(Debug)]
pub(super) struct AckDue {
    pub(super) transaction: TransactionKey,
    pub(super) sequence: u32,
}

#[derive(Debug)]
pub(super) struct Leg<P> {
    pub(super) handle: LegHandle,
    pub(super) peer: P,
    pub(super) contact_uri: String,
    pub(super) state: State,
    /// `None` only while our INVITE has no final response.
    pub(super) dialog: Option<Dialog>,
    /// True when this side sent the first INVITE, and so made the Call-ID.
    pub(super) calls_out: bool,
    /// The owner has been told of the end; what remains is protocol.
    pub(super) closing: bool,
    /// Nothing remains to be done.
    pub(super) over: bool,
    pub(super) remote_allows_update: bool,
    /// The last SDP this side sent, for refreshes.
    pub(super) local_sdp: Option<Bytes>,
    /// The last SDP the other side sent.
    pub(super) remote_sdp: Option<Bytes>,
    pub(super) incoming_offer: Option<IncomingOffer>,
    pub(super) renegotiation: Option<Renegotiation>,
    pub(super) ack_due: Option<AckDue>,
    pub(super) unacked: Option<Unacked>,
    /// BYE must wait for the ACK of our 2xx (RFC 3261 15.1). The inner value is its Reason.
    pub(super) bye_due: Option<Option<String>>,
    pub(super) session: Option<SessionTimer>,
    /// False when the timer runs on this side alone, because the other knows none.
    pub(super) remote_knows_timer: bool,
    pub(super) timers: TimerTable<TIMER_COUNT>,
}

impl<P: Peer> Leg<P> {
    pub(super) fn new(handle: LegHandle, peer: P, contact_uri: String, state: State) -> Self {
        Self {
            handle,
            peer,
            contact_uri,
            calls_out: matches!(state, State::Calling(_)),
            state,
            dialog: None,
            closing: false,
            over: false,
            remote_allows_update: false,
            local_sdp: None,
            remote_sdp: None,
            incoming_offer: None,
            renegotiation: None,
            ack_due: None,
            unacked: None,
            bye_due: None,
            session: None,
            remote_knows_timer: true,
            timers: TimerTable::default(),
        }
    }

    /// Tells the owner, unless it has been told that the leg ended.
    pub(super) fn emit(&self, core: &mut Core<P>, event: Event<P>) {
        if !self.closing {
            core.emit(event);
        }
    }

    /// Tells the owner that the leg ended, once.
    pub(super) fn finish(&mut self, core: &mut Core<P>, event: Event<P>) {
        if !self.closing {
            core.emit(event);
            self.closing = true;
            core.live_leg_count -= 1;
        }
    }

    pub(super) fn end(&mut self, core: &mut Core<P>, why: EndReason) {
        let handle = self.handle;
        self.finish(core, Event::Ended { handle, why });
    }

    /// When the leg's own timers are due.
    pub(super) fn poll_timeout(&self) -> Option<(Instant, TimerName)> {
        let session = self.session.map(|timer| (timer.poll_timeout(), TimerName::Session));
        self.timers.next().into_iter().chain(session).min()
    }

    /// Does one thing that is due.
    pub(super) fn handle_timeout(&mut self, core: &mut Core<P>, now: Instant) {
        if let Some(name) = self.timers.pop_due(now) {
            self.handle_timer(core, name, now);
        } else if let Some(due) = self.session.as_mut().and_then(|timer| timer.handle_timeout(now))
        {
            self.handle_session_due(core, due, now);
        }
    }

    fn handle_timer(&mut self, core: &mut Core<P>, name: TimerName, now: Instant) {
        match name {
            TimerName::Retransmit2xx => self.retransmit_2xx(core, now),
            TimerName::NoAck => self.handle_no_ack(core, now),
            TimerName::RetransmitProvisional => self.retransmit_provisional(core, now),
            TimerName::NoPrack => self.handle_no_prack(core, now),
            TimerName::KeepRinging => self.keep_ringing(core, now),
            TimerName::Glare => self.retry_renegotiation(core, now),
            TimerName::C => self.cancel_renegotiation(core, now),
            TimerName::A
            | TimerName::B
            | TimerName::D
            | TimerName::E
            | TimerName::F
            | TimerName::G
            | TimerName::H
            | TimerName::I
            | TimerName::J
            | TimerName::K
            | TimerName::L
            | TimerName::M
            | TimerName::Unanswered
            | TimerName::Cancel
            | TimerName::Session => {}
        }
    }

    /// The dialog that requests of this side go out in: the answered one, or the latest early one.
    pub(super) fn dialog_mut(&mut self) -> Option<&mut Dialog> {
        match (&mut self.dialog, &mut self.state) {
            (Some(dialog), _) => Some(dialog),
            (None, State::Calling(calling)) => calling.latest_dialog_mut(),
            (None, State::Ringing(_) | State::Confirmed | State::Ending) => None,
        }
    }

    /// The dialog that an incoming request named.
    pub(super) fn dialog_named(&mut self, id: &DialogId) -> Option<&mut Dialog> {
        match (&mut self.dialog, &mut self.state) {
            (Some(dialog), _) => Some(dialog).filter(|dialog| dialog.id() == id),
            (None, State::Calling(calling)) => calling.dialog_named(id),
            (None, State::Ringing(_) | State::Confirmed | State::Ending) => None,
        }
    }

    /// Every dialog by which requests find this leg.
    pub(super) fn dialog_ids(&self) -> Vec<DialogId> {
        let own = self.dialog.iter().map(|dialog| dialog.id().clone());
        match &self.state {
            State::Calling(calling) => own.chain(calling.dialog_ids()).collect(),
            State::Ringing(_) | State::Confirmed | State::Ending => own.collect(),
        }
    }

    /// Begins a request within the dialog.
    pub(super) fn request(
        &mut self,
        core: &mut Core<P>,
        method: &Method,
    ) -> Result<RequestBuilder, CommandError> {
        let via = core.via(&self.peer);
        let product = core.config.product.clone();
        let dialog = self.dialog_mut().ok_or(CommandError::WrongState)?;
        let request = dialog.request(method, via);
        Ok(request.header(HeaderName::UserAgent, product))
    }

    pub(super) fn contact(&self) -> String {
        format!("<{}>", self.contact_uri)
    }

    /// Ends the leg by what its state asks for. `reason` is the value of the Reason header.
    pub(super) fn leave(
        &mut self,
        core: &mut Core<P>,
        why: EndReason,
        reason: Option<&str>,
        now: Instant,
    ) {
        match &self.state {
            State::Calling(calling) => {
                // A transaction that is over has no response left to wait for.
                if core.layer.cancel(calling.transaction, reason, now).is_err() {
                    self.over = true;
                }
            }
            State::Ringing(_) => {
                let headers: Vec<_> = reason.map(|reason| ("Reason", reason)).into_iter().collect();
                let code = StatusCode::TEMPORARILY_UNAVAILABLE;
                self.refuse_call(core, code, None, &headers, now);
            }
            State::Confirmed => self.bye_when_acked(core, reason, now),
            State::Ending => {}
        }
        self.end(core, why);
    }

    fn bye_when_acked(&mut self, core: &mut Core<P>, reason: Option<&str>, now: Instant) {
        if self.unacked.is_some() {
            self.bye_due = Some(reason.map(str::to_owned));
        } else {
            self.send_bye(core, reason, now);
        }
    }

    pub(super) fn send_bye(&mut self, core: &mut Core<P>, reason: Option<&str>, now: Instant) {
        if self.ack_due.is_some() {
            self.send_ack(core, None);
        }
        self.refuse_offer_of_ended_call(core, now);
        self.cancel_renegotiation(core, now);
        self.state = State::Ending;
        self.unacked = None;
        self.session = None;
        self.renegotiation = None;
        self.timers.stop_all();
        let handle = self.handle;
        let sent = self.request(core, &Method::Bye).and_then(|mut bye| {
            if let Some(reason) = reason {
                bye = bye.with("Reason", reason);
            }
            core.send(bye.build(), &self.peer, Purpose::Bye { handle }, now)
        });
        // With a full table the BYE is not sent, and there is no response to wait for.
        self.over = sent.is_err();
    }

    /// A BYE of the other side.
    pub(super) fn handle_bye(
        &mut self,
        core: &mut Core<P>,
        key: TransactionKey,
        request: Message,
        now: Instant,
    ) {
        let ok = core.response(&request, StatusCode::OK, None, "").build();
        core.respond(key, &ok, now);
        self.refuse_offer_of_ended_call(core, now);
        self.cancel_renegotiation(core, now);
        if let State::Ringing(_) = self.state {
            self.refuse_call(core, StatusCode::REQUEST_TERMINATED, None, &[], now);
        }
        let event = Event::Bye {
            handle: self.handle,
            reason: request.header(HeaderName::Reason).map(str::to_owned),
            q850: request.q850(),
            request,
        };
        self.finish(core, event);
        // A BYE of ours that crossed this one still waits for its response.
        self.over = !matches!(self.state, State::Ending);
    }

    /// Answers a renegotiation that the end of the call leaves open (RFC 3261 15.1.2).
    fn refuse_offer_of_ended_call(&mut self, core: &mut Core<P>, now: Instant) {
        if let Some(offer) = self.incoming_offer.take() {
            core.by_invite.remove(&offer.transaction);
            let code = StatusCode::REQUEST_TERMINATED;
            core.refuse(offer.transaction, &offer.request, code, now);
        }
    }

    /// Retransmits a 2xx at intervals that double up to T2, whatever the transport
    /// (RFC 3261 13.3.1.4).
    pub(super) fn wait_for_ack(&mut self, unacked: Unacked, now: Instant) {
        self.timers.start(TimerName::Retransmit2xx, now + unacked.interval);
        self.timers.start(TimerName::NoAck, now + 64 * T1);
        self.unacked = Some(unacked);
    }

    fn retransmit_2xx(&mut self, core: &mut Core<P>, now: Instant) {
        if let Some(unacked) = &mut self.unacked {
            core.respond(unacked.transaction, &unacked.response, now);
            unacked.interval = T2.min(2 * unacked.interval);
            self.timers.start(TimerName::Retransmit2xx, now + unacked.interval);
        }
    }

    fn handle_no_ack(&mut self, core: &mut Core<P>, now: Instant) {
        self.unacked = None;
        let reason = Some("SIP;cause=408;text=\"No ACK\"");
        match self.bye_due.take() {
            Some(reason) => self.send_bye(core, reason.as_deref(), now),
            None => self.leave(core, EndReason::NoAck, reason, now),
        }
    }

    /// The ACK of a 2xx of ours; those of retransmissions say nothing new.
    pub(super) fn handle_ack(&mut self, core: &mut Core<P>, ack: &Message, now: Instant) {
        let sequence = ack.cseq().ok().map(|cseq| cseq.sequence);
        let Some(unacked) = self.unacked.take_if(|unacked| Some(unacked.sequence) == sequence)
        else {
            return;
        };
        self.timers.stop(TimerName::Retransmit2xx);
        self.timers.stop(TimerName::NoAck);
        let sdp = super::sdp::of(ack).filter(|_| unacked.carries_offer);
        if sdp.is_some() {
            self.remote_sdp.clone_from(&sdp);
        }
        let handle = self.handle;
        self.emit(core, Event::Acked { handle, sdp });
        if let Some(reason) = self.bye_due.take() {
            self.send_bye(core, reason.as_deref(), now);
        }
    }

    /// ACKs the 2xx that `ack_due` names.
    pub(super) fn send_ack(&mut self, core: &mut Core<P>, sdp: Option<Bytes>) {
        let Some(AckDue { transaction, sequence }) = self.ack_due.take() else {
            return;
        };
        if let Some(sdp) = &sdp {
            self.local_sdp = Some(sdp.clone());
        }
        let via = core.via(&self.peer);
        let Some(dialog) = &self.dialog else {
            return;
        };
        let ack = dialog.ack(sequence, via).with_sdp(sdp).build().to_bytes();
        core.transmit(ack.clone(), self.peer.clone());
        match core.purposes.get_mut(&transaction) {
            Some(Purpose::Invite(placed)) => placed.ack = Some(ack),
            Some(Purpose::Reinvite { ack: kept, .. }) => *kept = Some(ack),
            Some(Purpose::Update { .. } | Purpose::Bye { .. } | Purpose::Request { .. }) | None => {
            }
        }
    }

    /// Runs the session timer that a 2xx has agreed on. `is_uac` tells whether this side sent the
    /// request.
    pub(super) fn start_session(
        &mut self,
        agreed: Option<SessionExpires>,
        is_uac: bool,
        now: Instant,
    ) {
        self.session = agreed.map(|expires| {
            let uac_refreshes = expires.refresher != Some(Refresher::Uas);
            SessionTimer::new(expires.interval_s, uac_refreshes == is_uac, now)
        });
    }

    /// Follows the Contact of a request that is accepted.
    pub(super) fn refresh_target(&mut self, request: &Message) {
        let id = DialogId::of_request(request);
        if let Some(dialog) = id.and_then(|id| self.dialog_named(&id)) {
            dialog.refresh_target(request);
        }
    }

    pub(super) fn note_capabilities(&mut self, message: &Message) {
        if message.has(HeaderName::Allow) {
            self.remote_allows_update = message.has_token(HeaderName::Allow, "UPDATE");
        }
    }
}
