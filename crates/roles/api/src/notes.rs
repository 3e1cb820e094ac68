//! What agents write of calls, and which calls are whose.

use crate::context::ApiState;
use crate::extract::{Body, SignedIn};
use crate::problem::{Kind, Problem, ProblemBody};
use crate::validate::Check;
use axum::Json;
use axum::extract::{Path, State};
use offhook_model::{AgentId, CallRef};
use offhook_store::{CallNotes, Person, Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Characters of what is written of a call.
const NOTES_CHARACTERS_MAX: usize = 4_000;

/// What is written of a call.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notes {
    /// In the agent's words, at most 4,000 characters; what was written stays when absent.
    notes: Option<String>,
    /// What came of it: one of `/api/settings/dispositions`; what was said stays when absent.
    #[schema(example = "Resolved")]
    disposition: Option<String>,
}

/// Writes what came of a call, while it goes on or afterwards. For supervisors; agents write of their own
/// calls.
#[utoipa::path(
    put, path = "/api/calls/{id}/notes", tag = "calls", operation_id = "setCallNotes",
    params(("id" = String, Path, description = "The call")), request_body = Notes,
    responses(
        (status = 200, description = "What is written of it", body = Notes),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Somebody else's call, and not a supervisor", body = ProblemBody),
        (status = 404, description = "There is no such call", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn write(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
    Body(new): Body<Notes>,
) -> Result<Json<Notes>, Problem> {
    let call = CallRef::parse(&id).ok_or_else(|| Problem::not_found("call"))?;
    let is_live = state.shared.live_call(&call).is_some();
    if !is_live && state.store.call(&call).await?.is_none() && !has_stays(&state, &call).await? {
        return Err(Problem::not_found("call"));
    }
    may_read(&state, &who, &call).await?;
    let new = CallNotes { notes: new.notes, disposition: new.disposition };
    check(&state, &new).await?;
    state.store.set_call_notes(&call, &new, &who.user.username).await?;
    let CallNotes { notes, disposition } = state.store.call_notes(&call).await?;
    Ok(Json(Notes { notes, disposition }))
}

/// Writes what came of the call after which an agent works.
pub(crate) async fn write_of_wrap_up(
    state: &ApiState,
    who: &SignedIn,
    agent: &AgentId,
    call: Option<&str>,
    notes: CallNotes,
) -> Result<(), Problem> {
    if notes == CallNotes::default() {
        return Ok(());
    }
    check(state, &notes).await?;
    let call = match call {
        Some(id) => CallRef::parse(id),
        None => state.store.last_call_of(agent).await?,
    };
    let call = call.ok_or_else(|| Problem::not_found("call"))?;
    may_read(state, who, &call).await?;
    state.store.set_call_notes(&call, &notes, &who.user.username).await?;
    Ok(())
}

async fn has_stays(state: &ApiState, call: &CallRef) -> Result<bool, Problem> {
    Ok(!state.store.queue_stays(call).await?.is_empty())
}

async fn check(state: &ApiState, notes: &CallNotes) -> Result<(), Problem> {
    let mut check = Check::default();
    let text = notes.notes.as_deref().unwrap_or_default();
    let length = text.chars().count();
    let allowed = "at most 4000 characters without control characters but line ends and tabs";
    let is_plain = !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    check.demand(length <= NOTES_CHARACTERS_MAX && is_plain, "notes", allowed);
    if let Some(disposition) = &notes.disposition {
        let known = state.store.dispositions().await?;
        check.demand(known.contains(disposition), "disposition", &known.join(", "));
    }
    check.done()
}

/// Whose calls somebody's own are.
pub(crate) fn person_of(state: &ApiState, who: &SignedIn) -> Person {
    let directory = state.shared.directory();
    let own = directory.agents.values().find(|agent| agent.username == who.user.username);
    let extension = own.map(|agent| agent.extension.clone()).or(who.user.extension.clone());
    Person { agent: own.map(|agent| agent.id.clone()), extension }
}

/// Supervisors read of every call, agents of those in which they take or took part.
pub(crate) async fn may_read(
    state: &ApiState,
    who: &SignedIn,
    call: &CallRef,
) -> Result<(), Problem> {
    if who.user.role >= Role::Supervisor {
        return Ok(());
    }
    let person = person_of(state, who);
    let live = state.shared.live_call(call).is_some_and(|live| {
        person.extension.is_some()
            && [Some(live.caller), live.answered_by].contains(&person.extension)
    });
    let live_agent = person.agent.as_ref().and_then(|agent| state.shared.centre().agent(agent));
    let is_on_it = live || live_agent.is_some_and(|agent| agent.calls.contains(call));
    if is_on_it || state.store.took_part(call, &person).await? {
        return Ok(());
    }
    Err(Problem::new(Kind::NotAllowed, "This is not a call of yours, and you are no supervisor."))
}
