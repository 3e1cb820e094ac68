//! The NG protocol over TCP: messages one after the other.

use super::{Asked, CONNECTIONS_MAX, REPLIES_WAITING_MAX};
use offhook_ng::{MESSAGE_BYTES_MAX, Message};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

/// Takes connections until the door closes.
pub(super) async fn serve(listener: TcpListener, asked: mpsc::Sender<Asked>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let (stream, source) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "accepting failed");
                tokio::task::yield_now().await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            metrics::counter!("offhook_ng_connections_refused_total").increment(1);
            continue;
        };
        let asked = asked.clone();
        connections.spawn(async move {
            if let Err(error) = carry(stream, source, asked).await {
                tracing::debug!(%error, "an NG connection ended");
            }
            drop(permit);
        });
    }
}

async fn carry(
    stream: TcpStream,
    source: SocketAddr,
    asked: mpsc::Sender<Asked>,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = stream.into_split();
    let (replies, mut outbox) = mpsc::channel::<Arc<[u8]>>(REPLIES_WAITING_MAX);
    let mut buffer = Vec::new();
    let mut piece = vec![0; MESSAGE_BYTES_MAX];
    loop {
        tokio::select! {
            length = reader.read(&mut piece) => {
                let length = length?;
                if length == 0 {
                    return Ok(());
                }
                buffer.extend_from_slice(&piece[..length]);
                hand_on(&mut buffer, source, &asked, &replies).await?;
            }
            Some(reply) = outbox.recv() => writer.write_all(&reply).await?,
        }
    }
}

/// Hands on the messages that are whole; the rest stays in the buffer.
async fn hand_on(
    buffer: &mut Vec<u8>,
    source: SocketAddr,
    asked: &mpsc::Sender<Asked>,
    replies: &mpsc::Sender<Arc<[u8]>>,
) -> anyhow::Result<()> {
    loop {
        let (start, end) = Message::find_in_stream(buffer).inspect_err(|_| {
            metrics::counter!("offhook_ng_malformed_total").increment(1);
        })?;
        let Some(end) = end else {
            buffer.drain(..start);
            return Ok(());
        };
        let bytes = buffer[start..end].to_vec();
        buffer.drain(..end);
        asked.send(Asked { bytes, source, replies: replies.clone() }).await?;
    }
}
