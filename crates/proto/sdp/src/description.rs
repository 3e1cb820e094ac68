//! The description as a tree of lines: session part and media sections (RFC 8866).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::parse::{self, ParseError};

/// A session description (RFC 8866 5).
///
/// `v=`, `o=` and the `m=` lines are fields; every other line stays in [`Line`]s in the order in
/// which it came, known or not, so that printing gives back what was parsed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SessionDescription {
    /// `o=`: who made the session, its id and its version.
    pub origin: Origin,
    /// The other lines of the session part in order, `s=` and `t=` included.
    pub lines: Vec<Line>,
    /// The media sections in order.
    pub media: Vec<MediaDescription>,
}

/// The origin (RFC 8866 5.2).
///
/// Ids are text: devices send numbers of more than 64 bits and signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The user's login, or `-`.
    pub username: String,
    /// The session id.
    pub session_id: String,
    /// The session version, one more with each change of the description.
    pub version: String,
    /// The address of the machine that made the session.
    pub address: Connection,
}

/// A network address as `c=` and `o=` write it (RFC 8866 5.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The network type, `IN`.
    pub network: String,
    /// `IP4` or `IP6`.
    pub address_type: String,
    /// The address or host name, with `/ttl` when one was written.
    pub address: String,
}

/// One line that is not `v=`, `o=` or `m=`.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    /// The letter before `=`.
    pub kind: u8,
    /// What stands behind `=`.
    pub value: String,
}

/// A media section (RFC 8866 5.14): the `m=` line and the lines that follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaDescription {
    /// What kind of media it is.
    pub kind: MediaKind,
    /// The transport port; 0 rejects or disables the section.
    pub port: u16,
    /// The number of ports, when one was written (`49170/2`).
    pub port_count: Option<u16>,
    /// The transport protocol and profile.
    pub protocol: Protocol,
    /// The formats: RTP payload types, or names for other protocols.
    pub formats: Vec<String>,
    /// The lines of the section in order.
    pub lines: Vec<Line>,
}

/// The media type of an `m=` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// `audio`
    Audio,
    /// `video`
    Video,
    /// `application`, such as a data channel.
    Application,
    /// `image`, such as T.38 fax.
    Image,
    /// Any other.
    Other(String),
}

/// The protocol of an `m=` line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// `RTP/AVP` (RFC 3551).
    RtpAvp,
    /// `RTP/AVPF` (RFC 4585).
    RtpAvpf,
    /// `RTP/SAVP` (RFC 3711).
    RtpSavp,
    /// `RTP/SAVPF` (RFC 5124).
    RtpSavpf,
    /// `UDP/TLS/RTP/SAVP` (RFC 5764).
    DtlsSavp,
    /// `UDP/TLS/RTP/SAVPF` (RFC 5764).
    DtlsSavpf,
    /// Any other.
    Other(String),
}

impl From<SessionDescription> for String {
    fn from(description: SessionDescription) -> Self {
        description.to_string()
    }
}

impl TryFrom<String> for SessionDescription {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        Self::parse(text.as_bytes())
    }
}

impl SessionDescription {
    /// Parses a description.
    ///
    /// Lenient in what the field sends: LF line ends, empty lines, unknown lines and attributes, a
    /// missing `s=` or `t=`, lines out of order. A missing `s=` or `t=` is filled in, so that what
    /// is printed is valid.
    pub fn parse(input: &[u8]) -> Result<Self, ParseError> {
        parse::parse(input)
    }

    /// An empty description with the lines that are mandatory.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            lines: vec![Line::new(b's', "-"), Line::new(b't', "0 0")],
            media: Vec::new(),
        }
    }

    /// The first audio section that is in use, with its index.
    ///
    /// A section with port 0 is in use when it is `bundle-only` (RFC 9143 6).
    pub fn audio(&self) -> Option<(usize, &MediaDescription)> {
        let mut sections = self.media.iter().enumerate();
        sections.find(|(_, section)| section.kind == MediaKind::Audio && section.is_in_use())
    }

    /// The first section that is in use, whatever it is, with its index.
    pub fn first_in_use(&self) -> Option<(usize, &MediaDescription)> {
        self.media.iter().enumerate().find(|(_, section)| section.is_in_use())
    }

    /// The `c=` line that holds for `section`: its own or the session's.
    pub fn connection(&self, section: &MediaDescription) -> Option<Connection> {
        let own = section.connection();
        own.or_else(|| connection_of(&self.lines))
    }
}

impl MediaDescription {
    /// Whether the section asks for a stream: it has a port, or shares another's (`bundle-only`).
    pub fn is_in_use(&self) -> bool {
        self.port != 0 || self.has("bundle-only")
    }

    /// The section's own `c=` line.
    pub fn connection(&self) -> Option<Connection> {
        connection_of(&self.lines)
    }

    /// Whether the section has the attribute.
    pub fn has(&self, name: &str) -> bool {
        self.attributes(name).next().is_some()
    }

    /// Appends `a=name` or, when `value` is not empty, `a=name:value`.
    pub fn push_attribute(&mut self, name: &str, value: &str) {
        self.lines.push(Line::attribute(name, value));
    }
}

fn connection_of(lines: &[Line]) -> Option<Connection> {
    let line = lines.iter().find(|line| line.kind == b'c')?;
    line.value.parse().ok()
}

impl Line {
    /// A line `kind=value`.
    pub fn new(kind: u8, value: impl Into<String>) -> Self {
        let value = value.into();
        Self { kind, value }
    }

    /// An attribute line; a flag when `value` is empty.
    pub fn attribute(name: &str, value: &str) -> Self {
        if value.is_empty() {
            return Self::new(b'a', name);
        }
        Self::new(b'a', format!("{name}:{value}"))
    }

    /// Name and value of an attribute line; a flag's value is empty.
    pub fn as_attribute(&self) -> Option<(&str, &str)> {
        if self.kind != b'a' {
            return None;
        }
        Some(self.value.split_once(':').unwrap_or((&self.value, "")))
    }
}

/// Keys and passwords do not appear in the output.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = char::from(self.kind);
        match self.as_attribute() {
            Some((name @ ("crypto" | "ice-pwd" | "key-mgmt"), _)) => write!(f, "a={name}:..."),
            _ if self.kind == b'k' => write!(f, "k=..."),
            _ => write!(f, "{kind}={}", self.value),
        }
    }
}

impl Origin {
    /// The origin of a session made here.
    pub fn new(session_id: u64, version: u64, address: IpAddr) -> Self {
        Self {
            username: "-".to_owned(),
            session_id: session_id.to_string(),
            version: version.to_string(),
            address: Connection::new(address),
        }
    }
}

impl Connection {
    /// The address as `IN IP4` or `IN IP6`.
    pub fn new(address: IpAddr) -> Self {
        let address_type = if address.is_ipv4() { "IP4" } else { "IP6" };
        Self {
            network: "IN".to_owned(),
            address_type: address_type.to_owned(),
            address: address.to_string(),
        }
    }

    /// The IP address without TTL; `None` for a host name.
    pub fn ip(&self) -> Option<IpAddr> {
        let address = self.address.split('/').next()?;
        address.parse().ok()
    }
}

impl FromStr for Connection {
    type Err = ();

    fn from_str(value: &str) -> Result<Self, ()> {
        let mut fields = value.split_ascii_whitespace();
        let mut next = || fields.next().map(str::to_owned).ok_or(());
        Ok(Self { network: next()?, address_type: next()?, address: next()? })
    }
}

impl MediaKind {
    /// The word of the `m=` line.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Application => "application",
            Self::Image => "image",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for MediaKind {
    fn from(word: &str) -> Self {
        match word {
            "audio" => Self::Audio,
            "video" => Self::Video,
            "application" => Self::Application,
            "image" => Self::Image,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl Protocol {
    /// The word of the `m=` line.
    pub fn as_str(&self) -> &str {
        match self {
            Self::RtpAvp => "RTP/AVP",
            Self::RtpAvpf => "RTP/AVPF",
            Self::RtpSavp => "RTP/SAVP",
            Self::RtpSavpf => "RTP/SAVPF",
            Self::DtlsSavp => "UDP/TLS/RTP/SAVP",
            Self::DtlsSavpf => "UDP/TLS/RTP/SAVPF",
            Self::Other(name) => name,
        }
    }

    /// Whether it is one of the profiles of RTP, plain or protected.
    pub fn is_rtp(&self) -> bool {
        !matches!(self, Self::Other(_))
    }

    /// Whether it is something else than RTP in UDP datagrams: UDPTL (RFC 7345, T.38), SCTP in DTLS
    /// (RFC 8841) and what else names UDP.
    pub fn is_datagrams(&self) -> bool {
        let Self::Other(name) = self else { return false };
        let name = name.to_ascii_uppercase();
        name.starts_with("UDP") || name == "DTLS/SCTP"
    }

    /// Whether it is a profile with feedback (RFC 4585).
    pub fn has_feedback(&self) -> bool {
        matches!(self, Self::RtpAvpf | Self::RtpSavpf | Self::DtlsSavpf)
    }
}

impl From<&str> for Protocol {
    fn from(word: &str) -> Self {
        match word {
            "RTP/AVP" => Self::RtpAvp,
            "RTP/AVPF" => Self::RtpAvpf,
            "RTP/SAVP" => Self::RtpSavp,
            "RTP/SAVPF" => Self::RtpSavpf,
            "UDP/TLS/RTP/SAVP" => Self::DtlsSavp,
            "UDP/TLS/RTP/SAVPF" => Self::DtlsSavpf,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// Prints with CRLF line ends.
impl fmt::Display for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v=0\r\no={}\r\n", self.origin)?;
        write_lines(f, &self.lines)?;
        self.media.iter().try_for_each(|media| media.fmt(f))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (user, id, version) = (&self.username, &self.session_id, &self.version);
        write!(f, "{user} {id} {version} {}", self.address)
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.network, self.address_type, self.address)
    }
}

impl fmt::Display for MediaDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={} {}", self.kind.as_str(), self.port)?;
        if let Some(count) = self.port_count {
            write!(f, "/{count}")?;
        }
        write!(f, " {}", self.protocol.as_str())?;
        for format in &self.formats {
            write!(f, " {format}")?;
        }
        f.write_str("\r\n")?;
        write_lines(f, &self.lines)
    }
}

fn write_lines(f: &mut fmt::Formatter<'_>, lines: &[Line]) -> fmt::Result {
    for line in lines {
        write!(f, "{}={}\r\n", char::from(line.kind), line.value)?;
    }
    Ok(())
}
