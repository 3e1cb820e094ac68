//! Listeners, gates and packet times in calls of several sections, of which the parties speak in one.

mod world;

use offhook_bus::{MediaCommand, SpeechGate};
use offhook_model::LegId;
use offhook_ng::Reply;
use world::{World, error_of, sdp_of, text_of};

const HEAD: &str = "v=0\r\no=phone 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n";
const AUDIO: &str = "m=audio 4000 RTP/AVP 0\r\na=ptime:20\r\n";
const VIDEO: &str = "m=video 4002 RTP/AVPF 96\r\na=rtpmap:96 VP8/90000\r\n";
const G729: &str = "m=audio 4000 RTP/AVP 18\r\na=ptime:20\r\n";

fn with(sections: &[&str]) -> String {
    format!("{HEAD}{}", sections.concat())
}

fn talking(sections: &[&str]) -> World {
    let mut world = World::new();
    world.offer("", &with(sections));
    world.answer("", &with(sections));
    world
}

fn subscribe(world: &mut World, keys: &str) -> Reply {
    world.ask(&format!(r#"{{"command":"subscribe request","call-id":"c",{keys}}}"#))
}

/// The legs of the two parties in the sections that are bridged: of the offerer, of the other.
fn bridges(world: &World) -> Vec<(LegId, LegId)> {
    let bridges = world.commands.iter().filter_map(|command| match command {
        MediaCommand::Bridge { a, b } => Some((*b, *a)),
        _ => None,
    });
    bridges.collect()
}

fn gates(world: &mut World) -> Vec<(LegId, SpeechGate)> {
    let commands = std::mem::take(&mut world.commands);
    let gates = commands.into_iter().filter_map(|command| match command {
        MediaCommand::Gate { leg, speech, .. } => Some((leg, speech)),
        _ => None,
    });
    gates.collect()
}

#[test]
fn a_subscription_is_to_speech_and_not_to_video() {
    let mut world = talking(&[VIDEO, AUDIO]);
    let [_, (a, b)] = bridges(&world)[..] else { panic!("two bridges") };
    let offer = sdp_of(&subscribe(&mut world, r#""flags":["all"],"to-tag":"s""#));
    assert_eq!((offer.matches("m=audio ").count(), offer.matches("m=video").count()), (2, 0));
    let answer = with(&[&AUDIO.replace("4000", "7000"), &AUDIO.replace("4000", "7002")]);
    let reply = world.say("subscribe answer", r#""to-tag":"s","#, &answer);
    assert_eq!(text_of(&reply, "result"), "ok");
    let listens = world.commands.iter().filter_map(|command| match command {
        MediaCommand::Listen { to, .. } => Some(*to),
        _ => None,
    });
    assert_eq!(listens.collect::<Vec<_>>(), [a, b]);
    world.ask(r#"{"command":"delete","call-id":"c","from-tag":"a","delete-delay":0}"#);
    assert_eq!((world.released(), world.door.call_count()), (6, 0));
}

#[test]
fn what_passes_as_it_is_cannot_be_listened_to() {
    let mut world = talking(&[G729]);
    let error = error_of(&subscribe(&mut world, r#""from-tag":"a""#));
    assert_eq!(error, "what the party a sends is passed on as it is, and cannot be listened to");
    let error = error_of(&subscribe(&mut world, r#""flags":["all"]"#));
    assert!(error.contains("no party of the call"), "{error}");
    // It has an address nevertheless.
    let block = r#"{"command":"block media","call-id":"c","address":"10.0.0.1"}"#;
    assert_eq!(text_of(&world.ask(block), "result"), "ok");
    // It can be heard when it speaks otherwise.
    world.offer(r#""to-tag":"b","#, &with(&[AUDIO]));
    world.answer("", &with(&[AUDIO]));
    sdp_of(&subscribe(&mut world, r#""from-tag":"a""#));
}

#[test]
fn a_subscription_offers_what_can_be_made_of_speech() {
    let both = AUDIO.replace("AVP 0", "AVP 0 18");
    let mut world = talking(&[&both]);
    let offer = sdp_of(&subscribe(&mut world, r#""from-tag":"b""#));
    assert!(offer.contains(" RTP/AVP 0\r\n"), "{offer}");
    let keys = r#""from-tag":"b","codec":{"strip":["PCMU"]}"#;
    assert_eq!(error_of(&subscribe(&mut world, keys)), "no codec is left to offer");
}

#[test]
fn parties_that_are_connected_lose_their_video() {
    let mut world = talking(&[AUDIO, VIDEO]);
    let [_, (video, _)] = bridges(&world)[..] else { panic!("two bridges") };
    let publisher = with(&[VIDEO, &AUDIO.replace("4000", "6000")]);
    let answer = sdp_of(&world.say("publish", r#""from-tag":"p","#, &publisher));
    assert!(answer.contains("m=video 0 "), "{answer}");
    let connect = r#"{"command":"connect","call-id":"c","from-tag":"a","to-tag":"p"}"#;
    assert_eq!(text_of(&world.ask(connect), "result"), "ok");
    let parted = world.commands.iter().filter_map(|command| match command {
        MediaCommand::Unbridge { leg } => Some(*leg),
        _ => None,
    });
    assert_eq!(parted.collect::<Vec<_>>(), [video]);
    assert_eq!(bridges(&world).len(), 3);
}

#[test]
fn a_party_that_is_decoded_and_one_that_passes_are_not_connected() {
    let mut world = talking(&[G729]);
    world.say("publish", r#""from-tag":"p","#, &with(&[AUDIO]));
    let connect = r#"{"command":"connect","call-id":"c","from-tag":"a","to-tag":"p"}"#;
    let error = error_of(&world.ask(connect));
    assert_eq!(error, "what one party sends is passed on as it is, the other's is not");
    assert_eq!(bridges(&world).len(), 1);
}

#[test]
fn gates_are_of_every_section_and_of_those_that_come_later() {
    let mut world = talking(&[AUDIO, VIDEO]);
    let legs = bridges(&world);
    world.commands.clear();
    world.ask(r#"{"command":"silence media","call-id":"c","from-tag":"b"}"#);
    let silent = legs.iter().map(|(_, b)| (*b, SpeechGate::Silent)).collect::<Vec<_>>();
    assert_eq!(gates(&mut world), silent);
    // The leg that an offer makes towards the silenced party is silent from its beginning.
    world.offer(r#""to-tag":"b","#, &with(&[AUDIO, VIDEO, VIDEO]));
    assert!(matches!(gates(&mut world)[..], [(_, SpeechGate::Silent)]));
    world.answer("", &with(&[AUDIO, VIDEO, VIDEO]));
    assert_eq!(gates(&mut world), []);
    world.offer(r#""to-tag":"b","drop-traffic":"start","#, &with(&[AUDIO, VIDEO, VIDEO]));
    let shut = gates(&mut world);
    assert_eq!(shut.len(), 6, "three sections of two parties");
    assert!(shut.iter().all(|(_, speech)| *speech == SpeechGate::Shut));
}

#[test]
fn packet_times_are_those_of_speech_that_is_decoded() {
    let ask = r#""ptime":40,"ptime-reverse":30,"#;
    let audio_and_video = with(&[AUDIO, VIDEO]);
    let mut world = World::new();
    let offer = sdp_of(&world.offer(ask, &audio_and_video));
    let answer = sdp_of(&world.answer("", &audio_and_video));
    assert_eq!(offer.matches("a=ptime:").count(), 1);
    assert!(offer.contains("a=ptime:40\r\n") && answer.contains("a=ptime:30\r\n"));
    let mut world = World::new();
    let offer = sdp_of(&world.offer(ask, &with(&[G729])));
    let answer = sdp_of(&world.answer("", &with(&[G729])));
    assert!(offer.contains("a=ptime:20\r\n") && answer.contains("a=ptime:20\r\n"));
}

#[test]
fn keys_are_optional_and_loops_are_known_in_every_section() {
    let mut world = World::new();
    let offer = sdp_of(&world.offer(
        r#""OSRTP":["offer"],"DTLS":"off","flags":["loop-protect"],"#,
        &with(&[AUDIO, VIDEO]),
    ));
    assert_eq!(offer.matches("a=crypto:").count(), 2, "{offer}");
    assert!(offer.contains(" RTP/AVP 0\r\n") && offer.contains(" RTP/AVPF 96\r\n"), "{offer}");
    assert_eq!(offer.matches("a=rtpengine:instance\r\n").count(), 1);
    assert_eq!(sdp_of(&world.offer(r#""flags":["loop-protect"],"#, &offer)), offer);
}

#[test]
fn a_party_that_speaks_in_another_section_is_heard_there_by_the_next_listener() {
    let mut world = talking(&[AUDIO]);
    let moved = with(&[&AUDIO.replace("4000", "0"), AUDIO]);
    world.offer(r#""to-tag":"b","#, &moved);
    world.answer("", &moved);
    let (a, _) = *bridges(&world).last().expect("a bridge");
    subscribe(&mut world, r#""from-tag":"a","to-tag":"s""#);
    let answer = with(&[&AUDIO.replace("4000", "7000")]);
    world.say("subscribe answer", r#""to-tag":"s","#, &answer);
    let listens = |c: &&MediaCommand| matches!(c, MediaCommand::Listen { to, .. } if *to == a);
    assert_eq!(world.commands.iter().filter(listens).count(), 1);
}
