//! A caller who waits in a queue, and the agents who are rung.

mod desk;

use desk::{Desk, SDP, invite, refer, within};
use offhook_bus::AgentOrder;
use offhook_model::{
    Agent, AgentId, AgentState, AgentStatus, Directory, LogEntry, MediaCommand, Party, Queue,
    QueueId, QueueStep, Service, Target, Tier,
};
use offhook_sip::message::Message;
use offhook_testkit::ScriptedPeer;
use std::time::Duration;

fn agent() -> AgentId {
    AgentId("2001".into())
}

fn call_centre(directory: &mut Directory) {
    let ring = directory.extensions["1001"].clone();
    directory
        .extensions
        .insert("2001".into(), offhook_model::Extension { number: "2001".into(), ..ring });
    let tier = Tier { agent: agent(), level: 1, position: 1 };
    let sales = Queue { tiers: vec![tier], wrap_up_s: 10, ..Queue::new("sales") };
    directory.queues.insert(sales.id.clone(), sales);
    let online = Agent { status: AgentStatus::Online, ..Agent::new("2001") };
    directory.agents.insert(agent(), online);
    let service = Service::GoTo {
        welcome: None,
        target: Target::Queue(QueueId("sales".into())),
        otherwise: None,
    };
    directory.services.insert("6000".into(), service);
    directory.guest_policy.allowed.push("6000".into());
}

/// A desk whose agent has a device.
fn desk() -> ScriptedPeer<Desk> {
    let mut peer = Desk::peer();
    peer.engine.change_directory(call_centre);
    peer.engine.order(|switch, now| {
        switch.set_reachable("2001", true, now);
        true
    });
    peer
}

fn state(peer: &ScriptedPeer<Desk>) -> AgentState {
    peer.engine.agents[&agent()].view.state
}

fn waiting(peer: &ScriptedPeer<Desk>) -> usize {
    peer.engine.queues[&QueueId("sales".into())].waiting.len()
}

const CONTACT: &str = "Contact: <sip:2001@127.0.0.3:5070>\n";

/// A caller who has been answered and waits, and the INVITE that rings the agent.
fn ringing(peer: &mut ScriptedPeer<Desk>) -> (Message, Message) {
    peer.say(&invite("6000", None, Some(SDP)));
    peer.expect("SIP/2.0 100");
    let mut both = [peer.expect(""), peer.expect("")];
    both.sort_by_key(Message::is_request);
    let [ok, out] = both;
    peer.say(&within("ACK", 1, &ok, ""));
    (ok, out)
}

fn answer(peer: &mut ScriptedPeer<Desk>, out: &Message) {
    let answer = format!("{CONTACT}Content-Type: application/sdp\n\n{SDP}");
    peer.reply(out, "200 OK", "callee", &answer);
    peer.expect("ACK");
}

#[test]
fn a_caller_is_offered_to_a_ready_agent_and_they_talk() {
    let mut peer = desk();
    assert_eq!(state(&peer), AgentState::Ready);
    let (ok, out) = ringing(&mut peer);
    assert!(String::from_utf8_lossy(out.as_bytes()).contains("X-Offhook-Queue: sales\r\n"));
    assert_eq!((state(&peer), waiting(&peer)), (AgentState::Reserved, 1));
    peer.reply(&out, "180 Ringing", "callee", CONTACT);
    assert_eq!(state(&peer), AgentState::Ringing);
    answer(&mut peer, &out);
    assert_eq!((state(&peer), waiting(&peer)), (AgentState::OnCall, 0));
    assert_eq!(peer.engine.bridges(), 1);
    peer.say(&within("BYE", 2, &ok, ""));
    assert_eq!(state(&peer), AgentState::Acw);
    assert_eq!(peer.engine.records[0].answered_by.as_deref(), Some("2001"));
    peer.advance(Duration::from_secs(11));
    assert_eq!(state(&peer), AgentState::Ready);
    let call = &peer.engine.records[0].call;
    let of_call =
        peer.engine.queue_records.iter().filter(|record| record.call.as_ref() == Some(call));
    let steps: Vec<_> = of_call.map(|record| record.step.as_str()).collect();
    assert_eq!(steps, ["joined", "offered", "offer_ended", "answered", "completed"]);
    let completed =
        |step: &QueueStep| matches!(step, QueueStep::Completed { by: Some(Party::Caller), .. });
    assert!(peer.engine.queue_records.iter().any(|record| completed(&record.step)));
    let mut ids: Vec<_> = peer.engine.queue_records.iter().map(|record| &record.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), peer.engine.queue_records.len());
}

#[test]
fn todays_counts_start_again_at_midnight() {
    let mut peer = desk();
    let (ok, out) = ringing(&mut peer);
    answer(&mut peer, &out);
    peer.say(&within("BYE", 2, &ok, ""));
    let answered = |peer: &ScriptedPeer<Desk>| {
        peer.engine.queues[&QueueId("sales".into())].view.today.answered
    };
    peer.advance(Duration::from_secs(60));
    assert_eq!(answered(&peer), 1);
    peer.advance(Duration::from_secs(86_400));
    assert_eq!(answered(&peer), 0);
}

#[test]
fn nobody_rings_for_a_caller_who_has_hung_up() {
    let mut peer = desk();
    let (ok, out) = ringing(&mut peer);
    peer.reply(&out, "180 Ringing", "callee", CONTACT);
    peer.say(&within("BYE", 2, &ok, ""));
    let last = peer.received();
    assert!(last.iter().any(|m| m.as_bytes().starts_with(b"CANCEL ")), "{last:?}");
    assert_eq!((state(&peer), waiting(&peer)), (AgentState::Ready, 0));
}

#[test]
fn an_agent_who_does_not_answer_is_rung_no_longer_and_the_caller_waits_on() {
    let mut peer = desk();
    let (_, out) = ringing(&mut peer);
    peer.reply(&out, "180 Ringing", "callee", CONTACT);
    peer.advance(Duration::from_secs(21));
    peer.expect("CANCEL");
    assert_eq!(waiting(&peer), 1);
    let view = peer.engine.agents[&agent()].view.clone();
    assert_eq!(view.today.missed, 1);
}

#[test]
fn an_agent_who_loses_its_device_is_offered_nothing_and_comes_back_as_it_was() {
    let mut peer = desk();
    let reach = |peer: &mut ScriptedPeer<Desk>, is_reachable| {
        peer.engine.order(|switch, now| {
            switch.set_reachable("2001", is_reachable, now);
            true
        });
    };
    reach(&mut peer, false);
    assert_eq!(state(&peer), AgentState::Offline);
    peer.say(&invite("6000", None, Some(SDP)));
    peer.expect("SIP/2.0 100");
    let ok = peer.expect("SIP/2.0 200");
    peer.say(&within("ACK", 1, &ok, ""));
    peer.expect_nothing();
    reach(&mut peer, true);
    peer.advance(Duration::ZERO);
    peer.expect("INVITE");
    assert_eq!(state(&peer), AgentState::Reserved);
}

#[test]
fn a_status_is_set_and_written_down() {
    let mut peer = desk();
    let order = AgentOrder::Status(AgentStatus::Away, Some("Lunch".into()));
    assert!(peer.engine.order(|switch, now| switch.agent(&agent(), order, now)));
    assert_eq!(state(&peer), AgentState::NotReady);
    assert!(matches!(
        &peer.engine.statuses[..],
        [LogEntry::AgentStatus { status: AgentStatus::Away, reason: Some(reason), .. }]
            if reason == "Lunch"
    ));
    let nobody = AgentId("2009".into());
    let order = AgentOrder::Status(AgentStatus::Online, None);
    assert!(!peer.engine.order(|switch, now| switch.agent(&nobody, order, now)));
}

#[test]
fn an_agent_on_a_call_of_its_own_is_offered_nothing() {
    let mut peer = desk();
    peer.say(&invite("9196", Some("2001"), Some(SDP)));
    peer.expect("SIP/2.0 100");
    peer.expect("SIP/2.0 200");
    assert_eq!(state(&peer), AgentState::OnCall);
}

#[test]
fn announcements_are_played_to_who_waits_and_the_music_goes_on() {
    let mut peer = desk();
    let (_, out) = ringing(&mut peer);
    peer.reply(&out, "180 Ringing", "callee", CONTACT);
    peer.advance(Duration::from_secs(11));
    let last = peer.engine.commands.iter().rev().find_map(|command| match command {
        MediaCommand::Play { prompts, .. } => Some(prompts.clone()),
        _ => None,
    });
    assert_eq!(last, Some(vec!["tts:You are next in line.".to_owned()]));
}

#[test]
fn a_caller_who_can_show_it_is_told_how_its_call_stands() {
    let mut peer = desk();
    let text = invite("6000", None, Some(SDP));
    peer.say(&text.replace("Max-Forwards", "Recv-Info: offhook-call\nMax-Forwards"));
    peer.expect("SIP/2.0 100");
    let messages = peer.received();
    let out = messages.iter().find(|m| m.as_bytes().starts_with(b"INVITE")).expect("a ring");
    let ok = messages.iter().find(|m| m.as_bytes().starts_with(b"SIP/2.0 200")).expect("an answer");
    peer.say(&within("ACK", 1, ok, ""));
    answer(&mut peer, &out.clone());
    let told: Vec<_> = messages.iter().chain(&peer.received()).filter_map(told).collect();
    assert!(
        told.iter().any(|text| text.contains(r#""state":"queued","queue":"sales","position":1"#))
    );
    assert!(told.last().is_some_and(|text| text.contains(r#""state":"talking","with":"2001""#)));
}

fn told(message: &Message) -> Option<String> {
    let text = String::from_utf8_lossy(message.as_bytes()).into_owned();
    let is_told = text.starts_with("INFO") && text.contains("Info-Package: offhook-call\r\n");
    is_told.then(|| text.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned())
}

#[test]
fn who_comes_back_to_a_queue_after_talking_waits_anew() {
    let mut peer = desk();
    let (_, out) = ringing(&mut peer);
    answer(&mut peer, &out);
    let first = peer.engine.agents[&agent()].view.calls[0].since_ms;
    peer.advance(Duration::from_mins(5));
    peer.say(&refer(&out, CONTACT, "<sip:6000@offhook.local>"));
    assert_eq!(waiting(&peer), 1);
    let again = &peer.engine.queues[&QueueId("sales".into())].waiting[0].view;
    assert_eq!(again.joined_at_ms, first + 300_000);
}
