//! Short-lived SIP accounts of guests, which no table has to remember.
//!
//! The user name carries the moment at which the account ends, and the password is a keyed digest of the
//! user name, so that whoever holds the key can check both.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt::Write;

/// What every guest's user name begins with.
const PREFIX: &str = "guest-";
/// Hexadecimal digits of the random part.
const RANDOM_DIGITS: usize = 16;
/// Hexadecimal digits of a guest's password.
const PASSWORD_DIGITS: usize = 32;

/// Makes a guest's user name: `guest-<expiry, Unix seconds>-<16 hexadecimal digits>`.
#[must_use]
pub fn guest_username(expires_at: u64, random: u64) -> String {
    format!("{PREFIX}{expires_at}-{random:016x}")
}

/// The moment at which a guest's account ends, in Unix seconds; `None` when this is no guest's user name.
#[must_use]
pub fn guest_expiry(username: &str) -> Option<u64> {
    let (expiry, random) = username.strip_prefix(PREFIX)?.split_once('-')?;
    let is_hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let valid = random.len() == RANDOM_DIGITS
        && random.bytes().all(is_hexadecimal)
        && expiry.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| expiry.parse().ok()).flatten()
}

/// The password that belongs to a guest's user name: the first 32 hexadecimal digits of
/// HMAC-SHA256(key, user name).
#[must_use]
pub fn guest_password(key: &[u8; 32], username: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length (RFC 2104)");
    mac.update(username.as_bytes());
    let tag = mac.finalize().into_bytes();
    tag.iter().take(PASSWORD_DIGITS / 2).fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_tells_when_it_ends() {
        let name = guest_username(1_900_000_000, 0xab);
        assert_eq!(name, "guest-1900000000-00000000000000ab");
        assert_eq!(guest_expiry(&name), Some(1_900_000_000));
    }

    #[test]
    fn other_names_are_no_guests() {
        let names =
            ["1001", "guest-", "guest-1-2", "guest-x-00000000000000ab", "guest--00000000000000ab"];
        for name in names {
            assert_eq!(guest_expiry(name), None, "{name}");
        }
        assert_eq!(guest_expiry("guest-1-00000000000000AB"), None);
        assert_eq!(guest_expiry("guest-99999999999999999999-00000000000000ab"), None);
    }

    #[test]
    fn the_password_depends_on_key_and_name() {
        // The tag of OpenSSL:
        // `printf guest-1-0000000000000001 | openssl dgst -sha256 -mac HMAC -macopt hexkey:00..00`.
        let password = guest_password(&[0; 32], &guest_username(1, 1));
        assert_eq!(password.len(), 32);
        assert_eq!(password, "b9bf575fd672d31be48eac5f7a72b93a");
        assert_ne!(password, guest_password(&[1; 32], &guest_username(1, 1)));
        assert_ne!(password, guest_password(&[0; 32], &guest_username(2, 1)));
    }
}
