//! The switch without I/O.

mod callbacks;
mod conference_orders;
mod conferences;
mod forks;
mod legs;
mod menus;
mod message_waiting;
mod progress;
mod queues;
mod recordings;
mod replace;
mod signalling;
mod supervising;
mod supervisions;
mod three_way;
mod voicemail;

use crate::Config;
use crate::identity::{Caller, dialled, policy_for};
use crate::info::takes_info;
use bytes::Bytes;
use callbacks::Callbacks;
use conferences::Conferences;
use forks::Forks;
use legs::Legs;
use menus::Menus;
pub use menus::Question;
use message_waiting::MessageWaiting;
use offhook_bus::{ForkOrder, LiveAgent, LiveQueue, RecordingOrder, SipMessage};
use offhook_call::{Action, Call, Incoming, LegInput};
use offhook_model::{
    AgentId, Binding, CallRecord, CallRef, CallState, Directory, ForkEvent, ForkId, HangupCause,
    LegId, LiveCall, LiveConference, LiveFork, LogEntry, MailboxRequest, MediaCommand, MediaEvent,
    QueueId, RecordingCommand, RecordingEvent, RecordingSource, WaitingCallback,
};
use offhook_routing::{Request, do_not_disturb, resolve, route};
use offhook_sip::message::{Message, StatusCode};
use offhook_sip::transaction::Transport;
use offhook_sip::user_agent::{self, LegHandle, Peer, SessionTimerConfig, UserAgent};
pub(crate) use progress::PACKAGE;
use progress::Watchers;
use queues::{Part, Queues};
use recordings::{Recordings, Usual};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use supervisions::Supervisions;
use voicemail::Voicemail;

/// When a caller who found no room may try again, in seconds.
const RETRY_AFTER: (&str, &str) = ("Retry-After", "10");

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
    /// Ask a webhook what is next for a caller in a menu, and call [`Switch::handle_answer`].
    Ask(Question),
    /// Ask the mailbox role for something. An answer comes by [`Switch::handle_opened`].
    Mailbox(MailboxRequest),
    /// How a call stands.
    Live(LiveCall),
    /// How the audio forks of a call stand.
    Forks(CallRef, Vec<LiveFork>),
    /// How a conference stands; without members it is over.
    LiveConference(LiveConference),
    /// How an agent stands.
    Agent(Box<LiveAgent>),
    /// An agent is no more.
    AgentGone(AgentId),
    /// How a queue stands.
    Queue(Box<LiveQueue>),
    /// A queue is no more.
    QueueGone(QueueId),
    /// A call is over, a recording began or ended, something happened in a queue: what is to be written down.
    Log(LogEntry),
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
    /// What was counted of the day so far, by an earlier process.
    pub today: offhook_acd::DayCounts,
    /// The callbacks that waited when an earlier process ended.
    pub callbacks: Vec<WaitingCallback>,
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
    queues: Queues,
    callbacks: Callbacks,
    forks: Forks,
    menus: Menus,
    watchers: Watchers,
    directory: Arc<Directory>,
    outputs: VecDeque<Output>,
    start: Instant,
    start_unix_ms: u64,
    boot: u64,
    serial: u32,
    calls_max: usize,
    reattach_ms: u64,
    record_calls: bool,
    recordings: Recordings,
    supervisions: Supervisions,
    voicemail: Voicemail,
    message_waiting: MessageWaiting,
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
        let mut queues = Queues::new(boot.rotate_left(31), setup.unix_ms);
        queues.configure(&Directory::default(), &setup.directory, setup.unix_ms);
        queues.restore_day(&setup.today);
        let mut switch = Self {
            agent: UserAgent::new(agent_config, setup.seed),
            calls: HashMap::new(),
            deadlines: BTreeSet::new(),
            legs: Legs::default(),
            conferences: Conferences::default(),
            queues,
            callbacks: Callbacks::default(),
            forks: Forks::default(),
            menus: Menus::default(),
            watchers: Watchers::default(),
            directory: setup.directory,
            outputs: VecDeque::new(),
            start: setup.start,
            start_unix_ms: setup.unix_ms,
            boot: boot.rotate_left(17) ^ setup.unix_ms,
            serial: 0,
            calls_max: config.calls_max,
            reattach_ms: u64::from(config.reattach_s) * 1_000,
            record_calls: config.record_calls,
            recordings: Recordings::new(Usual {
                format: config.recording_format,
                layout: config.recording_layout,
                tone: config.recording_tone,
            }),
            supervisions: Supervisions::default(),
            voicemail: Voicemail::new(&config.voicemail),
            message_waiting: MessageWaiting::default(),
            draining: false,
            is_hearing_agent: false,
        };
        switch.restore_callbacks(setup.callbacks, setup.unix_ms);
        switch
    }

    /// The wall clock reads `unix_ms` at `now`. Calls that run keep the time by which they were begun, so that
    /// no clock's step ends them or lengthens their record.
    pub fn set_clock(&mut self, unix_ms: u64, now: Instant) {
        if self.calls.is_empty() {
            (self.start, self.start_unix_ms) = (now, unix_ms);
        }
    }

    /// Puts another directory in force, for calls that come from here on.
    pub fn set_directory(&mut self, directory: Arc<Directory>, now: Instant) {
        let now_ms = self.unix_ms(now);
        self.queues.configure(&self.directory, &directory, now_ms);
        self.directory = directory;
        self.drain_queues(now);
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
        if let MediaEvent::Recording { source, event } = &event
            && !self.note_message(*source, event, now)
        {
            self.note_recording(*source, event, now);
        }
        if let MediaEvent::RecordingsExpired { paths } = &event {
            let entry = LogEntry::RecordingsExpired(paths.clone());
            self.outputs.push_back(Output::Log(entry));
        }
        if let MediaEvent::Dtmf { leg, digit, duration_ms } = &event {
            self.handle_supervised_key(*leg, *digit, *duration_ms, now);
            self.handle_queue_key(*leg, *digit, now);
        }
        let wanted = self.conferences.handle_media(&event);
        self.handle_menu_media(&event, now);
        self.handle_voicemail_media(&event, now);
        if let Some(leg) = event.leg() {
            self.step(self.legs.call_of(leg), now, |call| call.handle_media(event, now_ms));
        }
        self.carry_out_for_conference(wanted, now);
        self.drain_queues(now);
    }

    /// Where the extension of an [`Output::Lookup`] is bound.
    pub fn handle_bindings(
        &mut self,
        call: &CallRef,
        extension: &str,
        bindings: &[Binding],
        now: Instant,
    ) {
        let now_ms = self.unix_ms(now);
        self.step(serial_in(call), now, |call| {
            call.handle_bindings(extension, bindings, now_ms);
        });
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
    /// recording; false when there is no such call, or no such recording.
    pub fn record(&mut self, call: &CallRef, order: RecordingOrder, now: Instant) -> bool {
        let now_ms = self.unix_ms(now);
        let known = self.calls.get(&serial_in(call)).filter(|known| known.reference() == call);
        let Some(known) = known else { return false };
        let source = self.recordings.source_of(known);
        let command = match order {
            RecordingOrder::Start(form) => self.recordings.start(known, form, now_ms),
            RecordingOrder::Pause => self.recordings.change(source, RecordingCommand::Pause),
            RecordingOrder::Resume => self.recordings.change(source, RecordingCommand::Resume),
            RecordingOrder::Stop => self.recordings.change(source, RecordingCommand::Stop),
        };
        let Some(command) = command else { return false };
        self.outputs.push_back(Output::Media(command));
        self.step(serial_in(call), now, Call::publish);
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
        let Some(call) = self.calls.get(&self.legs.call_of(leg)) else { return };
        let call = call.reference().clone();
        if self.forks.handle_event(&call, fork, event) {
            tracing::info!(%call, %fork, "the receiver of an audio fork ends the call");
            self.hang_up(&call, now);
        } else {
            let forks = self.forks.of(&call);
            self.outputs.push_back(Output::Forks(call, forks));
        }
    }

    /// Writes down what became of a recording, and shows it.
    fn note_recording(&mut self, source: RecordingSource, event: &RecordingEvent, now: Instant) {
        let record = self.recordings.handle_event(source, event, self.unix_ms(now));
        let Some(record) = record else { return };
        self.outputs.push_back(Output::Log(LogEntry::Recording(Box::new(record))));
        match source {
            RecordingSource::Leg(leg) => self.step(self.legs.call_of(leg), now, Call::publish),
            RecordingSource::Conference(id) => self.conferences.note_change_of(id),
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
        self.run_queue_timers(now);
        self.tell_positions(now);
        self.handle_menu_timeouts(now);
        self.handle_voicemail_timeouts(now);
        self.handle_subscription_timeouts(now);
    }

    /// When [`Switch::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let agent = self.agent.poll_timeout().map(|(at, _)| at);
        let call = self.deadlines.first().map(|(due, _)| *due);
        let waiting = [self.menus.poll_timeout(), self.watchers.poll_timeout()];
        let more = [self.voicemail.poll_timeout(), self.message_waiting.poll_timeout()];
        let waiting = waiting.into_iter().chain(more).flatten();
        let own = call.into_iter().chain(waiting).chain([self.queues.poll_timeout()]).min();
        agent.into_iter().chain(own.map(|due| self.instant(due))).min()
    }

    /// The next thing to do; to be asked until `None` after every `handle_*`.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        output.or_else(|| self.poll_conference()).or_else(|| self.poll_queue_change())
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
            let headers = [RETRY_AFTER];
            let code = StatusCode::SERVICE_UNAVAILABLE;
            let answered = self.agent.reject(handle, code, None, &headers, now);
            signalling::note("reject", answered);
            metrics::counter!("offhook_calls_refused_total").increment(1);
            return;
        }
        let serial = self.next_serial();
        let incoming = self.incoming(serial, request, sdp);
        self.heed_do_not_disturb(&incoming);
        tracing::info!(call = %incoming.call, "call comes in");
        let mut call = Call::new(incoming, self.unix_ms(now));
        call.set_reattach_ms(self.reattach_ms);
        self.legs.insert(call.caller(), handle);
        self.watchers.note(call.caller(), request);
        let engaged = self.queues.agents_in(&call);
        self.queues.note_engaged(serial, &[], &engaged, self.unix_ms(now));
        self.calls.insert(serial, call);
        self.step(serial, now, |_| {});
        if takes_info(request) {
            self.input(handle, LegInput::TakesInfo, now);
        }
    }

    fn next_serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1).max(1);
        self.serial
    }

    /// An extension may have dialled that it does not want to be disturbed, or does again. That is in force at
    /// once, and is written down.
    fn heed_do_not_disturb(&mut self, incoming: &Incoming) {
        let Some(is_on) = do_not_disturb(&incoming.dialled) else { return };
        let Some(number) = &incoming.account else { return };
        let Some(extension) = Arc::make_mut(&mut self.directory).extensions.get_mut(number) else {
            return;
        };
        extension.forward.do_not_disturb = is_on;
        let request = MailboxRequest::DoNotDisturb { extension: number.clone(), is_on };
        self.outputs.push_back(Output::Mailbox(request));
    }

    /// The name of the call with this number.
    fn reference(&self, serial: u32) -> CallRef {
        CallRef::from_bits(u128::from(self.boot) << 64 | u128::from(serial))
    }

    fn incoming(&mut self, serial: u32, request: &Message, sdp: Option<&Bytes>) -> Incoming {
        let caller = Caller::of(request);
        let dialled = dialled(request);
        let asked = Request { caller: caller.account.as_deref(), dialled: &dialled };
        let decision = route(asked, &self.directory);
        let decision = replace::nothing_rings(&dialled, decision);
        let decision = self.find_supervised(serial, caller.account.as_deref(), decision);
        Incoming {
            call: self.reference(serial),
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
        self.step(self.legs.call_of(leg), now, |call| call.handle_leg(leg, input, now_ms));
    }

    /// Lets one call take one step and carries out what it wants. A call whose code fails ends; the
    /// others do not notice.
    fn step(&mut self, serial: u32, now: Instant, change: impl FnOnce(&mut Call)) {
        let Some((mut call, engaged)) = self.take(serial) else { return };
        let were_three = call.three().is_some();
        if catch_unwind(AssertUnwindSafe(|| change(&mut call))).is_err() {
            self.queues.note_engaged(serial, &engaged, &[], self.unix_ms(now));
            self.abandon(&call, now);
            return;
        }
        self.carry_all_out(&mut call, now);
        if were_three {
            self.record_who_is_left(&call, now);
        }
        self.put_back(call, &engaged, now);
        self.drain_agent(now);
        self.drain_queues(now);
    }

    /// Takes a call out for a step, with the agents who take part in it.
    fn take(&mut self, serial: u32) -> Option<(Call, Vec<Part>)> {
        let call = self.calls.remove(&serial)?;
        if let Some(due) = call.poll_timeout() {
            self.deadlines.remove(&(due, serial));
        }
        let engaged = self.queues.agents_in(&call);
        Some((call, engaged))
    }

    fn carry_all_out(&mut self, call: &mut Call, now: Instant) {
        while let Some(action) = call.poll_output() {
            self.carry_out(call, action, now);
        }
    }

    /// Puts a call back after its step, or forgets it when it is over.
    fn put_back(&mut self, call: Call, engaged: &[Part], now: Instant) {
        let serial = serial_of(call.caller());
        let still_engaged = self.queues.agents_in(&call);
        self.queues.note_engaged(serial, engaged, &still_engaged, self.unix_ms(now));
        if call.is_finished() {
            self.forks.forget(call.reference());
            self.watchers.forget(call.caller());
            self.legs.forget(serial);
            self.callbacks.forget(serial);
            self.stop_supervising(serial, now);
        } else {
            self.tell_progress(&call, now);
            if let Some(due) = call.poll_timeout() {
                self.deadlines.insert((due, serial));
            }
            self.calls.insert(serial, call);
            self.take_over_if_asked(serial, now);
        }
    }

    fn carry_out(&mut self, call: &mut Call, action: Action, now: Instant) {
        match action {
            Action::Media(command) => {
                let parts = matches!(command, MediaCommand::Unbridge { .. });
                if self.command(command, now) && parts {
                    call.publish();
                }
            }
            Action::Supervise { leg } => {
                if !self.join_supervised(leg, now) {
                    call.hang_up(HangupCause::NORMAL_CLEARING, self.unix_ms(now));
                }
            }
            Action::JoinConference { leg, number, settings } => {
                let wanted = self.conferences.join(number, settings, leg);
                self.carry_out_for_conference(wanted, now);
            }
            Action::GoTo(target) => {
                let decision = resolve(&target, &self.directory);
                call.handle_decision(decision, self.unix_ms(now));
            }
            Action::JoinQueue { leg, queue } => {
                let music = self.directory.queues.get(&queue).map(|queue| queue.music.clone());
                music.into_iter().for_each(|music| call.handle_joined(music));
                self.queues.join(call, leg, queue, self.unix_ms(now));
            }
            Action::LeaveQueue { leg } => self.queues.leave(call, leg, self.unix_ms(now)),
            Action::Offer(offer, report) => {
                self.queues.report(offer, &report, self.unix_ms(now));
            }
            Action::CalledBack { is_reached } => self.note_called_back(call, is_reached, now),
            Action::EnterMenu { leg, menu } => self.enter_menu(call, leg, &menu, now),
            Action::LeaveMenu { leg } => self.menus.leave(leg),
            Action::LeaveMessage { leg, mailbox } => self.leave_message(call, leg, &mailbox, now),
            Action::HearMessages { leg, own } => self.hear_messages(call, leg, own, now),
            Action::LeaveMailbox { leg } => self.leave_mailbox(leg, now),
            Action::Leg(leg, action) => self.signal(call, leg, action, now),
            Action::Lookup(extension) => {
                let call = call.reference().clone();
                self.outputs.push_back(Output::Lookup { call, extension });
            }
            Action::Live(mut live) => {
                if live.state == CallState::Answered {
                    self.record_answered(call, &live, now);
                }
                live.recording = self.recordings.live(self.recordings.source_of(call));
                live.supervisors = self.supervisions.live(serial_of(call.caller()));
                self.outputs.push_back(Output::Live(live));
            }
            Action::Finished(record) => self.finish(call, *record),
        }
    }

    /// Begins the recording of a call that was answered, where all are recorded, or those of its account or of
    /// who answered.
    fn record_answered(&mut self, call: &Call, live: &LiveCall, now: Instant) {
        if self.supervisions.supervised_from(serial_of(call.caller())).is_some() {
            return;
        }
        let answered_by = live.answered_by.as_deref().unwrap_or_default();
        let account = call.account(call.caller());
        if self.record_calls || self.directory.records(account, answered_by) {
            let command = self.recordings.start_automatically(call, self.unix_ms(now));
            self.outputs.extend(command.map(Output::Media));
        }
    }

    /// Writes the record of a call down, with its recordings.
    fn finish(&mut self, call: &Call, mut record: CallRecord) {
        record.recordings = self.recordings.forget(call);
        self.outputs.push_back(Output::Log(LogEntry::Call(Box::new(record))));
    }

    /// A command of a call. A leg that is released leaves its conference first, and one that parts from its
    /// partner is supervised no longer; says whether it was. Two that are supervised stay in their conference
    /// when they are to be bridged.
    fn command(&mut self, command: MediaCommand, now: Instant) -> bool {
        let mut was_supervised = false;
        if let MediaCommand::Release { leg } = command {
            let wanted = self.conferences.leave(leg);
            self.carry_out_for_conference(wanted, now);
            self.menus.forget(leg);
            self.leave_mailbox(leg, now);
        }
        if let MediaCommand::Bridge { a, b } = command {
            [a, b].into_iter().for_each(|leg| self.menus.forget(leg));
        }
        if let MediaCommand::Release { leg } | MediaCommand::Unbridge { leg } = command {
            was_supervised = self.leave_supervised(leg, now);
        }
        if let MediaCommand::Bridge { a, b } = command
            && let Some(instead) = self.supervisions.instead_of_bridge(self.legs.call_of(a), a, b)
        {
            self.outputs.extend(instead.into_iter().map(Output::Media));
            return was_supervised;
        }
        self.outputs.push_back(Output::Media(command));
        was_supervised
    }

    fn carry_out_for_conference(&mut self, wanted: Vec<offhook_conference::Output>, now: Instant) {
        for output in wanted {
            match output {
                offhook_conference::Output::Media(command) => {
                    self.outputs.push_back(Output::Media(command));
                }
                offhook_conference::Output::HangUp(leg, cause) => {
                    let now_ms = self.unix_ms(now);
                    self.step(self.legs.call_of(leg), now, |call| call.hang_up(cause, now_ms));
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
        for leg in call.video_legs() {
            self.command(MediaCommand::Release { leg }, now);
        }
        self.stop_supervising(serial_of(call.caller()), now);
        let now_ms = self.unix_ms(now);
        match catch_unwind(AssertUnwindSafe(|| call.record_of_fault(now_ms))) {
            Ok(record) => self.finish(call, record),
            Err(_) => tracing::error!(call = %call.reference(), "not even its record can be made"),
        }
        self.drain_agent(now);
    }
}

/// A leg's number carries its call's.
fn serial_of(leg: LegId) -> u32 {
    u32::try_from(leg.0 >> 16 & u64::from(u32::MAX)).unwrap_or(0)
}

/// A call's reference ends in its number within the node.
fn serial_in(call: &CallRef) -> u32 {
    u32::from_str_radix(&call.as_str()[24..], 16).unwrap_or(0)
}
