//! The protection profiles by their key lengths.

use super::SrtpError;
use serde::{Deserialize, Serialize};

/// Bytes of the longest master key and salt.
pub const MASTER_KEY_BYTES_MAX: usize = 46;

/// What cipher and authentication protect the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SrtpProfile {
    /// AES-128 in counter mode, HMAC-SHA1 with 80 bits (RFC 3711).
    AesCm128HmacSha1_80,
    /// The same with 32 bits on RTP; RTCP keeps 80 (RFC 4568 6.2.2, RFC 5764 4.1.2).
    AesCm128HmacSha1_32,
    /// AES-256 in counter mode, HMAC-SHA1 with 80 bits (RFC 6188).
    AesCm256HmacSha1_80,
    /// The same with 32 bits on RTP; RTCP keeps 80.
    AesCm256HmacSha1_32,
    /// AES-128 in Galois counter mode (RFC 7714).
    AeadAes128Gcm,
    /// AES-256 in Galois counter mode (RFC 7714).
    AeadAes256Gcm,
}

impl SrtpProfile {
    /// Bytes of the master key.
    pub fn key_bytes(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 | Self::AeadAes128Gcm => 16,
            Self::AesCm256HmacSha1_80 | Self::AesCm256HmacSha1_32 | Self::AeadAes256Gcm => 32,
        }
    }

    /// Bytes of the master salt.
    pub fn salt_bytes(self) -> usize {
        if self.is_gcm() { 12 } else { 14 }
    }

    /// Bytes of the tag on an RTP packet.
    pub fn rtp_tag_bytes(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm256HmacSha1_80 => 10,
            Self::AesCm128HmacSha1_32 | Self::AesCm256HmacSha1_32 => 4,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
        }
    }

    pub(super) fn is_gcm(self) -> bool {
        matches!(self, Self::AeadAes128Gcm | Self::AeadAes256Gcm)
    }

    /// Divides what a DTLS handshake exports into the client's and the server's master key with
    /// salt (RFC 5764 4.2): the client sends with the first.
    pub fn split_exported(self, material: &[u8]) -> Result<[Vec<u8>; 2], SrtpError> {
        let (key, salt) = (self.key_bytes(), self.salt_bytes());
        if material.len() < 2 * (key + salt) {
            return Err(SrtpError::KeyLength);
        }
        let (keys, salts) = material.split_at(2 * key);
        let client = [&keys[..key], &salts[..salt]].concat();
        let server = [&keys[key..], &salts[salt..2 * salt]].concat();
        Ok([client, server])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exported_material_is_client_key_server_key_client_salt_server_salt() {
        let material: Vec<u8> = (0..60).collect();
        let profile = SrtpProfile::AesCm128HmacSha1_80;
        let [client, server] = profile.split_exported(&material).unwrap();
        let expected: Vec<u8> = (0..16).chain(32..46).collect();
        assert_eq!(client, expected);
        let expected: Vec<u8> = (16..32).chain(46..60).collect();
        assert_eq!(server, expected);
        assert_eq!(profile.split_exported(&material[..59]), Err(SrtpError::KeyLength));
    }
}
