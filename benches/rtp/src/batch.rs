//! A UDP socket that sends and receives many datagrams with one system call.

#![allow(unsafe_code, reason = "sendmmsg, recvmmsg and their control messages are C interfaces")]

use anyhow::{Context, Result};
use std::mem::size_of;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// Datagrams of one call of the system.
const BATCH: usize = 32;
/// Bytes of a datagram at most.
const DATAGRAM_BYTES_MAX: usize = 1_600;
/// Bytes for control messages: one time stamp.
const CONTROL_BYTES: usize = 64;
/// What the kernel may hold for us in each direction, in bytes.
const KERNEL_BUFFER_BYTES: libc::c_int = 16 << 20;

/// The wall clock since 1970, which the kernel's time stamps use.
pub fn wall_clock() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

#[repr(C, align(8))]
struct Slot {
    address: libc::sockaddr_in,
    vector: libc::iovec,
    control: [u8; CONTROL_BYTES],
    data: [u8; DATAGRAM_BYTES_MAX],
}

/// Messages and what they point to. Neither list is moved or grown after it was made.
struct Messages {
    headers: Vec<libc::mmsghdr>,
    slots: Vec<Slot>,
}

/// The socket, with buffers for a batch in each direction.
pub struct BatchSocket {
    socket: UdpSocket,
    sending: Messages,
    queued: usize,
    batch_time: Duration,
    receiving: Messages,
}

impl BatchSocket {
    /// A socket on a port that the kernel chooses.
    pub fn open(address: Ipv4Addr) -> Result<Self> {
        let socket = UdpSocket::bind((address, 0)).context("a socket")?;
        socket.set_nonblocking(true)?;
        set_option(&socket, libc::SO_RCVBUFFORCE, KERNEL_BUFFER_BYTES)?;
        set_option(&socket, libc::SO_SNDBUFFORCE, KERNEL_BUFFER_BYTES)?;
        set_option(&socket, libc::SO_TIMESTAMPNS, 1)?;
        let (sending, receiving) = (Messages::new(), Messages::new());
        Ok(Self { socket, sending, queued: 0, batch_time: Duration::ZERO, receiving })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.socket.local_addr().map_or(0, |address| address.port())
    }

    /// The time at which the batch that is being filled was begun.
    pub fn batch_time(&mut self) -> Duration {
        if self.queued == 0 {
            self.batch_time = wall_clock();
        }
        self.batch_time
    }

    /// Puts a datagram into the batch; `fill` writes it and gives its length. A full batch is sent.
    pub fn queue(&mut self, to: SocketAddrV4, fill: impl FnOnce(&mut [u8]) -> usize) {
        let slot = &mut self.sending.slots[self.queued];
        slot.address.sin_family = libc::AF_INET as libc::sa_family_t;
        slot.address.sin_port = to.port().to_be();
        slot.address.sin_addr.s_addr = u32::from_ne_bytes(to.ip().octets());
        slot.vector.iov_len = fill(&mut slot.data);
        self.queued += 1;
        if self.queued == BATCH {
            self.flush();
        }
    }

    /// Sends what is queued.
    pub fn flush(&mut self) {
        let mut sent = 0;
        while sent < self.queued {
            let count = libc::c_uint::try_from(self.queued - sent).expect("a batch is small");
            // SAFETY: the headers from `sent` on are initialised and point into the slots beside them,
            // which live as long as the socket.
            let done = unsafe {
                let headers = self.sending.headers.as_mut_ptr().add(sent);
                libc::sendmmsg(self.socket.as_raw_fd(), headers, count, 0)
            };
            // A full buffer or an unreachable port of before: the rest is tried again.
            sent += usize::try_from(done).unwrap_or(0);
        }
        self.queued = 0;
    }

    /// Hands every datagram that is there to `take`: its source, when the kernel received it, its bytes.
    pub fn receive_all(&mut self, mut take: impl FnMut(SocketAddrV4, Duration, &mut [u8])) {
        loop {
            self.receiving.reset();
            let count = libc::c_uint::try_from(BATCH).expect("a batch is small");
            // SAFETY: as in `flush`; lengths were reset to those of the buffers.
            let received = unsafe {
                let headers = self.receiving.headers.as_mut_ptr();
                let (fd, none) = (self.socket.as_raw_fd(), std::ptr::null_mut());
                libc::recvmmsg(fd, headers, count, libc::MSG_DONTWAIT, none)
            };
            let received = usize::try_from(received).unwrap_or(0);
            let Messages { headers, slots } = &mut self.receiving;
            for (header, slot) in headers.iter().zip(slots).take(received) {
                let source = address_of(&slot.address);
                let at = time_stamp(&slot.control).unwrap_or_else(wall_clock);
                let length = usize::try_from(header.msg_len).unwrap_or(0).min(DATAGRAM_BYTES_MAX);
                take(source, at, &mut slot.data[..length]);
            }
            if received < BATCH {
                return;
            }
        }
    }
}

impl Messages {
    fn new() -> Self {
        // SAFETY: all-zero bytes are valid values of these C structures.
        let (slots, headers) = unsafe {
            let slots: Vec<Slot> = (0..BATCH).map(|_| std::mem::zeroed()).collect();
            let headers: Vec<libc::mmsghdr> = (0..BATCH).map(|_| std::mem::zeroed()).collect();
            (slots, headers)
        };
        let mut messages = Self { headers, slots };
        for (header, slot) in messages.headers.iter_mut().zip(&mut messages.slots) {
            slot.vector.iov_base = slot.data.as_mut_ptr().cast();
            header.msg_hdr.msg_iov = &raw mut slot.vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = (&raw mut slot.address).cast();
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        }
        messages
    }

    /// Makes room for datagrams to be received.
    fn reset(&mut self) {
        for (header, slot) in self.headers.iter_mut().zip(&mut self.slots) {
            slot.vector.iov_len = DATAGRAM_BYTES_MAX;
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            header.msg_hdr.msg_control = slot.control.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = CONTROL_BYTES;
        }
    }
}

fn address_of(address: &libc::sockaddr_in) -> SocketAddrV4 {
    let ip = Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes());
    SocketAddrV4::new(ip, u16::from_be(address.sin_port))
}

/// The kernel's time stamp, which is the only control message that was asked for.
fn time_stamp(control: &[u8; CONTROL_BYTES]) -> Option<Duration> {
    let header = size_of::<libc::cmsghdr>();
    let number = |at: usize| {
        let bytes = control.get(at..at + 8)?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    };
    let (seconds, nanoseconds) = (number(header)?, number(header + 8)?);
    let nanoseconds = u32::try_from(nanoseconds).ok()?;
    (seconds > 0).then(|| Duration::new(seconds, nanoseconds))
}

fn set_option(socket: &UdpSocket, option: libc::c_int, value: libc::c_int) -> Result<()> {
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the value is an int that lives over the call, and the size is its own.
    let result = unsafe {
        let value = (&raw const value).cast();
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, value, size)
    };
    anyhow::ensure!(result == 0, "socket option {option}: {}", std::io::Error::last_os_error());
    Ok(())
}
