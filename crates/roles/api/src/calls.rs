use crate::context::ApiState;
use crate::extract::{Asked, SignedIn};
use crate::page::{self, Page};
use crate::problem::{Problem, ProblemBody};
use crate::ratings::Rating;
use crate::{csv, moment, notes};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use offhook_bus::SwitchOrder;
use offhook_model::{
    AgentId, CallRecord, CallRef, CallState, Direction, LegRecord, LiveCall, LiveRecording,
    LiveSupervisor,
};
use offhook_store::{CallDetail, CallRow, HistoryCursor, HistoryFilter, Person, QueueStay, Role};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A call in progress.
#[derive(Serialize, ToSchema)]
pub(crate) struct ActiveCall {
    /// The call.
    id: String,
    /// Who called: number or user name.
    caller: String,
    /// The number as dialled.
    dialled: String,
    /// Who answered, once somebody did.
    answered_by: Option<String>,
    /// `ringing` or `answered`.
    state: &'static str,
    /// When it came in.
    #[schema(format = DateTime)]
    started_at: String,
    /// When it was answered.
    #[schema(format = DateTime)]
    answered_at: Option<String>,
    /// Since it came in, seconds.
    duration_seconds: f64,
    /// `running` or `paused`; null when it is not being recorded.
    recording: Option<&'static str>,
    /// The supervisors on it.
    supervisors: Vec<ActiveSupervisor>,
}

/// A supervisor on a call in progress.
#[derive(Serialize, ToSchema)]
pub(crate) struct ActiveSupervisor {
    /// The supervisor's extension.
    extension: String,
    /// `listen`, `whisper`, `whisper_to_customer` or `barge`.
    mode: &'static str,
    /// Whether the supervisor's device is still ringing.
    ringing: bool,
}

/// Calls in progress.
#[derive(Serialize, ToSchema)]
pub(crate) struct ActiveCalls {
    /// The calls, the oldest first.
    items: Vec<ActiveCall>,
}

/// A call that ended. Loss, jitter and score are those of the worse direction, and null when nothing was
/// measured.
#[derive(Serialize, ToSchema)]
pub(crate) struct Call {
    /// The call.
    id: String,
    /// Who called: number or user name.
    caller: String,
    /// The caller's display name, when it gave one.
    caller_name: Option<String>,
    /// The number as dialled.
    dialled: String,
    /// Who answered.
    answered_by: Option<String>,
    /// When it came in.
    #[schema(format = DateTime)]
    started_at: String,
    /// When it was answered.
    #[schema(format = DateTime)]
    answered_at: Option<String>,
    /// When it ended.
    #[schema(format = DateTime)]
    ended_at: String,
    /// From its coming to its answer or end, seconds.
    ring_seconds: f64,
    /// From its answer to its end, seconds.
    talk_seconds: f64,
    /// Why it ended: a cause of Q.850.
    #[schema(example = 16)]
    hangup_cause: u8,
    /// The cause's name.
    #[schema(example = "NORMAL_CLEARING")]
    hangup_cause_name: String,
    /// The SIP status of a call that was refused.
    sip_status: Option<u16>,
    /// `caller`, `callee` or `system`.
    hung_up_by: String,
    /// The codec received from the caller.
    caller_codec: Option<String>,
    /// The codec received from who answered.
    callee_codec: Option<String>,
    /// Packets lost on all legs.
    packets_lost: Option<i64>,
    /// Loss in percent.
    loss_percent: Option<f64>,
    /// Jitter in milliseconds (RFC 3550).
    jitter_ms: Option<f64>,
    /// Mean opinion score by the E-model (G.107), 1 to 4.5.
    mos: Option<f64>,
    /// Why a party was not heard; null when all were.
    verdict: Option<Verdict>,
    /// Its recordings, in the order in which they began; those that were deleted among them.
    recordings: Vec<String>,
    /// The queue of its last stay in one.
    queue: Option<String>,
    /// The agent who has answered there.
    agent: Option<String>,
    /// How long it waited there.
    wait_seconds: Option<f64>,
    /// What the agent wrote of it.
    notes: Option<String>,
    /// What came of it.
    disposition: Option<String>,
    /// What the caller thinks of it, 1 to 5; null when it has not said.
    stars: Option<i64>,
}

/// A stay of the caller in a queue. Durations are in seconds.
#[derive(Serialize, ToSchema)]
pub(crate) struct QueueStep {
    /// The queue.
    queue: String,
    /// When the caller joined.
    #[schema(format = DateTime)]
    joined_at: String,
    /// Its position at that moment, from 1.
    joined_position: Option<i64>,
    /// How often it was offered to an agent.
    offers: i64,
    /// Whether the caller was called back.
    is_callback: bool,
    /// `answered`, `abandoned`, `overflowed`, `transferred_out`, or `interrupted` when Offhook ended
    /// meanwhile; null while it waits.
    outcome: Option<String>,
    /// Why it was sent on; `short` when it hung up at once.
    reason: Option<String>,
    /// Who has answered.
    agent: Option<String>,
    /// How long it waited.
    waited_s: Option<f64>,
    /// How long the agent was rung who has answered.
    rang_s: Option<f64>,
    /// How long the agent talked.
    talk_s: Option<f64>,
    /// How long the agent had the caller on hold.
    hold_s: Option<f64>,
}

/// Why a party was not heard.
#[derive(Serialize, ToSchema)]
pub(crate) struct Verdict {
    /// `private_address`, `unreachable_candidates`, `dtls_failed`, `codec_mismatch`, `wrong_keys`,
    /// `wrong_source`, `nothing_received`, `silent_sender`, `no_common_codec`, `no_common_protection` or
    /// `offers_refused`.
    #[schema(example = "nothing_received")]
    code: String,
    /// The place of that party's leg among the call's, from 0 for the caller's.
    leg: i64,
    /// What was seen.
    evidence: String,
    /// What to change.
    advice: String,
}

/// A call that ended, with its legs.
#[derive(Serialize, ToSchema)]
pub(crate) struct CallWithLegs {
    /// The call.
    #[serde(flatten)]
    call: Call,
    /// Its legs, the caller's first.
    legs: Vec<Leg>,
    /// The caller's stays in queues, in order.
    queue_steps: Vec<QueueStep>,
    /// What the caller thinks of it, in its words; null when it has not said.
    rating: Option<Rating>,
}

/// One party's part of a call.
#[derive(Serialize, ToSchema)]
pub(crate) struct Leg {
    /// `inbound` when the party called us, `outbound` when we called it.
    direction: &'static str,
    /// The party's number or user name.
    number: String,
    /// SIP's Call-ID.
    sip_call_id: String,
    /// The last SIP status: what it was answered or refused with.
    sip_status: Option<u16>,
    /// What was measured of its media; null when it had none.
    stream: Option<Stream>,
}

/// What was measured of a leg's media.
#[derive(Serialize, ToSchema)]
pub(crate) struct Stream {
    /// The codec received.
    codec: Option<String>,
    /// `none`, `sdes` or `dtls`.
    security: Option<String>,
    /// RTP packets received from the party.
    packets_received: u64,
    /// RTP packets sent to it.
    packets_sent: u64,
    /// Packets that it sent and that never came.
    packets_lost: u64,
    /// Packets dropped as forged, replayed or foreign.
    packets_refused: u64,
    /// Jitter at the end, milliseconds.
    jitter_ms: Option<f64>,
    /// Of the packets sent to it, how many it missed, percent.
    remote_loss_percent: Option<f64>,
    /// Round trip, milliseconds.
    round_trip_ms: Option<f64>,
    /// Mean opinion score of what was received.
    mos: Option<f64>,
    /// How much longer the runs of lost packets were than chance would make them; 1 for chance.
    burst_ratio: Option<f64>,
    /// How much faster the party's clock runs than ours, parts per million.
    clock_drift_ppm: Option<f64>,
}

/// Which calls are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// Calls that came in at this moment or later: RFC 3339, or a date.
    #[param(example = "2026-11-22T00:00:00Z")]
    from: Option<String>,
    /// Calls that came in before this moment: RFC 3339, or a date.
    to: Option<String>,
    /// Calls of this caller.
    caller: Option<String>,
    /// Calls to this number.
    dialled: Option<String>,
    /// Calls in which this agent took part; `me` for one's own, which is all that agents may ask for.
    agent: Option<String>,
    /// `true` for calls that were answered, `false` for the others.
    answered: Option<bool>,
    /// Calls on the page, 1 to 1000; 50 when absent. With `format=csv`, all when absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// `json`, or `csv` for a spreadsheet.
    #[param(inline)]
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    Json,
    Csv,
}

/// The calls in progress. For supervisors.
#[utoipa::path(
    get, path = "/api/calls/active", tag = "calls", operation_id = "activeCalls",
    responses(
        (status = 200, description = "The calls", body = ActiveCalls),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn active(
    State(state): State<ApiState>,
    who: SignedIn,
) -> Result<Json<ActiveCalls>, Problem> {
    who.demand(Role::Supervisor)?;
    let now = moment::now_ms();
    let mut calls = state.shared.live_calls();
    calls.sort_by(|a, b| (a.started_at_ms, &a.call).cmp(&(b.started_at_ms, &b.call)));
    Ok(Json(ActiveCalls { items: calls.into_iter().map(|call| view_active(call, now)).collect() }))
}

/// Ends a call in progress. For supervisors.
#[utoipa::path(
    delete, path = "/api/calls/active/{id}", tag = "calls", operation_id = "hangUp",
    params(("id" = String, Path, description = "The call")),
    responses(
        (status = 202, description = "The switch was told to end it"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such call is in progress", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn hang_up(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    order(&state, &who, &id, |_| Ok(()), SwitchOrder::HangUp)
}

/// Gives the switch an order about a call in progress that allows it. For supervisors.
pub(crate) fn order(
    state: &ApiState,
    who: &SignedIn,
    id: &str,
    allowed: impl FnOnce(&LiveCall) -> Result<(), Problem>,
    order: impl FnOnce(CallRef) -> SwitchOrder,
) -> Result<StatusCode, Problem> {
    who.demand(Role::Supervisor)?;
    let live = live(state, id)?;
    allowed(&live)?;
    state.order(order(live.call), who)
}

/// The call in progress that has this name.
pub(crate) fn live(state: &ApiState, id: &str) -> Result<LiveCall, Problem> {
    let live = CallRef::parse(id).and_then(|call| state.shared.live_call(&call));
    live.ok_or_else(|| Problem::not_found("call in progress"))
}

/// The calls that ended, the latest first. For supervisors; agents see their own.
#[utoipa::path(
    get, path = "/api/calls/history", tag = "calls", operation_id = "callHistory", params(HistoryQuery),
    responses(
        (status = 200, description = "A page of calls, or all of them as CSV", content(
            (Page<Call> = "application/json"), (String = "text/csv"),
        )),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn history(
    State(state): State<ApiState>,
    who: SignedIn,
    Asked(query): Asked<HistoryQuery>,
) -> Result<Response, Problem> {
    let filter = HistoryFilter { person: person(&state, &who, &query)?, ..filter(&query)? };
    let limit = page::limit(query.limit)?;
    if query.format == Some(Format::Csv) {
        return Ok(csv::calls(state.store.clone(), filter, query.limit));
    }
    let found = state.store.history(&filter, limit).await?;
    let next_cursor = found.next.map(|cursor| cursor.to_string());
    let items = found.calls.into_iter().map(view).collect();
    Ok(Json(Page::<Call> { items, next_cursor }).into_response())
}

/// One call that ended, with its legs. For supervisors; agents see their own.
#[utoipa::path(
    get, path = "/api/calls/{id}", tag = "calls", operation_id = "call",
    params(("id" = String, Path, description = "The call")),
    responses(
        (status = 200, description = "The call", body = CallWithLegs),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such call ended", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn one(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<Json<CallWithLegs>, Problem> {
    let call = CallRef::parse(&id).ok_or_else(|| Problem::not_found("call"))?;
    notes::may_read(&state, &who, &call).await?;
    let stays = state.store.queue_stays(&call).await?;
    let found: Option<CallDetail> = state.store.call(&call).await?;
    let rating = state.store.call_rating(&call).await?.map(Rating::from);
    let CallDetail { call, legs } = found.ok_or_else(|| Problem::not_found("call"))?;
    let queue_steps = stays.into_iter().map(view_stay).collect();
    let legs = legs.into_iter().map(view_leg).collect();
    Ok(Json(CallWithLegs { call: view(call), legs, queue_steps, rating }))
}

/// Reads a moment that limits a list.
pub(crate) fn moment_of(field: &str, text: Option<&str>) -> Result<Option<u64>, Problem> {
    let allowed = "a moment such as 2026-11-22T18:30:00Z, or a date such as 2026-11-22";
    let parse = |text| moment::parse(text).ok_or_else(|| Problem::field(field, allowed));
    text.map(parse).transpose()
}

fn filter(query: &HistoryQuery) -> Result<HistoryFilter, Problem> {
    let cursor = match &query.cursor {
        Some(text) => {
            let parsed = HistoryCursor::parse(text);
            Some(
                parsed
                    .ok_or_else(|| Problem::field("cursor", "the next_cursor of a page before"))?,
            )
        }
        None => None,
    };
    Ok(HistoryFilter {
        from_ms: moment_of("from", query.from.as_deref())?,
        to_ms: moment_of("to", query.to.as_deref())?,
        caller: query.caller.clone(),
        dialled: query.dialled.clone(),
        answered: query.answered,
        person: None,
        cursor,
    })
}

#[allow(clippy::cast_precision_loss)]
pub(crate) fn view_active(call: LiveCall, now_ms: u64) -> ActiveCall {
    ActiveCall {
        id: call.call.to_string(),
        caller: call.caller,
        dialled: call.dialled,
        answered_by: call.answered_by,
        state: match call.state {
            CallState::Ringing => "ringing",
            CallState::Answered => "answered",
        },
        started_at: moment::print(call.started_at_ms),
        answered_at: call.answered_at_ms.map(moment::print),
        recording: call.recording.map(LiveRecording::as_str),
        supervisors: call.supervisors.into_iter().map(view_supervisor).collect(),
        duration_seconds: now_ms.saturating_sub(call.started_at_ms) as f64 / 1_000.0,
    }
}

/// A call that has ended, as far as it is known at once.
pub(crate) fn ended_view(record: &CallRecord) -> serde_json::Value {
    serde_json::json!({
        "id": record.call.to_string(),
        "caller": record.caller,
        "caller_name": record.caller_name,
        "dialled": record.dialled,
        "answered_by": record.answered_by,
        "started_at": moment::print(record.started_at_ms),
        "answered_at": record.answered_at_ms.map(moment::print),
        "ended_at": moment::print(record.ended_at_ms),
        "ring_seconds": record.ring_ms as f64 / 1_000.0,
        "talk_seconds": record.talk_ms as f64 / 1_000.0,
        "hangup_cause": record.cause.code(),
        "hangup_cause_name": record.cause.name(),
        "sip_status": record.sip_status,
        "hung_up_by": record.hung_up_by.as_str(),
        "recordings": record.recordings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn view_supervisor(supervisor: LiveSupervisor) -> ActiveSupervisor {
    ActiveSupervisor {
        extension: supervisor.extension,
        mode: supervisor.mode.as_str(),
        ringing: supervisor.is_ringing,
    }
}

/// Whose calls are asked for; agents may ask for their own.
fn person(
    state: &ApiState,
    who: &SignedIn,
    query: &HistoryQuery,
) -> Result<Option<Person>, Problem> {
    let Some(name) = query.agent.as_deref() else {
        who.demand(Role::Supervisor)?;
        return Ok(None);
    };
    let own = notes::person_of(state, who);
    if name == "me" || own.agent.as_ref().is_some_and(|agent| agent.0 == name) {
        return Ok(Some(own));
    }
    who.demand(Role::Supervisor)?;
    let directory = state.shared.directory();
    let known = directory.agents.get(&AgentId(name.to_owned()));
    let known = known.ok_or_else(|| Problem::field("agent", "me, or the name of an agent"))?;
    let (agent, extension) = (Some(known.id.clone()), Some(known.extension.clone()));
    Ok(Some(Person { agent, extension }))
}

fn view_stay(stay: QueueStay) -> QueueStep {
    let seconds = |ms: Option<i64>| ms.map(|ms| ms as f64 / 1_000.0);
    QueueStep {
        queue: stay.queue,
        joined_at: moment::print_stored(stay.joined_at_ms),
        joined_position: stay.joined_position,
        offers: stay.offers,
        is_callback: stay.is_callback,
        outcome: stay.outcome,
        reason: stay.reason,
        agent: stay.agent,
        waited_s: seconds(stay.waited_ms),
        rang_s: seconds(stay.rang_ms),
        talk_s: seconds(stay.talk_ms),
        hold_s: seconds(stay.hold_ms),
    }
}

fn view(row: CallRow) -> Call {
    Call {
        recordings: row.recordings().map(str::to_owned).collect(),
        id: row.id,
        caller: row.caller,
        caller_name: row.caller_name,
        dialled: row.dialled,
        answered_by: row.answered_by,
        started_at: moment::print_stored(row.started_at_ms),
        answered_at: row.answered_at_ms.map(moment::print_stored),
        ended_at: moment::print_stored(row.ended_at_ms),
        ring_seconds: row.ring_seconds,
        talk_seconds: row.talk_seconds,
        hangup_cause: row.hangup_cause,
        hangup_cause_name: row.hangup_cause_name,
        sip_status: row.sip_status,
        hung_up_by: row.hung_up_by,
        caller_codec: row.caller_codec,
        callee_codec: row.callee_codec,
        packets_lost: row.packets_lost,
        loss_percent: row.loss_percent,
        jitter_ms: row.jitter_ms,
        mos: row.mos,
        queue: row.queue,
        agent: row.agent,
        wait_seconds: row.wait_seconds,
        notes: row.notes,
        disposition: row.disposition,
        stars: row.stars,
        verdict: row.verdict.map(|code| Verdict {
            code,
            leg: row.verdict_leg.unwrap_or_default(),
            evidence: row.verdict_evidence.unwrap_or_default(),
            advice: row.verdict_advice.unwrap_or_default(),
        }),
    }
}

fn view_leg(leg: LegRecord) -> Leg {
    Leg {
        direction: match leg.direction {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
        },
        number: leg.number,
        sip_call_id: leg.sip_call_id,
        sip_status: leg.sip_status,
        stream: leg.stream.map(|stream| Stream {
            codec: stream.codec,
            security: stream.security,
            packets_received: stream.packets_received,
            packets_sent: stream.packets_sent,
            packets_lost: stream.packets_lost,
            packets_refused: stream.packets_refused,
            jitter_ms: stream.jitter_ms,
            remote_loss_percent: stream.remote_loss_percent,
            round_trip_ms: stream.round_trip_ms,
            mos: stream.mos,
            burst_ratio: stream.burst_ratio,
            clock_drift_ppm: stream.clock_drift_ppm,
        }),
    }
}
