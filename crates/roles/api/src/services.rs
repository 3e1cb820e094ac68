use crate::context::ApiState;
use crate::extract::{Asked, Body, SignedIn};
use crate::page::{self, Page, PageQuery};
use crate::problem::{Problem, ProblemBody};
use axum::Json;
use axum::extract::{Path, State};
use offhook_store::{Role, ServiceRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A number that Offhook answers itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceView {
    /// The number.
    #[schema(example = "6000")]
    number: String,
    /// What it does: `echo`, `play`, `go_to`, `conference`, `voicemail` or `mailbox`.
    kind: String,
    /// Whether its calls are recorded.
    record: bool,
}

/// What is to be changed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceChange {
    /// Whether its calls are recorded, from their answer on.
    record: bool,
}

/// The numbers that Offhook answers itself. For supervisors.
#[utoipa::path(
    get, path = "/api/services", tag = "services", operation_id = "services", params(PageQuery),
    responses(
        (status = 200, description = "A page of numbers", body = Page<ServiceView>),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    who: SignedIn,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Page<ServiceView>>, Problem> {
    who.demand(Role::Supervisor)?;
    let limit = page::limit(query.limit)?;
    let rows = state.store.service_rows(query.cursor.as_deref(), limit + 1).await?;
    Ok(Json(page::cut(rows, limit, |row| &row.number, view)))
}

/// Says whether the calls of a number are recorded, from the next call on. For administrators.
#[utoipa::path(
    patch, path = "/api/services/{number}", tag = "services", operation_id = "changeService",
    params(("number" = String, Path, description = "The number")), request_body = ServiceChange,
    responses(
        (status = 200, description = "Changed", body = ServiceView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 404, description = "There is no such number", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn change(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(number): Path<String>,
    Body(change): Body<ServiceChange>,
) -> Result<Json<ServiceView>, Problem> {
    who.demand(Role::Admin)?;
    let row = state.store.set_service_recorded(&number, change.record).await?;
    state.reload_directory().await?;
    tracing::info!(by = who.user.username, number, record = change.record, "a service was changed");
    Ok(Json(view(row)))
}

fn view(row: ServiceRow) -> ServiceView {
    ServiceView { number: row.number, kind: row.kind, record: row.is_recorded }
}
