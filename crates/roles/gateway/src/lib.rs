//! The gateway role: the portals, the API and WebSocket SIP behind one HTTP door.
//!
//! It serves the portals that are embedded in the binary, mounts the API that it is given as a router, hands
//! WebSockets of `/ws` to the edge, and renders the metrics. It holds no state of calls, speaks no SIP, and
//! signs nobody in: what a request may do is the API's and the edge's business.
//! It limits connections in all and per address, the time that a request may take, and its size; what is
//! refused is counted in `offhook_http_refused_total`.
//!
//! The central types are [`Parts`], what the gateway is made of, and [`Gateway`], the running role.

mod config;
mod headers;
mod metrics_page;
mod places;
mod portals;
mod routes;
mod server;
mod sip_socket;

pub use config::Config;
pub use routes::router;
pub use server::{BODY_BYTES_MAX, HEADER_BYTES_MAX, HEADER_TIMEOUT, REQUEST_TIMEOUT, STOP_GRACE};

use anyhow::Context;
use offhook_net::WebSocketDoor;
use offhook_telemetry::Metrics;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the gateway is made of.
#[derive(Debug)]
pub struct Parts {
    /// The API's routes, all of them under `/api`.
    pub api: axum::Router,
    /// Where the WebSockets of `/ws` go.
    pub sip: WebSocketDoor,
    /// What `/metrics` shows.
    pub metrics: Metrics,
}

/// The running gateway. Dropping it stops it without grace.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Binds the listener and serves.
///
/// # Errors
/// When the address cannot be bound.
pub async fn start(config: &Config, parts: Parts) -> anyhow::Result<Gateway> {
    let wanted = SocketAddr::new(config.bind, config.http_port);
    let listener = TcpListener::bind(wanted)
        .await
        .with_context(|| format!("gateway.http_port: cannot listen on {wanted}"))?;
    let address = listener.local_addr().context("gateway: the listener has no address")?;
    let (stop, stopping) = watch::channel(false);
    let app = router(config, parts);
    let task = tokio::spawn(server::serve(listener, app, server::Limits::new(config), stopping));
    Ok(Gateway { address, stop, task })
}

impl Gateway {
    /// The address that is listened on, with the port that the kernel chose.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, lets the requests under way end, for at most [`STOP_GRACE`].
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the gateway died");
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}
