//! Queues and agents on the API: what is allowed, and what becomes of it.

mod rig;

use axum::http::StatusCode;
use offhook_bus::{AgentOrder, SwitchOrder};
use offhook_model::{AgentId, AgentStatus, QueueId, Strategy, Target};
use rig::Rig;
use serde_json::{Value, json};

#[tokio::test]
async fn a_queue_lives_and_dies() {
    let rig = Rig::new().await;
    let admin = rig.token("admin").await;
    let new = json!({"id": "billing", "display_name": "Billing", "strategy": "leastrecent",
        "overflow": {"kind": "queue", "to": "reception"}, "exit_key": "9",
        "tiers": [{"agent": "2001", "level": 2}]});
    let made = rig.call("POST", "/api/queues", &admin, new).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(made.json()["strategy"], "longest-idle");
    let queue = rig.shared.directory().queues[&QueueId("billing".into())].clone();
    assert_eq!(queue.strategy, Strategy::LongestIdle);
    assert_eq!(queue.overflow, Target::Queue(QueueId("reception".into())));
    assert_eq!((queue.exit_key, queue.tiers[0].level), (Some('9'), 2));
    let change = json!({"wrap_up_s": 30, "exit_key": ""});
    let changed = rig.call("PATCH", "/api/queues/billing", &admin, change).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    let queue = rig.shared.directory().queues[&QueueId("billing".into())].clone();
    assert_eq!((queue.wrap_up_s, queue.exit_key), (30, None));
    let gone = rig.call("DELETE", "/api/queues/billing", &admin, Value::Null).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.get("/api/queues/billing", &admin).await.problem(), "not-found");
}

#[tokio::test]
async fn a_value_that_is_not_allowed_is_named_with_what_is() {
    let rig = Rig::new().await;
    let admin = rig.token("admin").await;
    for (change, field) in [
        (json!({"strategy": "psychic"}), "strategy"),
        (json!({"overflow": {"kind": "queue", "to": "nowhere"}}), "overflow"),
        (json!({"overflow": {"kind": "queue", "to": "sales"}}), "overflow"),
        (json!({"overflow": {"kind": "menu", "to": "nowhere"}}), "overflow"),
        (json!({"tiers": [{"agent": "2009"}]}), "tiers.0.agent"),
        (json!({"tiers": [{"agent": "2001"}, {"agent": "2001"}]}), "tiers.1.agent"),
        (json!({"ring_timeout_s": 0}), "ring_timeout_s"),
        (json!({"ring_timeout_s": "long"}), "ring_timeout_s"),
        (json!({"ring_timeuot_s": 20}), "ring_timeuot_s"),
        (json!({"exit_key": "12"}), "exit_key"),
        (json!({"skills": {"french": 11}}), "skills"),
        (json!({"music": "loud"}), "music"),
    ] {
        let answer = rig.call("PATCH", "/api/queues/sales", &admin, change.clone()).await;
        assert_eq!(answer.problem(), "invalid-field", "{change}");
        assert_eq!(answer.json()["errors"][0]["field"], field, "{change}");
    }
}

#[tokio::test]
async fn an_agent_sets_its_own_status_and_a_supervisor_anybodys() {
    let mut rig = Rig::new().await;
    let agent = rig.token("2001").await;
    let away = json!({"status": "away", "reason": "Lunch"});
    let other = rig.call("PUT", "/api/agents/2002/status", &agent, away.clone()).await;
    assert_eq!(other.problem(), "not-allowed");
    let odd = rig.call("PUT", "/api/agents/2001/status", &agent, json!({"status": "asleep"})).await;
    assert_eq!(odd.problem(), "invalid-field");
    // No switch runs here: the order is given, and the answer says that nothing has become of it.
    let unheard = rig.call("PUT", "/api/agents/2001/status", &agent, away).await;
    assert_eq!(unheard.problem(), "unavailable");
    let order = rig.orders.recv().await.expect("an order");
    let wanted = AgentOrder::Status(AgentStatus::Away, Some("Lunch".into()));
    assert_eq!(order, SwitchOrder::Agent(AgentId("2001".into()), wanted));
    let supervisor = rig.token("supervisor").await;
    let online = json!({"status": "online"});
    let allowed = rig.call("PUT", "/api/agents/2002/status", &supervisor, online.clone()).await;
    assert_eq!(allowed.problem(), "unavailable");
    let nobody = rig.call("PUT", "/api/agents/2009/status", &supervisor, online).await;
    assert_eq!(nobody.problem(), "not-found");
}

#[tokio::test]
async fn who_is_signed_in_finds_its_own_agent() {
    let rig = Rig::new().await;
    let agent = rig.token("2003").await;
    let own = rig.get("/api/agents/me", &agent).await.json();
    assert_eq!((&own["id"], &own["status"]), (&json!("2003"), &json!("online")));
    let queues: Vec<_> =
        own["queues"].as_array().expect("queues").iter().map(|q| &q["queue"]).collect();
    assert_eq!(queues, ["reception", "support"]);
    let admin = rig.token("admin").await;
    assert_eq!(rig.get("/api/agents/me", &admin).await.problem(), "not-found");
    let wrapping = rig.call("POST", "/api/agents/2003/wrap-up/finish", &agent, Value::Null).await;
    assert_eq!(wrapping.problem(), "conflict");
}

#[tokio::test]
async fn an_extension_forwards_only_to_where_there_is_somebody() {
    let rig = Rig::new().await;
    let admin = rig.token("admin").await;
    let forward = json!({"forward": {"no_answer": {"kind": "extension", "to": "1002"}}});
    let changed = rig.call("PATCH", "/api/extensions/1001", &admin, forward).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    let known = rig.shared.directory().extensions["1001"].forward.clone();
    assert_eq!(known.no_answer, Some(Target::Extension("1002".into())));
    for (to, field) in [("1001", "forward.busy"), ("4711", "forward.busy")] {
        let forward = json!({"forward": {"busy": {"kind": "extension", "to": to}}});
        let refused = rig.call("PATCH", "/api/extensions/1001", &admin, forward).await;
        assert_eq!(refused.json()["errors"][0]["field"], field, "{to}");
    }
}
