//! A supervisor's own call, dialled or placed by us.

mod rig;

use offhook_call::{Failure, LegAction, LegInput};
use offhook_model::{HangupCause, LegId, SupervisorMode, Transport};
use offhook_routing::Decision;
use rig::{CALLER, Rig, binding};

fn phone() -> offhook_model::Binding {
    binding("sip:1009@127.0.0.2", Transport::Udp)
}

#[test]
fn a_supervisor_who_dials_is_answered_and_comes_on_to_the_call() {
    let decision = Decision::Supervise { extension: "1001".into(), mode: SupervisorMode::Listen };
    let mut rig = Rig::new(Some("offer"), decision, vec![]);
    assert!(matches!(rig.signals_to(CALLER)[..], [LegAction::Accept(_)]));
    assert_eq!(rig.supervising, [CALLER]);
    rig.say(CALLER, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    assert_eq!(rig.cause(), Some(HangupCause::NORMAL_CLEARING));
}

#[test]
fn a_supervisor_who_is_called_comes_on_to_the_call_from_the_device_that_answers() {
    let mut rig = Rig::placed(vec![phone(), phone()]);
    let [first, second]: [LegId; 2] = rig.invited().try_into().expect("both ring");
    let shown = |action: &LegAction| matches!(action, LegAction::Invite { caller, .. } if caller == "*331001");
    assert!(shown(rig.signals_to(first)[0]));
    assert_eq!(rig.supervising, []);
    rig.say(second, LegInput::Accepted(Some("answer".into())));
    assert_eq!(rig.supervising, [second]);
    let stops = |action: &&LegAction| matches!(action, LegAction::HangUp(_));
    assert_eq!(rig.signals_to(first).into_iter().filter(stops).count(), 1);
    rig.say(second, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    let record = rig.record.expect("the call is over");
    assert_eq!((record.caller.as_str(), record.dialled.as_str()), ("1009", "*331001"));
    assert_eq!(record.answered_by.as_deref(), Some("*331001"));
}

#[test]
fn a_supervisor_who_does_not_answer_is_let_go() {
    let rig = Rig::placed(vec![]);
    assert_eq!(rig.cause(), Some(HangupCause::SUBSCRIBER_ABSENT));
    let mut rig = Rig::placed(vec![phone()]);
    let leg = rig.invited()[0];
    rig.say(leg, LegInput::Rejected(Failure::new(HangupCause::USER_BUSY, "Busy")));
    assert_eq!(rig.cause(), Some(HangupCause::USER_BUSY));
    let mut rig = Rig::placed(vec![phone()]);
    rig.advance(60_000);
    assert_eq!(rig.cause(), Some(HangupCause::NO_ANSWER));
    assert_eq!(rig.record.expect("a record").caller, "1009");
}
