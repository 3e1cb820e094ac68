//! A server that audio is forked to.

#![allow(dead_code, reason = "every test uses a part of it")]

use offhook_model::{
    CallRef, ForkChannels, ForkHeaders, ForkParty, ForkRate, ForkRequest, ForkUrl,
};
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_tungstenite::{WebSocketStream, accept_async};

/// Listens on a port of loopback that the kernel chooses.
pub struct Receiver(TcpListener);

impl Receiver {
    pub async fn listen() -> Self {
        Self(TcpListener::bind(("127.0.0.1", 0)).await.expect("a port"))
    }

    /// One whose connections hold little that was not read.
    pub async fn with_small_buffer() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4_096).expect("a small buffer");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
        Self(socket.listen(4).expect("it listens"))
    }

    pub fn url(&self) -> String {
        format!("ws://{}/", self.0.local_addr().expect("it is bound"))
    }

    pub async fn accept_tcp(&self) -> TcpStream {
        self.0.accept().await.expect("somebody connects").0
    }

    pub async fn accept(&self) -> WebSocketStream<TcpStream> {
        accept_async(self.accept_tcp().await).await.expect("a WebSocket")
    }
}

/// A fork in both directions and two channels at 24 kHz.
pub fn request(url: &str) -> ForkRequest {
    ForkRequest {
        call: CallRef::from_bits(7),
        party: ForkParty::Caller,
        url: ForkUrl::parse(url).expect("a URL"),
        rate: ForkRate::Hz24000,
        channels: ForkChannels::Stereo,
        is_bidirectional: true,
        may_hang_up: false,
        reconnects: false,
        metadata: String::new(),
        headers: ForkHeaders::default(),
    }
}
