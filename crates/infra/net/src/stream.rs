//! SIP over TCP and TLS (RFC 3261 section 18.3, RFC 5626).

use crate::limits::{LINGER, WRITE_TIMEOUT};
use crate::network::Context;
use crate::table::Slot;
use crate::udp::refused;
use crate::{Incoming, SendError};
use bytes::{Bytes, BytesMut};
use offhook_sip::framer::{Frame, Opener, PONG, StreamFramer};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

/// Bytes read at a time from a connection that has shown itself to speak SIP.
const READ_BYTES: usize = 4_096;
/// Bytes read at a time before that, so that connections which say nothing cost little.
const FIRST_READ_BYTES: usize = 512;
/// Messages written with one call at most.
const WRITE_BATCH_MAX: usize = 32;

/// Serves an accepted TCP connection.
pub(crate) async fn serve_tcp(
    context: Arc<Context>,
    slot: Slot,
    socket: TcpStream,
    queue: mpsc::Receiver<Bytes>,
) {
    run(context, slot, Opener::Peer, socket, queue).await;
}

/// Shakes hands on an accepted connection, then serves it.
pub(crate) async fn serve_tls(
    acceptor: TlsAcceptor,
    context: Arc<Context>,
    slot: Slot,
    socket: TcpStream,
    queue: mpsc::Receiver<Bytes>,
) {
    let shaken = tokio::select! {
        shaken = timeout_at(slot.first_message_due(), acceptor.accept(socket)) => shaken,
        () = slot.evicted() => return refused("evicted"),
        () = context.stopped() => return,
    };
    match shaken {
        Ok(Ok(socket)) => run(context, slot, Opener::Peer, socket, queue).await,
        Ok(Err(error)) => {
            tracing::debug!(%error, "TLS handshake");
            refused("tls_handshake");
        }
        Err(_elapsed) => refused("handshake_timeout"),
    }
}

/// How a connection's reading side came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The peer closed, or the connection failed.
    Closed,
    /// It was silent for too long, or did not finish what it began.
    TimedOut,
    /// What it sends cannot be cut into messages.
    Broken,
    /// Nobody reads what it sends.
    Unheard,
}

/// Carries messages both ways until the connection ends or has to go.
pub(crate) async fn run<S>(
    context: Arc<Context>,
    slot: Slot,
    opener: Opener,
    socket: S,
    mut queue: mpsc::Receiver<Bytes>,
) where
    S: AsyncRead + AsyncWrite,
{
    let flow = slot.flow;
    let (read_half, mut write_half) = tokio::io::split(socket);
    {
        let writing = write(&mut write_half, &mut queue);
        tokio::pin!(writing);
        let is_writable = tokio::select! {
            end = read(&context, &slot, opener, read_half) => {
                end != End::Broken || linger(&mut writing).await
            }
            _ended = &mut writing => false,
            () = slot.evicted() => { refused("evicted"); true }
            () = context.stopped() => true,
        };
        slot.close_queue();
        if is_writable && timeout(WRITE_TIMEOUT, writing).await.is_err() {
            refused("write_timeout");
        }
    }
    drop(slot);
    give_back(&context, queue).await;
    if context.incoming.send(Incoming::Closed { flow }).await.is_err() {
        tracing::trace!("nobody is told that {flow} closed");
    }
}

/// Leaves time for an answer to what broke the stream; tells whether there can still be written.
async fn linger(writing: &mut (impl Future<Output = io::Result<()>> + Unpin)) -> bool {
    tokio::select! {
        _ended = writing => false,
        () = sleep(LINGER) => true,
    }
}

async fn read<R>(context: &Context, slot: &Slot, opener: Opener, mut socket: R) -> End
where
    R: AsyncRead + Unpin,
{
    let limits = context.table.limits();
    let mut framer = StreamFramer::new(opener);
    let mut buffer = BytesMut::new();
    // When the message that is under way has to be complete.
    let mut due = (!slot.is_proven()).then(|| slot.first_message_due());
    loop {
        let deadline = due.unwrap_or_else(|| Instant::now() + limits.idle);
        buffer.clear();
        buffer.reserve(if slot.is_proven() { READ_BYTES } else { FIRST_READ_BYTES });
        match timeout_at(deadline, socket.read_buf(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return End::Closed,
            Ok(Ok(_)) => {}
            Err(_elapsed) => {
                refused(if due.is_some() { "message_timeout" } else { "silent_connection" });
                return End::TimedOut;
            }
        }
        framer.handle_bytes(&buffer);
        let mut is_whole = false;
        while let Some(frame) = framer.poll_output() {
            is_whole = true;
            if let Err(end) = take(context, slot, frame).await {
                return end;
            }
        }
        due = match (slot.is_proven(), framer.is_mid_message()) {
            (false, _) => Some(slot.first_message_due()),
            (true, false) => None,
            (true, true) if is_whole => Some(Instant::now() + limits.first_message),
            (true, true) => due.or_else(|| Some(Instant::now() + limits.first_message)),
        };
    }
}

/// Takes one frame in; an error when the connection has to close.
async fn take(context: &Context, slot: &Slot, frame: Frame) -> Result<(), End> {
    let message = match frame {
        Frame::Message(message) => Ok(message),
        Frame::Malformed(failure) => Err(failure),
        Frame::Broken(failure) => {
            refused("framing");
            let flow = slot.flow;
            let received = Incoming::Received { flow, message: Err(failure) };
            let heard = context.incoming.send(received).await;
            return Err(heard.map_or(End::Unheard, |()| End::Broken));
        }
        Frame::Ping => {
            return match slot.reply(Bytes::from_static(PONG)) {
                Ok(()) | Err(SendError::Full) => Ok(()),
                Err(SendError::Gone | SendError::Unreachable) => Err(End::Closed),
            };
        }
        Frame::Pong => return Ok(()),
    };
    slot.prove();
    let received = Incoming::Received { flow: slot.flow, message };
    context.incoming.send(received).await.map_err(|_closed| End::Unheard)
}

/// Writes what is queued until the queue is closed and empty.
async fn write<W>(socket: &mut W, queue: &mut mpsc::Receiver<Bytes>) -> io::Result<()>
where
    W: AsyncWrite + Unpin,
{
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, WRITE_BATCH_MAX).await > 0 {
        let all = async {
            for bytes in &batch {
                socket.write_all(bytes).await?;
            }
            socket.flush().await
        };
        match timeout(WRITE_TIMEOUT, all).await {
            Ok(written) => written?,
            Err(_elapsed) => {
                refused("write_timeout");
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        batch.clear();
    }
    socket.shutdown().await
}

/// Hands back what was queued for a connection that has ended.
pub(crate) async fn give_back(context: &Context, mut queue: mpsc::Receiver<Bytes>) {
    queue.close();
    while let Some(bytes) = queue.recv().await {
        if bytes != PONG && context.incoming.send(Incoming::Unsent { bytes }).await.is_err() {
            return;
        }
    }
}
