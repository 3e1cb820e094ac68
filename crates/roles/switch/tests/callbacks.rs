//! Callers who ask to be called back, and agents who do that.

mod desk;

use desk::{Desk, SDP, invite, within};
use offhook_model::{
    Agent, AgentId, AgentState, AgentStatus, Directory, Extension, MediaCommand, Queue, QueueId,
    QueueStep, Service, Target, Tier,
};
use offhook_sip::message::Message;
use offhook_testkit::ScriptedPeer;
use std::time::Duration;

const ASK: &str = "Info-Package: offhook-call\nContent-Type: application/json\n\n";
const CONTACT: &str = "Contact: <sip:2001@127.0.0.3:5070>\n";

fn agent() -> AgentId {
    AgentId("2001".into())
}

/// A queue that calls back whose agent is away, and extension 1001.
fn call_centre(directory: &mut Directory) {
    let ring = directory.extensions["1001"].clone();
    directory.extensions.insert("2001".into(), Extension { number: "2001".into(), ..ring });
    let tier = Tier { agent: agent(), level: 1, position: 1 };
    let sales = Queue {
        display_name: "Sales".into(),
        tiers: vec![tier],
        callback_key: Some('1'),
        callback_retry_s: 60,
        ..Queue::new("sales")
    };
    let target = Target::Queue(sales.id.clone());
    directory.queues.insert(sales.id.clone(), sales);
    let away = Agent { status: AgentStatus::Away, ..Agent::new("2001") };
    directory.agents.insert(agent(), away);
    let service = Service::GoTo { welcome: None, target, otherwise: None };
    directory.services.insert("6000".into(), service);
    directory.guest_policy.allowed.push("6000".into());
}

/// A caller who waits, and the 200 that has answered it.
fn waiting() -> (ScriptedPeer<Desk>, Message) {
    let mut peer = Desk::peer();
    peer.engine.change_directory(call_centre);
    peer.engine.order(|switch, now| {
        switch.set_reachable("2001", true, now);
        true
    });
    let told = "Recv-Info: offhook-call\n";
    peer.say(&invite("6000", None, Some(SDP)).replacen(
        "Content-Type",
        &format!("{told}Content-Type"),
        1,
    ));
    peer.expect("SIP/2.0 100");
    let ok = peer.expect("SIP/2.0 200");
    peer.say(&within("ACK", 1, &ok, ""));
    (peer, ok)
}

fn ask(peer: &mut ScriptedPeer<Desk>, ok: &Message, cseq: u32, body: &str) -> Message {
    peer.say(&within("INFO", cseq, ok, &format!("{ASK}{body}")));
    loop {
        let answer = peer.expect("");
        if !answer.is_request() {
            return answer;
        }
    }
}

fn text(message: &Message) -> String {
    String::from_utf8_lossy(message.as_bytes()).into_owned()
}

/// The next request of this method; what else comes is passed over.
fn next(peer: &mut ScriptedPeer<Desk>, method: &str) -> Message {
    loop {
        let message = peer.expect("");
        if text(&message).starts_with(method) {
            return message;
        }
    }
}

fn come_back(peer: &mut ScriptedPeer<Desk>) {
    let order = offhook_bus::AgentOrder::Status(AgentStatus::Online, None);
    assert!(peer.engine.order(|switch, now| switch.agent(&agent(), order, now)));
}

fn answer(peer: &mut ScriptedPeer<Desk>, invite: &Message) {
    let answer = format!("{CONTACT}Content-Type: application/sdp\n\n{SDP}");
    peer.reply(invite, "200 OK", "callee", &answer);
}

fn state(peer: &ScriptedPeer<Desk>) -> AgentState {
    peer.engine.agents[&agent()].view.state
}

fn steps(peer: &ScriptedPeer<Desk>) -> Vec<&str> {
    let records = peer.engine.queue_records.iter().filter(|record| record.entry.is_some());
    records.map(|record| record.step.as_str()).collect()
}

/// A caller has asked to be called back and has hung up; the agent rings for it.
fn rung() -> (ScriptedPeer<Desk>, Message) {
    let (mut peer, ok) = waiting();
    let answered = ask(&mut peer, &ok, 2, r#"{"request": "callback", "number": "10-01"}"#);
    assert!(text(&answered).starts_with("SIP/2.0 200"), "{}", text(&answered));
    peer.say(&within("BYE", 3, &ok, ""));
    peer.received();
    let waits = &peer.engine.queues[&QueueId("sales".into())].waiting;
    assert_eq!(waits.iter().map(|w| w.view.number.as_str()).collect::<Vec<_>>(), ["1001"]);
    come_back(&mut peer);
    let out = next(&mut peer, "INVITE");
    (peer, out)
}

#[test]
fn an_agent_is_rung_for_a_callback_and_then_whoever_asked_for_it() {
    let (mut peer, out) = rung();
    for header in ["X-Offhook-Callback: 1001\r\n", "X-Offhook-Queue: sales\r\n"] {
        assert!(text(&out).contains(header), "{}", text(&out));
    }
    assert!(text(&out).contains("From: <sip:1001@"), "{}", text(&out));
    answer(&mut peer, &out);
    let customer = next(&mut peer, "INVITE");
    assert!(text(&customer).contains("From: \"Sales\" <sip:2001@"), "{}", text(&customer));
    assert_eq!((state(&peer), peer.engine.bridges()), (AgentState::OnCall, 0));
    answer(&mut peer, &customer);
    assert_eq!(peer.engine.bridges(), 1);
    let expected =
        ["joined", "callback_taken", "offered", "callback_placed", "offer_ended", "answered"];
    let mut told = steps(&peer);
    told.sort_unstable();
    let mut sorted = expected.to_vec();
    sorted.sort_unstable();
    assert_eq!(told, sorted);
    let stay: std::collections::BTreeSet<_> = peer
        .engine
        .queue_records
        .iter()
        .filter(|record| record.entry.is_some())
        .map(|record| record.call.clone())
        .collect();
    assert_eq!(stay.len(), 1, "all of it belongs to the call in which it was asked for");
}

#[test]
fn a_callback_that_reaches_nobody_is_tried_again() {
    let (mut peer, out) = rung();
    answer(&mut peer, &out);
    let customer = next(&mut peer, "INVITE");
    peer.reply(&customer, "486 Busy Here", "callee", "");
    peer.received();
    let told = peer.engine.commands.iter().rev().find_map(|command| match command {
        MediaCommand::Play { prompts, .. } => Some(prompts[0].clone()),
        _ => None,
    });
    assert!(told.is_some_and(|told| told.starts_with("tts:Nobody could be reached")));
    let failed = peer.engine.queue_records.iter().any(|record| {
        matches!(&record.step, QueueStep::CallbackFailed { number, tries: 1 } if number == "1001")
    });
    assert!(failed, "{:?}", steps(&peer));
    assert_eq!(peer.engine.queues[&QueueId("sales".into())].waiting.len(), 1);
}

#[test]
fn an_agent_who_does_not_answer_is_rung_no_longer() {
    let (mut peer, out) = rung();
    peer.reply(&out, "180 Ringing", "callee", CONTACT);
    peer.advance(Duration::from_secs(21));
    next(&mut peer, "CANCEL");
    assert_eq!(peer.engine.queues[&QueueId("sales".into())].waiting.len(), 1);
    let last = peer.engine.records.last().expect("the call is over");
    assert_eq!((last.dialled.as_str(), last.answered_at_ms), ("1001", None));
}

#[test]
fn a_request_that_cannot_be_met_is_told_why() {
    let (mut peer, ok) = waiting();
    for (body, status, word) in [
        (r#"{"request": "callback", "number": "7777"}"#, "404", "not_callable"),
        (r#"{"request": "callback", "number": ""}"#, "404", "not_callable"),
        (r#"{"request": "callback", "number": "6000"}"#, "404", "not_callable"),
        (r#"{"request": "tea", "number": "1001"}"#, "400", "bad_request"),
        ("{", "400", "bad_request"),
    ] {
        let cseq = 10 + u32::try_from(peer.engine.commands.len()).unwrap_or(0);
        let answered = text(&ask(&mut peer, &ok, cseq, body));
        assert!(answered.starts_with(&format!("SIP/2.0 {status}")), "{answered}");
        assert!(answered.contains(&format!("\"code\":\"{word}\"")), "{answered}");
        assert!(answered.contains("\"field\":\"number\""), "{answered}");
        peer.engine.commands.push(MediaCommand::Unbridge { leg: offhook_model::LegId(0) });
    }
    assert_eq!(steps(&peer), ["joined"]);
}

#[test]
fn a_callback_is_cancelled_by_the_call_in_which_it_was_asked_for() {
    let (mut peer, ok) = waiting();
    ask(&mut peer, &ok, 2, r#"{"request": "callback", "number": "1001"}"#);
    peer.say(&within("BYE", 3, &ok, ""));
    peer.received();
    let queue = QueueId("sales".into());
    let call = peer.engine.queues[&queue].waiting[0].call.clone();
    assert!(peer.engine.order(|switch, now| switch.cancel_callback(&call, now)));
    assert_eq!(peer.engine.queues[&queue].waiting.len(), 0);
    assert!(!peer.engine.order(|switch, now| switch.cancel_callback(&call, now)));
    assert_eq!(steps(&peer), ["joined", "callback_taken", "abandoned"]);
}
