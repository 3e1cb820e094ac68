//! What must never be in the queues.

use crate::context::ApiState;
use crate::extract::SignedIn;
use crate::moment;
use crate::problem::{Problem, ProblemBody};
use axum::Json;
use axum::extract::State;
use offhook_store::Role;
use serde::Serialize;
use utoipa::ToSchema;

/// What was found when the queues were looked through last.
#[derive(Serialize, ToSchema)]
pub(crate) struct Audit {
    /// When that was; it is done every ten seconds.
    #[schema(format = DateTime)]
    checked_at: String,
    /// Whether nothing was found.
    ok: bool,
    /// What was found.
    violations: Vec<ViolationView>,
}

/// Something that must never be.
#[derive(Serialize, ToSchema)]
struct ViolationView {
    /// `stray_offer`, `offer_without_caller`, `no_timer`, `late_timer`, `idle_agent`, `too_many_calls`,
    /// `wrong_index` or `unaccounted`.
    kind: &'static str,
    /// In words.
    detail: String,
}

/// What is wrong with the queues and must never be: each violation is a fault of Offhook. For supervisors.
#[utoipa::path(
    get, path = "/api/queues/audit", tag = "queues", operation_id = "queueAudit",
    responses(
        (status = 200, description = "What was found", body = Audit),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 503, description = "The queues were not looked through yet", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn audit(
    State(state): State<ApiState>,
    who: SignedIn,
) -> Result<Json<Audit>, Problem> {
    who.demand(Role::Supervisor)?;
    let audit = state.shared.centre().audit();
    let audit =
        audit.ok_or_else(|| Problem::unavailable("The queues were not looked through yet."))?;
    let violations = audit
        .found
        .iter()
        .map(|found| ViolationView { kind: found.kind(), detail: found.to_string() });
    Ok(Json(Audit {
        checked_at: moment::print(audit.at_ms),
        ok: audit.found.is_empty(),
        violations: violations.collect(),
    }))
}
