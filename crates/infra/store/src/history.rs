use crate::store::{from_sql, to_sql};
use crate::{Store, StoreError};
use offhook_model::{AgentId, CallRef, Direction, LegId, LegRecord, StreamReport};
use sqlx::{FromRow, QueryBuilder, Sqlite};

/// The most calls on one page.
pub const HISTORY_LIMIT_MAX: u32 = 1_000;

/// One row of `call_logs`. Durations are seconds, moments milliseconds of Unix time.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct CallRow {
    /// The call's [`CallRef`].
    pub id: String,
    /// Who called: number or user name.
    pub caller: String,
    /// The caller's display name, when it gave one.
    pub caller_name: Option<String>,
    /// The number as dialled.
    pub dialled: String,
    /// Who answered.
    pub answered_by: Option<String>,
    /// When the call came in.
    #[sqlx(rename = "started_at")]
    pub started_at_ms: i64,
    /// When it was answered.
    #[sqlx(rename = "answered_at")]
    pub answered_at_ms: Option<i64>,
    /// When it ended.
    #[sqlx(rename = "ended_at")]
    pub ended_at_ms: i64,
    /// From the call's coming to its answer or end.
    pub ring_seconds: f64,
    /// From the answer to the end.
    pub talk_seconds: f64,
    /// Why it ended: a cause of Q.850.
    pub hangup_cause: u8,
    /// The cause's name.
    pub hangup_cause_name: String,
    /// The SIP status of a call that was refused.
    pub sip_status: Option<u16>,
    /// `caller`, `callee` or `system`.
    pub hung_up_by: String,
    /// The codec received from the caller.
    pub caller_codec: Option<String>,
    /// The codec received from who answered.
    pub callee_codec: Option<String>,
    /// Packets lost on all legs.
    pub packets_lost: Option<i64>,
    /// Loss in percent of the worse direction.
    pub loss_percent: Option<f64>,
    /// Jitter of the worse direction.
    pub jitter_ms: Option<f64>,
    /// Mean opinion score of the worse direction.
    pub mos: Option<f64>,
    /// Why a party was not heard: the word of [`offhook_model::AudioVerdict`]. `None` when all were.
    pub verdict: Option<String>,
    /// The place of that party's leg among the call's.
    pub verdict_leg: Option<i64>,
    /// What was seen.
    pub verdict_evidence: Option<String>,
    /// What to change.
    pub verdict_advice: Option<String>,
    recordings: String,
    /// The queue of its last stay in one.
    pub queue: Option<String>,
    /// Who has answered there.
    pub agent: Option<String>,
    /// How long it waited there.
    pub wait_seconds: Option<f64>,
    /// What the agent wrote of it.
    pub notes: Option<String>,
    /// What came of it.
    pub disposition: Option<String>,
    /// What the caller thinks of it, 1 to 5.
    pub stars: Option<i64>,
}

/// The rows of calls.
const SELECT: &str = "SELECT call_logs.*,
    (SELECT stars FROM call_ratings WHERE call_id = call_logs.id) AS stars FROM call_logs";
/// One of them.
const ONE: &str = "SELECT call_logs.*, call_ratings.stars FROM call_logs
    LEFT JOIN call_ratings ON call_id = id WHERE id = ?";

impl CallRow {
    /// The names of its recordings, in the order in which they began.
    pub fn recordings(&self) -> impl Iterator<Item = &str> {
        self.recordings.split_ascii_whitespace()
    }
}

/// A call with its legs.
#[derive(Debug, Clone, PartialEq)]
pub struct CallDetail {
    /// The row.
    pub call: CallRow,
    /// The legs, the caller's first.
    pub legs: Vec<LegRecord>,
}

/// Where a page of the history ended: the next one begins with the call before this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryCursor {
    started_at_ms: i64,
    id: String,
}

impl HistoryCursor {
    /// Reads what `Display` printed; `None` when it could not have.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (started_at, id) = text.split_once('-')?;
        let id = CallRef::parse(id)?;
        Some(Self { started_at_ms: started_at.parse().ok()?, id: id.as_str().to_owned() })
    }
}

impl std::fmt::Display for HistoryCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.started_at_ms, self.id)
    }
}

/// Somebody who takes calls.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// The agent, where it is one.
    pub agent: Option<AgentId>,
    /// The extension, where it has one.
    pub extension: Option<String>,
}

/// Which calls are asked for; what is `None` does not narrow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryFilter {
    /// Calls that came in at this moment or later, milliseconds of Unix time.
    pub from_ms: Option<u64>,
    /// Calls that came in before this moment.
    pub to_ms: Option<u64>,
    /// Calls of this caller.
    pub caller: Option<String>,
    /// Calls to this number.
    pub dialled: Option<String>,
    /// Calls that were answered, or those that were not.
    pub answered: Option<bool>,
    /// Calls in which this person took part.
    pub person: Option<Person>,
    /// Calls before this place.
    pub cursor: Option<HistoryCursor>,
}

/// Calls, the latest first.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryPage {
    /// The calls.
    pub calls: Vec<CallRow>,
    /// Where the next page begins, when there is one.
    pub next: Option<HistoryCursor>,
}

/// What the calls since a moment amount to. Means are over the calls where something was measured.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct DayFigures {
    /// Calls that came in and ended.
    pub calls: i64,
    /// Those that were answered.
    pub answered: i64,
    /// Seconds talked.
    pub talk_seconds: f64,
    /// Packets lost.
    pub packets_lost: i64,
    /// Mean of the calls' loss in percent.
    pub loss_percent: Option<f64>,
    /// Mean of the calls' jitter.
    pub jitter_ms: Option<f64>,
    /// Mean of the calls' mean opinion scores.
    pub mos: Option<f64>,
}

impl Store {
    /// One page of the calls that ended, the latest first; at most `limit` of them, which is held between 1
    /// and [`HISTORY_LIMIT_MAX`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn history(
        &self,
        filter: &HistoryFilter,
        limit: u32,
    ) -> Result<HistoryPage, StoreError> {
        let limit = limit.clamp(1, HISTORY_LIMIT_MAX);
        let mut query = QueryBuilder::new(format!("{SELECT} WHERE 1 = 1"));
        narrow(&mut query, filter);
        query.push(" ORDER BY started_at DESC, id DESC LIMIT ").push_bind(limit + 1);
        let mut calls: Vec<CallRow> = query.build_query_as().fetch_all(self.pool()).await?;
        let more = calls.len() > limit as usize;
        calls.truncate(limit as usize);
        let last = calls.last().filter(|_| more);
        let next = last
            .map(|call| HistoryCursor { started_at_ms: call.started_at_ms, id: call.id.clone() });
        Ok(HistoryPage { calls, next })
    }

    /// One call that ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn call(&self, call: &CallRef) -> Result<Option<CallDetail>, StoreError> {
        let row: Option<CallRow> =
            sqlx::query_as(ONE).bind(call.as_str()).fetch_optional(self.pool()).await?;
        let Some(call) = row else { return Ok(None) };
        let legs: Vec<LegRow> =
            sqlx::query_as("SELECT * FROM call_legs WHERE call_id = ? ORDER BY position")
                .bind(&call.id)
                .fetch_all(self.pool())
                .await?;
        Ok(Some(CallDetail { call, legs: legs.into_iter().map(LegRow::into_record).collect() }))
    }

    /// Whether a person took part in a call that ended, or took it from a queue.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn took_part(&self, call: &CallRef, person: &Person) -> Result<bool, StoreError> {
        let took = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM call_logs WHERE id = ?1 AND (caller = ?2 OR answered_by = ?2))
             OR EXISTS (SELECT 1 FROM call_queue_steps WHERE call_id = ?1 AND agent = ?3)",
        )
        .bind(call.as_str())
        .bind(&person.extension)
        .bind(person.agent.as_ref().map(|agent| &agent.0))
        .fetch_one(self.pool())
        .await?;
        Ok(took)
    }

    /// The call that an agent took from a queue last.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_call_of(&self, agent: &AgentId) -> Result<Option<CallRef>, StoreError> {
        let last: Option<String> = sqlx::query_scalar(
            "SELECT call_id FROM queue_events WHERE agent = ? AND step = 'answered'
             ORDER BY position DESC LIMIT 1",
        )
        .bind(&agent.0)
        .fetch_optional(self.pool())
        .await?;
        Ok(last.as_deref().and_then(CallRef::parse))
    }

    /// What the calls since a moment (milliseconds of Unix time) amount to.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn figures_since(&self, from_ms: u64) -> Result<DayFigures, StoreError> {
        let figures = sqlx::query_as(
            "SELECT count(*) AS calls, count(answered_at) AS answered,
             total(talk_seconds) AS talk_seconds, coalesce(sum(packets_lost), 0) AS packets_lost,
             avg(loss_percent) AS loss_percent, avg(jitter_ms) AS jitter_ms, avg(mos) AS mos
             FROM call_logs WHERE started_at >= ?",
        )
        .bind(to_sql(from_ms))
        .fetch_one(self.pool())
        .await?;
        Ok(figures)
    }
}

fn narrow(query: &mut QueryBuilder<Sqlite>, filter: &HistoryFilter) {
    if let Some(from) = filter.from_ms {
        query.push(" AND started_at >= ").push_bind(to_sql(from));
    }
    if let Some(to) = filter.to_ms {
        query.push(" AND started_at < ").push_bind(to_sql(to));
    }
    if let Some(caller) = &filter.caller {
        query.push(" AND caller = ").push_bind(caller.clone());
    }
    if let Some(dialled) = &filter.dialled {
        query.push(" AND dialled = ").push_bind(dialled.clone());
    }
    match filter.answered {
        Some(true) => query.push(" AND answered_at IS NOT NULL"),
        Some(false) => query.push(" AND answered_at IS NULL"),
        None => query,
    };
    if let Some(person) = &filter.person {
        narrow_to(query, person);
    }
    if let Some(cursor) = &filter.cursor {
        query.push(" AND (started_at, id) < (").push_bind(cursor.started_at_ms);
        query.push(", ").push_bind(cursor.id.clone()).push(")");
    }
}

/// Calls that the person placed or answered, or took from a queue.
fn narrow_to(query: &mut QueryBuilder<Sqlite>, person: &Person) {
    let agent = person.agent.as_ref().map(|agent| agent.0.clone());
    query.push(" AND (caller = ").push_bind(person.extension.clone());
    query.push(" OR answered_by = ").push_bind(person.extension.clone());
    query.push(" OR id IN (SELECT call_id FROM call_queue_steps WHERE agent = ").push_bind(agent);
    query.push("))");
}

#[derive(FromRow)]
struct LegRow {
    leg: String,
    direction: String,
    number: String,
    sip_call_id: String,
    sip_status: Option<u16>,
    codec: Option<String>,
    security: Option<String>,
    packets_received: Option<i64>,
    packets_sent: Option<i64>,
    packets_lost: Option<i64>,
    packets_refused: Option<i64>,
    jitter_ms: Option<f64>,
    remote_loss_percent: Option<f64>,
    round_trip_ms: Option<f64>,
    mos: Option<f64>,
    burst_ratio: Option<f64>,
    clock_drift_ppm: Option<f64>,
    verdict: Option<String>,
}

impl LegRow {
    fn into_record(self) -> LegRecord {
        let stream = self.packets_received.map(|packets_received| StreamReport {
            codec: self.codec,
            security: self.security,
            packets_received: from_sql(packets_received),
            packets_sent: self.packets_sent.map_or(0, from_sql),
            packets_lost: self.packets_lost.map_or(0, from_sql),
            packets_refused: self.packets_refused.map_or(0, from_sql),
            jitter_ms: self.jitter_ms,
            remote_loss_percent: self.remote_loss_percent,
            round_trip_ms: self.round_trip_ms,
            mos: self.mos,
            burst_ratio: self.burst_ratio,
            clock_drift_ppm: self.clock_drift_ppm,
            verdict: self.verdict.and_then(|json| serde_json::from_str(&json).ok()),
        });
        let inbound = self.direction == "inbound";
        LegRecord {
            leg: LegId(self.leg.parse().unwrap_or_default()),
            direction: if inbound { Direction::Inbound } else { Direction::Outbound },
            number: self.number,
            sip_call_id: self.sip_call_id,
            sip_status: self.sip_status,
            stream,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_printing_and_nothing_else_is_one() {
        let id = "0123456789abcdef0123456789abcdef".to_owned();
        let cursor = HistoryCursor { started_at_ms: 1_900_000_000_123, id };
        assert_eq!(HistoryCursor::parse(&cursor.to_string()), Some(cursor));
        for text in ["", "-", "12", "12-xyz", "x-0123456789abcdef0123456789abcdef", "1' OR 1=1"] {
            assert_eq!(HistoryCursor::parse(text), None, "{text}");
        }
    }
}
