//! Keys: told to the switch, passed on to the partner, sent on command.

mod world;

use offhook_audio::{Codec, DtmfDetector, DtmfEvent};
use offhook_bus::{MediaCommand, MediaEvent};
use offhook_model::LegId;
use std::time::Duration;
use world::{Protection, World};

const PRESS: Duration = Duration::from_millis(120);

/// The keys that the switch was told of.
fn told(world: &World, leg: LegId) -> String {
    let keys = world.events.iter().filter_map(|event| match event {
        MediaEvent::Dtmf { leg: from, digit, .. } if *from == leg => Some(*digit),
        _ => None,
    });
    keys.collect()
}

/// The clock of the events that go with a codec.
fn event_clock(codec: Codec) -> u32 {
    if codec == Codec::Opus { 48_000 } else { 8_000 }
}

fn tones(pcm: &[i16], rate: u32) -> String {
    let mut detector = DtmfDetector::new(rate);
    detector.handle_samples(pcm);
    let mut heard = String::new();
    while let Some(event) = detector.poll_output() {
        if let DtmfEvent::Started(digit) = event {
            heard.push(digit);
        }
    }
    heard
}

#[test]
fn one_press_is_one_digit_on_both_sides_of_every_pair_of_clocks() {
    for codec_a in [Codec::Pcmu, Codec::Opus] {
        for codec_b in [Codec::Pcmu, Codec::Opus, Codec::G722] {
            let mut world = World::new();
            let a = world.call(Protection::Plain, codec_a);
            let b = world.call(Protection::Sdes, codec_b);
            let leg = world.parties[a].leg;
            world.bridge(a, b);
            world.parties[a].speak(440.0);
            for key in "15#D".chars() {
                world.parties[a].press(key, event_clock(codec_a), PRESS);
                world.advance(Duration::from_millis(400));
            }
            assert_eq!(world.parties[b].digits, "15#D", "{codec_a:?} to {codec_b:?}");
            assert_eq!(told(&world, leg), "15#D");
            world.forget();
            world.advance(Duration::from_millis(1_000));
            world.assert_hears(b, 440.0);
        }
    }
}

#[test]
fn the_length_of_a_press_is_told() {
    for codec in [Codec::Pcmu, Codec::Opus] {
        let mut world = World::new();
        let a = world.call(Protection::Plain, codec);
        let leg = world.parties[a].leg;
        world.parties[a].press('7', event_clock(codec), Duration::from_millis(240));
        world.advance(Duration::from_secs(1));
        let digit = MediaEvent::Dtmf { leg, digit: '7', duration_ms: 240 };
        assert!(world.events.contains(&digit), "{:?}", world.events);
    }
}

/// At 48 kHz a segment of an event is 1.365 s long at most (RFC 4733 2.5.1.3).
#[test]
fn a_long_press_is_as_long_on_the_other_side_of_every_pair_of_clocks() {
    for codec_a in [Codec::Pcmu, Codec::Opus] {
        for codec_b in [Codec::Pcmu, Codec::Opus] {
            let mut world = World::new();
            let a = world.call(Protection::Plain, codec_a);
            let b = world.call(Protection::Plain, codec_b);
            world.bridge(a, b);
            world.parties[a].press('5', event_clock(codec_a), Duration::from_secs(3));
            world.advance(Duration::from_secs(4));
            let party = &world.parties[b];
            assert_eq!(party.digits, "5", "{codec_a:?} to {codec_b:?}");
            let [held] = party.held[..] else { panic!("held {:?}", party.held) };
            let error = held.abs_diff(Duration::from_secs(3));
            assert!(error <= Duration::from_millis(1), "{codec_a:?} to {codec_b:?}: {held:?}");
            assert_eq!(party.headers.iter().filter(|header| header.marker).count(), 1);
        }
    }
}

#[test]
fn a_press_with_lost_packets_is_still_one_digit() {
    for lost in 0..8_usize {
        let mut world = World::new();
        let a = world.call(Protection::Plain, Codec::Pcmu);
        let b = world.call(Protection::Plain, Codec::Opus);
        let leg = world.parties[a].leg;
        world.bridge(a, b);
        world.loses = match lost {
            0 => |packet| packet == 0,
            1 => |packet| packet == 1,
            2 => |packet| packet % 2 == 0,
            3 => |packet| packet % 2 == 1,
            4 => |packet| packet < 4,
            5 => |packet| packet >= 6,
            6 => |packet| packet >= 2,
            _ => |packet| packet % 3 != 1,
        };
        world.parties[a].press('5', 8_000, PRESS);
        world.advance(Duration::from_secs(2));
        assert_eq!(told(&world, leg), "5", "pattern {lost}");
        assert_eq!(world.parties[b].digits, "5", "pattern {lost}");
    }
}

#[test]
fn a_partner_without_events_hears_the_tones() {
    for codec_b in [Codec::Pcmu, Codec::G722] {
        let mut world = World::new();
        let a = world.call(Protection::Plain, Codec::Pcmu);
        let b = world.add_party(Protection::Plain, codec_b);
        world.parties[b].local.telephone_event = false;
        world.offer(b);
        world.bridge(a, b);
        for key in "42".chars() {
            world.parties[a].press(key, 8_000, PRESS);
            world.advance(Duration::from_millis(600));
        }
        let party = &world.parties[b];
        assert_eq!(tones(&party.heard, codec_b.sample_rate()), "42", "{codec_b:?}");
    }
}

#[test]
fn digits_are_sent_on_command() {
    for codec in [Codec::Pcmu, Codec::Opus] {
        let mut world = World::new();
        let party = world.call(Protection::Sdes, codec);
        let leg = world.parties[party].leg;
        let digits = "1998*x#".to_owned();
        world.command(MediaCommand::SendDtmf { leg, digits, duration_ms: 100 });
        world.advance(Duration::from_secs(3));
        assert_eq!(world.parties[party].digits, "1998*#");
    }
}

#[test]
fn digits_are_sent_as_tones_where_there_are_no_events() {
    let mut world = World::new();
    let party = world.add_party(Protection::Plain, Codec::Pcma);
    world.parties[party].local.telephone_event = false;
    world.offer(party);
    let leg = world.parties[party].leg;
    world.command(MediaCommand::SendDtmf { leg, digits: "1998".to_owned(), duration_ms: 100 });
    world.advance(Duration::from_secs(3));
    assert_eq!(tones(&world.parties[party].heard, 8_000), "1998");
}
