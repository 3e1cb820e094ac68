//! Records in the forms that programs of other makers read: Asterisk's `queue_log`, its CDR and FreeSWITCH's.

use crate::calls::moment_of;
use crate::context::ApiState;
use crate::csv;
use crate::extract::{Asked, SignedIn};
use crate::problem::{Problem, ProblemBody};
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use offhook_model::Directory;
use offhook_store::{HistoryFilter, Role, Store, StoreError, queue_log_text};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Which time is exported.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Range {
    /// From this moment on: RFC 3339, or a date.
    #[param(example = "2026-11-22T00:00:00Z")]
    from: Option<String>,
    /// Before this moment: RFC 3339, or a date.
    to: Option<String>,
}

/// Which calls are exported, and how.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CdrQuery {
    /// Calls that came in at this moment or later: RFC 3339, or a date.
    #[param(example = "2026-11-22T00:00:00Z")]
    from: Option<String>,
    /// Calls that came in before this moment: RFC 3339, or a date.
    to: Option<String>,
    /// The columns.
    #[param(inline)]
    format: CdrFormat,
}

/// Whose columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CdrFormat {
    /// Master.csv of Asterisk.
    Asterisk,
    /// `cdr_csv` of FreeSWITCH, template `example`.
    Freeswitch,
}

/// What happened in queues, in the lines of Asterisk's `queue_log`. For supervisors.
#[utoipa::path(
    get, path = "/api/exports/queue-log", tag = "exports", operation_id = "exportQueueLog", params(Range),
    responses(
        (status = 200, description = "`epoch|call|queue|agent|event|data...`, the oldest first", content(
            (String = "text/plain"),
        )),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn queue_log(
    State(state): State<ApiState>,
    who: SignedIn,
    Asked(range): Asked<Range>,
) -> Result<Response, Problem> {
    who.demand(Role::Supervisor)?;
    let from = moment_of("from", range.from.as_deref())?.unwrap_or(0);
    let to = moment_of("to", range.to.as_deref())?.unwrap_or(u64::MAX);
    let (store, directory) = (state.store.clone(), state.shared.directory());
    let pages = stream::try_unfold(Some(0), move |after| {
        let (store, directory) = (store.clone(), directory.clone());
        async move {
            let Some(after) = after else { return Ok::<_, StoreError>(None) };
            page(&store, &directory, (from, to), after).await
        }
    });
    let kind = (header::CONTENT_TYPE, "text/plain; charset=utf-8");
    let name = (header::CONTENT_DISPOSITION, "attachment; filename=\"queue_log\"");
    Ok(([kind, name], Body::from_stream(pages)).into_response())
}

async fn page(
    store: &Store,
    directory: &Arc<Directory>,
    range: (u64, u64),
    after: u64,
) -> Result<Option<(String, Option<u64>)>, StoreError> {
    let rows = store.queue_records(range, after).await?;
    let last = rows.last().map(|row| row.position);
    Ok(last.map(|last| (queue_log_text(&rows, directory), Some(last))))
}

/// The calls that ended, in the columns that Asterisk or FreeSWITCH writes, the latest first. For supervisors.
#[utoipa::path(
    get, path = "/api/exports/cdr", tag = "exports", operation_id = "exportCdr", params(CdrQuery),
    responses(
        (status = 200, description = "One line for each call, without a heading", content(
            (String = "text/csv"),
        )),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn cdr(
    State(state): State<ApiState>,
    who: SignedIn,
    Asked(query): Asked<CdrQuery>,
) -> Result<Response, Problem> {
    who.demand(Role::Supervisor)?;
    let filter = HistoryFilter {
        from_ms: moment_of("from", query.from.as_deref())?,
        to_ms: moment_of("to", query.to.as_deref())?,
        ..HistoryFilter::default()
    };
    Ok(match query.format {
        CdrFormat::Asterisk => csv::asterisk(state.store.clone(), filter),
        CdrFormat::Freeswitch => csv::freeswitch(state.store.clone(), filter),
    })
}
