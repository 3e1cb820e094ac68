//! Listening sockets and the loop that accepts from them.

use crate::limits::{ACCEPT_BACKLOG, ACCEPT_PAUSE, TCP_KEEPALIVE, UDP_BUFFER_BYTES};
use crate::network::{BindError, Context};
use crate::table::{Crowded, Slot};
use crate::udp::refused;
use bytes::Bytes;
use offhook_model::Transport;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::timeout_at;

/// Times the kernel is asked for a port that is free for UDP and TCP alike.
const SAME_PORT_TRIES: usize = 16;

/// A bound stream listener.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    socket: TcpListener,
}

impl Listener {
    pub(crate) fn bind(transport: &'static str, address: SocketAddr) -> Result<Self, BindError> {
        let bind = || -> io::Result<Self> {
            let socket =
                Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
            socket.set_reuse_address(true)?;
            socket.set_nonblocking(true)?;
            socket.bind(&address.into())?;
            socket.listen(ACCEPT_BACKLOG)?;
            let socket = TcpListener::from_std(socket.into())?;
            Ok(Self { address: socket.local_addr()?, socket })
        };
        bind().map_err(|source| BindError::Listen { transport, address, source })
    }

    /// Accepts connections until the network stops, and gives each a task of its own.
    pub(crate) async fn serve<F, R>(self, context: Arc<Context>, transport: Transport, serve: F)
    where
        F: Fn(Arc<Context>, Slot, TcpStream, mpsc::Receiver<Bytes>) -> R + Clone + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let stopped = context.stopped();
        tokio::pin!(stopped);
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = &mut stopped => return,
            };
            match accepted {
                Ok((socket, remote)) => {
                    let local = socket.local_addr().unwrap_or(self.address);
                    match context.table.take_in(transport, local, remote) {
                        Ok((slot, queue)) => {
                            configure(&socket);
                            let (context, serve) = (Arc::clone(&context), serve.clone());
                            tokio::spawn(async move {
                                if has_begun(&context, &slot, &socket).await {
                                    boxed(|| serve(context, slot, socket, queue)).await;
                                }
                            });
                        }
                        Err(Crowded::Source) => refused("connections_per_source"),
                        Err(Crowded::Total) => refused("connections"),
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "accept");
                    refused("accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Makes a future on the heap, so that whoever awaits it has no room for it until then.
fn boxed<R: Future>(make: impl FnOnce() -> R) -> Pin<Box<R>> {
    Box::pin(make())
}

/// Waits for the first byte, so that a connection which never sends one costs next to nothing.
async fn has_begun(context: &Context, slot: &Slot, socket: &TcpStream) -> bool {
    let mut byte = [0];
    tokio::select! {
        peeked = timeout_at(slot.first_message_due(), socket.peek(&mut byte)) => match peeked {
            Ok(read) => read.is_ok_and(|length| length > 0),
            Err(_elapsed) => {
                refused("message_timeout");
                false
            }
        },
        () = slot.evicted() => {
            refused("evicted");
            false
        }
        () = context.stopped() => false,
    }
}

/// Sets what every connection has: no delay of small messages, and probes that find a dead peer.
pub(crate) fn configure(socket: &TcpStream) {
    let keepalive = TcpKeepalive::new().with_time(TCP_KEEPALIVE).with_interval(TCP_KEEPALIVE / 4);
    let set =
        socket.set_nodelay(true).and_then(|()| SockRef::from(socket).set_tcp_keepalive(&keepalive));
    if let Err(error) = set {
        tracing::debug!(%error, "socket options");
    }
}

/// Binds UDP and TCP, on one number when the kernel may choose both.
pub(crate) fn bind_pair(
    ip: IpAddr,
    udp: Option<u16>,
    tcp: Option<u16>,
) -> Result<(Option<UdpSocket>, Option<Listener>), BindError> {
    if (udp, tcp) == (Some(0), Some(0)) {
        for _ in 0..SAME_PORT_TRIES {
            let listener = Listener::bind("tcp", SocketAddr::new(ip, 0))?;
            if let Ok(socket) = bind_udp(listener.address) {
                return Ok((Some(socket), Some(listener)));
            }
        }
    }
    let socket = udp.map(|port| bind_udp(SocketAddr::new(ip, port))).transpose()?;
    let listener = tcp.map(|port| Listener::bind("tcp", SocketAddr::new(ip, port))).transpose()?;
    Ok((socket, listener))
}

fn bind_udp(address: SocketAddr) -> Result<UdpSocket, BindError> {
    let bind = || -> io::Result<UdpSocket> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let sized = socket
            .set_recv_buffer_size(UDP_BUFFER_BYTES)
            .and_then(|()| socket.set_send_buffer_size(UDP_BUFFER_BYTES));
        if let Err(error) = sized {
            tracing::debug!(%error, "the kernel's buffers keep their size");
        }
        UdpSocket::from_std(socket.into())
    };
    bind().map_err(|source| BindError::Listen { transport: "udp", address, source })
}
