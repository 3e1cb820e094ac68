use std::time::Duration;

/// Messages waiting for whoever reads [`Incoming`](crate::Incoming). Datagrams beyond it are dropped,
/// connections wait.
pub const INCOMING_QUEUE_MAX: usize = 16_384;
/// Messages waiting to be written to one connection. What comes on top is refused.
pub const WRITE_QUEUE_MAX: usize = 256;
/// How long one write to a connection may take before the connection is closed.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection whose messages cannot be told apart any longer stays open for the answer.
pub const LINGER: Duration = Duration::from_millis(500);
/// Bytes of kernel buffer asked for on the UDP socket, in each direction.
pub const UDP_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Silence after which the kernel begins to ask whether a TCP peer is still there.
pub const TCP_KEEPALIVE: Duration = Duration::from_secs(60);
/// How often a WebSocket is pinged.
pub const WEBSOCKET_PING_INTERVAL: Duration = Duration::from_secs(25);
/// Silence, pongs included, after which a WebSocket is closed.
pub const WEBSOCKET_SILENCE_MAX: Duration = Duration::from_secs(80);
/// How long opening a connection to a device may take.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a listener waits after a refused `accept`, which fails for want of file descriptors.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Connections that a listener keeps waiting in the kernel.
pub(crate) const ACCEPT_BACKLOG: i32 = 1_024;

/// How many connections there may be and how long they may idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time, on all stream transports together. When they are spent, the oldest one that
    /// has not yet delivered a message makes room for the newest.
    pub connections: usize,
    /// Connections at a time from one source address.
    pub connections_per_source: usize,
    /// In which time a new connection has to deliver its first message, handshakes included, and in which
    /// a message that has begun has to be complete.
    pub first_message: Duration,
    /// Silence after which a connection is closed.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            connections_per_source: 2_048,
            first_message: Duration::from_secs(15),
            idle: Duration::from_secs(3_700),
        }
    }
}

/// Raises the number of files this process may hold open to what the system allows, and tells it.
///
/// Each connection is an open file, and many systems start programs with as few as 1,024.
pub fn raise_open_files_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let now_in_force = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::debug!(%error, "the limit of open files stays as it is");
            limit.current
        }
    };
    now_in_force.unwrap_or(u64::MAX)
}
