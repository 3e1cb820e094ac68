//! What `/metrics` shows of queues and agents.

use offhook_acd::Violation;
use offhook_bus::{LiveAgent, LiveQueue};
use offhook_model::{AgentId, AgentState, QueueId, QueueRecord, QueueStep};
use std::collections::{BTreeMap, HashMap};

/// The gauges of queues and agents, and what they were made of.
#[derive(Debug, Default)]
pub(crate) struct QueueMetrics {
    /// What each agent was counted as.
    agents: HashMap<AgentId, (AgentState, Vec<QueueId>)>,
    /// How many agents of a queue are in a state.
    counts: BTreeMap<(QueueId, AgentState), u32>,
    /// Since when the one waits in each queue who has waited for longest.
    longest: BTreeMap<QueueId, Option<u64>>,
}

impl QueueMetrics {
    /// An agent stands so.
    pub fn note_agent(&mut self, agent: &LiveAgent) {
        let counted = (agent.view.state, agent.view.queues.clone());
        if self.agents.get(&agent.view.id) == Some(&counted) {
            return;
        }
        self.forget_agent(&agent.view.id);
        for queue in &counted.1 {
            self.count(queue, counted.0, 1);
        }
        self.agents.insert(agent.view.id.clone(), counted);
    }

    /// An agent is no more.
    pub fn forget_agent(&mut self, agent: &AgentId) {
        let Some((state, queues)) = self.agents.remove(agent) else { return };
        for queue in &queues {
            self.count(queue, state, -1);
        }
    }

    fn count(&mut self, queue: &QueueId, state: AgentState, by: i32) {
        let count = self.counts.entry((queue.clone(), state)).or_default();
        *count = count.saturating_add_signed(by);
        let labels = [("queue", queue.0.clone()), ("state", state.as_str().to_owned())];
        metrics::gauge!("offhook_agents", &labels).set(f64::from(*count));
    }

    /// A queue stands so.
    pub fn note_queue(&mut self, queue: &LiveQueue, now_ms: u64) {
        let view = &queue.view;
        let name = view.id.0.clone();
        if self.longest.insert(view.id.clone(), view.longest_since_ms).is_none() {
            begin_counting(&name);
        }
        metrics::gauge!("offhook_queue_waiting", "queue" => name).set(view.waiting as f64);
        show_longest(&view.id, view.longest_since_ms, now_ms);
    }

    /// A queue is no more.
    pub fn forget_queue(&mut self, queue: &QueueId) {
        self.longest.remove(queue);
        metrics::gauge!("offhook_queue_waiting", "queue" => queue.0.clone()).set(0.0);
        show_longest(queue, None, 0);
    }

    /// Time has passed, and the queues were looked through.
    pub fn note_audit(&self, violations: &[Violation], now_ms: u64) {
        for (queue, since_ms) in &self.longest {
            show_longest(queue, *since_ms, now_ms);
        }
        for kind in Violation::KINDS {
            let count = violations.iter().filter(|violation| violation.kind() == kind).count();
            metrics::gauge!("offhook_queue_violations", "kind" => kind).set(count as f64);
        }
    }
}

fn show_longest(queue: &QueueId, since_ms: Option<u64>, now_ms: u64) {
    let waited_ms = since_ms.map_or(0, |since_ms| now_ms.saturating_sub(since_ms));
    let name = queue.0.clone();
    metrics::gauge!("offhook_queue_longest_wait_seconds", "queue" => name)
        .set(waited_ms as f64 / 1_000.0);
}

/// A series that is there from the beginning shows its first step.
fn begin_counting(queue: &str) {
    for name in COUNTERS {
        metrics::counter!(name, "queue" => queue.to_owned()).absolute(0);
    }
}

const OFFERED: &str = "offhook_queue_offered_total";
const ANSWERED: &str = "offhook_queue_answered_total";
const ABANDONED: &str = "offhook_queue_abandoned_total";
const WITHIN_SL: &str = "offhook_queue_answered_within_sl_total";
const COUNTERS: [&str; 4] = [OFFERED, ANSWERED, ABANDONED, WITHIN_SL];

/// Counts a caller whose wait is over: offered = answered + abandoned + overflowed + transferred out, without
/// those who hung up at once.
pub(crate) fn note_record(record: &QueueRecord) {
    let Some(queue) = &record.queue else { return };
    let counted: &[&'static str] = match record.step {
        QueueStep::Answered { within_service_level: true, .. } => &[OFFERED, ANSWERED, WITHIN_SL],
        QueueStep::Answered { .. } => &[OFFERED, ANSWERED],
        QueueStep::Abandoned { is_short: false, .. } => &[OFFERED, ABANDONED],
        QueueStep::Overflowed { .. } | QueueStep::TransferredOut { .. } => &[OFFERED],
        QueueStep::Abandoned { .. }
        | QueueStep::Joined { .. }
        | QueueStep::Offered { .. }
        | QueueStep::OfferEnded { .. }
        | QueueStep::Completed { .. }
        | QueueStep::CallbackTaken { .. }
        | QueueStep::CallbackPlaced { .. }
        | QueueStep::CallbackFailed { .. }
        | QueueStep::PositionChanged { .. }
        | QueueStep::AgentState { .. } => &[],
    };
    for name in counted {
        metrics::counter!(*name, "queue" => queue.0.clone()).increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics_exporter_prometheus::PrometheusBuilder;
    use offhook_acd::{Acd, CallKey, Join, Left};
    use offhook_model::{Agent, AgentStatus, CallRef, LegId, OverflowCause, Queue, Target, Tier};

    fn acd() -> Acd {
        let agent = Agent { status: AgentStatus::Online, ..Agent::new("2001") };
        let tier = Tier { agent: agent.id.clone(), level: 1, position: 1 };
        let queue = Queue { tiers: vec![tier], ..Queue::new("sales") };
        let mut acd = Acd::new(1);
        acd.configure(
            &[(queue.id.clone(), queue)].into(),
            &[(agent.id.clone(), agent)].into(),
            1_000,
        );
        acd
    }

    fn record(step: QueueStep) -> QueueRecord {
        QueueRecord {
            id: "1".into(),
            at_ms: 1,
            call: Some(CallRef::from_bits(1)),
            entry: Some(1),
            queue: Some(QueueId("sales".into())),
            agent: None,
            step,
        }
    }

    /// Each series that is documented, brought to move.
    #[test]
    fn every_series_moves() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let shows = |line: &str| {
            let text = handle.render();
            assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
        };
        metrics::with_local_recorder(&recorder, || {
            let (mut acd, mut metrics) = (acd(), QueueMetrics::default());
            let (agent, queue) = (AgentId("2001".into()), QueueId("sales".into()));
            let note = |acd: &Acd, metrics: &mut QueueMetrics, now_ms| {
                let view = acd.agent(&agent).expect("an agent");
                metrics.note_agent(&LiveAgent { view, calls: Vec::new(), on_call: None });
                let view = acd.queue(&queue).expect("a queue");
                metrics.note_queue(&LiveQueue { view, waiting: Vec::new() }, now_ms);
            };
            note(&acd, &mut metrics, 1_000);
            shows("offhook_agents{queue=\"sales\",state=\"offline\"} 1");
            shows("offhook_queue_offered_total{queue=\"sales\"} 0");
            acd.set_status(&agent, AgentStatus::Away, None, 1_000).expect("an agent");
            acd.set_reachable(&agent, true, 1_000);
            acd.join(
                Join {
                    caller: LegId(1),
                    call: CallKey(1),
                    queue: queue.clone(),
                    number: "1001".into(),
                    priority: 0,
                    skills: BTreeMap::new(),
                    last_agent: None,
                    joined_at_ms: None,
                },
                1_000,
            );
            note(&acd, &mut metrics, 3_500);
            shows("offhook_agents{queue=\"sales\",state=\"offline\"} 0");
            shows("offhook_agents{queue=\"sales\",state=\"not_ready\"} 1");
            shows("offhook_queue_waiting{queue=\"sales\"} 1");
            shows("offhook_queue_longest_wait_seconds{queue=\"sales\"} 2.5");
            metrics.note_audit(&[], 11_000);
            shows("offhook_queue_longest_wait_seconds{queue=\"sales\"} 10");
            shows("offhook_queue_violations{kind=\"late_timer\"} 0");
            metrics.note_audit(&[Violation::LateTimer { late_ms: 300 }], 11_000);
            shows("offhook_queue_violations{kind=\"late_timer\"} 1");
            acd.leave(LegId(1), Left::HungUp, 12_000);
            note(&acd, &mut metrics, 12_000);
            shows("offhook_queue_waiting{queue=\"sales\"} 0");
            shows("offhook_queue_longest_wait_seconds{queue=\"sales\"} 0");
            metrics.forget_agent(&agent);
            shows("offhook_agents{queue=\"sales\",state=\"not_ready\"} 0");
        });
    }

    #[test]
    fn a_caller_is_counted_when_its_wait_is_over() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let answered = |within_service_level| QueueStep::Answered {
            waited_ms: 1,
            rang_ms: 1,
            is_callback: false,
            within_service_level,
        };
        let abandoned = |is_short| QueueStep::Abandoned {
            position: 1,
            joined_position: 1,
            waited_ms: 1,
            is_short,
        };
        let overflowed = QueueStep::Overflowed {
            position: 1,
            joined_position: 1,
            waited_ms: 1,
            target: Target::HangUp,
            why: OverflowCause::MaxWait,
            key: None,
        };
        metrics::with_local_recorder(&recorder, || {
            for step in
                [answered(true), answered(false), abandoned(true), abandoned(false), overflowed]
            {
                note_record(&record(step));
            }
        });
        let text = handle.render();
        for (name, count) in [("offered", 4), ("answered", 2), ("abandoned", 1)] {
            let line = format!("offhook_queue_{name}_total{{queue=\"sales\"}} {count}");
            assert!(text.contains(&line), "{text}");
        }
        assert!(text.contains("offhook_queue_answered_within_sl_total{queue=\"sales\"} 1"));
    }
}
