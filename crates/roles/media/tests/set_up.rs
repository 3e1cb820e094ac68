//! Setting calls up does not hold up those that run.

mod role;

use offhook_bus::{MediaCommand, MediaEvent};
use offhook_media::Config;
use offhook_model::LegId;
use role::{Role, config, role};
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Calls that are set up while a stream runs, and how many at a time.
const CALLS: u64 = 1_000;
const AT_A_TIME: u64 = 100;
/// A packet that takes longer than this through the role is late; most of it is left to a busy machine.
const LATE: Duration = Duration::from_millis(200);

/// The time between two packets.
const INTERVAL: Duration = Duration::from_millis(2);

/// A packet again and again, until it is told to stop: how long each took to come back.
fn echo(socket: &UdpSocket, stop: &AtomicBool) -> Vec<Option<Duration>> {
    let begun = Instant::now();
    let (mut sent, mut back) = (Vec::new(), Vec::new());
    let mut buffer = [0; 256];
    let mut last = None;
    while last.is_none_or(|at: Instant| at.elapsed() < Duration::from_millis(500)) {
        let is_running = !stop.load(Ordering::Relaxed);
        if is_running
            && begun.elapsed() >= INTERVAL * u32::try_from(sent.len()).expect("it is small")
        {
            let number = u16::try_from(sent.len()).expect("it runs for less than ten minutes");
            let mut packet = [0xff; 172];
            packet[..2].copy_from_slice(&[0x80, 0]);
            packet[2..4].copy_from_slice(&number.to_be_bytes());
            packet[4..8].copy_from_slice(&(u32::from(number) * 80).to_be_bytes());
            packet[12..14].copy_from_slice(&number.to_be_bytes());
            sent.push(Instant::now());
            back.push(None);
            socket.send(&packet).expect("loopback");
        }
        if !is_running {
            last = last.or(Some(Instant::now()));
        }
        while let Ok(172) = socket.recv(&mut buffer) {
            let number = usize::from(u16::from_be_bytes([buffer[12], buffer[13]]));
            back[number] = Some(sent[number].elapsed());
        }
    }
    back
}

/// An offer as browsers make it: DTLS with ICE.
fn browser_offer(leg: u64) -> String {
    let fingerprint = vec!["AB"; 32].join(":");
    format!(
        "v=0\r\no=- {leg} 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 111 0 126\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\n\
         a=ice-ufrag:u{leg:05}\r\na=ice-pwd:0123456789abcdef01234567\r\n\
         a=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\na=sendrecv\r\n\
         a=rtpmap:111 opus/48000/2\r\na=rtpmap:126 telephone-event/8000\r\n"
    )
}

async fn set_up_and_release(role: &mut Role, legs: std::ops::Range<u64>) {
    let count = legs.clone().count();
    for leg in legs.clone() {
        role.send(MediaCommand::Answer { leg: LegId(leg), offer: browser_offer(leg) });
    }
    for _ in 0..count {
        let is_it = |event: &MediaEvent| matches!(event, MediaEvent::Described { .. });
        role.event(is_it).await;
    }
    for leg in legs {
        role.send(MediaCommand::Release { leg: LegId(leg) });
    }
    for _ in 0..count {
        role.event(|event| matches!(event, MediaEvent::Released { .. })).await;
    }
}

#[tokio::test]
async fn a_stream_loses_nothing_while_a_thousand_calls_are_set_up() {
    let mut role = role(&Config { threads: 1, ..config() });
    let phone = role.call(1).await.expect("a leg");
    role.send(MediaCommand::Echo { leg: phone.leg, delay_ms: 0 });
    let stop = Arc::new(AtomicBool::new(false));
    let running = {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || echo(phone.socket(), &stop))
    };
    for first in (2..2 + CALLS).step_by(usize::try_from(AT_A_TIME).expect("it is small")) {
        set_up_and_release(&mut role, first..first + AT_A_TIME).await;
    }
    stop.store(true, Ordering::Relaxed);
    let back = running.join().expect("the phone goes on");
    // The echo begins somewhere among the first packets.
    let first = back.iter().position(Option::is_some).expect("the echo was heard");
    let back = &back[first..];
    let lost = back.iter().filter(|back| back.is_none()).count();
    let late = back.iter().flatten().filter(|back| **back > LATE).count();
    assert_eq!((lost, late), (0, 0), "lost and late of {}: {:?}", back.len(), back.iter().max());
}
