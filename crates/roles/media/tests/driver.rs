//! The whole role with its threads and real sockets on loopback.

use offhook_audio::{Codec, Decoder, Encoder, Tone, ToneGenerator, goertzel};
use offhook_bus::{Inbox, MEDIA_QUEUE_MAX, MediaCommand, MediaEvent, MediaRefusal, Outbox, queue};
use offhook_media::{Config, Media, self_check, start};
use offhook_model::LegId;
use offhook_rtp::{RtpHeader, RtpPacket};
use offhook_sdp::SessionDescription;
use offhook_speech::{Engine, Speech};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// How long anything may take before its test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

struct Role {
    commands: Outbox<MediaCommand>,
    events: Inbox<MediaEvent>,
    _media: Media,
}

/// A phone with plain RTP and PCMU on a socket of its own.
struct Phone {
    leg: LegId,
    socket: UdpSocket,
    encoder: Encoder,
    decoder: Decoder,
    tone: Option<ToneGenerator>,
    number: u16,
}

fn config() -> Config {
    Config { bind: LOOPBACK, port_min: 0, port_max: 0, threads: 2, ..Config::default() }
}

fn role(config: &Config) -> Role {
    let (commands, inbox) = queue(MEDIA_QUEUE_MAX);
    let (outbox, events) = queue(MEDIA_QUEUE_MAX);
    let speech = Arc::new(Speech::new(Engine::Flite, None));
    let media = start(config, inbox, outbox, speech).expect("the role starts");
    Role { commands, events, _media: media }
}

impl Role {
    fn send(&self, command: MediaCommand) {
        self.commands.send(command).expect("the queue has room");
    }

    async fn event(&mut self, is_it: impl Fn(&MediaEvent) -> bool) -> MediaEvent {
        let wait = async {
            loop {
                let event = self.events.recv().await.expect("the role lives");
                if is_it(&event) {
                    return event;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the event comes")
    }

    /// A phone calls; the refusal when it is refused.
    async fn call(&mut self, leg: u64) -> Result<Phone, MediaRefusal> {
        let leg = LegId(leg);
        let socket = UdpSocket::bind((LOOPBACK, 0)).expect("a socket");
        let port = socket.local_addr().expect("it is bound").port();
        let offer = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0\r\na=rtcp-mux\r\n"
        );
        self.send(MediaCommand::Answer { leg, offer });
        let is_it = |event: &MediaEvent| {
            matches!(event, MediaEvent::Described { leg: l, .. } | MediaEvent::Refused { leg: l, .. }
                if *l == leg)
        };
        match self.event(is_it).await {
            MediaEvent::Described { sdp, .. } => Ok(Phone::new(leg, socket, &sdp)),
            MediaEvent::Refused { why, .. } => Err(why),
            other => panic!("{other:?} was not waited for"),
        }
    }

    async fn release(&mut self, leg: LegId) {
        self.send(MediaCommand::Release { leg });
        let is_it =
            |event: &MediaEvent| matches!(event, MediaEvent::Released { leg: l, .. } if *l == leg);
        self.event(is_it).await;
    }
}

impl Phone {
    fn new(leg: LegId, socket: UdpSocket, answer: &str) -> Self {
        let answer = SessionDescription::parse(answer.as_bytes()).expect("the answer parses");
        let (_, section) = answer.audio().expect("it has audio");
        socket.connect(SocketAddr::new(LOOPBACK, section.port)).expect("loopback");
        socket.set_read_timeout(Some(Duration::from_millis(1))).expect("a timeout");
        Self {
            leg,
            socket,
            encoder: Encoder::new(Codec::Pcmu).expect("PCMU"),
            decoder: Decoder::new(Codec::Pcmu).expect("PCMU"),
            tone: None,
            number: 0,
        }
    }

    fn speak(&mut self, hz: f64) {
        self.tone = Some(ToneGenerator::new(8_000, &[Tone { hz, dbm0: -10.0 }]));
    }

    fn send_frame(&mut self) {
        let Some(tone) = &mut self.tone else { return };
        let (mut pcm, mut payload, mut packet) = ([0; 160], [0; 160], [0; 172]);
        tone.fill(&mut pcm);
        self.encoder.encode(&pcm, &mut payload).expect("a frame");
        self.number += 1;
        let header = RtpHeader {
            sequence_number: self.number,
            timestamp: u32::from(self.number) * 160,
            ssrc: 77,
            ..RtpHeader::default()
        };
        header.write_packet(&payload, &mut packet).expect("room");
        self.socket.send(&packet).expect("loopback");
    }

    fn hear(&mut self, heard: &mut Vec<i16>) {
        let mut buffer = [0; 1_500];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let Ok(packet) = RtpPacket::parse(&buffer[..length]) else { continue };
            if packet.payload_type == 0 {
                let mut pcm = [0; 1_500];
                let samples = self.decoder.decode(packet.payload, &mut pcm).expect("PCMU");
                heard.extend(&pcm[..samples]);
            }
        }
    }
}

/// Lets phones speak in real time until each has heard half a second of its tone.
fn talk(phones: &mut [(&mut Phone, f64)]) {
    let begun = Instant::now();
    let mut heard = vec![Vec::new(); phones.len()];
    let mut next = begun;
    loop {
        if Instant::now() >= next {
            next += Duration::from_millis(20);
            phones.iter_mut().for_each(|(phone, _)| phone.send_frame());
        }
        for ((phone, _), heard) in phones.iter_mut().zip(&mut heard) {
            phone.hear(heard);
        }
        let hears = |((_, hz), heard): (&(&mut Phone, f64), &Vec<i16>)| {
            let half_a_second = heard.len().checked_sub(4_000).map(|start| &heard[start..]);
            half_a_second.is_some_and(|pcm| goertzel::power_share(pcm, 8_000, *hz) > 0.9)
        };
        if phones.iter().zip(&heard).all(hears) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "the tones are not heard");
    }
}

#[tokio::test]
async fn the_self_check_passes() {
    let mut role = role(&config());
    self_check(&role.commands, &mut role.events, LOOPBACK).await.expect("the tone comes back");
}

#[tokio::test]
async fn legs_of_different_threads_are_bridged() {
    let mut role = role(&config());
    let mut a = role.call(1).await.expect("a leg");
    let mut b = role.call(2).await.expect("a leg");
    role.send(MediaCommand::Bridge { a: a.leg, b: b.leg });
    a.speak(440.0);
    b.speak(1_004.0);
    talk(&mut [(&mut a, 1_004.0), (&mut b, 440.0)]);
    role.send(MediaCommand::Unbridge { leg: a.leg });
    role.send(MediaCommand::Echo { leg: a.leg, delay_ms: 0 });
    role.send(MediaCommand::Echo { leg: b.leg, delay_ms: 0 });
    talk(&mut [(&mut a, 440.0), (&mut b, 1_004.0)]);
}

#[tokio::test]
async fn a_text_and_a_file_are_heard() {
    let folder = std::env::temp_dir().join(format!("offhook-prompts-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut samples = vec![0; 16_000];
    ToneGenerator::new(16_000, &[Tone { hz: 600.0, dbm0: -10.0 }]).fill(&mut samples);
    let wav = offhook_audio::wav::Wav { rate: 16_000, samples }.to_bytes().expect("a WAV");
    std::fs::write(folder.join("welcome.wav"), wav).expect("the file is written");
    let mut role = role(&Config { prompts: Some(folder.clone()), ..config() });
    let mut phone = role.call(1).await.expect("a leg");
    let leg = phone.leg;
    let play =
        |prompt: &str| MediaCommand::Play { leg, prompts: vec![prompt.to_owned()], repeat: false };
    role.send(play("file:welcome"));
    talk(&mut [(&mut phone, 600.0)]);
    role.event(|event| *event == MediaEvent::PlayFinished { leg }).await;
    role.send(play("tts:Welcome to Offhook."));
    role.event(|event| *event == MediaEvent::PlayFinished { leg }).await;
    let mut heard = Vec::new();
    phone.hear(&mut heard);
    let level = offhook_audio::level::dbm0(&heard);
    assert!(heard.len() > 8_000 && level > -35.0, "{} samples at {level} dBm0", heard.len());
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}

/// Two pairs of ports that are free at the moment, below those that the kernel gives out.
fn free_range() -> (u16, u16) {
    let is_free = |port: &u16| {
        let ports = [*port, port + 1, port + 2, port + 3];
        ports.iter().all(|port| UdpSocket::bind((LOOPBACK, *port)).is_ok())
    };
    let first = (10_000..30_000).step_by(4).find(is_free).expect("four ports in a row are free");
    (first, first + 4)
}

#[tokio::test]
async fn when_the_ports_are_spent_legs_are_refused() {
    let (port_min, port_max) = free_range();
    let mut role = role(&Config { port_min, port_max, ..config() });
    let first = role.call(1).await.expect("a leg");
    let _second = role.call(2).await.expect("a leg");
    assert_eq!(role.call(3).await.err(), Some(MediaRefusal::Exhausted));
    role.release(first.leg).await;
    let resting = role.call(4).await.err();
    assert_eq!(resting, Some(MediaRefusal::Exhausted), "a released pair rests first");
}

#[tokio::test]
async fn more_legs_than_allowed_are_refused() {
    let mut role = role(&Config { legs_max: 1, ..config() });
    let only = role.call(1).await.expect("a leg");
    assert_eq!(role.call(2).await.err(), Some(MediaRefusal::Exhausted));
    role.release(only.leg).await;
    role.release(LegId(99)).await;
}

#[test]
fn a_range_without_a_pair_of_ports_is_an_error_that_says_so() {
    let (_commands, inbox) = queue(1);
    let (outbox, _events) = queue(1);
    let speech = Arc::new(Speech::new(Engine::Silent, None));
    let config = Config { port_min: 30_000, port_max: 30_001, ..config() };
    let error = start(&config, inbox, outbox, speech).expect_err("there is no pair");
    assert!(error.to_string().contains("port_min (30000)"), "{error}");
}
