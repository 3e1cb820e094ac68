//! The edge's part of the configuration file, `[edge]`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

/// Where the edge listens, what it calls itself and how much it bears.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The address all listeners are bound to; `0.0.0.0` is every IPv4 address of the machine, `::` every
    /// address.
    pub bind: IpAddr,
    /// SIP over UDP. 0 lets the kernel choose, `false` switches the listener off.
    pub udp_port: Port,
    /// SIP over TCP. 0 lets the kernel choose, the number of UDP if that is 0 also; `false` is off.
    pub tcp_port: Port,
    /// SIP over TLS. 0 lets the kernel choose, `false` switches the listener off.
    pub tls_port: Port,
    /// SIP over WebSocket without TLS (RFC 7118), beside the gateway's `/ws`. 0 lets the kernel choose,
    /// `false` switches the listener off.
    pub ws_port: Port,
    /// The address or host name that devices reach this machine by, written into Via, Record-Route and
    /// Route headers. Without it: `bind`, or the address of the machine's default route.
    pub advertise: Option<String>,
    /// Further names of this server: a request to one of them belongs to the default domain.
    pub host_names: Vec<String>,
    /// PEM file with the certificate chain of the TLS listener. Without it a certificate is made at each
    /// start and signed by itself.
    pub tls_certificate: Option<PathBuf>,
    /// PEM file with the private key that belongs to `tls_certificate`.
    pub tls_key: Option<PathBuf>,
    /// PEM file with the authorities that a device's certificate is checked against when its connection is
    /// gone and a new TLS connection is opened to it. Without it none is opened.
    pub tls_authorities: Option<PathBuf>,
    /// The digest algorithms that devices are challenged with, the preferred one first (RFC 8760).
    /// Credentials of another algorithm are not accepted.
    pub digest_algorithms: Vec<DigestAlgorithm>,
    /// Devices that give up when they are offered SHA-256 beside MD5, by the beginning of their User-Agent
    /// header; they are offered MD5 alone, as long as it is among `digest_algorithms`.
    pub md5_only_agents: Vec<String>,
    /// How much the edge bears.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            udp_port: Port::Number(5060),
            tcp_port: Port::Number(5060),
            tls_port: Port::Number(5061),
            ws_port: Port::Number(8080),
            advertise: None,
            host_names: Vec::new(),
            tls_certificate: None,
            tls_key: None,
            tls_authorities: None,
            digest_algorithms: vec![DigestAlgorithm::Sha256, DigestAlgorithm::Md5],
            md5_only_agents: vec!["baresip v0.".to_owned(), "baresip v1.".to_owned()],
            limits: Limits::default(),
        }
    }
}

/// A digest algorithm (RFC 7616 section 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DigestAlgorithm {
    /// What every device knows.
    #[serde(rename = "MD5")]
    Md5,
    /// What newer devices know.
    #[serde(rename = "SHA-256")]
    Sha256,
}

impl DigestAlgorithm {
    /// Its name in a challenge.
    #[must_use]
    pub fn token(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }
}

/// How much the edge bears before it refuses and counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// TCP, TLS and WebSocket connections at a time.
    #[serde(deserialize_with = "at_least_one")]
    pub connections: usize,
    /// Connections at a time from one source address.
    #[serde(deserialize_with = "at_least_one")]
    pub connections_per_source: usize,
    /// Seconds in which a new connection has to deliver its first whole message, TLS and WebSocket
    /// handshakes included; a message that has begun has to be complete within the same time.
    #[serde(deserialize_with = "at_least_one")]
    pub first_message_s: u64,
    /// Seconds without a byte after which a TCP or TLS connection is closed. Longer than
    /// `registration_max_s`, or devices that only refresh their registration lose their connection.
    #[serde(deserialize_with = "at_least_one")]
    pub idle_s: u64,
    /// Requests a second from one source address, over a longer time.
    #[serde(deserialize_with = "at_least_one")]
    pub requests_per_second_per_source: u32,
    /// Requests a second in the name of one user, over a longer time.
    #[serde(deserialize_with = "at_least_one")]
    pub requests_per_second_per_user: u32,
    /// Calls at a time that one user has begun; a further one is answered with 503. Callers on this machine
    /// itself are not counted, since a proxy there speaks for many.
    #[serde(deserialize_with = "at_least_one")]
    pub calls_per_account: u32,
    /// Calls at a time that callers without an account have begun from one source address, guests of the
    /// portals among them.
    #[serde(deserialize_with = "at_least_one")]
    pub guest_calls_per_source: u32,
    /// Bindings of one address-of-record at a time.
    #[serde(deserialize_with = "at_least_one")]
    pub bindings_per_user: usize,
    /// The shortest registration, in seconds; a shorter wish is answered with 423 (RFC 3261 section 10.3).
    #[serde(deserialize_with = "at_least_one")]
    pub registration_min_s: u32,
    /// The length of a registration that names none, in seconds.
    #[serde(deserialize_with = "at_least_one")]
    pub registration_default_s: u32,
    /// The longest registration, in seconds; a longer wish is cut to it.
    #[serde(deserialize_with = "at_least_one")]
    pub registration_max_s: u32,
    /// Wrong passwords of one user from one address within [`Limits::WRONG_PASSWORD_WINDOW_S`] after
    /// which that address waits before it may try that user again.
    #[serde(deserialize_with = "at_least_one")]
    pub wrong_passwords: u32,
}

impl Limits {
    /// Wrong passwords older than this many seconds are forgotten.
    pub const WRONG_PASSWORD_WINDOW_S: u64 = 120;

    /// Whether the limits agree with each other, which no single one of them shows.
    ///
    /// # Errors
    /// When a registration that names no length would get one that is not allowed.
    pub fn check(&self) -> Result<(), Contradiction> {
        let Self { registration_min_s, registration_default_s, registration_max_s, .. } = *self;
        let is_in_order = registration_min_s <= registration_default_s
            && registration_default_s <= registration_max_s;
        is_in_order.then_some(()).ok_or(Contradiction {
            registration_min_s,
            registration_default_s,
            registration_max_s,
        })
    }
}

/// Limits of registrations that contradict each other, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "edge.limits: registration_min_s ({registration_min_s}) may not exceed registration_default_s \
     ({registration_default_s}), nor that registration_max_s ({registration_max_s})"
)]
pub struct Contradiction {
    /// The shortest.
    pub registration_min_s: u32,
    /// The one of those that name none.
    pub registration_default_s: u32,
    /// The longest.
    pub registration_max_s: u32,
}

/// A limit of zero would let nothing through.
fn at_least_one<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default + PartialEq,
{
    let value = T::deserialize(deserializer)?;
    if value == T::default() {
        return Err(de::Error::invalid_value(de::Unexpected::Unsigned(0), &"at least 1"));
    }
    Ok(value)
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            connections_per_source: 2_048,
            first_message_s: 15,
            idle_s: 3_700,
            requests_per_second_per_source: 10_000,
            requests_per_second_per_user: 5_000,
            calls_per_account: 200,
            guest_calls_per_source: 200,
            bindings_per_user: 10,
            registration_min_s: 30,
            registration_default_s: 600,
            registration_max_s: 3_600,
            wrong_passwords: 8,
        }
    }
}

/// A listener's port: a number, or `false` for no listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// No listener.
    Off,
    /// This port; 0 lets the kernel choose.
    Number(u16),
}

impl Port {
    /// The number, if there is to be a listener.
    #[must_use]
    pub fn number(self) -> Option<u16> {
        match self {
            Self::Off => None,
            Self::Number(number) => Some(number),
        }
    }
}

impl Serialize for Port {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_bool(false),
            Self::Number(number) => serializer.serialize_u16(*number),
        }
    }
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PortVisitor)
    }
}

struct PortVisitor;

impl de::Visitor<'_> for PortVisitor {
    type Value = Port;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a port from 0 to 65535, or false for no listener")
    }

    fn visit_bool<E: de::Error>(self, on: bool) -> Result<Port, E> {
        if on {
            return Err(E::invalid_value(de::Unexpected::Bool(true), &self));
        }
        Ok(Port::Off)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Port, E> {
        u16::try_from(number)
            .map(Port::Number)
            .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Port, E> {
        u16::try_from(number)
            .map(Port::Number)
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_a_number_or_false() {
        let port =
            |text: &str| serde_json::from_str::<Port>(text).map_err(|error| error.to_string());
        assert_eq!(port("5060"), Ok(Port::Number(5060)));
        assert_eq!(port("0"), Ok(Port::Number(0)));
        assert_eq!(port("false"), Ok(Port::Off));
        for wrong in ["true", "-1", "65536", "\"5060\""] {
            let error = port(wrong).expect_err(wrong);
            assert!(error.contains("a port from 0 to 65535, or false for no listener"), "{error}");
        }
    }

    #[test]
    fn the_default_survives_being_written_and_read() {
        let written = serde_json::to_string(&Config::default()).expect("it can be written");
        assert_eq!(
            serde_json::from_str::<Config>(&written).expect("it can be read"),
            Config::default()
        );
        let error = serde_json::from_str::<Config>("{\"udp_prot\": 1}").expect_err("a typo");
        assert!(error.to_string().contains("udp_prot"), "{error}");
    }
}
