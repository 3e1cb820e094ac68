//! Callers: joining, leaving, overflow, announcements, places.

mod rig;

use offhook_acd::{CallKey, Left, Output, Overflow, QueueEvent, WithdrawReason};
use offhook_model::{AgentStatus, LegId, Strategy, Target, WhenEmpty};
use rig::{Rig, START_MS, agent_id, queue, queue_id};

fn rig(agents: &[&str]) -> Rig {
    Rig::new(vec![queue("sales", Strategy::TopDown, agents)])
}

/// A queue whose only agent is on a call.
fn busy() -> Rig {
    let mut rig = rig(&["a"]);
    rig.begin_call("a", 90);
    rig
}

#[test]
fn a_caller_who_has_waited_for_as_long_as_it_may_is_sent_on() {
    let mut rig = busy();
    rig.change("sales", |queue| queue.max_wait_s = 60);
    rig.join("sales", 1);
    rig.advance(59_999);
    assert_eq!(rig.sent_on(), []);
    rig.advance(1);
    assert_eq!(rig.sent_on(), [(1, Overflow::MaxWait)]);
    assert!(rig.outputs.contains(&Output::SendOn {
        caller: LegId(1),
        queue: queue_id("sales"),
        target: Target::Voicemail("sales".to_owned()),
        why: Overflow::MaxWait,
    }));
}

#[test]
fn a_caller_for_whom_somebody_is_rung_is_sent_on_when_that_came_to_nothing() {
    let mut rig = busy();
    rig.change("sales", |queue| queue.max_wait_s = 60);
    rig.join("sales", 1);
    rig.advance(50_000);
    rig.end_call("a", 90);
    rig.ring("a");
    rig.advance(19_999);
    assert_eq!(rig.sent_on(), []);
    rig.advance(1);
    assert_eq!(rig.sent_on(), [(1, Overflow::MaxWait)]);
}

#[test]
fn no_more_wait_than_may() {
    let mut rig = busy();
    rig.change("sales", |queue| queue.max_size = 2);
    for caller in 1..=3 {
        rig.join("sales", caller);
    }
    assert_eq!(rig.sent_on(), [(3, Overflow::Full)]);
    let today = rig.acd.queue(&queue_id("sales")).unwrap().today;
    assert_eq!((today.joined, today.overflowed), (3, 1));
}

#[test]
fn who_may_join_a_queue_without_agents() {
    for (policy, status, may) in [
        (WhenEmpty::Allow, AgentStatus::Offline, true),
        (WhenEmpty::NoAgents, AgentStatus::Offline, false),
        (WhenEmpty::NoAgents, AgentStatus::Away, true),
        (WhenEmpty::NoReadyAgents, AgentStatus::Away, false),
        (WhenEmpty::NoReadyAgents, AgentStatus::Online, true),
    ] {
        let mut rig = busy();
        rig.change("sales", |queue| queue.join_when_empty = policy);
        rig.status("a", status);
        rig.join("sales", 1);
        let expected = if may { vec![] } else { vec![(1, Overflow::Empty)] };
        assert_eq!(rig.sent_on(), expected, "{policy:?} {status:?}");
    }
}

#[test]
fn who_waits_in_a_queue_that_loses_its_agents_is_sent_on_unless_one_comes_back_soon() {
    let mut rig = busy();
    rig.change("sales", |queue| queue.stay_when_empty = WhenEmpty::NoAgents);
    rig.join("sales", 1);
    rig.join("sales", 2);
    rig.end_call("a", 90);
    rig.reach("a", false);
    rig.advance(4_999);
    assert_eq!(rig.sent_on(), []);
    rig.reach("a", true);
    rig.advance(10_000);
    assert_eq!(rig.sent_on(), [], "the browser was only loaded again");
    rig.reach("a", false);
    rig.advance(5_000);
    assert_eq!(rig.sent_on(), [(1, Overflow::Empty), (2, Overflow::Empty)]);
}

#[test]
fn a_queue_that_is_not_there_sends_on() {
    let mut rig = busy();
    rig.join("nowhere", 1);
    assert_eq!(rig.sent_on(), [(1, Overflow::NoQueue)]);
}

#[test]
fn the_exit_key_leads_to_the_overflow_and_other_keys_nowhere() {
    let mut rig = rig(&["a"]);
    rig.change("sales", |queue| queue.exit_key = Some('#'));
    rig.join("sales", 1);
    let offer = rig.offer_to("a");
    rig.key(1, '5');
    assert_eq!(rig.sent_on(), []);
    rig.key(1, '#');
    assert_eq!(rig.sent_on(), [(1, Overflow::ExitKey('#'))]);
    assert_eq!(rig.withdrawn(), [(offer, WithdrawReason::CallerLeft)]);
}

#[test]
fn who_waits_is_told_its_position_and_comforted_in_turn() {
    let mut rig = busy();
    rig.change("sales", |queue| {
        queue.announcements.comfort = vec!["file:one".to_owned(), "file:two".to_owned()];
    });
    rig.join("sales", 1);
    rig.join("sales", 2);
    rig.advance(100_000);
    let told = rig.outputs.iter().filter_map(|output| match output {
        Output::Announce { caller: LegId(2), position, comfort, .. } => {
            Some((*position, comfort.clone()))
        }
        _ => None,
    });
    let position = || (Some(2), None);
    let comfort = |prompt: &str| (None, Some(prompt.to_owned()));
    // At 10, 40, 45, 70, 90 and 100 seconds.
    let expected =
        [position(), position(), comfort("file:one"), position(), comfort("file:two"), position()];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn the_expected_wait_comes_from_recent_answers() {
    let mut rig = rig(&["a"]);
    rig.change("sales", |queue| {
        queue.announcements.expected_wait = true;
        queue.announcements.position = false;
        queue.wrap_up_s = 0;
    });
    for caller in 1..=6 {
        rig.join("sales", caller);
    }
    for caller in 1..=3 {
        assert_eq!(rig.acd.queue(&queue_id("sales")).unwrap().expected_wait_ms, None);
        rig.advance(1_000);
        assert_eq!(rig.answer("a"), caller);
        rig.advance(3_000);
        rig.end_call("a", caller);
    }
    // Intervals of 1, 4 and 4 seconds; two wait before the one who would join behind three.
    rig.advance(1_000);
    let expected_ms = rig.acd.queue(&queue_id("sales")).unwrap().expected_wait_ms.unwrap();
    assert!((12_000..=16_000).contains(&expected_ms), "{expected_ms}");
}

#[test]
fn a_place_is_kept_and_a_supervisor_gives_another() {
    let mut rig = busy();
    for caller in 1..=4 {
        rig.join("sales", caller);
    }
    rig.leave(2, Left::Moved);
    rig.advance(60_000);
    rig.join_as("sales", 2, |join| join.joined_at_ms = Some(START_MS - 1));
    assert_eq!(rig.positions("sales"), [2, 1, 3, 4]);
    for (caller, position, expected) in [
        (4, 1, [4, 2, 1, 3]),
        (4, 3, [2, 1, 4, 3]),
        (2, 99, [1, 4, 3, 2]),
        (1, 1, [1, 4, 3, 2]),
        (3, 2, [1, 3, 4, 2]),
    ] {
        rig.acd.move_caller(LegId(caller), position, rig.now_ms).unwrap();
        assert_eq!(rig.positions("sales"), expected);
    }
    let unknown = rig.acd.move_caller(LegId(9), 1, rig.now_ms).unwrap_err();
    assert_eq!(unknown.to_string(), "leg-9 waits in no queue");
}

#[test]
fn there_is_always_room_for_one_more_between_two() {
    let mut rig = busy();
    for caller in 1..=6 {
        rig.join_as("sales", caller, |join| join.priority = i32::from(caller <= 3));
    }
    for round in 0..200 {
        let (last, middle) = (rig.positions("sales")[5], rig.positions("sales")[1]);
        rig.acd.move_caller(LegId(last), 2, rig.now_ms).unwrap();
        assert_eq!(rig.positions("sales")[1..3], [last, middle], "round {round}");
    }
}

#[test]
fn every_stay_has_one_outcome_and_the_counts_add_up() {
    let mut rig = busy();
    rig.change("sales", |queue| (queue.exit_key, queue.service_level_s) = (Some('#'), 20));
    for caller in 1..=7 {
        rig.join("sales", caller);
    }
    rig.advance(5_000);
    rig.leave(1, Left::HungUp);
    rig.advance(1);
    rig.leave(2, Left::HungUp);
    rig.advance(20_000);
    rig.leave(3, Left::HungUp);
    rig.leave(4, Left::Moved);
    rig.leave(5, Left::Exited('9'));
    rig.key(6, '#');
    rig.end_call("a", 90);
    rig.answer("a");
    let today = rig.acd.queue(&queue_id("sales")).unwrap().today;
    assert_eq!((today.joined, today.offered(), today.answered), (7, 6, 1));
    assert_eq!((today.short_abandoned, today.abandoned, today.abandoned_within_sl), (1, 2, 1));
    assert_eq!((today.transferred_out, today.overflowed), (2, 1));
    assert_eq!((today.answered_within_sl, today.longest_wait_ms), (0, 25_001));
    rig.leave(7, Left::HungUp);
    assert_eq!(rig.acd.queue(&queue_id("sales")).unwrap().today, today, "it has left already");
}

#[test]
fn a_day_begins_with_those_who_wait() {
    let mut rig = busy();
    rig.join("sales", 1);
    rig.join("sales", 2);
    rig.leave(1, Left::HungUp);
    rig.acd.start_day(rig.now_ms);
    let today = rig.acd.queue(&queue_id("sales")).unwrap().today;
    assert_eq!((today.joined, today.short_abandoned), (1, 0));
    assert_eq!(rig.acd.audit(rig.now_ms), []);
}

#[test]
fn talk_hold_and_work_after_a_call_are_counted() {
    let mut rig = rig(&["a"]);
    rig.advance(7_000);
    rig.join("sales", 1);
    rig.ring("a");
    rig.advance(4_000);
    rig.answer("a");
    rig.advance(30_000);
    rig.acd.hold(&agent_id("a"), CallKey(1), true, rig.now_ms);
    rig.advance(10_000);
    rig.acd.hold(&agent_id("a"), CallKey(1), false, rig.now_ms);
    rig.advance(20_000);
    rig.end_call("a", 1);
    rig.advance(15_000);
    rig.status("a", AgentStatus::Busy);
    rig.advance(5_000);
    rig.status("a", AgentStatus::Online);
    let agent = rig.acd.agent(&agent_id("a")).unwrap().today;
    assert_eq!((agent.ready_ms, agent.ring_ms, agent.not_ready_ms), (7_000, 4_000, 5_000));
    assert_eq!((agent.talk_ms, agent.hold_ms, agent.acw_ms), (50_000, 10_000, 15_000));
    let queue = rig.acd.queue(&queue_id("sales")).unwrap().today;
    assert_eq!((queue.talk_ms, queue.hold_ms, queue.acw_ms), (50_000, 10_000, 15_000));
    let completed = rig.events().into_iter().find_map(|event| match event {
        QueueEvent::Completed { waited_ms, talk_ms, hold_ms, .. } => {
            Some((*waited_ms, *talk_ms, *hold_ms))
        }
        _ => None,
    });
    assert_eq!(completed, Some((4_000, 50_000, 10_000)));
}

#[test]
fn no_more_wait_than_the_server_takes() {
    let mut acd = offhook_acd::Acd::new(1);
    let mut everybody = queue("sales", Strategy::TopDown, &[]);
    everybody.announcements.position = false;
    acd.configure(&[(everybody.id.clone(), everybody)].into(), &[].into(), START_MS);
    let mut sent_on = Vec::new();
    for caller in 1..=50_001 {
        acd.join(rig::join("sales", caller), START_MS);
        while let Some(output) = acd.poll_output() {
            if let Output::SendOn { caller, why, .. } = output {
                sent_on.push((caller.0, why));
            }
        }
    }
    assert_eq!(sent_on, [(50_001, Overflow::Full)]);
    assert_eq!(acd.queue(&queue_id("sales")).unwrap().waiting, 50_000);
}
