//! What bridged calls cost: so many PCMU calls through one media thread, over loopback sockets.
//!
//! `cargo run --release -p offhook-media --example relay_cost -- CALLS SECONDS [epoll|io_uring]`

use offhook_bus::{Inbox, MEDIA_QUEUE_MAX, MediaCommand, MediaEvent, queue};
use offhook_media::{Config, PacketIoChoice, start};
use offhook_model::LegId;
use offhook_rtp::RtpHeader;
use offhook_sdp::SessionDescription;
use offhook_sealed::KeyRing;
use offhook_speech::{Engine, Speech};
use std::io::Write;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let calls: u64 = arguments.next().map_or(Ok(100), |text| text.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(10), |text| text.parse())?;
    let packet_io = match arguments.next().as_deref() {
        Some("epoll") => PacketIoChoice::Epoll,
        Some("io_uring") => PacketIoChoice::IoUring,
        _ => PacketIoChoice::Auto,
    };
    let (commands, inbox) = queue(MEDIA_QUEUE_MAX);
    let (outbox, mut events) = queue(MEDIA_QUEUE_MAX);
    let speech = Arc::new(Speech::new(Engine::Silent, None));
    let bind = LOOPBACK.into();
    let config =
        Config { bind, packet_io, port_min: 0, port_max: 0, threads: 1, ..Config::default() };
    let _media = start(&config, inbox, outbox, speech, KeyRing::default())?;
    let mut sockets = Vec::new();
    for leg in (1..=2 * calls).map(LegId) {
        let socket = UdpSocket::bind((LOOPBACK, 0))?;
        socket.set_nonblocking(true)?;
        let port = socket.local_addr()?.port();
        let offer = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0\r\n"
        );
        commands.send(MediaCommand::Answer { leg, offer })?;
        socket.connect((LOOPBACK, answered_port(&mut events).await?))?;
        sockets.push(socket);
    }
    for call in 0..calls {
        commands.send(MediaCommand::Bridge { a: LegId(2 * call + 1), b: LegId(2 * call + 2) })?;
    }
    speak(&sockets, 1);
    let (before, begun) = (media_cpu()?, Instant::now());
    let (sent, received) = speak(&sockets, seconds);
    let (cpu, elapsed) = (media_cpu()? - before, begun.elapsed());
    let share = cpu.as_secs_f64() * 100.0 / elapsed.as_secs_f64();
    writeln!(
        std::io::stdout(),
        "{calls} calls for {elapsed:.1?}: {sent} packets sent, {received} came back out; \
         {share:.1} % of one processor, {:.3} % a call, {:.2} us a packet",
        share / calls as f64,
        cpu.as_secs_f64() * 1e6 / received as f64
    )?;
    Ok(())
}

async fn answered_port(events: &mut Inbox<MediaEvent>) -> anyhow::Result<u16> {
    loop {
        if let Some(MediaEvent::Described { sdp, .. }) = events.recv().await {
            let answer = SessionDescription::parse(sdp.as_bytes())?;
            return Ok(answer.audio().map_or(0, |(_, section)| section.port));
        }
    }
}

/// Every party sends a packet each 20 ms; what comes is counted.
fn speak(sockets: &[UdpSocket], seconds: u64) -> (u64, u64) {
    let (mut sent, mut received) = (0, 0);
    let (mut packet, mut buffer) = ([0xff; 172], [0; 256]);
    let begun = Instant::now();
    for frame in 0..(seconds * 50) as u32 {
        for (index, socket) in sockets.iter().enumerate() {
            let header = RtpHeader {
                sequence_number: frame as u16,
                timestamp: frame * 160,
                ssrc: index as u32 + (seconds as u32) * 10_000,
                ..RtpHeader::default()
            };
            header.write(&mut packet).expect("there is room");
            sent += u64::from(socket.send(&packet).is_ok());
        }
        std::thread::sleep(
            (begun + Duration::from_millis(20 * u64::from(frame + 1))) - Instant::now(),
        );
        for socket in sockets {
            while socket.recv(&mut buffer).is_ok() {
                received += 1;
            }
        }
    }
    (sent, received)
}

/// The processor time that the media thread has used.
fn media_cpu() -> anyhow::Result<Duration> {
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        if std::fs::read_to_string(task.join("comm"))?.trim() == "media-0" {
            let used = std::fs::read_to_string(task.join("schedstat"))?;
            let nanoseconds = used.split(' ').next().unwrap_or_default().parse()?;
            return Ok(Duration::from_nanos(nanoseconds));
        }
    }
    anyhow::bail!("there is no media thread")
}
