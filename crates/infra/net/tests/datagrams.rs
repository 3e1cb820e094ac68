//! UDP.

mod rig;

use bytes::Bytes;
use offhook_model::Transport;
use offhook_net::{FlowId, Limits, Network, SendError};
use rig::*;
use tokio::net::UdpSocket;

#[tokio::test]
async fn a_datagram_is_a_message_and_is_answered_to_its_source() {
    let mut network = network();
    let phone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let edge = network.addresses().udp.unwrap();
    for noise in [&b"\r\n\r\n"[..], b"\0\0\0\0", b""] {
        phone.send_to(noise, edge).await.unwrap();
    }
    let doubled = options("first") + &options("second");
    phone.send_to(doubled.as_bytes(), edge).await.unwrap();
    phone.send_to(b"noise", edge).await.unwrap();
    phone.send_to(options("third").as_bytes(), edge).await.unwrap();
    let (flow, first) = message(&mut network).await;
    assert_eq!((first.call_id(), first.body()), (Ok("first"), &b"body"[..]));
    assert_eq!((flow.id, flow.transport), (FlowId::DATAGRAMS, Transport::Udp));
    assert_eq!(flow.remote, phone.local_addr().unwrap());
    assert!(received(&mut network).await.1.is_err());
    assert_eq!(message(&mut network).await.1.call_id(), Ok("third"));

    network.flows().send(&flow, Bytes::from_static(b"answer")).unwrap();
    let mut buffer = [0; 100];
    let (length, from) =
        tokio::time::timeout(PATIENCE, phone.recv_from(&mut buffer)).await.unwrap().unwrap();
    assert_eq!((&buffer[..length], from), (&b"answer"[..], edge));
}

#[tokio::test]
async fn the_longest_datagram_arrives_whole() {
    let mut network = network();
    let phone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let body = "x".repeat(60_000);
    let text = options("long")
        .replace("Content-Length: 4", "Content-Length: 60000")
        .replace("\r\n\r\nbody", "\r\n\r\n");
    phone.send_to((text + &body).as_bytes(), network.addresses().udp.unwrap()).await.unwrap();
    assert_eq!(message(&mut network).await.1.body().len(), 60_000);
}

#[tokio::test]
async fn nothing_is_sent_to_broadcast_or_multicast_addresses() {
    let network = network();
    for address in ["255.255.255.255:5060", "224.0.1.75:5060", "0.0.0.0:5060", "127.0.0.1:0"] {
        let sent = network.flows().connect_and_send(
            Transport::Udp,
            address.parse().unwrap(),
            Bytes::from_static(b"x"),
        );
        assert_eq!(sent, Err(SendError::Unreachable), "{address}");
    }
}

#[tokio::test]
async fn udp_and_tcp_share_a_number_when_the_kernel_chooses() {
    let network = network();
    let addresses = network.addresses();
    assert_eq!(addresses.udp.unwrap().port(), addresses.tcp.unwrap().port());
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let first = network();
    let taken = first.addresses().tls.unwrap();
    let config = offhook_net::Config { tls_port: Some(taken.port()), ..config(Limits::default()) };
    let error = Network::bind(&config).expect_err("the port is taken").to_string();
    assert!(error.starts_with(&format!("cannot listen on {taken} (tls)")), "{error}");
}

#[tokio::test]
async fn listeners_can_be_switched_off() {
    let config = offhook_net::Config {
        udp_port: None,
        tls_port: None,
        ws_port: None,
        ..config(Limits::default())
    };
    let network = Network::bind(&config).unwrap();
    let addresses = network.addresses();
    assert_eq!((addresses.udp, addresses.tls, addresses.ws), (None, None, None));
    assert!(addresses.tcp.is_some());
}
