//! Offers: answered, refused, missed, unreachable, withdrawn, too late.

mod rig;

use offhook_acd::{CallKey, Left, OfferEnd, OfferFailure, Output, QueueEvent, WithdrawReason};
use offhook_model::{AgentState, AgentStatus, LegId, Strategy};
use rig::{Rig, agent_id, queue, queue_id};

fn rig(agents: &[&str]) -> Rig {
    Rig::new(vec![queue("sales", Strategy::TopDown, agents)])
}

fn rung(agent: &str, caller: u64) -> (String, u64) {
    (agent.to_owned(), caller)
}

#[test]
fn an_offer_says_all_that_is_needed_to_ring() {
    let mut rig = rig(&["a"]);
    rig.change_agent("a", |agent| {
        agent.extension = "2001".to_owned();
        agent.auto_answer = true;
    });
    rig.begin_call("a", 90);
    rig.join("sales", 1);
    rig.advance(2_500);
    rig.end_call("a", 90);
    let offer = rig.offer_to("a");
    let expected = Output::Offer {
        offer,
        entry: rig.entry_of("sales", 0),
        caller: Some(LegId(1)),
        call: CallKey(1),
        agent: agent_id("a"),
        extension: "2001".to_owned(),
        ring_ms: 20_000,
        auto_answer: true,
        queue: queue_id("sales"),
        waited_ms: 2_500,
        callback: None,
    };
    assert!(rig.outputs.contains(&expected), "{:?}", rig.outputs);
}

#[test]
fn an_agent_is_reserved_rings_is_on_call_wraps_up_and_is_ready() {
    let mut rig = rig(&["a"]);
    rig.join("sales", 1);
    assert_eq!(rig.state("a"), AgentState::Reserved);
    rig.ring("a");
    assert_eq!(rig.state("a"), AgentState::Ringing);
    rig.advance(3_000);
    rig.answer("a");
    assert_eq!(rig.state("a"), AgentState::OnCall);
    rig.advance(60_000);
    rig.end_call("a", 1);
    assert_eq!(rig.state("a"), AgentState::Acw);
    rig.advance(14_999);
    assert_eq!(rig.state("a"), AgentState::Acw);
    rig.advance(1);
    assert_eq!(rig.state("a"), AgentState::Ready);
}

#[test]
fn two_who_answer_in_the_same_millisecond_are_one_too_many() {
    let mut rig = Rig::new(vec![queue("sales", Strategy::RingAll, &["a", "b"])]);
    rig.join("sales", 1);
    let (first, second) = (rig.ring("a"), rig.ring("b"));
    rig.answer_offer(first);
    rig.answer_offer(second);
    let connected = |output: &&Output| matches!(output, Output::Connect { .. });
    assert_eq!(rig.outputs.iter().filter(connected).count(), 1);
    let expected = [(second, WithdrawReason::AnsweredElsewhere), (second, WithdrawReason::TooLate)];
    assert_eq!(rig.withdrawn(), expected);
    assert_eq!((rig.state("a"), rig.state("b")), (AgentState::OnCall, AgentState::Ready));
}

#[test]
fn who_refuses_is_skipped_for_a_moment_and_not_asked_for_the_same_caller_for_longer() {
    let mut rig = rig(&["a"]);
    rig.join("sales", 1);
    rig.fail("a", OfferFailure::Refused);
    assert_eq!(rig.rung(), []);
    rig.join("sales", 2);
    rig.advance(2_999);
    assert_eq!(rig.rung(), []);
    rig.advance(1);
    assert_eq!(rig.rung(), [rung("a", 2)]);
    rig.leave(2, Left::HungUp);
    rig.advance(26_999);
    assert_eq!(rig.rung(), []);
    rig.advance(1);
    assert_eq!(rig.rung(), [rung("a", 1)], "never stuck");
    let agent = rig.acd.agent(&agent_id("a")).unwrap();
    assert_eq!((agent.today.refused, agent.today.missed, agent.misses_in_a_row), (1, 0, 0));
}

#[test]
fn three_misses_in_a_row_make_an_agent_not_ready() {
    let mut rig = rig(&["a"]);
    for caller in 1..=3 {
        assert_eq!(rig.state("a"), AgentState::Ready);
        rig.join("sales", caller);
        rig.ring("a");
        rig.advance(19_999);
        assert_eq!(rig.rung().len(), 1);
        rig.advance(1);
        assert_eq!(rig.rung(), []);
        rig.leave(caller.into(), Left::HungUp);
        rig.advance(3_000);
    }
    assert_eq!(rig.state("a"), AgentState::NotReady);
    let changed = Output::StatusChanged {
        agent: agent_id("a"),
        status: AgentStatus::Away,
        reason: Some("missed calls".to_owned()),
    };
    assert_eq!(rig.outputs.iter().filter(|output| **output == changed).count(), 1);
    rig.status("a", AgentStatus::Online);
    assert_eq!(rig.acd.agent(&agent_id("a")).unwrap().misses_in_a_row, 0);
}

#[test]
fn an_answer_forgives_misses_and_zero_forgives_all() {
    let mut rig = rig(&["a"]);
    for caller in 1..=6 {
        rig.join("sales", caller);
        if caller % 3 == 0 {
            rig.answer("a");
            rig.end_call("a", caller);
        } else {
            rig.fail("a", OfferFailure::NoAnswer);
            rig.leave(caller.into(), Left::HungUp);
        }
        rig.advance(20_000);
    }
    assert_eq!(rig.state("a"), AgentState::Ready);
    rig.change_agent("a", |agent| agent.max_misses = 0);
    for caller in 11..=20 {
        rig.join("sales", caller);
        rig.fail("a", OfferFailure::NoAnswer);
        rig.leave(caller.into(), Left::HungUp);
        rig.advance(20_000);
    }
    assert_eq!(rig.state("a"), AgentState::Ready);
}

#[test]
fn the_unreachable_have_missed_nothing_and_are_asked_again_when_a_device_registers() {
    let mut rig = rig(&["a"]);
    rig.join("sales", 1);
    rig.fail("a", OfferFailure::Unreachable);
    rig.advance(29_999);
    assert_eq!(rig.rung(), []);
    rig.advance(1);
    assert_eq!(rig.rung(), [rung("a", 1)]);
    rig.fail("a", OfferFailure::Unreachable);
    rig.reach("a", true);
    assert_eq!(rig.rung(), [rung("a", 1)]);
    assert_eq!(rig.acd.agent(&agent_id("a")).unwrap().today.missed, 0);
}

#[test]
fn a_device_that_never_rang_has_missed_nothing() {
    let mut rig = rig(&["a"]);
    rig.join("sales", 1);
    rig.advance(20_000);
    assert_eq!(rig.rung(), []);
    let ended = rig.events().into_iter().find_map(|event| match event {
        QueueEvent::OfferEnded { why, .. } => Some(*why),
        _ => None,
    });
    assert_eq!(ended, Some(OfferEnd::Failed(OfferFailure::Unreachable)));
    assert_eq!(rig.acd.agent(&agent_id("a")).unwrap().today.missed, 0);
}

#[test]
fn a_caller_whose_agent_is_lost_is_offered_to_the_next_and_keeps_its_place() {
    let mut rig = rig(&["a", "b"]);
    for lose in [
        |rig: &mut Rig| rig.reach("a", false),
        |rig: &mut Rig| rig.status("a", AgentStatus::Away),
        |rig: &mut Rig| rig.status("a", AgentStatus::Offline),
        |rig: &mut Rig| rig.begin_call("a", 90),
        |rig: &mut Rig| rig.fail("a", OfferFailure::Fault),
        |rig: &mut Rig| rig.change("sales", |queue| drop(queue.tiers.remove(0))),
    ] {
        rig.begin_call("b", 91);
        rig.join("sales", 1);
        rig.join("sales", 2);
        rig.ring("a");
        lose(&mut rig);
        assert_eq!(rig.rung(), []);
        assert_eq!(rig.positions("sales"), [1, 2]);
        rig.end_call("b", 91);
        assert_eq!(rig.rung(), [rung("b", 1)]);
        rig.leave(1, Left::HungUp);
        rig.leave(2, Left::HungUp);
        rig.end_call("a", 90);
        rig.sign_in("a");
        rig.advance(6_000);
    }
}

#[test]
fn a_direct_call_is_no_answer_and_the_call_that_is_offered_is() {
    let mut rig = rig(&["a"]);
    rig.join("sales", 1);
    rig.begin_call("a", 1);
    assert_eq!(rig.positions("sales"), [0; 0]);
    assert!(rig.outputs.iter().any(|output| matches!(output, Output::Connect { .. })));
    rig.begin_call("a", 1);
    assert_eq!(rig.acd.agent(&agent_id("a")).unwrap().calls.len(), 1);
}

#[test]
fn who_takes_second_calls_keeps_an_offer_beside_a_first_and_not_beside_two() {
    let mut rig = rig(&["a"]);
    rig.change_agent("a", |agent| agent.takes_second_call = true);
    rig.join("sales", 1);
    rig.begin_call("a", 90);
    assert_eq!(rig.rung(), [rung("a", 1)]);
    rig.begin_call("a", 91);
    assert_eq!(rig.rung(), []);
    assert_eq!(rig.withdrawn().last().unwrap().1, WithdrawReason::AgentBusy);
}

#[test]
fn a_caller_who_leaves_is_rung_for_no_more() {
    let mut rig = rig(&["a"]);
    rig.join("sales", 1);
    let offer = rig.ring("a");
    rig.leave(1, Left::HungUp);
    assert_eq!(rig.withdrawn(), [(offer, WithdrawReason::CallerLeft)]);
    assert_eq!(rig.state("a"), AgentState::Ready);
    rig.answer_offer(offer);
    assert_eq!(rig.withdrawn().last(), Some(&(offer, WithdrawReason::TooLate)));
    assert_eq!(rig.state("a"), AgentState::Ready);
}

#[test]
fn wrap_up_can_be_cut_short_and_extended() {
    let mut rig = rig(&["a"]);
    rig.join("sales", 1);
    rig.answer("a");
    rig.end_call("a", 1);
    rig.acd.extend_wrap_up(&agent_id("a"), 30_000, rig.now_ms).unwrap();
    rig.advance(44_999);
    assert_eq!(rig.state("a"), AgentState::Acw);
    rig.acd.finish_wrap_up(&agent_id("a"), rig.now_ms).unwrap();
    assert_eq!(rig.state("a"), AgentState::Ready);
    let refused = rig.acd.finish_wrap_up(&agent_id("a"), rig.now_ms).unwrap_err();
    assert_eq!(refused.to_string(), "agent a has no wrap-up at this moment");
    assert!(rig.acd.extend_wrap_up(&agent_id("x"), 1, rig.now_ms).is_err());
}

#[test]
fn a_call_during_wrap_up_leaves_what_is_left_of_it() {
    let mut rig = rig(&["a"]);
    rig.join("sales", 1);
    rig.answer("a");
    rig.end_call("a", 1);
    rig.advance(5_000);
    rig.begin_call("a", 90);
    assert_eq!(rig.state("a"), AgentState::OnCall);
    rig.advance(5_000);
    rig.end_call("a", 90);
    assert_eq!(rig.state("a"), AgentState::Acw);
    rig.advance(5_000);
    assert_eq!(rig.state("a"), AgentState::Ready);
    let today = rig.acd.agent(&agent_id("a")).unwrap().today;
    assert_eq!((today.acw_ms, today.talk_ms, today.other_calls), (10_000, 5_000, 1));
    assert_eq!(rig.acd.queue(&queue_id("sales")).unwrap().today.acw_ms, 10_000);
}

#[test]
fn an_unknown_agent_is_an_error() {
    let mut rig = rig(&["a"]);
    let unknown = rig.acd.set_status(&agent_id("x"), AgentStatus::Online, None, rig.now_ms);
    assert_eq!(unknown.unwrap_err().to_string(), "there is no agent x");
}

#[test]
fn a_call_is_on_call_whatever_the_agent_chooses_meanwhile() {
    let mut rig = rig(&["a"]);
    rig.join("sales", 1);
    rig.answer("a");
    let since_ms = rig.acd.agent(&agent_id("a")).unwrap().since_ms;
    rig.advance(1_000);
    rig.status("a", AgentStatus::Away);
    let agent = rig.acd.agent(&agent_id("a")).unwrap();
    assert_eq!((agent.state, agent.since_ms), (AgentState::OnCall, since_ms));
    rig.end_call("a", 1);
    assert_eq!(rig.state("a"), AgentState::NotReady);
}

#[test]
fn an_agent_has_no_more_calls_than_are_kept_account_of() {
    let mut rig = rig(&["a"]);
    for call in 100..200 {
        rig.begin_call("a", call);
    }
    assert_eq!(rig.acd.agent(&agent_id("a")).unwrap().calls.len(), 32);
    for call in 100..200 {
        rig.end_call("a", call);
    }
    assert_eq!(rig.state("a"), AgentState::Ready);
}

#[test]
fn a_caller_whom_all_agents_have_refused_is_offered_again_and_again() {
    let names: Vec<String> = (0..70).map(|number| format!("a{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut rig = rig(&names);
    rig.join("sales", 1);
    for _ in 0..200 {
        while let Some((agent, _)) = rig.rung().first().cloned() {
            rig.fail(&agent, OfferFailure::Refused);
        }
        rig.advance(1_000);
    }
    let offers = rig.acd.queue(&queue_id("sales")).unwrap().today.offers;
    assert!((420..=560).contains(&offers), "six rounds of all in 200 s, not {offers} offers");
}
