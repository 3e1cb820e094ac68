//! Packets by `io_uring`.
//!
//! Every socket has one multishot receive armed, which fills buffers of one ring that all sockets of the
//! thread share; a wait collects what has come within [`DRAIN_INTERVAL`]. Sends are queued and submitted by
//! the same call of the system as the next wait.

#![allow(unsafe_code, reason = "the kernel is handed pointers to memory that must outlive its use")]

mod buffers;
mod outbox;

use super::address::{NAME_BYTES, from_name};
use super::{Arrival, DATAGRAM_BYTES_MAX, DRAIN_INTERVAL, PacketIo, PacketIoKind, Waker};
use buffers::ProvidedBuffers;
use io_uring::types::{Fd, Fixed, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use outbox::Outbox;
use rustix::fd::{AsFd, AsRawFd};
use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// Requests that wait to be submitted; when there are as many they are submitted at once.
const SUBMISSIONS_MAX: u32 = 512;
/// Completions that the kernel keeps in the ring; beyond that it keeps them aside until they are fetched.
const COMPLETIONS_MAX: u32 = 8_192;
/// Completions that are fetched together.
const FETCHED_MAX: usize = 512;
/// Datagrams that end a wait before its interval has passed.
const GATHERED_MAX: usize = 256;
/// Datagrams that wait for their submission.
const LETTERS_MAX: usize = 256;
/// Buffers that datagrams are received into: what comes to one thread while it handles what came before.
/// When all are in use, datagrams wait in their sockets.
const BUFFERS: u16 = 1_024;
/// Bytes in front of a datagram in its buffer: the kernel's header (`struct io_uring_recvmsg_out`) and the
/// source.
const HEADER_BYTES: usize = 16;
const FRONT_BYTES: usize = HEADER_BYTES + NAME_BYTES;
const BUFFER_BYTES: usize = 2_048;
const _: () = assert!(FRONT_BYTES + DATAGRAM_BYTES_MAX <= BUFFER_BYTES);
/// The number under which the kernel knows the buffers.
const BUFFER_GROUP: u16 = 0;
/// Sockets that the kernel keeps a table of, which spares it a look-up for each request. Sockets with a
/// higher token are served without.
const FILES_MAX: u32 = 16_384;
/// The longest wait that is asked of the kernel.
const WAIT_MAX: Duration = Duration::from_secs(3_600);

/// What a completion is about. It travels in the upper byte of the request's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    Receive {
        token: u32,
        generation: u32,
    },
    Wake,
    /// A send, of which only failures are told, or a cancellation.
    Other,
}

const RECEIVE: u64 = 1;
const WAKE: u64 = 2;
const OTHER: u64 = 3;
/// Generations are counted modulo 2^24.
const GENERATION_MASK: u32 = 0x00ff_ffff;

impl Request {
    fn to_user_data(self) -> u64 {
        match self {
            Self::Receive { token, generation } => {
                RECEIVE << 56 | u64::from(generation & GENERATION_MASK) << 32 | u64::from(token)
            }
            Self::Wake => WAKE << 56,
            Self::Other => OTHER << 56,
        }
    }

    fn from_user_data(data: u64) -> Self {
        let low = |value: u64| u32::try_from(value & 0xffff_ffff).expect("it was masked");
        match data >> 56 {
            RECEIVE => {
                Self::Receive { token: low(data), generation: low(data >> 32) & GENERATION_MASK }
            }
            WAKE => Self::Wake,
            _ => Self::Other,
        }
    }
}

/// A completion, copied out of the ring.
#[derive(Clone, Copy)]
struct Completion {
    user_data: u64,
    result: i32,
    flags: u32,
}

/// The place of a token.
#[derive(Default)]
struct Place {
    socket: Option<UdpSocket>,
    /// Tells the completions of this socket from those of others that had the token before.
    generation: u32,
    is_in_table: bool,
}

pub(super) struct Uring {
    ring: IoUring,
    /// Dropped after the ring, which has their addresses.
    buffers: ProvidedBuffers,
    outbox: Outbox,
    /// What the armed receives say of the name's length. The kernel copies it when a receive is armed.
    message: Box<libc::msghdr>,
    waker: Waker,
    places: Vec<Place>,
    files_max: u32,
    is_begun: bool,
    has_min_wait: bool,
    /// Whether the last wait found datagrams.
    has_traffic: bool,
    fetched: VecDeque<Completion>,
    /// The buffer of the last arrival.
    current: Option<u16>,
    /// Receives that ended and are to be armed again, by token and generation.
    to_arm: Vec<(u32, u32)>,
}

// SAFETY: the one pointer in it is that of `message`, whose own pointers are null; it moves with its owner.
unsafe impl Send for Uring {}

impl Uring {
    /// Opens a ring and tries it with a datagram to itself.
    pub(super) fn open() -> io::Result<Self> {
        let mut tried = Self::new()?;
        tried.try_out()?;
        drop(tried);
        Self::new()
    }

    fn new() -> io::Result<Self> {
        let ring = IoUring::builder()
            .setup_cqsize(COMPLETIONS_MAX)
            .setup_submit_all()
            .setup_single_issuer()
            .setup_defer_taskrun()
            // The thread that uses it is the one that enables it.
            .setup_r_disabled()
            .dontfork()
            .build(SUBMISSIONS_MAX)?;
        let parameters = ring.params();
        if !parameters.is_feature_ext_arg() || !parameters.is_feature_skip_cqe_on_success() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let has_min_wait = parameters.is_feature_min_timeout();
        let buffers = ProvidedBuffers::new(BUFFERS, BUFFER_BYTES);
        // SAFETY: the entries live as long as the ring, which is dropped before them.
        unsafe {
            let (address, count) = (buffers.ring_address(), buffers.count());
            ring.submitter().register_buf_ring_with_flags(address, count, BUFFER_GROUP, 0)?;
        }
        let files_max = register_files(&ring);
        Ok(Self {
            ring,
            buffers,
            outbox: Outbox::new(LETTERS_MAX),
            message: Box::new(message()),
            waker: Waker::new()?,
            places: Vec::new(),
            files_max,
            is_begun: false,
            has_min_wait,
            has_traffic: false,
            fetched: VecDeque::with_capacity(FETCHED_MAX),
            current: None,
            to_arm: Vec::new(),
        })
    }

    /// A kernel, or what confines us, may refuse single operations: one datagram goes all the way.
    fn try_out(&mut self) -> io::Result<()> {
        let socket = UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        self.add(socket, 0)?;
        self.send(0, b"try", address);
        for _ in 0..TRIES {
            self.wait(Some(DRAIN_INTERVAL))?;
            while let Some(arrival) = self.receive() {
                if matches!(arrival, Arrival::Datagram { token: 0, .. }) {
                    return Ok(());
                }
            }
        }
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The thread that waits first is the one that the ring belongs to.
    fn begin(&mut self) -> io::Result<()> {
        if self.is_begun {
            return Ok(());
        }
        self.ring.submitter().register_enable_rings()?;
        self.is_begun = true;
        self.arm_waker()
    }

    fn arm_waker(&mut self) -> io::Result<()> {
        let events = u32::try_from(libc::POLLIN).expect("poll's flags are small");
        let poll = opcode::PollAdd::new(Fd(self.waker.as_fd().as_raw_fd()), events).multi(true);
        self.push(&poll.build().user_data(Request::Wake.to_user_data()))
    }

    /// Arms the receive of a socket, unless another one has its token.
    fn arm(&mut self, token: u32, generation: u32) -> io::Result<()> {
        let Some(place) = self.places.get(index(token)) else { return Ok(()) };
        let Some(socket) = place.socket.as_ref().filter(|_| place.generation == generation) else {
            return Ok(());
        };
        let message = &raw const *self.message;
        let receive = match place.is_in_table {
            true => opcode::RecvMsgMulti::new(Fixed(token), message, BUFFER_GROUP),
            false => opcode::RecvMsgMulti::new(Fd(socket.as_raw_fd()), message, BUFFER_GROUP),
        };
        let request = Request::Receive { token, generation };
        self.push(&receive.build().user_data(request.to_user_data()))
    }

    /// Queues a request; a full queue is submitted first.
    fn push(&mut self, entry: &squeue::Entry) -> io::Result<()> {
        if self.ring.submission().is_full() {
            self.submit()?;
        }
        // SAFETY: what a request points to lives until its submission is done (the letters of the outbox)
        // or as long as the ring (the message header and the waker); sockets stay open until `remove`.
        let pushed = unsafe { self.ring.submission().push(entry) };
        pushed.map_err(|_| io::ErrorKind::QuotaExceeded.into())
    }

    /// Hands over what is queued.
    fn submit(&mut self) -> io::Result<()> {
        self.begin()?;
        let submitted = until_done(|| self.ring.submitter().submit());
        self.clear_outbox();
        submitted
    }

    /// Sends are done when the kernel has taken their requests. It takes none while too many completions
    /// wait for us; their datagrams stay where they are then.
    fn clear_outbox(&mut self) {
        if self.ring.submission().is_empty() {
            self.outbox.clear();
        }
    }

    /// Fetches completions.
    fn fetch(&mut self) {
        let mut entries = [const { MaybeUninit::uninit() }; FETCHED_MAX];
        let room = FETCHED_MAX - self.fetched.len();
        let fetched: &mut [cqueue::Entry] = self.ring.completion().fill(&mut entries[..room]);
        self.has_traffic = !fetched.is_empty();
        self.fetched.extend(fetched.iter().map(|entry| Completion {
            user_data: entry.user_data(),
            result: entry.result(),
            flags: entry.flags(),
        }));
    }

    /// The buffer of the arrival before is the kernel's again.
    fn give_back(&mut self) {
        if let Some(id) = self.current.take()
            && let Err(error) = self.buffers.lend(id)
        {
            tracing::error!(%error, "a buffer of the ring is lost");
        }
    }

    /// The datagram of a completion: its buffer, its source and its length.
    fn received(&mut self, completion: Completion) -> Option<(u16, SocketAddr, usize)> {
        let Request::Receive { token, generation } = Request::from_user_data(completion.user_data)
        else {
            return None;
        };
        let id = cqueue::buffer_select(completion.flags);
        if let Some(id) = id {
            if let Err(error) = self.buffers.take(id) {
                tracing::error!(%error, "the kernel filled a buffer of ours");
                return None;
            }
            self.current = Some(id);
        }
        let is_current =
            self.places.get(index(token)).is_some_and(|place| place.generation == generation);
        if !is_current {
            return None;
        }
        if !cqueue::more(completion.flags) && may_go_on(completion.result) {
            self.to_arm.push((token, generation));
        }
        let length = usize::try_from(completion.result).ok()?;
        let bytes = self.buffers.bytes(id?).ok()?;
        let bytes = bytes.get(..length)?;
        let name_length = u32::from_ne_bytes(*bytes.first_chunk()?);
        let name_end = HEADER_BYTES + index(name_length).min(NAME_BYTES);
        let source = from_name(bytes.get(HEADER_BYTES..name_end)?)?;
        Some((id?, source, length.checked_sub(FRONT_BYTES)?))
    }
}

/// Waits for the datagram of [`Uring::try_out`].
const TRIES: u32 = 200;

/// The kernel's table of sockets, as large as it may be; its size.
fn register_files(ring: &IoUring) -> u32 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let limit = limit.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(FILES_MAX);
    let count = limit.min(FILES_MAX);
    match ring.submitter().register_files_sparse(count) {
        Ok(()) => count,
        Err(error) => {
            tracing::debug!(%error, "there is no table of sockets");
            0
        }
    }
}

/// A message of which only the source is wanted beside the datagram.
fn message() -> libc::msghdr {
    // SAFETY: all zeros is a valid message header: no name, no data, no control messages.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_namelen = u32::try_from(NAME_BYTES).expect("an address is short");
    message
}

/// Whether a receive that ended so is armed again: it was short of buffers, or told of an unreachable port.
fn may_go_on(result: i32) -> bool {
    let lasting = [libc::EBADF, libc::ENOTSOCK, libc::EINVAL, libc::EOPNOTSUPP, libc::ECANCELED];
    !lasting.contains(&-result)
}

/// Repeats what a signal has interrupted; the end of a wait's time is no error.
fn until_done(mut act: impl FnMut() -> io::Result<usize>) -> io::Result<()> {
    loop {
        match act() {
            Ok(_) => return Ok(()),
            Err(error) => match error.raw_os_error() {
                Some(libc::EINTR) => {}
                // Completions that wait to be fetched stand in the way: they are next.
                Some(libc::ETIME | libc::EBUSY | libc::EAGAIN) => return Ok(()),
                _ => return Err(error),
            },
        }
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).expect("memory has at least 32 bits of addresses")
}

impl PacketIo for Uring {
    fn kind(&self) -> PacketIoKind {
        PacketIoKind::IoUring
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }

    fn add(&mut self, socket: UdpSocket, token: u32) -> io::Result<()> {
        let at = index(token);
        if self.places.len() <= at {
            self.places.resize_with(at + 1, Place::default);
        }
        let descriptor = socket.as_raw_fd();
        let is_in_table = token < self.files_max && {
            let updated = self.ring.submitter().register_files_update(token, &[descriptor]);
            updated.is_ok()
        };
        let place = &mut self.places[at];
        place.is_in_table = is_in_table;
        place.socket = Some(socket);
        let generation = place.generation;
        self.arm(token, generation)
    }

    fn remove(&mut self, token: u32) -> Option<UdpSocket> {
        let place = self.places.get_mut(index(token))?;
        let socket = place.socket.take()?;
        let generation = place.generation;
        place.generation = generation.wrapping_add(1) & GENERATION_MASK;
        let is_in_table = std::mem::take(&mut place.is_in_table);
        let receive = Request::Receive { token, generation }.to_user_data();
        let cancel = opcode::AsyncCancel::new(receive).build();
        let cancel = cancel.user_data(Request::Other.to_user_data());
        // What was sent before leaves with the same submission.
        let cancelled = self.push(&cancel).and_then(|()| self.submit());
        if let Err(error) = cancelled {
            tracing::warn!(%error, "a receive is not cancelled");
        }
        if is_in_table && let Err(error) = self.ring.submitter().register_files_update(token, &[-1])
        {
            tracing::warn!(%error, "a socket stays in the table");
        }
        Some(socket)
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.begin()?;
        self.give_back();
        while let Some((token, generation)) = self.to_arm.pop() {
            self.arm(token, generation)?;
        }
        if !self.fetched.is_empty() {
            return self.submit();
        }
        let timeout = timeout.unwrap_or(WAIT_MAX).min(WAIT_MAX);
        let gathers = self.has_min_wait || self.has_traffic;
        let limit = match self.has_traffic && !self.has_min_wait {
            true => timeout.min(DRAIN_INTERVAL),
            false => timeout,
        };
        let limit = Timespec::from(limit);
        let mut arguments = SubmitArgs::new().timespec(&limit);
        if self.has_min_wait {
            let interval = timeout.min(DRAIN_INTERVAL).as_micros();
            arguments = arguments.min_wait_usec(u32::try_from(interval).unwrap_or(u32::MAX));
        }
        let wanted = if gathers { GATHERED_MAX } else { 1 };
        let waited = until_done(|| self.ring.submitter().submit_with_args(wanted, &arguments));
        self.clear_outbox();
        waited?;
        self.fetch();
        Ok(())
    }

    fn receive(&mut self) -> Option<Arrival<'_>> {
        self.give_back();
        while let Some(completion) = self.fetched.pop_front() {
            let request = Request::from_user_data(completion.user_data);
            if request == Request::Wake {
                self.waker.reset();
                if !cqueue::more(completion.flags)
                    && let Err(error) = self.arm_waker()
                {
                    tracing::error!(%error, "the media thread cannot be woken");
                }
                return Some(Arrival::Woken);
            }
            let found = self.received(completion);
            if let (Request::Receive { token, .. }, Some((id, source, length))) = (request, found) {
                let bytes = self.buffers.bytes(id).ok()?;
                let bytes = &mut bytes[FRONT_BYTES..FRONT_BYTES + length];
                return Some(Arrival::Datagram { token, source, bytes });
            }
            self.give_back();
        }
        None
    }

    fn send(&mut self, token: u32, datagram: &[u8], to: SocketAddr) {
        // There is room in both before the letter is written: a submission frees all letters.
        if (self.outbox.is_full() || self.ring.submission().is_full())
            && let Err(error) = self.submit()
        {
            tracing::trace!(%error, "sending failed");
        }
        let Some(place) = self.places.get(index(token)) else { return };
        let Some(socket) = &place.socket else { return };
        let descriptor = Fd(socket.as_raw_fd());
        let is_in_table = place.is_in_table;
        let Some(letter) = self.outbox.put(datagram, to) else { return };
        let (bytes, length) = (letter.bytes.as_ptr(), letter.length);
        let send = match is_in_table {
            true => opcode::Send::new(Fixed(token), bytes, length),
            false => opcode::Send::new(descriptor, bytes, length),
        };
        let send = send
            .flags(libc::MSG_DONTWAIT)
            .dest_addr(letter.name.as_ptr().cast())
            .dest_addr_len(letter.name_length);
        let entry = send.build().flags(squeue::Flags::SKIP_SUCCESS);
        if let Err(error) = self.push(&entry.user_data(Request::Other.to_user_data())) {
            tracing::trace!(%error, "sending failed");
        }
    }
}
