//! One value of a body, whatever its encoding.

use crate::{bencode, json};
use std::borrow::Cow;

/// How deep lists and dictionaries may stand within each other.
pub const DEPTH_MAX: usize = 32;
/// Values in one body at most.
pub const ITEMS_MAX: usize = 8_192;

/// A value of a body.
///
/// Texts are bytes, since a session description may have bytes that are no UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(Cow<'a, [u8]>),
    /// Values in their order.
    List(Vec<Value<'a>>),
    /// Keys with their values in the order in which they came.
    Dictionary(Vec<(Cow<'a, [u8]>, Value<'a>)>),
}

/// The encoding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Bencode, as BitTorrent has it.
    Bencode,
    /// JSON (RFC 8259).
    Json,
}

/// Why a body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The body begins neither with `d` nor with `{`.
    #[error("the body is a dictionary in bencode or JSON")]
    NoDictionary,
    /// The bencode ends too early or is malformed at this byte.
    #[error("malformed bencode at byte {0}")]
    Bencode(usize),
    /// The JSON is malformed; the text says where.
    #[error("malformed JSON: {0}")]
    Json(String),
    /// Values stand deeper within each other than [`DEPTH_MAX`].
    #[error("values are nested more than {DEPTH_MAX} deep")]
    TooDeep,
    /// There are more values than [`ITEMS_MAX`].
    #[error("there are more than {ITEMS_MAX} values")]
    TooManyItems,
}

impl<'a> Value<'a> {
    /// Reads a body and says how it is encoded.
    ///
    /// # Errors
    /// When it is no dictionary, is malformed or exceeds a limit.
    pub fn parse(body: &'a [u8]) -> Result<(Self, Encoding), BodyError> {
        match body.first() {
            Some(b'd') => Ok((bencode::parse(body)?, Encoding::Bencode)),
            Some(b'{') => Ok((json::parse(body)?, Encoding::Json)),
            _ => Err(BodyError::NoDictionary),
        }
    }

    /// Prints the value.
    #[must_use]
    pub fn to_bytes(&self, encoding: Encoding) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        match encoding {
            Encoding::Bencode => bencode::print(self, &mut bytes),
            Encoding::Json => json::print(self, &mut bytes),
        }
        bytes
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Cow::Owned(text.into().into_bytes()))
    }

    /// A number; one that no 64 bits hold becomes the largest.
    pub fn integer(number: impl TryInto<i64>) -> Self {
        Self::Integer(number.try_into().unwrap_or(i64::MAX))
    }

    /// The value of a dictionary's key, the first when it is there twice.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Dictionary(entries) = self else { return None };
        let found = entries.iter().find(|(name, _)| name.as_ref() == key.as_bytes());
        found.map(|(_, value)| value)
    }

    /// The text, with what is no UTF-8 replaced.
    #[must_use]
    pub fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(bytes) => Some(String::from_utf8_lossy(bytes)),
            Self::Integer(_) | Self::List(_) | Self::Dictionary(_) => None,
        }
    }

    /// The number, also when it is written as a text, as some callers do.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Text(bytes) => std::str::from_utf8(bytes).ok()?.trim().parse().ok(),
            Self::List(_) | Self::Dictionary(_) => None,
        }
    }
}
