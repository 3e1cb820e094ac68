//! Conferences in progress: seen, and governed from outside.

use crate::context::ApiState;
use crate::extract::{Body, OptionalBody, SignedIn};
use crate::problem::{Problem, ProblemBody};
use crate::recording_orders::RecordingToMake;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use offhook_bus::{ConferenceOrder, RecordingOrder, SwitchOrder};
use offhook_model::{LegId, LiveConference, LiveMember, LiveRecording};
use offhook_store::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Prompts of one announcement.
const PROMPTS_MAX: usize = 20;
/// Characters of a prompt.
const PROMPT_CHARACTERS_MAX: usize = 1_000;

/// A conference in progress.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConferenceView {
    /// The number that is dialled.
    #[schema(example = "3000")]
    number: String,
    /// Whether only moderators may still come in.
    locked: bool,
    /// `running` or `paused`; null when it is not being recorded.
    recording: Option<&'static str>,
    /// Who is in it or waits for a moderator, in the order in which they called.
    members: Vec<Member>,
}

/// A member of a conference.
#[derive(Serialize, ToSchema)]
pub(crate) struct Member {
    /// The member's leg, by which it is governed.
    leg: String,
    /// The member's call.
    call: String,
    /// Who it is: number or user name.
    number: String,
    /// Whether it may mute, lock and put out.
    moderator: bool,
    /// Whether nobody hears it.
    muted: bool,
    /// Whether it hears nobody.
    deaf: bool,
    /// Whether it is speaking.
    speaking: bool,
    /// Whether it waits for a moderator.
    waiting: bool,
}

/// Conferences in progress.
#[derive(Serialize, ToSchema)]
pub(crate) struct Conferences {
    /// The conferences, by number.
    items: Vec<ConferenceView>,
}

/// What is to be heard.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Announcement {
    /// Prompts, one after the other: `tts:text`, `file:name`, `tone:Hz,ms`, `say:kind:value`, `silence:ms`.
    #[schema(example = json!(["tone:660,120", "tts:Five minutes are left."]))]
    prompts: Vec<String>,
}

/// The conferences in progress. For supervisors.
#[utoipa::path(
    get, path = "/api/conferences", tag = "conferences", operation_id = "conferences",
    responses(
        (status = 200, description = "The conferences", body = Conferences),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    who: SignedIn,
) -> Result<Json<Conferences>, Problem> {
    who.demand(Role::Supervisor)?;
    let items = state.shared.live_conferences().into_iter().map(view).collect();
    Ok(Json(Conferences { items }))
}

/// Does something with a member: `mute`, `unmute`, `deaf`, `undeaf` or `kick`. For supervisors.
#[utoipa::path(
    post, path = "/api/conferences/{number}/members/{leg}/{action}", tag = "conferences",
    operation_id = "governMember",
    params(
        ("number" = String, Path, description = "The conference"),
        ("leg" = String, Path, description = "The member's leg"),
        ("action" = String, Path, description = "`mute`, `unmute`, `deaf`, `undeaf` or `kick`"),
    ),
    responses(
        (status = 202, description = "The switch was told"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such conference, member or action", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn member(
    State(state): State<ApiState>,
    who: SignedIn,
    Path((number, leg, action)): Path<(String, String, String)>,
) -> Result<StatusCode, Problem> {
    who.demand(Role::Supervisor)?;
    let live = find(&state, &number)?;
    let leg = leg.parse().map(LegId).ok();
    let leg = leg.filter(|leg| live.members.iter().any(|member| member.leg == *leg));
    let leg = leg.ok_or_else(|| Problem::not_found("member of this conference"))?;
    let order = match action.as_str() {
        "mute" => ConferenceOrder::Mute(leg, true),
        "unmute" => ConferenceOrder::Mute(leg, false),
        "deaf" => ConferenceOrder::Deafen(leg, true),
        "undeaf" => ConferenceOrder::Deafen(leg, false),
        "kick" => ConferenceOrder::Kick(leg),
        _ => return Err(Problem::not_found("action: mute, unmute, deaf, undeaf and kick are")),
    };
    order_from(&state, &who, number, order)
}

/// Lets nobody else into a conference but moderators. For supervisors.
#[utoipa::path(
    post, path = "/api/conferences/{number}/lock", tag = "conferences", operation_id = "lockConference",
    params(("number" = String, Path, description = "The conference")),
    responses(
        (status = 202, description = "The switch was told"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such conference is in progress", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn lock(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(number): Path<String>,
) -> Result<StatusCode, Problem> {
    order(&state, &who, number, ConferenceOrder::Lock(true))
}

/// Lets everybody into a conference again. For supervisors.
#[utoipa::path(
    post, path = "/api/conferences/{number}/unlock", tag = "conferences",
    operation_id = "unlockConference",
    params(("number" = String, Path, description = "The conference")),
    responses(
        (status = 202, description = "The switch was told"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such conference is in progress", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn unlock(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(number): Path<String>,
) -> Result<StatusCode, Problem> {
    order(&state, &who, number, ConferenceOrder::Lock(false))
}

/// Plays prompts to all who listen, mixed with who speaks. For supervisors.
#[utoipa::path(
    post, path = "/api/conferences/{number}/play", tag = "conferences",
    operation_id = "playIntoConference",
    params(("number" = String, Path, description = "The conference")), request_body = Announcement,
    responses(
        (status = 202, description = "The switch was told"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such conference is in progress", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn play(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(number): Path<String>,
    Body(wanted): Body<Announcement>,
) -> Result<StatusCode, Problem> {
    let is_short = |prompt: &String| prompt.chars().count() <= PROMPT_CHARACTERS_MAX;
    let good = (1..=PROMPTS_MAX).contains(&wanted.prompts.len());
    if !good || !wanted.prompts.iter().all(is_short) {
        return Err(Problem::field("prompts", "1 to 20 prompts of at most 1000 characters"));
    }
    order(&state, &who, number, ConferenceOrder::Play(wanted.prompts))
}

/// Begins to record what all in a conference hear. For supervisors.
#[utoipa::path(
    post, path = "/api/conferences/{number}/recording", tag = "conferences",
    operation_id = "recordConference",
    params(("number" = String, Path, description = "The conference")),
    request_body = Option<RecordingToMake>,
    responses(
        (status = 202, description = "The switch was told"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such conference is in progress", body = ProblemBody),
        (status = 409, description = "It is being recorded", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn record(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(number): Path<String>,
    OptionalBody(wanted): OptionalBody<RecordingToMake>,
) -> Result<StatusCode, Problem> {
    who.demand(Role::Supervisor)?;
    if find(&state, &number)?.recording.is_some() {
        return Err(Problem::conflict("The conference is being recorded already."));
    }
    let form = wanted.unwrap_or_default().form();
    order_from(&state, &who, number, ConferenceOrder::Record(RecordingOrder::Start(form)))
}

/// Ends the recording of a conference. For supervisors.
#[utoipa::path(
    delete, path = "/api/conferences/{number}/recording", tag = "conferences",
    operation_id = "stopRecordingConference",
    params(("number" = String, Path, description = "The conference")),
    responses(
        (status = 202, description = "The switch was told"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such conference is in progress", body = ProblemBody),
        (status = 409, description = "It is not being recorded", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn stop_recording(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(number): Path<String>,
) -> Result<StatusCode, Problem> {
    who.demand(Role::Supervisor)?;
    if find(&state, &number)?.recording.is_none() {
        return Err(Problem::conflict("The conference is not being recorded."));
    }
    order_from(&state, &who, number, ConferenceOrder::Record(RecordingOrder::Stop))
}

/// Ends a conference: all are put out. For supervisors.
#[utoipa::path(
    delete, path = "/api/conferences/{number}", tag = "conferences", operation_id = "endConference",
    params(("number" = String, Path, description = "The conference")),
    responses(
        (status = 202, description = "The switch was told"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such conference is in progress", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn end(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(number): Path<String>,
) -> Result<StatusCode, Problem> {
    order(&state, &who, number, ConferenceOrder::End)
}

fn find(state: &ApiState, number: &str) -> Result<LiveConference, Problem> {
    let found = state.shared.live_conferences().into_iter().find(|live| live.number == number);
    found.ok_or_else(|| Problem::not_found("conference in progress"))
}

/// Gives an order about a conference in progress, from somebody who may.
fn order(
    state: &ApiState,
    who: &SignedIn,
    number: String,
    order: ConferenceOrder,
) -> Result<StatusCode, Problem> {
    who.demand(Role::Supervisor)?;
    find(state, &number)?;
    order_from(state, who, number, order)
}

fn order_from(
    state: &ApiState,
    who: &SignedIn,
    number: String,
    order: ConferenceOrder,
) -> Result<StatusCode, Problem> {
    state.order(SwitchOrder::Conference(number, order), who)
}

fn view(live: LiveConference) -> ConferenceView {
    ConferenceView {
        number: live.number,
        locked: live.is_locked,
        recording: live.recording.map(LiveRecording::as_str),
        members: live.members.into_iter().map(view_member).collect(),
    }
}

fn view_member(member: LiveMember) -> Member {
    Member {
        leg: member.leg.0.to_string(),
        call: member.call.to_string(),
        number: member.number,
        moderator: member.is_moderator,
        muted: member.is_muted,
        deaf: member.is_deaf,
        speaking: member.is_speaking,
        waiting: member.is_waiting,
    }
}
