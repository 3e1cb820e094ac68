//! Call records: written, found, paged, summed up.

mod rig;

use offhook_model::{CallRecord, CallRef};
use offhook_store::{HISTORY_LIMIT_MAX, HistoryFilter, Store};
use rig::{Rig, record, refused};

async fn ids(store: &Store, filter: HistoryFilter) -> Vec<u64> {
    let page = store.history(&filter, HISTORY_LIMIT_MAX).await.expect("the test's own");
    page.calls
        .iter()
        .map(|call| u64::from_str_radix(&call.id, 16).expect("the test's own"))
        .collect()
}

#[tokio::test]
async fn a_record_comes_back_as_it_was() {
    let Rig { store, folder: _folder } = Rig::new().await;
    let records: [CallRecord; 2] = [record(7), refused(8)];
    store.write_records(&records).await.unwrap();
    let detail = store.call(&records[0].call).await.unwrap().unwrap();
    assert_eq!(detail.legs, records[0].legs);
    let row = detail.call;
    assert_eq!((row.caller.as_str(), row.dialled.as_str()), ("1001", "1002"));
    assert_eq!(row.caller_name.as_deref(), Some("Alice"));
    assert_eq!(
        (row.started_at_ms, row.answered_at_ms, row.ended_at_ms),
        (7_000, Some(9_500), 19_750)
    );
    assert_eq!((row.ring_seconds, row.talk_seconds), (2.5, 10.25));
    assert_eq!((row.hangup_cause, row.hangup_cause_name.as_str()), (16, "NORMAL_CLEARING"));
    assert_eq!(row.hung_up_by, "callee");
    assert_eq!(
        (row.caller_codec.as_deref(), row.callee_codec.as_deref()),
        (Some("PCMU"), Some("opus"))
    );
    assert_eq!((row.packets_lost, row.loss_percent), (Some(100), Some(10.0)));
    assert_eq!((row.jitter_ms, row.mos), (Some(3.25), Some(3.9)));
    assert_eq!((row.verdict.as_deref(), row.verdict_leg), (Some("nothing_received"), Some(1)));
    let evidence = "No packet came within 10 s; 500 were sent to 198.51.100.7:4000.";
    assert_eq!(row.verdict_evidence.as_deref(), Some(evidence));
    assert!(row.verdict_advice.is_some_and(|advice| advice.contains("media.advertise")));

    let detail = store.call(&records[1].call).await.unwrap().unwrap();
    assert_eq!(detail.legs, records[1].legs);
    assert_eq!((detail.call.sip_status, detail.call.mos), (Some(404), None));
    assert_eq!(detail.call.verdict, None);
    assert_eq!(store.call(&CallRef::from_bits(99)).await.unwrap(), None);
}

#[tokio::test]
async fn a_record_written_twice_is_there_once() {
    let Rig { store, folder: _folder } = Rig::new().await;
    store.write_records(&[record(1)]).await.unwrap();
    store.write_records(&[record(1), record(2)]).await.unwrap();
    assert_eq!(ids(&store, HistoryFilter::default()).await, [2, 1]);
    assert_eq!(store.call(&record(1).call).await.unwrap().unwrap().legs.len(), 2);
}

#[tokio::test]
async fn pages_meet_without_gap_or_repetition() {
    let Rig { store, folder: _folder } = Rig::new().await;
    // Three calls came in at each moment, so that pages end among calls of the same moment.
    let records: Vec<_> =
        (1..=50).map(|n| CallRecord { started_at_ms: n / 3, ..record(n) }).collect();
    store.write_records(&records).await.unwrap();
    let mut seen = Vec::new();
    let mut filter = HistoryFilter::default();
    loop {
        let page = store.history(&filter, 7).await.unwrap();
        assert!(page.calls.len() <= 7);
        seen.extend(page.calls.into_iter().map(|call| (call.started_at_ms, call.id)));
        match page.next {
            Some(next) => filter.cursor = Some(next),
            None => break,
        }
    }
    let mut expected = seen.clone();
    expected.sort();
    expected.dedup();
    expected.reverse();
    assert_eq!(seen, expected);
    assert_eq!(seen.len(), 50);
}

#[tokio::test]
async fn the_last_full_page_has_no_next() {
    let Rig { store, folder: _folder } = Rig::new().await;
    store.write_records(&[record(1), record(2)]).await.unwrap();
    assert!(store.history(&HistoryFilter::default(), 2).await.unwrap().next.is_none());
    assert!(store.history(&HistoryFilter::default(), 1).await.unwrap().next.is_some());
}

#[tokio::test]
async fn filters_narrow() {
    let Rig { store, folder: _folder } = Rig::new().await;
    let records = [record(1), refused(2), record(3), refused(4)];
    store.write_records(&records).await.unwrap();
    let none = HistoryFilter::default;
    let of = |text: &str| Some(text.to_owned());
    assert_eq!(ids(&store, HistoryFilter { answered: Some(true), ..none() }).await, [3, 1]);
    assert_eq!(ids(&store, HistoryFilter { answered: Some(false), ..none() }).await, [4, 2]);
    assert_eq!(ids(&store, HistoryFilter { from_ms: Some(2_000), ..none() }).await, [4, 3, 2]);
    assert_eq!(ids(&store, HistoryFilter { to_ms: Some(2_000), ..none() }).await, [1]);
    assert_eq!(ids(&store, HistoryFilter { caller: of("guest"), ..none() }).await, [4, 2]);
    assert_eq!(
        ids(&store, HistoryFilter { dialled: of("1002"), from_ms: Some(2_000), ..none() }).await,
        [3]
    );
    assert_eq!(
        ids(&store, HistoryFilter { caller: of("' OR 1=1 --"), ..none() }).await,
        [0_u64; 0]
    );
}

#[tokio::test]
async fn a_day_is_summed_up() {
    let Rig { store, folder: _folder } = Rig::new().await;
    let empty = store.figures_since(0).await.unwrap();
    assert_eq!((empty.calls, empty.talk_seconds, empty.mos), (0, 0.0, None));
    store.write_records(&[record(1), refused(2), record(3)]).await.unwrap();
    let figures = store.figures_since(2_000).await.unwrap();
    assert_eq!((figures.calls, figures.answered, figures.talk_seconds), (2, 1, 10.25));
    assert_eq!(
        (figures.packets_lost, figures.loss_percent, figures.mos),
        (100, Some(10.0), Some(3.9))
    );
}
