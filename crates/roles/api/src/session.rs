use crate::context::ApiState;
use crate::extract::{ClientAddress, SignedIn};
use crate::moment;
use crate::problem::{Kind, Problem, ProblemBody};
use axum::Json;
use axum::extract::State;
use offhook_model::{Secret, guest_password, guest_username};
use serde::Serialize;
use std::sync::PoisonError;
use std::time::Instant;
use utoipa::ToSchema;

/// Where SIP is spoken over a WebSocket, seen from the page.
const WEBSOCKET: &str = "/ws";

/// What a browser needs to place calls.
#[derive(Serialize, ToSchema)]
pub(crate) struct SipSession {
    /// The SIP user name.
    username: String,
    /// The SIP password.
    password: String,
    /// The SIP domain, which is the realm too.
    domain: String,
    /// Where to connect, relative to the page.
    #[schema(example = "/ws")]
    ws_url: &'static str,
    /// How long the credentials are good for new calls.
    #[schema(format = DateTime)]
    expires_at: String,
    /// The name that the other party sees; null for guests.
    display_name: Option<String>,
    /// Patterns of the numbers that may be dialled, `X` is any digit; null when there is no restriction.
    allowed: Option<Vec<String>>,
}

/// Gives a guest SIP credentials for a while. No account is needed.
#[utoipa::path(
    post, path = "/api/session/guest", tag = "session", operation_id = "guestSession",
    responses(
        (status = 200, description = "The credentials", body = SipSession),
        (status = 429, description = "Too many sessions from this address; Retry-After says when", body = ProblemBody),
    )
)]
pub(crate) async fn guest(
    State(state): State<ApiState>,
    ClientAddress(address): ClientAddress,
) -> Result<Json<SipSession>, Problem> {
    let taken =
        state.guests.lock().unwrap_or_else(PoisonError::into_inner).take(&address, Instant::now());
    taken.map_err(|wait| {
        metrics::counter!("offhook_api_refused_total", "why" => "guest_throttled").increment(1);
        Problem::rate_limited(wait)
    })?;
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| Problem::unavailable("There is no randomness."))?;
    let expires_at = moment::now_ms() / 1_000 + u64::from(state.config.guest_lifetime_s);
    let username = guest_username(expires_at, u64::from_ne_bytes(random));
    let directory = state.shared.directory();
    Ok(Json(SipSession {
        password: guest_password(&state.shared.guest_key().0, &username),
        username,
        domain: directory.domain.clone(),
        ws_url: WEBSOCKET,
        expires_at: moment::print(expires_at * 1_000),
        display_name: None,
        allowed: Some(directory.guest_policy.allowed.clone()),
    }))
}

/// Gives who is signed in the SIP credentials of the own extension.
#[utoipa::path(
    get, path = "/api/session/sip", tag = "session", operation_id = "sipSession",
    responses(
        (status = 200, description = "The credentials", body = SipSession),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 404, description = "The user has no extension", body = ProblemBody),
        (status = 409, description = "The extension's password is not kept, only its digest", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn sip(
    State(state): State<ApiState>,
    who: SignedIn,
) -> Result<Json<SipSession>, Problem> {
    let directory = state.shared.directory();
    let extension = who.user.extension.as_ref().and_then(|number| directory.extensions.get(number));
    let no_extension = || Problem::new(Kind::NotFound, "You have no extension to call with.");
    let extension = extension.ok_or_else(no_extension)?;
    let Secret::Password(password) = &extension.secret else {
        let detail = "The extension's password is not kept, so a browser cannot be given it.";
        return Err(Problem::new(Kind::Conflict, detail));
    };
    let lifetime = u64::from(state.config.login_lifetime_s) * 1_000;
    Ok(Json(SipSession {
        username: extension.number.clone(),
        password: password.clone(),
        domain: directory.domain.clone(),
        ws_url: WEBSOCKET,
        expires_at: moment::print(moment::now_ms() + lifetime),
        display_name: Some(extension.display_name.clone()),
        allowed: None,
    }))
}
