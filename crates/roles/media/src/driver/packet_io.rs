//! Datagrams and waiting for them.

use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::fd::OwnedFd;
use rustix::time::Timespec;
use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// Sockets that one wait reports at most; the others are reported by the next.
const EVENTS_MAX: usize = 256;
/// The token of the waker.
pub(crate) const WAKE: u64 = u64::MAX;

/// The way in which a media thread reaches its sockets.
pub(crate) trait PacketIo: Send {
    /// Watches a socket; `token` names it in [`Self::wait`].
    fn add(&mut self, socket: &UdpSocket, token: u64) -> io::Result<()>;

    /// Stops watching a socket.
    fn remove(&mut self, socket: &UdpSocket) -> io::Result<()>;

    /// Waits until a socket can be read, the waker is used or the time is up, and puts the tokens of what
    /// is ready into `ready`.
    fn wait(&mut self, timeout: Option<Duration>, ready: &mut Vec<u64>) -> io::Result<()>;

    /// Receives one datagram; `None` when there is none.
    fn receive(
        &mut self,
        socket: &UdpSocket,
        buffer: &mut [u8],
    ) -> io::Result<Option<(usize, SocketAddr)>>;

    /// Sends one datagram.
    fn send(&mut self, socket: &UdpSocket, datagram: &[u8], to: SocketAddr) -> io::Result<()>;
}

/// Interrupts [`PacketIo::wait`] from another thread.
#[derive(Debug, Clone)]
pub(crate) struct Waker(Arc<OwnedFd>);

impl Waker {
    /// Makes the wait return. A counter that is full makes it return as well.
    pub(crate) fn wake(&self) {
        if let Err(error) = rustix::io::write(&*self.0, &1_u64.to_ne_bytes()) {
            tracing::debug!(%error, "the waker is full");
        }
    }

    fn reset(&self) {
        let mut count = [0; 8];
        if let Err(error) = rustix::io::read(&*self.0, &mut count) {
            tracing::trace!(%error, "the waker was already empty");
        }
    }
}

/// One epoll instance with an eventfd in it.
pub(crate) struct Epoll {
    epoll: OwnedFd,
    waker: Waker,
}

impl Epoll {
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let waker = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let data = epoll::EventData::new_u64(WAKE);
        epoll::add(&epoll, &waker, data, epoll::EventFlags::IN)?;
        Ok(Self { epoll, waker: Waker(Arc::new(waker)) })
    }

    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

impl PacketIo for Epoll {
    fn add(&mut self, socket: &UdpSocket, token: u64) -> io::Result<()> {
        let data = epoll::EventData::new_u64(token);
        Ok(epoll::add(&self.epoll, socket, data, epoll::EventFlags::IN)?)
    }

    fn remove(&mut self, socket: &UdpSocket) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, socket)?)
    }

    fn wait(&mut self, timeout: Option<Duration>, ready: &mut Vec<u64>) -> io::Result<()> {
        ready.clear();
        let timeout = timeout.map(|timeout| Timespec::try_from(timeout).unwrap_or_default());
        let mut events = [const { MaybeUninit::uninit() }; EVENTS_MAX];
        match epoll::wait(&self.epoll, &mut events[..], timeout.as_ref()) {
            Ok((events, _)) => ready.extend(events.iter().map(|event| event.data.u64())),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if ready.contains(&WAKE) {
            self.waker.reset();
        }
        Ok(())
    }

    fn receive(
        &mut self,
        socket: &UdpSocket,
        buffer: &mut [u8],
    ) -> io::Result<Option<(usize, SocketAddr)>> {
        match socket.recv_from(buffer) {
            Ok((length, source)) => Ok(Some((length, canonical(source)))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn send(&mut self, socket: &UdpSocket, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        socket.send_to(datagram, to)?;
        Ok(())
    }
}

/// An IPv4 address that came through an IPv6 socket is an IPv4 address.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The address in the form that a socket bound to `bound` can send to.
pub(crate) fn reachable_from(bound: IpAddr, to: SocketAddr) -> SocketAddr {
    match (bound, to.ip()) {
        (IpAddr::V6(_), IpAddr::V4(ip)) => SocketAddr::new(ip.to_ipv6_mapped().into(), to.port()),
        _ => to,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn socket() -> UdpSocket {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    }

    #[test]
    fn a_datagram_is_reported_received_and_sent() {
        let (a, b) = (socket(), socket());
        let mut io = Epoll::new().unwrap();
        io.add(&a, 5).unwrap();
        let mut ready = Vec::new();
        io.send(&b, b"hello", a.local_addr().unwrap()).unwrap();
        io.wait(Some(Duration::from_secs(5)), &mut ready).unwrap();
        assert_eq!(ready, [5]);
        let mut buffer = [0; 16];
        let received = io.receive(&a, &mut buffer).unwrap();
        assert_eq!(received, Some((5, b.local_addr().unwrap())));
        assert_eq!(io.receive(&a, &mut buffer).unwrap(), None);
        io.remove(&a).unwrap();
        io.send(&b, b"hello", a.local_addr().unwrap()).unwrap();
        io.wait(Some(Duration::ZERO), &mut ready).unwrap();
        assert!(ready.is_empty());
    }

    #[test]
    fn the_waker_ends_a_wait_once() {
        let mut io = Epoll::new().unwrap();
        let waker = io.waker();
        std::thread::spawn(move || waker.wake());
        let mut ready = Vec::new();
        io.wait(None, &mut ready).unwrap();
        assert_eq!(ready, [WAKE]);
        io.wait(Some(Duration::ZERO), &mut ready).unwrap();
        assert!(ready.is_empty());
    }

    #[test]
    fn addresses_fit_the_family_of_the_socket() {
        let v4: SocketAddr = "192.0.2.1:9".parse().unwrap();
        let mapped: SocketAddr = "[::ffff:192.0.2.1]:9".parse().unwrap();
        assert_eq!(canonical(mapped), v4);
        assert_eq!(reachable_from("::".parse().unwrap(), v4), mapped);
        assert_eq!(reachable_from("0.0.0.0".parse().unwrap(), v4), v4);
    }
}
