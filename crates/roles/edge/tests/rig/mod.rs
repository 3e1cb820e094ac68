//! An edge without sockets, and what its tests say to it: raw SIP text in, raw SIP text out.
#![allow(dead_code, reason = "each test file uses a part of the rig")]
#![allow(clippy::unwrap_used, reason = "a test may fail here")]

use bytes::Bytes;
use offhook_bus::{GuestKey, Shared};
use offhook_edge::state::{Advertised, Moment, Output, State};
use offhook_edge::{Config, Limits};
use offhook_model::{
    Aor, Binding, Directory, Extension, Forwarding, GuestPolicy, RecordPolicy, Secret, Transport,
};
use offhook_net::{Flow, FlowId};
use offhook_sip::digest::{self, Challenge};
use offhook_sip::{HeaderName, Message};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub const UNIX: u64 = 1_800_000_000;
pub const GUEST_KEY: [u8; 32] = [9; 32];

/// The edge under test, its time and the number of the next request.
pub struct Rig {
    pub state: State,
    pub shared: Shared,
    pub moment: Moment,
    sequence: u32,
}

/// Everything that came out, in its order, by direction.
#[derive(Debug, Default)]
pub struct Out {
    pub to_devices: Vec<(Flow, Message)>,
    pub to_switch: Vec<(Message, bool)>,
}

impl Rig {
    pub fn new() -> Self {
        Self::with(Limits::default(), &[])
    }

    pub fn with(limits: Limits, host_names: &[&str]) -> Self {
        Self::configured(&Config { limits, ..Config::default() }, host_names)
    }

    pub fn configured(config: &Config, host_names: &[&str]) -> Self {
        let shared = Shared::new(directory(), GuestKey(GUEST_KEY));
        let advertised = Advertised {
            host: "198.51.100.1".to_owned(),
            ports: vec![(Transport::Udp, 5060), (Transport::Tcp, 5060), (Transport::Tls, 5061)],
            host_names: host_names.iter().map(|name| (*name).to_owned()).collect(),
            addresses: Vec::new(),
        };
        let now = Instant::now();
        let state = State::new(advertised, config, shared.clone(), &[1; 32], now);
        Self { state, shared, moment: Moment { now, unix_s: UNIX }, sequence: 0 }
    }

    pub fn advance(&mut self, seconds: u64) {
        self.moment.now += Duration::from_secs(seconds);
        self.moment.unix_s += seconds;
        if self.state.poll_timeout(self.moment).is_some_and(|due| due <= self.moment.now) {
            self.state.handle_timeout(self.moment);
        }
    }

    /// What happens when a device sends this text.
    pub fn say(&mut self, flow: &Flow, text: &str) -> Out {
        self.say_bytes(flow, text.as_bytes())
    }

    pub fn say_bytes(&mut self, flow: &Flow, bytes: &[u8]) -> Out {
        let message = Message::parse(Bytes::copy_from_slice(bytes));
        self.state.handle_received(flow, message, self.moment);
        self.drain()
    }

    /// What happens when the switch sends this text.
    pub fn switch_says(&mut self, text: &str) -> Out {
        self.state.handle_switch(Bytes::copy_from_slice(text.as_bytes()));
        self.drain()
    }

    pub fn drain(&mut self) -> Out {
        let mut out = Out::default();
        while let Some(output) = self.state.poll_output() {
            match output {
                Output::ToDevice { flow, bytes, .. } => {
                    out.to_devices
                        .push((flow, Message::parse(bytes).expect("we print what we can read")));
                }
                Output::ToSwitch(message) => {
                    let parsed = Message::parse(message.bytes).expect("we print what we can read");
                    out.to_switch.push((parsed, message.reliable));
                }
            }
        }
        out
    }

    /// Says a request and, when challenged, says it again with the answer.
    pub fn say_as(&mut self, flow: &Flow, user: &str, password: &str, request: &Request) -> Out {
        let first = self.say(flow, &request.to_string());
        let Some((_, challenge)) = first.to_devices.first() else {
            return first;
        };
        if !matches!(challenge.status().map(offhook_sip::StatusCode::code), Some(401 | 407)) {
            return first;
        }
        let answered = request.answering(challenge, user, password);
        self.say(flow, &answered.to_string())
    }

    /// Registers `user` with its right password.
    pub fn register(&mut self, flow: &Flow, user: &str, contact: &str) -> Message {
        let request = self
            .request("REGISTER", "sip:offhook.local")
            .to(&format!("sip:{user}@offhook.local"))
            .from(&format!("sip:{user}@offhook.local"))
            .header(&format!("Contact: {contact}"));
        self.say_as(flow, user, &format!("demo-{user}"), &request).only_response(200)
    }

    pub fn request(&mut self, method: &str, uri: &str) -> Request {
        self.sequence += 1;
        Request {
            method: method.to_owned(),
            uri: uri.to_owned(),
            via: format!("SIP/2.0/UDP 192.0.2.7:5062;rport;branch=z9hG4bK{}", self.sequence),
            from: "sip:1001@offhook.local".to_owned(),
            to: uri.to_owned(),
            to_tag: None,
            call_id: format!("call-{}", self.sequence),
            cseq: 1,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    pub fn bindings(&self, user: &str) -> Vec<Binding> {
        self.shared.bindings(&Aor::new(user, "offhook.local").unwrap())
    }
}

impl Out {
    /// The one response that went out to a device, which must have this status.
    #[track_caller]
    pub fn only_response(mut self, status: u16) -> Message {
        assert!(self.to_switch.is_empty(), "went to the switch: {:?}", self.to_switch);
        assert_eq!(self.to_devices.len(), 1, "{:?}", self.to_devices);
        let (_, response) = self.to_devices.remove(0);
        assert_eq!(
            response.status().map(offhook_sip::StatusCode::code),
            Some(status),
            "{response}"
        );
        response
    }

    /// The one message that went to the switch.
    #[track_caller]
    pub fn only_to_switch(mut self) -> Message {
        assert!(self.to_devices.is_empty(), "went to a device: {}", self.to_devices[0].1);
        assert_eq!(self.to_switch.len(), 1, "nothing or too much went to the switch");
        self.to_switch.remove(0).0
    }

    /// The one message that went to a device.
    #[track_caller]
    pub fn only_to_device(mut self) -> (Flow, Message) {
        assert!(self.to_switch.is_empty(), "went to the switch: {:?}", self.to_switch);
        assert_eq!(self.to_devices.len(), 1, "{:?}", self.to_devices);
        self.to_devices.remove(0)
    }

    #[track_caller]
    pub fn nothing(self) {
        assert!(self.to_devices.is_empty() && self.to_switch.is_empty(), "{self:?}");
    }
}

/// A request that prints itself.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub uri: String,
    pub via: String,
    pub from: String,
    pub to: String,
    pub to_tag: Option<String>,
    pub call_id: String,
    pub cseq: u32,
    pub headers: Vec<String>,
    pub body: String,
}

impl Request {
    pub fn from(mut self, uri: &str) -> Self {
        self.from = uri.to_owned();
        self
    }

    pub fn to(mut self, uri: &str) -> Self {
        self.to = uri.to_owned();
        self
    }

    /// Inside a dialog with that To tag.
    pub fn in_dialog(mut self, tag: &str) -> Self {
        self.to_tag = Some(tag.to_owned());
        self
    }

    pub fn via(mut self, via: &str) -> Self {
        self.via = via.to_owned();
        self
    }

    pub fn header(mut self, line: &str) -> Self {
        self.headers.push(line.to_owned());
        self
    }

    pub fn method(mut self, method: &str) -> Self {
        self.method = method.to_owned();
        self
    }

    /// The same request, one CSeq higher, with the answer to a challenge.
    pub fn answering(&self, challenge: &Message, user: &str, password: &str) -> Self {
        let (from, to) = match challenge.has(HeaderName::WwwAuthenticate) {
            true => (HeaderName::WwwAuthenticate, "Authorization"),
            false => (HeaderName::ProxyAuthenticate, "Proxy-Authorization"),
        };
        let message = Message::parse(self.to_string().into()).unwrap();
        let chosen = Challenge::choose(challenge.auth(from)).expect("a challenge");
        let request = digest::Request {
            method: message.method().unwrap(),
            uri: &self.uri,
            body: self.body.as_bytes(),
        };
        let secret = digest::Secret::Password(password.to_owned());
        let value = digest::respond(&chosen, user, &secret, request, "c0ffee", 1);
        let mut again = self.clone().header(&format!("{to}: {value}"));
        again.cseq += 1;
        again.via.push('a');
        again
    }
}

impl std::fmt::Display for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { method, uri, via, from, to, call_id, cseq, body, .. } = self;
        let tag = self.to_tag.as_ref().map_or(String::new(), |tag| format!(";tag={tag}"));
        write!(f, "{method} {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\n")?;
        write!(f, "From: \"A\" <{from}>;tag=from\r\nTo: <{to}>{tag}\r\n")?;
        write!(f, "Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n")?;
        for line in &self.headers {
            write!(f, "{line}\r\n")?;
        }
        write!(f, "Content-Length: {}\r\n\r\n{body}", body.len())
    }
}

/// A response of a device or of the switch to a request.
pub fn response(request: &Message, status_line: &str, to_tag: &str, headers: &[&str]) -> String {
    let mut text = format!("SIP/2.0 {status_line}\r\n");
    for via in request.headers_of(HeaderName::Via) {
        text.push_str(&format!("Via: {via}\r\n"));
    }
    for route in request.headers_of(HeaderName::RecordRoute) {
        text.push_str(&format!("Record-Route: {route}\r\n"));
    }
    let header = |name| request.header(name).expect("a mandatory header");
    text.push_str(&format!("From: {}\r\n", header(HeaderName::From)));
    let tag = if request.to_tag().is_some() { String::new() } else { format!(";tag={to_tag}") };
    text.push_str(&format!("To: {}{tag}\r\n", header(HeaderName::To)));
    text.push_str(&format!("Call-ID: {}\r\n", header(HeaderName::CallId)));
    text.push_str(&format!("CSeq: {}\r\n", header(HeaderName::CSeq)));
    for line in headers {
        text.push_str(&format!("{line}\r\n"));
    }
    text + "Content-Length: 0\r\n\r\n"
}

pub fn udp(remote: &str) -> Flow {
    flow(Transport::Udp, 0, remote)
}

pub fn ws(id: u64) -> Flow {
    flow(Transport::Ws, id, "192.0.2.50:50000")
}

pub fn flow(transport: Transport, id: u64, remote: &str) -> Flow {
    let local: SocketAddr = "198.51.100.1:5060".parse().unwrap();
    Flow { id: FlowId(id), transport, local, remote: remote.parse().unwrap() }
}

pub fn directory() -> Directory {
    let extension = |number: &str| Extension {
        number: number.to_owned(),
        display_name: format!("Extension {number}"),
        secret: Secret::Password(format!("demo-{number}")),
        ring_timeout_s: 20,
        record: RecordPolicy::None,
        forward: Forwarding::default(),
    };
    let numbers = ["1001", "1002"];
    Directory {
        domain: "offhook.local".to_owned(),
        extensions: numbers
            .iter()
            .map(|number| ((*number).to_owned(), extension(number)))
            .collect(),
        guest_policy: GuestPolicy { allowed: vec!["6000".to_owned(), "555XXXX".to_owned()] },
        ..Directory::default()
    }
}
