//! Callers of a conference's number, by what the media role is told.

mod desk;

use desk::{Desk, SDP, invite, within};
use offhook_bus::{ConferenceOrder, RecordingOrder};
use offhook_model::{
    Audience, ConferenceCommand, ConferenceId, LegId, LiveRecording, MediaCommand, MediaEvent,
    MemberRole, RecordingCommand, RecordingEvent, RecordingForm, RecordingSource, RecordingState,
    RecordingSummary,
};
use offhook_sip::message::Message;
use offhook_testkit::ScriptedPeer;

/// A guest calls 3000 in a dialog of its own; our 200.
fn call(peer: &mut ScriptedPeer<Desk>, number: u32) -> Message {
    peer.say(&other(&invite("3000", None, Some(SDP)), number));
    peer.expect("SIP/2.0 100");
    let ok = peer.expect("SIP/2.0 200");
    peer.say(&other(&within("ACK", 1, &ok, ""), number));
    ok
}

/// The same message in another dialog.
fn other(text: &str, number: u32) -> String {
    text.replace("call-1", &format!("call-{number}"))
        .replace("branch=z9hG4bK", &format!("branch=z9hG4bK{number}"))
        .replace("sip:1002@", "sip:somebody@")
}

/// What conferences were told since the last time.
fn orders(peer: &mut ScriptedPeer<Desk>) -> Vec<(ConferenceId, ConferenceCommand)> {
    let commands = std::mem::take(&mut peer.engine.commands);
    let orders = commands.into_iter().filter_map(|command| match command {
        MediaCommand::Conference { conference, command } => Some((conference, command)),
        _ => None,
    });
    orders.collect()
}

fn joined(orders: &[(ConferenceId, ConferenceCommand)]) -> (ConferenceId, LegId) {
    let join = orders.iter().find_map(|(conference, command)| match command {
        ConferenceCommand::Join { leg, role: MemberRole::TALKS } => Some((*conference, *leg)),
        _ => None,
    });
    join.expect("a caller joins")
}

#[test]
fn callers_of_one_number_are_in_one_conference_until_the_last_has_gone() {
    let mut peer = Desk::peer();
    let dialogs = [1, 2, 3].map(|number| call(&mut peer, number));
    let orders_so_far = orders(&mut peer);
    let joins: Vec<_> = orders_so_far
        .iter()
        .filter(|(_, command)| matches!(command, ConferenceCommand::Join { .. }))
        .map(|order| joined(std::slice::from_ref(order)))
        .collect();
    assert_eq!(joins.len(), 3);
    assert!(joins.iter().all(|(conference, _)| *conference == joins[0].0));
    for (dialog, number) in dialogs.iter().zip(1..) {
        peer.say(&other(&within("BYE", 2, dialog, ""), number));
        peer.expect("SIP/2.0 200");
    }
    let left: Vec<LegId> = orders(&mut peer)
        .into_iter()
        .filter_map(|(_, command)| match command {
            ConferenceCommand::Leave { leg } => Some(leg),
            _ => None,
        })
        .collect();
    assert_eq!(left, joins.iter().map(|(_, leg)| *leg).collect::<Vec<_>>());
    assert_eq!(peer.engine.switch.call_count(), 0);
    call(&mut peer, 4);
    let (next, _) = joined(&orders(&mut peer));
    assert_ne!(next, joins[0].0, "the next caller begins another");
}

#[test]
fn keys_mute_whether_they_come_as_events_or_by_info() {
    let mut peer = Desk::peer();
    let dialog = call(&mut peer, 1);
    let (conference, leg) = joined(&orders(&mut peer));
    for digit in ['*', '6'] {
        peer.engine.media(MediaEvent::Dtmf { leg, digit, duration_ms: 100 });
    }
    let role = MemberRole { speaks_to: Audience::Nobody, hears: true };
    let muted = (conference, ConferenceCommand::SetRole { leg, role });
    assert_eq!(orders(&mut peer), [muted]);
    for (cseq, digit) in [(2, '*'), (3, '6')] {
        let body =
            format!("Content-Type: application/dtmf-relay\n\nSignal={digit}\nDuration=160\n");
        peer.say(&other(&within("INFO", cseq, &dialog, &body), 1));
        peer.expect("SIP/2.0 200");
        // The media role hears of a key in signalling, and tells of it as of any other.
        let key = MediaCommand::HandleDtmf { leg, digits: digit.into(), duration_ms: 160 };
        assert_eq!(peer.engine.commands.last(), Some(&key));
        peer.engine.media(MediaEvent::Dtmf { leg, digit, duration_ms: 160 });
    }
    let role = MemberRole::TALKS;
    assert_eq!(orders(&mut peer), [(conference, ConferenceCommand::SetRole { leg, role })]);
}

#[test]
fn a_conference_is_shown_and_governed_from_outside() {
    let mut peer = Desk::peer();
    let dialogs = [1, 2].map(|number| call(&mut peer, number));
    orders(&mut peer);
    let shown = |peer: &ScriptedPeer<Desk>| peer.engine.conference.clone().expect("it is shown");
    let [one, other] = shown(&peer).members.try_into().expect("two members");
    assert_eq!((shown(&peer).number.as_str(), one.number.as_str()), ("3000", "somebody"));
    let order = |peer: &mut ScriptedPeer<Desk>, order: ConferenceOrder| {
        peer.engine.order(|switch, now| switch.conference("3000", order, now))
    };
    assert!(order(&mut peer, ConferenceOrder::Mute(one.leg, true)));
    assert!(order(&mut peer, ConferenceOrder::Deafen(other.leg, true)));
    assert!(order(&mut peer, ConferenceOrder::Lock(true)));
    let live = shown(&peer);
    assert!(live.is_locked && live.members[0].is_muted && live.members[1].is_deaf, "{live:?}");
    assert!(order(&mut peer, ConferenceOrder::Play(vec!["tone:440,100".into()])));
    let told = orders(&mut peer);
    let prompts = vec!["tone:440,100".to_owned()];
    assert!(
        told.iter().any(|(_, told)| *told
            == ConferenceCommand::Play { prompts: prompts.clone(), repeat: false }),
        "{told:?}"
    );
    assert!(!order(&mut peer, ConferenceOrder::Mute(LegId(9), true)), "nobody");
    assert!(!peer.engine.order(|switch, now| switch.conference("3001", ConferenceOrder::End, now)));
    assert!(order(&mut peer, ConferenceOrder::Kick(one.leg)));
    peer.expect("BYE");
    assert_eq!(shown(&peer).members.len(), 1);
    assert!(order(&mut peer, ConferenceOrder::End));
    peer.expect("BYE");
    assert_eq!(shown(&peer).members, []);
    assert_eq!((dialogs.len(), peer.engine.switch.call_count()), (2, 0));
}

#[test]
fn a_conference_is_recorded_by_order_and_written_down() {
    let mut peer = Desk::peer();
    call(&mut peer, 1);
    let (conference, _) = joined(&orders(&mut peer));
    let source = RecordingSource::Conference(conference);
    let record = |peer: &mut ScriptedPeer<Desk>, order: RecordingOrder| {
        let order = ConferenceOrder::Record(order);
        peer.engine.order(|switch, now| switch.conference("3000", order, now))
    };
    let start = RecordingOrder::Start(RecordingForm::default());
    assert!(!record(&mut peer, RecordingOrder::Stop));
    assert!(record(&mut peer, start) && !record(&mut peer, start));
    let path = peer.engine.commands.iter().find_map(|command| match command {
        MediaCommand::Record { source: of, command: RecordingCommand::Start { path, .. } }
            if *of == source =>
        {
            Some(path.clone())
        }
        _ => None,
    });
    let path = path.expect("it begins");
    let event = RecordingEvent::Started { path: path.clone(), is_encrypted: false };
    peer.engine.media(MediaEvent::Recording { source, event });
    let live = peer.engine.conference.clone().expect("it is shown");
    assert_eq!(live.recording, Some(LiveRecording::Running));
    assert!(record(&mut peer, RecordingOrder::Stop));
    let summary = RecordingSummary { path, ..RecordingSummary::default() };
    peer.engine.media(MediaEvent::Recording { source, event: RecordingEvent::Stopped(summary) });
    let [began, ended] = &peer.engine.recordings[..] else { panic!("one recording") };
    assert_eq!((began.id.as_str(), began.conference.as_deref()), (ended.id.as_str(), Some("3000")));
    assert_eq!(ended.state, RecordingState::Complete);
}
