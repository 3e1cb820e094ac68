//! What travels between a transaction and the network.

use bytes::Bytes;

/// How a message travels (RFC 3261 section 20.42, RFC 7118 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// Datagrams; the only transport that loses messages.
    Udp,
    /// A TCP connection.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// WebSocket.
    Ws,
    /// WebSocket over TLS.
    Wss,
}

impl Transport {
    /// The word that stands in Via.
    pub fn via_token(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// True when the transport delivers or fails, so that nothing need be retransmitted.
    pub fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }
}

/// Names one transaction of a layer. Never used twice by one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionKey(pub(crate) u64);

/// Bytes for the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit<O> {
    /// One whole message.
    pub bytes: Bytes,
    /// Where it goes.
    pub destination: O,
    /// The transaction to tell when it cannot be sent.
    pub transaction: Option<TransactionKey>,
}
