//! How media is to be handled.

use crate::rtpp_flags;
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Names that one list of flags holds at most: codecs, unknown flags and so on.
pub const NAMES_MAX: usize = 128;

/// What a request says about the media, in whichever form it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flags {
    /// Which parts of the description beside the media are replaced.
    pub replace: Replace,
    /// What is done about ICE.
    pub ice: Option<Ice>,
    /// The protocol of the `m=` line towards the receiver of the description, `RTP/SAVPF` and so on.
    pub transport_protocol: Option<String>,
    /// What is done about RTCP on a port of its own.
    pub rtcp_mux: RtcpMux,
    /// What is done about DTLS.
    pub dtls: Option<Dtls>,
    /// The hash of the fingerprint in what we describe, `sha-256` and so on.
    pub dtls_fingerprint: Option<String>,
    /// Which SDES suites are offered.
    pub sdes: Sdes,
    /// Which codecs are offered, hidden or made.
    pub codec: CodecFlags,
    /// The names of the interfaces towards the two sides.
    pub direction: Vec<String>,
    /// The family of our address in the description.
    pub address_family: Option<AddressFamily>,
    /// The address that stands for ours in the description.
    pub media_address: Option<IpAddr>,
    /// Where the signalling came from.
    pub received_from: Option<IpAddr>,
    /// Whether the address in the description is believed (`trust-address`), or that of the signalling
    /// (`SIP-source-address`).
    pub trust_address: Option<bool>,
    /// Flags that are there or not.
    pub switches: Switches,
    /// Seconds between a delete and the end of the call.
    pub delete_delay_s: Option<u32>,
    /// The type of service of packets towards the receiver.
    pub tos: Option<u8>,
    /// What the caller wants to find again in recordings.
    pub metadata: Option<String>,
    /// The packet time towards the receiver of the description, in milliseconds.
    pub ptime_ms: Option<u16>,
    /// The packet time towards its sender, in milliseconds.
    pub ptime_reverse_ms: Option<u16>,
    /// What is asked for about fax over IP (T.38): `decode`, `force` and so on, in lower case.
    pub t38: Vec<String>,
    /// Whether all media of the call is dropped from here on; nothing changes when it is not said.
    pub drop_traffic: Option<bool>,
    /// A name of the side that sent the message.
    pub label: Option<String>,
    /// The name that the side gets.
    pub set_label: Option<String>,
    /// The tags of several parties that a request is about.
    pub from_tags: Vec<String>,
    /// Flags that mean nothing here.
    pub unknown: Vec<String>,
}

/// What is replaced beside the media lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replace {
    /// The address of `o=`.
    pub origin: bool,
    /// The `c=` line of the session part.
    pub session_connection: bool,
    /// The name of `s=`.
    pub session_name: bool,
    /// The user name of `o=`.
    pub username: bool,
}

/// What is done about ICE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ice {
    /// The description speaks no ICE.
    Remove,
    /// The description speaks ICE, whatever the other side does.
    Force,
    /// The description speaks ICE when that which it is made of does.
    Default,
    /// Our candidates are added as relayed ones, and those of the other side stay.
    ForceRelay,
    /// Those of the other side stay, and we take no part.
    Optional,
}

/// What is done about RTCP on a port of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RtcpMux {
    /// Towards the receiver RTCP has a port of its own, whatever was offered.
    pub demux: bool,
    /// Sharing one port is offered.
    pub offer: bool,
    /// Sharing one port is offered, and no fallback.
    pub require: bool,
    /// Sharing one port is accepted if it was offered.
    pub accept: bool,
    /// Sharing one port is refused if it was offered.
    pub reject: bool,
}

/// What is done about DTLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dtls {
    /// It is not spoken.
    Off,
    /// The other side opens the association.
    Passive,
    /// We open it.
    Active,
}

/// The family of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AddressFamily {
    /// `IP4`
    V4,
    /// `IP6`
    V6,
}

/// Which SDES suites are offered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sdes {
    /// None at all.
    pub off: bool,
    /// These alone.
    pub only: Vec<String>,
    /// All but these.
    pub no: Vec<String>,
    /// Other flags, such as `pad` or `lifetime`.
    pub others: Vec<String>,
}

/// What is done about codecs. A name is `PCMU`, `opus/48000/2`, or `all` or `full` for every one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodecFlags {
    /// Not shown to the receiver, and still spoken with the sender.
    pub mask: Vec<String>,
    /// Offered although the sender does not have them.
    pub transcode: Vec<String>,
    /// Taken out.
    pub strip: Vec<String>,
    /// The only ones that stay.
    pub offer: Vec<String>,
    /// What stays in spite of `strip` or `mask`.
    pub except: Vec<String>,
    /// Taken by us when the other side does not.
    pub accept: Vec<String>,
    /// Not shown to the receiver, and accepted by us for the sender.
    pub consume: Vec<String>,
    /// Parameters for codecs that are offered.
    pub set: Vec<String>,
}

/// Flags that are there or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switches {
    /// Packets go to the described address and are taken from anywhere.
    pub asymmetric: bool,
    /// A party's address may change at any time.
    pub media_handover: bool,
    /// `mid` is added where there is none.
    pub generate_mid: bool,
    /// The call is recorded from its start.
    pub record_call: bool,
    /// No `rtcp` attribute is written.
    pub no_rtcp_attribute: bool,
    /// The `rtcp` attribute is written with its address.
    pub full_rtcp_attribute: bool,
    /// Descriptions that passed here before are left alone.
    pub loop_protect: bool,
    /// Only one codec is answered.
    pub single_codec: bool,
    /// Speech is decoded and encoded even where both sides have a codec in common.
    pub always_transcode: bool,
    /// What we do not find is an error.
    pub fatal: bool,
    /// Every party of the call is meant.
    pub all: bool,
    /// Keys pressed are told of.
    pub detect_dtmf: bool,
    /// A subscription is described as `inactive`.
    pub inactive: bool,
    /// The ICE of an offer is not answered.
    pub reject_ice: bool,
    /// A plain offer has keys, too, which the answer may take (RFC 8643).
    pub osrtp_offer: bool,
}

impl Flags {
    /// Takes in a key of the dictionary with its value.
    pub(crate) fn handle_key(&mut self, key: &str, value: &Value<'_>) {
        let key = normalised(key);
        match (key.as_str(), value) {
            ("flags", _) => each_text(value, |token| self.handle_token(token)),
            ("rtpp-flags", _) => each_text(value, |line| {
                rtpp_flags::tokens(line).for_each(|token| self.handle_token(&token));
            }),
            ("replace" | "sdes" | "rtcp-mux" | "osrtp" | "t.38", _) => each_text(value, |item| {
                self.handle_token(&format!("{key}-{item}"));
            }),
            ("codec", Value::Dictionary(entries)) => {
                for (action, names) in entries {
                    let action = format!("codec-{}", normalised(&String::from_utf8_lossy(action)));
                    each_text(names, |name| self.handle(&action, name));
                }
            }
            ("codec", _) => each_text(value, |item| self.handle_token(&format!("codec-{item}"))),
            ("direction", _) => each_text(value, |name| push(&mut self.direction, name)),
            ("from-tags", _) => each_text(value, |tag| push(&mut self.from_tags, tag)),
            ("received-from", Value::List(parts)) => {
                let address = parts.last().and_then(Value::as_text);
                self.received_from = address.and_then(|address| address.parse().ok());
            }
            (_, Value::Integer(number)) => self.handle(&key, &number.to_string()),
            (_, Value::Text(_)) => each_text(value, |text| self.handle(&key, text)),
            (_, Value::List(_) | Value::Dictionary(_)) => push(&mut self.unknown, &key),
        }
    }

    /// Takes in an entry of `flags` or a word of `rtpp-flags`: `name`, `name=value`, or a value behind a
    /// known beginning, as in `transcode-PCMU`.
    pub(crate) fn handle_token(&mut self, token: &str) {
        if let Some((name, value)) = token.split_once('=') {
            return self.handle(&normalised(name), value);
        }
        if is_protocol(token) {
            self.transport_protocol = Some(token.to_owned());
            return;
        }
        let name = normalised(token);
        for (beginning, key) in BEGINNINGS {
            if name.starts_with(beginning)
                && let Some(value) = token.get(beginning.len()..)
            {
                return self.handle(key, value);
            }
        }
        self.handle(&name, "");
    }

    fn handle(&mut self, name: &str, value: &str) {
        if self.handle_switch(name, value) || self.handle_codec(name, value) {
            return;
        }
        match name {
            "ice" => self.ice = ice(value),
            "transport-protocol" => self.transport_protocol = Some(value.to_owned()),
            "dtls" => self.dtls = dtls(value),
            "dtls-fingerprint" => self.dtls_fingerprint = Some(value.to_ascii_lowercase()),
            "sdes" | "sdes-no" | "sdes-only" => self.handle_sdes(name, value),
            "rtcp-mux" => self.handle_rtcp_mux(value),
            "replace" => self.handle_replace(value),
            "direction" => push(&mut self.direction, value),
            // Where there is one side alone, it has one interface.
            "interface" => self.direction = vec![value.to_owned(), value.to_owned()],
            "from-tags" => push(&mut self.from_tags, value),
            "address-family" => self.address_family = address_family(value),
            "media-address" => self.media_address = bare(value).parse().ok(),
            "received-from" | "sip-source-address-is" => {
                self.received_from =
                    bare(value.rsplit([' ', ',']).next().unwrap_or(value)).parse().ok();
            }
            "delete-delay" => self.delete_delay_s = value.trim().parse().ok(),
            "tos" => self.tos = value.trim().parse().ok(),
            "metadata" => self.metadata = Some(value.to_owned()),
            "ptime-reverse" => self.ptime_reverse_ms = value.trim().parse().ok(),
            "t.38" => push(&mut self.t38, &normalised(value)),
            "drop-traffic" => self.handle_drop_traffic(value),
            "webrtc" => self.speak_to_browser(),
            // Offers with optional keys are answered with keys without being asked to.
            "osrtp-accept" | "osrtp-accept-rfc" => {}
            "ptime" => self.ptime_ms = value.trim().parse().ok(),
            "label" | "from-label" => self.label = Some(value.to_owned()),
            "set-label" | "to-label" => self.set_label = Some(value.to_owned()),
            // The module that sends the string has made a key of these.
            "via-branch" | "via-branch-param" => {}
            _ => push(&mut self.unknown, name),
        }
    }

    fn handle_switch(&mut self, name: &str, value: &str) -> bool {
        let is_on = !matches!(value, "no" | "off" | "0" | "false" | "none");
        let switches = &mut self.switches;
        let switch = match name {
            "asymmetric" => &mut switches.asymmetric,
            "media-handover" => &mut switches.media_handover,
            "generate-mid" => &mut switches.generate_mid,
            "record-call" => &mut switches.record_call,
            "no-rtcp-attribute" => &mut switches.no_rtcp_attribute,
            "full-rtcp-attribute" => &mut switches.full_rtcp_attribute,
            "loop-protect" => &mut switches.loop_protect,
            "single-codec" => &mut switches.single_codec,
            "always-transcode" => &mut switches.always_transcode,
            "fatal" => &mut switches.fatal,
            "all" => &mut switches.all,
            "detect-dtmf" => &mut switches.detect_dtmf,
            "inactive" => &mut switches.inactive,
            "reject-ice" => &mut switches.reject_ice,
            "osrtp-offer" | "osrtp-offer-rfc" => &mut switches.osrtp_offer,
            "trust-address" => {
                self.trust_address = Some(is_on);
                return true;
            }
            "sip-source-address" => {
                self.trust_address = Some(!is_on);
                return true;
            }
            // What these ask for is done without being asked.
            "symmetric" | "strict-source" | "port-latching" | "reset" | "original-sendrecv"
            | "inject-dtmf" | "allow-transcoding" | "no-redis-update" | "debug" | "ice-lite"
            | "generate-rtcp" | "unidirectional" => return true,
            _ => return false,
        };
        *switch = is_on;
        true
    }

    /// What a browser needs (the flag `WebRTC`).
    fn speak_to_browser(&mut self) {
        self.transport_protocol = Some("UDP/TLS/RTP/SAVPF".to_owned());
        self.ice = Some(Ice::Force);
        self.rtcp_mux.offer = true;
        self.rtcp_mux.require = true;
        self.sdes.off = true;
        self.switches.no_rtcp_attribute = true;
        self.switches.generate_mid = true;
    }

    /// `stop` holds where both are said.
    fn handle_drop_traffic(&mut self, value: &str) {
        match normalised(value).as_str() {
            "start" => self.drop_traffic = self.drop_traffic.or(Some(true)),
            "stop" => self.drop_traffic = Some(false),
            _ => push(&mut self.unknown, "drop-traffic"),
        }
    }

    fn handle_codec(&mut self, name: &str, value: &str) -> bool {
        let Some(action) = name.strip_prefix("codec-") else { return false };
        let codec = &mut self.codec;
        let names = match action {
            "mask" => &mut codec.mask,
            "transcode" => &mut codec.transcode,
            "strip" => &mut codec.strip,
            "offer" => &mut codec.offer,
            "except" => &mut codec.except,
            "accept" => &mut codec.accept,
            "consume" => &mut codec.consume,
            "set" => &mut codec.set,
            _ => return false,
        };
        value.split([',', ';']).filter(|name| !name.is_empty()).for_each(|name| push(names, name));
        true
    }

    fn handle_sdes(&mut self, name: &str, value: &str) {
        let value = if name == "sdes-no" { format!("no-{value}") } else { value.to_owned() };
        let value = if name == "sdes-only" { format!("only-{value}") } else { value };
        let lower = value.to_ascii_lowercase();
        let rest = |length: usize| value.get(length..).unwrap_or_default();
        match lower.as_str() {
            "off" | "no" | "disable" => self.sdes.off = true,
            "nonew" => push(&mut self.sdes.others, &lower),
            _ if lower.starts_with("only-") => push(&mut self.sdes.only, rest(5)),
            _ if lower.starts_with("no-") => push(&mut self.sdes.no, rest(3)),
            _ => push(&mut self.sdes.others, &lower),
        }
    }

    fn handle_rtcp_mux(&mut self, value: &str) {
        let mux = &mut self.rtcp_mux;
        match value.to_ascii_lowercase().as_str() {
            "demux" => mux.demux = true,
            "offer" => mux.offer = true,
            "require" => mux.require = true,
            "accept" => mux.accept = true,
            "reject" => mux.reject = true,
            _ => push(&mut self.unknown, "rtcp-mux"),
        }
    }

    fn handle_replace(&mut self, value: &str) {
        match normalised(value).as_str() {
            "origin" => self.replace.origin = true,
            "session-connection" => self.replace.session_connection = true,
            "session-name" => self.replace.session_name = true,
            "username" => self.replace.username = true,
            _ => push(&mut self.unknown, "replace"),
        }
    }
}

/// Words whose end is a value.
const BEGINNINGS: [(&str, &str); 19] = [
    ("codec-mask-", "codec-mask"),
    ("codec-transcode-", "codec-transcode"),
    ("codec-strip-", "codec-strip"),
    ("codec-offer-", "codec-offer"),
    ("codec-except-", "codec-except"),
    ("codec-accept-", "codec-accept"),
    ("codec-consume-", "codec-consume"),
    ("codec-set-", "codec-set"),
    ("transcode-", "codec-transcode"),
    ("sdes-", "sdes"),
    ("rtcp-mux-", "rtcp-mux"),
    ("replace-", "replace"),
    ("ice-lite-", "ice-lite"),
    ("ice-", "ice"),
    ("dtls-", "dtls"),
    ("direction-", "direction"),
    ("from-tags-", "from-tags"),
    ("t.38-", "t.38"),
    ("drop-traffic-", "drop-traffic"),
];

/// Lower case, with hyphens for spaces.
fn normalised(name: &str) -> String {
    name.trim().to_ascii_lowercase().replace([' ', '_'], "-")
}

fn push(names: &mut Vec<String>, name: &str) {
    if names.len() < NAMES_MAX {
        names.push(name.to_owned());
    }
}

fn each_text(value: &Value<'_>, mut act: impl FnMut(&str)) {
    match value {
        Value::List(values) => {
            values.iter().filter_map(Value::as_text).for_each(|text| act(&text));
        }
        Value::Text(_) => {
            if let Some(text) = value.as_text() {
                act(&text);
            }
        }
        Value::Integer(number) => act(&number.to_string()),
        Value::Dictionary(_) => {}
    }
}

fn is_protocol(token: &str) -> bool {
    const PROTOCOLS: [&str; 6] =
        ["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"];
    PROTOCOLS.iter().any(|protocol| protocol.eq_ignore_ascii_case(token))
}

fn ice(value: &str) -> Option<Ice> {
    match normalised(value).as_str() {
        "remove" => Some(Ice::Remove),
        "force" => Some(Ice::Force),
        "default" => Some(Ice::Default),
        "optional" => Some(Ice::Optional),
        "force-relay" => Some(Ice::ForceRelay),
        _ => None,
    }
}

fn dtls(value: &str) -> Option<Dtls> {
    match normalised(value).as_str() {
        "off" | "no" | "disable" => Some(Dtls::Off),
        "passive" => Some(Dtls::Passive),
        "active" => Some(Dtls::Active),
        _ => None,
    }
}

fn address_family(value: &str) -> Option<AddressFamily> {
    match normalised(value).as_str() {
        "ip4" | "inet" | "ipv4" => Some(AddressFamily::V4),
        "ip6" | "inet6" | "ipv6" => Some(AddressFamily::V6),
        _ => None,
    }
}

/// An address without the brackets of an IPv6 one.
fn bare(address: &str) -> &str {
    address.trim().trim_start_matches('[').trim_end_matches(']')
}
