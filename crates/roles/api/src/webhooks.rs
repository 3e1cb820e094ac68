//! Webhooks: others who are told of events.

mod delivery;
mod sending;

use crate::context::ApiState;
use crate::events::check_types;
use crate::extract::{Body, SignedIn};
use crate::moment;
use crate::problem::{Problem, ProblemBody};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
pub use delivery::deliver_webhooks;
use offhook_model::{AllowedHost, ForkUrl};
use offhook_store::{Role, Webhook, WebhookState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A webhook.
#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookView {
    /// The webhook.
    id: String,
    /// Where it is told.
    url: String,
    /// The types of events that are wanted; empty for all.
    types: Vec<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// Events that were not delivered yet.
    waiting: i64,
    /// How often the first of them was tried.
    attempts: i64,
    /// Why that failed last.
    last_error: Option<String>,
    /// What its messages are signed with. It is shown once, when it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// The webhooks.
#[derive(Serialize, ToSchema)]
pub(crate) struct Webhooks {
    /// All of them; there are at most 64.
    items: Vec<WebhookView>,
    /// Always null.
    next_cursor: Option<String>,
}

/// A webhook to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWebhook {
    /// An `http` or `https` URL whose host the configuration allows (`api.webhooks.allowed_hosts`).
    url: String,
    /// The types of events that are wanted; all when absent or empty.
    #[serde(default)]
    types: Vec<String>,
}

/// What is to be changed of a webhook; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookChange {
    /// Another URL.
    url: Option<String>,
    /// Other types of events; empty for all.
    types: Option<Vec<String>>,
}

/// The webhooks, with how their deliveries stand. For administrators.
#[utoipa::path(
    get, path = "/api/webhooks", tag = "webhooks", operation_id = "webhooks",
    responses(
        (status = 200, description = "The webhooks", body = Webhooks),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    who: SignedIn,
) -> Result<Json<Webhooks>, Problem> {
    who.demand(Role::Admin)?;
    let mut items = Vec::new();
    for webhook in state.store.webhooks().await? {
        items.push(shown(&state, webhook).await?);
    }
    Ok(Json(Webhooks { items, next_cursor: None }))
}

/// One webhook. For administrators.
#[utoipa::path(
    get, path = "/api/webhooks/{id}", tag = "webhooks", operation_id = "webhook",
    params(("id" = String, Path, description = "The webhook")),
    responses(
        (status = 200, description = "The webhook", body = WebhookView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 404, description = "There is no such webhook", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn one(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<Json<WebhookView>, Problem> {
    who.demand(Role::Admin)?;
    let webhook = known(&state, &id).await?;
    shown(&state, webhook).await.map(Json)
}

/// Makes a webhook: it is told of what happens from here on. The answer alone shows its secret. For
/// administrators.
#[utoipa::path(
    post, path = "/api/webhooks", tag = "webhooks", operation_id = "createWebhook",
    request_body = NewWebhook,
    responses(
        (status = 201, description = "Made; Location says where", body = WebhookView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 409, description = "There are too many webhooks", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn create(
    State(state): State<ApiState>,
    who: SignedIn,
    Body(new): Body<NewWebhook>,
) -> Result<Response, Problem> {
    who.demand(Role::Admin)?;
    check(&state, &new.url, &new.types)?;
    let (id, secret) = (random::<8>()?, random::<32>()?);
    let created_at_ms = moment::now_ms();
    let webhook = Webhook { id: id.clone(), url: new.url, types: new.types, secret, created_at_ms };
    state.store.create_webhook(&webhook).await?;
    state.webhooks_changed.notify_one();
    tracing::info!(by = who.user.username, webhook = id, "a webhook was made");
    let location = (header::LOCATION, format!("/api/webhooks/{id}"));
    let secret = Some(webhook.secret.clone());
    let made = WebhookView { secret, ..shown(&state, webhook).await? };
    Ok((StatusCode::CREATED, [location], Json(made)).into_response())
}

/// Changes where a webhook is told, and of what; its secret stays. For administrators.
#[utoipa::path(
    patch, path = "/api/webhooks/{id}", tag = "webhooks", operation_id = "changeWebhook",
    params(("id" = String, Path, description = "The webhook")), request_body = WebhookChange,
    responses(
        (status = 200, description = "Changed", body = WebhookView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 404, description = "There is no such webhook", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn change(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
    Body(change): Body<WebhookChange>,
) -> Result<Json<WebhookView>, Problem> {
    who.demand(Role::Admin)?;
    let mut webhook = known(&state, &id).await?;
    webhook.url = change.url.unwrap_or(webhook.url);
    webhook.types = change.types.unwrap_or(webhook.types);
    check(&state, &webhook.url, &webhook.types)?;
    state.store.update_webhook(&webhook).await?;
    state.webhooks_changed.notify_one();
    tracing::info!(by = who.user.username, webhook = id, "a webhook was changed");
    shown(&state, webhook).await.map(Json)
}

/// Removes a webhook, and what waits for it. For administrators.
#[utoipa::path(
    delete, path = "/api/webhooks/{id}", tag = "webhooks", operation_id = "deleteWebhook",
    params(("id" = String, Path, description = "The webhook")),
    responses(
        (status = 204, description = "Removed"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 404, description = "There is no such webhook", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn delete(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    who.demand(Role::Admin)?;
    state.store.delete_webhook(&id).await?;
    state.webhooks_changed.notify_one();
    tracing::info!(by = who.user.username, webhook = id, "a webhook was removed");
    Ok(StatusCode::NO_CONTENT)
}

async fn known(state: &ApiState, id: &str) -> Result<Webhook, Problem> {
    let all = state.store.webhooks().await?;
    all.into_iter().find(|known| known.id == id).ok_or_else(|| Problem::not_found("webhook"))
}

async fn shown(state: &ApiState, webhook: Webhook) -> Result<WebhookView, Problem> {
    let WebhookState { waiting, attempts, last_error } =
        state.store.webhook_state(&webhook.id).await?;
    Ok(WebhookView {
        id: webhook.id,
        url: webhook.url,
        types: webhook.types,
        created_at: moment::print(webhook.created_at_ms),
        waiting,
        attempts,
        last_error,
        secret: None,
    })
}

fn check(state: &ApiState, url: &str, types: &[String]) -> Result<(), Problem> {
    let hosts = &state.config.webhooks.allowed_hosts;
    if target(url, hosts).is_none() {
        let names: Vec<_> = hosts.iter().cloned().map(String::from).collect();
        let hosts = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let allowed = format!(
            "an http or https URL, without user and fragment, of one of the hosts in \
             api.webhooks.allowed_hosts ({hosts})"
        );
        return Err(Problem::field("url", allowed));
    }
    check_types("types", types)
}

/// The URL as it is used, made of its parts, when its host is allowed.
pub(crate) fn target(url: &str, hosts: &[AllowedHost]) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (scheme, socket) = match scheme.to_ascii_lowercase().as_str() {
        "http" => ("http", "ws"),
        "https" => ("https", "wss"),
        _ => return None,
    };
    let parts = ForkUrl::parse(&format!("{socket}://{rest}")).ok()?;
    let is_allowed = hosts.iter().any(|host| host.allows(&parts));
    is_allowed.then(|| format!("{scheme}://{}{}", parts.authority(), parts.path_and_query()))
}

/// Random bytes in hexadecimal digits.
fn random<const BYTES: usize>() -> Result<String, Problem> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|_error| Problem::unavailable("The operating system has no randomness."))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
