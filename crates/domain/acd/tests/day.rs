//! The counts of a day, over a restart.

mod rig;

use offhook_acd::{DayCounts, Left};
use offhook_model::Strategy;
use rig::{Rig, agent_id, queue, queue_id};

fn rig() -> Rig {
    Rig::new(vec![queue("sales", Strategy::TopDown, &["a"])])
}

#[test]
fn a_day_goes_on_after_a_restart_without_those_who_waited() {
    let mut before = rig();
    before.begin_call("a", 90);
    before.join("sales", 1);
    before.join("sales", 2);
    before.leave(1, Left::HungUp);
    let today = before.acd.queue(&queue_id("sales")).unwrap().today;
    let agent = before.acd.agent(&agent_id("a")).unwrap().today;
    let counts = DayCounts {
        agents: [(agent_id("a"), agent)].into(),
        queues: [(queue_id("sales"), today)].into(),
    };
    let mut after = rig();
    after.acd.restore_day(&counts);
    let restored = after.acd.queue(&queue_id("sales")).unwrap().today;
    assert_eq!((restored.joined, restored.short_abandoned), (today.joined - 1, 1));
    let agent_after = after.acd.agent(&agent_id("a")).unwrap().today;
    assert_eq!(agent_after.other_calls, agent.other_calls);
    assert_eq!(after.acd.audit(after.now_ms), []);
}
