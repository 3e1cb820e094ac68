use crate::agents::write_status;
use crate::queue_records::{show_in_call, write_queue_records};
use crate::recordings::{expire_recordings, upsert_recording};
use crate::store::to_sql;
use crate::voicemails;
use crate::{Store, StoreError};
use offhook_model::{CallRecord, Direction, LegRecord, LogEntry, RecordingId, StreamReport};
use sqlx::{Sqlite, Transaction};

/// What a call's row says of its media: of all legs and both directions, the worse.
#[derive(Debug, Clone, PartialEq, Default)]
struct Quality {
    packets_lost: Option<u64>,
    loss_percent: Option<f64>,
    jitter_ms: Option<f64>,
    mos: Option<f64>,
}

impl Quality {
    fn of(legs: &[LegRecord]) -> Self {
        let streams = || legs.iter().filter_map(|leg| leg.stream.as_ref());
        let losses = streams()
            .flat_map(|stream| [received_loss_percent(stream), stream.remote_loss_percent]);
        Self {
            packets_lost: streams().map(|stream| stream.packets_lost).reduce(u64::saturating_add),
            loss_percent: losses.flatten().reduce(f64::max),
            jitter_ms: streams().filter_map(|stream| stream.jitter_ms).reduce(f64::max),
            mos: streams().filter_map(|stream| stream.mos).reduce(f64::min),
        }
    }
}

/// Of the packets that the party sent, how many never came; `None` when it sent nothing.
fn received_loss_percent(stream: &StreamReport) -> Option<f64> {
    let sent = stream.packets_received.saturating_add(stream.packets_lost);
    #[allow(clippy::cast_precision_loss)]
    (sent > 0).then(|| stream.packets_lost as f64 * 100.0 / sent as f64)
}

fn codec(leg: &LegRecord) -> Option<&str> {
    leg.stream.as_ref()?.codec.as_deref()
}

/// Seconds of a duration in milliseconds.
fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}

impl Store {
    /// Writes entries in one transaction. The record of a call that is there already stays as it is, so that
    /// a write whose outcome is unknown can be repeated.
    ///
    /// # Errors
    /// When nothing was written.
    pub async fn write_entries(&self, entries: &[LogEntry]) -> Result<(), StoreError> {
        let mut transaction = self.pool().begin_with("BEGIN IMMEDIATE").await?;
        for entry in entries {
            match entry {
                LogEntry::Call(record) => write_call(&mut transaction, record).await?,
                LogEntry::Recording(record) => upsert_recording(&mut transaction, record).await?,
                LogEntry::RecordingsExpired(paths) => {
                    expire_recordings(&mut transaction, paths).await?;
                    voicemails::expire(&mut transaction, paths).await?;
                }
                // Many come at once: they are written together.
                LogEntry::Queue(_) => {}
                LogEntry::Voicemail(record) => {
                    voicemails::insert_voicemail(&mut transaction, record).await?;
                }
                LogEntry::VoicemailHeard(id) => {
                    voicemails::mark_heard(&mut transaction, id).await?;
                }
                LogEntry::VoicemailDeleted(id) => voicemails::remove(&mut transaction, id).await?,
                LogEntry::AgentStatus { agent, status, reason, at_ms } => {
                    let reason = reason.as_deref();
                    write_status(&mut transaction, agent, *status, reason, *at_ms).await?;
                }
            }
        }
        let of_queues = entries.iter().filter_map(|entry| match entry {
            LogEntry::Queue(record) => Some(&**record),
            _ => None,
        });
        write_queue_records(&mut transaction, &of_queues.collect::<Vec<_>>()).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Writes the records of calls, as [`Store::write_entries`] does.
    ///
    /// # Errors
    /// When nothing was written.
    pub async fn write_records(&self, records: &[CallRecord]) -> Result<(), StoreError> {
        let entries = records.iter().cloned().map(|record| LogEntry::Call(Box::new(record)));
        self.write_entries(&entries.collect::<Vec<_>>()).await
    }
}

async fn write_call(
    transaction: &mut Transaction<'_, Sqlite>,
    record: &CallRecord,
) -> Result<(), StoreError> {
    if insert_call(transaction, record).await? {
        for (position, leg) in record.legs.iter().enumerate() {
            insert_leg(transaction, record, position, leg).await?;
        }
        show_in_call(transaction, &record.call).await?;
    }
    Ok(())
}

/// Says whether the record is new.
async fn insert_call(
    transaction: &mut Transaction<'_, Sqlite>,
    record: &CallRecord,
) -> Result<bool, StoreError> {
    let quality = Quality::of(&record.legs);
    let callee = record.legs.iter().skip(1).rev().find_map(codec);
    let verdict = record.verdict().map(|(leg, verdict)| (position_of(record, leg), verdict));
    let done = sqlx::query(
        "INSERT INTO call_logs (id, caller, caller_name, dialled, answered_by, started_at, answered_at,
         ended_at, ring_seconds, talk_seconds, hangup_cause, hangup_cause_name, sip_status, hung_up_by,
         caller_codec, callee_codec, packets_lost, loss_percent, jitter_ms, mos, verdict, verdict_leg,
         verdict_evidence, verdict_advice, recordings)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(record.call.as_str())
    .bind(&record.caller)
    .bind(&record.caller_name)
    .bind(&record.dialled)
    .bind(&record.answered_by)
    .bind(to_sql(record.started_at_ms))
    .bind(record.answered_at_ms.map(to_sql))
    .bind(to_sql(record.ended_at_ms))
    .bind(seconds(record.ring_ms))
    .bind(seconds(record.talk_ms))
    .bind(record.cause.code())
    .bind(record.cause.name())
    .bind(record.sip_status)
    .bind(record.hung_up_by.as_str())
    .bind(record.legs.first().and_then(codec))
    .bind(callee)
    .bind(quality.packets_lost.map(to_sql))
    .bind(quality.loss_percent)
    .bind(quality.jitter_ms)
    .bind(quality.mos)
    .bind(verdict.map(|(_, verdict)| verdict.as_str()))
    .bind(verdict.map(|(position, _)| position))
    .bind(verdict.map(|(_, verdict)| verdict.evidence()))
    .bind(verdict.map(|(_, verdict)| verdict.advice()))
    .bind(record.recordings.iter().map(RecordingId::as_str).collect::<Vec<_>>().join(" "))
    .execute(&mut **transaction)
    .await?;
    Ok(done.rows_affected() > 0)
}

fn position_of(record: &CallRecord, leg: &LegRecord) -> i64 {
    let position = record.legs.iter().position(|other| other.leg == leg.leg);
    to_sql(position.unwrap_or_default() as u64)
}

/// What was seen, as JSON; plain data always has a form.
fn verdict_json(stream: Option<&StreamReport>) -> Option<String> {
    serde_json::to_string(stream?.verdict.as_ref()?).ok()
}

async fn insert_leg(
    transaction: &mut Transaction<'_, Sqlite>,
    record: &CallRecord,
    position: usize,
    leg: &LegRecord,
) -> Result<(), StoreError> {
    let stream = leg.stream.as_ref();
    sqlx::query(
        "INSERT INTO call_legs (call_id, position, leg, direction, number, sip_call_id, sip_status, codec,
         security, packets_received, packets_sent, packets_lost, packets_refused, jitter_ms,
         remote_loss_percent, round_trip_ms, mos, burst_ratio, clock_drift_ppm, verdict)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(record.call.as_str())
    .bind(to_sql(position as u64))
    .bind(leg.leg.0.to_string())
    .bind(direction_word(leg.direction))
    .bind(&leg.number)
    .bind(&leg.sip_call_id)
    .bind(leg.sip_status)
    .bind(codec(leg))
    .bind(stream.and_then(|stream| stream.security.as_deref()))
    .bind(stream.map(|stream| to_sql(stream.packets_received)))
    .bind(stream.map(|stream| to_sql(stream.packets_sent)))
    .bind(stream.map(|stream| to_sql(stream.packets_lost)))
    .bind(stream.map(|stream| to_sql(stream.packets_refused)))
    .bind(stream.and_then(|stream| stream.jitter_ms))
    .bind(stream.and_then(|stream| stream.remote_loss_percent))
    .bind(stream.and_then(|stream| stream.round_trip_ms))
    .bind(stream.and_then(|stream| stream.mos))
    .bind(stream.and_then(|stream| stream.burst_ratio))
    .bind(stream.and_then(|stream| stream.clock_drift_ppm))
    .bind(verdict_json(stream))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_model::LegId;

    fn leg(stream: Option<StreamReport>) -> LegRecord {
        LegRecord {
            leg: LegId(1),
            direction: Direction::Inbound,
            number: "1001".into(),
            sip_call_id: "a".into(),
            sip_status: Some(200),
            stream,
        }
    }

    #[test]
    fn the_worse_direction_counts() {
        let one = StreamReport {
            packets_received: 95,
            packets_lost: 5,
            jitter_ms: Some(2.0),
            mos: Some(4.1),
            ..StreamReport::default()
        };
        let other = StreamReport {
            packets_received: 100,
            remote_loss_percent: Some(7.5),
            jitter_ms: Some(9.0),
            mos: Some(4.4),
            ..StreamReport::default()
        };
        let quality = Quality::of(&[leg(Some(one)), leg(Some(other)), leg(None)]);
        let worse = Quality {
            packets_lost: Some(5),
            loss_percent: Some(7.5),
            jitter_ms: Some(9.0),
            mos: Some(4.1),
        };
        assert_eq!(quality, worse);
    }

    #[test]
    fn nothing_is_said_of_media_that_was_not_there() {
        assert_eq!(Quality::of(&[leg(None)]), Quality::default());
        let silent = Quality::of(&[leg(Some(StreamReport::default()))]);
        assert_eq!(silent, Quality { packets_lost: Some(0), ..Quality::default() });
    }
}
