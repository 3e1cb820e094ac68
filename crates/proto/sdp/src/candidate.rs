//! ICE candidates as `a=candidate` writes them (RFC 8839 5.1).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Extension attributes that are kept of one candidate at most.
const EXTENSIONS_MAX: usize = 16;
/// Characters of a foundation (RFC 8839 5.1).
const FOUNDATION_CHARS_MAX: usize = 32;

/// An ICE candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Equal for candidates of the same kind, base and server.
    pub foundation: String,
    /// 1 for RTP, 2 for RTCP.
    pub component: u16,
    /// The transport.
    pub transport: CandidateTransport,
    /// The priority (RFC 8445 5.1.2).
    pub priority: u32,
    /// The address or an mDNS name.
    pub address: CandidateAddress,
    /// The port.
    pub port: u16,
    /// How the candidate was found.
    pub kind: CandidateKind,
    /// The base of a reflexive or relayed candidate (`raddr`, `rport`).
    pub related: Option<(CandidateAddress, u16)>,
    /// Who opens the connection of a TCP candidate (RFC 6544).
    pub tcp_type: Option<TcpType>,
    /// Names and values that follow, such as `generation`, `ufrag`, `network-id`.
    pub extensions: Vec<(String, String)>,
}

/// The transport of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CandidateTransport {
    /// UDP.
    Udp,
    /// TCP (RFC 6544).
    Tcp,
}

/// Where a candidate is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CandidateAddress {
    /// An IPv4 or IPv6 address.
    Ip(IpAddr),
    /// A name: browsers hide local addresses behind `.local` names of mDNS.
    Name(String),
}

/// How a candidate was found (RFC 8445 4).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CandidateKind {
    /// An address of the host itself.
    Host,
    /// What a STUN server saw.
    ServerReflexive,
    /// What the peer saw.
    PeerReflexive,
    /// An address on a TURN server.
    Relayed,
    /// Any other word.
    Other(String),
}

/// Who opens a TCP candidate's connection (RFC 6544 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TcpType {
    /// The writer connects.
    Active,
    /// The writer listens.
    Passive,
    /// Both connect at once.
    SimultaneousOpen,
}

impl Candidate {
    /// A UDP host candidate for the first component, or for RTCP with `component` 2.
    ///
    /// `local_preference` orders the host's addresses (RFC 8445 5.1.2.1); 65535 for the only one.
    pub fn host(address: SocketAddr, component: u16, local_preference: u16) -> Self {
        const HOST_PREFERENCE: u32 = 126;
        let component_preference = 256 - u32::from(component.clamp(1, 256));
        let priority =
            (HOST_PREFERENCE << 24) | (u32::from(local_preference) << 8) | component_preference;
        Self {
            foundation: local_preference.to_string(),
            component,
            transport: CandidateTransport::Udp,
            priority,
            address: CandidateAddress::Ip(address.ip()),
            port: address.port(),
            kind: CandidateKind::Host,
            related: None,
            tcp_type: None,
            extensions: Vec::new(),
        }
    }

    /// Address and port, unless the address is a name.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match &self.address {
            CandidateAddress::Ip(ip) => Some(SocketAddr::new(*ip, self.port)),
            CandidateAddress::Name(_) => None,
        }
    }

    /// Whether the address is a `.local` name.
    pub fn is_mdns(&self) -> bool {
        match &self.address {
            CandidateAddress::Ip(_) => false,
            CandidateAddress::Name(name) => name.to_ascii_lowercase().ends_with(".local"),
        }
    }

    /// Takes a name and its value that follow the kind.
    fn handle_pair(&mut self, name: &str, value: &str) -> Result<(), ()> {
        match name {
            "raddr" => {
                let port = self.related.as_ref().map_or(0, |(_, port)| *port);
                self.related = Some((value.parse()?, port));
            }
            "rport" => {
                let port = value.parse().map_err(|_| ())?;
                match &mut self.related {
                    Some((_, found)) => *found = port,
                    None => return Err(()),
                }
            }
            "tcptype" => self.tcp_type = Some(value.parse()?),
            _ if self.extensions.len() < EXTENSIONS_MAX => {
                self.extensions.push((name.to_owned(), value.to_owned()));
            }
            _ => {}
        }
        Ok(())
    }
}

impl FromStr for Candidate {
    type Err = ();

    fn from_str(value: &str) -> Result<Self, ()> {
        let value = value.trim_ascii();
        let value = value.strip_prefix("candidate:").unwrap_or(value);
        let mut fields = value.split_ascii_whitespace();
        let mut next = || fields.next().ok_or(());
        let foundation = next()?.to_owned();
        if foundation.len() > FOUNDATION_CHARS_MAX {
            return Err(());
        }
        let mut candidate = Self {
            foundation,
            component: next()?.parse().map_err(|_| ())?,
            transport: next()?.parse()?,
            priority: next()?.parse().map_err(|_| ())?,
            address: next()?.parse()?,
            port: next()?.parse().map_err(|_| ())?,
            kind: match next()? {
                "typ" => CandidateKind::from(next()?),
                _ => return Err(()),
            },
            related: None,
            tcp_type: None,
            extensions: Vec::new(),
        };
        while let Some(name) = fields.next() {
            candidate.handle_pair(name, fields.next().ok_or(())?)?;
        }
        Ok(candidate)
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (foundation, component) = (&self.foundation, self.component);
        write!(f, "{foundation} {component} {}", self.transport)?;
        write!(f, " {} {} {}", self.priority, self.address, self.port)?;
        write!(f, " typ {}", self.kind)?;
        if let Some((address, port)) = &self.related {
            write!(f, " raddr {address} rport {port}")?;
        }
        if let Some(tcp_type) = self.tcp_type {
            write!(f, " tcptype {tcp_type}")?;
        }
        let mut extensions = self.extensions.iter();
        extensions.try_for_each(|(name, value)| write!(f, " {name} {value}"))
    }
}

impl FromStr for CandidateTransport {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        if word.eq_ignore_ascii_case("udp") {
            return Ok(Self::Udp);
        }
        word.eq_ignore_ascii_case("tcp").then_some(Self::Tcp).ok_or(())
    }
}

impl fmt::Display for CandidateTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

impl FromStr for CandidateAddress {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        if let Ok(ip) = word.parse() {
            return Ok(Self::Ip(ip));
        }
        let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        if word.is_empty() || !word.bytes().all(is_name_byte) {
            return Err(());
        }
        Ok(Self::Name(word.to_owned()))
    }
}

impl fmt::Display for CandidateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl From<&str> for CandidateKind {
    fn from(word: &str) -> Self {
        match word {
            "host" => Self::Host,
            "srflx" => Self::ServerReflexive,
            "prflx" => Self::PeerReflexive,
            "relay" => Self::Relayed,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for CandidateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relayed => "relay",
            Self::Other(word) => word,
        })
    }
}

impl FromStr for TcpType {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "active" => Ok(Self::Active),
            "passive" => Ok(Self::Passive),
            "so" => Ok(Self::SimultaneousOpen),
            _ => Err(()),
        }
    }
}

impl fmt::Display for TcpType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::SimultaneousOpen => "so",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_of_the_field_print_as_they_came() {
        let candidates = [
            "1 1 udp 2130706431 192.0.2.7 40000 typ host",
            "842163049 1 udp 1677729535 203.0.113.9 61000 typ srflx raddr 10.0.0.3 rport 53211 \
             generation 0 ufrag W3Zm network-cost 999",
            "2 2 udp 2130706430 2001:db8::17 40001 typ host",
            "3 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active",
            "4 1 udp 2113937151 6f9a0b1e-0f2c-4c0e-8a6a-5f1f1f0a1b2c.local 51900 typ host",
            "5 1 udp 41885439 198.51.100.3 3479 typ relay raddr 203.0.113.9 rport 61000",
        ];
        for text in candidates {
            let candidate: Candidate = text.parse().expect(text);
            assert_eq!(candidate.to_string(), text);
        }
    }

    #[test]
    fn an_mdns_name_has_no_socket_address() {
        let text = "4 1 UDP 2113937151 6f9a0b1e-0f2c.local 51900 typ host";
        let candidate: Candidate = text.parse().unwrap();
        assert!(candidate.is_mdns());
        assert_eq!(candidate.socket_addr(), None);
    }

    #[test]
    fn what_is_no_candidate_is_refused() {
        let wrong = [
            "",
            "1 1 udp 1 192.0.2.7 40000",
            "1 1 udp 1 192.0.2.7 70000 typ host",
            "1 1 sctp 1 192.0.2.7 4000 typ host",
            "1 1 udp 99999999999 192.0.2.7 4000 typ host",
            "1 1 udp 1 192.0.2.7 4000 type host",
            "1 1 udp 1 <script> 4000 typ host",
            "1 1 udp 1 192.0.2.7 4000 typ host generation",
        ];
        for text in wrong {
            assert_eq!(text.parse::<Candidate>(), Err(()), "{text}");
        }
    }

    #[test]
    fn a_host_candidate_has_the_priority_of_rfc_8445() {
        let address = "192.0.2.7:40000".parse().unwrap();
        let candidate = Candidate::host(address, 1, 65_535);
        assert_eq!(candidate.priority, 2_130_706_431);
        assert_eq!(Candidate::host(address, 2, 65_535).priority, 2_130_706_430);
    }
}
