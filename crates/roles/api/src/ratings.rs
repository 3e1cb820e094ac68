//! What callers think of their calls.

use crate::context::ApiState;
use crate::extract::{Body, ClientAddress};
use crate::moment;
use crate::problem::{Kind, Problem, ProblemBody};
use crate::validate::Check;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use offhook_model::{CallRef, guest_expiry, guest_password};
use offhook_store::CallRating;
use serde::{Deserialize, Serialize};
use std::sync::PoisonError;
use std::time::Instant;
use utoipa::ToSchema;

/// How long after its end a call can be rated, milliseconds.
const RATED_WITHIN_MS: u64 = 15 * 60_000;
/// Characters of a comment.
const COMMENT_CHARACTERS_MAX: usize = 1_000;

/// What a caller thinks of its call, with the SIP credentials by which it has called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRating {
    /// The guest's user name.
    username: String,
    /// The guest's password.
    password: String,
    /// 1 to 5.
    #[schema(minimum = 1, maximum = 5)]
    stars: u8,
    /// In the caller's words, at most 1,000 characters.
    comment: Option<String>,
}

/// What a caller thinks of its call.
#[derive(Serialize, ToSchema)]
pub(crate) struct Rating {
    /// 1 to 5.
    #[schema(minimum = 1, maximum = 5)]
    stars: i64,
    /// In the caller's words.
    comment: Option<String>,
    /// When it said so.
    #[schema(format = DateTime)]
    at: String,
}

impl From<CallRating> for Rating {
    fn from(rating: CallRating) -> Self {
        let at = moment::print(rating.at_ms());
        Self { stars: rating.stars, comment: rating.comment, at }
    }
}

/// Rates a call, once: while it goes on, or within 15 minutes after its end. For guests who have placed it.
#[utoipa::path(
    post, path = "/api/calls/{id}/rating", tag = "calls", operation_id = "rateCall",
    params(("id" = String, Path, description = "The call")), request_body = NewRating,
    responses(
        (status = 201, description = "What was written down", body = Rating),
        (status = 403, description = "These are not the credentials of who has placed the call", body = ProblemBody),
        (status = 404, description = "There is no such call, or its end is too long ago", body = ProblemBody),
        (status = 409, description = "The call was rated before", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
        (status = 429, description = "Too many requests from this address; Retry-After says when", body = ProblemBody),
    ),
)]
pub(crate) async fn rate(
    State(state): State<ApiState>,
    ClientAddress(address): ClientAddress,
    Path(id): Path<String>,
    Body(new): Body<NewRating>,
) -> Result<(StatusCode, Json<Rating>), Problem> {
    let taken =
        state.guests.lock().unwrap_or_else(PoisonError::into_inner).take(&address, Instant::now());
    taken.map_err(Problem::rate_limited)?;
    let comment = new.comment.as_deref().map(str::trim).filter(|comment| !comment.is_empty());
    check(new.stars, comment)?;
    let call = CallRef::parse(&id).ok_or_else(no_call)?;
    let caller = caller_of(&state, &call).await?;
    let is_guest = guest_expiry(&new.username).is_some()
        && guest_password(&state.shared.guest_key().0, &new.username) == new.password;
    if !is_guest || caller != new.username {
        return Err(Problem::new(Kind::NotAllowed, "Only who has placed a call may rate it."));
    }
    if !state.store.rate_call(&call, new.stars, comment).await? {
        return Err(Problem::conflict("This call was rated before."));
    }
    let stars = new.stars.to_string();
    metrics::counter!("offhook_call_ratings_total", "stars" => stars).increment(1);
    let rating = state.store.call_rating(&call).await?.ok_or_else(no_call)?;
    Ok((StatusCode::CREATED, Json(rating.into())))
}

fn no_call() -> Problem {
    Problem::not_found("call that can still be rated")
}

fn check(stars: u8, comment: Option<&str>) -> Result<(), Problem> {
    let mut check = Check::default();
    check.demand((1..=5).contains(&stars), "stars", "1 to 5");
    let comment = comment.unwrap_or_default();
    let is_short = comment.chars().count() <= COMMENT_CHARACTERS_MAX;
    let is_plain = !comment.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    let allowed = "at most 1000 characters without control characters but line ends and tabs";
    check.demand(is_short && is_plain, "comment", allowed);
    check.done()
}

/// Who has placed the call.
async fn caller_of(state: &ApiState, call: &CallRef) -> Result<String, Problem> {
    if let Some(live) = state.shared.live_call(call) {
        return Ok(live.caller);
    }
    let found = state.store.call(call).await?.ok_or_else(no_call)?.call;
    let ended_at_ms = u64::try_from(found.ended_at_ms).unwrap_or(0);
    let is_recent = moment::now_ms().saturating_sub(ended_at_ms) <= RATED_WITHIN_MS;
    if is_recent { Ok(found.caller) } else { Err(no_call()) }
}
