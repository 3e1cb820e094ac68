//! SIP over the gateway's `/ws` (RFC 7118).

mod rig;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use offhook_model::Transport;
use offhook_net::Incoming;
use rig::Rig;
use std::time::Duration;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

const SOON: Duration = Duration::from_secs(10);
const OPTIONS: &str = "OPTIONS sip:offhook.local SIP/2.0\r\n\
    Via: SIP/2.0/WS a.invalid;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\n\
    To: <sip:offhook.local>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

async fn connect(
    rig: &Rig,
    subprotocol: Option<&str>,
) -> Result<
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
    Error,
> {
    let mut request = format!("ws://{}/ws", rig.gateway.address()).into_client_request()?;
    if let Some(subprotocol) = subprotocol {
        request
            .headers_mut()
            .insert("sec-websocket-protocol", subprotocol.parse().expect("a token"));
    }
    connect_async(request).await.map(|(socket, _)| socket)
}

#[tokio::test]
async fn messages_pass_both_ways_and_the_end_is_told() {
    let mut rig = Rig::new().await;
    let mut socket = connect(&rig, Some("sip")).await.unwrap();
    socket.send(Message::text(OPTIONS)).await.unwrap();
    let Some(Incoming::Received { flow, message }) =
        timeout(SOON, rig.network.next()).await.unwrap()
    else {
        panic!("no message");
    };
    assert_eq!(flow.transport, Transport::Ws);
    assert!(flow.remote.ip().is_loopback());
    assert!(message.is_ok());

    let answer =
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bK1\r\nContent-Length: 0\r\n\r\n";
    rig.network.flows().send(&flow, Bytes::from_static(answer.as_bytes())).unwrap();
    let received = timeout(SOON, socket.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(received, Message::text(answer));

    socket.close(None).await.unwrap();
    let ended = timeout(SOON, rig.network.next()).await.unwrap();
    assert_eq!(ended, Some(Incoming::Closed { flow }));
}

#[tokio::test]
async fn another_subprotocol_is_refused() {
    let rig = Rig::new().await;
    for subprotocol in [None, Some("mqtt")] {
        match connect(&rig, subprotocol).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), 400),
            other => panic!("{other:?}"),
        }
    }
    let text = rig.get("/metrics", "").await.text();
    assert!(text.contains("offhook_http_refused_total{why=\"subprotocol\"} 2"), "{text}");
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_the_connection() {
    let mut rig = Rig::new().await;
    let mut socket = connect(&rig, Some("sip")).await.unwrap();
    let long = format!("{}{}", OPTIONS, "x".repeat(offhook_sip::message::MESSAGE_BYTES_MAX));
    socket.send(Message::text(long)).await.ok();
    let ended = timeout(SOON, async {
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                break;
            }
        }
    });
    ended.await.expect("it ends");
    match timeout(SOON, rig.network.next()).await.unwrap() {
        Some(Incoming::Closed { .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_page_asked_for_at_ws_is_no_upgrade() {
    let rig = Rig::new().await;
    let answer = rig.get("/ws", "").await;
    assert!((400..500).contains(&answer.status), "{}", answer.status);
}
