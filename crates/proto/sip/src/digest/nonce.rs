//! Signed nonces and the count of their uses.
//!
//! A nonce carries when it was made and a signature, so that handing one out
//! stores nothing. Only a nonce that a user has authenticated with is
//! remembered, to refuse the same `nc` twice; a flood of requests without a
//! password cannot fill the table.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::hex;

/// How long a nonce is good for unless configured, in seconds.
pub const NONCE_LIFETIME_S: u64 = 300;
/// Most nonces whose use is remembered. Beyond it the oldest is forgotten, and
/// it and all older ones are stale from then on.
pub const NONCES_MAX: usize = 65_536;

/// Bytes of the signature that are sent.
const SIGNATURE_BYTES: usize = 16;
/// Hexadecimal digits of the time and of the counter.
const STAMP_DIGITS: usize = 16;

/// When a nonce was made and the how-manieth it was: its identity.
pub(super) type Stamp = (u64, u64);

/// Makes and reads nonces.
#[derive(Clone)]
pub(super) struct NonceKey([u8; 32]);

impl NonceKey {
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    pub(super) fn print(&self, stamp: Stamp) -> String {
        let body = format!("{:016x}{:016x}", stamp.0, stamp.1);
        let signature = self.sign(b"nonce", body.as_bytes());
        body + &hex(&signature[..SIGNATURE_BYTES])
    }

    /// The stamp of a nonce that this key has signed.
    pub(super) fn read(&self, nonce: &str) -> Option<Stamp> {
        let body = nonce.get(..2 * STAMP_DIGITS)?;
        let signature = self.sign(b"nonce", body.as_bytes());
        let expected = hex(&signature[..SIGNATURE_BYTES]);
        let given = &nonce.as_bytes()[2 * STAMP_DIGITS..];
        bool::from(expected.as_bytes().ct_eq(given)).then_some(())?;
        let number = |text: &str| u64::from_str_radix(text, 16).ok();
        Some((number(&body[..STAMP_DIGITS])?, number(&body[STAMP_DIGITS..])?))
    }

    /// A password that nobody has, for users that do not exist.
    pub(super) fn nobodys_password(&self, user: &str) -> String {
        hex(&self.sign(b"nobody", user.as_bytes()))
    }

    fn sign(&self, purpose: &[u8], text: &[u8]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(purpose);
        mac.update(b":");
        mac.update(text);
        mac.finalize().into_bytes().into()
    }
}

/// The nonces that were used, each with a window of its recent counts.
#[derive(Debug, Default)]
pub(super) struct NonceUses {
    windows: BTreeMap<Stamp, Window>,
    /// Nonces up to this one that are not in the table are stale.
    forgotten: Option<Stamp>,
}

impl NonceUses {
    /// Notes a use. False when it was used with that count before, or may have
    /// been.
    pub(super) fn note(&mut self, stamp: Stamp, count: u32, oldest_s: u64) -> bool {
        self.forget_before(oldest_s);
        let is_known = self.windows.contains_key(&stamp);
        if !is_known && self.forgotten.is_some_and(|forgotten| stamp <= forgotten) {
            return false;
        }
        if !is_known && self.windows.len() == NONCES_MAX {
            self.forgotten = self.windows.pop_first().map(|(oldest, _)| oldest);
            if self.forgotten > Some(stamp) {
                return false;
            }
        }
        self.windows.entry(stamp).or_default().note(count)
    }

    /// Drops nonces that are too old to be accepted.
    fn forget_before(&mut self, oldest_s: u64) {
        while let Some(first) = self.windows.first_entry().filter(|first| first.key().0 < oldest_s)
        {
            first.remove();
        }
    }
}

/// Which of the last 64 counts were seen. Requests may overtake each other, so
/// counts need not arrive in order.
#[derive(Debug, Default)]
struct Window {
    highest: u32,
    /// Bit n stands for `highest - n`.
    seen: u64,
}

impl Window {
    fn note(&mut self, count: u32) -> bool {
        if count == 0 {
            return false;
        }
        if count > self.highest {
            self.seen = self.seen.checked_shl(count - self.highest).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let Some(bit) = 1_u64.checked_shl(self.highest - count) else {
            return false;
        };
        let is_new = self.seen & bit == 0;
        self.seen |= bit;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_nonces_are_read() {
        let key = NonceKey::new([7; 32]);
        let nonce = key.print((1_000, 3));
        assert_eq!(key.read(&nonce), Some((1_000, 3)));
        assert_eq!(NonceKey::new([8; 32]).read(&nonce), None);
        for at in 0..nonce.len() {
            let mut forged = nonce.clone().into_bytes();
            forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
            let forged = String::from_utf8(forged).expect("hexadecimal");
            assert_eq!(key.read(&forged), None, "digit {at}");
        }
        for nonce in ["", "abc", "ü", &nonce[..40], "éééééééééééééééééééé"] {
            assert_eq!(key.read(nonce), None);
        }
    }

    #[test]
    fn a_count_is_accepted_once_in_any_order() {
        let mut window = Window::default();
        let counts = [1, 2, 5, 4, 3, 70, 7, 6, 200, 200, 137, 136, 0, u32::MAX, u32::MAX];
        let accepted = counts.map(|count| window.note(count));
        let expected = [
            true, true, true, true, true, true, true, false, true, false, true, false, false, true,
            false,
        ];
        assert_eq!(accepted, expected);
    }

    #[test]
    fn the_table_is_bounded_and_what_it_forgets_is_stale() {
        let mut uses = NonceUses::default();
        let most = u64::try_from(NONCES_MAX).expect("small");
        for stamp in 0..=most {
            assert!(uses.note((100, stamp), 1, 0));
        }
        assert_eq!(uses.windows.len(), NONCES_MAX);
        assert!(!uses.note((100, 0), 1, 0), "forgotten, so it cannot be replayed");
        assert!(uses.note((100, 1), 2, 0), "still known");
        assert!(uses.note((400, 0), 1, 400));
        assert_eq!(uses.windows.len(), 1, "the expired ones are gone");
    }
}
