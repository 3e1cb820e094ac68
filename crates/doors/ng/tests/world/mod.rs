//! A door with a scripted media role behind it.
#![allow(dead_code, reason = "no test uses all of it")]

use offhook_bus::{
    CallSnapshot, LegMeasure, LegSnapshot, MediaCommand, MediaEvent, MediaRefusal, Security, Terms,
};
use offhook_model::{LegId, RecordingCommand, RecordingEvent, RecordingSource};
use offhook_ng::{Reply, Request, Value};
use offhook_ng_door::state::{Door, Output, RequestId, Settings};
use offhook_sdp::SessionDescription;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The first port that the scripted media role gives; each leg has the next even one.
pub const FIRST_PORT: u16 = 30_000;

pub struct World {
    pub door: Door,
    pub now: Instant,
    pub replies: VecDeque<(u64, Reply)>,
    /// Every command that the media role was given.
    pub commands: Vec<MediaCommand>,
    /// What the next description is refused with.
    pub refuse_next: Option<MediaRefusal>,
    /// Whether the media role keeps silent.
    pub is_mute: bool,
    pub measure: LegMeasure,
    /// Whether the media role has no snapshots of its legs, as of opaque ones.
    pub has_no_snapshots: bool,
    /// What is kept of calls.
    pub kept: BTreeMap<String, CallSnapshot>,
    legs: Vec<LegId>,
    next_request: u64,
    start: Instant,
}

impl World {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let now = Instant::now();
        let mut settings = Settings {
            calls_max: 100,
            delete_delay_s: 30,
            silence_timeout_s: 60,
            offer_timeout_s: 3_600,
            interfaces: BTreeMap::new(),
            instance: "instance".to_owned(),
            snapshot_interval: None,
            start: now,
            unix_start: Duration::from_secs(1_700_000_000),
        };
        change(&mut settings);
        Self {
            door: Door::new(settings),
            now,
            replies: VecDeque::new(),
            commands: Vec::new(),
            refuse_next: None,
            is_mute: false,
            measure: LegMeasure::default(),
            has_no_snapshots: false,
            kept: BTreeMap::new(),
            legs: Vec::new(),
            next_request: 0,
            start: now,
        }
    }

    /// How long it is there.
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Sends a request and returns its reply, which must come at once.
    pub fn ask(&mut self, json: &str) -> Reply {
        let id = self.send(json);
        let (replied, reply) = self.replies.pop_front().expect("a reply");
        assert_eq!(replied, id, "the reply to another request");
        reply
    }

    pub fn send(&mut self, json: &str) -> u64 {
        let (value, _) = Value::parse(json.as_bytes()).expect("a body");
        let request = Request::from_value(&value).expect("a request");
        let id = self.next_request;
        self.next_request += 1;
        self.door.handle_request(RequestId(id), request, self.now);
        self.run();
        id
    }

    /// A request with a description.
    pub fn say(&mut self, command: &str, keys: &str, sdp: &str) -> Reply {
        let sdp = sdp.replace('\r', "\\r").replace('\n', "\\n");
        self.ask(&format!(r#"{{"command":"{command}","call-id":"c",{keys}"sdp":"{sdp}"}}"#))
    }

    pub fn offer(&mut self, keys: &str, sdp: &str) -> Reply {
        self.say("offer", &format!(r#""from-tag":"a",{keys}"#), sdp)
    }

    pub fn answer(&mut self, keys: &str, sdp: &str) -> Reply {
        self.say("answer", &format!(r#""from-tag":"a","to-tag":"b",{keys}"#), sdp)
    }

    pub fn tell(&mut self, event: MediaEvent) {
        self.door.handle_media(event, self.now);
        self.run();
    }

    pub fn advance(&mut self, time: Duration) {
        self.now += time;
        self.door.handle_timeout(self.now);
        self.run();
    }

    pub fn run(&mut self) {
        while let Some(output) = self.door.poll_output() {
            match output {
                Output::Reply { request, reply } => self.replies.push_back((request.0, reply)),
                Output::Keep { call_id, snapshot } => {
                    self.kept.insert(call_id, snapshot);
                }
                Output::Forget { call_id } => {
                    self.kept.remove(&call_id);
                }
                Output::Media(command) => {
                    let event = if self.is_mute { None } else { self.answer_of_media(&command) };
                    self.commands.push(command);
                    if let Some(event) = event {
                        self.door.handle_media(event, self.now);
                    }
                }
            }
        }
    }

    fn answer_of_media(&mut self, command: &MediaCommand) -> Option<MediaEvent> {
        let leg = match command {
            MediaCommand::OfferOn { leg, .. }
            | MediaCommand::AnswerOn { leg, .. }
            | MediaCommand::AcceptAnswer { leg, .. }
            | MediaCommand::AcceptOpaqueAnswer { leg, .. } => *leg,
            MediaCommand::Measure { leg } => {
                let measure = Some(Box::new(self.measure.clone()));
                return Some(MediaEvent::Measured { leg: *leg, measure });
            }
            MediaCommand::Snapshot { leg } => {
                let snapshot =
                    (!self.has_no_snapshots).then(|| LegSnapshot(format!("all of {leg}")));
                return Some(MediaEvent::Snapshot { leg: *leg, snapshot });
            }
            MediaCommand::Restore { leg, .. } => {
                let leg = *leg;
                return Some(match self.refuse_next.take() {
                    Some(why) => MediaEvent::Refused { leg, why },
                    None => MediaEvent::Restored { leg },
                });
            }
            MediaCommand::Release { leg } => {
                return Some(MediaEvent::Released { leg: *leg, report: None });
            }
            MediaCommand::Record { source, command: RecordingCommand::Start { path, .. } } => {
                let event = RecordingEvent::Started { path: path.clone(), is_encrypted: false };
                return Some(MediaEvent::Recording { source: *source, event });
            }
            _ => return None,
        };
        if let Some(why) = self.refuse_next.take() {
            return Some(MediaEvent::Refused { leg, why });
        }
        let port = self.port_of(leg);
        Some(match command {
            MediaCommand::OfferOn { terms, .. } => {
                MediaEvent::Described { leg, sdp: described(&terms.like, port, terms, true) }
            }
            MediaCommand::AnswerOn { offer, terms, .. } => {
                MediaEvent::Described { leg, sdp: described(offer, port, terms, false) }
            }
            _ => MediaEvent::Agreed { leg },
        })
    }

    /// The port of a leg, the same each time.
    fn port_of(&mut self, leg: LegId) -> u16 {
        let known = self.legs.iter().position(|known| *known == leg);
        let place = known.unwrap_or_else(|| {
            self.legs.push(leg);
            self.legs.len() - 1
        });
        FIRST_PORT + 2 * u16::try_from(place).expect("few legs")
    }

    pub fn terms(&self) -> Vec<&Terms> {
        let terms = self.commands.iter().filter_map(|command| match command {
            MediaCommand::OfferOn { terms, .. } | MediaCommand::AnswerOn { terms, .. } => {
                Some(terms)
            }
            _ => None,
        });
        terms.collect()
    }

    pub fn released(&self) -> usize {
        let is_release = |command: &&MediaCommand| matches!(command, MediaCommand::Release { .. });
        self.commands.iter().filter(is_release).count()
    }

    pub fn recorded(&self) -> Vec<&RecordingCommand> {
        let orders = self.commands.iter().filter_map(|command| match command {
            MediaCommand::Record { source: RecordingSource::Leg(_), command } => Some(command),
            _ => None,
        });
        orders.collect()
    }
}

/// A description of the media role: the section it was shown, with its own address, port and keys.
fn described(like: &str, port: u16, terms: &Terms, is_offer: bool) -> String {
    let like = SessionDescription::parse(like.as_bytes()).expect("a description");
    let (_, section) = like.first_in_use().expect("a section");
    assert_eq!(like.media.len(), 1, "the media role sees one section alone");
    let mut ours = section.clone();
    ours.port = port;
    ours.lines.retain(|line| {
        let name = line.as_attribute().map(|(name, _)| name);
        name.is_none_or(|name| {
            matches!(name, "rtpmap" | "fmtp" | "sendrecv" | "sendonly" | "inactive")
        })
    });
    if !ours.protocol.is_rtp() {
        let head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";
        return format!("{head}{ours}");
    }
    ours.lines.retain(|line| line.kind != b'c');
    let is_dtls_offer = is_offer && terms.security == Security::Dtls;
    let mut group = String::new();
    if let Some(mid) = section.mid().or(is_dtls_offer.then_some("0")) {
        ours.push_attribute("mid", mid);
        group = format!("a=group:BUNDLE {mid}\r\n");
    }
    if terms.rtcp_mux {
        ours.push_attribute("rtcp-mux", "");
    }
    ours.push_attribute("rtcp", &(port + 1).to_string());
    if terms.ice == offhook_bus::IceRole::Full && section.has("ice-ufrag")
        || speaks_ice(terms, is_offer)
    {
        ours.push_attribute("ice-ufrag", "ours");
        ours.push_attribute("ice-pwd", "ours-ours-ours-ours-ours");
        ours.push_attribute("candidate", &format!("1 1 udp 1 192.0.2.1 {port} typ host"));
    }
    if is_offer && matches!(terms.security, Security::Sdes | Security::SdesOrDtls) {
        ours.push_attribute("crypto", "1 AES_CM_128_HMAC_SHA1_80 inline:ours");
    }
    if is_offer && matches!(terms.security, Security::Dtls | Security::SdesOrDtls) {
        ours.push_attribute("fingerprint", "sha-256 00:11");
        ours.push_attribute("setup", "actpass");
    }
    format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{group}{ours}"
    )
}

fn speaks_ice(terms: &Terms, is_offer: bool) -> bool {
    is_offer && terms.ice == offhook_bus::IceRole::Full
}

pub fn sdp_of(reply: &Reply) -> String {
    let text = reply.value().get("sdp").and_then(Value::as_text);
    text.unwrap_or_else(|| panic!("no sdp in {reply:?}")).into_owned()
}

pub fn text_of(reply: &Reply, key: &str) -> String {
    reply.value().get(key).and_then(Value::as_text).unwrap_or_default().into_owned()
}

pub fn error_of(reply: &Reply) -> String {
    assert_eq!(text_of(reply, "result"), "error", "{reply:?}");
    text_of(reply, "error-reason")
}

pub fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub const PHONE: &str = "v=0\r\no=phone 1 1 IN IP4 10.0.0.1\r\ns=A call\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=x-strange:  kept\r\na=sendrecv\r\n";

pub const OTHER: &str = "v=0\r\no=other 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\n\
    m=audio 5000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n";
