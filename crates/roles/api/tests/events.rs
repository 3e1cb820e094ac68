//! Events as they happen, by both ways in which they are followed.

mod rig;

use axum::body::Body;
use axum::http::StatusCode;
use futures_util::StreamExt;
use http_body_util::BodyExt;
use offhook_acd::Acd;
use offhook_bus::{EVENTS_MAX, Happening, LiveAgent};
use offhook_model::{
    AgentId, AgentStatus, CallRef, CallState, LiveCall, QueueId, QueueRecord, QueueStep,
};
use rig::Rig;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

const SOON: Duration = Duration::from_secs(5);

fn call(caller: &str) -> Happening {
    Happening::CallRinging(Box::new(LiveCall {
        call: CallRef::from_bits(1),
        caller: caller.into(),
        dialled: "6000".into(),
        answered_by: None,
        state: CallState::Ringing,
        started_at_ms: 1_000,
        answered_at_ms: None,
        recording: None,
        supervisors: Vec::new(),
    }))
}

fn joined() -> Happening {
    Happening::InQueue(Box::new(QueueRecord {
        id: "1".into(),
        at_ms: 1_000,
        call: Some(CallRef::from_bits(1)),
        entry: Some(1),
        queue: Some(QueueId("sales".into())),
        agent: None,
        step: QueueStep::Joined { number: "1001".into(), position: 1 },
    }))
}

/// The next event of a stream; what only shows that it lives is passed over.
async fn next(stream: &mut Body) -> Value {
    let mut text = String::new();
    loop {
        let frame = tokio::time::timeout(SOON, stream.frame()).await.expect("in time");
        let data = frame.expect("it goes on").expect("whole").into_data().expect("data");
        text.push_str(std::str::from_utf8(&data).expect("text"));
        if text.ends_with("\n\n") {
            let id = text.lines().find_map(|line| line.strip_prefix("id: "));
            let data = text.lines().find_map(|line| line.strip_prefix("data: "));
            let event: Value = serde_json::from_str(data.expect("data")).expect("JSON");
            assert_eq!(event["id"].as_str(), id, "the id is the cursor");
            return event;
        }
    }
}

#[tokio::test]
async fn events_come_in_their_envelope_and_go_on_where_they_ended() {
    let rig = Rig::new().await;
    let token = rig.token("supervisor").await;
    let mut stream = rig.open("/api/events", &token).await;
    rig.shared.events().publish(call("1001"), 1_763_836_200_125);
    rig.shared.events().publish(joined(), 2_000);
    let first = next(&mut stream).await;
    assert_eq!(first["specversion"], "1.0");
    assert_eq!((&first["type"], &first["source"]), (&json!("call.ringing"), &json!("/offhook")));
    assert_eq!(first["time"], "2025-11-22T18:30:00.125Z");
    assert_eq!(first["subject"], CallRef::from_bits(1).as_str());
    assert_eq!(first["data"]["caller"], "1001");
    assert_eq!(next(&mut stream).await["type"], "queue.joined");
    drop(stream);
    rig.shared.events().publish(call("1002"), 3_000);
    let cursor = first["id"].as_str().expect("an id");
    let mut stream = rig.open(&format!("/api/events?cursor={cursor}"), &token).await;
    let second = next(&mut stream).await;
    assert_eq!((&second["type"], &second["subject"]), (&json!("queue.joined"), &json!("sales")));
    assert_eq!(second["data"]["position"], 1);
    assert_eq!(next(&mut stream).await["data"]["caller"], "1002");
    let mut some =
        rig.open(&format!("/api/events?types=call.ringing&cursor={cursor}"), &token).await;
    assert_eq!(next(&mut some).await["data"]["caller"], "1002");
}

#[tokio::test]
async fn a_cursor_that_is_not_kept_any_more_is_gone() {
    let rig = Rig::new().await;
    let token = rig.token("supervisor").await;
    let begin = rig.shared.events().latest();
    for _ in 0..=EVENTS_MAX {
        rig.shared.events().publish(joined(), 1_000);
    }
    let answer = rig.get(&format!("/api/events?cursor={begin}"), &token).await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::GONE, "gone"));
    let answer = rig.get("/api/events?cursor=yesterday", &token).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let answer = rig.get("/api/events?types=call.rings", &token).await;
    assert!(answer.json()["detail"].as_str().expect("a detail").contains("call.ringing"));
    assert_eq!(rig.get("/api/events", "").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn agents_see_queues_agents_and_their_own_calls_only() {
    let rig = Rig::new().await;
    let mut stream = rig.open("/api/events", &rig.token("2001").await).await;
    rig.shared.events().publish(call("1001"), 1_000);
    rig.shared.events().publish(call("2001"), 1_000);
    rig.shared.events().publish(joined(), 1_000);
    assert_eq!(next(&mut stream).await["data"]["caller"], "2001");
    assert_eq!(next(&mut stream).await["type"], "queue.joined");
}

#[tokio::test]
async fn a_change_shows_the_agent_as_the_api_does() {
    let rig = Rig::new().await;
    let token = rig.token("2001").await;
    let mut stream = rig.open("/api/events", &token).await;
    let directory = rig.shared.directory();
    let mut acd = Acd::new(1);
    acd.configure(&directory.queues, &directory.agents, 1_000);
    let id = AgentId("2001".into());
    acd.set_reachable(&id, true, 1_000);
    acd.set_status(&id, AgentStatus::Away, Some("Lunch".into()), 1_000).expect("an agent");
    let view = acd.agent(&id).expect("an agent");
    rig.shared.centre().set_agent(LiveAgent { view, calls: Vec::new(), on_call: None });
    rig.shared.events().publish(Happening::AgentChanged(id), 1_000);
    rig.shared.events().publish(Happening::QueueChanged(QueueId("sales".into())), 1_000);
    let event = next(&mut stream).await;
    assert_eq!(event["type"], "agent.state_changed");
    assert_eq!(event["data"], rig.get("/api/agents/2001", &token).await.json());
    assert_eq!(event["data"]["reason"], "Lunch");
    let event = next(&mut stream).await;
    assert_eq!(event["type"], "queue.changed");
    assert_eq!(event["data"]["id"], "sales");
}

#[tokio::test]
async fn a_websocket_gets_the_same_and_other_sites_do_not() {
    let rig = Rig::new().await;
    let token = rig.token("supervisor").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let app = rig.app().into_make_service_with_connect_info::<SocketAddr>();
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let request = |origin: &str| {
        let mut request =
            format!("ws://{address}/api/events").into_client_request().expect("a request");
        let value = format!("offhook_session={token}").parse().expect("a value");
        request.headers_mut().insert("cookie", value);
        request.headers_mut().insert("origin", origin.parse().expect("a value"));
        request
    };
    let other = tokio_tungstenite::connect_async(request("http://evil.example")).await;
    assert!(other.expect_err("refused").to_string().contains("403"));
    let own = format!("http://{address}");
    let (mut socket, _) = tokio_tungstenite::connect_async(request(&own)).await.expect("opens");
    rig.shared.events().publish(call("1001"), 1_000);
    let event = loop {
        let message = tokio::time::timeout(SOON, socket.next()).await.expect("in time");
        let message = message.expect("it goes on").expect("whole");
        if let Ok(text) = message.to_text().map(str::to_owned)
            && message.is_text()
        {
            break serde_json::from_str::<Value>(&text).expect("JSON");
        }
    };
    assert_eq!(event["type"], "call.ringing");
    server.abort();
}
