use crate::context::ApiState;
use crate::extract::{Asked, Body, SignedIn};
use crate::moment;
use crate::page::{self, Page, PageQuery};
use crate::problem::{Problem, ProblemBody};
use crate::target;
use crate::validate::Check;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use offhook_model::{Aor, Extension, Forwarding, RecordPolicy, Secret, Target};
use offhook_store::{RING_TIMEOUT_S_DEFAULT, Role, random_password};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An extension. Its password is never shown.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExtensionView {
    /// The number, which is the SIP user name also.
    #[schema(example = "1001")]
    number: String,
    /// The name shown to the other party.
    display_name: String,
    /// How long its devices ring, seconds.
    ring_timeout_s: u32,
    /// Which of its calls are recorded.
    #[schema(inline)]
    record: RecordWord,
    /// Where its calls go instead: `{do_not_disturb, always, busy, no_answer}`, each of the last three a
    /// target or null.
    #[schema(value_type = Object)]
    forward: Forwarding,
    /// How many devices are registered.
    registered_devices: usize,
}

/// Which calls of an extension are recorded: those that it answers, those that it places, or both.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RecordWord {
    None,
    Inbound,
    Outbound,
    All,
}

impl From<RecordWord> for RecordPolicy {
    fn from(word: RecordWord) -> Self {
        match word {
            RecordWord::None => Self::None,
            RecordWord::Inbound => Self::Inbound,
            RecordWord::Outbound => Self::Outbound,
            RecordWord::All => Self::All,
        }
    }
}

impl From<RecordPolicy> for RecordWord {
    fn from(policy: RecordPolicy) -> Self {
        match policy {
            RecordPolicy::None => Self::None,
            RecordPolicy::Inbound => Self::Inbound,
            RecordPolicy::Outbound => Self::Outbound,
            RecordPolicy::All => Self::All,
        }
    }
}

/// An extension just made.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedExtension {
    #[serde(flatten)]
    extension: ExtensionView,
    /// The SIP password, when Offhook drew it; it is told this once.
    sip_password: Option<String>,
}

/// An extension to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewExtension {
    /// 2 to 20 digits.
    #[schema(example = "1010")]
    number: String,
    /// The name shown to the other party; the number when absent.
    display_name: Option<String>,
    /// The SIP password, at least 8 characters; Offhook draws one when absent.
    #[schema(format = Password)]
    sip_password: Option<String>,
    /// How long its devices ring, 5 to 300 seconds; 30 when absent.
    ring_timeout_s: Option<u32>,
    /// Which of its calls are recorded; none when absent.
    #[schema(inline)]
    record: Option<RecordWord>,
    /// Where its calls go instead: `{do_not_disturb, always, busy, no_answer}`.
    #[schema(value_type = Option<Object>)]
    forward: Option<Forwarding>,
}

/// What is to be changed; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtensionChange {
    /// The name shown to the other party.
    display_name: Option<String>,
    /// The SIP password, at least 8 characters.
    #[schema(format = Password)]
    sip_password: Option<String>,
    /// How long its devices ring, 5 to 300 seconds.
    ring_timeout_s: Option<u32>,
    /// Which of its calls are recorded.
    #[schema(inline)]
    record: Option<RecordWord>,
    /// Where its calls go instead: `{do_not_disturb, always, busy, no_answer}`.
    #[schema(value_type = Option<Object>)]
    forward: Option<Forwarding>,
}

/// The extensions, by number. For supervisors.
#[utoipa::path(
    get, path = "/api/extensions", tag = "extensions", operation_id = "extensions", params(PageQuery),
    responses(
        (status = 200, description = "A page of extensions", body = Page<ExtensionView>),
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
) -> Result<Json<Page<ExtensionView>>, Problem> {
    who.demand(Role::Supervisor)?;
    let limit = page::limit(query.limit)?;
    let rows = state.store.extensions(query.cursor.as_deref(), limit + 1).await?;
    Ok(Json(page::cut(rows, limit, |row| &row.number, |row| view(&state, row))))
}

/// Makes an extension; devices can register at once. For administrators.
#[utoipa::path(
    post, path = "/api/extensions", tag = "extensions", operation_id = "createExtension",
    request_body = NewExtension,
    responses(
        (status = 201, description = "Made; Location says where", body = CreatedExtension),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 409, description = "The number is in use", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn create(
    State(state): State<ApiState>,
    who: SignedIn,
    Body(new): Body<NewExtension>,
) -> Result<Response, Problem> {
    who.demand(Role::Admin)?;
    let display_name = new.display_name.unwrap_or_else(|| new.number.clone());
    let ring_timeout_s = new.ring_timeout_s.unwrap_or(RING_TIMEOUT_S_DEFAULT);
    check(
        Some(&new.number),
        Some(&display_name),
        new.sip_password.as_deref(),
        Some(ring_timeout_s),
    )?;
    let drawn = if new.sip_password.is_none() { Some(random_password()?) } else { None };
    let secret = Secret::Password(new.sip_password.or_else(|| drawn.clone()).unwrap_or_default());
    let record = new.record.map(RecordPolicy::from).unwrap_or_default();
    let forward = new.forward.unwrap_or_default();
    check_forward(&state, &new.number, &forward)?;
    let number = new.number;
    let extension = Extension { number, display_name, secret, ring_timeout_s, record, forward };
    state.store.create_extension(&extension).await?;
    state.reload_directory().await?;
    tracing::info!(by = who.user.username, "an extension was made");
    let location = (header::LOCATION, format!("/api/extensions/{}", extension.number));
    let body = CreatedExtension { extension: view(&state, extension), sip_password: drawn };
    Ok((StatusCode::CREATED, [location], Json(body)).into_response())
}

/// One extension. For supervisors.
#[utoipa::path(
    get, path = "/api/extensions/{number}", tag = "extensions", operation_id = "extension",
    params(("number" = String, Path, description = "The extension")),
    responses(
        (status = 200, description = "The extension", body = ExtensionView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "There is no such extension", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn one(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(number): Path<String>,
) -> Result<Json<ExtensionView>, Problem> {
    who.demand(Role::Supervisor)?;
    let found = state.store.extension(&number).await?;
    Ok(Json(view(&state, found.ok_or_else(|| Problem::not_found("extension"))?)))
}

/// Changes an extension, from the next call on. With another SIP password nothing is registered for it any
/// longer: its devices register again. For administrators.
#[utoipa::path(
    patch, path = "/api/extensions/{number}", tag = "extensions", operation_id = "changeExtension",
    params(("number" = String, Path, description = "The extension")), request_body = ExtensionChange,
    responses(
        (status = 200, description = "Changed", body = ExtensionView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 404, description = "There is no such extension", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn change(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(number): Path<String>,
    Body(change): Body<ExtensionChange>,
) -> Result<Json<ExtensionView>, Problem> {
    who.demand(Role::Admin)?;
    let (name, password) = (change.display_name.as_deref(), change.sip_password.as_deref());
    check(None, name, password, change.ring_timeout_s)?;
    let found = state.store.extension(&number).await?;
    let mut extension = found.ok_or_else(|| Problem::not_found("extension"))?;
    extension.display_name = change.display_name.unwrap_or(extension.display_name);
    extension.ring_timeout_s = change.ring_timeout_s.unwrap_or(extension.ring_timeout_s);
    extension.record = change.record.map_or(extension.record, RecordPolicy::from);
    if let Some(forward) = change.forward {
        check_forward(&state, &number, &forward)?;
        extension.forward = forward;
    }
    let is_rekeyed = change.sip_password.is_some();
    extension.secret = change.sip_password.map_or(extension.secret, Secret::Password);
    state.store.update_extension(&extension).await?;
    state.reload_directory().await?;
    if is_rekeyed && let Some(aor) = state.shared.directory().aor(&number) {
        // Whoever knew the old password is not called any longer, but who knows the new one is.
        state.shared.set_bindings(&aor, Vec::new());
    }
    tracing::info!(by = who.user.username, "an extension was changed");
    Ok(Json(view(&state, extension)))
}

/// Removes an extension and what is registered for it. For administrators.
#[utoipa::path(
    delete, path = "/api/extensions/{number}", tag = "extensions", operation_id = "deleteExtension",
    params(("number" = String, Path, description = "The extension")),
    responses(
        (status = 204, description = "Removed"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 404, description = "There is no such extension", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn delete(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(number): Path<String>,
) -> Result<StatusCode, Problem> {
    who.demand(Role::Admin)?;
    let aor = state.shared.directory().aor(&number);
    state.store.delete_extension(&number).await?;
    state.reload_directory().await?;
    if let Some(aor) = aor {
        state.shared.set_bindings(&aor, Vec::new());
    }
    tracing::info!(by = who.user.username, "an extension was removed");
    Ok(StatusCode::NO_CONTENT)
}

fn check(
    number: Option<&str>,
    name: Option<&str>,
    password: Option<&str>,
    ring_timeout_s: Option<u32>,
) -> Result<(), Problem> {
    let mut check = Check::default();
    number.into_iter().for_each(|number| check.number("number", number));
    name.into_iter().for_each(|name| check.display_name("display_name", name));
    password.into_iter().for_each(|password| check.password("sip_password", password));
    ring_timeout_s.into_iter().for_each(|seconds| check.ring_timeout("ring_timeout_s", seconds));
    check.done()
}

fn check_forward(state: &ApiState, number: &str, forward: &Forwarding) -> Result<(), Problem> {
    let directory = state.shared.directory();
    let mut check = Check::default();
    let targets = [
        ("forward.always", &forward.always),
        ("forward.busy", &forward.busy),
        ("forward.no_answer", &forward.no_answer),
    ];
    for (field, target) in targets {
        let Some(target) = target else { continue };
        target::check(&mut check, field, target, &directory);
        let itself = [Target::Extension(number.to_owned()), Target::Number(number.to_owned())];
        check.demand(!itself.contains(target), field, "another than the extension itself");
    }
    check.done()
}

fn view(state: &ApiState, extension: Extension) -> ExtensionView {
    let now = moment::now_ms() / 1_000;
    let aor = Aor::new(&extension.number, &state.shared.directory().domain).ok();
    let bindings = aor.map(|aor| state.shared.bindings(&aor)).unwrap_or_default();
    ExtensionView {
        registered_devices: bindings.iter().filter(|binding| binding.expires_at > now).count(),
        number: extension.number,
        display_name: extension.display_name,
        ring_timeout_s: extension.ring_timeout_s,
        record: extension.record.into(),
        forward: extension.forward,
    }
}
