//! A bridge that goes on in another engine, from what was noted of its legs.

mod world;

use offhook_audio::Codec;
use offhook_bus::{
    IceRole, LegSnapshot, MediaCommand, MediaEvent, MediaRefusal, OfferPolicy, Security, SpeechGate,
};
use offhook_model::LegMeasure;
use std::time::Duration;
use world::sections::{section, terms};
use world::{PROTECTIONS, Protection, World};

/// How long the old engine goes on after the snapshot.
const UNNOTED: Duration = Duration::from_secs(3);
/// How long there is no engine.
const DOWN: Duration = Duration::from_millis(700);

/// Two parties that talk.
fn bridge(protections: [Protection; 2], codecs: [Codec; 2]) -> World {
    let mut world = World::new();
    world.call(protections[0], codecs[0]);
    world.invite(protections[1], codecs[1], None);
    world.advance(Duration::from_secs(1));
    world.bridge(0, 1);
    assert_talk(&mut world);
    world
}

#[track_caller]
fn assert_talk(world: &mut World) {
    world.parties[0].speak(440.0);
    world.parties[1].speak(1_004.0);
    world.parties.iter_mut().for_each(|party| party.heard.clear());
    world.advance(Duration::from_millis(1_500));
    world.assert_hears(0, 1_004.0);
    world.assert_hears(1, 440.0);
    for party in &world.parties {
        assert!(party.heard_ms() > 1_100, "{:?} heard {} ms", party.leg, party.heard_ms());
    }
}

fn restart(world: &mut World) {
    let snapshots = world.snapshots();
    world.advance(UNNOTED);
    world.restart(&snapshots, DOWN, UNNOTED + DOWN);
    for (leg, _) in snapshots {
        assert!(world.take_event(|event| *event == MediaEvent::Restored { leg }));
    }
}

/// Nothing goes back: a number that comes twice would be a key stream that is used twice.
#[track_caller]
fn assert_goes_forward(world: &World) {
    for party in &world.parties {
        let pairs = party.headers.windows(2);
        for pair in pairs {
            let step = pair[1].sequence_number.wrapping_sub(pair[0].sequence_number) as i16;
            let later = pair[1].timestamp.wrapping_sub(pair[0].timestamp) as i32;
            assert!(step > 0 && later > 0, "{:?}: {:?} then {:?}", party.leg, pair[0], pair[1]);
            assert_eq!(pair[1].ssrc, pair[0].ssrc);
        }
    }
}

/// As [`assert_goes_forward`], where packets of an event have one timestamp.
#[track_caller]
fn assert_numbers_go_forward(world: &World) {
    for party in &world.parties {
        for pair in party.headers.windows(2) {
            let step = pair[1].sequence_number.wrapping_sub(pair[0].sequence_number) as i16;
            assert!(step > 0, "{:?}: {:?} then {:?}", party.leg, pair[0], pair[1]);
        }
    }
}

#[test]
fn both_hear_each_other_again_whatever_protects_them() {
    for a in PROTECTIONS {
        for b in PROTECTIONS {
            let mut world = bridge([a, b], [Codec::Pcmu, Codec::Pcmu]);
            for _ in 0..2 {
                restart(&mut world);
                assert_talk(&mut world);
            }
            assert_goes_forward(&world);
        }
    }
}

#[test]
fn so_do_those_whose_speech_is_transcoded() {
    for protection in PROTECTIONS {
        let mut world = bridge([protection, Protection::Plain], [Codec::Opus, Codec::Pcma]);
        restart(&mut world);
        assert_talk(&mut world);
        assert_goes_forward(&world);
    }
}

#[test]
fn a_relay_in_the_clear_loses_what_was_lost_and_no_more() {
    let mut world = bridge([Protection::Plain; 2], [Codec::Pcmu; 2]);
    world.forget();
    restart(&mut world);
    assert_talk(&mut world);
    let headers = &world.parties[1].headers;
    let steps = headers.windows(2);
    let gap = steps.map(|p| p[1].sequence_number.wrapping_sub(p[0].sequence_number)).max();
    let lost = DOWN.as_millis() as u16 / 20;
    assert!((lost..lost + 3).contains(&gap.expect("packets")), "{gap:?}");
}

#[test]
fn new_offers_of_either_side_work_and_counts_go_on() {
    for protection in PROTECTIONS {
        let mut world = bridge([protection, protection], [Codec::Pcmu; 2]);
        let before = measured(&mut world);
        restart(&mut world);
        world.offer(0);
        world.reinvite(1, None);
        assert_talk(&mut world);
        let after = measured(&mut world);
        assert!(after.report.packets_received > before.report.packets_received + 50);
        assert!(after.report.packets_sent > before.report.packets_sent + 50);
        assert!(after.octets_received > before.octets_received);
        assert_eq!(after.ssrc_sent, before.ssrc_sent);
        assert_eq!(after.destination, before.destination);
    }
}

fn measured(world: &mut World) -> LegMeasure {
    let leg = world.parties[0].leg;
    world.command(MediaCommand::Measure { leg });
    let place = world.events.iter().rposition(|e| matches!(e, MediaEvent::Measured { .. }));
    match world.events.remove(place.expect("a measure")) {
        MediaEvent::Measured { measure: Some(measure), .. } => *measure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_browser_may_restart_ice_afterwards() {
    let mut world = bridge([Protection::Browser, Protection::Plain], [Codec::Pcmu; 2]);
    restart(&mut world);
    world.parties[0].restart_ice();
    world.offer(0);
    world.advance(Duration::from_secs(1));
    assert_talk(&mut world);
    let is_trouble = |event: &MediaEvent| matches!(event, MediaEvent::Trouble { .. });
    assert!(!world.events.iter().any(is_trouble), "{:?}", world.events);
}

#[test]
fn a_party_with_another_certificate_has_another_association() {
    for protection in [Protection::Dtls, Protection::Browser] {
        for is_restarted in [false, true] {
            let mut world = bridge([protection, Protection::Plain], [Codec::Pcmu; 2]);
            if is_restarted {
                restart(&mut world);
            }
            for _ in 0..2 {
                world.parties[0].replace_certificate();
                world.offer(0);
                world.advance(Duration::from_secs(2));
                assert_talk(&mut world);
                // The same description again.
                world.offer(0);
                assert_talk(&mut world);
            }
        }
    }
}

#[test]
fn a_gate_stays_closed() {
    let mut world = bridge([Protection::Plain; 2], [Codec::Pcmu; 2]);
    let leg = world.parties[0].leg;
    world.command(MediaCommand::Gate { leg, speech: SpeechGate::Shut, dtmf: false });
    restart(&mut world);
    world.forget();
    world.advance(Duration::from_secs(1));
    world.assert_hears(0, 1_004.0);
    assert!(world.parties[1].heard.is_empty());
}

#[test]
fn what_cannot_be_restored_is_refused_with_a_reason() {
    let mut world = bridge([Protection::Sdes, Protection::Plain], [Codec::Pcmu; 2]);
    let (leg, good) = world.snapshots().remove(0);
    let other = LegSnapshot(good.0.replacen("\"version\":1", "\"version\":9", 1));
    let cut = LegSnapshot(good.0[..good.0.len() / 2].to_owned());
    let soon = Duration::from_secs(1);
    let cases = [
        (&other, soon, "version 9"),
        (&cut, soon, "cannot be read"),
        (&good, Duration::from_secs(1_000), "1000 s old"),
    ];
    for (snapshot, age, expected) in cases {
        world.events.clear();
        world.closed.clear();
        world.restart(&[(leg, snapshot.clone())], DOWN, age);
        let [MediaEvent::Refused { why: MediaRefusal::NotAcceptable(why), .. }] = &*world.events
        else {
            panic!("{:?}", world.events);
        };
        assert!(why.contains(expected), "{why}");
        assert_eq!(world.closed, [leg]);
    }
}

#[test]
fn a_snapshot_does_not_show_itself() {
    let mut world = bridge([Protection::Sdes, Protection::Dtls], [Codec::Pcmu; 2]);
    for (_, snapshot) in world.snapshots() {
        assert!(snapshot.0.contains("sdes_secret") && snapshot.0.contains("key_and_salt"));
        assert_eq!(format!("{snapshot:?}"), format!("LegSnapshot({} bytes)", snapshot.0.len()));
    }
}

#[test]
fn packets_keep_the_length_that_is_asked_for() {
    let mut world = World::new();
    let a = world.call_on(Protection::Plain, Codec::Pcmu, |_| {});
    let b = world.call_on(Protection::Plain, Codec::Pcmu, |terms| terms.ptime_ms = Some(40));
    world.bridge(a, b);
    world.parties[a].speak(440.0);
    world.advance(Duration::from_secs(1));
    restart(&mut world);
    world.advance(Duration::from_secs(1));
    world.forget();
    world.advance(Duration::from_secs(1));
    world.assert_hears(b, 440.0);
    let count = world.parties[b].headers.len();
    assert!(count.abs_diff(25) <= 2, "{count} packets of 40 ms in a second");
}

#[test]
fn opus_keeps_the_bitrate_that_is_asked_for() {
    let octets_of_a_second = |bitrate: Option<u32>| {
        let mut world = World::new();
        let a = world.call_on(Protection::Plain, Codec::Opus, |terms| terms.opus_bitrate = bitrate);
        let b = world.call_on(Protection::Plain, Codec::Pcmu, |_| {});
        assert_eq!((a, b), (0, 1));
        world.bridge(a, b);
        world.parties[b].speak(440.0);
        world.advance(Duration::from_secs(1));
        restart(&mut world);
        world.advance(Duration::from_secs(1));
        let before = measured(&mut world).octets_sent;
        world.advance(Duration::from_secs(1));
        measured(&mut world).octets_sent - before
    };
    let (low, usual) = (octets_of_a_second(Some(8_000)), octets_of_a_second(None));
    assert!((700..=1_300).contains(&low), "8 kbit/s are {low} bytes in a second");
    assert!(usual > 2 * low, "{usual} bytes, and {low} where 8 kbit/s are asked for");
}

/// What was passed on before, in the clear, is not what comes first.
#[test]
fn a_sound_and_a_key_that_come_first_do_not_go_back() {
    for is_key in [false, true] {
        for is_restarted_twice in [false, true] {
            let mut world = bridge([Protection::Plain; 2], [Codec::Pcmu; 2]);
            let snapshots = world.snapshots();
            world.advance(UNNOTED);
            world.parties[0].speech = None;
            world.restart(&snapshots, DOWN, UNNOTED + DOWN);
            if is_restarted_twice {
                restart(&mut world);
            }
            let leg = world.parties[1].leg;
            world.parties[1].heard.clear();
            if is_key {
                world.command(MediaCommand::SendDtmf { leg, digits: "5".into(), duration_ms: 100 });
            } else {
                world.command(MediaCommand::Unbridge { leg });
                let prompts = vec!["music:".to_owned()];
                world.command(MediaCommand::Play { leg, prompts, repeat: true });
            }
            world.advance(Duration::from_secs(1));
            let party = &world.parties[1];
            assert!(is_key || party.heard_ms() > 800, "{} ms", party.heard_ms());
            assert_eq!(party.digits, if is_key { "5" } else { "" });
            world.parties[0].speak(440.0);
            world.advance(Duration::from_secs(1));
            assert_numbers_go_forward(&world);
        }
    }
}

#[test]
fn who_listens_to_a_party_hears_it_again() {
    for protection in PROTECTIONS {
        for codec in [Codec::Pcmu, Codec::Opus] {
            let mut world = bridge([Protection::Sdes, Protection::Plain], [Codec::Pcmu; 2]);
            let listener = world.invite(protection, codec, None);
            world.advance(Duration::from_secs(1));
            let (leg, to) = (world.parties[listener].leg, world.parties[0].leg);
            world.command(MediaCommand::Listen { leg, to });
            world.advance(Duration::from_secs(1));
            restart(&mut world);
            world.command(MediaCommand::Listen { leg, to });
            assert_talk_beside(&mut world, listener);
            assert_goes_forward(&world);
        }
    }
}

/// The two talk, and a listener hears the first.
#[track_caller]
fn assert_talk_beside(world: &mut World, listener: usize) {
    world.parties[0].speak(440.0);
    world.parties[1].speak(1_004.0);
    world.parties.iter_mut().for_each(|party| party.heard.clear());
    world.advance(Duration::from_millis(1_500));
    world.assert_hears(0, 1_004.0);
    world.assert_hears(1, 440.0);
    world.assert_hears(listener, 440.0);
}

#[test]
fn the_answer_to_an_offer_that_is_passed_on_as_it_is_comes_afterwards() {
    let lines = "m=audio 9 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n";
    let mut world = World::new();
    let index = world.add_party(Protection::Plain, Codec::Pcmu);
    let (leg, like) = (world.parties[index].leg, section(lines));
    world.command(MediaCommand::OfferOn { leg, terms: terms(Protection::Plain, &like) });
    let answer = world.answer_of(index, lines);
    restart(&mut world);
    world.command(MediaCommand::AcceptAnswer { leg, answer });
    assert!(world.take_event(|event| *event == MediaEvent::Agreed { leg }), "{:?}", world.events);
}

/// Where there is no room, an answer that would be transcoded for the other party is refused.
#[test]
fn a_leg_still_knows_whom_it_will_be_bridged_to() {
    let mut world = World::with(|settings| settings.load_max = Some(0.5));
    let a = world.call(Protection::Plain, Codec::Opus);
    let b = world.add_party(Protection::Plain, Codec::Pcmu);
    let (leg, prefer_codec_of) = (world.parties[b].leg, Some(world.parties[a].leg));
    let policy = OfferPolicy { security: Security::Plain, ice: IceRole::None, prefer_codec_of };
    world.command(MediaCommand::Offer { leg, policy });
    let offer = world.described(leg).expect("an offer");
    restart(&mut world);
    world.engine.handle_load(1.0);
    let answer = world.parties[b].answer(&offer, world.now);
    world.command(MediaCommand::AcceptAnswer { leg, answer });
    let refused = MediaEvent::Refused { leg, why: MediaRefusal::Overloaded };
    assert!(world.take_event(|event| *event == refused), "{:?}", world.events);
}

#[test]
fn a_leg_that_was_refused_is_not_kept_while_its_partner_is() {
    let mut world = World::new();
    let a = world.invite(Protection::Plain, Codec::Pcmu, None);
    let b = world.add_party(Protection::Plain, Codec::Pcmu);
    let leg = world.parties[b].leg;
    let offer = "nothing that could be read".to_owned();
    world.command(MediaCommand::Answer { leg, offer });
    assert!(world.take_event(|event| matches!(event, MediaEvent::Refused { .. })));
    world.bridge(a, b);
    for (index, is_kept) in [(a, true), (b, false)] {
        let leg = world.parties[index].leg;
        world.command(MediaCommand::Snapshot { leg });
        assert!(world.take_event(|event| {
            matches!(event, MediaEvent::Snapshot { snapshot, .. } if snapshot.is_some() == is_kept)
        }));
    }
}
