//! SRTP and SRTCP in place (RFC 3711, RFC 6188, RFC 7714).
//!
//! A sender or receiver holds one master key and serves all sources under it. Session keys, the
//! AES key schedule and the keyed HMAC state are made once.

mod aes_cm;
mod gcm;
mod hmac_sha1;
mod key_derivation;
mod profile;
mod replay;
mod stream;

use aes_cm::AesCm;
use gcm::Gcm;
pub use profile::{MASTER_KEY_BYTES_MAX, SrtpProfile};
pub use replay::REPLAY_WINDOW_PACKETS;
pub use stream::{PassedOn, SRTP_STREAMS_MAX, SentSince, SrtpState, SrtpStreamState};

use crate::rtp::{be16, be32, header_bytes};
use stream::{PacketIndex, Streams};

/// Bytes that protection adds to a packet at most: a GCM tag and the SRTCP index.
pub const PROTECTION_BYTES_MAX: usize = 16 + RTCP_TRAILER_BYTES;

const RTCP_HEADER_BYTES: usize = 8;
/// The E flag and the 31-bit index.
const RTCP_TRAILER_BYTES: usize = 4;
const ENCRYPTED_FLAG: u32 = 1 << 31;
const RTCP_INDEX_MAX: u32 = ENCRYPTED_FLAG - 1;

/// How many packets may have come or gone since a state was noted: an index is told from 16 bits as the one
/// closest to the highest known (RFC 3711 3.3.1), so that half of their range is the most.
pub const RESTORED_PACKETS_MAX: u32 = 1 << 15;

/// Why a packet cannot be protected or unprotected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SrtpError {
    /// The master key and salt do not have the length of the profile.
    #[error("the master key does not have the length of its profile")]
    KeyLength,
    /// The bytes are not an RTP or RTCP packet. Drop it.
    #[error("the packet is malformed")]
    Malformed,
    /// The buffer has no room for the tag.
    #[error("the buffer has no room for the authentication tag")]
    NoRoom,
    /// The packet was seen before or is older than the replay window. Drop it.
    #[error("the packet was seen before or is too old")]
    Replayed,
    /// The tag does not fit: another key, a changed packet. Drop it.
    #[error("the packet is not authentic")]
    NotAuthentic,
    /// There are [`SRTP_STREAMS_MAX`] sources under this key already, or there may have been others whose
    /// numbers are not known. Drop it.
    #[error("there are too many sources under one key")]
    TooManyStreams,
    /// The key protected as many packets as it may. Agree on another.
    #[error("the master key is used up")]
    KeyExhausted,
}

/// Protects the packets of all sources that one side sends under one master key.
pub struct SrtpSender {
    cipher: Cipher,
    streams: Streams,
}

/// Unprotects the packets of all sources that one side receives under one master key.
pub struct SrtpReceiver {
    cipher: Cipher,
    streams: Streams,
}

enum Cipher {
    AesCm(Box<AesCm>),
    Gcm(Box<Gcm>),
}

impl Cipher {
    fn new(profile: SrtpProfile, key_and_salt: &[u8]) -> Result<Self, SrtpError> {
        let keys = key_derivation::SessionKeys::derive(profile, key_and_salt)?;
        Ok(if profile.is_gcm() {
            Self::Gcm(Box::new(Gcm::new(&keys)?))
        } else {
            Self::AesCm(Box::new(AesCm::new(profile, &keys)))
        })
    }

    /// Bytes behind the payload of an RTP packet.
    fn rtp_tag_bytes(&self) -> usize {
        match self {
            Self::AesCm(cipher) => cipher.rtp_tag_bytes(),
            Self::Gcm(_) => gcm::TAG_BYTES,
        }
    }

    /// Bytes of the RTCP tag, without index.
    fn rtcp_tag_bytes(&self) -> usize {
        match self {
            Self::AesCm(_) => aes_cm::RTCP_TAG_BYTES,
            Self::Gcm(_) => gcm::TAG_BYTES,
        }
    }
}

impl SrtpSender {
    /// A sender; `key_and_salt` is the master key followed by the salt.
    pub fn new(profile: SrtpProfile, key_and_salt: &[u8]) -> Result<Self, SrtpError> {
        Ok(Self { cipher: Cipher::new(profile, key_and_salt)?, streams: Streams::default() })
    }

    /// How far each source has come.
    pub fn state(&self) -> SrtpState {
        self.streams.state()
    }

    /// A sender that goes on where another with the same key was when it had this state, and has sent at most
    /// what `since` says after that.
    ///
    /// No key stream is used twice: every index that the other may have used is refused here as one that was
    /// protected before, so that the caller's sequence numbers have to begin beyond it, also those of a source
    /// that had sent nothing yet unless [`SentSince::passed_on`] tells of it. Reports are numbered here and do.
    pub fn restore(
        profile: SrtpProfile,
        key_and_salt: &[u8],
        state: &SrtpState,
        since: &SentSince<'_>,
    ) -> Result<Self, SrtpError> {
        let streams = Streams::of_sender(state, since);
        Ok(Self { cipher: Cipher::new(profile, key_and_salt)?, streams })
    }

    /// The highest index of a source, rollover counter and sequence number; `None` before its first packet.
    pub fn highest_index(&self, ssrc: u32) -> Option<u64> {
        self.streams.highest_rtp_index(ssrc)
    }

    /// Protects the first `length` bytes of `buffer` and gives the new length.
    ///
    /// A sequence number that was protected before is refused: a second packet with the same
    /// number would be encrypted with the same key stream.
    pub fn protect_rtp(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, SrtpError> {
        let packet = buffer.get(..length).ok_or(SrtpError::Malformed)?;
        let payload_start = header_bytes(packet).map_err(|_| SrtpError::Malformed)?;
        let (sequence_number, ssrc) = (be16(packet, 2), be32(packet, 8));
        let end = length + self.cipher.rtp_tag_bytes();
        let packet = buffer.get_mut(..end).ok_or(SrtpError::NoRoom)?;
        let index = self.streams.rtp_index(ssrc, sequence_number)?;
        self.streams.check_rtp(ssrc, index)?;
        match &self.cipher {
            Cipher::AesCm(cipher) => cipher.protect_rtp(packet, payload_start, ssrc, index),
            Cipher::Gcm(cipher) => cipher.protect_rtp(packet, payload_start, ssrc, index)?,
        }
        self.streams.accept_rtp(ssrc, index)?;
        Ok(end)
    }

    /// Protects the compound RTCP packet in the first `length` bytes of `buffer`; the new length.
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, SrtpError> {
        let packet = buffer.get(..length).ok_or(SrtpError::Malformed)?;
        let ssrc = rtcp_ssrc(packet)?;
        let end = length + self.cipher.rtcp_tag_bytes() + RTCP_TRAILER_BYTES;
        let packet = buffer.get_mut(..end).ok_or(SrtpError::NoRoom)?;
        let index = self.streams.next_rtcp_index(ssrc)?;
        match &self.cipher {
            Cipher::AesCm(cipher) => cipher.protect_rtcp(packet, length, ssrc, index),
            Cipher::Gcm(cipher) => cipher.protect_rtcp(packet, length, ssrc, index)?,
        }
        Ok(end)
    }
}

impl SrtpReceiver {
    /// A receiver; `key_and_salt` is the master key followed by the salt.
    pub fn new(profile: SrtpProfile, key_and_salt: &[u8]) -> Result<Self, SrtpError> {
        Ok(Self { cipher: Cipher::new(profile, key_and_salt)?, streams: Streams::default() })
    }

    /// How far each source has come.
    pub fn state(&self) -> SrtpState {
        self.streams.state()
    }

    /// A receiver that goes on where another with the same key was when it had this state. Packets are
    /// understood as long as fewer than [`RESTORED_PACKETS_MAX`] came since.
    pub fn restore(
        profile: SrtpProfile,
        key_and_salt: &[u8],
        state: &SrtpState,
    ) -> Result<Self, SrtpError> {
        let streams = Streams::of_receiver(state);
        Ok(Self { cipher: Cipher::new(profile, key_and_salt)?, streams })
    }

    /// Checks and decrypts an RTP packet and gives its length without the tag.
    ///
    /// After an error the packet's content is undefined.
    pub fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let length = packet.len().checked_sub(self.cipher.rtp_tag_bytes());
        let length = length.ok_or(SrtpError::Malformed)?;
        let payload_start = header_bytes(&packet[..length]).map_err(|_| SrtpError::Malformed)?;
        let (sequence_number, ssrc) = (be16(packet, 2), be32(packet, 8));
        let index = self.streams.rtp_index(ssrc, sequence_number)?;
        self.streams.check_rtp(ssrc, index)?;
        match &self.cipher {
            Cipher::AesCm(cipher) => cipher.unprotect_rtp(packet, payload_start, ssrc, index)?,
            Cipher::Gcm(cipher) => cipher.unprotect_rtp(packet, payload_start, ssrc, index)?,
        }
        self.streams.accept_rtp(ssrc, index)?;
        Ok(length)
    }

    /// Checks and decrypts a compound RTCP packet and gives its length without tag and index.
    ///
    /// After an error the packet's content is undefined.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let ssrc = rtcp_ssrc(packet)?;
        let added = self.cipher.rtcp_tag_bytes() + RTCP_TRAILER_BYTES;
        let length = packet.len().checked_sub(added).ok_or(SrtpError::Malformed)?;
        if length < RTCP_HEADER_BYTES {
            return Err(SrtpError::Malformed);
        }
        // Before the tag with AES-CM, behind it with GCM.
        let trailer_start = match &self.cipher {
            Cipher::AesCm(_) => length,
            Cipher::Gcm(_) => length + gcm::TAG_BYTES,
        };
        let trailer = be32(packet, trailer_start);
        let is_encrypted = trailer & ENCRYPTED_FLAG != 0;
        let index = trailer & RTCP_INDEX_MAX;
        self.streams.check_rtcp(ssrc, index)?;
        match &self.cipher {
            Cipher::AesCm(cipher) => {
                cipher.unprotect_rtcp(packet, length, ssrc, index, is_encrypted)?;
            }
            Cipher::Gcm(cipher) => {
                cipher.unprotect_rtcp(packet, length, ssrc, index, is_encrypted)?;
            }
        }
        self.streams.accept_rtcp(ssrc, index)?;
        Ok(length)
    }
}

fn rtcp_ssrc(packet: &[u8]) -> Result<u32, SrtpError> {
    let header = packet.get(..RTCP_HEADER_BYTES).ok_or(SrtpError::Malformed)?;
    if header[0] >> 6 != 2 {
        return Err(SrtpError::Malformed);
    }
    Ok(be32(header, 4))
}

/// Keys do not show.
impl std::fmt::Debug for SrtpSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SrtpSender").finish_non_exhaustive()
    }
}

/// Keys do not show.
impl std::fmt::Debug for SrtpReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SrtpReceiver").finish_non_exhaustive()
    }
}
