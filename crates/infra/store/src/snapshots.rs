//! What is kept of calls for the process after this one.

use crate::store::{now_ms, to_sql};
use crate::{Store, StoreError};
use std::time::Duration;

impl Store {
    /// Puts snapshots of calls, by their call-ids, in the place of earlier ones; those without a text are
    /// removed. All of them or none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn write_call_snapshots<'a>(
        &self,
        changes: impl IntoIterator<Item = (&'a str, Option<&'a str>)> + Send,
    ) -> Result<(), StoreError> {
        let changes: Vec<_> = changes.into_iter().collect();
        let mut transaction = self.pool().begin_with("BEGIN IMMEDIATE").await?;
        for (call_id, value) in changes {
            let query = match value {
                Some(value) => sqlx::query(
                    "INSERT INTO call_snapshots (call_id, value, saved_at) VALUES (?, ?, ?)
                     ON CONFLICT (call_id) DO UPDATE SET
                     value = excluded.value, saved_at = excluded.saved_at",
                )
                .bind(call_id)
                .bind(value)
                .bind(now_ms()),
                None => sqlx::query("DELETE FROM call_snapshots WHERE call_id = ?").bind(call_id),
            };
            query.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The snapshots of calls that are not older than this; older ones are removed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn call_snapshots(
        &self,
        age_max: Duration,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let age_ms = to_sql(u64::try_from(age_max.as_millis()).unwrap_or(u64::MAX));
        let oldest = now_ms().saturating_sub(age_ms);
        sqlx::query("DELETE FROM call_snapshots WHERE saved_at < ?")
            .bind(oldest)
            .execute(self.pool())
            .await?;
        let rows = sqlx::query_as("SELECT call_id, value FROM call_snapshots ORDER BY saved_at")
            .fetch_all(self.pool())
            .await?;
        Ok(rows)
    }
}
