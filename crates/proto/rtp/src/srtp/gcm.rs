//! AES in Galois counter mode (RFC 7714).

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::key_derivation::{PacketKeys, SessionKeys};
use super::{ENCRYPTED_FLAG, PacketIndex, RTCP_HEADER_BYTES, RTCP_TRAILER_BYTES, SrtpError};

/// Bytes of the tag.
pub(super) const TAG_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;

struct Protection {
    key: LessSafeKey,
    salt: [u8; NONCE_BYTES],
}

/// Both for one direction.
pub(super) struct Gcm {
    rtp: Protection,
    rtcp: Protection,
}

impl Gcm {
    pub fn new(keys: &SessionKeys) -> Result<Self, SrtpError> {
        Ok(Self { rtp: Protection::new(&keys.rtp)?, rtcp: Protection::new(&keys.rtcp)? })
    }

    /// `packet` ends with room for the tag.
    pub fn protect_rtp(
        &self,
        packet: &mut [u8],
        payload: usize,
        ssrc: u32,
        index: PacketIndex,
    ) -> Result<(), SrtpError> {
        let nonce = self.rtp.rtp_nonce(ssrc, index);
        let (header, body) = packet.split_at_mut(payload);
        let (body, tag) = body.split_at_mut(body.len() - TAG_BYTES);
        self.rtp.seal(nonce, header, body, tag)
    }

    pub fn unprotect_rtp(
        &self,
        packet: &mut [u8],
        payload: usize,
        ssrc: u32,
        index: PacketIndex,
    ) -> Result<(), SrtpError> {
        let nonce = self.rtp.rtp_nonce(ssrc, index);
        let (header, body) = packet.split_at_mut(payload);
        self.rtp.open(nonce, header, body)
    }

    /// `packet` ends with room for tag and index behind the first `length` bytes.
    pub fn protect_rtcp(
        &self,
        packet: &mut [u8],
        length: usize,
        ssrc: u32,
        index: u32,
    ) -> Result<(), SrtpError> {
        let nonce = self.rtcp.rtcp_nonce(ssrc, index);
        let (packet, trailer) = packet.split_at_mut(length + TAG_BYTES);
        trailer.copy_from_slice(&(index | ENCRYPTED_FLAG).to_be_bytes());
        let associated = associated_data(packet, trailer);
        let (body, tag) = packet[RTCP_HEADER_BYTES..].split_at_mut(length - RTCP_HEADER_BYTES);
        self.rtcp.seal(nonce, &associated, body, tag)
    }

    pub fn unprotect_rtcp(
        &self,
        packet: &mut [u8],
        length: usize,
        ssrc: u32,
        index: u32,
        is_encrypted: bool,
    ) -> Result<(), SrtpError> {
        let nonce = self.rtcp.rtcp_nonce(ssrc, index);
        let (packet, trailer) = packet.split_at_mut(length + TAG_BYTES);
        if is_encrypted {
            let associated = associated_data(packet, trailer);
            return self.rtcp.open(nonce, &associated, &mut packet[RTCP_HEADER_BYTES..]);
        }
        // The whole packet is associated data and nothing is encrypted (RFC 7714 9.3).
        let (clear, tag) = packet.split_at_mut(length);
        let associated = [&*clear, &*trailer].concat();
        self.rtcp.open(nonce, &associated, tag)
    }
}

/// RTCP's header and the E flag with the index (RFC 7714 9.2).
fn associated_data(packet: &[u8], trailer: &[u8]) -> [u8; RTCP_HEADER_BYTES + RTCP_TRAILER_BYTES] {
    let mut associated = [0; RTCP_HEADER_BYTES + RTCP_TRAILER_BYTES];
    associated[..RTCP_HEADER_BYTES].copy_from_slice(&packet[..RTCP_HEADER_BYTES]);
    associated[RTCP_HEADER_BYTES..].copy_from_slice(trailer);
    associated
}

impl Protection {
    fn new(keys: &PacketKeys) -> Result<Self, SrtpError> {
        let algorithm = match keys.encryption.len() {
            16 => &AES_128_GCM,
            _ => &AES_256_GCM,
        };
        let key = UnboundKey::new(algorithm, &keys.encryption);
        let mut salt = [0; NONCE_BYTES];
        salt.copy_from_slice(&keys.salt[..NONCE_BYTES]);
        Ok(Self { key: LessSafeKey::new(key.map_err(|_| SrtpError::KeyLength)?), salt })
    }

    /// SSRC, rollover counter and sequence number under the salt (RFC 7714 8.1).
    fn rtp_nonce(&self, ssrc: u32, index: PacketIndex) -> [u8; NONCE_BYTES] {
        self.nonce(u128::from(ssrc) << 48 | u128::from(index))
    }

    /// SSRC and index under the salt (RFC 7714 9.1).
    fn rtcp_nonce(&self, ssrc: u32, index: u32) -> [u8; NONCE_BYTES] {
        self.nonce(u128::from(ssrc) << 48 | u128::from(index))
    }

    fn nonce(&self, value: u128) -> [u8; NONCE_BYTES] {
        let mut nonce = self.salt;
        for (byte, value) in nonce.iter_mut().zip(&value.to_be_bytes()[16 - NONCE_BYTES..]) {
            *byte ^= value;
        }
        nonce
    }

    fn seal(
        &self,
        nonce: [u8; NONCE_BYTES],
        associated: &[u8],
        body: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), SrtpError> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let sealed = self.key.seal_in_place_separate_tag(nonce, Aad::from(associated), body);
        let computed = sealed.map_err(|_| SrtpError::KeyExhausted)?;
        tag.copy_from_slice(computed.as_ref());
        Ok(())
    }

    /// `body` ends with the tag.
    fn open(
        &self,
        nonce: [u8; NONCE_BYTES],
        associated: &[u8],
        body: &mut [u8],
    ) -> Result<(), SrtpError> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = self.key.open_in_place(nonce, Aad::from(associated), body);
        opened.map(|_| ()).map_err(|_| SrtpError::NotAuthentic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let hex: String = hex.split_whitespace().collect();
        let pairs = (0..hex.len()).step_by(2);
        pairs.map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
    }

    /// The session keys of RFC 7714 16 and 17: counting bytes, and a salt in Latin.
    fn gcm(key_bytes: u8) -> Gcm {
        let mut salt = [0; 14];
        salt[..NONCE_BYTES].copy_from_slice(b"Quid pro quo");
        let keys =
            || PacketKeys { encryption: (0..key_bytes).collect(), authentication: [0; 20], salt };
        let (rtp, rtcp) = (keys(), keys());
        Gcm::new(&SessionKeys { rtp, rtcp }).unwrap()
    }

    /// RFC 7714 16.1.1 and 16.2.1.
    #[test]
    fn rtp_is_that_of_rfc_7714() {
        let cases = [
            (
                16,
                "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a
                  51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce",
            ),
            (
                32,
                "32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02
                  76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13",
            ),
        ];
        let header = bytes("8040f17b 8041f8d3 5501a0b2");
        let speech = b"Gallia est omnis divisa in partes tres";
        for (key_bytes, expected) in cases {
            let gcm = gcm(key_bytes);
            let mut packet = [&header[..], speech, &[0; TAG_BYTES]].concat();
            gcm.protect_rtp(&mut packet, 12, 0x5501_a0b2, 0xf17b).unwrap();
            assert_eq!(packet[..12], header);
            assert_eq!(packet[12..], bytes(expected));
            gcm.unprotect_rtp(&mut packet, 12, 0x5501_a0b2, 0xf17b).unwrap();
            assert_eq!(packet[12..50], speech[..]);
        }
    }

    /// RFC 7714 17.1.
    #[test]
    fn rtcp_is_that_of_rfc_7714() {
        let gcm = gcm(16);
        let report = bytes(
            "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
             deadbeef deadbeef deadbeef deadbeef deadbeef",
        );
        let mut packet = [&report[..], &[0; TAG_BYTES + RTCP_TRAILER_BYTES]].concat();
        let length = report.len();
        gcm.protect_rtcp(&mut packet, length, 0x4d61_7273, 0x5d4).unwrap();
        let expected = bytes(
            "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d
             c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872
             45d9eade 800005d4",
        );
        assert_eq!(packet, expected);
        gcm.unprotect_rtcp(&mut packet, length, 0x4d61_7273, 0x5d4, true).unwrap();
        assert_eq!(packet[..length], report);
    }

    #[test]
    fn rtcp_that_is_only_authenticated_is_accepted() {
        let gcm = gcm(16);
        let mut packet = bytes("80c90001 4d617273");
        let length = packet.len();
        let trailer = 7_u32.to_be_bytes();
        let associated = [&packet[..], &trailer].concat();
        let mut tag = [0; TAG_BYTES];
        let nonce = gcm.rtcp.rtcp_nonce(0x4d61_7273, 7);
        gcm.rtcp.seal(nonce, &associated, &mut [], &mut tag).unwrap();
        packet.extend([&tag[..], &trailer].concat());
        gcm.unprotect_rtcp(&mut packet, length, 0x4d61_7273, 7, false).unwrap();
        packet[1] ^= 1;
        let changed = gcm.unprotect_rtcp(&mut packet, length, 0x4d61_7273, 7, false);
        assert_eq!(changed, Err(SrtpError::NotAuthentic));
    }
}
