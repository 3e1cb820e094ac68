//! Conferences in progress are shown and governed by order.

mod rig;

use axum::http::StatusCode;
use offhook_bus::{ConferenceOrder, RecordingOrder, SwitchOrder};
use offhook_model::{CallRef, LegId, LiveConference, LiveMember, LiveRecording, RecordingForm};
use rig::Rig;
use serde_json::{Value, json};

fn live(recording: Option<LiveRecording>) -> LiveConference {
    LiveConference {
        number: "3000".into(),
        is_locked: true,
        recording,
        members: vec![LiveMember {
            leg: LegId(65_536),
            call: CallRef::from_bits(5),
            number: "1001".into(),
            is_moderator: true,
            is_muted: false,
            is_deaf: true,
            is_speaking: true,
            is_waiting: false,
        }],
    }
}

#[tokio::test]
async fn a_conference_is_shown_with_its_members() {
    let rig = Rig::new().await;
    let token = rig.token("supervisor").await;
    assert_eq!(rig.get("/api/conferences", &token).await.json(), json!({"items": []}));
    rig.shared.set_live_conference(live(Some(LiveRecording::Running)));
    let member = json!({
        "leg": "65536", "call": CallRef::from_bits(5).as_str(), "number": "1001",
        "moderator": true, "muted": false, "deaf": true, "speaking": true, "waiting": false,
    });
    let shown = json!({
        "number": "3000", "locked": true, "recording": "running", "members": [member],
    });
    assert_eq!(rig.get("/api/conferences", &token).await.json()["items"], json!([shown]));
    rig.shared.set_live_conference(LiveConference { members: Vec::new(), ..live(None) });
    assert_eq!(rig.get("/api/conferences", &token).await.json(), json!({"items": []}));
}

#[tokio::test]
async fn a_supervisor_governs_a_conference() {
    let mut rig = Rig::new().await;
    let token = rig.token("supervisor").await;
    let leg = LegId(65_536);
    let start = RecordingOrder::Start(RecordingForm::default());
    let prompts = vec!["tts:Hello.".to_owned()];
    let play = json!({"prompts": prompts});
    for (method, path, body, order) in [
        ("POST", "/members/65536/mute", Value::Null, ConferenceOrder::Mute(leg, true)),
        ("POST", "/members/65536/unmute", Value::Null, ConferenceOrder::Mute(leg, false)),
        ("POST", "/members/65536/deaf", Value::Null, ConferenceOrder::Deafen(leg, true)),
        ("POST", "/members/65536/undeaf", Value::Null, ConferenceOrder::Deafen(leg, false)),
        ("POST", "/members/65536/kick", Value::Null, ConferenceOrder::Kick(leg)),
        ("POST", "/lock", Value::Null, ConferenceOrder::Lock(true)),
        ("POST", "/unlock", Value::Null, ConferenceOrder::Lock(false)),
        ("POST", "/play", play, ConferenceOrder::Play(prompts.clone())),
        ("POST", "/recording", Value::Null, ConferenceOrder::Record(start)),
        ("DELETE", "", Value::Null, ConferenceOrder::End),
    ] {
        rig.shared.set_live_conference(live(None));
        let path = format!("/api/conferences/3000{path}");
        let answer = rig.call(method, &path, &token, body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{path}: {}", answer.text);
        let told = SwitchOrder::Conference("3000".into(), order);
        assert_eq!(rig.orders.try_recv(), Some(told));
    }
    rig.shared.set_live_conference(live(Some(LiveRecording::Paused)));
    let recording = "/api/conferences/3000/recording";
    assert_eq!(rig.call("POST", recording, &token, Value::Null).await.problem(), "conflict");
    let stopped = rig.call("DELETE", recording, &token, Value::Null).await;
    assert_eq!(stopped.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn what_is_not_there_or_not_allowed_is_told() {
    let rig = Rig::new().await;
    rig.shared.set_live_conference(live(None));
    let token = rig.token("supervisor").await;
    for (method, path, body, problem) in [
        ("POST", "3001/lock", Value::Null, "not-found"),
        ("POST", "3000/members/7/mute", Value::Null, "not-found"),
        ("POST", "3000/members/x/mute", Value::Null, "not-found"),
        ("POST", "3000/members/65536/shout", Value::Null, "not-found"),
        ("POST", "3000/play", json!({"prompts": []}), "invalid-field"),
        ("DELETE", "3000/recording", Value::Null, "conflict"),
    ] {
        let answer = rig.call(method, &format!("/api/conferences/{path}"), &token, body).await;
        assert_eq!(answer.problem(), problem, "{path}");
    }
    let agent = rig.token("2001").await;
    for (method, path) in [("GET", "/api/conferences"), ("DELETE", "/api/conferences/3000")] {
        let refused = rig.call(method, path, &agent, Value::Null).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    }
}
