//! TCP: cutting streams into messages, keep-alives, limits, ends.

mod rig;

use bytes::Bytes;
use offhook_model::Transport;
use offhook_net::{Incoming, Limits, Network, SendError, WRITE_QUEUE_MAX};
use offhook_sip::Message;
use rig::*;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;

#[tokio::test]
async fn a_message_may_be_split_anywhere() {
    let mut network = network();
    let mut socket = connect(&network).await;
    let text = options("split");
    for at in 1..text.len() {
        write(&mut socket, &text.as_bytes()[..at]).await;
        tokio::task::yield_now().await;
        write(&mut socket, &text.as_bytes()[at..]).await;
        let (flow, message) = message(&mut network).await;
        assert_eq!(message.to_string(), text, "split at {at}");
        assert_eq!(flow.remote, socket.local_addr().unwrap());
        assert_eq!(flow.transport, Transport::Tcp);
    }
}

#[tokio::test]
async fn byte_by_byte_and_all_at_once_are_the_same() {
    let mut network = network();
    let mut socket = connect(&network).await;
    for byte in options("bytes").as_bytes() {
        write(&mut socket, &[*byte]).await;
    }
    assert_eq!(message(&mut network).await.1.to_string(), options("bytes"));
    let many: String = (0..100).map(|number| options(&number.to_string())).collect();
    write(&mut socket, many.as_bytes()).await;
    for number in 0..100 {
        let (_, message) = message(&mut network).await;
        assert_eq!(message.call_id(), Ok(number.to_string().as_str()));
    }
}

#[tokio::test]
async fn a_ping_is_answered_with_a_pong() {
    let mut network = network();
    let mut socket = connect(&network).await;
    write(&mut socket, b"\r\n\r\n").await;
    expect(&mut socket, b"\r\n").await;
    write(&mut socket, format!("{}\r\n\r\n{}", options("1"), options("2")).as_bytes()).await;
    expect(&mut socket, b"\r\n").await;
    assert_eq!(message(&mut network).await.1.call_id(), Ok("1"));
    assert_eq!(message(&mut network).await.1.call_id(), Ok("2"));
}

#[tokio::test]
async fn an_answer_goes_back_along_the_connection() {
    let mut network = network();
    let mut socket = connect(&network).await;
    write(&mut socket, options("x").as_bytes()).await;
    let (flow, _) = message(&mut network).await;
    network.flows().send(&flow, Bytes::from_static(b"SIP/2.0 200 OK\r\n\r\n")).unwrap();
    expect(&mut socket, b"SIP/2.0 200 OK\r\n\r\n").await;
}

#[tokio::test]
async fn a_closed_connection_is_told_and_refuses_messages() {
    let mut network = network();
    let mut socket = connect(&network).await;
    write(&mut socket, options("x").as_bytes()).await;
    let (flow, _) = message(&mut network).await;
    drop(socket);
    assert_eq!(next(&mut network).await, Incoming::Closed { flow });
    assert_eq!(network.flows().send(&flow, Bytes::from_static(b"late")), Err(SendError::Gone));
}

#[tokio::test]
async fn a_stream_that_cannot_be_cut_is_answered_and_closed() {
    for length in ["Content-Length: -999", "Content-Length: 99999999", "X: y"] {
        let mut network = network();
        let mut socket = connect(&network).await;
        let text = options("x").replace("Content-Length: 4", length);
        write(&mut socket, text.as_bytes()).await;
        let (flow, message) = received(&mut network).await;
        let failure = message.expect_err("it is broken");
        assert!(failure.message.is_some(), "{length}: there is somebody to answer");
        network.flows().send(&flow, Bytes::from_static(b"SIP/2.0 400 Bad\r\n\r\n")).unwrap();
        expect(&mut socket, b"SIP/2.0 400 Bad\r\n\r\n").await;
        expect_end(&mut socket).await;
        assert_eq!(next(&mut network).await, Incoming::Closed { flow });
    }
}

#[tokio::test]
async fn a_head_without_end_is_cut_off() {
    let mut network = network();
    let mut socket = connect(&network).await;
    write(&mut socket, b"OPTIONS sip:a SIP/2.0\r\nX: ").await;
    let written = async {
        let chunk = [b'x'; 4_096];
        loop {
            if tokio::io::AsyncWriteExt::write_all(&mut socket, &chunk).await.is_err() {
                return;
            }
        }
    };
    let (told, ()) = tokio::join!(received(&mut network), written);
    assert!(told.1.is_err());
}

#[tokio::test]
async fn ten_times_too_many_connections_do_not_hinder_one_that_speaks() {
    let limits = Limits {
        connections: 50,
        connections_per_source: 40,
        first_message: Duration::from_secs(1),
        ..Limits::default()
    };
    let mut network = network_with(limits);
    let mut speaking = connect(&network).await;
    write(&mut speaking, options("before").as_bytes()).await;
    let (flow, _) = message(&mut network).await;

    let mut flood = Vec::new();
    for number in 0..500_u32 {
        let socket = TcpSocket::new_v4().unwrap();
        let source = std::net::Ipv4Addr::from(0x7f01_0001 + number % 100);
        socket.bind((source, 0).into()).unwrap();
        flood.push(socket.connect(tcp_address(&network)).await.unwrap());
    }
    write(&mut speaking, options("during").as_bytes()).await;
    assert_eq!(message_among_ends(&mut network).await.call_id(), Ok("during"));
    network.flows().send(&flow, Bytes::from_static(b"pong")).unwrap();
    expect(&mut speaking, b"pong").await;

    // A newcomer gets in too: the oldest that never said anything has made room.
    let mut late = connect(&network).await;
    write(&mut late, options("late").as_bytes()).await;
    assert_eq!(message_among_ends(&mut network).await.call_id(), Ok("late"));
    for socket in &mut flood {
        expect_end(socket).await;
    }
}

async fn message_among_ends(network: &mut Network) -> Message {
    loop {
        match next(network).await {
            Incoming::Received { message, .. } => return message.expect("well-formed"),
            Incoming::Closed { .. } => {}
            other @ Incoming::Unsent { .. } => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_message_that_has_begun_has_to_end() {
    let limits = Limits { first_message: Duration::from_millis(200), ..Limits::default() };
    let mut network = network_with(limits);
    let mut socket = connect(&network).await;
    write(&mut socket, options("whole").as_bytes()).await;
    let (flow, _) = message(&mut network).await;
    let begun = Instant::now();
    write(&mut socket, &options("half").as_bytes()[..60]).await;
    expect_end(&mut socket).await;
    assert!(begun.elapsed() >= Duration::from_millis(150), "{:?}", begun.elapsed());
    assert_eq!(next(&mut network).await, Incoming::Closed { flow });
}

#[tokio::test]
async fn drops_of_a_message_do_not_buy_time() {
    let limits = Limits { first_message: Duration::from_millis(400), ..Limits::default() };
    let network = network_with(limits);
    let mut socket = connect(&network).await;
    let begun = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    for byte in options("slow").as_bytes() {
        tick.tick().await;
        if tokio::io::AsyncWriteExt::write_all(&mut socket, &[*byte]).await.is_err() {
            break;
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn silence_is_limited() {
    let limits = Limits { idle: Duration::from_millis(200), ..Limits::default() };
    let mut network = network_with(limits);
    let mut socket = connect(&network).await;
    write(&mut socket, options("x").as_bytes()).await;
    let (flow, _) = message(&mut network).await;
    expect_end(&mut socket).await;
    assert_eq!(next(&mut network).await, Incoming::Closed { flow });
}

#[tokio::test]
async fn who_does_not_read_is_not_written_to_without_end() {
    let mut network = network();
    let mut socket = connect(&network).await;
    write(&mut socket, options("x").as_bytes()).await;
    let (flow, _) = message(&mut network).await;
    let bytes = Bytes::from(vec![b'x'; 60_000]);
    let flows = network.flows();
    let mut taken = 0;
    // The peer never reads; the kernel takes some megabytes, our queue the rest, and then it is full.
    while flows.send(&flow, bytes.clone()) != Err(SendError::Full) {
        taken += 1;
        assert!(taken < 100 * WRITE_QUEUE_MAX, "the queue never fills");
        if taken % 16 == 0 {
            tokio::task::yield_now().await;
        }
    }
    assert!(taken >= WRITE_QUEUE_MAX);
}

#[tokio::test]
async fn a_connection_is_opened_once_and_used_again() {
    let mut network = network();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let remote = listener.local_addr().unwrap();
    let flows = network.flows();
    flows.connect_and_send(Transport::Tcp, remote, Bytes::from_static(b"one")).unwrap();
    flows.connect_and_send(Transport::Tcp, remote, Bytes::from_static(b"two")).unwrap();
    let (mut peer, _) = listener.accept().await.unwrap();
    expect(&mut peer, b"onetwo").await;
    write(&mut peer, options("answer").as_bytes()).await;
    assert_eq!(message(&mut network).await.0.remote, remote);
    // On a connection that we opened, the pings are ours to send (RFC 5626 section 4.4.1).
    write(&mut peer, b"\r\n").await;
    write(&mut peer, options("after").as_bytes()).await;
    assert_eq!(message(&mut network).await.1.call_id(), Ok("after"));
}

#[tokio::test]
async fn what_cannot_be_delivered_comes_back() {
    let mut network = network();
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let bytes = Bytes::from_static(b"lost");
    network.flows().connect_and_send(Transport::Tcp, closed, bytes.clone()).unwrap();
    assert_eq!(next(&mut network).await, Incoming::Unsent { bytes: bytes.clone() });
    let refused = network.flows().connect_and_send(Transport::Tls, closed, bytes.clone());
    assert_eq!(refused, Err(SendError::Unreachable), "without authorities nobody can be trusted");
    let multicast = "224.0.0.1:5060".parse().unwrap();
    assert_eq!(
        network.flows().connect_and_send(Transport::Tcp, multicast, bytes),
        Err(SendError::Unreachable)
    );
}

#[tokio::test]
async fn stopping_writes_what_is_queued_and_closes() {
    let mut network = network();
    let address = tcp_address(&network);
    let mut socket = connect(&network).await;
    write(&mut socket, options("x").as_bytes()).await;
    let (flow, _) = message(&mut network).await;
    let flows = network.flows();
    for _ in 0..100 {
        flows.send(&flow, Bytes::from_static(b"0123456789")).unwrap();
    }
    network.stop().await;
    expect(&mut socket, "0123456789".repeat(100).as_bytes()).await;
    expect_end(&mut socket).await;
    assert!(TcpStream::connect(address).await.is_err(), "the listener is closed");
}
