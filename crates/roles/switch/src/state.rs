//! The switch without I/O.

mod conferences;
mod forks;
mod legs;
mod signalling;

use crate::Config;
use crate::identity::{Caller, dialled, policy_for};
use crate::info::takes_info;
use bytes::Bytes;
use conferences::Conferences;
use forks::Forks;
use legs::Legs;
use offhook_bus::{ForkOrder, RecordingOrder, SipMessage};
use offhook_call::{Action, Call, Incoming, LegInput};
use offhook_model::{
    Binding, CallRecord, CallRef, CallState, Directory, ForkEvent, ForkId, HangupCause, LegId,
    LiveCall, LiveFork, MediaCommand, MediaEvent, RecordingCommand, RecordingFormat,
    RecordingLayout, RecordingSource, recording_path,
};
use offhook_routing::{Request, route};
use offhook_sip::message::{Message, StatusCode};
use offhook_sip::transaction::Transport;
use offhook_sip::user_agent::{self, LegHandle, Peer, SessionTimerConfig, UserAgent};
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the switch wants done, in order.
#[derive(Debug)]
pub enum Output {
    /// A SIP message for the edge.
    Sip(SipMessage),
    /// A command for the media role.
    Media(MediaCommand),
    /// Find the bindings of this extension, and call [`Switch::handle_bindings`].
    Lookup {
        /// The call that asks.
        call: CallRef,
        /// The extension.
        extension: String,
    },
    /// How a call stands.
    Live(LiveCall),
    /// How the audio forks of a call stand.
    Forks(CallRef, Vec<LiveFork>),
    /// A call is over; what remains of it.
    Record(Box<CallRecord>),
}

/// What the switch is told once: the outside world's clock and randomness.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Makes every tag, branch, Call-ID and call reference; from a cryptographic source.
    pub seed: [u8; 32],
    /// The instant at which the wall clock read `unix_ms`.
    pub start: Instant,
    /// Milliseconds of Unix time at `start`.
    pub unix_ms: u64,
    /// The directory, until another is put in force.
    pub directory: Arc<Directory>,
}

/// The edge as the user agent's only peer: messages come from it and go to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge {
    /// Whether the hops beyond repeat what is lost.
    reliable: bool,
}

impl Peer for Edge {
    fn transport(&self) -> Transport {
        if self.reliable { Transport::Tcp } else { Transport::Udp }
    }
}

/// All calls of one node.
pub struct Switch {
    agent: UserAgent<Edge>,
    calls: HashMap<u32, Call>,
    deadlines: BTreeSet<(u64, u32)>,
    legs: Legs,
    conferences: Conferences,
    forks: Forks,
    directory: Arc<Directory>,
    outputs: VecDeque<Output>,
    start: Instant,
    start_unix_ms: u64,
    boot: u64,
    serial: u32,
    calls_max: usize,
    record_calls: bool,
    /// Calls whose recording was begun when they were answered.
    recorded: HashSet<u32>,
    draining: bool,
    /// Whether what the user agent has to say is being heard.
    is_hearing_agent: bool,
}

impl Switch {
    /// A switch without calls.
    #[must_use]
    pub fn new(config: &Config, setup: Setup) -> Self {
        let contact = format!("sip:switch@{}", config.contact);
        let mut agent_config = user_agent::Config::new(contact, config.contact.clone());
        agent_config.session_timer = (config.session_expires_s > 0).then(|| SessionTimerConfig {
            expires_s: config.session_expires_s,
            ..SessionTimerConfig::default()
        });
        let boot = u64::from_le_bytes(setup.seed[..8].try_into().expect("eight bytes"));
        Self {
            agent: UserAgent::new(agent_config, setup.seed),
            calls: HashMap::new(),
            deadlines: BTreeSet::new(),
            legs: Legs::default(),
            conferences: Conferences::default(),
            forks: Forks::default(),
            directory: setup.directory,
            outputs: VecDeque::new(),
            start: setup.start,
            start_unix_ms: setup.unix_ms,
            boot: boot.rotate_left(17) ^ setup.unix_ms,
            serial: 0,
            calls_max: config.calls_max,
            record_calls: config.record_calls,
            recorded: HashSet::new(),
            draining: false,
            is_hearing_agent: false,
        }
    }

    /// The wall clock reads `unix_ms` at `now`. Calls that run keep the time by which they were begun, so that
    /// no clock's step ends them or lengthens their record.
    pub fn set_clock(&mut self, unix_ms: u64, now: Instant) {
        if self.calls.is_empty() {
            (self.start, self.start_unix_ms) = (now, unix_ms);
        }
    }

    /// Puts another directory in force, for calls that come from here on.
    pub fn set_directory(&mut self, directory: Arc<Directory>) {
        self.directory = directory;
    }

    /// Takes no new calls; those that run go on.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Calls that have not ended.
    #[must_use]
    pub fn call_count(&self) -> usize {
        self.calls.len()
    }

    /// A SIP message from the edge. What does not parse is dropped: the edge has answered it.
    pub fn handle_sip(&mut self, message: SipMessage, now: Instant) {
        if let Ok(parsed) = Message::parse(message.bytes) {
            self.agent.handle_message(parsed, Edge { reliable: message.reliable }, now);
            self.drain_agent(now);
        }
    }

    /// What the media role reports.
    pub fn handle_media(&mut self, event: MediaEvent, now: Instant) {
        if let MediaEvent::Fork { leg, fork, event } = event {
            return self.handle_fork(leg, fork, event, now);
        }
        let now_ms = self.unix_ms(now);
        let wanted = self.conferences.handle_media(&event);
        if let Some(leg) = event.leg() {
            self.step(serial_of(leg), now, |call| call.handle_media(event, now_ms));
        }
        self.carry_out_for_conference(wanted, now);
    }

    /// Where the extension of an [`Output::Lookup`] is bound.
    pub fn handle_bindings(&mut self, call: &CallRef, bindings: &[Binding], now: Instant) {
        let now_ms = self.unix_ms(now);
        self.step(serial_in(call), now, |call| call.handle_bindings(bindings, now_ms));
    }

    /// Ends a call at an administrator's wish; false when there is no such call.
    pub fn hang_up(&mut self, call: &CallRef, now: Instant) -> bool {
        let serial = serial_in(call);
        if self.calls.get(&serial).is_none_or(|known| known.reference() != call) {
            return false;
        }
        let now_ms = self.unix_ms(now);
        self.step(serial, now, |call| call.hang_up(HangupCause::NORMAL_CLEARING, now_ms));
        true
    }

    /// Records a call at an administrator's wish, as its caller says and hears it, or does something with its
    /// recording; false when there is no such call.
    pub fn record(&mut self, call: &CallRef, order: RecordingOrder) -> bool {
        let known = self.calls.get(&serial_in(call)).filter(|known| known.reference() == call);
        let Some(known) = known else { return false };
        let command = recording_command(known, order);
        self.outputs.push_back(Output::Media(command));
        true
    }

    /// Forks the audio of a call at an administrator's wish, or does something with its forks; false when
    /// there is no such call.
    pub fn fork(&mut self, call: &CallRef, order: ForkOrder) -> bool {
        let known = self.calls.get(&serial_in(call)).filter(|known| known.reference() == call);
        let Some(known) = known else { return false };
        let commands = self.forks.obey(known, order);
        self.outputs.extend(commands.into_iter().map(Output::Media));
        self.outputs.push_back(Output::Forks(call.clone(), self.forks.of(call)));
        true
    }

    fn handle_fork(&mut self, leg: LegId, fork: ForkId, event: ForkEvent, now: Instant) {
        let Some(call) = self.calls.get(&serial_of(leg)) else { return };
        let call = call.reference().clone();
        if self.forks.handle_event(&call, fork, event) {
            tracing::info!(%call, %fork, "the receiver of an audio fork ends the call");
            self.hang_up(&call, now);
        } else {
            let forks = self.forks.of(&call);
            self.outputs.push_back(Output::Forks(call, forks));
        }
    }

    /// Ends every call, for a stop that can wait no longer.
    pub fn hang_up_all(&mut self, now: Instant) {
        let all: Vec<_> = self.calls.values().map(|call| call.reference().clone()).collect();
        for call in all {
            self.hang_up(&call, now);
        }
    }

    /// Does what has become due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
        self.drain_agent(now);
        let now_ms = self.unix_ms(now);
        while let Some((due, serial)) = self.deadlines.first().copied() {
            if due > now_ms {
                break;
            }
            self.deadlines.pop_first();
            self.step(serial, now, |call| call.handle_timeout(now_ms));
        }
    }

    /// When [`Switch::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let agent = self.agent.poll_timeout().map(|(at, _)| at);
        let call = self.deadlines.first().map(|(due, _)| self.instant(*due));
        agent.into_iter().chain(call).min()
    }

    /// The next thing to do; to be asked until `None` after every `handle_*`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn unix_ms(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.start).as_millis();
        self.start_unix_ms + u64::try_from(passed).unwrap_or(u64::MAX / 2)
    }

    fn instant(&self, unix_ms: u64) -> Instant {
        self.start + Duration::from_millis(unix_ms.saturating_sub(self.start_unix_ms) + 1)
    }

    /// A new call comes in.
    fn take_call(
        &mut self,
        handle: LegHandle,
        request: &Message,
        sdp: Option<&Bytes>,
        now: Instant,
    ) {
        if self.draining || self.calls.len() >= self.calls_max {
            let headers = [("Retry-After", "10")];
            let code = StatusCode::SERVICE_UNAVAILABLE;
            let answered = self.agent.reject(handle, code, None, &headers, now);
            signalling::note("reject", answered);
            metrics::counter!("offhook_calls_refused_total").increment(1);
            return;
        }
        self.serial = self.serial.wrapping_add(1).max(1);
        let serial = self.serial;
        let incoming = self.incoming(serial, request, sdp);
        tracing::info!(call = %incoming.call, "call comes in");
        let call = Call::new(incoming, self.unix_ms(now));
        self.legs.insert(call.caller(), handle);
        self.calls.insert(serial, call);
        self.step(serial, now, |_| {});
        if takes_info(request) {
            self.input(handle, LegInput::TakesInfo, now);
        }
    }

    fn incoming(&self, serial: u32, request: &Message, sdp: Option<&Bytes>) -> Incoming {
        let caller = Caller::of(request);
        let dialled = dialled(request);
        let asked = Request { caller: caller.account.as_deref(), dialled: &dialled };
        let decision = route(asked, &self.directory);
        Incoming {
            call: CallRef::from_bits(u128::from(self.boot) << 64 | u128::from(serial)),
            serial,
            account: caller.account,
            caller: caller.number,
            caller_name: caller.name,
            dialled,
            sip_call_id: signalling::call_id(request),
            offer: sdp.map(signalling::text),
            policy: policy_for(request),
            decision,
        }
    }

    fn input(&mut self, handle: LegHandle, input: LegInput, now: Instant) {
        let Some(leg) = self.legs.leg(handle) else { return };
        let now_ms = self.unix_ms(now);
        self.step(serial_of(leg), now, |call| call.handle_leg(leg, input, now_ms));
    }

    /// Lets one call take one step and carries out what it wants. A call whose code fails ends; the
    /// others do not notice.
    fn step(&mut self, serial: u32, now: Instant, change: impl FnOnce(&mut Call)) {
        let Some(mut call) = self.calls.remove(&serial) else { return };
        if let Some(due) = call.poll_timeout() {
            self.deadlines.remove(&(due, serial));
        }
        if catch_unwind(AssertUnwindSafe(|| change(&mut call))).is_err() {
            self.abandon(&call, now);
            return;
        }
        while let Some(action) = call.poll_output() {
            self.carry_out(&mut call, action, now);
        }
        if call.is_finished() {
            self.recorded.remove(&serial);
            self.forks.forget(call.reference());
            self.legs.forget(serial);
        } else {
            if let Some(due) = call.poll_timeout() {
                self.deadlines.insert((due, serial));
            }
            self.calls.insert(serial, call);
        }
        self.drain_agent(now);
    }

    fn carry_out(&mut self, call: &mut Call, action: Action, now: Instant) {
        match action {
            Action::Media(command) => self.command(command, now),
            Action::JoinConference { leg, number, settings } => {
                let wanted = self.conferences.join(number, settings, leg);
                self.carry_out_for_conference(wanted, now);
            }
            Action::Leg(leg, action) => self.signal(call, leg, action, now),
            Action::Lookup(extension) => {
                let call = call.reference().clone();
                self.outputs.push_back(Output::Lookup { call, extension });
            }
            Action::Live(live) => {
                self.record_answered(call, live.state);
                self.outputs.push_back(Output::Live(live));
            }
            Action::Finished(record) => self.outputs.push_back(Output::Record(record)),
        }
    }

    /// Begins the recording of a call that was answered, where all are recorded.
    fn record_answered(&mut self, call: &Call, state: CallState) {
        let serial = serial_of(call.caller());
        if self.record_calls && state == CallState::Answered && self.recorded.insert(serial) {
            let command = recording_command(call, RecordingOrder::Start);
            self.outputs.push_back(Output::Media(command));
        }
    }

    /// A command of a call. A leg that is released leaves its conference first.
    fn command(&mut self, command: MediaCommand, now: Instant) {
        if let MediaCommand::Release { leg } = command {
            let wanted = self.conferences.leave(leg);
            self.carry_out_for_conference(wanted, now);
        }
        self.outputs.push_back(Output::Media(command));
    }

    fn carry_out_for_conference(&mut self, wanted: Vec<offhook_conference::Output>, now: Instant) {
        for output in wanted {
            match output {
                offhook_conference::Output::Media(command) => {
                    self.outputs.push_back(Output::Media(command));
                }
                offhook_conference::Output::HangUp(leg, cause) => {
                    let now_ms = self.unix_ms(now);
                    self.step(serial_of(leg), now, |call| call.hang_up(cause, now_ms));
                }
            }
        }
    }

    /// A call whose code has failed: its legs end, its media is released.
    fn abandon(&mut self, call: &Call, now: Instant) {
        tracing::error!(call = %call.reference(), "a call was abandoned after a fault in its code");
        metrics::counter!("offhook_calls_abandoned_total").increment(1);
        self.forks.forget(call.reference());
        for (leg, handle) in self.legs.forget(serial_of(call.caller())) {
            signalling::note("hang up", self.agent.hang_up(handle, None, now));
            self.command(MediaCommand::Release { leg }, now);
        }
        let now_ms = self.unix_ms(now);
        match catch_unwind(AssertUnwindSafe(|| call.record_of_fault(now_ms))) {
            Ok(record) => self.outputs.push_back(Output::Record(Box::new(record))),
            Err(_) => tracing::error!(call = %call.reference(), "not even its record can be made"),
        }
        self.drain_agent(now);
    }
}

/// What the media role has to do with the recording of a call, which is made at its caller's leg.
fn recording_command(call: &Call, order: RecordingOrder) -> MediaCommand {
    let command = match order {
        RecordingOrder::Start => RecordingCommand::Start {
            path: recording_path(call.reference(), call.started_at_ms()),
            layout: RecordingLayout::Stereo,
            format: RecordingFormat::Wav,
            tone: false,
        },
        RecordingOrder::Pause => RecordingCommand::Pause,
        RecordingOrder::Resume => RecordingCommand::Resume,
        RecordingOrder::Stop => RecordingCommand::Stop,
    };
    MediaCommand::Record { source: RecordingSource::Leg(call.caller()), command }
}

/// A leg's number carries its call's.
fn serial_of(leg: LegId) -> u32 {
    u32::try_from(leg.0 >> 16 & u64::from(u32::MAX)).unwrap_or(0)
}

/// A call's reference ends in its number within the node.
fn serial_in(call: &CallRef) -> u32 {
    u32::from_str_radix(&call.as_str()[24..], 16).unwrap_or(0)
}
