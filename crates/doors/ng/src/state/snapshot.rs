//! Calls as plain data, for a process after this one, and calls of a process before.

use super::call::Call;
use super::work::{RestoreTask, SnapshotTask, Task};
use super::{Door, NOBODY, Output, TimerName, reason};
use offhook_bus::{
    CallSnapshot, DOOR_LEGS, LegSnapshot, MediaCommand, MediaEvent, Unreadable, read_snapshot,
};
use offhook_model::{LegId, RecordingCommand, RecordingSource};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// The form of what is written. Another form is not read.
const VERSION: u32 = 1;
/// How old a snapshot may be at most; the media role tells the numbers of older ones no longer apart.
pub const SNAPSHOT_AGE_MAX: Duration = Duration::from_secs(300);
/// How long after a change a call is looked at: an offer, its answer and the path that is found are written
/// once by then. Writing each of them made a call a third dearer to set up.
const SETTLED_AFTER: Duration = Duration::from_millis(500);
/// How long after that it is looked at once more: packets flow by then, and their numbers are known.
const FLOWING_AFTER: Duration = Duration::from_secs(1);
/// Into how many moments of an interval the restored calls are spread.
const SPREAD: u32 = 64;

/// A call to be written. What it has beside, such as requests that wait, goes with the process.
#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    call_id: &'a str,
    taken_ms: u64,
    delete_in_ms: Option<u64>,
    next_leg: u64,
    call: &'a Call,
    legs: &'a [(LegId, LegSnapshot)],
}

/// A call that was written.
#[derive(Deserialize)]
struct Read {
    call_id: String,
    /// When, since 1970.
    taken_ms: u64,
    /// When a delete's delay was to be over, from then on.
    delete_in_ms: Option<u64>,
    /// Above all legs that were made by then. A leg may know one that is not kept, whose number nobody gets.
    next_leg: u64,
    call: Call,
    legs: Vec<(LegId, LegSnapshot)>,
}

/// Why a call cannot be restored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// It is of another version, or damaged. It is left where it is.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The parties have not heard each other for too long.
    #[error("the snapshot is {age_s} s old, and {limit_s} s are the most")]
    TooOld {
        /// Its age in seconds.
        age_s: u64,
        /// What is allowed.
        limit_s: u64,
    },
    /// The call is there, has no leg, or has legs of others.
    #[error("the call or one of its legs is there already, or it has none")]
    Conflict,
    /// There are as many calls as there may be.
    #[error("the limit of calls is reached")]
    TooMany,
}

impl Door {
    /// Something about the call is another thing, so that its snapshot is to be renewed.
    pub(super) fn note_change(&mut self, call_id: &str, now: Instant) {
        if self.settings.snapshot_interval.is_none() {
            return;
        }
        if let Some(call) = self.calls.get_mut(call_id) {
            call.snapshot_count = 0;
            // What is true no longer is not left where it is.
            let wait = if call.is_stale { Duration::ZERO } else { SETTLED_AFTER };
            self.set_timer(call_id, TimerName::Snapshot, now + wait);
        }
    }

    /// Asks the media role for the legs of a call. A call that is worked on is asked later.
    pub(super) fn take_snapshot(&mut self, call_id: &str, now: Instant) {
        let Some(call) = self.calls.get(call_id) else { return };
        if call.work.is_some() {
            return self.set_timer(call_id, TimerName::Snapshot, now + SETTLED_AFTER);
        }
        let legs = call.legs();
        if legs.is_empty() {
            return;
        }
        if let Some(call) = self.calls.get_mut(call_id) {
            call.is_stale = false;
        }
        for leg in &legs {
            self.tell(MediaCommand::Snapshot { leg: *leg });
        }
        let task = SnapshotTask { missing: legs.len(), ..SnapshotTask::default() };
        self.start_work(call_id, NOBODY, Task::Snapshot(task), now);
    }

    /// Whether the snapshot is whole.
    pub(super) fn snapshot_goes_on(
        &mut self,
        call_id: &str,
        task: &mut SnapshotTask,
        event: MediaEvent,
        now: Instant,
    ) -> bool {
        let MediaEvent::Snapshot { leg, snapshot } = event else { return false };
        task.missing = task.missing.saturating_sub(1);
        task.legs.extend(snapshot.map(|snapshot| (leg, snapshot)));
        if task.missing > 0 {
            return false;
        }
        self.keep_snapshot(call_id, &task.legs, now);
        self.plan_snapshot(call_id, now);
        true
    }

    fn keep_snapshot(&mut self, call_id: &str, legs: &[(LegId, LegSnapshot)], now: Instant) {
        let (taken_ms, next_leg) = (self.unix_ms(now), self.next_leg);
        let Some(call) = self.calls.get_mut(call_id) else { return };
        if legs.is_empty() {
            // What was written of it before is true no longer.
            if std::mem::take(&mut call.is_kept) {
                self.outputs.push_back(Output::Forget { call_id: call_id.to_owned() });
            }
            return;
        }
        let delete_in = call.delete_due.map(|due| due.saturating_duration_since(now));
        let delete_in_ms = delete_in.map(millis);
        let written =
            Written { version: VERSION, call_id, taken_ms, delete_in_ms, next_leg, call, legs };
        let Ok(text) = serde_json::to_string(&written) else {
            return tracing::error!("a call cannot be written down");
        };
        call.is_kept = true;
        let (call_id, snapshot) = (call_id.to_owned(), CallSnapshot(text));
        self.outputs.push_back(Output::Keep { call_id, snapshot });
    }

    /// When the call is looked at next.
    pub(super) fn plan_snapshot(&mut self, call_id: &str, now: Instant) {
        let Some(interval) = self.settings.snapshot_interval else { return };
        let Some(call) = self.calls.get_mut(call_id) else { return };
        let wait = if call.snapshot_count == 0 { FLOWING_AFTER.min(interval) } else { interval };
        call.snapshot_count = call.snapshot_count.saturating_add(1);
        self.set_timer(call_id, TimerName::Snapshot, now + wait);
    }

    /// How many calls wait for the media role to restore their legs.
    #[must_use]
    pub fn restoring(&self) -> usize {
        self.restoring
    }

    /// Goes on with a call of another process. Requests of it wait until its legs are there.
    ///
    /// # Errors
    /// When nothing can be made of the snapshot. One that is of no use to anybody is dropped.
    pub fn restore(
        &mut self,
        call_id: &str,
        snapshot: &CallSnapshot,
        now: Instant,
    ) -> Result<(), RestoreError> {
        let read = read_snapshot(&snapshot.0, VERSION).map_err(RestoreError::from);
        let restored = read.and_then(|read| self.take_in(call_id, read, now));
        if let Err(error) = &restored {
            metrics::counter!("offhook_calls_restore_failed_total").increment(1);
            if matches!(error, RestoreError::TooOld { .. }) {
                self.outputs.push_back(Output::Forget { call_id: call_id.to_owned() });
            }
        }
        restored
    }

    fn take_in(&mut self, call_id: &str, read: Read, now: Instant) -> Result<(), RestoreError> {
        let Read { call_id: written_id, taken_ms, delete_in_ms, next_leg, mut call, legs } = read;
        let age_ms = self.unix_ms(now).saturating_sub(taken_ms);
        self.check_age(Duration::from_millis(age_ms))?;
        if self.calls.len() >= self.settings.calls_max {
            return Err(RestoreError::TooMany);
        }
        let is_free = |leg: &LegId| DOOR_LEGS.contains(&leg.0) && !self.legs.contains_key(leg);
        let are_free = legs.iter().all(|(leg, _)| is_free(leg) && leg.0 < next_leg)
            && next_leg <= DOOR_LEGS.end;
        if written_id != call_id || self.calls.contains_key(call_id) || legs.is_empty() || !are_free
        {
            return Err(RestoreError::Conflict);
        }
        call.keep_legs(|leg| legs.iter().any(|(known, _)| *known == leg));
        call.is_kept = true;
        for alias in &call.aliases {
            self.aliases.insert(alias.clone(), call_id.to_owned());
        }
        self.calls.insert(call_id.to_owned(), call);
        self.totals.calls += 1;
        self.restoring += 1;
        self.set_timers_again(call_id, delete_in_ms.map(|ms| ms.saturating_sub(age_ms)), now);
        self.next_leg = self.next_leg.max(next_leg);
        let missing = legs.len();
        // A listener who has refused has a leg of which nothing is kept; it is made when he is asked again.
        let all = self.calls.get(call_id).map(Call::legs).unwrap_or_default();
        for leg in all {
            self.legs.entry(leg).or_insert_with(|| call_id.to_owned());
        }
        for (leg, snapshot) in legs {
            self.tell(MediaCommand::Restore { leg, snapshot, age_ms });
        }
        let task = RestoreTask { missing, refused: None };
        self.start_work(call_id, NOBODY, Task::Restore(task), now);
        Ok(())
    }

    /// Nobody waits longer for a restart than for a party that is not heard.
    fn check_age(&self, age: Duration) -> Result<(), RestoreError> {
        let silence = Duration::from_secs(u64::from(self.settings.silence_timeout_s));
        let limit =
            if silence.is_zero() { SNAPSHOT_AGE_MAX } else { silence.min(SNAPSHOT_AGE_MAX) };
        if age <= limit {
            return Ok(());
        }
        Err(RestoreError::TooOld { age_s: age.as_secs(), limit_s: limit.as_secs() })
    }

    fn set_timers_again(&mut self, call_id: &str, delete_in_ms: Option<u64>, now: Instant) {
        if let Some(ms) = delete_in_ms {
            self.set_timer(call_id, TimerName::Delete, now + Duration::from_millis(ms));
        }
        let silence_s = match self.settings.silence_timeout_s {
            0 => self.settings.offer_timeout_s,
            seconds => seconds,
        };
        let wait = Duration::from_secs(silence_s.into());
        self.set_timer(call_id, TimerName::Silence, now + wait);
        if let Some(interval) = self.settings.snapshot_interval {
            let place = u32::try_from(self.restoring).unwrap_or_default() % SPREAD;
            let wait = FLOWING_AFTER + interval * place / SPREAD;
            self.set_timer(call_id, TimerName::Snapshot, now + wait);
        }
    }

    /// Whether it is known of all legs if they are there.
    pub(super) fn restoring_goes_on(
        &mut self,
        call_id: &str,
        task: &mut RestoreTask,
        event: &MediaEvent,
        now: Instant,
    ) -> bool {
        match event {
            MediaEvent::Restored { .. } => {}
            MediaEvent::Refused { why, .. } => {
                task.refused.get_or_insert(reason(why));
            }
            _ => return false,
        }
        task.missing = task.missing.saturating_sub(1);
        if task.missing > 0 {
            return false;
        }
        match task.refused.take() {
            Some(why) => self.give_up(call_id, &why),
            None => self.finish_restoring(call_id, now),
        }
        true
    }

    fn finish_restoring(&mut self, call_id: &str, now: Instant) {
        self.restoring = self.restoring.saturating_sub(1);
        metrics::counter!("offhook_calls_restored_total").increment(1);
        let Some(call) = self.calls.get_mut(call_id) else { return };
        let (recorded, is_paused) = (call.recorded.take(), call.recording_paused);
        self.listen_again(call_id);
        if let Some(leg) = recorded {
            // What the other process wrote ends where it ended; it goes on in a file of its own.
            self.record_from_here(call_id, leg, now);
            if is_paused {
                let source = RecordingSource::Leg(leg);
                self.tell(MediaCommand::Record { source, command: RecordingCommand::Pause });
            }
        }
    }

    /// A call of which a leg is missing has ended.
    pub(super) fn give_up(&mut self, call_id: &str, why: &str) {
        tracing::warn!(why, "a call cannot be restored and is given up");
        self.restoring = self.restoring.saturating_sub(1);
        metrics::counter!("offhook_calls_restore_failed_total").increment(1);
        self.end_call(call_id);
    }

    fn unix_ms(&self, now: Instant) -> u64 {
        millis(self.settings.unix(now))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Bytes as text of as many letters: a description is text nearly always, and stays what it is when not.
pub(super) mod bytes {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&bytes.iter().map(|byte| char::from(*byte)).collect::<String>())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
        bytes.map_err(|_| D::Error::custom("a letter that stands for no byte"))
    }
}
