//! SRTP keys in the description: `a=crypto` (RFC 4568).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Bytes of the longest master key and salt (AES-256-CM, RFC 6188).
pub(crate) const KEY_SALT_BYTES_MAX: usize = 46;
/// Characters of a tag (RFC 4568 9.2).
const TAG_DIGITS_MAX: usize = 9;

/// Devices differ on whether keys carry padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One `a=crypto` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crypto {
    /// The tag that the answer repeats.
    pub tag: u32,
    /// The cipher and authentication.
    pub suite: CryptoSuite,
    /// The first key of the line.
    pub key: MasterKey,
    /// The master key's lifetime as written, such as `2^31`.
    pub lifetime: Option<String>,
    /// Whether packets carry a master key identifier, or a second key is present.
    pub has_mki: bool,
    /// Session parameters such as `UNENCRYPTED_SRTP`, as written.
    pub session_parameters: Vec<String>,
}

/// The cipher suites (RFC 4568 6.2, RFC 6188, RFC 7714).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CryptoSuite {
    /// AES-128 in counter mode with an 80-bit tag.
    AesCm128HmacSha1_80,
    /// AES-128 in counter mode with a 32-bit tag on RTP and an 80-bit tag on RTCP.
    AesCm128HmacSha1_32,
    /// AES-256 in counter mode with an 80-bit tag.
    AesCm256HmacSha1_80,
    /// AES-256 in counter mode with a 32-bit tag on RTP and an 80-bit tag on RTCP.
    AesCm256HmacSha1_32,
    /// AES-128 in Galois counter mode.
    AeadAes128Gcm,
    /// AES-256 in Galois counter mode.
    AeadAes256Gcm,
}

/// A master key followed by its salt. It does not show in `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterKey(Vec<u8>);

/// Why an `a=crypto` value cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// The line is not `tag suite inline:key`.
    #[error("the crypto attribute is a tag, a suite and an inline key")]
    Malformed,
    /// The suite is not known; another line may do.
    #[error("the crypto suite is not known")]
    UnknownSuite,
    /// The key does not have the length of the suite.
    #[error("the inline key does not have the length of its suite")]
    WrongKeyLength,
}

impl CryptoSuite {
    /// All suites, the preferred first.
    pub const ALL: [Self; 6] = [
        Self::AeadAes256Gcm,
        Self::AeadAes128Gcm,
        Self::AesCm256HmacSha1_80,
        Self::AesCm128HmacSha1_80,
        Self::AesCm256HmacSha1_32,
        Self::AesCm128HmacSha1_32,
    ];

    /// The suite's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Self::AesCm256HmacSha1_80 => "AES_256_CM_HMAC_SHA1_80",
            Self::AesCm256HmacSha1_32 => "AES_256_CM_HMAC_SHA1_32",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    /// Bytes of the master key.
    pub fn key_bytes(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 | Self::AeadAes128Gcm => 16,
            Self::AesCm256HmacSha1_80 | Self::AesCm256HmacSha1_32 | Self::AeadAes256Gcm => 32,
        }
    }

    /// Bytes of the master salt.
    pub fn salt_bytes(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            _ => 14,
        }
    }
}

impl FromStr for CryptoSuite {
    type Err = CryptoError;

    fn from_str(word: &str) -> Result<Self, CryptoError> {
        if word == "AES_CM_256_HMAC_SHA1_80" {
            return Ok(Self::AesCm256HmacSha1_80);
        }
        if word == "AES_CM_256_HMAC_SHA1_32" {
            return Ok(Self::AesCm256HmacSha1_32);
        }
        let mut suites = Self::ALL.into_iter();
        let found = suites.find(|suite| suite.as_str() == word);
        found.ok_or(CryptoError::UnknownSuite)
    }
}

impl MasterKey {
    /// Takes the bytes that `suite` needs from the front of `bytes`; `None` when there are fewer.
    pub fn new(suite: CryptoSuite, bytes: &[u8]) -> Option<Self> {
        let key = bytes.get(..suite.key_bytes() + suite.salt_bytes())?;
        Some(Self(key.to_vec()))
    }

    /// Key and salt in a row.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Key and salt apart, for the suite the key was made for.
    pub fn split(&self, suite: CryptoSuite) -> Option<(&[u8], &[u8])> {
        self.0.split_at_checked(suite.key_bytes())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({} bytes)", self.0.len())
    }
}

impl FromStr for Crypto {
    type Err = CryptoError;

    fn from_str(value: &str) -> Result<Self, CryptoError> {
        let mut fields = value.split_ascii_whitespace();
        let mut next = || fields.next().ok_or(CryptoError::Malformed);
        let tag = tag(next()?)?;
        let suite: CryptoSuite = next()?.parse()?;
        let key_parameters = next()?;
        let session_parameters = fields.map(str::to_owned).collect();
        let (first, has_more) = match key_parameters.split_once(';') {
            Some((first, rest)) => (first, !rest.is_empty()),
            None => (key_parameters, false),
        };
        let inline = first.get(..7).filter(|s| s.eq_ignore_ascii_case("inline:"));
        inline.ok_or(CryptoError::Malformed)?;
        let mut parts = first[7..].split('|');
        let key = key(parts.next().unwrap_or_default(), suite)?;
        let rest: Vec<&str> = parts.collect();
        Ok(Self {
            tag,
            suite,
            key,
            lifetime: rest.iter().find(|p| !p.contains(':')).map(|&p| p.to_owned()),
            has_mki: has_more || rest.iter().any(|part| part.contains(':')),
            session_parameters,
        })
    }
}

fn tag(word: &str) -> Result<u32, CryptoError> {
    if word.len() > TAG_DIGITS_MAX {
        return Err(CryptoError::Malformed);
    }
    word.parse().map_err(|_| CryptoError::Malformed)
}

fn key(text: &str, suite: CryptoSuite) -> Result<MasterKey, CryptoError> {
    let bytes = BASE64.decode(text).map_err(|_| CryptoError::Malformed)?;
    if bytes.len() != suite.key_bytes() + suite.salt_bytes() {
        return Err(CryptoError::WrongKeyLength);
    }
    Ok(MasterKey(bytes))
}

/// Prints without lifetime and MKI.
impl fmt::Display for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tag, suite) = (self.tag, self.suite.as_str());
        write!(f, "{tag} {suite} inline:{}", BASE64.encode(&self.key.0))?;
        let mut parameters = self.session_parameters.iter();
        parameters.try_for_each(|parameter| write!(f, " {parameter}"))
    }
}

impl Crypto {
    /// A line with a key of this side.
    pub fn new(tag: u32, suite: CryptoSuite, key: MasterKey) -> Self {
        Self { tag, suite, key, lifetime: None, has_mki: false, session_parameters: Vec::new() }
    }

    /// Whether the line can be used: no MKI and no session parameter that changes the packets.
    pub fn is_usable(&self) -> bool {
        let harmless = |parameter: &String| parameter.starts_with("WSH=");
        !self.has_mki && self.session_parameters.iter().all(harmless)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    #[test]
    fn the_example_of_rfc_4568_is_read() {
        let text = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4 FEC_ORDER=FEC_SRTP");
        let crypto: Crypto = text.parse().unwrap();
        assert_eq!((crypto.tag, crypto.suite), (1, CryptoSuite::AesCm128HmacSha1_80));
        assert_eq!(crypto.key.as_bytes(), b"YS___semctl () {\t220;}\n}\nunles");
        assert_eq!(crypto.lifetime.as_deref(), Some("2^20"));
        assert!(crypto.has_mki);
        assert!(!crypto.is_usable());
    }

    #[test]
    fn a_plain_line_prints_as_it_came() {
        let text = format!("3 AES_CM_128_HMAC_SHA1_32 inline:{KEY}");
        let crypto: Crypto = text.parse().unwrap();
        assert!(crypto.is_usable());
        assert_eq!(crypto.to_string(), text);
        let (key, salt) = crypto.key.split(crypto.suite).unwrap();
        assert_eq!((key.len(), salt.len()), (16, 14));
    }

    #[test]
    fn every_suite_takes_a_key_of_its_length_with_or_without_padding() {
        for suite in CryptoSuite::ALL {
            let key = MasterKey::new(suite, &[7; KEY_SALT_BYTES_MAX]).unwrap();
            let text = format!("1 {} inline:{}", suite.as_str(), BASE64.encode(&key.0));
            let crypto: Crypto = text.parse().unwrap();
            assert_eq!(crypto.key, key);
            assert_eq!(text.trim_end_matches('=').parse(), Ok(crypto));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("1 AES_CM_128_HMAC_SHA1_80", CryptoError::Malformed),
            ("x AES_CM_128_HMAC_SHA1_80 inline:AAAA", CryptoError::Malformed),
            ("1 F8_128_HMAC_SHA1_80 inline:AAAA", CryptoError::UnknownSuite),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:AAAA", CryptoError::WrongKeyLength),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:%%%%", CryptoError::Malformed),
            ("1 AES_CM_128_HMAC_SHA1_80 outline:AA", CryptoError::Malformed),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Crypto>(), Err(error), "{text}");
        }
    }

    #[test]
    fn keys_do_not_show_in_debug() {
        let text = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
        let crypto: Crypto = text.parse().unwrap();
        assert!(!format!("{crypto:?}").contains("89"));
        assert!(format!("{crypto:?}").contains("MasterKey(30 bytes)"));
    }
}
