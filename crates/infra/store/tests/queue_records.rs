//! What happened in queues, in the database.

mod rig;

use offhook_acd::{AgentCounts, DayCounts, QueueCounts};
use offhook_model::{
    AgentId, CallRef, Directory, LogEntry, Queue, QueueId, QueueRecord, QueueStep, Tier,
    WaitingCallback,
};
use offhook_store::{CallNotes, Store};
use rig::{BUSY, Rig, record};

fn step(id: &str, at_ms: u64, step: QueueStep) -> LogEntry {
    let agent = matches!(step, QueueStep::Answered { .. } | QueueStep::Completed { .. });
    LogEntry::Queue(Box::new(QueueRecord {
        id: id.into(),
        at_ms,
        call: Some(CallRef::from_bits(5)),
        entry: Some(1),
        queue: Some(QueueId("sales".into())),
        agent: agent.then(|| AgentId("2001".into())),
        step,
    }))
}

fn joined() -> LogEntry {
    step("1", 1_000, QueueStep::Joined { number: "1001".into(), position: 1 })
}

fn answered() -> LogEntry {
    let step_of = QueueStep::Answered {
        waited_ms: 2_000,
        rang_ms: 500,
        is_callback: false,
        within_service_level: true,
    };
    step("2", 3_000, step_of)
}

#[tokio::test]
async fn what_is_written_twice_counts_once() {
    let rig = Rig::new().await;
    let offered = step("3", 2_000, QueueStep::Offered { waited_ms: 1_000 });
    for _ in 0..2 {
        let twice = [joined(), offered.clone(), offered.clone(), answered()];
        rig.store.write_entries(&twice).await.expect("writes");
    }
    let stays = rig.store.queue_stays(&CallRef::from_bits(5)).await.expect("reads");
    assert_eq!((stays.len(), stays[0].offers), (1, 1));
    assert_eq!(stays[0].outcome.as_deref(), Some("answered"));
    assert_eq!(rig.store.queue_records((0, u64::MAX), 0).await.expect("reads").len(), 3);
}

#[tokio::test]
async fn a_callback_that_waits_outlives_the_process_and_is_given_once() {
    let rig = Rig::new().await;
    let taken = QueueStep::CallbackTaken { number: "1005".into(), waited_ms: 500 };
    rig.store.write_entries(&[joined(), step("2", 1_500, taken)]).await.expect("writes");
    let reopened = rig.reopen().await;
    let waiting = reopened.take_callbacks().await.expect("reads");
    let expected = WaitingCallback {
        queue: QueueId("sales".into()),
        number: "1005".into(),
        joined_at_ms: 1_000,
    };
    assert_eq!(waiting, [expected]);
    assert_eq!(reopened.take_callbacks().await.expect("reads"), []);
    let stays = reopened.queue_stays(&CallRef::from_bits(5)).await.expect("reads");
    assert_eq!(stays[0].outcome.as_deref(), Some("interrupted"));
}

#[tokio::test]
async fn a_call_shows_its_queue_whichever_is_written_first() {
    let rig = Rig::new().await;
    let call = CallRef::from_bits(5);
    rig.store.write_entries(&[LogEntry::Call(Box::new(record(5)))]).await.expect("writes");
    rig.store.write_entries(&[answered()]).await.expect("writes");
    let row = rig.store.call(&call).await.expect("reads").expect("a call").call;
    assert_eq!((row.queue.as_deref(), row.agent.as_deref()), (Some("sales"), Some("2001")));
    assert_eq!(row.wait_seconds, Some(2.0));
    let notes = CallNotes { notes: Some("a".into()), disposition: None };
    rig.store.set_call_notes(&call, &notes, "2001").await.expect("writes");
    let row = rig.store.call(&call).await.expect("reads").expect("a call").call;
    assert_eq!((row.notes.as_deref(), row.queue.as_deref()), (Some("a"), Some("sales")));
}

#[tokio::test]
async fn callers_who_waited_when_the_process_ended_are_marked() {
    let rig = Rig::new().await;
    rig.store.write_entries(&[joined()]).await.expect("writes");
    rig.store.close().await;
    let store = Store::open_with(&rig.path(), BUSY).await.expect("opens again");
    let stays = store.queue_stays(&CallRef::from_bits(5)).await.expect("reads");
    assert_eq!(stays[0].outcome.as_deref(), Some("interrupted"));
}

#[tokio::test]
async fn the_days_counts_are_read_as_they_were_written() {
    let rig = Rig::new().await;
    let agent = AgentCounts { answered: 3, ..AgentCounts::default() };
    let queue = QueueCounts { joined: 5, answered: 4, ..QueueCounts::default() };
    let counts = DayCounts {
        agents: [(AgentId("2001".into()), agent)].into(),
        queues: [(QueueId("sales".into()), queue)].into(),
    };
    rig.store.set_day_counts(1_000, &counts).await.expect("writes");
    rig.store.set_day_counts(1_000, &counts).await.expect("writes again");
    assert_eq!(rig.store.day_counts(1_000).await.expect("reads"), counts);
    assert_eq!(rig.store.day_counts(2_000).await.expect("reads"), DayCounts::default());
}

#[tokio::test]
async fn the_queue_logs_file_goes_on_where_it_stopped_and_waits_for_what_is_not_settled() {
    let rig = Rig::new().await;
    let path = rig.folder.path().join("queue_log");
    let tier = Tier { agent: AgentId("2001".into()), level: 1, position: 1 };
    let queue = Queue { tiers: vec![tier], ..Queue::new("sales") };
    let queues = [(queue.id.clone(), queue)].into();
    let directory = Directory { queues, ..Directory::default() };
    rig.store.write_entries(&[joined(), answered()]).await.expect("writes");
    let extend = |until_ms| rig.store.extend_queue_log(&path, &directory, until_ms);
    assert_eq!(extend(2_000).await, Ok(1));
    assert_eq!(extend(2_000).await, Ok(0));
    assert_eq!(extend(9_000).await, Ok(1));
    let text = std::fs::read_to_string(&path).expect("a file");
    let events: Vec<_> = text.lines().filter_map(|line| line.split('|').nth(4)).collect();
    assert_eq!(events, ["ENTERQUEUE", "CONNECT"]);
    let nowhere = rig.folder.path().join("none/queue_log");
    rig.store
        .write_entries(&[step("9", 4_000, QueueStep::Offered { waited_ms: 1 })])
        .await
        .expect("writes");
    let error = rig.store.extend_queue_log(&nowhere, &directory, 9_000).await;
    assert!(error.expect_err("no folder").to_string().contains("queue_log"));
}
