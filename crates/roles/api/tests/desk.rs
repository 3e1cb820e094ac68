//! What agents need beside their calls: settings, notes, their own history; and what is exported of queues.

mod rig;

use axum::http::{StatusCode, header};
use offhook_model::{
    AgentId, CallRecord, CallRef, HangupCause, LogEntry, Party, QueueId, QueueRecord, QueueStep,
};
use rig::Rig;
use serde_json::{Value, json};

const AT_MS: u64 = 1_763_836_200_000;

fn call(n: u64) -> CallRef {
    CallRef::from_bits(u128::from(n))
}

fn record(n: u64, agent: Option<&str>, at_ms: u64, step: QueueStep) -> LogEntry {
    LogEntry::Queue(Box::new(QueueRecord {
        id: format!("{n}-{}", step.as_str()),
        at_ms,
        call: Some(call(n)),
        entry: Some(n),
        queue: Some(QueueId("sales".into())),
        agent: agent.map(|agent| AgentId(agent.into())),
        step,
    }))
}

/// A call that waited five seconds in `sales` and was taken by 2001.
fn queued(n: u64) -> Vec<LogEntry> {
    let answered = QueueStep::Answered {
        waited_ms: 5_000,
        rang_ms: 2_000,
        is_callback: false,
        within_service_level: true,
    };
    let completed = QueueStep::Completed {
        waited_ms: 5_000,
        talk_ms: 20_000,
        hold_ms: 1_000,
        by: Some(Party::Callee),
    };
    let joined = QueueStep::Joined { number: "1001".into(), position: 2 };
    let ended = CallRecord {
        call: call(n),
        caller: "1001".into(),
        caller_name: Some("Al \"A\"".into()),
        dialled: "6000".into(),
        answered_by: Some("2001".into()),
        started_at_ms: AT_MS,
        answered_at_ms: Some(AT_MS + 1_000),
        ended_at_ms: AT_MS + 27_000,
        ring_ms: 1_000,
        talk_ms: 26_000,
        cause: HangupCause::NORMAL_CLEARING,
        sip_status: None,
        hung_up_by: Party::Callee,
        legs: Vec::new(),
        recordings: Vec::new(),
    };
    vec![
        record(n, None, AT_MS + 1_000, joined),
        record(n, Some("2001"), AT_MS + 4_000, QueueStep::Offered { waited_ms: 3_000 }),
        record(n, Some("2001"), AT_MS + 6_000, answered),
        record(n, Some("2001"), AT_MS + 27_000, completed),
        LogEntry::Call(Box::new(ended)),
    ]
}

#[tokio::test]
async fn an_agent_writes_of_its_own_calls_and_sees_them_only() {
    let rig = Rig::new().await;
    rig.store.write_entries(&queued(7)).await.expect("writes");
    let (agent, other) = (rig.token("2001").await, rig.token("2003").await);
    let path = format!("/api/calls/{}/notes", call(7));
    let notes = json!({"notes": "Wants a quote.", "disposition": "Follow up"});
    assert_eq!(rig.call("PUT", &path, &other, notes.clone()).await.problem(), "not-allowed");
    assert_eq!(rig.call("PUT", &path, &agent, notes).await.status, StatusCode::OK);
    let wrong = rig.call("PUT", &path, &agent, json!({"disposition": "Sold!"})).await;
    assert!(wrong.json()["errors"][0]["allowed"].as_str().expect("words").contains("Follow up"));
    let nothing = format!("/api/calls/{}/notes", call(8));
    assert_eq!(rig.call("PUT", &nothing, &agent, json!({})).await.problem(), "not-found");

    let own = rig.get("/api/calls/history?agent=me", &agent).await.json();
    assert_eq!(own["items"][0]["disposition"], "Follow up");
    assert_eq!(
        (&own["items"][0]["queue"], &own["items"][0]["agent"]),
        (&json!("sales"), &json!("2001"))
    );
    assert_eq!(own["items"][0]["wait_seconds"], 5.0);
    let none = rig.get("/api/calls/history?agent=me", &other).await.json();
    assert_eq!(none["items"], json!([]));
    assert_eq!(rig.get("/api/calls/history", &agent).await.problem(), "not-allowed");
    assert_eq!(rig.get("/api/calls/history?agent=2001", &other).await.problem(), "not-allowed");
    let supervisor = rig.token("supervisor").await;
    let of = rig.get("/api/calls/history?agent=2001", &supervisor).await.json();
    assert_eq!(of["items"].as_array().expect("items").len(), 1);

    let one = rig.get(&format!("/api/calls/{}", call(7)), &agent).await.json();
    let step = &one["queue_steps"][0];
    assert_eq!((&step["outcome"], &step["agent"]), (&json!("answered"), &json!("2001")));
    assert_eq!(
        (&step["talk_s"], &step["hold_s"], &step["offers"]),
        (&json!(20.0), &json!(1.0), &json!(1))
    );
    assert_eq!(rig.get(&format!("/api/calls/{}", call(7)), &other).await.problem(), "not-allowed");
    let csv = rig.get("/api/calls/history?format=csv", &supervisor).await.text;
    assert!(
        csv.lines()
            .next()
            .expect("a heading")
            .ends_with("queue,agent,wait_seconds,disposition,notes")
    );
    assert!(csv.contains(",sales,2001,5,Follow up,Wants a quote."), "{csv}");
}

#[tokio::test]
async fn notes_of_a_call_that_goes_on_are_in_its_record() {
    let rig = Rig::new().await;
    let mut entries = queued(9);
    let ended = entries.split_off(4);
    rig.store.write_entries(&entries).await.expect("writes");
    let agent = rig.token("2001").await;
    let path = format!("/api/calls/{}/notes", call(9));
    let answer = rig.call("PUT", &path, &agent, json!({"notes": "first"})).await;
    assert_eq!(answer.json(), json!({"notes": "first", "disposition": null}));
    rig.store.write_entries(&ended).await.expect("writes");
    let one = rig.get(&format!("/api/calls/{}", call(9)), &agent).await.json();
    assert_eq!((&one["notes"], &one["disposition"]), (&json!("first"), &Value::Null));
    rig.call("PUT", &path, &agent, json!({"disposition": "Resolved"})).await;
    let one = rig.get(&format!("/api/calls/{}", call(9)), &agent).await.json();
    assert_eq!((&one["notes"], &one["disposition"]), (&json!("first"), &json!("Resolved")));
}

#[tokio::test]
async fn settings_are_read_by_all_and_set_by_administrators() {
    let rig = Rig::new().await;
    let (admin, agent) = (rig.token("admin").await, rig.token("2001").await);
    for (path, good, bad, field) in [
        (
            "not-ready-reasons",
            json!({"items": [{"name": "Tea", "status": "away"}]}),
            json!({"items": [{"name": "Tea", "status": "ready"}]}),
            "items.0.status",
        ),
        (
            "dispositions",
            json!({"items": [{"name": "Sold"}]}),
            json!({"items": [{"name": "Sold"}, {"name": "Sold"}]}),
            "items.1.name",
        ),
        (
            "screen-pop",
            json!({"url": "https://crm.example/?n={number}"}),
            json!({"url": "javascript:alert(1)"}),
            "url",
        ),
    ] {
        let path = format!("/api/settings/{path}");
        assert_eq!(rig.get(&path, &agent).await.status, StatusCode::OK);
        assert_eq!(rig.call("PUT", &path, &agent, good.clone()).await.problem(), "not-allowed");
        assert_eq!(rig.call("PUT", &path, &admin, good.clone()).await.status, StatusCode::OK);
        assert_eq!(rig.get(&path, &agent).await.json(), good);
        let answer = rig.call("PUT", &path, &admin, bad).await;
        assert_eq!(answer.json()["errors"][0]["field"], field, "{}", answer.text);
        assert_eq!(rig.get(&path, "").await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn queues_and_calls_are_exported_as_others_write_them() {
    let rig = Rig::new().await;
    rig.store.write_entries(&queued(7)).await.expect("writes");
    let (supervisor, agent) = (rig.token("supervisor").await, rig.token("2001").await);
    let log = rig.get("/api/exports/queue-log", &supervisor).await.text;
    let id = call(7);
    let expected = format!(
        "1763836201|{id}|sales|NONE|ENTERQUEUE||1001|2\n\
         1763836206|{id}|sales|2001|CONNECT|5||2\n\
         1763836227|{id}|sales|2001|COMPLETEAGENT|5|21|2\n"
    );
    assert_eq!(log, expected);
    let later = rig.get("/api/exports/queue-log?from=2025-11-22T18:30:05Z", &supervisor).await.text;
    assert_eq!(later.lines().count(), 2);
    let line = rig.get("/api/exports/cdr?format=asterisk", &supervisor).await.text;
    let part = "0000000000000007".chars().skip(8).collect::<String>();
    let expected = format!(
        "\"\",\"1001\",\"6000\",\"offhook\",\"\"\"Al \"\"A\"\"\"\" <1001>\",\"SIP/1001-{part}\",\
         \"SIP/2001-{part}\",\"Queue\",\"sales\",\"2025-11-22 18:30:00\",\"2025-11-22 18:30:01\",\
         \"2025-11-22 18:30:27\",27,26,\"ANSWERED\",\"DOCUMENTATION\",\"{id}\",\"\"\n"
    );
    assert_eq!(line, expected);
    let answer = rig.get("/api/exports/cdr?format=freeswitch", &supervisor).await;
    assert_eq!(answer.headers[header::CONTENT_TYPE], "text/csv; charset=utf-8; header=absent");
    assert_eq!(answer.text.trim_end().split("\",\"").count(), 15);
    assert!(answer.text.contains("\"NORMAL_CLEARING\",\"00000000-0000-0000-0000-000000000007\""));
    assert_eq!(rig.get("/api/exports/cdr?format=asterisk", &agent).await.problem(), "not-allowed");
    let unknown = rig.get("/api/exports/cdr?format=cisco", &supervisor).await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
}
