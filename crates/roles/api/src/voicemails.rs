//! Messages that callers left: listed, heard, marked and deleted. And the mailboxes that they are in.

use crate::context::ApiState;
use crate::extract::{Asked, Body, SignedIn};
use crate::page::{self, Page};
use crate::problem::{Problem, ProblemBody};
use crate::validate::Check;
use crate::{moment, recording_audio};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use offhook_model::{PIN_DIGITS, VoicemailId};
use offhook_store::{MailboxChange, MailboxRow, Role, VoicemailFilter, VoicemailRow};
use serde::{Deserialize, Deserializer, Serialize};
use std::io;
use utoipa::{IntoParams, ToSchema};

/// Bytes of a greeting's prompt URI.
const GREETING_BYTES_MAX: usize = 2_048;
/// Characters of an address (RFC 5321 section 4.5.3.1).
const EMAIL_CHARACTERS_MAX: usize = 254;

/// A message.
#[derive(Serialize, ToSchema)]
pub(crate) struct VoicemailView {
    /// The message.
    id: String,
    /// Whose it is: an extension, or a queue's name.
    #[schema(example = "sales")]
    mailbox: String,
    /// The call.
    call: String,
    /// Who called.
    number: String,
    /// The name that the caller gave.
    name: Option<String>,
    /// When it was left.
    #[schema(format = DateTime)]
    received_at: String,
    /// How long it plays, seconds.
    duration_s: f64,
    /// Whether somebody has listened to it.
    heard: bool,
}

/// Which messages are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VoicemailsQuery {
    /// Messages of this mailbox; of all that the asker may hear when absent.
    #[param(example = "sales")]
    mailbox: Option<String>,
    /// Messages that somebody has listened to, or that nobody has.
    heard: Option<bool>,
    /// Messages on the page, 1 to 1000; 50 when absent.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What is to be changed of a message.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VoicemailChange {
    /// Whether somebody has listened to it.
    heard: bool,
}

/// A mailbox.
#[derive(Serialize, ToSchema)]
pub(crate) struct MailboxView {
    /// The mailbox: an extension, or a queue's name.
    mailbox: String,
    /// Whether it has a PIN.
    has_pin: bool,
    /// What callers hear first, a prompt URI; null for the usual words.
    greeting: Option<String>,
    /// Where messages are sent.
    email: Option<String>,
    /// Whether they are sent.
    notify: bool,
}

/// What is to be changed of a mailbox; what is absent stays, and null takes away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MailboxPatch {
    /// 4 to 8 digits.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = Password)]
    pin: Option<Option<String>>,
    /// A prompt URI.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "tts:You have reached Sales.")]
    greeting: Option<Option<String>>,
    /// An e-mail address.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    /// Whether messages are sent to the address.
    notify: Option<bool>,
}

/// Tells a null from what is absent.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// The messages, the latest first: for agents those of their extension and of the queues that they serve, for
/// supervisors all.
#[utoipa::path(
    get, path = "/api/voicemails", tag = "voicemail", operation_id = "voicemails",
    params(VoicemailsQuery),
    responses(
        (status = 200, description = "A page of messages", body = Page<VoicemailView>),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not one of the asker's mailboxes", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    who: SignedIn,
    Asked(query): Asked<VoicemailsQuery>,
) -> Result<Json<Page<VoicemailView>>, Problem> {
    let limit = page::limit(query.limit)?;
    let mailboxes = match query.mailbox {
        Some(mailbox) => {
            demand(&state, &who, &mailbox)?;
            Some(vec![mailbox])
        }
        None => mailboxes_of(&state, &who),
    };
    let cursor = query.cursor.as_deref().map(|text| {
        let parsed = VoicemailId::parse(text);
        parsed.ok_or_else(|| Problem::field("cursor", "the next_cursor of a page before"))
    });
    let filter = VoicemailFilter { mailboxes, heard: query.heard, cursor: cursor.transpose()? };
    let rows = state.store.voicemails(&filter, limit + 1).await?;
    Ok(Json(page::cut(rows, limit, |row| &row.id, view)))
}

/// One message.
#[utoipa::path(
    get, path = "/api/voicemails/{id}", tag = "voicemail", operation_id = "voicemail",
    params(("id" = String, Path, description = "The message")),
    responses(
        (status = 200, description = "The message", body = VoicemailView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 404, description = "The asker has no such message", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn one(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<Json<VoicemailView>, Problem> {
    Ok(Json(view(find(&state, &who, &id).await?.1)))
}

/// The sound of a message.
#[utoipa::path(
    get, path = "/api/voicemails/{id}/audio", tag = "voicemail", operation_id = "voicemailAudio",
    params(
        ("id" = String, Path, description = "The message"),
        ("Range" = Option<String>, Header, description = "One range of bytes (RFC 9110 section 14)"),
    ),
    responses(
        (status = 200, description = "All of it", content((Vec<u8> = "audio/wav"))),
        (status = 206, description = "The range", content((Vec<u8> = "audio/wav"))),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 404, description = "The asker has no such message, or its file is gone", body = ProblemBody),
        (status = 409, description = "The key that encrypted it is not there", body = ProblemBody),
        (status = 416, description = "The message has no such range"),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn audio(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (_, row) = find(&state, &who, &id).await?;
    tracing::info!(message = row.id, by = who.user.username, "a message is listened to");
    recording_audio::play_file(&state, &row.id, &row.path, &headers).await
}

/// Notes whether somebody has listened to a message.
#[utoipa::path(
    patch, path = "/api/voicemails/{id}", tag = "voicemail", operation_id = "changeVoicemail",
    params(("id" = String, Path, description = "The message")), request_body = VoicemailChange,
    responses(
        (status = 200, description = "Changed", body = VoicemailView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 404, description = "The asker has no such message", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn change(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
    Body(change): Body<VoicemailChange>,
) -> Result<Json<VoicemailView>, Problem> {
    let (id, _) = find(&state, &who, &id).await?;
    Ok(Json(view(state.store.set_voicemail_heard(&id, change.heard).await?)))
}

/// Deletes a message and its file.
#[utoipa::path(
    delete, path = "/api/voicemails/{id}", tag = "voicemail", operation_id = "deleteVoicemail",
    params(("id" = String, Path, description = "The message")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 404, description = "The asker has no such message", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn delete(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let (id, row) = find(&state, &who, &id).await?;
    match tokio::fs::remove_file(state.recordings.join(&row.path)).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::error!(%error, message = row.id, "a message cannot be deleted");
            return Err(Problem::unavailable("The file of the message cannot be deleted."));
        }
        Ok(()) | Err(_) => {}
    }
    state.store.delete_voicemail(&id).await?;
    tracing::info!(message = row.id, by = who.user.username, "a message was deleted");
    Ok(StatusCode::NO_CONTENT)
}

/// What is known of a mailbox.
#[utoipa::path(
    get, path = "/api/mailboxes/{mailbox}", tag = "voicemail", operation_id = "mailbox",
    params(("mailbox" = String, Path, description = "An extension, or a queue's name")),
    responses(
        (status = 200, description = "The mailbox", body = MailboxView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not one of the asker's mailboxes", body = ProblemBody),
        (status = 404, description = "There is no such mailbox", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn mailbox(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(mailbox): Path<String>,
) -> Result<Json<MailboxView>, Problem> {
    demand_mailbox(&state, &who, &mailbox)?;
    Ok(Json(mailbox_view(state.store.mailbox(&mailbox).await?)))
}

/// Changes the PIN, the greeting or the address of a mailbox: agents their own, supervisors any.
#[utoipa::path(
    patch, path = "/api/mailboxes/{mailbox}", tag = "voicemail", operation_id = "changeMailbox",
    params(("mailbox" = String, Path, description = "An extension, or a queue's name")),
    request_body = MailboxPatch,
    responses(
        (status = 200, description = "Changed", body = MailboxView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not the asker's own mailbox", body = ProblemBody),
        (status = 404, description = "There is no such mailbox", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn change_mailbox(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(mailbox): Path<String>,
    Body(patch): Body<MailboxPatch>,
) -> Result<Json<MailboxView>, Problem> {
    demand_mailbox(&state, &who, &mailbox)?;
    // The mailbox of a queue is not one agent's to change.
    if who.user.extension.as_deref() != Some(mailbox.as_str()) {
        who.demand(Role::Supervisor)?;
    }
    check(&patch)?;
    let MailboxPatch { pin, greeting, email, notify } = patch;
    let change = MailboxChange { pin, greeting, email, notify };
    let row = state.store.change_mailbox(&mailbox, change).await?;
    state.reload_directory().await?;
    tracing::info!(by = who.user.username, mailbox, "a mailbox was changed");
    Ok(Json(mailbox_view(row)))
}

fn check(patch: &MailboxPatch) -> Result<(), Problem> {
    let mut check = Check::default();
    if let Some(Some(pin)) = &patch.pin {
        let is_pin =
            pin.bytes().all(|byte| byte.is_ascii_digit()) && PIN_DIGITS.contains(&pin.len());
        check.demand(is_pin, "pin", "4 to 8 digits, or null");
    }
    if let Some(Some(greeting)) = &patch.greeting {
        let kinds = ["tts:", "file:", "tone:", "say:", "silence:"];
        let is_prompt = kinds.iter().any(|kind| greeting.starts_with(kind))
            && greeting.len() <= GREETING_BYTES_MAX;
        check.demand(is_prompt, "greeting", "a prompt URI such as tts:Hello, or null");
    }
    if let Some(Some(email)) = &patch.email {
        let is_address = email.split_once('@').is_some_and(|(user, host)| {
            !user.is_empty() && !host.is_empty() && !host.contains('@')
        }) && email.chars().count() <= EMAIL_CHARACTERS_MAX
            && !email.chars().any(|c| c.is_whitespace() || c.is_control() || c == '<' || c == '>');
        check.demand(is_address, "email", "an e-mail address, or null");
    }
    check.done()
}

/// The mailboxes whose messages somebody may hear; `None` for all.
fn mailboxes_of(state: &ApiState, who: &SignedIn) -> Option<Vec<String>> {
    if who.user.role >= Role::Supervisor {
        return None;
    }
    let extension = who.user.extension.as_deref();
    let directory = state.shared.directory();
    Some(extension.map(|extension| directory.mailboxes_of(extension)).unwrap_or_default())
}

fn may_hear(state: &ApiState, who: &SignedIn, mailbox: &str) -> bool {
    mailboxes_of(state, who).is_none_or(|own| own.iter().any(|own| own == mailbox))
}

fn demand(state: &ApiState, who: &SignedIn, mailbox: &str) -> Result<(), Problem> {
    if may_hear(state, who, mailbox) { Ok(()) } else { who.demand(Role::Supervisor) }
}

fn demand_mailbox(state: &ApiState, who: &SignedIn, mailbox: &str) -> Result<(), Problem> {
    demand(state, who, mailbox)?;
    let is_there = state.shared.directory().has_mailbox(mailbox);
    if is_there { Ok(()) } else { Err(Problem::not_found("mailbox")) }
}

/// A message that is there and that the asker may hear; which of the two is missing is not told.
async fn find(
    state: &ApiState,
    who: &SignedIn,
    id: &str,
) -> Result<(VoicemailId, VoicemailRow), Problem> {
    let missing = || Problem::not_found("message");
    let id = VoicemailId::parse(id).ok_or_else(missing)?;
    let row = state.store.voicemail(&id).await?;
    let row = row.filter(|row| may_hear(state, who, &row.mailbox)).ok_or_else(missing)?;
    Ok((id, row))
}

fn view(row: VoicemailRow) -> VoicemailView {
    VoicemailView {
        id: row.id,
        mailbox: row.mailbox,
        call: row.call_id,
        number: row.number,
        name: row.name,
        received_at: moment::print_stored(row.received_at_ms),
        duration_s: row.duration_s,
        heard: row.heard,
    }
}

fn mailbox_view(row: MailboxRow) -> MailboxView {
    let MailboxRow { mailbox, has_pin, greeting, email, notify } = row;
    MailboxView { mailbox, has_pin, greeting, email, notify }
}
