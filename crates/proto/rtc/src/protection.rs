//! What stands between the wire and a packet in the clear: nothing, or SRTP (RFC 3711).

use crate::peer::Refusal;
use offhook_rtp::{SrtpError, SrtpProfile, SrtpReceiver, SrtpSender};

pub use offhook_rtp::PROTECTION_BYTES_MAX;

/// A master key with its salt and what they are for. It does not show in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    /// The cipher and authentication.
    pub profile: SrtpProfile,
    /// The master key, followed by the salt.
    pub key_and_salt: Vec<u8>,
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterKey({:?}, ..)", self.profile)
    }
}

/// A key does not have the length of its profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the SRTP key does not have the length of its suite")]
pub struct KeyError;

/// One party's protection, both ways.
pub(crate) enum Protection {
    /// It is not known yet how, or the handshake has not ended.
    Waiting,
    Plain,
    Srtp(Box<Srtp>),
}

/// The contexts with the keys they were made of, to tell a change.
pub(crate) struct Srtp {
    send: SrtpSender,
    send_key: MasterKey,
    receive: SrtpReceiver,
    receive_key: MasterKey,
}

pub(crate) enum Unprotected {
    Packet { length: usize },
    Refused(Refusal),
}

impl Protection {
    /// Takes keys of both directions. A direction whose key stays goes on where it is, since its packet
    /// counter must neither be lost nor used twice (RFC 3711 3.2.1, 9.1).
    pub(crate) fn set_keys(&mut self, send: MasterKey, receive: MasterKey) -> Result<(), KeyError> {
        match self {
            Self::Srtp(srtp) => {
                if srtp.send_key != send {
                    srtp.send = sender(&send)?;
                    srtp.send_key = send;
                }
                if srtp.receive_key != receive {
                    srtp.receive = receiver(&receive)?;
                    srtp.receive_key = receive;
                }
            }
            Self::Waiting | Self::Plain => {
                *self = Self::Srtp(Box::new(Srtp {
                    send: sender(&send)?,
                    send_key: send,
                    receive: receiver(&receive)?,
                    receive_key: receive,
                }));
            }
        }
        Ok(())
    }

    /// Whether a packet's authentication tells who sent it.
    pub(crate) fn is_authenticated(&self) -> bool {
        matches!(self, Self::Srtp(_))
    }

    /// Whether packets can be sent.
    pub(crate) fn is_ready(&self) -> bool {
        !matches!(self, Self::Waiting)
    }

    pub(crate) fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Unprotected {
        match self {
            Self::Waiting => Unprotected::Refused(Refusal::Unexpected),
            Self::Plain => Unprotected::Packet { length: packet.len() },
            Self::Srtp(srtp) => unprotected(srtp.receive.unprotect_rtp(packet)),
        }
    }

    pub(crate) fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Unprotected {
        match self {
            Self::Waiting => Unprotected::Refused(Refusal::Unexpected),
            Self::Plain => Unprotected::Packet { length: packet.len() },
            Self::Srtp(srtp) => unprotected(srtp.receive.unprotect_rtcp(packet)),
        }
    }

    pub(crate) fn protect_rtp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        match self {
            Self::Waiting => None,
            Self::Plain => Some(length),
            Self::Srtp(srtp) => srtp.send.protect_rtp(buffer, length).ok(),
        }
    }

    pub(crate) fn protect_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        match self {
            Self::Waiting => None,
            Self::Plain => Some(length),
            Self::Srtp(srtp) => srtp.send.protect_rtcp(buffer, length).ok(),
        }
    }
}

fn sender(key: &MasterKey) -> Result<SrtpSender, KeyError> {
    SrtpSender::new(key.profile, &key.key_and_salt).map_err(|_| KeyError)
}

fn receiver(key: &MasterKey) -> Result<SrtpReceiver, KeyError> {
    SrtpReceiver::new(key.profile, &key.key_and_salt).map_err(|_| KeyError)
}

fn unprotected(result: Result<usize, SrtpError>) -> Unprotected {
    match result {
        Ok(length) => Unprotected::Packet { length },
        Err(error) => Unprotected::Refused(match error {
            SrtpError::Malformed | SrtpError::NoRoom => Refusal::Malformed,
            SrtpError::Replayed => Refusal::Replay,
            SrtpError::KeyLength
            | SrtpError::NotAuthentic
            | SrtpError::TooManyStreams
            | SrtpError::KeyExhausted => Refusal::Authentication,
        }),
    }
}
