//! What the description promises exists, and what does not exist is told as a problem.

mod rig;

use axum::http::{StatusCode, header};
use rig::Rig;
use serde_json::{Value, json};

#[tokio::test]
async fn every_described_endpoint_exists_and_describes_what_it_answers() {
    let rig = Rig::new().await;
    let token = rig.token("admin").await;
    let api = rig.get("/api/openapi.json", "").await.json();
    assert_eq!(
        (&api["info"]["title"], &api["info"]["version"]),
        (&json!("Offhook"), &json!("1.2.3"))
    );
    let mut seen = 0;
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation["operationId"] == "logout" {
                continue;
            }
            seen += 1;
            let path = path
                .replace("{id}", "x")
                .replace("{fork}", "y")
                .replace("{call}", "z")
                .replace("{number}", "9")
                .replace("{username}", "nobody");
            let body = if operation["requestBody"].is_object() { json!({}) } else { Value::Null };
            let answer = rig.call(&method.to_uppercase(), &path, &token, body).await;
            assert_ne!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            assert!(!answer.text.contains("no such endpoint"), "{method} {path}");
            let described = operation["responses"].as_object().unwrap();
            let status = answer.status.as_str();
            // A body that cannot be read is answered alike everywhere.
            assert!(described.contains_key(status) || status == "422", "{method} {path}: {status}");
            assert!(operation["summary"].is_string() && operation["operationId"].is_string());
        }
    }
    assert_eq!(seen, 100);
}

#[tokio::test]
async fn what_the_contract_names_is_described() {
    let rig = Rig::new().await;
    let api = rig.get("/api/openapi.json", "").await.json();
    let wanted = [
        ("/api/health", "get"),
        ("/api/health/live", "get"),
        ("/api/health/ready", "get"),
        ("/api/auth/login", "post"),
        ("/api/auth/logout", "post"),
        ("/api/auth/me", "get"),
        ("/api/session/guest", "post"),
        ("/api/session/sip", "get"),
        ("/api/calls/active", "get"),
        ("/api/calls/active/{id}", "delete"),
        ("/api/calls/active/{id}/recording", "post"),
        ("/api/calls/{id}/recording", "get"),
        ("/api/calls/active/{id}/fork", "post"),
        ("/api/calls/history", "get"),
        ("/api/calls/{id}", "get"),
        ("/api/registrations", "get"),
        ("/api/extensions", "post"),
        ("/api/extensions/{number}", "patch"),
        ("/api/ivr/menus", "get"),
        ("/api/ivr/menus/{id}", "patch"),
        ("/api/dashboard/stats", "get"),
        ("/api/system", "get"),
        ("/api/users/{username}", "delete"),
    ];
    for (path, method) in wanted {
        assert!(api["paths"][path][method].is_object(), "{method} {path}");
    }
    let schemes = &api["components"]["securitySchemes"];
    assert_eq!(
        (&schemes["token"]["scheme"], &schemes["cookie"]["in"]),
        (&json!("bearer"), &json!("cookie"))
    );
}

/// All `$ref`s of the description lead somewhere.
#[tokio::test]
async fn references_lead_somewhere() {
    let rig = Rig::new().await;
    let api = rig.get("/api/openapi.json", "").await.json();
    let mut references = Vec::new();
    collect(&api, &mut references);
    assert!(references.len() > 30);
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("within the description");
        assert!(api.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                into.push(reference.clone());
            }
            map.values().for_each(|inner| collect(inner, into));
        }
        Value::Array(list) => list.iter().for_each(|inner| collect(inner, into)),
        _ => {}
    }
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere_and_explains_every_problem() {
    let rig = Rig::new().await;
    let page = rig.get("/api/docs", "").await;
    assert!(page.headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/html"));
    for part in
        page.text.split("src=\"").chain(page.text.split("rel=\"stylesheet\" href=\"")).skip(1)
    {
        let target = part.split('"').next().unwrap();
        if target.starts_with("/api/docs/") {
            assert_eq!(rig.get(target, "").await.status, StatusCode::OK, "{target}");
        }
    }
    assert!(!page.text.contains("https://") && !page.text.contains("<script>"));
    let unknown = rig.get("/api/nothing/here", "").await;
    assert_eq!((unknown.status, unknown.problem().as_str()), (StatusCode::NOT_FOUND, "not-found"));
    for problem in [unknown.problem(), "rate-limited".into(), "wrong-password".into()] {
        assert!(page.text.contains(&format!("id=\"problem-{problem}\"")), "{problem}");
    }
    assert_eq!(
        rig.get("/api/docs/docs.js", "").await.headers[header::CONTENT_TYPE],
        "text/javascript"
    );
    assert_eq!(rig.get("/api/docs/docs.css", "").await.headers[header::CONTENT_TYPE], "text/css");
}

#[tokio::test]
async fn a_wrong_method_is_a_problem_that_lists_the_right_ones() {
    let rig = Rig::new().await;
    let answer = rig.call("PUT", "/api/auth/login", "", Value::Null).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed")
    );
    assert_eq!(answer.headers[header::ALLOW], "POST");
    assert_eq!(rig.get("/api", "").await.problem(), "not-found");
}
