//! Audio forks of calls in progress, begun and ended by order.

use crate::calls;
use crate::context::ApiState;
use crate::extract::{Body, SignedIn};
use crate::problem::{Kind, Problem, ProblemBody};
use crate::validate::Check;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use offhook_bus::{ForkOrder, SwitchOrder};
use offhook_model::{
    CallRef, FORKS_PER_LEG_MAX, ForkChannels, ForkCounts, ForkHeaders, ForkId, ForkParty, ForkRate,
    ForkRequest, ForkState, ForkUrl, LiveFork,
};
use offhook_store::Role;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Bytes of the metadata in JSON.
const METADATA_BYTES_MAX: usize = 8_192;
/// Headers of a request, and bytes of one.
const HEADERS_MAX: usize = 16;
const HEADER_BYTES_MAX: usize = 4_096;

/// How a fork is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewFork {
    /// The WebSocket server, at a host that `media.fork.allowed_hosts` names.
    #[schema(example = "wss://speech.example/calls")]
    url: String,
    /// Samples per second, in both directions: 8000, 16000 or 24000; 16000 when absent.
    sample_rate: Option<u32>,
    /// `said`: what the party says; `mixed`: that and what it hears, in one channel; `stereo`: left what it
    /// says, right what it hears. `mixed` when absent.
    #[schema(inline)]
    channels: Option<Channels>,
    /// `caller` or `callee`; `caller` when absent.
    #[schema(inline)]
    party: Option<Party>,
    /// Whether the party hears what the server sends; not when absent.
    #[serde(default)]
    bidirectional: bool,
    /// Whether the server may end the call; not when absent.
    #[serde(default)]
    may_hang_up: bool,
    /// Whether a connection that was lost is tried again; not when absent.
    #[serde(default)]
    reconnect: bool,
    /// An object that the server is told in the beginning, of at most 8192 bytes.
    #[serde(default)]
    metadata: Map<String, Value>,
    /// The value of the request's Authorization header.
    authorization: Option<String>,
    /// Further headers of the request, at most 16.
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Channels {
    Said,
    Mixed,
    Stereo,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Party {
    Caller,
    Callee,
}

/// A fork that the switch was told to begin.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrderedFork {
    /// Names it within the call.
    #[schema(example = "00c0ffee00c0ffee")]
    id: String,
}

/// The forks of a call.
#[derive(Serialize, ToSchema)]
pub(crate) struct Forks {
    /// The forks, the oldest first. Those that are over stay until the call ends.
    items: Vec<ForkView>,
}

/// A fork of a call in progress.
#[derive(Serialize, ToSchema)]
pub(crate) struct ForkView {
    /// Names it within the call.
    id: String,
    /// `caller` or `callee`.
    party: &'static str,
    /// The server, without a query.
    url: String,
    /// Samples per second.
    sample_rate: u32,
    /// `said`, `mixed` or `stereo`.
    channels: &'static str,
    /// Whether the party hears what the server sends.
    bidirectional: bool,
    /// `connecting`, `connected`, `failed` or `ended`.
    state: &'static str,
    /// Why it failed or ended.
    reason: Option<String>,
    /// Whether it is paused.
    paused: bool,
    /// Sound sent to the server, in milliseconds, as of some seconds ago.
    sent_ms: u64,
    /// Sound that was not sent since the server was too slow or away.
    dropped_ms: u64,
    /// Sound taken from the server.
    received_ms: u64,
    /// Sound not taken from the server since too much of it waited to be heard.
    refused_ms: u64,
    /// Messages of the server that were not understood or not allowed.
    messages_refused: u64,
    /// How often a lost connection was made again.
    reconnects: u32,
    /// The last message of the server that is none of the protocol's.
    #[schema(value_type = Object)]
    last_message: Option<Box<RawValue>>,
}

/// Sends the audio of a call in progress to a WebSocket server. For supervisors.
///
/// That it was ordered does not say that the server was reached: the list of the call's forks does.
#[utoipa::path(
    post, path = "/api/calls/active/{id}/fork", tag = "calls", operation_id = "startFork",
    params(("id" = String, Path, description = "The call")),
    request_body = NewFork,
    responses(
        (status = 202, description = "The switch was told to begin it", body = OrderedFork),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such call is in progress", body = ProblemBody),
        (status = 409, description = "The party has as many forks as it may have", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn start(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
    Body(new): Body<NewFork>,
) -> Result<(StatusCode, Json<OrderedFork>), Problem> {
    who.demand(Role::Supervisor)?;
    let call = calls::live(&state, &id)?.call;
    let request = request(&state, call, new)?;
    refuse_too_many(&state, &request)?;
    let mut bytes = [0; 8];
    let drawn = getrandom::fill(&mut bytes);
    drawn.map_err(|_error| Problem::unavailable("There is no randomness at the moment."))?;
    let fork = ForkId(u64::from_le_bytes(bytes));
    let order = |call| SwitchOrder::Fork(call, ForkOrder::Start(fork, Box::new(request)));
    let accepted = calls::order(&state, &who, &id, |_| Ok(()), order)?;
    Ok((accepted, Json(OrderedFork { id: fork.to_string() })))
}

/// The audio forks of a call in progress. For supervisors.
#[utoipa::path(
    get, path = "/api/calls/active/{id}/fork", tag = "calls", operation_id = "forks",
    params(("id" = String, Path, description = "The call")),
    responses(
        (status = 200, description = "The forks", body = Forks),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such call is in progress", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<Json<Forks>, Problem> {
    who.demand(Role::Supervisor)?;
    let call = calls::live(&state, &id)?.call;
    Ok(Json(Forks { items: state.shared.forks(&call).into_iter().map(view).collect() }))
}

/// Ends all audio forks of a call in progress. For supervisors.
#[utoipa::path(
    delete, path = "/api/calls/active/{id}/fork", tag = "calls", operation_id = "stopForks",
    params(("id" = String, Path, description = "The call")),
    responses(
        (status = 202, description = "The switch was told to end them"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such call is in progress", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn stop_all(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    calls::order(&state, &who, &id, |_| Ok(()), |call| SwitchOrder::Fork(call, ForkOrder::StopAll))
}

/// Ends one audio fork of a call in progress. For supervisors.
#[utoipa::path(
    delete, path = "/api/calls/active/{id}/fork/{fork}", tag = "calls", operation_id = "stopFork",
    params(
        ("id" = String, Path, description = "The call"),
        ("fork" = String, Path, description = "The fork"),
    ),
    responses(
        (status = 202, description = "The switch was told to end it"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such call is in progress, or it has no such fork", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn stop(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(place): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    order(&state, &who, &place, ForkOrder::Stop)
}

/// Lets nothing leave by an audio fork until it is resumed. For supervisors.
#[utoipa::path(
    post, path = "/api/calls/active/{id}/fork/{fork}/pause", tag = "calls", operation_id = "pauseFork",
    params(
        ("id" = String, Path, description = "The call"),
        ("fork" = String, Path, description = "The fork"),
    ),
    responses(
        (status = 202, description = "The switch was told to pause it"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such call is in progress, or it has no such fork", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn pause(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(place): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    order(&state, &who, &place, ForkOrder::Pause)
}

/// Lets an audio fork go on. For supervisors.
#[utoipa::path(
    post, path = "/api/calls/active/{id}/fork/{fork}/resume", tag = "calls", operation_id = "resumeFork",
    params(
        ("id" = String, Path, description = "The call"),
        ("fork" = String, Path, description = "The fork"),
    ),
    responses(
        (status = 202, description = "The switch was told to resume it"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such call is in progress, or it has no such fork", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn resume(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(place): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    order(&state, &who, &place, ForkOrder::Resume)
}

fn order(
    state: &ApiState,
    who: &SignedIn,
    (id, fork): &(String, String),
    order: impl FnOnce(ForkId) -> ForkOrder,
) -> Result<StatusCode, Problem> {
    who.demand(Role::Supervisor)?;
    let call = calls::live(state, id)?.call;
    let forks = state.shared.forks(&call);
    let is_there = |fork: &ForkId| forks.iter().any(|live| live.fork == *fork);
    let fork = ForkId::parse(fork).filter(is_there);
    let fork = fork.ok_or_else(|| Problem::not_found("fork of the call"))?;
    calls::order(state, who, id, |_| Ok(()), |call| SwitchOrder::Fork(call, order(fork)))
}

/// The media role keeps to the limit in any case; here it can be told at once.
fn refuse_too_many(state: &ApiState, request: &ForkRequest) -> Result<(), Problem> {
    let forks = state.shared.forks(&request.call);
    let at_party = |fork: &&LiveFork| fork.party == request.party && !fork.state.is_over();
    if forks.iter().filter(at_party).count() < FORKS_PER_LEG_MAX {
        return Ok(());
    }
    let detail =
        format!("The party has {FORKS_PER_LEG_MAX} forks, which is as many as it may have.");
    Err(Problem::new(Kind::Conflict, detail))
}

fn request(state: &ApiState, call: CallRef, new: NewFork) -> Result<ForkRequest, Problem> {
    let mut check = Check::default();
    let url = ForkUrl::parse(&new.url);
    if let Err(error) = &url {
        check.demand(false, "url", &error.to_string());
    }
    let is_allowed =
        url.as_ref().is_ok_and(|url| state.fork_hosts.iter().any(|host| host.allows(url)));
    check.demand(is_allowed || url.is_err(), "url", &allowed_hosts(state));
    let rate = ForkRate::try_from(new.sample_rate.unwrap_or(16_000));
    check.demand(rate.is_ok(), "sample_rate", "8000, 16000 or 24000");
    let metadata = if new.metadata.is_empty() {
        String::new()
    } else {
        Value::Object(new.metadata).to_string()
    };
    let allowed = "an object of at most 8192 bytes in JSON";
    check.demand(metadata.len() <= METADATA_BYTES_MAX, "metadata", allowed);
    let headers = headers(new.authorization, new.headers, &mut check);
    check.done()?;
    // Both were checked.
    let (url, rate) = (url.ok(), rate.ok());
    let (url, rate) = url.zip(rate).ok_or_else(|| Problem::not_found("URL"))?;
    Ok(ForkRequest {
        call,
        party: match new.party {
            None | Some(Party::Caller) => ForkParty::Caller,
            Some(Party::Callee) => ForkParty::Callee,
        },
        url,
        rate,
        channels: match new.channels {
            Some(Channels::Said) => ForkChannels::Said,
            None | Some(Channels::Mixed) => ForkChannels::Mixed,
            Some(Channels::Stereo) => ForkChannels::Stereo,
        },
        is_bidirectional: new.bidirectional,
        may_hang_up: new.may_hang_up,
        reconnects: new.reconnect,
        metadata,
        headers,
    })
}

fn allowed_hosts(state: &ApiState) -> String {
    if state.fork_hosts.is_empty() {
        return "a host of media.fork.allowed_hosts, which names none: audio forks are off"
            .to_owned();
    }
    let hosts: Vec<String> = state.fork_hosts.iter().cloned().map(String::from).collect();
    format!("a host of media.fork.allowed_hosts: {}", hosts.join(", "))
}

/// Headers that the WebSocket itself needs are not for others to set.
fn headers(
    authorization: Option<String>,
    headers: BTreeMap<String, String>,
    check: &mut Check,
) -> ForkHeaders {
    let authorization = authorization.map(|value| ("Authorization".to_owned(), value));
    let all: Vec<_> = authorization.into_iter().chain(headers).collect();
    check.demand(all.len() <= HEADERS_MAX, "headers", "at most 16");
    let is_token = |name: &str| {
        let mut bytes = name.bytes();
        !name.is_empty()
            && bytes.all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
    };
    let is_ours = |name: &str| {
        let name = name.to_ascii_lowercase();
        let hop = ["host", "connection", "upgrade", "content-length", "transfer-encoding"];
        // The subprotocol is agreed on with the receiver, which may demand one.
        hop.contains(&name.as_str())
            || (name.starts_with("sec-websocket-") && name != "sec-websocket-protocol")
    };
    for (name, value) in &all {
        let is_good = is_token(name)
            && !is_ours(name)
            && value.len() <= HEADER_BYTES_MAX
            && value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        let allowed = "a name (RFC 9110) that is none of the WebSocket's own, and visible ASCII";
        check.demand(is_good, &format!("headers.{name}"), allowed);
    }
    ForkHeaders(all)
}

fn view(live: LiveFork) -> ForkView {
    let (state, reason) = match &live.state {
        ForkState::Connecting => ("connecting", None),
        ForkState::Connected => ("connected", None),
        ForkState::Failed(why) => ("failed", Some(why.to_string())),
        ForkState::Ended(why) => ("ended", Some(why.to_string())),
    };
    let ForkCounts { sent_ms, dropped_ms, received_ms, refused_ms, messages_refused, reconnects } =
        live.counts;
    ForkView {
        id: live.fork.to_string(),
        party: live.party.as_str(),
        url: live.receiver,
        sample_rate: live.rate.hz(),
        channels: live.channels.as_str(),
        bidirectional: live.is_bidirectional,
        state,
        reason,
        paused: live.is_paused,
        sent_ms,
        dropped_ms,
        received_ms,
        refused_ms,
        messages_refused,
        reconnects,
        last_message: live.last_message.and_then(|text| RawValue::from_string(text).ok()),
    }
}
