use crate::context::ApiState;
use crate::extract::SignedIn;
use crate::moment;
use crate::problem::{Problem, ProblemBody};
use axum::Json;
use axum::extract::State;
use offhook_store::Role;
use serde::Serialize;
use utoipa::ToSchema;

/// The process.
#[derive(Serialize, ToSchema)]
pub(crate) struct System {
    /// The version.
    version: &'static str,
    /// When it started.
    #[schema(format = DateTime)]
    started_at: String,
    /// Seconds since.
    uptime_s: u64,
    /// Resident memory in bytes; null where the system does not tell.
    memory_bytes: Option<u64>,
    /// The roles that it runs.
    roles: Vec<&'static str>,
}

/// The process: version, uptime, memory, roles. For supervisors.
#[utoipa::path(
    get, path = "/api/system", tag = "system", operation_id = "system",
    responses(
        (status = 200, description = "The process", body = System),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn system(
    State(state): State<ApiState>,
    who: SignedIn,
) -> Result<Json<System>, Problem> {
    who.demand(Role::Supervisor)?;
    Ok(Json(System {
        version: state.version,
        started_at: moment::print(state.started_at_ms),
        uptime_s: state.started.elapsed().as_secs(),
        memory_bytes: offhook_telemetry::resident_bytes(),
        roles: state.roles.clone(),
    }))
}
