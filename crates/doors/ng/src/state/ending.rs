//! Deletes.

use super::call::PartyId;
use super::work::{MeasureTask, Refusal, Task, Then, refuse};
use super::{Door, NOBODY, Output, RequestId, TimerName};
use offhook_bus::{MediaCommand, MediaEvent};
use offhook_model::{LegId, LegMeasure};
use offhook_ng::{Dictionary, Reply, Request};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What is said when a delete names parties that are not there.
pub(super) const NO_MATCH: &str = "Call-ID not found or tags didn't match";
/// The longest delay of a delete, in seconds.
const DELETE_DELAY_MAX_S: u32 = 86_400;

impl Door {
    pub(super) fn delete(
        &mut self,
        call_id: &str,
        id: RequestId,
        request: &Request,
        now: Instant,
    ) -> Result<(), Refusal> {
        if self.end_subscription_of(call_id, request) {
            self.note_change(call_id, now);
            self.reply(id, Reply::ok(Dictionary::new()));
            return Ok(());
        }
        let parties = self.named_parties(call_id, request);
        if parties.is_empty() && request.flags.switches.fatal {
            return Err(refuse(NO_MATCH));
        }
        let warning = parties.is_empty().then_some(NO_MATCH);
        let default = self.settings.delete_delay_s;
        let delay_s = request.flags.delete_delay_s.unwrap_or(default).min(DELETE_DELAY_MAX_S);
        let then = Then::Delete { parties, delay_s, warning };
        self.measure(call_id, id, then, now);
        Ok(())
    }

    /// The parties that a delete ends: of a branch or of a to-tag when they are not the last ones, or else
    /// all of them.
    fn named_parties(&self, call_id: &str, request: &Request) -> Vec<PartyId> {
        let Some(call) = self.calls.get(call_id) else { return Vec::new() };
        let all = || (0..call.parties.len()).collect::<Vec<_>>();
        let with_tag = |tag: &Option<String>| {
            let tag = tag.as_deref().filter(|tag| !tag.is_empty());
            tag.map(|tag| call.party_with_tag(tag))
        };
        let (from, to) = (with_tag(&request.from_tag), with_tag(&request.to_tag));
        if from == Some(None) && matches!(to, None | Some(None)) {
            return Vec::new();
        }
        let of_branch = |branch: &str| {
            let mut parties = call.parties.iter();
            parties.position(|party| party.via_branch.as_deref() == Some(branch))
        };
        let named = match (request.via_branch.as_deref(), to) {
            (Some(branch), _) => of_branch(branch),
            (None, Some(to)) => to,
            (None, None) => None,
        };
        let others = |named: PartyId| {
            let partner = call.parties[named].partner;
            let is_other = |(id, party): (PartyId, &super::call::Party)| {
                id != named && Some(id) != partner && party.leg.is_some()
            };
            call.parties.iter().enumerate().any(is_other)
        };
        match named {
            Some(named) if others(named) => vec![named],
            _ => all(),
        }
    }

    /// Asks what was measured on every leg of the call, for what follows then.
    pub(super) fn measure(&mut self, call_id: &str, id: RequestId, then: Then, now: Instant) {
        let legs = self.calls.get(call_id).map(super::Call::legs).unwrap_or_default();
        for leg in &legs {
            self.tell(MediaCommand::Measure { leg: *leg });
        }
        let mut task = MeasureTask { missing: legs.len(), measures: HashMap::new(), then };
        if legs.is_empty() {
            self.handle_measured(call_id, id, &mut task, now);
        } else {
            self.start_work(call_id, id, Task::Measure(task), now);
        }
    }

    /// Whether everything is measured.
    pub(super) fn measure_goes_on(
        &mut self,
        call_id: &str,
        id: RequestId,
        task: &mut MeasureTask,
        event: MediaEvent,
        now: Instant,
    ) -> bool {
        let MediaEvent::Measured { leg, measure } = event else { return false };
        task.missing -= 1;
        task.measures.insert(leg, measure.map(|measure| *measure).unwrap_or_default());
        if task.missing > 0 {
            return false;
        }
        self.handle_measured(call_id, id, task, now);
        true
    }

    fn handle_measured(
        &mut self,
        call_id: &str,
        id: RequestId,
        task: &mut MeasureTask,
        now: Instant,
    ) {
        match &task.then {
            Then::Query { tag } => {
                let reply = self.report(call_id, &task.measures, tag.as_deref(), None);
                self.reply(id, reply);
            }
            Then::Delete { parties, delay_s, warning } => {
                let reply = self.report(call_id, &task.measures, None, *warning);
                self.reply(id, reply);
                self.count(&task.measures);
                self.end_parties(call_id, parties, *delay_s, now);
            }
            Then::EndIfSilent => self.end_if_silent(call_id, &task.measures, now),
        }
    }

    /// Looks whether anybody of a call is still heard. A call that is worked on is asked again later.
    pub(super) fn check_silence(&mut self, call_id: &str, now: Instant) {
        let Some(call) = self.calls.get(call_id) else { return };
        if call.work.is_some() {
            return self.set_timer(call_id, TimerName::Silence, now + super::MEDIA_TIMEOUT);
        }
        self.measure(call_id, NOBODY, Then::EndIfSilent, now);
    }

    fn end_if_silent(
        &mut self,
        call_id: &str,
        measures: &HashMap<LegId, LegMeasure>,
        now: Instant,
    ) {
        let heard_ms = measures.values().filter_map(|measure| measure.idle_ms).min();
        let limit_ms = u64::from(self.settings.silence_timeout_s) * 1_000;
        let Some(call) = self.calls.get(call_id) else { return };
        let unanswered_s = self.unix_s(now).saturating_sub(call.last_signal_s);
        let is_over = match heard_ms {
            Some(idle_ms) => limit_ms > 0 && idle_ms >= limit_ms,
            None => unanswered_s >= u64::from(self.settings.offer_timeout_s),
        };
        if !is_over {
            let wait_ms = limit_ms.saturating_sub(heard_ms.unwrap_or(0)).max(1_000);
            let wait = Duration::from_millis(wait_ms);
            return self.set_timer(call_id, TimerName::Silence, now + wait);
        }
        tracing::info!("a call ends in which nobody is heard");
        metrics::counter!("offhook_ng_calls_timed_out_total").increment(1);
        self.totals.timed_out += 1;
        self.count(measures);
        self.end_call(call_id);
    }

    fn count(&mut self, measures: &HashMap<LegId, LegMeasure>) {
        for measure in measures.values() {
            self.totals.packets += measure.report.packets_received;
            self.totals.octets += measure.octets_received;
            self.totals.errors += measure.report.packets_refused;
        }
    }

    fn end_parties(&mut self, call_id: &str, parties: &[PartyId], delay_s: u32, now: Instant) {
        let Some(call) = self.calls.get_mut(call_id) else { return };
        if parties.is_empty() {
            return;
        }
        if parties.len() < call.parties.len() {
            let legs: Vec<_> = parties
                .iter()
                .flat_map(|id| call.parties[*id].legs())
                .map(|(_, leg)| leg)
                .collect();
            for leg in &legs {
                parties.iter().for_each(|id| call.parties[*id].lose_leg(*leg));
            }
            for id in parties {
                call.parties[*id].tags.clear();
                call.parties[*id].partner = None;
                call.parties[*id].via_branch = None;
            }
            legs.into_iter().for_each(|leg| self.tell(MediaCommand::Release { leg }));
            return self.note_change(call_id, now);
        }
        if delay_s == 0 {
            return self.end_call(call_id);
        }
        let due = now + Duration::from_secs(u64::from(delay_s));
        let due = call.delete_due.map_or(due, |earlier| earlier.min(due));
        self.set_timer(call_id, TimerName::Delete, due);
        self.note_change(call_id, now);
    }

    /// Ends a call; requests that wait are told so.
    pub(super) fn end_call(&mut self, call_id: &str) {
        let Some(call) = self.calls.get_mut(call_id) else { return };
        let waiting: Vec<_> = call.waiting.drain(..).map(|(id, _)| id).collect();
        let working = call.work.take().map(|work| work.request);
        for leg in call.legs() {
            self.tell(MediaCommand::Release { leg });
        }
        for id in waiting.into_iter().chain(working) {
            self.reply(id, Reply::error("Unknown call-id"));
        }
        self.forget(call_id);
    }

    pub(super) fn forget(&mut self, call_id: &str) {
        for name in TimerName::ALL {
            self.clear_timer(call_id, name);
        }
        let Some(call) = self.calls.remove(call_id) else { return };
        if call.is_kept {
            self.outputs.push_back(Output::Forget { call_id: call_id.to_owned() });
        }
        for alias in call.aliases {
            self.aliases.remove(&alias);
        }
    }
}
