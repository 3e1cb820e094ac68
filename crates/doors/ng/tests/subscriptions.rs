//! Third parties that hear what parties of a call say, and parties that are only heard.

mod world;

use offhook_bus::{MediaCommand, MediaRefusal};
use offhook_model::LegId;
use offhook_ng::{Reply, Value};
use offhook_ng_door::state::SUBSCRIPTIONS_MAX;
use std::time::Duration;
use world::{FIRST_PORT, OTHER, PHONE, World, error_of, sdp_of, text_of};

const PUBLISHER: &str = "v=0\r\no=p 1 1 IN IP4 10.0.0.3\r\ns=-\r\nc=IN IP4 10.0.0.3\r\nt=0 0\r\n\
    m=video 5000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n\
    m=audio 6000 RTP/AVP 0 8\r\na=sendonly\r\n";

fn talking() -> World {
    let mut world = World::new();
    world.offer("", PHONE);
    world.answer("", OTHER);
    world
}

fn subscribe(world: &mut World, keys: &str) -> Reply {
    world.ask(&format!(r#"{{"command":"subscribe request","call-id":"c",{keys}}}"#))
}

fn subscribe_answer(world: &mut World, tag: &str, ports: &[u16]) -> Reply {
    let mut sdp =
        "v=0\r\no=r 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n".to_owned();
    for port in ports {
        sdp += &format!("m=audio {port} RTP/AVP 0\r\na=recvonly\r\n");
    }
    world.say("subscribe answer", &format!(r#""to-tag":"{tag}","#), &sdp)
}

/// The legs of the two parties: the offerer's is made with the answer.
fn legs(world: &World) -> (LegId, LegId) {
    let bridge = world.commands.iter().find_map(|command| match command {
        MediaCommand::Bridge { a, b } => Some((*b, *a)),
        _ => None,
    });
    bridge.expect("the two are bridged")
}

fn listens(world: &World) -> Vec<(LegId, LegId)> {
    let listens = world.commands.iter().filter_map(|command| match command {
        MediaCommand::Listen { leg, to } => Some((*leg, *to)),
        _ => None,
    });
    listens.collect()
}

fn tags(reply: &Reply) -> Vec<String> {
    let Some(Value::List(tags)) = reply.value().get("from-tags") else { panic!("{reply:?}") };
    tags.iter().filter_map(Value::as_text).map(|tag| tag.into_owned()).collect()
}

#[test]
fn one_party_is_offered_as_it_sends_and_heard_after_the_answer() {
    let mut world = talking();
    let reply = subscribe(&mut world, r#""from-tag":"a","to-tag":"rec","set-label":"recorder""#);
    assert_eq!(text_of(&reply, "to-tag"), "rec");
    assert_eq!(tags(&reply), ["a"]);
    let sdp = sdp_of(&reply);
    let port = FIRST_PORT + 4;
    // The answer has left PCMU to the offerer.
    assert!(sdp.contains(&format!("m=audio {port} RTP/AVP 0\r\n")), "{sdp}");
    assert!(sdp.contains("a=sendonly\r\n") && !sdp.contains("a=sendrecv"), "{sdp}");
    assert!(listens(&world).is_empty(), "nothing is heard before the answer");
    let (a, _) = legs(&world);
    assert_eq!(world.terms().last().expect("terms").partner, Some(a));
    let reply = subscribe_answer(&mut world, "rec", &[7_000]);
    assert_eq!(text_of(&reply, "result"), "ok");
    let feed = LegId(a.0 + 1);
    assert_eq!(listens(&world), [(feed, a)]);
    let query = world.ask(r#"{"command":"query","call-id":"c"}"#);
    let tags = query.value().get("tags").expect("tags");
    let recorder = tags.get("rec").expect("the subscription");
    assert_eq!(recorder.get("label").and_then(Value::as_text).as_deref(), Some("recorder"));
    let Some(Value::List(subscribers)) = tags.get("a").and_then(|tag| tag.get("subscribers"))
    else {
        panic!("{query:?}");
    };
    let tag = |value: &Value<'_>| value.get("tag").and_then(Value::as_text).map(|t| t.into_owned());
    let known: Vec<_> = subscribers.iter().filter_map(tag).collect();
    assert_eq!(known, ["b", "rec"]);
}

#[test]
fn all_parties_are_a_section_each() {
    let mut world = talking();
    let reply = subscribe(&mut world, r#""flags":["all"]"#);
    let tag = text_of(&reply, "to-tag");
    assert!(tag.starts_with("instance-"), "{tag}");
    assert_eq!(tags(&reply), ["a", "b"]);
    let sdp = sdp_of(&reply);
    assert_eq!(sdp.matches("m=audio ").count(), 2);
    assert_eq!((sdp.matches("v=0").count(), sdp.matches("a=sendonly").count()), (1, 2));
    let (a, b) = legs(&world);
    // The second is refused: it is not heard.
    let reply = subscribe_answer(&mut world, &tag, &[7_000, 0]);
    assert_eq!(text_of(&reply, "result"), "ok");
    assert_eq!(listens(&world), [(LegId(a.0 + 1), a)]);
    let reply = subscribe_answer(&mut world, &tag, &[7_000, 7_002]);
    assert_eq!(text_of(&reply, "result"), "ok");
    assert_eq!(listens(&world)[1..], [(LegId(a.0 + 1), a), (LegId(a.0 + 2), b)]);
    let reply = subscribe_answer(&mut world, &tag, &[7_000]);
    assert!(error_of(&reply).contains("1 sections, where 2"));
}

#[test]
fn several_parties_are_named_by_their_tags() {
    let mut world = talking();
    for keys in [r#""from-tags":["b","a"]"#, r#""flags":["from-tags-b","from-tags-a"]"#] {
        assert_eq!(tags(&subscribe(&mut world, keys)), ["b", "a"]);
    }
    // One that is named twice is heard once.
    assert_eq!(tags(&subscribe(&mut world, r#""from-tags":["b","b"]"#)), ["b"]);
    let reply = subscribe(&mut world, r#""from-tags":["b","x"]"#);
    assert!(error_of(&reply).contains("the tag x"));
}

#[test]
fn flags_choose_codec_protocol_and_direction_of_a_subscription() {
    let mut world = talking();
    let keys = r#""from-tag":"b","to-tag":"s","transport-protocol":"RTP/SAVP",
        "codec":{"mask":["all"],"transcode":["opus"]},"flags":["inactive"],
        "media-address":"203.0.113.9""#;
    let sdp = sdp_of(&subscribe(&mut world, keys));
    for expected in
        ["RTP/SAVP 96", "opus/48000/2", "a=crypto:", "a=inactive", "c=IN IP4 203.0.113.9"]
    {
        assert!(sdp.contains(expected), "no {expected} in {sdp}");
    }
    assert!(!sdp.contains("PCMU"), "{sdp}");
}

#[test]
fn a_subscription_that_is_asked_for_again_keeps_its_ports() {
    let mut world = talking();
    let first = sdp_of(&subscribe(&mut world, r#""from-tag":"a","to-tag":"s""#));
    subscribe_answer(&mut world, "s", &[7_000]);
    let again = sdp_of(&subscribe(&mut world, r#""from-tag":"b","to-tag":"s""#));
    let port = |sdp: &str| sdp.split("m=audio ").nth(1).map(|rest| rest[..5].to_owned());
    assert_eq!(port(&first), port(&again));
    subscribe_answer(&mut world, "s", &[7_000]);
    let (a, b) = legs(&world);
    let feed = LegId(a.0 + 1);
    assert_eq!(listens(&world), [(feed, a), (feed, b)]);
    // What it has too much is given back.
    subscribe(&mut world, r#""flags":["all"],"to-tag":"s""#);
    subscribe(&mut world, r#""from-tag":"a","to-tag":"s""#);
    assert_eq!(world.released(), 1);
}

#[test]
fn a_subscription_ends_when_asked_for_and_with_its_call() {
    let mut world = talking();
    for tag in ["s", "t", "u"] {
        subscribe(&mut world, &format!(r#""flags":["all"],"to-tag":"{tag}""#));
        subscribe_answer(&mut world, tag, &[7_000, 7_002]);
    }
    let unsubscribe = r#"{"command":"unsubscribe","call-id":"c","to-tag":"s"}"#;
    assert_eq!(text_of(&world.ask(unsubscribe), "result"), "ok");
    assert_eq!(world.released(), 2);
    assert!(error_of(&world.ask(unsubscribe)).contains("To-tag not found"));
    let delete = r#"{"command":"delete","call-id":"c","from-tag":"a","to-tag":"t"}"#;
    world.ask(delete);
    assert_eq!((world.released(), world.door.call_count()), (4, 1));
    world.ask(r#"{"command":"delete","call-id":"c","from-tag":"a","delete-delay":0}"#);
    assert_eq!((world.released(), world.door.call_count()), (8, 0));
}

#[test]
fn what_cannot_be_subscribed_to_is_said() {
    let mut world = World::new();
    world.offer("", PHONE);
    let reply = subscribe(&mut world, r#""from-tag":"a""#);
    assert!(error_of(&reply).contains("sends no media yet"));
    let reply = subscribe(&mut world, r#""flags":["all"]"#);
    assert!(error_of(&reply).contains("no party of the call sends media yet"));
    world.answer("", OTHER);
    let reply = subscribe(&mut world, r#""to-tag":"s""#);
    assert!(error_of(&reply).contains("no party is named"));
    let reply = subscribe(&mut world, r#""label":"x""#);
    assert!(error_of(&reply).contains("no such party"));
    let reply = subscribe(&mut world, r#""from-tag":"a","to-tag":"b""#);
    assert!(error_of(&reply).contains("that of a party"));
    let reply = subscribe_answer(&mut world, "x", &[7_000]);
    assert!(error_of(&reply).contains("To-tag not found"));
    for number in 0..SUBSCRIPTIONS_MAX {
        subscribe(&mut world, &format!(r#""from-tag":"a","to-tag":"{number}""#));
    }
    let reply = subscribe(&mut world, r#""from-tag":"a","to-tag":"more""#);
    assert!(error_of(&reply).contains("16 subscriptions at most"));
}

#[test]
fn a_subscription_without_ports_leaves_nothing() {
    let mut world = talking();
    world.refuse_next = Some(MediaRefusal::Exhausted);
    let reply = subscribe(&mut world, r#""flags":["all"],"to-tag":"s""#);
    assert_eq!(error_of(&reply), "Ran out of ports");
    assert_eq!(world.released(), 2);
    assert!(error_of(&subscribe_answer(&mut world, "s", &[7_000])).contains("To-tag not found"));
}

#[test]
fn a_publisher_is_answered_with_one_codec_and_can_be_heard() {
    let mut world = World::new();
    let publish = |world: &mut World, keys: &str| {
        world.say("publish", &format!(r#""from-tag":"p",{keys}"#), PUBLISHER)
    };
    let sdp = sdp_of(&publish(&mut world, ""));
    assert!(sdp.contains("m=video 0 RTP/AVP 96\r\n"), "{sdp}");
    assert!(sdp.contains(&format!("m=audio {FIRST_PORT} RTP/AVP 0\r\n")), "{sdp}");
    assert!(!sdp.contains("VP8") && !sdp.contains("IP4 10.0.0.3"), "{sdp}");
    let terms = world.terms().pop().expect("terms").clone();
    assert!(terms.like.contains("a=recvonly\r\n"), "{}", terms.like);
    let sdp = sdp_of(&publish(&mut world, r#""codec":{"accept":["G729","PCMA"]},"#));
    assert!(sdp.contains("RTP/AVP 8\r\n"), "{sdp}");
    let reply = subscribe(&mut world, r#""from-tag":"p","to-tag":"s""#);
    assert!(sdp_of(&reply).contains("RTP/AVP 8\r\n"));
    subscribe_answer(&mut world, "s", &[7_000]);
    assert_eq!(listens(&world).len(), 1);
    world.ask(r#"{"command":"delete","call-id":"c","from-tag":"p","delete-delay":0}"#);
    assert_eq!((world.released(), world.door.call_count()), (2, 0));
}

#[test]
fn a_publisher_that_is_refused_makes_no_call() {
    let mut world = World::new();
    world.refuse_next = Some(MediaRefusal::Exhausted);
    let reply = world.say("publish", r#""from-tag":"p","#, PUBLISHER);
    assert_eq!(error_of(&reply), "Ran out of ports");
    let unknown = PUBLISHER.replace("RTP/AVP 0 8", "RTP/AVP 18");
    let reply = world.say("publish", r#""from-tag":"p","#, &unknown);
    assert!(error_of(&reply).contains("no codec"));
    assert_eq!(world.door.call_count(), 0);
}

fn second_call(world: &mut World) {
    let say = |world: &mut World, command: &str, keys: &str, sdp: &str| {
        let sdp = sdp.replace('\r', "\\r").replace('\n', "\\n");
        world.ask(&format!(r#"{{"command":"{command}","call-id":"d",{keys}"sdp":"{sdp}"}}"#))
    };
    say(world, "offer", r#""from-tag":"x","#, PHONE);
    say(world, "answer", r#""from-tag":"x","to-tag":"y","#, OTHER);
}

fn bridges(world: &World) -> Vec<(LegId, LegId)> {
    let bridges = world.commands.iter().filter_map(|command| match command {
        MediaCommand::Bridge { a, b } => Some((*a, *b)),
        _ => None,
    });
    bridges.collect()
}

fn partner(reply: &Reply, tag: &str) -> Option<String> {
    let tag = reply.value().get("tags")?.get(tag)?;
    Some(tag.get("in dialogue with")?.as_text()?.into_owned())
}

#[test]
fn parties_of_two_calls_are_connected_and_the_calls_are_one() {
    let mut world = talking();
    second_call(&mut world);
    let connect =
        r#"{"command":"connect","call-id":"c","from-tag":"a","to-tag":"y","to-call-id":"d"}"#;
    assert_eq!(text_of(&world.ask(connect), "result"), "ok");
    let [ab, xy, joined] = bridges(&world)[..] else { panic!("three bridges") };
    assert_eq!(joined, (ab.1, xy.0));
    assert_eq!(world.door.call_count(), 1);
    for call_id in ["c", "d"] {
        let query = world.ask(&format!(r#"{{"command":"query","call-id":"{call_id}"}}"#));
        assert_eq!(partner(&query, "a").as_deref(), Some("y"));
        assert_eq!(partner(&query, "y").as_deref(), Some("a"));
        assert_eq!((partner(&query, "b"), partner(&query, "x")), (None, None));
    }
    let list = world.ask(r#"{"command":"list"}"#);
    let Some(Value::List(calls)) = list.value().get("calls") else { panic!("{list:?}") };
    assert_eq!(calls.len(), 2);
    // A key that one presses is heard by the other.
    world.ask(r#"{"command":"play DTMF","call-id":"d","from-tag":"y","code":"5"}"#);
    assert_eq!(world.commands.last().and_then(MediaCommand::leg), Some(ab.1));
    world.ask(r#"{"command":"delete","call-id":"d","from-tag":"x","delete-delay":0}"#);
    assert_eq!((world.released(), world.door.call_count()), (4, 0));
    assert_eq!(error_of(&world.ask(r#"{"command":"query","call-id":"d"}"#)), "Unknown call-id");
    assert_eq!(error_of(&world.ask(r#"{"command":"query","call-id":"c"}"#)), "Unknown call-id");
}

#[test]
fn subscriptions_and_timers_of_a_call_that_is_taken_in_go_on() {
    let mut world = talking();
    second_call(&mut world);
    let request = r#"{"command":"subscribe request","call-id":"d","from-tag":"x","to-tag":"s"}"#;
    world.ask(request);
    world.ask(r#"{"command":"delete","call-id":"d","from-tag":"x","delete-delay":5}"#);
    let connect =
        r#"{"command":"connect","call-id":"c","from-tag":"a","to-tag":"y","to-call-id":"d"}"#;
    world.ask(connect);
    world.advance(Duration::from_secs(6));
    assert_eq!(world.door.call_count(), 1, "whoever connects wants the call to go on");
    let query = world.ask(r#"{"command":"query","call-id":"c","from-tag":"s"}"#);
    let tag = query.value().get("tags").and_then(|tags| tags.get("s"));
    let Some(Value::List(heard)) = tag.and_then(|tag| tag.get("subscriptions")) else {
        panic!("{query:?}");
    };
    assert_eq!(heard[0].get("tag").and_then(Value::as_text).as_deref(), Some("x"));
}

#[test]
fn who_is_not_there_is_not_connected() {
    let mut world = talking();
    let mut refused = |keys: &str, why: &str| {
        let reply = world.ask(&format!(r#"{{"command":"connect","call-id":"c",{keys}}}"#));
        let error = error_of(&reply);
        assert!(error.contains(why), "{error}");
    };
    refused(r#""from-tag":"a""#, "No to-tag");
    refused(r#""from-tag":"a","to-tag":"q""#, "the tag q");
    refused(r#""from-tag":"a","to-tag":"a""#, "with itself");
    refused(r#""from-tag":"a","to-tag":"y","to-call-id":"d""#, "Unknown to-call-id");
}

#[test]
fn what_is_not_served_is_refused_by_name() {
    let mut world = talking();
    for command in ["start forwarding", "stop forwarding", "transform"] {
        let reply = world.ask(&format!(r#"{{"command":"{command}","call-id":"c"}}"#));
        assert!(error_of(&reply).starts_with(&format!("{command} is not served")));
    }
}
