//! Redis, or what speaks its protocol.

use crate::{Backend, BackendError, RedisUrl};
use offhook_bus::{CallSnapshot, SnapshotChange};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, AsyncTypedCommands, Client, Pipeline, RedisError};
use std::time::Duration;
use tokio::sync::Mutex;

/// How long a connection or an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Keys that are asked for at once.
const SCAN_COUNT: usize = 1_000;

/// Snapshots in Redis, a key for each call, which vanishes by itself when it is not renewed.
#[derive(Debug)]
pub struct Redis {
    client: Client,
    prefix: String,
    lifetime: Duration,
    /// Made when it is needed, and again after an error.
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Redis {
    /// Keys begin with `prefix` and vanish `lifetime` after they were written last. Nothing is sent yet.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(url: &RedisUrl, prefix: String, lifetime: Duration) -> Result<Self, BackendError> {
        let client = Client::open(url.as_str()).map_err(failed)?;
        Ok(Self { client, prefix, lifetime, connection: Mutex::new(None) })
    }

    /// All that is kept, by call-ids.
    ///
    /// # Errors
    /// When Redis does not answer, or refuses.
    pub async fn load(&self) -> Result<Vec<(String, CallSnapshot)>, BackendError> {
        let mut connection = self.connected().await?;
        let keys = self.keys(&mut connection).await.map_err(failed)?;
        let mut calls = Vec::new();
        for keys in keys.chunks(SCAN_COUNT) {
            let values: Vec<Option<String>> = connection.mget(keys).await.map_err(failed)?;
            calls.extend(keys.iter().zip(values).filter_map(|(key, value)| {
                Some((key.strip_prefix(&self.prefix)?.to_owned(), CallSnapshot(value?)))
            }));
        }
        Ok(calls)
    }

    async fn keys(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> Result<Vec<String>, RedisError> {
        let pattern = format!("{}*", literally(&self.prefix));
        let mut keys = std::collections::BTreeSet::new();
        let mut cursor: u64 = 0;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(SCAN_COUNT);
            let (next, found): (u64, Vec<String>) = scan.query_async(connection).await?;
            keys.extend(found);
            if next == 0 {
                return Ok(keys.into_iter().collect());
            }
            cursor = next;
        }
    }

    async fn connected(&self) -> Result<MultiplexedConnection, BackendError> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = &*kept {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(ANSWER_TIMEOUT))
            .set_response_timeout(Some(ANSWER_TIMEOUT));
        let made = self.client.get_multiplexed_async_connection_with_config(&config).await;
        let made = made.map_err(failed)?;
        *kept = Some(made.clone());
        Ok(made)
    }

    fn order(&self, changes: &[SnapshotChange]) -> Pipeline {
        let mut order = redis::pipe();
        for change in changes {
            let key = format!("{}{}", self.prefix, change.call_id);
            match &change.snapshot {
                Some(CallSnapshot(value)) => {
                    order.set_ex(key, value, self.lifetime.as_secs()).ignore()
                }
                None => order.del(key).ignore(),
            };
        }
        order
    }
}

impl Backend for Redis {
    async fn write(&self, changes: &[SnapshotChange]) -> Result<(), BackendError> {
        let mut connection = self.connected().await?;
        let written: Result<(), RedisError> =
            self.order(changes).query_async(&mut connection).await;
        if written.is_err() {
            *self.connection.lock().await = None;
        }
        written.map_err(failed)
    }
}

/// A key in which no letter stands for others.
fn literally(prefix: &str) -> String {
    let mut pattern = String::new();
    for letter in prefix.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '^' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

/// What Redis answers may repeat what it was sent; its kind alone never does.
#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn failed(error: RedisError) -> BackendError {
    let kind = error.kind();
    match error.code() {
        Some(code) => BackendError(format!("Redis: {kind:?} ({code})")),
        None if error.is_io_error() => BackendError(format!("Redis: {error}")),
        None => BackendError(format!("Redis: {kind:?}")),
    }
}
