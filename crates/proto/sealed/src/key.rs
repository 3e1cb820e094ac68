use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use std::fmt;
use thiserror::Error;

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Bytes of a key's name.
pub(crate) const KEY_ID_BYTES: usize = 8;
/// Keys of a ring at most.
pub const KEYS_MAX: usize = 32;

/// Which key a file was sealed with: the beginning of a digest, which tells nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub(crate) [u8; KEY_ID_BYTES]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Why a key file has no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// It is neither 32 bytes nor the text of 32 bytes.
    #[error(
        "it has {bytes} bytes, and is allowed to be a key of 32 bytes as they are, in base64 or as 64 \
         hexadecimal digits"
    )]
    Size {
        /// How long it is.
        bytes: usize,
    },
    /// It has 32 characters that somebody can have typed.
    #[error(
        "it has 32 printable characters, which are a password and no key; `openssl rand -base64 32` makes one"
    )]
    Password,
    /// All its bytes are the same.
    #[error("all its bytes are the same; `openssl rand -base64 32` makes a key")]
    Uniform,
}

/// A key from which every file gets one of its own.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    id: KeyId,
    bytes: [u8; KEY_BYTES],
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

impl Key {
    /// Reads the contents of a key file: 32 bytes, or their text in base64 or as 64 hexadecimal digits, with
    /// white space around it.
    ///
    /// # Errors
    /// Says what the file is and what is allowed.
    pub fn parse(file: &[u8]) -> Result<Self, KeyError> {
        let text = file.trim_ascii();
        let bytes = match <[u8; KEY_BYTES]>::try_from(file) {
            Ok(_) if file.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') => {
                return Err(KeyError::Password);
            }
            Ok(raw) => raw,
            Err(_) => parse_text(text).ok_or(KeyError::Size { bytes: file.len() })?,
        };
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            return Err(KeyError::Uniform);
        }
        let mut digest = Context::new(&SHA256);
        digest.update(b"offhook recording key");
        digest.update(&bytes);
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&digest.finish().as_ref()[..KEY_ID_BYTES]);
        Ok(Self { id: KeyId(id), bytes })
    }

    /// The key's name, which stands in every file that it sealed.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }
}

fn parse_text(text: &[u8]) -> Option<[u8; KEY_BYTES]> {
    if text.len() == 2 * KEY_BYTES {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let mut bytes = [0; KEY_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        return Some(bytes);
    }
    let decoded = STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text));
    decoded.ok()?.try_into().ok()
}

/// The keys that are known. The first seals; all can open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyRing(Vec<Key>);

impl KeyRing {
    /// Keeps the first [`KEYS_MAX`] keys. Without one nothing is sealed.
    #[must_use]
    pub fn new(mut keys: Vec<Key>) -> Self {
        keys.truncate(KEYS_MAX);
        Self(keys)
    }

    /// The key that seals; `None` when nothing is sealed.
    #[must_use]
    pub fn sealing_key(&self) -> Option<&Key> {
        self.0.first()
    }

    /// The key of that name.
    #[must_use]
    pub fn find(&self, id: KeyId) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> [u8; 32] {
        std::array::from_fn(|at| at as u8 * 7)
    }

    #[test]
    fn a_key_is_the_same_in_every_notation() {
        let raw = raw();
        let key = Key::parse(&raw).unwrap();
        let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
        let padded = STANDARD.encode(raw);
        for text in [hex.to_uppercase(), format!(" {hex}\r\n"), format!("{padded}\n")] {
            assert_eq!(Key::parse(text.as_bytes()), Ok(key.clone()), "{text}");
        }
        assert_eq!(Key::parse(padded.trim_end_matches('=').as_bytes()), Ok(key.clone()));
        assert!(!format!("{key:?}").contains(&hex[..8]), "a key is not printed");
    }

    #[test]
    fn what_is_no_key_is_told_what_is_allowed() {
        for (file, error) in [
            (&b""[..], KeyError::Size { bytes: 0 }),
            (b"0123456789abcdef", KeyError::Size { bytes: 16 }),
            (&[7; 33], KeyError::Size { bytes: 33 }),
            (&[b'g'; 64], KeyError::Size { bytes: 64 }),
            (b"correct horse battery staple 123", KeyError::Password),
            (&[0; 32], KeyError::Uniform),
            (&[b'0'; 64], KeyError::Uniform),
        ] {
            assert_eq!(Key::parse(file), Err(error));
        }
        let text = KeyError::Size { bytes: 16 }.to_string();
        assert!(text.contains("16 bytes") && text.contains("64 hexadecimal"), "{text}");
    }

    #[test]
    fn the_first_key_of_a_ring_seals_and_each_is_found_by_its_name() {
        let keys: Vec<Key> =
            [1, 2].map(|n| Key::parse(&raw().map(|byte| byte ^ n)).unwrap()).into();
        let ring = KeyRing::new(keys.clone());
        assert_eq!(ring.sealing_key(), Some(&keys[0]));
        assert_eq!(ring.find(keys[1].id()), Some(&keys[1]));
        assert_eq!(ring.find(Key::parse(&raw()).unwrap().id()), None);
        assert_eq!(KeyRing::default().sealing_key(), None);
    }
}
