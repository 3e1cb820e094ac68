use crate::context::ApiState;
use crate::problem::{Kind, Problem};
use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use offhook_store::{Role, User};
use serde::de::DeserializeOwned;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The sign-in's cookie.
pub(crate) const COOKIE: &str = "offhook_session";

/// A body in JSON; what is wrong with it is told as a problem.
pub(crate) struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(JsonRejection::JsonDataError(error)) => {
                Err(Problem::new(Kind::InvalidField, error.body_text()))
            }
            Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Problem::new(Kind::TooLarge, error.body_text()))
            }
            Err(error) => Err(Problem::new(Kind::InvalidRequest, error.body_text())),
        }
    }
}

/// A body in JSON, or none.
pub(crate) struct OptionalBody<T>(pub Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let length = request.headers().get(header::CONTENT_LENGTH);
        let is_empty = length.is_none_or(|length| length == "0")
            && !request.headers().contains_key(header::CONTENT_TYPE);
        if is_empty {
            return Ok(Self(None));
        }
        Body::from_request(request, state).await.map(|Body(value)| Self(Some(value)))
    }
}

/// The query; what is wrong with it is told as a problem.
pub(crate) struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let asked: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        asked
            .map(|Query(value)| Self(value))
            .map_err(|error| Problem::new(Kind::InvalidField, error.body_text()))
    }
}

/// The client's address, as far as one customer shares it: an IPv4 address, or the /64 of an IPv6 one.
pub(crate) struct ClientAddress(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    /// A request without an address counts with all others of that kind.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let remote = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        Ok(Self(match remote.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
            v4 @ IpAddr::V4(_) => v4,
        }))
    }
}

/// Who is signed in.
pub(crate) struct SignedIn {
    pub user: User,
    pub session: String,
}

impl SignedIn {
    /// Demands a role, or one that may do more.
    pub fn demand(&self, role: Role) -> Result<(), Problem> {
        if self.user.role >= role {
            return Ok(());
        }
        let detail = format!(
            "This needs the role {}, and you are {}.",
            role.as_str(),
            self.user.role.as_str()
        );
        Err(Problem::new(Kind::NotAllowed, detail))
    }
}

impl FromRequestParts<ApiState> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let token = match bearer(parts) {
            Some(token) => token,
            None => {
                refuse_other_sites(parts)?;
                cookie(parts).ok_or_else(not_signed_in)?
            }
        };
        let session = state.tokens.session(token).ok_or_else(not_signed_in)?;
        let user = state.store.session_user(&session).await?.ok_or_else(not_signed_in)?;
        Ok(Self { user, session })
    }
}

fn not_signed_in() -> Problem {
    Problem::new(
        Kind::NotSignedIn,
        "Sign in with POST /api/auth/login and send the token as `Authorization: Bearer`.",
    )
}

fn bearer(parts: &Parts) -> Option<&str> {
    let (scheme, token) =
        parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn cookie(parts: &Parts) -> Option<&str> {
    let cookies =
        parts.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE).then_some(value))
}

/// A cookie is sent by the browser, not by the page: another site's page must not act with it. The cookie
/// is `SameSite=Strict`; this refuses pages of other ports and sub-domains too.
fn refuse_other_sites(parts: &Parts) -> Result<(), Problem> {
    let site = parts.headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    if parts.method.is_safe() || matches!(site, None | Some("same-origin" | "none")) {
        return Ok(());
    }
    Err(Problem::new(Kind::NotAllowed, "The request came from a page of another site."))
}
