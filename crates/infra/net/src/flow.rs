use offhook_model::Transport;
use std::fmt;
use std::net::SocketAddr;

/// The number of a connection, unique in the life of a [`Network`](crate::Network).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId(pub u64);

impl FlowId {
    /// The id of every flow of datagrams: they have no connection, the addresses say it all.
    pub const DATAGRAMS: Self = Self(0);
}

/// A way to one device and back (RFC 5626 section 3.3): a connection, or the two addresses between which
/// datagrams travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Which connection; [`FlowId::DATAGRAMS`] for UDP.
    pub id: FlowId,
    /// What carries the messages.
    pub transport: Transport,
    /// Our address.
    pub local: SocketAddr,
    /// The device's address as we see it, behind whatever NAT there is.
    pub remote: SocketAddr,
}

impl Flow {
    /// Whether both name the same connection, or the same device's datagrams. Our own address is not
    /// compared: whoever was handed a flow on paper may not know it.
    #[must_use]
    pub fn is_same_way(&self, other: &Self) -> bool {
        (self.id, self.transport, self.remote) == (other.id, other.transport, other.remote)
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport.uri_token(), self.remote)?;
        match self.id {
            FlowId::DATAGRAMS => Ok(()),
            FlowId(id) => write!(f, "#{id}"),
        }
    }
}
