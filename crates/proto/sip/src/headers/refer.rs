//! Replaces (RFC 3891). Refer-To and Referred-By are [`super::NameAddr`]s.

use super::params::Params;
use crate::grammar;

/// The dialog that a new one shall take the place of.
#[derive(Debug, Clone, Copy)]
pub struct Replaces<'a> {
    /// The Call-ID of that dialog.
    pub call_id: &'a str,
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> Replaces<'a> {
    /// Reads a value; `None` when a part is missing. In a Refer-To URI the
    /// value is escaped: decode it first.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = grammar::trim_lws(text);
        let end = memchr::memchr(b';', text.as_bytes())?;
        let call_id = grammar::trim_lws(&text[..end]);
        let replaces = Self { call_id, params: Params::parse(&text[end..])? };
        let is_whole = !call_id.is_empty()
            && !call_id.bytes().any(grammar::is_lws)
            && replaces.params.get("to-tag").is_some()
            && replaces.params.get("from-tag").is_some();
        is_whole.then_some(replaces)
    }

    /// The tag of the side that receives this header.
    #[must_use]
    pub fn to_tag(&self) -> &'a str {
        self.params.get("to-tag").unwrap_or_default()
    }

    /// The tag of the other side.
    #[must_use]
    pub fn from_tag(&self) -> &'a str {
        self.params.get("from-tag").unwrap_or_default()
    }

    /// True when only an early dialog may be replaced.
    #[must_use]
    pub fn is_early_only(&self) -> bool {
        self.params.get("early-only").is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_parts_are_needed() {
        let replaces =
            Replaces::parse("425928@bobster.example.org;to-tag=7743;from-tag=6472;early-only")
                .expect("whole");
        assert_eq!(replaces.call_id, "425928@bobster.example.org");
        assert_eq!((replaces.to_tag(), replaces.from_tag()), ("7743", "6472"));
        assert!(replaces.is_early_only());
        assert!(Replaces::parse("1@a;to-tag=1").is_none());
        assert!(Replaces::parse(";to-tag=1;from-tag=2").is_none());
    }
}
