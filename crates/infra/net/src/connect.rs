//! Connections that we open.

use crate::limits::CONNECT_TIMEOUT;
use crate::network::Context;
use crate::table::{Crowded, Slot};
use crate::tls::{self, TlsError};
use crate::udp::{is_single_host, refused};
use crate::{SendError, listener, stream};
use bytes::Bytes;
use offhook_model::Transport;
use offhook_sip::framer::Opener;
use rustls::pki_types::ServerName;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;

/// Opens TCP and TLS connections to devices.
pub(crate) struct Connector {
    tls: Option<TlsConnector>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("tls", &self.tls.is_some()).finish()
    }
}

impl Connector {
    pub(crate) fn new(authorities: Option<&Path>) -> Result<Self, TlsError> {
        Ok(Self { tls: authorities.map(tls::connector).transpose()? })
    }

    /// Opens a connection whose first message is `bytes`.
    pub(crate) fn open(
        &self,
        context: &Arc<Context>,
        transport: Transport,
        remote: SocketAddr,
        bytes: Bytes,
    ) -> Result<(), SendError> {
        let tls = match (transport, &self.tls) {
            (Transport::Tcp, _) => None,
            (Transport::Tls, Some(connector)) => Some(connector.clone()),
            _ => return Err(SendError::Unreachable),
        };
        if !is_single_host(remote) {
            return Err(SendError::Unreachable);
        }
        // The local address is known once the connection stands; nothing is compared with it before.
        let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        let (slot, queue) = context.table.take_in(transport, local, remote).map_err(|crowded| {
            refused(match crowded {
                Crowded::Source => "connections_per_source",
                Crowded::Total => "connections",
            });
            SendError::Full
        })?;
        slot.prove();
        slot.reply(bytes)?;
        tokio::spawn(run(Arc::clone(context), slot, queue, tls));
        Ok(())
    }
}

async fn run(
    context: Arc<Context>,
    slot: Slot,
    queue: mpsc::Receiver<Bytes>,
    tls: Option<TlsConnector>,
) {
    let remote = slot.flow.remote;
    let opened = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(remote)).await;
    let socket = match opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(socket) => socket,
        Err(error) => return give_back(&context, slot, queue, &error).await,
    };
    listener::configure(&socket);
    let Some(connector) = tls else {
        return stream::run(context, slot, Opener::Us, socket, queue).await;
    };
    let name = ServerName::IpAddress(remote.ip().into());
    let shaken = tokio::time::timeout(CONNECT_TIMEOUT, connector.connect(name, socket)).await;
    match shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(socket) => stream::run(context, slot, Opener::Us, socket, queue).await,
        Err(error) => give_back(&context, slot, queue, &error).await,
    }
}

/// Hands back what waited for a connection that did not come about.
async fn give_back(context: &Context, slot: Slot, queue: mpsc::Receiver<Bytes>, error: &io::Error) {
    tracing::debug!(remote = %slot.flow.remote, %error, "connect");
    refused("connect");
    slot.close_queue();
    drop(slot);
    stream::give_back(context, queue).await;
}
