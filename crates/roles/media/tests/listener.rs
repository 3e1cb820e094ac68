//! Who listens hears one party, and nobody notices.

mod world;

use offhook_audio::Codec;
use offhook_bus::{MediaCommand, MediaEvent, MediaRefusal, SpeechGate};
use offhook_model::LegId;
use std::time::Duration;
use world::{CODECS, PROTECTIONS, Protection, World};

const A_HZ: f64 = 440.0;
const B_HZ: f64 = 1_004.0;
const SECOND: Duration = Duration::from_secs(1);

/// Two who talk.
fn talking(codec: Codec) -> (World, usize, usize) {
    let mut world = World::new();
    let a = world.call(Protection::Plain, codec);
    let b = world.call(Protection::Plain, codec);
    world.bridge(a, b);
    world.parties[a].speak(A_HZ);
    world.parties[b].speak(B_HZ);
    (world, a, b)
}

fn listen(world: &mut World, listener: usize, to: usize) {
    let (leg, to) = (world.parties[listener].leg, world.parties[to].leg);
    world.command(MediaCommand::Listen { leg, to });
}

fn gate(world: &mut World, party: usize, speech: SpeechGate, dtmf: bool) {
    let leg = world.parties[party].leg;
    world.command(MediaCommand::Gate { leg, speech, dtmf });
}

#[test]
fn a_listener_of_any_codec_hears_one_party_alone() {
    for codec in CODECS {
        for listeners_codec in CODECS {
            let (mut world, a, b) = talking(codec);
            let to_a = world.call(Protection::Plain, listeners_codec);
            let to_b = world.call(Protection::Plain, listeners_codec);
            listen(&mut world, to_a, a);
            listen(&mut world, to_b, b);
            // What the listeners say reaches nobody.
            world.parties[to_a].speak(2_000.0);
            world.parties[to_b].speak(2_500.0);
            world.advance(SECOND);
            world.forget();
            world.advance(SECOND);
            world.assert_hears(to_a, A_HZ);
            world.assert_hears(to_b, B_HZ);
            world.assert_hears(a, B_HZ);
            world.assert_hears(b, A_HZ);
            for party in 0..4 {
                let heard_ms = world.parties[party].heard_ms();
                assert!((960..=1_040).contains(&heard_ms), "{party}: {heard_ms} ms");
            }
        }
    }
}

#[test]
fn a_listener_has_a_protection_of_its_own() {
    for protection in PROTECTIONS {
        let (mut world, a, _) = talking(Codec::Pcmu);
        let listener = world.invite(protection, Codec::Pcma, None);
        listen(&mut world, listener, a);
        world.advance(SECOND);
        world.forget();
        world.advance(SECOND);
        world.assert_hears(listener, A_HZ);
    }
}

#[test]
fn two_who_talk_get_the_same_packets_with_and_without_listeners() {
    let headers = |listeners: &[Codec]| {
        let (mut world, a, b) = talking(Codec::Pcmu);
        for codec in listeners {
            let listener = world.call(Protection::Plain, *codec);
            listen(&mut world, listener, a);
        }
        world.advance(SECOND);
        [a, b].map(|party| world.parties[party].headers.clone())
    };
    assert_eq!(headers(&[]), headers(&[Codec::Pcmu, Codec::Opus]));
}

#[test]
fn a_lone_party_is_heard() {
    let mut world = World::new();
    let speaker = world.call(Protection::Plain, Codec::G722);
    let listener = world.call(Protection::Plain, Codec::Opus);
    listen(&mut world, listener, speaker);
    world.parties[speaker].speak(A_HZ);
    world.advance(SECOND);
    world.forget();
    world.advance(SECOND);
    world.assert_hears(listener, A_HZ);
    assert!(world.parties[speaker].heard.is_empty());
}

#[test]
fn keys_reach_a_listener() {
    let (mut world, a, _) = talking(Codec::Pcmu);
    let listener = world.call(Protection::Plain, Codec::Pcma);
    listen(&mut world, listener, a);
    world.parties[a].press('7', 8_000, Duration::from_millis(200));
    world.advance(SECOND);
    assert_eq!(world.parties[listener].digits, "7");
}

#[test]
fn a_listener_changes_to_another_party_and_goes_on_over_its_stream() {
    let (mut world, a, b) = talking(Codec::Pcmu);
    let listener = world.call(Protection::Plain, Codec::Pcmu);
    listen(&mut world, listener, a);
    world.advance(SECOND);
    listen(&mut world, listener, b);
    world.forget();
    world.advance(SECOND);
    world.assert_hears(listener, B_HZ);
    let headers = &world.parties[listener].headers;
    for (before, after) in headers.iter().zip(&headers[1..]) {
        assert_eq!(after.sequence_number, before.sequence_number.wrapping_add(1));
    }
}

#[test]
fn a_listener_ends_with_its_leg_or_with_that_of_whom_it_hears() {
    let (mut world, a, b) = talking(Codec::Pcmu);
    let first = world.call(Protection::Plain, Codec::Pcmu);
    let second = world.call(Protection::Plain, Codec::Opus);
    for listener in [first, second] {
        listen(&mut world, listener, a);
    }
    world.advance(SECOND);
    let leg = world.parties[first].leg;
    world.command(MediaCommand::Release { leg });
    world.forget();
    world.advance(SECOND);
    world.assert_hears(second, A_HZ);
    world.assert_hears(b, A_HZ);
    assert!(world.parties[first].heard.is_empty());
    let leg = world.parties[a].leg;
    world.command(MediaCommand::Release { leg });
    world.forget();
    world.advance(SECOND);
    assert!(world.parties[second].heard.is_empty());
}

#[test]
fn a_listener_that_is_bridged_listens_no_longer() {
    let (mut world, a, _) = talking(Codec::Pcmu);
    let listener = world.call(Protection::Plain, Codec::Pcmu);
    let other = world.call(Protection::Plain, Codec::Pcmu);
    listen(&mut world, listener, a);
    world.bridge(listener, other);
    world.parties[other].speak(600.0);
    world.advance(SECOND);
    world.assert_hears(listener, 600.0);
}

#[test]
fn who_is_bridged_anew_keeps_its_listeners() {
    let (mut world, a, _) = talking(Codec::Pcmu);
    let listener = world.call(Protection::Plain, Codec::Pcmu);
    listen(&mut world, listener, a);
    let other = world.call(Protection::Plain, Codec::Opus);
    world.bridge(a, other);
    world.advance(SECOND);
    world.forget();
    world.advance(SECOND);
    world.assert_hears(listener, A_HZ);
    world.assert_hears(other, A_HZ);
}

#[test]
fn listening_to_nobody_to_oneself_or_as_one_too_many_is_refused() {
    let (mut world, a, _) = talking(Codec::Pcmu);
    let leg = world.parties[a].leg;
    let refused = |world: &mut World, leg, why: MediaRefusal| {
        world.take_event(|event| *event == MediaEvent::Refused { leg, why: why.clone() })
    };
    world.command(MediaCommand::Listen { leg, to: leg });
    assert!(refused(&mut world, leg, MediaRefusal::NoSuchLeg));
    world.command(MediaCommand::Listen { leg, to: LegId(99) });
    assert!(refused(&mut world, leg, MediaRefusal::NoSuchLeg));
    for _ in 0..16 {
        let listener = world.call(Protection::Plain, Codec::Pcmu);
        listen(&mut world, listener, a);
    }
    let listener = world.call(Protection::Plain, Codec::Pcmu);
    listen(&mut world, listener, a);
    let leg = world.parties[listener].leg;
    assert!(refused(&mut world, leg, MediaRefusal::Exhausted));
}

#[test]
fn a_silenced_party_is_heard_as_silence_in_its_own_rhythm() {
    for codec in CODECS {
        for others_codec in CODECS {
            let mut world = World::new();
            let a = world.call(Protection::Plain, codec);
            let b = world.call(Protection::Plain, others_codec);
            let listener = world.call(Protection::Plain, others_codec);
            world.bridge(a, b);
            listen(&mut world, listener, a);
            world.parties[a].speak(A_HZ);
            world.parties[b].speak(B_HZ);
            world.advance(SECOND);
            gate(&mut world, a, SpeechGate::Silent, true);
            world.advance(SECOND);
            world.forget();
            world.advance(SECOND);
            world.assert_hears(a, B_HZ);
            for party in [b, listener] {
                let level = world.parties[party].level();
                assert!(level < -50.0, "{codec:?} to {others_codec:?}: {level} dBm0");
                let headers = &world.parties[party].headers;
                assert!((48..=52).contains(&headers.len()), "{} packets", headers.len());
                let ticks = world.parties[party].codec.frame_ticks(20);
                for (before, after) in headers.iter().zip(&headers[1..]) {
                    assert_eq!(after.sequence_number, before.sequence_number.wrapping_add(1));
                    assert_eq!(after.timestamp, before.timestamp.wrapping_add(ticks));
                }
            }
            gate(&mut world, a, SpeechGate::Open, true);
            world.advance(SECOND);
            world.forget();
            world.advance(SECOND);
            world.assert_hears(b, A_HZ);
            world.assert_hears(listener, A_HZ);
        }
    }
}

#[test]
fn keys_of_a_silenced_party_pass_and_a_shut_one_is_not_heard() {
    let (mut world, a, b) = talking(Codec::Pcmu);
    let listener = world.call(Protection::Plain, Codec::Pcmu);
    listen(&mut world, listener, a);
    gate(&mut world, a, SpeechGate::Silent, true);
    world.parties[a].press('5', 8_000, Duration::from_millis(200));
    world.advance(SECOND);
    assert_eq!(world.parties[b].digits, "5");
    assert_eq!(world.parties[listener].digits, "5");
    gate(&mut world, a, SpeechGate::Shut, false);
    world.forget();
    world.parties[a].press('6', 8_000, Duration::from_millis(200));
    world.advance(SECOND);
    for party in [b, listener] {
        assert!(world.parties[party].headers.is_empty());
    }
}
