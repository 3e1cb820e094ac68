//! Two calls of one party become one.

use crate::calls;
use crate::context::ApiState;
use crate::extract::{Body, SignedIn};
use crate::notes::person_of;
use crate::problem::{Problem, ProblemBody};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use offhook_bus::SwitchOrder;
use offhook_model::{CallState, LiveCall};
use offhook_store::Person;
use serde::Deserialize;
use utoipa::ToSchema;

/// Which call another is merged with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Merge {
    /// The other call, in which who is signed in talks too.
    with: String,
}

/// Makes one call of two in which who is signed in talks: all three hear each other. The call that began first
/// goes on, with its record and its recording; the other one ends. When one of the three hangs up, the other two
/// talk on.
#[utoipa::path(
    post, path = "/api/calls/{id}/merge", tag = "calls", operation_id = "mergeCalls",
    params(("id" = String, Path, description = "The one call")), request_body = Merge,
    responses(
        (status = 202, description = "The switch was told"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 404, description = "No such call is in progress", body = ProblemBody),
        (status = 409, description = "Who is signed in does not talk in both", body = ProblemBody),
        (status = 422, description = "`with` is no other call in progress", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn merge(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
    Body(wanted): Body<Merge>,
) -> Result<StatusCode, Problem> {
    let person = person_of(&state, &who);
    let Some(extension) = person.extension.clone() else {
        return Err(Problem::conflict("You have no extension, and talk in no call."));
    };
    let one = calls::live(&state, &id)?;
    let other = calls::live(&state, &wanted.with).ok().filter(|other| other.call != one.call);
    let other = other.ok_or_else(|| Problem::field("with", "another call in progress"))?;
    for live in [&one, &other] {
        if !talks_in(&state, live, &person) {
            return Err(Problem::conflict(format!("{extension} does not talk in {}.", live.call)));
        }
    }
    let order = SwitchOrder::Merge { call: one.call, with: other.call, extension };
    state.order(order, &who)
}

fn talks_in(state: &ApiState, live: &LiveCall, person: &Person) -> bool {
    let parties = [Some(live.caller.clone()), live.answered_by.clone()];
    let agent = person.agent.as_ref().and_then(|agent| state.shared.centre().agent(agent));
    let is_party = parties.contains(&person.extension)
        || agent.is_some_and(|agent| agent.calls.contains(&live.call));
    live.state == CallState::Answered && is_party
}
