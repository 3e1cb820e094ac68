use crate::store::to_sql;
use crate::{Store, StoreError};
use offhook_acd::DayCounts;
use offhook_model::{AgentId, QueueId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How often the day's counts are written down. A process that is killed forgets at most so much.
pub const DAY_COUNTS_PERIOD: Duration = Duration::from_secs(5);

/// Writes the counts that `snapshot` gives, with the first moment of their day, until it is dropped. A
/// database that fails is tried again at the next period.
pub async fn mirror_day_counts(
    store: Store,
    snapshot: impl Fn() -> (u64, DayCounts) + Send,
    period: Duration,
) {
    let mut written = None;
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (day_ms, counts) = snapshot();
        if written.as_ref() == Some(&(day_ms, counts.clone())) {
            continue;
        }
        match store.set_day_counts(day_ms, &counts).await {
            Ok(()) => written = Some((day_ms, counts)),
            Err(error) => tracing::debug!(%error, "day_counts is behind"),
        }
    }
}

impl Store {
    /// The counts of a day, named by its first moment (milliseconds of Unix time).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn day_counts(&self, day_ms: u64) -> Result<DayCounts, StoreError> {
        let rows: Vec<(String, String, String)> =
            sqlx::query_as("SELECT kind, id, counts FROM day_counts WHERE day = ?")
                .bind(to_sql(day_ms))
                .fetch_all(self.pool())
                .await?;
        let mut all = DayCounts::default();
        for (kind, id, counts) in rows {
            if kind == "agent" {
                all.agents.insert(AgentId(id), read(&counts)?);
            } else {
                all.queues.insert(QueueId(id), read(&counts)?);
            }
        }
        Ok(all)
    }

    /// Puts the counts of a day in the place of what was written of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_day_counts(&self, day_ms: u64, all: &DayCounts) -> Result<(), StoreError> {
        let agents = all.agents.iter().map(|(id, counts)| ("agent", &id.0, text(counts)));
        let queues = all.queues.iter().map(|(id, counts)| ("queue", &id.0, text(counts)));
        let mut transaction = self.pool().begin_with("BEGIN IMMEDIATE").await?;
        for (kind, id, counts) in agents.chain(queues) {
            sqlx::query(
                "INSERT INTO day_counts (day, kind, id, counts) VALUES (?, ?, ?, ?)
                 ON CONFLICT (day, kind, id) DO UPDATE SET counts = excluded.counts",
            )
            .bind(to_sql(day_ms))
            .bind(kind)
            .bind(id)
            .bind(counts?)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Refused(error.to_string()))
}

fn text(counts: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(counts).map_err(|error| StoreError::Refused(error.to_string()))
}
