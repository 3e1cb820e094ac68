//! Session timers (RFC 4028): refreshes, expiry and intervals that are too short.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

use std::time::Duration;

use offhook_sip::transaction::Transport;
use offhook_sip::user_agent::{
    Config, EndReason, Event, InviteRequest, LegHandle, ReinviteReply, SessionTimerConfig,
};
use offhook_sip::{HeaderName, Message};
use offhook_testkit::{Pair, Phone, ScriptedPeer, new_request, request_within};

const SDP: &str = "v=0\r\no=ours\r\n";
const THEIR_SDP: &str = "Content-Type: application/sdp\n\nv=0\no=theirs";

fn with_timer(name: &str, expires_s: u32) -> Config {
    let mut config = Phone::config(name);
    config.session_timer = Some(SessionTimerConfig { expires_s, min_se_s: 90 });
    config
}

/// An incoming call, answered and acknowledged. Gives the 200 too.
fn answered(headers: &str) -> (ScriptedPeer<Phone>, LegHandle, Message) {
    let mut peer = ScriptedPeer::new(Phone::seeded("phone", 1));
    peer.say(&new_request("INVITE", "c1", 1, &format!("{headers}\n{THEIR_SDP}")));
    peer.expect("SIP/2.0 100");
    let (leg, now) = (peer.engine.incoming().unwrap(), peer.now());
    peer.engine.ua.accept(leg, Some(SDP.into()), &[], now).unwrap();
    let ok = peer.expect("SIP/2.0 200");
    peer.say(&request_within(&ok, "ACK", 1, "", ""));
    peer.engine.events();
    (peer, leg, ok)
}

/// An outgoing call, answered with `headers`.
fn placed(headers: &str) -> (ScriptedPeer<Phone>, LegHandle, Message) {
    let mut peer = ScriptedPeer::new(Phone::seeded("alice", 1));
    let request =
        InviteRequest::new("sip:bob@example.org", "sip:alice@example.org", Transport::Udp);
    let now = peer.now();
    let leg = peer.engine.ua.invite(request.sdp(SDP), now).unwrap();
    let invite = peer.expect("INVITE");
    assert_eq!(invite.header(HeaderName::SessionExpires), Some("1800"));
    peer.reply(&invite, "200 OK", "t1", &format!("Contact: <sip:bob@pc>\n{headers}\n{THEIR_SDP}"));
    peer.expect("ACK");
    peer.engine.events();
    (peer, leg, invite)
}

#[test]
fn two_user_agents_keep_a_long_call_alive() {
    let alice = Phone::configured(with_timer("alice", 120), Transport::Udp, 1);
    let bob = Phone::configured(with_timer("bob", 120), Transport::Udp, 2);
    let mut pair = Pair::of(alice, bob, 3).delay(Duration::from_millis(10));
    let request =
        InviteRequest::new("sip:bob@example.org", "sip:alice@example.org", Transport::Udp);
    let now = pair.now();
    pair.alice.ua.invite(request.sdp(SDP), now).unwrap();
    pair.advance(Duration::from_millis(100));
    let (leg, now) = (pair.bob.incoming().unwrap(), pair.now());
    pair.bob.ua.accept(leg, Some(SDP.into()), &[], now).unwrap();
    pair.advance(Duration::from_secs(1));
    pair.alice.events();
    pair.bob.events();
    let (before, _) = pair.datagram_counts();
    pair.advance(Duration::from_secs(3_600));
    assert!(pair.alice.event().is_none() && pair.bob.event().is_none());
    // One UPDATE with its response each minute.
    let (after, _) = pair.datagram_counts();
    assert!((118..=120).contains(&(after - before)), "{}", after - before);

    pair.set_loss(1.0);
    pair.advance(Duration::from_secs(300));
    for phone in [&mut pair.alice, &mut pair.bob] {
        let ended = phone.event();
        assert!(
            matches!(ended, Some(Event::Ended { why: EndReason::SessionExpired, .. })),
            "{ended:?}"
        );
        assert_eq!((phone.ua.leg_count(), phone.ua.transaction_count()), (0, 0));
    }
}

#[test]
fn call_expires_when_the_other_side_does_not_refresh() {
    let (mut peer, _, ok) = answered("Supported: timer\nSession-Expires: 90;refresher=uac");
    assert_eq!(ok.header(HeaderName::SessionExpires), Some("90;refresher=uac"));
    assert!(ok.has_token(HeaderName::Require, "timer"));
    peer.advance(Duration::from_millis(59_999));
    peer.expect_nothing();
    peer.advance(Duration::from_millis(1));
    let bye = peer.expect("BYE");
    assert_eq!(bye.header(HeaderName::Reason), Some("SIP;cause=408;text=\"Session expired\""));
    let ended = peer.engine.event();
    assert!(
        matches!(ended, Some(Event::Ended { why: EndReason::SessionExpired, .. })),
        "{ended:?}"
    );
}

#[test]
fn refresh_of_the_other_side_starts_the_interval_anew() {
    let (mut peer, leg, ok) = answered("Supported: timer\nSession-Expires: 90;refresher=uac");
    peer.advance(Duration::from_secs(45));
    let refresh = "Supported: timer\nSession-Expires: 90;refresher=uac";
    peer.say(&request_within(&ok, "UPDATE", 2, "", refresh));
    let refreshed = peer.expect("SIP/2.0 200");
    assert_eq!(refreshed.header(HeaderName::SessionExpires), Some("90;refresher=uac"));
    peer.advance(Duration::from_secs(45));
    assert!(peer.engine.event().is_none());

    peer.say(&request_within(&ok, "INVITE", 3, "", &format!("{refresh}\n{THEIR_SDP}")));
    peer.expect("SIP/2.0 100");
    let now = peer.now();
    peer.engine.ua.answer_reinvite(leg, ReinviteReply::Accept(SDP.into()), now).unwrap();
    let refreshed = peer.expect("SIP/2.0 200");
    assert_eq!(refreshed.header(HeaderName::SessionExpires), Some("90;refresher=uac"));
    peer.say(&request_within(&ok, "ACK", 3, "", ""));
    peer.advance(Duration::from_secs(59));
    peer.expect_nothing();
    peer.advance(Duration::from_secs(1));
    peer.expect("BYE");
}

#[test]
fn we_refresh_by_update_where_it_is_allowed() {
    let (mut peer, _, _) = placed(
        "Allow: INVITE, UPDATE\nSupported: timer\nSession-Expires: 1800;refresher=uac\nRequire: timer",
    );
    peer.advance(Duration::from_secs(899));
    peer.expect_nothing();
    peer.advance(Duration::from_secs(1));
    let update = peer.expect("UPDATE sip:bob@pc");
    assert!(update.body().is_empty());
    assert_eq!(update.header(HeaderName::SessionExpires), Some("1800;refresher=uac"));
    peer.reply(&update, "200 OK", "", "Contact: <sip:bob@pc>\nSession-Expires: 1800;refresher=uac");
    peer.advance(Duration::from_secs(900));
    peer.expect("UPDATE");
    assert!(peer.engine.event().is_none());
}

#[test]
fn we_refresh_by_reinvite_with_the_same_sdp_otherwise() {
    let (mut peer, _, _) =
        placed("Allow: INVITE\nSupported: timer\nSession-Expires: 600;refresher=uac");
    peer.advance(Duration::from_secs(300));
    let reinvite = peer.expect("INVITE sip:bob@pc");
    assert_eq!(reinvite.body(), SDP.as_bytes());
    let same = format!("Contact: <sip:bob@pc>\nSession-Expires: 600;refresher=uac\n{THEIR_SDP}");
    peer.reply(&reinvite, "200 OK", "", &same);
    peer.expect("ACK");
    assert!(peer.engine.event().is_none());
    peer.advance(Duration::from_secs(300));
    let reinvite = peer.expect("INVITE");
    peer.reply(&reinvite, "500 Oops", "", "");
    peer.expect("ACK");
    peer.advance(Duration::from_secs(267));
    peer.expect_nothing();
    peer.advance(Duration::from_secs(1));
    peer.expect("BYE");
    let ended = peer.engine.event();
    assert!(
        matches!(ended, Some(Event::Ended { why: EndReason::SessionExpired, .. })),
        "{ended:?}"
    );
}

#[test]
fn refresh_after_491_carries_what_was_agreed_meanwhile() {
    let (mut peer, leg, ok) =
        answered("Allow: INVITE\nSupported: timer\nSession-Expires: 600;refresher=uas");
    peer.advance(Duration::from_secs(300));
    let refresh = peer.expect("INVITE");
    assert_eq!(refresh.body(), SDP.as_bytes());
    peer.reply(&refresh, "491 Request Pending", "", "");
    peer.expect("ACK");
    peer.say(&request_within(&ok, "INVITE", 2, "", THEIR_SDP));
    peer.expect("SIP/2.0 100");
    let (newer, now) = ("v=0\r\no=ours 2\r\n", peer.now());
    peer.engine.ua.answer_reinvite(leg, ReinviteReply::Accept(newer.into()), now).unwrap();
    peer.expect("SIP/2.0 200");
    peer.say(&request_within(&ok, "ACK", 2, "", ""));
    peer.advance(Duration::from_secs(5));
    assert_eq!(peer.expect("INVITE").body(), newer.as_bytes());
}

#[test]
fn refresh_that_finds_no_dialog_ends_the_call() {
    let (mut peer, _, _) = placed("Allow: UPDATE\nSession-Expires: 600;refresher=uac");
    peer.advance(Duration::from_secs(300));
    let update = peer.expect("UPDATE");
    peer.reply(&update, "481 Gone", "", "");
    peer.expect("BYE");
    let ended = peer.engine.event();
    assert!(matches!(ended, Some(Event::Ended { why: EndReason::DialogGone, .. })), "{ended:?}");
}

#[test]
fn caller_that_knows_no_timer_is_asked_whether_it_is_there() {
    let (mut peer, _, ok) = answered("Allow: INVITE, ACK, BYE");
    assert_eq!(ok.header(HeaderName::SessionExpires), Some("1800;refresher=uas"));
    assert!(!ok.has_token(HeaderName::Require, "timer"));
    // It answers or declines as it likes, for as long as it is there.
    let accepted = format!("Contact: <sip:peer@pc>\n{THEIR_SDP}");
    for (status, headers) in
        [("200 OK", accepted.as_str()), ("488 No", ""), ("500 Oops", ""), ("200 OK", &accepted)]
    {
        peer.advance(Duration::from_secs(899));
        peer.expect_nothing();
        peer.advance(Duration::from_secs(1));
        let reinvite = peer.expect("INVITE");
        assert_eq!(reinvite.header(HeaderName::SessionExpires), Some("1800;refresher=uac"));
        assert_eq!(reinvite.body(), SDP.as_bytes());
        peer.reply(&reinvite, status, "", headers);
        peer.expect("ACK");
        assert!(peer.engine.event().is_none(), "{status}");
    }
    peer.advance(Duration::from_secs(900));
    peer.expect("INVITE");
    peer.received();
    peer.advance(Duration::from_secs(33));
    let ended = peer.engine.event();
    assert!(matches!(ended, Some(Event::Ended { why: EndReason::DialogGone, .. })), "{ended:?}");
    assert!(peer.received().iter().any(|message| message.to_string().starts_with("BYE ")));
}

#[test]
fn caller_that_a_proxy_cannot_reach_loses_its_call() {
    let (mut peer, _, _) = answered("Allow: INVITE");
    peer.advance(Duration::from_secs(900));
    let reinvite = peer.expect("INVITE");
    peer.reply(&reinvite, "430 Flow Failed", "", "");
    peer.expect("ACK");
    peer.advance(Duration::from_secs(867));
    peer.expect_nothing();
    peer.advance(Duration::from_secs(1));
    peer.expect("BYE");
}

#[test]
fn too_short_a_session_is_refused_with_422() {
    let mut peer = ScriptedPeer::new(Phone::seeded("phone", 1));
    peer.say(&new_request("INVITE", "c1", 1, "Supported: timer\nSession-Expires: 30"));
    peer.expect("SIP/2.0 100");
    let refusal = peer.expect("SIP/2.0 422");
    assert_eq!(refusal.header(HeaderName::MinSe), Some("90"));
    assert!(peer.engine.event().is_none());
    assert_eq!(peer.engine.ua.leg_count(), 0);
}

#[test]
fn refused_interval_is_raised_and_the_invite_repeated() {
    let mut peer = ScriptedPeer::new(Phone::seeded("alice", 1));
    let request =
        InviteRequest::new("sip:bob@example.org", "sip:alice@example.org", Transport::Udp);
    let now = peer.now();
    let leg = peer.engine.ua.invite(request.sdp(SDP), now).unwrap();
    let first = peer.expect("INVITE");
    peer.reply(&first, "422 Too small", "t1", "Min-SE: 3600");
    peer.expect("ACK");
    let second = peer.expect("INVITE");
    assert_eq!(second.cseq().unwrap().sequence, 2);
    assert_eq!(second.call_id(), first.call_id());
    assert_eq!(second.header(HeaderName::SessionExpires), Some("3600"));
    assert_eq!(second.header(HeaderName::MinSe), Some("3600"));
    assert_eq!(second.body(), first.body());
    assert_ne!(second.via_top().unwrap().branch(), first.via_top().unwrap().branch());
    peer.reply(&second, "200 OK", "t2", &format!("Contact: <sip:bob@pc>\n{THEIR_SDP}"));
    assert_eq!(peer.expect("ACK").cseq().unwrap().sequence, 2);
    let events = peer.engine.events();
    assert!(matches!(events[..], [Event::Accepted { handle, .. }] if handle == leg), "{events:?}");
}

#[test]
fn endless_422_is_reported() {
    let mut peer = ScriptedPeer::new(Phone::seeded("alice", 1));
    let request =
        InviteRequest::new("sip:bob@example.org", "sip:alice@example.org", Transport::Udp);
    let now = peer.now();
    peer.engine.ua.invite(request.sdp(SDP), now).unwrap();
    for round in 1..=3 {
        let invite = peer.expect("INVITE");
        peer.reply(&invite, "422 Too small", "t1", &format!("Min-SE: {}", 3600 * round));
        peer.expect("ACK");
    }
    peer.expect_nothing();
    let rejected = peer.engine.event();
    assert!(matches!(rejected, Some(Event::Rejected { .. })), "{rejected:?}");
}

#[test]
fn without_timer_in_the_answer_a_call_lasts() {
    let (mut peer, _, _) = placed("");
    peer.advance(Duration::from_secs(7 * 86_400));
    peer.expect_nothing();
    assert!(peer.engine.event().is_none());
}
