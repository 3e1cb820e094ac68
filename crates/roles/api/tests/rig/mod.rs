//! The API over a demo's store, without a socket.
#![allow(dead_code)]

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use offhook_api::{ApiState, Check, Config, Parts, router};
use offhook_bus::{GuestKey, Inbox, ORDER_QUEUE_MAX, Shared, SwitchOrder, queue};
use offhook_model::AllowedHost;
use offhook_sealed::{Key, KeyRing};
use offhook_store::Store;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tower::ServiceExt;

pub const GUEST_KEY: [u8; 32] = [7; 32];
pub const HERE: &str = "192.0.2.1:40000";

/// The key of encrypted recordings.
pub fn keys() -> KeyRing {
    let key = Key::parse(b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    KeyRing::new(vec![key.expect("64 digits")])
}

pub struct Rig {
    pub store: Store,
    pub shared: Shared,
    pub orders: Inbox<SwitchOrder>,
    pub state: ApiState,
    pub failure: Arc<Mutex<Option<String>>>,
    app: axum::Router,
    pub folder: TempDir,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// The last part of a problem's type, after a look at the rest of it.
    pub fn problem(&self) -> String {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{}", self.text);
        let body = self.json();
        assert_eq!(body["status"], self.status.as_u16());
        assert!(body["title"].is_string() && body["detail"].is_string(), "{body}");
        let kind = body["type"].as_str().expect("a type");
        kind.strip_prefix("/api/docs#problem-").expect("a place in the description").to_owned()
    }
}

impl Rig {
    pub async fn new() -> Self {
        Self::with(Config::default()).await
    }

    pub async fn with(config: Config) -> Self {
        Self::forking_to(config, &["speech.example"]).await
    }

    pub async fn forking_to(config: Config, fork_hosts: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(&folder.path().join("offhook.db")).await.expect("opens");
        store.seed_demo().await.expect("seeds");
        let shared = Shared::new(store.directory().await.expect("reads"), GuestKey(GUEST_KEY));
        let (sender, orders) = queue(ORDER_QUEUE_MAX);
        let failure = Arc::new(Mutex::new(None));
        let seen = Arc::clone(&failure);
        let parts = Parts {
            store: store.clone(),
            shared: shared.clone(),
            orders: sender,
            secret: [9; 32],
            checks: Arc::new(move || {
                let failure = seen.lock().expect("no test panics holding it").clone();
                vec![Check { name: "switch", failure }, Check { name: "edge", failure: None }]
            }),
            roles: vec!["edge", "switch"],
            version: "1.2.3",
            recordings: folder.path().join("recordings"),
            recording_keys: keys(),
            fork_hosts: fork_hosts
                .iter()
                .map(|host| AllowedHost::parse(host).expect("a host"))
                .collect(),
        };
        let state = ApiState::new(config, parts);
        let app = router(state.clone());
        Self { store, shared, orders, state, failure, app, folder }
    }

    pub async fn send(&self, from: &str, request: Request<Body>) -> Answer {
        let mut request = request;
        let from: SocketAddr = from.parse().expect("an address");
        request.extensions_mut().insert(ConnectInfo(from));
        let response = self.app.clone().oneshot(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let kind = parts.headers.get(header::CONTENT_TYPE);
        // A stream of events does not end by itself.
        let is_endless = kind.is_some_and(|kind| kind == "text/event-stream");
        let body = if is_endless { Body::empty() } else { body };
        let bytes = body.collect().await.expect("a whole body").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// The routes, for a socket.
    pub fn app(&self) -> axum::Router {
        self.app.clone()
    }

    /// A stream, which does not end by itself.
    pub async fn open(&self, path: &str, token: &str) -> Body {
        let request = Request::builder().uri(path);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        let mut request = request.body(Body::empty()).expect("a request");
        let from: SocketAddr = HERE.parse().expect("an address");
        request.extensions_mut().insert(ConnectInfo(from));
        let response = self.app.clone().oneshot(request).await.expect("infallible");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        response.into_body()
    }

    /// A request with the token, when one is given, and the body, when it is not null.
    pub async fn call(&self, method: &str, path: &str, token: &str, body: Value) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            request = request.header(header::CONTENT_TYPE, "application/json");
            Body::from(body.to_string())
        };
        self.send(HERE, request.body(body).expect("a request")).await
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.call("GET", path, token, Value::Null).await
    }

    pub async fn login(&self, name: &str, password: &str) -> Answer {
        let body = json!({"username": name, "password": password});
        self.call("POST", "/api/auth/login", "", body).await
    }

    /// Signs one of the demo's people in.
    pub async fn token(&self, name: &str) -> String {
        let answer = self.login(name, &format!("demo-{name}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()["token"].as_str().expect("a token").to_owned()
    }
}
