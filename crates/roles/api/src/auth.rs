use crate::context::ApiState;
use crate::extract::{Body, COOKIE, ClientAddress, SignedIn};
use crate::moment;
use crate::problem::{Kind, Problem, ProblemBody};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use offhook_store::{PASSWORD_BYTES_MAX, User};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::PoisonError;
use std::time::{Duration, Instant};
use utoipa::ToSchema;

/// Characters of a user name that is looked up at all.
const USERNAME_BYTES_MAX: usize = 64;

/// Who wants to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// The user's name.
    #[schema(example = "admin")]
    username: String,
    /// The password.
    #[schema(format = Password)]
    password: String,
}

/// A sign-in. The same token is in a cookie, which a browser sends by itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct LoginAnswer {
    /// Goes into `Authorization: Bearer`.
    token: String,
    /// When the sign-in is over.
    #[schema(format = DateTime)]
    expires_at: String,
    /// `admin`, `supervisor` or `agent`.
    role: &'static str,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    /// The user's name.
    username: String,
    /// `admin`, `supervisor` or `agent`.
    role: &'static str,
    /// The extension whose calls are the user's.
    extension: Option<String>,
}

/// Signs in.
#[utoipa::path(
    post, path = "/api/auth/login", tag = "auth", operation_id = "login", request_body = Login,
    responses(
        (status = 200, description = "Signed in; also sets the cookie `offhook_session`", body = LoginAnswer),
        (status = 401, description = "The user name or the password is wrong", body = ProblemBody),
        (status = 429, description = "Too many wrong passwords; Retry-After says when", body = ProblemBody),
    )
)]
pub(crate) async fn login(
    State(state): State<ApiState>,
    ClientAddress(address): ClientAddress,
    Body(login): Body<Login>,
) -> Result<Response, Problem> {
    let user = check_password(&state, address, login).await?;
    let now = moment::now_ms();
    let lifetime = u64::from(state.config.login_lifetime_s) * 1_000;
    let session = state.store.begin_session(&user.username, now + lifetime).await?;
    let token = state
        .tokens
        .issue(&user, &session, now)
        .ok_or_else(|| Problem::new(Kind::Internal, "The token could not be signed."))?;
    let cookie = set_cookie(&token, state.config.login_lifetime_s, state.config.secure_cookie);
    let expires_at = moment::print(session.expires_at_ms);
    let answer = LoginAnswer { token, expires_at, role: user.role.as_str() };
    Ok(([(header::SET_COOKIE, cookie)], Json(answer)).into_response())
}

/// A try is taken before the password is checked and given back when it was right, so that tries at the same
/// time cannot slip by.
async fn check_password(state: &ApiState, address: IpAddr, login: Login) -> Result<User, Problem> {
    let wrong = || Problem::new(Kind::WrongPassword, "The user name or the password is wrong.");
    let known =
        login.username.len() <= USERNAME_BYTES_MAX && login.password.len() <= PASSWORD_BYTES_MAX;
    take_try(state, address, &login.username)?;
    if !known {
        return Err(wrong());
    }
    let waiting = state.logins_waiting.try_acquire();
    let _waiting =
        waiting.map_err(|_| Problem::unavailable("Too many people sign in at the moment."))?;
    let user = state.store.verify_login(&login.username, &login.password).await;
    if !matches!(user, Ok(None)) {
        give_try_back(state, address, &login.username);
    }
    user?.ok_or_else(|| {
        metrics::counter!("offhook_api_refused_total", "why" => "wrong_password").increment(1);
        wrong()
    })
}

fn take_try(state: &ApiState, address: IpAddr, username: &str) -> Result<(), Problem> {
    let now = Instant::now();
    let throttled = |wait: Duration| {
        metrics::counter!("offhook_api_refused_total", "why" => "login_throttled").increment(1);
        Problem::rate_limited(wait)
    };
    let key = user_key(username);
    let mut by_user = state.failures_by_user.lock().unwrap_or_else(PoisonError::into_inner);
    let mut by_address = state.failures_by_address.lock().unwrap_or_else(PoisonError::into_inner);
    by_address.take(&address, now).map_err(throttled)?;
    by_user.take(&key, now).map_err(|wait| {
        by_address.give_back(&address, now);
        throttled(wait)
    })
}

fn give_try_back(state: &ApiState, address: IpAddr, username: &str) {
    let now = Instant::now();
    let mut by_user = state.failures_by_user.lock().unwrap_or_else(PoisonError::into_inner);
    let mut by_address = state.failures_by_address.lock().unwrap_or_else(PoisonError::into_inner);
    by_user.give_back(&user_key(username), now);
    by_address.give_back(&address, now);
}

/// A name that is too long to exist shares its key with others like it.
fn user_key(username: &str) -> String {
    username.chars().take(USERNAME_BYTES_MAX).collect()
}

/// Signs out: the token is good for nothing any more.
#[utoipa::path(
    post, path = "/api/auth/logout", tag = "auth", operation_id = "logout",
    responses(
        (status = 204, description = "Signed out"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn logout(
    State(state): State<ApiState>,
    who: SignedIn,
) -> Result<Response, Problem> {
    state.store.end_session(&who.session).await?;
    let cookie = set_cookie("", 0, state.config.secure_cookie);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// Who is signed in.
#[utoipa::path(
    get, path = "/api/auth/me", tag = "auth", operation_id = "me",
    responses(
        (status = 200, description = "The user", body = Me),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn me(who: SignedIn) -> Json<Me> {
    let User { username, role, extension, .. } = who.user;
    Json(Me { username, role: role.as_str(), extension })
}

/// The token in a cookie that scripts cannot read and other sites' pages cannot send.
fn set_cookie(token: &str, lifetime_s: u32, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={lifetime_s}{secure}")
}
