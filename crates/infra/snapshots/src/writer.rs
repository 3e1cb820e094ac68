//! The task that writes snapshots, so that no call waits for it.

use crate::{Backend, BackendError};
use offhook_bus::{CallSnapshot, Inbox, SnapshotChange};
use std::collections::HashMap;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Changes that are written at once.
pub const WRITE_BATCH_MAX: usize = 256;
/// Calls whose changes wait at most; further ones are dropped and counted. What is dropped comes again with
/// the next snapshot of the call.
pub const PENDING_MAX: usize = 16_384;
/// How long a stop may take to write what still waits.
pub const FLUSH_TIME_MAX: Duration = Duration::from_secs(2);
/// How long one write may take.
const WRITE_TIME_MAX: Duration = Duration::from_secs(5);
/// The first pause after a failed write; it doubles up to [`RETRY_PAUSE_MAX`].
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(100);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(10);

/// The task that writes snapshots. The newest of a call takes the place of those that wait, so that a backend
/// that was down is given each call once and as it is.
#[derive(Debug)]
pub struct SnapshotWriter {
    task: JoinHandle<()>,
}

impl SnapshotWriter {
    /// Starts the task on the current runtime. It ends when everybody who sends changes is gone and all is
    /// written.
    pub fn spawn(backend: impl Backend, changes: Inbox<SnapshotChange>) -> Self {
        for series in [
            "offhook_snapshots_written_total",
            "offhook_snapshots_dropped_total",
            "offhook_snapshot_retries_total",
        ] {
            metrics::counter!(series).absolute(0);
        }
        metrics::gauge!("offhook_snapshots_up").set(1.0);
        let writer = Writer {
            backend,
            changes,
            pending: HashMap::new(),
            pause: RETRY_PAUSE_MIN,
            is_over: false,
        };
        Self { task: tokio::spawn(writer.run()) }
    }

    /// Waits until what was sent is written, for at most [`FLUSH_TIME_MAX`]. Whoever sends changes must be
    /// gone.
    pub async fn stop(mut self) {
        match tokio::time::timeout(FLUSH_TIME_MAX, &mut self.task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the writer of snapshots died"),
            Err(_) => {
                tracing::warn!("snapshots of calls are not written: the time to stop is over");
                self.task.abort();
            }
        }
    }
}

struct Writer<B> {
    backend: B,
    changes: Inbox<SnapshotChange>,
    /// What is to be written of each call.
    pending: HashMap<String, Option<CallSnapshot>>,
    /// How long the next pause is, if there is one.
    pause: Duration,
    /// Whether nobody sends any longer.
    is_over: bool,
}

impl<B: Backend> Writer<B> {
    async fn run(mut self) {
        loop {
            if self.pending.is_empty() {
                match self.changes.recv().await {
                    Some(change) => self.take(change),
                    None => return,
                }
            }
            while let Some(change) = self.changes.try_recv() {
                self.take(change);
            }
            self.write_batch().await;
        }
    }

    fn take(&mut self, change: SnapshotChange) {
        let SnapshotChange { call_id, snapshot } = change;
        if self.pending.len() >= PENDING_MAX && !self.pending.contains_key(&call_id) {
            return metrics::counter!("offhook_snapshots_dropped_total").increment(1);
        }
        self.pending.insert(call_id, snapshot);
    }

    async fn write_batch(&mut self) {
        let ids: Vec<String> = self.pending.keys().take(WRITE_BATCH_MAX).cloned().collect();
        let taken = ids.into_iter().filter_map(|id| self.pending.remove_entry(&id));
        let batch: Vec<SnapshotChange> =
            taken.map(|(call_id, snapshot)| SnapshotChange { call_id, snapshot }).collect();
        let written = tokio::time::timeout(WRITE_TIME_MAX, self.backend.write(&batch)).await;
        let late = |_| Err(BackendError("it takes too long".to_owned()));
        match written.unwrap_or_else(late) {
            Ok(()) => self.handle_written(batch.len()),
            Err(error) => {
                self.put_back(batch);
                self.handle_failure(&error).await;
            }
        }
    }

    fn handle_written(&mut self, count: usize) {
        metrics::counter!("offhook_snapshots_written_total").increment(count as u64);
        if self.pause != RETRY_PAUSE_MIN {
            tracing::info!("snapshots of calls are written again");
            metrics::gauge!("offhook_snapshots_up").set(1.0);
            self.pause = RETRY_PAUSE_MIN;
        }
    }

    /// What came meanwhile is newer.
    fn put_back(&mut self, batch: Vec<SnapshotChange>) {
        for SnapshotChange { call_id, snapshot } in batch {
            self.pending.entry(call_id).or_insert(snapshot);
        }
    }

    /// Pauses, and takes in what comes.
    async fn handle_failure(&mut self, error: &BackendError) {
        metrics::counter!("offhook_snapshot_retries_total").increment(1);
        metrics::gauge!("offhook_snapshots_up").set(0.0);
        let waiting = self.pending.len();
        tracing::warn!(%error, waiting, "snapshots of calls cannot be written");
        let until = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(RETRY_PAUSE_MAX);
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                change = self.changes.recv(), if !self.is_over => match change {
                    Some(change) => self.take(change),
                    None => self.is_over = true,
                },
            }
        }
    }
}
