//! What callers think of their calls.

mod rig;

use axum::http::StatusCode;
use offhook_model::{
    CallRecord, CallRef, HangupCause, LogEntry, Party, guest_password, guest_username,
};
use rig::{GUEST_KEY, Rig};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_millis()).expect("not so soon")
}

fn guest(n: u64) -> (String, String) {
    let username = guest_username(1_900_000_000, n);
    let password = guest_password(&GUEST_KEY, &username);
    (username, password)
}

/// A call of a guest that has ended so long ago.
async fn call(rig: &Rig, n: u64, caller: &str, ago_ms: u64) -> CallRef {
    let call = CallRef::from_bits(u128::from(n));
    let ended_at_ms = now_ms() - ago_ms;
    let record = CallRecord {
        call: call.clone(),
        caller: caller.into(),
        caller_name: None,
        dialled: "6000".into(),
        answered_by: Some("2001".into()),
        started_at_ms: ended_at_ms - 27_000,
        answered_at_ms: Some(ended_at_ms - 20_000),
        ended_at_ms,
        ring_ms: 7_000,
        talk_ms: 20_000,
        cause: HangupCause::NORMAL_CLEARING,
        sip_status: None,
        hung_up_by: Party::Caller,
        legs: Vec::new(),
        recordings: Vec::new(),
    };
    rig.store.write_entries(&[LogEntry::Call(Box::new(record))]).await.expect("writes");
    call
}

fn rating((username, password): &(String, String), stars: i64, comment: &Value) -> Value {
    json!({ "username": username, "password": password, "stars": stars, "comment": comment })
}

#[tokio::test]
async fn a_guest_rates_its_call_once_and_supervisors_read_it() {
    let rig = Rig::new().await;
    let own = guest(1);
    let path = format!("/api/calls/{}", call(&rig, 7, &own.0, 60_000).await);
    let rate = format!("{path}/rating");
    let admin = rig.token("admin").await;
    assert_eq!(rig.call("GET", &path, &admin, Value::Null).await.json()["rating"], Value::Null);
    let rated = rig.call("POST", &rate, "", rating(&own, 4, &json!(" Quick. "))).await;
    assert_eq!(
        (rated.status, rated.json()["comment"].clone()),
        (StatusCode::CREATED, json!("Quick."))
    );
    let again = rig.call("POST", &rate, "", rating(&own, 1, &Value::Null)).await;
    assert_eq!(again.problem(), "conflict");
    let read = rig.call("GET", &path, &admin, Value::Null).await.json()["rating"].clone();
    assert_eq!((read["stars"].clone(), read["comment"].clone()), (json!(4), json!("Quick.")));
    let listed = rig.call("GET", "/api/calls/history", &admin, Value::Null).await.json();
    assert_eq!(listed["items"][0]["stars"], 4);
    assert!(read["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{read}");
}

#[tokio::test]
async fn nobody_rates_what_is_not_their_own_or_long_over() {
    let rig = Rig::new().await;
    let (own, other) = (guest(1), guest(2));
    let rate = format!("/api/calls/{}/rating", call(&rig, 7, &own.0, 60_000).await);
    assert_eq!(
        rig.call("POST", &rate, "", rating(&other, 1, &Value::Null)).await.problem(),
        "not-allowed"
    );
    let forged = (own.0.clone(), "0".repeat(32));
    assert_eq!(
        rig.call("POST", &rate, "", rating(&forged, 1, &Value::Null)).await.problem(),
        "not-allowed"
    );
    let old = format!("/api/calls/{}/rating", call(&rig, 8, &own.0, 16 * 60_000).await);
    assert_eq!(
        rig.call("POST", &old, "", rating(&own, 1, &Value::Null)).await.problem(),
        "not-found"
    );
    let none = format!("/api/calls/{}/rating", CallRef::from_bits(9));
    assert_eq!(
        rig.call("POST", &none, "", rating(&own, 1, &Value::Null)).await.problem(),
        "not-found"
    );
}

#[tokio::test]
async fn a_rating_with_a_wrong_value_names_it() {
    let rig = Rig::new().await;
    let own = guest(1);
    let rate = format!("/api/calls/{}/rating", call(&rig, 7, &own.0, 60_000).await);
    for (stars, comment, field) in [
        (0, Value::Null, "stars"),
        (6, Value::Null, "stars"),
        (3, json!("x".repeat(1_001)), "comment"),
    ] {
        let refused = rig.call("POST", &rate, "", rating(&own, stars, &comment)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
        assert_eq!(refused.json()["errors"][0]["field"], field);
    }
    assert_eq!(
        rig.call("POST", &rate, "", rating(&own, 5, &Value::Null)).await.status,
        StatusCode::CREATED
    );
}
