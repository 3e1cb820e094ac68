use crate::context::ApiState;
use crate::extract::{Asked, Body, SignedIn};
use crate::moment;
use crate::page::{self, Page, PageQuery};
use crate::problem::{Problem, ProblemBody};
use crate::validate::Check;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use offhook_store::{NewUser, Role, StoreError, User, UserChange};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RoleWord {
    /// Everything.
    Admin,
    /// Watches calls and agents.
    Supervisor,
    /// Answers calls.
    Agent,
}

impl RoleWord {
    fn role(self) -> Role {
        match self {
            Self::Admin => Role::Admin,
            Self::Supervisor => Role::Supervisor,
            Self::Agent => Role::Agent,
        }
    }
}

/// Somebody who may sign in.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserView {
    /// The name to sign in with.
    username: String,
    /// `admin`, `supervisor` or `agent`.
    role: &'static str,
    /// The extension whose calls are the user's.
    extension: Option<String>,
    /// When the user was made.
    #[schema(format = DateTime)]
    created_at: String,
}

/// A user to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserToMake {
    /// 1 to 64 letters, digits and `. _ - @`.
    username: String,
    /// At least 8 characters.
    #[schema(format = Password)]
    password: String,
    /// What the user may do.
    role: RoleWord,
    /// The extension whose calls are the user's.
    extension: Option<String>,
}

/// What is to be changed; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserToChange {
    /// At least 8 characters. Ends the user's sign-ins.
    #[schema(format = Password)]
    password: Option<String>,
    /// What the user may do. Ends the user's sign-ins.
    role: Option<RoleWord>,
    /// The extension whose calls are the user's; null takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    extension: Option<Option<String>>,
}

/// Tells a null from an absent field.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// The users, by name. For administrators.
#[utoipa::path(
    get, path = "/api/users", tag = "users", operation_id = "users", params(PageQuery),
    responses(
        (status = 200, description = "A page of users", body = Page<UserView>),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    who: SignedIn,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Page<UserView>>, Problem> {
    who.demand(Role::Admin)?;
    let limit = page::limit(query.limit)?;
    let rows = state.store.users(query.cursor.as_deref(), limit + 1).await?;
    Ok(Json(page::cut(rows, limit, |row| &row.username, view)))
}

/// Makes a user. For administrators.
#[utoipa::path(
    post, path = "/api/users", tag = "users", operation_id = "createUser", request_body = UserToMake,
    responses(
        (status = 201, description = "Made; Location says where", body = UserView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 409, description = "The name is in use", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn create(
    State(state): State<ApiState>,
    who: SignedIn,
    Body(new): Body<UserToMake>,
) -> Result<Response, Problem> {
    who.demand(Role::Admin)?;
    let mut check = Check::default();
    check.username("username", &new.username);
    check.password("password", &new.password);
    check.done()?;
    let UserToMake { username, password, role, extension } = new;
    let user = NewUser { username, password, role: role.role(), extension };
    state.store.create_user(&user).await.map_err(explain)?;
    state.reload_directory().await?;
    tracing::info!(by = who.user.username, "a user was made");
    let made = state.store.user(&user.username).await?.ok_or_else(|| Problem::not_found("user"))?;
    let location = (header::LOCATION, format!("/api/users/{}", user.username));
    Ok((StatusCode::CREATED, [location], Json(view(made))).into_response())
}

/// One user. For administrators.
#[utoipa::path(
    get, path = "/api/users/{username}", tag = "users", operation_id = "user",
    params(("username" = String, Path, description = "The user")),
    responses(
        (status = 200, description = "The user", body = UserView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 404, description = "There is no such user", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn one(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(username): Path<String>,
) -> Result<Json<UserView>, Problem> {
    who.demand(Role::Admin)?;
    let found = state.store.user(&username).await?;
    Ok(Json(view(found.ok_or_else(|| Problem::not_found("user"))?)))
}

/// Changes a user. For administrators.
#[utoipa::path(
    patch, path = "/api/users/{username}", tag = "users", operation_id = "changeUser",
    params(("username" = String, Path, description = "The user")), request_body = UserToChange,
    responses(
        (status = 200, description = "Changed", body = UserView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 404, description = "There is no such user", body = ProblemBody),
        (status = 409, description = "This is the last administrator", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn change(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(username): Path<String>,
    Body(change): Body<UserToChange>,
) -> Result<Json<UserView>, Problem> {
    who.demand(Role::Admin)?;
    let mut check = Check::default();
    change.password.iter().for_each(|password| check.password("password", password));
    check.done()?;
    let UserToChange { password, role, extension } = change;
    let change = UserChange { password, role: role.map(RoleWord::role), extension };
    state.store.update_user(&username, &change).await.map_err(explain)?;
    state.reload_directory().await?;
    tracing::info!(by = who.user.username, "a user was changed");
    let found = state.store.user(&username).await?;
    Ok(Json(view(found.ok_or_else(|| Problem::not_found("user"))?)))
}

/// Removes a user. For administrators.
#[utoipa::path(
    delete, path = "/api/users/{username}", tag = "users", operation_id = "deleteUser",
    params(("username" = String, Path, description = "The user")),
    responses(
        (status = 204, description = "Removed"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 404, description = "There is no such user", body = ProblemBody),
        (status = 409, description = "This is the last administrator", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn delete(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(username): Path<String>,
) -> Result<StatusCode, Problem> {
    who.demand(Role::Admin)?;
    state.store.delete_user(&username).await?;
    state.reload_directory().await?;
    tracing::info!(by = who.user.username, "a user was removed");
    Ok(StatusCode::NO_CONTENT)
}

/// An extension that does not exist is a wrong value here, and no missing page.
fn explain(error: StoreError) -> Problem {
    match error {
        StoreError::NotFound("extension") => {
            Problem::field("extension", "an extension that exists")
        }
        other => other.into(),
    }
}

fn view(user: User) -> UserView {
    UserView {
        username: user.username,
        role: user.role.as_str(),
        extension: user.extension,
        created_at: moment::print(user.created_at_ms),
    }
}
