//! The sound of a recording, encrypted in its file or not, with ranges (RFC 9110 section 14).

use crate::context::ApiState;
use crate::problem::{Kind, Problem};
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use offhook_sealed::{OpenError, Recording};
use offhook_store::RecordingRow;
use std::fs::File;
use std::io;

/// Bytes of a file that are read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// The sound, or the part of it that the headers ask for.
pub(crate) async fn play(
    state: &ApiState,
    row: &RecordingRow,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    play_file(state, &row.id, &row.path, headers).await
}

/// The sound in a file of the folder of the recordings; `id` is what the log calls it.
pub(crate) async fn play_file(
    state: &ApiState,
    id: &str,
    path: &str,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let recording = open(state, id, path).await?;
    let length = recording.length();
    let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let kind = content_type(path);
    Ok(match asked.map_or(Asked::Whole, |text| range(text, length)) {
        Asked::Whole => send(recording, kind, StatusCode::OK, 0, length),
        Asked::Part { first, last } => {
            send(recording, kind, StatusCode::PARTIAL_CONTENT, first, last + 1 - first)
        }
        Asked::Nowhere => nowhere(length),
    })
}

/// The kind of file, by its name without what encryption adds to it.
fn content_type(path: &str) -> &'static str {
    let name = path.strip_suffix(".enc").unwrap_or(path);
    if name.ends_with(".ogg") { "audio/ogg" } else { "audio/wav" }
}

async fn open(state: &ApiState, id: &str, path: &str) -> Result<Recording<File>, Problem> {
    let path = state.recordings.join(path);
    let keys = state.recording_keys.clone();
    let opened = blocking(move || Ok(File::open(path).map(|file| Recording::open(file, &keys))));
    match opened.await.map_err(|error| Problem::new(Kind::Internal, error.to_string()))? {
        Ok(Ok(recording)) => Ok(recording),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Problem::not_found("file of this recording"))
        }
        Err(error) | Ok(Err(OpenError::Io(error))) => {
            tracing::error!(%error, recording = id, "a recording cannot be read");
            Err(Problem::new(Kind::Internal, "The recording cannot be read."))
        }
        Ok(Err(error @ (OpenError::NoKey(_) | OpenError::UnknownVersion))) => {
            Err(Problem::conflict(format!("The recording cannot be decrypted: {error}.")))
        }
    }
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

fn send(
    recording: Recording<File>,
    kind: &'static str,
    status: StatusCode,
    first: u64,
    wanted: u64,
) -> Response {
    let length = recording.length();
    let body = Body::from_stream(chunks(recording, first, wanted));
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(wanted));
    if status == StatusCode::PARTIAL_CONTENT {
        let last = first + wanted - 1;
        let range = HeaderValue::try_from(format!("bytes {first}-{last}/{length}"));
        headers.insert(header::CONTENT_RANGE, range.expect("digits"));
    }
    response
}

/// So many bytes of the recording from a place on.
fn chunks(
    recording: Recording<File>,
    first: u64,
    wanted: u64,
) -> impl stream::Stream<Item = io::Result<Bytes>> {
    stream::try_unfold((recording, first, wanted), |(mut recording, at, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let room = usize::try_from(left).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        let (chunk, recording) = blocking(move || {
            let mut chunk = vec![0; room];
            let filled = fill(&mut recording, at, &mut chunk)?;
            chunk.truncate(filled);
            Ok((chunk, recording))
        })
        .await?;
        let read = chunk.len() as u64;
        let left = if read == 0 { 0 } else { left - read };
        Ok(Some((Bytes::from(chunk), (recording, at + read, left))))
    })
}

/// Reads until the buffer is full or the recording ends.
fn fill(recording: &mut Recording<File>, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match recording.read_at(at + filled as u64, &mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// Runs what waits for a disk where nobody else has to wait with it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
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
