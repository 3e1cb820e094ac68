use crate::store::to_sql;
use crate::{Store, StoreError};
use offhook_model::{CallRef, CallState, LiveCall};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How often `active_calls` is brought into step with the calls that live.
pub const ACTIVE_CALLS_PERIOD: Duration = Duration::from_secs(1);

/// What has to be written so that the table shows the live calls.
#[derive(Debug, PartialEq, Default)]
struct Difference {
    changed: Vec<LiveCall>,
    ended: Vec<CallRef>,
}

impl Difference {
    fn between(written: &BTreeMap<CallRef, LiveCall>, live: &[LiveCall]) -> Self {
        let changed = live.iter().filter(|call| written.get(&call.call) != Some(call)).cloned();
        let ended = written.keys().filter(|known| !live.iter().any(|call| call.call == **known));
        Self { changed: changed.collect(), ended: ended.cloned().collect() }
    }

    fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.ended.is_empty()
    }
}

/// Keeps the table `active_calls` in step with the live calls that `snapshot` gives, until it is dropped.
///
/// The table is for people and programs who look into the database; Offhook itself reads the live calls
/// from memory. A database that fails is tried again at the next period.
pub async fn mirror_active_calls(
    store: Store,
    snapshot: impl Fn() -> Vec<LiveCall> + Send,
    period: Duration,
) {
    let mut written = BTreeMap::new();
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let live = snapshot();
        let difference = Difference::between(&written, &live);
        if difference.is_empty() {
            continue;
        }
        match store.write_difference(&difference).await {
            Ok(()) => written = live.into_iter().map(|call| (call.call.clone(), call)).collect(),
            Err(error) => tracing::debug!(%error, "active_calls is behind"),
        }
    }
}

impl Store {
    /// The rows of `active_calls` as they stand, by the time they came in.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn active_calls(&self) -> Result<Vec<CallRef>, StoreError> {
        let ids: Vec<String> =
            sqlx::query_scalar("SELECT id FROM active_calls ORDER BY started_at, id")
                .fetch_all(self.pool())
                .await?;
        Ok(ids.iter().filter_map(|id| CallRef::parse(id)).collect())
    }

    /// No call outlives the process, so a start finds none.
    pub(crate) async fn empty_active_calls(&self) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM active_calls").execute(self.pool()).await?;
        Ok(())
    }

    async fn write_difference(&self, difference: &Difference) -> Result<(), StoreError> {
        let mut transaction = self.pool().begin_with("BEGIN IMMEDIATE").await?;
        for call in &difference.ended {
            sqlx::query("DELETE FROM active_calls WHERE id = ?")
                .bind(call.as_str())
                .execute(&mut *transaction)
                .await?;
        }
        for call in &difference.changed {
            sqlx::query(
                "INSERT INTO active_calls (id, caller, dialled, answered_by, state, started_at, answered_at)
                 VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
                 answered_by = excluded.answered_by, state = excluded.state,
                 dialled = excluded.dialled, answered_at = excluded.answered_at",
            )
            .bind(call.call.as_str())
            .bind(&call.caller)
            .bind(&call.dialled)
            .bind(&call.answered_by)
            .bind(state_word(call.state))
            .bind(to_sql(call.started_at_ms))
            .bind(call.answered_at_ms.map(to_sql))
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

fn state_word(state: CallState) -> &'static str {
    match state {
        CallState::Ringing => "ringing",
        CallState::Answered => "answered",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(bits: u128, state: CallState) -> LiveCall {
        LiveCall {
            call: CallRef::from_bits(bits),
            caller: "1001".into(),
            dialled: "9196".into(),
            answered_by: None,
            state,
            started_at_ms: 1,
            answered_at_ms: None,
            recording: None,
            supervisors: Vec::new(),
        }
    }

    #[test]
    fn only_what_changed_is_written() {
        let (one, two) = (call(1, CallState::Ringing), call(2, CallState::Ringing));
        let written = [&one, &two].map(|call| (call.call.clone(), call.clone())).into();
        let answered = call(2, CallState::Answered);
        let new = call(3, CallState::Ringing);
        let difference = Difference::between(&written, &[answered.clone(), new.clone()]);
        assert_eq!(
            difference,
            Difference { changed: vec![answered, new], ended: vec![one.call.clone()] }
        );
        assert!(Difference::between(&written, &[one, two]).is_empty());
    }
}
