//! The NG protocol over HTTP (`POST /ng`) and WebSockets (`ng.rtpengine.com`).

use super::{Asked, REPLIES_WAITING_MAX};
use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::{Message as Frame, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use offhook_ng::MESSAGE_BYTES_MAX;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// The subprotocol of WebSockets.
const SUBPROTOCOL: &str = "ng.rtpengine.com";
/// The type of a body.
const CONTENT_TYPE: &str = "application/x-rtpengine-ng";
/// How long a request over HTTP waits for its reply.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

type Askers = mpsc::Sender<Asked>;

/// Serves until the door closes.
pub(super) async fn serve(listener: TcpListener, asked: Askers) {
    let router = Router::new()
        .route("/ping", get(async || "pong\n").post(async || "pong\n"))
        .route("/ng", post(ask))
        .fallback(get(upgrade))
        .layer(DefaultBodyLimit::max(MESSAGE_BYTES_MAX))
        .with_state(asked);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    if let Err(error) = axum::serve(listener, service).await {
        tracing::error!(%error, "the NG door's HTTP has ended");
    }
}

async fn ask(
    State(asked): State<Askers>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    body: Bytes,
) -> Response {
    let (replies, mut outbox) = mpsc::channel(1);
    if asked.send(Asked { bytes: body.to_vec(), source, replies }).await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match timeout(REPLY_TIMEOUT, outbox.recv()).await {
        Ok(Some(reply)) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], reply.to_vec()).into_response(),
        // A message without a cookie has no reply: its way to answer is dropped.
        Ok(None) => (StatusCode::BAD_REQUEST, "a message is a cookie, a space and a dictionary\n")
            .into_response(),
        Err(_) => StatusCode::GATEWAY_TIMEOUT.into_response(),
    }
}

async fn upgrade(
    State(asked): State<Askers>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let upgrade = upgrade.protocols([SUBPROTOCOL]).max_message_size(MESSAGE_BYTES_MAX);
    if upgrade.selected_protocol().is_none() {
        let reason = format!("the subprotocol is {SUBPROTOCOL}\n");
        return (StatusCode::BAD_REQUEST, reason).into_response();
    }
    upgrade.on_upgrade(move |socket| carry(socket, source, asked))
}

/// Replies come in frames of the kind that was sent last.
async fn carry(mut socket: WebSocket, source: SocketAddr, asked: Askers) {
    let (replies, mut outbox) = mpsc::channel::<Arc<[u8]>>(REPLIES_WAITING_MAX);
    let mut speaks_text = false;
    loop {
        tokio::select! {
            frame = socket.recv() => {
                let bytes = match frame {
                    Some(Ok(Frame::Text(text))) => {
                        speaks_text = true;
                        text.as_bytes().to_vec()
                    }
                    Some(Ok(Frame::Binary(bytes))) => {
                        speaks_text = false;
                        bytes.to_vec()
                    }
                    Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => continue,
                    Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
                };
                if asked.send(Asked { bytes, source, replies: replies.clone() }).await.is_err() {
                    return;
                }
            }
            Some(reply) = outbox.recv() => {
                let frame = if speaks_text {
                    Frame::text(String::from_utf8_lossy(&reply).into_owned())
                } else {
                    Frame::binary(reply.to_vec())
                };
                if socket.send(frame).await.is_err() {
                    return;
                }
            }
        }
    }
}
