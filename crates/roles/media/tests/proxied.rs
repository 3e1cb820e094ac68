//! Legs whose descriptions a proxy's door decides.

mod world;

use offhook_audio::{Codec, Tone};
use offhook_bus::{MediaCommand, MediaEvent};
use std::time::Duration;
use world::{CODECS, Protection, World};

const HZ: f64 = 440.0;
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn packets_have_the_length_that_is_asked_for() {
    for codec in CODECS {
        for speakers_codec in [codec, Codec::Pcma] {
            for ptime_ms in [10, 20, 40, 60] {
                let mut world = World::new();
                let a = world.call_on(Protection::Plain, speakers_codec, |_| {});
                let b = world.call_on(Protection::Plain, codec, |terms| {
                    terms.ptime_ms = Some(ptime_ms);
                });
                world.bridge(a, b);
                world.parties[a].speak(HZ);
                world.advance(SECOND);
                world.forget();
                world.advance(SECOND);
                world.assert_hears(b, HZ);
                let heard_ms = world.parties[b].heard_ms();
                assert!((940..=1_060).contains(&heard_ms), "{heard_ms} ms");
                let headers = &world.parties[b].headers;
                let expected = 1_000 / usize::from(ptime_ms);
                let count = headers.len();
                assert!(count.abs_diff(expected) <= 2, "{codec:?}, {ptime_ms} ms: {count}");
                let ticks = codec.frame_ticks(ptime_ms.into());
                for (before, after) in headers.iter().zip(&headers[1..]) {
                    assert_eq!(after.sequence_number, before.sequence_number.wrapping_add(1));
                    assert_eq!(after.timestamp, before.timestamp.wrapping_add(ticks));
                }
            }
        }
    }
}

#[test]
fn packets_that_have_the_length_are_relayed() {
    let mut world = World::new();
    let a = world.call_on(Protection::Plain, Codec::Pcmu, |_| {});
    let b = world.call_on(Protection::Plain, Codec::Pcmu, |terms| terms.ptime_ms = Some(20));
    world.bridge(a, b);
    world.parties[a].speak(HZ);
    world.advance(SECOND);
    // The sender's own numbers: a packet that was made anew has ours.
    let headers = &world.parties[b].headers;
    assert_eq!((headers[0].sequence_number, headers[0].timestamp), (1, 0));
    world.assert_hears(b, HZ);
}

/// Bytes that go to a party with Opus in a second.
fn opus_bytes_of_a_second(opus_bitrate: Option<u32>) -> u64 {
    let mut world = World::new();
    let a = world.call_on(Protection::Plain, Codec::Pcmu, |_| {});
    let b = world.call_on(Protection::Plain, Codec::Opus, |terms| {
        terms.opus_bitrate = opus_bitrate;
    });
    world.bridge(a, b);
    world.parties[a].speak(HZ);
    world.advance(SECOND);
    let octets = |world: &mut World| {
        let leg = world.parties[b].leg;
        world.events.clear();
        world.command(MediaCommand::Measure { leg });
        let measured = world.events.iter().find_map(|event| match event {
            MediaEvent::Measured { measure, .. } => measure.as_ref(),
            _ => None,
        });
        measured.expect("what was measured").octets_sent
    };
    let before = octets(&mut world);
    world.advance(SECOND);
    world.assert_hears(b, HZ);
    octets(&mut world) - before
}

#[test]
fn opus_takes_the_bits_that_are_asked_for() {
    let (low, high) = (opus_bytes_of_a_second(Some(12_000)), opus_bytes_of_a_second(Some(64_000)));
    assert!((1_000..2_500).contains(&low), "{low} bytes");
    assert!((5_000..9_000).contains(&high), "{high} bytes");
}

/// A party that presses a key within its speech, having no telephone-event.
fn press_in_speech(is_asked: bool) -> (World, usize, usize) {
    let mut world = World::new();
    let a = world.add_party(Protection::Plain, Codec::Pcmu);
    world.parties[a].local.telephone_event = false;
    world.describe_on(a, |terms| terms.detects_dtmf = is_asked);
    let b = world.call_on(Protection::Plain, Codec::Pcmu, |_| {});
    world.bridge(a, b);
    // The two tones of the key 5.
    let tone = |hz| Tone { hz, dbm0: -8.0 };
    world.parties[a].speak_tones(&[tone(770.0), tone(1_336.0)]);
    world.advance(Duration::from_millis(200));
    world.parties[a].speak_tones(&[]);
    world.advance(SECOND);
    (world, a, b)
}

#[test]
fn keys_within_speech_become_events_where_that_is_asked_for() {
    let (world, _, b) = press_in_speech(true);
    assert_eq!(world.parties[b].digits, "5");
    let (world, _, b) = press_in_speech(false);
    assert_eq!(world.parties[b].digits, "");
}
