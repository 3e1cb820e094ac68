//! A packet through the packet I/O costs no allocation.

use offhook_net::packet_io::{Arrival, PacketIo, PacketIoKind, open};
use offhook_testkit::{CountingAllocator, allocations};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// How long the packets of one round may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pairs of sockets, and packets on each at a time.
const PAIRS: u32 = 20;
const PACKETS: u32 = 10;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn add_socket(io: &mut dyn PacketIo, token: u32) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback");
    socket.set_nonblocking(true).expect("a socket can");
    let address = socket.local_addr().expect("it is bound");
    io.add(socket, token).expect("there is room");
    address
}

/// Sends packets from every first socket of a pair to the second, and waits for all.
fn round(io: &mut dyn PacketIo, receivers: &[SocketAddr]) {
    for (pair, receiver) in (0..).zip(receivers) {
        (0..PACKETS).for_each(|_| io.send(2 * pair, &[0x80; 172], *receiver));
    }
    let (mut missing, begun) = (PAIRS * PACKETS, Instant::now());
    while missing > 0 {
        assert!(begun.elapsed() < PATIENCE, "{missing} packets do not come");
        io.wait(Some(Duration::from_millis(10))).expect("waiting works");
        while let Some(arrival) = io.receive() {
            missing -= u32::from(matches!(arrival, Arrival::Datagram { .. }));
        }
    }
}

#[test]
fn sending_and_receiving_allocate_nothing() {
    for kind in [PacketIoKind::Epoll, PacketIoKind::IoUring] {
        let Ok(mut io) = open(Some(kind)) else { continue };
        let receivers: Vec<_> = (0..PAIRS)
            .map(|pair| {
                add_socket(&mut *io, 2 * pair);
                add_socket(&mut *io, 2 * pair + 1)
            })
            .collect();
        // Lists find their size in the beginning.
        (0..10).for_each(|_| round(&mut *io, &receivers));
        let before = allocations();
        (0..50).for_each(|_| round(&mut *io, &receivers));
        assert_eq!(allocations() - before, 0, "{kind:?}, 10,000 packets");
    }
}
