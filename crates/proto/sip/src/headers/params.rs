//! Header parameters: `;name[=value]` with quoted strings and white space
//! (generic-param, RFC 3261 section 25.1).

use std::borrow::Cow;

use crate::grammar::{self, Scanner};

/// The parameters behind a header value. Names compare without regard to case.
#[derive(Debug, Clone, Copy, Default)]
pub struct Params<'a> {
    /// Empty, or beginning with a semicolon.
    text: &'a str,
}

impl<'a> Params<'a> {
    /// Reads all of `text` as parameters; `None` when it breaks the grammar.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = grammar::trim_lws(text);
        let mut scanner = Scanner::new(text);
        while !scanner.is_done() {
            pair(&mut scanner)?;
        }
        Some(Self { text })
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

    /// The value of a parameter as it was written, quotes included; empty for
    /// one without a value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.pairs()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.unwrap_or_default())
    }

    /// The value of a parameter without quotes and escapes.
    #[must_use]
    pub fn get_unquoted(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).map(unquote)
    }

    /// Names and values in their order.
    pub fn pairs(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        let mut scanner = Scanner::new(self.text);
        std::iter::from_fn(move || pair(&mut scanner))
    }
}

/// Takes one `;name[=value]` with the white space around it.
fn pair<'a>(scanner: &mut Scanner<'a>) -> Option<(&'a str, Option<&'a str>)> {
    if !scanner.skip_lws().eat(b';') {
        return None;
    }
    let name = scanner.skip_lws().token()?;
    if !scanner.skip_lws().eat(b'=') {
        return Some((name, None));
    }
    scanner.skip_lws();
    let value = match scanner.peek() {
        Some(b'"') => scanner.quoted_string()?,
        _ => scanner.take_while(is_value_byte),
    };
    scanner.skip_lws();
    (!value.is_empty()).then_some((name, Some(value)))
}

/// Wider than a token: hosts with their brackets and colons are values, and
/// tags with `=`, `/` or `@` in them are met in the field.
fn is_value_byte(byte: u8) -> bool {
    byte > b' ' && !matches!(byte, b';' | b',' | b'"' | b'<' | b'>' | 0x7f)
}

/// The text of a quoted string, without its quotes and the backslashes of its
/// quoted pairs. A text without quotes is given as it is.
#[must_use]
pub fn unquote(text: &str) -> Cow<'_, str> {
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return Cow::Borrowed(text);
    };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            other => plain.push(other),
        }
    }
    Cow::Owned(plain)
}

/// A text as a quoted string. Control characters become spaces, since they
/// would end the line or break the receiver's parser.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(if character.is_control() { ' ' } else { character });
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_folds_and_quotes_are_read() {
        let params =
            Params::parse(" ;\r\n  tag = 98asjd8;x=\"a;b\\\"c\" ; Lr").expect("well-formed");
        let pairs: Vec<_> = params.pairs().collect();
        let expected = [("tag", Some("98asjd8")), ("x", Some("\"a;b\\\"c\"")), ("Lr", None)];
        assert_eq!(pairs, expected);
        assert_eq!(params.get("TAG"), Some("98asjd8"));
        assert_eq!(params.get("lr"), Some(""));
        assert_eq!(params.get_unquoted("x").as_deref(), Some("a;b\"c"));
        assert_eq!(params.get("y"), None);
    }

    #[test]
    fn broken_parameters_are_refused() {
        for text in [";", ";;a", ";a;", "a", ";a=", ";a=\"x", ";a=b c", ";=b", ";a=<b>"] {
            assert!(Params::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn quoting_is_undone_by_unquoting() {
        for text in ["", "plain", "a \"b\" \\ c", "Grüße"] {
            assert_eq!(unquote(&quote(text)), text);
        }
        assert_eq!(quote("a\r\nB: c"), "\"a  B: c\"");
    }
}
