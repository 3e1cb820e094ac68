//! Everything the edge decides. No sockets, no clock, no randomness: what arrives comes in through
//! `handle_*`, what is to be sent goes out through [`State::poll_output`].
//!
//! `from_device` and `from_switch` hold the two directions; `route`, `authentication` and `location` answer
//! their questions.

mod authentication;
mod bounded;
mod calls;
mod from_device;
mod from_switch;
mod location;
mod names;
mod reply;
mod route;
mod throttle;
mod token;

pub use names::Advertised;

use crate::config::Config;
use authentication::Gatekeeper;
use bounded::BoundedMap;
use bytes::Bytes;
use calls::Calls;
use location::Location;
use names::Names;
use offhook_bus::{Shared, SipMessage};
use offhook_model::Transport;
use offhook_net::{Flow, FlowId};
use offhook_sip::{Message, ParseFailure};
use reply::{Reply, count_response, refused};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use throttle::{Rates, Source};
use token::{Signer, derive};

/// The time, by both clocks that the edge needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// For waiting and for rates.
    pub now: Instant,
    /// For what others are told or have been told: expiry of bindings, nonces and guests, in seconds of
    /// Unix time.
    pub unix_s: u64,
}

/// What the driver has to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send a message to a device.
    ToDevice {
        /// The way.
        flow: Flow,
        /// The message.
        bytes: Bytes,
        /// Where to open a connection when the flow is gone.
        fallback: Option<(Transport, SocketAddr)>,
    },
    /// Send a message to the switch.
    ToSwitch(SipMessage),
}

/// Dialogs whose device has come back over another connection, at a time; the oldest are forgotten.
pub const MOVED_FLOWS_MAX: usize = 16_384;

/// How long it is remembered at least where a device has moved to while nothing is sent there: longer than
/// the session refreshes of any dialog are apart, each of which says it again.
const MOVE_KEPT: Duration = Duration::from_secs(3_600);

/// What tells flows apart: our own address does not.
type Way = (FlowId, Transport, SocketAddr);

fn way(flow: &Flow) -> Way {
    (flow.id, flow.transport, flow.remote)
}

/// The edge without its sockets.
pub struct State {
    names: Names,
    signer: Signer,
    gatekeeper: Gatekeeper,
    location: Location,
    sources: Rates<Source>,
    /// Where devices have moved to: the flow that a dialog's Route names, and the one it is heard on.
    moved: BoundedMap<Way, Flow>,
    moved_aged: Instant,
    calls: Calls,
    shared: Shared,
    outputs: VecDeque<Output>,
}

impl State {
    /// `secret` is 32 random bytes; see [`crate::start`].
    #[must_use]
    pub fn new(
        advertised: Advertised,
        config: &Config,
        shared: Shared,
        secret: &[u8; 32],
        now: Instant,
    ) -> Self {
        let realm = shared.directory().domain.clone();
        let guest_key = shared.guest_key().0;
        let nonce_key = derive(secret, "nonce");
        Self {
            names: Names::new(advertised),
            signer: Signer::new(secret),
            gatekeeper: Gatekeeper::new(&realm, nonce_key, guest_key, config, now),
            location: Location::new(shared.clone(), &config.limits),
            sources: Rates::new(config.limits.requests_per_second_per_source),
            moved: BoundedMap::new(MOVED_FLOWS_MAX),
            moved_aged: now,
            calls: Calls::new(&config.limits, now),
            shared,
            outputs: VecDeque::new(),
        }
    }

    /// Takes what a device sent.
    pub fn handle_received(
        &mut self,
        flow: &Flow,
        message: Result<Message, ParseFailure>,
        moment: Moment,
    ) {
        self.forget_moves(moment.now);
        self.calls.note_time(moment.now);
        match message {
            Ok(message) if message.is_response() => self.take_device_response(flow, &message),
            received if !self.sources.take(flow.remote.ip().into(), moment.now) => {
                drop(received);
                refused("source_rate");
            }
            Ok(request) => self.take_device_request(flow, &request, moment),
            Err(failure) => self.take_malformed(flow, &failure),
        }
    }

    /// Takes what the switch sent.
    pub fn handle_switch(&mut self, bytes: Bytes) {
        match Message::parse(bytes) {
            Ok(message) if message.is_response() => self.take_switch_response(&message),
            Ok(request) => self.take_switch_request(&request),
            Err(failure) => {
                tracing::error!(%failure, "the switch sent what is no message");
                refused("switch_malformed");
            }
        }
    }

    /// A connection has ended.
    pub fn handle_closed(&mut self, flow: &Flow) {
        self.location.handle_closed(flow, &self.signer);
    }

    /// A message could not be delivered to a device: the switch is told, so that it can try elsewhere
    /// (RFC 5626 section 5.3).
    pub fn handle_unsent(&mut self, bytes: Bytes) {
        refused("unsent");
        if let Ok(message) = Message::parse(bytes) {
            self.take_unsent(&message);
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, moment: Moment) {
        self.location.handle_timeout(moment.unix_s);
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`State::handle_timeout`] has to be called.
    #[must_use]
    pub fn poll_timeout(&self, moment: Moment) -> Option<Instant> {
        let end = self.location.next_end()?;
        Some(moment.now + Duration::from_secs(end.saturating_sub(moment.unix_s)))
    }

    /// Answers a device's request; an ACK is never answered (RFC 3261 section 17).
    fn reply_to_device(&mut self, flow: &Flow, request: &Message, reply: &Reply) {
        if let Some(why) = reply.why {
            refused(why);
        }
        if request.method() == Some(&offhook_sip::Method::Ack) {
            return;
        }
        let noted = offhook_sip::Editor::new(request).note_source(flow.remote).finish();
        let status = reply.status();
        match reply.build(&noted, &self.signer.tag(request)) {
            Some(response) if self.respond(flow, &response) => count_response(status),
            Some(_) => {}
            None => refused("unanswerable"),
        }
    }

    /// Sends a response, its topmost Via the device's, along the flow that the request came by; false when
    /// it can go nowhere.
    fn respond(&mut self, flow: &Flow, response: &Message) -> bool {
        let Some(flow) = route::response_flow(flow, response) else {
            refused("response_target");
            return false;
        };
        let (bytes, fallback) = (response.to_bytes(), route::response_fallback(&flow, response));
        self.outputs.push_back(Output::ToDevice { flow, bytes, fallback });
        true
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("names", &self.names).finish_non_exhaustive()
    }
}
