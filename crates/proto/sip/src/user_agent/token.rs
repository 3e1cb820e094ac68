//! Tags, branches and Call-IDs from a seed.

use sha2::{Digest, Sha256};

use crate::headers::MAGIC_COOKIE;

/// Gives tokens that nobody can foresee without the seed, and the same ones for the same seed.
#[derive(Debug, Clone)]
pub(super) struct TokenSource {
    seed: [u8; 32],
    count: u64,
}

impl TokenSource {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { seed, count: 0 }
    }

    /// A tag of 80 bits (RFC 3261 19.3 asks for 32 at least).
    pub(super) fn tag(&mut self) -> String {
        hex(&self.bytes()[..10])
    }

    /// A branch with the magic cookie.
    pub(super) fn branch(&mut self) -> String {
        format!("{MAGIC_COOKIE}{}", hex(&self.bytes()[..10]))
    }

    /// A Call-ID of 128 bits.
    pub(super) fn call_id(&mut self) -> String {
        hex(&self.bytes()[..16])
    }

    /// A number below `bound`, which must not be 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        let mut number = [0; 8];
        number.copy_from_slice(&self.bytes()[..8]);
        u64::from_le_bytes(number) % bound
    }

    fn bytes(&mut self) -> [u8; 32] {
        self.count += 1;
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(self.count.to_le_bytes());
        hash.finalize().into()
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)].into());
        text.push(DIGITS[usize::from(byte & 15)].into());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_repeat_with_the_seed() {
        let mut first = TokenSource::new([1; 32]);
        let mut again = TokenSource::new([1; 32]);
        let mut other = TokenSource::new([2; 32]);
        let tag = first.tag();
        assert_eq!(tag.len(), 20);
        assert_eq!(tag, again.tag());
        assert_ne!(tag, other.tag());
        assert_ne!(tag, first.tag());
        assert!(first.branch().starts_with("z9hG4bK"));
    }
}
