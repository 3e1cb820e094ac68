//! Pages, the API behind the gateway, metrics, and what every answer carries.

mod rig;

use offhook_gateway::{BODY_BYTES_MAX, Config};
use rig::Rig;

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let rig = Rig::new().await;
    for path in ["/", "/agent", "/admin", "/nothing", "/api/where", "/metrics", "/ws"] {
        let headers = rig.get(path, "").await.headers;
        let policy = &headers["content-security-policy"];
        for part in ["script-src 'self';", "connect-src 'self' ws: wss:;", "frame-ancestors 'none'"]
        {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert!(headers["permissions-policy"].contains("microphone=(self)"));
        assert!(headers["permissions-policy"].contains("camera=(self)"));
    }
}

/// The folder of the portals may be empty in a checkout; then the page says what to do.
#[tokio::test]
async fn a_portal_is_shown_or_said_to_be_missing() {
    let rig = Rig::new().await;
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../web/dist");
    for (path, file) in [("/", "index.html"), ("/agent", "agent.html"), ("/admin", "admin.html")] {
        let answer = rig.get(path, "").await;
        match std::fs::read(format!("{built}/{file}")) {
            Ok(page) => {
                assert_eq!((answer.status, &answer.body), (200, &page), "{path}");
                assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
                assert_eq!(answer.headers["cache-control"], "no-cache");
                let tag = format!("If-None-Match: {}\r\n", answer.headers["etag"]);
                assert_eq!(rig.get(path, &tag).await.status, 304);
            }
            Err(_missing) => {
                assert_eq!(answer.status, 503);
                assert!(answer.text().contains("npm run build"));
            }
        }
    }
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let rig = Rig::new().await;
    for path in [
        "/nothing",
        "/assets/absent.js",
        "/../Cargo.toml",
        "/%2e%2e/%2e%2e/Cargo.toml",
        "//etc/passwd",
    ] {
        let answer = rig.get(path, "").await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().contains("There is no such page"), "{path}");
    }
}

#[tokio::test]
async fn the_api_knows_who_asks() {
    let rig = Rig::new().await;
    let answer = rig.ask_from([127, 0, 0, 5], "GET", "/api/where", "", b"").await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "127.0.0.5"));
}

#[tokio::test]
async fn long_answers_are_compressed_for_who_can_read_it() {
    let rig = Rig::new().await;
    let packed = rig.get("/api/long", "Accept-Encoding: gzip\r\n").await;
    assert_eq!(packed.headers["content-encoding"], "gzip");
    assert!(packed.body.len() < 500 && packed.body.starts_with(&[0x1f, 0x8b]));
    let plain = rig.get("/api/long", "").await;
    assert!(!plain.headers.contains_key("content-encoding"));
    assert_eq!(plain.body.len(), 5_000);
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let rig = Rig::new().await;
    let most = vec![b'x'; BODY_BYTES_MAX];
    assert_eq!(rig.ask("POST", "/api/echo", "", &most).await.body, most);
    let more = vec![b'x'; BODY_BYTES_MAX + 1];
    assert_eq!(rig.ask("POST", "/api/echo", "", &more).await.status, 413);
}

#[tokio::test]
async fn metrics_are_text_that_prometheus_reads() {
    let rig = Rig::new().await;
    let answer = rig.get("/metrics", "").await;
    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert!(answer.text().contains("# TYPE offhook_uptime_seconds gauge"), "{}", answer.text());
}

#[tokio::test]
async fn a_stopped_gateway_is_gone() {
    let rig = Rig::with(Config { connections_max: 5, ..Config::default() }).await;
    let address = rig.gateway.address();
    assert_eq!(rig.get("/api/where", "").await.status, 200);
    rig.gateway.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let rig = Rig::new().await;
    let taken = rig.gateway.address();
    let config = Config { bind: taken.ip(), http_port: taken.port(), ..Config::default() };
    let parts = offhook_gateway::Parts {
        api: axum::Router::new(),
        sip: rig.network.flows().websocket_door(),
        metrics: rig::metrics(),
    };
    let error = format!("{:#}", offhook_gateway::start(&config, parts).await.unwrap_err());
    assert!(error.contains("gateway.http_port") && error.contains(&taken.to_string()), "{error}");
}
