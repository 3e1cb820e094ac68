//! A caller who leaves a message, and an owner who hears some.

mod rig;

use offhook_call::{Action, LegAction, LegInput};
use offhook_model::{Forwarding, HangupCause, Service, Target};
use offhook_routing::Decision;
use rig::{CALLER, Rig};

fn leaves(mailbox: &str) -> Action {
    Action::LeaveMessage { leg: CALLER, mailbox: mailbox.into() }
}

#[test]
fn whom_nobody_answers_leaves_a_message() {
    let voicemail = Some(Target::Voicemail("1001".into()));
    let forward = Forwarding { no_answer: voicemail, ..Forwarding::default() };
    let decision = Decision::Extension { number: "1001".into(), ring_timeout_ms: 20_000, forward };
    let mut rig = Rig::new(Some("offer"), decision, Vec::new());
    assert!(matches!(rig.signals_to(CALLER)[..], [LegAction::Accept(_)]));
    assert_eq!(rig.waiting, [leaves("1001")]);
    rig.say(CALLER, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    assert_eq!(rig.waiting, [leaves("1001"), Action::LeaveMailbox { leg: CALLER }]);
    assert_eq!(rig.record.expect("a record").cause, HangupCause::NORMAL_CLEARING);
}

#[test]
fn an_owner_hears_messages_until_the_call_is_ended() {
    let service = Service::Mailbox { own: true };
    let decision = Decision::Service { number: "*98".into(), service };
    let mut rig = Rig::new(Some("offer"), decision, Vec::new());
    let hears = Action::HearMessages { leg: CALLER, own: true };
    assert_eq!(rig.waiting, std::slice::from_ref(&hears));
    rig.call.hang_up(HangupCause::NORMAL_CLEARING, rig.now_ms);
    rig.run();
    assert_eq!(rig.waiting, [hears, Action::LeaveMailbox { leg: CALLER }]);
    assert_eq!(rig.record.expect("a record").answered_by.as_deref(), Some("*98"));
}
