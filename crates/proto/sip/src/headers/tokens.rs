//! Headers made of tokens: option tags, methods, media types.

use super::list::list_items;
use super::params::Params;
use crate::grammar::{self, Scanner};

/// The type in Content-Type or one range of Accept (RFC 3261 section 20.15).
#[derive(Debug, Clone, Copy)]
pub struct MediaType<'a> {
    /// `application` of `application/sdp`.
    pub kind: &'a str,
    /// `sdp` of `application/sdp`.
    pub subtype: &'a str,
    /// The parameters, such as a multipart's boundary.
    pub params: Params<'a>,
}

impl<'a> MediaType<'a> {
    /// Reads a value; `None` when it breaks the grammar.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut scanner = Scanner::new(grammar::trim_lws(text));
        let kind = scanner.token()?;
        scanner.skip_lws().eat(b'/').then_some(())?;
        let subtype = scanner.skip_lws().token()?;
        Some(Self { kind, subtype, params: Params::parse(scanner.rest())? })
    }

    /// True when this is `essence`, such as `application/sdp`, whatever its
    /// parameters.
    #[must_use]
    pub fn is(&self, essence: &str) -> bool {
        essence.split_once('/').is_some_and(|(kind, subtype)| {
            self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
        })
    }

    /// True when this range of Accept covers `essence`: `*/*`, `kind/*` or the
    /// type itself.
    #[must_use]
    pub fn covers(&self, essence: &str) -> bool {
        let kind = essence.split('/').next().unwrap_or_default();
        match (self.kind, self.subtype) {
            ("*", "*") => true,
            (ours, "*") => ours.eq_ignore_ascii_case(kind),
            _ => self.is(essence),
        }
    }
}

/// The tokens of all values of a repeated header: Supported, Require,
/// Proxy-Require, Unsupported, Allow, Allow-Events. Empty items are skipped.
pub(super) fn tokens<'a>(
    values: impl Iterator<Item = &'a str> + Clone,
) -> impl Iterator<Item = &'a str> + Clone {
    values.flat_map(list_items).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_match_without_case_and_by_range() {
        let media = MediaType::parse("Multipart/Mixed ; boundary=\"x;y\"").expect("well-formed");
        assert!(media.is("multipart/mixed"));
        assert_eq!(media.params.get_unquoted("boundary").as_deref(), Some("x;y"));
        assert!(
            MediaType::parse("application/*").is_some_and(|range| range.covers("application/sdp"))
        );
        assert!(MediaType::parse("*/*").is_some_and(|range| range.covers("application/sdp")));
        assert!(!MediaType::parse("text/*").is_some_and(|range| range.covers("application/sdp")));
        assert!(MediaType::parse("application").is_none());
    }

    #[test]
    fn tokens_run_across_lines() {
        let found: Vec<_> = tokens(["100rel, timer", "", "replaces ,,x"].into_iter()).collect();
        assert_eq!(found, ["100rel", "timer", "replaces", "x"]);
    }
}
