//! Recordings of calls: made by order, and heard.

use crate::calls;
use crate::context::ApiState;
use crate::extract::SignedIn;
use crate::problem::{Problem, ProblemBody};
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use offhook_bus::{RecordingOrder, SwitchOrder};
use offhook_model::{CallRef, recording_path};
use offhook_store::Role;
use std::io::SeekFrom;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

/// Bytes of a file that are read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// Begins to record a call in progress. For supervisors.
///
/// A call has one recording; what is paused goes on with `resume`.
#[utoipa::path(
    post, path = "/api/calls/active/{id}/recording", tag = "calls", operation_id = "startRecording",
    params(("id" = String, Path, description = "The call")),
    responses(
        (status = 202, description = "The switch was told to record it"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such call is in progress", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn start(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    order(&state, &who, &id, RecordingOrder::Start)
}

/// Ends the recording of a call in progress. For supervisors.
#[utoipa::path(
    delete, path = "/api/calls/active/{id}/recording", tag = "calls", operation_id = "stopRecording",
    params(("id" = String, Path, description = "The call")),
    responses(
        (status = 202, description = "The switch was told to end it"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such call is in progress", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn stop(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    order(&state, &who, &id, RecordingOrder::Stop)
}

/// Lets the recording of a call be silent until it is resumed. For supervisors.
#[utoipa::path(
    post, path = "/api/calls/active/{id}/recording/pause", tag = "calls",
    operation_id = "pauseRecording",
    params(("id" = String, Path, description = "The call")),
    responses(
        (status = 202, description = "The switch was told to pause it"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such call is in progress", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn pause(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    order(&state, &who, &id, RecordingOrder::Pause)
}

/// Lets the recording of a call have sound again. For supervisors.
#[utoipa::path(
    post, path = "/api/calls/active/{id}/recording/resume", tag = "calls",
    operation_id = "resumeRecording",
    params(("id" = String, Path, description = "The call")),
    responses(
        (status = 202, description = "The switch was told to resume it"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such call is in progress", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn resume(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    order(&state, &who, &id, RecordingOrder::Resume)
}

/// The audio of a call, as far as it was recorded; also while it is. For supervisors.
#[utoipa::path(
    get, path = "/api/calls/{id}/recording", tag = "calls", operation_id = "recording",
    params(
        ("id" = String, Path, description = "The call"),
        ("Range" = Option<String>, Header, description = "One range of bytes (RFC 9110 section 14)"),
    ),
    responses(
        (status = 200, description = "The whole WAV", content_type = "audio/wav"),
        (status = 206, description = "The range", content_type = "audio/wav"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "The call was not recorded", body = ProblemBody),
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
    let missing = || Problem::not_found("recording");
    let call = CallRef::parse(&id).ok_or_else(missing)?;
    let started_at_ms = started_at_ms(&state, &call).await?.ok_or_else(missing)?;
    let path = state.recordings.join(recording_path(&call, started_at_ms));
    let file = File::open(path).await.map_err(|_error| missing())?;
    let length = file.metadata().await.map_err(|_error| missing())?.len();
    let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    match asked.map_or(Asked::Whole, |text| range(text, length)) {
        Asked::Whole => send(file, StatusCode::OK, 0, length, length).await,
        Asked::Part { first, last } => {
            send(file, StatusCode::PARTIAL_CONTENT, first, last + 1 - first, length).await
        }
        Asked::Nowhere => Ok(nowhere(length)),
    }
}

fn order(
    state: &ApiState,
    who: &SignedIn,
    id: &str,
    order: RecordingOrder,
) -> Result<StatusCode, Problem> {
    calls::order(state, who, id, |call| SwitchOrder::Record(call, order))
}

/// When a call came in that is in progress or has ended.
async fn started_at_ms(state: &ApiState, call: &CallRef) -> Result<Option<u64>, Problem> {
    let live = state.shared.live_calls().into_iter().find(|live| live.call == *call);
    if let Some(live) = live {
        return Ok(Some(live.started_at_ms));
    }
    let ended = state.store.call(call).await?;
    Ok(ended.and_then(|found| u64::try_from(found.call.started_at_ms).ok()))
}

/// What a Range header asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Whole,
    Part { first: u64, last: u64 },
    Nowhere,
}

/// Reads a Range header (RFC 9110 section 14.1.2). What is not one range of bytes is ignored, as it may be.
fn range(text: &str, length: u64) -> Asked {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|text| text.split_once('-'))
    else {
        return Asked::Whole;
    };
    let (first, last) = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last),
        (Ok(first), Err(_)) if last.trim().is_empty() => (first, u64::MAX),
        (Err(_), Ok(suffix)) if first.trim().is_empty() => {
            (length.saturating_sub(suffix), if suffix == 0 { 0 } else { u64::MAX })
        }
        _ => return Asked::Whole,
    };
    if first >= length {
        return Asked::Nowhere;
    }
    Asked::Part { first, last: last.min(length - 1) }
}

async fn send(
    mut file: File,
    status: StatusCode,
    first: u64,
    wanted: u64,
    length: u64,
) -> Result<Response, Problem> {
    let missing = |_error| Problem::not_found("recording");
    file.seek(SeekFrom::Start(first)).await.map_err(missing)?;
    let mut response = (status, Body::from_stream(chunks(file, wanted))).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("audio/wav"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(wanted));
    if status == StatusCode::PARTIAL_CONTENT {
        let last = first + wanted - 1;
        let range = HeaderValue::try_from(format!("bytes {first}-{last}/{length}"));
        headers.insert(header::CONTENT_RANGE, range.expect("digits"));
    }
    Ok(response)
}

/// So many bytes of the file from where it stands.
fn chunks(file: File, wanted: u64) -> impl stream::Stream<Item = std::io::Result<Bytes>> {
    stream::try_unfold((file, wanted), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let room = usize::try_from(left).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        let mut chunk = vec![0; room];
        let read = file.read(&mut chunk).await?;
        chunk.truncate(read);
        let left = if read == 0 { 0 } else { left - read as u64 };
        Ok(Some((Bytes::from(chunk), (file, left))))
    })
}

fn nowhere(length: u64) -> Response {
    let range = HeaderValue::try_from(format!("bytes */{length}")).expect("digits");
    (StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, range)]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_has_them() {
        let part = |first, last| Asked::Part { first, last };
        for (text, asked) in [
            ("bytes=0-99", part(0, 99)),
            ("bytes=500-", part(500, 999)),
            ("bytes=-100", part(900, 999)),
            ("bytes=-5000", part(0, 999)),
            ("bytes=990-2000", part(990, 999)),
            ("bytes=1000-", Asked::Nowhere),
            ("bytes=-0", Asked::Nowhere),
            ("bytes=9-3", Asked::Whole),
            ("bytes=0-1,5-6", Asked::Whole),
            ("items=0-1", Asked::Whole),
            ("bytes=-", Asked::Whole),
        ] {
            assert_eq!(range(text, 1_000), asked, "{text}");
        }
        assert_eq!(range("bytes=0-", 0), Asked::Nowhere);
    }
}
