//! Sections that are passed on as they are, and go on in another engine.

mod world;

use offhook_audio::Codec;
use offhook_bus::{MediaCommand, MediaEvent, SpeechGate};
use offhook_model::LegMeasure;
use std::time::Duration;
use world::sections::{G729, T38, feedback, rtp, video};
use world::{PROTECTIONS, Protection, World};

/// How long the old engine goes on after the snapshot.
const UNNOTED: Duration = Duration::from_secs(3);
/// How long there is no engine.
const DOWN: Duration = Duration::from_millis(700);
/// Numbers that a restart may cost each source.
const LOST_MAX: u16 = 15;

/// Two parties with a section each, bridged and connected.
fn bridged(protections: [Protection; 2], lines: impl Fn(Protection) -> String) -> World {
    let mut world = World::new();
    let [a, b] = protections;
    let a = world.call_with(a, &lines(a));
    let b = world.invite_with(b, &lines(b));
    world.bridge(a, b);
    world.advance(Duration::from_secs(1));
    world
}

fn pictures(protections: [Protection; 2]) -> World {
    bridged(protections, video)
}

/// Goes on from snapshots that were taken before `unnoted` happened.
fn restart(world: &mut World, unnoted: impl FnOnce(&mut World)) {
    let snapshots = world.snapshots();
    unnoted(world);
    world.advance(UNNOTED);
    world.restart(&snapshots, DOWN, UNNOTED + DOWN);
    for (leg, _) in snapshots {
        assert!(world.take_event(|e| *e == MediaEvent::Restored { leg }), "{:?}", world.events);
    }
    world.parties.iter_mut().for_each(|party| party.passed.clear());
}

/// Sends packets of a source both ways, of which every one arrives as it was sent.
#[track_caller]
fn assert_both_pass(world: &mut World, ssrc: u32, numbers: std::ops::Range<u16>) {
    for (from, to) in [(0, 1), (1, 0)] {
        let sent: Vec<_> = numbers.clone().map(|number| rtp(96, ssrc, number)).collect();
        sent.iter().for_each(|packet| world.send(from, packet.clone()));
        assert_eq!(world.parties[to].passed, sent, "{from} to {to}");
        world.parties[to].passed.clear();
    }
}

fn assert_feedback_passes(world: &mut World) {
    for (from, to) in [(0, 1), (1, 0)] {
        world.send_rtcp(from, feedback(9));
        assert_eq!(world.parties[to].passed, [feedback(9)], "{from} to {to}");
        world.parties[to].passed.clear();
    }
}

#[test]
fn pictures_and_feedback_pass_again_whatever_protects_them() {
    for a in PROTECTIONS {
        for b in PROTECTIONS {
            let mut world = pictures([a, b]);
            assert_both_pass(&mut world, 1, 65_500..65_520);
            world.parties.iter_mut().for_each(|party| party.passed.clear());
            // The rollover counter grows after the snapshot, then again before the next.
            for first in [0_u16, 1_000] {
                restart(&mut world, |world| assert_both_pass(world, 1, first..first + 40));
                assert_feedback_passes(&mut world);
                let next = first + 40 + LOST_MAX;
                assert_both_pass(&mut world, 1, next..next + 20);
            }
        }
    }
}

/// A party refuses a packet whose number it has had, so that a test in which one reaches it fails.
#[test]
fn no_number_is_encrypted_twice() {
    for a in PROTECTIONS {
        for b in [Protection::Sdes, Protection::Dtls, Protection::Browser] {
            let mut world = pictures([a, b]);
            world.send(0, rtp(96, 1, 100));
            restart(&mut world, |world| {
                for number in 101..200 {
                    world.send(0, rtp(96, 1, number));
                }
                // A source that the snapshot does not know.
                world.send(0, rtp(97, 2, 7));
                world.send(0, rtp(97, 2, 8));
            });
            for number in 100..200 {
                world.send(0, rtp(42, 1, number));
            }
            world.send(0, rtp(42, 2, 7));
            world.send(0, rtp(42, 2, 8));
            assert!(world.parties[1].passed.is_empty(), "{a:?} to {b:?}");
            let expected = [rtp(96, 1, 215), rtp(97, 2, 23), rtp(96, 3, 7)];
            for packet in expected.clone() {
                world.send(0, packet);
            }
            assert_eq!(world.parties[1].passed, expected, "{a:?} to {b:?}");
        }
    }
}

#[test]
fn what_is_not_known_to_be_free_is_left_out_when_nothing_was_noted() {
    let mut world = bridged([Protection::Plain, Protection::Sdes], |protection| {
        let is_sdes = protection == Protection::Sdes;
        if is_sdes { G729.replace("AVP", "SAVP") } else { G729.to_owned() }
    });
    world.send(0, rtp(18, 1, 100));
    world.parties[1].passed.clear();
    assert!(world.noted.is_empty(), "nobody keeps the leg");
    let snapshots = world.snapshots();
    assert!(!world.noted.is_empty());
    world.noted.clear();
    world.restart(&snapshots, DOWN, Duration::from_secs(5));
    // A hundred a second, and a hundred more.
    for (ssrc, number) in [(1, 101), (1, 700), (1, 701), (2, 5)] {
        world.send(0, rtp(18, ssrc, number));
    }
    assert_eq!(world.parties[1].passed, [rtp(18, 1, 701)]);
    world.parties[1].passed.clear();
    // The engine after that knows what this one has noted.
    restart(&mut world, |world| world.send(0, rtp(18, 1, 702)));
    world.send(0, rtp(18, 2, 6));
    world.send(0, rtp(18, 1, 718));
    assert_eq!(world.parties[1].passed, [rtp(18, 1, 718)]);
}

#[test]
fn a_picture_of_which_nothing_was_noted_waits_for_other_keys_when_it_is_old() {
    for (age_s, passes) in [(29, true), (31, false)] {
        let mut world = pictures([Protection::Plain, Protection::Sdes]);
        world.send(0, rtp(96, 1, 100));
        let snapshots = world.snapshots();
        world.noted.clear();
        world.parties[1].passed.clear();
        let age = Duration::from_secs(age_s);
        world.restart(&snapshots, DOWN, age);
        let first = 100 + 1_000 + 1_000 * age_s as u16;
        for number in [101, first, first + 1, first.wrapping_add(40_000)] {
            world.send(0, rtp(96, 1, number));
        }
        let expected = if passes { vec![rtp(96, 1, first + 1)] } else { Vec::new() };
        assert_eq!(world.parties[1].passed, expected, "{age_s} s");
        // The other way nothing is encrypted.
        world.send(1, rtp(96, 1, 7));
        assert_eq!(world.parties[0].passed, [rtp(96, 1, 7)]);
    }
}

#[test]
fn a_fax_goes_on() {
    let mut world = bridged([Protection::Plain; 2], |_| T38.to_owned());
    world.send_datagram(0, &[7; 20]);
    restart(&mut world, |_| {});
    for (from, to) in [(0, 1), (1, 0)] {
        world.send_datagram(from, &[9; 30]);
        assert_eq!(world.parties[to].passed, [[9; 30]]);
    }
    assert!(world.noted.values().all(|reserved| reserved.keys == 0), "nothing is encrypted");
}

#[test]
fn speech_and_pictures_of_a_call_go_on_together() {
    let mut world = pictures([Protection::Browser, Protection::Plain]);
    let a = world.call(Protection::Browser, Codec::Opus);
    let b = world.invite(Protection::Plain, Codec::Pcma, None);
    world.bridge(a, b);
    world.parties[a].speak(440.0);
    world.advance(Duration::from_secs(1));
    assert_both_pass(&mut world, 1, 0..20);
    restart(&mut world, |_| {});
    world.forget();
    world.advance(Duration::from_secs(1));
    world.assert_hears(b, 440.0);
    assert_both_pass(&mut world, 1, 40..60);
}

#[test]
fn numbers_go_on_with_the_same_keys_of_a_new_offer() {
    let mut world = pictures([Protection::Plain, Protection::Sdes]);
    world.send(0, rtp(96, 1, 60_000));
    restart(&mut world, |world| world.send(0, rtp(96, 1, 60_001)));
    let before = world.noted[&world.parties[1].leg].clone();
    world.offer_section(1, &video(Protection::Sdes));
    world.send(0, rtp(96, 1, 60_002 + LOST_MAX));
    assert_eq!(world.parties[1].passed.len(), 1, "the same keys");
    let noted = world.noted[&world.parties[1].leg].clone();
    assert_eq!((noted.keys, before.keys), (1, 1));
    assert!(noted.indices[0].1 > before.indices[0].1);
}

#[test]
fn it_turns_to_speech_and_back_afterwards() {
    let mut world = World::new();
    let a = world.call(Protection::Sdes, Codec::Pcmu);
    let b = world.call(Protection::Plain, Codec::Pcmu);
    world.bridge(a, b);
    let g729 = G729.replace("AVP", "SAVP");
    world.offer_section(a, &g729);
    world.offer_section(b, G729);
    world.send(b, rtp(18, 5, 1));
    assert_eq!(world.parties[a].passed.len(), 1);
    restart(&mut world, |world| world.send(b, rtp(18, 5, 2)));
    world.offer(a);
    world.offer(b);
    for (from, to) in [(a, b), (b, a)] {
        world.parties[from].speak(440.0);
        world.forget();
        world.advance(Duration::from_secs(1));
        world.assert_hears(to, 440.0);
    }
    restart(&mut world, |_| {});
    world.offer_section(a, &g729);
    world.offer_section(b, G729);
    world.parties[a].passed.clear();
    world.send(b, rtp(18, 5, 3));
    world.send(b, rtp(18, 5, 19));
    assert_eq!(world.parties[a].passed, [rtp(18, 5, 19)]);
}

#[test]
fn a_leg_that_has_turned_opaque_since_is_restored_as_it_was_and_uses_no_number_twice() {
    let mut world = World::new();
    let a = world.call(Protection::Sdes, Codec::Pcmu);
    let b = world.call(Protection::Plain, Codec::Pcmu);
    world.bridge(a, b);
    world.advance(Duration::from_secs(1));
    let g729 = G729.replace("AVP", "SAVP");
    restart(&mut world, |world| {
        world.offer_section(a, &g729);
        world.offer_section(b, G729);
        world.send(b, rtp(18, 5, 1));
    });
    world.offer_section(a, &g729);
    world.offer_section(b, G729);
    world.parties[a].passed.clear();
    world.send(b, rtp(18, 5, 1));
    world.send(b, rtp(18, 5, 17));
    assert_eq!(world.parties[a].passed, [rtp(18, 5, 17)]);
}

#[test]
fn counts_a_gate_and_the_learnt_address_are_what_they_were() {
    let mut world = pictures([Protection::Plain, Protection::Sdes]);
    assert_both_pass(&mut world, 1, 0..20);
    let before = measured(&mut world, 0);
    let leg = world.parties[0].leg;
    world.command(MediaCommand::Gate { leg, speech: SpeechGate::Shut, dtmf: true });
    restart(&mut world, |_| {});
    world.send(0, rtp(96, 1, 40));
    assert!(world.parties[1].passed.is_empty(), "the gate is shut");
    world.send(1, rtp(96, 1, 40));
    assert_eq!(world.parties[0].passed.len(), 1);
    let after = measured(&mut world, 0);
    assert_eq!(after.report.packets_received, before.report.packets_received + 1);
    assert_eq!(after.report.packets_sent, before.report.packets_sent + 1);
    assert_eq!(after.octets_received, before.octets_received + 100);
    assert_eq!(after.ssrc_sent, before.ssrc_sent);
    assert_eq!(after.destination, before.destination);
    assert_eq!(after.report.security.as_deref(), Some("none"));
}

fn measured(world: &mut World, index: usize) -> LegMeasure {
    let leg = world.parties[index].leg;
    world.command(MediaCommand::Measure { leg });
    let place = world.events.iter().rposition(|e| matches!(e, MediaEvent::Measured { .. }));
    match world.events.remove(place.expect("a measure")) {
        MediaEvent::Measured { measure: Some(measure), .. } => *measure,
        other => panic!("{other:?}"),
    }
}
