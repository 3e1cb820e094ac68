//! The connections there are: who writes to them, and how many there may be.

use crate::limits::WRITE_QUEUE_MAX;
use crate::{Flow, FlowId, Limits, SendError};
use bytes::Bytes;
use offhook_model::Transport;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

/// Why a connection is not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Crowded {
    /// Too many from that address.
    #[error("too many connections from one address")]
    Source,
    /// Too many at all, and each has proven to be a SIP peer.
    #[error("too many connections")]
    Total,
}

/// All connections of a network.
#[derive(Debug)]
pub(crate) struct FlowTable {
    limits: Limits,
    inner: Mutex<Inner>,
    left: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    last_id: u64,
    entries: HashMap<FlowId, Entry>,
    /// Connections that have not delivered a message, the oldest first.
    unproven: BTreeMap<FlowId, Arc<Notify>>,
    by_remote: HashMap<(Transport, SocketAddr), FlowId>,
    by_source: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Entry {
    flow: Flow,
    /// Absent once the connection only writes what is left.
    queue: Option<mpsc::Sender<Bytes>>,
}

/// A connection's place in the table; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) flow: Flow,
    table: Arc<FlowTable>,
    evicted: Arc<Notify>,
    proven: AtomicBool,
    first_message_due: Instant,
}

impl FlowTable {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, inner: Mutex::default(), left: Notify::new() })
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Takes a connection in, if need be in place of one that has said nothing yet.
    pub(crate) fn take_in(
        self: &Arc<Self>,
        transport: Transport,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Result<(Slot, mpsc::Receiver<Bytes>), Crowded> {
        let (sender, receiver) = mpsc::channel(WRITE_QUEUE_MAX);
        let evicted = Arc::new(Notify::new());
        let mut inner = self.lock();
        let from_source = inner.by_source.get(&remote.ip()).copied().unwrap_or(0);
        if from_source >= self.limits.connections_per_source {
            return Err(Crowded::Source);
        }
        if inner.entries.len() >= self.limits.connections {
            let (oldest, eviction) = inner.unproven.pop_first().ok_or(Crowded::Total)?;
            eviction.notify_one();
            inner.forget(oldest);
        }
        inner.last_id += 1;
        let flow = Flow { id: FlowId(inner.last_id), transport, local, remote };
        inner.entries.insert(flow.id, Entry { flow, queue: Some(sender) });
        inner.unproven.insert(flow.id, Arc::clone(&evicted));
        inner.by_remote.insert((transport, remote), flow.id);
        *inner.by_source.entry(remote.ip()).or_default() += 1;
        metrics::gauge!("offhook_sip_connections").set(gauge(inner.entries.len()));
        drop(inner);
        let proven = AtomicBool::new(false);
        let first_message_due = Instant::now() + self.limits.first_message;
        let table = Arc::clone(self);
        Ok((Slot { flow, table, evicted, proven, first_message_due }, receiver))
    }

    /// The connection to an address, if there is one.
    pub(crate) fn find(&self, transport: Transport, remote: SocketAddr) -> Option<Flow> {
        let inner = self.lock();
        let id = inner.by_remote.get(&(transport, remote))?;
        inner.entries.get(id).map(|entry| entry.flow)
    }

    /// Puts a message into a connection's queue.
    pub(crate) fn send(&self, flow: &Flow, bytes: Bytes) -> Result<(), SendError> {
        let queue = {
            let inner = self.lock();
            let entry = inner.entries.get(&flow.id).filter(|entry| entry.flow.is_same_way(flow));
            entry.and_then(|entry| entry.queue.clone()).ok_or(SendError::Gone)?
        };
        queue.try_send(bytes).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SendError::Full,
            mpsc::error::TrySendError::Closed(_) => SendError::Gone,
        })
    }

    /// Waits until there is no connection.
    pub(crate) async fn emptied(&self) {
        loop {
            let left = self.left.notified();
            if self.lock().entries.is_empty() {
                return;
            }
            left.await;
        }
    }

    /// A poisoned lock cannot leave half a change behind that matters: each map is corrected on its own.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn forget(&mut self, id: FlowId) {
        let Some(entry) = self.entries.remove(&id) else {
            return;
        };
        self.unproven.remove(&id);
        let remote = entry.flow.remote;
        let key = (entry.flow.transport, remote);
        if self.by_remote.get(&key) == Some(&id) {
            self.by_remote.remove(&key);
        }
        if let Some(count) = self.by_source.get_mut(&remote.ip()) {
            *count -= 1;
            if *count == 0 {
                self.by_source.remove(&remote.ip());
            }
        }
        metrics::gauge!("offhook_sip_connections").set(gauge(self.entries.len()));
    }
}

impl Slot {
    /// The connection has delivered a message and is not evicted any longer.
    pub(crate) fn prove(&self) {
        if !self.proven.swap(true, Ordering::Relaxed) {
            self.table.lock().unproven.remove(&self.flow.id);
        }
    }

    pub(crate) fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Relaxed)
    }

    /// When the connection has to have delivered a message.
    pub(crate) fn first_message_due(&self) -> Instant {
        self.first_message_due
    }

    /// Ends when the place is needed for somebody else.
    pub(crate) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// Puts a message into the connection's own queue.
    pub(crate) fn reply(&self, bytes: Bytes) -> Result<(), SendError> {
        self.table.send(&self.flow, bytes)
    }

    /// Lets nothing further into the queue, so that whoever drains it comes to an end.
    pub(crate) fn close_queue(&self) {
        if let Some(entry) = self.table.lock().entries.get_mut(&self.flow.id) {
            entry.queue = None;
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.table.lock().forget(self.flow.id);
        self.table.left.notify_waiters();
    }
}

/// Connections are far fewer than what a double counts exactly.
fn gauge(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(connections: usize, connections_per_source: usize) -> Arc<FlowTable> {
        FlowTable::new(Limits { connections, connections_per_source, ..Limits::default() })
    }

    fn take_in(table: &Arc<FlowTable>, remote: &str) -> Result<Slot, Crowded> {
        let local = "127.0.0.1:5060".parse().unwrap();
        table.take_in(Transport::Tcp, local, remote.parse().unwrap()).map(|(slot, _)| slot)
    }

    #[test]
    fn one_source_cannot_take_every_place() {
        let table = table(10, 2);
        let _first = take_in(&table, "192.0.2.1:1").unwrap();
        let second = take_in(&table, "192.0.2.1:2").unwrap();
        assert_eq!(take_in(&table, "192.0.2.1:3").unwrap_err(), Crowded::Source);
        let _other = take_in(&table, "192.0.2.2:3").unwrap();
        drop(second);
        assert!(take_in(&table, "192.0.2.1:4").is_ok());
    }

    #[test]
    fn the_oldest_silent_connection_makes_room() {
        let table = table(2, 10);
        let speaks = take_in(&table, "192.0.2.1:1").unwrap();
        speaks.prove();
        let silent = take_in(&table, "192.0.2.2:1").unwrap();
        let newest = take_in(&table, "192.0.2.3:1").unwrap();
        assert_eq!(table.send(&silent.flow, Bytes::new()), Err(SendError::Gone));
        assert_eq!(table.find(Transport::Tcp, speaks.flow.remote), Some(speaks.flow));
        newest.prove();
        assert_eq!(take_in(&table, "192.0.2.4:1").unwrap_err(), Crowded::Total);
        drop(silent);
        assert_eq!(take_in(&table, "192.0.2.4:1").unwrap_err(), Crowded::Total);
        drop(newest);
        assert!(take_in(&table, "192.0.2.4:1").is_ok());
    }

    #[test]
    fn a_queue_is_bounded() {
        let table = table(2, 2);
        let local = "127.0.0.1:5060".parse().unwrap();
        let remote = "192.0.2.1:1".parse().unwrap();
        let (slot, _receiver) = table.take_in(Transport::Tcp, local, remote).unwrap();
        for _ in 0..WRITE_QUEUE_MAX {
            assert_eq!(slot.reply(Bytes::new()), Ok(()));
        }
        assert_eq!(slot.reply(Bytes::new()), Err(SendError::Full));
        slot.close_queue();
        assert_eq!(slot.reply(Bytes::new()), Err(SendError::Gone));
    }
}
