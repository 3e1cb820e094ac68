//! SIP over WebSocket (RFC 7118): our own listener and the gateway's door.
#![allow(clippy::unwrap_used, reason = "a test may fail here")]

mod rig;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use offhook_model::Transport;
use offhook_net::{Frame, Incoming, Limits, Network};
use rig::*;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn open(network: &Network, subprotocol: Option<&'static str>) -> Result<Socket, Error> {
    let address = network.addresses().ws.unwrap();
    let mut request = format!("ws://{address}/").into_client_request()?;
    if let Some(subprotocol) = subprotocol {
        request.headers_mut().insert("Sec-WebSocket-Protocol", subprotocol.parse().unwrap());
    }
    connect_async(request).await.map(|(socket, _)| socket)
}

async fn read(socket: &mut Socket) -> Message {
    timeout(PATIENCE, socket.next()).await.expect("in time").expect("open").expect("a frame")
}

#[tokio::test]
async fn each_frame_is_a_message() {
    let mut network = network();
    let mut socket = open(&network, Some("sip")).await.unwrap();
    socket.send(Message::text(options("text"))).await.unwrap();
    socket.send(Message::binary(options("binary"))).await.unwrap();
    let (flow, first) = message(&mut network).await;
    assert_eq!((first.call_id(), flow.transport), (Ok("text"), Transport::Ws));
    assert_eq!(message(&mut network).await.1.call_id(), Ok("binary"));
    network.flows().send(&flow, Bytes::from_static(b"SIP/2.0 200 OK")).unwrap();
    network.flows().send(&flow, Bytes::from_static(b"\xff")).unwrap();
    assert_eq!(read(&mut socket).await, Message::text("SIP/2.0 200 OK"));
    assert_eq!(read(&mut socket).await, Message::binary(&b"\xff"[..]));
    socket.send(Message::text("\r\n\r\n")).await.unwrap();
    assert_eq!(read(&mut socket).await, Message::text("\r\n"));
    socket.close(None).await.unwrap();
    assert_eq!(next(&mut network).await, Incoming::Closed { flow });
}

#[tokio::test]
async fn the_subprotocol_is_demanded() {
    let network = network();
    for subprotocol in [None, Some("mqtt"), Some("sips"), Some("SIP")] {
        match open(&network, subprotocol).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), 400),
            other => panic!("{other:?}"),
        }
    }
    assert!(open(&network, Some("mqtt, sip")).await.is_ok());
}

#[tokio::test]
async fn too_long_a_message_ends_the_connection() {
    let network = network();
    let mut socket = open(&network, Some("sip")).await.unwrap();
    // The peer may close before all is written.
    let written = socket.send(Message::text("x".repeat(200_000))).await;
    drop(written);
    let ended = async {
        while let Some(Ok(frame)) = socket.next().await {
            assert!(matches!(frame, Message::Close(_)), "{frame:?}");
        }
    };
    timeout(PATIENCE, ended).await.expect("it is closed");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_cut_off() {
    let limits = Limits { first_message: Duration::from_millis(200), ..Limits::default() };
    let network = network_with(limits);
    let mut socket = TcpStream::connect(network.addresses().ws.unwrap()).await.unwrap();
    write(&mut socket, b"GET / HTTP/1.1\r\nHost: x\r\n").await;
    expect_end(&mut socket).await;
    let mut silent = open(&network, Some("sip")).await.unwrap();
    let ended = async { while let Some(Ok(_)) = silent.next().await {} };
    timeout(PATIENCE, ended).await.expect("who never says anything has to go");
}

/// Both ends of a WebSocket that somebody else has accepted.
fn handed_in() -> (
    impl futures_util::Stream<Item = Result<Frame, ()>>
    + futures_util::Sink<Frame, Error = ()>
    + Send
    + Unpin,
    tokio::sync::mpsc::UnboundedSender<Frame>,
    tokio::sync::mpsc::UnboundedReceiver<Frame>,
) {
    let (to_edge, mut from_browser) = tokio::sync::mpsc::unbounded_channel();
    let (to_browser, from_edge) = tokio::sync::mpsc::unbounded_channel();
    let stream = futures_util::stream::poll_fn(move |context| {
        from_browser.poll_recv(context).map(|frame| frame.map(Ok))
    });
    let sink = futures_util::sink::unfold(to_browser, |to_browser, frame| async move {
        to_browser.send(frame).map(|()| to_browser).map_err(|_closed| ())
    });
    (Joined { stream, sink: Box::pin(sink) }, to_edge, from_edge)
}

struct Joined<S, K> {
    stream: S,
    sink: std::pin::Pin<Box<K>>,
}

impl<S: futures_util::Stream + Unpin, K> futures_util::Stream for Joined<S, K> {
    type Item = S::Item;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.stream.poll_next_unpin(context)
    }
}

impl<S: Unpin, K: futures_util::Sink<Frame>> futures_util::Sink<Frame> for Joined<S, K> {
    type Error = K::Error;

    fn poll_ready(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), K::Error>> {
        self.sink.as_mut().poll_ready(context)
    }

    fn start_send(mut self: std::pin::Pin<&mut Self>, frame: Frame) -> Result<(), K::Error> {
        self.sink.as_mut().start_send(frame)
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), K::Error>> {
        self.sink.as_mut().poll_flush(context)
    }

    fn poll_close(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), K::Error>> {
        self.sink.as_mut().poll_close(context)
    }
}

#[tokio::test]
async fn a_socket_of_the_gateway_is_a_flow_like_others() {
    let mut network = network();
    let door = network.flows().websocket_door();
    let (socket, to_edge, mut from_edge) = handed_in();
    let browser = "192.0.2.1:50000".parse().unwrap();
    let served = tokio::spawn(async move { door.serve(browser, true, socket).await });
    to_edge.send(Frame::Text(Bytes::from(options("door")))).unwrap();
    let (flow, _) = message(&mut network).await;
    assert_eq!((flow.transport, flow.remote), (Transport::Wss, browser));
    network.flows().send(&flow, Bytes::from_static(b"answer")).unwrap();
    assert_eq!(from_edge.recv().await, Some(Frame::Text(Bytes::from_static(b"answer"))));
    drop(to_edge);
    timeout(PATIENCE, served).await.unwrap().unwrap();
    assert_eq!(from_edge.recv().await, Some(Frame::Close));
    assert_eq!(next(&mut network).await, Incoming::Closed { flow });
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_vanished_is_noticed() {
    let mut network = network();
    let door = network.flows().websocket_door();
    let (socket, to_edge, mut from_edge) = handed_in();
    let browser = "192.0.2.1:50000".parse().unwrap();
    tokio::spawn(async move { door.serve(browser, false, socket).await });
    to_edge.send(Frame::Text(Bytes::from(options("x")))).unwrap();
    let (flow, _) = message(&mut network).await;
    for _ in 0..10 {
        assert_eq!(from_edge.recv().await, Some(Frame::Ping));
        to_edge.send(Frame::Pong).unwrap();
    }
    let silent_since = tokio::time::Instant::now();
    while from_edge.recv().await == Some(Frame::Ping) {}
    let noticed = silent_since.elapsed();
    assert!(
        noticed <= offhook_net::WEBSOCKET_SILENCE_MAX + offhook_net::WEBSOCKET_PING_INTERVAL,
        "{noticed:?}"
    );
    assert_eq!(network.next().await, Some(Incoming::Closed { flow }));
}
