//! Phones that are told how many messages wait for them (RFC 3842).

mod desk;

use desk::Desk;
use offhook_sip::message::{HeaderName, Message};
use offhook_testkit::ScriptedPeer;
use std::time::Duration;

/// A SUBSCRIBE to a mailbox as the edge passes it on.
fn subscribe(account: Option<&str>, mailbox: &str, cseq: u32, tag: &str, more: &str) -> String {
    let identity = account.map(|a| format!("P-Asserted-Identity: <sip:{a}@offhook.local>\n"));
    format!(
        "SUBSCRIBE sip:{mailbox}@offhook.local SIP/2.0\n\
         Via: SIP/2.0/UDP edge.test;branch=z9hG4bKsub{mailbox}{cseq}{tag}\n\
         Record-Route: <sip:token@edge.test;lr>\n\
         Max-Forwards: 69\n\
         From: <sip:{mailbox}@offhook.local>;tag=phone\n\
         To: <sip:{mailbox}@offhook.local>{to}\n\
         Call-ID: sub-{mailbox}\n\
         CSeq: {cseq} SUBSCRIBE\n\
         Contact: <sip:{mailbox}@127.0.0.2:5062>\n\
         {identity}{more}\n",
        to = if tag.is_empty() { String::new() } else { format!(";tag={tag}") },
        identity = identity.unwrap_or_default(),
    )
}

const FOR_TEN_MINUTES: &str = "Event: message-summary\nExpires: 600";

fn text(message: &Message) -> String {
    String::from_utf8_lossy(message.as_bytes()).into_owned()
}

/// The next NOTIFY, which the phone takes: its state and its body.
fn told(peer: &mut ScriptedPeer<Desk>) -> (String, String) {
    let notify = peer.expect("NOTIFY sip:1001@127.0.0.2:5062");
    assert_eq!(notify.header(HeaderName::Event), Some("message-summary"));
    peer.reply(&notify, "200 OK", "", "");
    let state = notify.header(HeaderName::SubscriptionState).unwrap_or_default().to_owned();
    (state, String::from_utf8_lossy(notify.body()).into_owned())
}

fn messages(peer: &mut ScriptedPeer<Desk>, new: u32, old: u32) {
    peer.engine.order(|switch, now| {
        switch.set_messages("1001", new, old, now);
        true
    });
}

/// A phone that has subscribed, and the tag of our side.
fn subscribed() -> (ScriptedPeer<Desk>, String) {
    let mut peer = Desk::peer();
    peer.say(&subscribe(Some("1001"), "1001", 1, "", FOR_TEN_MINUTES));
    let ok = peer.expect("SIP/2.0 200");
    assert_eq!(ok.header(HeaderName::Expires), Some("600"));
    let tag = ok.to_tag().expect("a dialog").to_owned();
    let (state, body) = told(&mut peer);
    assert_eq!(state, "active;expires=600");
    let none = "Messages-Waiting: no\r\nMessage-Account: sip:1001@offhook.local\r\n\
                Voice-Message: 0/0 (0/0)\r\n";
    assert_eq!(body, none);
    (peer, tag)
}

#[test]
fn a_phone_is_told_at_once_and_at_each_change() {
    let (mut peer, _) = subscribed();
    messages(&mut peer, 1, 0);
    let (state, body) = told(&mut peer);
    assert!(state.starts_with("active;expires="), "{state}");
    assert!(body.starts_with("Messages-Waiting: yes\r\n"), "{body}");
    assert!(body.ends_with("Voice-Message: 1/0 (0/0)\r\n"), "{body}");
    messages(&mut peer, 1, 0);
    peer.expect_nothing();
    messages(&mut peer, 0, 1);
    assert!(told(&mut peer).1.contains("Voice-Message: 0/1 (0/0)"));
}

#[test]
fn a_subscription_is_refreshed_ended_or_runs_out() {
    let (mut peer, tag) = subscribed();
    peer.advance(Duration::from_secs(500));
    peer.say(&subscribe(Some("1001"), "1001", 2, &tag, FOR_TEN_MINUTES));
    peer.expect("SIP/2.0 200");
    assert_eq!(told(&mut peer).0, "active;expires=600");
    peer.advance(Duration::from_secs(599));
    peer.expect_nothing();
    peer.advance(Duration::from_millis(1_100));
    assert_eq!(told(&mut peer).0, "terminated;reason=timeout");
    peer.say(&subscribe(Some("1001"), "1001", 3, &tag, FOR_TEN_MINUTES));
    peer.expect("SIP/2.0 481");
    let (mut peer, tag) = subscribed();
    peer.say(&subscribe(Some("1001"), "1001", 2, &tag, "Event: message-summary\nExpires: 0"));
    peer.expect("SIP/2.0 200");
    assert!(told(&mut peer).0.starts_with("terminated"));
    messages(&mut peer, 1, 0);
    peer.expect_nothing();
}

#[test]
fn a_phone_that_is_gone_is_told_no_more() {
    let (mut peer, _) = subscribed();
    messages(&mut peer, 1, 0);
    let notify = peer.expect("NOTIFY");
    peer.reply(&notify, "481 Gone", "", "");
    messages(&mut peer, 2, 0);
    peer.expect_nothing();
}

#[test]
fn what_cannot_be_subscribed_to_is_refused_with_what_can() {
    let mut peer = Desk::peer();
    let presence = "Event: presence\nExpires: 600";
    peer.say(&subscribe(Some("1001"), "1001", 1, "", presence));
    let refused = peer.expect("SIP/2.0 489");
    assert!(text(&refused).contains("Allow-Events: message-summary\r\n"));
    peer.say(&subscribe(Some("1001"), "1001", 2, "", "Event: message-summary\nExpires: 5"));
    let refused = peer.expect("SIP/2.0 423");
    assert!(text(&refused).contains("Min-Expires: 60\r\n"));
    peer.say(&subscribe(Some("1001"), "1001", 3, "", "Event: message-summary\nExpires: soon"));
    peer.expect("SIP/2.0 400");
    peer.say(&subscribe(Some("1002"), "1001", 4, "", FOR_TEN_MINUTES));
    peer.expect("SIP/2.0 403");
    peer.say(&subscribe(None, "1001", 5, "", FOR_TEN_MINUTES));
    peer.expect("SIP/2.0 403");
    peer.say(&subscribe(Some("7777"), "7777", 6, "", FOR_TEN_MINUTES));
    peer.expect("SIP/2.0 404");
}

#[test]
fn a_mailbox_has_so_many_subscribers_and_no_more() {
    let mut peer = Desk::peer();
    for n in 0..33 {
        let request = subscribe(Some("1001"), "1001", 1, "", FOR_TEN_MINUTES);
        let request = request.replace("Call-ID: sub-1001", &format!("Call-ID: sub-{n}"));
        peer.say(&request.replace("z9hG4bKsub", &format!("z9hG4bKsub{n}-")));
        if n < 32 {
            peer.expect("SIP/2.0 200");
            told(&mut peer);
        } else {
            peer.expect("SIP/2.0 503");
        }
    }
}
