//! SIP credentials for guests and for who is signed in.

mod rig;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use offhook_api::Config;
use offhook_model::{Secret, guest_expiry, guest_password};
use rig::{GUEST_KEY, Rig};
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};

fn guest_request() -> Request<Body> {
    Request::post("/api/session/guest").body(Body::empty()).expect("a request")
}

#[tokio::test]
async fn a_guest_gets_what_the_edge_can_check() {
    let rig = Rig::new().await;
    let answer = rig.call("POST", "/api/session/guest", "", json!({})).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    let body = answer.json();
    let name = body["username"].as_str().unwrap();
    assert_eq!(body["password"], guest_password(&GUEST_KEY, name));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let left = guest_expiry(name).unwrap() - now;
    assert!((3_590..=3_600).contains(&left), "{left}");
    assert_eq!((&body["domain"], &body["ws_url"]), (&json!("offhook.local"), &json!("/ws")));
    let allowed = json!(["6000", "9999", "555XXXX", "30XX", "9195", "9196", "9197", "9664"]);
    assert_eq!(body["allowed"], allowed);
    let other = rig.call("POST", "/api/session/guest", "", json!({})).await.json();
    assert_ne!(other["username"], body["username"]);
}

#[tokio::test]
async fn guests_are_limited_by_address() {
    let rig = Rig::with(Config { guest_sessions_per_minute: 3, ..Config::default() }).await;
    for _ in 0..3 {
        assert_eq!(rig.send("203.0.113.9:1", guest_request()).await.status, StatusCode::OK);
    }
    let refused = rig.send("203.0.113.9:1", guest_request()).await;
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (StatusCode::TOO_MANY_REQUESTS, "rate-limited")
    );
    let wait: u64 = refused.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(rig.send("203.0.113.10:1", guest_request()).await.status, StatusCode::OK);
    for host in 1..=3 {
        let from = format!("[2001:db8::{host}]:1");
        assert_eq!(rig.send(&from, guest_request()).await.status, StatusCode::OK);
    }
    let same_network = rig.send("[2001:db8::ffff:4]:1", guest_request()).await;
    assert_eq!(same_network.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        rig.send("[::ffff:203.0.113.9]:1", guest_request()).await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
}

#[tokio::test]
async fn an_agent_gets_the_own_extension() {
    let rig = Rig::new().await;
    let token = rig.token("2002").await;
    let body = rig.get("/api/session/sip", &token).await.json();
    assert_eq!((&body["username"], &body["password"]), (&json!("2002"), &json!("demo-2002")));
    assert_eq!((&body["display_name"], &body["allowed"]), (&json!("Agent 2002"), &json!(null)));
    assert_eq!((&body["domain"], &body["ws_url"]), (&json!("offhook.local"), &json!("/ws")));
}

#[tokio::test]
async fn who_has_no_extension_or_no_sign_in_gets_none() {
    let rig = Rig::new().await;
    assert_eq!(rig.get("/api/session/sip", "").await.problem(), "not-signed-in");
    let token = rig.token("admin").await;
    assert_eq!(rig.get("/api/session/sip", &token).await.problem(), "not-found");
}

#[tokio::test]
async fn a_digest_is_not_handed_out() {
    let rig = Rig::new().await;
    let token = rig.token("2001").await;
    let mut directory = (*rig.shared.directory()).clone();
    directory.extensions.get_mut("2001").unwrap().secret =
        Secret::Ha1 { md5: [0; 16], sha256: [0; 32] };
    rig.shared.set_directory(directory);
    assert_eq!(rig.get("/api/session/sip", &token).await.problem(), "conflict");
}
