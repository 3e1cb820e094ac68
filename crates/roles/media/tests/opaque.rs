//! What an opaque leg passes on arrives as it was sent, whatever protects it on either side.

mod world;

use offhook_audio::Codec;
use offhook_bus::{
    ConferenceCommand, ConferenceEvent, ConferenceId, JoinRefusal, MediaCommand, MediaEvent,
    MemberRole, RecordingCommand, RecordingEvent, RecordingFailure, RecordingFormat,
    RecordingLayout, RecordingSource, SpeechGate,
};
use offhook_rtc::Component;
use offhook_rtp::SRTP_STREAMS_MAX;
use std::time::Duration;
use world::sections::{G729, T38, VIDEO, feedback, rtp, section, terms, video};
use world::{PROTECTIONS, Protection, World};

/// Two parties with a section each, bridged.
fn bridged(a: Protection, b: Protection) -> (World, usize, usize) {
    let mut world = World::new();
    let a = world.call_with(a, &video(a));
    let b = world.invite_with(b, &video(b));
    world.bridge(a, b);
    world.advance(Duration::from_secs(1));
    (world, a, b)
}

fn measured(world: &mut World, index: usize) -> offhook_bus::LegMeasure {
    let leg = world.parties[index].leg;
    world.command(MediaCommand::Measure { leg });
    let found = world.events.iter().rev().find_map(|event| match event {
        MediaEvent::Measured { leg: of, measure } if *of == leg => measure.clone(),
        _ => None,
    });
    *found.expect("a measure")
}

#[test]
fn every_protection_with_every_protection_and_nothing_is_changed() {
    for protection_a in PROTECTIONS {
        for protection_b in PROTECTIONS {
            let (mut world, a, b) = bridged(protection_a, protection_b);
            let mut expected = Vec::new();
            for number in 0..5_u16 {
                let wrapped = number.wrapping_sub(3);
                let sent = [rtp(96, 1, wrapped), rtp(97, 2, 9 + number), rtp(42, 3, number)];
                for packet in sent {
                    world.send(a, packet.clone());
                    expected.push(packet);
                }
            }
            assert_eq!(world.parties[b].passed, expected, "{protection_a:?} to {protection_b:?}");
            world.send_rtcp(b, feedback(0x99));
            let came = &world.parties[a].passed;
            assert_eq!(*came, [feedback(0x99)], "{protection_b:?} to {protection_a:?}");
        }
    }
}

#[test]
fn a_description_is_the_partys_with_our_transport() {
    let mut world = World::new();
    let a = world.call_with(Protection::Browser, &video(Protection::Browser));
    let answer = &world.parties[a].answers[0];
    let ours = answer.split_once("m=video ").expect("a video section").1;
    let expected = format!("30002 UDP/TLS/RTP/SAVPF 96 97\r\n{}", VIDEO.replace("a=mid:1\r\n", ""));
    assert!(ours.starts_with(&expected), "{answer}");
    for line in ["a=mid:1\r\n", "a=rtcp-mux\r\n", "a=ice-ufrag:", "a=candidate:", "a=fingerprint:"]
    {
        assert!(ours.contains(line), "{line} in {answer}");
    }
    assert!(answer.contains("a=ice-lite\r\n") && !answer.contains("10.0.0.1"), "{answer}");
    let b = world.invite_with(Protection::Sdes, &video(Protection::Sdes));
    let offer = &world.parties[b].answers[0];
    let expected = format!("m=video 30004 RTP/SAVPF 96 97\r\n{VIDEO}a=rtcp:30005\r\na=crypto:");
    assert!(offer.contains(&expected), "{offer}");
}

#[test]
fn a_call_turns_to_a_format_that_we_do_not_know_and_back() {
    let mut world = World::new();
    let a = world.call(Protection::Sdes, Codec::Pcmu);
    let b = world.call(Protection::Plain, Codec::Pcmu);
    world.bridge(a, b);
    world.parties[a].speak(440.0);
    world.advance(Duration::from_secs(1));
    world.assert_hears(b, 440.0);

    // The offer leaves what is spoken as it is until it is answered.
    let leg = world.parties[b].leg;
    let like = section("m=audio 9 RTP/AVP 0 18\r\na=rtpmap:18 G729/8000\r\n");
    let mut speech = terms(Protection::Plain, &like);
    speech.is_opaque = false;
    world.command(MediaCommand::OfferOn { leg, terms: speech });
    world.forget();
    world.advance(Duration::from_secs(1));
    world.assert_hears(b, 440.0);
    let answer = world.answer_of(b, G729);
    world.command(MediaCommand::AcceptOpaqueAnswer { leg, answer });
    world.offer_section(a, &G729.replace("AVP", "SAVP"));
    let packet = rtp(18, 5, 1);
    world.send(a, packet.clone());
    assert_eq!(world.parties[b].passed, [packet]);

    world.offer(a);
    world.offer(b);
    world.parties[a].speak(1_004.0);
    world.forget();
    world.advance(Duration::from_secs(1));
    world.assert_hears(b, 1_004.0);
    assert_eq!(world.parties[b].passed.len(), 1);
}

#[test]
fn a_fax_passes_whatever_its_datagrams_begin_with() {
    let mut world = World::new();
    let a = world.call_with(Protection::Plain, T38);
    let b = world.invite_with(Protection::Plain, T38);
    world.bridge(a, b);
    let datagrams: Vec<Vec<u8>> =
        (0..=255_u8).map(|first| [&[first, 1, 200, 0][..], &[first; 40]].concat()).collect();
    for datagram in &datagrams {
        world.send_datagram(a, datagram);
    }
    assert_eq!(world.parties[b].passed, datagrams);
    let (leg, stranger) = (world.parties[a].leg, "203.0.113.9:4000".parse().expect("an address"));
    world.deliver(leg, Component::Rtp, stranger, vec![1; 20]);
    world.advance(Duration::ZERO);
    assert_eq!(world.parties[b].passed.len(), 256, "a stranger's datagram is not passed on");
    assert_eq!(world.engine.take_counts().refused["source"], 1);
    assert!(world.parties[a].answers[0].contains(&T38.replace(" 9 ", " 30002 ")));
}

#[test]
fn what_was_passed_on_is_counted() {
    let (mut world, a, b) = bridged(Protection::Sdes, Protection::Plain);
    world.send(a, rtp(96, 1, 1));
    world.send(a, rtp(96, 1, 2));
    world.send_rtcp(a, feedback(1));
    world.advance(Duration::from_millis(500));
    let (from, to) = (measured(&mut world, a), measured(&mut world, b));
    assert_eq!((from.report.packets_received, from.octets_received), (2, 200));
    assert_eq!((to.report.packets_sent, to.octets_sent), (2, 200));
    assert_eq!((from.ssrc_received, to.ssrc_sent), (Some(1), 1));
    assert_eq!(from.report.security.as_deref(), Some("sdes"));
    assert_eq!(from.report.verdict, None);
    assert!(from.idle_ms.is_some_and(|idle| (500..600).contains(&idle)), "{:?}", from.idle_ms);
    let counts = world.engine.take_counts();
    assert_eq!((counts.received, counts.sent), (2, 2));
}

#[test]
fn a_gate_and_a_bridge_stop_media() {
    let (mut world, a, b) = bridged(Protection::Plain, Protection::Plain);
    let leg = world.parties[a].leg;
    world.command(MediaCommand::Gate { leg, speech: SpeechGate::Shut, dtmf: true });
    world.send(a, rtp(96, 1, 1));
    world.send_rtcp(a, feedback(1));
    assert_eq!(world.parties[b].passed, [feedback(1)], "feedback passes a gate");
    world.command(MediaCommand::Gate { leg, speech: SpeechGate::Silent, dtmf: true });
    world.send(a, rtp(96, 1, 1));
    assert_eq!(world.parties[b].passed.len(), 1, "silence cannot be written for it");
    world.command(MediaCommand::Gate { leg, speech: SpeechGate::Open, dtmf: true });
    world.send(a, rtp(96, 1, 2));
    world.command(MediaCommand::Unbridge { leg });
    world.send(a, rtp(96, 1, 3));
    assert_eq!(world.parties[b].passed[1..], [rtp(96, 1, 2)]);
}

#[test]
fn an_opaque_leg_and_one_of_speech_hear_nothing_of_each_other() {
    let mut world = World::new();
    let a = world.call_with(Protection::Plain, G729);
    let b = world.call(Protection::Plain, Codec::Pcmu);
    world.bridge(a, b);
    world.parties[b].speak(440.0);
    world.send(a, rtp(0, 1, 1));
    world.advance(Duration::from_secs(1));
    assert!(world.parties[a].passed.is_empty() && world.parties[b].heard.is_empty());
}

#[test]
fn what_asks_for_speech_is_refused() {
    let (mut world, a, _) = bridged(Protection::Plain, Protection::Plain);
    let leg = world.parties[a].leg;
    let prompts = vec!["tone:440,1000".to_owned()];
    world.command(MediaCommand::Play { leg, prompts, repeat: true });
    assert!(world.take_event(|event| *event == MediaEvent::PlayFinished { leg }));
    let conference = ConferenceId(1);
    let command = ConferenceCommand::Join { leg, role: MemberRole::TALKS };
    world.command(MediaCommand::Conference { conference, command });
    let event = ConferenceEvent::Refused { leg, why: JoinRefusal::NoSuchLeg };
    let refused = MediaEvent::Conference { conference, event };
    assert!(world.take_event(|event| *event == refused));
    let source = RecordingSource::Leg(leg);
    let command = RecordingCommand::Start {
        path: "a.wav".into(),
        layout: RecordingLayout::Stereo,
        format: RecordingFormat::Wav,
        tone: false,
    };
    world.command(MediaCommand::Record { source, command });
    assert!(world.take_event(|event| matches!(
        event,
        MediaEvent::Recording {
            event: RecordingEvent::Failed { why: RecordingFailure::NoSuchSource, .. },
            ..
        }
    )));
    world.command(MediaCommand::SendDtmf { leg, digits: "1".to_owned(), duration_ms: 100 });
    world.advance(Duration::from_secs(1));
    assert!(world.parties[a].passed.is_empty(), "nothing of ours reaches the party");
}

#[test]
fn sources_and_lengths_are_limited_and_what_is_refused_is_counted() {
    let (mut world, a, b) = bridged(Protection::Plain, Protection::Sdes);
    let sources = u32::try_from(SRTP_STREAMS_MAX).expect("few");
    for ssrc in 0..sources + 5 {
        world.send(a, rtp(96, ssrc, 1));
    }
    assert_eq!(world.parties[b].passed.len(), SRTP_STREAMS_MAX);
    assert_eq!(world.engine.take_counts().refused["unsent"], 5);
    let (mut world, a, b) = bridged(Protection::Plain, Protection::Plain);
    let mut long = rtp(96, 1, 1);
    long.resize(1_481, 3);
    world.send(a, long.clone());
    long.truncate(1_480);
    world.send(a, long);
    assert_eq!(world.parties[b].passed.len(), 1);
    assert_eq!(world.engine.take_counts().refused["too_long"], 1);
}
