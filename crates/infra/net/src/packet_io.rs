//! The media threads' way to their sockets: datagrams in batches, without an allocation or a lock for each.
//!
//! [`open`] gives a [`PacketIo`] for one thread: over `io_uring` where the kernel allows it, since there one
//! call of the system receives and sends for many sockets, and over epoll elsewhere. Both look at their
//! sockets at most once in [`DRAIN_INTERVAL`] while there is traffic, which costs each packet half of it on
//! average and saves the wake-ups between.

mod address;
mod epoll;
mod uring;
mod waker;

pub use address::{canonical, reachable_from};
pub use waker::Waker;

use epoll::Epoll;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;
use uring::Uring;

/// How long datagrams are gathered before they are looked at together.
pub const DRAIN_INTERVAL: Duration = Duration::from_millis(1);
/// Bytes of a datagram at most; a longer one is cut.
pub const DATAGRAM_BYTES_MAX: usize = 2_000;

/// How packets are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PacketIoKind {
    /// `io_uring`: multishot receives into a ring of buffers, sends in batches (Linux 6.1 and later).
    IoUring,
    /// epoll, one call of the system for each datagram.
    Epoll,
}

impl PacketIoKind {
    /// Its word in the log, in metrics and in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IoUring => "io_uring",
            Self::Epoll => "epoll",
        }
    }
}

/// The way that was asked for cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PacketIoError {
    /// The kernel, or what confines this process, does not allow `io_uring`. `auto` and `epoll` work.
    #[error("io_uring cannot be used here: {0}")]
    NoUring(io::Error),
    /// There is no epoll either.
    #[error("epoll cannot be used: {0}")]
    NoEpoll(io::Error),
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub enum Arrival<'a> {
    /// Somebody used the [`Waker`].
    Woken,
    /// A datagram.
    Datagram {
        /// The socket that received it.
        token: u32,
        /// Where it came from; an IPv4 address is one also on an IPv6 socket.
        source: SocketAddr,
        /// Its bytes, which the receiver may change.
        bytes: &'a mut [u8],
    },
}

/// One thread's sockets. It is made on any thread and used on one.
pub trait PacketIo: Send {
    /// Which it is.
    fn kind(&self) -> PacketIoKind;

    /// What ends a wait from another thread.
    fn waker(&self) -> Waker;

    /// Takes a socket, which must not block, and receives from it. `token` names it and is not in use.
    ///
    /// # Errors
    /// When the kernel does not take it; the socket is closed then.
    fn add(&mut self, socket: UdpSocket, token: u32) -> io::Result<()>;

    /// Gives the socket back after what was sent on it has left. What it had received is dropped.
    fn remove(&mut self, token: u32) -> Option<UdpSocket>;

    /// Sends what is queued, then waits until something arrives or the time is up. While there is traffic
    /// it waits for [`DRAIN_INTERVAL`] rather than for the first datagram.
    ///
    /// # Errors
    /// When the kernel refuses; the thread cannot go on.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// The next arrival of those that the last wait found. The bytes of the one before are gone.
    fn receive(&mut self) -> Option<Arrival<'_>>;

    /// Sends a datagram, at the latest when the next wait begins. One that the kernel has no room for is
    /// lost, as on any network.
    fn send(&mut self, token: u32, datagram: &[u8], to: SocketAddr);
}

/// Opens the wanted way; with `None` the best one that works here.
///
/// # Errors
/// When the kernel does not have it.
pub fn open(wanted: Option<PacketIoKind>) -> Result<Box<dyn PacketIo>, PacketIoError> {
    match wanted {
        Some(PacketIoKind::IoUring) => Ok(Box::new(Uring::open().map_err(PacketIoError::NoUring)?)),
        Some(PacketIoKind::Epoll) => Ok(Box::new(Epoll::open().map_err(PacketIoError::NoEpoll)?)),
        None => match Uring::open() {
            Ok(uring) => Ok(Box::new(uring)),
            Err(error) => {
                tracing::debug!(%error, "io_uring cannot be used here");
                open(Some(PacketIoKind::Epoll))
            }
        },
    }
}
