//! Events as they happen: server-sent events, or a WebSocket on the same path.

mod envelope;
mod feed;

use crate::context::ApiState;
use crate::extract::{Asked, SignedIn};
use crate::problem::{Kind, Problem, ProblemBody};
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, header};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
pub(crate) use envelope::{CloudEvent, TYPES, envelope, type_of};
use feed::Feed;
use offhook_bus::Cursor;
use serde::Deserialize;
use std::convert::Infallible;
use std::time::Duration;
use utoipa::IntoParams;

/// Followers of events at once; each costs a connection.
pub(crate) const FOLLOWERS_MAX: usize = 2_048;
/// How often a stream without events shows that it lives, and its sign-in is looked at.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Bytes of what a follower may say; nothing it says is read.
const MESSAGE_BYTES_MAX: usize = 4_096;

/// Which events are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// The `id` of the last event that was seen: those after it come first. Without it, and without
    /// `Last-Event-ID`, only what happens from here on comes.
    cursor: Option<String>,
    /// The types that are wanted, separated by commas; all when absent.
    #[param(example = "queue.changed,agent.state_changed")]
    types: Option<String>,
}

/// Events as they happen, in the envelope of CloudEvents 1.0: as server-sent events, or one JSON text per
/// message of a WebSocket when that is asked for. A stream that has ended goes on with `Last-Event-ID` or
/// `cursor`. Agents see agents, queues and their own calls; supervisors see everything.
#[utoipa::path(
    get, path = "/api/events", tag = "events", operation_id = "events", params(EventsQuery),
    responses(
        (status = 101, description = "A WebSocket of events"),
        (status = 200, description = "A stream of events", content(
            (CloudEvent = "text/event-stream"),
        )),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "The request came from a page of another site", body = ProblemBody),
        (status = 410, description = "What followed that event is not kept any more", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
        (status = 503, description = "Too many follow events", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn follow(
    State(state): State<ApiState>,
    who: SignedIn,
    Asked(query): Asked<EventsQuery>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let cursor = query.cursor.as_deref().or(last.filter(|last| !last.is_empty()));
    let cursor = cursor.map(cursor_of).transpose()?;
    let feed = Feed::open(state, who, cursor, types_of(query.types.as_deref())?)?;
    let Ok(upgrade) = upgrade else {
        let stream = futures_util::stream::unfold(feed, |mut feed| async move {
            let told = feed.next_sse().await?;
            Some((Ok::<_, Infallible>(told), feed))
        });
        return Ok(Sse::new(stream)
            .keep_alive(KeepAlive::new().interval(HEARTBEAT))
            .into_response());
    };
    refuse_other_sites(&headers)?;
    let upgrade = upgrade.max_message_size(MESSAGE_BYTES_MAX).max_frame_size(MESSAGE_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| carry(feed, socket)))
}

fn cursor_of(text: &str) -> Result<Cursor, Problem> {
    Cursor::parse(text).ok_or_else(|| Problem::field("cursor", "the id of an event"))
}

fn types_of(text: Option<&str>) -> Result<Vec<String>, Problem> {
    let words = text.unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
    let words: Vec<_> = words.map(str::to_owned).collect();
    check_types("types", &words)?;
    Ok(words)
}

/// Demands that each is the type of an event.
pub(crate) fn check_types(field: &str, types: &[String]) -> Result<(), Problem> {
    let unknown = types.iter().any(|word| !TYPES.contains(&word.as_str()));
    if unknown {
        return Err(Problem::field(field, format!("some of {}", TYPES.join(", "))));
    }
    Ok(())
}

/// A browser opens a WebSocket for a page of any site, and sends the cookie along.
fn refuse_other_sites(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = text(header::ORIGIN) else { return Ok(()) };
    let site = origin.split_once("://").map(|(_, site)| site);
    if site.is_some() && site == text(header::HOST) {
        return Ok(());
    }
    Err(Problem::new(Kind::NotAllowed, "The request came from a page of another site."))
}

async fn carry(mut feed: Feed, mut socket: WebSocket) {
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    loop {
        tokio::select! {
            told = feed.next() => {
                let Some((_, text)) = told else { break };
                if socket.send(Message::Text(text.into())).await.is_err() {
                    return;
                }
            }
            _ = heartbeat.tick() => {
                if socket.send(Message::Ping(axum::body::Bytes::new())).await.is_err() {
                    return;
                }
            }
            said = socket.recv() => match said {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
    // The other side learns by the end of the connection too.
    socket.send(Message::Close(None)).await.ok();
}
