//! `name-addr` and `addr-spec` with header parameters: From, To, Contact,
//! Route, Record-Route, Path, Refer-To, Referred-By, P-Asserted-Identity
//! (RFC 3261 section 20.10 and 25.1).

use std::borrow::Cow;

use super::params::{Params, unquote};
use crate::grammar::{self, is_lws, quoted_string_end, trim_lws};
use crate::uri::{Uri, UriError};

/// A display name, a URI and parameters.
#[derive(Debug, Clone, Copy)]
pub struct NameAddr<'a> {
    display: &'a str,
    uri_text: &'a str,
    params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads one value; `None` when it breaks the grammar. The URI is checked
    /// by [`NameAddr::uri`].
    ///
    /// Without angle brackets, everything from the first semicolon on belongs
    /// to the header, and commas and question marks are refused
    /// (section 20.10).
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = trim_lws(text);
        let bytes = text.as_bytes();
        if bytes.first() == Some(&b'"') {
            let end = quoted_string_end(bytes, 0)?;
            let open = end + text[end..].bytes().take_while(|byte| is_lws(*byte)).count();
            return Self::bracketed(text, &text[..end], open);
        }
        match memchr::memchr2(b'<', b';', bytes) {
            Some(open) if bytes[open] == b'<' => {
                let display = trim_lws(&text[..open]);
                let is_word =
                    |byte: u8| is_lws(byte) || grammar::is_token_byte(byte) || byte >= 0x80;
                display.bytes().all(is_word).then_some(())?;
                Self::bracketed(text, display, open)
            }
            semicolon => Self::bare(text, semicolon.unwrap_or(text.len())),
        }
    }

    fn bracketed(text: &'a str, display: &'a str, open: usize) -> Option<Self> {
        let inner = text[open..].strip_prefix('<')?;
        let close = memchr::memchr(b'>', inner.as_bytes())?;
        Some(Self {
            display,
            uri_text: &inner[..close],
            params: Params::parse(&inner[close + 1..])?,
        })
    }

    fn bare(text: &'a str, uri_end: usize) -> Option<Self> {
        let uri_text = trim_lws(&text[..uri_end]);
        let is_addr_spec = !uri_text.is_empty() && !uri_text.contains(['?', ',', '"', '>']);
        is_addr_spec.then_some(())?;
        Some(Self { display: "", uri_text, params: Params::parse(&text[uri_end..])? })
    }

    /// The URI.
    ///
    /// # Errors
    /// When the text in its place is not a URI.
    pub fn uri(&self) -> Result<Uri<'a>, UriError> {
        Uri::parse(self.uri_text)
    }

    /// The text in the URI's place.
    #[must_use]
    pub fn uri_text(&self) -> &'a str {
        self.uri_text
    }

    /// The display name as it was written, with its quotes; empty when there
    /// is none.
    #[must_use]
    pub fn display(&self) -> &'a str {
        self.display
    }

    /// The display name without quotes and escapes; `None` when there is none
    /// or it is empty.
    #[must_use]
    pub fn display_name(&self) -> Option<Cow<'a, str>> {
        Some(unquote(self.display)).filter(|name| !name.is_empty())
    }

    /// The header parameters.
    #[must_use]
    pub fn params(&self) -> Params<'a> {
        self.params
    }

    /// The value of a header parameter, empty for one without a value.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params.get(name)
    }

    /// The tag (RFC 3261 section 19.3).
    #[must_use]
    pub fn tag(&self) -> Option<&'a str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> NameAddr<'_> {
        NameAddr::parse(text).expect("well-formed")
    }

    #[test]
    fn display_names_are_quoted_or_words_or_absent() {
        let quoted =
            parse("\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\r\n newvalue");
        assert_eq!(quoted.display_name().as_deref(), Some("Quoted string \"\""));
        assert_eq!(quoted.param("newparam"), Some("newvalue"));
        let words = parse("token1~` token2'+_ <sip:mundane@example.com>;tag=x");
        assert_eq!(words.display_name().as_deref(), Some("token1~` token2'+_"));
        assert_eq!(words.tag(), Some("x"));
        let touching = parse("caller<sip:caller@example.com>;tag=323");
        assert_eq!(touching.display(), "caller");
        assert_eq!(parse("<sip:a@b>").display_name(), None);
    }

    #[test]
    fn parameters_behind_a_bare_uri_belong_to_the_header() {
        let bare = parse("sip:a@b;tag=1;x=\"<;>\"");
        assert_eq!(bare.uri_text(), "sip:a@b");
        assert_eq!(bare.tag(), Some("1"));
        let bracketed = parse("<sip:a@b;user=phone>;tag=1");
        assert_eq!(bracketed.uri().expect("a URI").param("user"), Some("phone"));
        assert_eq!(bracketed.param("user"), None);
    }

    #[test]
    fn what_needs_brackets_or_quotes_is_refused_without() {
        for text in [
            "sip:user@example.com?Route=%3Csip:sip.example.com%3E",
            "Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
            "\"Mr. J. User <sip:j.user@example.com>",
            "\"Joe\" <sip:joe@example.org>;;;;",
            "<sip:a@b",
            "",
            ";tag=1",
        ] {
            assert!(NameAddr::parse(text).is_none(), "{text}");
        }
        let spaced = parse("\"Watson, Thomas\" < sip:t.watson@example.org >");
        assert_eq!(spaced.uri().err(), Some(UriError::Scheme));
    }
}
