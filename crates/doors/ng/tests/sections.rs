//! Descriptions with more than speech that we understand: video, fax, codecs that only the parties know.

mod world;

use offhook_bus::{LegMeasure, MediaCommand, MediaRefusal, Security, SpeechGate};
use offhook_model::LegId;
use offhook_ng::Value;
use offhook_ng_door::state::SECTIONS_MAX;
use std::time::Duration;
use world::{OTHER, PHONE, World, error_of, sdp_of, text_of};

const HEAD: &str =
    "v=0\r\no=phone 1 1 IN IP4 10.0.0.1\r\ns=A call\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n";
const G729: &str = "m=audio 4000 RTP/AVP 18 101\r\na=fmtp:18 annexb=no\r\na=x-strange:  kept\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=ssrc:7 cname:phone\r\n";
const VIDEO: &str = "m=video 4002 RTP/AVPF 96 97\r\nb=AS:512\r\na=rtpmap:96 VP8/90000\r\n\
    a=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
    a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=ssrc-group:FID 1 2\r\na=ssrc:1 cname:x\r\n\
    a=ssrc:2 cname:x\r\n";
const T38: &str =
    "m=image 4004 udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n";

fn with(sections: &[&str]) -> String {
    format!("{HEAD}{}", sections.concat())
}

/// Whether each offer and answer on our terms was one of an opaque leg.
fn opaque(world: &World) -> Vec<bool> {
    world.terms().iter().map(|terms| terms.is_opaque).collect()
}

fn count(world: &World, is_it: impl Fn(&MediaCommand) -> bool) -> usize {
    world.commands.iter().filter(|command| is_it(command)).count()
}

fn bridges(world: &World) -> usize {
    count(world, |command| matches!(command, MediaCommand::Bridge { .. }))
}

fn opaque_answers(world: &World) -> usize {
    count(world, |command| matches!(command, MediaCommand::AcceptOpaqueAnswer { .. }))
}

#[test]
fn every_section_has_its_legs_and_what_is_passed_on_stays_byte_for_byte() {
    let audio = PHONE.strip_prefix(HEAD).expect("the same head");
    let mut world = World::new();
    let offered = sdp_of(&world.offer("", &with(&[audio, VIDEO, T38])));
    let expected = with(&[audio, VIDEO, T38])
        .replace("c=IN IP4 10.0.0.1", "c=IN IP4 192.0.2.1")
        .replace("audio 4000", "audio 30000")
        .replace("a=sendrecv\r\n", "a=sendrecv\r\na=rtcp:30001\r\n")
        .replace("video 4002", "video 30002")
        .replace("a=ssrc:2 cname:x\r\n", "a=ssrc:2 cname:x\r\na=rtcp:30003\r\n")
        .replace("image 4004", "image 30004");
    assert_eq!(offered, expected);
    assert_eq!(opaque(&world), [false, true, true]);
    let answered = sdp_of(&world.answer("", &with(&[audio, VIDEO, T38])));
    for line in ["m=audio 30006 ", "m=video 30008 RTP/AVPF 96 97", "m=image 30010 udptl t38"] {
        assert!(answered.contains(line), "{line} in {answered}");
    }
    assert_eq!((bridges(&world), opaque_answers(&world)), (3, 2));
    let deleted = world.ask(r#"{"command":"delete","call-id":"c","delete-delay":0}"#);
    assert_eq!(text_of(&deleted, "result"), "ok");
    assert_eq!(world.released(), 6);
}

#[test]
fn a_call_in_a_codec_that_only_the_parties_know_is_passed_on() {
    let mut world = World::new();
    let offered = sdp_of(&world.offer("", &with(&[G729])));
    let expected = with(&[G729])
        .replace("c=IN IP4 10.0.0.1", "c=IN IP4 192.0.2.1")
        .replace("audio 4000", "audio 30000")
        + "a=rtcp:30001\r\n";
    assert_eq!(offered, expected);
    let answered = sdp_of(&world.answer("", &with(&[G729])));
    let expected = expected.replace("audio 30000", "audio 30002");
    assert_eq!(answered, expected.replace("a=rtcp:30001", "a=rtcp-mux\r\na=rtcp:30003"));
    assert_eq!((opaque(&world), opaque_answers(&world)), (vec![true, true], 1));
    let reply = world.ask(r#"{"command":"query","call-id":"c"}"#);
    let media = reply.value().get("tags").and_then(|tags| tags.get("b")?.get("medias")).cloned();
    let Some(Value::List(media)) = media else { panic!("{reply:?}") };
    let codec = media[0].get("codec").and_then(Value::as_text);
    assert_eq!(codec.as_deref(), Some("G729"));
}

#[test]
fn the_answer_decides_whether_we_speak() {
    let sdp = PHONE.replace("AVP 8 0 101", "AVP 18 8 0 101");
    let mut world = World::new();
    let offered = sdp_of(&world.offer("", &sdp));
    assert!(offered.contains("m=audio 30000 RTP/AVP 18 8 0 101\r\n"), "{offered}");
    let answered = sdp_of(&world.answer("", &with(&[G729])));
    assert!(
        answered.contains("m=audio 30002 RTP/AVP 18 101\r\na=fmtp:18 annexb=no\r\n"),
        "{answered}"
    );
    assert_eq!((opaque(&world), opaque_answers(&world)), (vec![false, true], 1));
    // Another branch takes what we know, and so does the offer of another codec later.
    let answered = sdp_of(&world.answer("", OTHER));
    assert!(answered.contains("m=audio 30002 RTP/AVP 0\r\n"), "{answered}");
    assert_eq!((opaque(&world), opaque_answers(&world)), (vec![false, true, false], 1));
    let again = sdp_of(&world.say("offer", r#""from-tag":"b","to-tag":"a","#, OTHER));
    assert!(again.contains("m=audio 30002 RTP/AVP 0\r\n"), "{again}");
    assert_eq!(opaque(&world).last(), Some(&false));
}

#[test]
fn flags_name_codecs_that_we_do_not_know() {
    let sdp = PHONE.replace("AVP 8 0 101", "AVP 18 8 0 101");
    let shown = |keys: &str| {
        let offered = sdp_of(&World::new().offer(keys, &sdp));
        let line = offered.lines().find(|line| line.starts_with("m=")).expect("a section");
        line.strip_prefix("m=audio 30000 RTP/AVP ").expect("the formats").to_owned()
    };
    assert_eq!(shown(r#""codec":{"strip":["G729"]},"#), "8 0 101");
    assert_eq!(shown(r#""codec":{"strip":["all"],"except":["G729"]},"#), "18 101");
    assert_eq!(shown(r#""codec":{"mask":["all"],"offer":["G729/8000"]},"#), "18 101");
    assert_eq!(shown(r#""codec":{"mask":["all"],"transcode":["G729"]},"#), "18 101");
    let mut world = World::new();
    let refused = error_of(&world.offer(r#""codec":{"transcode":["G729"]},"#, PHONE));
    assert_eq!(refused, "codec transcode: G729 cannot be made; PCMU, PCMA, G722, opus and L16 can");
    let refused = error_of(&world.offer(
        r#""codec":{"mask":["all"],"transcode":["PCMA"]},"#,
        &with(&["m=audio 4000 RTP/AVP 18\r\n"]),
    ));
    assert_eq!(refused, "no codec is left to offer");
    assert_eq!(world.door.call_count(), 0);
    let both = VIDEO.replace("96 97", "96 97 98") + "a=rtpmap:98 H264/90000\r\n";
    let offered =
        sdp_of(&World::new().offer(r#""codec":{"strip":["VP8","all"]},"#, &with(&[&both])));
    assert!(offered.contains("m=video 30000 RTP/AVPF 98\r\n"), "{offered}");
    assert!(!offered.contains("VP8") && !offered.contains("rtx"), "{offered}");
}

#[test]
fn a_fax_begins_in_the_place_of_speech_and_ends() {
    let mut world = World::new();
    world.offer("", PHONE);
    world.answer("", OTHER);
    let fax = |port: u16| with(&[T38]).replace("4004", &port.to_string());
    let offered = sdp_of(&world.say("offer", r#""from-tag":"b","to-tag":"a","#, &fax(5_000)));
    assert!(offered.contains("m=image 30002 udptl t38\r\na=T38FaxVersion:0\r\n"), "{offered}");
    assert!(!offered.contains("a=rtcp"), "{offered}");
    let answered = sdp_of(&world.say("answer", r#""from-tag":"b","to-tag":"a","#, &fax(4_000)));
    assert!(answered.contains("m=image 30000 udptl t38\r\n"), "{answered}");
    assert_eq!(opaque(&world)[2..], [true, true]);
    assert_eq!(opaque_answers(&world), 1);
    let back = sdp_of(&world.offer(r#""to-tag":"b","#, PHONE));
    assert!(back.contains("m=audio 30000 RTP/AVP 8 0 101\r\n"), "{back}");
    let answered = sdp_of(&world.answer("", OTHER));
    assert!(answered.contains("m=audio 30002 RTP/AVP 0\r\n"), "{answered}");
    assert_eq!(opaque(&world)[4..], [false, false]);
}

#[test]
fn a_fax_may_have_a_section_beside_the_speech() {
    let mut world = World::new();
    world.offer("", PHONE);
    world.answer("", OTHER);
    let fax = with(&["m=audio 0 RTP/AVP 8\r\n", T38]);
    let offered = sdp_of(&world.offer(r#""to-tag":"b","#, &fax));
    assert!(offered.contains("m=audio 0 RTP/AVP 8\r\nm=image 30004 udptl"), "{offered}");
    let answered = sdp_of(&world.answer("", &fax));
    assert!(answered.contains("m=audio 0 RTP/AVP 8\r\nm=image 30006 udptl"), "{answered}");
    let both = with(&["m=audio 4000 RTP/AVP 8\r\n", "m=image 0 udptl t38\r\n"]);
    let offered = sdp_of(&world.offer(r#""to-tag":"b","#, &both));
    assert!(offered.contains("m=audio 30000 RTP/AVP 8\r\n"), "the leg it had: {offered}");
    assert!(offered.ends_with("m=image 0 udptl t38\r\n"), "{offered}");
}

#[test]
fn a_browsers_video_has_ports_and_keys_of_its_own_and_leaves_the_bundle() {
    let transport = "a=ice-ufrag:u\r\na=ice-pwd:pppppppppppppppppppppp\r\n\
        a=fingerprint:sha-256 AA\r\na=setup:actpass\r\na=rtcp-mux\r\n";
    let browser = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\na=group:LS 0 1\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n{transport}a=mid:0\r\n\
         a=rtpmap:111 opus/48000/2\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\n{transport}\
         a=mid:1\r\na=rtpmap:96 VP8/90000\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\na=bundle-only\r\n\
         a=mid:2\r\na=rtpmap:96 VP8/90000\r\n"
    );
    let mut world = World::new();
    let offered = sdp_of(&world.offer("", &browser));
    assert!(offered.contains("a=group:BUNDLE 0\r\na=group:LS 0 1\r\n"), "{offered}");
    let video = offered.split("m=video ").nth(1).expect("a video section");
    let video_address = "30002 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 192.0.2.1\r\na=mid:1\r\n";
    assert!(video.starts_with(video_address), "{offered}");
    for line in ["a=ice-ufrag:ours", "a=fingerprint:sha-256 00:11", "a=setup:actpass"] {
        assert!(video.contains(line), "{line} in {video}");
    }
    let rejected = offered.split("m=video ").nth(2).expect("another");
    assert!(rejected.starts_with("0 ") && !rejected.contains("bundle-only"), "{offered}");
    assert_eq!(world.door.totals().sections_refused, 1);
    let phone = browser.replace("a=mid:0", "a=mid:x").replace("a=mid:1", "a=mid:y");
    let answered = sdp_of(&world.answer("", &phone));
    assert!(answered.contains("a=mid:0\r\n") && answered.contains("a=mid:1\r\n"), "{answered}");
    assert!(
        answered.contains("a=group:BUNDLE 0\r\n") && !answered.contains("a=mid:y"),
        "{answered}"
    );
    let keys = r#""transport-protocol":"RTP/AVP","ICE":"remove","rtcp-mux":["demux"],"#;
    let mut world = World::new();
    let offered = sdp_of(&world.offer(keys, &browser));
    assert!(offered.contains("m=video 30002 RTP/AVP 96\r\n"), "{offered}");
    assert!(world.terms().iter().all(|terms| terms.security == Security::Plain));
    assert!(!offered.contains("fingerprint") && !offered.contains("ice-"), "{offered}");
}

#[test]
fn a_browser_is_offered_a_name_for_each_section() {
    let audio = PHONE.strip_prefix(HEAD).expect("the same head");
    let keys = r#""transport-protocol":"UDP/TLS/RTP/SAVPF","ICE":"force","#;
    let offered = sdp_of(&World::new().offer(keys, &with(&[VIDEO, audio])));
    let (video, audio) = offered.split_once("m=audio ").expect("speech");
    assert!(video.contains("a=mid:0\r\n") && audio.contains("a=mid:1\r\n"), "{offered}");
    assert!(offered.contains("a=group:BUNDLE 1\r\n"), "{offered}");
}

#[test]
fn a_data_channel_keeps_the_association_of_its_ends() {
    let channel = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=ice-ufrag:u\r\n\
        a=ice-pwd:pppppppppppppppppppppp\r\na=setup:actpass\r\na=sctp-port:5000\r\n";
    let head = HEAD.replace("t=0 0\r\n", "t=0 0\r\na=fingerprint:sha-256 AA\r\n");
    let mut world = World::new();
    let offered = sdp_of(
        &world.offer("", &format!("{head}{}{channel}", PHONE.strip_prefix(HEAD).expect("a head"))),
    );
    assert!(
        offered.contains("m=application 30002 UDP/DTLS/SCTP webrtc-datachannel\r\n"),
        "{offered}"
    );
    assert!(offered.contains("a=setup:actpass\r\na=sctp-port:5000\r\n"), "{offered}");
    assert_eq!(world.terms()[1].security, Security::Plain);
    assert_eq!(world.terms()[1].ice, offhook_bus::IceRole::Full);
}

#[test]
fn sections_are_limited_and_the_others_rejected_and_counted() {
    let audio = PHONE.strip_prefix(HEAD).expect("the same head");
    let mut sections = vec![VIDEO; 99];
    sections.push(audio);
    let mut world = World::new();
    let offered = sdp_of(&world.offer("", &with(&sections)));
    assert_eq!(offered.matches("m=video 300").count(), SECTIONS_MAX - 1);
    assert_eq!(offered.matches("m=video 0 ").count(), 100 - SECTIONS_MAX);
    assert!(offered.contains("m=audio 300"), "speech is among those that are served");
    assert_eq!(world.door.totals().sections_refused, 84);
    assert_eq!(opaque(&world).iter().filter(|is_opaque| !**is_opaque).count(), 1);
    let answered = sdp_of(&world.answer("", &with(&sections)));
    assert_eq!(answered.matches("m=video 0 ").count(), 100 - SECTIONS_MAX);
    assert_eq!(bridges(&world), SECTIONS_MAX);
}

#[test]
fn a_section_that_cannot_be_served_is_rejected_and_the_call_goes_on() {
    let audio = PHONE.strip_prefix(HEAD).expect("the same head");
    let text = "m=message 4008 TCP/MSRP *\r\na=path:msrp://x\r\n";
    let mut world = World::new();
    let offered = sdp_of(&world.offer("", &with(&[audio, text])));
    assert!(offered.ends_with("m=message 0 TCP/MSRP *\r\na=path:msrp://x\r\n"), "{offered}");
    let mut world = World::new();
    world.refuse_next = Some(MediaRefusal::Exhausted);
    let offered = sdp_of(&world.offer("", &with(&[VIDEO, audio])));
    assert!(offered.contains("m=video 0 ") && offered.contains("m=audio 30000 "), "{offered}");
    assert_eq!(world.door.totals().sections_refused, 1);
    let mut world = World::new();
    world.refuse_next = Some(MediaRefusal::Exhausted);
    assert_eq!(error_of(&world.offer("", &with(&[audio, VIDEO]))), "Ran out of ports");
    assert_eq!((world.door.call_count(), world.released()), (0, 1));
}

#[test]
fn a_section_that_is_refused_or_taken_back_is_not_passed() {
    let audio = PHONE.strip_prefix(HEAD).expect("the same head");
    let none = VIDEO.replace("4002", "0");
    let mut world = World::new();
    world.offer("", &with(&[audio, VIDEO]));
    let answered = sdp_of(&world.answer("", &with(&[audio, &none])));
    assert!(answered.contains("m=video 0 RTP/AVPF 96 97\r\n"), "{answered}");
    assert_eq!(bridges(&world), 1);
    world.offer(r#""to-tag":"b","#, &with(&[audio, VIDEO]));
    world.answer("", &with(&[audio, VIDEO]));
    assert_eq!(bridges(&world), 3);
    world.offer(r#""to-tag":"b","#, &with(&[audio, &none]));
    world.answer("", &with(&[audio, &none]));
    let is_parted =
        |c: &MediaCommand| *c == MediaCommand::Unbridge { leg: LegId(leg_of(&world, 1)) };
    assert!(count(&world, is_parted) > 0, "{:?}", world.commands);
}

/// The number of the leg of the offer of that place.
fn leg_of(world: &World, place: usize) -> u64 {
    let offers = world.commands.iter().filter_map(|command| match command {
        MediaCommand::OfferOn { leg, .. } => Some(leg.0),
        _ => None,
    });
    offers.collect::<Vec<_>>()[place]
}

#[test]
fn a_query_tells_of_every_section_and_a_block_is_of_all() {
    let audio = PHONE.strip_prefix(HEAD).expect("the same head");
    let mut world = World::new();
    world.offer("", &with(&[audio, VIDEO]));
    world.answer("", &with(&[audio, VIDEO]));
    let reply = world.ask(r#"{"command":"query","call-id":"c","from-tag":"a"}"#);
    let medias = reply.value().get("tags").and_then(|tags| tags.get("a")?.get("medias")).cloned();
    let Some(Value::List(medias)) = medias else { panic!("{reply:?}") };
    let told: Vec<_> = medias
        .iter()
        .map(|media| {
            let text = |key: &str| media.get(key).and_then(Value::as_text).unwrap_or_default();
            let index = media.get("index").and_then(Value::as_integer);
            (index, text("type").into_owned(), text("protocol").into_owned())
        })
        .collect();
    let expected = [(1, "audio", "RTP/AVP"), (2, "video", "RTP/AVPF")];
    let expected =
        expected.map(|(i, kind, protocol)| (Some(i), kind.to_owned(), protocol.to_owned()));
    assert_eq!(told, expected);
    let blocked = world.ask(r#"{"command":"block media","call-id":"c","from-tag":"a"}"#);
    assert_eq!(text_of(&blocked, "result"), "ok");
    let is_shut =
        |c: &MediaCommand| matches!(c, MediaCommand::Gate { speech: SpeechGate::Shut, .. });
    assert_eq!(count(&world, is_shut), 2);
    // So is a section that comes later.
    world.offer(r#""to-tag":"b","#, &with(&[audio, VIDEO, VIDEO]));
    world.answer("", &with(&[audio, VIDEO, VIDEO]));
    assert_eq!(count(&world, is_shut), 3);
}

#[test]
fn a_call_that_is_passed_on_ends_when_nobody_is_heard_and_not_before() {
    let mut world = World::new();
    world.offer("", &with(&[G729]));
    world.answer("", &with(&[G729]));
    let heard = |idle_ms| LegMeasure { idle_ms: Some(idle_ms), ..LegMeasure::default() };
    world.measure = heard(20_000);
    world.advance(Duration::from_secs(60));
    assert_eq!(world.door.call_count(), 1);
    world.measure = heard(60_000);
    world.advance(Duration::from_secs(40));
    assert_eq!(world.door.call_count(), 0);
}
