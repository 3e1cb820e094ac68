//! A party hears itself, at once or later, whatever its codec and protection.

mod world;

use offhook_bus::{MediaCommand, MediaEvent};
use std::time::Duration;
use world::{CODECS, PROTECTIONS, Protection, World};

#[test]
fn every_codec_and_protection_is_echoed() {
    for protection in PROTECTIONS {
        for codec in CODECS {
            let mut world = World::new();
            let party = world.call(protection, codec);
            let leg = world.parties[party].leg;
            world.command(MediaCommand::Echo { leg, delay_ms: 0 });
            world.advance(Duration::from_secs(1));
            assert!(world.take_event(|event| *event == MediaEvent::Connected { leg }));
            world.parties[party].speak(440.0);
            world.advance(Duration::from_secs(1));
            world.assert_hears(party, 440.0);
            assert!(world.parties[party].heard_ms() >= 960, "{protection:?} {codec:?}");
        }
    }
}

#[test]
fn a_delayed_echo_comes_later() {
    let mut world = World::new();
    let party = world.call(Protection::Plain, offhook_audio::Codec::Pcmu);
    let leg = world.parties[party].leg;
    world.command(MediaCommand::Echo { leg, delay_ms: 1_000 });
    world.parties[party].speak(440.0);
    world.advance(Duration::from_millis(990));
    assert!(world.parties[party].heard.is_empty());
    world.advance(Duration::from_millis(1_000));
    assert!((960..=1_000).contains(&world.parties[party].heard_ms()));
    world.assert_hears(party, 440.0);
}

/// Keys are not echoed. What is left out would count as lost if it left its numbers behind.
#[test]
fn a_key_leaves_no_gap_in_the_echo() {
    let mut world = World::new();
    let party = world.call(Protection::Plain, offhook_audio::Codec::Pcmu);
    let leg = world.parties[party].leg;
    world.command(MediaCommand::Echo { leg, delay_ms: 0 });
    world.parties[party].speak(440.0);
    world.advance(Duration::from_millis(200));
    world.parties[party].press('5', 8_000, Duration::from_millis(160));
    world.advance(Duration::from_secs(1));
    let headers = &world.parties[party].headers;
    assert!(headers.len() > 40, "{} packets", headers.len());
    for pair in headers.windows(2) {
        assert_eq!(pair[1].sequence_number, pair[0].sequence_number.wrapping_add(1));
    }
}
