use crate::{Store, StoreError};
use futures_util::future::FutureExt;
use futures_util::stream::{BoxStream, Fuse, Stream, StreamExt};
use offhook_model::LogEntry;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// The most records written in one transaction. Further ones wait in the queue that the records come from,
/// whose limit is the bus's; when that is full, its sender counts what it had to drop.
pub const RECORD_BATCH_MAX: usize = 256;
/// The first pause after a failed write; it doubles up to [`RETRY_PAUSE_MAX`].
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(100);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(10);
/// How long a stop may take to write what still waits.
pub const FLUSH_TIME_MAX: Duration = Duration::from_secs(5);

/// What a writer did in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flushed {
    /// Records written.
    pub written: u64,
    /// Records given up: the database refused them, or did not come back before the end.
    pub lost: u64,
}

/// The task that writes call records, so that no call waits for the database.
///
/// It writes what has gathered in one transaction, and while the database is locked, full or gone it tries
/// again with growing pauses, for as long as it runs.
#[derive(Debug)]
pub struct RecordWriter {
    task: JoinHandle<Flushed>,
    stopping: watch::Sender<Option<Duration>>,
}

impl RecordWriter {
    /// Starts the task on the current runtime. It ends by itself when `records` ends.
    pub fn spawn(store: Store, records: impl Stream<Item = LogEntry> + Send + 'static) -> Self {
        let (stopping, stop) = watch::channel(None);
        metrics::counter!("offhook_call_records_written_total").absolute(0);
        metrics::counter!("offhook_call_records_lost_total").absolute(0);
        metrics::counter!("offhook_call_record_retries_total").absolute(0);
        let writer = Writer {
            store,
            records: records.boxed().fuse(),
            stop,
            deadline: None,
            gave_up: false,
            done: Flushed::default(),
        };
        Self { task: tokio::spawn(writer.run()), stopping }
    }

    /// Writes what still waits, for at most [`FLUSH_TIME_MAX`], and ends the task.
    pub async fn stop(self) -> Flushed {
        self.stop_within(FLUSH_TIME_MAX).await
    }

    /// Writes what still waits for at most this long, and ends the task.
    pub async fn stop_within(self, time: Duration) -> Flushed {
        self.stopping.send_replace(Some(time));
        match self.task.await {
            Ok(flushed) => flushed,
            Err(error) => {
                tracing::error!(%error, "the record writer died");
                Flushed::default()
            }
        }
    }
}

struct Writer {
    store: Store,
    records: Fuse<BoxStream<'static, LogEntry>>,
    stop: watch::Receiver<Option<Duration>>,
    /// Set once a stop was asked for.
    deadline: Option<Instant>,
    /// Set once the database did not come back before the deadline.
    gave_up: bool,
    done: Flushed,
}

impl Writer {
    async fn run(mut self) -> Flushed {
        loop {
            let batch = self.next_batch().await;
            if batch.is_empty() {
                return self.done;
            }
            self.write(batch).await;
        }
    }

    /// Waits for a record and takes what has gathered behind it. Empty when the writer shall end.
    async fn next_batch(&mut self) -> Vec<LogEntry> {
        let first = if self.deadline.is_some() {
            self.waiting()
        } else {
            tokio::select! {
                record = self.records.next() => record,
                time = stopped(&mut self.stop) => {
                    self.deadline = Some(Instant::now() + time);
                    self.waiting()
                }
            }
        };
        let mut batch: Vec<LogEntry> = first.into_iter().collect();
        while !batch.is_empty() && batch.len() < RECORD_BATCH_MAX {
            let Some(record) = self.waiting() else { break };
            batch.push(record);
        }
        batch
    }

    /// A record that is there already. Without `unconstrained`, tokio's budget would make a long queue look
    /// empty.
    fn waiting(&mut self) -> Option<LogEntry> {
        tokio::task::unconstrained(self.records.next()).now_or_never().flatten()
    }

    /// Writes the batch, and where the database refuses it, each record by itself, so that one that is
    /// refused does not take the others along.
    async fn write(&mut self, batch: Vec<LogEntry>) {
        match self.settle(&batch).await {
            Settled::Refused(_) if batch.len() > 1 => {
                for record in batch {
                    let settled = self.settle(std::slice::from_ref(&record)).await;
                    self.count(1, settled);
                }
            }
            settled => self.count(batch.len(), settled),
        }
    }

    /// Tries until the records are written or refused, or the time of a stop is over.
    async fn settle(&mut self, records: &[LogEntry]) -> Settled {
        let mut pause = RETRY_PAUSE_MIN;
        while !self.gave_up {
            match self.store.write_entries(records).await {
                Ok(()) => return Settled::Written,
                Err(error) if !error.is_passing() => return Settled::Refused(error),
                Err(error) => {
                    metrics::counter!("offhook_call_record_retries_total").increment(1);
                    tracing::warn!(%error, waiting = records.len(), "call records cannot be written");
                }
            }
            self.gave_up = !self.pause(pause).await;
            pause = (pause * 2).min(RETRY_PAUSE_MAX);
        }
        Settled::GivenUp
    }

    /// Waits before the next try, shorter when a stop is asked for; says whether there shall be one.
    async fn pause(&mut self, pause: Duration) -> bool {
        if self.deadline.is_none() {
            tokio::select! {
                () = tokio::time::sleep(pause) => return true,
                time = stopped(&mut self.stop) => self.deadline = Some(Instant::now() + time),
            }
            return true;
        }
        let left = self
            .deadline
            .map_or(Duration::ZERO, |end| end.saturating_duration_since(Instant::now()));
        tokio::time::sleep(pause.min(left)).await;
        !left.is_zero()
    }

    fn count(&mut self, records: usize, settled: Settled) {
        let records = records as u64;
        match settled {
            Settled::Written => {
                self.done.written += records;
                metrics::counter!("offhook_call_records_written_total").increment(records);
                return;
            }
            Settled::Refused(error) => tracing::error!(%error, records, "call records are lost"),
            Settled::GivenUp => {
                tracing::error!(records, "call records are lost: the time to stop is over")
            }
        }
        self.done.lost += records;
        metrics::counter!("offhook_call_records_lost_total").increment(records);
    }
}

/// What became of records.
enum Settled {
    Written,
    Refused(StoreError),
    GivenUp,
}

/// Returns when a stop is asked for, with the time it may take. A writer whose handle was dropped goes on
/// until its records end.
async fn stopped(stop: &mut watch::Receiver<Option<Duration>>) -> Duration {
    let told = stop.wait_for(Option::is_some).await.ok().and_then(|time| *time);
    match told {
        Some(time) => time,
        None => std::future::pending().await,
    }
}
