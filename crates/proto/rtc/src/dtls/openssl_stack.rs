use super::{DtlsError, Progress, split_keys};
use crate::identity::{DTLS_MTU, HANDSHAKE_TIMEOUT, Identity};
use offhook_rtp::{MASTER_KEY_BYTES_MAX, SrtpProfile};
use offhook_sdp::DtlsRole;
use openssl::error::ErrorStack;
use openssl::ssl::{self, ErrorCode, ShutdownState, Ssl, SslStream};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// How often OpenSSL is asked whether its own timer wants a flight repeated. It keeps that time itself.
const TIMER_GRANULARITY: Duration = Duration::from_millis(100);
/// Datagrams that wait to be read at most; the handshake reads them as they come.
const INCOMING_MAX: usize = 16;
/// The label under which RFC 5764 4.2 exports the keys.
const EXPORTER_LABEL: &str = "EXTRACTOR-dtls_srtp";
/// Bytes of keys and salts of the longest profile, both directions.
const KEYING_BYTES_MAX: usize = 2 * MASTER_KEY_BYTES_MAX;
/// Error numbers from this on are alerts that the peer sent (`SSL_AD_REASON_OFFSET`).
const ALERT_REASON_OFFSET: i32 = 1_000;

pub(super) struct OpensslStack {
    stream: SslStream<Datagrams>,
    role: DtlsRole,
    is_finished: bool,
    last_now: Instant,
    deadline: Option<Instant>,
}

/// A socket made of two queues: whatever OpenSSL writes in one call is one datagram.
#[derive(Debug, Default)]
struct Datagrams {
    incoming: VecDeque<Vec<u8>>,
    outgoing: VecDeque<Vec<u8>>,
}

impl OpensslStack {
    pub(super) fn new(
        identity: &Identity,
        role: DtlsRole,
        now: Instant,
    ) -> Result<Self, DtlsError> {
        let mut ssl = Ssl::new(identity.openssl()).map_err(|stack| failure(&stack))?;
        ssl.set_mtu(u32::try_from(DTLS_MTU).expect("an MTU fits in 32 bits"))
            .map_err(|stack| failure(&stack))?;
        let stream = SslStream::new(ssl, Datagrams::default()).map_err(|stack| failure(&stack))?;
        Ok(Self { stream, role, is_finished: false, last_now: now, deadline: None })
    }

    pub(super) fn handle_packet(
        &mut self,
        packet: &[u8],
        progress: &mut Progress,
    ) -> Result<(), DtlsError> {
        let incoming = &mut self.stream.get_mut().incoming;
        if incoming.len() < INCOMING_MAX {
            incoming.push_back(packet.to_vec());
        }
        self.advance(progress)
    }

    /// The association's deadline runs from the first time that the handshake is looked at.
    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        progress: &mut Progress,
    ) -> Result<(), DtlsError> {
        self.last_now = now;
        if self.is_finished {
            return Ok(());
        }
        let deadline = *self.deadline.get_or_insert(now + HANDSHAKE_TIMEOUT);
        if now >= deadline {
            return Err(DtlsError::TimedOut);
        }
        self.advance(progress)
    }

    pub(super) fn poll_timeout(&self) -> Instant {
        match self.deadline {
            Some(_) => self.last_now + TIMER_GRANULARITY,
            None => self.last_now,
        }
    }

    fn advance(&mut self, progress: &mut Progress) -> Result<(), DtlsError> {
        let result = if self.is_finished { self.read() } else { self.handshake(progress) };
        progress.datagrams.append(&mut self.stream.get_mut().outgoing);
        result
    }

    fn handshake(&mut self, progress: &mut Progress) -> Result<(), DtlsError> {
        let result = match self.role {
            DtlsRole::Client => self.stream.connect(),
            DtlsRole::Server => self.stream.accept(),
        };
        match result {
            Ok(()) => self.finish(progress),
            Err(error) => pending_or_failed(&error),
        }
    }

    /// After the handshake the peer repeats its last flight when ours was lost, or closes; reading lets
    /// OpenSSL answer.
    fn read(&mut self) -> Result<(), DtlsError> {
        let mut discarded = [0; 512];
        match self.stream.ssl_read(&mut discarded) {
            Ok(_) => Ok(()),
            Err(error) if error.code() == ErrorCode::ZERO_RETURN => Err(DtlsError::Closed),
            Err(error) => pending_or_failed(&error),
        }
    }

    fn finish(&mut self, progress: &mut Progress) -> Result<(), DtlsError> {
        self.is_finished = true;
        let ssl = self.stream.ssl();
        let certificate = ssl.peer_certificate().and_then(|certificate| certificate.to_der().ok());
        progress.peer_certificate = Some(certificate.ok_or(DtlsError::FingerprintMismatch)?);
        let selected = ssl.selected_srtp_profile().map(|profile| profile.name().to_owned());
        let profile = selected.and_then(|name| known(&name)).ok_or(DtlsError::NoCommonProfile)?;
        let mut material = [0; KEYING_BYTES_MAX];
        let length = 2 * (profile.key_bytes() + profile.salt_bytes());
        ssl.export_keying_material(&mut material[..length], EXPORTER_LABEL, None)
            .map_err(|stack| failure(&stack))?;
        progress.keys = Some(split_keys(profile, &material[..length])?);
        Ok(())
    }
}

impl Drop for OpensslStack {
    fn drop(&mut self) {
        // Without this OpenSSL would queue a close_notify that nobody will send.
        self.stream.set_shutdown(ShutdownState::SENT | ShutdownState::RECEIVED);
    }
}

fn known(name: &str) -> Option<SrtpProfile> {
    match name {
        "SRTP_AES128_CM_SHA1_80" => Some(SrtpProfile::AesCm128HmacSha1_80),
        "SRTP_AES128_CM_SHA1_32" => Some(SrtpProfile::AesCm128HmacSha1_32),
        "SRTP_AEAD_AES_128_GCM" => Some(SrtpProfile::AeadAes128Gcm),
        "SRTP_AEAD_AES_256_GCM" => Some(SrtpProfile::AeadAes256Gcm),
        _ => None,
    }
}

/// A datagram that is missing is no failure.
fn pending_or_failed(error: &ssl::Error) -> Result<(), DtlsError> {
    match error.code() {
        ErrorCode::WANT_READ | ErrorCode::WANT_WRITE => Ok(()),
        _ => match error.ssl_error() {
            Some(stack) => Err(failure(stack)),
            None => Err(DtlsError::Handshake(error.to_string())),
        },
    }
}

fn failure(stack: &ErrorStack) -> DtlsError {
    let Some(error) = stack.errors().first() else {
        return DtlsError::Handshake("the handshake broke without a reason".to_owned());
    };
    let alert = error.reason_code() - ALERT_REASON_OFFSET;
    match u8::try_from(alert) {
        Ok(alert) => DtlsError::Alert(alert),
        Err(_) => DtlsError::Handshake(error.reason().unwrap_or("unknown reason").to_owned()),
    }
}

impl Read for Datagrams {
    /// A datagram longer than the buffer is cut, as a socket would.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let datagram = self.incoming.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        let length = datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram[..length]);
        Ok(length)
    }
}

impl Write for Datagrams {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.outgoing.push_back(datagram.to_vec());
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
