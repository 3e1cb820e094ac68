//! What stands between the wire and a packet in the clear: nothing, or SRTP (RFC 3711).

use crate::peer::Refusal;
use offhook_rtp::{SentSince, SrtpError, SrtpProfile, SrtpReceiver, SrtpSender, SrtpState};
use serde::{Deserialize, Serialize};

pub use offhook_rtp::PROTECTION_BYTES_MAX;

/// A master key with its salt and what they are for. It does not show in `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// A [`Protection`] as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ProtectionSnapshot {
    Waiting,
    Plain,
    Srtp { send: MasterKey, sent: SrtpState, receive: MasterKey, received: SrtpState },
}

pub(crate) enum Unprotected {
    Packet { length: usize },
    Refused(Refusal),
}

impl Protection {
    /// Takes keys of both directions. A direction whose key stays goes on where it is, since its packet
    /// counter must neither be lost nor used twice (RFC 3711 3.2.1, 9.1). Says whether the key of what is
    /// sent is another one.
    pub(crate) fn set_keys(
        &mut self,
        send: MasterKey,
        receive: MasterKey,
    ) -> Result<bool, KeyError> {
        let before = match std::mem::replace(self, Self::Waiting) {
            Self::Srtp(srtp) if srtp.send_key == send && srtp.receive_key == receive => {
                *self = Self::Srtp(srtp);
                return Ok(false);
            }
            before => before,
        };
        let is_same = matches!(&before, Self::Srtp(srtp) if srtp.send_key == send);
        match Srtp::new(before, send, receive) {
            Ok(srtp) => {
                *self = Self::Srtp(Box::new(srtp));
                Ok(!is_same)
            }
            Err(before) => {
                *self = before;
                Err(KeyError)
            }
        }
    }

    pub(crate) fn snapshot(&self) -> ProtectionSnapshot {
        match self {
            Self::Waiting => ProtectionSnapshot::Waiting,
            Self::Plain => ProtectionSnapshot::Plain,
            Self::Srtp(srtp) => ProtectionSnapshot::Srtp {
                send: srtp.send_key.clone(),
                sent: srtp.send.state(),
                receive: srtp.receive_key.clone(),
                received: srtp.receive.state(),
            },
        }
    }

    /// The protection goes on where it was, with what may have been sent `since`.
    pub(crate) fn restore(
        snapshot: &ProtectionSnapshot,
        since: &SentSince<'_>,
    ) -> Result<Self, KeyError> {
        let (send, sent, receive, received) = match snapshot {
            ProtectionSnapshot::Waiting => return Ok(Self::Waiting),
            ProtectionSnapshot::Plain => return Ok(Self::Plain),
            ProtectionSnapshot::Srtp { send, sent, receive, received } => {
                (send, sent, receive, received)
            }
        };
        let sender = SrtpSender::restore(send.profile, &send.key_and_salt, sent, since);
        let receiver = SrtpReceiver::restore(receive.profile, &receive.key_and_salt, received);
        let (Ok(made_sender), Ok(made_receiver)) = (sender, receiver) else { return Err(KeyError) };
        Ok(Self::Srtp(Box::new(Srtp {
            send: made_sender,
            send_key: send.clone(),
            receive: made_receiver,
            receive_key: receive.clone(),
        })))
    }

    /// The highest index of a source to the party; `None` before its first packet, and in the clear.
    pub(crate) fn sent_index(&self, ssrc: u32) -> Option<u64> {
        match self {
            Self::Waiting | Self::Plain => None,
            Self::Srtp(srtp) => srtp.send.highest_index(ssrc),
        }
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

impl Srtp {
    /// Gives back what was before when a key does not fit.
    fn new(before: Protection, send: MasterKey, receive: MasterKey) -> Result<Self, Protection> {
        let (Ok(new_send), Ok(new_receive)) = (sender(&send), receiver(&receive)) else {
            return Err(before);
        };
        let mut made =
            Self { send: new_send, send_key: send, receive: new_receive, receive_key: receive };
        if let Protection::Srtp(before) = before {
            if before.send_key == made.send_key {
                made.send = before.send;
            }
            if before.receive_key == made.receive_key {
                made.receive = before.receive;
            }
        }
        Ok(made)
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
