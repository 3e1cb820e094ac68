//! Records reach the database, also when it was locked for a while, and never hold up who sends them.

mod rig;

use futures_util::stream::{self, Stream, StreamExt};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use offhook_model::{CallRecord, LogEntry};
use offhook_store::{Flushed, HistoryFilter, RECORD_BATCH_MAX, RecordWriter, Store};
use rig::{Rig, record};
use sqlx::{Connection, SqliteConnection};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

fn queue() -> (mpsc::UnboundedSender<CallRecord>, impl Stream<Item = LogEntry> + Send) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let records = stream::unfold(receiver, |mut receiver: mpsc::UnboundedReceiver<_>| async move {
        receiver.recv().await.map(|record| (record, receiver))
    });
    (sender, records.map(|record| LogEntry::Call(Box::new(record))))
}

async fn count(store: &Store) -> usize {
    store.history(&HistoryFilter::default(), 1_000).await.expect("the test's own").calls.len()
}

/// Another process that holds the database.
async fn lock(rig: &Rig) -> SqliteConnection {
    let mut other = SqliteConnection::connect(&format!("sqlite://{}", rig.path().display()))
        .await
        .expect("the test's own");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.expect("the test's own");
    other
}

/// The recorder is of this thread, where the test and, on its runtime, the writer run.
fn recorder() -> (PrometheusRecorder, PrometheusHandle) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    (recorder, handle)
}

fn value(handle: &PrometheusHandle, name: &str) -> u64 {
    let text = handle.render();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name).and_then(|rest| rest.strip_prefix(' ')));
    line.and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// Lets the writer run until something is true.
async fn until(what: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !what() {
        assert!(Instant::now() < deadline, "it never came true");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_stop_writes_what_waits() {
    let (recorder, handle) = recorder();
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let rig = Rig::new().await;
    let (sender, records) = queue();
    let writer = RecordWriter::spawn(rig.store.clone(), records);
    let all = RECORD_BATCH_MAX + 10;
    for n in 1..=all as u64 {
        sender.send(record(n)).unwrap();
    }
    assert_eq!(writer.stop().await, Flushed { written: all as u64, lost: 0 });
    assert_eq!(count(&rig.store).await, all);
    assert_eq!(value(&handle, "offhook_call_records_written_total"), all as u64);
}

#[tokio::test]
async fn the_writer_ends_with_its_records() {
    let rig = Rig::new().await;
    let (sender, records) = queue();
    let writer = RecordWriter::spawn(rig.store.clone(), records);
    sender.send(record(1)).unwrap();
    drop(sender);
    assert_eq!(writer.stop().await.written, 1);
}

#[tokio::test]
async fn a_locked_database_is_tried_again_until_it_is_free() {
    let (recorder, handle) = recorder();
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let rig = Rig::new().await;
    let other = lock(&rig).await;
    let (sender, records) = queue();
    let writer = RecordWriter::spawn(rig.store.clone(), records);
    sender.send(record(1)).unwrap();
    until(|| value(&handle, "offhook_call_record_retries_total") >= 1).await;
    assert_eq!(count(&rig.store).await, 0);
    sender.send(record(2)).unwrap();
    other.close().await.unwrap();
    until(|| value(&handle, "offhook_call_records_written_total") == 2).await;
    assert_eq!(count(&rig.store).await, 2);
    assert_eq!(writer.stop().await, Flushed { written: 2, lost: 0 });
}

#[tokio::test]
async fn a_database_that_stays_locked_does_not_hold_up_a_stop() {
    let (recorder, handle) = recorder();
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let rig = Rig::new().await;
    let _other = lock(&rig).await;
    let (sender, records) = queue();
    let writer = RecordWriter::spawn(rig.store.clone(), records);
    // More than one batch: what is left is not tried again.
    let all = RECORD_BATCH_MAX as u64 * 20;
    for n in 1..=all {
        sender.send(record(n)).unwrap();
    }
    let start = Instant::now();
    assert_eq!(
        writer.stop_within(Duration::from_millis(200)).await,
        Flushed { written: 0, lost: all }
    );
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(value(&handle, "offhook_call_records_lost_total"), all);
}

#[tokio::test]
async fn a_record_that_is_refused_does_not_take_others_along() {
    let rig = Rig::new().await;
    let Store::Sqlite(pool) = &rig.store;
    let rule = "CREATE TRIGGER no_2 BEFORE INSERT ON call_logs WHEN NEW.started_at = 2000
                BEGIN SELECT RAISE(ABORT, 'not this one'); END";
    sqlx::query(rule).execute(pool).await.unwrap();
    let (sender, records) = queue();
    for n in 1..=3 {
        sender.send(record(n)).unwrap();
    }
    let writer = RecordWriter::spawn(rig.store.clone(), records);
    assert_eq!(writer.stop().await, Flushed { written: 2, lost: 1 });
    assert_eq!(count(&rig.store).await, 2);
}
