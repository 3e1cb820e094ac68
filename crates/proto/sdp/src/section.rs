//! One audio section: reading the peer's and writing this side's, for offers and answers alike.

use std::net::SocketAddr;

use crate::attribute::{Direction, ExtensionMap, Fingerprint, Setup};
use crate::candidate::Candidate;
use crate::codec::{AudioFormat, Encoding};
use crate::crypto::Crypto;
use crate::description::{Connection, Line, MediaDescription, Origin, SessionDescription};
use crate::negotiation::{IceRemote, LocalIce, LocalMedia, LocalStream, NegotiatedCodec};

/// The port that stands for "none yet" (RFC 8840 4.1).
const DISCARD_PORT: u16 = 9;
/// Sources that are kept of a section at most.
const SSRCS_MAX: usize = 16;
/// The events every phone has: digits, `*`, `#` and A to D.
pub(crate) const DTMF_EVENTS: &str = "0-15";

/// The peer's audio section, with what it inherits from its bundle and from the session part.
pub(crate) struct Remote<'a> {
    pub description: &'a SessionDescription,
    pub index: usize,
    pub section: &'a MediaDescription,
    /// The section of the bundle that carries the transport attributes (RFC 9143 7.1).
    tagged: Option<&'a MediaDescription>,
}

impl<'a> Remote<'a> {
    pub fn new(
        description: &'a SessionDescription,
        index: usize,
        section: &'a MediaDescription,
    ) -> Self {
        let mut remote = Self { description, index, section, tagged: None };
        if let Some(bundle) = remote.bundle() {
            let tag = bundle.first();
            remote.tagged = tag.and_then(|mid| description.section_with_mid(mid));
        }
        remote
    }

    /// The `mid`s of the bundle the section is in.
    pub fn bundle(&self) -> Option<Vec<String>> {
        let mid = self.section.mid()?;
        let bundles = self.description.bundles().into_iter();
        let mut groups = bundles.map(|group| group.mids);
        groups.find(|mids| mids.iter().any(|found| found == mid))
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        let own = self.section.attribute(name);
        let own = own.or_else(|| self.tagged?.attribute(name));
        own.or_else(|| self.description.attributes_first(name))
    }

    /// The section with the transport of this one: itself, or the bundle's tagged one.
    fn transport(&self) -> &'a MediaDescription {
        match self.tagged {
            Some(tagged) if self.section.port == 0 => tagged,
            _ => self.section,
        }
    }

    /// The candidates of the section, or those of its bundle.
    fn candidates(&self) -> Vec<Candidate> {
        let own = self.section.candidates();
        match self.tagged {
            Some(tagged) if own.is_empty() => tagged.candidates(),
            _ => own,
        }
    }

    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        let own = self.description.fingerprints(self.section);
        match self.tagged {
            Some(tagged) if own.is_empty() => self.description.fingerprints(tagged),
            _ => own,
        }
    }

    pub fn setup(&self) -> Option<Setup> {
        self.attribute("setup")?.parse().ok()
    }

    pub fn crypto(&self) -> impl Iterator<Item = Crypto> {
        self.section.crypto().into_iter().filter(Crypto::is_usable)
    }

    pub fn has_ice(&self) -> bool {
        self.attribute("ice-ufrag").is_some()
    }

    /// The peer's ICE agent, when it has one and this side has one too.
    pub fn ice(&self, is_local: bool) -> Option<IceRemote> {
        if !is_local {
            return None;
        }
        let options = self.attribute("ice-options").unwrap_or_default();
        Some(IceRemote {
            ufrag: self.attribute("ice-ufrag")?.trim_ascii().to_owned(),
            pwd: self.attribute("ice-pwd")?.trim_ascii().to_owned(),
            lite: self.description.is_ice_lite(),
            trickle: options.split_ascii_whitespace().any(|word| word == "trickle"),
            candidates: self.candidates(),
            end_of_candidates: self.attribute("end-of-candidates").is_some(),
        })
    }

    /// The direction the peer asks for.
    ///
    /// Before RFC 3264 a phone held its peer by the address `0.0.0.0`; with ICE the same address
    /// is a placeholder.
    pub fn direction(&self) -> Direction {
        let direction = self.description.direction(self.section);
        let connection = self.description.connection(self.transport());
        let ip = connection.and_then(|connection| connection.ip());
        if ip.is_some_and(|ip| ip.is_unspecified()) && !self.has_ice() {
            return Direction::from_parts(direction.sends(), false);
        }
        direction
    }

    /// Where RTP goes.
    pub fn rtp_address(&self) -> Option<SocketAddr> {
        let transport = self.transport();
        let ip = self.description.connection(transport)?.ip()?;
        let is_placeholder = ip.is_unspecified() || matches!(transport.port, 0 | DISCARD_PORT);
        (!is_placeholder).then(|| SocketAddr::new(ip, transport.port))
    }

    /// Where RTCP goes when it has its own port (RFC 3605).
    pub fn rtcp_address(&self) -> Option<SocketAddr> {
        let rtp = self.rtp_address()?;
        let Some(rtcp) = self.transport().rtcp() else {
            let port = rtp.port().checked_add(1)?;
            return Some(SocketAddr::new(rtp.ip(), port));
        };
        let is_placeholder = matches!(rtcp.port, 0 | DISCARD_PORT);
        let ip = rtcp.ip().unwrap_or(rtp.ip());
        (!is_placeholder).then(|| SocketAddr::new(ip, rtcp.port))
    }

    pub fn has_rtcp_mux(&self) -> bool {
        self.section.has_rtcp_mux() || self.tagged.is_some_and(MediaDescription::has_rtcp_mux)
    }

    /// Known formats with their payload types, each format once, in the section's order.
    pub fn formats(&self) -> Vec<(AudioFormat, u8)> {
        let mut formats: Vec<(AudioFormat, u8)> = Vec::new();
        for map in self.section.rtpmaps() {
            let Some(format) = AudioFormat::from_rtpmap(&map) else {
                continue;
            };
            if formats.iter().all(|(known, _)| *known != format) {
                formats.push((format, map.payload_type));
            }
        }
        formats
    }

    pub fn fmtp(&self, payload_type: u8) -> String {
        self.section.fmtp(payload_type).unwrap_or_default().to_owned()
    }

    pub fn ssrcs(&self) -> Vec<u32> {
        let mut ssrcs: Vec<u32> = Vec::new();
        for source in self.section.sources() {
            if ssrcs.len() < SSRCS_MAX && !ssrcs.contains(&source.ssrc) {
                ssrcs.push(source.ssrc);
            }
        }
        ssrcs
    }
}

impl SessionDescription {
    fn attributes_first(&self, name: &str) -> Option<&str> {
        let mut attributes = self.lines.iter().filter_map(Line::as_attribute);
        attributes.find_map(|(found, value)| (found == name).then_some(value))
    }

    /// A description of this side with its address and no sections.
    pub(crate) fn of_local(local: &LocalMedia, is_ice: bool) -> Self {
        let (id, version) = (local.session_id, local.session_version);
        let mut description = Self::new(Origin::new(id, version, local.address));
        let connection = Connection::new(local.address).to_string();
        description.lines.insert(1, Line::new(b'c', connection));
        if is_ice && local.ice.as_ref().is_some_and(|ice| ice.lite) {
            description.lines.push(Line::attribute("ice-lite", ""));
        }
        description
    }
}

/// Of `offered` formats beside speech those that go with the clock rates of `speech`.
///
/// Some phones offer telephone-event at 8000 Hz alone beside Opus; a rate that fits nothing is
/// better than no digits at all, so that the first is kept when none fits.
pub(crate) fn beside_speech(
    encoding: Encoding,
    offered: &[(AudioFormat, u8)],
    speech: &[NegotiatedCodec],
) -> Vec<(AudioFormat, u8)> {
    let of_encoding = |(format, _): &&(AudioFormat, u8)| format.encoding == encoding;
    let all: Vec<_> = offered.iter().filter(of_encoding).copied().collect();
    let fits = |(format, _): &&(AudioFormat, u8)| {
        let mut rates = speech.iter().map(|codec| codec.format.clock_rate);
        rates.any(|rate| rate == format.clock_rate)
    };
    let fitting: Vec<_> = all.iter().filter(fits).copied().collect();
    if fitting.is_empty() && encoding == Encoding::TelephoneEvent {
        return all.into_iter().take(1).collect();
    }
    fitting
}

/// Writing of a section of this side.
impl MediaDescription {
    pub(crate) fn push_format(&mut self, format: AudioFormat, payload_type: u8, fmtp: &str) {
        self.formats.push(payload_type.to_string());
        self.push_attribute("rtpmap", &format.to_rtpmap(payload_type).to_string());
        if !fmtp.is_empty() {
            self.push_attribute("fmtp", &format!("{payload_type} {fmtp}"));
        }
    }

    pub(crate) fn push_direction(&mut self, direction: Direction) {
        self.push_attribute(direction.as_str(), "");
    }

    pub(crate) fn push_rtcp(&mut self, local: &LocalMedia, is_mux: bool) {
        if is_mux {
            self.push_attribute("rtcp-mux", "");
        } else if let Some(port) = local.rtcp_port {
            self.push_attribute("rtcp", &port.to_string());
        }
    }

    pub(crate) fn push_ice(&mut self, ice: &LocalIce, is_trickle: bool) {
        self.push_attribute("ice-ufrag", &ice.ufrag);
        self.push_attribute("ice-pwd", &ice.pwd);
        for candidate in &ice.candidates {
            self.push_attribute("candidate", &candidate.to_string());
        }
        if is_trickle {
            self.push_attribute("end-of-candidates", "");
        }
    }

    pub(crate) fn push_dtls(&mut self, fingerprint: &Fingerprint, setup: Setup) {
        self.push_attribute("fingerprint", &fingerprint.to_string());
        self.push_attribute("setup", setup.as_str());
    }

    pub(crate) fn push_extensions(&mut self, extensions: &[ExtensionMap]) {
        for extension in extensions {
            self.push_attribute("extmap", &extension.to_string());
        }
    }

    pub(crate) fn push_stream(&mut self, stream: &LocalStream) {
        if !stream.msid.is_empty() {
            self.push_attribute("msid", &stream.msid);
        }
        let (ssrc, cname) = (stream.ssrc, &stream.cname);
        self.push_attribute("ssrc", &format!("{ssrc} cname:{cname}"));
    }
}
