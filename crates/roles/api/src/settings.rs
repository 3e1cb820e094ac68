//! What the house has agreed on for its agents: reasons, dispositions, the page beside a call.

use crate::context::ApiState;
use crate::extract::{Body, SignedIn};
use crate::problem::{Problem, ProblemBody};
use crate::validate::Check;
use axum::Json;
use axum::extract::State;
use offhook_store::{NotReadyReason, Role};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Entries of one of these lists.
const ENTRIES_MAX: usize = 100;
/// Characters of a URL.
const URL_CHARACTERS_MAX: usize = 2_048;
/// What stands for something of the call in a URL.
const PLACEHOLDERS: [&str; 4] = ["{number}", "{name}", "{call}", "{queue}"];

/// The reasons that agents may give for taking no calls.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reasons {
    /// At most 100, in the order in which they are shown.
    items: Vec<Reason>,
}

/// A reason for taking no calls.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reason {
    /// 1 to 64 characters.
    #[schema(example = "Lunch")]
    name: String,
    /// `busy` or `away`.
    #[schema(example = "away")]
    status: String,
}

/// What agents may say came of a call.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dispositions {
    /// At most 100, in the order in which they are shown.
    items: Vec<Disposition>,
}

/// What may come of a call.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Disposition {
    /// 1 to 64 characters.
    #[schema(example = "Resolved")]
    name: String,
}

/// The page that an agent sees beside a call.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScreenPop {
    /// An `http` or `https` URL with the placeholders {number}, {name}, {call} and {queue}; null for none.
    #[schema(example = "https://crm.example/?number={number}&call={call}")]
    url: Option<String>,
}

/// The reasons that agents may give for taking no calls.
#[utoipa::path(
    get, path = "/api/settings/not-ready-reasons", tag = "settings", operation_id = "notReadyReasons",
    responses(
        (status = 200, description = "The reasons", body = Reasons),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn reasons(
    State(state): State<ApiState>,
    _who: SignedIn,
) -> Result<Json<Reasons>, Problem> {
    let known = state.store.not_ready_reasons().await?.into_iter();
    let items = known.map(|reason| Reason { name: reason.name, status: reason.status });
    Ok(Json(Reasons { items: items.collect() }))
}

/// Sets the reasons that agents may give for taking no calls. For administrators.
#[utoipa::path(
    put, path = "/api/settings/not-ready-reasons", tag = "settings",
    operation_id = "setNotReadyReasons", request_body = Reasons,
    responses(
        (status = 200, description = "Set", body = Reasons),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn set_reasons(
    State(state): State<ApiState>,
    who: SignedIn,
    Body(new): Body<Reasons>,
) -> Result<Json<Reasons>, Problem> {
    who.demand(Role::Admin)?;
    let mut check = Check::default();
    check_names(&mut check, new.items.iter().map(|reason| reason.name.as_str()));
    for (at, reason) in new.items.iter().enumerate() {
        let is_status = matches!(reason.status.as_str(), "busy" | "away");
        check.demand(is_status, &format!("items.{at}.status"), "busy or away");
    }
    check.done()?;
    let reasons = new
        .items
        .iter()
        .map(|reason| NotReadyReason { name: reason.name.clone(), status: reason.status.clone() });
    state.store.set_not_ready_reasons(&reasons.collect::<Vec<_>>()).await?;
    tracing::info!(by = who.user.username, "the reasons for taking no calls were set");
    Ok(Json(new))
}

/// What agents may say came of a call.
#[utoipa::path(
    get, path = "/api/settings/dispositions", tag = "settings", operation_id = "dispositions",
    responses(
        (status = 200, description = "The dispositions", body = Dispositions),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn dispositions(
    State(state): State<ApiState>,
    _who: SignedIn,
) -> Result<Json<Dispositions>, Problem> {
    let known = state.store.dispositions().await?.into_iter();
    Ok(Json(Dispositions { items: known.map(|name| Disposition { name }).collect() }))
}

/// Sets what agents may say came of a call. For administrators.
#[utoipa::path(
    put, path = "/api/settings/dispositions", tag = "settings", operation_id = "setDispositions",
    request_body = Dispositions,
    responses(
        (status = 200, description = "Set", body = Dispositions),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn set_dispositions(
    State(state): State<ApiState>,
    who: SignedIn,
    Body(new): Body<Dispositions>,
) -> Result<Json<Dispositions>, Problem> {
    who.demand(Role::Admin)?;
    let mut check = Check::default();
    check_names(&mut check, new.items.iter().map(|item| item.name.as_str()));
    check.done()?;
    let names: Vec<_> = new.items.iter().map(|item| item.name.clone()).collect();
    state.store.set_dispositions(&names).await?;
    tracing::info!(by = who.user.username, "the dispositions were set");
    Ok(Json(new))
}

/// The page that an agent sees beside a call.
#[utoipa::path(
    get, path = "/api/settings/screen-pop", tag = "settings", operation_id = "screenPop",
    responses(
        (status = 200, description = "The page", body = ScreenPop),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn screen_pop(
    State(state): State<ApiState>,
    _who: SignedIn,
) -> Result<Json<ScreenPop>, Problem> {
    Ok(Json(ScreenPop { url: state.store.screen_pop().await? }))
}

/// Sets the page that an agent sees beside a call. For administrators.
#[utoipa::path(
    put, path = "/api/settings/screen-pop", tag = "settings", operation_id = "setScreenPop",
    request_body = ScreenPop,
    responses(
        (status = 200, description = "Set", body = ScreenPop),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn set_screen_pop(
    State(state): State<ApiState>,
    who: SignedIn,
    Body(new): Body<ScreenPop>,
) -> Result<Json<ScreenPop>, Problem> {
    who.demand(Role::Admin)?;
    if !new.url.as_deref().is_none_or(is_page) {
        let allowed = format!(
            "null, or an http or https URL of at most {URL_CHARACTERS_MAX} characters with {}",
            PLACEHOLDERS.join(", ")
        );
        return Err(Problem::field("url", allowed));
    }
    state.store.set_screen_pop(new.url.as_deref()).await?;
    tracing::info!(by = who.user.username, "the page beside a call was set");
    Ok(Json(new))
}

/// Whether a text is the URL of a page, with no placeholders but those that are known. A placeholder is not
/// in the host's name, which a caller would choose then.
fn is_page(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let bare = PLACEHOLDERS.iter().fold(url.to_owned(), |url, known| url.replace(known, ""));
    !host.is_empty()
        && !host.contains(['{', '}', '@'])
        && !bare.contains(['{', '}'])
        && !url.chars().any(|c| c.is_control() || c.is_whitespace())
        && url.chars().count() <= URL_CHARACTERS_MAX
}

fn check_names<'a>(check: &mut Check, names: impl ExactSizeIterator<Item = &'a str>) {
    check.demand(names.len() <= ENTRIES_MAX, "items", "at most 100");
    let mut seen = BTreeSet::new();
    for (at, name) in names.enumerate() {
        check.display_name(&format!("items.{at}.name"), name);
        let first = seen.insert(name);
        check.demand(first, &format!("items.{at}.name"), "a name that is not in the list yet");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_where_the_administrator_says() {
        for good in ["https://crm.example/?number={number}&call={call}", "http://crm:8080/{queue}"]
        {
            assert!(is_page(good), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            "https://{number}/",
            "https://a@{name}/",
            "https://",
            "https://crm/{secret}",
            "https://crm/ x",
            "crm.example",
        ] {
            assert!(!is_page(bad), "{bad}");
        }
    }
}
