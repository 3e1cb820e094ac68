//! Datagrams through both ways of packet I/O, on real sockets of loopback.

use offhook_net::packet_io::{Arrival, PacketIo, PacketIoKind, open};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// How long anything may take before its test gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Every way that works here; epoll always does.
fn ways() -> Vec<Box<dyn PacketIo>> {
    let mut ways = vec![open(Some(PacketIoKind::Epoll)).expect("epoll is everywhere")];
    match open(Some(PacketIoKind::IoUring)) {
        Ok(way) => ways.push(way),
        Err(error) => eprintln!("only epoll is tested: {error}"),
    }
    ways
}

fn socket() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback");
    socket.set_nonblocking(true).expect("a socket can");
    let address = socket.local_addr().expect("it is bound");
    (socket, address)
}

/// Waits until so many datagrams came: their tokens, sources and bytes.
fn collect(io: &mut dyn PacketIo, count: usize) -> Vec<(u32, SocketAddr, Vec<u8>)> {
    let begun = Instant::now();
    let mut found = Vec::new();
    while found.len() < count {
        assert!(begun.elapsed() < PATIENCE, "{} of {count} by {:?}", found.len(), io.kind());
        io.wait(Some(Duration::from_millis(50))).expect("waiting works");
        while let Some(arrival) = io.receive() {
            if let Arrival::Datagram { token, source, bytes } = arrival {
                found.push((token, source, bytes.to_vec()));
            }
        }
    }
    found
}

/// Nothing comes for a while.
fn stays_silent(io: &mut dyn PacketIo) {
    for _ in 0..5 {
        io.wait(Some(Duration::from_millis(2))).expect("waiting works");
        assert_eq!(io.receive(), None);
    }
}

#[test]
fn datagrams_are_received_and_sent() {
    for mut io in ways() {
        let ((a, a_address), (b, b_address)) = (socket(), socket());
        io.add(a, 5).unwrap();
        io.add(b, 6).unwrap();
        io.send(5, b"hello", b_address);
        assert_eq!(collect(&mut *io, 1), [(6, a_address, b"hello".to_vec())]);
        io.send(6, b"and back", a_address);
        assert_eq!(collect(&mut *io, 1), [(5, b_address, b"and back".to_vec())]);
        stays_silent(&mut *io);
    }
}

#[test]
fn an_ipv6_socket_names_ipv4_sources_as_such() {
    for mut io in ways() {
        let Ok(v6) = UdpSocket::bind("[::]:0") else { return };
        v6.set_nonblocking(true).unwrap();
        let port = v6.local_addr().unwrap().port();
        io.add(v6, 0).unwrap();
        let (other, other_address) = socket();
        other.send_to(b"four", (Ipv4Addr::LOCALHOST, port)).unwrap();
        assert_eq!(collect(&mut *io, 1), [(0, other_address, b"four".to_vec())]);
    }
}

#[test]
fn more_datagrams_than_there_is_room_for_are_all_sent_and_received() {
    for mut io in ways() {
        let senders: Vec<_> = (0..8).map(|_| socket()).collect();
        let mut receivers = Vec::new();
        for (token, (sender, _)) in (0..).zip(senders) {
            let (receiver, address) = socket();
            io.add(sender, 2 * token).unwrap();
            io.add(receiver, 2 * token + 1).unwrap();
            receivers.push((2 * token, address));
        }
        // More than letters, submissions and buffers, without a wait in between.
        for number in 0..200_u16 {
            for (token, address) in &receivers {
                io.send(*token, &number.to_be_bytes(), *address);
            }
        }
        let mut found = collect(&mut *io, 1_600);
        found.sort_by(|(a, _, x), (b, _, y)| (a, x).cmp(&(b, y)));
        for (place, (token, _, bytes)) in found.iter().enumerate() {
            assert_eq!(*token, u32::try_from(place / 200).unwrap() * 2 + 1);
            assert_eq!(*bytes, u16::try_from(place % 200).unwrap().to_be_bytes());
        }
    }
}

#[test]
fn a_removed_socket_is_ours_alone_and_its_token_another_ones() {
    for mut io in ways() {
        let (first, first_address) = socket();
        let (second, second_address) = socket();
        let (other, _) = socket();
        io.add(first, 7).unwrap();
        stays_silent(&mut *io);
        other.send_to(b"too late", first_address).unwrap();
        let first = io.remove(7).expect("it was added");
        assert_eq!(first.local_addr().unwrap(), first_address);
        assert!(io.remove(7).is_none());
        io.add(second, 7).unwrap();
        other.send_to(b"second", second_address).unwrap();
        let found = collect(&mut *io, 1);
        assert_eq!(found[0].2, b"second");
        // Nobody but us receives on the first one any longer.
        let mut buffer = [0; 16];
        while first.recv(&mut buffer).is_ok() {}
        other.send_to(b"ours", first_address).unwrap();
        stays_silent(&mut *io);
        assert_eq!(first.recv(&mut buffer).unwrap(), 4);
        // Its port is free as soon as it is closed.
        drop(first);
        UdpSocket::bind(first_address).expect("nothing holds the port");
    }
}

#[test]
fn what_was_sent_before_a_socket_is_removed_arrives() {
    for mut io in ways() {
        let ((a, _), (b, b_address)) = (socket(), socket());
        io.add(a, 0).unwrap();
        io.add(b, 1).unwrap();
        io.send(0, b"goodbye", b_address);
        drop(io.remove(0));
        assert_eq!(collect(&mut *io, 1)[0].2, b"goodbye");
    }
}

#[test]
fn an_unreachable_port_does_not_end_receiving() {
    for mut io in ways() {
        let (a, a_address) = socket();
        let (gone, gone_address) = socket();
        drop(gone);
        io.add(a, 3).unwrap();
        for _ in 0..20 {
            io.send(3, b"anybody?", gone_address);
            stays_silent(&mut *io);
        }
        let (other, _) = socket();
        other.send_to(b"here", a_address).unwrap();
        assert_eq!(collect(&mut *io, 1)[0].2, b"here");
    }
}

#[test]
fn the_waker_ends_a_wait_and_ends_it_again() {
    for mut io in ways() {
        for _ in 0..3 {
            let waker = io.waker();
            let thread = std::thread::spawn(move || waker.wake());
            io.wait(None).unwrap();
            assert_eq!(io.receive(), Some(Arrival::Woken));
            thread.join().unwrap();
            stays_silent(&mut *io);
        }
    }
}

#[test]
fn it_is_made_on_one_thread_and_used_on_another() {
    for mut io in ways() {
        let (a, address) = socket();
        let (other, _) = socket();
        let thread = std::thread::spawn(move || {
            io.add(a, 0).unwrap();
            collect(&mut *io, 1)
        });
        other.send_to(b"over", address).unwrap();
        assert_eq!(thread.join().unwrap()[0].2, b"over");
    }
}

mod without_io_uring {
    //! A thread that the kernel refuses `io_uring_setup`, as containers do.

    #![allow(unsafe_code, reason = "seccomp has only its C interface")]

    use super::*;
    use offhook_net::packet_io::PacketIoError;

    /// Makes `io_uring_setup` fail with EPERM in this thread and what it starts.
    fn forbid_io_uring() {
        let code = |code: u32| u16::try_from(code).expect("instructions are small");
        let load = code(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS);
        let jump = code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K);
        let give = code(libc::BPF_RET | libc::BPF_K);
        let number = u32::try_from(libc::SYS_io_uring_setup).expect("numbers are small");
        let refusal = libc::SECCOMP_RET_ERRNO | u32::try_from(libc::EPERM).expect("small");
        let instruction = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
        let mut filter = [
            instruction(load, 0, 0, 0),
            instruction(jump, 0, 1, number),
            instruction(give, 0, 0, refusal),
            instruction(give, 0, 0, libc::SECCOMP_RET_ALLOW),
        ];
        let program = libc::sock_fprog { len: 4, filter: filter.as_mut_ptr() };
        // SAFETY: the program and its filter live over both calls, which copy them.
        unsafe {
            assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
            let mode = libc::SECCOMP_MODE_FILTER;
            assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program), 0);
        }
    }

    #[test]
    fn epoll_takes_its_place_unless_it_was_asked_for() {
        let thread = std::thread::spawn(|| {
            forbid_io_uring();
            let wanted = open(Some(PacketIoKind::IoUring)).err();
            assert!(matches!(wanted, Some(PacketIoError::NoUring(_))), "{wanted:?}");
            let mut io = open(None).expect("epoll is left");
            assert_eq!(io.kind(), PacketIoKind::Epoll);
            let ((a, a_address), (b, b_address)) = (socket(), socket());
            io.add(a, 0).unwrap();
            io.add(b, 1).unwrap();
            io.send(0, b"hello", b_address);
            assert_eq!(collect(&mut *io, 1), [(1, a_address, b"hello".to_vec())]);
        });
        thread.join().expect("the thread's assertions hold");
    }
}
