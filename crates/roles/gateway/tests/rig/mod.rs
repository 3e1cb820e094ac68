//! A gateway on a port of its own, with a network behind its `/ws` and a small API.
#![allow(dead_code)]

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::{get, post};
use bytes::Bytes;
use offhook_gateway::{Config, Gateway, Parts, start};
use offhook_net::{Limits, Network, TlsIdentity};
use offhook_telemetry::Metrics;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::OnceLock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

/// The recorder is the process's, so all tests of a file share it.
static METRICS: OnceLock<Metrics> = OnceLock::new();

pub struct Rig {
    pub gateway: Gateway,
    pub network: Network,
}

pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Rig {
    pub async fn new() -> Self {
        Self::with(Config::default()).await
    }

    pub async fn with(config: Config) -> Self {
        let network = Network::bind(&offhook_net::Config {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            udp_port: None,
            tcp_port: None,
            tls_port: None,
            ws_port: None,
            tls_identity: TlsIdentity::SelfSigned { names: vec!["localhost".into()] },
            tls_authorities: None,
            limits: Limits::default(),
        })
        .expect("nothing to bind");
        let parts = Parts { api: api(), sip: network.flows().websocket_door(), metrics: metrics() };
        let config = Config { bind: IpAddr::V4(Ipv4Addr::LOCALHOST), http_port: 0, ..config };
        Self { gateway: start(&config, parts).await.expect("starts"), network }
    }

    pub async fn get(&self, path: &str, headers: &str) -> Answer {
        self.ask("GET", path, headers, b"").await
    }

    /// A request over a connection of its own, told to close it.
    pub async fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        self.ask_from([127, 0, 0, 1], method, path, headers, body).await
    }

    pub async fn ask_from(
        &self,
        from: [u8; 4],
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> Answer {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from((from, 0))).expect("loopback has many addresses");
        let mut socket = socket.connect(self.gateway.address()).await.expect("connects");
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: offhook\r\nConnection: close\r\nContent-Length: {length}\r\n\
             {headers}\r\n"
        );
        socket.write_all(head.as_bytes()).await.expect("written");
        // A body that is too long is refused before it is read to its end.
        socket.write_all(body).await.ok();
        let mut bytes = Vec::new();
        socket.read_to_end(&mut bytes).await.ok();
        parse(&bytes)
    }
}

pub fn metrics() -> Metrics {
    let logs = offhook_telemetry::Config { level: "off".into() };
    METRICS.get_or_init(|| offhook_telemetry::start(&logs).expect("the first")).clone()
}

fn api() -> Router {
    Router::new()
        .route("/api/echo", post(async |body: Bytes| body))
        .route(
            "/api/where",
            get(async |ConnectInfo(from): ConnectInfo<SocketAddr>| from.ip().to_string()),
        )
        .route("/api/long", get(async || "long ".repeat(1_000)))
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(bytes[..end].to_vec()).expect("text");
    let mut lines = head.split("\r\n");
    let status =
        lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let headers: HashMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut body = bytes[end + 4..].to_vec();
    if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        body = unchunk(&body);
    }
    Answer { status: status.expect("a status"), headers, body }
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = bytes.windows(2).position(|window| window == b"\r\n").expect("a chunk's size");
        let size = std::str::from_utf8(&bytes[..end]).expect("text");
        let size = usize::from_str_radix(size, 16).expect("hexadecimal");
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 4 + size..];
    }
}
