//! URIs that own their text, and the making of new ones.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::{Host, Uri, UriError};
use crate::grammar;

/// A URI that owns its text. Two are equal when they are equivalent
/// (RFC 3261 section 19.1.4).
#[derive(Debug, Clone)]
pub struct OwnedUri {
    /// Always parses: every constructor has parsed it.
    text: Box<str>,
}

impl OwnedUri {
    pub(super) fn from_parsed(uri: Uri<'_>) -> Self {
        Self { text: uri.as_str().into() }
    }

    /// The URI's parts.
    #[must_use]
    pub fn as_uri(&self) -> Uri<'_> {
        Uri::parse(&self.text).expect("the text was parsed when this was made")
    }

    /// The URI's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for OwnedUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        Uri::parse(text).map(Self::from_parsed)
    }
}

impl PartialEq for OwnedUri {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text || self.as_uri().is_equivalent(&other.as_uri())
    }
}

impl fmt::Display for OwnedUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Puts a sip or sips URI together, escaping what must be escaped.
#[derive(Debug, Clone)]
pub struct UriBuilder {
    scheme: &'static str,
    user: Option<String>,
    host: String,
    port: Option<u16>,
    params: String,
}

impl UriBuilder {
    /// `sip:host`. A host that is neither a name nor an address, bracketed or
    /// not, is refused by [`UriBuilder::build`].
    #[must_use]
    pub fn sip(host: &str) -> Self {
        let host = match host.parse::<IpAddr>() {
            Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
            _ => host.to_owned(),
        };
        Self { scheme: "sip", user: None, host, port: None, params: String::new() }
    }

    /// `sip:address:port`.
    #[must_use]
    pub fn sip_at(address: SocketAddr) -> Self {
        Self::sip(&address.ip().to_string()).port(address.port())
    }

    /// Makes it a sips URI.
    #[must_use]
    pub fn sips(mut self) -> Self {
        self.scheme = "sips";
        self
    }

    /// The user part, not yet escaped.
    #[must_use]
    pub fn user(mut self, user: &str) -> Self {
        self.user = Some(escape_user(user));
        self
    }

    /// The port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Adds `;name=value`; an empty value gives `;name`.
    #[must_use]
    pub fn param(mut self, name: &str, value: &str) -> Self {
        self.params.push(';');
        escape_into(&mut self.params, name, grammar::is_uri_param);
        if !value.is_empty() {
            self.params.push('=');
            escape_into(&mut self.params, value, grammar::is_uri_param);
        }
        self
    }

    /// The URI.
    ///
    /// # Errors
    /// When the host is not one, or the whole is too long.
    pub fn build(&self) -> Result<OwnedUri, UriError> {
        Host::parse(&self.host)?;
        let mut text = format!("{}:", self.scheme);
        if let Some(user) = self.user.as_deref().filter(|user| !user.is_empty()) {
            text.push_str(user);
            text.push('@');
        }
        text.push_str(&self.host);
        if let Some(port) = self.port {
            write!(text, ":{port}").expect("writing to a String does not fail");
        }
        text.push_str(&self.params);
        text.parse()
    }
}

/// Escapes a user part: every byte that may not stand in it becomes `%HH`.
#[must_use]
pub fn escape_user(user: &str) -> String {
    let mut text = String::with_capacity(user.len());
    escape_into(&mut text, user, |one| grammar::is_uri_user(one) && one != "#");
    text
}

fn escape_into(text: &mut String, plain: &str, is_plain: impl Fn(&str) -> bool) {
    for character in plain.chars() {
        let mut buffer = [0; 4];
        let one: &str = character.encode_utf8(&mut buffer);
        if one != "%" && is_plain(one) {
            text.push(character);
            continue;
        }
        for byte in one.bytes() {
            write!(text, "%{byte:02X}").expect("writing to a String does not fail");
        }
    }
}
