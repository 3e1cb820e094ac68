//! No message from the network makes a user agent panic or lets it forget to end what it began.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use offhook_sip::transaction::Transport;
use offhook_sip::user_agent::{CommandError, Event, InviteRequest, ReinviteReply};
use offhook_sip::{Method, StatusCode};
use offhook_testkit::{Engine, Pair, Phone, Rng};

/// The datagrams of whole calls between two phones, in the order in which Bob gets them.
fn conversation() -> Vec<Bytes> {
    let mut bob = Phone::seeded("bob", 2);
    let mut alice = Phone::seeded("alice", 1);
    let mut now = Instant::now();
    let mut datagrams = Vec::new();
    for extra in ["Require", "X-None"] {
        let call =
            InviteRequest::new("sip:bob@example.org", "sip:alice@example.org", Transport::Udp);
        alice.ua.invite(call.sdp("v=0\r\n").header(extra, "100rel"), now).unwrap();
        for _ in 0..40 {
            now += Duration::from_millis(50);
            exchange(&mut alice, &mut bob, &mut datagrams, now);
            act(&mut bob, now);
            act(&mut alice, now);
        }
    }
    datagrams
}

fn exchange(alice: &mut Phone, bob: &mut Phone, datagrams: &mut Vec<Bytes>, now: Instant) {
    while let Some(datagram) = alice.poll_transmit() {
        datagrams.push(datagram.clone());
        bob.handle_datagram(datagram, now);
    }
    while let Some(datagram) = bob.poll_transmit() {
        datagrams.push(datagram.clone());
        alice.handle_datagram(datagram, now);
    }
}

/// An owner that says yes to everything, fitting or not.
fn act(phone: &mut Phone, now: Instant) {
    for event in phone.events() {
        let ua = &mut phone.ua;
        let result = match event {
            Event::IncomingInvite { handle, .. } => ua
                .ring(handle, StatusCode::SESSION_PROGRESS, Some("v=0\r\n".into()), &[], now)
                .and_then(|()| ua.accept(handle, None, &[], now)),
            Event::Progress { handle, answer_due: true, .. } => {
                ua.acknowledge(handle, "v=0\r\n".into(), now)
            }
            Event::Accepted { handle, answer_due, .. } => {
                if answer_due {
                    ua.acknowledge(handle, "v=0\r\n".into(), now).unwrap();
                }
                ua.reinvite(handle, None, &[], now)
            }
            Event::ReinviteDone { handle, .. } => ua
                .acknowledge(handle, "v=0\r\n".into(), now)
                .and_then(|()| ua.send_in_dialog(handle, &Method::Info, &[], None, now).map(drop)),
            Event::Reinvite { handle, .. } => {
                ua.answer_reinvite(handle, ReinviteReply::Accept("v=0\r\n".into()), now)
            }
            Event::InDialog { key, .. } | Event::OutOfDialog { key, .. } => {
                ua.respond(key, StatusCode::OK, None, &[], None, now)
            }
            Event::RequestDone { handle: Some(handle), .. } => ua.hang_up(handle, None, now),
            _ => Ok(()),
        };
        assert_ne!(result, Err(CommandError::Full));
    }
}

fn mutate(datagram: &Bytes, rng: &mut Rng) -> Bytes {
    let mut bytes = datagram.to_vec();
    for _ in 0..=rng.below(4) {
        let at = rng.below(bytes.len() as u64) as usize;
        match rng.below(5) {
            0 => bytes[at] = rng.next_u64() as u8,
            1 => bytes.truncate(at + 1),
            2 => {
                let end = (at + rng.below(40) as usize).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            3 => {
                let end = (at + rng.below(20) as usize).min(bytes.len() - 1);
                bytes.drain(at..end);
            }
            _ => {
                let digits: Vec<_> =
                    (0..bytes.len()).filter(|at| bytes[*at].is_ascii_digit()).collect();
                let digit = digits.get(rng.below(digits.len() as u64) as usize);
                if let Some(at) = digit {
                    bytes[*at] = b'0' + rng.below(10) as u8;
                }
            }
        }
    }
    Bytes::from(bytes)
}

#[test]
fn conversation_covers_what_is_to_be_mutated() {
    let text: Vec<String> = conversation()
        .iter()
        .map(|datagram| String::from_utf8_lossy(datagram).into_owned())
        .collect();
    for start in ["INVITE", "SIP/2.0 183", "PRACK", "SIP/2.0 200", "ACK", "INFO", "BYE"] {
        assert!(text.iter().any(|message| message.starts_with(start)), "{start}");
    }
}

#[test]
fn mutated_calls_never_panic_and_always_end() {
    let conversation = conversation();
    for seed in 0..300 {
        let mut rng = Rng::seeded(seed);
        let mut now = Instant::now();
        // Alice's seed, so that the responses of the conversation find her transactions.
        let mut phone = Phone::seeded(["alice", "bob"][seed as usize % 2], 1 + seed % 2);
        for extra in ["Require", "X-None"] {
            let call =
                InviteRequest::new("sip:bob@example.org", "sip:alice@example.org", Transport::Udp);
            phone.ua.invite(call.sdp("v=0\r\n").header(extra, "100rel"), now).unwrap();
        }
        for datagram in &conversation {
            now += Duration::from_millis(rng.below(400));
            let datagram =
                if rng.chance(0.4) { mutate(datagram, &mut rng) } else { datagram.clone() };
            phone.handle_datagram(datagram, now);
            if rng.chance(0.8) {
                act(&mut phone, now);
            }
            while phone.poll_timeout().is_some_and(|due| due <= now) {
                phone.handle_timeout(now);
            }
        }
        let mut left = 200_000;
        while let Some(due) = phone.poll_timeout() {
            phone.handle_timeout(due);
            act(&mut phone, due);
            left -= 1;
            assert!(left > 0, "seed {seed}: timeouts never end");
        }
    }
}

#[test]
fn torture_messages_never_panic() {
    let mut count = 0;
    let mut phone = Phone::seeded("phone", 1);
    let mut now = Instant::now();
    for folder in ["tests/data/rfc4475", "tests/data/rfc5118"] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "dat") {
                phone.handle_datagram(std::fs::read(&path).unwrap().into(), now);
                now += Duration::from_millis(10);
                act(&mut phone, now);
                count += 1;
            }
        }
    }
    assert!(count >= 59, "{count} messages");
}

#[test]
fn a_call_in_progress_does_not_notice_garbage() {
    let mut pair = Pair::seeded(1).delay(Duration::from_millis(10));
    let call = InviteRequest::new("sip:bob@example.org", "sip:alice@example.org", Transport::Udp);
    let now = pair.now();
    let leg = pair.alice.ua.invite(call.sdp("v=0\r\n"), now).unwrap();
    pair.advance(Duration::from_millis(100));
    let (callee, now) = (pair.bob.incoming().unwrap(), pair.now());
    pair.bob.ua.accept(callee, Some("v=0\r\n".into()), &[], now).unwrap();
    pair.advance(Duration::from_millis(100));
    pair.bob.events();
    let mut rng = Rng::seeded(3);
    let now = pair.now();
    for _ in 0..10_000 {
        let length = rng.below(1_400) as usize;
        let garbage: Vec<u8> = (0..length).map(|_| rng.next_u64() as u8).collect();
        pair.bob.handle_datagram(garbage.into(), now);
    }
    pair.bob.handle_datagram(Bytes::from(vec![b'x'; 65_535]), now);
    pair.bob.handle_datagram(Bytes::from(vec![0; 1_000]), now);
    assert!(pair.bob.event().is_none());
    pair.alice.ua.hang_up(leg, None, now).unwrap();
    pair.advance(Duration::from_millis(100));
    let bye = pair.bob.event();
    assert!(matches!(bye, Some(Event::Bye { .. })), "{bye:?}");
}
