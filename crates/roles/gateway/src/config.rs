use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};

/// What an operator can set about the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The address to listen on; `0.0.0.0` is all of them.
    pub bind: IpAddr,
    /// The port of portals, API and WebSocket SIP; 0 lets the kernel choose.
    pub http_port: u16,
    /// Whether `/metrics` answers other machines; this machine may always ask.
    pub metrics_open: bool,
    /// The most connections at a time.
    pub connections_max: usize,
    /// The most connections at a time from one address. A whole office may share one.
    pub connections_per_address_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            http_port: 3000,
            metrics_open: false,
            connections_max: 10_000,
            connections_per_address_max: 1_000,
        }
    }
}
