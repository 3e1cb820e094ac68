use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, future};
use offhook_net::{Frame, WEBSOCKET_SUBPROTOCOL, WRITE_QUEUE_MAX, WebSocketDoor};
use offhook_sip::message::MESSAGE_BYTES_MAX;
use std::net::SocketAddr;

/// Bytes of a connection's read buffer.
const READ_BUFFER_BYTES: usize = 8_192;

/// Accepts a WebSocket that names the subprotocol `sip` (RFC 7118 section 4.1) and hands it to the edge.
pub(crate) async fn open(
    State(door): State<WebSocketDoor>,
    ConnectInfo(remote): ConnectInfo<SocketAddr>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let upgrade = upgrade
        .protocols([WEBSOCKET_SUBPROTOCOL])
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_QUEUE_MAX * MESSAGE_BYTES_MAX)
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX);
    if upgrade.selected_protocol().is_none() {
        metrics::counter!("offhook_http_refused_total", "why" => "subprotocol").increment(1);
        let why = "This WebSocket is for SIP: name the subprotocol `sip`.\n";
        return (StatusCode::BAD_REQUEST, why).into_response();
    }
    upgrade
        .on_failed_upgrade(|error| tracing::debug!(%error, "WebSocket handshake"))
        .on_upgrade(move |socket| carry(door, remote, socket))
}

async fn carry(door: WebSocketDoor, remote: SocketAddr, socket: WebSocket) {
    let frames = socket
        .map(|message| message.map(from_wire))
        .with(|frame| future::ready(Ok::<_, axum::Error>(to_wire(frame))));
    door.serve(remote, false, frames).await;
}

fn from_wire(message: Message) -> Frame {
    match message {
        Message::Text(text) => Frame::Text(text.into()),
        Message::Binary(bytes) => Frame::Binary(bytes),
        Message::Ping(_) | Message::Pong(_) => Frame::Pong,
        Message::Close(_) => Frame::Close,
    }
}

/// SIP in another encoding than UTF-8 may go in a binary frame only.
fn to_wire(frame: Frame) -> Message {
    match frame {
        Frame::Text(bytes) => match Utf8Bytes::try_from(bytes.clone()) {
            Ok(text) => Message::Text(text),
            Err(_not_utf8) => Message::Binary(bytes),
        },
        Frame::Binary(bytes) => Message::Binary(bytes),
        Frame::Ping => Message::Ping(Bytes::new()),
        Frame::Pong => Message::Pong(Bytes::new()),
        Frame::Close => Message::Close(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_as_text_and_the_rest_as_binary() {
        let text = Frame::Text(Bytes::from_static(b"OPTIONS sip:a SIP/2.0\r\n"));
        assert_eq!(from_wire(to_wire(text.clone())), text);
        let latin1 = Bytes::from_static(b"Subject: caf\xe9\r\n");
        assert_eq!(to_wire(Frame::Text(latin1.clone())), Message::Binary(latin1));
    }
}
