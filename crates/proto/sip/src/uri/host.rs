//! Host and port (RFC 3261 section 25.1, RFC 5118 for IPv6).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::UriError;
use crate::grammar;

/// Longest host name in bytes (RFC 1035 section 2.3.4).
const HOST_NAME_BYTES_MAX: usize = 255;

/// A host: a name or an address. Names compare without regard to case.
#[derive(Debug, Clone, Copy, Eq)]
pub enum Host<'a> {
    /// A domain name.
    Name(&'a str),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, printed in brackets.
    V6(Ipv6Addr),
}

impl<'a> Host<'a> {
    /// Reads a host: a name, an IPv4 address or an IPv6 address in brackets.
    ///
    /// # Errors
    /// [`UriError::Host`] for anything else.
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        match host_port(text)? {
            (host, None, "") => Ok(host),
            _ => Err(UriError::Host),
        }
    }

    /// The address, when it is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(ip) => Some(IpAddr::V4(*ip)),
            Self::V6(ip) => Some(IpAddr::V6(*ip)),
        }
    }

    /// The name, when it is one.
    #[must_use]
    pub fn name(&self) -> Option<&'a str> {
        match self {
            Self::Name(name) => Some(name),
            Self::V4(_) | Self::V6(_) => None,
        }
    }
}

impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(ours), Self::Name(theirs)) => ours.eq_ignore_ascii_case(theirs),
            (Self::V4(ours), Self::V4(theirs)) => ours == theirs,
            (Self::V6(ours), Self::V6(theirs)) => ours == theirs,
            _ => false,
        }
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(ip) => ip.fmt(f),
            Self::V6(ip) => write!(f, "[{ip}]"),
        }
    }
}

/// Reads `host[:port]` and gives the text behind it.
pub(crate) fn host_port(text: &str) -> Result<(Host<'_>, Option<u16>, &str), UriError> {
    let (host, rest) = host(text)?;
    let Some(rest) = rest.strip_prefix(':') else {
        return Ok((host, None, rest));
    };
    let end = grammar::run_length(rest.as_bytes(), |byte| byte.is_ascii_digit());
    let port = rest[..end].parse().map_err(|_| UriError::Port)?;
    Ok((host, Some(port), &rest[end..]))
}

/// Reads a host in front of `text` and gives the text behind it.
pub(crate) fn host(text: &str) -> Result<(Host<'_>, &str), UriError> {
    if let Some(inner) = text.strip_prefix('[') {
        let (address, rest) = inner.split_once(']').ok_or(UriError::Host)?;
        let address = address.parse().map_err(|_| UriError::Host)?;
        return Ok((Host::V6(address), rest));
    }
    let name = host_name(text)?;
    let host = match is_numeric(name) {
        true => Host::V4(name.parse().map_err(|_| UriError::Host)?),
        false => Host::Name(name),
    };
    Ok((host, &text[name.len()..]))
}

/// Takes the longest text of host name characters, in which no dot leads or
/// follows another.
fn host_name(text: &str) -> Result<&str, UriError> {
    let mut last = b'.';
    let mut length = 0;
    for byte in text.bytes().take_while(|byte| grammar::is_host_name_byte(*byte)) {
        if byte == b'.' && last == b'.' {
            return Err(UriError::Host);
        }
        last = byte;
        length += 1;
    }
    match (1..=HOST_NAME_BYTES_MAX).contains(&length) {
        true => Ok(&text[..length]),
        false => Err(UriError::Host),
    }
}

fn is_numeric(name: &str) -> bool {
    let last = name.as_bytes().last();
    last.is_some_and(|last| last.is_ascii_digit() || *last == b'.')
        && name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}
