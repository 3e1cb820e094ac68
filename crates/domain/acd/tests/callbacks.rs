//! Callbacks: the place is kept, and whoever waits for a call is called until it was reached or given up.

mod rig;

use offhook_acd::{CallKey, EntryId, Join, Left, NotCalledBack, Output, Overflow, QueueEvent};
use offhook_model::{AgentState, AgentStatus, LegId, OfferId, Strategy, WhenEmpty};
use rig::{Rig, agent_id, queue, queue_id};
use std::collections::BTreeMap;

/// The call in which an agent calls back.
const CALL: u32 = 77;

/// A queue that calls back, whose only agent is on a call.
fn busy() -> Rig {
    let mut rig = Rig::new(vec![queue("sales", Strategy::TopDown, &["a"])]);
    rig.begin_call("a", 90);
    rig.change("sales", |queue| {
        queue.callback_key = Some('1');
        queue.callback_tries_max = 2;
        queue.callback_retry_s = 60;
        queue.wrap_up_s = 10;
    });
    rig
}

/// Somebody has asked to be called back, and the agent has answered for it.
fn placed() -> (Rig, EntryId, OfferId) {
    let mut rig = busy();
    rig.join("sales", 1);
    rig.ask_back(1, "5550001").expect("it waits");
    let entry = rig.entry_of("sales", 0);
    rig.end_call("a", 90);
    let offer = answer(&mut rig);
    (rig, entry, offer)
}

fn answer(rig: &mut Rig) -> OfferId {
    let offer = rig.ring("a");
    rig.acd.begin_callback(offer, CallKey(CALL)).expect("it was just made");
    rig.answer_offer(offer);
    offer
}

fn state(rig: &Rig) -> AgentState {
    rig.acd.agent(&agent_id("a")).expect("an agent").state
}

fn events(rig: &Rig) -> impl Iterator<Item = &QueueEvent> {
    rig.outputs.iter().filter_map(|output| match output {
        Output::Event(event) => Some(event),
        _ => None,
    })
}

#[test]
fn a_callback_keeps_the_place_until_whoever_asked_for_it_was_reached() {
    let mut rig = busy();
    rig.join("sales", 1);
    rig.advance(1_000);
    rig.join("sales", 2);
    rig.ask_back(1, "5550001").unwrap();
    let entry = rig.entry_of("sales", 0);
    let (queue, number) = (queue_id("sales"), "5550001".to_owned());
    let taken = Output::CallbackTaken {
        entry,
        caller: LegId(1),
        queue: queue.clone(),
        number: number.clone(),
    };
    assert!(rig.outputs.contains(&taken));
    rig.leave(1, Left::HungUp);
    assert_eq!(rig.positions("sales"), [0, 2], "the place outlives the call");
    rig.advance(60_000);
    rig.end_call("a", 90);
    let offer = answer(&mut rig);
    let (agent, call, waited_ms) = (agent_id("a"), CallKey(CALL), 61_000);
    let called = Output::CallBack { offer, entry, call, agent, queue, number, waited_ms };
    assert!(rig.outputs.contains(&called), "{:?}", rig.outputs.last());
    assert_eq!(rig.positions("sales"), [0, 2], "nobody was reached yet");
    rig.advance(5_000);
    rig.acd.callback_answered(entry, rig.now_ms);
    rig.drain();
    let today = rig.acd.queue(&queue_id("sales")).unwrap().today;
    assert_eq!((today.answered, today.callbacks, today.abandoned), (1, 1, 0));
    assert_eq!(today.answered_wait_ms, 66_000);
    assert_eq!(rig.positions("sales"), [2]);
    rig.advance(30_000);
    rig.end_call("a", CALL);
    assert_eq!(state(&rig), AgentState::Acw, "that was a call of the queue");
    let talked = events(&rig).any(|event| {
        matches!(event, QueueEvent::Completed { entry: of, waited_ms: 66_000, .. } if *of == entry)
    });
    assert!(talked, "{:?}", rig.outputs);
}

#[test]
fn who_was_not_reached_is_tried_again_later_and_given_up_after_some_times() {
    let (mut rig, entry, _) = placed();
    rig.acd.callback_failed(entry, rig.now_ms);
    rig.drain();
    rig.end_call("a", CALL);
    assert_eq!(state(&rig), AgentState::Ready, "nothing was talked that needs work");
    assert_eq!(rig.positions("sales"), [0]);
    rig.advance(59_999);
    assert_eq!(rig.rung(), [], "not at once");
    rig.advance(1);
    answer(&mut rig);
    rig.acd.callback_failed(entry, rig.now_ms);
    rig.drain();
    assert_eq!(rig.positions("sales"), [], "twice is enough");
    let dropped = |output: &Output| {
        matches!(output, Output::CallbackDropped { entry: of, why: Overflow::Unreached, .. }
            if *of == entry)
    };
    assert!(rig.outputs.iter().any(dropped));
    let tries = events(&rig).filter_map(|event| match event {
        QueueEvent::CallbackFailed { tries, .. } => Some(*tries),
        _ => None,
    });
    assert_eq!(tries.collect::<Vec<_>>(), [1, 2]);
    let today = rig.acd.queue(&queue_id("sales")).unwrap().today;
    assert_eq!((today.joined, today.answered, today.overflowed), (1, 0, 1));
}

#[test]
fn an_agent_who_hangs_up_before_somebody_was_reached_leaves_the_callback_to_others() {
    let (mut rig, entry, _) = placed();
    rig.end_call("a", CALL);
    assert_eq!(state(&rig), AgentState::Ready);
    assert_eq!((rig.positions("sales"), rig.rung()), (vec![0], vec![]), "not at once the same");
    rig.advance(30_000);
    answer(&mut rig);
    rig.acd.callback_answered(entry, rig.now_ms);
    rig.drain();
    let today = rig.acd.queue(&queue_id("sales")).unwrap().today;
    assert_eq!((today.answered, today.overflowed), (1, 0), "what an agent leaves is no try");
}

#[test]
fn what_comes_of_a_callback_that_is_over_changes_nothing() {
    let (mut rig, entry, _) = placed();
    rig.acd.cancel_callback(entry, rig.now_ms).unwrap();
    rig.acd.callback_answered(entry, rig.now_ms);
    rig.acd.callback_failed(entry, rig.now_ms);
    rig.drain();
    rig.end_call("a", CALL);
    assert_eq!(state(&rig), AgentState::Ready);
    let today = rig.acd.queue(&queue_id("sales")).unwrap().today;
    assert_eq!((today.answered, today.abandoned, today.overflowed), (0, 1, 0));
}

#[test]
fn a_callback_is_cancelled_or_given_up_after_a_day() {
    let mut rig = busy();
    for caller in 1..=2 {
        rig.join("sales", caller);
        rig.ask_back(caller.into(), &format!("555000{caller}")).unwrap();
    }
    let (first, second) = (rig.entry_of("sales", 0), rig.entry_of("sales", 1));
    rig.acd.cancel_callback(first, rig.now_ms).unwrap();
    let gone = rig.acd.cancel_callback(first, rig.now_ms).unwrap_err();
    assert_eq!(gone.to_string(), "entry-1 is no callback that waits");
    rig.advance(24 * 3_600_000);
    let dropped = |output: &Output| {
        matches!(output, Output::CallbackDropped { entry, why: Overflow::MaxWait, .. }
            if *entry == second)
    };
    assert!(rig.outputs.iter().any(dropped));
}

#[test]
fn only_who_waits_where_that_is_offered_is_called_back_and_each_number_once() {
    let mut rig = busy();
    assert_eq!(rig.ask_back(1, "5550001"), Err(NotCalledBack::NotWaiting));
    rig.join("sales", 1);
    rig.join("sales", 2);
    rig.ask_back(1, "5550001").unwrap();
    assert_eq!(rig.ask_back(2, "5550001"), Err(NotCalledBack::WaitsAlready));
    rig.change("sales", |queue| queue.callback_key = None);
    assert_eq!(rig.ask_back(2, "5550002"), Err(NotCalledBack::NotOffered));
    assert_eq!(rig.positions("sales"), [0, 2]);
}

#[test]
fn a_callback_of_an_earlier_process_waits_at_its_place_though_nobody_is_there() {
    let mut rig = busy();
    rig.change("sales", |queue| queue.join_when_empty = WhenEmpty::NoReadyAgents);
    rig.advance(10_000);
    rig.join("sales", 2);
    rig.status("a", AgentStatus::Away);
    let callback = |queue: &str| Join {
        caller: LegId(7),
        call: CallKey(7),
        queue: queue_id(queue),
        number: "5550007".to_owned(),
        priority: 0,
        skills: BTreeMap::new(),
        last_agent: None,
        joined_at_ms: Some(rig::START_MS),
    };
    assert!(!rig.acd.restore_callback(callback("tea"), rig.now_ms));
    assert!(rig.acd.restore_callback(callback("sales"), rig.now_ms));
    rig.drain();
    assert_eq!(rig.positions("sales"), [0, 2], "it came before");
    rig.status("a", AgentStatus::Online);
    rig.end_call("a", 90);
    assert_eq!(rig.rung(), [("a".to_owned(), 0)]);
}
