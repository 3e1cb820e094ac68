//! The whole role on real sockets of loopback, and phones to call it.

#![allow(dead_code, reason = "every test uses a part of it")]

use offhook_audio::{Codec, Decoder, Encoder, Tone, ToneGenerator, goertzel};
use offhook_bus::{Inbox, MEDIA_QUEUE_MAX, MediaCommand, MediaEvent, MediaRefusal, Outbox, queue};
use offhook_media::{Config, Media, PacketIoChoice, start};
use offhook_model::LegId;
use offhook_net::packet_io::{self, PacketIoKind};
use offhook_rtp::{RtpHeader, RtpPacket};
use offhook_sdp::SessionDescription;
use offhook_sealed::KeyRing;
use offhook_speech::{Engine, Speech};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// How long anything may take before its test gives up.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Role {
    pub commands: Outbox<MediaCommand>,
    pub events: Inbox<MediaEvent>,
    _media: Media,
}

/// A phone with plain RTP and PCMU on a socket of its own.
pub struct Phone {
    pub leg: LegId,
    socket: UdpSocket,
    encoder: Encoder,
    decoder: Decoder,
    tone: Option<ToneGenerator>,
    number: u16,
}

pub fn config() -> Config {
    Config { bind: LOOPBACK, port_min: 0, port_max: 0, threads: 2, ..Config::default() }
}

/// One for every way of packet I/O that works here; epoll always does.
pub fn configs() -> Vec<Config> {
    let mut ways = vec![PacketIoChoice::Epoll];
    if packet_io::open(Some(PacketIoKind::IoUring)).is_ok() {
        ways.push(PacketIoChoice::IoUring);
    }
    ways.into_iter().map(|packet_io| Config { packet_io, ..config() }).collect()
}

pub fn role(config: &Config) -> Role {
    role_with_keys(config, KeyRing::default())
}

/// One that encrypts its recordings with the first of these keys.
pub fn role_with_keys(config: &Config, keys: KeyRing) -> Role {
    let (commands, inbox) = queue(MEDIA_QUEUE_MAX);
    let (outbox, events) = queue(MEDIA_QUEUE_MAX);
    let speech = Arc::new(Speech::new(Engine::Flite, None));
    let media = start(config, inbox, outbox, speech, keys).expect("the role starts");
    Role { commands, events, _media: media }
}

impl Role {
    pub fn send(&self, command: MediaCommand) {
        self.commands.send(command).expect("the queue has room");
    }

    pub async fn event(&mut self, is_it: impl Fn(&MediaEvent) -> bool) -> MediaEvent {
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
    pub async fn call(&mut self, leg: u64) -> Result<Phone, MediaRefusal> {
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

    pub async fn release(&mut self, leg: LegId) {
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

    pub fn speak(&mut self, hz: f64) {
        self.tone = Some(ToneGenerator::new(8_000, &[Tone { hz, dbm0: -10.0 }]));
    }

    /// So many packets are lost on their way.
    pub fn skip_packets(&mut self, count: u16) {
        self.number += count;
    }

    /// What it sends from and receives at.
    pub fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Where the leg receives RTP.
    pub fn media_address(&self) -> SocketAddr {
        self.socket.peer_addr().expect("it is connected")
    }

    pub fn send_frame(&mut self) {
        self.try_send_frame().expect("loopback");
    }

    /// Sends a frame; an error when the one before has found no socket.
    pub fn try_send_frame(&mut self) -> io::Result<()> {
        let Some(tone) = &mut self.tone else { return Ok(()) };
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
        self.socket.send(&packet).map(drop)
    }

    pub fn hear(&mut self, heard: &mut Vec<i16>) {
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

/// Lets phones speak in real time until each has heard half a second of its tone, or needs hear nothing
/// since its tone is 0 Hz.
pub fn talk(phones: &mut [(&mut Phone, f64)]) {
    let begun = Instant::now();
    let mut heard = vec![Vec::new(); phones.len()];
    let mut next = begun;
    loop {
        // Each wait for packets may take longer than it was asked to, so that several frames are due.
        while Instant::now() >= next {
            next += Duration::from_millis(20);
            phones.iter_mut().for_each(|(phone, _)| phone.send_frame());
        }
        for ((phone, _), heard) in phones.iter_mut().zip(&mut heard) {
            phone.hear(heard);
        }
        let hears = |((_, hz), heard): (&(&mut Phone, f64), &Vec<i16>)| {
            let half_a_second = heard.len().checked_sub(4_000).map(|start| &heard[start..]);
            *hz == 0.0
                || half_a_second.is_some_and(|pcm| goertzel::power_share(pcm, 8_000, *hz) > 0.9)
        };
        if phones.iter().zip(&heard).all(hears) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "the tones are not heard");
    }
}
