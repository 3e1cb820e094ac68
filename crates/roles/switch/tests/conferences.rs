//! Callers of a conference's number, by what the media role is told.

mod desk;

use desk::{Desk, SDP, invite, within};
use offhook_model::{
    Audience, ConferenceCommand, ConferenceId, LegId, MediaCommand, MediaEvent, MemberRole,
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
