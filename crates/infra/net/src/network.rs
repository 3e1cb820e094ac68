use crate::connect::Connector;
use crate::limits::{INCOMING_QUEUE_MAX, WRITE_TIMEOUT};
use crate::listener::{self, Listener};
use crate::table::FlowTable;
use crate::tls::{self, TlsError, TlsIdentity};
use crate::websocket::WebSocketDoor;
use crate::{Flow, Limits, stream, udp};
use bytes::Bytes;
use offhook_model::Transport;
use offhook_sip::{Message, ParseFailure};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;

/// What to bind and how much to bear. A port of 0 lets the kernel choose, `None` means no listener.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address of every listener.
    pub bind: IpAddr,
    /// Port for datagrams.
    pub udp_port: Option<u16>,
    /// Port for TCP. When this and `udp_port` are 0, both get the same number if that can be had.
    pub tcp_port: Option<u16>,
    /// Port for TLS.
    pub tls_port: Option<u16>,
    /// Port for WebSockets without TLS (RFC 7118).
    pub ws_port: Option<u16>,
    /// Who we are towards TLS clients.
    pub tls_identity: TlsIdentity,
    /// PEM file with the authorities that a device's certificate is checked against when we open a TLS
    /// connection to it. Without it none is opened.
    pub tls_authorities: Option<PathBuf>,
    /// How many connections, and how long.
    pub limits: Limits,
}

/// The addresses that listeners are bound to; `None` where there is no listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Addresses {
    /// SIP over UDP.
    pub udp: Option<SocketAddr>,
    /// SIP over TCP.
    pub tcp: Option<SocketAddr>,
    /// SIP over TLS.
    pub tls: Option<SocketAddr>,
    /// SIP over WebSocket.
    pub ws: Option<SocketAddr>,
}

/// Why the network could not start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A listener's address is taken or is not ours.
    #[error("cannot listen on {address} ({transport}): {source}")]
    Listen {
        /// `udp`, `tcp`, `tls` or `ws`.
        transport: &'static str,
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The certificate, its key or the authorities cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Why a message did not leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The connection is closed.
    #[error("the flow is gone")]
    Gone,
    /// The peer does not read as fast as we write.
    #[error("the flow's queue is full")]
    Full,
    /// There is no such listener, the address is a broadcast or multicast address, or the system refused.
    #[error("the address cannot be reached")]
    Unreachable,
}

/// What arrives from the network.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a message is the common case and is moved once")]
pub enum Incoming {
    /// One message, or what was wrong with it. Where a connection could not be cut into messages any
    /// longer, it closes after [`LINGER`](crate::LINGER).
    Received {
        /// The way it came.
        flow: Flow,
        /// The message, whose headers nobody has validated yet.
        message: Result<Message, ParseFailure>,
    },
    /// A message that was queued for a connection could not be delivered.
    Unsent {
        /// That message.
        bytes: Bytes,
    },
    /// A connection has ended; no message follows from it.
    Closed {
        /// Which.
        flow: Flow,
    },
}

/// The listeners and everything that came of them. Dropping it closes all.
#[derive(Debug)]
pub struct Network {
    addresses: Addresses,
    flows: Flows,
    incoming: mpsc::Receiver<Incoming>,
}

/// Sends messages. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Flows {
    context: Arc<Context>,
    connector: Arc<Connector>,
}

/// What every task of a network shares.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) table: Arc<FlowTable>,
    pub(crate) incoming: mpsc::Sender<Incoming>,
    pub(crate) stopping: watch::Sender<bool>,
    udp: Option<UdpSocket>,
}

impl Network {
    /// Binds every listener and starts to listen. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When an address cannot be bound or a PEM file cannot be used.
    pub fn bind(config: &Config) -> Result<Self, BindError> {
        let tls = tls::acceptor(&config.tls_identity)?;
        let connector = Connector::new(config.tls_authorities.as_deref())?;
        let (udp, tcp) = listener::bind_pair(config.bind, config.udp_port, config.tcp_port)?;
        let tls_listener = bind_stream(config, "tls", config.tls_port)?;
        let ws_listener = bind_stream(config, "ws", config.ws_port)?;
        let addresses = Addresses {
            udp: udp.as_ref().and_then(|socket| socket.local_addr().ok()),
            tcp: tcp.as_ref().map(|listener| listener.address),
            tls: tls_listener.as_ref().map(|listener| listener.address),
            ws: ws_listener.as_ref().map(|listener| listener.address),
        };
        let (sender, incoming) = mpsc::channel(INCOMING_QUEUE_MAX);
        let context = Arc::new(Context {
            table: FlowTable::new(config.limits),
            incoming: sender,
            stopping: watch::Sender::new(false),
            udp,
        });
        start(&context, tcp, tls_listener.zip(Some(tls)), ws_listener);
        let flows = Flows { context, connector: Arc::new(connector) };
        Ok(Self { addresses, flows, incoming })
    }

    /// Where the listeners are.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The sending side.
    #[must_use]
    pub fn flows(&self) -> Flows {
        self.flows.clone()
    }

    /// The next thing that happened. Never ends while the network lives.
    ///
    /// Cancel-safe: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Incoming> {
        self.incoming.recv().await
    }

    /// As [`Network::next`], but takes what is there at once, up to `limit`.
    pub async fn next_many(&mut self, buffer: &mut Vec<Incoming>, limit: usize) -> usize {
        self.incoming.recv_many(buffer, limit).await
    }

    /// Closes the listeners, writes what is queued, closes the connections.
    pub async fn stop(mut self) {
        let context = Arc::clone(&self.flows.context);
        context.stopping.send_replace(true);
        // What still arrives is read and dropped, so that no connection waits for room in the queue.
        let drained = async {
            loop {
                tokio::select! {
                    () = context.table.emptied() => return,
                    Some(_late) = self.incoming.recv() => {}
                }
            }
        };
        if tokio::time::timeout(WRITE_TIMEOUT, drained).await.is_err() {
            tracing::debug!("connections were cut while the network stopped");
        }
    }
}

fn bind_stream(
    config: &Config,
    transport: &'static str,
    port: Option<u16>,
) -> Result<Option<Listener>, BindError> {
    port.map(|port| Listener::bind(transport, SocketAddr::new(config.bind, port))).transpose()
}

fn start(
    context: &Arc<Context>,
    tcp: Option<Listener>,
    tls: Option<(Listener, TlsAcceptor)>,
    ws: Option<Listener>,
) {
    if context.udp.is_some() {
        tokio::spawn(udp::receive(Arc::clone(context)));
    }
    if let Some(listener) = tcp {
        tokio::spawn(listener.serve(Arc::clone(context), Transport::Tcp, stream::serve_tcp));
    }
    if let Some((listener, acceptor)) = tls {
        let serve = move |context, slot, socket, queue| {
            stream::serve_tls(acceptor.clone(), context, slot, socket, queue)
        };
        tokio::spawn(listener.serve(Arc::clone(context), Transport::Tls, serve));
    }
    if let Some(listener) = ws {
        tokio::spawn(listener.serve(
            Arc::clone(context),
            Transport::Ws,
            crate::websocket::serve_http,
        ));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.flows.context.stopping.send_replace(true);
    }
}

impl Flows {
    /// Sends a message along a flow.
    ///
    /// # Errors
    /// When it certainly did not leave. A message that was taken may still be lost.
    pub fn send(&self, flow: &Flow, bytes: Bytes) -> Result<(), SendError> {
        match flow.transport {
            Transport::Udp => self.context.send_datagram(flow.remote, &bytes),
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                self.context.table.send(flow, bytes)
            }
        }
    }

    /// Sends a message to an address along the connection there is, or along one that is opened for it.
    /// What cannot be delivered comes back as [`Incoming::Unsent`].
    ///
    /// # Errors
    /// When the transport cannot be used to reach anybody, or the limits leave no room.
    pub fn connect_and_send(
        &self,
        transport: Transport,
        remote: SocketAddr,
        bytes: Bytes,
    ) -> Result<(), SendError> {
        if transport == Transport::Udp {
            return self.context.send_datagram(remote, &bytes);
        }
        match self.context.table.find(transport, remote) {
            Some(flow) => self.context.table.send(&flow, bytes),
            None => self.connector.open(&self.context, transport, remote, bytes),
        }
    }

    /// Where other servers' WebSockets are handed in.
    #[must_use]
    pub fn websocket_door(&self) -> WebSocketDoor {
        WebSocketDoor::new(Arc::clone(&self.context))
    }
}

impl Context {
    pub(crate) fn udp(&self) -> Option<&UdpSocket> {
        self.udp.as_ref()
    }

    /// Datagrams are sent at once or not at all: the kernel's buffer is the queue.
    fn send_datagram(&self, remote: SocketAddr, bytes: &[u8]) -> Result<(), SendError> {
        let socket = self.udp.as_ref().ok_or(SendError::Unreachable)?;
        if !udp::is_single_host(remote) {
            return Err(SendError::Unreachable);
        }
        socket.try_send_to(bytes, remote).map(|_sent| ()).map_err(|error| match error.kind() {
            std::io::ErrorKind::WouldBlock => SendError::Full,
            _ => SendError::Unreachable,
        })
    }

    /// Ends when the network stops.
    pub(crate) async fn stopped(&self) {
        let mut stopping = self.stopping.subscribe();
        if stopping.wait_for(|stopping| *stopping).await.is_err() {
            tracing::trace!("the network is gone already");
        }
    }
}
