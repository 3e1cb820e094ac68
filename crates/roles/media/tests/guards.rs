//! Strangers, garbage, silence and failures: what they do not do, and what is told of them.

mod world;

use offhook_audio::Codec;
use offhook_bus::{MediaCommand, MediaEvent, MediaTrouble};
use offhook_rtc::{Component, HANDSHAKE_TIMEOUT, ICE_TIMEOUT};
use offhook_sdp::Direction;
use std::net::SocketAddr;
use std::time::Duration;
use world::{PROTECTIONS, Protection, World};

fn stranger() -> SocketAddr {
    "203.0.113.66:6666".parse().expect("an address")
}

fn echoed(protection: Protection) -> (World, usize) {
    let mut world = World::new();
    let party = world.call(protection, Codec::Pcmu);
    let leg = world.parties[party].leg;
    world.command(MediaCommand::Echo { leg, delay_ms: 0 });
    world.advance(Duration::from_secs(1));
    world.parties[party].speak(440.0);
    world.advance(Duration::from_millis(100));
    world.forget();
    (world, party)
}

/// RTP that anybody could send: the right version and payload type, another source.
fn forged(number: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend_from_slice(&number.to_be_bytes());
    packet.extend_from_slice(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]);
    packet.resize(172, 0x55);
    packet
}

#[test]
fn packets_of_strangers_are_refused_and_counted_and_the_call_goes_on() {
    for protection in PROTECTIONS {
        let (mut world, party) = echoed(protection);
        let leg = world.parties[party].leg;
        world.engine.take_counts();
        for number in 0..50 {
            world.deliver(leg, Component::Rtp, stranger(), forged(number));
            world.advance(Duration::from_millis(20));
        }
        let refused: u64 = world.engine.take_counts().refused.values().sum();
        assert_eq!(refused, 50, "{protection:?}");
        world.assert_hears(party, 440.0);
        assert!(world.parties[party].heard_ms() >= 960, "{protection:?}");
    }
}

#[test]
fn packets_with_the_partys_address_and_the_wrong_key_are_refused() {
    for protection in [Protection::Sdes, Protection::Dtls, Protection::Browser] {
        let (mut world, party) = echoed(protection);
        let (leg, source) = (world.parties[party].leg, world.parties[party].address);
        world.engine.take_counts();
        world.deliver(leg, Component::Rtp, source, forged(1));
        let counts = world.engine.take_counts();
        assert_eq!(counts.refused.get("authentication"), Some(&1), "{protection:?}");
    }
}

#[test]
fn a_packet_that_comes_twice_is_refused_where_it_is_protected() {
    let (mut world, party) = echoed(Protection::Sdes);
    world.parties[party].speech = None;
    let packet = world.parties[party].packet(0, false, 9_000, &[0xff; 160]);
    let mut protected = packet.clone();
    let party_leg = world.parties[party].leg;
    let source = world.parties[party].address;
    let length = world.parties[party].protect(&mut protected);
    protected.truncate(length);
    world.engine.take_counts();
    world.deliver(party_leg, Component::Rtp, source, protected.clone());
    world.deliver(party_leg, Component::Rtp, source, protected);
    assert_eq!(world.engine.take_counts().refused.get("replay"), Some(&1));
}

#[test]
fn garbage_of_every_kind_does_no_harm() {
    for protection in PROTECTIONS {
        let (mut world, party) = echoed(protection);
        let (leg, address) = (world.parties[party].leg, world.parties[party].address);
        for first in 0..=255_u8 {
            for length in [0, 1, 2, 11, 12, 13, 20, 64, 1_500, 2_048] {
                // Plain RTP cannot tell garbage with the party's address from the party.
                let can_tell = protection != Protection::Plain || !(128..192).contains(&first);
                for source in [stranger(), if can_tell { address } else { stranger() }] {
                    let mut garbage = vec![first; length];
                    if let [_, rest @ ..] = &mut garbage[..] {
                        rest.iter_mut().zip((0..=255_u8).cycle()).for_each(|(byte, n)| *byte ^= n);
                    }
                    world.deliver(leg, Component::Rtp, source, garbage.clone());
                    world.deliver(leg, Component::Rtcp, source, garbage);
                }
            }
        }
        world.forget();
        world.advance(Duration::from_secs(1));
        let heard = world.parties[party].share(440.0);
        assert!(heard > 0.9, "{protection:?}: {heard}");
        assert!(!world.events.iter().any(|event| matches!(event, MediaEvent::Trouble { .. })));
    }
}

#[test]
fn a_party_behind_nat_is_answered_where_it_sends_from() {
    let mut world = World::new();
    let party = world.call(Protection::Plain, Codec::Pcmu);
    let leg = world.parties[party].leg;
    world.command(MediaCommand::Echo { leg, delay_ms: 0 });
    let mapped = SocketAddr::new(world.parties[party].address.ip(), 61_000);
    world.parties[party].address = mapped;
    world.parties[party].speak(440.0);
    world.advance(Duration::from_secs(1));
    world.assert_hears(party, 440.0);
}

#[test]
fn a_silent_party_is_reported_once_and_again_after_it_spoke() {
    let limit = Duration::from_secs(5);
    let mut world = World::with(|settings| settings.silent_after = Some(limit));
    let party = world.call(Protection::Plain, Codec::Pcmu);
    let leg = world.parties[party].leg;
    let is_silent = |event: &MediaEvent| {
        let what = MediaTrouble::Silent { seconds: 5 };
        *event == MediaEvent::Trouble { leg, what }
    };
    world.advance(Duration::from_millis(4_900));
    assert!(!world.take_event(is_silent));
    world.advance(Duration::from_secs(10));
    assert!(world.take_event(is_silent));
    assert!(!world.take_event(is_silent), "it is said once");
    world.parties[party].speak(440.0);
    world.advance(Duration::from_secs(8));
    assert!(!world.take_event(is_silent));
    world.parties[party].speech = None;
    world.advance(Duration::from_secs(6));
    assert!(world.take_event(is_silent));
}

#[test]
fn a_party_on_hold_is_not_silent() {
    let limit = Duration::from_secs(5);
    let mut world = World::with(|settings| settings.silent_after = Some(limit));
    let party = world.call(Protection::Plain, Codec::Pcmu);
    world.parties[party].set_direction(Direction::Inactive);
    world.offer(party);
    world.advance(Duration::from_secs(60));
    assert!(!world.take_event(|event| matches!(event, MediaEvent::Trouble { .. })));
}

#[test]
fn a_path_that_is_not_found_is_told() {
    let mut world = World::new();
    let party = world.add_party(Protection::Browser, Codec::Pcmu);
    let offer = world.parties[party].offer();
    let leg = world.parties[party].leg;
    world.command(MediaCommand::Answer { leg, offer });
    world.advance(ICE_TIMEOUT + Duration::from_secs(1));
    let what = MediaTrouble::IceFailed;
    assert!(world.take_event(|event| *event == MediaEvent::Trouble { leg, what: what.clone() }));
}

#[test]
fn a_handshake_that_nobody_begins_is_told() {
    let mut world = World::new();
    let party = world.add_party(Protection::Dtls, Codec::Pcmu);
    let offer = world.parties[party].offer();
    let leg = world.parties[party].leg;
    world.command(MediaCommand::Answer { leg, offer });
    world.advance(HANDSHAKE_TIMEOUT + Duration::from_secs(1));
    let is_it = |event: &MediaEvent| match event {
        MediaEvent::Trouble { what: MediaTrouble::DtlsFailed(why), .. } => {
            why.contains("timed out")
        }
        _ => false,
    };
    assert!(world.take_event(is_it), "{:?}", world.events);
}

#[test]
fn commands_for_legs_that_are_not_there_do_nothing() {
    let mut world = World::new();
    let leg = offhook_model::LegId(99);
    let b = world.call(Protection::Plain, Codec::Pcmu);
    let b = world.parties[b].leg;
    world.events.clear();
    world.command(MediaCommand::Bridge { a: leg, b });
    world.command(MediaCommand::Bridge { a: b, b });
    world.command(MediaCommand::Play { leg, prompts: vec!["music:".to_owned()], repeat: true });
    world.command(MediaCommand::Unbridge { leg });
    world.command(MediaCommand::Rollback { leg });
    assert_eq!(world.events, []);
    world.command(MediaCommand::Release { leg });
    assert_eq!(world.events, [MediaEvent::Released { leg, report: None }]);
}
