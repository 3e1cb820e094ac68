use axum::extract::{ConnectInfo, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use offhook_telemetry::Metrics;
use std::net::SocketAddr;

/// What `/metrics` shows, and to whom.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub metrics: Metrics,
    pub open: bool,
}

pub(crate) async fn show(
    State(source): State<Source>,
    ConnectInfo(remote): ConnectInfo<SocketAddr>,
) -> Response {
    if !source.open && !remote.ip().to_canonical().is_loopback() {
        let why = "Metrics are for this machine only, unless gateway.metrics_open is true.\n";
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    let format = (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    let fresh = (header::CACHE_CONTROL, "no-store");
    ([format, fresh], source.metrics.render()).into_response()
}
