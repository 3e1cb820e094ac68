use crate::store::to_sql;
use crate::{Store, StoreError};
use offhook_model::{CallRef, RecordingId, RecordingMark, RecordingRecord, RecordingState};
use sqlx::{FromRow, QueryBuilder, Sqlite, Transaction};
use std::path::PathBuf;

/// One row of `recordings`.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct RecordingRow {
    /// The recording's [`RecordingId`].
    pub id: String,
    /// The call; `None` for a conference.
    pub call_id: Option<String>,
    /// The number of the conference.
    pub conference: Option<String>,
    /// Who called.
    pub caller: Option<String>,
    /// The number as dialled.
    pub dialled: Option<String>,
    /// The file, relative to the folder of the recordings.
    pub path: String,
    /// When it began, milliseconds of Unix time.
    #[sqlx(rename = "started_at")]
    pub started_at_ms: i64,
    /// The word of its [`RecordingState`].
    pub state: String,
    /// Why it failed.
    pub failure: Option<String>,
    /// How long it plays, in seconds.
    pub seconds: f64,
    /// How long it is, in bytes, before encryption.
    pub bytes: i64,
    marks: String,
    /// Packets of speech that never reached the file.
    pub frames_dropped: i64,
    /// Whether the file is encrypted.
    pub encrypted: bool,
}

impl RecordingRow {
    /// Where it was paused and went on.
    #[must_use]
    pub fn marks(&self) -> Vec<RecordingMark> {
        serde_json::from_str(&self.marks).unwrap_or_default()
    }

    /// Whether there is nothing to be heard of it.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.state == RecordingState::Deleted.as_str()
    }

    /// Whether it is being made.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.state == RecordingState::Recording.as_str()
    }
}

/// Which recordings are asked for; what is `None` does not narrow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordingFilter {
    /// Recordings that began at this moment or later, milliseconds of Unix time.
    pub from_ms: Option<u64>,
    /// Recordings that began before this moment.
    pub to_ms: Option<u64>,
    /// Recordings of this call.
    pub call: Option<CallRef>,
    /// Recordings of calls that this number placed or that were placed to it, and of its conference.
    pub number: Option<String>,
    /// Recordings in this state. Without it all but the deleted ones.
    pub state: Option<RecordingState>,
    /// Recordings before this one, in the order of [`Store::recordings`].
    pub cursor: Option<RecordingId>,
}

impl Store {
    /// Recordings, the latest first, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recordings(
        &self,
        filter: &RecordingFilter,
        limit: u32,
    ) -> Result<Vec<RecordingRow>, StoreError> {
        let mut query = QueryBuilder::new("SELECT * FROM recordings WHERE ");
        match filter.state {
            Some(state) => query.push("state = ").push_bind(state.as_str()),
            None => query.push("state <> ").push_bind(RecordingState::Deleted.as_str()),
        };
        narrow(&mut query, filter);
        query.push(" ORDER BY started_at DESC, id DESC LIMIT ").push_bind(limit);
        Ok(query.build_query_as().fetch_all(self.pool()).await?)
    }

    /// The recordings of a call in the order in which they began, the deleted ones among them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recordings_of(&self, call: &CallRef) -> Result<Vec<RecordingRow>, StoreError> {
        let rows =
            sqlx::query_as("SELECT * FROM recordings WHERE call_id = ? ORDER BY started_at, id")
                .bind(call.as_str())
                .fetch_all(self.pool())
                .await?;
        Ok(rows)
    }

    /// One recording.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recording(&self, id: &RecordingId) -> Result<Option<RecordingRow>, StoreError> {
        let row = sqlx::query_as("SELECT * FROM recordings WHERE id = ?")
            .bind(id.as_str())
            .fetch_optional(self.pool())
            .await?;
        Ok(row)
    }

    /// Notes that the file of a recording is gone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_recording_deleted(&self, id: &RecordingId) -> Result<(), StoreError> {
        sqlx::query("UPDATE recordings SET state = 'deleted' WHERE id = ?")
            .bind(id.as_str())
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// No recording outlives the process that makes it: what a start finds was cut short.
    pub(crate) async fn end_interrupted_recordings(&self) -> Result<(), StoreError> {
        sqlx::query("UPDATE recordings SET state = 'interrupted' WHERE state = 'recording'")
            .execute(self.pool())
            .await?;
        Ok(())
    }
}

fn narrow(query: &mut QueryBuilder<Sqlite>, filter: &RecordingFilter) {
    if let Some(from) = filter.from_ms {
        query.push(" AND started_at >= ").push_bind(to_sql(from));
    }
    if let Some(to) = filter.to_ms {
        query.push(" AND started_at < ").push_bind(to_sql(to));
    }
    if let Some(call) = &filter.call {
        query.push(" AND call_id = ").push_bind(call.as_str().to_owned());
    }
    if let Some(number) = &filter.number {
        query.push(" AND (caller = ").push_bind(number.clone());
        query.push(" OR dialled = ").push_bind(number.clone());
        query.push(" OR conference = ").push_bind(number.clone()).push(")");
    }
    if let Some(cursor) = &filter.cursor {
        query.push(" AND (started_at, id) < (SELECT started_at, id FROM recordings WHERE id = ");
        query.push_bind(cursor.as_str().to_owned()).push(")");
    }
}

/// Writes what is known of a recording. One whose end is known stays as it is, so that a write whose outcome
/// is unknown can be repeated.
pub(crate) async fn upsert_recording(
    transaction: &mut Transaction<'_, Sqlite>,
    record: &RecordingRecord,
) -> Result<(), StoreError> {
    let summary = &record.summary;
    let marks = serde_json::to_string(&summary.marks)
        .map_err(|error| StoreError::Refused(error.to_string()))?;
    sqlx::query(
        "INSERT INTO recordings (id, call_id, leg, conference, caller, dialled, path, started_at, state,
         failure, seconds, bytes, marks, frames_dropped, encrypted)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET path = excluded.path, state = excluded.state,
         failure = excluded.failure, seconds = excluded.seconds, bytes = excluded.bytes,
         marks = excluded.marks, frames_dropped = excluded.frames_dropped, encrypted = excluded.encrypted
         WHERE recordings.state = 'recording'",
    )
    .bind(record.id.as_str())
    .bind(record.call.as_ref().map(CallRef::as_str))
    .bind(record.leg.map(|leg| leg.0.to_string()))
    .bind(&record.conference)
    .bind(&record.caller)
    .bind(&record.dialled)
    .bind(summary.path.to_string_lossy())
    .bind(to_sql(record.started_at_ms))
    .bind(record.state.as_str())
    .bind(&record.failure)
    .bind(summary.seconds)
    .bind(to_sql(summary.bytes))
    .bind(marks)
    .bind(to_sql(summary.frames_dropped))
    .bind(summary.is_encrypted)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Notes that files are gone.
pub(crate) async fn expire_recordings(
    transaction: &mut Transaction<'_, Sqlite>,
    paths: &[PathBuf],
) -> Result<(), StoreError> {
    for path in paths {
        sqlx::query("UPDATE recordings SET state = 'deleted' WHERE path = ?")
            .bind(path.to_string_lossy())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}
