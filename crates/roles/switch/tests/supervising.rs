//! Supervisors on a call, by what the media role is told.

mod desk;

use desk::{Desk, SDP, invite, within};
use offhook_bus::SupervisionOrder;
use offhook_model::{
    CallRef, CallSide, ConferenceCommand, ConferenceId, LegId, MediaCommand, MediaEvent,
    MemberRole, SupervisorMode,
};
use offhook_sip::message::Message;
use offhook_testkit::ScriptedPeer;

const CONTACT: &str = "Contact: <sip:1001@127.0.0.3:5070>\n";

struct Talk {
    peer: ScriptedPeer<Desk>,
    call: CallRef,
    ok: Message,
    /// The leg of 1002, who calls, and of 1001, who answers.
    parties: [LegId; 2],
}

impl Talk {
    fn new() -> Self {
        let mut peer = Desk::peer();
        peer.engine.change_directory(|directory| {
            directory.supervisors.insert("1003".to_owned());
        });
        peer.say(&invite("1001", Some("1002"), Some(SDP)));
        peer.expect("SIP/2.0 100");
        let out = peer.expect("INVITE");
        let answer = format!("{CONTACT}Content-Type: application/sdp\n\n{SDP}");
        peer.reply(&out, "200 OK", "callee", &answer);
        let both = [peer.expect(""), peer.expect("")];
        let ok = both.into_iter().find(|message| !message.is_request()).expect("our answer");
        peer.say(&within("ACK", 1, &ok, ""));
        let call = peer.engine.live[0].call.clone();
        let bridge = peer.engine.commands.iter().find_map(|command| match command {
            MediaCommand::Bridge { a, b } => Some([*a, *b]),
            _ => None,
        });
        peer.engine.commands.clear();
        Self { peer, call, ok, parties: bridge.expect("the two talk") }
    }

    fn order(&mut self, order: SupervisionOrder) -> bool {
        let call = self.call.clone();
        self.peer.engine.order(|switch, now| switch.supervise(&call, order, now))
    }

    fn start(&mut self, extension: &str, mode: SupervisorMode) -> bool {
        self.order(SupervisionOrder::Start { extension: extension.into(), mode })
    }

    /// The supervisor's phone rings and is answered; the supervisor's leg.
    fn answer_supervisor(&mut self) -> LegId {
        let out = self.peer.expect("INVITE");
        let answer = format!("{CONTACT}Content-Type: application/sdp\n\n{SDP}");
        self.peer.reply(&out, "200 OK", "supervisor", &answer);
        self.peer.expect("ACK");
        let joined = self.peer.engine.commands.iter().rev().find_map(|command| match command {
            MediaCommand::Conference { command: ConferenceCommand::Join { leg, .. }, .. } => {
                Some(*leg)
            }
            _ => None,
        });
        joined.expect("the supervisor joins")
    }

    fn press(&mut self, leg: LegId, keys: &str) {
        for digit in keys.chars() {
            self.peer.engine.media(MediaEvent::Dtmf { leg, digit, duration_ms: 100 });
        }
    }

    /// What the media role was told of conferences, bridges and keys since the last time.
    fn told(&mut self) -> Vec<MediaCommand> {
        let commands = std::mem::take(&mut self.peer.engine.commands);
        let is_about = |command: &MediaCommand| {
            matches!(
                command,
                MediaCommand::Conference { .. }
                    | MediaCommand::Bridge { .. }
                    | MediaCommand::Unbridge { .. }
                    | MediaCommand::SendDtmf { .. }
            )
        };
        commands.into_iter().filter(is_about).collect()
    }

    fn shown(&self) -> Vec<(String, &'static str, bool)> {
        let of_call = self.peer.engine.live.iter().rev().find(|live| live.call == self.call);
        let supervisors = of_call.expect("the call is live").supervisors.iter();
        supervisors.map(|one| (one.extension.clone(), one.mode.as_str(), one.is_ringing)).collect()
    }
}

fn conference(commands: &[MediaCommand]) -> ConferenceId {
    let of = |command: &MediaCommand| match command {
        MediaCommand::Conference { conference, .. } => Some(*conference),
        _ => None,
    };
    commands.iter().find_map(of).expect("a conference")
}

fn join(conference: ConferenceId, leg: LegId, role: MemberRole) -> MediaCommand {
    MediaCommand::Conference { conference, command: ConferenceCommand::Join { leg, role } }
}

fn set(conference: ConferenceId, leg: LegId, role: MemberRole) -> MediaCommand {
    MediaCommand::Conference { conference, command: ConferenceCommand::SetRole { leg, role } }
}

fn leave(conference: ConferenceId, leg: LegId) -> MediaCommand {
    MediaCommand::Conference { conference, command: ConferenceCommand::Leave { leg } }
}

#[test]
fn a_supervisor_is_called_comes_on_to_the_call_and_goes() {
    let mut talk = Talk::new();
    let [caller, callee] = talk.parties;
    assert!(talk.start("1003", SupervisorMode::Listen));
    assert_eq!(talk.told(), [], "the two notice nothing while the supervisor's phone rings");
    assert_eq!(talk.shown(), [("1003".into(), "listen", true)]);
    assert!(!talk.start("1003", SupervisorMode::Barge), "it is called already");
    let supervisor = talk.answer_supervisor();
    let told = talk.told();
    let room = conference(&told);
    let talks = MemberRole::TALKS;
    let joins = [join(room, caller, talks), join(room, callee, talks)];
    assert_eq!(told, [joins.as_slice(), &[join(room, supervisor, MemberRole::LISTENS)]].concat());
    assert_eq!(talk.shown(), [("1003".into(), "listen", false)]);

    let whisper = SupervisorMode::Whisper(CallSide::Customer);
    let change = SupervisionOrder::Change { extension: "1003".into(), mode: whisper };
    assert!(talk.order(change));
    assert_eq!(talk.told(), [set(room, supervisor, MemberRole::whispers_to(caller))]);
    assert_eq!(talk.shown(), [("1003".into(), "whisper_to_customer", false)]);

    assert!(talk.order(SupervisionOrder::End { extension: "1003".into() }));
    talk.peer.expect("BYE");
    let bridge = MediaCommand::Bridge { a: caller, b: callee };
    assert_eq!(talk.told(), [leave(room, supervisor), bridge]);
    assert_eq!((talk.shown(), talk.peer.engine.switch.call_count()), (vec![], 1));
    assert!(!talk.order(SupervisionOrder::End { extension: "1003".into() }));
}

#[test]
fn keys_of_the_supervisor_change_the_mode_and_those_of_a_party_are_for_the_other() {
    let mut talk = Talk::new();
    let [caller, callee] = talk.parties;
    assert!(talk.start("1003", SupervisorMode::Listen));
    let supervisor = talk.answer_supervisor();
    let room = conference(&talk.told());
    talk.press(supervisor, "12*2*3*4*1*9");
    let roles = [
        MemberRole::whispers_to(callee),
        MemberRole::TALKS,
        MemberRole::whispers_to(caller),
        MemberRole::LISTENS,
    ];
    assert_eq!(talk.told(), roles.map(|role| set(room, supervisor, role)));
    talk.press(caller, "*2");
    let key = |digit: &str| MediaCommand::SendDtmf {
        leg: callee,
        digits: digit.into(),
        duration_ms: 100,
    };
    assert_eq!(talk.told(), [key("*"), key("2")]);
}

#[test]
fn a_party_that_renegotiates_stays_on_the_supervised_call() {
    let mut talk = Talk::new();
    let [caller, callee] = talk.parties;
    assert!(talk.start("1003", SupervisorMode::Barge));
    talk.answer_supervisor();
    let room = conference(&talk.told());
    let hold = within("INVITE", 2, &talk.ok, "Contact: <sip:1002@127.0.0.2:5062>\n");
    talk.peer.say(&hold);
    talk.peer.expect("SIP/2.0 100");
    let ours = talk.peer.expect("SIP/2.0 200");
    let answer = format!("Content-Type: application/sdp\n\n{SDP}");
    talk.peer.say(&within("ACK", 2, &ours, &answer));
    let talks = MemberRole::TALKS;
    assert_eq!(talk.told(), [join(room, caller, talks), join(room, callee, talks)]);
}

#[test]
fn the_supervisor_is_let_go_when_the_call_ends() {
    let mut talk = Talk::new();
    assert!(talk.start("1003", SupervisorMode::Listen));
    talk.answer_supervisor();
    talk.peer.say(&within("BYE", 2, &talk.ok, ""));
    let sent: Vec<String> = talk
        .peer
        .received()
        .iter()
        .map(|message| {
            String::from_utf8_lossy(message.as_bytes()).lines().next().map(str::to_owned)
        })
        .map(Option::unwrap_or_default)
        .collect();
    assert_eq!(sent.iter().filter(|line| line.starts_with("BYE")).count(), 2, "{sent:?}");
    let last = talk.peer.engine.live.last().expect("it was live");
    assert!(talk.peer.engine.records.iter().any(|record| record.call == last.call));
    assert!(talk.peer.engine.records.iter().any(|record| record.dialled == "*331001"));
}

#[test]
fn a_supervisor_dials_the_code_of_an_extension_that_talks() {
    let mut talk = Talk::new();
    let [caller, callee] = talk.parties;
    let dial = |talk: &mut Talk, number: &str| {
        let text = invite(number, Some("1003"), Some(SDP)).replace("call-1", "call-2");
        talk.peer.say(&text);
        talk.peer.expect("SIP/2.0 100");
    };
    dial(&mut talk, "*341001");
    talk.peer.expect("SIP/2.0 200");
    let told = talk.told();
    let room = conference(&told);
    assert_eq!(told[..2], [caller, callee].map(|leg| join(room, leg, MemberRole::TALKS)));
    let MediaCommand::Conference { command: ConferenceCommand::Join { leg: own, role }, .. } =
        told[2]
    else {
        panic!("{told:?}");
    };
    assert_eq!(
        role,
        MemberRole::whispers_to(callee),
        "the agent is the extension that was dialled"
    );
    assert_eq!(talk.shown(), [("1003".into(), "whisper", false)]);
    assert_ne!(own, caller);
}

#[test]
fn who_may_not_supervise_or_finds_nobody_who_talks_is_turned_away() {
    let mut talk = Talk::new();
    for (account, dialled, status) in [
        ("1001", "*331002", "SIP/2.0 403"),
        ("1003", "*331003", "SIP/2.0 480"),
        ("1003", "*334711", "SIP/2.0 404"),
    ] {
        let text = invite(dialled, Some(account), Some(SDP)).replace("call-1", dialled);
        talk.peer.say(&text);
        talk.peer.expect("SIP/2.0 100");
        talk.peer.expect(status);
    }
    assert_eq!(talk.told(), []);
    assert!(!talk.start("1001", SupervisorMode::Listen), "it is a party");
}

/// What follows a take-over: the customer and the supervisor are bridged, the agent and the supervisor's own call
/// are let go, and the customer's call is the one that is left.
fn assert_taken_over(talk: &mut Talk, supervisor: LegId) {
    let [customer, _] = talk.parties;
    let bridge = MediaCommand::Bridge { a: customer, b: supervisor };
    assert_eq!(talk.told().last(), Some(&bridge));
    talk.peer.expect("BYE sip:1001@127.0.0.3:5070");
    talk.peer.expect_nothing();
    assert_eq!(talk.shown(), []);
    assert_eq!(talk.peer.engine.switch.call_count(), 1);
    assert_eq!(talk.peer.engine.records.len(), 1);
    assert_eq!(talk.peer.engine.records[0].caller, "1003");
    talk.peer.say(&within("BYE", 2, &talk.ok, ""));
    let record = &talk.peer.engine.records[1];
    let numbers: Vec<_> = record.legs.iter().map(|leg| leg.number.as_str()).collect();
    assert_eq!(numbers, ["1002", "1001", "1003"]);
    assert_eq!(talk.peer.engine.switch.call_count(), 0);
}

fn take_over() -> SupervisionOrder {
    SupervisionOrder::TakeOver { extension: "1003".into() }
}

#[test]
fn a_supervisor_who_listens_takes_the_call_over() {
    let mut talk = Talk::new();
    assert!(talk.start("1003", SupervisorMode::Listen));
    let supervisor = talk.answer_supervisor();
    talk.told();
    assert!(talk.order(take_over()));
    assert_taken_over(&mut talk, supervisor);
}

#[test]
fn a_supervisor_is_called_to_take_a_call_over() {
    let mut talk = Talk::new();
    assert!(!talk.order(SupervisionOrder::TakeOver { extension: "1001".into() }), "a party");
    assert!(talk.order(take_over()));
    let supervisor = talk.answer_supervisor();
    assert_taken_over(&mut talk, supervisor);
}
