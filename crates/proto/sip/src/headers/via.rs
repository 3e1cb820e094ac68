//! Via (RFC 3261 sections 18.2 and 20.42, RFC 3581).

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::params::Params;
use crate::grammar::{Scanner, trim_lws};
use crate::uri::{Host, host_port};

/// What every branch made by RFC 3261 begins with (section 8.1.1.7).
pub const MAGIC_COOKIE: &str = "z9hG4bK";

/// The transport in a Via, without regard to case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport<'a> {
    /// UDP
    Udp,
    /// TCP
    Tcp,
    /// TLS over TCP
    Tls,
    /// SCTP
    Sctp,
    /// WebSocket (RFC 7118)
    Ws,
    /// WebSocket over TLS (RFC 7118)
    Wss,
    /// Any other token, as it was written.
    Other(&'a str),
}

impl<'a> Transport<'a> {
    /// The transport that a token names.
    #[must_use]
    pub fn from_token(token: &'a str) -> Self {
        let known: &[Self] = match token.len() {
            2 => &[Self::Ws],
            3 => &[Self::Udp, Self::Tcp, Self::Tls, Self::Wss],
            4 => &[Self::Sctp],
            _ => &[],
        };
        let named = known.iter().find(|known| known.as_str().eq_ignore_ascii_case(token));
        named.copied().unwrap_or(Self::Other(token))
    }

    /// The token on the wire.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Sctp => "SCTP",
            Self::Ws => "WS",
            Self::Wss => "WSS",
            Self::Other(token) => token,
        }
    }

    /// True for transports that retransmit by themselves. Unknown ones count
    /// as unreliable.
    #[must_use]
    pub fn is_reliable(&self) -> bool {
        !matches!(self, Self::Udp | Self::Other(_))
    }

    /// The port used when the Via names none (RFC 3261 section 18.1.1,
    /// RFC 7118 section 8).
    #[must_use]
    pub fn default_port(&self) -> u16 {
        match self {
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
            _ => 5060,
        }
    }
}

impl fmt::Display for Transport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One Via value.
#[derive(Debug, Clone, Copy)]
pub struct Via<'a> {
    text: &'a str,
    transport: Transport<'a>,
    sent_by: &'a str,
    host: Host<'a>,
    port: Option<u16>,
    params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads one value; `None` when it breaks the grammar or its protocol is
    /// not SIP/2.0.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut scanner = Scanner::new(text);
        let name = scanner.skip_lws().token()?;
        scanner.skip_lws().eat(b'/').then_some(())?;
        let version = scanner.skip_lws().token()?;
        scanner.skip_lws().eat(b'/').then_some(())?;
        let transport = scanner.skip_lws().token()?;
        let is_sip = name.eq_ignore_ascii_case("SIP") && version == "2.0";
        let behind_transport = scanner.at();
        let start = scanner.skip_lws().at();
        (is_sip && start > behind_transport).then_some(())?;
        let (host, port, rest) = sent_by(scanner.rest())?;
        Some(Self {
            text,
            transport: Transport::from_token(transport),
            sent_by: trim_lws(&text[start..text.len() - rest.len()]),
            host,
            port,
            params: Params::parse(rest)?,
        })
    }

    /// The value as it was written.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// The transport the message was sent over.
    #[must_use]
    pub fn transport(&self) -> Transport<'a> {
        self.transport
    }

    /// Host and port as they were written; part of what identifies a
    /// transaction (section 17.2.3).
    #[must_use]
    pub fn sent_by(&self) -> &'a str {
        self.sent_by
    }

    /// The host of sent-by.
    #[must_use]
    pub fn host(&self) -> Host<'a> {
        self.host
    }

    /// The port of sent-by, when one is given.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The port of sent-by, or the transport's own.
    #[must_use]
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or_else(|| self.transport.default_port())
    }

    /// The branch, the transaction's id.
    #[must_use]
    pub fn branch(&self) -> Option<&'a str> {
        self.params.get("branch").filter(|branch| !branch.is_empty())
    }

    /// The branch when it is one of RFC 3261: the magic cookie and something
    /// behind it. Others fall back to the matching of RFC 2543
    /// (section 17.2.3); so does a bare cookie, which identifies nothing.
    #[must_use]
    pub fn unique_branch(&self) -> Option<&'a str> {
        self.branch().filter(|branch| {
            let cookie = branch.as_bytes().get(..MAGIC_COOKIE.len());
            branch.len() > MAGIC_COOKIE.len()
                && cookie.is_some_and(|cookie| cookie.eq_ignore_ascii_case(MAGIC_COOKIE.as_bytes()))
        })
    }

    /// The address the message came from, noted by the receiver
    /// (section 18.2.1). IPv6 is read with and without brackets
    /// (RFC 5118 section 4.5).
    #[must_use]
    pub fn received(&self) -> Option<IpAddr> {
        let text = self.params.get("received")?;
        let text = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        text.parse().ok()
    }

    /// `rport` (RFC 3581): `None` when absent, `Some(None)` when the sender
    /// asks for it, `Some(Some(port))` when the receiver filled it in.
    #[must_use]
    pub fn rport(&self) -> Option<Option<u16>> {
        self.params.get("rport").map(|port| port.parse().ok())
    }

    /// The multicast or detour address.
    #[must_use]
    pub fn maddr(&self) -> Option<Host<'a>> {
        self.params.get("maddr").and_then(|host| Host::parse(host).ok())
    }

    /// The parameters.
    #[must_use]
    pub fn params(&self) -> Params<'a> {
        self.params
    }
}

/// Reads sent-by. White space may stand around its colon.
fn sent_by(text: &str) -> Option<(Host<'_>, Option<u16>, &str)> {
    let (host, port, rest) = host_port(text).ok()?;
    let spaced = rest.trim_start();
    match spaced.strip_prefix(':') {
        Some(behind) if port.is_none() => {
            let behind = behind.trim_start();
            let end = behind.bytes().take_while(u8::is_ascii_digit).count();
            Some((host, Some(behind[..end].parse().ok()?), &behind[end..]))
        }
        _ => Some((host, port, rest)),
    }
}

/// An IPv6 address as `received` carries it most widely: without brackets.
pub(crate) fn received_text(ip: IpAddr) -> String {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(|| print_v6(v6), |v4| v4.to_string()),
        IpAddr::V4(v4) => v4.to_string(),
    }
}

fn print_v6(ip: Ipv6Addr) -> String {
    ip.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_folds_may_stand_between_all_parts() {
        let via =
            Via::parse("SIP  /   2.0\r\n /UDP\r\n    192.0.2.2 : 5070 ;branch = 390skdjuw ; rport")
                .expect("well-formed");
        assert_eq!(via.transport(), Transport::Udp);
        assert_eq!(via.host().ip(), Some(IpAddr::from([192, 0, 2, 2])));
        assert_eq!(via.port(), Some(5070));
        assert_eq!(via.branch(), Some("390skdjuw"));
        assert_eq!(via.unique_branch(), None);
        assert_eq!(via.rport(), Some(None));
        assert_eq!(via.sent_by(), "192.0.2.2 : 5070");
    }

    #[test]
    fn received_is_read_with_and_without_brackets() {
        for received in ["[2001:db8::9:255]", "2001:db8::9:255"] {
            let text =
                format!("SIP/2.0/WSS [2001:db8::9:1];received={received};rport=7;branch=z9hG4bKx");
            let via = Via::parse(&text).expect("well-formed");
            assert_eq!(via.received(), "2001:db8::9:255".parse().ok());
            assert_eq!(via.rport(), Some(Some(7)));
            assert_eq!(via.sent_by(), "[2001:db8::9:1]");
            assert_eq!(via.port_or_default(), 443);
            assert_eq!(via.unique_branch(), Some("z9hG4bKx"));
        }
    }

    #[test]
    fn a_bare_cookie_identifies_nothing() {
        let via = Via::parse("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK").expect("well-formed");
        assert_eq!(via.branch(), Some("z9hG4bK"));
        assert_eq!(via.unique_branch(), None);
    }

    #[test]
    fn broken_values_are_refused() {
        for text in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP 192.0.2.15;;",
            "SIP/7.0/UDP c.example.com",
            "SIP/2.0/UDP2001:db8::1",
            "SIP/2.0/UDP host:port",
            "SIP/2.0/UDP host:99999",
            "SIP/2.0/UDP [2001:db8::9:1;branch=x",
        ] {
            assert!(Via::parse(text).is_none(), "{text}");
        }
    }
}
