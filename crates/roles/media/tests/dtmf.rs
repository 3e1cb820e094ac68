//! Keys: told to the switch, passed on to the partner, sent on command.

mod world;

use offhook_audio::{Codec, DtmfDetector, DtmfEvent, L16Rate, Tone};
use offhook_bus::{MediaCommand, MediaEvent, PlayControl};
use offhook_media::state::InbandDtmf;
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
    codec.clock_rate()
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
    let wide = Codec::L16(L16Rate::Hz16000);
    for codec_a in [Codec::Pcmu, Codec::Opus, wide] {
        for codec_b in [Codec::Pcmu, Codec::Opus, Codec::G722, wide] {
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

/// A party that has agreed on no telephone-event.
fn call_without_events(world: &mut World, codec: Codec) -> usize {
    let party = world.add_party(Protection::Plain, codec);
    world.parties[party].local.telephone_event = false;
    world.offer(party);
    party
}

/// The party plays each key as a tone, with as long a pause behind it.
fn dial_tones(world: &mut World, party: usize, keys: &str, length: Duration) {
    for key in keys.chars() {
        world.parties[party].speak_tones(&Tone::dtmf(key, -10.0).expect("a key"));
        world.advance(length);
        world.parties[party].speak_tones(&[]);
        world.advance(length);
    }
}

#[test]
fn tones_of_a_party_without_events_are_digits() {
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus] {
        let mut world = World::new();
        let party = call_without_events(&mut world, codec);
        dial_tones(&mut world, party, "0123456789*#ABCD", Duration::from_millis(80));
        assert_eq!(told(&world, world.parties[party].leg), "0123456789*#ABCD", "{codec:?}");
    }
}

#[test]
fn tones_become_events_once_for_a_partner_that_takes_them() {
    for codec_b in [Codec::Pcmu, Codec::Opus] {
        let mut world = World::new();
        let a = call_without_events(&mut world, Codec::Pcmu);
        let b = world.call(Protection::Plain, codec_b);
        world.bridge(a, b);
        dial_tones(&mut world, a, "155#", Duration::from_millis(200));
        world.advance(Duration::from_secs(1));
        assert_eq!(told(&world, world.parties[a].leg), "155#", "{codec_b:?}");
        let party = &world.parties[b];
        assert_eq!(party.digits, "155#", "{codec_b:?}");
        let key_tones = tones(&party.heard, codec_b.sample_rate());
        assert_eq!(key_tones, "", "{codec_b:?}: not as tones as well");
        world.forget();
        world.parties[a].speak(440.0);
        world.advance(Duration::from_secs(1));
        world.assert_hears(b, 440.0);
    }
}

#[test]
fn tones_reach_a_partner_without_events_as_they_are() {
    let mut world = World::new();
    let a = call_without_events(&mut world, Codec::Pcmu);
    let b = call_without_events(&mut world, Codec::Pcmu);
    world.bridge(a, b);
    dial_tones(&mut world, a, "42", Duration::from_millis(100));
    assert_eq!(told(&world, world.parties[a].leg), "42");
    assert_eq!(tones(&world.parties[b].heard, 8_000), "42");
}

#[test]
fn tones_with_lost_packets_are_still_one_digit_each() {
    let mut world = World::new();
    let party = call_without_events(&mut world, Codec::Pcmu);
    world.loses = |packet| packet % 9 == 4;
    dial_tones(&mut world, party, "159D", Duration::from_millis(120));
    assert_eq!(told(&world, world.parties[party].leg), "159D");
}

#[test]
fn a_party_with_events_is_not_listened_to_unless_that_is_wanted() {
    for (wanted, expected) in
        [(InbandDtmf::Needed, ""), (InbandDtmf::Never, ""), (InbandDtmf::Always, "7")]
    {
        let mut world = World::with(|settings| settings.inband_dtmf = wanted);
        let party = world.call(Protection::Plain, Codec::Pcmu);
        dial_tones(&mut world, party, "7", Duration::from_millis(100));
        assert_eq!(told(&world, world.parties[party].leg), expected, "{wanted:?}");
    }
}

/// A gateway sends the beginning of the tone, and then events in its place.
#[test]
fn a_press_that_comes_as_tone_and_as_events_is_one_digit() {
    let mut world = World::with(|settings| settings.inband_dtmf = InbandDtmf::Always);
    let a = world.call(Protection::Plain, Codec::Pcmu);
    let b = world.call(Protection::Plain, Codec::Opus);
    world.bridge(a, b);
    for key in "5559".chars() {
        world.parties[a].speak_tones(&Tone::dtmf(key, -10.0).expect("a key"));
        world.advance(Duration::from_millis(60));
        world.parties[a].press(key, 8_000, PRESS);
        world.advance(PRESS);
        world.parties[a].speak_tones(&[]);
        world.advance(Duration::from_millis(120));
    }
    world.advance(Duration::from_secs(1));
    assert_eq!(told(&world, world.parties[a].leg), "5559");
    assert_eq!(world.parties[b].digits, "5559");
}

#[test]
fn keys_told_in_signalling_reach_the_partner_in_what_it_understands() {
    let mut world = World::new();
    let a = world.call(Protection::Plain, Codec::Pcmu);
    let b = world.call(Protection::Plain, Codec::Opus);
    let (leg, other) = (world.parties[a].leg, world.parties[b].leg);
    world.bridge(a, b);
    let press = |leg, digits: &str| MediaCommand::HandleDtmf {
        leg,
        digits: digits.to_owned(),
        duration_ms: 160,
    };
    world.command(press(leg, "4"));
    world.advance(Duration::from_secs(1));
    assert_eq!((told(&world, leg).as_str(), world.parties[b].digits.as_str()), ("4", "4"));

    let c = call_without_events(&mut world, Codec::Pcmu);
    world.bridge(b, c);
    world.command(press(other, "2"));
    world.advance(Duration::from_secs(1));
    assert_eq!(tones(&world.parties[c].heard, 8_000), "2");

    world.forget();
    let third = world.parties[c].leg;
    world.command(MediaCommand::TakesInfo { leg: third });
    world.command(press(other, "3"));
    world.parties[b].press('9', 48_000, PRESS);
    world.advance(Duration::from_secs(1));
    for (digit, duration_ms) in [('3', 160), ('9', 120)] {
        let wanted = MediaEvent::SendInfo { leg: third, digit, duration_ms };
        assert!(world.take_event(|event| *event == wanted), "{digit}");
    }
    assert_eq!(tones(&world.parties[c].heard, 8_000), "");
}

#[test]
fn info_of_a_party_that_also_sends_events_is_not_a_second_press() {
    let mut world = World::new();
    let a = world.call(Protection::Plain, Codec::Pcmu);
    let leg = world.parties[a].leg;
    for _ in 0..2 {
        world.parties[a].press('6', 8_000, PRESS);
        world.advance(Duration::from_millis(200));
        let digits = "6".to_owned();
        world.command(MediaCommand::HandleDtmf { leg, digits, duration_ms: 160 });
        world.advance(Duration::from_millis(200));
    }
    assert_eq!(told(&world, leg), "66");
}

#[test]
fn a_key_that_barges_in_ends_the_prompt_while_it_is_down() {
    let mut world = World::new();
    let a = world.call(Protection::Plain, Codec::Pcmu);
    let leg = world.parties[a].leg;
    let prompts = vec!["tone:700,20000".to_owned()];
    world.command(MediaCommand::Play { leg, prompts, repeat: false });
    let control = PlayControl::BargeIn("12".to_owned());
    world.command(MediaCommand::PlayControl { leg, control });
    world.parties[a].press('3', 8_000, PRESS);
    world.advance(Duration::from_secs(1));
    world.forget();
    world.advance(Duration::from_millis(500));
    world.assert_hears(a, 700.0);
    world.parties[a].press('2', 8_000, Duration::from_secs(2));
    world.advance(Duration::from_millis(100));
    assert!(world.take_event(|event| *event == MediaEvent::PlayInterrupted { leg, digit: '2' }));
    world.forget();
    world.advance(Duration::from_secs(3));
    assert_eq!(world.parties[a].heard_ms(), 0, "nothing is played any longer");
    assert_eq!(told(&world, leg), "32");
    assert!(!world.take_event(|event| *event == MediaEvent::PlayFinished { leg }));
}
