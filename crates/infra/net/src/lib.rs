//! SIP transports on tokio: UDP, TCP, TLS and WebSocket listeners, and the connections made from them;
//! and, apart from them in [`packet_io`], the datagrams of the media threads.
//!
//! A [`Network`] binds the listeners and puts every message that arrives, whole and with the [`Flow`] it
//! came along, into one bounded queue of [`Incoming`]. Through [`Flows`] a message goes back along a flow,
//! or out to an address to which a connection is opened on demand. The gateway hands its own WebSockets in
//! through a [`WebSocketDoor`].
//!
//! Streams are cut into messages here (RFC 3261 section 18.3) and keep-alives are answered (RFC 5626
//! section 3.5.1); what a message says is nobody's business in this crate. It authenticates nobody, keeps
//! no transactions and resolves no names. Connections, queues, sizes and waiting times are limited by
//! [`Limits`] and the constants beside it; what is refused is counted in `offhook_sip_refused_total`.

mod connect;
mod flow;
mod limits;
mod listener;
mod network;
pub mod packet_io;
mod stream;
mod table;
mod tls;
mod udp;
mod websocket;

pub use flow::{Flow, FlowId};
pub use limits::{
    INCOMING_QUEUE_MAX, LINGER, Limits, TCP_KEEPALIVE, UDP_BUFFER_BYTES, WEBSOCKET_PING_INTERVAL,
    WEBSOCKET_SILENCE_MAX, WRITE_QUEUE_MAX, WRITE_TIMEOUT, raise_open_files_limit,
};
pub use network::{Addresses, BindError, Config, Flows, Incoming, Network, SendError};
pub use tls::{TlsError, TlsIdentity};
pub use websocket::{Frame, WEBSOCKET_SUBPROTOCOL, WebSocketDoor};
