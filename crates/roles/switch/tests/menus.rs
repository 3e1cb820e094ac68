//! A caller in the menus of a number, by what the media role is told.

mod desk;

use desk::{Desk, SDP, invite, within};
use offhook_model::{
    Collect, Directory, LegId, MediaCommand, MediaEvent, Menu, MenuAction, PlayControl, QueueId,
    Service, Target,
};
use offhook_sip::message::Message;
use offhook_testkit::ScriptedPeer;
use std::time::Duration;

fn menu(id: &str, greeting: &str, options: &[(&str, MenuAction)]) -> (String, Menu) {
    let options = options.iter().map(|(keys, action)| ((*keys).to_owned(), action.clone()));
    let menu = Menu {
        id: id.into(),
        greeting: greeting.into(),
        options: options.collect(),
        timeout_retries: 1,
        ..Menu::default()
    };
    (id.to_owned(), menu)
}

fn directory(directory: &mut Directory) {
    let collect = MenuAction::Collect(Collect {
        prompt: "tts:Your number?".into(),
        variable: "customer".into(),
        digits_min: 1,
        digits_max: 4,
        webhook: "http://hooks.test/next".into(),
        otherwise: Target::Menu("info".into()),
    });
    let go = MenuAction::GoTo;
    let main = [
        ("1", go(Target::Queue(QueueId("nobody".into())))),
        ("2", go(Target::Extension("1001".into()))),
        ("3", go(Target::Menu("info".into()))),
        ("5", collect),
        ("9", go(Target::HangUp)),
    ];
    directory.menus = [
        menu("main", "tone:600,200", &main),
        menu("info", "tone:700,200", &[("*", MenuAction::Back), ("2", main[1].1.clone())]),
    ]
    .into();
    let target = Target::Menu("main".into());
    let service = Service::GoTo { welcome: None, target, otherwise: None };
    directory.services.insert("9999".into(), service);
    directory.guest_policy.allowed.push("9999".into());
}

/// A guest calls 9999; our 200.
fn call() -> (ScriptedPeer<Desk>, Message, LegId) {
    let mut peer = Desk::peer();
    peer.engine.change_directory(directory);
    peer.say(&invite("9999", None, Some(SDP)));
    peer.expect("SIP/2.0 100");
    let ok = peer.expect("SIP/2.0 200");
    peer.say(&within("ACK", 1, &ok, "").replace("sip:1002@", "sip:somebody@"));
    let leg = peer.engine.commands.iter().find_map(|command| match command {
        MediaCommand::Play { leg, .. } => Some(*leg),
        _ => None,
    });
    (peer, ok, leg.expect("a prompt is played"))
}

/// The first prompts of what was played since the last time, and what else was done.
fn heard(peer: &mut ScriptedPeer<Desk>) -> Vec<String> {
    let commands = std::mem::take(&mut peer.engine.commands);
    let short = |command: MediaCommand| match command {
        MediaCommand::Play { prompts, .. } => Some(prompts[0].clone()),
        MediaCommand::Stop { .. } => Some("stop".to_owned()),
        MediaCommand::Bridge { .. } => Some("bridge".to_owned()),
        _ => None,
    };
    commands.into_iter().filter_map(short).collect()
}

fn press(peer: &mut ScriptedPeer<Desk>, leg: LegId, digit: char) -> Vec<String> {
    peer.engine.media(MediaEvent::Dtmf { leg, digit, duration_ms: 100 });
    heard(peer)
}

const NOBODY: &str = "tts:We are sorry, nobody can be reached there at the moment.";

#[test]
fn a_caller_goes_down_and_back_and_hangs_up() {
    let (mut peer, ok, leg) = call();
    let barge_in = PlayControl::BargeIn("0123456789*#".into());
    let barge_in = MediaCommand::PlayControl { leg, control: barge_in };
    assert!(peer.engine.commands.contains(&barge_in));
    assert_eq!(heard(&mut peer), ["tone:600,200"]);
    assert_eq!(press(&mut peer, leg, '3'), ["stop", "tone:700,200"]);
    peer.engine.media(MediaEvent::PlayInterrupted { leg, digit: '*' });
    assert_eq!(press(&mut peer, leg, '*'), ["tone:600,200"]);
    let bye = within("BYE", 2, &ok, "").replace("sip:1002@", "sip:somebody@");
    peer.say(&bye);
    peer.expect("SIP/2.0 200");
    assert_eq!(peer.engine.switch.call_count(), 0);
    assert_eq!(press(&mut peer, leg, '3'), [""; 0], "nobody is there any longer");
}

#[test]
fn silence_is_told_and_ends_the_call() {
    let (mut peer, _, leg) = call();
    heard(&mut peer);
    peer.engine.media(MediaEvent::PlayFinished { leg });
    peer.advance(Duration::from_secs(6));
    assert_eq!(heard(&mut peer), ["tts:We did not hear a key."]);
    peer.engine.media(MediaEvent::PlayFinished { leg });
    peer.advance(Duration::from_secs(6));
    assert_eq!(heard(&mut peer), ["tts:Goodbye."]);
    peer.engine.media(MediaEvent::PlayFinished { leg });
    peer.expect("BYE");
}

#[test]
fn a_queue_that_is_not_there_is_told_and_the_menu_goes_on() {
    let (mut peer, _, leg) = call();
    heard(&mut peer);
    assert_eq!(press(&mut peer, leg, '1'), ["stop", NOBODY]);
    assert_eq!(press(&mut peer, leg, '3'), ["stop", "tone:700,200"]);
}

#[test]
fn who_does_not_answer_gives_the_caller_back_to_its_menu() {
    let (mut peer, _, leg) = call();
    press(&mut peer, leg, '3');
    assert_eq!(press(&mut peer, leg, '2'), ["stop", "tone:425,1000"], "it rings");
    let invite = peer.expect("INVITE sip:1001@");
    assert_eq!(press(&mut peer, leg, '*'), [""; 0], "keys go nowhere meanwhile");
    peer.reply(&invite, "486 Busy Here", "callee", "");
    peer.expect("ACK");
    assert_eq!(heard(&mut peer), [NOBODY]);
    assert_eq!(press(&mut peer, leg, '*'), ["stop", "tone:600,200"], "the way back is known");
}

#[test]
fn nobody_registered_gives_the_caller_back_at_once() {
    let (mut peer, _, leg) = call();
    peer.engine.bindings.clear();
    heard(&mut peer);
    assert_eq!(press(&mut peer, leg, '2'), ["stop", "tone:425,1000", NOBODY]);
}

#[test]
fn who_answers_takes_the_caller_out_of_the_menu() {
    let (mut peer, _, leg) = call();
    press(&mut peer, leg, '2');
    let invite = peer.expect("INVITE sip:1001@");
    let body =
        format!("Contact: <sip:1001@127.0.0.3:5070>\nContent-Type: application/sdp\n\n{SDP}\n");
    peer.reply(&invite, "200 OK", "callee", &body);
    peer.expect("ACK");
    assert_eq!(heard(&mut peer), ["bridge"]);
    assert_eq!(press(&mut peer, leg, '3'), [""; 0]);
    peer.advance(Duration::from_secs(400));
    assert_eq!(heard(&mut peer), [""; 0], "no menu is left that could time out");
}

#[test]
fn the_last_option_ends_the_call_in_words() {
    let (mut peer, _, leg) = call();
    heard(&mut peer);
    assert_eq!(press(&mut peer, leg, '9'), ["stop", "tts:Goodbye."]);
    peer.engine.media(MediaEvent::PlayFinished { leg });
    peer.expect("BYE");
    assert_eq!(peer.engine.records.len(), 1);
}

#[test]
fn a_webhook_is_asked_and_followed() {
    let (mut peer, _, leg) = call();
    "512#".chars().for_each(|key| {
        press(&mut peer, leg, key);
    });
    let question = peer.engine.questions.pop().expect("it is asked");
    assert_eq!((question.url.as_str(), question.menu.as_str()), ("http://hooks.test/next", "main"));
    assert_eq!((question.caller.as_str(), question.dialled.as_str()), ("somebody", "9999"));
    assert_eq!(question.variables["customer"], "12");
    let answer = Some(Target::Menu("main".into()));
    peer.engine.order(|switch, now| {
        switch.handle_answer(question.leg, question.number, answer, now);
        true
    });
    assert_eq!(heard(&mut peer), ["tone:600,200"]);
    // And without an answer.
    "512#".chars().for_each(|key| {
        press(&mut peer, leg, key);
    });
    peer.advance(Duration::from_secs(6));
    assert_eq!(heard(&mut peer), ["tone:700,200"]);
}

#[test]
fn a_change_counts_from_the_next_call_on() {
    let (mut peer, _, leg) = call();
    heard(&mut peer);
    peer.engine.change_directory(|changed| {
        directory(changed);
        changed.menus.get_mut("info").expect("it is there").greeting = "tone:800,200".into();
    });
    assert_eq!(press(&mut peer, leg, '3'), ["stop", "tone:700,200"]);
    let next = invite("9999", None, Some(SDP)).replace("call-1", "call-2");
    peer.say(&next.replace("z9hG4bKinv", "z9hG4bKnext"));
    peer.expect("SIP/2.0 100");
    peer.expect("SIP/2.0 200");
    assert_eq!(heard(&mut peer), ["tone:600,200"]);
    let next = LegId(leg.0 + (1 << 16));
    assert_eq!(press(&mut peer, next, '3'), ["stop", "tone:800,200"]);
}

#[test]
fn a_renegotiation_goes_on_where_the_caller_was() {
    let (mut peer, ok, leg) = call();
    press(&mut peer, leg, '3');
    let here = "Contact: <sip:somebody@127.0.0.2:5062>\n";
    let again = within("INVITE", 2, &ok, here).replace("sip:1002@", "sip:somebody@");
    peer.say(&again);
    peer.expect("SIP/2.0 100");
    peer.expect("SIP/2.0 200");
    assert_eq!(heard(&mut peer), [""; 0], "nothing is in force yet");
    let body = format!("Content-Type: application/sdp\n\n{SDP}\n");
    peer.say(&within("ACK", 2, &ok, &body).replace("sip:1002@", "sip:somebody@"));
    assert_eq!(heard(&mut peer), ["tone:700,200"]);
    assert_eq!(press(&mut peer, leg, '*'), ["stop", "tone:600,200"]);
}
