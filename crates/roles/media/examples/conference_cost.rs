//! What conferences cost: members of one codec in one conference, so many of them speaking, in virtual
//! time and without sockets.
//!
//! `cargo run --release -p offhook-media --example conference_cost`

use offhook_audio::{Codec, Encoder, Tone, ToneGenerator};
use offhook_bus::{ConferenceCommand, ConferenceId, MediaCommand, MediaEvent, MemberRole};
use offhook_media::state::{
    Clock, Engine, InbandDtmf, LegAddresses, Output, SEED_BYTES, Seed, Settings,
};
use offhook_model::LegId;
use offhook_rtc::{Component, Identity};
use offhook_rtp::RtpHeader;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

const FRAMES: u32 = 250;
const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn main() -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "codec    members speaking  us/frame  us/member  % of one processor")?;
    for (codec, payload_type) in [(Codec::Pcmu, 0), (Codec::G722, 9), (Codec::Opus, 111)] {
        for (members, speaking) in [(3, 3), (10, 10), (50, 3), (50, 50), (200, 3), (200, 200)] {
            let spent = spent(codec, payload_type, members, speaking)?;
            let frame_us = spent.as_secs_f64() * 1e6 / f64::from(FRAMES);
            writeln!(
                out,
                "{:<8} {members:>7} {speaking:>8} {frame_us:>9.0} {:>10.2} {:>19.2}",
                codec.encoding_name(),
                frame_us / members as f64,
                frame_us / 200.0
            )?;
        }
    }
    Ok(())
}

/// The time that the engine takes for what the members send and hear.
fn spent(codec: Codec, payload_type: u8, members: u64, speaking: u64) -> anyhow::Result<Duration> {
    let settings = Settings {
        identity: Identity::generate()?,
        advertised: vec![OURS].into(),
        silent_after: None,
        hold_music: true,
        inband_dtmf: InbandDtmf::default(),
        load_max: None,
    };
    let mut engine = Engine::new(settings);
    let mut now = Instant::now();
    for leg in (1..=members).map(LegId) {
        join(&mut engine, leg, payload_type, now);
    }
    let payloads = payloads(codec)?;
    let mut spent = Duration::ZERO;
    let mut sent = 0;
    for number in 0..2 * FRAMES {
        now += Duration::from_millis(20);
        let packets: Vec<(LegId, Vec<u8>)> = (1..=speaking)
            .map(|leg| {
                let payload = &payloads[number as usize % payloads.len()];
                (LegId(leg), packet(leg, codec, payload_type, number, payload))
            })
            .collect();
        let begun = Instant::now();
        for (leg, mut packet) in packets {
            engine.handle_packet(leg, Component::Rtp, address(leg), &mut packet, now);
        }
        engine.handle_timeout(now);
        while let Some(output) = engine.poll_output() {
            if let Output::Transmit { packet, .. } = output {
                sent += 1;
                engine.recycle(packet);
            }
        }
        // The first half is to warm up.
        if number >= FRAMES {
            spent += begun.elapsed();
        }
    }
    anyhow::ensure!(sent > u64::from(FRAMES) * members, "only {sent} packets were sent");
    Ok(spent)
}

fn join(engine: &mut Engine, leg: LegId, payload_type: u8, now: Instant) {
    let port = 2 * u16::try_from(leg.0).expect("few legs") + 30_000;
    let addresses =
        LegAddresses { advertised: vec![OURS].into(), rtp_port: port, rtcp_port: port + 1 };
    let mut seed = [7; SEED_BYTES];
    seed[..8].copy_from_slice(&leg.0.to_be_bytes());
    let seed = Seed::new(seed);
    engine.add_leg(leg, addresses, &seed, Clock { now, unix_time: Duration::ZERO });
    let map = if payload_type == 111 { "a=rtpmap:111 opus/48000/2\r\n" } else { "" };
    let ip = address(leg).ip();
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio 4000 RTP/AVP {payload_type}\r\n{map}"
    );
    engine.handle_command(MediaCommand::Answer { leg, offer }, &seed, now);
    let command = ConferenceCommand::Join { leg, role: MemberRole::TALKS };
    let conference = ConferenceId(1);
    engine.handle_command(MediaCommand::Conference { conference, command }, &seed, now);
    while let Some(output) = engine.poll_output() {
        if let Output::Event(MediaEvent::Refused { why, .. }) = output {
            panic!("the leg is refused: {why:?}");
        }
    }
}

fn address(leg: LegId) -> SocketAddr {
    let [high, low] = u16::try_from(leg.0).expect("few legs").to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(198, 51, high, low), 4_000))
}

/// A second of a tone.
fn payloads(codec: Codec) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut encoder = Encoder::new(codec)?;
    let mut tone = ToneGenerator::new(codec.sample_rate(), &[Tone { hz: 440.0, dbm0: -20.0 }]);
    let mut pcm = vec![0; codec.frame_samples(20)];
    let mut made = Vec::new();
    for _ in 0..50 {
        tone.fill(&mut pcm);
        let mut payload = vec![0; 1_400];
        let length = encoder.encode(&pcm, &mut payload)?;
        payload.truncate(length);
        made.push(payload);
    }
    Ok(made)
}

fn packet(leg: u64, codec: Codec, payload_type: u8, number: u32, payload: &[u8]) -> Vec<u8> {
    let header = RtpHeader {
        payload_type,
        sequence_number: number as u16,
        timestamp: number * codec.frame_ticks(20),
        ssrc: leg as u32,
        ..RtpHeader::default()
    };
    let mut packet = vec![0; payload.len() + 12];
    header.write_packet(payload, &mut packet).expect("there is room");
    packet
}
