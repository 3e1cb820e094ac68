//! How Offhook fares, for those who watch over it.

mod rig;

use axum::http::StatusCode;
use rig::Rig;
use serde_json::json;

#[tokio::test]
async fn all_is_well() {
    let rig = Rig::new().await;
    let answer = rig.get("/api/health", "").await;
    assert_eq!(answer.status, StatusCode::OK);
    let body = answer.json();
    assert_eq!((&body["status"], &body["version"]), (&json!("ok"), &json!("1.2.3")));
    let well = json!({"status": "ok"});
    assert_eq!(body["checks"], json!({"store": well, "switch": well, "edge": well}));
    assert!(body["uptime_s"].is_u64());
    assert_eq!(rig.get("/api/health/ready", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.get("/api/health/live", "").await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_part_that_fails_is_named() {
    let rig = Rig::new().await;
    *rig.failure.lock().unwrap() = Some("draining".into());
    let answer = rig.get("/api/health", "").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let body = answer.json();
    assert_eq!(body["status"], "failing");
    assert_eq!(body["checks"]["switch"], json!({"status": "failing", "detail": "draining"}));
    assert_eq!(rig.get("/api/health/ready", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(rig.get("/api/health/live", "").await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_database_that_is_gone_is_a_failure_and_a_problem() {
    let rig = Rig::new().await;
    let token = rig.token("admin").await;
    rig.store.close().await;
    let answer = rig.get("/api/health", "").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["checks"]["store"]["status"], "failing");
    let me = rig.get("/api/auth/me", &token).await;
    assert_eq!(
        (me.status, me.problem().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    );
    let guest = rig.call("POST", "/api/session/guest", "", json!({})).await;
    assert_eq!(guest.status, StatusCode::OK, "guests call without the database");
}

#[tokio::test]
async fn the_process_tells_of_itself() {
    let rig = Rig::new().await;
    let token = rig.token("supervisor").await;
    let body = rig.get("/api/system", &token).await.json();
    assert_eq!((&body["version"], &body["roles"]), (&json!("1.2.3"), &json!(["edge", "switch"])));
    assert!(body["memory_bytes"].as_u64().unwrap() > 1_000_000);
    assert!(body["started_at"].as_str().unwrap().ends_with('Z'));
}
