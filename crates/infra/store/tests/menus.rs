//! Menus: they come back as they were put in.

mod rig;

use offhook_model::{Collect, Hours, Menu, MenuAction, Opening, QueueId, Target};
use offhook_store::{Store, StoreError};
use rig::Rig;

/// A menu in which every kind of action stands.
fn menu() -> Menu {
    let collect = Collect {
        prompt: "tts:Your number?".into(),
        variable: "customer".into(),
        digits_min: 2,
        digits_max: 4,
        webhook: "https://hooks.test/next".into(),
        otherwise: Target::HangUp,
    };
    let options = [
        ("1", MenuAction::GoTo(Target::Queue(QueueId("sales".into())))),
        ("12", MenuAction::Say("file:news".into())),
        ("3", MenuAction::DialExtension { prompt: None, digits_max: 4 }),
        ("4", MenuAction::Collect(collect)),
        ("*", MenuAction::Back),
        ("#", MenuAction::Repeat),
    ];
    let opening = Opening { days: vec![1, 2], from: "08:00".into(), until: "17:30".into() };
    Menu {
        id: "main".into(),
        display_name: "Main menu".into(),
        greeting: "tts:Welcome.".into(),
        timeout: Some("tone:400,100".into()),
        options: options.map(|(keys, action)| (keys.to_owned(), action)).into(),
        hours: Some(Hours {
            zone: "Europe/Berlin".into(),
            open: vec![opening],
            holidays: vec!["2026-12-25".into()],
            closed: Target::Play("tts:We are closed.".into()),
        }),
        ..Menu::default()
    }
}

#[tokio::test]
async fn a_menu_comes_back_as_it_was_put_in() {
    let rig = Rig::new().await;
    rig.store.create_menu(&menu()).await.unwrap();
    assert_eq!(rig.store.create_menu(&menu()).await, Err(StoreError::Taken("the menu")));
    let kept = rig.store.directory().await.unwrap().menus;
    assert_eq!(kept.into_iter().collect::<Vec<_>>(), [("main".to_owned(), menu())]);
    let mut changed = menu();
    changed.options.remove("12");
    changed.hours = None;
    rig.store.update_menu(&changed).await.unwrap();
    assert_eq!(rig.store.menus().await.unwrap()["main"], changed);
    rig.store.delete_menu("main").await.unwrap();
    assert!(rig.store.menus().await.unwrap().is_empty());
    rig.store.create_menu(&changed).await.unwrap();
    assert_eq!(rig.store.menus().await.unwrap()["main"], changed, "no option of before is left");
    let nobody = Menu { id: "nobody".into(), ..menu() };
    assert_eq!(rig.store.update_menu(&nobody).await, Err(StoreError::NotFound("menu")));
    assert_eq!(rig.store.delete_menu("nobody").await, Err(StoreError::NotFound("menu")));
}

#[tokio::test]
async fn a_menu_that_cannot_be_read_is_left_out() {
    let rig = Rig::new().await;
    let other = Menu { id: "other".into(), ..menu() };
    for menu in [menu(), other] {
        rig.store.create_menu(&menu).await.unwrap();
    }
    let Store::Sqlite(pool) = &rig.store;
    let broken = "UPDATE ivr_menu_options SET action = '{}' WHERE menu = 'main' AND keys = '1'";
    sqlx::query(broken).execute(pool).await.unwrap();
    let kept: Vec<_> = rig.store.menus().await.unwrap().into_keys().collect();
    assert_eq!(kept, ["other"]);
}
