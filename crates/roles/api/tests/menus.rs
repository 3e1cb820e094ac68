//! Menus: who sees and changes them, what is refused and how it is named.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod rig;

use axum::http::{StatusCode, header};
use offhook_model::{Menu, MenuAction, Queue, QueueId, Target};
use rig::Rig;
use serde_json::{Value, json};

const MENUS: &str = "/api/ivr/menus";

fn menu(id: &str) -> Value {
    json!({
        "id": id,
        "greeting": "tone:600,200",
        "options": {
            "1": {"action": "go_to", "parameters": {"kind": "extension", "to": "1001"}},
            "2": {"action": "say", "parameters": "tts:Hello."},
            "*": {"action": "back"},
        },
    })
}

#[tokio::test]
async fn a_menu_lives_and_dies_and_calls_follow() {
    let rig = Rig::new().await;
    let token = rig.token("admin").await;
    let made = rig.call("POST", MENUS, &token, menu("test")).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(made.headers[header::LOCATION], "/api/ivr/menus/test");
    let known = || rig.shared.directory().menus["test"].clone();
    assert_eq!((known().display_name.as_str(), known().timeout_ms), ("test", 5_000));
    assert_eq!(known().options["2"], MenuAction::Say("tts:Hello.".into()));
    let shown = rig.get("/api/ivr/menus/test", &token).await.json();
    assert_eq!(shown, made.json());

    let change = json!({"timeout_ms": 700, "options": {
        "2": {"action": "repeat"}, "*": null,
        "3": {"action": "go_to", "parameters": {"kind": "menu", "to": "info"}},
    }});
    let changed = rig.call("PATCH", "/api/ivr/menus/test", &token, change).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    assert_eq!((known().timeout_ms, known().greeting.as_str()), (700, "tone:600,200"));
    assert_eq!(known().options.keys().collect::<Vec<_>>(), ["1", "2", "3"]);
    assert_eq!(known().options["2"], MenuAction::Repeat);

    let replaced = rig.call("PUT", "/api/ivr/menus/test", &token, menu("")).await;
    assert_eq!(replaced.status, StatusCode::OK, "{}", replaced.text);
    assert_eq!((known().timeout_ms, known().options.len()), (5_000, 3));

    let gone = rig.call("DELETE", "/api/ivr/menus/test", &token, Value::Null).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert!(!rig.shared.directory().menus.contains_key("test"));
    for method in ["GET", "DELETE"] {
        let answer = rig.call(method, "/api/ivr/menus/test", &token, Value::Null).await;
        assert_eq!(answer.problem(), "not-found");
    }
    let nobody = rig.call("PUT", "/api/ivr/menus/test", &token, menu("test")).await;
    assert_eq!(nobody.problem(), "not-found");
}

/// The fields that a refusal names.
async fn named(rig: &Rig, token: &str, change: Value) -> Vec<String> {
    let mut body = menu("test");
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    let answer = rig.call("POST", MENUS, token, body).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "invalid-field"),
        "{change}"
    );
    let body = answer.json();
    let errors = body["errors"].as_array().into_iter().flatten();
    errors.map(|error| error["field"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_is_wrong_is_named_by_its_field() {
    let rig = Rig::new().await;
    let token = rig.token("admin").await;
    let option =
        |target: Value| json!({"options": {"3": {"action": "go_to", "parameters": target}}});
    for target in [
        json!({"kind": "menu", "to": "nothing"}),
        json!({"kind": "queue", "to": "nothing"}),
        json!({"kind": "extension", "to": "4711"}),
        json!({"kind": "menu", "to": "test"}),
    ] {
        let fields = named(&rig, &token, option(target)).await;
        assert_eq!(fields, ["options.3.parameters.to"]);
    }
    let circle = json!({"failure": {"kind": "menu", "to": "test"}});
    assert_eq!(named(&rig, &token, circle).await, ["failure.to"]);
    let all = json!({"id": "Te st", "greeting": "hello", "timeout_ms": 1, "display_name": "a\"b",
        "options": {"A": {"action": "repeat"}}});
    let fields = ["display_name", "id", "greeting", "timeout_ms", "options.A"];
    assert_eq!(named(&rig, &token, all).await, fields);
    let answer = rig.call("POST", MENUS, &token, json!({"id": "x", "greting": "tts:Hi."})).await;
    assert!(answer.text.contains("greting") && answer.text.contains("greeting"), "{}", answer.text);
    let unknown = json!({"id": "x", "options": {"3": {"action": "dance"}}});
    let answer = rig.call("POST", MENUS, &token, unknown).await;
    assert!(answer.text.contains("options.3") && answer.text.contains("dance"), "{}", answer.text);
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!rig.shared.directory().menus.contains_key("test"));
}

#[tokio::test]
async fn a_circle_of_several_menus_is_refused_when_it_is_closed() {
    let rig = Rig::new().await;
    let token = rig.token("admin").await;
    rig.call("POST", MENUS, &token, menu("one")).await;
    let mut two = menu("two");
    two["failure"] = json!({"kind": "menu", "to": "one"});
    assert_eq!(rig.call("POST", MENUS, &token, two).await.status, StatusCode::CREATED);
    let change = json!({"failure": {"kind": "menu", "to": "two"}});
    let answer = rig.call("PATCH", "/api/ivr/menus/one", &token, change).await;
    assert_eq!(answer.json()["errors"][0]["field"], "failure.to");
    let change = json!({"id": "other"});
    let answer = rig.call("PATCH", "/api/ivr/menus/one", &token, change).await;
    assert_eq!(answer.json()["errors"][0]["field"], "id");
}

#[tokio::test]
async fn a_menu_to_which_something_leads_stays() {
    let rig = Rig::new().await;
    let token = rig.token("admin").await;
    for (id, by) in [("main", "the number 9999"), ("info", "options.3.parameters of the menu main")]
    {
        let path = format!("{MENUS}/{id}");
        let answer = rig.call("DELETE", &path, &token, Value::Null).await;
        assert_eq!(answer.problem(), "conflict");
        assert!(answer.text.contains(by), "{}", answer.text);
    }
    let taken = rig.call("POST", MENUS, &token, menu("info")).await;
    assert_eq!(taken.problem(), "conflict");
}

#[tokio::test]
async fn supervisors_read_and_agents_do_not() {
    let rig = Rig::new().await;
    let supervisor = rig.token("supervisor").await;
    let first = rig.get("/api/ivr/menus?limit=1", &supervisor).await.json();
    assert_eq!((&first["items"][0]["id"], &first["next_cursor"]), (&json!("info"), &json!("info")));
    let rest = rig.get("/api/ivr/menus?cursor=info", &supervisor).await.json();
    assert_eq!((&rest["items"][0]["id"], &rest["next_cursor"]), (&json!("main"), &Value::Null));
    assert_eq!(rig.get("/api/ivr/menus/main", &supervisor).await.status, StatusCode::OK);
    for (method, path) in
        [("POST", MENUS), ("PUT", "/api/ivr/menus/main"), ("DELETE", "/api/ivr/menus/info")]
    {
        let body = if method == "DELETE" { Value::Null } else { menu("main") };
        let answer = rig.call(method, path, &supervisor, body).await;
        assert_eq!(answer.problem(), "not-allowed", "{method}");
    }
    let agent = rig.token("2001").await;
    assert_eq!(rig.get(MENUS, &agent).await.problem(), "not-allowed");
}

/// The description's types are written beside the model's: they have the same fields and the same words.
#[tokio::test]
async fn the_description_is_that_of_the_model() {
    let rig = Rig::new().await;
    let api = rig.get("/api/openapi.json", "").await.json();
    let schema = |name: &str| api["components"]["schemas"][name].clone();
    let names = |value: &Value| -> Vec<String> {
        let mut names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    let model = serde_json::to_value(Menu::default()).unwrap();
    assert_eq!(names(&schema("Menu")["properties"]), names(&model));
    let words = |schema: Value, tag: &str| -> Vec<String> {
        let variants = schema["oneOf"].as_array().unwrap().clone();
        let word =
            |variant: Value| variant["properties"][tag]["enum"][0].as_str().map(str::to_owned);
        variants.into_iter().filter_map(word).collect()
    };
    let targets = [
        Target::Queue(QueueId("x".into())),
        Target::Menu("x".into()),
        Target::Extension("x".into()),
        Target::Number("x".into()),
        Target::Room("x".into()),
        Target::Voicemail("x".into()),
        Target::Play("x".into()),
        Target::HangUp,
    ];
    let kinds = targets.map(|target| serde_json::to_value(target).unwrap()["kind"].clone());
    assert_eq!(json!(words(schema("Target"), "kind")), json!(kinds));
    let actions = ["go_to", "say", "back", "repeat", "dial_extension", "collect"];
    assert_eq!(words(schema("MenuAction"), "action"), actions);
    // A queue may be named once there is one.
    assert_eq!(Queue::new("x").id, QueueId("x".into()));
}
