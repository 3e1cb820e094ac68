use crate::{QueueRecordRow, Store, StoreError};
use offhook_model::{AgentId, Directory, Party, QueueLogContext, queue_log_lines};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::MissedTickBehavior;

/// How often lines are added to the file.
pub const QUEUE_LOG_PERIOD: Duration = Duration::from_secs(2);
/// A record is written once it is so old: who has hung up is known by then.
const SETTLED_MS: u64 = 4_000;
/// The setting that says how far the file goes.
const POSITION: &str = "queue_log_position";

/// The records in the lines of Asterisk's `queue_log`. What an agent did is told of the queues that it
/// serves by this directory.
#[must_use]
pub fn queue_log_text(rows: &[QueueRecordRow], directory: &Directory) -> String {
    let mut text = String::new();
    for row in rows {
        let queues = row.record.agent.as_ref().map(|agent| queues_of(directory, agent));
        let context = QueueLogContext {
            joined_position: row.joined_position.and_then(|position| u64::try_from(position).ok()),
            hung_up_by: row.hung_up_by.as_deref().and_then(Party::parse),
            queues: &queues.unwrap_or_default(),
        };
        for line in queue_log_lines(&row.record, context) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

fn queues_of(directory: &Directory, agent: &AgentId) -> Vec<String> {
    let serves = |queue: &&offhook_model::Queue| queue.tiers.iter().any(|t| t.agent == *agent);
    directory.queues.values().filter(serves).map(|queue| queue.id.0.clone()).collect()
}

/// Adds what happens in queues to a file, in the lines of Asterisk's `queue_log`, until it is dropped. It goes
/// on where it stopped; lines that were being written when the process was killed may be there twice.
pub async fn write_queue_log(
    store: Store,
    path: PathBuf,
    directory: impl Fn() -> Arc<Directory> + Send,
    now_ms: impl Fn() -> u64 + Send,
) {
    let mut ticks = tokio::time::interval(QUEUE_LOG_PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let until_ms = now_ms().saturating_sub(SETTLED_MS);
        if let Err(error) = store.extend_queue_log(&path, &directory(), until_ms).await {
            tracing::warn!(%error, path = %path.display(), "the queue log cannot be written");
        }
    }
}

impl Store {
    /// Adds the records up to a moment that are not in the file yet; gives how many there were.
    ///
    /// # Errors
    /// When the database or the file fails.
    pub async fn extend_queue_log(
        &self,
        path: &Path,
        directory: &Directory,
        until_ms: u64,
    ) -> Result<usize, StoreError> {
        let mut written = 0;
        loop {
            let after = self.setting::<u64>(POSITION).await?.unwrap_or(0);
            let rows = self.queue_records((0, u64::MAX), after).await?;
            // In the order of the records, so that none that is written down late is passed over.
            let settled = rows.iter().take_while(|row| row.record.at_ms < until_ms).count();
            let Some(last) = rows[..settled].last() else { return Ok(written) };
            append(path, &queue_log_text(&rows[..settled], directory)).await?;
            self.set_setting(POSITION, &last.position).await?;
            written += settled;
        }
    }
}

async fn append(path: &Path, text: &str) -> Result<(), StoreError> {
    let not_written = |error: std::io::Error| StoreError::NotWritable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let mut options = tokio::fs::OpenOptions::new();
    let mut file = options.append(true).create(true).open(path).await.map_err(not_written)?;
    file.write_all(text.as_bytes()).await.map_err(not_written)?;
    file.flush().await.map_err(not_written)
}
