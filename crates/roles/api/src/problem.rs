use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use offhook_store::StoreError;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// The media type of RFC 9457.
const PROBLEM_JSON: &str = "application/problem+json";
/// What a problem's `type` begins with: a place in the API's description that explains it.
const TYPE_BASE: &str = "/api/docs#problem-";
/// When to ask again after the database did not answer, in seconds.
const STORE_RETRY_S: u64 = 5;

/// What is wrong, by what the client can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    InvalidRequest,
    InvalidField,
    NotSignedIn,
    WrongPassword,
    NotAllowed,
    NotFound,
    MethodNotAllowed,
    Conflict,
    Gone,
    TooLarge,
    RateLimited,
    Unavailable,
    Internal,
}

impl Kind {
    pub const ALL: [Self; 13] = [
        Self::InvalidRequest,
        Self::InvalidField,
        Self::NotSignedIn,
        Self::WrongPassword,
        Self::NotAllowed,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::Gone,
        Self::TooLarge,
        Self::RateLimited,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The stable last part of the problem's `type`, its status and its title.
    pub fn parts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::InvalidRequest => {
                ("invalid-request", StatusCode::BAD_REQUEST, "The request cannot be read")
            }
            Self::InvalidField => {
                ("invalid-field", StatusCode::UNPROCESSABLE_ENTITY, "A value is not allowed")
            }
            Self::NotSignedIn => ("not-signed-in", StatusCode::UNAUTHORIZED, "Sign in first"),
            Self::WrongPassword => (
                "wrong-password",
                StatusCode::UNAUTHORIZED,
                "The user name or the password is wrong",
            ),
            Self::NotAllowed => ("not-allowed", StatusCode::FORBIDDEN, "This is not allowed"),
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "There is no such thing"),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "The method is not allowed here",
            ),
            Self::Conflict => ("conflict", StatusCode::CONFLICT, "It cannot be done as things are"),
            Self::Gone => ("gone", StatusCode::GONE, "It is not kept any more"),
            Self::TooLarge => {
                ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "The request is too long")
            }
            Self::RateLimited => {
                ("rate-limited", StatusCode::TOO_MANY_REQUESTS, "That was too often")
            }
            Self::Unavailable => (
                "unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "Offhook cannot do it at the moment",
            ),
            Self::Internal => {
                ("internal", StatusCode::INTERNAL_SERVER_ERROR, "Something broke in Offhook")
            }
        }
    }
}

/// An error answer (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    kind: Kind,
    detail: String,
    errors: Vec<FieldError>,
    retry_after_s: Option<u64>,
}

/// Which value is not allowed, and what is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// The field's name.
    #[schema(example = "ring_timeout_s")]
    pub field: String,
    /// What is allowed.
    #[schema(example = "5 to 300")]
    pub allowed: String,
}

/// An error answer as it is sent, `application/problem+json` (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// A stable name of the kind of problem, and where it is explained.
    #[serde(rename = "type")]
    #[schema(example = "/api/docs#problem-not-found")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong this time.
    detail: String,
    /// The values that are not allowed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

impl Problem {
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), retry_after_s: None }
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(Kind::NotFound, format!("There is no such {what}."))
    }

    /// One value that is not allowed.
    pub fn field(field: &str, allowed: impl Into<String>) -> Self {
        Self::fields(vec![FieldError { field: field.to_owned(), allowed: allowed.into() }])
    }

    /// Values that are not allowed.
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let list: Vec<_> = errors
            .iter()
            .map(|error| format!("{}: allowed is {}.", error.field, error.allowed))
            .collect();
        Self { errors, ..Self::new(Kind::InvalidField, list.join(" ")) }
    }

    pub fn rate_limited(wait: Duration) -> Self {
        let seconds = whole_seconds(wait);
        let detail = format!("Try again in {seconds} s.");
        Self { retry_after_s: Some(seconds), ..Self::new(Kind::RateLimited, detail) }
    }

    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, detail)
    }

    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self { retry_after_s: Some(STORE_RETRY_S), ..Self::new(Kind::Unavailable, detail) }
    }
}

/// Seconds to wait, at least one, since Retry-After has no fractions.
fn whole_seconds(wait: Duration) -> u64 {
    let rounded_up = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    rounded_up.max(1)
}

/// The one place where the store's errors become HTTP's.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(what) => Self::not_found(what),
            StoreError::Taken(what) => {
                Self::new(Kind::Conflict, format!("{what} is in use already."))
            }
            StoreError::Full { .. } | StoreError::LastAdministrator => {
                Self::new(Kind::Conflict, format!("{error}."))
            }
            error if error.is_passing() => {
                tracing::warn!(%error, "the API cannot use the database");
                Self::unavailable("The database does not answer.")
            }
            error => {
                tracing::error!(%error, "the API cannot use the database");
                Self::new(Kind::Internal, "The database refused; the log says why.")
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (name, status, title) = self.kind.parts();
        let body = ProblemBody {
            kind: format!("{TYPE_BASE}{name}"),
            title,
            status: status.as_u16(),
            detail: self.detail,
            errors: self.errors,
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_whole_seconds() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1_001)), 2);
        assert_eq!(whole_seconds(Duration::from_secs(30)), 30);
    }

    #[test]
    fn kinds_have_names_of_their_own() {
        let mut names: Vec<_> = Kind::ALL.iter().map(|kind| kind.parts().0).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Kind::ALL.len());
    }
}
