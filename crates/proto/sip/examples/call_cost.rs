//! What the signalling of whole calls costs: two user agents in one thread, without a network.
//!
//! `cargo run --release -p offhook-sip --example call_cost`

#![allow(clippy::print_stdout, reason = "printing the figures is what this is for")]

use std::time::{Duration, Instant};

use offhook_sip::StatusCode;
use offhook_sip::transaction::Transport;
use offhook_sip::user_agent::{Event, InviteRequest};
use offhook_testkit::{Engine, Phone};

const CALLS: u32 = 20_000;

/// Calls per second of the simulated time.
const RATE: u32 = 500;

fn exchange(alice: &mut Phone, bob: &mut Phone, now: Instant) -> u64 {
    let mut messages = 0;
    loop {
        let before = messages;
        while let Some(datagram) = alice.poll_transmit() {
            bob.handle_datagram(datagram, now);
            messages += 1;
        }
        act(bob, now);
        while let Some(datagram) = bob.poll_transmit() {
            alice.handle_datagram(datagram, now);
            messages += 1;
        }
        act(alice, now);
        if messages == before {
            return messages;
        }
    }
}

/// Bob rings and answers, Alice hangs up as soon as she is answered.
fn act(phone: &mut Phone, now: Instant) {
    for event in phone.events() {
        let done = match event {
            Event::IncomingInvite { handle, .. } => phone
                .ua
                .ring(handle, StatusCode::RINGING, None, &[], now)
                .and_then(|()| phone.ua.accept(handle, Some("v=0\r\n".into()), &[], now)),
            Event::Accepted { handle, .. } => phone.ua.hang_up(handle, None, now),
            _ => Ok(()),
        };
        done.expect("commands that fit the state succeed");
    }
}

fn main() {
    let (mut alice, mut bob) = (Phone::seeded("alice", 1), Phone::seeded("bob", 2));
    let mut now = Instant::now();
    let (mut messages, mut transactions) = (0, 0);
    let start = Instant::now();
    for _ in 0..CALLS {
        now += Duration::from_secs(1) / RATE;
        let call = InviteRequest::new("sip:b@example.org", "sip:a@example.org", Transport::Udp);
        alice.ua.invite(call.sdp("v=0\r\n"), now).expect("the tables have room");
        messages += exchange(&mut alice, &mut bob, now);
        alice.handle_timeout(now);
        bob.handle_timeout(now);
        transactions = transactions.max(alice.ua.transaction_count() + bob.ua.transaction_count());
    }
    let elapsed = start.elapsed();
    println!("{CALLS} calls, {messages} messages, at most {transactions} transactions at once");
    println!("{:.1} us per call, both sides", elapsed.as_secs_f64() * 1e6 / f64::from(CALLS));
    println!("{:.2} us per message", elapsed.as_secs_f64() * 1e6 / messages as f64);
}
