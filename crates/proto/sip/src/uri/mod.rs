//! SIP, SIPS and tel URIs (RFC 3261 section 19.1, RFC 3966).

mod build;
mod compare;
mod host;
mod params;

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

use crate::grammar;

pub use build::{OwnedUri, UriBuilder, escape_user};
pub use host::Host;
pub(crate) use host::host_port;
pub use params::{URI_PARAMS_MAX, UriParams};

/// Longest URI in bytes.
pub const URI_BYTES_MAX: usize = 4_096;

/// What a URI begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme<'a> {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:` (RFC 3966)
    Tel,
    /// Any other scheme, as it was written.
    Other(&'a str),
}

/// Why a text is not a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum UriError {
    /// No scheme in front.
    #[error("URI without scheme")]
    Scheme,
    /// The user or password part has a character that must be escaped.
    #[error("malformed user part")]
    User,
    /// The host is neither a name nor an IPv4 address nor a bracketed IPv6
    /// address.
    #[error("malformed host")]
    Host,
    /// The port is not a number from 0 to 65535.
    #[error("malformed port")]
    Port,
    /// A parameter breaks the grammar, or there are more than
    /// [`URI_PARAMS_MAX`].
    #[error("malformed URI parameter")]
    Param,
    /// A header field behind `?` breaks the grammar.
    #[error("malformed URI header")]
    Header,
    /// A `%` without two hexadecimal digits behind it.
    #[error("broken escape")]
    Escape,
    /// Longer than [`URI_BYTES_MAX`].
    #[error("URI too long")]
    TooLong,
}

/// A URI, borrowing from the text it was read from. Printing gives that text.
#[derive(Debug, Clone, Copy)]
pub struct Uri<'a> {
    text: &'a str,
    scheme: Scheme<'a>,
    user: Option<&'a str>,
    password: Option<&'a str>,
    host: Option<Host<'a>>,
    port: Option<u16>,
    params: UriParams<'a>,
    headers: Option<&'a str>,
}

impl<'a> Uri<'a> {
    /// Reads a URI. A URI of a scheme other than sip, sips and tel is only
    /// checked to be free of white space and angle brackets.
    ///
    /// # Errors
    /// The part that breaks the grammar.
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        if text.len() > URI_BYTES_MAX {
            return Err(UriError::TooLong);
        }
        let colon = grammar::run_length(text.as_bytes(), |byte| byte != b':');
        let rest = text.get(colon + 1..).ok_or(UriError::Scheme)?;
        let scheme = scheme(&text[..colon])?;
        match scheme {
            Scheme::Sip | Scheme::Sips => Self::parse_sip(text, scheme, rest),
            Scheme::Tel => Self::parse_tel(text, rest),
            Scheme::Other(_) => Self::parse_opaque(text, scheme, rest),
        }
    }

    fn parse_sip(text: &'a str, scheme: Scheme<'a>, rest: &'a str) -> Result<Self, UriError> {
        if !grammar::escapes_are_whole(rest) {
            return Err(UriError::Escape);
        }
        let (user, password, rest) = match memchr::memchr(b'@', rest.as_bytes()) {
            Some(at) => {
                let (user, password) = user_info(&rest[..at])?;
                (Some(user), password, &rest[at + 1..])
            }
            None => (None, None, rest),
        };
        let (host, port, rest) = host::host_port(rest)?;
        let (params, rest) = UriParams::parse(rest)?;
        let headers = match rest.strip_prefix('?') {
            Some(headers) => Some(uri_headers(headers)?),
            None if rest.is_empty() => None,
            None if params.is_empty() => return Err(UriError::Host),
            None => return Err(UriError::Param),
        };
        Ok(Self { text, scheme, user, password, host: Some(host), port, params, headers })
    }

    fn parse_tel(text: &'a str, rest: &'a str) -> Result<Self, UriError> {
        let end = memchr::memchr(b';', rest.as_bytes()).unwrap_or(rest.len());
        let is_number = |byte: u8| {
            byte.is_ascii_hexdigit()
                || matches!(byte, b'+' | b'-' | b'.' | b'(' | b')' | b'*' | b'#')
        };
        if end == 0 || !rest[..end].bytes().all(is_number) {
            return Err(UriError::User);
        }
        let (params, behind) = UriParams::parse(&rest[end..])?;
        if !behind.is_empty() || !grammar::escapes_are_whole(rest) {
            return Err(UriError::Param);
        }
        Ok(Self { params, user: Some(&rest[..end]), ..Self::bare(text, Scheme::Tel) })
    }

    fn parse_opaque(text: &'a str, scheme: Scheme<'a>, rest: &str) -> Result<Self, UriError> {
        let is_visible = |byte: u8| byte > b' ' && !matches!(byte, b'<' | b'>' | b'"' | 0x7f);
        match !rest.is_empty() && rest.bytes().all(is_visible) {
            true => Ok(Self::bare(text, scheme)),
            false => Err(UriError::User),
        }
    }

    fn bare(text: &'a str, scheme: Scheme<'a>) -> Self {
        Self {
            text,
            scheme,
            user: None,
            password: None,
            host: None,
            port: None,
            params: UriParams::NONE,
            headers: None,
        }
    }

    /// The URI as it was written.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme<'a> {
        self.scheme
    }

    /// True for sip and sips.
    #[must_use]
    pub fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// The user part as it was written, with its escapes; a tel URI's number.
    #[must_use]
    pub fn user(&self) -> Option<&'a str> {
        self.user
    }

    /// The user part with its escapes decoded. Bytes that are not UTF-8 become
    /// U+FFFD.
    #[must_use]
    pub fn user_decoded(&self) -> Option<Cow<'a, str>> {
        self.user.map(decode)
    }

    /// The password as it was written.
    #[must_use]
    pub fn password(&self) -> Option<&'a str> {
        self.password
    }

    /// The host; `None` for schemes that have none.
    #[must_use]
    pub fn host(&self) -> Option<Host<'a>> {
        self.host
    }

    /// The port, when one is given.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The URI parameters (`;name=value`).
    #[must_use]
    pub fn params(&self) -> UriParams<'a> {
        self.params
    }

    /// The value of a parameter, empty for one without a value.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params.get(name)
    }

    /// True when the URI has `lr`, the mark of a loose router
    /// (RFC 3261 section 16.12.1.1).
    #[must_use]
    pub fn is_loose_router(&self) -> bool {
        self.param("lr").is_some()
    }

    /// The text behind `?`, when there is one.
    #[must_use]
    pub fn header_text(&self) -> Option<&'a str> {
        self.headers
    }

    /// The header fields behind `?`, decoded (RFC 3261 section 19.1.1). The
    /// receiver decides which of them it honours.
    pub fn headers(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> {
        let fields = self.headers.into_iter().flat_map(|text| text.split('&'));
        fields.map(|field| {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            (decode(name), decode(value))
        })
    }

    /// A copy that owns its text.
    #[must_use]
    pub fn to_owned(&self) -> OwnedUri {
        OwnedUri::from_parsed(*self)
    }
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

fn scheme(text: &str) -> Result<Scheme<'_>, UriError> {
    match text.as_bytes() {
        [b's' | b'S', b'i' | b'I', b'p' | b'P'] => return Ok(Scheme::Sip),
        [b's' | b'S', b'i' | b'I', b'p' | b'P', b's' | b'S'] => return Ok(Scheme::Sips),
        [b't' | b'T', b'e' | b'E', b'l' | b'L'] => return Ok(Scheme::Tel),
        _ => {}
    }
    let is_scheme = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    match is_scheme {
        true => Ok(Scheme::Other(text)),
        false => Err(UriError::Scheme),
    }
}

fn user_info(text: &str) -> Result<(&str, Option<&str>), UriError> {
    let colon = grammar::run_length(text.as_bytes(), |byte| byte != b':');
    let (user, password) = (&text[..colon], text.get(colon + 1..));
    match grammar::is_uri_user(user) && password.is_none_or(grammar::is_uri_password) {
        true => Ok((user, password)),
        false => Err(UriError::User),
    }
}

fn uri_headers(text: &str) -> Result<&str, UriError> {
    let is_field = |field: &str| {
        let (name, value) = field.split_once('=').unwrap_or(("", ""));
        !name.is_empty() && grammar::is_uri_header(name) && grammar::is_uri_header(value)
    };
    match text.split('&').all(is_field) {
        true => Ok(text),
        false => Err(UriError::Header),
    }
}

/// Decodes `%HH` escapes. Bytes that are not UTF-8 become U+FFFD.
#[must_use]
pub fn decode(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'%', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let bytes: Vec<u8> = decoded_bytes(text).collect();
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// The bytes of a text with its `%HH` escapes decoded; a broken escape stands
/// for itself.
pub(crate) fn decoded_bytes(text: &str) -> impl Iterator<Item = u8> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let (first, behind) = rest.split_first()?;
        if *first == b'%'
            && let [high, low, behind @ ..] = behind
            && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
        {
            rest = behind;
            return Some(high * 16 + low);
        }
        rest = behind;
        Some(*first)
    })
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
