//! A packet on its way through costs no allocation.

mod world;

use offhook_audio::Codec;
use offhook_bus::{
    ConferenceCommand, ConferenceId, MediaCommand, MemberRole, RecordingCommand, RecordingFormat,
    RecordingLayout, RecordingSource,
};
use offhook_media::state::Output;
use offhook_rtc::Component;
use offhook_testkit::{CountingAllocator, allocations};
use std::time::Duration;
use world::{Protection, World};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Sends a second of speech from one party to the other and counts what the engine allocates.
fn allocations_of_a_second(world: &mut World, party: usize) -> u64 {
    let (leg, source) = (world.parties[party].leg, world.parties[party].address);
    let packets: Vec<Vec<u8>> = (0..50)
        .map(|_| {
            let mut packet = world.parties[party].next_packet().expect("the party speaks");
            let length = world.parties[party].protect(&mut packet);
            packet.truncate(length);
            packet
        })
        .collect();
    let mut sent = 0;
    let before = allocations();
    for mut packet in packets {
        world.now += Duration::from_millis(20);
        world.engine.handle_packet(leg, Component::Rtp, source, &mut packet, world.now);
        world.engine.handle_timeout(world.now);
        while let Some(output) = world.engine.poll_output() {
            if let Output::Transmit { packet, .. } = output {
                sent += 1;
                world.engine.recycle(packet);
            }
        }
    }
    let allocations = allocations() - before;
    assert!(sent >= 45, "{sent} packets were passed on");
    allocations
}

#[test]
fn a_conference_allocates_nothing_per_frame() {
    let mut world = World::new();
    for codec in [Codec::Pcmu, Codec::G722, Codec::Opus, Codec::Pcmu, Codec::Pcma] {
        let party = world.call(Protection::Sdes, codec);
        world.parties[party].speak(440.0);
        let (leg, role) = (world.parties[party].leg, MemberRole::TALKS);
        let command = ConferenceCommand::Join { leg, role };
        world.command(MediaCommand::Conference { conference: ConferenceId(1), command });
    }
    world.advance(Duration::from_secs(2));
    for _ in 0..20 {
        allocations_of_a_second(&mut world, 0);
    }
    let allocations = (0..10).map(|_| allocations_of_a_second(&mut world, 0)).sum::<u64>();
    assert!(allocations <= 5, "{allocations} for 500 frames of five members");
}

#[test]
fn a_recording_allocates_for_pieces_and_not_for_packets() {
    let mut world = World::new();
    let a = world.call(Protection::Sdes, Codec::Pcmu);
    let b = world.call(Protection::Sdes, Codec::Pcmu);
    world.bridge(a, b);
    world.parties[a].speak(440.0);
    let source = RecordingSource::Leg(world.parties[a].leg);
    let command = RecordingCommand::Start {
        path: "a.wav".into(),
        layout: RecordingLayout::Stereo,
        format: RecordingFormat::Wav,
        tone: false,
    };
    world.command(MediaCommand::Record { source, command });
    world.advance(Duration::from_secs(2));
    for _ in 0..20 {
        allocations_of_a_second(&mut world, a);
    }
    let allocations = (0..10).map(|_| allocations_of_a_second(&mut world, a)).sum::<u64>();
    assert!((1..=500).contains(&allocations), "{allocations} for 500 packets in 100 pieces");
}

#[test]
fn relaying_transcoding_and_listening_allocate_nothing() {
    for (protection, codec_a, codec_b) in [
        (Protection::Plain, Codec::Pcmu, Codec::Pcmu),
        (Protection::Sdes, Codec::Pcmu, Codec::Pcmu),
        (Protection::Browser, Codec::Opus, Codec::Opus),
        (Protection::Plain, Codec::Pcmu, Codec::Pcma),
        (Protection::Sdes, Codec::Pcmu, Codec::G722),
        (Protection::Sdes, Codec::Opus, Codec::Pcmu),
    ] {
        let mut world = World::new();
        let a = world.call(protection, codec_a);
        let b = world.call(Protection::Sdes, codec_b);
        world.bridge(a, b);
        let listener = world.call(Protection::Sdes, codec_b);
        let (leg, to) = (world.parties[listener].leg, world.parties[a].leg);
        world.command(MediaCommand::Listen { leg, to });
        world.parties[a].speak(440.0);
        world.advance(Duration::from_secs(2));
        // Buffers find their size in the beginning; those for Opus, whose packets differ, take longest.
        for _ in 0..20 {
            allocations_of_a_second(&mut world, a);
        }
        let allocations = (0..10).map(|_| allocations_of_a_second(&mut world, a)).sum::<u64>();
        let allowed = if codec_a == codec_b || codec_a != Codec::Opus { 0 } else { 10 };
        assert!(
            allocations <= allowed,
            "{allocations} for 500 packets, {protection:?} {codec_a:?} to {codec_b:?}"
        );
    }
}

#[test]
fn passing_on_as_it_is_allocates_nothing() {
    let video = |protocol: &str| format!("m=video 9 {protocol} 96\r\na=rtpmap:96 VP8/90000\r\n");
    for (protection, protocol) in [
        (Protection::Plain, "RTP/AVPF"),
        (Protection::Sdes, "RTP/SAVPF"),
        (Protection::Browser, "UDP/TLS/RTP/SAVPF"),
    ] {
        let mut world = World::new();
        let a = world.call_with(protection, &video(protocol));
        let b = world.call_with(Protection::Sdes, &video("RTP/SAVPF"));
        world.bridge(a, b);
        world.advance(Duration::from_secs(2));
        let packets = |world: &mut World, count: u32| {
            let packets = (0..count).map(|number| {
                let mut packet = world.parties[a].packet(96, false, number, &[7; 1_200]);
                let length = world.parties[a].protect(&mut packet);
                packet.truncate(length);
                packet
            });
            packets.collect::<Vec<_>>()
        };
        let first = packets(&mut world, 50);
        let then = packets(&mut world, 500);
        pass(&mut world, a, first);
        assert_eq!(pass(&mut world, a, then), 0, "for 500 packets, {protection:?}");
    }
}

/// Passes packets of a party on, and counts what the engine allocates.
fn pass(world: &mut World, party: usize, packets: Vec<Vec<u8>>) -> u64 {
    let (leg, source) = (world.parties[party].leg, world.parties[party].address);
    let count = packets.len();
    let mut sent = 0;
    let before = allocations();
    for mut packet in packets {
        world.engine.handle_packet(leg, Component::Rtp, source, &mut packet, world.now);
        while let Some(output) = world.engine.poll_output() {
            if let Output::Transmit { packet, .. } = output {
                sent += 1;
                world.engine.recycle(packet);
            }
        }
    }
    let allocations = allocations() - before;
    assert_eq!(sent, count);
    allocations
}
