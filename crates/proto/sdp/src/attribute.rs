//! Typed views of attributes. Each is parsed when it is asked for; a malformed one reads as absent.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::candidate::Candidate;
use crate::crypto::Crypto;
use crate::description::{Connection, Line, MediaDescription, SessionDescription};

/// Candidates that are read of one section at most.
pub const CANDIDATES_MAX: usize = 64;
/// `a=crypto` lines that are read of one section at most.
pub const CRYPTO_LINES_MAX: usize = 32;
/// Fingerprints that are read of one section at most.
pub const FINGERPRINTS_MAX: usize = 16;
/// Bytes of a certificate's fingerprint at most (SHA-512).
const FINGERPRINT_BYTES_MAX: usize = 64;

/// The media direction (RFC 8866 6.7), seen from the side that writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Sends and receives.
    #[default]
    SendRecv,
    /// Sends only; a phone that holds its peer says this.
    SendOnly,
    /// Receives only.
    RecvOnly,
    /// Neither.
    Inactive,
}

/// `a=rtpmap` (RFC 8866 6.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpMap {
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// The encoding's name as written.
    pub encoding: String,
    /// The RTP clock in Hz.
    pub clock_rate: u32,
    /// Audio channels, 1 when not written.
    pub channels: u8,
}

/// `a=fingerprint` (RFC 8122).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The hash function in lower case, such as `sha-256`.
    pub algorithm: String,
    /// The hash of the certificate in DER.
    pub digest: Vec<u8>,
}

/// `a=setup` (RFC 4145, RFC 5763): who opens the DTLS association.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Setup {
    /// The writer opens it: DTLS client.
    Active,
    /// The writer waits for it: DTLS server.
    Passive,
    /// The answerer may choose.
    ActPass,
    /// Nobody opens it for the moment.
    HoldConn,
}

/// `a=rtcp` (RFC 3605).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtcpAddress {
    /// The port of RTCP.
    pub port: u16,
    /// The address, when it differs from the connection's.
    pub connection: Option<Connection>,
}

/// `a=rtcp-fb` (RFC 4585 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtcpFeedback {
    /// The payload type; `None` for `*`.
    pub payload_type: Option<u8>,
    /// What is asked for, such as `nack pli`.
    pub feedback: String,
}

/// `a=extmap` (RFC 8285).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtensionMap {
    /// The id in the packet's header extension.
    pub id: u8,
    /// The direction, when one was written.
    pub direction: Option<Direction>,
    /// The URI that names the extension.
    pub uri: String,
}

/// `a=group` (RFC 5888).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What the group means, such as `BUNDLE`.
    pub semantics: String,
    /// The `mid`s of the sections in it.
    pub mids: Vec<String>,
}

/// `a=msid` (RFC 8830).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaStreamId {
    /// The stream's id, `-` for none.
    pub stream: String,
    /// The track's id, when one was written.
    pub track: Option<String>,
}

/// `a=ssrc` (RFC 5576).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceAttribute {
    /// The synchronisation source.
    pub ssrc: u32,
    /// The attribute's name, such as `cname`.
    pub name: String,
    /// Its value; empty for a flag.
    pub value: String,
}

impl SessionDescription {
    /// The values of all session-level attributes of that name, in order.
    pub fn attributes<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        values(&self.lines, name)
    }

    /// The section's attribute, or the session's where the section has none.
    pub fn attribute_for<'a>(
        &'a self,
        section: &'a MediaDescription,
        name: &'a str,
    ) -> Option<&'a str> {
        let own = section.attribute(name);
        own.or_else(|| values(&self.lines, name).next())
    }

    /// The direction of a section: its own, the session's, or `sendrecv`.
    pub fn direction(&self, section: &MediaDescription) -> Direction {
        let own = direction_of(&section.lines);
        own.or_else(|| direction_of(&self.lines)).unwrap_or_default()
    }

    /// The fingerprints that hold for a section.
    pub fn fingerprints(&self, section: &MediaDescription) -> Vec<Fingerprint> {
        let own: Vec<_> = parsed(&section.lines, "fingerprint", FINGERPRINTS_MAX);
        if own.is_empty() {
            return parsed(&self.lines, "fingerprint", FINGERPRINTS_MAX);
        }
        own
    }

    /// The `setup` that holds for a section.
    pub fn setup(&self, section: &MediaDescription) -> Option<Setup> {
        self.attribute_for(section, "setup")?.parse().ok()
    }

    /// Whether the writer is an ICE lite agent (RFC 8839 5.3).
    pub fn is_ice_lite(&self) -> bool {
        self.attributes("ice-lite").next().is_some()
    }

    /// The `BUNDLE` groups (RFC 9143).
    pub fn bundles(&self) -> Vec<Group> {
        let groups: Vec<Group> = parsed(&self.lines, "group", crate::MEDIA_SECTIONS_MAX);
        let is_bundle = |group: &Group| group.semantics == "BUNDLE";
        groups.into_iter().filter(is_bundle).collect()
    }

    /// The section with that `mid`.
    pub fn section_with_mid(&self, mid: &str) -> Option<&MediaDescription> {
        self.media.iter().find(|section| section.mid() == Some(mid))
    }
}

impl MediaDescription {
    /// The values of all attributes of that name, in order.
    pub fn attributes<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        values(&self.lines, name)
    }

    /// The value of the first attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let mut attributes = self.lines.iter().filter_map(Line::as_attribute);
        attributes.find_map(|(found, value)| (found == name).then_some(value))
    }

    /// `a=mid` (RFC 5888).
    pub fn mid(&self) -> Option<&str> {
        self.attribute("mid").map(str::trim_ascii)
    }

    /// The `rtpmap` of a payload type, a static type's from RFC 3551 when it is not written.
    pub fn rtpmap(&self, payload_type: u8) -> Option<RtpMap> {
        let mut maps = self.attributes("rtpmap").filter_map(|value| value.parse().ok());
        let found = maps.find(|map: &RtpMap| map.payload_type == payload_type);
        found.or_else(|| RtpMap::of_static(payload_type))
    }

    /// The `rtpmap`s of all formats that have one, in the order of preference of the `m=` line.
    pub fn rtpmaps(&self) -> impl Iterator<Item = RtpMap> {
        let payload_types = self.formats.iter().filter_map(|format| format.parse().ok());
        payload_types.filter_map(|payload_type| self.rtpmap(payload_type))
    }

    /// The `fmtp` parameters of a payload type.
    pub fn fmtp(&self, payload_type: u8) -> Option<&str> {
        let mut lines = self.lines.iter().filter_map(Line::as_attribute);
        lines.find_map(|(name, value)| {
            let (format, parameters) = value.split_once(' ')?;
            let is_ours = name == "fmtp" && format.parse() == Ok(payload_type);
            is_ours.then_some(parameters.trim_ascii())
        })
    }

    /// The ICE candidates that can be read, [`CANDIDATES_MAX`] at most.
    pub fn candidates(&self) -> Vec<Candidate> {
        parsed(&self.lines, "candidate", CANDIDATES_MAX)
    }

    /// The `a=crypto` lines that can be read, [`CRYPTO_LINES_MAX`] at most.
    pub fn crypto(&self) -> Vec<Crypto> {
        parsed(&self.lines, "crypto", CRYPTO_LINES_MAX)
    }

    /// `a=rtcp`.
    pub fn rtcp(&self) -> Option<RtcpAddress> {
        self.attribute("rtcp")?.parse().ok()
    }

    /// Whether RTP and RTCP may share a port (RFC 5761).
    pub fn has_rtcp_mux(&self) -> bool {
        self.has("rtcp-mux") || self.has("rtcp-mux-only")
    }

    /// The `rtcp-fb` lines.
    pub fn rtcp_feedback(&self) -> Vec<RtcpFeedback> {
        parsed(&self.lines, "rtcp-fb", crate::LINES_MAX)
    }

    /// The header extensions.
    pub fn extension_maps(&self) -> Vec<ExtensionMap> {
        parsed(&self.lines, "extmap", crate::LINES_MAX)
    }

    /// The `ssrc` lines.
    pub fn sources(&self) -> Vec<SourceAttribute> {
        parsed(&self.lines, "ssrc", crate::LINES_MAX)
    }

    /// The media stream and track.
    pub fn msid(&self) -> Option<MediaStreamId> {
        self.attribute("msid")?.parse().ok()
    }

    /// `a=ptime` in milliseconds.
    pub fn ptime_ms(&self) -> Option<u16> {
        milliseconds(self.attribute("ptime")?)
    }

    /// `a=maxptime` in milliseconds.
    pub fn max_ptime_ms(&self) -> Option<u16> {
        milliseconds(self.attribute("maxptime")?)
    }
}

/// Some devices write a fraction (`ptime:20.0`).
fn milliseconds(value: &str) -> Option<u16> {
    let whole = value.trim_ascii().split('.').next()?;
    whole.parse().ok().filter(|ms| *ms > 0)
}

fn values<'a>(lines: &'a [Line], name: &'a str) -> impl Iterator<Item = &'a str> {
    let attributes = lines.iter().filter_map(Line::as_attribute);
    attributes.filter_map(move |(found, value)| (found == name).then_some(value))
}

fn parsed<T: FromStr>(lines: &[Line], name: &str, max: usize) -> Vec<T> {
    let values = values(lines, name).filter_map(|value| value.parse().ok());
    values.take(max).collect()
}

fn direction_of(lines: &[Line]) -> Option<Direction> {
    let mut attributes = lines.iter().filter_map(Line::as_attribute);
    attributes.find_map(|(name, _)| name.parse().ok())
}

impl Direction {
    /// From its two halves.
    pub fn from_parts(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether the writer sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the writer receives.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same direction seen from the other side.
    pub fn reversed(self) -> Self {
        Self::from_parts(self.receives(), self.sends())
    }

    /// What both allow.
    pub fn and(self, other: Self) -> Self {
        let sends = self.sends() && other.sends();
        Self::from_parts(sends, self.receives() && other.receives())
    }

    /// The attribute's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

impl FromStr for Direction {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "sendrecv" => Ok(Self::SendRecv),
            "sendonly" => Ok(Self::SendOnly),
            "recvonly" => Ok(Self::RecvOnly),
            "inactive" => Ok(Self::Inactive),
            _ => Err(()),
        }
    }
}

impl Setup {
    /// The attribute's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
            Self::HoldConn => "holdconn",
        }
    }
}

impl FromStr for Setup {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word.trim_ascii() {
            "active" => Ok(Self::Active),
            "passive" => Ok(Self::Passive),
            "actpass" => Ok(Self::ActPass),
            "holdconn" => Ok(Self::HoldConn),
            _ => Err(()),
        }
    }
}

impl RtpMap {
    /// The assignment of RFC 3551 6 for payload types below 96 that audio uses.
    fn of_static(payload_type: u8) -> Option<Self> {
        let (encoding, clock_rate, channels) = match payload_type {
            0 => ("PCMU", 8_000, 1),
            3 => ("GSM", 8_000, 1),
            4 => ("G723", 8_000, 1),
            8 => ("PCMA", 8_000, 1),
            9 => ("G722", 8_000, 1),
            10 => ("L16", 44_100, 2),
            11 => ("L16", 44_100, 1),
            13 => ("CN", 8_000, 1),
            15 => ("G728", 8_000, 1),
            18 => ("G729", 8_000, 1),
            _ => return None,
        };
        Some(Self { payload_type, encoding: encoding.to_owned(), clock_rate, channels })
    }
}

impl FromStr for RtpMap {
    type Err = ();

    fn from_str(value: &str) -> Result<Self, ()> {
        let (payload_type, rest) = value.trim_ascii().split_once(' ').ok_or(())?;
        let payload_type = payload_type.parse().map_err(|_| ())?;
        if payload_type > 127 {
            return Err(());
        }
        let mut parts = rest.trim_ascii().split('/');
        let encoding = parts.next().filter(|name| !name.is_empty()).ok_or(())?;
        let clock_rate = parts.next().ok_or(())?.parse().map_err(|_| ())?;
        let channels = parts.next().map_or(Ok(1), str::parse).map_err(|_| ())?;
        if clock_rate == 0 || channels == 0 {
            return Err(());
        }
        Ok(Self { payload_type, encoding: encoding.to_owned(), clock_rate, channels })
    }
}

impl fmt::Display for RtpMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, clock_rate) = (&self.encoding, self.clock_rate);
        write!(f, "{} {name}/{clock_rate}", self.payload_type)?;
        if self.channels > 1 {
            write!(f, "/{}", self.channels)?;
        }
        Ok(())
    }
}

impl FromStr for Fingerprint {
    type Err = ();

    fn from_str(value: &str) -> Result<Self, ()> {
        let (algorithm, digest) = value.trim_ascii().split_once(' ').ok_or(())?;
        if digest.len() > FINGERPRINT_BYTES_MAX * 3 {
            return Err(());
        }
        let byte = |pair: &str| match pair.len() {
            2 => u8::from_str_radix(pair, 16).map_err(|_| ()),
            _ => Err(()),
        };
        let digest = digest.trim_ascii().split(':').map(byte);
        Ok(Self {
            algorithm: algorithm.to_ascii_lowercase(),
            digest: digest.collect::<Result<_, _>>()?,
        })
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.algorithm)?;
        for (index, byte) in self.digest.iter().enumerate() {
            let separator = if index == 0 { ' ' } else { ':' };
            write!(f, "{separator}{byte:02X}")?;
        }
        Ok(())
    }
}

impl FromStr for RtcpAddress {
    type Err = ();

    fn from_str(value: &str) -> Result<Self, ()> {
        let value = value.trim_ascii();
        let (port, rest) = value.split_once(' ').unwrap_or((value, ""));
        Ok(Self { port: port.parse().map_err(|_| ())?, connection: rest.parse().ok() })
    }
}

impl RtcpAddress {
    /// The address, when one was written as a number.
    pub fn ip(&self) -> Option<IpAddr> {
        self.connection.as_ref()?.ip()
    }
}

impl FromStr for RtcpFeedback {
    type Err = ();

    fn from_str(value: &str) -> Result<Self, ()> {
        let (format, feedback) = value.trim_ascii().split_once(' ').ok_or(())?;
        let payload_type = match format {
            "*" => None,
            number => Some(number.parse().map_err(|_| ())?),
        };
        Ok(Self { payload_type, feedback: feedback.trim_ascii().to_owned() })
    }
}

impl FromStr for ExtensionMap {
    type Err = ();

    fn from_str(value: &str) -> Result<Self, ()> {
        let mut fields = value.split_ascii_whitespace();
        let entry = fields.next().ok_or(())?;
        let (id, direction) = match entry.split_once('/') {
            Some((id, direction)) => (id, direction.parse().ok()),
            None => (entry, None),
        };
        Ok(Self {
            id: id.parse().map_err(|_| ())?,
            direction,
            uri: fields.next().ok_or(())?.to_owned(),
        })
    }
}

impl fmt::Display for ExtensionMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)?;
        if let Some(direction) = self.direction {
            write!(f, "/{}", direction.as_str())?;
        }
        write!(f, " {}", self.uri)
    }
}

impl FromStr for Group {
    type Err = ();

    fn from_str(value: &str) -> Result<Self, ()> {
        let mut fields = value.split_ascii_whitespace();
        Ok(Self {
            semantics: fields.next().ok_or(())?.to_owned(),
            mids: fields.map(str::to_owned).collect(),
        })
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.semantics)?;
        self.mids.iter().try_for_each(|mid| write!(f, " {mid}"))
    }
}

impl FromStr for MediaStreamId {
    type Err = ();

    fn from_str(value: &str) -> Result<Self, ()> {
        let mut fields = value.split_ascii_whitespace();
        Ok(Self {
            stream: fields.next().ok_or(())?.to_owned(),
            track: fields.next().map(str::to_owned),
        })
    }
}

impl FromStr for SourceAttribute {
    type Err = ();

    fn from_str(value: &str) -> Result<Self, ()> {
        let (ssrc, attribute) = value.trim_ascii().split_once(' ').ok_or(())?;
        let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
        Ok(Self {
            ssrc: ssrc.parse().map_err(|_| ())?,
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }
}
