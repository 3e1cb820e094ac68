//! The table of live calls follows the calls, and a start finds it empty.

mod rig;

use offhook_model::{CallRef, CallState, LiveCall};
use offhook_store::{Store, mirror_active_calls};
use rig::Rig;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn call(bits: u128) -> LiveCall {
    LiveCall {
        call: CallRef::from_bits(bits),
        caller: "1001".into(),
        dialled: "9196".into(),
        answered_by: None,
        state: CallState::Ringing,
        started_at_ms: 1,
        answered_at_ms: None,
        recording: None,
        supervisors: Vec::new(),
    }
}

async fn until_active(store: &Store, bits: &[u128]) {
    let wanted: Vec<_> = bits.iter().map(|bits| CallRef::from_bits(*bits)).collect();
    let deadline = Instant::now() + Duration::from_secs(10);
    while store.active_calls().await.expect("the test's own") != wanted {
        assert!(Instant::now() < deadline, "never {wanted:?}");
    }
}

#[tokio::test]
async fn the_table_follows_the_calls() {
    let rig = Rig::new().await;
    let live = Arc::new(Mutex::new(vec![call(1), call(2)]));
    let seen = Arc::clone(&live);
    let snapshot = move || seen.lock().unwrap().clone();
    let mirror = mirror_active_calls(rig.store.clone(), snapshot, Duration::from_millis(1));
    let mirror = tokio::spawn(mirror);
    until_active(&rig.store, &[1, 2]).await;
    *live.lock().unwrap() = vec![call(2), call(3)];
    until_active(&rig.store, &[2, 3]).await;
    mirror.abort();
    assert!(mirror.await.is_err());

    rig.store.close().await;
    let again = Store::open(&rig.path()).await.unwrap();
    assert_eq!(again.active_calls().await.unwrap(), []);
}
