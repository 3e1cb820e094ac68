use crate::context::ApiState;
use crate::problem::{Kind, Problem};
use crate::{
    agents, auth, calls, conferences, dashboard, docs, events, exports, extensions, forks, health,
    menus, merge, notes, queue_audit, queues, ratings, recording_orders, recordings, registrations,
    services, session, settings, supervise, system, users, voicemails, webhooks,
};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, Response, header};
use axum::middleware;
use axum::routing::any;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Description;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Bytes of a request's body.
const BODY_BYTES_MAX: usize = 64 * 1024;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Offhook",
        description = "The API of Offhook, a whole call centre in one program. Errors are \
            `application/problem+json` (RFC 9457) with a stable `type`. Times are RFC 3339 in UTC, durations \
            are seconds, numbers are as dialled.",
    ),
    tags(
        (name = "auth", description = "Signing in and out"),
        (name = "session", description = "SIP credentials for a browser"),
        (name = "calls", description = "Calls in progress and calls that ended"),
        (name = "conferences", description = "Conferences in progress"),
        (name = "recordings", description = "What was said in calls"),
        (name = "voicemail", description = "Messages that callers left"),
        (name = "agents", description = "Who takes calls, and what they do"),
        (name = "queues", description = "Where callers wait for an agent"),
        (name = "events", description = "What happens, as it happens"),
        (name = "exports", description = "Records in the forms of other makers"),
        (name = "webhooks", description = "Others who are told of events"),
        (name = "settings", description = "What the house has agreed on for its agents"),
        (name = "services", description = "The numbers that Offhook answers itself"),
        (name = "extensions", description = "The numbers inside the house"),
        (name = "ivr", description = "The menus that callers hear"),
        (name = "users", description = "Who may sign in"),
        (name = "registrations", description = "The devices that can be called"),
        (name = "dashboard", description = "How the house stands"),
        (name = "system", description = "The process"),
        (name = "health", description = "For whoever watches over it"),
    ),
)]
struct Api;

/// All routes, each under `/api`. Whoever serves them puts the client's address among each request's
/// extensions, as [`ConnectInfo`](axum::extract::ConnectInfo).
pub fn router(state: ApiState) -> Router {
    let description = openapi(&state);
    let (router, _) = described().split_for_parts();
    router
        .merge(docs::router(&description))
        .route("/api", any(nothing))
        .route("/api/", any(nothing))
        .route("/api/{*rest}", any(nothing))
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::map_response(keep_fresh))
        .with_state(state)
}

/// The description of all routes (OpenAPI 3.1).
#[must_use]
pub fn openapi(state: &ApiState) -> Description {
    let mut description = described().into_openapi();
    state.version.clone_into(&mut description.info.version);
    let components = description.components.get_or_insert_default();
    let cookie = ApiKey::Cookie(ApiKeyValue::new(crate::extract::COOKIE));
    components
        .add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    description
}

fn described() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(Api::openapi())
        .routes(routes!(auth::login))
        .routes(routes!(auth::logout))
        .routes(routes!(auth::me))
        .routes(routes!(session::guest))
        .routes(routes!(session::sip))
        .routes(routes!(calls::active))
        .routes(routes!(calls::hang_up))
        .routes(routes!(calls::history))
        .routes(routes!(calls::one))
        .routes(routes!(notes::write))
        .routes(routes!(ratings::rate))
        .routes(routes!(recording_orders::start, recording_orders::stop))
        .routes(routes!(recording_orders::pause))
        .routes(routes!(recording_orders::resume))
        .routes(routes!(supervise::start, supervise::change, supervise::end))
        .routes(routes!(supervise::take_over))
        .routes(routes!(merge::merge))
        .routes(routes!(recordings::audio_of_call))
        .routes(routes!(recordings::list))
        .routes(routes!(recordings::one, recordings::delete))
        .routes(routes!(recordings::audio))
        .routes(routes!(voicemails::list))
        .routes(routes!(voicemails::one, voicemails::change, voicemails::delete))
        .routes(routes!(voicemails::audio))
        .routes(routes!(voicemails::mailbox, voicemails::change_mailbox))
        .routes(routes!(conferences::list))
        .routes(routes!(conferences::end))
        .routes(routes!(conferences::member))
        .routes(routes!(conferences::lock))
        .routes(routes!(conferences::unlock))
        .routes(routes!(conferences::play))
        .routes(routes!(conferences::record, conferences::stop_recording))
        .merge(call_centre())
        .routes(routes!(settings::reasons, settings::set_reasons))
        .routes(routes!(settings::dispositions, settings::set_dispositions))
        .routes(routes!(settings::screen_pop, settings::set_screen_pop))
        .routes(routes!(exports::queue_log))
        .routes(routes!(exports::cdr))
        .routes(routes!(webhooks::list, webhooks::create))
        .routes(routes!(webhooks::one, webhooks::change, webhooks::delete))
        .routes(routes!(services::list))
        .routes(routes!(services::change))
        .routes(routes!(forks::start, forks::list, forks::stop_all))
        .routes(routes!(forks::stop))
        .routes(routes!(forks::pause))
        .routes(routes!(forks::resume))
        .routes(routes!(extensions::list, extensions::create))
        .routes(routes!(extensions::one, extensions::change, extensions::delete))
        .routes(routes!(menus::list, menus::create))
        .routes(routes!(menus::one, menus::replace, menus::change, menus::delete))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::one, users::change, users::delete))
        .routes(routes!(registrations::list))
        .routes(routes!(dashboard::stats))
        .routes(routes!(system::system))
        .routes(routes!(health::health))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
}

/// Agents, queues and what happens there.
fn call_centre() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(agents::list, agents::create))
        .routes(routes!(agents::me))
        .routes(routes!(agents::one, agents::change, agents::delete))
        .routes(routes!(agents::set_status))
        .routes(routes!(agents::finish_wrap_up))
        .routes(routes!(agents::extend_wrap_up))
        .routes(routes!(queues::list, queues::create))
        .routes(routes!(queues::one, queues::change, queues::delete))
        .routes(routes!(queues::move_caller))
        .routes(routes!(queues::cancel_callback))
        .routes(routes!(queue_audit::audit))
        .routes(routes!(events::follow))
}

async fn nothing() -> Problem {
    Problem::new(Kind::NotFound, "There is no such endpoint; /api/docs lists them.")
}

async fn wrong_method() -> Problem {
    Problem::new(Kind::MethodNotAllowed, "The Allow header lists the methods.")
}

/// What the API says is true at the moment of asking, and some of it is secret.
async fn keep_fresh<B>(mut response: Response<B>) -> Response<B> {
    let fresh = HeaderValue::from_static("no-store");
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(fresh);
    response
}
