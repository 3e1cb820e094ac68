//! Recordings: ordered, listed, heard and deleted.

mod rig;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use offhook_bus::{RecordingOrder, SwitchOrder};
use offhook_model::{
    CallRef, CallState, LegId, LiveCall, LiveRecording, LogEntry, RecordingForm, RecordingFormat,
    RecordingId, RecordingLayout, RecordingMark, RecordingRecord, RecordingState, RecordingSummary,
};
use offhook_sealed::Sealer;
use rig::Rig;
use serde_json::{Value, json};
use std::path::PathBuf;

fn live(recording: Option<LiveRecording>, state: CallState) -> LiveCall {
    LiveCall {
        call: CallRef::from_bits(5),
        caller: "1001".into(),
        dialled: "1002".into(),
        answered_by: Some("1002".into()),
        state,
        started_at_ms: 1_000,
        answered_at_ms: None,
        recording,
        supervisors: Vec::new(),
    }
}

fn record(call: u128, number: u32, path: &str) -> RecordingRecord {
    let call = CallRef::from_bits(call);
    RecordingRecord {
        id: RecordingId::new(&call, number),
        call: Some(call),
        leg: Some(LegId(1)),
        conference: None,
        caller: Some("1001".into()),
        dialled: Some("1002".into()),
        started_at_ms: u64::from(number) * 1_000,
        state: RecordingState::Complete,
        failure: None,
        summary: RecordingSummary {
            path: PathBuf::from(path),
            bytes: 14,
            seconds: 2.5,
            speech_seconds: 0.0,
            marks: vec![RecordingMark { seconds: 1.0, is_pause: true }],
            frames_dropped: 3,
            is_encrypted: path.ends_with(".enc"),
        },
    }
}

impl Rig {
    async fn keep(&self, record: RecordingRecord, file: &[u8]) {
        let path = self.folder.path().join("recordings").join(&record.summary.path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("is made");
        std::fs::write(path, file).expect("is written");
        self.store.write_entries(&[LogEntry::Recording(Box::new(record))]).await.expect("writes");
    }
}

#[tokio::test]
async fn a_call_is_recorded_by_order_as_it_stands() {
    let mut rig = Rig::new().await;
    let token = rig.token("supervisor").await;
    let call = CallRef::from_bits(5);
    let path = format!("/api/calls/active/{call}/recording");
    let (pause, resume) = (format!("{path}/pause"), format!("{path}/resume"));
    let (running, paused) = (Some(LiveRecording::Running), Some(LiveRecording::Paused));
    let usual = RecordingOrder::Start(RecordingForm::default());
    for (stands, method, path, order) in [
        (None, "POST", &path, Some(usual)),
        (running, "POST", &path, None),
        (running, "POST", &pause, Some(RecordingOrder::Pause)),
        (paused, "POST", &pause, None),
        (paused, "POST", &resume, Some(RecordingOrder::Resume)),
        (running, "POST", &resume, None),
        (paused, "DELETE", &path, Some(RecordingOrder::Stop)),
        (None, "DELETE", &path, None),
        (None, "POST", &pause, None),
    ] {
        rig.shared.set_live_call(live(stands, CallState::Answered));
        let answer = rig.call(method, path, &token, Value::Null).await;
        let told = order.map(|order| SwitchOrder::Record(call.clone(), order));
        if told.is_none() {
            assert_eq!(answer.problem(), "conflict", "{stands:?} {method} {path}");
        } else {
            assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        }
        assert_eq!(rig.orders.try_recv(), told);
    }
    rig.shared.set_live_call(live(None, CallState::Ringing));
    assert_eq!(rig.call("POST", &path, &token, Value::Null).await.problem(), "conflict");
    let agent = rig.token("2001").await;
    let refused = rig.call("POST", &path, &agent, Value::Null).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn who_orders_a_recording_may_say_how_it_is_made() {
    let mut rig = Rig::new().await;
    rig.shared.set_live_call(live(None, CallState::Answered));
    let token = rig.token("supervisor").await;
    let call = CallRef::from_bits(5);
    let path = format!("/api/calls/active/{call}/recording");
    let wanted = json!({"format": "ogg_opus", "layout": "mixed", "tone": true});
    assert_eq!(rig.call("POST", &path, &token, wanted).await.status, StatusCode::ACCEPTED);
    let form = RecordingForm {
        format: Some(RecordingFormat::OggOpus),
        layout: Some(RecordingLayout::Mixed),
        tone: Some(true),
    };
    let told = SwitchOrder::Record(call, RecordingOrder::Start(form));
    assert_eq!(rig.orders.try_recv(), Some(told));
    for (wrong, allowed) in [
        (json!({"format": "mp3"}), "`wav` or `ogg_opus`"),
        (json!({"layout": "mono"}), "`stereo` or `mixed`"),
        (json!({"forma": "wav"}), "`format`"),
    ] {
        let answer = rig.call("POST", &path, &token, wrong).await;
        assert_eq!(answer.problem(), "invalid-field");
        assert!(answer.text.contains(allowed), "{}", answer.text);
    }
    assert_eq!(rig.orders.try_recv(), None);
}

#[tokio::test]
async fn recordings_are_listed_filtered_and_a_table() {
    let rig = Rig::new().await;
    for number in 1..=3 {
        rig.keep(record(7, number, &format!("{number}.wav")), b"RIFF").await;
    }
    let failed = RecordingRecord {
        state: RecordingState::Failed,
        failure: Some("no space is left for recordings".into()),
        dialled: Some("6000".into()),
        ..record(8, 4, "8.wav")
    };
    rig.keep(failed, b"").await;
    let token = rig.token("supervisor").await;
    let first = rig.get("/api/recordings?limit=3", &token).await.json();
    let ids = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().expect("items").iter();
        items.map(|item| item["id"].as_str().expect("an id")[31..].to_owned()).collect()
    };
    assert_eq!(ids(&first), ["8-4", "7-3", "7-2"]);
    let failed = &first["items"][0];
    assert_eq!(
        (&failed["state"], &failed["failure"]),
        (&json!("failed"), &json!("no space is left for recordings"))
    );
    let one = &first["items"][1];
    assert_eq!((&one["seconds"], &one["frames_dropped"]), (&json!(2.5), &json!(3)));
    assert_eq!(one["marks"], json!([{"seconds": 1.0, "kind": "pause"}]));
    assert_eq!((&one["encrypted"], &one["path"]), (&json!(false), &json!("3.wav")));
    let cursor = first["next_cursor"].as_str().expect("more");
    let rest = rig.get(&format!("/api/recordings?cursor={cursor}"), &token).await.json();
    assert_eq!((ids(&rest), &rest["next_cursor"]), (vec!["7-1".to_owned()], &Value::Null));
    for (query, found) in [
        ("number=6000", vec!["8-4"]),
        ("number=1001&to=1970-01-01T00:00:03Z", vec!["7-2", "7-1"]),
        ("state=failed", vec!["8-4"]),
        ("from=1970-01-01T00:00:03Z&state=complete", vec!["7-3"]),
    ] {
        let page = rig.get(&format!("/api/recordings?{query}"), &token).await.json();
        assert_eq!(ids(&page), found, "{query}");
    }
    let of_call = format!("/api/recordings?call={}&format=csv", CallRef::from_bits(7));
    let csv = rig.get(&of_call, &token).await;
    assert!(csv.headers[header::CONTENT_TYPE].to_str().expect("text").starts_with("text/csv"));
    let lines: Vec<&str> = csv.text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 4, "{}", csv.text);
    assert!(lines[1].ends_with(",1001,1002,1970-01-01T00:00:03Z,complete,,2.5,14,1,3,false,3.wav"));
    for query in ["state=lost", "call=7", "cursor=x", "from=soon", "nmber=1"] {
        let answer = rig.get(&format!("/api/recordings?{query}"), &token).await;
        assert_eq!(answer.problem(), "invalid-field", "{query}");
    }
    let agent = rig.token("2001").await;
    assert_eq!(rig.get("/api/recordings", &agent).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_is_encrypted_is_heard_as_what_is_not() {
    let rig = Rig::new().await;
    let speech: Vec<u8> = (0..20_000).map(|at| b'a' + (at % 23) as u8).collect();
    let keys = rig::keys();
    let mut sealer = Sealer::new(keys.sealing_key().expect("a key"), [1; 32]);
    let mut sealed = sealer.header().to_vec();
    sealer.push(&speech, &mut sealed);
    sealer.finish(&mut sealed);
    rig.keep(record(1, 1, "a.wav"), &speech).await;
    rig.keep(record(1, 2, "a.ogg.enc"), &sealed).await;
    let token = rig.token("supervisor").await;
    for (number, kind) in [(1, "audio/wav"), (2, "audio/ogg")] {
        let id = RecordingId::new(&CallRef::from_bits(1), number);
        let path = format!("/api/recordings/{id}/audio");
        let whole = rig.get(&path, &token).await;
        assert_eq!(whole.status, StatusCode::OK, "{}", whole.text);
        assert_eq!(whole.headers[header::CONTENT_TYPE], kind);
        assert!(whole.text.as_bytes() == speech, "the sound is another");
        for (asked, from, to) in [("bytes=4090-4100", 4_090, 4_100), ("bytes=-5", 19_995, 19_999)] {
            let request = Request::get(&path)
                .header(header::AUTHORIZATION, format!("Bearer {token}"))
                .header(header::RANGE, asked);
            let part = rig.send(rig::HERE, request.body(Body::empty()).expect("a request")).await;
            assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
            assert_eq!(part.text.as_bytes(), &speech[from..=to]);
            assert_eq!(part.headers[header::CONTENT_RANGE], format!("bytes {from}-{to}/20000"));
        }
    }
    let of_call = format!("/api/calls/{}/recording", CallRef::from_bits(1));
    assert_eq!(rig.get(&of_call, &token).await.headers[header::CONTENT_TYPE], "audio/wav");
    let agent = rig.token("2001").await;
    assert_eq!(rig.get(&of_call, &agent).await.status, StatusCode::FORBIDDEN);
    sealed[16] ^= 1;
    rig.keep(record(2, 1, "b.wav.enc"), &sealed).await;
    let foreign = format!("/api/calls/{}/recording", CallRef::from_bits(2));
    let answer = rig.get(&foreign, &token).await;
    assert_eq!(answer.problem(), "conflict");
    assert!(answer.text.contains("not among the key files"), "{}", answer.text);
}

#[tokio::test]
async fn an_administrator_deletes_a_recording_and_the_next_is_the_calls() {
    let rig = Rig::new().await;
    rig.keep(record(1, 1, "a.wav"), b"first").await;
    rig.keep(record(1, 2, "b.wav"), b"second").await;
    let running =
        RecordingRecord { state: RecordingState::Recording, ..record(2, 1, "running.wav") };
    rig.keep(running, b"now").await;
    let (token, supervisor) = (rig.token("admin").await, rig.token("supervisor").await);
    let id = |call, number| RecordingId::new(&CallRef::from_bits(call), number);
    let path = format!("/api/recordings/{}", id(1, 1));
    let refused = rig.call("DELETE", &path, &supervisor, Value::Null).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let of_call = format!("/api/calls/{}/recording", CallRef::from_bits(1));
    assert_eq!(rig.get(&of_call, &token).await.text, "first");
    assert_eq!(rig.call("DELETE", &path, &token, Value::Null).await.status, StatusCode::NO_CONTENT);
    assert!(!rig.folder.path().join("recordings/a.wav").exists());
    assert_eq!(rig.get(&of_call, &token).await.text, "second");
    for (method, path) in
        [("GET", path.clone()), ("DELETE", path.clone()), ("GET", path + "/audio")]
    {
        assert_eq!(rig.call(method, &path, &token, Value::Null).await.problem(), "not-found");
    }
    let gone = rig.get("/api/recordings?state=deleted", &token).await.json();
    assert_eq!(gone["items"][0]["id"], json!(id(1, 1).as_str()));
    let running = format!("/api/recordings/{}", id(2, 1));
    assert_eq!(rig.call("DELETE", &running, &token, Value::Null).await.problem(), "conflict");
    std::fs::remove_file(rig.folder.path().join("recordings/b.wav")).expect("is removed");
    assert_eq!(rig.get(&of_call, &token).await.problem(), "not-found");
}

#[tokio::test]
async fn extensions_and_numbers_say_which_of_their_calls_are_recorded() {
    let rig = Rig::new().await;
    let token = rig.token("admin").await;
    let one = "/api/extensions/1001";
    assert_eq!(rig.get(one, &token).await.json()["record"], json!("none"));
    let changed = rig.call("PATCH", one, &token, json!({"record": "inbound"})).await;
    assert_eq!(changed.json()["record"], json!("inbound"));
    let wrong = rig.call("PATCH", one, &token, json!({"record": "some"})).await;
    assert!(wrong.text.contains("`none`, `inbound`, `outbound`, `all`"), "{}", wrong.text);
    let number = "/api/services/6000";
    let changed = rig.call("PATCH", number, &token, json!({"record": true})).await;
    assert_eq!(changed.json(), json!({"number": "6000", "kind": "go_to", "record": true}));
    let directory = rig.shared.directory();
    assert!(directory.records(None, "1001") && directory.records(None, "6000"));
    assert!(!directory.records(Some("1001"), "1002"));
    let missing = rig.call("PATCH", "/api/services/4711", &token, json!({"record": true})).await;
    assert_eq!(missing.problem(), "not-found");
    let first = rig.get("/api/services?limit=1", &token).await.json();
    assert_eq!(first["next_cursor"], first["items"][0]["number"]);
}
