use crate::context::ApiState;
use crate::{agents, calls, moment, queues};
use offhook_bus::{Event, Happening};
use offhook_model::{LiveCall, QueueRecord, QueueStep, RecordingRecord, RecordingState};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// What an event is called whose data the portals show.
pub(crate) const TYPES: [&str; 20] = [
    "call.ringing",
    "call.answered",
    "call.ended",
    "agent.state_changed",
    "agent.status_changed",
    "queue.changed",
    "queue.joined",
    "queue.offered",
    "queue.offer_ended",
    "queue.answered",
    "queue.completed",
    "queue.abandoned",
    "queue.overflowed",
    "queue.transferred_out",
    "queue.callback_taken",
    "queue.callback_placed",
    "queue.callback_failed",
    "queue.position_changed",
    "recording.started",
    "recording.ready",
];

/// An event in the envelope of CloudEvents 1.0 (JSON event format).
#[derive(Serialize, ToSchema)]
pub(crate) struct CloudEvent {
    /// `1.0`.
    #[schema(example = "1.0")]
    specversion: &'static str,
    /// Given once; the cursor from which the stream goes on.
    #[schema(example = "18a1c5f0c5a3b2d4-42")]
    id: String,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(example = "queue.joined")]
    kind: &'static str,
    /// `/offhook`.
    source: &'static str,
    /// When.
    #[schema(format = DateTime)]
    time: String,
    /// To what: the name of the call, agent, queue or recording.
    subject: String,
    /// The agent, the queue, the call; of what happens in a queue, what happened.
    #[schema(value_type = Object)]
    data: Value,
}

/// The type of an event.
pub(crate) fn type_of(what: &Happening) -> &'static str {
    match what {
        Happening::CallRinging(_) => "call.ringing",
        Happening::CallAnswered(_) => "call.answered",
        Happening::CallEnded(_) => "call.ended",
        Happening::AgentChanged(_) => "agent.state_changed",
        Happening::AgentStatusChanged(..) => "agent.status_changed",
        Happening::QueueChanged(_) => "queue.changed",
        Happening::InQueue(record) => match record.step {
            QueueStep::Joined { .. } => "queue.joined",
            QueueStep::Offered { .. } => "queue.offered",
            QueueStep::OfferEnded { .. } => "queue.offer_ended",
            QueueStep::Answered { .. } => "queue.answered",
            QueueStep::Completed { .. } => "queue.completed",
            QueueStep::Abandoned { .. } => "queue.abandoned",
            QueueStep::Overflowed { .. } => "queue.overflowed",
            QueueStep::TransferredOut { .. } => "queue.transferred_out",
            QueueStep::CallbackTaken { .. } => "queue.callback_taken",
            QueueStep::CallbackPlaced { .. } => "queue.callback_placed",
            QueueStep::CallbackFailed { .. } => "queue.callback_failed",
            QueueStep::PositionChanged { .. } => "queue.position_changed",
            // Told as a change of the agent.
            QueueStep::AgentState { .. } => "agent.state_changed",
        },
        Happening::Recording(record) if record.state == RecordingState::Recording => {
            "recording.started"
        }
        Happening::Recording(_) => "recording.ready",
    }
}

/// The event as it is sent; `None` when the agent or queue that has changed is no more. What has changed is
/// shown as it stands when it is told.
pub(crate) fn envelope(state: &ApiState, event: &Event) -> Option<Value> {
    let (subject, data) = match &event.what {
        Happening::CallRinging(call) | Happening::CallAnswered(call) => live(call),
        Happening::CallEnded(record) => (record.call.to_string(), calls::ended_view(record)),
        Happening::AgentChanged(agent) => {
            let directory = state.shared.directory();
            let known = directory.agents.get(agent)?;
            (agent.0.clone(), json!(agents::view(state, &directory, known)))
        }
        Happening::AgentStatusChanged(agent, status, reason) => {
            let data = json!({ "agent": agent.0, "status": status.as_str(), "reason": reason });
            (agent.0.clone(), data)
        }
        Happening::QueueChanged(queue) => {
            let known = state.shared.directory().queues.get(queue).cloned()?;
            (queue.0.clone(), json!(queues::view(state, known)))
        }
        Happening::InQueue(record) => in_queue(record),
        Happening::Recording(record) => recording(record),
    };
    Some(json!(CloudEvent {
        specversion: "1.0",
        id: event.cursor.to_string(),
        kind: type_of(&event.what),
        source: "/offhook",
        time: moment::print(event.at_ms),
        subject,
        data,
    }))
}

fn live(call: &LiveCall) -> (String, Value) {
    (call.call.to_string(), json!(calls::view_active(call.clone(), moment::now_ms())))
}

/// What happened, with the call, the queue and the agent beside it; durations in seconds.
pub(crate) fn in_queue(record: &QueueRecord) -> (String, Value) {
    let seconds = |ms: &Value| json!(ms.as_u64().map(|ms| ms as f64 / 1_000.0));
    let step = serde_json::to_value(&record.step).unwrap_or_default();
    let mut data = json!({
        "call": record.call.as_ref().map(ToString::to_string),
        "queue": record.queue.as_ref().map(|queue| &queue.0),
        "agent": record.agent.as_ref().map(|agent| &agent.0),
    });
    for (name, value) in step.as_object().into_iter().flatten().filter(|(name, _)| *name != "step")
    {
        match name.strip_suffix("_ms") {
            Some(name) => data[format!("{name}_s")] = seconds(value),
            None => data[name] = value.clone(),
        }
    }
    (record.queue.as_ref().map(|queue| queue.0.clone()).unwrap_or_default(), data)
}

fn recording(record: &RecordingRecord) -> (String, Value) {
    let data = json!({
        "id": record.id.to_string(),
        "call": record.call.as_ref().map(ToString::to_string),
        "conference": record.conference,
        "caller": record.caller,
        "dialled": record.dialled,
        "started_at": moment::print(record.started_at_ms),
        "state": record.state.as_str(),
        "failure": record.failure,
    });
    (record.id.to_string(), data)
}
