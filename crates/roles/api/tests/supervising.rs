//! Supervisors are put on calls by order.

mod rig;

use axum::http::StatusCode;
use offhook_bus::{SupervisionOrder, SwitchOrder};
use offhook_model::{CallRef, CallSide, CallState, LiveCall, LiveSupervisor, SupervisorMode};
use rig::Rig;
use serde_json::{Value, json};

fn live(answered_by: &str, state: CallState) -> LiveCall {
    LiveCall {
        call: CallRef::from_bits(5),
        caller: "1001".into(),
        dialled: answered_by.into(),
        answered_by: Some(answered_by.into()),
        state,
        started_at_ms: 1_000,
        answered_at_ms: None,
        recording: None,
        supervisors: vec![LiveSupervisor {
            extension: "1003".into(),
            mode: SupervisorMode::Whisper(CallSide::Customer),
            is_ringing: true,
        }],
    }
}

#[tokio::test]
async fn a_supervisor_comes_changes_and_goes() {
    let mut rig = Rig::new().await;
    rig.shared.set_live_call(live("1002", CallState::Answered));
    let token = rig.token("supervisor").await;
    let call = CallRef::from_bits(5);
    let path = format!("/api/calls/active/{call}/supervise");
    let (own, other) = ("1009".to_owned(), "1003".to_owned());
    let (agent, customer) =
        (SupervisorMode::Whisper(CallSide::Agent), SupervisorMode::Whisper(CallSide::Customer));
    let start = |mode| SupervisionOrder::Start { extension: own.clone(), mode };
    let change = |mode| SupervisionOrder::Change { extension: other.clone(), mode };
    for (method, body, order) in [
        ("POST", json!({"mode": "listen"}), start(SupervisorMode::Listen)),
        ("POST", json!({"mode": "whisper"}), start(agent)),
        ("POST", json!({"mode": "whisper", "whisper_to": "customer"}), start(customer)),
        ("PUT", json!({"mode": "barge", "extension": "1003"}), change(SupervisorMode::Barge)),
    ] {
        let answer = rig.call(method, &path, &token, body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        assert_eq!(rig.orders.try_recv(), Some(SwitchOrder::Supervise(call.clone(), order)));
    }
    let gone = rig.call("DELETE", &format!("{path}?extension=1003"), &token, Value::Null).await;
    assert_eq!(gone.status, StatusCode::ACCEPTED);
    let end = SupervisionOrder::End { extension: other };
    assert_eq!(rig.orders.try_recv(), Some(SwitchOrder::Supervise(call, end)));
    let shown = rig.get("/api/calls/active", &token).await.json();
    let supervisor = json!({"extension": "1003", "mode": "whisper_to_customer", "ringing": true});
    assert_eq!(shown["items"][0]["supervisors"], json!([supervisor]));
}

#[tokio::test]
async fn what_cannot_be_supervised_is_told_why() {
    let mut rig = Rig::new().await;
    rig.shared.set_live_call(live("1002", CallState::Answered));
    let (token, admin) = (rig.token("supervisor").await, rig.token("admin").await);
    let path = format!("/api/calls/active/{}/supervise", CallRef::from_bits(5));
    let listen = |extension: &str| json!({"mode": "listen", "extension": extension});
    for (who, method, body, problem, says) in [
        (&token, "POST", listen("1003"), "conflict", "already"),
        (&token, "POST", listen("1002"), "conflict", "a party"),
        (&token, "POST", listen("4711"), "invalid-field", "an extension that exists"),
        (&admin, "POST", json!({"mode": "listen"}), "invalid-field", "none of your own"),
        (&token, "POST", json!({"mode": "spy"}), "invalid-field", "`listen`, `whisper`, `barge`"),
        (&token, "PUT", listen("1004"), "not-found", "supervisor on this call"),
        (&token, "DELETE", Value::Null, "not-found", "supervisor on this call"),
        (&token, "POST", json!({"mode": "barge", "whisper_to": "agent"}), "invalid-field", "only"),
    ] {
        let answer = rig.call(method, &path, who, body).await;
        assert_eq!(answer.problem(), problem, "{says}");
        assert!(answer.text.contains(says), "{}", answer.text);
    }
    for (answered_by, state) in [("9196", CallState::Answered), ("1002", CallState::Ringing)] {
        rig.shared.set_live_call(live(answered_by, state));
        let answer = rig.call("POST", &path, &token, listen("1004")).await;
        assert_eq!(answer.problem(), "conflict", "{answered_by}");
    }
    let agent = rig.token("2001").await;
    let refused = rig.call("POST", &path, &agent, json!({"mode": "listen"})).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(rig.orders.try_recv(), None);
}

#[tokio::test]
async fn a_supervisor_takes_a_call_over_on_it_or_not() {
    let mut rig = Rig::new().await;
    rig.shared.set_live_call(live("1002", CallState::Answered));
    let token = rig.token("supervisor").await;
    let call = CallRef::from_bits(5);
    let path = format!("/api/calls/{call}/take-over");
    for (body, extension) in [(json!({}), "1009"), (json!({"extension": "1003"}), "1003")] {
        let answer = rig.call("POST", &path, &token, body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        let order = SupervisionOrder::TakeOver { extension: extension.into() };
        assert_eq!(rig.orders.try_recv(), Some(SwitchOrder::Supervise(call.clone(), order)));
    }
    let party = rig.call("POST", &path, &token, json!({"extension": "1002"})).await;
    assert_eq!(party.problem(), "conflict");
    let agent = rig.token("2001").await;
    let refused = rig.call("POST", &path, &agent, json!({})).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(rig.orders.try_recv(), None);
}

#[tokio::test]
async fn whoever_talks_in_two_calls_merges_them() {
    let mut rig = Rig::new().await;
    let second = CallRef::from_bits(6);
    let placed = LiveCall {
        call: second.clone(),
        caller: "2001".into(),
        ..live("1002", CallState::Answered)
    };
    rig.shared.set_live_call(live("2001", CallState::Answered));
    rig.shared.set_live_call(placed.clone());
    let first = CallRef::from_bits(5);
    let path = format!("/api/calls/{second}/merge");
    let (token, other) = (rig.token("2001").await, rig.token("2002").await);
    let with = |call: &CallRef| json!({"with": call.to_string()});
    let merged = rig.call("POST", &path, &token, with(&first)).await;
    assert_eq!(merged.status, StatusCode::ACCEPTED, "{}", merged.text);
    let order =
        SwitchOrder::Merge { call: second.clone(), with: first.clone(), extension: "2001".into() };
    assert_eq!(rig.orders.try_recv(), Some(order));
    for (who, path, body, problem, says) in [
        (&other, &path, with(&first), "conflict", "2002 does not talk in"),
        (&token, &path, with(&second), "invalid-field", "another call in progress"),
        (&token, &path, with(&CallRef::from_bits(7)), "invalid-field", "another call"),
        (&token, &"/api/calls/nonsense/merge".to_owned(), with(&first), "not-found", "call"),
    ] {
        let answer = rig.call("POST", path, who, body).await;
        assert_eq!(answer.problem(), problem, "{says}");
        assert!(answer.text.contains(says), "{}", answer.text);
    }
    rig.shared.set_live_call(LiveCall { state: CallState::Ringing, ..placed });
    let ringing = rig.call("POST", &path, &token, with(&first)).await;
    assert_eq!(ringing.problem(), "conflict");
    assert_eq!(rig.orders.try_recv(), None);
}
