//! Queues and agents on the API: what is allowed, and what becomes of it.

mod rig;

use axum::http::StatusCode;
use offhook_acd::{Acd, CallKey, Join};
use offhook_bus::{AgentOrder, LiveQueue, LiveWaiting, SwitchOrder};
use offhook_model::{AgentId, AgentStatus, CallRef, LegId, Queue, QueueId, Strategy, Target};
use rig::Rig;
use serde_json::{Value, json};
use std::collections::BTreeMap;

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
        (json!({"callback_tries_max": 0}), "callback_tries_max"),
        (json!({"callback_retry_s": 90_000}), "callback_retry_s"),
        (json!({"skills": {"french": 11}}), "skills"),
        (json!({"music": "loud"}), "music"),
    ] {
        let answer = rig.call("PATCH", "/api/queues/sales", &admin, change.clone()).await;
        assert_eq!(answer.problem(), "invalid-field", "{change}");
        assert_eq!(answer.json()["errors"][0]["field"], field, "{change}");
    }
}

/// A queue in which a caller waits and a callback, by the numbers of their calls.
fn waiting(acd: &mut Acd, caller: u32, callback: u32) -> LiveQueue {
    let id = QueueId("sales".into());
    let queue = Queue { callback_key: Some('1'), ..Queue::new("sales") };
    acd.configure(&[(id.clone(), queue)].into(), &BTreeMap::new(), 1_000);
    for call in [caller, callback] {
        let join = Join {
            caller: LegId(call.into()),
            call: CallKey(call),
            queue: id.clone(),
            number: format!("100{call}"),
            priority: 0,
            skills: BTreeMap::new(),
            last_agent: None,
            joined_at_ms: None,
        };
        acd.join(join, 1_000);
    }
    acd.request_callback(LegId(callback.into()), "1005", 2_000).expect("it waits");
    let named = acd.waiting(&id).into_iter();
    let waiting = named.map(|view| LiveWaiting { call: call_of(view.call.0), view }).collect();
    LiveQueue { view: acd.queue(&id).expect("a queue"), waiting }
}

fn call_of(call: u32) -> CallRef {
    CallRef::from_bits(call.into())
}

#[tokio::test]
async fn a_supervisor_cancels_a_callback_and_no_caller() {
    let mut rig = Rig::new().await;
    rig.shared.centre().set_queue(waiting(&mut Acd::new(1), 1, 2));
    let (agent, supervisor) = (rig.token("2001").await, rig.token("supervisor").await);
    let path = |call: u32| format!("/api/queues/sales/callers/{}", call_of(call));
    let cancel = |token: &str, call: u32| {
        let (path, token) = (path(call), token.to_owned());
        let rig = &rig;
        async move { rig.call("DELETE", &path, &token, Value::Null).await }
    };
    assert_eq!(cancel(&agent, 2).await.problem(), "not-allowed");
    for nobody in [1, 3] {
        assert_eq!(cancel(&supervisor, nobody).await.problem(), "not-found");
    }
    assert_eq!(cancel(&supervisor, 2).await.status, StatusCode::ACCEPTED);
    assert_eq!(rig.orders.try_recv(), Some(SwitchOrder::CancelCallback(call_of(2))));
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
