//! What happened in queues, as it is written down and exported.

use crate::store::{from_sql, to_sql};
use crate::{Store, StoreError};
use offhook_model::{AgentId, CallRef, QueueId, QueueRecord, QueueStep, WaitingCallback};
use sqlx::{FromRow, QueryBuilder, Sqlite, Transaction};
use std::collections::HashSet;

/// The most queue records of one page.
pub const QUEUE_RECORDS_PAGE_MAX: u32 = 1_000;

/// A caller's stay in a queue. Moments are milliseconds of Unix time, durations milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct QueueStay {
    /// The queue.
    pub queue: String,
    /// The caller's number.
    pub number: Option<String>,
    /// When it joined.
    #[sqlx(rename = "joined_at")]
    pub joined_at_ms: i64,
    /// Its position at that moment, from 1.
    pub joined_position: Option<i64>,
    /// How often it was offered to an agent.
    pub offers: i64,
    /// Whether a callback took its place.
    pub is_callback: bool,
    /// `answered`, `abandoned`, `overflowed`, `transferred_out`, or `interrupted` when the process ended
    /// meanwhile; `None` while it waits.
    pub outcome: Option<String>,
    /// Why it was sent on; `short` when it hung up at once.
    pub reason: Option<String>,
    /// Who has answered.
    pub agent: Option<String>,
    /// How long it has waited.
    pub waited_ms: Option<i64>,
    /// How long the agent who has answered was rung.
    pub rang_ms: Option<i64>,
    /// How long the agent has talked.
    pub talk_ms: Option<i64>,
    /// How long the agent had the caller on hold.
    pub hold_ms: Option<i64>,
}

/// Something that happened in a queue, with what exports say beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRecordRow {
    /// Its place among all.
    pub position: u64,
    /// What happened.
    pub record: QueueRecord,
    /// The caller's position when it joined.
    pub joined_position: Option<i64>,
    /// Who has hung up, once the call has ended.
    pub hung_up_by: Option<String>,
}

#[derive(FromRow)]
struct Row {
    position: i64,
    id: String,
    at: i64,
    call_id: Option<String>,
    entry: Option<i64>,
    queue: Option<String>,
    agent: Option<String>,
    details: String,
    joined_position: Option<i64>,
    hung_up_by: Option<String>,
}

impl Row {
    fn into_record(self) -> Result<QueueRecordRow, StoreError> {
        let step = serde_json::from_str(&self.details)
            .map_err(|error| StoreError::Refused(format!("queue record {}: {error}", self.id)))?;
        Ok(QueueRecordRow {
            position: from_sql(self.position),
            record: QueueRecord {
                id: self.id,
                at_ms: from_sql(self.at),
                call: self.call_id.as_deref().and_then(CallRef::parse),
                entry: self.entry.map(from_sql),
                queue: self.queue.map(QueueId),
                agent: self.agent.map(AgentId),
                step,
            },
            joined_position: self.joined_position,
            hung_up_by: self.hung_up_by,
        })
    }
}

impl Store {
    /// What happened in queues from one moment to another (milliseconds of Unix time), in the order in which
    /// it was written down, after a position: at most [`QUEUE_RECORDS_PAGE_MAX`] of it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn queue_records(
        &self,
        (from_ms, to_ms): (u64, u64),
        after: u64,
    ) -> Result<Vec<QueueRecordRow>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT e.position, e.id, e.at, e.call_id, e.entry, e.queue, e.agent, e.details,
             s.joined_position, c.hung_up_by
             FROM queue_events e
             LEFT JOIN call_queue_steps s ON s.call_id = e.call_id AND s.entry = e.entry
             LEFT JOIN call_logs c ON c.id = e.call_id
             WHERE e.position > ? AND e.at >= ? AND e.at < ? ORDER BY e.position LIMIT ?",
        )
        .bind(to_sql(after))
        .bind(to_sql(from_ms))
        .bind(to_sql(to_ms))
        .bind(QUEUE_RECORDS_PAGE_MAX)
        .fetch_all(self.pool())
        .await?;
        rows.into_iter().map(Row::into_record).collect()
    }

    /// A call's stays in queues, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn queue_stays(&self, call: &CallRef) -> Result<Vec<QueueStay>, StoreError> {
        let stays =
            sqlx::query_as("SELECT * FROM call_queue_steps WHERE call_id = ? ORDER BY position")
                .bind(call.as_str())
                .fetch_all(self.pool())
                .await?;
        Ok(stays)
    }

    /// Callers who waited when the process ended wait no longer. Callbacks do.
    pub(crate) async fn end_interrupted_stays(&self) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE call_queue_steps SET outcome = 'interrupted'
             WHERE outcome IS NULL AND is_callback = 0",
        )
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// The callbacks that waited when an earlier process ended, the first to have joined first. They are
    /// given once: their stays are over, and those that they begin in this process take their place.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_callbacks(&self) -> Result<Vec<WaitingCallback>, StoreError> {
        let mut rows: Vec<(String, Option<String>, i64)> = sqlx::query_as(
            "UPDATE call_queue_steps SET outcome = 'interrupted'
             WHERE outcome IS NULL AND is_callback = 1 RETURNING queue, number, joined_at",
        )
        .fetch_all(self.pool())
        .await?;
        rows.sort_by_key(|(_, _, joined_at)| *joined_at);
        let callback = |(queue, number, joined_at): (String, Option<String>, i64)| {
            let (queue, number) = (QueueId(queue), number?);
            Some(WaitingCallback { queue, number, joined_at_ms: from_sql(joined_at) })
        };
        Ok(rows.into_iter().filter_map(callback).collect())
    }
}

/// Records in one statement.
const INSERT_MAX: usize = 256;

/// Writes down what happened in queues. What is there already stays as it is.
pub(crate) async fn write_queue_records(
    transaction: &mut Transaction<'_, Sqlite>,
    records: &[&QueueRecord],
) -> Result<(), StoreError> {
    for some in records.chunks(INSERT_MAX) {
        let mut new = insert_events(transaction, some).await?;
        for record in some {
            // An id that comes twice among these counts once.
            let is_new = new.remove(&record.id);
            if let (Some(call), Some(entry), true) = (&record.call, record.entry, is_new) {
                write_stay(transaction, record, call, entry).await?;
            }
        }
    }
    Ok(())
}

/// Gives the ids of the records that were not there.
async fn insert_events(
    transaction: &mut Transaction<'_, Sqlite>,
    records: &[&QueueRecord],
) -> Result<HashSet<String>, StoreError> {
    let details = records.iter().map(|record| serde_json::to_string(&record.step));
    let details: Result<Vec<_>, _> = details.collect();
    let details = details.map_err(|error| StoreError::Refused(error.to_string()))?;
    let mut query = QueryBuilder::new(
        "INSERT INTO queue_events (id, at, call_id, entry, queue, agent, step, details) ",
    );
    query.push_values(records.iter().zip(details), |mut row, (record, details)| {
        row.push_bind(record.id.clone())
            .push_bind(to_sql(record.at_ms))
            .push_bind(record.call.as_ref().map(|call| call.as_str().to_owned()))
            .push_bind(record.entry.map(to_sql))
            .push_bind(record.queue.as_ref().map(|queue| queue.0.clone()))
            .push_bind(record.agent.as_ref().map(|agent| agent.0.clone()))
            .push_bind(record.step.as_str())
            .push_bind(details);
    });
    query.push(" ON CONFLICT (id) DO NOTHING RETURNING id");
    let new: Vec<String> = query.build_query_scalar().fetch_all(&mut **transaction).await?;
    Ok(new.into_iter().collect())
}

/// What a record changes of its stay; what is `None` stays as it was.
#[derive(Default)]
struct Change {
    outcome: Option<&'static str>,
    reason: Option<&'static str>,
    agent: Option<String>,
    within_sl: Option<bool>,
    waited_ms: Option<u64>,
    rang_ms: Option<u64>,
    talk_ms: Option<u64>,
    hold_ms: Option<u64>,
    offers: i64,
    is_callback: bool,
    number: Option<String>,
}

impl Change {
    fn of(record: &QueueRecord) -> Option<Self> {
        let ended = |outcome, waited_ms: u64| Self {
            outcome: Some(outcome),
            waited_ms: Some(waited_ms),
            ..Self::default()
        };
        let agent = || record.agent.as_ref().map(|agent| agent.0.clone());
        Some(match record.step {
            QueueStep::Joined { .. } => Self::default(),
            QueueStep::Offered { .. } => Self { offers: 1, ..Self::default() },
            QueueStep::Answered { waited_ms, rang_ms, is_callback, within_service_level } => Self {
                agent: agent(),
                rang_ms: Some(rang_ms),
                within_sl: Some(within_service_level),
                is_callback,
                ..ended("answered", waited_ms)
            },
            QueueStep::Completed { talk_ms, hold_ms, .. } => {
                Self { talk_ms: Some(talk_ms), hold_ms: Some(hold_ms), ..Self::default() }
            }
            QueueStep::Abandoned { waited_ms, is_short, .. } => {
                Self { reason: is_short.then_some("short"), ..ended("abandoned", waited_ms) }
            }
            QueueStep::Overflowed { waited_ms, why, .. } => {
                Self { reason: Some(why.as_str()), ..ended("overflowed", waited_ms) }
            }
            QueueStep::TransferredOut { waited_ms, .. } => ended("transferred_out", waited_ms),
            QueueStep::CallbackTaken { ref number, .. } => {
                Self { is_callback: true, number: Some(number.clone()), ..Self::default() }
            }
            QueueStep::CallbackPlaced { .. }
            | QueueStep::CallbackFailed { .. }
            | QueueStep::OfferEnded { .. }
            | QueueStep::PositionChanged { .. }
            | QueueStep::AgentState { .. } => return None,
        })
    }
}

async fn write_stay(
    transaction: &mut Transaction<'_, Sqlite>,
    record: &QueueRecord,
    call: &CallRef,
    entry: u64,
) -> Result<(), StoreError> {
    let Some(change) = Change::of(record) else { return Ok(()) };
    if matches!(record.step, QueueStep::Joined { .. }) {
        return open_stay(transaction, record, call, entry).await;
    }
    if !change_stay(transaction, &change, call, entry).await? {
        open_stay(transaction, record, call, entry).await?;
        change_stay(transaction, &change, call, entry).await?;
    }
    match change.outcome {
        Some(_) => show_in_call(transaction, call).await,
        None => Ok(()),
    }
}

/// Says whether there is such a stay.
async fn change_stay(
    transaction: &mut Transaction<'_, Sqlite>,
    change: &Change,
    call: &CallRef,
    entry: u64,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE call_queue_steps SET outcome = coalesce(?, outcome), reason = coalesce(?, reason),
         agent = coalesce(?, agent), within_sl = coalesce(?, within_sl),
         waited_ms = coalesce(?, waited_ms), rang_ms = coalesce(?, rang_ms),
         talk_ms = coalesce(?, talk_ms), hold_ms = coalesce(?, hold_ms),
         offers = offers + ?, is_callback = max(is_callback, ?),
         number = coalesce(?, number) WHERE call_id = ? AND entry = ?",
    )
    .bind(change.outcome)
    .bind(change.reason)
    .bind(&change.agent)
    .bind(change.within_sl)
    .bind(change.waited_ms.map(to_sql))
    .bind(change.rang_ms.map(to_sql))
    .bind(change.talk_ms.map(to_sql))
    .bind(change.hold_ms.map(to_sql))
    .bind(change.offers)
    .bind(change.is_callback)
    .bind(&change.number)
    .bind(call.as_str())
    .bind(to_sql(entry))
    .execute(&mut **transaction)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Makes the stay's row, unless it is there: a record before this one may have been lost.
async fn open_stay(
    transaction: &mut Transaction<'_, Sqlite>,
    record: &QueueRecord,
    call: &CallRef,
    entry: u64,
) -> Result<(), StoreError> {
    let (number, position) = match &record.step {
        QueueStep::Joined { number, position } => (Some(number), Some(*position as u64)),
        _ => (None, None),
    };
    sqlx::query(
        "INSERT INTO call_queue_steps (call_id, entry, position, queue, number, joined_at, joined_position)
         SELECT ?, ?, (SELECT count(*) FROM call_queue_steps WHERE call_id = ?), ?, ?, ?, ?
         WHERE true ON CONFLICT (call_id, entry) DO NOTHING",
    )
    .bind(call.as_str())
    .bind(to_sql(entry))
    .bind(call.as_str())
    .bind(record.queue.as_ref().map(|queue| queue.0.as_str()).unwrap_or_default())
    .bind(number)
    .bind(to_sql(record.at_ms))
    .bind(position.map(to_sql))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Lets the call's row, if there is one yet, say in which queue it was and what was written of it.
pub(crate) async fn show_in_call(
    transaction: &mut Transaction<'_, Sqlite>,
    call: &CallRef,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE call_logs SET (queue, agent, wait_seconds) =
         (SELECT queue, agent, waited_ms / 1000.0 FROM call_queue_steps WHERE call_id = call_logs.id
          ORDER BY position DESC LIMIT 1),
         (notes, disposition) = (SELECT notes, disposition FROM call_notes WHERE call_id = call_logs.id)
         WHERE id = ?",
    )
    .bind(call.as_str())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
