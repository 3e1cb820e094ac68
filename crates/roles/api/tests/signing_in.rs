//! Who may sign in, for how long, and what stops guessing.

mod rig;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use offhook_api::Config;
use rig::{HERE, Rig};
use serde_json::{Value, json};

#[tokio::test]
async fn a_token_says_who_is_signed_in() {
    let rig = Rig::new().await;
    let answer = rig.login("2001", "demo-2001").await;
    assert_eq!(answer.status, StatusCode::OK);
    let body = answer.json();
    assert_eq!(body["role"], "agent");
    assert!(body["expires_at"].as_str().unwrap().ends_with('Z'));
    let token = body["token"].as_str().unwrap();
    let me = rig.get("/api/auth/me", token).await.json();
    assert_eq!(me, json!({"username": "2001", "role": "agent", "extension": "2001"}));
}

#[tokio::test]
async fn the_cookie_is_as_good_as_the_token_and_scripts_cannot_read_it() {
    let rig = Rig::new().await;
    let answer = rig.login("admin", "demo-admin").await;
    let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let pair = cookie.split(';').next().unwrap();
    let with_cookie = |method: &str, path: &str, site: Option<&str>| {
        let mut request = Request::builder().method(method).uri(path).header(header::COOKIE, pair);
        if let Some(site) = site {
            request = request.header("sec-fetch-site", site);
        }
        request.body(Body::empty()).unwrap()
    };
    let me = rig.send(HERE, with_cookie("GET", "/api/auth/me", None)).await;
    assert_eq!(me.json()["username"], "admin");
    let foreign = rig.send(HERE, with_cookie("POST", "/api/auth/logout", Some("cross-site"))).await;
    assert_eq!(
        (foreign.status, foreign.problem().as_str()),
        (StatusCode::FORBIDDEN, "not-allowed")
    );
    let own = rig.send(HERE, with_cookie("POST", "/api/auth/logout", Some("same-origin"))).await;
    assert_eq!(own.status, StatusCode::NO_CONTENT);
    assert!(own.headers[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    let after = rig.send(HERE, with_cookie("GET", "/api/auth/me", None)).await;
    assert_eq!(after.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_is_good_for_nothing_after_signing_out() {
    let rig = Rig::new().await;
    let token = rig.token("admin").await;
    assert_eq!(
        rig.call("POST", "/api/auth/logout", &token, json!({})).await.status,
        StatusCode::NO_CONTENT
    );
    let after = rig.get("/api/auth/me", &token).await;
    assert_eq!(
        (after.status, after.problem().as_str()),
        (StatusCode::UNAUTHORIZED, "not-signed-in")
    );
    assert_eq!(after.headers[header::WWW_AUTHENTICATE], "Bearer");
}

#[tokio::test]
async fn a_sign_in_ends_by_itself() {
    let rig = Rig::with(Config { login_lifetime_s: 0, ..Config::default() }).await;
    let token = rig.token("admin").await;
    assert_eq!(rig.get("/api/auth/me", &token).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_wrong_name_looks_like_a_wrong_password() {
    let rig = Rig::new().await;
    let wrong_password = rig.login("admin", "wrong").await;
    let wrong_name = rig.login("nobody", "wrong").await;
    assert_eq!(wrong_password.problem(), "wrong-password");
    assert_eq!(wrong_password.text, wrong_name.text);
    assert_eq!(wrong_name.status, StatusCode::UNAUTHORIZED);
    let endless = rig.login("admin", &"x".repeat(10_000)).await;
    assert_eq!(endless.problem(), "wrong-password");
}

#[tokio::test]
async fn guessing_is_throttled_by_address() {
    let rig = Rig::with(Config { login_failures_max: 3, ..Config::default() }).await;
    let guess = |from: &'static str, password: &'static str| {
        let body = json!({"username": "admin", "password": password}).to_string();
        let request =
            Request::post("/api/auth/login").header(header::CONTENT_TYPE, "application/json");
        rig.send(from, request.body(Body::from(body)).unwrap())
    };
    for _ in 0..3 {
        assert_eq!(guess("203.0.113.9:1", "wrong").await.status, StatusCode::UNAUTHORIZED);
    }
    let refused = guess("203.0.113.9:2", "demo-admin").await;
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (StatusCode::TOO_MANY_REQUESTS, "rate-limited")
    );
    let wait: u64 = refused.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(guess("198.51.100.1:1", "demo-admin").await.status, StatusCode::OK);
}

#[tokio::test]
async fn right_passwords_are_not_counted() {
    let rig = Rig::with(Config { login_failures_max: 2, ..Config::default() }).await;
    for _ in 0..6 {
        assert_eq!(rig.login("admin", "demo-admin").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn what_is_not_a_login_is_told_why() {
    let rig = Rig::new().await;
    let missing = rig.call("POST", "/api/auth/login", "", json!({"username": "admin"})).await;
    assert_eq!(
        (missing.status, missing.problem().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "invalid-field")
    );
    assert!(missing.text.contains("password"), "{}", missing.text);
    let unknown = json!({"username": "admin", "password": "x", "passwort": "y"});
    let unknown = rig.call("POST", "/api/auth/login", "", unknown).await;
    assert!(unknown.text.contains("passwort"), "{}", unknown.text);
    let request = Request::post("/api/auth/login").header(header::CONTENT_TYPE, "application/json");
    let broken = rig.send(HERE, request.body(Body::from("{\"username\": ")).unwrap()).await;
    assert_eq!(
        (broken.status, broken.problem().as_str()),
        (StatusCode::BAD_REQUEST, "invalid-request")
    );
    let no_type = Request::post("/api/auth/login").body(Body::from("{}")).unwrap();
    assert_eq!(rig.send(HERE, no_type).await.problem(), "invalid-request");
}

#[tokio::test]
async fn forged_tokens_open_nothing() {
    let rig = Rig::new().await;
    let token = rig.token("2001").await;
    let (head, signature) = token.rsplit_once('.').unwrap();
    for forged in [format!("{head}."), format!("{head}.AAAA{}", &signature[4..]), "x".to_owned()] {
        assert_eq!(
            rig.get("/api/auth/me", &forged).await.status,
            StatusCode::UNAUTHORIZED,
            "{forged}"
        );
    }
    assert_eq!(
        rig.call("GET", "/api/auth/me", "", Value::Null).await.status,
        StatusCode::UNAUTHORIZED
    );
}
