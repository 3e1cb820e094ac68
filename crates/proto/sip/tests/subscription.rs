//! Subscriptions of others to something of ours (RFC 6665).

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

use offhook_sip::user_agent::{Body, CommandError, Event, SubscriptionHandle};
use offhook_sip::{HeaderName, Message, Method, StatusCode};
use offhook_testkit::{Phone, ScriptedPeer, new_request, request_within};

const EVENT: &str = "Event: message-summary\nExpires: 600";

/// A subscription that was accepted, and the 200.
fn subscribed() -> (ScriptedPeer<Phone>, SubscriptionHandle, Message) {
    let mut peer = ScriptedPeer::new(Phone::seeded("phone", 1));
    peer.say(&new_request("SUBSCRIBE", "s1", 1, EVENT));
    let Some(Event::OutOfDialog { key, request, peer: from }) = peer.engine.event() else {
        panic!("no SUBSCRIBE");
    };
    assert_eq!(request.method(), Some(&Method::Subscribe));
    let now = peer.now();
    let headers = [("Expires", "600")];
    let handle = peer.engine.ua.accept_subscription(key, from, &headers, now).unwrap();
    let ok = peer.expect("SIP/2.0 200");
    assert!(ok.has(HeaderName::Contact) && ok.to_tag().is_some());
    (peer, handle, ok)
}

fn notify(peer: &mut ScriptedPeer<Phone>, handle: SubscriptionHandle) -> Message {
    let now = peer.now();
    let headers = [("Event", "message-summary"), ("Subscription-State", "active;expires=600")];
    let body = Body::new("application/simple-message-summary", "Messages-Waiting: no\r\n");
    peer.engine.ua.notify(handle, &headers, Some(body), now).unwrap();
    peer.expect("NOTIFY sip:peer@peer.example.org")
}

#[test]
fn a_subscriber_is_told_within_the_dialog_that_its_request_made() {
    let (mut peer, handle, ok) = subscribed();
    let first = notify(&mut peer, handle);
    assert_eq!(first.call_id().unwrap(), ok.call_id().unwrap());
    assert_eq!((first.from_tag(), first.to_tag()), (ok.to_tag(), ok.from_tag()));
    assert_eq!(first.body(), b"Messages-Waiting: no\r\n");
    peer.reply(&first, "200 OK", "", "");
    let Some(Event::RequestDone { code: StatusCode::OK, .. }) = peer.engine.event() else {
        panic!("NOTIFY not done");
    };
    let second = notify(&mut peer, handle);
    assert_eq!(second.cseq().unwrap().sequence, first.cseq().unwrap().sequence + 1);
}

#[test]
fn a_refresh_comes_within_the_dialog_and_is_answered_there() {
    let (mut peer, handle, ok) = subscribed();
    peer.say(&request_within(&ok, "SUBSCRIBE", 2, "", EVENT));
    let Some(Event::Resubscribe { handle: refreshed, key, .. }) = peer.engine.event() else {
        panic!("no refresh");
    };
    assert_eq!(refreshed, handle);
    let now = peer.now();
    peer.engine.ua.respond(key, StatusCode::OK, None, &[("Expires", "600")], None, now).unwrap();
    peer.expect("SIP/2.0 200");
    // One that comes late, with a number that was before.
    let late = request_within(&ok, "SUBSCRIBE", 1, "", EVENT);
    peer.say(&late.replacen("z9hG4bK", "z9hG4bKlate", 1));
    peer.expect("SIP/2.0 500");
}

#[test]
fn a_subscription_that_is_forgotten_is_gone() {
    let (mut peer, handle, ok) = subscribed();
    peer.engine.ua.forget_subscription(handle);
    peer.say(&request_within(&ok, "SUBSCRIBE", 2, "", EVENT));
    peer.expect("SIP/2.0 481");
    let now = peer.now();
    let headers = [("Event", "message-summary"), ("Subscription-State", "active")];
    let told = peer.engine.ua.notify(handle, &headers, None, now);
    assert_eq!(told, Err(CommandError::LegEnded));
}
