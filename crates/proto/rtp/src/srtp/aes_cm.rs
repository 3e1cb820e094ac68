//! AES in counter mode with HMAC-SHA1 (RFC 3711 4.1.1 and 4.2.1).

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128Enc, Aes256Enc, Block};
use subtle::ConstantTimeEq;

use super::hmac_sha1::HmacSha1;
use super::key_derivation::{PacketKeys, SessionKeys};
use super::{ENCRYPTED_FLAG, PacketIndex, RTCP_HEADER_BYTES, RTCP_TRAILER_BYTES};
use super::{SrtpError, SrtpProfile};

/// Bytes of the tag on RTCP with every profile (RFC 4568 6.2.2).
pub(super) const RTCP_TAG_BYTES: usize = 10;
/// Blocks encrypted in a row, so that the CPU works on several at once.
const BLOCKS: usize = 16;
const BLOCK_BYTES: usize = 16;

pub(super) trait BlockEncrypt:
    BlockCipherEncrypt<BlockSize = aes::cipher::consts::U16>
{
}

impl BlockEncrypt for Aes128Enc {}
impl BlockEncrypt for Aes256Enc {}

enum Aes {
    Aes128(Aes128Enc),
    Aes256(Aes256Enc),
}

/// The cipher and authentication of RTP or RTCP.
struct Protection {
    aes: Aes,
    hmac: HmacSha1,
    salt: [u8; 14],
}

/// Both for one direction.
pub(super) struct AesCm {
    rtp: Protection,
    rtcp: Protection,
    rtp_tag_bytes: usize,
}

impl AesCm {
    pub fn new(profile: SrtpProfile, keys: &SessionKeys) -> Self {
        Self {
            rtp: Protection::new(&keys.rtp),
            rtcp: Protection::new(&keys.rtcp),
            rtp_tag_bytes: profile.rtp_tag_bytes(),
        }
    }

    pub fn rtp_tag_bytes(&self) -> usize {
        self.rtp_tag_bytes
    }

    /// `packet` ends with room for the tag.
    pub fn protect_rtp(&self, packet: &mut [u8], payload: usize, ssrc: u32, index: PacketIndex) {
        let (packet, tag) = packet.split_at_mut(packet.len() - self.rtp_tag_bytes);
        self.rtp.apply(ssrc, index, &mut packet[payload..]);
        let computed = self.rtp.hmac.code(packet, &rollover_counter(index));
        tag.copy_from_slice(&computed[..tag.len()]);
    }

    pub fn unprotect_rtp(
        &self,
        packet: &mut [u8],
        payload: usize,
        ssrc: u32,
        index: PacketIndex,
    ) -> Result<(), SrtpError> {
        let (packet, tag) = packet.split_at_mut(packet.len() - self.rtp_tag_bytes);
        let computed = self.rtp.hmac.code(packet, &rollover_counter(index));
        verify(&computed, tag)?;
        self.rtp.apply(ssrc, index, &mut packet[payload..]);
        Ok(())
    }

    /// `packet` ends with room for index and tag behind the first `length` bytes.
    pub fn protect_rtcp(&self, packet: &mut [u8], length: usize, ssrc: u32, index: u32) {
        let body = &mut packet[RTCP_HEADER_BYTES..length];
        self.rtcp.apply(ssrc, index.into(), body);
        let end = length + RTCP_TRAILER_BYTES;
        packet[length..end].copy_from_slice(&(index | ENCRYPTED_FLAG).to_be_bytes());
        let computed = self.rtcp.hmac.code(&packet[..end], &[]);
        packet[end..].copy_from_slice(&computed[..RTCP_TAG_BYTES]);
    }

    pub fn unprotect_rtcp(
        &self,
        packet: &mut [u8],
        length: usize,
        ssrc: u32,
        index: u32,
        is_encrypted: bool,
    ) -> Result<(), SrtpError> {
        let (packet, tag) = packet.split_at_mut(length + RTCP_TRAILER_BYTES);
        verify(&self.rtcp.hmac.code(packet, &[]), tag)?;
        if is_encrypted {
            let body = &mut packet[RTCP_HEADER_BYTES..length];
            self.rtcp.apply(ssrc, index.into(), body);
        }
        Ok(())
    }
}

impl Protection {
    fn new(keys: &PacketKeys) -> Self {
        let aes = match Aes128Enc::new_from_slice(&keys.encryption) {
            Ok(aes) => Aes::Aes128(aes),
            Err(_) => Aes::Aes256(
                Aes256Enc::new_from_slice(&keys.encryption)
                    .expect("a profile's encryption key has 16 or 32 bytes"),
            ),
        };
        Self { aes, hmac: HmacSha1::new(&keys.authentication), salt: keys.salt }
    }

    /// Encrypts or decrypts, which is the same.
    fn apply(&self, ssrc: u32, index: PacketIndex, data: &mut [u8]) {
        let counter = initial_counter(&self.salt, ssrc, index);
        match &self.aes {
            Aes::Aes128(aes) => apply_key_stream(aes, counter, data),
            Aes::Aes256(aes) => apply_key_stream(aes, counter, data),
        }
    }
}

/// The counter block a packet begins with (RFC 3711 4.1.1).
fn initial_counter(salt: &[u8; 14], ssrc: u32, index: PacketIndex) -> [u8; 16] {
    let mut salted = [0; 16];
    salted[..14].copy_from_slice(salt);
    let value = u128::from(ssrc) << 64 | u128::from(index) << 16;
    (u128::from_be_bytes(salted) ^ value).to_be_bytes()
}

/// The rollover counter as the authentication covers it.
fn rollover_counter(index: PacketIndex) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

fn verify(computed: &[u8; 20], tag: &[u8]) -> Result<(), SrtpError> {
    if computed[..tag.len()].ct_eq(tag).into() {
        return Ok(());
    }
    Err(SrtpError::NotAuthentic)
}

/// Adds the key stream that begins at `counter` to `data`.
pub(super) fn apply_key_stream(cipher: &impl BlockEncrypt, counter: [u8; 16], data: &mut [u8]) {
    let mut counter = u128::from_be_bytes(counter);
    for chunk in data.chunks_mut(BLOCKS * BLOCK_BYTES) {
        let mut stream = [Block::default(); BLOCKS];
        let blocks = &mut stream[..chunk.len().div_ceil(BLOCK_BYTES)];
        for block in blocks.iter_mut() {
            block.copy_from_slice(&counter.to_be_bytes());
            counter = counter.wrapping_add(1);
        }
        cipher.encrypt_blocks(blocks);
        for (bytes, block) in chunk.chunks_mut(BLOCK_BYTES).zip(blocks) {
            for (byte, key) in bytes.iter_mut().zip(block.iter()) {
                *byte ^= key;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3711 B.2.
    #[test]
    fn the_key_stream_is_that_of_rfc_3711() {
        let key = 0x2B7E_1516_28AE_D2A6_ABF7_1588_09CF_4F3C_u128.to_be_bytes();
        let aes = Aes128Enc::new(&key.into());
        let salt = 0xF0F1_F2F3_F4F5_F6F7_F8F9_FAFB_FCFD_0000_u128;
        let salt: [u8; 14] = salt.to_be_bytes()[..14].try_into().unwrap();
        let mut stream = vec![0; 0xFF02 * 16];
        apply_key_stream(&aes, initial_counter(&salt, 0, 0), &mut stream);
        let cases = [
            (0x0000, 0xE03E_AD09_35C9_5E80_E166_B16D_D92B_4EB4_u128),
            (0x0001, 0xD235_1316_2B02_D0F7_2A43_A2FE_4A5F_97AB),
            (0x0002, 0x41E9_5B3B_B0A2_E8DD_4779_01E4_FCA8_94C0),
            (0xFEFF, 0xEC8C_DF73_9860_7CB0_F2D2_1675_EA9E_A1E4),
            (0xFF00, 0x362B_7C3C_6773_5163_18A0_77D7_FC50_73AE),
            (0xFF01, 0x6A2C_C378_7889_374F_BEB4_C81B_17BA_6C44),
        ];
        for (block, expected) in cases {
            let found = &stream[block * 16..][..16];
            assert_eq!(found, expected.to_be_bytes(), "block {block:#x}");
        }
    }

    #[test]
    fn the_counter_begins_with_source_and_index_under_the_salt() {
        let counter = initial_counter(&[0; 14], 0x0102_0304, 0x0A0B_0C0D_0E0F);
        let expected = [0, 0, 0, 0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 15, 0, 0];
        assert_eq!(counter, expected);
    }
}
