//! The edge role: the only part of Offhook that SIP devices talk to.
//!
//! It authenticates, registers and proxies. What it does not answer itself goes to the switch over the
//! bus, and what the switch sends goes out along the flow that the topmost Route names. It is a stateless
//! proxy (RFC 3261 section 16.11): branches are computed from the message, and retransmissions pass
//! through. It keeps no calls, no dialogs and no transactions, and it never touches a body.
//!
//! The central types are [`state::State`], which decides and does no I/O, and [`Edge`], the running role.

mod config;
mod driver;
pub mod state;

pub use config::{Config, DigestAlgorithm, Limits, Port};
pub use offhook_net::{Addresses, WebSocketDoor};

use anyhow::Context;
use offhook_bus::{Shared, SipLink};
use offhook_model::Transport;
use offhook_net::{Network, TlsIdentity};
use state::{Advertised, State};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The running edge. Dropping it stops it; [`Edge::stop`] waits until its connections are closed.
#[derive(Debug)]
pub struct Edge {
    addresses: Addresses,
    door: WebSocketDoor,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Binds every listener and starts the role. Must be called inside a tokio runtime.
///
/// `secret` is 32 random bytes from which nonces and flow tokens are signed; with the same bytes, what was
/// signed before a restart stays valid.
///
/// # Errors
/// When an address cannot be bound or the certificate cannot be read.
pub fn start(
    config: &Config,
    link: SipLink,
    shared: Shared,
    secret: [u8; 32],
) -> anyhow::Result<Edge> {
    anyhow::ensure!(
        !config.digest_algorithms.is_empty(),
        "edge.digest_algorithms is empty: nobody could register; allowed are \"MD5\" and \"SHA-256\""
    );
    let host =
        config.advertise.clone().unwrap_or_else(|| reachable_address(config.bind).to_string());
    let files_max = offhook_net::raise_open_files_limit();
    tracing::debug!(files_max, "each connection is an open file");
    let network = Network::bind(&network_config(config, &host, &shared)?)
        .context("the edge cannot listen")?;
    let addresses = network.addresses();
    let door = network.flows().websocket_door();
    let advertised = advertised(config, host, addresses);
    let state = State::new(advertised, config, shared, &secret, Instant::now());
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(driver::run(state, network, link, stopped));
    Ok(Edge { addresses, door, stop, task })
}

impl Edge {
    /// The addresses that the listeners are bound to, with the ports that the kernel chose.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Where the gateway hands in the sockets of its `/ws`.
    #[must_use]
    pub fn websocket_door(&self) -> WebSocketDoor {
        self.door.clone()
    }

    /// Tells, whenever it is asked, whether the edge still runs.
    pub fn is_running(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let task = self.task.abort_handle();
        move || !task.is_finished()
    }

    /// Closes every listener, writes what is queued and closes the connections.
    pub async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the edge did not stop in order");
        }
    }
}

fn network_config(
    config: &Config,
    host: &str,
    shared: &Shared,
) -> anyhow::Result<offhook_net::Config> {
    let tls_identity = match (&config.tls_certificate, &config.tls_key) {
        (Some(certificate), Some(key)) => {
            TlsIdentity::Files { certificate: certificate.clone(), key: key.clone() }
        }
        (None, None) => {
            let mut names = vec![shared.directory().domain.clone(), host.to_owned()];
            names.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
            names.extend(config.host_names.iter().cloned());
            names.retain(|name| !name.is_empty());
            names.sort();
            names.dedup();
            TlsIdentity::SelfSigned { names }
        }
        (Some(_), None) => anyhow::bail!("edge.tls_certificate is set and edge.tls_key is not"),
        (None, Some(_)) => anyhow::bail!("edge.tls_key is set and edge.tls_certificate is not"),
    };
    Ok(offhook_net::Config {
        bind: config.bind,
        udp_port: config.udp_port.number(),
        tcp_port: config.tcp_port.number(),
        tls_port: config.tls_port.number(),
        ws_port: config.ws_port.number(),
        tls_identity,
        tls_authorities: config.tls_authorities.clone(),
        limits: offhook_net::Limits {
            connections: config.limits.connections,
            connections_per_source: config.limits.connections_per_source,
            first_message: Duration::from_secs(config.limits.first_message_s),
            idle: Duration::from_secs(config.limits.idle_s),
        },
    })
}

fn advertised(config: &Config, host: String, addresses: Addresses) -> Advertised {
    let listeners = [
        (Transport::Udp, addresses.udp),
        (Transport::Tcp, addresses.tcp),
        (Transport::Tls, addresses.tls),
        (Transport::Ws, addresses.ws),
    ];
    let ports = listeners
        .into_iter()
        .filter_map(|(transport, address)| Some((transport, address?.port())))
        .collect();
    let reachable = [config.bind, reachable_address(config.bind)];
    Advertised {
        host,
        ports,
        host_names: config.host_names.clone(),
        addresses: reachable.into_iter().filter(|ip| !ip.is_unspecified()).collect(),
    }
}

/// The address by which others reach a listener on `bind`: itself, or that of the default route when it
/// stands for every address. No packet is sent to find that out.
fn reachable_address(bind: IpAddr) -> IpAddr {
    if !bind.is_unspecified() {
        return bind;
    }
    // Addresses that are reserved for documentation (RFC 5737, RFC 3849).
    let somewhere: SocketAddr = match bind {
        IpAddr::V4(_) => (Ipv4Addr::new(192, 0, 2, 1), 9).into(),
        IpAddr::V6(_) => (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9).into(),
    };
    let route = UdpSocket::bind((bind, 0)).and_then(|socket| {
        socket.connect(somewhere)?;
        socket.local_addr()
    });
    match (route, bind) {
        (Ok(address), _) => address.ip(),
        (Err(_), IpAddr::V4(_)) => Ipv4Addr::LOCALHOST.into(),
        (Err(_), IpAddr::V6(_)) => Ipv6Addr::LOCALHOST.into(),
    }
}
