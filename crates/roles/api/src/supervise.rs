//! Supervisors on calls in progress.

use crate::calls;
use crate::context::ApiState;
use crate::extract::{Asked, Body, SignedIn};
use crate::problem::{Problem, ProblemBody};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use offhook_bus::{SupervisionOrder, SwitchOrder};
use offhook_model::{CallSide, CallState, LiveCall, SupervisorMode};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// What a supervisor does on a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Listen,
    Whisper,
    Barge,
}

/// A side of a call.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Side {
    Agent,
    Customer,
}

/// Who supervises, and how.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Supervision {
    /// `listen` hears both and is heard by nobody, `whisper` is heard by one of them, `barge` by both.
    #[schema(inline)]
    mode: Mode,
    /// Who hears a whisper: the agent, who is whoever was called, or the customer. The agent when absent.
    #[schema(inline)]
    whisper_to: Option<Side>,
    /// The supervisor's extension; that of who is signed in when absent.
    extension: Option<String>,
}

/// Which supervisor.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichSupervisor {
    /// The supervisor's extension; that of who is signed in when absent.
    extension: Option<String>,
}

/// Puts a supervisor on a call between two: the supervisor's extension rings, and whoever answers is on the
/// call. For supervisors.
#[utoipa::path(
    post, path = "/api/calls/active/{id}/supervise", tag = "calls", operation_id = "supervise",
    params(("id" = String, Path, description = "The call")), request_body = Supervision,
    responses(
        (status = 202, description = "The switch was told to call the supervisor"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such call is in progress", body = ProblemBody),
        (status = 409, description = "Nobody can or may supervise it so", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn start(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
    Body(wanted): Body<Supervision>,
) -> Result<StatusCode, Problem> {
    let (mode, extension) = (mode(&wanted)?, extension(&state, &who, wanted.extension)?);
    let allowed = |live: &LiveCall| may_begin(&state, live, &extension);
    let order = SupervisionOrder::Start { extension: extension.clone(), mode };
    calls::order(&state, &who, &id, allowed, |call| SwitchOrder::Supervise(call, order))
}

/// Lets a supervisor on a call do something else there. For supervisors.
#[utoipa::path(
    put, path = "/api/calls/active/{id}/supervise", tag = "calls", operation_id = "changeSupervision",
    params(("id" = String, Path, description = "The call")), request_body = Supervision,
    responses(
        (status = 202, description = "The switch was told"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such call, or no such supervisor on it", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn change(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
    Body(wanted): Body<Supervision>,
) -> Result<StatusCode, Problem> {
    let (mode, extension) = (mode(&wanted)?, extension(&state, &who, wanted.extension)?);
    let allowed = |live: &LiveCall| is_there(live, &extension);
    let order = SupervisionOrder::Change { extension: extension.clone(), mode };
    calls::order(&state, &who, &id, allowed, |call| SwitchOrder::Supervise(call, order))
}

/// Who takes a call over.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TakeOver {
    /// The supervisor's extension; that of who is signed in when absent.
    extension: Option<String>,
}

/// Puts a supervisor in the agent's place: the customer talks with the supervisor, and the agent is let go. A
/// supervisor who is not on the call is called first. For supervisors.
#[utoipa::path(
    post, path = "/api/calls/{id}/take-over", tag = "calls", operation_id = "takeOver",
    params(("id" = String, Path, description = "The call")), request_body = TakeOver,
    responses(
        (status = 202, description = "The switch was told"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such call is in progress", body = ProblemBody),
        (status = 409, description = "Nobody can or may take it over so", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn take_over(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
    Body(wanted): Body<TakeOver>,
) -> Result<StatusCode, Problem> {
    let extension = extension(&state, &who, wanted.extension)?;
    let allowed = |live: &LiveCall| {
        is_there(live, &extension).or_else(|_| may_begin(&state, live, &extension))
    };
    let order = SupervisionOrder::TakeOver { extension: extension.clone() };
    calls::order(&state, &who, &id, allowed, |call| SwitchOrder::Supervise(call, order))
}

/// Takes a supervisor off a call; the two talk on. For supervisors.
#[utoipa::path(
    delete, path = "/api/calls/active/{id}/supervise", tag = "calls", operation_id = "endSupervision",
    params(("id" = String, Path, description = "The call"), WhichSupervisor),
    responses(
        (status = 202, description = "The switch was told"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such call, or no such supervisor on it", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn end(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
    Asked(which): Asked<WhichSupervisor>,
) -> Result<StatusCode, Problem> {
    let extension = extension(&state, &who, which.extension)?;
    let allowed = |live: &LiveCall| is_there(live, &extension);
    let order = SupervisionOrder::End { extension: extension.clone() };
    calls::order(&state, &who, &id, allowed, |call| SwitchOrder::Supervise(call, order))
}

fn mode(wanted: &Supervision) -> Result<SupervisorMode, Problem> {
    if wanted.whisper_to.is_some() && wanted.mode != Mode::Whisper {
        return Err(Problem::field("whisper_to", "a value with the mode `whisper` only"));
    }
    Ok(match wanted.mode {
        Mode::Listen => SupervisorMode::Listen,
        Mode::Barge => SupervisorMode::Barge,
        Mode::Whisper => SupervisorMode::Whisper(match wanted.whisper_to {
            Some(Side::Customer) => CallSide::Customer,
            Some(Side::Agent) | None => CallSide::Agent,
        }),
    })
}

/// The extension that was asked for, or that of who asks.
fn extension(state: &ApiState, who: &SignedIn, asked: Option<String>) -> Result<String, Problem> {
    let extension = asked.or_else(|| who.user.extension.clone());
    let known = |number: &String| state.shared.directory().extensions.contains_key(number);
    extension.filter(known).ok_or_else(|| {
        Problem::field("extension", "an extension that exists; you have none of your own to ring")
    })
}

fn may_begin(state: &ApiState, live: &LiveCall, extension: &str) -> Result<(), Problem> {
    let directory = state.shared.directory();
    let answered_by = live.answered_by.as_deref().unwrap_or_default();
    let talks = live.state == CallState::Answered && directory.extensions.contains_key(answered_by);
    if !talks {
        return Err(Problem::conflict("Only a call in which two talk can be supervised."));
    }
    if [answered_by, &live.caller].contains(&extension) {
        return Err(Problem::conflict(format!("{extension} is a party of this call.")));
    }
    if is_there(live, extension).is_ok() {
        return Err(Problem::conflict(format!("{extension} supervises this call already.")));
    }
    Ok(())
}

fn is_there(live: &LiveCall, extension: &str) -> Result<(), Problem> {
    let mut supervisors = live.supervisors.iter();
    let is_there = supervisors.any(|supervisor| supervisor.extension == extension);
    is_there.then_some(()).ok_or_else(|| Problem::not_found("supervisor on this call"))
}
