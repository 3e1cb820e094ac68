//! Packets by epoll: the way that works everywhere.

use super::{
    Arrival, DATAGRAM_BYTES_MAX, DRAIN_INTERVAL, PacketIo, PacketIoKind, Waker, canonical,
};
use rustix::event::epoll;
use rustix::fd::OwnedFd;
use rustix::time::Timespec;
use std::io;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Sockets that one wait reports at most; the others are reported by the next.
const EVENTS_MAX: usize = 256;
/// Datagrams that are taken from one socket in a row, so that a flood on one does not hold up the others.
const DATAGRAMS_IN_A_ROW_MAX: u32 = 8;
/// The epoll data of the waker, which no token is.
const WAKE: u64 = u64::MAX;

struct Watched {
    socket: UdpSocket,
    /// The last wait that found it readable.
    found_in: u64,
    /// Datagrams that it may give before the next wait.
    allowed: u32,
}

pub(super) struct Epoll {
    epoll: OwnedFd,
    waker: Waker,
    /// By token.
    sockets: Vec<Option<Watched>>,
    /// Counts the waits.
    round: u64,
    /// What the last wait found and was not looked at yet, the next one last.
    ready: Vec<u64>,
    buffer: Box<[u8; DATAGRAM_BYTES_MAX]>,
    /// Since when datagrams are gathered; `None` while there is no traffic.
    drained_at: Option<Instant>,
}

impl Epoll {
    pub(super) fn open() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let waker = Waker::new()?;
        let data = epoll::EventData::new_u64(WAKE);
        epoll::add(&epoll, &waker, data, epoll::EventFlags::IN)?;
        Ok(Self {
            epoll,
            waker,
            sockets: Vec::new(),
            round: 0,
            ready: Vec::with_capacity(EVENTS_MAX),
            buffer: Box::new([0; DATAGRAM_BYTES_MAX]),
            drained_at: None,
        })
    }

    /// While there is traffic, sleeps for what is left of the interval.
    fn gather(&mut self, timeout: Option<Duration>) {
        let Some(drained_at) = self.drained_at else { return };
        let left = DRAIN_INTERVAL.saturating_sub(drained_at.elapsed());
        let left = timeout.map_or(left, |timeout| timeout.min(left));
        if !left.is_zero() {
            std::thread::sleep(left);
        }
    }

    fn poll(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout.map(|timeout| Timespec::try_from(timeout).unwrap_or_default());
        let mut events = [const { MaybeUninit::uninit() }; EVENTS_MAX];
        match epoll::wait(&self.epoll, &mut events[..], timeout.as_ref()) {
            Ok((events, _)) => self.ready.extend(events.iter().map(|event| event.data.u64())),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// A datagram of the socket that is next. One that is readable now and then gives one, which spares the
    /// call that would find it empty; one that was readable the last time too gives a row.
    fn read(&mut self, token: u32) -> Option<(usize, SocketAddr)> {
        let watched = self.sockets.get_mut(place(token)).and_then(Option::as_mut)?;
        if watched.found_in != self.round {
            let is_busy = watched.found_in + 1 == self.round;
            watched.allowed = if is_busy { DATAGRAMS_IN_A_ROW_MAX } else { 1 };
            watched.found_in = self.round;
        }
        watched.allowed = watched.allowed.checked_sub(1)?;
        match watched.socket.recv_from(&mut self.buffer[..]) {
            Ok((length, source)) => Some((length, canonical(source))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            // A port unreachable message from the far side reads as an error once.
            Err(error) => {
                tracing::trace!(%error, "receiving failed");
                None
            }
        }
    }
}

impl PacketIo for Epoll {
    fn kind(&self) -> PacketIoKind {
        PacketIoKind::Epoll
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }

    fn add(&mut self, socket: UdpSocket, token: u32) -> io::Result<()> {
        let data = epoll::EventData::new_u64(token.into());
        epoll::add(&self.epoll, &socket, data, epoll::EventFlags::IN)?;
        let place = place(token);
        if self.sockets.len() <= place {
            self.sockets.resize_with(place + 1, || None);
        }
        self.sockets[place] = Some(Watched { socket, found_in: 0, allowed: 0 });
        Ok(())
    }

    fn remove(&mut self, token: u32) -> Option<UdpSocket> {
        let Watched { socket, .. } = self.sockets.get_mut(place(token))?.take()?;
        if let Err(error) = epoll::delete(&self.epoll, &socket) {
            tracing::debug!(%error, "a socket was not watched");
        }
        Some(socket)
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.ready.clear();
        self.round += 1;
        let has_traffic = self.drained_at.is_some();
        self.gather(timeout);
        self.poll(if has_traffic { Some(Duration::ZERO) } else { timeout })?;
        self.drained_at = (!self.ready.is_empty()).then(Instant::now);
        Ok(())
    }

    fn receive(&mut self) -> Option<Arrival<'_>> {
        while let Some(next) = self.ready.last().copied() {
            if next == WAKE {
                self.ready.pop();
                self.waker.reset();
                return Some(Arrival::Woken);
            }
            let token = u32::try_from(next).expect("tokens were 32 bits wide");
            if let Some((length, source)) = self.read(token) {
                let bytes = &mut self.buffer[..length];
                return Some(Arrival::Datagram { token, source, bytes });
            }
            self.ready.pop();
        }
        None
    }

    fn send(&mut self, token: u32, datagram: &[u8], to: SocketAddr) {
        let watched = self.sockets.get(place(token)).and_then(Option::as_ref);
        let Some(Watched { socket, .. }) = watched else { return };
        if let Err(error) = socket.send_to(datagram, to) {
            tracing::trace!(%error, "sending failed");
        }
    }
}

fn place(token: u32) -> usize {
    usize::try_from(token).expect("memory has at least 32 bits of addresses")
}
