//! What is known of recordings, from their beginning until their files are gone.

mod rig;

use offhook_model::{
    CallRecord, CallRef, LogEntry, RecordingId, RecordingRecord, RecordingState, RecordingSummary,
};
use offhook_store::{HistoryFilter, RecordingFilter, Store};
use rig::{Rig, record};

fn recording(number: u32, state: RecordingState, seconds: f64) -> RecordingRecord {
    let call = CallRef::from_bits(1);
    RecordingRecord {
        id: RecordingId::new(&call, number),
        call: Some(call),
        leg: None,
        conference: None,
        caller: Some("1001".into()),
        dialled: Some("1002".into()),
        started_at_ms: 5,
        state,
        failure: None,
        summary: RecordingSummary {
            path: format!("2026/{number}.wav").into(),
            seconds,
            ..RecordingSummary::default()
        },
    }
}

async fn write(store: &Store, record: RecordingRecord) {
    store.write_entries(&[LogEntry::Recording(Box::new(record))]).await.expect("the test's own");
}

async fn states(store: &Store) -> Vec<(String, f64)> {
    let rows = store.recordings_of(&CallRef::from_bits(1)).await.expect("the test's own");
    rows.into_iter().map(|row| (row.state, row.seconds)).collect()
}

#[tokio::test]
async fn a_recording_begins_ends_and_expires() {
    let Rig { store, folder: _folder } = Rig::new().await;
    write(&store, recording(1, RecordingState::Recording, 0.0)).await;
    write(&store, recording(2, RecordingState::Recording, 0.0)).await;
    write(&store, recording(1, RecordingState::Complete, 9.5)).await;
    let both = [("complete".to_owned(), 9.5), ("recording".to_owned(), 0.0)];
    assert_eq!(states(&store).await, both);
    // A write that is repeated changes nothing.
    write(&store, recording(1, RecordingState::Recording, 0.0)).await;
    assert_eq!(states(&store).await, both);
    let paths = vec!["2026/1.wav".into(), "2026/unknown.wav".into()];
    store.write_entries(&[LogEntry::RecordingsExpired(paths)]).await.expect("a store");
    assert_eq!(states(&store).await[0].0, "deleted");
    let there = store.recordings(&RecordingFilter::default(), 10).await.expect("a store");
    assert_eq!(there.iter().map(|row| row.path.as_str()).collect::<Vec<_>>(), ["2026/2.wav"]);
}

#[tokio::test]
async fn a_start_finds_out_what_the_process_before_did_not_finish() {
    let rig = Rig::new().await;
    write(&rig.store, recording(1, RecordingState::Recording, 0.0)).await;
    write(&rig.store, recording(2, RecordingState::Complete, 1.0)).await;
    rig.store.close().await;
    let store = Store::open(&rig.path()).await.expect("a store");
    let found: Vec<_> = states(&store).await.into_iter().map(|(state, _)| state).collect();
    assert_eq!(found, ["interrupted", "complete"]);
}

#[tokio::test]
async fn a_call_names_its_recordings() {
    let Rig { store, folder: _folder } = Rig::new().await;
    let ids = [1, 2].map(|number| RecordingId::new(&CallRef::from_bits(1), number));
    let call = CallRecord { recordings: ids.to_vec(), ..record(1) };
    store.write_records(&[call, record(2)]).await.expect("a store");
    let calls = store.history(&HistoryFilter::default(), 10).await.unwrap().calls;
    let named: Vec<Vec<&str>> = calls.iter().map(|call| call.recordings().collect()).collect();
    assert_eq!(named, [vec![], ids.iter().map(RecordingId::as_str).collect::<Vec<_>>()]);
}
