//! One leg or dialog in the place of another: attended transfer, parties that come back, pick-up.

mod desk;

use desk::{Desk, SDP, invite, refer, within};
use offhook_model::{
    CallRef, ConferenceCommand, HangupCause, LegId, MediaCommand, MediaEvent, MediaTrouble, Party,
    RecordingCommand, RecordingSource,
};
use offhook_sip::headers::NameAddr;
use offhook_sip::message::{HeaderName, Message};
use offhook_switch::Config;
use offhook_testkit::ScriptedPeer;
use std::time::Duration;

const CONTACT: &str = "Contact: <sip:1001@127.0.0.3:5070>\n";

fn answered() -> String {
    format!("{CONTACT}Content-Type: application/sdp\n\n{SDP}\n")
}

/// 1002 talks with 1001: our INVITE to 1001, and our 200 to 1002.
fn talking(peer: &mut ScriptedPeer<Desk>) -> (Message, Message) {
    peer.say(&invite("1001", Some("1002"), Some(SDP)));
    peer.expect("SIP/2.0 100");
    let out = peer.expect("INVITE sip:1001@127.0.0.3:5070");
    peer.reply(&out, "200 OK", "callee", &answered());
    let [ok, _ack] = response_first(peer);
    peer.say(&within("ACK", 1, &ok, ""));
    (out, ok)
}

/// 1001 consults 1003 in a call of its own: our INVITE to 1003, and our 200 to 1001.
fn consulting(peer: &mut ScriptedPeer<Desk>) -> (Message, Message) {
    let out = consult(peer, "1001");
    peer.reply(&out, "200 OK", "target", &answered());
    let [ok, _ack] = response_first(peer);
    peer.say(&second(&within("ACK", 1, &ok, "")));
    (out, ok)
}

fn consult(peer: &mut ScriptedPeer<Desk>, account: &str) -> Message {
    peer.say(&second(&invite("1003", Some(account), Some(SDP))));
    peer.expect("SIP/2.0 100");
    peer.expect("INVITE sip:1001@127.0.0.3:5070")
}

fn response_first(peer: &mut ScriptedPeer<Desk>) -> [Message; 2] {
    let mut both = [peer.expect(""), peer.expect("")];
    both.sort_by_key(Message::is_request);
    both
}

/// The same words in the caller's second dialog.
fn second(text: &str) -> String {
    text.replace("call-1", "call-2")
        .replace("tag=caller", "tag=consult")
        .replace("z9hG4bK", "z9hG4bK2")
}

fn tag_of(value: Option<&str>) -> String {
    let address = NameAddr::parse(value.expect("a header")).expect("an address");
    address.tag().expect("a tag").to_owned()
}

fn refer_to(ok: &Message) -> String {
    let tag = tag_of(ok.header(HeaderName::To));
    format!(
        "<sip:1003@offhook.local?Replaces=call-2%3Bto-tag%3D{tag}%3Bfrom-tag%3Dconsult&Require=replaces>"
    )
}

fn firsts(messages: &[Message]) -> Vec<String> {
    let line = |m: &Message| {
        String::from_utf8_lossy(m.as_bytes()).lines().next().unwrap_or_default().to_owned()
    };
    messages.iter().map(line).collect()
}

fn last_bridge(desk: &Desk) -> Option<(LegId, LegId)> {
    desk.commands.iter().rev().find_map(|command| match command {
        MediaCommand::Bridge { a, b } => Some((*a, *b)),
        _ => None,
    })
}

#[test]
fn the_customer_talks_with_whom_the_agent_has_consulted() {
    let mut peer = Desk::peer();
    let (out, _) = talking(&mut peer);
    let (target_out, consulted) = consulting(&mut peer);
    peer.received();
    peer.say(&refer(&out, CONTACT, &refer_to(&consulted)));
    let said = peer.received();
    let lines = firsts(&said);
    assert!(lines.iter().any(|line| line.starts_with("SIP/2.0 202")), "{lines:?}");
    let told = said.iter().find(|m| m.as_bytes().starts_with(b"NOTIFY")).expect("a NOTIFY");
    assert!(told.body().starts_with(b"SIP/2.0 200"), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("BYE")).count(), 2, "{lines:?}");
    let (customer, target) = (LegId(1 << 16), LegId(2 << 16 | 1));
    assert_eq!(last_bridge(&peer.engine), Some((customer, target)));
    let record = &peer.engine.records[0];
    assert_eq!(record.cause, HangupCause::ATTENDED_TRANSFER);
    assert_eq!((record.caller.as_str(), record.dialled.as_str()), ("1001", "1003"));
    assert_eq!(peer.engine.switch.call_count(), 1);

    // What the target does concerns the customer's call.
    let header = |name| target_out.header(name).expect("an INVITE has it");
    peer.say(&format!(
        "BYE sip:switch@127.0.0.1:5080 SIP/2.0\n\
         Via: SIP/2.0/UDP edge.test;branch=z9hG4bKtargetbye\n\
         Max-Forwards: 69\n\
         From: {};tag=target\nTo: {}\nCall-ID: {}\nCSeq: 9 BYE\n",
        header(HeaderName::To),
        header(HeaderName::From),
        header(HeaderName::CallId),
    ));
    let lines = firsts(&peer.received());
    assert!(lines.iter().any(|line| line.starts_with("BYE sip:1002@")), "{lines:?}");
    let record = &peer.engine.records[1];
    assert_eq!(record.answered_by.as_deref(), Some("1001"));
    assert_eq!(record.legs.len(), 3);
    assert_eq!(peer.engine.switch.call_count(), 0);
}

/// How many recordings were begun at a leg.
fn recordings_of(peer: &ScriptedPeer<Desk>, leg: LegId) -> usize {
    let begins = |command: &&MediaCommand| {
        let MediaCommand::Record { source, command } = command else { return false };
        *source == RecordingSource::Leg(leg) && matches!(command, RecordingCommand::Start { .. })
    };
    peer.engine.commands.iter().filter(begins).count()
}

#[test]
fn the_recording_of_a_call_goes_on_when_its_caller_hands_it_over() {
    let config = Config { record_calls: true, ..Config::default() };
    let mut peer = ScriptedPeer::new(Desk::with(&config));
    let (_, ok) = talking(&mut peer);
    let out = consult(&mut peer, "1002");
    peer.reply(&out, "200 OK", "target", &answered());
    let [consulted, _ack] = response_first(&mut peer);
    peer.say(&second(&within("ACK", 1, &consulted, "")));
    peer.received();
    let (caller, customer) = (LegId(1 << 16), LegId(1 << 16 | 1));
    assert_eq!(recordings_of(&peer, caller), 1);
    let target = refer_to(&consulted);
    let contact = "Contact: <sip:1002@127.0.0.2:5062>";
    peer.say(&within("REFER", 2, &ok, &format!("{contact}\nRefer-To: {target}\n")));
    let lines = firsts(&peer.received());
    assert!(lines.iter().any(|line| line.starts_with("SIP/2.0 202")), "{lines:?}");
    assert_eq!(recordings_of(&peer, customer), 1);
}

#[test]
fn a_target_that_still_rings_is_rung_for_the_customer() {
    let mut peer = Desk::peer();
    let (out, _) = talking(&mut peer);
    let ringing = consult(&mut peer, "1001");
    peer.reply(&ringing, "180 Ringing", "target", CONTACT);
    let to_agent = peer.expect("SIP/2.0 180");
    peer.say(&refer(&out, CONTACT, &refer_to(&to_agent)));
    let said = peer.received();
    let lines = firsts(&said);
    for expected in ["SIP/2.0 202", "NOTIFY", "CANCEL", "INVITE", "SIP/2.0 480"] {
        assert!(lines.iter().any(|line| line.starts_with(expected)), "{expected}: {lines:?}");
    }
    let again = said.iter().find(|m| m.as_bytes().starts_with(b"INVITE")).expect("an INVITE");
    assert!(again.header(HeaderName::From).is_some_and(|from| from.contains("sip:1002@")));
    assert_eq!(peer.engine.records[0].cause, HangupCause::ATTENDED_TRANSFER);
}

#[test]
fn nobody_hands_over_a_call_of_somebody_else() {
    let mut peer = Desk::peer();
    let (out, _) = talking(&mut peer);
    let target = consult(&mut peer, "1003");
    peer.reply(&target, "200 OK", "target", &answered());
    let [ok, _ack] = response_first(&mut peer);
    peer.say(&second(&within("ACK", 1, &ok, "")));
    peer.received();
    peer.say(&refer(&out, CONTACT, &refer_to(&ok)));
    peer.expect("SIP/2.0 403");
    assert_eq!(peer.engine.switch.call_count(), 2);
}

#[test]
fn a_dialog_that_is_not_there_replaces_nothing() {
    let mut peer = Desk::peer();
    let (out, ok) = talking(&mut peer);
    peer.say(&refer(&out, CONTACT, &refer_to(&ok)));
    peer.expect("SIP/2.0 481");
    peer.say(&replacing(&ok, "1002", "nobody"));
    peer.expect("SIP/2.0 100");
    peer.expect("SIP/2.0 481");
}

/// An INVITE of this account that replaces the dialog of our 200, or one with another tag.
fn replacing(ok: &Message, account: &str, tag: &str) -> String {
    let to = tag_of(ok.header(HeaderName::To));
    let header = format!("Replaces: call-1;to-tag={to};from-tag={tag}\nRequire: replaces\n");
    let text = invite("1002", Some(account), Some(SDP)).replace("call-1", "call-9");
    let text = text.replace("tag=caller", "tag=again");
    text.replace("Content-Type", &format!("{header}Content-Type"))
}

#[test]
fn a_party_comes_back_to_its_leg_with_another_dialog() {
    let mut peer = Desk::peer();
    let (_, ok) = talking(&mut peer);
    let before = last_bridge(&peer.engine);
    peer.say(&replacing(&ok, "1002", "caller"));
    let said = peer.received();
    let lines = firsts(&said);
    assert!(lines.iter().any(|line| line.starts_with("SIP/2.0 200")), "{lines:?}");
    let bye = said.iter().find(|m| m.as_bytes().starts_with(b"BYE")).expect("a BYE");
    assert_eq!(bye.header(HeaderName::CallId), Some("call-1"));
    assert_eq!(peer.engine.bridges(), 2);
    assert_eq!(last_bridge(&peer.engine), before);
    assert!(!peer.engine.commands.iter().any(|c| matches!(c, MediaCommand::Release { .. })));
    assert_eq!(peer.engine.switch.call_count(), 1);
    // The dialog that was says nothing any longer, and the new one does.
    peer.reply(bye, "200 OK", "", "");
    let again = said.iter().find(|m| m.as_bytes().starts_with(b"SIP/2.0 200")).expect("a 200");
    let bye = within("BYE", 2, again, "").replace("call-1", "call-9");
    peer.say(&bye.replace("tag=caller", "tag=again"));
    let record = &peer.engine.records[0];
    assert_eq!((record.cause, record.hung_up_by), (HangupCause::NORMAL_CLEARING, Party::Caller));
    assert_eq!(record.legs[0].sip_call_id, "call-9");
}

#[test]
fn nobody_else_takes_a_party_s_place() {
    let mut peer = Desk::peer();
    let (_, ok) = talking(&mut peer);
    peer.say(&replacing(&ok, "1003", "caller"));
    peer.expect("SIP/2.0 100");
    peer.expect("SIP/2.0 403");
    peer.expect_nothing();
    assert_eq!(peer.engine.switch.call_count(), 1);
}

#[test]
fn a_guest_comes_back_under_its_own_name_only() {
    let mut peer = Desk::peer();
    peer.say(&invite("9196", None, Some(SDP)));
    peer.expect("SIP/2.0 100");
    let ok = peer.expect("SIP/2.0 200");
    peer.say(&within("ACK", 1, &ok, ""));
    let again = replacing(&ok, "1002", "caller").replace("sip:1002@offhook", "sip:9196@offhook");
    let again: Vec<_> = again.lines().filter(|line| !line.starts_with("P-Asserted")).collect();
    let again = again.join("\n");
    let other = again.replace("From: \"Bo\" <sip:9196@", "From: \"Bo\" <sip:other@");
    peer.say(&other);
    peer.expect("SIP/2.0 100");
    peer.expect("SIP/2.0 403");
    let own = again.replace("From: \"Bo\" <sip:9196@", "From: \"Bo\" <sip:somebody@");
    peer.say(&own.replace("call-9", "call-8").replace("z9hG4bK", "z9hG4bK8"));
    let lines = firsts(&peer.received());
    assert!(lines.iter().any(|line| line.starts_with("SIP/2.0 200")), "{lines:?}");
    assert_eq!(peer.engine.switch.call_count(), 1);
}

fn lose(peer: &mut ScriptedPeer<Desk>, leg: LegId) {
    let what = MediaTrouble::IceFailed;
    peer.engine.media(MediaEvent::Trouble { leg, what });
}

#[test]
fn a_party_that_is_lost_is_waited_for() {
    let mut peer = Desk::peer();
    let (_, ok) = talking(&mut peer);
    let (caller, callee) = (LegId(1 << 16), LegId(1 << 16 | 1));
    peer.engine.media(MediaEvent::Connected { leg: caller });
    lose(&mut peer, caller);
    assert!(peer.engine.commands.iter().any(|command| {
        matches!(command, MediaCommand::Play { leg, prompts, .. }
            if *leg == callee && prompts == &["music:"])
    }));
    peer.advance(Duration::from_secs(20));
    assert_eq!(peer.engine.switch.call_count(), 1);
    peer.say(&replacing(&ok, "1002", "caller"));
    let said = peer.received();
    let again = said.iter().find(|m| m.as_bytes().starts_with(b"SIP/2.0 200")).expect("a 200");
    peer.say(
        &within("ACK", 1, again, "").replace("call-1", "call-9").replace("tag=caller", "tag=again"),
    );
    peer.advance(Duration::from_secs(60));
    assert_eq!(last_bridge(&peer.engine), Some((caller, callee)));
    assert_eq!(peer.engine.switch.call_count(), 1);
}

#[test]
fn a_party_that_does_not_come_back_ends_the_call() {
    let mut peer = Desk::peer();
    talking(&mut peer);
    let caller = LegId(1 << 16);
    peer.engine.media(MediaEvent::Connected { leg: caller });
    lose(&mut peer, caller);
    peer.advance(Duration::from_secs(29));
    assert_eq!(peer.engine.switch.call_count(), 1);
    peer.advance(Duration::from_secs(2));
    assert_eq!(peer.engine.switch.call_count(), 0);
    let record = &peer.engine.records[0];
    let expected = (HangupCause::DESTINATION_OUT_OF_ORDER, Party::System);
    assert_eq!((record.cause, record.hung_up_by), expected);
}

#[test]
fn a_path_that_is_there_again_ends_the_wait() {
    let mut peer = Desk::peer();
    talking(&mut peer);
    let caller = LegId(1 << 16);
    peer.engine.media(MediaEvent::Connected { leg: caller });
    lose(&mut peer, caller);
    peer.engine.media(MediaEvent::Connected { leg: caller });
    peer.advance(Duration::from_secs(20));
    assert_eq!(peer.engine.bridges(), 2);
    assert_eq!(peer.engine.switch.call_count(), 1);
}

#[test]
fn a_colleague_picks_up_what_rings() {
    let mut peer = Desk::peer();
    peer.say(&invite("1001", Some("1002"), Some(SDP)));
    peer.expect("SIP/2.0 100");
    let out = peer.expect("INVITE sip:1001@127.0.0.3:5070");
    peer.reply(&out, "180 Ringing", "callee", CONTACT);
    peer.expect("SIP/2.0 180");
    peer.say(&second(&invite("*81001", Some("1003"), Some(SDP))));
    let said = peer.received();
    let lines = firsts(&said);
    assert!(lines.iter().any(|line| line.starts_with("CANCEL")), "{lines:?}");
    let answers = lines.iter().filter(|line| line.starts_with("SIP/2.0 200"));
    assert_eq!(answers.count(), 2, "{lines:?}");
    assert_eq!(last_bridge(&peer.engine), Some((LegId(1 << 16), LegId(1 << 16 | 2))));
    let live = peer.engine.live.last().expect("the call is shown");
    assert_eq!(live.answered_by.as_deref(), Some("1003"));
    assert_eq!(peer.engine.switch.call_count(), 1);
}

#[test]
fn where_nothing_rings_nothing_is_picked_up() {
    let mut peer = Desk::peer();
    peer.say(&invite("*81001", Some("1003"), Some(SDP)));
    peer.expect("SIP/2.0 100");
    peer.expect("SIP/2.0 480 Nothing rings at 1001");
}

#[test]
fn who_has_no_extension_picks_nothing_up() {
    let mut peer = Desk::peer();
    peer.say(&invite("1001", Some("1002"), Some(SDP)));
    peer.expect("SIP/2.0 100");
    let out = peer.expect("INVITE sip:1001@127.0.0.3:5070");
    peer.reply(&out, "180 Ringing", "callee", CONTACT);
    peer.expect("SIP/2.0 180");
    peer.say(&second(&invite("*81001", Some("guest"), Some(SDP))));
    peer.expect("SIP/2.0 100");
    peer.expect("SIP/2.0 480");
    assert_eq!(peer.engine.bridges(), 0);
}

#[test]
fn a_device_that_registers_while_it_is_rung_is_rung_too() {
    let mut peer = Desk::peer();
    peer.say(&invite("1001", Some("1002"), Some(SDP)));
    peer.expect("SIP/2.0 100");
    let out = peer.expect("INVITE sip:1001@127.0.0.3:5070");
    peer.reply(&out, "180 Ringing", "callee", CONTACT);
    peer.expect("SIP/2.0 180");
    peer.engine.bindings[0].contact = "sip:again@127.0.0.3:5070".into();
    peer.engine.order(|switch, now| {
        switch.set_reachable("1001", true, now);
        true
    });
    // The desk's own outputs are collected with the next thing that happens.
    peer.advance(Duration::from_millis(1));
    let lines = firsts(&peer.received());
    assert!(lines.iter().any(|line| line.starts_with("INVITE sip:again@")), "{lines:?}");
}

/// The names of the call in which 1001 is called, and of the one in which it consults 1003.
fn two_calls(peer: &ScriptedPeer<Desk>) -> [CallRef; 2] {
    let placed_by = |number: &str| {
        let mut live = peer.engine.live.iter();
        live.find(|live| live.caller == number).expect("the call is live").call.clone()
    };
    ["1002", "1001"].map(placed_by)
}

#[test]
fn all_three_talk_when_who_consults_merges_its_calls() {
    let mut peer = Desk::peer();
    talking(&mut peer);
    consulting(&mut peer);
    peer.received();
    let [first, consultation] = two_calls(&peer);
    let merge = |peer: &mut ScriptedPeer<Desk>, extension: &str| {
        let order = (consultation.clone(), first.clone());
        peer.engine.order(|switch, now| switch.merge(&order.0, &order.1, extension, now))
    };
    assert!(!merge(&mut peer, "1002"), "it does not talk in both");
    peer.engine.commands.clear();
    assert!(merge(&mut peer, "1001"));
    let (customer, agent, colleague) = (LegId(1 << 16), LegId(1 << 16 | 1), LegId(2 << 16 | 1));
    let joined = peer.engine.commands.iter().filter_map(|command| match command {
        MediaCommand::Conference { command: ConferenceCommand::Join { leg, .. }, .. } => Some(*leg),
        _ => None,
    });
    assert_eq!(joined.collect::<Vec<_>>(), [customer, agent, colleague]);
    let bye = peer.expect("BYE");
    assert_eq!(bye.header(HeaderName::CallId), Some("call-2"));
    peer.expect_nothing();
    assert_eq!(peer.engine.records[0].call, consultation);
    assert!(!merge(&mut peer, "1001"), "the second call is over");
    assert_eq!(peer.engine.switch.call_count(), 1);
}

#[test]
fn the_recording_of_three_goes_on_when_who_was_recorded_leaves() {
    let config = Config { record_calls: true, ..Config::default() };
    let mut peer = ScriptedPeer::new(Desk::with(&config));
    let (_, ok) = talking(&mut peer);
    consulting(&mut peer);
    peer.received();
    let [first, consultation] = two_calls(&peer);
    assert!(peer.engine.order(|switch, now| switch.merge(&consultation, &first, "1001", now)));
    peer.received();
    let (customer, agent, colleague) = (LegId(1 << 16), LegId(1 << 16 | 1), LegId(2 << 16 | 1));
    assert_eq!([customer, agent, colleague].map(|leg| recordings_of(&peer, leg)), [1, 0, 0]);
    peer.say(&within("BYE", 2, &ok, ""));
    assert_eq!(last_bridge(&peer.engine), Some((agent, colleague)));
    assert_eq!([customer, agent, colleague].map(|leg| recordings_of(&peer, leg)), [1, 1, 0]);
}
