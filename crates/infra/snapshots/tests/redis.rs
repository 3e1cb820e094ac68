//! A real Redis, Debian's, on a socket of its own.

use offhook_bus::{CallSnapshot, SnapshotChange, queue};
use offhook_snapshots::{Backend, Redis, RedisUrl, SnapshotWriter};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const LIFETIME: Duration = Duration::from_secs(60);
/// How long anything may take before its test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

struct Server {
    child: Child,
    folder: TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let child = run(folder.path().join("redis.sock"));
        Self { child, folder }
    }

    fn stop(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it has ended");
    }

    fn start_again(&mut self) {
        self.child = run(self.folder.path().join("redis.sock"));
    }

    fn backend(&self, prefix: &str, lifetime: Duration) -> Redis {
        let url = format!("unix://{}", self.folder.path().join("redis.sock").display());
        let url = RedisUrl::try_from(url).expect("an address");
        Redis::new(&url, prefix.to_owned(), lifetime).expect("an address")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been stopped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Without a port and without a file, so that it meets nobody.
fn run(socket: PathBuf) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]).arg(socket);
    command.stdout(Stdio::null()).spawn().expect("Debian's redis-server is installed")
}

fn change(call_id: &str, text: Option<&str>) -> SnapshotChange {
    let snapshot = text.map(|text| CallSnapshot(text.to_owned()));
    SnapshotChange { call_id: call_id.to_owned(), snapshot }
}

/// Writes as soon as the server answers; there is no event for that.
async fn write(redis: &Redis, changes: &[SnapshotChange]) {
    let begun = std::time::Instant::now();
    while let Err(error) = redis.write(changes).await {
        assert!(begun.elapsed() < PATIENCE, "{error}");
        tokio::task::yield_now().await;
    }
}

async fn loaded(redis: &Redis) -> Vec<(String, String)> {
    let loaded = redis.load().await.expect("Redis answers");
    let mut loaded: Vec<_> = loaded.into_iter().map(|(id, text)| (id, text.0)).collect();
    loaded.sort();
    loaded
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect()
}

#[tokio::test]
async fn what_is_written_is_loaded_and_what_is_forgotten_is_not() {
    let server = Server::start();
    let redis = server.backend("offhook:[a]*:", LIFETIME);
    let odd = "call \u{e9}\n@[::1]*";
    let changes = [change(odd, Some("one")), change("b", Some("two")), change("c", Some("three"))];
    write(&redis, &changes).await;
    let changes = [change("b", None), change("c", Some("four")), change("never", None)];
    redis.write(&changes).await.expect("Redis answers");
    assert_eq!(loaded(&redis).await, pairs(&[("c", "four"), (odd, "one")]));
}

#[tokio::test]
async fn each_prefix_has_its_own_calls() {
    let server = Server::start();
    let (one, other) = (server.backend("1:", LIFETIME), server.backend("?:", LIFETIME));
    write(&one, &[change("a", Some("of one"))]).await;
    write(&other, &[change("a", Some("of the other"))]).await;
    assert_eq!(loaded(&one).await, pairs(&[("a", "of one")]));
    assert_eq!(loaded(&other).await, pairs(&[("a", "of the other")]));
}

#[tokio::test]
async fn many_calls_are_all_loaded() {
    let server = Server::start();
    let redis = server.backend("x:", LIFETIME);
    let changes: Vec<_> =
        (0..2_500).map(|number| change(&format!("{number:04}"), Some("text"))).collect();
    write(&redis, &changes).await;
    assert_eq!(loaded(&redis).await.len(), 2_500);
}

#[tokio::test]
async fn what_is_not_renewed_vanishes() {
    let server = Server::start();
    let redis = server.backend("x:", Duration::from_secs(1));
    write(&redis, &[change("a", Some("text"))]).await;
    let begun = std::time::Instant::now();
    while !loaded(&redis).await.is_empty() {
        assert!(begun.elapsed() < PATIENCE, "it stays");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_redis_that_was_away_is_written_to_when_it_is_back() {
    let mut server = Server::start();
    let (outbox, inbox) = queue(16);
    write(&server.backend("x:", LIFETIME), &[change("first", Some("text"))]).await;
    let writer = SnapshotWriter::spawn(server.backend("x:", LIFETIME), inbox);
    server.stop();
    outbox.send(change("a", Some("old"))).expect("room");
    outbox.send(change("a", Some("new"))).expect("room");
    assert!(server.backend("x:", LIFETIME).load().await.is_err());
    server.start_again();
    let reader = server.backend("x:", LIFETIME);
    let begun = std::time::Instant::now();
    loop {
        let calls = reader.load().await.unwrap_or_default();
        if calls == [("a".to_owned(), CallSnapshot("new".to_owned()))] {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{calls:?}");
        tokio::task::yield_now().await;
    }
    drop(outbox);
    writer.stop().await;
}
