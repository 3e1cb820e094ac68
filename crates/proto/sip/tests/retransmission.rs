//! Calls over a network that loses, repeats and reorders datagrams.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use offhook_sip::user_agent::{EndReason, Event, InviteRequest, LegHandle};
use offhook_sip::{Method, StatusCode};
use offhook_testkit::{Pair, Phone, ScriptedPeer, new_request};

const CALLS: usize = 50;

/// Long enough for the slowest ACK to get through.
const TALK_TIME: Duration = Duration::from_secs(31);

/// What the two owners do: Bob rings and answers, Alice sends an INFO once answered, talks and
/// hangs up.
#[derive(Default)]
struct Owners {
    talks: VecDeque<(Instant, LegHandle)>,
    terminal: HashMap<(&'static str, LegHandle), u32>,
    accepted: u32,
    acked: u32,
    infos: u32,
    info_ok: u32,
    by_remote_bye: u32,
}

impl Owners {
    fn act(&mut self, pair: &mut Pair) {
        let now = pair.now();
        for event in pair.bob.events() {
            match event {
                Event::IncomingInvite { handle, .. } => {
                    pair.bob.ua.ring(handle, StatusCode::RINGING, None, &[], now).unwrap();
                    pair.bob.ua.accept(handle, Some("v=0\r\n".into()), &[], now).unwrap();
                }
                Event::Acked { .. } => self.acked += 1,
                Event::InDialog { key, .. } => {
                    self.infos += 1;
                    pair.bob.ua.respond(key, StatusCode::OK, None, &[], None, now).unwrap();
                }
                Event::Bye { handle, .. } => {
                    self.by_remote_bye += 1;
                    *self.terminal.entry(("bob", handle)).or_default() += 1;
                }
                other => panic!("unexpected at Bob: {other:?}"),
            }
        }
        for event in pair.alice.events() {
            match event {
                Event::Progress { .. } => {}
                Event::Accepted { handle, .. } => {
                    self.accepted += 1;
                    let sent = pair.alice.ua.send_in_dialog(handle, &Method::Info, &[], None, now);
                    assert!(sent.is_ok());
                }
                Event::RequestDone { handle, code, .. } => {
                    self.info_ok += u32::from(code == StatusCode::OK);
                    self.talks.push_back((now + TALK_TIME, handle.unwrap()));
                }
                Event::Ended { handle, why } => {
                    assert_eq!(why, EndReason::Local);
                    *self.terminal.entry(("alice", handle)).or_default() += 1;
                }
                other => panic!("unexpected at Alice: {other:?}"),
            }
        }
        while let Some((_, handle)) = self.talks.pop_front_if(|(end, _)| *end <= now) {
            pair.alice.ua.hang_up(handle, None, now).unwrap();
        }
    }
}

fn run(mut pair: Pair) -> (Owners, Pair) {
    let mut owners = Owners::default();
    for _ in 0..CALLS {
        let request =
            InviteRequest::new("sip:bob@example.org", "sip:alice@example.org", pair.alice.peer());
        let now = pair.now();
        pair.alice.ua.invite(request.sdp("v=0\r\n"), now).unwrap();
    }
    for _ in 0..7_500 {
        pair.advance(Duration::from_millis(20));
        owners.act(&mut pair);
    }
    (owners, pair)
}

fn assert_all_calls_went_well(owners: &Owners, pair: &Pair) {
    let calls = u32::try_from(CALLS).unwrap();
    let counts =
        [owners.accepted, owners.acked, owners.infos, owners.info_ok, owners.by_remote_bye];
    assert_eq!(counts, [calls; 5]);
    assert_eq!(owners.terminal.len(), 2 * CALLS);
    assert!(owners.terminal.values().all(|count| *count == 1));
    for phone in [&pair.alice, &pair.bob] {
        assert_eq!((phone.ua.leg_count(), phone.ua.transaction_count()), (0, 0));
        assert_eq!(phone.ua.poll_timeout(), None);
    }
}

#[test]
fn every_call_succeeds_with_30_percent_loss() {
    let (owners, pair) = run(Pair::seeded(7).loss(0.3).delay(Duration::from_millis(15)));
    assert_all_calls_went_well(&owners, &pair);
    let (sent, lost) = pair.datagram_counts();
    assert!(lost * 10 > sent * 2, "{lost} of {sent} lost");
}

#[test]
fn every_call_succeeds_with_duplicates_and_reordering() {
    let pair = Pair::seeded(11).duplicate(0.5).reorder(0.3).delay(Duration::from_millis(40));
    let (owners, pair) = run(pair);
    assert_all_calls_went_well(&owners, &pair);
}

#[test]
fn every_call_succeeds_with_everything_at_once() {
    for seed in 0..10 {
        let pair = Pair::seeded(seed)
            .loss(0.1)
            .duplicate(0.1)
            .reorder(0.2)
            .delay(Duration::from_millis(40));
        let (owners, pair) = run(pair);
        assert_all_calls_went_well(&owners, &pair);
    }
}

#[test]
fn without_loss_nothing_is_sent_twice() {
    let (owners, pair) = run(Pair::seeded(1).delay(Duration::from_millis(15)));
    assert_all_calls_went_well(&owners, &pair);
    // INVITE, 100, 180, 200, ACK, INFO, 200, BYE, 200.
    let messages = 9 * u64::try_from(CALLS).unwrap();
    assert_eq!(pair.datagram_counts(), (messages, 0));
}

#[test]
fn repeated_requests_are_answered_again_and_reported_once() {
    let mut peer = ScriptedPeer::new(Phone::seeded("phone", 1));
    let options = new_request("OPTIONS", "o1", 1, "");
    peer.say(&options);
    let Some(Event::OutOfDialog { key, .. }) = peer.engine.event() else {
        panic!("no OPTIONS");
    };
    peer.say(&options);
    peer.expect_nothing();
    let now = peer.now();
    peer.engine.ua.respond(key, StatusCode::OK, None, &[], None, now).unwrap();
    let ok = peer.expect("SIP/2.0 200");
    peer.say(&options);
    assert_eq!(peer.expect("SIP/2.0 200"), ok);
    assert!(peer.engine.event().is_none());

    let invite = new_request("INVITE", "c1", 1, "");
    peer.say(&invite);
    peer.expect("SIP/2.0 100");
    peer.say(&invite);
    peer.expect("SIP/2.0 100");
    assert_eq!(peer.engine.events().len(), 1);
}
