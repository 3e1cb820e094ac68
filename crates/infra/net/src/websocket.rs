//! SIP in WebSockets (RFC 7118): each WebSocket message is one SIP message.

use crate::limits::{
    WEBSOCKET_PING_INTERVAL, WEBSOCKET_SILENCE_MAX, WRITE_QUEUE_MAX, WRITE_TIMEOUT,
};
use crate::network::Context;
use crate::table::{Crowded, Slot};
use crate::udp::refused;
use crate::{Incoming, SendError, stream};
use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt, future};
use offhook_model::Transport;
use offhook_sip::Message as SipMessage;
use offhook_sip::message::{MESSAGE_BYTES_MAX, is_keep_alive};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// The subprotocol that both ends have to name (RFC 7118 section 4.1).
pub const WEBSOCKET_SUBPROTOCOL: &str = "sip";

/// Bytes of a connection's read buffer, and of its write buffer.
const BUFFER_BYTES: usize = 8_192;

/// What travels in a WebSocket, as far as SIP is concerned with it. Whoever owns the socket answers pings
/// itself (RFC 6455 section 5.5.2), as every WebSocket library does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A message in a text frame.
    Text(Bytes),
    /// A message in a binary frame.
    Binary(Bytes),
    /// Asks whether the other end is there.
    Ping,
    /// It is there, or whatever else shows it.
    Pong,
    /// The end.
    Close,
}

/// Takes WebSockets in that another server has accepted. Cheap to clone.
#[derive(Clone)]
pub struct WebSocketDoor {
    context: Arc<Context>,
}

impl fmt::Debug for WebSocketDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebSocketDoor")
    }
}

impl WebSocketDoor {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    /// Carries SIP over an accepted WebSocket until either end closes it.
    ///
    /// `remote` is the browser's address, `secure` whether it came over TLS. The caller has agreed on
    /// [`WEBSOCKET_SUBPROTOCOL`] and limits messages to [`MESSAGE_BYTES_MAX`]. A library's socket is
    /// adapted with [`StreamExt::map`] and [`SinkExt::with`].
    pub async fn serve<S, E>(&self, remote: SocketAddr, secure: bool, socket: S)
    where
        S: Stream<Item = Result<Frame, E>> + Sink<Frame, Error = E> + Send + Unpin,
        E: Send,
    {
        let transport = if secure { Transport::Wss } else { Transport::Ws };
        let local = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
        match self.context.table.take_in(transport, local, remote) {
            Ok((slot, queue)) => run(&self.context, slot, socket, queue).await,
            Err(crowded) => {
                refused(match crowded {
                    Crowded::Source => "connections_per_source",
                    Crowded::Total => "connections",
                });
                close(socket).await;
            }
        }
    }
}

/// Accepts a WebSocket on a connection of our own listener.
pub(crate) async fn serve_http(
    context: Arc<Context>,
    slot: Slot,
    socket: TcpStream,
    queue: mpsc::Receiver<Bytes>,
) {
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_QUEUE_MAX * MESSAGE_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let shake = accept_hdr_async_with_config(socket, agree, Some(config));
    let shaken = tokio::select! {
        shaken = timeout_at(slot.first_message_due(), shake) => shaken,
        () = slot.evicted() => return refused("evicted"),
        () = context.stopped() => return,
    };
    match shaken {
        Ok(Ok(socket)) => {
            let frames = socket
                .map(|message| message.map(from_wire))
                .with(|frame| future::ready(Ok(to_wire(frame))));
            run(&context, slot, frames, queue).await;
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "WebSocket handshake");
            refused("websocket_handshake");
        }
        Err(_elapsed) => refused("handshake_timeout"),
    }
}

/// Demands the subprotocol (RFC 7118 section 4.1).
#[expect(clippy::result_large_err, reason = "the handshake's callback has this signature")]
fn agree(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let offers_sip = request
        .headers()
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|token| token.trim() == WEBSOCKET_SUBPROTOCOL);
    if !offers_sip {
        let mut refusal = ErrorResponse::new(Some("the subprotocol sip is required\n".to_owned()));
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        return Err(refusal);
    }
    response
        .headers_mut()
        .insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(WEBSOCKET_SUBPROTOCOL));
    Ok(response)
}

fn from_wire(message: Message) -> Frame {
    match message {
        Message::Text(text) => Frame::Text(text.into()),
        Message::Binary(bytes) => Frame::Binary(bytes),
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Frame::Pong,
        Message::Close(_) => Frame::Close,
    }
}

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

/// Carries messages both ways until the socket ends, is silent for too long or has to go.
async fn run<S, E>(context: &Context, slot: Slot, mut socket: S, mut queue: mpsc::Receiver<Bytes>)
where
    S: Stream<Item = Result<Frame, E>> + Sink<Frame, Error = E> + Unpin,
{
    let flow = slot.flow;
    exchange(context, &slot, &mut socket, &mut queue).await;
    slot.close_queue();
    while let Ok(bytes) = queue.try_recv() {
        if !write(&mut socket, to_frame(bytes)).await {
            break;
        }
    }
    close(socket).await;
    drop(slot);
    stream::give_back(context, queue).await;
    if context.incoming.send(Incoming::Closed { flow }).await.is_err() {
        tracing::trace!("nobody is told that {flow} closed");
    }
}

async fn exchange<S, E>(
    context: &Context,
    slot: &Slot,
    socket: &mut S,
    queue: &mut mpsc::Receiver<Bytes>,
) where
    S: Stream<Item = Result<Frame, E>> + Sink<Frame, Error = E> + Unpin,
{
    let begun = Instant::now();
    let mut heard = begun;
    let mut ping =
        tokio::time::interval_at(begun + WEBSOCKET_PING_INTERVAL, WEBSOCKET_PING_INTERVAL);
    let stopped = context.stopped();
    tokio::pin!(stopped);
    loop {
        let silence_ends = match slot.is_proven() {
            true => heard + WEBSOCKET_SILENCE_MAX,
            false => slot.first_message_due(),
        };
        let outgoing = tokio::select! {
            frame = socket.next() => {
                heard = Instant::now();
                match frame {
                    Some(Ok(Frame::Text(bytes) | Frame::Binary(bytes))) => {
                        match take(context, slot, bytes).await {
                            Ok(()) => continue,
                            Err(()) => return,
                        }
                    }
                    Some(Ok(Frame::Ping | Frame::Pong)) => continue,
                    Some(Ok(Frame::Close) | Err(_)) | None => return,
                }
            }
            bytes = queue.recv() => match bytes {
                Some(bytes) => to_frame(bytes),
                None => return,
            },
            _ = ping.tick() => Frame::Ping,
            () = tokio::time::sleep_until(silence_ends) => return refused("silent_connection"),
            () = slot.evicted() => return refused("evicted"),
            () = &mut stopped => return,
        };
        if !write(socket, outgoing).await {
            return;
        }
    }
}

/// Takes one message in; an error when the socket has to close.
async fn take(context: &Context, slot: &Slot, bytes: Bytes) -> Result<(), ()> {
    if is_keep_alive(&bytes) {
        let pong = match bytes.as_ref() {
            b"\r\n\r\n" => slot.reply(Bytes::from_static(b"\r\n")),
            _ => Ok(()),
        };
        return match pong {
            Ok(()) | Err(SendError::Full) => Ok(()),
            Err(SendError::Gone | SendError::Unreachable) => Err(()),
        };
    }
    if bytes.len() > MESSAGE_BYTES_MAX {
        refused("message_size");
        return Err(());
    }
    slot.prove();
    let flow = slot.flow;
    let message = SipMessage::parse(bytes);
    context.incoming.send(Incoming::Received { flow, message }).await.map_err(|_closed| ())
}

/// Text where it can be (RFC 7118 section 5.1), else binary.
fn to_frame(bytes: Bytes) -> Frame {
    match std::str::from_utf8(&bytes) {
        Ok(_) => Frame::Text(bytes),
        Err(_) => Frame::Binary(bytes),
    }
}

async fn write<S, E>(socket: &mut S, frame: Frame) -> bool
where
    S: Sink<Frame, Error = E> + Unpin,
{
    match timeout(WRITE_TIMEOUT, socket.send(frame)).await {
        Ok(sent) => sent.is_ok(),
        Err(_elapsed) => {
            refused("write_timeout");
            false
        }
    }
}

async fn close<S, E>(mut socket: S)
where
    S: Sink<Frame, Error = E> + Unpin,
{
    let polite = async {
        let sent = socket.send(Frame::Close).await;
        sent.and(socket.close().await)
    };
    match timeout(WRITE_TIMEOUT, polite).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) | Err(_) => tracing::trace!("the peer closed first"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_travel_in_binary_frames() {
        assert!(matches!(to_frame(Bytes::from_static(b"OPTIONS")), Frame::Text(_)));
        assert!(matches!(to_frame(Bytes::from_static(b"\xff\xfe")), Frame::Binary(_)));
    }
}
