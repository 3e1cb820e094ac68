//! Audio forks of calls in progress, as a program orders and sees them.

mod rig;

use axum::http::StatusCode;
use offhook_api::Config;
use offhook_bus::{ForkOrder, SwitchOrder};
use offhook_model::{
    CallRef, CallState, FORKS_PER_LEG_MAX, ForkChannels, ForkCounts, ForkFailure, ForkId,
    ForkParty, ForkRate, ForkState, LiveCall, LiveFork,
};
use rig::Rig;
use serde_json::{Value, json};

const URL: &str = "wss://speech.example/calls?key=hush";

fn call() -> CallRef {
    CallRef::from_bits(5)
}

fn path() -> String {
    format!("/api/calls/active/{}/fork", call())
}

/// A call is in progress and a supervisor is signed in.
async fn on_a_call(hosts: &[&str]) -> (Rig, String) {
    let rig = Rig::forking_to(Config::default(), hosts).await;
    rig.shared.set_live_call(LiveCall {
        call: call(),
        caller: "guest".into(),
        dialled: "9196".into(),
        answered_by: Some("9196".into()),
        state: CallState::Answered,
        started_at_ms: 0,
        answered_at_ms: Some(0),
        recording: None,
        supervisors: Vec::new(),
    });
    let token = rig.token("supervisor").await;
    (rig, token)
}

fn live(fork: u64, state: ForkState) -> LiveFork {
    LiveFork {
        fork: ForkId(fork),
        party: ForkParty::Caller,
        receiver: "wss://speech.example:443/calls".into(),
        rate: ForkRate::Hz24000,
        channels: ForkChannels::Stereo,
        is_bidirectional: true,
        state,
        is_paused: false,
        counts: ForkCounts { sent_ms: 2_000, dropped_ms: 40, ..ForkCounts::default() },
        last_message: Some(r#"{"event":"transcript","text":"yes"}"#.into()),
    }
}

#[tokio::test]
async fn a_fork_is_ordered_as_it_is_asked_for() {
    let (mut rig, token) = on_a_call(&["speech.example"]).await;
    let body = json!({
        "url": URL, "sample_rate": 24_000, "channels": "stereo", "party": "callee",
        "bidirectional": true, "may_hang_up": true, "reconnect": true,
        "metadata": {"language": "en"}, "authorization": "Bearer hush", "headers": {"X-Tenant": "7"},
    });
    let answer = rig.call("POST", &path(), &token, body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let id = ForkId::parse(answer.json()["id"].as_str().unwrap()).expect("an id");
    let Some(SwitchOrder::Fork(forked, ForkOrder::Start(fork, request))) = rig.orders.try_recv()
    else {
        panic!("no order");
    };
    assert_eq!((forked, fork), (call(), id));
    assert_eq!((request.rate, request.channels), (ForkRate::Hz24000, ForkChannels::Stereo));
    assert_eq!(
        (request.party, request.metadata.as_str()),
        (ForkParty::Callee, r#"{"language":"en"}"#)
    );
    assert!(request.is_bidirectional && request.may_hang_up && request.reconnects);
    let headers = [("Authorization", "Bearer hush"), ("X-Tenant", "7")];
    assert_eq!(request.headers.0, headers.map(|(name, value)| (name.into(), value.into())));
    let printed = format!("{request:?}");
    assert!(!printed.contains("hush") && !printed.contains("language"), "an order is logged");

    let answer = rig.call("POST", &path(), &token, json!({"url": URL})).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let Some(SwitchOrder::Fork(_, ForkOrder::Start(_, request))) = rig.orders.try_recv() else {
        panic!("no order");
    };
    assert_eq!((request.rate, request.channels), (ForkRate::Hz16000, ForkChannels::Mixed));
    assert!(!request.is_bidirectional && !request.may_hang_up && !request.reconnects);
}

#[tokio::test]
async fn what_is_not_allowed_is_told_with_what_is() {
    let (mut rig, token) = on_a_call(&["speech.example", "*.asr.example"]).await;
    let too_many: serde_json::Map<String, Value> =
        (0..17).map(|n| (format!("X-{n}"), json!("v"))).collect();
    for (change, field, allowed) in [
        (json!({"url": "ws://10.0.0.1/"}), "url", "speech.example, *.asr.example"),
        (json!({"url": "ws://speech.example@evil.example/"}), "url", "without user"),
        (json!({"url": "http://speech.example/"}), "url", "wss://"),
        (json!({"sample_rate": 44_100}), "sample_rate", "8000, 16000 or 24000"),
        (json!({"metadata": {"long": "x".repeat(9_000)}}), "metadata", "8192"),
        (json!({"headers": {"Host": "evil"}}), "headers.Host", "none of the WebSocket's own"),
        (json!({"headers": {"Sec-WebSocket-Key": "x"}}), "headers.Sec-WebSocket-Key", "own"),
        (json!({"authorization": "a\r\nX: y"}), "headers.Authorization", "visible ASCII"),
        (json!({"headers": too_many}), "headers", "at most 16"),
    ] {
        let mut body = json!({"url": URL});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = rig.call("POST", &path(), &token, body).await;
        assert_eq!(answer.problem(), "invalid-field", "{change}");
        let error = &answer.json()["errors"][0];
        assert_eq!(error["field"], field, "{}", answer.text);
        assert!(error["allowed"].as_str().unwrap().contains(allowed), "{}", answer.text);
    }
    for body in [json!({"url": URL, "channels": "left"}), json!({"uri": URL}), json!({})] {
        assert_eq!(rig.call("POST", &path(), &token, body).await.problem(), "invalid-field");
    }
    assert_eq!(rig.orders.try_recv(), None);
}

#[tokio::test]
async fn forks_are_off_until_a_host_is_named() {
    let (mut rig, token) = on_a_call(&[]).await;
    let answer = rig.call("POST", &path(), &token, json!({"url": URL})).await;
    assert_eq!(answer.problem(), "invalid-field");
    assert!(answer.text.contains("media.fork.allowed_hosts"), "{}", answer.text);
    assert!(answer.text.contains("audio forks are off"), "{}", answer.text);
    assert_eq!(rig.orders.try_recv(), None);
}

#[tokio::test]
async fn a_calls_forks_are_listed_paused_and_ended() {
    let (mut rig, token) = on_a_call(&["speech.example"]).await;
    let failed = ForkState::Failed(ForkFailure::Refused("HTTP 401 Unauthorized".into()));
    rig.shared.set_forks(&call(), vec![live(1, ForkState::Connected), live(2, failed)]);
    let items = rig.get(&path(), &token).await.json()["items"].clone();
    let first = &items[0];
    assert_eq!((&first["id"], &first["state"]), (&json!("0000000000000001"), &json!("connected")));
    assert_eq!((&first["sent_ms"], &first["dropped_ms"]), (&json!(2_000), &json!(40)));
    assert_eq!(
        (&first["url"], &first["reason"]),
        (&json!("wss://speech.example:443/calls"), &Value::Null)
    );
    assert_eq!(first["last_message"]["text"], "yes");
    assert_eq!(items[1]["state"], "failed");
    assert!(items[1]["reason"].as_str().unwrap().contains("HTTP 401"));
    let one = format!("{}/0000000000000001", path());
    for (method, path, order) in [
        ("POST", format!("{one}/pause"), ForkOrder::Pause(ForkId(1))),
        ("POST", format!("{one}/resume"), ForkOrder::Resume(ForkId(1))),
        ("DELETE", one.clone(), ForkOrder::Stop(ForkId(1))),
        ("DELETE", path(), ForkOrder::StopAll),
    ] {
        let answer = rig.call(method, &path, &token, Value::Null).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        assert_eq!(rig.orders.try_recv(), Some(SwitchOrder::Fork(call(), order)));
    }
    for unknown in ["0000000000000009", "x"] {
        let answer =
            rig.call("DELETE", &format!("{}/{unknown}", path()), &token, Value::Null).await;
        assert_eq!(answer.problem(), "not-found");
    }
    rig.shared.remove_live_call(&call());
    assert!(rig.shared.forks(&call()).is_empty(), "they go with their call");
    assert_eq!(rig.get(&path(), &token).await.problem(), "not-found");
}

#[tokio::test]
async fn only_supervisors_fork_and_not_without_end() {
    let (mut rig, token) = on_a_call(&["speech.example"]).await;
    let agent = rig.token("2001").await;
    let body = json!({"url": URL});
    for (method, body) in [("POST", body.clone()), ("GET", Value::Null), ("DELETE", Value::Null)] {
        let answer = rig.call(method, &path(), &agent, body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method}");
    }
    let running = (0..FORKS_PER_LEG_MAX as u64).map(|fork| live(fork, ForkState::Connected));
    rig.shared.set_forks(&call(), running.collect());
    let answer = rig.call("POST", &path(), &token, body.clone()).await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::CONFLICT, "conflict"));
    assert_eq!(rig.orders.try_recv(), None);
    let other = json!({"url": URL, "party": "callee"});
    assert_eq!(rig.call("POST", &path(), &token, other).await.status, StatusCode::ACCEPTED);
}
