//! HMAC-SHA1 (RFC 2104) with inner and outer state made once.
//!
//! Packets are short: setting up a general digest for each would cost as much as half of it.

use sha1::block_api::compress;

const BLOCK_BYTES: usize = 64;
/// The state SHA-1 begins with (RFC 3174 6.1).
const INITIAL: [u32; 5] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];
/// Bytes that stand behind the packet under the tag at most: the rollover counter.
const SUFFIX_BYTES_MAX: usize = 4;

/// A keyed HMAC.
pub(super) struct HmacSha1 {
    inner: [u32; 5],
    outer: [u32; 5],
}

impl HmacSha1 {
    /// With a key that is not longer than a block.
    pub fn new(key: &[u8; 20]) -> Self {
        let keyed = |pad: u8| {
            let mut block = [pad; BLOCK_BYTES];
            for (byte, key) in block.iter_mut().zip(key) {
                *byte ^= key;
            }
            let mut state = INITIAL;
            compress(&mut state, &[block]);
            state
        };
        Self { inner: keyed(0x36), outer: keyed(0x5C) }
    }

    /// The code of `message` followed by `suffix`.
    pub fn code(&self, message: &[u8], suffix: &[u8]) -> [u8; 20] {
        debug_assert!(suffix.len() <= SUFFIX_BYTES_MAX);
        let mut state = self.inner;
        let (blocks, rest) = message.as_chunks::<BLOCK_BYTES>();
        compress(&mut state, blocks);
        let mut tail = [0; 2 * BLOCK_BYTES];
        let end = rest.len() + suffix.len();
        tail[..rest.len()].copy_from_slice(rest);
        tail[rest.len()..end].copy_from_slice(suffix);
        finish(&mut state, &mut tail, end, message.len() + suffix.len());
        let mut inner = [0; 2 * BLOCK_BYTES];
        inner[..20].copy_from_slice(&bytes(state));
        let mut state = self.outer;
        finish(&mut state, &mut inner, 20, 20);
        bytes(state)
    }
}

/// Pads the last `end` bytes, of `total` under the keyed block, and takes them in.
fn finish(state: &mut [u32; 5], tail: &mut [u8; 2 * BLOCK_BYTES], end: usize, total: usize) {
    tail[end] = 0x80;
    let bits = (BLOCK_BYTES + total) as u64 * 8;
    let is_one_block = end + 1 + 8 <= BLOCK_BYTES;
    let length = if is_one_block { BLOCK_BYTES } else { 2 * BLOCK_BYTES };
    tail[length - 8..length].copy_from_slice(&bits.to_be_bytes());
    let (blocks, _) = tail[..length].as_chunks::<BLOCK_BYTES>();
    compress(state, blocks);
}

fn bytes(state: [u32; 5]) -> [u8; 20] {
    let mut bytes = [0; 20];
    for (place, word) in bytes.chunks_exact_mut(4).zip(state) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use hmac::{Hmac, KeyInit, Mac};

    #[test]
    fn codes_of_all_lengths_are_those_of_the_hmac_crate() {
        let message: Vec<u8> = (0..400).map(|i| (i * 31 % 251) as u8).collect();
        let key: [u8; 20] = std::array::from_fn(|i| i as u8 * 11);
        let own = HmacSha1::new(&key);
        for length in 0..message.len() {
            for suffix in [&b""[..], b"\x01\x02\x03\x04"] {
                let mut reference = Hmac::<sha1::Sha1>::new_from_slice(&key).unwrap();
                reference.update(&message[..length]);
                reference.update(suffix);
                let expected: [u8; 20] = reference.finalize().into_bytes().into();
                assert_eq!(own.code(&message[..length], suffix), expected, "{length}");
            }
        }
    }
}
