use super::{DtlsError, Progress, split_keys};
use crate::identity::{DTLS_MTU, Identity};
use dimpl::{Error, Output, SecurityError, UnexpectedMessageError};
use offhook_rtp::SrtpProfile;
use offhook_sdp::DtlsRole;
use std::time::Instant;

/// Bytes that one output may need: a datagram, or the peer's certificate.
const OUTPUT_BYTES_MAX: usize = 16 * 1024;

pub(super) struct DimplStack {
    dtls: dimpl::Dtls,
    next_timeout: Option<Instant>,
    buffer: Vec<u8>,
}

impl DimplStack {
    pub(super) fn new(identity: &Identity, role: DtlsRole, now: Instant) -> Self {
        let mut dtls = dimpl::Dtls::new_auto(identity.dimpl(), identity.certificate(), now);
        if role == DtlsRole::Client {
            dtls.set_active(true);
        }
        Self { dtls, next_timeout: Some(now), buffer: vec![0; DTLS_MTU] }
    }

    pub(super) fn handle_packet(
        &mut self,
        packet: &[u8],
        now: Instant,
        progress: &mut Progress,
    ) -> Result<(), DtlsError> {
        self.dtls.handle_timeout(now).map_err(error)?;
        self.drain(progress)?;
        let result = match self.dtls.handle_packet(packet) {
            // What comes before a ServerHello is a flight in the wrong order, or nobody's. The server
            // repeats its flight.
            Err(Error::UnexpectedMessage(
                UnexpectedMessageError::UnrecognizedAutoServerResponse,
            )) => Ok(()),
            result => result.map_err(error),
        };
        let drained = self.drain(progress);
        result.and(drained)
    }

    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        progress: &mut Progress,
    ) -> Result<(), DtlsError> {
        if self.next_timeout.is_none_or(|due| due > now) {
            return Ok(());
        }
        let result = self.dtls.handle_timeout(now).map_err(error);
        let drained = self.drain(progress);
        result.and(drained)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.next_timeout
    }

    fn drain(&mut self, progress: &mut Progress) -> Result<(), DtlsError> {
        loop {
            match self.dtls.poll_output(&mut self.buffer) {
                Output::Packet(packet) => progress.datagrams.push_back(packet.to_vec()),
                Output::BufferTooSmall { needed } if needed <= OUTPUT_BYTES_MAX => {
                    self.buffer.resize(needed, 0);
                }
                Output::BufferTooSmall { .. } => {
                    return Err(DtlsError::Handshake("a certificate is too long".to_owned()));
                }
                Output::Timeout(at) => {
                    self.next_timeout = Some(at);
                    return Ok(());
                }
                Output::PeerCert(der) => progress.peer_certificate = Some(der.to_vec()),
                Output::KeyingMaterial(material, profile) => {
                    let profile = known(profile).ok_or(DtlsError::NoCommonProfile)?;
                    progress.keys = Some(split_keys(profile, &material)?);
                }
                Output::CloseNotify => {
                    self.next_timeout = None;
                    return Err(DtlsError::Closed);
                }
                _ => {}
            }
        }
    }
}

fn known(profile: dimpl::SrtpProfile) -> Option<SrtpProfile> {
    match profile {
        dimpl::SrtpProfile::AES128_CM_SHA1_80 => Some(SrtpProfile::AesCm128HmacSha1_80),
        dimpl::SrtpProfile::AEAD_AES_128_GCM => Some(SrtpProfile::AeadAes128Gcm),
        dimpl::SrtpProfile::AEAD_AES_256_GCM => Some(SrtpProfile::AeadAes256Gcm),
        _ => None,
    }
}

fn error(error: Error) -> DtlsError {
    match error {
        Error::SecurityError(SecurityError::FatalAlert { description }) => {
            DtlsError::Alert(description)
        }
        Error::Timeout(_) => DtlsError::TimedOut,
        Error::ConnectionClosed => DtlsError::Closed,
        other => DtlsError::Handshake(other.to_string()),
    }
}
