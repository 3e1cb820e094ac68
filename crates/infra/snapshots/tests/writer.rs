//! Snapshots on their way to a backend that is slow, down or well.

use metrics_exporter_prometheus::PrometheusBuilder;
use offhook_bus::{CallSnapshot, Outbox, SnapshotChange, queue};
use offhook_snapshots::{Backend, BackendError, SnapshotWriter};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long anything may take before its test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A backend that does one write for each permit, or fails while it is told to.
#[derive(Clone)]
struct Scripted {
    kept: Arc<Mutex<BTreeMap<String, String>>>,
    writes: Arc<Mutex<Vec<usize>>>,
    is_down: Arc<Mutex<bool>>,
    permits: Arc<Semaphore>,
}

impl Backend for Scripted {
    async fn write(&self, changes: &[SnapshotChange]) -> Result<(), BackendError> {
        self.permits.acquire().await.expect("the semaphore is open").forget();
        if *self.is_down.lock().expect("not poisoned") {
            return Err(BackendError("down".to_owned()));
        }
        self.writes.lock().expect("not poisoned").push(changes.len());
        let mut kept = self.kept.lock().expect("not poisoned");
        for change in changes {
            match &change.snapshot {
                Some(CallSnapshot(text)) => kept.insert(change.call_id.clone(), text.clone()),
                None => kept.remove(&change.call_id),
            };
        }
        Ok(())
    }
}

fn scripted(permits: usize) -> Scripted {
    Scripted {
        kept: Arc::default(),
        writes: Arc::default(),
        is_down: Arc::default(),
        permits: Arc::new(Semaphore::new(permits)),
    }
}

fn send(outbox: &Outbox<SnapshotChange>, call_id: &str, text: Option<&str>) {
    let snapshot = text.map(|text| CallSnapshot(text.to_owned()));
    outbox.send(SnapshotChange { call_id: call_id.to_owned(), snapshot }).expect("room");
}

async fn wait_until(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it does not come about");
        tokio::task::yield_now().await;
    }
}

fn kept(backend: &Scripted) -> Vec<(String, String)> {
    backend.kept.lock().expect("not poisoned").clone().into_iter().collect()
}

#[tokio::test]
async fn the_newest_snapshot_of_each_call_is_written_once() {
    let backend = scripted(0);
    let (outbox, inbox) = queue(64);
    let writer = SnapshotWriter::spawn(backend.clone(), inbox);
    for number in 0..10 {
        send(&outbox, "a", Some(&number.to_string()));
    }
    send(&outbox, "b", Some("gone"));
    send(&outbox, "b", None);
    backend.permits.add_permits(8);
    drop(outbox);
    writer.stop().await;
    assert_eq!(kept(&backend), [("a".to_owned(), "9".to_owned())]);
    assert_eq!(*backend.writes.lock().expect("not poisoned"), [2]);
}

#[tokio::test]
async fn a_backend_that_was_down_gets_what_is_newest_when_it_is_back() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let backend = scripted(100);
    *backend.is_down.lock().expect("not poisoned") = true;
    let (outbox, inbox) = queue(64);
    let writer = SnapshotWriter::spawn(backend.clone(), inbox);
    send(&outbox, "a", Some("old"));
    wait_until(|| metrics.render().contains("offhook_snapshots_up 0")).await;
    send(&outbox, "a", Some("new"));
    *backend.is_down.lock().expect("not poisoned") = false;
    wait_until(|| metrics.render().contains("offhook_snapshots_up 1")).await;
    assert_eq!(kept(&backend), [("a".to_owned(), "new".to_owned())]);
    let rendered = metrics.render();
    assert!(rendered.contains("offhook_snapshots_written_total 1"), "{rendered}");
    let retries = rendered.lines().find(|line| line.starts_with("offhook_snapshot_retries_total "));
    assert!(retries.is_some_and(|line| !line.ends_with(" 0")), "{rendered}");
    drop(outbox);
    writer.stop().await;
}

#[tokio::test]
async fn more_calls_than_may_wait_are_dropped_and_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let backend = scripted(1_000_000);
    *backend.is_down.lock().expect("not poisoned") = true;
    let (outbox, inbox) = queue(offhook_snapshots::PENDING_MAX + 10);
    let _writer = SnapshotWriter::spawn(backend, inbox);
    for number in 0..offhook_snapshots::PENDING_MAX + 5 {
        send(&outbox, &number.to_string(), Some("x"));
    }
    wait_until(|| metrics.render().contains("offhook_snapshots_dropped_total 5")).await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let backend = scripted(0);
    let (outbox, inbox) = queue(64);
    let writer = SnapshotWriter::spawn(backend.clone(), inbox);
    send(&outbox, "a", Some("x"));
    drop(outbox);
    let begun = Instant::now();
    writer.stop().await;
    assert!(begun.elapsed() >= offhook_snapshots::FLUSH_TIME_MAX);
    assert!(kept(&backend).is_empty());
}
