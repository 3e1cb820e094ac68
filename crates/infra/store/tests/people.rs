//! Users, their sessions and their extensions.

mod rig;

use offhook_model::{Extension, Forwarding, RecordPolicy, Secret};
use offhook_store::{NewUser, Role, SESSIONS_PER_USER_MAX, Store, StoreError, UserChange};
use rig::Rig;

const FAR: u64 = 9_000_000_000_000;

fn user(name: &str, role: Role, extension: Option<&str>) -> NewUser {
    NewUser {
        username: name.into(),
        password: "correct horse".into(),
        role,
        extension: extension.map(str::to_owned),
    }
}

fn extension(number: &str) -> Extension {
    Extension {
        number: number.into(),
        display_name: "Alice".into(),
        secret: Secret::Ha1 { md5: [1; 16], sha256: [2; 32] },
        ring_timeout_s: 20,
        record: RecordPolicy::Inbound,
        forward: Forwarding::default(),
    }
}

async fn agents(store: &Store) -> Vec<(String, String)> {
    let Store::Sqlite(pool) = store;
    sqlx::query_as("SELECT username, extension FROM agents ORDER BY id")
        .fetch_all(pool)
        .await
        .expect("the test's own")
}

#[tokio::test]
async fn extensions_are_made_changed_and_removed() {
    let Rig { store, folder: _folder } = Rig::new().await;
    store.create_extension(&extension("1010")).await.unwrap();
    assert_eq!(store.extension("1010").await.unwrap(), Some(extension("1010")));
    assert_eq!(
        store.create_extension(&extension("1010")).await,
        Err(StoreError::Taken("the number"))
    );
    let changed = Extension { secret: Secret::Password("secret".into()), ..extension("1010") };
    store.update_extension(&changed).await.unwrap();
    assert_eq!(store.directory().await.unwrap().extensions["1010"], changed);
    store.delete_extension("1010").await.unwrap();
    assert_eq!(store.extension("1010").await.unwrap(), None);
    assert_eq!(store.delete_extension("1010").await, Err(StoreError::NotFound("extension")));
    assert_eq!(store.update_extension(&changed).await, Err(StoreError::NotFound("extension")));
}

#[tokio::test]
async fn a_number_serves_one_purpose() {
    let Rig { store, folder: _folder } = Rig::new().await;
    store.seed_demo().await.unwrap();
    assert_eq!(
        store.create_extension(&extension("9196")).await,
        Err(StoreError::Taken("the number"))
    );
}

#[tokio::test]
async fn extensions_come_in_pages() {
    let Rig { store, folder: _folder } = Rig::new().await;
    store.seed_demo().await.unwrap();
    let first = store.extensions(None, 5).await.unwrap();
    let numbers: Vec<_> = first.iter().map(|row| row.number.as_str()).collect();
    assert_eq!(numbers, ["1001", "1002", "1003", "1004", "1005"]);
    let rest = store.extensions(Some("1005"), 100).await.unwrap();
    assert_eq!(rest.first().map(|row| row.number.as_str()), Some("1006"));
    assert_eq!(rest.len(), 8);
}

#[tokio::test]
async fn an_agent_follows_user_and_extension() {
    let Rig { store, folder: _folder } = Rig::new().await;
    store.first_start().await.unwrap();
    store.create_extension(&extension("2001")).await.unwrap();
    let missing = store.create_user(&user("carol", Role::Agent, Some("2999"))).await;
    assert_eq!(missing, Err(StoreError::NotFound("extension")));
    store.create_user(&user("carol", Role::Agent, Some("2001"))).await.unwrap();
    assert_eq!(agents(&store).await, [("carol".to_owned(), "2001".to_owned())]);
    let promoted = UserChange { role: Some(Role::Supervisor), ..UserChange::default() };
    store.update_user("carol", &promoted).await.unwrap();
    assert_eq!(agents(&store).await, []);
    store.delete_extension("2001").await.unwrap();
    assert_eq!(store.user("carol").await.unwrap().unwrap().extension, None);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let Rig { store, folder: _folder } = Rig::new().await;
    store.create_user(&user("root", Role::Admin, None)).await.unwrap();
    assert_eq!(store.delete_user("root").await, Err(StoreError::LastAdministrator));
    let demoted = UserChange { role: Some(Role::Agent), ..UserChange::default() };
    assert_eq!(store.update_user("root", &demoted).await, Err(StoreError::LastAdministrator));
    store.create_user(&user("other", Role::Admin, None)).await.unwrap();
    store.delete_user("root").await.unwrap();
    assert_eq!(store.user("root").await.unwrap(), None);
}

#[tokio::test]
async fn a_session_ends_by_sign_out_time_and_another_password() {
    let Rig { store, folder: _folder } = Rig::new().await;
    store.create_user(&user("root", Role::Admin, None)).await.unwrap();
    let session = store.begin_session("root", FAR).await.unwrap();
    let found = store.session_user(&session.id).await.unwrap();
    assert_eq!(found.map(|user| user.username), Some("root".to_owned()));
    store.end_session(&session.id).await.unwrap();
    assert_eq!(store.session_user(&session.id).await.unwrap(), None);

    let over = store.begin_session("root", 1).await.unwrap();
    assert_eq!(store.session_user(&over.id).await.unwrap(), None);

    let session = store.begin_session("root", FAR).await.unwrap();
    let change = UserChange { password: Some("battery staple".into()), ..UserChange::default() };
    store.update_user("root", &change).await.unwrap();
    assert_eq!(store.session_user(&session.id).await.unwrap(), None);
    assert!(store.verify_login("root", "battery staple").await.unwrap().is_some());
    assert_eq!(store.verify_login("root", "correct horse").await.unwrap(), None);
    assert_eq!(store.begin_session("nobody", FAR).await, Err(StoreError::NotFound("user")));
}

#[tokio::test]
async fn sessions_are_limited_and_the_oldest_goes() {
    let Rig { store, folder: _folder } = Rig::new().await;
    store.create_user(&user("root", Role::Admin, None)).await.unwrap();
    let mut sessions = Vec::new();
    for _ in 0..SESSIONS_PER_USER_MAX + 5 {
        sessions.push(store.begin_session("root", FAR).await.unwrap());
    }
    let Store::Sqlite(pool) = &store;
    let kept: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sessions").fetch_one(pool).await.unwrap();
    assert_eq!(kept, i64::from(SESSIONS_PER_USER_MAX));
    let last = sessions.last().unwrap();
    assert!(store.session_user(&last.id).await.unwrap().is_some());
}

#[tokio::test]
async fn no_password_is_stored() {
    let rig = Rig::new().await;
    rig.store.create_user(&user("root", Role::Admin, None)).await.unwrap();
    rig.store.close().await;
    let bytes = std::fs::read(rig.path()).unwrap();
    assert!(!bytes.windows(13).any(|window| window == b"correct horse"));
    assert!(bytes.windows(10).any(|window| window == b"$argon2id$"));
}
