//! Who is asked: each strategy, tiers, weights, priorities, skills.

mod rig;

use offhook_acd::OfferFailure;
use offhook_model::{AgentStatus, Strategy};
use rig::{Rig, agent_id, queue, tier};

const THREE: [&str; 3] = ["a", "b", "c"];

fn three(strategy: Strategy) -> Rig {
    let mut queue = queue("sales", strategy, &THREE);
    queue.wrap_up_s = 0;
    Rig::new(vec![queue])
}

/// The agent answers a caller and talks for so long.
fn serve(rig: &mut Rig, caller: u32, talk_ms: u64) -> String {
    rig.join("sales", caller);
    let agent = rig.rung()[0].0.clone();
    rig.answer(&agent);
    rig.advance(talk_ms);
    rig.end_call(&agent, caller);
    agent
}

#[test]
fn longest_idle_asks_who_has_been_ready_for_longest() {
    let mut rig = three(Strategy::LongestIdle);
    rig.advance(1_000);
    for agent in ["b", "a", "c"] {
        rig.status(agent, AgentStatus::Away);
        rig.advance(1_000);
        rig.status(agent, AgentStatus::Online);
    }
    assert_eq!(serve(&mut rig, 1, 1_000), "b");
    assert_eq!(serve(&mut rig, 2, 1_000), "a");
    assert_eq!(serve(&mut rig, 3, 1_000), "c");
    assert_eq!(serve(&mut rig, 4, 1_000), "b");
}

#[test]
fn an_offer_that_is_withdrawn_costs_no_place_among_the_idle_and_a_missed_one_does() {
    let mut rig = three(Strategy::LongestIdle);
    rig.advance(1_000);
    assert_eq!(rig.who_is_asked("sales", 1), ["a"]);
    assert_eq!(rig.who_is_asked("sales", 2), ["a"]);
    rig.join("sales", 3);
    rig.fail("a", OfferFailure::Refused);
    assert_eq!(rig.rung(), [("b".to_owned(), 3)]);
    rig.answer("b");
    rig.advance(10_000);
    assert_eq!(rig.who_is_asked("sales", 4), ["c"]);
}

#[test]
fn ring_all_rings_all_and_the_first_to_answer_has_the_caller() {
    let mut rig = three(Strategy::RingAll);
    rig.join("sales", 1);
    let all: Vec<String> = rig.rung().into_iter().map(|(agent, _)| agent).collect();
    assert_eq!(all, THREE);
    rig.answer("b");
    assert_eq!(rig.rung(), [], "the others are rung no more");
    assert_eq!(rig.withdrawn().len(), 2);
}

#[test]
fn ring_all_rings_who_becomes_ready_meanwhile_too() {
    let mut rig = three(Strategy::RingAll);
    rig.status("c", AgentStatus::Busy);
    rig.join("sales", 1);
    rig.join("sales", 2);
    rig.status("c", AgentStatus::Online);
    let rung = |agent: &str, caller| (agent.to_owned(), caller);
    assert_eq!(rig.rung(), [rung("a", 1), rung("b", 1), rung("c", 1)]);
}

#[test]
fn ring_all_rings_the_next_level_when_nobody_of_the_first_is_rung() {
    let mut queue = queue("sales", Strategy::RingAll, &[]);
    queue.tiers = vec![tier("a", 1, 1), tier("b", 1, 2), tier("c", 2, 1)];
    let mut rig = Rig::new(vec![queue]);
    rig.join("sales", 1);
    rig.fail("a", OfferFailure::Refused);
    assert_eq!(rig.rung(), [("b".to_owned(), 1)]);
    rig.fail("b", OfferFailure::Refused);
    assert_eq!(rig.rung(), [("c".to_owned(), 1)]);
}

#[test]
fn round_robin_asks_each_in_turn_and_remembers_whose_turn_it_was() {
    let mut rig = three(Strategy::RoundRobin);
    assert_eq!(rig.who_is_asked("sales", 1), ["a"]);
    assert_eq!(rig.who_is_asked("sales", 2), ["b"]);
    rig.status("c", AgentStatus::Away);
    assert_eq!(rig.who_is_asked("sales", 3), ["a"]);
    rig.status("c", AgentStatus::Online);
    rig.acd = serde_json::from_str(&serde_json::to_string(&rig.acd).unwrap()).unwrap();
    assert_eq!(rig.who_is_asked("sales", 4), ["b"]);
    assert_eq!(rig.who_is_asked("sales", 5), ["c"]);
    assert_eq!(rig.who_is_asked("sales", 6), ["a"]);
}

#[test]
fn fewest_calls_asks_who_has_answered_least_often_today() {
    let mut rig = three(Strategy::FewestCalls);
    assert_eq!(serve(&mut rig, 1, 1_000), "a");
    assert_eq!(serve(&mut rig, 2, 1_000), "b");
    rig.status("c", AgentStatus::Away);
    assert_eq!(serve(&mut rig, 3, 1_000), "a");
    assert_eq!(serve(&mut rig, 4, 1_000), "b");
    assert_eq!(serve(&mut rig, 5, 1_000), "a");
    rig.status("c", AgentStatus::Online);
    assert_eq!(serve(&mut rig, 6, 1_000), "c");
    rig.acd.start_day(rig.now_ms);
    assert_eq!(serve(&mut rig, 7, 1_000), "b", "all have answered none, and b waits for longest");
}

#[test]
fn least_talk_time_asks_who_has_talked_least_today() {
    let mut rig = three(Strategy::LeastTalkTime);
    assert_eq!(serve(&mut rig, 1, 60_000), "a");
    assert_eq!(serve(&mut rig, 2, 10_000), "b");
    assert_eq!(serve(&mut rig, 3, 20_000), "c");
    assert_eq!(serve(&mut rig, 4, 15_000), "b");
    assert_eq!(serve(&mut rig, 5, 1_000), "c");
}

#[test]
fn top_down_asks_the_first_who_is_ready() {
    let mut rig = three(Strategy::TopDown);
    rig.change("sales", |queue| {
        queue.tiers = vec![tier("c", 1, 1), tier("a", 1, 2), tier("b", 1, 3)];
    });
    assert_eq!(serve(&mut rig, 1, 1_000), "c");
    assert_eq!(serve(&mut rig, 2, 1_000), "c");
    rig.begin_call("c", 90);
    assert_eq!(serve(&mut rig, 3, 1_000), "a");
}

#[test]
fn random_asks_everybody_about_as_often() {
    let mut rig = three(Strategy::Random);
    let mut counts = [0; 3];
    for caller in 1..=900 {
        let asked = rig.who_is_asked("sales", caller);
        counts[THREE.iter().position(|agent| asked == [*agent]).unwrap()] += 1;
    }
    // Four standard deviations of a third of 900.
    assert!(counts.iter().all(|count| (244..=356).contains(count)), "{counts:?}");
}

#[test]
fn skill_based_asks_the_most_proficient_of_those_who_can() {
    let mut rig = three(Strategy::SkillBased);
    for (agent, level) in [("a", 3), ("b", 9), ("c", 7)] {
        rig.change_agent(agent, |agent| {
            agent.skills.insert("spanish".to_owned(), level);
        });
    }
    rig.change("sales", |queue| {
        queue.skills.insert("spanish".to_owned(), 5);
    });
    assert_eq!(rig.who_is_asked("sales", 1), ["b"]);
    rig.begin_call("b", 90);
    assert_eq!(rig.who_is_asked("sales", 2), ["c"]);
    rig.begin_call("c", 91);
    assert_eq!(rig.who_is_asked("sales", 3), [""; 0], "a knows too little");
}

#[test]
fn a_caller_needs_less_skill_the_longer_it_waits() {
    let mut rig = three(Strategy::LongestIdle);
    rig.change_agent("b", |agent| {
        agent.skills.insert("billing".to_owned(), 2);
    });
    rig.change("sales", |queue| queue.relax_every_s = 10);
    rig.join_as("sales", 1, |join| {
        join.skills.insert("billing".to_owned(), 4);
    });
    rig.advance(19_999);
    assert_eq!(rig.rung(), []);
    rig.advance(1);
    assert_eq!(rig.rung(), [("b".to_owned(), 1)]);
    rig.begin_call("b", 90);
    rig.advance(19_999);
    assert_eq!(rig.rung(), []);
    rig.advance(1);
    assert_eq!(rig.rung(), [("a".to_owned(), 1)], "after 40 s no skill is needed");
}

#[test]
fn a_higher_level_is_asked_when_nobody_of_a_lower_one_can() {
    let mut rig = three(Strategy::LongestIdle);
    rig.change("sales", |queue| {
        queue.tiers = vec![tier("a", 2, 1), tier("b", 1, 1), tier("c", 2, 2)];
    });
    assert_eq!(rig.who_is_asked("sales", 1), ["b"]);
    rig.join("sales", 2);
    rig.join("sales", 3);
    assert_eq!(rig.rung(), [("b".to_owned(), 2), ("a".to_owned(), 3)]);
}

#[test]
fn an_agent_takes_the_queue_of_greater_weight_then_priority_then_who_came_first() {
    let mut light = queue("light", Strategy::LongestIdle, &["a"]);
    let mut heavy = queue("heavy", Strategy::LongestIdle, &["a"]);
    (light.wrap_up_s, heavy.wrap_up_s, heavy.weight) = (0, 0, 10);
    let mut rig = Rig::new(vec![light, heavy]);
    rig.begin_call("a", 90);
    for (caller, queue, priority) in
        [(1, "light", 5), (2, "light", 5), (3, "heavy", 0), (4, "heavy", 2), (5, "light", 9)]
    {
        rig.advance(10);
        rig.join_as(queue, caller, |join| join.priority = priority);
    }
    assert_eq!(rig.positions("light"), [5, 1, 2]);
    rig.end_call("a", 90);
    for caller in [4, 3, 5, 1, 2] {
        assert_eq!(rig.rung(), [("a".to_owned(), caller)]);
        let call = rig.answer("a");
        rig.end_call("a", call);
    }
}

#[test]
fn a_second_call_is_offered_to_those_who_take_one_and_after_those_who_are_free() {
    let mut rig = three(Strategy::TopDown);
    rig.change_agent("a", |agent| agent.takes_second_call = true);
    rig.begin_call("a", 90);
    rig.begin_call("b", 91);
    assert_eq!(rig.who_is_asked("sales", 1), ["c"]);
    rig.begin_call("c", 92);
    rig.join("sales", 2);
    assert_eq!(rig.rung(), [("a".to_owned(), 2)]);
    rig.answer("a");
    assert_eq!(rig.acd.agent(&agent_id("a")).unwrap().calls.len(), 2);
    assert_eq!(rig.who_is_asked("sales", 3), [""; 0], "two are enough");
}

#[test]
fn the_agent_who_had_the_caller_last_is_asked_first_and_alone_for_a_while() {
    let mut rig = three(Strategy::TopDown);
    rig.change("sales", |queue| queue.sticky_s = 15);
    let again = |rig: &mut Rig, caller| {
        rig.join_as("sales", caller, |join| join.last_agent = Some(agent_id("c")));
    };
    again(&mut rig, 1);
    assert_eq!(rig.rung(), [("c".to_owned(), 1)]);
    again(&mut rig, 2);
    assert_eq!(rig.rung().len(), 1, "c is being rung, and a and b are not asked");
    rig.advance(14_999);
    assert_eq!(rig.rung().len(), 1);
    rig.advance(1);
    assert_eq!(rig.rung()[1..], [("a".to_owned(), 2)]);
}

#[test]
fn nobody_waits_for_an_agent_who_takes_no_calls() {
    let mut rig = three(Strategy::TopDown);
    rig.change("sales", |queue| queue.sticky_s = 15);
    let again = |rig: &mut Rig, caller| {
        rig.join_as("sales", caller, |join| join.last_agent = Some(agent_id("c")));
    };
    rig.begin_call("c", 90);
    again(&mut rig, 1);
    assert_eq!(rig.rung(), []);
    rig.status("c", AgentStatus::Away);
    assert_eq!(rig.rung(), [("a".to_owned(), 1)]);
    again(&mut rig, 2);
    assert_eq!(rig.rung()[1..], [("b".to_owned(), 2)]);
}
