use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Bytes of a URL.
const URL_BYTES_MAX: usize = 2_048;
/// Bytes of a host name (RFC 1035 section 2.3.4).
const HOST_BYTES_MAX: usize = 253;

/// The URL of a WebSocket server (RFC 6455 section 3), taken apart. Whoever connects uses these parts and
/// never reads the text again, so that the host that was allowed is the host that is reached.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ForkUrl {
    is_secure: bool,
    host: String,
    port: u16,
    path: String,
}

/// A text that is no URL of a WebSocket server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a URL such as wss://host.example/path?query, without user, password and fragment, of at most 2048 bytes"
)]
pub struct InvalidForkUrl;

impl ForkUrl {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// When it is none of `ws` or `wss`, or holds anything but a host, a port, a path and a query.
    pub fn parse(text: &str) -> Result<Self, InvalidForkUrl> {
        let is_plain = text.len() <= URL_BYTES_MAX && text.bytes().all(|b| b.is_ascii_graphic());
        let (scheme, rest) = text.split_once("://").filter(|_| is_plain).ok_or(InvalidForkUrl)?;
        let is_secure = match scheme.to_ascii_lowercase().as_str() {
            "ws" => false,
            "wss" => true,
            _ => return Err(InvalidForkUrl),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if target.contains('#') || target.contains('\\') {
            return Err(InvalidForkUrl);
        }
        let (host, port) = host_and_port(authority).ok_or(InvalidForkUrl)?;
        let port = port.unwrap_or(if is_secure { 443 } else { 80 });
        let path = if target.starts_with('/') { target.into() } else { format!("/{target}") };
        Ok(Self { is_secure, host, port, path })
    }

    /// Whether it is `wss`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The host in small letters, an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path and the query.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.path
    }

    /// The host and the port as a Host header has them (RFC 9110 section 7.2).
    #[must_use]
    pub fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// The URL without its query, which may hold secrets.
    #[must_use]
    pub fn without_query(&self) -> String {
        let path = self.path.split_once('?').map_or(self.path.as_str(), |(path, _)| path);
        format!("{}://{}{path}", self.scheme(), self.authority())
    }

    fn scheme(&self) -> &'static str {
        if self.is_secure { "wss" } else { "ws" }
    }
}

impl fmt::Debug for ForkUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.without_query())
    }
}

impl TryFrom<String> for ForkUrl {
    type Error = InvalidForkUrl;

    fn try_from(text: String) -> Result<Self, InvalidForkUrl> {
        Self::parse(&text)
    }
}

impl From<ForkUrl> for String {
    fn from(url: ForkUrl) -> Self {
        format!("{}://{}{}", url.scheme(), url.authority(), url.path)
    }
}

/// A host that audio may be forked to: `host.example`, `*.example` for all names below it, an address, each
/// with `:port` for that port only; or `*` for any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AllowedHost {
    name: Name,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    Any,
    /// All names that end in this, which begins with a dot.
    Below(String),
    Exactly(String),
}

/// A text that names no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no host: allowed are host.example, *.example, an address, each with :port or without, and *"
)]
pub struct InvalidAllowedHost(String);

impl AllowedHost {
    /// Reads what an administrator wrote.
    ///
    /// # Errors
    /// When it names no host.
    pub fn parse(text: &str) -> Result<Self, InvalidAllowedHost> {
        let invalid = || InvalidAllowedHost(text.to_owned());
        if text == "*" {
            return Ok(Self { name: Name::Any, port: None });
        }
        let below = text.strip_prefix("*.");
        let (host, port) = host_and_port(below.unwrap_or(text)).ok_or_else(invalid)?;
        let name = match below {
            Some(_) if host.parse::<IpAddr>().is_ok() => return Err(invalid()),
            Some(_) => Name::Below(format!(".{host}")),
            None => Name::Exactly(host),
        };
        Ok(Self { name, port })
    }

    /// Whether the URL's host is this one.
    #[must_use]
    pub fn allows(&self, url: &ForkUrl) -> bool {
        let is_host = match &self.name {
            Name::Any => true,
            Name::Below(end) => url.host.len() > end.len() && url.host.ends_with(end.as_str()),
            Name::Exactly(host) => url.host == *host,
        };
        is_host && self.port.is_none_or(|port| port == url.port)
    }
}

impl TryFrom<String> for AllowedHost {
    type Error = InvalidAllowedHost;

    fn try_from(text: String) -> Result<Self, InvalidAllowedHost> {
        Self::parse(&text)
    }
}

impl From<AllowedHost> for String {
    fn from(allowed: AllowedHost) -> Self {
        let host = match allowed.name {
            Name::Any => "*".to_owned(),
            Name::Below(end) => format!("*{end}"),
            Name::Exactly(host) if host.contains(':') => format!("[{host}]"),
            Name::Exactly(host) => host,
        };
        allowed.port.map_or(host.clone(), |port| format!("{host}:{port}"))
    }
}

/// A host in the one form that is compared, and a port. Numbers that are no address in dotted form are no
/// name either, since a resolver might read an address in them.
fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        let port = if rest.is_empty() { None } else { Some(port(rest.strip_prefix(':')?)?) };
        return Some((address.to_string(), port));
    }
    let (host, port) = match text.split_once(':') {
        Some((host, digits)) => (host, Some(port(digits)?)),
        None => (text, None),
    };
    let host = host.to_ascii_lowercase();
    let last = host.rsplit('.').next()?;
    let ends_in_number = last.bytes().next()?.is_ascii_digit();
    let is_host = if ends_in_number { host.parse::<IpAddr>().is_ok() } else { is_name(&host) };
    is_host.then_some((host, port))
}

fn port(digits: &str) -> Option<u16> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|port| is_number && *port > 0)
}

fn is_name(host: &str) -> bool {
    let is_label = |label: &str| {
        let mut bytes = label.bytes();
        !label.is_empty() && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    host.len() <= HOST_BYTES_MAX && host.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> ForkUrl {
        ForkUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_url_is_taken_apart() {
        for (text, secure, host, port, path) in [
            ("ws://asr.example", false, "asr.example", 80, "/"),
            ("wss://ASR.example/v1?key=a/b", true, "asr.example", 443, "/v1?key=a/b"),
            ("ws://127.0.0.1:8080?x", false, "127.0.0.1", 8_080, "/?x"),
            ("ws://[::1]:9/a", false, "::1", 9, "/a"),
            ("ws://[0:0::1]/", false, "::1", 80, "/"),
        ] {
            let url = url(text);
            let parts = (url.is_secure(), url.host(), url.port(), url.path_and_query());
            assert_eq!(parts, (secure, host, port, path), "{text}");
        }
        assert_eq!(url("ws://[::1]:9/a").authority(), "[::1]:9");
    }

    #[test]
    fn what_two_readers_might_read_differently_is_refused() {
        for text in [
            "http://a.example",
            "ws://",
            "ws://user@a.example/",
            "ws://a.example:80@b.example/",
            "ws://a.example#b",
            "ws://a.example/#b",
            "ws://a.example\\@b.example/",
            "ws://a.example /",
            "ws://a.example:0/",
            "ws://a.example:+80/",
            "ws://a..example/",
            "ws://a.example./",
            "ws://2130706433/",
            "ws://0x7f.1/",
            "ws://127.1/",
            "ws://0x7f000001/",
            "ws://[::1/",
            "ws://%6c/",
            "ws://b\u{e9}.example/",
        ] {
            assert_eq!(ForkUrl::parse(text), Err(InvalidForkUrl), "{text}");
        }
        assert!(ForkUrl::parse(&format!("ws://a.example/{}", "x".repeat(2_048))).is_err());
    }

    #[test]
    fn a_query_is_not_printed() {
        let url = url("wss://asr.example/v1?key=hush");
        assert_eq!(format!("{url:?}"), "wss://asr.example:443/v1");
        assert_eq!(ForkUrl::try_from(String::from(url.clone())), Ok(url));
    }

    #[test]
    fn a_host_is_allowed_by_name_by_end_or_by_address() {
        for (allowed, text, expected) in [
            ("asr.example", "ws://ASR.example/", true),
            ("asr.example", "ws://asr.example.evil/", false),
            ("asr.example", "ws://x.asr.example/", false),
            ("*.example", "ws://a.b.example/", true),
            ("*.example", "ws://example/", false),
            ("*.example", "ws://badexample/", false),
            ("asr.example:8443", "wss://asr.example:8443/", true),
            ("asr.example:8443", "wss://asr.example/", false),
            ("127.0.0.1", "ws://127.0.0.1:1/", true),
            ("[::1]", "ws://[0::1]/", true),
            ("*", "ws://anything.example/", true),
        ] {
            let host = AllowedHost::parse(allowed).expect(allowed);
            assert_eq!(host.allows(&url(text)), expected, "{allowed} {text}");
            assert_eq!(AllowedHost::parse(&String::from(host.clone())), Ok(host));
        }
        for bad in ["", "ws://a.example", "a b", "*.127.0.0.1", "a.*", "a.example:x", "**"] {
            let error = AllowedHost::parse(bad).expect_err(bad).to_string();
            assert!(error.contains("*.example"), "{error}");
        }
    }
}
