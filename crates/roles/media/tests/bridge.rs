//! Two parties hear each other, whatever codec and protection each of them has.

mod world;

use offhook_audio::{Codec, L16Rate, level};
use offhook_bus::{IceRole, MediaCommand, Security, Terms};
use std::time::Duration;
use world::{CODECS, PROTECTIONS, Protection, World, all_codecs};

/// Both speak for a second; both tones are measured.
fn assert_talk(world: &mut World, a: usize, b: usize) {
    world.forget();
    world.parties[a].speak(440.0);
    world.parties[b].speak(1_004.0);
    world.advance(Duration::from_millis(1_500));
    world.assert_hears(a, 1_004.0);
    world.assert_hears(b, 440.0);
    for party in [a, b] {
        let heard_ms = world.parties[party].heard_ms();
        assert!((1_200..=1_520).contains(&heard_ms), "{heard_ms} ms were heard");
        let level = world.parties[party].level();
        assert!((-12.5..-8.5).contains(&level), "{level} dBm0");
    }
}

#[test]
fn every_codec_with_every_codec() {
    for codec_a in CODECS {
        for codec_b in CODECS {
            let mut world = World::new();
            let a = world.call(Protection::Plain, codec_a);
            let b = world.call(Protection::Plain, codec_b);
            world.bridge(a, b);
            assert_talk(&mut world, a, b);
        }
    }
}

/// Linear samples in one and two channels at every rate, with each other codec.
#[test]
fn linear_samples_with_every_codec() {
    use L16Rate::{Hz8000, Hz16000, Hz44100, Hz48000};
    for rate in [Hz8000, Hz16000, Hz44100, Hz48000] {
        for linear in [Codec::L16(rate), Codec::L16Stereo(rate)] {
            for other in [Codec::Pcmu, Codec::G722, Codec::Opus, Codec::L16(Hz16000), linear] {
                let mut world = World::new();
                let parties = [linear, other].map(|codec| {
                    let party = world.add_party(Protection::Plain, codec);
                    // What is longer than this does not fit into a packet in every case.
                    let is_large = codec.samples_within(1_400) < codec.frame_samples(20);
                    world.parties[party].ptime_ms = if is_large { 5 } else { 20 };
                    world.offer(party);
                    party
                });
                world.bridge(parties[0], parties[1]);
                assert_talk(&mut world, parties[0], parties[1]);
            }
        }
    }
}

/// A party that stops speaking and says how loud its surroundings are is heard so, and not as a hole.
#[test]
fn comfort_noise_is_heard_where_speech_is_decoded() {
    for other in [Codec::G722, Codec::Opus, Codec::L16(L16Rate::Hz16000)] {
        let mut world = World::new();
        let a = world.add_party(Protection::Plain, Codec::Pcmu);
        world.parties[a].local.comfort_noise = true;
        let offer = world.parties[a].offer();
        let leg = world.parties[a].leg;
        let terms = Terms::new(offer.clone(), Security::Plain, IceRole::None);
        let terms = Terms { rtcp_mux: false, dtls: false, ..terms };
        world.command(MediaCommand::AnswerOn { leg, offer, terms });
        let answer = world.described(leg).expect("an answer");
        let now = world.now;
        world.parties[a].accept_answer(&answer, now);
        let b = world.call(Protection::Plain, other);
        world.bridge(a, b);
        world.parties[a].speak(440.0);
        world.advance(Duration::from_secs(1));
        world.parties[a].speech = None;
        let timestamp = 160 * 60;
        let noise = world.parties[a].packet(13, false, timestamp, &[40]);
        world.send(a, noise);
        world.advance(Duration::from_millis(500));
        world.forget();
        world.advance(Duration::from_secs(1));
        let level = world.parties[b].level();
        // -40 dBov is -36.9 dBm0; codecs with less than the whole band take a little of it.
        assert!((-41.0..-34.0).contains(&level), "{other:?}: {level} dBm0");
        world.parties[a].speak(440.0);
        world.advance(Duration::from_secs(1));
        world.forget();
        world.advance(Duration::from_secs(1));
        world.assert_hears(b, 440.0);
    }
}

#[test]
fn every_protection_with_every_protection() {
    for protection_a in PROTECTIONS {
        for protection_b in PROTECTIONS {
            let mut world = World::new();
            let a = world.call(protection_a, Codec::Pcmu);
            let b = world.invite(protection_b, Codec::Opus, None);
            world.advance(Duration::from_secs(1));
            let connected = world.parties.iter().all(|party| party.connected);
            assert!(connected, "{protection_a:?} with {protection_b:?}");
            world.bridge(a, b);
            assert_talk(&mut world, a, b);
        }
    }
}

#[test]
fn an_offer_prefers_the_partners_codec_so_that_nothing_is_transcoded() {
    for codec in CODECS {
        let mut world = World::new();
        let a = world.call(Protection::Plain, codec);
        let leg = world.parties[a].leg;
        let b = world.add_party(Protection::Plain, Codec::Pcmu);
        world.parties[b].local.codecs = all_codecs();
        world.reinvite(b, Some(leg));
        assert_eq!(world.parties[b].codec, codec);
        world.bridge(a, b);
        assert_talk(&mut world, a, b);
    }
}

#[test]
fn a_relayed_stream_has_one_source_and_no_gaps() {
    let mut world = World::new();
    let a = world.call(Protection::Plain, Codec::Pcmu);
    let b = world.call(Protection::Plain, Codec::Pcmu);
    let leg = world.parties[b].leg;
    let prompts = vec!["tone:700,500".to_owned()];
    world.command(MediaCommand::Play { leg, prompts, repeat: false });
    world.parties[a].speak(440.0);
    world.advance(Duration::from_millis(600));
    world.bridge(a, b);
    world.advance(Duration::from_millis(500));
    world.command(MediaCommand::Unbridge { leg });
    world.command(MediaCommand::Echo { leg, delay_ms: 0 });
    world.parties[b].speak(1_004.0);
    world.advance(Duration::from_millis(500));
    let headers = &world.parties[b].headers;
    assert!(headers.len() > 60);
    for (before, after) in headers.iter().zip(&headers[1..]) {
        assert_eq!(before.ssrc, after.ssrc);
        assert_eq!(after.sequence_number, before.sequence_number.wrapping_add(1));
        let ticks = after.timestamp.wrapping_sub(before.timestamp);
        assert!((1..=2_000).contains(&ticks), "a step of {ticks} ticks");
        assert!(after.marker || ticks == 160, "a step of {ticks} ticks without a marker");
    }
    let markers = headers.iter().filter(|header| header.marker).count();
    assert_eq!(markers, 3, "the tone, the bridge and the echo begin with one");
}

#[test]
fn loss_is_concealed_when_it_is_decoded() {
    for codec in [Codec::Pcmu, Codec::Opus] {
        let mut world = World::new();
        let a = world.call(Protection::Plain, codec);
        let b = world.call(Protection::Plain, Codec::G722);
        world.bridge(a, b);
        world.loses = |packet| packet % 10 == 7;
        world.parties[a].speak(440.0);
        world.advance(Duration::from_secs(2));
        let party = &world.parties[b];
        assert!(party.share(440.0) > 0.8, "{codec:?}: {:.3}", party.share(440.0));
        let piece = party.codec.sample_rate() as usize / 100;
        let pieces = party.heard.chunks_exact(piece).skip(20).map(level::dbm0);
        let quietest = pieces.fold(f64::INFINITY, f64::min);
        assert!(quietest > -40.0, "{codec:?}: a hole of {quietest} dBm0");
    }
}

#[test]
fn another_partner_takes_over() {
    let mut world = World::new();
    let a = world.call(Protection::Plain, Codec::Pcmu);
    let b = world.call(Protection::Sdes, Codec::Pcmu);
    let c = world.call(Protection::Plain, Codec::Opus);
    world.bridge(a, b);
    assert_talk(&mut world, a, b);
    world.bridge(a, c);
    world.parties[b].speech = None;
    assert_talk(&mut world, a, c);
    assert!(world.parties[b].heard.is_empty(), "the old partner hears nothing");
}

#[test]
fn a_bridge_survives_a_change_of_codec() {
    let mut world = World::new();
    let a = world.call(Protection::Plain, Codec::Pcmu);
    let b = world.call(Protection::Plain, Codec::Pcmu);
    world.bridge(a, b);
    assert_talk(&mut world, a, b);
    for codec in [Codec::Opus, Codec::Pcma, Codec::Pcmu] {
        let mut other = World::new();
        let donor = other.call(Protection::Plain, codec);
        world.parties[a].local.codecs = other.parties[donor].local.codecs.clone();
        world.offer(a);
        assert_eq!(world.parties[a].codec, codec);
        assert_talk(&mut world, a, b);
    }
}
