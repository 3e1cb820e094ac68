//! The party's side, as its description gives it.

use crate::dtls::DtlsStack;
use crate::ice::{IceCredentials, IceRemote};
use crate::protection::MasterKey;
use offhook_rtp::SrtpProfile;
use offhook_sdp::{
    Candidate, CandidateTransport, CryptoSuite, DtlsRole, Fingerprint, Negotiated, NegotiatedCodec,
    Transport,
};
use std::net::SocketAddr;

/// The party's side, as its description gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Where RTP goes unless packets come from elsewhere; `None` when only they can tell.
    pub rtp: Option<SocketAddr>,
    /// Where RTCP goes.
    pub rtcp: Option<SocketAddr>,
    /// Whether RTP and RTCP share a port (RFC 5761).
    pub rtcp_mux: bool,
    /// The payload types that were agreed on, one bit each; packets of others do not move the address.
    pub payload_types: u128,
    /// Whether RTP is spoken. Other datagrams come and go as they are, on the RTP socket alone.
    pub is_rtp: bool,
    /// The protection.
    pub security: Security,
    /// The party's ICE agent.
    pub ice: Option<IceRemote>,
}

/// How the media is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    Plain,
    /// SRTP with keys from the descriptions (RFC 4568).
    Sdes {
        /// The key of packets to the party.
        send: MasterKey,
        /// The key of packets from the party.
        receive: MasterKey,
    },
    /// SRTP with keys from a handshake (RFC 5764).
    Dtls {
        /// Our part in it.
        role: DtlsRole,
        /// Who speaks it for us.
        stack: DtlsStack,
        /// What the party's certificate may be.
        fingerprints: Vec<Fingerprint>,
    },
}

impl Remote {
    /// What was negotiated with the party.
    #[must_use]
    pub fn from_negotiated(negotiated: &Negotiated) -> Self {
        let transport = Self::from_transport(&negotiated.transport());
        Self { payload_types: payload_types(negotiated), ..transport }
    }

    /// What was negotiated of a section whose formats nobody here looks at: all of them are agreed on.
    #[must_use]
    pub fn from_transport(transport: &Transport) -> Self {
        Self {
            rtp: transport.remote_rtp,
            rtcp: transport.remote_rtcp,
            rtcp_mux: transport.rtcp_mux,
            payload_types: u128::MAX,
            is_rtp: transport.protocol.is_rtp(),
            security: security(transport),
            ice: transport.ice.as_ref().map(ice),
        }
    }
}

fn payload_types(negotiated: &Negotiated) -> u128 {
    let beside = negotiated.telephone_events.iter().chain(&negotiated.comfort_noise);
    let types = negotiated.codecs.iter().chain(beside);
    let bit = |codec: &NegotiatedCodec| 1 << (codec.receive_payload_type & 0x7f);
    types.fold(0, |mask, codec| mask | bit(codec))
}

fn security(transport: &Transport) -> Security {
    match &transport.security {
        offhook_sdp::Security::Plain => Security::Plain,
        offhook_sdp::Security::Sdes { suite, send, receive } => Security::Sdes {
            send: master_key(*suite, send.as_bytes()),
            receive: master_key(*suite, receive.as_bytes()),
        },
        offhook_sdp::Security::Dtls { fingerprints, role } => Security::Dtls {
            role: *role,
            stack: stack(transport),
            fingerprints: fingerprints.clone(),
        },
    }
}

/// Browsers bundle and have ECDSA certificates. Whoever else speaks DTLS may have an RSA one.
fn stack(transport: &Transport) -> DtlsStack {
    if transport.ice.is_some() && transport.bundled { DtlsStack::Dimpl } else { DtlsStack::Openssl }
}

fn master_key(suite: CryptoSuite, key_and_salt: &[u8]) -> MasterKey {
    let profile = match suite {
        CryptoSuite::AesCm128HmacSha1_80 => SrtpProfile::AesCm128HmacSha1_80,
        CryptoSuite::AesCm128HmacSha1_32 => SrtpProfile::AesCm128HmacSha1_32,
        CryptoSuite::AesCm256HmacSha1_80 => SrtpProfile::AesCm256HmacSha1_80,
        CryptoSuite::AesCm256HmacSha1_32 => SrtpProfile::AesCm256HmacSha1_32,
        CryptoSuite::AeadAes128Gcm => SrtpProfile::AeadAes128Gcm,
        CryptoSuite::AeadAes256Gcm => SrtpProfile::AeadAes256Gcm,
    };
    MasterKey { profile, key_and_salt: key_and_salt.to_vec() }
}

fn ice(ice: &offhook_sdp::IceRemote) -> IceRemote {
    let is_for_rtp = |candidate: &&Candidate| {
        candidate.component == 1 && candidate.transport == CandidateTransport::Udp
    };
    let candidates = ice.candidates.iter().filter(is_for_rtp);
    IceRemote {
        credentials: IceCredentials { ufrag: ice.ufrag.clone(), pwd: ice.pwd.clone() },
        is_lite: ice.lite,
        candidates: candidates.filter_map(Candidate::socket_addr).collect(),
    }
}
