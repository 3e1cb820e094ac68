//! Audio forks to real WebSocket servers, good and bad, while phones go on talking.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod receiver;
mod role;

use futures_util::{SinkExt, StreamExt};
use offhook_audio::{Tone, ToneGenerator, goertzel};
use offhook_bus::{ForkCommand, ForkEvent, MediaCommand, MediaEvent};
use offhook_media::{Config, ForkConfig};
use offhook_model::{AllowedHost, ForkEnd, ForkFailure, ForkId, ForkRate, LegId};
use receiver::{Receiver, request};
use role::{PATIENCE, Phone, Role, config, role, talk};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

const FORK: ForkId = ForkId(1);

fn forking() -> Config {
    let allowed_hosts = ["127.0.0.1", "localhost"].map(|host| AllowedHost::parse(host).unwrap());
    let fork = ForkConfig { allowed_hosts: allowed_hosts.into(), ..ForkConfig::default() };
    Config { fork, ..config() }
}

fn start(role: &Role, leg: LegId, fork: ForkId, url: &str) {
    let command = ForkCommand::Start(Box::new(request(url)));
    role.send(MediaCommand::Fork { leg, fork, command });
}

/// The next event of the fork but how it fares.
async fn told(role: &mut Role, wanted: ForkId) -> ForkEvent {
    let is_it = |event: &MediaEvent| match event {
        MediaEvent::Fork { fork, event, .. } => {
            *fork == wanted && !matches!(event, ForkEvent::Progress(_))
        }
        _ => false,
    };
    match role.event(is_it).await {
        MediaEvent::Fork { event, .. } => event,
        other => panic!("{other:?} was not waited for"),
    }
}

async fn ended(role: &mut Role, fork: ForkId) -> ForkEnd {
    match told(role, fork).await {
        ForkEvent::Ended { why, .. } => why,
        other => panic!("{other:?} is no end"),
    }
}

/// An echo test that says 440 Hz and hears itself.
async fn echo(role: &mut Role, leg: u64) -> Phone {
    let mut phone = role.call(leg).await.expect("a leg");
    role.send(MediaCommand::Echo { leg: phone.leg, delay_ms: 0 });
    phone.speak(440.0);
    talk(&mut [(&mut phone, 440.0)]);
    phone
}

/// Lets a phone speak in real time until something is done.
fn talk_until(phone: &mut Phone, is_done: impl Fn() -> bool) {
    let begun = Instant::now();
    let (mut next, mut heard) = (begun, Vec::new());
    while !is_done() {
        assert!(begun.elapsed() < PATIENCE, "it is not done");
        while Instant::now() >= next {
            next += Duration::from_millis(20);
            phone.send_frame();
        }
        phone.hear(&mut heard);
    }
}

fn tone_bytes(rate: u32, hz: f64, ms: u32) -> Vec<u8> {
    let mut pcm = vec![0; (rate * ms / 1_000) as usize];
    ToneGenerator::new(rate, &[Tone { hz, dbm0: -10.0 }]).fill(&mut pcm);
    pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// The server's end of a fork.
type Socket = tokio_tungstenite::WebSocketStream<TcpStream>;

async fn next_text(socket: &mut Socket, event: &str) -> Value {
    loop {
        if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
            let text: Value = serde_json::from_str(&text).unwrap();
            if text["event"] == event {
                return text;
            }
        }
    }
}

/// Waits until the newest half second of the first channel is this tone.
async fn hears(socket: &mut Socket, hz: f64) {
    let mut heard: Vec<i16> = Vec::new();
    let half = ForkRate::Hz24000.hz() as usize / 2;
    loop {
        if let Message::Binary(bytes) = socket.next().await.unwrap().unwrap() {
            assert_eq!(bytes.len(), 480 * 2 * 2, "20 ms of two channels");
            heard.extend(bytes.chunks_exact(4).map(|pair| i16::from_le_bytes([pair[0], pair[1]])));
        }
        let newest = heard.len().checked_sub(half).map(|start| &heard[start..]);
        if newest.is_some_and(|pcm| goertzel::power_share(pcm, 24_000, hz) > 0.9) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tone_goes_out_and_another_comes_back() {
    let mut role = role(&forking());
    let mut phone = echo(&mut role, 1).await;
    let receiver = Receiver::listen().await;
    start(&role, phone.leg, FORK, &receiver.url());
    let mut socket = receiver.accept().await;
    assert_eq!(told(&mut role, FORK).await, ForkEvent::Connected);
    let served = tokio::spawn(async move {
        assert_eq!(next_text(&mut socket, "start").await["sample_rate"], 24_000);
        hears(&mut socket, 440.0).await;
        for _ in 0..20 {
            socket.send(Message::Binary(tone_bytes(24_000, 1_100.0, 1_000).into())).await.unwrap();
        }
        socket
            .send(Message::text(json!({"event": "mark", "name": "said"}).to_string()))
            .await
            .unwrap();
        socket
    });
    let mut other = role.call(2).await.expect("a leg");
    talk_until(&mut phone, || served.is_finished());
    let mut socket = served.await.unwrap();
    talk(&mut [(&mut phone, 1_100.0)]);
    // The leg moves to the thread of its partner, and its fork with it. The partner speaks meanwhile.
    role.send(MediaCommand::Bridge { a: other.leg, b: phone.leg });
    other.speak(740.0);
    talk(&mut [(&mut other, 440.0), (&mut phone, 0.0)]);
    socket.send(Message::text(json!({"event": "clear"}).to_string())).await.unwrap();
    assert_eq!(next_text(&mut socket, "mark").await["cleared"], true);
    talk(&mut [(&mut other, 440.0), (&mut phone, 740.0)]);
    role.release(phone.leg).await;
    let stop = next_text(&mut socket, "stop").await;
    assert_eq!(stop["reason"], "call_ended");
    assert!(stop["sent_ms"].as_u64() > Some(500) && stop["received_ms"] == 20_000, "{stop}");
    let close = socket.next().await.unwrap().unwrap();
    let Message::Close(Some(CloseFrame { code, .. })) = close else { panic!("{close:?}") };
    assert_eq!(code, CloseCode::Normal);
    drop(socket);
    assert_eq!(ended(&mut role, FORK).await, ForkEnd::CallEnded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_never_reads_costs_itself_sound_and_the_call_nothing() {
    let mut role = role(&forking());
    let mut phone = echo(&mut role, 1).await;
    let receiver = Receiver::with_small_buffer().await;
    start(&role, phone.leg, FORK, &receiver.url());
    let socket = receiver.accept().await;
    let has_dropped = |event: &MediaEvent| match event {
        MediaEvent::Fork { event: ForkEvent::Progress(counts), .. } => counts.dropped_ms >= 1_000,
        _ => false,
    };
    role.event(has_dropped).await;
    talk(&mut [(&mut phone, 440.0)]);
    assert_eq!(ended(&mut role, FORK).await, ForkEnd::TooSlow);
    talk(&mut [(&mut phone, 440.0)]);
    drop(socket);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_begin_says_why() {
    let mut role = role(&forking());
    let mut phone = echo(&mut role, 1).await;
    let leg = phone.leg;
    start(&role, leg, FORK, "ws://127.0.0.2/");
    assert_eq!(told(&mut role, FORK).await, ForkEvent::Failed(ForkFailure::HostNotAllowed));
    start(&role, LegId(99), FORK, "ws://127.0.0.1/");
    assert_eq!(told(&mut role, FORK).await, ForkEvent::Failed(ForkFailure::NoSuchLeg));

    let nobody = Receiver::listen().await.url();
    start(&role, leg, ForkId(2), &nobody);
    let event = told(&mut role, ForkId(2)).await;
    assert!(matches!(event, ForkEvent::Failed(ForkFailure::Unreachable(_))), "{event:?}");

    let answers = [
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        "SSH-2.0-OpenSSH_10.0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "",
    ];
    for (fork, answer) in (10..).map(ForkId).zip(answers) {
        let receiver = Receiver::listen().await;
        start(&role, leg, fork, &receiver.url());
        let mut stream = receiver.accept_tcp().await;
        let mut request = [0; 4_096];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        stream.write_all(answer.as_bytes()).await.unwrap();
        let event = told(&mut role, fork).await;
        match (answer.get(9..12), event) {
            (Some("403"), ForkEvent::Failed(ForkFailure::Refused(why))) => {
                assert_eq!(why, "HTTP 403 Forbidden");
            }
            (None, ForkEvent::Failed(ForkFailure::TimedOut))
            | (Some(_), ForkEvent::Failed(ForkFailure::Refused(_))) => {}
            (_, event) => panic!("{answer:?} gives {event:?}"),
        }
    }
    talk(&mut [(&mut phone, 440.0)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_forks_than_are_allowed_are_refused() {
    let config = forking();
    let mut role = role(&Config { fork: ForkConfig { forks_max: 1, ..config.fork }, ..config });
    let phone = echo(&mut role, 1).await;
    let receiver = Receiver::listen().await;
    start(&role, phone.leg, FORK, &receiver.url());
    let _socket = receiver.accept().await;
    start(&role, phone.leg, ForkId(2), &receiver.url());
    let event = told(&mut role, ForkId(2)).await;
    assert_eq!(event, ForkEvent::Failed(ForkFailure::Exhausted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_closes_or_speaks_garbage_ends_its_fork_only() {
    let mut role = role(&forking());
    let mut phone = echo(&mut role, 1).await;
    let receiver = Receiver::listen().await;
    start(&role, phone.leg, FORK, &receiver.url());
    let mut socket = receiver.accept().await;
    assert_eq!(told(&mut role, FORK).await, ForkEvent::Connected);
    socket.send(Message::text("no JSON")).await.unwrap();
    assert_eq!(next_text(&mut socket, "error").await["why"], "malformed");
    socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(next_text(&mut socket, "error").await["why"], "odd_length");
    let frame = CloseFrame { code: CloseCode::Error, reason: "".into() };
    socket.close(Some(frame)).await.unwrap();
    assert_eq!(ended(&mut role, FORK).await, ForkEnd::ReceiverClosed(1_011));

    let second = ForkId(2);
    start(&role, phone.leg, second, &receiver.url());
    let socket = receiver.accept().await;
    assert_eq!(told(&mut role, second).await, ForkEvent::Connected);
    let mut stream = socket.into_inner();
    stream.write_all(&[0xff; 512]).await.unwrap();
    let why = ended(&mut role, second).await;
    assert!(matches!(why, ForkEnd::ConnectionLost(_)), "{why:?}");

    let third = ForkId(3);
    start(&role, phone.leg, third, &receiver.url());
    let mut socket = receiver.accept().await;
    assert_eq!(told(&mut role, third).await, ForkEvent::Connected);
    socket.send(Message::binary(vec![0; 2 * 1024 * 1024])).await.ok();
    let why = ended(&mut role, third).await;
    assert!(matches!(why, ForkEnd::ConnectionLost(_)), "{why:?}");
    talk(&mut [(&mut phone, 440.0)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_made_again_where_that_is_wanted() {
    let mut role = role(&forking());
    let phone = echo(&mut role, 1).await;
    let receiver = Receiver::listen().await;
    let wanted = offhook_model::ForkRequest { reconnects: true, ..request(&receiver.url()) };
    let command = ForkCommand::Start(Box::new(wanted));
    role.send(MediaCommand::Fork { leg: phone.leg, fork: FORK, command });
    drop(receiver.accept().await);
    assert_eq!(told(&mut role, FORK).await, ForkEvent::Connected);
    assert_eq!(told(&mut role, FORK).await, ForkEvent::Reconnecting);
    let mut socket = receiver.accept().await;
    assert_eq!(next_text(&mut socket, "start").await["reconnects"], 1);
    assert!(next_text(&mut socket, "dropped").await["ms"].as_u64() >= Some(400));
    assert_eq!(told(&mut role, FORK).await, ForkEvent::Connected);
    role.send(MediaCommand::Fork { leg: phone.leg, fork: FORK, command: ForkCommand::Stop });
    assert_eq!(next_text(&mut socket, "stop").await["reason"], "stopped");
    drop(socket);
    assert_eq!(ended(&mut role, FORK).await, ForkEnd::Stopped);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, made.cert.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    for is_trusted in [true, false] {
        let config = forking();
        let ca_file = is_trusted.then(|| ca_file.clone());
        let mut role = role(&Config { fork: ForkConfig { ca_file, ..config.fork }, ..config });
        let phone = echo(&mut role, 1).await;
        let receiver = Receiver::listen().await;
        let port = receiver.url().rsplit(':').next().unwrap().trim_end_matches('/').to_owned();
        start(&role, phone.leg, FORK, &format!("wss://localhost:{port}/"));
        let accepted = acceptor.accept(receiver.accept_tcp().await).await;
        if is_trusted {
            let mut socket = tokio_tungstenite::accept_async(accepted.unwrap()).await.unwrap();
            assert_eq!(told(&mut role, FORK).await, ForkEvent::Connected);
            assert!(socket.next().await.unwrap().unwrap().is_text());
            while !socket.next().await.unwrap().unwrap().is_binary() {}
        } else {
            let event = told(&mut role, FORK).await;
            let ForkEvent::Failed(ForkFailure::Unreachable(why)) = event else {
                panic!("{event:?}")
            };
            assert!(why.contains("certificate"), "{why}");
        }
    }
}
