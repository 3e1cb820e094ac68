//! Changes of the configuration, of the clock, of the process.

mod rig;

use offhook_acd::{Acd, Left, OfferFailure, Output, Overflow, WithdrawReason};
use offhook_model::{AgentState, AgentStatus, Strategy};
use rig::{Rig, agent_id, queue, queue_id};

fn rig() -> Rig {
    Rig::new(vec![
        queue("sales", Strategy::TopDown, &["a", "b"]),
        queue("support", Strategy::TopDown, &["b"]),
    ])
}

#[test]
fn callers_of_a_queue_that_is_gone_go_to_its_overflow() {
    let mut rig = rig();
    rig.join("sales", 1);
    rig.join("sales", 2);
    rig.join("sales", 3);
    rig.join("support", 4);
    rig.queues.remove(&queue_id("sales"));
    rig.configure();
    let gone = [(1, Overflow::NoQueue), (2, Overflow::NoQueue), (3, Overflow::NoQueue)];
    assert_eq!(rig.sent_on(), gone);
    assert_eq!(rig.rung(), [("b".to_owned(), 4)], "b is free for support");
    assert!(rig.acd.queue(&queue_id("sales")).is_none());
}

#[test]
fn offers_to_an_agent_who_is_gone_are_withdrawn() {
    let mut rig = rig();
    rig.join("sales", 1);
    let offer = rig.offer_to("a");
    rig.agents.remove(&agent_id("a"));
    rig.configure();
    assert_eq!(rig.withdrawn(), [(offer, WithdrawReason::AgentGone)]);
    assert_eq!(rig.rung(), [("b".to_owned(), 1)]);
    rig.begin_call("a", 5);
    rig.end_call("a", 5);
    assert!(rig.acd.agent(&agent_id("a")).is_none());
}

#[test]
fn who_is_known_stays_as_it_is_and_who_is_new_is_as_it_was_written_down() {
    let mut rig = rig();
    rig.status("a", AgentStatus::Away);
    rig.change_agent("a", |agent| agent.status = AgentStatus::Online);
    assert_eq!(rig.state("a"), AgentState::NotReady);
    let mut new = offhook_model::Agent::new("c");
    new.status = AgentStatus::Busy;
    rig.agents.insert(agent_id("c"), new);
    rig.configure();
    rig.reach("c", true);
    assert_eq!(rig.state("c"), AgentState::NotReady);
}

#[test]
fn a_queue_that_gets_an_agent_serves_its_callers() {
    let mut rig = rig();
    rig.status("a", AgentStatus::Busy);
    rig.status("b", AgentStatus::Busy);
    rig.join("support", 1);
    rig.status("a", AgentStatus::Online);
    assert_eq!(rig.rung(), []);
    rig.change("support", |queue| queue.tiers.push(rig::tier("a", 1, 1)));
    assert_eq!(rig.rung(), [("a".to_owned(), 1)]);
}

#[test]
fn a_clock_that_is_set_back_delays_nothing() {
    let mut rig = rig();
    rig.join("sales", 1);
    rig.ring("a");
    rig.advance(10_000);
    rig.now_ms -= 600_000;
    rig.acd.handle_timeout(rig.now_ms);
    rig.advance(9_999);
    assert_eq!(rig.rung(), [("a".to_owned(), 1)]);
    rig.advance(1);
    assert_eq!(rig.rung(), [("b".to_owned(), 1)]);
    rig.answer("b");
    let waited = rig.outputs.iter().find_map(|output| match output {
        Output::Connect { waited_ms, .. } => Some(*waited_ms),
        _ => None,
    });
    assert_eq!(waited, Some(20_000));
}

#[test]
fn what_is_serialised_goes_on_as_if_nothing_had_happened() {
    let mut rig = rig();
    rig.join("sales", 1);
    rig.join("support", 2);
    rig.join_as("sales", 3, |join| join.priority = -1);
    rig.fail("a", OfferFailure::Refused);
    rig.fail("b", OfferFailure::NoAnswer);
    let text = serde_json::to_string(&rig.acd).unwrap();
    let mut other = Rig { acd: serde_json::from_str::<Acd>(&text).unwrap(), ..self::rig() };
    assert_eq!(serde_json::to_string(&other.acd).unwrap(), text);
    rig.outputs.clear();
    for rig in [&mut rig, &mut other] {
        rig.advance(40_000);
        rig.leave(1, Left::HungUp);
    }
    assert!(!rig.outputs.is_empty());
    assert_eq!(rig.take_outputs(), other.take_outputs());
}

#[test]
fn outputs_that_were_not_taken_are_carried_along() {
    let mut rig = rig();
    rig.acd.set_reachable(&agent_id("a"), false, rig.now_ms);
    let text = serde_json::to_string(&rig.acd).unwrap();
    let mut restored: Acd = serde_json::from_str(&text).unwrap();
    let first = rig.acd.poll_output();
    assert!(first.is_some());
    assert_eq!(restored.poll_output(), first);
}

#[test]
fn calls_that_a_restart_has_cost_are_over_and_callbacks_go_on() {
    let mut rig = rig();
    rig.change("sales", |queue| queue.callback_key = Some('1'));
    rig.join("sales", 1);
    rig.answer("a");
    rig.begin_call("b", 90);
    for caller in 2..=4 {
        rig.join("sales", caller);
    }
    rig.ask_back(3, "5550003").unwrap();
    rig.keep_calls(&[4, 90]);
    assert_eq!(rig.positions("sales"), [0, 4]);
    assert_eq!((rig.state("a"), rig.state("b")), (AgentState::Acw, AgentState::OnCall));
    let today = rig.acd.queue(&queue_id("sales")).unwrap().today;
    assert_eq!((today.short_abandoned, today.answered), (1, 1));
    rig.advance(15_000);
    let offer = rig.ring("a");
    rig.keep_calls(&[90]);
    assert_eq!(rig.withdrawn(), [(offer, WithdrawReason::AgentGone)]);
    assert_eq!(rig.rung(), [("a".to_owned(), 0)], "the callback is offered again");
}
