//! The whole role with its threads and real sockets on loopback.

mod role;

use offhook_audio::{Tone, ToneGenerator, goertzel};
use offhook_bus::{
    ConferenceCommand, ConferenceEvent, ConferenceId, JoinRefusal, MediaCommand, MediaEvent,
    MediaRefusal, MemberRole, RecordingCommand, RecordingEvent, RecordingFailure, RecordingFormat,
    RecordingLayout, RecordingSource, queue,
};
use offhook_media::{Config, self_check, start};
use offhook_model::LegId;
use offhook_sealed::KeyRing;
use offhook_speech::{Engine, Speech};
use role::{LOOPBACK, PATIENCE, config, configs, role, talk};
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[tokio::test]
async fn the_self_check_passes() {
    for config in configs() {
        let mut role = role(&config);
        self_check(&role.commands, &mut role.events, LOOPBACK).await.expect("the tone comes back");
    }
}

#[tokio::test]
async fn legs_of_different_threads_are_bridged() {
    for config in configs() {
        bridge_legs_of_different_threads(&config).await;
    }
}

async fn bridge_legs_of_different_threads(config: &Config) {
    let mut role = role(config);
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
async fn a_listener_of_another_thread_follows_whom_it_hears() {
    let mut role = role(&config());
    let mut phones = Vec::new();
    for (leg, hz) in [(1, 440.0), (2, 740.0), (3, 1_004.0), (4, 1_250.0)] {
        let mut phone = role.call(leg).await.expect("a leg");
        phone.speak(hz);
        phones.push(phone);
    }
    let [a, b, to_a, to_b] = &mut phones[..] else { panic!("four phones") };
    role.send(MediaCommand::Listen { leg: to_a.leg, to: a.leg });
    role.send(MediaCommand::Listen { leg: to_b.leg, to: b.leg });
    // One of the two is moved, and its listener with it.
    role.send(MediaCommand::Bridge { a: a.leg, b: b.leg });
    talk(&mut [(a, 740.0), (b, 440.0), (to_a, 440.0), (to_b, 740.0)]);
    role.send(MediaCommand::Listen { leg: to_a.leg, to: b.leg });
    talk(&mut [(a, 740.0), (b, 440.0), (to_a, 740.0), (to_b, 740.0)]);
    let leg = to_b.leg;
    role.send(MediaCommand::Listen { leg, to: LegId(99) });
    let refused = MediaEvent::Refused { leg, why: MediaRefusal::NoSuchLeg };
    role.event(|event| *event == refused).await;
}

#[tokio::test]
async fn legs_of_different_threads_meet_in_a_conference() {
    let mut role = role(&config());
    let conference = ConferenceId(7);
    let order = |command| MediaCommand::Conference { conference, command };
    let join = |leg| order(ConferenceCommand::Join { leg, role: MemberRole::TALKS });
    let mut phones = Vec::new();
    for (leg, hz) in [(1, 440.0), (2, 740.0), (3, 1_250.0)] {
        let mut phone = role.call(leg).await.expect("a leg");
        phone.speak(hz);
        role.send(join(phone.leg));
        phones.push(phone);
    }
    let [a, b, c] = &mut phones[..] else { panic!("three phones") };
    for speaker in [1, 2, 3] {
        for leg in [1, 2, 3].map(LegId) {
            let role_of = if leg.0 == speaker { MemberRole::TALKS } else { MemberRole::LISTENS };
            role.send(order(ConferenceCommand::SetRole { leg, role: role_of }));
        }
        match speaker {
            1 => talk(&mut [(a, 0.0), (b, 440.0), (c, 440.0)]),
            2 => talk(&mut [(a, 740.0), (b, 0.0), (c, 740.0)]),
            _ => talk(&mut [(a, 1_250.0), (b, 1_250.0), (c, 0.0)]),
        }
    }
    role.release(LegId(1)).await;
    role.send(order(ConferenceCommand::Leave { leg: LegId(2) }));
    role.send(order(ConferenceCommand::Leave { leg: LegId(3) }));
    role.send(MediaCommand::Echo { leg: LegId(2), delay_ms: 0 });
    talk(&mut [(b, 740.0)]);
    let leg = LegId(99);
    role.send(join(leg));
    let event = ConferenceEvent::Refused { leg, why: JoinRefusal::NoSuchLeg };
    role.event(|seen| *seen == MediaEvent::Conference { conference, event: event.clone() }).await;
}

/// The channels of a WAV of 16-bit PCM.
fn stereo(bytes: &[u8]) -> [Vec<i16>; 2] {
    let length = u32::from_le_bytes(bytes[40..44].try_into().expect("four bytes")) as usize;
    let mut channels = [Vec::new(), Vec::new()];
    for (at, sample) in bytes[44..44 + length].chunks_exact(2).enumerate() {
        channels[at % 2].push(i16::from_le_bytes([sample[0], sample[1]]));
    }
    channels
}

#[tokio::test]
async fn a_call_is_recorded_while_it_lasts() {
    let folder = std::env::temp_dir().join(format!("offhook-recordings-{}", std::process::id()));
    let mut role = role(&Config { recordings: Some(folder.clone()), ..config() });
    let mut a = role.call(1).await.expect("a leg");
    let mut b = role.call(2).await.expect("a leg");
    let source = RecordingSource::Leg(b.leg);
    let start = RecordingCommand::Start {
        path: "2026/call.wav".into(),
        layout: RecordingLayout::Stereo,
        format: RecordingFormat::Wav,
        tone: false,
    };
    role.send(MediaCommand::Record { source, command: start });
    let started = RecordingEvent::Started { path: "2026/call.wav".into(), is_encrypted: false };
    role.event(|event| *event == MediaEvent::Recording { source, event: started.clone() }).await;
    // The leg that is recorded is moved to the other's thread.
    role.send(MediaCommand::Bridge { a: a.leg, b: b.leg });
    a.speak(440.0);
    b.speak(1_004.0);
    talk(&mut [(&mut a, 1_004.0), (&mut b, 440.0)]);
    talk(&mut [(&mut a, 1_004.0), (&mut b, 440.0)]);
    role.send(MediaCommand::Release { leg: b.leg });
    let stopped = role.event(|event| matches!(event, MediaEvent::Recording { .. })).await;
    let MediaEvent::Recording { event: RecordingEvent::Stopped(summary), .. } = stopped else {
        panic!("{stopped:?}");
    };
    let bytes = std::fs::read(folder.join("2026/call.wav")).expect("the file is there");
    assert_eq!((bytes.len() as u64, summary.frames_dropped), (summary.bytes, 0));
    let channels = stereo(&bytes);
    for (channel, hz) in channels.iter().zip([1_004.0, 440.0]) {
        let pieces = channel.chunks_exact(800);
        let heard = pieces.filter(|piece| goertzel::power_share(piece, 8_000, hz) > 0.9).count();
        assert!(heard >= 7, "{heard} pieces of 100 ms at {hz} Hz in {:.1} s", summary.seconds);
    }
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}

#[tokio::test]
async fn old_recordings_are_deleted_where_they_are_kept_for_a_time() {
    let folder = std::env::temp_dir().join(format!("offhook-kept-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("2020/01/01")).expect("a folder");
    let old = folder.join("2020/01/01/old.wav");
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(8 * 86_400);
    let file = std::fs::File::create(&old).expect("is made");
    file.set_modified(long_ago).expect("is aged");
    let young = folder.join("young.wav");
    std::fs::write(&young, "RIFF").expect("is written");
    let recordings = Some(folder.clone());
    let role = role(&Config { recordings, recordings_keep_days: 7, ..config() });
    let begun = Instant::now();
    while old.exists() {
        assert!(begun.elapsed() < PATIENCE, "the old recording stays");
        std::thread::yield_now();
    }
    assert!(young.exists());
    drop(role);
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}

/// A file system in memory, where the system lets us make one.
fn small_disk(folder: &std::path::Path) -> bool {
    std::fs::create_dir_all(folder).expect("a folder");
    let mount = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(folder)
        .stderr(std::process::Stdio::null())
        .status();
    mount.is_ok_and(|status| status.success())
}

#[tokio::test]
async fn a_disk_that_is_really_full_does_not_end_the_call() {
    let folder = std::env::temp_dir().join(format!("offhook-full-{}", std::process::id()));
    if !small_disk(&folder) {
        eprintln!("this system lets nobody mount a tmpfs; the simulated full disk is tested");
        return std::fs::remove_dir_all(&folder).expect("the folder goes");
    }
    std::fs::write(folder.join("ballast"), vec![0; 40 * 1024]).expect("there is room for it");
    let mut role = role(&Config { recordings: Some(folder.clone()), ..config() });
    let mut a = role.call(1).await.expect("a leg");
    let mut b = role.call(2).await.expect("a leg");
    role.send(MediaCommand::Bridge { a: a.leg, b: b.leg });
    let source = RecordingSource::Leg(a.leg);
    let (layout, format) = (RecordingLayout::Stereo, RecordingFormat::Wav);
    let command = RecordingCommand::Start { path: "a.wav".into(), layout, format, tone: false };
    role.send(MediaCommand::Record { source, command });
    a.speak(440.0);
    b.speak(1_004.0);
    for _ in 0..4 {
        talk(&mut [(&mut a, 1_004.0), (&mut b, 440.0)]);
    }
    let is_failure = |event: &MediaEvent| {
        let MediaEvent::Recording { event: RecordingEvent::Failed { why, .. }, .. } = event else {
            return false;
        };
        *why == RecordingFailure::DiskFull
    };
    role.event(is_failure).await;
    talk(&mut [(&mut a, 1_004.0), (&mut b, 440.0)]);
    drop(role);
    let unmounted = std::process::Command::new("umount").arg(&folder).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    std::fs::remove_dir_all(&folder).expect("the folder goes");
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
    for config in configs() {
        spend_the_ports(config).await;
    }
}

async fn spend_the_ports(config: Config) {
    let (port_min, port_max) = free_range();
    let mut role = role(&Config { port_min, port_max, ..config });
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

#[tokio::test]
async fn threads_may_have_processors_of_their_own() {
    for config in configs() {
        // The second processor may not exist: its thread stays free then.
        let mut role = role(&Config { pin: vec![0, 100_000], ..config });
        let mut a = role.call(1).await.expect("a leg");
        let mut b = role.call(2).await.expect("a leg");
        role.send(MediaCommand::Echo { leg: a.leg, delay_ms: 0 });
        role.send(MediaCommand::Echo { leg: b.leg, delay_ms: 0 });
        a.speak(440.0);
        b.speak(1_004.0);
        talk(&mut [(&mut a, 440.0), (&mut b, 1_004.0)]);
        assert_eq!(processors_of("media-0"), "0");
    }
}

/// The processors that the newest thread of this name in this process may run on.
fn processors_of(thread: &str) -> String {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    let mut numbers: Vec<_> = tasks.map(|task| task.expect("a task").path()).collect();
    numbers
        .sort_by_key(|path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
    let status = |path: &std::path::PathBuf| std::fs::read_to_string(path.join("status")).ok();
    let is_it = |status: &String| status.lines().next().is_some_and(|line| line.ends_with(thread));
    let status = numbers.iter().rev().find_map(|path| status(path).filter(is_it));
    let status = status.expect("the thread runs");
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    line.expect("every thread has one").trim().to_owned()
}

#[test]
fn a_range_without_a_pair_of_ports_is_an_error_that_says_so() {
    let (_commands, inbox) = queue(1);
    let (outbox, _events) = queue(1);
    let speech = Arc::new(Speech::new(Engine::Silent, None));
    let config = Config { port_min: 30_000, port_max: 30_001, ..config() };
    let error =
        start(&config, inbox, outbox, speech, KeyRing::default()).expect_err("there is no pair");
    assert!(error.to_string().contains("port_min (30000)"), "{error}");
}

/// The kernel answers for a port that is closed (ICMP), and nobody else hears of it.
#[tokio::test]
async fn packets_to_a_port_that_was_closed_are_answered_by_the_kernel() {
    for config in configs() {
        let mut role = role(&Config { threads: 1, ..config });
        let mut talking = role.call(1).await.expect("a leg");
        role.send(MediaCommand::Echo { leg: talking.leg, delay_ms: 0 });
        let mut ended = role.call(2).await.expect("a leg");
        role.release(ended.leg).await;
        talking.speak(440.0);
        ended.speak(740.0);
        let mut was_refused = false;
        let begun = Instant::now();
        while !was_refused {
            assert!(begun.elapsed() < PATIENCE, "the port stays open");
            was_refused = ended.try_send_frame().is_err();
        }
        talk(&mut [(&mut talking, 440.0)]);
    }
}
