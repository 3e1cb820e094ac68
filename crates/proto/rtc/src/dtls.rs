//! DTLS-SRTP (RFC 5764): the handshake, the peer's fingerprint, the keys.
//!
//! Two implementations stand behind one enum. `dimpl` speaks DTLS 1.2 and 1.3 with ECDSA certificates,
//! which is what browsers have; OpenSSL speaks DTLS 1.2 with RSA certificates too, which many phones have.

mod dimpl_stack;
mod openssl_stack;

use crate::identity::Identity;
use crate::protection::MasterKey;
use dimpl_stack::DimplStack;
use offhook_rtp::SrtpProfile;
use offhook_sdp::{DtlsRole, Fingerprint};
use openssl_stack::OpensslStack;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Instant;

/// Datagrams of a handshake that may wait to be sent; a flight has far fewer.
const DATAGRAMS_WAITING_MAX: usize = 64;

/// Which implementation speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DtlsStack {
    /// DTLS 1.2 and 1.3; the peer's certificate must be ECDSA.
    Dimpl,
    /// DTLS 1.2 with any certificate.
    Openssl,
}

/// Why a handshake failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DtlsError {
    /// The peer refused with an alert (RFC 8446 6).
    #[error("the peer sent the alert {name}", name = alert_name(*.0))]
    Alert(u8),
    /// The peer's certificate is not the one that its description promised.
    #[error("the certificate does not match the fingerprint in the description")]
    FingerprintMismatch,
    /// The peer negotiated no SRTP profile that is known here.
    #[error("no SRTP profile in common")]
    NoCommonProfile,
    /// The handshake did not end in time.
    #[error("the handshake timed out")]
    TimedOut,
    /// The peer ended the association.
    #[error("the peer closed the association")]
    Closed,
    /// The handshake broke for the reason given.
    #[error("{0}")]
    Handshake(String),
}

/// The keys of both directions (RFC 5764 4.2).
pub(crate) struct Keys {
    pub(crate) client: MasterKey,
    pub(crate) server: MasterKey,
}

/// What came of an input.
#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) datagrams: VecDeque<Vec<u8>>,
    pub(crate) peer_certificate: Option<Vec<u8>>,
    pub(crate) keys: Option<Keys>,
}

/// An association whose handshake is over, as plain data. Its keys are with the protection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DtlsSnapshot {
    role: DtlsRole,
    stack: DtlsStack,
    fingerprints: Vec<Fingerprint>,
    has_failed: bool,
    /// The SHA-256 of our certificate; empty when it is not known.
    #[serde(default)]
    own: Vec<u8>,
}

/// One association.
pub(crate) struct Dtls {
    identity: Identity,
    /// The SHA-256 of the certificate by which the peer knows us.
    own: Vec<u8>,
    role: DtlsRole,
    stack: Stack,
    fingerprints: Vec<Fingerprint>,
    state: State,
    progress: Progress,
}

enum Stack {
    Dimpl(Box<DimplStack>),
    Openssl(Box<OpensslStack>),
    /// The record layer was in another process, and its keys with it. The keys of SRTP are all that the
    /// association was for, so that nothing is missed: what the peer says on it, such as that it closes, is
    /// not understood.
    Elsewhere(DtlsStack),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing that deserves an answer has come yet.
    Waiting,
    Handshaking,
    Established,
    Failed,
}

impl Dtls {
    pub(crate) fn new(
        identity: &Identity,
        role: DtlsRole,
        stack: DtlsStack,
        fingerprints: Vec<Fingerprint>,
        now: Instant,
    ) -> Result<Self, DtlsError> {
        let stack = Stack::new(identity, role, stack, now)?;
        let (state, progress) = (State::Waiting, Progress::default());
        let (identity, own) = (identity.clone(), identity.digest().to_vec());
        Ok(Self { identity, own, role, stack, fingerprints, state, progress })
    }

    /// `None` while there are no keys yet.
    pub(crate) fn snapshot(&self) -> Option<DtlsSnapshot> {
        let has_failed = match self.state {
            State::Waiting | State::Handshaking => return None,
            State::Established => false,
            State::Failed => true,
        };
        let (role, stack) = (self.role, self.stack.kind());
        let (fingerprints, own) = (self.fingerprints.clone(), self.own.clone());
        Some(DtlsSnapshot { role, stack, fingerprints, has_failed, own })
    }

    /// The association of another process.
    pub(crate) fn restore(identity: &Identity, snapshot: &DtlsSnapshot) -> Self {
        Self {
            identity: identity.clone(),
            own: identity.digest().to_vec(),
            role: snapshot.role,
            stack: Stack::Elsewhere(snapshot.stack),
            fingerprints: snapshot.fingerprints.clone(),
            state: if snapshot.has_failed { State::Failed } else { State::Established },
            progress: Progress::default(),
        }
    }

    /// The certificate by which the peer knows us is that of the snapshot, whichever we have here.
    pub(crate) fn restore_own(&mut self, snapshot: &DtlsSnapshot) {
        if !snapshot.own.is_empty() {
            self.own.clone_from(&snapshot.own);
        }
    }

    /// Whether the certificate by which the peer knows us is still ours.
    pub(crate) fn is_known_by(&self, identity: &Identity) -> bool {
        self.own == *identity.digest()
    }

    pub(crate) fn role(&self) -> DtlsRole {
        self.role
    }

    pub(crate) fn fingerprints(&self) -> &[Fingerprint] {
        &self.fingerprints
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.state == State::Failed
    }

    /// Takes a datagram. Gives the keys once, when the handshake is over and the fingerprint is right.
    pub(crate) fn handle_packet(
        &mut self,
        packet: &[u8],
        now: Instant,
    ) -> Result<Option<Keys>, DtlsError> {
        if self.state == State::Failed || !is_record(packet) {
            return Ok(None);
        }
        let result = match &mut self.stack {
            Stack::Dimpl(stack) => stack.handle_packet(packet, now, &mut self.progress),
            Stack::Openssl(stack) => stack.handle_packet(packet, &mut self.progress),
            Stack::Elsewhere(_) => Ok(()),
        };
        self.conclude(result, now)
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<Option<Keys>, DtlsError> {
        if self.state == State::Failed {
            return Ok(None);
        }
        let result = match &mut self.stack {
            Stack::Dimpl(stack) => stack.handle_timeout(now, &mut self.progress),
            Stack::Openssl(stack) => stack.handle_timeout(now, &mut self.progress),
            Stack::Elsewhere(_) => Ok(()),
        };
        self.conclude(result, now)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match (&self.state, &self.stack) {
            (State::Failed, _) | (_, Stack::Elsewhere(_)) => None,
            (_, Stack::Dimpl(stack)) => stack.poll_timeout(),
            (State::Established, Stack::Openssl(_)) => None,
            (_, Stack::Openssl(stack)) => Some(stack.poll_timeout()),
        }
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.progress.datagrams.pop_front()
    }

    fn conclude(
        &mut self,
        result: Result<(), DtlsError>,
        now: Instant,
    ) -> Result<Option<Keys>, DtlsError> {
        self.progress.datagrams.truncate(DATAGRAMS_WAITING_MAX);
        if let Err(error) = result {
            return self.fail(error, now);
        }
        if self.state == State::Waiting && !self.progress.datagrams.is_empty() {
            self.state = State::Handshaking;
        }
        if let Some(certificate) = self.progress.peer_certificate.take()
            && !self.fingerprints.iter().any(|expected| matches(expected, &certificate))
        {
            return self.fail(DtlsError::FingerprintMismatch, now);
        }
        let keys = self.progress.keys.take();
        if keys.is_some() {
            self.state = State::Established;
        }
        Ok(keys)
    }

    /// An association that breaks after its keys were handed over does not end the media. Records that
    /// break a server before it has answered anybody were not the peer's: it starts afresh.
    fn fail(&mut self, error: DtlsError, now: Instant) -> Result<Option<Keys>, DtlsError> {
        match self.state {
            State::Waiting if self.role == DtlsRole::Server && error != DtlsError::TimedOut => {
                self.stack = Stack::new(&self.identity, self.role, self.stack.kind(), now)?;
                Ok(None)
            }
            State::Established => {
                self.state = State::Failed;
                Ok(None)
            }
            State::Waiting | State::Handshaking | State::Failed => {
                self.state = State::Failed;
                Err(error)
            }
        }
    }
}

impl Stack {
    fn new(
        identity: &Identity,
        role: DtlsRole,
        kind: DtlsStack,
        now: Instant,
    ) -> Result<Self, DtlsError> {
        Ok(match kind {
            DtlsStack::Dimpl => Self::Dimpl(Box::new(DimplStack::new(identity, role, now))),
            DtlsStack::Openssl => Self::Openssl(Box::new(OpensslStack::new(identity, role, now)?)),
        })
    }

    fn kind(&self) -> DtlsStack {
        match self {
            Self::Dimpl(_) => DtlsStack::Dimpl,
            Self::Openssl(_) => DtlsStack::Openssl,
            Self::Elsewhere(kind) => *kind,
        }
    }
}

/// Whether a datagram begins with a record: of DTLS 1.2 (RFC 6347 4.1), or the short one of RFC 9147 4.
fn is_record(packet: &[u8]) -> bool {
    match packet {
        [20..=26, 0xfe, 0xfd | 0xff, _, _, _, _, _, _, _, _, length @ ..] if length.len() >= 2 => {
            let stated = usize::from(u16::from_be_bytes([length[0], length[1]]));
            length.len() - 2 >= stated
        }
        [32..=63, ..] => true,
        _ => false,
    }
}

/// Whether the certificate has this hash. MD5 and unknown functions never match (RFC 8122 5).
fn matches(expected: &Fingerprint, certificate: &[u8]) -> bool {
    use openssl::hash::{MessageDigest, hash};
    let function = match expected.algorithm.as_str() {
        "sha-1" => MessageDigest::sha1(),
        "sha-224" => MessageDigest::sha224(),
        "sha-256" => MessageDigest::sha256(),
        "sha-384" => MessageDigest::sha384(),
        "sha-512" => MessageDigest::sha512(),
        _ => return false,
    };
    hash(function, certificate).is_ok_and(|digest| *digest == *expected.digest)
}

/// Divides what a handshake exported.
fn split_keys(profile: SrtpProfile, material: &[u8]) -> Result<Keys, DtlsError> {
    let keys = profile.split_exported(material).map_err(|_| DtlsError::NoCommonProfile)?;
    let [client, server] = keys.map(|key_and_salt| MasterKey { profile, key_and_salt });
    Ok(Keys { client, server })
}

/// The alert's name in RFC 8446 6 and RFC 5246 7.2.
fn alert_name(description: u8) -> &'static str {
    match description {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        22 => "record_overflow",
        40 => "handshake_failure",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        109 => "missing_extension",
        110 => "unsupported_extension",
        112 => "unrecognized_name",
        116 => "certificate_required",
        120 => "no_application_protocol",
        _ => "of unknown meaning",
    }
}
