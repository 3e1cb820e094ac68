//! Requests and responses that belong to nothing.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

use offhook_sip::user_agent::{CommandError, Event, LegHandle};
use offhook_sip::{HeaderName, StatusCode};
use offhook_testkit::{Phone, ScriptedPeer, new_request, request_within};

const SDP: &str = "Content-Type: application/sdp\n\nv=0";

fn phone() -> ScriptedPeer<Phone> {
    ScriptedPeer::new(Phone::seeded("phone", 1))
}

#[test]
fn requests_of_no_dialog_get_481() {
    let mut peer = phone();
    for method in ["BYE", "UPDATE", "INFO"] {
        peer.say(&new_request(method, "c1", 1, ""));
        peer.expect("SIP/2.0 481");
        let tagged = new_request(method, "c2", 1, "")
            .replace("phone@example.org>", "phone@example.org>;tag=x");
        peer.say(&tagged);
        peer.expect("SIP/2.0 481");
    }
    peer.say(&new_request("ACK", "c3", 1, ""));
    peer.expect_nothing();
    assert!(peer.engine.event().is_none());
}

#[test]
fn response_to_nothing_is_counted_and_dropped() {
    let mut peer = phone();
    peer.say(
        "SIP/2.0 200 OK
        Via: SIP/2.0/UDP phone.example.org;branch=z9hG4bKnothing
        From: <sip:a@b>;tag=1
        To: <sip:c@d>;tag=2
        Call-ID: x
        CSeq: 1 INVITE",
    );
    peer.expect_nothing();
    assert_eq!(peer.engine.ua.counters().unmatched_responses, 1);
    assert!(peer.engine.event().is_none());
}

#[test]
fn numbers_out_of_order_get_500() {
    let mut peer = phone();
    peer.say(&new_request("INVITE", "c1", 5, SDP));
    peer.expect("SIP/2.0 100");
    let (leg, now) = (peer.engine.incoming().unwrap(), peer.now());
    peer.engine.ua.accept(leg, Some("v=0\r\n".into()), &[], now).unwrap();
    let ok = peer.expect("SIP/2.0 200");
    peer.say(&request_within(&ok, "ACK", 5, "", ""));
    peer.say(&request_within(&ok, "INFO", 4, "", ""));
    peer.expect("SIP/2.0 500");
    peer.say(&request_within(&ok, "INFO", 900, "", ""));
    let events = peer.engine.events();
    assert!(matches!(events[..], [Event::Acked { .. }, Event::InDialog { .. }]), "{events:?}");
}

#[test]
fn methods_and_extensions_that_are_not_understood_are_named() {
    let mut peer = phone();
    peer.say(&new_request("PUBLISH", "c1", 1, ""));
    assert!(peer.expect("SIP/2.0 405").has_token(HeaderName::Allow, "INVITE"));
    peer.say(&new_request("INVITE", "c2", 1, "Require: timer, nothingSupportsThis, 100rel"));
    peer.expect("SIP/2.0 100");
    let refusal = peer.expect("SIP/2.0 420");
    assert_eq!(refusal.header(HeaderName::Unsupported), Some("nothingSupportsThis"));
    let replacing = "Require: replaces\nReplaces: c1;to-tag=1;from-tag=2";
    peer.say(&new_request("INVITE", "c3", 1, replacing));
    peer.expect("SIP/2.0 100");
    peer.expect("SIP/2.0 481");
    assert_eq!(peer.engine.ua.leg_count(), 0);
}

#[test]
fn bodies_that_are_not_understood_get_415_unless_optional() {
    let mut peer = phone();
    peer.say(&new_request("INVITE", "c1", 1, "Content-Type: application/unknown\n\nx"));
    peer.expect("SIP/2.0 100");
    assert_eq!(peer.expect("SIP/2.0 415").header(HeaderName::Accept), Some("application/sdp"));
    let optional =
        "Content-Type: application/unknown\nContent-Disposition: render;handling=optional\n\nx";
    peer.say(&new_request("INVITE", "c2", 1, optional));
    peer.expect("SIP/2.0 100");
    assert!(matches!(peer.engine.event(), Some(Event::IncomingInvite { sdp: None, .. })));
}

#[test]
fn broken_requests_get_400_with_what_was_wrong() {
    let mut peer = phone();
    peer.say(&new_request("OPTIONS", "c1", 1, "").replace("CSeq: 1 OPTIONS", "CSeq: 1 INVITE"));
    let refusal = peer.expect("SIP/2.0 400");
    assert_eq!(refusal.reason(), "CSeq method does not match");
    peer.say(
        &new_request("INVITE", "c2", 1, "")
            .replace("        Contact: <sip:peer@peer.example.org>\n", ""),
    );
    peer.expect("SIP/2.0 100");
    assert_eq!(peer.expect("SIP/2.0 400").reason(), "Missing Contact");
    peer.say(&new_request("OPTIONS", "c3", 1, "").replace("SIP/2.0\n", "SIP/7.0\n"));
    peer.expect("SIP/2.0 505");
    peer.say(&new_request("ACK", "c4", 1, "").replace("CSeq: 1 ACK", "CSeq: 1 INVITE"));
    peer.expect_nothing();
    assert!(peer.engine.event().is_none());
}

#[test]
fn the_same_invite_on_two_ways_is_taken_once() {
    let mut peer = phone();
    let invite = new_request("INVITE", "c1", 1, SDP);
    peer.say(&invite);
    peer.expect("SIP/2.0 100");
    peer.say(&invite.replace("branch=z9hG4bK", "branch=z9hG4bKother"));
    peer.expect("SIP/2.0 100");
    peer.expect("SIP/2.0 482");
    assert_eq!(peer.engine.events().len(), 1);
    assert_eq!(peer.engine.ua.leg_count(), 1);
}

#[test]
fn replaces_finds_the_leg_or_gets_481() {
    let mut peer = phone();
    peer.say(&new_request("INVITE", "c1", 1, SDP));
    peer.expect("SIP/2.0 100");
    let (leg, now) = (peer.engine.incoming().unwrap(), peer.now());
    peer.engine.ua.accept(leg, Some("v=0\r\n".into()), &[], now).unwrap();
    let ok = peer.expect("SIP/2.0 200");
    assert!(ok.has_token(HeaderName::Supported, "replaces"));
    let tag = ok.to_tag().unwrap().to_owned();
    let replaces = format!("Replaces: c1;to-tag={tag};from-tag=peer");
    peer.say(&new_request("INVITE", "c2", 1, &replaces));
    peer.expect("SIP/2.0 100");
    let Some(Event::IncomingInvite { replaces: Some(replaced), .. }) = peer.engine.events().pop()
    else {
        panic!("Replaces not found");
    };
    assert_eq!(replaced, leg);
    assert_eq!(peer.engine.ua.find_dialog("c1", &tag, "peer"), Some(leg));
    peer.say(&new_request("INVITE", "c3", 1, &format!("{replaces};early-only")));
    peer.expect("SIP/2.0 100");
    peer.expect("SIP/2.0 486");
    peer.say(&new_request("INVITE", "c4", 1, "Replaces: c1;to-tag=wrong;from-tag=peer"));
    peer.expect("SIP/2.0 100");
    peer.expect("SIP/2.0 481");
    peer.engine.ua.hang_up(leg, None, now).unwrap();
    peer.say(&new_request("INVITE", "c5", 1, &replaces));
    peer.expect("SIP/2.0 100");
    peer.expect("SIP/2.0 603");
}

#[test]
fn commands_on_what_is_over_are_refused() {
    let mut peer = phone();
    let now = peer.now();
    let unknown = LegHandle(99);
    assert_eq!(peer.engine.ua.hang_up(unknown, None, now), Err(CommandError::LegEnded));
    peer.say(&new_request("OPTIONS", "o1", 1, ""));
    let Some(Event::OutOfDialog { key, .. }) = peer.engine.event() else {
        panic!("no OPTIONS");
    };
    let too_early = peer.engine.ua.respond(key, StatusCode::RINGING, None, &[], None, now);
    assert_eq!(too_early, Err(CommandError::Invalid("not a final status")));
    peer.engine
        .ua
        .respond(key, StatusCode::OK, Some("Fine"), &[("X-Load", "3")], None, now)
        .unwrap();
    let ok = peer.expect("SIP/2.0 200 Fine");
    assert!(ok.has_token(HeaderName::Allow, "UPDATE") && ok.to_tag().is_some());
    let again = peer.engine.ua.respond(key, StatusCode::OK, None, &[], None, now);
    assert_eq!(again, Err(CommandError::RequestOver));
}
