//! Whole calls as the edge sees them: SIP text in, SIP text out.

mod desk;

use desk::{Desk, SDP, invite, within};
use offhook_model::{HangupCause, MailboxRequest, MediaCommand, Party};
use offhook_sip::message::HeaderName;
use std::time::Duration;

#[test]
fn an_anonymous_caller_reaches_the_echo() {
    let mut peer = Desk::peer();
    peer.say(&invite("9196", None, Some(SDP)));
    peer.expect("SIP/2.0 100");
    let ok = peer.expect("SIP/2.0 200");
    assert!(ok.header(HeaderName::Contact).is_some_and(|c| c.contains("switch@127.0.0.1:5080")));
    assert_eq!(ok.header(HeaderName::RecordRoute), Some("<sip:token@edge.test;lr>"));
    peer.say(&within("ACK", 1, &ok, ""));
    assert!(
        peer.engine.commands.iter().any(|c| matches!(c, MediaCommand::Echo { delay_ms: 0, .. }))
    );
    peer.say(&within("BYE", 2, &ok, ""));
    peer.expect("SIP/2.0 200");
    let record = &peer.engine.records[0];
    assert_eq!((record.caller.as_str(), record.dialled.as_str()), ("somebody", "9196"));
    assert_eq!((record.cause, record.hung_up_by), (HangupCause::NORMAL_CLEARING, Party::Caller));
    assert_eq!(peer.engine.switch.call_count(), 0);
}

#[test]
fn an_anonymous_caller_does_not_reach_an_extension() {
    let mut peer = Desk::peer();
    peer.say(&invite("1001", None, Some(SDP)));
    peer.expect("SIP/2.0 100");
    let refused = peer.expect("SIP/2.0 403");
    assert!(refused.header(HeaderName::Reason).is_some_and(|r| r.contains("cause=52")));
}

#[test]
fn two_extensions_talk() {
    let mut peer = Desk::peer();
    peer.say(&invite("1001", Some("1002"), Some(SDP)));
    peer.expect("SIP/2.0 100");
    let out = peer.expect("INVITE sip:1001@127.0.0.3:5070");
    assert_eq!(out.header(HeaderName::Route), Some("<sip:flow@edge.test;lr>"));
    assert!(out.header(HeaderName::From).is_some_and(|f| f.starts_with("\"Bo\" <sip:1002@")));
    let contact = "Contact: <sip:1001@127.0.0.3:5070>\n";
    peer.reply(&out, "180 Ringing", "callee", contact);
    peer.expect("SIP/2.0 180");
    let answer = format!("{contact}Content-Type: application/sdp\n\n{SDP}");
    peer.reply(&out, "200 OK", "callee", &answer);
    let mut both = [peer.expect(""), peer.expect("")];
    both.sort_by_key(|m| m.is_request());
    let [ok, ack] = both;
    assert!(ack.as_bytes().starts_with(b"ACK sip:1001@127.0.0.3:5070"));
    assert!(ok.as_bytes().starts_with(b"SIP/2.0 200"));
    peer.say(&within("ACK", 1, &ok, ""));
    assert_eq!(peer.engine.bridges(), 1);
    peer.say(&within("BYE", 2, &ok, ""));
    let last = [peer.expect(""), peer.expect("")];
    assert!(last.iter().any(|m| m.as_bytes().starts_with(b"BYE sip:1001")));
    assert_eq!(peer.engine.records[0].answered_by.as_deref(), Some("1001"));
}

#[test]
fn a_cancelled_caller_stops_the_ringing() {
    let mut peer = Desk::peer();
    let text = invite("1001", Some("1002"), Some(SDP));
    peer.say(&text);
    peer.expect("SIP/2.0 100");
    let out = peer.expect("INVITE");
    peer.reply(&out, "180 Ringing", "callee", "Contact: <sip:1001@127.0.0.3:5070>\n");
    peer.expect("SIP/2.0 180");
    let headers = text.split("Content-Type").next().expect("a first part");
    peer.say(&headers.replace("INVITE", "CANCEL"));
    let answers: Vec<_> = peer.received().iter().map(|m| first_line(m.as_bytes())).collect();
    for expected in ["SIP/2.0 200", "SIP/2.0 487", "CANCEL sip:1001"] {
        assert!(answers.iter().any(|line| line.starts_with(expected)), "{answers:?}");
    }
    let record = peer.engine.records.first().expect("a record");
    assert_eq!((record.sip_status, record.hung_up_by), (Some(487), Party::Caller));
}

#[test]
fn a_callee_who_never_responds_ends_the_call() {
    let mut peer = Desk::peer();
    peer.say(&invite("1001", Some("1002"), Some(SDP)));
    peer.advance(Duration::from_secs(40));
    let lines: Vec<_> = peer.received().iter().map(|m| first_line(m.as_bytes())).collect();
    assert!(lines.iter().any(|line| line.starts_with("SIP/2.0 480")), "{lines:?}");
    assert_eq!(peer.engine.switch.call_count(), 0);
}

#[test]
fn the_same_number_wrongly_dialled_is_not_found() {
    let mut peer = Desk::peer();
    peer.say(&invite("4711", Some("1002"), Some(SDP)));
    peer.expect("SIP/2.0 100");
    peer.expect("SIP/2.0 404 No such number");
}

#[test]
fn a_body_that_is_no_sdp_is_refused_with_what_is_allowed() {
    let mut peer = Desk::peer();
    let text = invite("9196", None, Some("hello")).replace("application/sdp", "text/plain");
    peer.say(&text);
    peer.expect("SIP/2.0 100");
    let refused = peer.expect("SIP/2.0 415");
    assert_eq!(refused.header(HeaderName::Accept), Some("application/sdp"));
}

#[test]
fn a_draining_switch_takes_no_new_call() {
    let mut peer = Desk::peer();
    peer.engine.switch.drain();
    peer.say(&invite("9196", None, Some(SDP)));
    peer.expect("SIP/2.0 100");
    peer.expect("SIP/2.0 503");
}

fn first_line(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    text.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn an_extension_that_dials_so_is_not_disturbed_until_it_dials_otherwise() {
    let mut peer = Desk::peer();
    for (n, (code, is_on)) in [("*78", true), ("*79", false)].into_iter().enumerate() {
        let asked = invite(code, Some("1001"), Some(SDP));
        let anew = |text: &str, call: &str| {
            text.replace("call-1", call).replace("z9hG4bK", &format!("z9hG4bK{call}"))
        };
        peer.say(&anew(&asked, &format!("dnd-{n}")));
        peer.expect("SIP/2.0 100");
        peer.expect("SIP/2.0 200");
        let wanted = MailboxRequest::DoNotDisturb { extension: "1001".into(), is_on };
        assert_eq!(peer.engine.mailbox.last(), Some(&wanted));
        let call = invite("1001", Some("1002"), Some(SDP));
        peer.say(&anew(&call, &format!("c-{n}")));
        peer.expect("SIP/2.0 100");
        peer.expect(if is_on { "SIP/2.0 486 Do Not Disturb" } else { "INVITE sip:1001@" });
        peer.received();
    }
}
