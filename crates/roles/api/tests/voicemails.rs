//! Messages and mailboxes: whose they are, heard, changed and deleted.

mod rig;

use axum::http::StatusCode;
use offhook_model::{CallRef, LogEntry, Opened, VoicemailId, VoicemailRecord};
use rig::Rig;
use serde_json::{Value, json};

fn id(number: u32) -> VoicemailId {
    VoicemailId::new(&CallRef::from_bits(5), number)
}

impl Rig {
    /// Somebody has left a message.
    async fn leave(&self, number: u32, mailbox: &str) -> String {
        let id = id(number);
        let path = id.path(0);
        let file = self.folder.path().join("recordings").join(&path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("is made");
        std::fs::write(file, format!("RIFF {number}")).expect("is written");
        let record = VoicemailRecord {
            id: id.clone(),
            mailbox: mailbox.into(),
            call: CallRef::from_bits(5),
            number: "1002".into(),
            name: Some("Bo".into()),
            received_at_ms: u64::from(number) * 1_000,
            duration_s: 2.5,
            path,
        };
        let entry = LogEntry::Voicemail(Box::new(record));
        self.store.write_entries(&[entry.clone(), entry]).await.expect("writes");
        id.to_string()
    }

    async fn ids(&self, path: &str, token: &str) -> Vec<String> {
        let body = self.get(path, token).await.json();
        let items = body["items"].as_array().expect("a list");
        items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
    }
}

#[tokio::test]
async fn an_agent_has_the_messages_of_its_extension_and_queues_and_a_supervisor_all() {
    let rig = Rig::new().await;
    let (agent, supervisor) = (rig.token("2001").await, rig.token("supervisor").await);
    let own = rig.leave(1, "2001").await;
    let sales = rig.leave(2, "sales").await;
    let support = rig.leave(3, "support").await;
    let of = |ids: [&String; 2]| ids.map(String::clone).to_vec();
    assert_eq!(rig.ids("/api/voicemails", &agent).await, of([&sales, &own]));
    assert_eq!(rig.ids("/api/voicemails", &supervisor).await.len(), 3);
    assert_eq!(
        rig.ids("/api/voicemails?mailbox=support", &supervisor).await,
        std::slice::from_ref(&support)
    );
    let page = rig.get("/api/voicemails?limit=2", &supervisor).await.json();
    let next = format!("/api/voicemails?cursor={}", page["next_cursor"].as_str().expect("more"));
    assert_eq!(rig.ids(&next, &supervisor).await, std::slice::from_ref(&own));
    let view = rig.get(&format!("/api/voicemails/{own}"), &agent).await.json();
    assert_eq!(
        view,
        json!({
            "id": own, "mailbox": "2001", "call": CallRef::from_bits(5).as_str(), "number": "1002",
            "name": "Bo", "received_at": "1970-01-01T00:00:01Z", "duration_s": 2.5, "heard": false,
        })
    );
    let refused = rig.get("/api/voicemails?mailbox=support", &agent).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    for path in [format!("/api/voicemails/{support}"), format!("/api/voicemails/{support}/audio")] {
        assert_eq!(rig.get(&path, &agent).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(rig.get("/api/voicemails", "").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_message_is_heard_marked_and_deleted_with_its_file() {
    let rig = Rig::new().await;
    let agent = rig.token("2001").await;
    let id = rig.leave(1, "sales").await;
    let path = format!("/api/voicemails/{id}");
    let sound = rig.get(&format!("{path}/audio"), &agent).await;
    assert_eq!((sound.status, sound.text.as_str()), (StatusCode::OK, "RIFF 1"));
    let heard = rig.call("PATCH", &path, &agent, json!({"heard": true})).await;
    assert_eq!(heard.json()["heard"], true);
    assert!(rig.ids("/api/voicemails?heard=false", &agent).await.is_empty());
    let deleted = rig.call("DELETE", &path, &agent, Value::Null).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    let file = rig.folder.path().join("recordings").join(self::id(1).path(0));
    assert!(!file.exists());
    let again = rig.call("DELETE", &path, &agent, Value::Null).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_mailbox_is_changed_by_its_owner_and_opened_by_its_pin() {
    let rig = Rig::new().await;
    let (agent, supervisor) = (rig.token("2001").await, rig.token("supervisor").await);
    let change =
        json!({"pin": "4711", "greeting": "tts:Hello.", "email": "a@b.example", "notify": true});
    let changed = rig.call("PATCH", "/api/mailboxes/2001", &agent, change).await;
    let expected = json!({"mailbox": "2001", "has_pin": true, "greeting": "tts:Hello.",
        "email": "a@b.example", "notify": true});
    assert_eq!(changed.json(), expected);
    assert_eq!(rig.shared.directory().greetings["2001"], "tts:Hello.");
    let open = |pin: Option<&'static str>| rig.store.open_mailbox("2001", pin);
    assert_eq!(open(None).await.expect("a store"), Opened::PinWanted);
    assert_eq!(open(Some("4712")).await.expect("a store"), Opened::Wrong);
    assert_eq!(open(Some("4711")).await.expect("a store"), Opened::Messages(Vec::new()));
    rig.leave(1, "2001").await;
    assert_eq!(rig.store.mails_due(5_000, 9).await.expect("a store")[0].email, "a@b.example");
    let without = rig.call("PATCH", "/api/mailboxes/2001", &agent, json!({"pin": null})).await;
    assert_eq!(without.json()["has_pin"], false);
    assert_eq!(without.json()["greeting"], "tts:Hello.", "what is absent stays");
    let Opened::Messages(messages) = open(None).await.expect("a store") else { panic!("no PIN") };
    assert_eq!(messages.len(), 1);
    assert_eq!(open(Some("4711")).await.expect("a store"), Opened::Wrong, "no PIN, no way in");

    let pin = json!({"pin": "1234"});
    let refused = rig.call("PATCH", "/api/mailboxes/sales", &agent, pin.clone()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let done = rig.call("PATCH", "/api/mailboxes/sales", &supervisor, pin.clone()).await;
    assert_eq!(done.status, StatusCode::OK);
    let nowhere = rig.call("PATCH", "/api/mailboxes/4711", &supervisor, pin).await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    for (field, value) in [("pin", "12"), ("greeting", "recording:a.wav"), ("email", "nobody")] {
        let wrong = rig.call("PATCH", "/api/mailboxes/2001", &agent, json!({field: value})).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
    }
}
