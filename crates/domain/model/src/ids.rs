use serde::{Deserialize, Serialize};
use std::fmt;

/// Our own name for a call, unique in the whole installation and safe in URLs and file names.
///
/// It is not SIP's Call-ID: one call has several legs, each with a Call-ID of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallRef(String);

impl CallRef {
    /// Makes a reference from 128 bits that the caller drew, as 32 hexadecimal digits.
    #[must_use]
    pub fn from_bits(bits: u128) -> Self {
        Self(format!("{bits:032x}"))
    }

    /// Takes a reference that was printed before; `None` when it could not be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let valid = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        valid.then(|| Self(text.to_ascii_lowercase()))
    }

    /// The 32 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CallRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One leg of a call: one party's signalling and media. Unique within a node's life.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct LegId(pub u64);

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leg-{}", self.0)
    }
}

/// One offer of one caller to one agent. Given once in the life of an ACD.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct OfferId(pub u64);

impl fmt::Display for OfferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offer-{}", self.0)
    }
}

/// A recording: the call's reference and its number among the call's recordings, from 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordingId(String);

impl RecordingId {
    /// Names a call's recording.
    #[must_use]
    pub fn new(call: &CallRef, number: u32) -> Self {
        Self(format!("{call}-{number}"))
    }

    /// Takes a name that was printed before; `None` when it could not be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        numbered(text, "-").map(|(call, number)| Self::new(&call, number))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RecordingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads the name of what is numbered within a call: the call's, the separator and the number.
pub(crate) fn numbered(text: &str, separator: &str) -> Option<(CallRef, u32)> {
    let (call, number) = text.split_once(separator)?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    let call = CallRef::parse(call).filter(|_| is_number)?;
    number.parse().ok().map(|number| (call, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_reference_survives_printing() {
        let call = CallRef::from_bits(0xfeed_0000_0000_0000_0000_0000_0000_0001);
        assert_eq!(CallRef::parse(&call.to_string()), Some(call));
        assert_eq!(CallRef::parse("../../etc/passwd"), None);
    }

    #[test]
    fn a_recordings_name_survives_printing() {
        let id = RecordingId::new(&CallRef::from_bits(7), 12);
        assert_eq!(RecordingId::parse(id.as_str()), Some(id.clone()));
        for text in ["", "7-1", "../x-1", &format!("{id}/.."), &format!("{}-+1", "0".repeat(32))] {
            assert_eq!(RecordingId::parse(text), None, "{text}");
        }
    }
}
