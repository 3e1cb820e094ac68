//! A network on loopback with ports that the kernel chose.
#![allow(dead_code, reason = "each test file uses a part of the rig")]

use offhook_net::{Config, Flow, Incoming, Limits, Network, TlsIdentity};
use offhook_sip::{Message, ParseFailure};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a test waits for what has to happen; far longer than it takes.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn config(limits: Limits) -> Config {
    Config {
        bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        udp_port: Some(0),
        tcp_port: Some(0),
        tls_port: Some(0),
        ws_port: Some(0),
        tls_identity: TlsIdentity::SelfSigned { names: vec!["127.0.0.1".to_owned()] },
        tls_authorities: None,
        limits,
    }
}

pub fn network() -> Network {
    network_with(Limits::default())
}

pub fn network_with(limits: Limits) -> Network {
    Network::bind(&config(limits)).expect("loopback has free ports")
}

pub fn tcp_address(network: &Network) -> SocketAddr {
    network.addresses().tcp.expect("a TCP listener")
}

pub async fn connect(network: &Network) -> TcpStream {
    TcpStream::connect(tcp_address(network)).await.expect("the listener accepts")
}

pub async fn next(network: &mut Network) -> Incoming {
    let incoming = timeout(PATIENCE, network.next()).await.expect("something happens in time");
    incoming.expect("the network lives")
}

pub async fn received(network: &mut Network) -> (Flow, Result<Message, ParseFailure>) {
    match next(network).await {
        Incoming::Received { flow, message } => (flow, message),
        other => panic!("a message was expected: {other:?}"),
    }
}

pub async fn message(network: &mut Network) -> (Flow, Message) {
    let (flow, message) = received(network).await;
    (flow, message.expect("a well-formed message"))
}

/// Reads exactly what is expected.
pub async fn expect(socket: &mut (impl AsyncReadExt + Unpin), expected: &[u8]) {
    let mut read = vec![0; expected.len()];
    timeout(PATIENCE, socket.read_exact(&mut read))
        .await
        .expect("bytes come in time")
        .expect("the peer is there");
    assert_eq!(String::from_utf8_lossy(&read), String::from_utf8_lossy(expected));
}

/// The peer closes without a further byte.
pub async fn expect_end(socket: &mut (impl AsyncReadExt + Unpin)) {
    let mut byte = [0];
    match timeout(PATIENCE, socket.read(&mut byte)).await.expect("the end comes in time") {
        Ok(0) | Err(_) => {}
        Ok(_) => panic!("a byte came: {byte:?}"),
    }
}

pub async fn write(socket: &mut (impl AsyncWriteExt + Unpin), bytes: &[u8]) {
    socket.write_all(bytes).await.expect("the peer reads");
    socket.flush().await.expect("the peer reads");
}

pub fn options(call_id: &str) -> String {
    format!(
        "OPTIONS sip:offhook.local SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK1\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:offhook.local>\r\nCall-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\n\
         Content-Length: 4\r\n\r\nbody"
    )
}
