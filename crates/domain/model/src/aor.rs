use serde::{Deserialize, Serialize};
use std::fmt;

/// An address-of-record (RFC 3261 section 6): `user@domain`, the name under which bindings are kept.
///
/// The domain is kept in lower case; the user part is kept as given, after %-escapes were undone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Aor(String);

/// Why a text is no address-of-record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAor {
    /// The user or the domain is empty.
    #[error("an address needs a user and a domain, as in 1001@example.org")]
    Empty,
    /// Longer than [`Aor::MAX_BYTES`].
    #[error("an address has at most {} bytes", Aor::MAX_BYTES)]
    TooLong,
}

impl Aor {
    /// The most bytes an address-of-record may have.
    pub const MAX_BYTES: usize = 256;

    /// Joins a user part and a domain.
    ///
    /// # Errors
    /// When either is empty or the whole is too long.
    pub fn new(user: &str, domain: &str) -> Result<Self, InvalidAor> {
        if user.is_empty() || domain.is_empty() {
            return Err(InvalidAor::Empty);
        }
        if user.len() + domain.len() + 1 > Self::MAX_BYTES {
            return Err(InvalidAor::TooLong);
        }
        Ok(Self(format!("{user}@{}", domain.to_ascii_lowercase())))
    }

    /// `user@domain`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the last `@`.
    #[must_use]
    pub fn user(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(user, _)| user)
    }

    /// The part after the last `@`, in lower case.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl fmt::Display for Aor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How SIP messages travel (RFC 3261 section 18, RFC 7118).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream under TLS.
    Tls,
    /// A WebSocket.
    Ws,
    /// A WebSocket under TLS.
    Wss,
}

impl Transport {
    /// The token of a Via header, `UDP` and so on.
    #[must_use]
    pub fn via_token(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// The value of a URI's `transport` parameter. RFC 7118 gives `ws` for both WebSocket kinds.
    #[must_use]
    pub fn uri_token(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws | Self::Wss => "ws",
        }
    }

    /// Whether the transport itself repeats what was lost (RFC 3261 section 17: no retransmission timers).
    #[must_use]
    pub fn is_reliable(self) -> bool {
        self != Self::Udp
    }

    /// Whether a browser is likely to be at the other end.
    #[must_use]
    pub fn is_websocket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }
}

/// Where an address-of-record can be reached (RFC 3261 section 10).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// The Contact's URI as the device wrote it, without angle brackets.
    pub contact: String,
    /// A Route header value (`<sip:token@edge;lr>`) that leads through the edge and the device's own
    /// flow (RFC 5626), so that a contact behind NAT or ending in `.invalid` can be called.
    pub route: String,
    /// The transport of that flow.
    pub transport: Transport,
    /// The source address of the last REGISTER, `ip:port`.
    pub source: String,
    /// Preference in thousandths, 0 to 1000 (RFC 3261 section 20.10).
    pub q_thousandths: u16,
    /// When the binding ends, seconds of Unix time.
    pub expires_at: u64,
    /// `+sip.instance`, with its quotes removed (RFC 5626).
    pub instance: Option<String>,
    /// `reg-id` (RFC 5626).
    pub reg_id: Option<u32>,
    /// The Call-ID of the REGISTER that made or refreshed it.
    pub call_id: String,
    /// The CSeq of that REGISTER.
    pub cseq: u32,
    /// The device's User-Agent header, shortened.
    pub user_agent: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_is_folded_and_the_user_is_not() {
        let aor = Aor::new("Alice", "Example.ORG").expect("valid");
        assert_eq!(aor.as_str(), "Alice@example.org");
        assert_eq!((aor.user(), aor.domain()), ("Alice", "example.org"));
    }

    #[test]
    fn an_empty_or_endless_address_is_refused() {
        assert_eq!(Aor::new("", "example.org"), Err(InvalidAor::Empty));
        assert_eq!(Aor::new(&"x".repeat(300), "example.org"), Err(InvalidAor::TooLong));
    }
}
