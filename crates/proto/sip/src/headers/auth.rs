//! Challenges and credentials: WWW-Authenticate, Proxy-Authenticate,
//! Authorization, Proxy-Authorization, Authentication-Info
//! (RFC 3261 section 20.7, RFC 7616).

use std::borrow::Cow;

use super::list::list_items;
use super::params::unquote;
use crate::grammar::{self, Scanner};

/// A scheme and its parameters.
#[derive(Debug, Clone, Copy)]
pub struct AuthValue<'a> {
    /// The scheme, as it was written.
    pub scheme: &'a str,
    /// The parameters.
    pub params: AuthParams<'a>,
}

impl<'a> AuthValue<'a> {
    /// Reads one header value; `None` when it has no scheme or the parameters
    /// break the grammar.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut scanner = Scanner::new(grammar::trim_lws(text));
        let scheme = scanner.token()?;
        let params = AuthParams::parse(scanner.skip_lws().rest())?;
        Some(Self { scheme, params })
    }

    /// True for `Digest`.
    #[must_use]
    pub fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("Digest")
    }
}

/// The values of repeated headers. Those that break the grammar are left out:
/// credentials nobody understands are no credentials.
pub fn auth_values<'a>(
    values: impl Iterator<Item = &'a str>,
) -> impl Iterator<Item = AuthValue<'a>> {
    values.filter_map(AuthValue::parse)
}

/// `name=value` pairs separated by commas.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuthParams<'a> {
    text: &'a str,
}

impl<'a> AuthParams<'a> {
    /// Reads all of `text`; `None` when it breaks the grammar.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        list_items(text).all(|item| pair(item).is_some()).then_some(Self { text })
    }

    /// The value of a parameter without its quotes and escapes.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.raw(name).map(unquote)
    }

    /// The value of a parameter as it was written.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        self.pairs().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Names and values as written, in their order.
    pub fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        list_items(self.text).filter_map(pair)
    }
}

fn pair(item: &str) -> Option<(&str, &str)> {
    let mut scanner = Scanner::new(item);
    let name = scanner.token()?;
    scanner.skip_lws().eat(b'=').then_some(())?;
    let value = match scanner.skip_lws().peek() {
        Some(b'"') => scanner.quoted_string()?,
        _ => scanner.take_while(|byte| byte > b' ' && byte != b'"'),
    };
    (!value.is_empty() && scanner.is_done()).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_and_bare_values_are_read() {
        let text = "Digest realm=\"a, \\\"b\\\"\",\r\n nonce = \"n=1\" , algorithm=MD5,qop=auth, uri=\"sip:a;x=1,2\"";
        let value = AuthValue::parse(text).expect("well-formed");
        assert!(value.is_digest());
        assert_eq!(value.params.get("REALM").as_deref(), Some("a, \"b\""));
        assert_eq!(value.params.get("nonce").as_deref(), Some("n=1"));
        assert_eq!(value.params.raw("qop"), Some("auth"));
        assert_eq!(value.params.get("uri").as_deref(), Some("sip:a;x=1,2"));
        assert_eq!(value.params.get("opaque"), None);
    }

    #[test]
    fn broken_values_are_left_out() {
        for text in [
            "",
            "Digest realm",
            "Digest realm=\"open",
            "Digest =x",
            "Digest a=b c=d",
            "Digest a=b,,c=d",
        ] {
            assert!(AuthValue::parse(text).is_none(), "{text}");
        }
        let values = ["Digest realm", "NoOneKnowsThisScheme opaque-data=here"];
        let schemes: Vec<_> = auth_values(values.into_iter()).map(|value| value.scheme).collect();
        assert_eq!(schemes, ["NoOneKnowsThisScheme"]);
    }
}
