//! The bytes of a sealed file.

use crate::key::{KEY_ID_BYTES, Key, KeyId};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};

/// Bytes of a chunk before it is sealed; the last has fewer.
pub const CHUNK_BYTES: usize = 4_096;
/// Bytes of the random number from which a file's own key is made.
pub const SALT_BYTES: usize = 32;
/// Bytes before the first chunk.
pub const HEADER_BYTES: usize = 16 + KEY_ID_BYTES + SALT_BYTES;

pub(crate) const TAG_BYTES: usize = 16;
/// Bytes of a whole chunk in the file.
pub(crate) const SEALED_BYTES: usize = CHUNK_BYTES + TAG_BYTES;
pub(crate) const MAGIC: &[u8; 8] = b"OFFHKREC";
const VERSION: u8 = 1;
/// What makes these keys other than any that the same key may be used for elsewhere.
const PURPOSE: &[u8] = b"offhook recording 1";

/// The first bytes of a file: the magic, the version, three zeros, the length of a chunk (little-endian),
/// the key's name and the salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header(pub(crate) [u8; HEADER_BYTES]);

impl Header {
    pub(crate) fn new(key: KeyId, salt: [u8; SALT_BYTES]) -> Self {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8] = VERSION;
        bytes[12..16].copy_from_slice(&(CHUNK_BYTES as u32).to_le_bytes());
        bytes[16..16 + KEY_ID_BYTES].copy_from_slice(&key.0);
        bytes[16 + KEY_ID_BYTES..].copy_from_slice(&salt);
        Self(bytes)
    }

    /// Whether this version can read it.
    pub(crate) fn is_known(&self) -> bool {
        *self == Self::new(self.key(), self.salt())
    }

    pub(crate) fn key(&self) -> KeyId {
        KeyId(self.0[16..16 + KEY_ID_BYTES].try_into().expect("that many bytes"))
    }

    fn salt(&self) -> [u8; SALT_BYTES] {
        self.0[16 + KEY_ID_BYTES..].try_into().expect("that many bytes")
    }
}

/// Seals and opens the chunks of one file.
pub(crate) struct Chunks {
    key: LessSafeKey,
    header: Header,
}

impl std::fmt::Debug for Chunks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chunks(..)")
    }
}

impl Chunks {
    /// The file's own key, by HKDF (RFC 5869) from the key and the salt.
    pub(crate) fn new(key: &Key, header: Header) -> Self {
        let pseudorandom = Salt::new(HKDF_SHA256, &header.salt()).extract(key.bytes());
        let material = pseudorandom.expand(&[PURPOSE], &AES_256_GCM).expect("32 bytes are allowed");
        Self { key: LessSafeKey::new(UnboundKey::from(material)), header }
    }

    /// Seals a chunk behind what is in `out`.
    pub(crate) fn seal(&self, number: u64, is_last: bool, chunk: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(chunk);
        let (nonce, aad) = (nonce(number, is_last), Aad::from(&self.header.0));
        let tag = self.key.seal_in_place_separate_tag(nonce, aad, &mut out[start..]);
        out.extend_from_slice(tag.expect("a chunk is short").as_ref());
    }

    /// Opens a chunk in place; `None` when it is not what was sealed in this place of this file.
    pub(crate) fn open<'a>(
        &self,
        number: u64,
        is_last: bool,
        sealed: &'a mut [u8],
    ) -> Option<&'a [u8]> {
        let (nonce, aad) = (nonce(number, is_last), Aad::from(&self.header.0));
        self.key.open_in_place(nonce, aad, sealed).ok().map(|plain| &*plain)
    }
}

/// Three zeros, the chunk's number (big-endian), and whether it is the last.
fn nonce(number: u64, is_last: bool) -> Nonce {
    let mut bytes = [0; 12];
    bytes[3..11].copy_from_slice(&number.to_be_bytes());
    bytes[11] = u8::from(is_last);
    Nonce::assume_unique_for_key(bytes)
}

/// Where a chunk begins in the file.
pub(crate) fn offset_of(number: u64) -> u64 {
    HEADER_BYTES as u64 + number * SEALED_BYTES as u64
}
