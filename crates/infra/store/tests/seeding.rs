//! The first start, and the demo's data.

mod rig;

use offhook_model::{ConferenceSettings, QueueId, Secret, Service, Target};
use offhook_store::{Role, Store};
use rig::Rig;

async fn hashes(store: &Store) -> Vec<String> {
    let Store::Sqlite(pool) = store;
    let all = "SELECT password_hash FROM users ORDER BY username";
    sqlx::query_scalar(all).fetch_all(pool).await.expect("the test's own")
}

#[tokio::test]
async fn the_demo_has_what_its_documents_say() {
    let rig = Rig::new().await;
    rig.store.seed_demo().await.unwrap();
    let directory = rig.store.directory().await.unwrap();
    assert_eq!(directory.domain, "offhook.local");
    let numbers: Vec<_> = directory.extensions.keys().map(String::as_str).collect();
    let expected = [
        "1001", "1002", "1003", "1004", "1005", "1006", "1007", "1008", "1009", "2001", "2002",
        "2003", "2004",
    ];
    assert_eq!(numbers, expected);
    assert_eq!(directory.extensions["1003"].secret, Secret::Password("demo-1003".into()));
    assert_eq!(directory.services["9196"], Service::Echo { delay_ms: 0 });
    assert_eq!(directory.services["9195"], Service::Echo { delay_ms: 2000 });
    assert!(
        matches!(&directory.services["6000"], Service::GoTo { target, .. } if *target == Target::Queue(QueueId("reception".into())))
    );
    assert_eq!(directory.services["3042"], Service::Conference(ConferenceSettings::default()));
    assert!(
        matches!(&directory.services["9999"], Service::GoTo { target, .. } if *target == Target::Menu("main".into()))
    );
    let keys: Vec<_> = directory.menus["main"].options.keys().map(String::as_str).collect();
    assert_eq!(keys, ["#", "0", "1", "2", "3", "4"]);
    let keys: Vec<_> = directory.menus["info"].options.keys().map(String::as_str).collect();
    assert_eq!(keys, ["*", "1", "2"]);
    let serve = |queue: &str| directory.queues[&QueueId(queue.into())].tiers.len();
    assert_eq!(["reception", "sales", "support"].map(serve), [4, 2, 2]);
    for number in ["6000", "9999", "5551234", "3042", "9195", "9196", "9197", "9664"] {
        assert!(directory.guest_policy.allows(number), "{number}");
    }
    assert!(!directory.guest_policy.allows("1001"));
}

#[tokio::test]
async fn the_demos_people_can_sign_in() {
    let rig = Rig::new().await;
    rig.store.seed_demo().await.unwrap();
    let people = [
        ("admin", "demo-admin", Role::Admin, None),
        ("supervisor", "demo-supervisor", Role::Supervisor, Some("1009")),
        ("2003", "demo-2003", Role::Agent, Some("2003")),
    ];
    for (name, password, role, extension) in people {
        let user = rig.store.verify_login(name, password).await.unwrap().expect("signs in");
        assert_eq!((user.role, user.extension.as_deref()), (role, extension));
    }
    assert_eq!(rig.store.verify_login("admin", "demo-2003").await.unwrap(), None);
    assert_eq!(rig.store.verify_login("nobody", "demo-admin").await.unwrap(), None);
    let Store::Sqlite(pool) = &rig.store;
    let agents: Vec<(String, String, String)> =
        sqlx::query_as("SELECT username, extension, status FROM agents ORDER BY id")
            .fetch_all(pool)
            .await
            .unwrap();
    let expected: Vec<_> = ["2001", "2002", "2003", "2004"]
        .map(|number| (number.to_owned(), number.to_owned(), "online".to_owned()))
        .into();
    assert_eq!(agents, expected);
}

#[tokio::test]
async fn a_second_seeding_changes_nothing_and_brings_nothing_back() {
    let rig = Rig::new().await;
    rig.store.seed_demo().await.unwrap();
    rig.store.delete_extension("1009").await.unwrap();
    let before = hashes(&rig.store).await;
    rig.store.close().await;
    let store = Store::open(&rig.path()).await.unwrap();
    store.seed_demo().await.unwrap();
    let directory = store.directory().await.unwrap();
    assert_eq!(hashes(&store).await, before, "a start must not hash passwords anew");
    assert!(!directory.extensions.contains_key("1009"));
}

#[tokio::test]
async fn seeding_keeps_what_was_there() {
    let rig = Rig::new().await;
    let administrator = rig.store.first_start().await.unwrap().expect("a first start");
    rig.store.seed_demo().await.unwrap();
    let user = rig.store.verify_login("admin", &administrator.password).await.unwrap();
    assert_eq!(user.map(|user| user.role), Some(Role::Admin));
    assert_eq!(rig.store.verify_login("admin", "demo-admin").await.unwrap(), None);
}

#[tokio::test]
async fn the_administrators_password_is_told_once() {
    let rig = Rig::new().await;
    let administrator = rig.store.first_start().await.unwrap().expect("a first start");
    assert!(administrator.password.len() >= 16);
    assert!(rig.store.first_start().await.unwrap().is_none());
    let login =
        rig.store.verify_login(&administrator.username, &administrator.password).await.unwrap();
    assert_eq!(login.map(|user| user.role), Some(Role::Admin));
    assert!(rig.store.directory().await.unwrap().extensions.is_empty());
}
