use crate::server::{BODY_BYTES_MAX, REQUEST_TIMEOUT};
use crate::{Config, Parts, headers, metrics_page, portals, sip_socket};
use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::get;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

/// All that the gateway serves. Requests need [`ConnectInfo`](axum::extract::ConnectInfo) with the client's
/// address among their extensions.
pub fn router(config: &Config, parts: Parts) -> Router {
    let metrics = metrics_page::Source { metrics: parts.metrics, open: config.metrics_open };
    let pages = Router::new()
        .route("/", get(portals::customer))
        .route("/agent", get(portals::agent))
        .route("/agent/", get(portals::agent))
        .route("/admin", get(portals::admin))
        .route("/admin/", get(portals::admin))
        .route("/metrics", get(metrics_page::show).with_state(metrics))
        .merge(parts.api)
        .fallback(portals::file)
        .layer(CompressionLayer::new());
    // A WebSocket that was accepted is no request any longer, so the time-out ends with the handshake.
    Router::new()
        .route("/ws", get(sip_socket::open).with_state(parts.sip))
        .merge(pages)
        .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT))
        .layer(middleware::map_response(headers::secure))
}
