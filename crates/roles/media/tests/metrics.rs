//! Every series that the role documents moves.

mod receiver;
mod role;

use futures_util::SinkExt;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use offhook_bus::{
    ConferenceCommand, ConferenceEvent, ConferenceId, ForkCommand, JoinRefusal, MediaCommand,
    MediaEvent, MemberRole, RecordingCommand, RecordingFormat, RecordingLayout, RecordingSource,
};
use offhook_media::{Config, ForkConfig, PacketIoChoice};
use offhook_model::{AllowedHost, ForkId, LegId};
use receiver::{Receiver, request};
use role::{Role, config, role, talk};
use std::net::UdpSocket;
use std::time::Instant;
use tokio_tungstenite::tungstenite::Message;

const REFUSED: &str = "offhook_rtp_packets_refused_total{why=\"malformed\"}";

/// The series that must have a value other than zero in the end.
const SERIES: [&str; 21] = [
    "offhook_rtp_packets_total{direction=\"in\"}",
    "offhook_rtp_packets_total{direction=\"out\"}",
    REFUSED,
    "offhook_media_legs",
    "offhook_rtp_packets_lost_total{direction=\"in\"}",
    "offhook_rtp_jitter_seconds_count",
    "offhook_call_mos_count",
    "offhook_rtp_zero_packet_streams_total",
    "offhook_rtp_one_way_sessions_total",
    "offhook_media_prompts_skipped_total{why=\"missing\"}",
    "offhook_media_packet_io{kind=\"epoll\"}",
    "offhook_recordings",
    "offhook_recording_bytes_total",
    "offhook_recordings_failed_total",
    "offhook_conferences",
    "offhook_media_thread_load{thread=\"0\"}",
    "offhook_media_transcoding_refused_total{what=\"conference\"}",
    "offhook_audio_forks",
    FORK_FRAMES_DROPPED,
    "offhook_audio_forks_failed_total",
    "offhook_audio_fork_messages_refused_total{why=\"malformed\"}",
];

const FORK_FRAMES_DROPPED: &str = "offhook_audio_fork_frames_dropped_total";

/// Lets parties join a conference until there is no capacity left for one of them.
async fn exhaust_capacity(role: &mut Role) {
    let conference = ConferenceId(2);
    let legs = 10..40;
    for number in legs.clone() {
        role.call(number).await.expect("a leg");
    }
    for leg in legs.clone().map(LegId) {
        let command = ConferenceCommand::Join { leg, role: MemberRole::TALKS };
        role.send(MediaCommand::Conference { conference, command });
    }
    let is_refused = |event: &MediaEvent| match event {
        MediaEvent::Conference { event: ConferenceEvent::Refused { why, .. }, .. } => {
            *why == JoinRefusal::Overloaded
        }
        _ => false,
    };
    role.event(is_refused).await;
    for number in legs {
        role.release(LegId(number)).await;
    }
}

/// Asks for a recording and waits until it has begun or failed.
async fn record(role: &mut Role, leg: LegId, path: &str) {
    let source = RecordingSource::Leg(leg);
    let command = RecordingCommand::Start {
        path: path.into(),
        layout: RecordingLayout::Stereo,
        format: RecordingFormat::Wav,
        tone: false,
    };
    role.send(MediaCommand::Record { source, command });
    role.event(|event| matches!(event, MediaEvent::Recording { .. })).await;
}

/// Forks a leg to a receiver that accepts late and speaks nonsense, and to one that is not allowed.
async fn fork_badly(role: &mut Role, leg: LegId, metrics: &PrometheusHandle) -> impl Sized + use<> {
    let receiver = Receiver::listen().await;
    for (fork, url) in [(1, receiver.url()), (2, "ws://127.0.0.2/".to_owned())] {
        let command = ForkCommand::Start(Box::new(request(&url)));
        role.send(MediaCommand::Fork { leg, fork: ForkId(fork), command });
    }
    rendered(metrics, |text| value(text, FORK_FRAMES_DROPPED) > Some(0.0)).await;
    let mut socket = receiver.accept().await;
    socket.send(Message::text("nonsense")).await.expect("it is read");
    socket
}

fn value(rendered: &str, series: &str) -> Option<f64> {
    let line = rendered.lines().find(|line| line.split(' ').next() == Some(series))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// Waits until the metrics are as they should be. Threads hand over what they counted once a second.
async fn rendered(metrics: &PrometheusHandle, is_right: impl Fn(&str) -> bool) -> String {
    let begun = Instant::now();
    loop {
        let rendered = metrics.render();
        if is_right(&rendered) {
            return rendered;
        }
        assert!(begun.elapsed() < role::PATIENCE, "something does not move:\n{rendered}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_call_moves_every_series() {
    let metrics = PrometheusBuilder::new().install_recorder().expect("the only recorder");
    let folder = std::env::temp_dir().join(format!("offhook-metrics-{}", std::process::id()));
    let packet_io = PacketIoChoice::Epoll;
    let allowed_hosts = vec![AllowedHost::parse("127.0.0.1").expect("a host")];
    let fork = ForkConfig { allowed_hosts, ..ForkConfig::default() };
    let recordings = Some(folder.clone());
    let config = Config { recordings, packet_io, load_max_percent: 1, fork, ..config() };
    let mut role = role(&config);
    // The call that stays keeps the first thread busy; the other ends without a leg.
    let staying = role.call(4).await.expect("a leg");
    record(&mut role, staying.leg, "staying.wav").await;
    record(&mut role, staying.leg, "refused.wav").await;
    let command = ConferenceCommand::Join { leg: staying.leg, role: MemberRole::TALKS };
    role.send(MediaCommand::Conference { conference: ConferenceId(1), command });
    let forked = fork_badly(&mut role, staying.leg, &metrics).await;
    let mut phone = role.call(1).await.expect("a leg");
    let leg = phone.leg;
    record(&mut role, leg, "ending.wav").await;
    role.send(MediaCommand::Echo { leg, delay_ms: 0 });
    phone.speak(440.0);
    talk(&mut [(&mut phone, 440.0)]);
    phone.skip_packets(3);
    talk(&mut [(&mut phone, 440.0)]);
    let stranger = UdpSocket::bind((role::LOOPBACK, 0)).expect("a socket");
    let garbage = || stranger.send_to(b"garbage", phone.media_address()).expect("loopback");
    garbage();
    rendered(&metrics, |text| value(text, REFUSED) == Some(1.0)).await;
    // This one is counted and not yet handed over when the thread's last leg ends.
    garbage();
    let silent = role.call(2).await.expect("a leg");
    exhaust_capacity(&mut role).await;
    let listener = role.call(3).await.expect("a leg");
    let prompts = vec!["file:missing".to_owned(), "tone:440,100".to_owned()];
    role.send(MediaCommand::Play { leg: listener.leg, prompts, repeat: false });
    let finished = offhook_bus::MediaEvent::PlayFinished { leg: listener.leg };
    role.event(|event| *event == finished).await;
    for leg in [leg, silent.leg, listener.leg] {
        role.release(leg).await;
    }
    let is_right = |text: &str| {
        SERIES.iter().all(|series| value(text, series).is_some_and(|v| v > 0.0))
            && value(text, "offhook_media_legs") == Some(1.0)
            && value(text, REFUSED) == Some(2.0)
    };
    let rendered = rendered(&metrics, is_right).await;
    assert_eq!(value(&rendered, SERIES[4]), Some(3.0));
    drop((staying, forked));
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}
