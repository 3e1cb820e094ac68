//! A tone through our own media path, before anybody is told that we are ready.

use anyhow::{Context, bail, ensure};
use offhook_audio::{Codec, Decoder, Encoder, Tone, ToneGenerator, goertzel};
use offhook_bus::{Inbox, MediaCommand, MediaEvent, Outbox};
use offhook_model::LegId;
use offhook_rtp::{RTP_HEADER_BYTES, RtpHeader, RtpPacket};
use offhook_sdp::SessionDescription;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::{interval, timeout};

/// The leg that the check makes; the switch counts from the other end.
const CHECK_LEG: LegId = LegId(u64::MAX);
/// How long the whole check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// The tone that is sent.
const TONE_HZ: f64 = 700.0;
/// Frames that are sent, 20 ms of tone each.
const FRAMES: usize = 10;
/// How much of what comes back must be the tone.
const TONE_SHARE_MIN: f64 = 0.9;
/// Samples of a frame of PCMU.
const FRAME_SAMPLES: usize = 160;
/// Echo needs no pacing; this only keeps the burst small.
const FRAME_INTERVAL: Duration = Duration::from_millis(4);

/// Makes a leg, echoes a tone through it and measures what comes back. `bind` is the address to which the
/// media role is bound.
///
/// # Errors
/// When the leg cannot be made or the tone does not come back.
pub async fn self_check(
    commands: &Outbox<MediaCommand>,
    events: &mut Inbox<MediaEvent>,
    bind: IpAddr,
) -> anyhow::Result<()> {
    let check = timeout(CHECK_TIMEOUT, check(commands, events, bind)).await;
    let released = release(commands, events);
    let released = timeout(CHECK_TIMEOUT, released).await.context("releasing the leg timed out");
    check.context("the tone did not come back in time")??;
    released?
}

async fn check(
    commands: &Outbox<MediaCommand>,
    events: &mut Inbox<MediaEvent>,
    bind: IpAddr,
) -> anyhow::Result<()> {
    let ip = reachable(bind);
    let socket = UdpSocket::bind((ip, 0)).await.context("binding a socket for the check")?;
    let offer = offer(socket.local_addr()?);
    send(commands, MediaCommand::Answer { leg: CHECK_LEG, offer })?;
    let port = answered_port(events).await?;
    send(commands, MediaCommand::Echo { leg: CHECK_LEG, delay_ms: 0 })?;
    socket.connect((ip, port)).await?;
    let heard = exchange(&socket).await?;
    let share = goertzel::power_share(&heard, Codec::Pcmu.sample_rate(), TONE_HZ);
    ensure!(share >= TONE_SHARE_MIN, "only {share:.2} of what came back is the tone");
    Ok(())
}

/// An address of this machine at which a socket bound to `bind` is reached.
fn reachable(bind: IpAddr) -> IpAddr {
    match bind {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        _ => bind,
    }
}

fn offer(address: SocketAddr) -> String {
    let (ip, port) = (address.ip(), address.port());
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    format!(
        "v=0\r\no=- 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0\r\na=rtcp-mux\r\n"
    )
}

fn send(commands: &Outbox<MediaCommand>, command: MediaCommand) -> anyhow::Result<()> {
    commands.send(command).ok().context("the media role does not listen")
}

async fn answered_port(events: &mut Inbox<MediaEvent>) -> anyhow::Result<u16> {
    loop {
        match events.recv().await.context("the media role is gone")? {
            MediaEvent::Described { leg: CHECK_LEG, sdp } => {
                let description = SessionDescription::parse(sdp.as_bytes())?;
                let (_, section) = description.audio().context("the answer has no audio")?;
                return Ok(section.port);
            }
            MediaEvent::Refused { leg: CHECK_LEG, why } => bail!("the leg was refused: {why:?}"),
            _ => {}
        }
    }
}

/// Sends the tone and returns what comes back, most of the tone at least.
async fn exchange(socket: &UdpSocket) -> anyhow::Result<Vec<i16>> {
    let mut encoder = Encoder::new(Codec::Pcmu)?;
    let mut decoder = Decoder::new(Codec::Pcmu)?;
    let mut tone = ToneGenerator::new(8_000, &[Tone { hz: TONE_HZ, dbm0: -10.0 }]);
    let mut pace = interval(FRAME_INTERVAL);
    let mut heard = Vec::new();
    let mut buffer = [0; 1_500];
    let mut sent = 0_u16;
    while heard.len() < FRAMES * FRAME_SAMPLES / 2 {
        tokio::select! {
            _ = pace.tick(), if usize::from(sent) < FRAMES * 4 => {
                let packet = packet(&mut encoder, &mut tone, sent)?;
                socket.send(&packet).await?;
                sent += 1;
            }
            received = socket.recv(&mut buffer) => {
                let received = received?;
                if let Ok(packet) = RtpPacket::parse(&buffer[..received]) {
                    let mut pcm = [0; FRAME_SAMPLES];
                    let samples = decoder.decode(packet.payload, &mut pcm)?;
                    heard.extend(&pcm[..samples]);
                }
            }
        }
    }
    Ok(heard)
}

fn packet(encoder: &mut Encoder, tone: &mut ToneGenerator, number: u16) -> anyhow::Result<Vec<u8>> {
    let mut pcm = [0; FRAME_SAMPLES];
    tone.fill(&mut pcm);
    let mut packet = vec![0; RTP_HEADER_BYTES + FRAME_SAMPLES];
    let samples = u32::try_from(FRAME_SAMPLES).expect("a frame fits in 32 bits");
    let header = RtpHeader {
        marker: number == 0,
        sequence_number: number,
        timestamp: u32::from(number) * samples,
        ssrc: 1,
        payload_type: 0,
    };
    let start = header.write(&mut packet)?;
    encoder.encode(&pcm, &mut packet[start..])?;
    Ok(packet)
}

async fn release(
    commands: &Outbox<MediaCommand>,
    events: &mut Inbox<MediaEvent>,
) -> anyhow::Result<()> {
    send(commands, MediaCommand::Release { leg: CHECK_LEG })?;
    loop {
        let event = events.recv().await.context("the media role is gone")?;
        if matches!(event, MediaEvent::Released { leg: CHECK_LEG, .. }) {
            return Ok(());
        }
    }
}
