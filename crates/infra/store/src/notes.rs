use crate::queue_records::show_in_call;
use crate::store::now_ms;
use crate::{Store, StoreError};
use offhook_model::CallRef;
use sqlx::FromRow;

/// What an agent writes of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default, FromRow)]
pub struct CallNotes {
    /// In its own words.
    pub notes: Option<String>,
    /// What came of it.
    pub disposition: Option<String>,
}

impl Store {
    /// Writes what came of a call, while it goes on or afterwards; what is `None` stays as it was.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_call_notes(
        &self,
        call: &CallRef,
        notes: &CallNotes,
        username: &str,
    ) -> Result<(), StoreError> {
        let mut transaction = self.pool().begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query(
            "INSERT INTO call_notes (call_id, notes, disposition, username, changed_at)
             VALUES (?, ?, ?, ?, ?) ON CONFLICT (call_id) DO UPDATE SET
             notes = coalesce(excluded.notes, notes),
             disposition = coalesce(excluded.disposition, disposition),
             username = excluded.username, changed_at = excluded.changed_at",
        )
        .bind(call.as_str())
        .bind(&notes.notes)
        .bind(&notes.disposition)
        .bind(username)
        .bind(now_ms())
        .execute(&mut *transaction)
        .await?;
        show_in_call(&mut transaction, call).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// What was written of a call.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn call_notes(&self, call: &CallRef) -> Result<CallNotes, StoreError> {
        let notes = sqlx::query_as("SELECT notes, disposition FROM call_notes WHERE call_id = ?")
            .bind(call.as_str())
            .fetch_optional(self.pool())
            .await?;
        Ok(notes.unwrap_or_default())
    }
}
