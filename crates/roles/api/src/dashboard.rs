use crate::context::ApiState;
use crate::extract::SignedIn;
use crate::problem::{Problem, ProblemBody};
use crate::{moment, registrations};
use axum::Json;
use axum::extract::State;
use offhook_model::CallState;
use offhook_store::Role;
use serde::Serialize;
use utoipa::ToSchema;

/// How the house stands at the moment, and what the day amounts to. Days begin at midnight UTC.
#[derive(Serialize, ToSchema)]
pub(crate) struct Stats {
    /// Calls in progress = ringing + answered.
    active_calls: usize,
    /// Calls that came in and were not answered yet.
    ringing_calls: usize,
    /// Calls in which people talk, or hear a prompt.
    answered_calls: usize,
    /// Devices registered.
    registrations: usize,
    /// The day.
    today: Today,
}

/// The calls that came in since midnight UTC and have ended. Means are over the calls where something was
/// measured, and null when nothing was.
#[derive(Serialize, ToSchema)]
pub(crate) struct Today {
    /// Midnight.
    #[schema(format = DateTime)]
    since: String,
    /// All of them.
    calls: i64,
    /// Those that were answered.
    answered: i64,
    /// Those that were not = calls - answered.
    not_answered: i64,
    /// Seconds talked, all together.
    talk_seconds: f64,
    /// Packets lost, all together.
    packets_lost: i64,
    /// Mean loss of the calls' worse directions, percent.
    loss_percent: Option<f64>,
    /// Mean jitter of the calls' worse directions, milliseconds.
    jitter_ms: Option<f64>,
    /// Mean opinion score, mean of the calls' worse directions.
    mos: Option<f64>,
}

/// How the house stands. For supervisors.
#[utoipa::path(
    get, path = "/api/dashboard/stats", tag = "dashboard", operation_id = "stats",
    responses(
        (status = 200, description = "The figures", body = Stats),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn stats(
    State(state): State<ApiState>,
    who: SignedIn,
) -> Result<Json<Stats>, Problem> {
    who.demand(Role::Supervisor)?;
    let since = moment::day_start(moment::now_ms());
    let day = state.store.figures_since(since).await?;
    let calls = state.shared.live_calls();
    let answered_calls = calls.iter().filter(|call| call.state == CallState::Answered).count();
    Ok(Json(Stats {
        active_calls: calls.len(),
        ringing_calls: calls.len() - answered_calls,
        answered_calls,
        registrations: registrations::count(&state),
        today: Today {
            since: moment::print(since),
            calls: day.calls,
            answered: day.answered,
            not_answered: day.calls - day.answered,
            talk_seconds: day.talk_seconds,
            packets_lost: day.packets_lost,
            loss_percent: day.loss_percent,
            jitter_ms: day.jitter_ms,
            mos: day.mos,
        },
    }))
}
