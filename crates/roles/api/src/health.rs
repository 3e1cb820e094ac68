use crate::context::{ApiState, Check};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use utoipa::ToSchema;

/// How long the database may take to show that it is there.
const STORE_ANSWER_MAX: Duration = Duration::from_secs(2);

/// How Offhook fares.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`, or `failing` when a check fails.
    status: &'static str,
    /// The version.
    version: &'static str,
    /// Seconds since the start.
    uptime_s: u64,
    /// The parts, by name.
    checks: BTreeMap<&'static str, CheckResult>,
}

/// How one part fares.
#[derive(Serialize, ToSchema)]
pub(crate) struct CheckResult {
    /// `ok` or `failing`.
    status: &'static str,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// How Offhook and its parts fare.
#[utoipa::path(
    get, path = "/api/health", tag = "health", operation_id = "health",
    responses(
        (status = 200, description = "All parts work", body = Health),
        (status = 503, description = "A part fails", body = Health),
    )
)]
pub(crate) async fn health(State(state): State<ApiState>) -> (StatusCode, Json<Health>) {
    let mut checks: BTreeMap<_, _> = (state.checks)().into_iter().map(print).collect();
    let (name, result) = print(store_check(&state).await);
    checks.insert(name, result);
    let well = checks.values().all(|check| check.detail.is_none());
    let code = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let uptime_s = state.started.elapsed().as_secs();
    let status = word(well);
    (code, Json(Health { status, version: state.version, uptime_s, checks }))
}

/// Whether the process answers at all: restart it when it does not.
#[utoipa::path(
    get, path = "/api/health/live", tag = "health", operation_id = "live",
    responses((status = 204, description = "It does"))
)]
pub(crate) async fn live() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Whether calls can be sent here: the same checks as the whole, without their words.
#[utoipa::path(
    get, path = "/api/health/ready", tag = "health", operation_id = "ready",
    responses(
        (status = 204, description = "They can"),
        (status = 503, description = "A part fails, or Offhook drains"),
    )
)]
pub(crate) async fn ready(State(state): State<ApiState>) -> StatusCode {
    let parts = (state.checks)().iter().all(|check| check.failure.is_none());
    let well = parts && store_check(&state).await.failure.is_none();
    if well { StatusCode::NO_CONTENT } else { StatusCode::SERVICE_UNAVAILABLE }
}

async fn store_check(state: &ApiState) -> Check {
    let failure = match tokio::time::timeout(STORE_ANSWER_MAX, state.store.ping()).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_elapsed) => Some(format!("no answer within {} s", STORE_ANSWER_MAX.as_secs())),
    };
    Check { name: "store", failure }
}

fn print(check: Check) -> (&'static str, CheckResult) {
    let status = word(check.failure.is_none());
    (check.name, CheckResult { status, detail: check.failure })
}

fn word(well: bool) -> &'static str {
    if well { "ok" } else { "failing" }
}
