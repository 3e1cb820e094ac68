use crate::context::ApiState;
use crate::problem::Kind;
use axum::Router;
use axum::http::header;
use axum::response::Html;
use axum::routing::get;
use std::fmt::Write;
use utoipa::openapi::OpenApi;

const PAGE: &str = include_str!("../pages/docs.html");
const SCRIPT: &str = include_str!("../pages/docs.js");
const STYLE: &str = include_str!("../pages/docs.css");
/// Where the page lists the kinds of problems.
const PROBLEMS_MARK: &str = "<!-- problems -->";
/// How long a browser keeps the page's parts.
const CACHE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "no-cache");

/// The description and the page that shows it. The page needs nothing from elsewhere.
pub(crate) fn router(description: &OpenApi) -> Router<ApiState> {
    let json = description.to_json().expect("a description made of plain data is JSON");
    let page = PAGE.replace(PROBLEMS_MARK, &problems());
    let typed = |kind: &'static str| [(header::CONTENT_TYPE, kind), CACHE];
    Router::new()
        .route("/api/openapi.json", get(async move || (typed("application/json"), json.clone())))
        .route("/api/docs", get(async move || ([CACHE], Html(page.clone()))))
        .route("/api/docs/docs.js", get(async move || (typed("text/javascript"), SCRIPT)))
        .route("/api/docs/docs.css", get(async move || (typed("text/css"), STYLE)))
}

/// The kinds of problems, each with the place that its `type` points to.
fn problems() -> String {
    Kind::ALL.iter().fold(String::new(), |mut text, kind| {
        let (name, status, title) = kind.parts();
        let code = status.as_u16();
        let row = writeln!(
            text,
            "<tr id=\"problem-{name}\"><td>{code}</td><td><code>{name}</code></td><td>{title}</td></tr>"
        );
        row.expect("writing to a String cannot fail");
        text
    })
}
