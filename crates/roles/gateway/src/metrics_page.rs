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

#[cfg(test)]
mod tests {
    use super::*;

    async fn status(open: bool, from: &str) -> StatusCode {
        let config = offhook_telemetry::Config { level: "off".into() };
        static METRICS: std::sync::OnceLock<Metrics> = std::sync::OnceLock::new();
        let metrics = METRICS.get_or_init(|| offhook_telemetry::start(&config).unwrap()).clone();
        let remote = ConnectInfo(from.parse().unwrap());
        show(State(Source { metrics, open }), remote).await.status()
    }

    #[tokio::test]
    async fn metrics_are_for_this_machine_unless_they_are_open() {
        assert_eq!(status(false, "127.0.0.1:1").await, StatusCode::OK);
        assert_eq!(status(false, "[::ffff:127.0.0.1]:1").await, StatusCode::OK);
        assert_eq!(status(false, "192.0.2.1:1").await, StatusCode::FORBIDDEN);
        assert_eq!(status(true, "192.0.2.1:1").await, StatusCode::OK);
    }
}
