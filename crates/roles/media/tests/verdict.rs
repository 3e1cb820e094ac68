//! Why a party was not heard: each reason is brought about by a party that behaves so.

mod world;

use offhook_audio::Codec;
use offhook_bus::{IceRole, MediaCommand, MediaEvent, MediaRefusal, OfferPolicy, Security};
use offhook_model::{AudioVerdict, LegId, StreamReport};
use offhook_rtc::Component;
use offhook_sdp::Direction;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use world::{Protection, World};

const WHILE: Duration = Duration::from_secs(5);

fn report(world: &mut World, party: usize) -> StreamReport {
    let leg = world.parties[party].leg;
    world.command(MediaCommand::Release { leg });
    let released = world.events.iter().find_map(|event| match event {
        MediaEvent::Released { leg: of, report: Some(report) } if *of == leg => {
            Some(report.clone())
        }
        _ => None,
    });
    released.expect("a report")
}

fn verdict(world: &mut World, party: usize) -> Option<AudioVerdict> {
    report(world, party).verdict.map(|verdict| *verdict)
}

/// Plays to the party, so that it is sent something.
fn play(world: &mut World, party: usize) {
    let leg = world.parties[party].leg;
    let prompts = vec!["tone:700,60000".to_owned()];
    world.command(MediaCommand::Play { leg, prompts, repeat: false });
}

#[test]
fn a_party_that_is_heard_has_no_verdict() {
    for (protection, codec) in [
        (Protection::Plain, Codec::Pcmu),
        (Protection::Browser, Codec::Opus),
        (Protection::Sdes, Codec::G722),
    ] {
        let mut world = World::new();
        let party = world.call(protection, codec);
        world.advance(Duration::from_secs(2));
        world.parties[party].speak(440.0);
        world.advance(WHILE);
        assert_eq!(verdict(&mut world, party), None, "{protection:?} {codec:?}");
    }
}

#[test]
fn nothing_received_says_what_was_sent_where() {
    let mut world = World::new();
    let party = world.call(Protection::Plain, Codec::Pcmu);
    play(&mut world, party);
    world.advance(WHILE);
    let found = verdict(&mut world, party).expect("a verdict");
    let AudioVerdict::NothingReceived { sent_to, packets_sent, seconds: 5 } = found else {
        panic!("{found:?}");
    };
    assert_eq!(sent_to, Some(world.parties[party].address));
    assert!(packets_sent.abs_diff(250) < 5, "{packets_sent}");
}

#[test]
fn a_short_call_and_a_party_that_may_not_speak_have_no_verdict() {
    let mut world = World::new();
    let short = world.call(Protection::Plain, Codec::Pcmu);
    world.advance(Duration::from_secs(2));
    assert_eq!(verdict(&mut world, short), None);
    let listener = world.add_party(Protection::Plain, Codec::Pcmu);
    world.parties[listener].set_direction(Direction::RecvOnly);
    world.offer(listener);
    world.advance(WHILE);
    assert_eq!(verdict(&mut world, listener), None);
}

#[test]
fn a_private_address_is_named() {
    let mut world = World::new();
    let party = world.add_party(Protection::Plain, Codec::Pcmu);
    let private = SocketAddr::from((Ipv4Addr::new(192, 168, 1, 20), 4_000));
    world.parties[party].local.address = private.ip();
    world.offer(party);
    world.advance(WHILE);
    let addresses = vec![private];
    assert_eq!(verdict(&mut world, party), Some(AudioVerdict::PrivateAddress { addresses }));
}

#[test]
fn candidates_that_nobody_reaches_are_named() {
    let mut world = World::new();
    let party = world.add_party(Protection::Browser, Codec::Opus);
    world.parties[party].deaf = true;
    world.offer(party);
    world.advance(Duration::from_secs(90));
    let tried = vec![world.parties[party].address];
    let found = verdict(&mut world, party);
    assert_eq!(found, Some(AudioVerdict::UnreachableCandidates { tried }));
}

#[test]
fn a_handshake_that_fails_is_named_with_its_reason() {
    let mut world = World::new();
    let party = world.add_party(Protection::Dtls, Codec::Pcmu);
    let fingerprint = world.parties[party].local.fingerprint.as_mut().expect("DTLS has one");
    fingerprint.digest[0] ^= 1;
    world.parties[party].may_fail = true;
    world.offer(party);
    world.advance(WHILE);
    let found = verdict(&mut world, party).expect("a verdict");
    let AudioVerdict::DtlsFailed { reason } = &found else { panic!("{found:?}") };
    assert!(reason.contains("fingerprint"), "{reason}");
    assert!(found.evidence().contains("fingerprint"));
}

#[test]
fn packets_of_another_codec_are_a_mismatch() {
    let mut world = World::new();
    let party = world.call(Protection::Plain, Codec::Pcmu);
    for number in 0..250_u32 {
        let packet = world.parties[party].packet(18, false, number * 160, &[0; 20]);
        world.send(party, packet);
        world.advance(Duration::from_millis(20));
    }
    let agreed = "PCMU".to_owned();
    let expected = AudioVerdict::CodecMismatch { payload_type: 18, packets: 250, agreed };
    assert_eq!(verdict(&mut world, party), Some(expected));
}

#[test]
fn packets_that_the_keys_do_not_open_are_named() {
    let mut world = World::new();
    let party = world.call(Protection::Sdes, Codec::Pcmu);
    let (leg, source) = (world.parties[party].leg, world.parties[party].address);
    for number in 0..200_u32 {
        let packet = world.parties[party].packet(0, false, number * 160, &[0; 180]);
        world.deliver(leg, Component::Rtp, source, packet);
        world.advance(Duration::from_millis(20));
    }
    assert_eq!(verdict(&mut world, party), Some(AudioVerdict::WrongKeys { packets: 200 }));
}

/// The first packet decides where a party is; its audio then comes from another port.
#[test]
fn a_party_that_sends_from_another_port_is_named_with_both() {
    let mut world = World::new();
    let party = world.call(Protection::Plain, Codec::Pcmu);
    let (leg, expected) = (world.parties[party].leg, world.parties[party].address);
    let first = world.parties[party].packet(0, false, 0, &[0x20; 160]);
    world.send(party, first);
    let seen = SocketAddr::new(expected.ip(), 61_000);
    for number in 1..200_u32 {
        let packet = world.parties[party].packet(0, false, number * 160, &[0x20; 160]);
        world.deliver(leg, Component::Rtp, seen, packet);
        world.advance(Duration::from_millis(20));
    }
    let expected = AudioVerdict::WrongSource { expected: Some(expected), seen, packets: 199 };
    assert_eq!(verdict(&mut world, party), Some(expected));
}

#[test]
fn a_muted_sender_is_named() {
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus] {
        let mut world = World::new();
        let party = world.call(Protection::Plain, codec);
        world.parties[party].speak_tones(&[]);
        world.advance(2 * WHILE);
        let found = verdict(&mut world, party);
        assert!(
            matches!(found, Some(AudioVerdict::SilentSender { packets: 490..=510 })),
            "{codec:?}: {found:?}"
        );
    }
}

#[test]
fn bursts_and_the_clocks_drift_are_reported_when_they_were_measured() {
    let mut world = World::new();
    let party = world.call(Protection::Plain, Codec::Pcmu);
    world.parties[party].speak(440.0);
    world.loses = |packet| packet % 100 < 4;
    world.advance(Duration::from_secs(40));
    let measured = report(&mut world, party);
    let burst_ratio = measured.burst_ratio.expect("packets were lost");
    assert!((burst_ratio - 3.84).abs() < 0.1, "{burst_ratio}");
    let drift = measured.clock_drift_ppm.expect("it lasted for long enough");
    assert!(drift.abs() < 20.0, "{drift} ppm");
    let short = world.call(Protection::Plain, Codec::Pcmu);
    world.advance(Duration::from_secs(1));
    let unmeasured = report(&mut world, short);
    assert_eq!(
        (unmeasured.burst_ratio, unmeasured.clock_drift_ppm, unmeasured.mos),
        (None, None, None)
    );
}

/// The verdict with which a description was refused.
fn refusal(world: &mut World, leg: LegId) -> AudioVerdict {
    let refused = world.events.drain(..).find_map(|event| match event {
        MediaEvent::Refused { leg: of, why: MediaRefusal::NothingInCommon { verdict, .. } } => {
            (of == leg).then_some(*verdict)
        }
        _ => None,
    });
    refused.expect("it was refused with a verdict")
}

/// A party's offer whose audio section is this.
fn offer_of(section: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{section}"
    )
}

#[test]
fn an_offer_without_a_codec_of_ours_is_refused_with_what_both_have() {
    let mut world = World::new();
    let party = world.add_party(Protection::Plain, Codec::Pcmu);
    let leg = world.parties[party].leg;
    let offer = offer_of(
        "m=audio 4000 RTP/AVP 18 97 101\r\na=rtpmap:97 iLBC/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\n",
    );
    world.command(MediaCommand::Answer { leg, offer });
    let found = refusal(&mut world, leg);
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let expected = AudioVerdict::NoCommonCodec {
        theirs: names(&["G729", "iLBC"]),
        ours: names(&["opus", "G722", "PCMU", "PCMA", "L16"]),
    };
    assert_eq!(found, expected);
}

#[test]
fn an_offer_whose_keys_we_do_not_have_is_refused_with_what_both_have() {
    let mut world = World::new();
    let party = world.add_party(Protection::Plain, Codec::Pcmu);
    let leg = world.parties[party].leg;
    let offer =
        offer_of("m=audio 4000 RTP/SAVP 0\r\na=crypto:1 F8_128_HMAC_SHA1_80 inline:AAAA\r\n");
    world.command(MediaCommand::Answer { leg, offer });
    let found = refusal(&mut world, leg);
    let AudioVerdict::NoCommonProtection { theirs, ours } = &found else { panic!("{found:?}") };
    assert_eq!(theirs, "RTP/SAVP with F8_128_HMAC_SHA1_80");
    assert!(ours.contains("AES_CM_128_HMAC_SHA1_80") && ours.ends_with("DTLS-SRTP"), "{ours}");
}

#[test]
fn an_answer_without_a_codec_of_our_offer_is_refused_with_what_both_have() {
    let mut world = World::new();
    let party = world.add_party(Protection::Plain, Codec::Pcmu);
    let leg = world.parties[party].leg;
    let (security, ice) = (Security::Plain, IceRole::None);
    let policy = OfferPolicy { security, ice, prefer_codec_of: None };
    world.command(MediaCommand::Offer { leg, policy });
    let answer = offer_of("m=audio 4000 RTP/AVP 18\r\n");
    world.command(MediaCommand::AcceptAnswer { leg, answer });
    let found = refusal(&mut world, leg);
    let AudioVerdict::NoCommonCodec { theirs, ours } = &found else { panic!("{found:?}") };
    assert_eq!((theirs.join(" ").as_str(), ours.len()), ("G729", 4));
}
