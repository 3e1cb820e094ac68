//! Session keys from the master key (RFC 3711 4.3, RFC 6188 3, RFC 7714 11).
//!
//! The key derivation rate is zero: keys are derived once.

use aes::cipher::KeyInit;
use aes::{Aes128Enc, Aes256Enc};

use super::aes_cm::{BlockEncrypt, apply_key_stream};
use super::{SrtpError, SrtpProfile};

/// Bytes of the HMAC-SHA1 key.
const AUTH_KEY_BYTES: usize = 20;
/// Bytes of the salt in the derivation; a GCM salt has zeros behind it.
const SALT_BYTES: usize = 14;

/// The labels of RFC 3711 4.3.2.
#[derive(Clone, Copy)]
enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// The keys of one direction.
pub(super) struct SessionKeys {
    pub rtp: PacketKeys,
    pub rtcp: PacketKeys,
}

/// The keys of RTP or RTCP.
pub(super) struct PacketKeys {
    pub encryption: Vec<u8>,
    pub authentication: [u8; AUTH_KEY_BYTES],
    /// 14 bytes; of a GCM profile the first 12 count.
    pub salt: [u8; SALT_BYTES],
}

impl SessionKeys {
    pub fn derive(profile: SrtpProfile, key_and_salt: &[u8]) -> Result<Self, SrtpError> {
        if key_and_salt.len() != profile.key_bytes() + profile.salt_bytes() {
            return Err(SrtpError::KeyLength);
        }
        let (key, salt) = key_and_salt.split_at(profile.key_bytes());
        let mut master_salt = [0; SALT_BYTES];
        master_salt[..salt.len()].copy_from_slice(salt);
        let (short, long) = (Aes128Enc::new_from_slice(key), Aes256Enc::new_from_slice(key));
        match (short, long) {
            (Ok(cipher), _) => Ok(Self::with(&cipher, &master_salt, profile)),
            (_, Ok(cipher)) => Ok(Self::with(&cipher, &master_salt, profile)),
            _ => Err(SrtpError::KeyLength),
        }
    }

    fn with(cipher: &impl BlockEncrypt, salt: &[u8; SALT_BYTES], profile: SrtpProfile) -> Self {
        let keys = |encryption, authentication, salting| {
            let mut keys = PacketKeys {
                encryption: vec![0; profile.key_bytes()],
                authentication: [0; AUTH_KEY_BYTES],
                salt: [0; SALT_BYTES],
            };
            derive_key(cipher, salt, encryption, &mut keys.encryption);
            derive_key(cipher, salt, authentication, &mut keys.authentication);
            derive_key(cipher, salt, salting, &mut keys.salt);
            keys
        };
        Self {
            rtp: keys(Label::RtpEncryption, Label::RtpAuthentication, Label::RtpSalt),
            rtcp: keys(Label::RtcpEncryption, Label::RtcpAuthentication, Label::RtcpSalt),
        }
    }
}

/// Fills zeroed `output` with the key stream that begins at the label (RFC 3711 4.3.3).
fn derive_key(
    cipher: &impl BlockEncrypt,
    salt: &[u8; SALT_BYTES],
    label: Label,
    output: &mut [u8],
) {
    let mut counter = [0; 16];
    counter[..SALT_BYTES].copy_from_slice(salt);
    counter[7] ^= label as u8;
    apply_key_stream(cipher, counter, output);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let hex: String = hex.split_whitespace().collect();
        let pairs = (0..hex.len()).step_by(2);
        pairs.map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
    }

    /// RFC 3711 B.3.
    #[test]
    fn session_keys_of_128_bits_are_those_of_rfc_3711() {
        let master = "E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6";
        let keys = SessionKeys::derive(SrtpProfile::AesCm128HmacSha1_80, &bytes(master)).unwrap();
        assert_eq!(keys.rtp.encryption, bytes("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(keys.rtp.salt[..], bytes("30CBBC08863D8C85D49DB34A9AE1"));
        let authentication = bytes("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4");
        assert_eq!(keys.rtp.authentication[..], authentication);
    }

    /// RFC 6188 7.2.
    #[test]
    fn session_keys_of_256_bits_are_those_of_rfc_6188() {
        let master = "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6 \
                      3b04803de51ee7c96423ab5b78d2";
        let keys = SessionKeys::derive(SrtpProfile::AesCm256HmacSha1_80, &bytes(master)).unwrap();
        let encryption = "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4";
        assert_eq!(keys.rtp.encryption, bytes(encryption));
        assert_eq!(keys.rtp.salt[..], bytes("fa31791685ca444a9e07c6c64e93"));
        let authentication = bytes("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05");
        assert_eq!(keys.rtp.authentication[..], authentication);
    }

    #[test]
    fn keys_of_a_wrong_length_are_refused() {
        for length in [0, 16, 29, 31, 46] {
            let derived = SessionKeys::derive(SrtpProfile::AesCm128HmacSha1_32, &vec![0; length]);
            assert_eq!(derived.err(), Some(SrtpError::KeyLength), "{length}");
        }
    }
}
