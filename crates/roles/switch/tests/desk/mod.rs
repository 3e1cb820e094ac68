//! A switch between a scripted edge and a media role that agrees to everything.
#![allow(dead_code, reason = "each behaviour uses its own part of the desk")]

use bytes::Bytes;
use offhook_bus::{ForkOrder, LiveAgent, LiveQueue, SipMessage};
use offhook_model::{
    AgentId, Binding, CallRecord, CallRef, ConferenceSettings, Directory, Extension, Forwarding,
    GuestPolicy, LegId, LiveCall, LiveConference, LiveFork, LogEntry, MailboxRequest, MediaCommand,
    MediaEvent, MediaRefusal, Opened, QueueId, QueueRecord, RecordPolicy, RecordingRecord,
    RecordingSource, Secret, Service, StreamReport, Transport,
};
use offhook_sip::message::{HeaderName, Message};
use offhook_switch::{Config, Output, Question, Setup, Switch};
use offhook_testkit::{Engine, ScriptedPeer};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

pub const SDP: &str =
    "v=0\no=- 1 1 IN IP4 127.0.0.2\ns=-\nc=IN IP4 127.0.0.2\nt=0 0\nm=audio 4000 RTP/AVP 0";

/// What the media role says of audio.
const OURS: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=media\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
    m=audio 30000 RTP/AVP 0\r\n";

pub struct Desk {
    pub switch: Switch,
    pub bindings: Vec<Binding>,
    pub commands: Vec<MediaCommand>,
    pub records: Vec<CallRecord>,
    pub recordings: Vec<RecordingRecord>,
    /// The leg that was recorded last.
    pub recorded_leg: Option<LegId>,
    pub live: Vec<LiveCall>,
    /// What the media role refuses the next answer with.
    pub refuse_answer: Option<MediaRefusal>,
    pub forks: Vec<LiveFork>,
    pub statuses: Vec<LogEntry>,
    /// What was written down of messages.
    pub messages: Vec<LogEntry>,
    /// What the mailbox role was asked to do.
    pub mailbox: Vec<MailboxRequest>,
    pub agents: BTreeMap<AgentId, LiveAgent>,
    pub queues: BTreeMap<QueueId, LiveQueue>,
    pub queue_records: Vec<QueueRecord>,
    /// The conference of which something was shown last.
    pub conference: Option<LiveConference>,
    /// What webhooks were asked.
    pub questions: Vec<Question>,
    sent: VecDeque<Bytes>,
    now: Instant,
}

impl Desk {
    pub fn peer() -> ScriptedPeer<Self> {
        ScriptedPeer::new(Self::new())
    }

    pub fn new() -> Self {
        Self::with(&Config::default())
    }

    pub fn with(config: &Config) -> Self {
        let now = Instant::now();
        let setup = Setup {
            seed: [7; 32],
            start: now,
            unix_ms: 1_000_000,
            directory: Arc::new(directory()),
            today: offhook_acd::DayCounts::default(),
            callbacks: Vec::new(),
        };
        Self {
            switch: Switch::new(config, setup),
            bindings: vec![phone()],
            commands: Vec::new(),
            records: Vec::new(),
            recordings: Vec::new(),
            recorded_leg: None,
            live: Vec::new(),
            refuse_answer: None,
            forks: Vec::new(),
            statuses: Vec::new(),
            messages: Vec::new(),
            mailbox: Vec::new(),
            agents: BTreeMap::new(),
            queues: BTreeMap::new(),
            queue_records: Vec::new(),
            conference: None,
            questions: Vec::new(),
            sent: VecDeque::new(),
            now,
        }
    }

    pub fn order(&mut self, order: impl FnOnce(&mut Switch, Instant) -> bool) -> bool {
        let done = order(&mut self.switch, self.now);
        self.carry_out();
        done
    }

    /// Puts the directory in force after a change.
    pub fn change_directory(&mut self, change: impl FnOnce(&mut Directory)) {
        let mut directory = directory();
        change(&mut directory);
        self.switch.set_directory(Arc::new(directory), self.now);
        self.carry_out();
    }

    pub fn media(&mut self, event: MediaEvent) {
        self.switch.handle_media(event, self.now);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Sip(message) => self.sent.push_back(message.bytes),
                Output::Media(command) => self.answer_for_media(command),
                Output::Lookup { call, extension } => {
                    let bindings = self.bindings.clone();
                    self.switch.handle_bindings(&call, &extension, &bindings, self.now);
                }
                Output::Ask(question) => self.questions.push(question),
                Output::Live(live) => self.live.push(live),
                Output::Forks(_, forks) => self.forks = forks,
                Output::LiveConference(live) => self.conference = Some(live),
                Output::Log(LogEntry::Call(record)) => self.records.push(*record),
                Output::Log(LogEntry::Recording(record)) => self.recordings.push(*record),
                Output::Log(LogEntry::RecordingsExpired(_)) => {}
                Output::Log(LogEntry::Queue(record)) => self.queue_records.push(*record),
                Output::Log(entry @ LogEntry::AgentStatus { .. }) => self.statuses.push(entry),
                Output::Log(entry) => self.messages.push(entry),
                Output::Mailbox(request) => self.mailbox.push(request),
                Output::Agent(agent) => {
                    self.agents.insert(agent.view.id.clone(), *agent);
                }
                Output::Queue(queue) => {
                    self.queues.insert(queue.view.id.clone(), *queue);
                }
                Output::AgentGone(agent) => {
                    self.agents.remove(&agent);
                }
                Output::QueueGone(queue) => {
                    self.queues.remove(&queue);
                }
            }
        }
    }

    fn answer_for_media(&mut self, command: MediaCommand) {
        if let MediaCommand::Record { source: RecordingSource::Leg(leg), .. } = command {
            self.recorded_leg = Some(leg);
        }
        self.commands.push(command);
        let event = match self.commands[self.commands.len() - 1] {
            MediaCommand::Answer { leg, .. } | MediaCommand::Offer { leg, .. } => {
                MediaEvent::Described { leg, sdp: OURS.into() }
            }
            MediaCommand::AnswerOn { leg, ref terms, .. }
            | MediaCommand::OfferOn { leg, ref terms } => {
                MediaEvent::Described { leg, sdp: terms.like.clone() }
            }
            MediaCommand::AcceptAnswer { leg, .. } => match self.refuse_answer.take() {
                Some(why) => MediaEvent::Refused { leg, why },
                None => MediaEvent::Agreed { leg },
            },
            MediaCommand::Release { leg } => {
                MediaEvent::Released { leg, report: Some(StreamReport::default()) }
            }
            _ => return,
        };
        self.switch.handle_media(event, self.now);
    }

    /// The mailbox role's answer.
    pub fn opened(&mut self, leg: LegId, opened: Opened) {
        self.switch.handle_opened(leg, opened, self.now);
        self.carry_out();
    }

    /// An administrator's order about the forks of a call.
    pub fn fork(&mut self, call: &CallRef, order: ForkOrder) -> bool {
        let done = self.switch.fork(call, order);
        self.carry_out();
        done
    }

    pub fn bridges(&self) -> usize {
        self.commands.iter().filter(|c| matches!(c, MediaCommand::Bridge { .. })).count()
    }
}

impl Engine for Desk {
    fn handle_datagram(&mut self, datagram: Bytes, now: Instant) {
        self.now = now;
        self.switch.handle_sip(SipMessage { bytes: datagram, reliable: false }, now);
        self.carry_out();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.switch.handle_timeout(now);
        self.carry_out();
    }

    fn poll_transmit(&mut self) -> Option<Bytes> {
        self.sent.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.switch.poll_timeout()
    }
}

/// An INVITE as the edge passes it on. `account` is who the edge has authenticated.
pub fn invite(to: &str, account: Option<&str>, body: Option<&str>) -> String {
    let identity = account
        .map(|a| format!("P-Asserted-Identity: <sip:{a}@offhook.local>\n"))
        .unwrap_or_default();
    let from = account.unwrap_or("somebody");
    let body = body.map(|b| format!("Content-Type: application/sdp\n\n{b}\n")).unwrap_or_default();
    format!(
        "INVITE sip:{to}@offhook.local SIP/2.0\n\
         Via: SIP/2.0/UDP edge.test;branch=z9hG4bKinv{to}\n\
         Record-Route: <sip:token@edge.test;lr>\n\
         Max-Forwards: 69\n\
         From: \"Bo\" <sip:{from}@offhook.local>;tag=caller\n\
         To: <sip:{to}@offhook.local>\n\
         Call-ID: call-1\n\
         CSeq: 1 INVITE\n\
         Contact: <sip:{from}@127.0.0.2:5062>\n\
         {identity}{body}"
    )
}

/// A request of the caller within the dialog that `ok` made.
pub fn within(method: &str, cseq: u32, ok: &offhook_sip::message::Message, more: &str) -> String {
    let to = ok.header(offhook_sip::message::HeaderName::To).expect("a response has To");
    format!(
        "{method} sip:switch@127.0.0.1:5080 SIP/2.0\n\
         Via: SIP/2.0/UDP edge.test;branch=z9hG4bK{method}{cseq}\n\
         Max-Forwards: 69\n\
         From: \"Bo\" <sip:{from}@offhook.local>;tag=caller\n\
         To: {to}\n\
         Call-ID: call-1\n\
         CSeq: {cseq} {method}\n\
         {more}",
        from = if to.contains("9196") || to.contains("6000") { "somebody" } else { "1002" },
    )
}

/// A REFER of the callee, to whom our INVITE `out` went, with this Refer-To.
pub fn refer(out: &Message, contact: &str, refer_to: &str) -> String {
    let header = |name| out.header(name).expect("an INVITE has it");
    format!(
        "REFER sip:switch@127.0.0.1:5080 SIP/2.0\n\
         Via: SIP/2.0/UDP edge.test;branch=z9hG4bKrefer\n\
         Max-Forwards: 69\n\
         From: {};tag=callee\n\
         To: {}\n\
         Call-ID: {}\n\
         CSeq: 7 REFER\n\
         {contact}\
         Refer-To: {refer_to}\n",
        header(HeaderName::To),
        header(HeaderName::From),
        header(HeaderName::CallId),
    )
}

fn phone() -> Binding {
    Binding {
        contact: "sip:1001@127.0.0.3:5070".into(),
        route: "<sip:flow@edge.test;lr>".into(),
        transport: Transport::Udp,
        source: "127.0.0.3:5070".into(),
        q_thousandths: 1_000,
        expires_at: u64::MAX / 2_000,
        instance: None,
        reg_id: None,
        call_id: "reg".into(),
        cseq: 1,
        user_agent: None,
    }
}

fn directory() -> Directory {
    let extension = |number: &str| Extension {
        number: number.into(),
        display_name: String::new(),
        secret: Secret::Password("secret".into()),
        ring_timeout_s: 20,
        record: RecordPolicy::None,
        forward: Forwarding::default(),
    };
    let extensions = ["1001", "1002", "1003"].map(|n| (n.to_owned(), extension(n)));
    let echo = ("9196".to_owned(), Service::Echo { delay_ms: 0 });
    let conference = Service::Conference(ConferenceSettings::default());
    let conference = ("3000".to_owned(), conference);
    Directory {
        domain: "offhook.local".into(),
        extensions: extensions.into(),
        services: [echo, conference].into(),
        guest_policy: GuestPolicy { allowed: vec!["9196".into(), "3000".into()] },
        ..Directory::default()
    }
}
