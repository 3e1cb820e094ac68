//! Extensions, users, registrations, and who may see and change them.

mod rig;

use axum::http::{StatusCode, header};
use offhook_model::{Aor, Binding, Secret, Transport};
use rig::Rig;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

fn binding(contact: &str, expires_in_s: i64) -> Binding {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    Binding {
        contact: contact.into(),
        route: "<sip:token@edge;lr>".into(),
        transport: Transport::Wss,
        source: "192.0.2.7:5060".into(),
        q_thousandths: 500,
        expires_at: now.saturating_add_signed(expires_in_s),
        instance: Some("urn:uuid:1".into()),
        reg_id: None,
        call_id: "c".into(),
        cseq: 1,
        user_agent: Some("Phone/1".into()),
    }
}

#[tokio::test]
async fn an_extension_lives_and_dies_and_routing_follows() {
    let rig = Rig::new().await;
    let token = rig.token("admin").await;
    let new = json!({"number": "1010", "display_name": "Žofie", "ring_timeout_s": 45});
    let made = rig.call("POST", "/api/extensions", &token, new).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(made.headers[header::LOCATION], "/api/extensions/1010");
    let password = made.json()["sip_password"].as_str().unwrap().to_owned();
    assert!(password.len() >= 16);
    let known = rig.shared.directory().extensions["1010"].clone();
    assert_eq!((known.secret, known.ring_timeout_s), (Secret::Password(password), 45));

    let change = json!({"sip_password": "another one", "ring_timeout_s": 10});
    let changed = rig.call("PATCH", "/api/extensions/1010", &token, change).await;
    assert_eq!(changed.status, StatusCode::OK);
    let nowhere = json!({"do_not_disturb": false, "always": null, "busy": null, "no_answer": null});
    let expected = json!({"number": "1010", "display_name": "Žofie", "ring_timeout_s": 10, "record": "none",
        "forward": nowhere, "registered_devices": 0});
    assert_eq!(changed.json(), expected);
    assert_eq!(rig.get("/api/extensions/1010", &token).await.json(), expected);
    let known = rig.shared.directory().extensions["1010"].clone();
    assert_eq!(known.secret, Secret::Password("another one".into()));

    let aor = Aor::new("1010", "offhook.local").unwrap();
    rig.shared.set_bindings(&aor, vec![binding("sip:1010@x.invalid", 60)]);
    let renamed = json!({"display_name": "Sofie"});
    let renamed = rig.call("PATCH", "/api/extensions/1010", &token, renamed).await;
    assert_eq!(renamed.json()["registered_devices"], 1);
    let rekeyed = json!({"sip_password": "a third one"});
    let rekeyed = rig.call("PATCH", "/api/extensions/1010", &token, rekeyed).await;
    assert_eq!(rekeyed.json()["registered_devices"], 0);
    assert_eq!(rig.shared.bindings(&aor), [], "they were made with the old password");

    rig.shared.set_bindings(&aor, vec![binding("sip:1010@x.invalid", 60)]);
    let gone = rig.call("DELETE", "/api/extensions/1010", &token, Value::Null).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert!(!rig.shared.directory().extensions.contains_key("1010"));
    assert_eq!(rig.shared.bindings(&aor), []);
    assert_eq!(rig.get("/api/extensions/1010", &token).await.problem(), "not-found");
    let again = rig.call("DELETE", "/api/extensions/1010", &token, Value::Null).await;
    assert_eq!(again.problem(), "not-found");
}

#[tokio::test]
async fn passwords_are_not_shown() {
    let rig = Rig::new().await;
    let token = rig.token("admin").await;
    for path in
        ["/api/extensions?limit=100", "/api/extensions/1001", "/api/users", "/api/users/2001"]
    {
        let answer = rig.get(path, &token).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(
            !answer.text.contains("demo-") && !answer.text.contains("argon2"),
            "{}",
            answer.text
        );
    }
    let chosen = json!({"number": "1011", "sip_password": "chosen by me"});
    let made = rig.call("POST", "/api/extensions", &token, chosen).await;
    assert_eq!(made.json()["sip_password"], Value::Null);
}

#[tokio::test]
async fn wrong_values_are_named_all_at_once() {
    let rig = Rig::new().await;
    let token = rig.token("admin").await;
    let wrong = json!({"number": "10x", "display_name": "a\"b", "sip_password": "short", "ring_timeout_s": 1});
    let answer = rig.call("POST", "/api/extensions", &token, wrong).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "invalid-field")
    );
    let body = answer.json();
    let fields: Vec<_> =
        body["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["number", "display_name", "sip_password", "ring_timeout_s"]);
    for taken in ["1001", "9196"] {
        let answer = rig.call("POST", "/api/extensions", &token, json!({"number": taken})).await;
        assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::CONFLICT, "conflict"));
    }
    let huge = json!({"number": "1012", "display_name": "x".repeat(100_000)});
    let answer = rig.call("POST", "/api/extensions", &token, huge).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::PAYLOAD_TOO_LARGE, "too-large")
    );
}

#[tokio::test]
async fn extensions_come_in_pages() {
    let rig = Rig::new().await;
    let token = rig.token("supervisor").await;
    let mut numbers = Vec::new();
    let mut path = "/api/extensions?limit=5".to_owned();
    loop {
        let body = rig.get(&path, &token).await.json();
        let items = body["items"].as_array().unwrap();
        numbers.extend(items.iter().map(|item| item["number"].as_str().unwrap().to_owned()));
        let Some(cursor) = body["next_cursor"].as_str() else { break };
        path = format!("/api/extensions?limit=5&cursor={cursor}");
    }
    assert_eq!(numbers.len(), 13);
    assert_eq!((numbers[0].as_str(), numbers[12].as_str()), ("1001", "2004"));
}

#[tokio::test]
async fn a_user_lives_and_dies() {
    let rig = Rig::new().await;
    let token = rig.token("admin").await;
    let new = json!({"username": "carol", "password": "correct horse", "role": "agent", "extension": "1001"});
    let made = rig.call("POST", "/api/users", &token, new).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(made.json()["role"], "agent");
    let carol =
        rig.login("carol", "correct horse").await.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(rig.get("/api/session/sip", &carol).await.json()["username"], "1001");

    let change = json!({"role": "supervisor", "extension": null});
    let changed = rig.call("PATCH", "/api/users/carol", &token, change).await.json();
    assert_eq!((&changed["role"], &changed["extension"]), (&json!("supervisor"), &Value::Null));
    assert_eq!(rig.get("/api/auth/me", &carol).await.status, StatusCode::UNAUTHORIZED);
    let unchanged = rig.call("PATCH", "/api/users/carol", &token, json!({})).await.json();
    assert_eq!(unchanged["role"], "supervisor");

    let gone = rig.call("DELETE", "/api/users/carol", &token, Value::Null).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.get("/api/users/carol", &token).await.problem(), "not-found");
    assert_eq!(rig.login("carol", "correct horse").await.problem(), "wrong-password");
}

#[tokio::test]
async fn users_that_cannot_be_are_refused() {
    let rig = Rig::new().await;
    let token = rig.token("admin").await;
    let user = |name: &str, role: &str, extension: Value| json!({"username": name, "password": "correct horse", "role": role, "extension": extension});
    let cases = [
        (user("admin", "admin", Value::Null), "conflict"),
        (user("a b", "admin", Value::Null), "invalid-field"),
        (user("dave", "boss", Value::Null), "invalid-field"),
        (user("dave", "agent", json!("4711")), "invalid-field"),
        (json!({"username": "dave", "password": "short", "role": "agent"}), "invalid-field"),
    ];
    for (body, problem) in cases {
        assert_eq!(
            rig.call("POST", "/api/users", &token, body.clone()).await.problem(),
            problem,
            "{body}"
        );
    }
    let last = rig.call("DELETE", "/api/users/admin", &token, Value::Null).await;
    assert_eq!((last.status, last.problem().as_str()), (StatusCode::CONFLICT, "conflict"));
    let demoted = rig.call("PATCH", "/api/users/admin", &token, json!({"role": "agent"})).await;
    assert_eq!(demoted.problem(), "conflict");
    assert_eq!(rig.get("/api/auth/me", &token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn registrations_that_ended_are_not_shown() {
    let rig = Rig::new().await;
    let token = rig.token("supervisor").await;
    let aor = Aor::new("1001", "offhook.local").unwrap();
    let bindings = vec![binding("sip:1001@a.invalid", 60), binding("sip:1001@b.invalid", -1)];
    rig.shared.set_bindings(&aor, bindings);
    let body = rig.get("/api/registrations", &token).await.json();
    let items = body["items"].as_array().unwrap();
    assert_eq!(items.len(), 1);
    let row = &items[0];
    assert_eq!(
        (&row["aor"], &row["contact"]),
        (&json!("1001@offhook.local"), &json!("sip:1001@a.invalid"))
    );
    assert_eq!((&row["transport"], &row["q"]), (&json!("wss"), &json!(0.5)));
    assert_eq!((&row["source"], &row["user_agent"]), (&json!("192.0.2.7:5060"), &json!("Phone/1")));
    assert_eq!(rig.get("/api/extensions/1001", &token).await.json()["registered_devices"], 1);
    assert_eq!(rig.get("/api/dashboard/stats", &token).await.json()["registrations"], 1);
}

#[tokio::test]
async fn roles_decide_who_may() {
    let rig = Rig::new().await;
    let tokens = [rig.token("2001").await, rig.token("supervisor").await, rig.token("admin").await];
    // The least role that may: 0 agent, 1 supervisor, 2 administrator.
    let requests = [
        ("GET", "/api/auth/me", 0),
        ("GET", "/api/calls/active", 1),
        ("DELETE", "/api/calls/active/x", 1),
        ("GET", "/api/calls/history", 1),
        ("GET", "/api/calls/x", 0),
        ("GET", "/api/agents", 0),
        ("POST", "/api/agents", 2),
        ("GET", "/api/queues", 0),
        ("PATCH", "/api/queues/sales", 2),
        ("DELETE", "/api/queues/nowhere", 2),
        ("GET", "/api/registrations", 1),
        ("GET", "/api/extensions", 1),
        ("GET", "/api/extensions/1001", 1),
        ("POST", "/api/extensions", 2),
        ("PATCH", "/api/extensions/1001", 2),
        ("DELETE", "/api/extensions/9", 2),
        ("GET", "/api/dashboard/stats", 1),
        ("GET", "/api/system", 1),
        ("GET", "/api/users", 2),
        ("GET", "/api/users/admin", 2),
        ("POST", "/api/users", 2),
        ("PATCH", "/api/users/2001", 2),
        ("DELETE", "/api/users/nobody", 2),
    ];
    for (method, path, least) in requests {
        let body = match (method, path) {
            ("POST", "/api/extensions") => json!({"number": "x"}),
            ("POST", "/api/agents") => json!({"username": "a b", "extension": "1001"}),
            ("POST", _) => json!({"username": "a b", "password": "x", "role": "agent"}),
            ("PATCH", _) => json!({}),
            _ => Value::Null,
        };
        assert_eq!(
            rig.call(method, path, "", body.clone()).await.problem(),
            "not-signed-in",
            "{path}"
        );
        for (role, token) in tokens.iter().enumerate() {
            let status = rig.call(method, path, token, body.clone()).await.status;
            assert_eq!(
                status == StatusCode::FORBIDDEN,
                role < least,
                "{method} {path} by {role}: {status}"
            );
        }
    }
}
