//! What goes into an offer or answer and what comes out of the exchange.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::attribute::{Direction, ExtensionMap, Fingerprint, Setup};
use crate::candidate::Candidate;
use crate::codec::{AudioFormat, Encoding};
use crate::crypto::{CryptoSuite, KEY_SALT_BYTES_MAX, MasterKey};
use crate::description::Protocol;

/// What this side can do and where it listens, for one audio stream.
///
/// Start from [`LocalMedia::new`] and set what differs.
#[derive(Clone, Debug)]
pub struct LocalMedia {
    /// The session id of `o=`; the same for the life of the session.
    pub session_id: u64,
    /// The session version of `o=`. [`crate::Session`] counts it.
    pub session_version: u64,
    /// The address for `o=` and `c=`.
    pub address: IpAddr,
    /// The port on which RTP is received.
    pub port: u16,
    /// The port on which RTCP is received when it is not multiplexed; `port + 1` when `None`.
    pub rtcp_port: Option<u16>,
    /// Whether RTP and RTCP may share a port (RFC 5761).
    pub rtcp_mux: bool,
    /// The speech formats, the preferred first. Answers follow the offer's order.
    pub codecs: Vec<LocalCodec>,
    /// All formats of an offer with their payload types, telephone-event and comfort noise among them,
    /// where somebody else has chosen them; `None` to offer [`Self::codecs`] and what belongs to them.
    pub formats: Option<Vec<LocalCodec>>,
    /// How many formats an answer keeps at most.
    ///
    /// With 1 both sides know what is sent; with more, the peer may change in the middle.
    pub answer_codecs_max: usize,
    /// Whether telephone-event is offered and accepted (RFC 4733).
    pub telephone_event: bool,
    /// Whether comfort noise is offered and accepted (RFC 3389).
    pub comfort_noise: bool,
    /// The direction this side wants; an answer may have to say less.
    pub direction: Direction,
    /// The packet time this side wants to receive, in milliseconds.
    pub ptime_ms: Option<u16>,
    /// ICE credentials and candidates; `None` when this side does no ICE.
    pub ice: Option<LocalIce>,
    /// The fingerprint of this side's DTLS certificate; `None` when it does no DTLS-SRTP.
    pub fingerprint: Option<Fingerprint>,
    /// The DTLS role of the association that exists, which an answer keeps.
    pub dtls_role: Option<DtlsRole>,
    /// The keys for SDES; `None` when this side does no SDES.
    pub sdes: Option<LocalSdes>,
    /// URIs of the header extensions that this side understands (RFC 8285).
    pub extensions: Vec<String>,
    /// The source that this side sends, announced by `a=ssrc` and `a=msid`.
    pub stream: Option<LocalStream>,
}

/// A speech format this side has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalCodec {
    /// The format.
    pub format: AudioFormat,
    /// The payload type for offers. Answers keep the offer's.
    pub payload_type: u8,
    /// The `fmtp` parameters, empty for none.
    pub fmtp: String,
}

/// This side's ICE agent.
#[derive(Clone, PartialEq, Eq)]
pub struct LocalIce {
    /// The user name fragment, 4 to 256 characters.
    pub ufrag: String,
    /// The password, 22 to 256 characters.
    pub pwd: String,
    /// Whether this side is a lite agent (RFC 8445 2.5).
    pub lite: bool,
    /// The candidates. All of them: this side does not trickle.
    pub candidates: Vec<Candidate>,
}

/// This side's key for SDES.
#[derive(Clone)]
pub struct LocalSdes {
    secret: [u8; KEY_SALT_BYTES_MAX],
    /// The suites, the preferred first. Answers follow the offer's order.
    pub suites: Vec<CryptoSuite>,
}

/// The source that this side sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalStream {
    /// The synchronisation source.
    pub ssrc: u32,
    /// The canonical name (RFC 3550 6.5.1).
    pub cname: String,
    /// Stream and track id for `a=msid`, such as `call audio`; empty for none.
    pub msid: String,
}

/// How an offer protects its media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OfferSecurity {
    /// No keys.
    #[default]
    Plain,
    /// `a=crypto` (RFC 4568).
    Sdes,
    /// `a=fingerprint` and `a=setup` (RFC 5763).
    Dtls,
    /// Both: the answer takes one of them.
    SdesOrDtls,
}

/// The profile and protection of an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferPolicy {
    /// The protocol of the `m=` line.
    pub protocol: Protocol,
    /// The protection. Keys in an `RTP/AVP` section are an offer that the peer may ignore.
    pub security: OfferSecurity,
}

/// This side's part in the DTLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DtlsRole {
    /// Opens the association: `a=setup:active`.
    Client,
    /// Waits for it: `a=setup:passive`.
    Server,
}

/// What both sides agreed on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Negotiated {
    /// The index of the audio section in both descriptions.
    pub section: usize,
    /// Its `mid`.
    pub mid: Option<String>,
    /// Whether the section is in a `BUNDLE` group.
    pub bundled: bool,
    /// The protocol of the section.
    pub protocol: Protocol,
    /// The direction seen from this side.
    pub direction: Direction,
    /// The speech formats; the first is the one to send.
    pub codecs: Vec<NegotiatedCodec>,
    /// The telephone-event formats, one for each clock rate.
    pub telephone_events: Vec<NegotiatedCodec>,
    /// The comfort noise formats, one for each clock rate.
    pub comfort_noise: Vec<NegotiatedCodec>,
    /// Where RTP goes. `None` when the peer named no usable address (hold by `0.0.0.0`, the
    /// placeholder of ICE, a host name): then it is learned from ICE or from what arrives.
    pub remote_rtp: Option<SocketAddr>,
    /// Where RTCP goes; the same as RTP with [`Negotiated::rtcp_mux`].
    pub remote_rtcp: Option<SocketAddr>,
    /// Whether RTP and RTCP share a port.
    pub rtcp_mux: bool,
    /// The peer's ICE agent, when both sides do ICE.
    pub ice: Option<IceRemote>,
    /// How the media is protected.
    pub security: Security,
    /// The packet time the peer wants to receive, in milliseconds.
    pub ptime_ms: Option<u16>,
    /// The longest packet the peer wants to receive, in milliseconds.
    pub max_ptime_ms: Option<u16>,
    /// The header extensions that may be used, with their ids.
    pub extensions: Vec<ExtensionMap>,
    /// The sources the peer announced.
    pub remote_ssrcs: Vec<u32>,
}

/// How the media of one section travels, whatever it carries: what both sides agree on beside formats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transport {
    /// The `mid` of the section.
    pub mid: Option<String>,
    /// Whether the section is in a `BUNDLE` group.
    pub bundled: bool,
    /// The protocol of the section.
    pub protocol: Protocol,
    /// The direction seen from this side.
    pub direction: Direction,
    /// Where media goes; see [`Negotiated::remote_rtp`].
    pub remote_rtp: Option<SocketAddr>,
    /// Where RTCP goes; the same as RTP with [`Transport::rtcp_mux`].
    pub remote_rtcp: Option<SocketAddr>,
    /// Whether RTP and RTCP share a port.
    pub rtcp_mux: bool,
    /// The peer's ICE agent, when both sides do ICE.
    pub ice: Option<IceRemote>,
    /// How the media is protected.
    pub security: Security,
}

/// A format with its payload types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NegotiatedCodec {
    /// The format.
    pub format: AudioFormat,
    /// The payload type of packets to the peer.
    pub send_payload_type: u8,
    /// The payload type of packets from the peer.
    pub receive_payload_type: u8,
    /// The peer's `fmtp`: how it wants to receive. Empty for none.
    pub remote_fmtp: String,
    /// This side's `fmtp`. Empty for none.
    pub local_fmtp: String,
}

/// The peer's ICE agent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceRemote {
    /// The user name fragment.
    pub ufrag: String,
    /// The password.
    pub pwd: String,
    /// Whether the peer is a lite agent: then this side must be a full one and controls.
    pub lite: bool,
    /// Whether the peer trickles candidates (RFC 8838).
    pub trickle: bool,
    /// The candidates it named so far.
    pub candidates: Vec<Candidate>,
    /// Whether it said that these are all.
    pub end_of_candidates: bool,
}

/// How the media is protected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Security {
    /// Not at all.
    Plain,
    /// SRTP with keys from the descriptions.
    Sdes {
        /// The suite both ways.
        suite: CryptoSuite,
        /// The key of packets to the peer.
        send: MasterKey,
        /// The key of packets from the peer.
        receive: MasterKey,
    },
    /// SRTP with keys from a DTLS handshake.
    Dtls {
        /// The peer's fingerprints: its certificate must match one of them.
        fingerprints: Vec<Fingerprint>,
        /// This side's role.
        role: DtlsRole,
    },
}

/// Why there is no agreement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NegotiationError {
    /// No audio section is in use. SIP answers 488.
    #[error("there is no audio section")]
    NoAudio,
    /// No section is in use. SIP answers 488.
    #[error("there is no media section in use")]
    NoSection,
    /// No audio format is known to both sides. SIP answers 488.
    #[error("there is no audio format that both sides have")]
    NoCommonCodec,
    /// The section's transport is not one of the RTP profiles. SIP answers 488.
    #[error("the transport protocol {0} is not supported")]
    UnsupportedProtocol(String),
    /// The profile asks for keys that one side does not have. SIP answers 488.
    #[error("the media cannot be protected as its profile asks")]
    SecurityUnavailable,
    /// The answer does not have the offer's sections. The call cannot go on.
    #[error("the answer does not have the sections of the offer")]
    SectionMismatch,
    /// The answer refuses the audio section.
    #[error("the answer refuses the audio section")]
    AudioRefused,
    /// An offer of this side waits for its answer. SIP answers 491.
    #[error("an offer of this side waits for its answer")]
    OfferPending,
    /// An answer came and there was no offer.
    #[error("there is no offer to which this could be the answer")]
    NoOffer,
}

impl LocalMedia {
    /// Plain RTP with rtcp-mux, telephone-event and no codecs at an address.
    pub fn new(address: IpAddr, port: u16) -> Self {
        Self {
            session_id: 0,
            session_version: 0,
            address,
            port,
            rtcp_port: None,
            rtcp_mux: true,
            codecs: Vec::new(),
            formats: None,
            answer_codecs_max: 1,
            telephone_event: true,
            comfort_noise: false,
            direction: Direction::SendRecv,
            ptime_ms: None,
            ice: None,
            fingerprint: None,
            dtls_role: None,
            sdes: None,
            extensions: Vec::new(),
            stream: None,
        }
    }

    pub(crate) fn for_fuzzing() -> Self {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let codecs = [AudioFormat::OPUS, AudioFormat::G722, AudioFormat::PCMU];
        Self {
            codecs: codecs.map(|format| LocalCodec::new(format, 96)).into(),
            answer_codecs_max: 3,
            comfort_noise: true,
            ice: Some(LocalIce {
                ufrag: "abcd".to_owned(),
                pwd: "a".repeat(22),
                lite: true,
                candidates: vec![Candidate::host(SocketAddr::new(address, 4_000), 1, 65_535)],
            }),
            fingerprint: Some(Fingerprint { algorithm: "sha-256".to_owned(), digest: vec![1; 32] }),
            sdes: Some(LocalSdes::new([1; KEY_SALT_BYTES_MAX])),
            ..Self::new(address, 4_000)
        }
    }
}

impl LocalCodec {
    /// A format with its static payload type, or with `dynamic` when it has none, and no `fmtp`.
    ///
    /// Opus says that it can use in-band forward error correction.
    pub fn new(format: AudioFormat, dynamic: u8) -> Self {
        let fmtp = match format.encoding {
            Encoding::Opus => "useinbandfec=1",
            _ => "",
        };
        Self {
            format,
            payload_type: format.static_payload_type().unwrap_or(dynamic),
            fmtp: fmtp.to_owned(),
        }
    }
}

impl LocalSdes {
    /// Offers and accepts AES-128 and AES-256 in counter mode with 80-bit tags and AES-128 with
    /// 32-bit tags; `secret` is random and not used for any other session.
    pub fn new(secret: [u8; KEY_SALT_BYTES_MAX]) -> Self {
        Self {
            secret,
            suites: vec![
                CryptoSuite::AesCm128HmacSha1_80,
                CryptoSuite::AesCm256HmacSha1_80,
                CryptoSuite::AesCm128HmacSha1_32,
            ],
        }
    }

    pub(crate) fn key(&self, suite: CryptoSuite) -> MasterKey {
        MasterKey::new(suite, &self.secret).expect("the secret is as long as the longest key")
    }
}

impl OfferPolicy {
    /// `RTP/AVP` without keys.
    pub fn plain() -> Self {
        Self::new(Protocol::RtpAvp, OfferSecurity::Plain)
    }

    /// `RTP/SAVP` with `a=crypto`.
    pub fn sdes() -> Self {
        Self::new(Protocol::RtpSavp, OfferSecurity::Sdes)
    }

    /// `RTP/SAVP` with `a=crypto`, `a=fingerprint` and `a=setup`: a phone that knows either can answer.
    pub fn sdes_or_dtls() -> Self {
        Self::new(Protocol::RtpSavp, OfferSecurity::SdesOrDtls)
    }

    /// `UDP/TLS/RTP/SAVPF`, as browsers want it.
    pub fn dtls() -> Self {
        Self::new(Protocol::DtlsSavpf, OfferSecurity::Dtls)
    }

    /// A protocol and a protection.
    pub fn new(protocol: Protocol, security: OfferSecurity) -> Self {
        Self { protocol, security }
    }

    /// What is in force, for an offer within the session.
    pub fn like(negotiated: &Negotiated) -> Self {
        let security = match negotiated.security {
            Security::Plain => OfferSecurity::Plain,
            Security::Sdes { .. } => OfferSecurity::Sdes,
            Security::Dtls { .. } => OfferSecurity::Dtls,
        };
        Self::new(negotiated.protocol.clone(), security)
    }
}

impl Default for OfferPolicy {
    fn default() -> Self {
        Self::plain()
    }
}

impl DtlsRole {
    /// The role as `a=setup` writes it.
    pub fn setup(self) -> Setup {
        match self {
            Self::Client => Setup::Active,
            Self::Server => Setup::Passive,
        }
    }
}

impl Negotiated {
    /// How the media travels.
    pub fn transport(&self) -> Transport {
        Transport {
            mid: self.mid.clone(),
            bundled: self.bundled,
            protocol: self.protocol.clone(),
            direction: self.direction,
            remote_rtp: self.remote_rtp,
            remote_rtcp: self.remote_rtcp,
            rtcp_mux: self.rtcp_mux,
            ice: self.ice.clone(),
            security: self.security.clone(),
        }
    }

    /// The format to send.
    ///
    /// A negotiation without a format does not succeed, so there always is one.
    pub fn codec(&self) -> &NegotiatedCodec {
        self.codecs.first().expect("at least one format is agreed on")
    }

    /// The speech format of received packets with that payload type.
    pub fn received_codec(&self, payload_type: u8) -> Option<&NegotiatedCodec> {
        let mut codecs = self.codecs.iter();
        codecs.find(|codec| codec.receive_payload_type == payload_type)
    }

    /// The telephone-event format that goes with a clock rate, or the only one there is.
    pub fn telephone_event(&self, clock_rate: u32) -> Option<&NegotiatedCodec> {
        let mut events = self.telephone_events.iter();
        let found = events.find(|event| event.format.clock_rate == clock_rate);
        found.or_else(|| self.telephone_events.first())
    }

    /// The telephone-event format of received packets with that payload type.
    pub fn received_event(&self, payload_type: u8) -> Option<&NegotiatedCodec> {
        let mut events = self.telephone_events.iter();
        events.find(|event| event.receive_payload_type == payload_type)
    }

    /// Whether RTCP may be sent early and with feedback (RFC 4585).
    pub fn has_feedback(&self) -> bool {
        self.protocol.has_feedback()
    }
}

impl fmt::Debug for LocalIce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("LocalIce");
        shown.field("ufrag", &self.ufrag).field("lite", &self.lite);
        let shown = shown.field("candidates", &self.candidates);
        shown.finish_non_exhaustive()
    }
}

impl fmt::Debug for LocalSdes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("LocalSdes");
        shown.field("suites", &self.suites).finish_non_exhaustive()
    }
}

impl fmt::Debug for IceRemote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("IceRemote");
        shown.field("ufrag", &self.ufrag).field("lite", &self.lite);
        shown.field("candidates", &self.candidates);
        shown.finish_non_exhaustive()
    }
}
