use crate::context::ApiState;
use crate::extract::{Asked, Body, SignedIn};
use crate::menu_description::MenuDescription;
use crate::page::{self, Page, PageQuery};
use crate::problem::{Kind, Problem, ProblemBody};
use crate::validate::Check;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use offhook_ivr::{MENUS_MAX, check, users_of};
use offhook_model::{Directory, Menu};
use offhook_store::{Role, StoreError};
use serde_json::{Map, Value};
use std::ops::Bound;

/// The menus, by name. For supervisors.
#[utoipa::path(
    get, path = "/api/ivr/menus", tag = "ivr", operation_id = "menus", params(PageQuery),
    responses(
        (status = 200, description = "A page of menus", body = Page<MenuDescription>),
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
) -> Result<Json<Page<Menu>>, Problem> {
    who.demand(Role::Supervisor)?;
    let limit = page::limit(query.limit)?;
    let menus = state.store.menus().await?;
    let after = query.cursor.map_or(Bound::Unbounded, Bound::Excluded);
    let rows = menus.range::<String, _>((after, Bound::Unbounded));
    let rows = rows.take(usize::try_from(limit).unwrap_or(usize::MAX) + 1);
    let rows = rows.map(|(_, menu)| menu.clone()).collect();
    Ok(Json(page::cut(rows, limit, |menu| &menu.id, |menu| menu)))
}

/// Makes a menu. A number leads to it once a service, another menu or a queue names it. For administrators.
#[utoipa::path(
    post, path = "/api/ivr/menus", tag = "ivr", operation_id = "createMenu",
    request_body = MenuDescription,
    responses(
        (status = 201, description = "Made; Location says where", body = MenuDescription),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 409, description = "The name is in use, or there are too many", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn create(
    State(state): State<ApiState>,
    who: SignedIn,
    Body(menu): Body<Menu>,
) -> Result<Response, Problem> {
    who.demand(Role::Admin)?;
    let _turn = state.menu_change.lock().await;
    let menu = named(menu);
    let menus = state.store.menus().await?;
    if menus.contains_key(&menu.id) {
        return Err(StoreError::Taken("the menu").into());
    }
    if menus.len() >= MENUS_MAX {
        return Err(StoreError::Full { what: "menus", limit: MENUS_MAX }.into());
    }
    allow(&state, &menu).await?;
    state.store.create_menu(&menu).await?;
    state.reload_directory().await?;
    tracing::info!(by = who.user.username, menu = menu.id, "a menu was made");
    let location = (header::LOCATION, format!("/api/ivr/menus/{}", menu.id));
    Ok((StatusCode::CREATED, [location], Json(menu)).into_response())
}

/// One menu. For supervisors.
#[utoipa::path(
    get, path = "/api/ivr/menus/{id}", tag = "ivr", operation_id = "menu",
    params(("id" = String, Path, description = "The menu")),
    responses(
        (status = 200, description = "The menu", body = MenuDescription),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "There is no such menu", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn one(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<Json<Menu>, Problem> {
    who.demand(Role::Supervisor)?;
    Ok(Json(find(&state, &id).await?))
}

/// Puts another menu in the place of this one, from the next call on: what is absent is as in a new menu. For
/// administrators.
#[utoipa::path(
    put, path = "/api/ivr/menus/{id}", tag = "ivr", operation_id = "replaceMenu",
    params(("id" = String, Path, description = "The menu")), request_body = MenuDescription,
    responses(
        (status = 200, description = "Replaced", body = MenuDescription),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 404, description = "There is no such menu", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn replace(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
    Body(menu): Body<Menu>,
) -> Result<Json<Menu>, Problem> {
    who.demand(Role::Admin)?;
    let _turn = state.menu_change.lock().await;
    find(&state, &id).await?;
    put(&state, &who, &id, menu).await
}

/// Changes a menu, from the next call on. What is absent stays; of the options those that are named are
/// replaced, and removed when they are null. For administrators.
#[utoipa::path(
    patch, path = "/api/ivr/menus/{id}", tag = "ivr", operation_id = "changeMenu",
    params(("id" = String, Path, description = "The menu")),
    request_body(content = MenuDescription, description = "Any of the fields"),
    responses(
        (status = 200, description = "Changed", body = MenuDescription),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 404, description = "There is no such menu", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn change(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
    Body(change): Body<Map<String, Value>>,
) -> Result<Json<Menu>, Problem> {
    who.demand(Role::Admin)?;
    let _turn = state.menu_change.lock().await;
    let menu = changed(&find(&state, &id).await?, change)
        .map_err(|error| Problem::new(Kind::InvalidField, error.to_string()))?;
    put(&state, &who, &id, menu).await
}

/// Removes a menu to which nothing leads. For administrators.
#[utoipa::path(
    delete, path = "/api/ivr/menus/{id}", tag = "ivr", operation_id = "deleteMenu",
    params(("id" = String, Path, description = "The menu")),
    responses(
        (status = 204, description = "Removed"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 404, description = "There is no such menu", body = ProblemBody),
        (status = 409, description = "Something leads to it", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn delete(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    who.demand(Role::Admin)?;
    let _turn = state.menu_change.lock().await;
    find(&state, &id).await?;
    let users = users_of(&id, &state.store.directory().await?);
    if !users.is_empty() {
        return Err(Problem::conflict(format!("The menu is led to by {}.", users.join(", "))));
    }
    state.store.delete_menu(&id).await?;
    state.reload_directory().await?;
    tracing::info!(by = who.user.username, menu = id, "a menu was removed");
    Ok(StatusCode::NO_CONTENT)
}

async fn find(state: &ApiState, id: &str) -> Result<Menu, Problem> {
    state.store.menus().await?.remove(id).ok_or_else(|| Problem::not_found("menu"))
}

async fn put(
    state: &ApiState,
    who: &SignedIn,
    id: &str,
    mut menu: Menu,
) -> Result<Json<Menu>, Problem> {
    if menu.id.is_empty() {
        id.clone_into(&mut menu.id);
    }
    if menu.id != id {
        return Err(Problem::field("id", "the name of the menu, which does not change"));
    }
    let menu = named(menu);
    allow(state, &menu).await?;
    state.store.update_menu(&menu).await?;
    state.reload_directory().await?;
    tracing::info!(by = who.user.username, menu = menu.id, "a menu was changed");
    Ok(Json(menu))
}

fn named(mut menu: Menu) -> Menu {
    if menu.display_name.is_empty() {
        menu.display_name.clone_from(&menu.id);
    }
    menu
}

/// A menu after a change.
fn changed(menu: &Menu, change: Map<String, Value>) -> Result<Menu, serde_json::Error> {
    let mut fields = serde_json::to_value(menu)?;
    for (name, value) in change {
        match (&mut fields[&name], value) {
            (Value::Object(options), Value::Object(changed)) if name == "options" => {
                for (keys, action) in changed {
                    if action.is_null() {
                        options.remove(&keys);
                    } else {
                        options.insert(keys, action);
                    }
                }
            }
            (field, value) => *field = value,
        }
    }
    serde_json::from_value(fields)
}

/// Refuses a menu with which something is wrong, and names all of it.
async fn allow(state: &ApiState, menu: &Menu) -> Result<(), Problem> {
    let mut directory: Directory = state.store.directory().await?;
    directory.menus.insert(menu.id.clone(), menu.clone());
    let mut refused = Check::default();
    refused.display_name("display_name", &menu.display_name);
    for problem in check(&directory).into_iter().filter(|problem| problem.menu == menu.id) {
        refused.demand(false, &problem.field, &problem.allowed);
    }
    refused.done()
}
