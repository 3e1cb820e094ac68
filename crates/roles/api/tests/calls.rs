//! Calls in progress, calls that ended, and the figures made of them.

mod rig;

use axum::http::{StatusCode, header};
use offhook_bus::SwitchOrder;
use offhook_model::{
    AudioVerdict, CallRecord, CallRef, CallState, Direction, HangupCause, LegId, LegRecord,
    LiveCall, Party, RecordingId, StreamReport,
};
use rig::Rig;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_millis()).expect("before the year 584 million")
}

fn live(n: u128, state: CallState) -> LiveCall {
    LiveCall {
        call: CallRef::from_bits(n),
        caller: "guest".into(),
        dialled: "9196".into(),
        answered_by: Some("9196".into()),
        state,
        started_at_ms: now_ms() - 5_000,
        answered_at_ms: None,
        recording: None,
        supervisors: Vec::new(),
    }
}

fn ended(n: u64, started_at_ms: u64) -> CallRecord {
    let stream = StreamReport {
        codec: Some("PCMA".into()),
        security: Some("sdes".into()),
        packets_received: 98,
        packets_sent: 100,
        packets_lost: 2,
        jitter_ms: Some(1.5),
        mos: Some(4.2),
        ..StreamReport::default()
    };
    CallRecord {
        call: CallRef::from_bits(u128::from(n)),
        caller: "1001".into(),
        caller_name: Some("=Alice, \"A\"".into()),
        dialled: "1002".into(),
        answered_by: Some("1002".into()),
        started_at_ms,
        answered_at_ms: Some(started_at_ms + 2_000),
        ended_at_ms: started_at_ms + 10_000,
        ring_ms: 2_000,
        talk_ms: 8_000,
        cause: HangupCause::NORMAL_CLEARING,
        sip_status: None,
        hung_up_by: Party::Caller,
        legs: vec![LegRecord {
            leg: LegId(1),
            direction: Direction::Inbound,
            number: "1001".into(),
            sip_call_id: "a@b".into(),
            sip_status: Some(200),
            stream: Some(stream),
        }],
        recordings: vec![RecordingId::new(&CallRef::from_bits(u128::from(n)), 1)],
    }
}

#[tokio::test]
async fn live_calls_are_shown_and_hung_up() {
    let mut rig = Rig::new().await;
    rig.shared.set_live_call(live(1, CallState::Answered));
    rig.shared.set_live_call(live(2, CallState::Ringing));
    let token = rig.token("supervisor").await;
    let body = rig.get("/api/calls/active", &token).await.json();
    let items = body["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!((&items[0]["state"], &items[0]["caller"]), (&json!("answered"), &json!("guest")));
    assert!(items[0]["duration_seconds"].as_f64().unwrap() >= 5.0);
    assert_eq!(items[0]["answered_at"], Value::Null);

    let id = CallRef::from_bits(1);
    let path = format!("/api/calls/active/{id}");
    assert_eq!(rig.call("DELETE", &path, &token, Value::Null).await.status, StatusCode::ACCEPTED);
    assert_eq!(rig.orders.try_recv(), Some(SwitchOrder::HangUp(id)));
    for gone in ["00000000000000000000000000000003", "x", "..%2f"] {
        let answer =
            rig.call("DELETE", &format!("/api/calls/active/{gone}"), &token, Value::Null).await;
        assert_eq!(answer.problem(), "not-found");
    }
    assert_eq!(rig.orders.try_recv(), None);
}

#[tokio::test]
async fn a_switch_that_takes_no_orders_is_no_success() {
    let mut rig = Rig::new().await;
    rig.shared.set_live_call(live(1, CallState::Answered));
    let token = rig.token("admin").await;
    let (_, none) = offhook_bus::queue(1);
    rig.orders = none;
    let path = format!("/api/calls/active/{}", CallRef::from_bits(1));
    let answer = rig.call("DELETE", &path, &token, Value::Null).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    );
}

#[tokio::test]
async fn the_history_is_paged_and_filtered() {
    let rig = Rig::new().await;
    let records: Vec<_> = (1..=5).map(|n| ended(n, n * 1_000)).collect();
    rig.store.write_records(&records).await.unwrap();
    let token = rig.token("supervisor").await;
    let first = rig.get("/api/calls/history?limit=3", &token).await.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 3);
    let call = &first["items"][0];
    assert_eq!(
        (&call["started_at"], &call["ended_at"]),
        (&json!("1970-01-01T00:00:05Z"), &json!("1970-01-01T00:00:15Z"))
    );
    assert_eq!((&call["ring_seconds"], &call["talk_seconds"]), (&json!(2.0), &json!(8.0)));
    assert_eq!(
        (&call["hangup_cause"], &call["hangup_cause_name"]),
        (&json!(16), &json!("NORMAL_CLEARING"))
    );
    assert_eq!((&call["hung_up_by"], &call["caller_codec"]), (&json!("caller"), &json!("PCMA")));
    assert_eq!((&call["loss_percent"], &call["mos"]), (&json!(2.0), &json!(4.2)));
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = rig.get(&format!("/api/calls/history?limit=3&cursor={cursor}"), &token).await.json();
    assert_eq!(rest["items"].as_array().unwrap().len(), 2);
    assert_eq!(rest["next_cursor"], Value::Null);
    let some =
        rig.get("/api/calls/history?from=1970-01-01T00:00:04Z&answered=true", &token).await.json();
    assert_eq!(some["items"].as_array().unwrap().len(), 2);
    assert_eq!(rig.get("/api/calls/history?caller=1009", &token).await.json()["items"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_asked_is_told_what_can() {
    let rig = Rig::new().await;
    let token = rig.token("supervisor").await;
    let wrong = [
        ("limit=0", "1 to 1000"),
        ("limit=5000", "1 to 1000"),
        ("from=yesterday", "2026-11-22"),
        ("cursor=abc", "next_cursor"),
        ("answered=maybe", "answered"),
        ("calle=1001", "`caller`"),
        ("format=xml", "csv"),
    ];
    for (query, allowed) in wrong {
        let answer = rig.get(&format!("/api/calls/history?{query}"), &token).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, "invalid-field")
        );
        assert!(answer.text.contains(allowed), "{query}: {}", answer.text);
    }
    let body = rig.get("/api/calls/history?limit=0", &token).await.json();
    assert_eq!(body["errors"], json!([{"field": "limit", "allowed": "1 to 1000"}]));
}

#[tokio::test]
async fn the_history_is_a_table_for_a_spreadsheet() {
    let rig = Rig::new().await;
    let records: Vec<_> = (1..=2_500).map(|n| ended(n, n * 1_000)).collect();
    rig.store.write_records(&records).await.unwrap();
    let token = rig.token("supervisor").await;
    let answer = rig.get("/api/calls/history?format=csv", &token).await;
    assert!(answer.headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/csv"));
    let lines: Vec<_> = answer.text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 2_501);
    assert!(lines[0].starts_with("id,caller,caller_name,dialled,"));
    let columns = lines[0].split(',').count();
    let last = lines[2_500];
    assert!(last.contains(",\"'=Alice, \"\"A\"\"\",1002,1002,1970-01-01T00:00:01Z,"), "{last}");
    assert_eq!(last.split(',').count(), columns + 1, "the quoted name has a comma of its own");
    let ten = rig.get("/api/calls/history?format=csv&limit=10", &token).await;
    assert_eq!(ten.text.split_terminator("\r\n").count(), 11);
    let none = rig.get("/api/calls/history?format=csv&caller=1009", &token).await;
    assert_eq!(none.text.split_terminator("\r\n").count(), 1);
}

#[tokio::test]
async fn one_call_has_its_legs() {
    let rig = Rig::new().await;
    rig.store.write_records(&[ended(1, 1_000)]).await.unwrap();
    let token = rig.token("supervisor").await;
    let body = rig.get(&format!("/api/calls/{}", CallRef::from_bits(1)), &token).await.json();
    assert_eq!((&body["caller"], &body["legs"][0]["sip_call_id"]), (&json!("1001"), &json!("a@b")));
    let stream = &body["legs"][0]["stream"];
    assert_eq!((&stream["security"], &stream["packets_lost"]), (&json!("sdes"), &json!(2)));
    assert_eq!((&stream["round_trip_ms"], &stream["mos"]), (&Value::Null, &json!(4.2)));
    assert_eq!((&body["verdict"], &stream["burst_ratio"]), (&Value::Null, &Value::Null));
    for path in ["/api/calls/00000000000000000000000000000002", "/api/calls/nonsense"] {
        assert_eq!(rig.get(path, &token).await.problem(), "not-found");
    }
}

#[tokio::test]
async fn a_party_that_was_not_heard_is_told_with_the_reason() {
    let rig = Rig::new().await;
    let mut record = ended(1, 1_000);
    let stream = record.legs[0].stream.as_mut().unwrap();
    stream.burst_ratio = Some(2.5);
    stream.clock_drift_ppm = Some(-40.0);
    let reason = "the peer sent the alert bad_certificate".to_owned();
    stream.verdict = Some(Box::new(AudioVerdict::DtlsFailed { reason }));
    rig.store.write_records(&[record]).await.unwrap();
    let token = rig.token("supervisor").await;
    let one = rig.get(&format!("/api/calls/{}", CallRef::from_bits(1)), &token).await.json();
    let stream = &one["legs"][0]["stream"];
    assert_eq!((&stream["burst_ratio"], &stream["clock_drift_ppm"]), (&json!(2.5), &json!(-40.0)));
    let history = rig.get("/api/calls/history", &token).await.json();
    for verdict in [&one["verdict"], &history["items"][0]["verdict"]] {
        assert_eq!((&verdict["code"], &verdict["leg"]), (&json!("dtls_failed"), &json!(0)));
        assert!(verdict["evidence"].as_str().unwrap().contains("bad_certificate"));
        assert!(verdict["advice"].as_str().unwrap().contains("fingerprint"));
    }
    let csv = rig.get("/api/calls/history?format=csv", &token).await.text;
    assert!(csv.contains(",dtls_failed,The DTLS handshake failed"), "{csv}");
}

#[tokio::test]
async fn the_day_is_summed_up() {
    let rig = Rig::new().await;
    let now = now_ms();
    rig.store.write_records(&[ended(1, now), ended(2, now), ended(3, 1_000)]).await.unwrap();
    rig.shared.set_live_call(live(7, CallState::Ringing));
    let token = rig.token("supervisor").await;
    let body = rig.get("/api/dashboard/stats", &token).await.json();
    assert_eq!((&body["active_calls"], &body["ringing_calls"]), (&json!(1), &json!(1)));
    assert_eq!((&body["answered_calls"], &body["registrations"]), (&json!(0), &json!(0)));
    let today = &body["today"];
    assert_eq!(
        (&today["calls"], &today["answered"], &today["not_answered"]),
        (&json!(2), &json!(2), &json!(0))
    );
    assert_eq!((&today["talk_seconds"], &today["packets_lost"]), (&json!(16.0), &json!(4)));
    assert_eq!((&today["loss_percent"], &today["mos"]), (&json!(2.0), &json!(4.2)));
}
