//! Keys by INFO, in both of its common bodies and in both directions.

mod desk;

use desk::{Desk, SDP, invite, within};
use offhook_model::{LegId, MediaCommand, MediaEvent};
use offhook_sip::message::{HeaderName, Message};
use offhook_testkit::ScriptedPeer;

/// Two extensions that talk; gives the caller's 200 and the INVITE that the callee got.
fn talking(allow: &str) -> (ScriptedPeer<Desk>, Message) {
    let mut peer = Desk::peer();
    let caller = invite("1001", Some("1002"), Some(SDP));
    peer.say(&caller.replace("Content-Type", &format!("{allow}Content-Type")));
    peer.expect("SIP/2.0 100");
    let out = peer.expect("INVITE sip:1001@127.0.0.3:5070");
    let contact = format!("{allow}Contact: <sip:1001@127.0.0.3:5070>\n");
    let answer = format!("{contact}Content-Type: application/sdp\n\n{SDP}");
    peer.reply(&out, "200 OK", "callee", &answer);
    let mut both = [peer.expect(""), peer.expect("")];
    both.sort_by_key(|m| m.is_request());
    let [ok, _ack] = both;
    peer.say(&within("ACK", 1, &ok, ""));
    (peer, ok)
}

fn info(cseq: u32, ok: &Message, content_type: &str, body: &str) -> String {
    within("INFO", cseq, ok, &format!("Content-Type: {content_type}\n\n{body}"))
}

fn keys_from(peer: &ScriptedPeer<Desk>) -> String {
    let keys = peer.engine.commands.iter().filter_map(|command| match command {
        MediaCommand::HandleDtmf { digits, .. } => Some(digits.as_str()),
        _ => None,
    });
    keys.collect()
}

/// The legs of the call, the caller's first.
fn legs(peer: &ScriptedPeer<Desk>) -> [LegId; 2] {
    let bridge = peer.engine.commands.iter().find_map(|command| match command {
        MediaCommand::Bridge { a, b } => Some([*a, *b]),
        _ => None,
    });
    bridge.expect("the two are bridged")
}

#[test]
fn both_bodies_of_info_are_keys() {
    let (mut peer, ok) = talking("");
    let bodies = [
        ("application/dtmf-relay", "Signal=5\nDuration=160\n"),
        ("application/dtmf-relay", "Signal= *\nDuration= 100\n"),
        ("application/dtmf-relay;charset=utf-8", "Duration=160\nsignal=11\n"),
        ("application/dtmf", "7"),
        ("application/dtmf", "10"),
    ];
    for (cseq, (content_type, body)) in (2..).zip(bodies) {
        peer.say(&info(cseq, &ok, content_type, body));
        peer.expect("SIP/2.0 200");
    }
    assert_eq!(keys_from(&peer), "5*#7*");
}

#[test]
fn other_bodies_are_refused_and_press_nothing() {
    let (mut peer, ok) = talking("");
    let bodies = [
        ("application/dtmf-relay", "Signal=hookflash\n"),
        ("application/dtmf-relay", "Duration=5\n"),
        ("application/dtmf", "hello"),
        ("application/media_control+xml", "<x/>"),
    ];
    for (cseq, (content_type, body)) in (2..).zip(bodies) {
        peer.say(&info(cseq, &ok, content_type, body));
        peer.expect("SIP/2.0 415");
    }
    assert_eq!(keys_from(&peer), "");
}

#[test]
fn a_device_that_allows_info_is_told_of_keys_by_it() {
    let (mut peer, _) = talking("Allow: INVITE, ACK, BYE, info, OPTIONS\n");
    let [caller, callee] = legs(&peer);
    for leg in [caller, callee] {
        assert!(peer.engine.commands.contains(&MediaCommand::TakesInfo { leg }));
    }
    peer.engine.media(MediaEvent::SendInfo { leg: callee, digit: '#', duration_ms: 120 });
    peer.advance(std::time::Duration::ZERO);
    let told = peer.expect("INFO sip:1001@127.0.0.3:5070");
    assert_eq!(told.header(HeaderName::ContentType), Some("application/dtmf-relay"));
    assert_eq!(told.body(), b"Signal=#\r\nDuration=120\r\n");
}

#[test]
fn a_device_that_does_not_allow_info_is_not_said_to() {
    let (peer, _) = talking("Allow: INVITE, ACK, BYE\n");
    let is_told = |command: &MediaCommand| matches!(command, MediaCommand::TakesInfo { .. });
    assert!(!peer.engine.commands.iter().any(is_told));
}
