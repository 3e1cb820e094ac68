//! Webhooks: signed, at least once, in order, and only to hosts that are allowed.

mod rig;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use offhook_api::{Config, WebhookConfig, deliver_webhooks};
use offhook_bus::Happening;
use offhook_model::{AgentId, AgentStatus, AllowedHost};
use rig::Rig;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;

const SOON: Duration = Duration::from_secs(20);

/// A request that came, with the status it was answered with.
struct Came {
    headers: HeaderMap,
    body: String,
    status: StatusCode,
}

#[derive(Clone)]
struct Receiver {
    /// How many are turned away at first.
    refusals: Arc<Mutex<u32>>,
    came: mpsc::UnboundedSender<Came>,
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: String) -> StatusCode {
    let mut left = receiver.refusals.lock().expect("no test panics holding it");
    let status = if *left > 0 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT };
    *left = left.saturating_sub(1);
    receiver.came.send(Came { headers, body, status }).expect("the test listens");
    status
}

/// A server that fails so many times, and its port.
async fn receiver(refusals: u32) -> (u16, mpsc::UnboundedReceiver<Came>) {
    let (sender, came) = mpsc::unbounded_channel();
    let state = Receiver { refusals: Arc::new(Mutex::new(refusals)), came: sender };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let app = Router::new().route("/hook", post(take)).with_state(state);
    tokio::spawn(async move { axum::serve(listener, app).await });
    (port, came)
}

async fn rig() -> Rig {
    let host = AllowedHost::parse("127.0.0.1").expect("a host");
    let webhooks = WebhookConfig { allowed_hosts: vec![host], retry_first_ms: 5 };
    Rig::with(Config { webhooks, ..Config::default() }).await
}

fn status(agent: &str) -> Happening {
    Happening::AgentStatusChanged(AgentId(agent.into()), AgentStatus::Online, None)
}

async fn next(came: &mut mpsc::UnboundedReceiver<Came>) -> Came {
    tokio::time::timeout(SOON, came.recv()).await.expect("in time").expect("it goes on")
}

#[tokio::test]
async fn a_receiver_that_fails_twice_gets_everything_in_order() {
    let rig = rig().await;
    let admin = rig.token("admin").await;
    let (port, mut came) = receiver(2).await;
    let url = format!("http://127.0.0.1:{port}/hook");
    let new = json!({"url": url, "types": ["agent.status_changed"]});
    let made = rig.call("POST", "/api/webhooks", &admin, new).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let made = made.json();
    let secret = made["secret"].as_str().expect("a secret").to_owned();
    let path = format!("/api/webhooks/{}", made["id"].as_str().expect("an id"));
    assert_eq!(rig.get(&path, &admin).await.json().get("secret"), None, "it is shown once");

    let task = tokio::spawn(deliver_webhooks(rig.state.clone()));
    // The task reads from where it begins: it is told until it is heard.
    let mut told = 0;
    let first = loop {
        rig.shared.events().publish(status(&format!("{told}")), 1_000);
        told += 1;
        if let Ok(first) = tokio::time::timeout(Duration::from_millis(200), came.recv()).await {
            break first.expect("it goes on");
        }
    };
    rig.shared.events().publish(status("last"), 1_000);
    let begun = subject(&first);
    let mut tries = vec![first];
    while tries.last().is_none_or(|last| subject(last) != "last") {
        tries.push(next(&mut came).await);
    }
    let refused = tries.iter().filter(|one| one.status == StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.map(subject).collect::<Vec<_>>(), [begun.clone(), begun.clone()]);
    let taken = tries.iter().filter(|one| one.status.is_success()).map(subject);
    let expected = (begun.parse().expect("a number")..told).map(|n: u32| n.to_string());
    assert_eq!(taken.collect::<Vec<_>>(), expected.chain(["last".into()]).collect::<Vec<_>>());
    for one in &tries {
        assert_signed(one, &secret);
    }
    let attempts: Vec<_> =
        tries[..3].iter().map(|one| one.headers["offhook-attempt"].clone()).collect();
    assert_eq!(attempts, ["1", "2", "3"]);
    let delivered = async {
        while rig.store.undelivered().await.expect("a store") > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, delivered).await.expect("nothing waits");
    task.abort();
}

fn subject(came: &Came) -> String {
    let event: Value = serde_json::from_str(&came.body).expect("JSON");
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(came.headers["offhook-event"], event["id"].as_str().expect("an id"));
    event["subject"].as_str().expect("a subject").to_owned()
}

fn assert_signed(came: &Came, secret: &str) {
    use hmac::{Hmac, KeyInit, Mac};
    let header = came.headers["offhook-signature"].to_str().expect("text");
    let (at, signed) = header.split_once(",v1=").expect("two parts");
    let at = at.strip_prefix("t=").expect("a time");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    mac.update(format!("{at}.{}", came.body).as_bytes());
    let bytes: Vec<u8> = (0..signed.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&signed[at..at + 2], 16).expect("digits"))
        .collect();
    mac.verify_slice(&bytes).expect("signed by the secret");
}

#[tokio::test]
async fn no_host_is_told_that_is_not_allowed() {
    let rig = rig().await;
    let (admin, supervisor) = (rig.token("admin").await, rig.token("supervisor").await);
    for url in [
        "http://evil.example/",
        "http://127.0.0.1@evil.example/",
        "ftp://127.0.0.1/",
        "http://127.0.0.1/#x",
        "http://127.1/",
    ] {
        let answer = rig.call("POST", "/api/webhooks", &admin, json!({"url": url})).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{url}");
        assert!(answer.text.contains("api.webhooks.allowed_hosts (127.0.0.1)"), "{}", answer.text);
    }
    let good = json!({"url": "http://127.0.0.1/", "types": ["call.rings"]});
    let answer = rig.call("POST", "/api/webhooks", &admin, good).await;
    assert_eq!(answer.json()["errors"][0]["field"], "types");
    let good = json!({"url": "http://127.0.0.1:9/"});
    assert_eq!(
        rig.call("POST", "/api/webhooks", &supervisor, good.clone()).await.problem(),
        "not-allowed"
    );
    let made = rig.call("POST", "/api/webhooks", &admin, good).await.json();
    let path = format!("/api/webhooks/{}", made["id"].as_str().expect("an id"));
    let changed = rig.call("PATCH", &path, &admin, json!({"types": ["queue.joined"]})).await;
    assert_eq!(changed.json()["types"], json!(["queue.joined"]));
    assert_eq!(rig.call("DELETE", &path, &admin, Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.get(&path, &admin).await.problem(), "not-found");
}
