//! What is kept of calls, and the certificate of their media.

mod rig;

use offhook_store::Store;
use rig::Rig;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

async fn kept(store: &Store) -> Vec<(String, String)> {
    let mut kept = store.call_snapshots(HOUR).await.expect("reads");
    kept.sort();
    kept
}

#[tokio::test]
async fn snapshots_are_replaced_removed_and_there_after_a_restart() {
    let rig = Rig::new().await;
    let first = [("a", Some("one")), ("b", Some("two")), ("c", Some("three"))];
    rig.store.write_call_snapshots(first).await.expect("writes");
    let second = [("b", None), ("c", Some("four")), ("never", None)];
    rig.store.write_call_snapshots(second).await.expect("writes");
    rig.store.close().await;
    let again = Store::open(&rig.path()).await.expect("opens");
    let expected = [("a", "one"), ("c", "four")];
    assert_eq!(kept(&again).await, expected.map(|(id, text)| (id.to_owned(), text.to_owned())));
}

#[tokio::test]
async fn old_snapshots_are_removed() {
    let rig = Rig::new().await;
    rig.store.write_call_snapshots([("a", Some("one"))]).await.expect("writes");
    // The clock counts milliseconds, and what is as old as is allowed stays.
    while !rig.store.call_snapshots(Duration::ZERO).await.expect("reads").is_empty() {}
    assert!(kept(&rig.store).await.is_empty());
}

#[tokio::test]
async fn a_certificate_is_kept_and_can_be_replaced() {
    let rig = Rig::new().await;
    assert_eq!(rig.store.dtls_identity().await, Ok(None));
    for pem in ["the first", "another"] {
        rig.store.set_dtls_identity(pem).await.expect("writes");
        assert_eq!(rig.store.dtls_identity().await, Ok(Some(pem.to_owned())));
    }
}
