//! URI parameters.

use super::UriError;
use crate::grammar;

/// Most parameters of one URI.
pub const URI_PARAMS_MAX: usize = 64;

/// The parameters of a URI: `;name` or `;name=value`, names without regard to
/// case.
#[derive(Debug, Clone, Copy, Default)]
pub struct UriParams<'a> {
    /// Empty, or beginning with a semicolon.
    text: &'a str,
}

impl<'a> UriParams<'a> {
    pub(super) const NONE: Self = Self { text: "" };

    /// Reads the parameters in front of `text` and gives the text behind them.
    pub(super) fn parse(text: &'a str) -> Result<(Self, &'a str), UriError> {
        let (mut end, mut count) = (0, 0);
        while text.as_bytes().get(end) == Some(&b';') {
            let (name, value) = pair_lengths(&text.as_bytes()[end + 1..]);
            count += 1;
            if name == 0 || value == Some(0) || count > URI_PARAMS_MAX {
                return Err(UriError::Param);
            }
            end += 1 + name + value.map_or(0, |value| 1 + value);
        }
        Ok((Self { text: &text[..end] }, &text[end..]))
    }

    /// The text with its leading semicolon; empty when there are none.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// True when there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The value of a parameter, empty for one without a value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.pairs()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.unwrap_or_default())
    }

    /// Names and values in their order.
    pub fn pairs(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        let mut rest = self.text;
        std::iter::from_fn(move || {
            let text = rest.strip_prefix(';')?;
            let (name, value) = pair_lengths(text.as_bytes());
            let end = name + value.map_or(0, |value| 1 + value);
            rest = &text[end..];
            Some((&text[..name], value.map(|_| &text[name + 1..end])))
        })
    }
}

/// How long the name and the value are that a text begins with.
fn pair_lengths(text: &[u8]) -> (usize, Option<usize>) {
    let name = grammar::run_length(text, grammar::is_uri_param_byte);
    let value = (text.get(name) == Some(&b'='))
        .then(|| grammar::run_length(&text[name + 1..], grammar::is_uri_param_byte));
    (name, value)
}
