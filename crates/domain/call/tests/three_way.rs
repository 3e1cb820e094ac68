//! Three-way calls, and a supervisor in an agent's place.

mod rig;

use offhook_call::{LegAction, LegInput};
use offhook_model::{ConferenceCommand, HangupCause, LegId, MediaCommand, MemberRole, Transport};
use rig::{CALLER, Rig, binding};

const CONSULTING: LegId = LegId(8 << 16);

/// A customer and an agent, and the colleague whom the agent has let in: the agent's and the colleague's legs.
fn three() -> (Rig, LegId, LegId, Rig) {
    let (mut call, agent) = Rig::talking();
    let phone = binding("sip:1003@127.0.0.4", Transport::Udp);
    let mut second = Rig::second("1001", Some("offer"), vec![phone]);
    let colleague = second.invited()[0];
    second.say(colleague, LegInput::Accepted(Some("answer".into())));
    assert_eq!(call.let_in(&mut second, CONSULTING), Some(colleague));
    (call, agent, colleague, second)
}

fn conferred(rig: &Rig) -> Vec<&ConferenceCommand> {
    let conferred = rig.commands.iter().filter_map(|command| match command {
        MediaCommand::Conference { command, .. } => Some(command),
        _ => None,
    });
    conferred.collect()
}

fn join(leg: LegId) -> ConferenceCommand {
    ConferenceCommand::Join { leg, role: MemberRole::TALKS }
}

#[test]
fn all_three_come_into_a_conference_and_the_second_call_is_over() {
    let (call, agent, colleague, second) = three();
    assert_eq!(conferred(&call), [&join(CALLER), &join(agent), &join(colleague)]);
    assert_eq!(call.call.three(), Some([CALLER, agent, colleague]));
    assert!(
        second.signals_to(CONSULTING).contains(&&LegAction::HangUp(HangupCause::ATTENDED_TRANSFER))
    );
    assert_eq!(second.cause(), Some(HangupCause::ATTENDED_TRANSFER));
    assert!(!second.commands.contains(&MediaCommand::Release { leg: colleague }));
    let serving = call.call.engaged().map(|(account, _)| account);
    assert_eq!(serving.collect::<Vec<_>>(), ["1002", "1001", "1003"]);
}

#[test]
fn whoever_of_three_goes_the_other_two_talk_on() {
    for gone in 0..3 {
        let (mut call, agent, colleague, _) = three();
        let all = [CALLER, agent, colleague];
        call.commands.clear();
        call.say(all[gone], LegInput::HungUp(HangupCause::NORMAL_CLEARING));
        assert_eq!(conferred(&call), [&ConferenceCommand::Leave { leg: all[gone] }]);
        let left: Vec<_> = all.into_iter().filter(|leg| *leg != all[gone]).collect();
        assert!(call.was_bridged(left[0], left[1]), "{gone}");
        assert!(call.commands.contains(&MediaCommand::Release { leg: all[gone] }));
        assert_eq!(call.call.talking(), Some([left[0], left[1]]));
        call.advance(5_000);
        call.say(left[1], LegInput::HungUp(HangupCause::NORMAL_CLEARING));
        let record = call.record.expect("the call is over");
        assert_eq!((record.talk_ms, record.legs.len()), (5_000, 3));
        assert_eq!(record.caller, "1002");
    }
}

#[test]
fn a_party_of_three_that_is_lost_and_comes_back_is_in_the_conference_again() {
    let (mut call, agent, ..) = three();
    call.commands.clear();
    call.come_back(agent, "offer");
    assert!(conferred(&call).contains(&&join(agent)));
}

#[test]
fn a_fourth_is_not_let_in_and_nobody_is_transferred_out_of_three() {
    let (mut call, agent, colleague, _) = three();
    let (mut other, own) = Rig::talking();
    assert_eq!(call.let_in(&mut other, own), None);
    for leg in [CALLER, agent, colleague] {
        call.call.handle_refer(leg, rig::extension("1001"), call.now_ms);
        call.run();
        assert_eq!(call.signals_to(leg).last(), Some(&&LegAction::AnswerRefer(481)));
    }
}

#[test]
fn a_supervisor_talks_in_the_agents_place() {
    let (mut call, agent) = Rig::talking();
    let mut own = Rig::placed_as(9, vec![binding("sip:1009@127.0.0.5", Transport::Udp)]);
    let supervisor = own.invited()[0];
    own.say(supervisor, LegInput::Accepted(Some("answer".into())));
    assert_eq!(own.supervising, [supervisor]);
    call.take_over(agent, &mut own, supervisor);
    assert!(call.was_bridged(CALLER, supervisor));
    assert_eq!(
        call.signals_to(agent).last(),
        Some(&&LegAction::HangUp(HangupCause::NORMAL_CLEARING))
    );
    assert_eq!(own.cause(), Some(HangupCause::ATTENDED_TRANSFER));
    call.say(supervisor, LegInput::HungUp(HangupCause::NORMAL_CLEARING));
    let record = call.record.expect("the call is over");
    let numbers: Vec<_> = record.legs.iter().map(|leg| leg.number.as_str()).collect();
    assert!(numbers.contains(&"1009"), "{numbers:?}");
}
