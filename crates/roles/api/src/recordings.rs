//! Recordings: listed, heard and deleted.

use crate::calls::{Format, moment_of};
use crate::context::ApiState;
use crate::extract::{Asked, SignedIn};
use crate::page::{self, Page};
use crate::problem::{Problem, ProblemBody};
use crate::{csv, moment, notes, recording_audio};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use offhook_model::{CallRef, RecordingId, RecordingState};
use offhook_store::{RecordingFilter, RecordingRow, Role};
use serde::{Deserialize, Serialize};
use std::io;
use utoipa::{IntoParams, ToSchema};

/// A recording.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecordingView {
    /// The recording.
    id: String,
    /// The call; null for a recording of a conference.
    call: Option<String>,
    /// The number of the conference that was recorded.
    conference: Option<String>,
    /// Who called.
    caller: Option<String>,
    /// The number as dialled.
    dialled: Option<String>,
    /// When it began.
    #[schema(format = DateTime)]
    started_at: String,
    /// `recording`, `complete`, `failed`, `interrupted` when the process ended while it was made, or
    /// `deleted`.
    state: String,
    /// Why it failed.
    failure: Option<String>,
    /// How long it plays, seconds; 0 until it has ended.
    seconds: f64,
    /// How long it is, bytes; 0 until it has ended.
    bytes: i64,
    /// Where it was paused and went on.
    marks: Vec<Mark>,
    /// Packets of speech that are missing from it.
    frames_dropped: i64,
    /// Whether its file is encrypted.
    encrypted: bool,
    /// The file, relative to the folder of the recordings.
    path: String,
}

/// A place in a recording.
#[derive(Serialize, ToSchema)]
pub(crate) struct Mark {
    /// Seconds from the beginning.
    seconds: f64,
    /// `pause` where silence begins, `resume` where it ends.
    kind: &'static str,
}

/// Which recordings are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RecordingsQuery {
    /// Recordings that began at this moment or later: RFC 3339, or a date.
    #[param(example = "2026-11-22T00:00:00Z")]
    from: Option<String>,
    /// Recordings that began before this moment: RFC 3339, or a date.
    to: Option<String>,
    /// Recordings of this call.
    call: Option<String>,
    /// Recordings of calls that this number placed or that were placed to it.
    number: Option<String>,
    /// Recordings that stand so; all but the deleted ones when absent.
    state: Option<String>,
    /// Recordings on the page, 1 to 1000; 50 when absent. With `format=csv`, all when absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// `json`, or `csv` for a spreadsheet.
    #[param(inline)]
    format: Option<Format>,
}

/// The recordings, the latest first. For supervisors.
#[utoipa::path(
    get, path = "/api/recordings", tag = "recordings", operation_id = "recordings",
    params(RecordingsQuery),
    responses(
        (status = 200, description = "A page of recordings, or all of them as CSV", content(
            (Page<RecordingView> = "application/json"), (String = "text/csv"),
        )),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    who: SignedIn,
    Asked(query): Asked<RecordingsQuery>,
) -> Result<Response, Problem> {
    who.demand(Role::Supervisor)?;
    let filter = filter(&query)?;
    let limit = page::limit(query.limit)?;
    if query.format == Some(Format::Csv) {
        return Ok(csv::recordings(state.store.clone(), filter, query.limit));
    }
    let rows = state.store.recordings(&filter, limit + 1).await?;
    Ok(Json(page::cut(rows, limit, |row| &row.id, view)).into_response())
}

/// One recording. For supervisors.
#[utoipa::path(
    get, path = "/api/recordings/{id}", tag = "recordings", operation_id = "recording",
    params(("id" = String, Path, description = "The recording")),
    responses(
        (status = 200, description = "The recording", body = RecordingView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "There is no such recording", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn one(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<Json<RecordingView>, Problem> {
    who.demand(Role::Supervisor)?;
    Ok(Json(view(find(&state, &id).await?.1)))
}

/// The sound of a recording, also while it is made. For supervisors.
#[utoipa::path(
    get, path = "/api/recordings/{id}/audio", tag = "recordings", operation_id = "recordingAudio",
    params(
        ("id" = String, Path, description = "The recording"),
        ("Range" = Option<String>, Header, description = "One range of bytes (RFC 9110 section 14)"),
    ),
    responses(
        (status = 200, description = "All of it", content(
            (Vec<u8> = "audio/wav"), (Vec<u8> = "audio/ogg"),
        )),
        (status = 206, description = "The range", content(
            (Vec<u8> = "audio/wav"), (Vec<u8> = "audio/ogg"),
        )),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "There is no such recording, or its file is gone", body = ProblemBody),
        (status = 409, description = "The key that encrypted it is not there", body = ProblemBody),
        (status = 416, description = "The recording has no such range"),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn audio(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    who.demand(Role::Supervisor)?;
    let (_, row) = find(&state, &id).await?;
    tracing::info!(recording = row.id, by = who.user.username, "a recording is listened to");
    recording_audio::play(&state, &row, &headers).await
}

/// The sound of a call: of its first recording whose file is there, also while it is made. A call with
/// several has the others in `/api/recordings?call=`. For supervisors; agents hear their own.
#[utoipa::path(
    get, path = "/api/calls/{id}/recording", tag = "calls", operation_id = "callAudio",
    params(
        ("id" = String, Path, description = "The call"),
        ("Range" = Option<String>, Header, description = "One range of bytes (RFC 9110 section 14)"),
    ),
    responses(
        (status = 200, description = "All of it", content(
            (Vec<u8> = "audio/wav"), (Vec<u8> = "audio/ogg"),
        )),
        (status = 206, description = "The range", content(
            (Vec<u8> = "audio/wav"), (Vec<u8> = "audio/ogg"),
        )),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "The call was not recorded", body = ProblemBody),
        (status = 409, description = "The key that encrypted it is not there", body = ProblemBody),
        (status = 416, description = "The recording has no such range"),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn audio_of_call(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let missing = || Problem::not_found("recording");
    let call = CallRef::parse(&id).ok_or_else(missing)?;
    notes::may_read(&state, &who, &call).await?;
    let rows = state.store.recordings_of(&call).await?;
    let row = rows.into_iter().find(|row| !row.is_deleted()).ok_or_else(missing)?;
    tracing::info!(recording = row.id, by = who.user.username, "a recording is listened to");
    recording_audio::play(&state, &row, &headers).await
}

/// Deletes a recording: its file goes, and the list says that it was there. For administrators.
#[utoipa::path(
    delete, path = "/api/recordings/{id}", tag = "recordings", operation_id = "deleteRecording",
    params(("id" = String, Path, description = "The recording")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 404, description = "There is no such recording", body = ProblemBody),
        (status = 409, description = "It is being made", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn delete(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    who.demand(Role::Admin)?;
    let (id, row) = find(&state, &id).await?;
    if row.is_running() {
        return Err(Problem::conflict("The recording is being made; end it first."));
    }
    match tokio::fs::remove_file(state.recordings.join(&row.path)).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::error!(%error, recording = row.id, "a recording cannot be deleted");
            return Err(Problem::unavailable("The file of the recording cannot be deleted."));
        }
        Ok(()) | Err(_) => {}
    }
    state.store.set_recording_deleted(&id).await?;
    tracing::info!(recording = row.id, by = who.user.username, "a recording was deleted");
    Ok(StatusCode::NO_CONTENT)
}

/// A recording that is known and not deleted.
async fn find(state: &ApiState, id: &str) -> Result<(RecordingId, RecordingRow), Problem> {
    let missing = || Problem::not_found("recording");
    let id = RecordingId::parse(id).ok_or_else(missing)?;
    let row = state.store.recording(&id).await?.filter(|row| !row.is_deleted());
    Ok((id, row.ok_or_else(missing)?))
}

fn filter(query: &RecordingsQuery) -> Result<RecordingFilter, Problem> {
    let call = query
        .call
        .as_deref()
        .map(|text| CallRef::parse(text).ok_or_else(|| Problem::field("call", "the id of a call")));
    let states = "recording, complete, failed, interrupted or deleted";
    let state = query
        .state
        .as_deref()
        .map(|text| RecordingState::parse(text).ok_or_else(|| Problem::field("state", states)));
    let cursor = query.cursor.as_deref().map(|text| {
        let parsed = RecordingId::parse(text);
        parsed.ok_or_else(|| Problem::field("cursor", "the next_cursor of a page before"))
    });
    Ok(RecordingFilter {
        from_ms: moment_of("from", query.from.as_deref())?,
        to_ms: moment_of("to", query.to.as_deref())?,
        call: call.transpose()?,
        number: query.number.clone(),
        state: state.transpose()?,
        cursor: cursor.transpose()?,
    })
}

fn view(row: RecordingRow) -> RecordingView {
    let mark = |mark: offhook_model::RecordingMark| Mark {
        seconds: mark.seconds,
        kind: if mark.is_pause { "pause" } else { "resume" },
    };
    RecordingView {
        marks: row.marks().into_iter().map(mark).collect(),
        id: row.id,
        call: row.call_id,
        conference: row.conference,
        caller: row.caller,
        dialled: row.dialled,
        started_at: moment::print_stored(row.started_at_ms),
        state: row.state,
        failure: row.failure,
        seconds: row.seconds,
        bytes: row.bytes,
        frames_dropped: row.frames_dropped,
        encrypted: row.encrypted,
        path: row.path,
    }
}
