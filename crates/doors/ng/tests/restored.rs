//! Calls that another door goes on with, from what was kept of them.

mod world;

use metrics_exporter_prometheus::PrometheusBuilder;
use offhook_bus::{
    CallSnapshot, MEDIA_QUEUE_MAX, MediaCommand, MediaEvent, MediaRefusal, SpeechGate, Unreadable,
    queue,
};
use offhook_model::{LegId, RecordingCommand};
use offhook_ng::Value;
use offhook_ng_door::state::{RestoreError, Settings};
use offhook_ng_door::{Config, Kept, Links, start};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::runtime::Handle;
use world::{OTHER, PHONE, World, error_of, sdp_of, text_of};

const G729: &str = "v=0\r\no=phone 1 1 IN IP4 10.0.0.1\r\ns=A call\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n";
const VIDEO: &str = "m=video 4002 RTP/AVPF 96\r\na=rtpmap:96 VP8/90000\r\n";
const T38: &str = "m=image 4004 udptl t38\r\na=T38FaxVersion:0\r\n";
const INTERVAL: Duration = Duration::from_secs(10);
const SHORTLY: Duration = Duration::from_millis(510);

fn keeping(settings: &mut Settings) {
    settings.snapshot_interval = Some(INTERVAL);
}

/// A world with a call that is answered and kept.
fn call() -> World {
    let mut world = World::with(keeping);
    world.offer("", PHONE);
    world.answer("", OTHER);
    world.advance(SHORTLY);
    assert_eq!(world.kept.len(), 1);
    world
}

/// A door that begins so much later with what was kept.
fn next(before: &World, later: Duration, change: impl FnOnce(&mut Settings)) -> World {
    // Its clock begins anew; the wall clock goes on.
    let since = before.elapsed();
    World::with(|settings| {
        keeping(settings);
        settings.unix_start += since + later;
        change(settings);
    })
}

fn restore(before: &World, world: &mut World) -> Result<(), RestoreError> {
    let mut restored = Ok(());
    for (call_id, snapshot) in before.kept.clone() {
        world.kept.insert(call_id.clone(), snapshot.clone());
        restored = world.door.restore(&call_id, &snapshot, world.now);
        world.run();
    }
    restored
}

#[test]
fn it_is_kept_after_each_change_and_at_intervals_and_forgotten_at_its_end() {
    let mut world = World::with(keeping);
    world.offer("", PHONE);
    assert!(world.kept.is_empty());
    world.advance(SHORTLY);
    let offered = world.kept["c"].clone();
    world.answer("", OTHER);
    world.advance(SHORTLY);
    let answered = world.kept["c"].clone();
    assert_ne!(offered, answered);
    for wait in [Duration::from_secs(1), INTERVAL, INTERVAL] {
        world.kept.clear();
        world.advance(wait - SHORTLY);
        assert!(world.kept.is_empty());
        world.advance(SHORTLY);
        assert_eq!(world.kept.len(), 1);
    }
    world.kept.clear();
    let leg = world.commands.iter().find_map(MediaCommand::leg).expect("a leg");
    world.tell(MediaEvent::Connected { leg });
    world.advance(SHORTLY);
    assert_eq!(world.kept.len(), 1, "a path that was found is a change");
    world.ask(r#"{"command":"delete","call-id":"c","from-tag":"a","delete-delay":0}"#);
    assert!(world.kept.is_empty());
}

#[test]
fn nothing_is_kept_unless_that_is_wanted() {
    let mut world = World::new();
    world.offer("", PHONE);
    world.answer("", OTHER);
    world.advance(INTERVAL);
    assert!(world.kept.is_empty());
    assert!(!world.commands.iter().any(|c| matches!(c, MediaCommand::Snapshot { .. })));
}

#[test]
fn a_call_of_which_no_leg_is_kept_any_longer_is_forgotten() {
    let mut world = call();
    world.has_no_snapshots = true;
    world.answer("", OTHER);
    world.advance(SHORTLY);
    assert!(world.kept.is_empty(), "its keys and counters of before are true no longer");
}

#[test]
fn a_call_that_passes_as_it_is_from_now_on_is_written_at_once() {
    let mut world = call();
    world.advance(INTERVAL);
    for (sdp, is_at_once) in [(G729, true), (G729, false), (OTHER, true), (OTHER, false)] {
        world.kept.clear();
        world.answer("", sdp);
        world.advance(Duration::ZERO);
        assert_eq!(world.kept.len(), usize::from(is_at_once), "{sdp}");
        world.advance(SHORTLY);
        world.advance(INTERVAL);
    }
}

#[test]
fn every_section_of_a_call_goes_on_with_the_legs_that_it_had() {
    let sections = format!("{G729}{VIDEO}{T38}");
    let mut before = World::with(keeping);
    before.offer("", &sections);
    before.answer("", &sections);
    before.advance(SHORTLY);
    let mut world = next(&before, Duration::from_secs(3), |_| {});
    restore(&before, &mut world).expect("it is restored");
    let restored: Vec<_> = world.commands.iter().filter_map(MediaCommand::leg).collect();
    assert_eq!(restored.len(), 6);
    let query = world.ask(r#"{"command":"query","call-id":"c"}"#);
    for tag in ["a", "b"] {
        let tags = query.value().get("tags").expect("tags");
        let media = tags.get(tag).and_then(|tag| tag.get("medias")).expect("media");
        let Value::List(media) = media else { panic!("{query:?}") };
        let kinds = media.iter().map(|media| media.get("type").and_then(Value::as_text));
        let kinds: Vec<_> = kinds.map(|kind| kind.expect("a type").into_owned()).collect();
        assert_eq!(kinds, ["audio", "video", "image"]);
    }
    world.say("offer", r#""from-tag":"b","to-tag":"a","#, &sections);
    let answered = sdp_of(&world.say("answer", r#""from-tag":"b","to-tag":"a","#, &sections));
    assert!(answered.contains("m=video ") && answered.contains("a=rtpmap:96 VP8"), "{answered}");
    let known = |command: &MediaCommand| command.leg().is_some_and(|leg| restored.contains(&leg));
    assert!(world.commands.iter().all(known), "no other legs");
    world.ask(r#"{"command":"delete","call-id":"c","from-tag":"a","delete-delay":0}"#);
    assert_eq!(world.released(), 6);
}

/// Somebody who hears what the first party of the call says.
fn with_a_listener(world: &mut World, answer: Option<&str>) {
    let request = r#"{"command":"subscribe request","call-id":"c","from-tag":"a","to-tag":"r"}"#;
    assert_eq!(text_of(&world.ask(request), "result"), "ok");
    if let Some(sdp) = answer {
        let answered = world.say("subscribe answer", r#""to-tag":"r","#, sdp);
        assert_eq!(text_of(&answered, "result"), "ok");
    }
    world.advance(SHORTLY);
}

const RECORDER: &str = "v=0\r\no=r 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n\
    m=audio 7000 RTP/AVP 0\r\na=recvonly\r\n";

fn listens(world: &World) -> Vec<(LegId, LegId)> {
    let listens = world.commands.iter().filter_map(|command| match command {
        MediaCommand::Listen { leg, to } => Some((*leg, *to)),
        _ => None,
    });
    listens.collect()
}

#[test]
fn who_listens_goes_on_listening_until_it_is_ended() {
    let mut before = call();
    with_a_listener(&mut before, Some(RECORDER));
    let mut world = next(&before, Duration::from_secs(3), |_| {});
    restore(&before, &mut world).expect("it is restored");
    assert_eq!(listens(&world), listens(&before));
    let query = world.ask(r#"{"command":"query","call-id":"c"}"#);
    assert!(query.value().get("tags").and_then(|tags| tags.get("r")).is_some(), "{query:?}");
    // Again with other terms, on the leg that it has.
    with_a_listener(&mut world, Some(RECORDER));
    let legs = world.commands.iter().filter_map(MediaCommand::leg).max();
    assert_eq!(legs, before.commands.iter().filter_map(MediaCommand::leg).max());
    let kept = world.kept["c"].clone();
    world.ask(r#"{"command":"unsubscribe","call-id":"c","to-tag":"r"}"#);
    assert_eq!(world.released(), 1);
    world.advance(SHORTLY);
    assert_ne!(world.kept["c"], kept, "it is written that nobody listens");
    let mut after = next(&world, Duration::from_secs(3), |_| {});
    restore(&world, &mut after).expect("it is restored");
    assert!(listens(&after).is_empty());
}

#[test]
fn who_was_asked_to_listen_may_answer_afterwards() {
    let mut before = call();
    with_a_listener(&mut before, None);
    let mut world = next(&before, Duration::from_secs(3), |_| {});
    restore(&before, &mut world).expect("it is restored");
    let answered = world.say("subscribe answer", r#""to-tag":"r","#, RECORDER);
    assert_eq!(text_of(&answered, "result"), "ok", "{answered:?}");
}

#[test]
fn it_is_queried_renegotiated_and_deleted_as_if_nothing_had_happened() {
    let before = call();
    let mut world = next(&before, Duration::from_secs(3), |_| {});
    restore(&before, &mut world).expect("it is restored");
    assert_eq!((world.door.restoring(), world.door.call_count()), (0, 1));
    let restored: Vec<_> = world
        .commands
        .iter()
        .map(|command| match command {
            MediaCommand::Restore { leg, snapshot, age_ms } => (*leg, snapshot.0.clone(), *age_ms),
            other => panic!("{other:?}"),
        })
        .collect();
    for (leg, snapshot, age_ms) in &restored {
        assert_eq!(*snapshot, format!("all of {leg}"));
        assert_eq!(*age_ms, 3_000);
    }
    let list = world.ask(r#"{"command":"list"}"#);
    assert_eq!(list.value().get("calls"), Some(&Value::List(vec![Value::text("c")])));
    let query = world.ask(r#"{"command":"query","call-id":"c"}"#);
    let told = query.value().get("tags").expect("tags");
    assert!(told.get("a").is_some() && told.get("b").is_some(), "{query:?}");

    let offered = world.say("offer", r#""from-tag":"b","to-tag":"a","#, OTHER);
    assert_eq!(text_of(&offered, "result"), "ok", "{offered:?}");
    let answered = world.say("answer", r#""from-tag":"b","to-tag":"a","#, PHONE);
    assert!(sdp_of(&answered).contains("a=x-strange:  kept"));
    let legs: Vec<_> = restored.iter().map(|(leg, _, _)| Some(*leg)).collect();
    assert!(world.commands.iter().all(|command| legs.contains(&command.leg())), "no other legs");

    let deleted =
        world.ask(r#"{"command":"delete","call-id":"c","from-tag":"a","delete-delay":0}"#);
    assert_eq!(text_of(&deleted, "result"), "ok");
    assert_eq!((world.released(), world.door.call_count()), (2, 0));
    assert!(world.kept.is_empty());
}

#[test]
fn a_call_that_rings_is_answered_after_it() {
    let mut before = World::with(keeping);
    before.offer("", PHONE);
    before.advance(SHORTLY);
    let mut world = next(&before, Duration::from_secs(1), |_| {});
    restore(&before, &mut world).expect("it is restored");
    let answered = world.answer("", OTHER);
    assert_eq!(text_of(&answered, "result"), "ok", "{answered:?}");
}

#[test]
fn new_legs_have_other_names_than_restored_ones() {
    let before = call();
    let mut world = next(&before, Duration::from_secs(1), |_| {});
    restore(&before, &mut world).expect("it is restored");
    let known: Vec<_> = world.commands.iter().filter_map(MediaCommand::leg).collect();
    world.commands.clear();
    let sdp = PHONE.replace('\r', "\\r").replace('\n', "\\n");
    world.ask(&format!(r#"{{"command":"offer","call-id":"d","from-tag":"x","sdp":"{sdp}"}}"#));
    let new = world.commands.iter().filter_map(MediaCommand::leg).next().expect("a leg");
    assert!(!known.contains(&new));
}

#[test]
fn requests_wait_until_the_legs_are_there() {
    let before = call();
    let mut world = next(&before, Duration::from_secs(1), |_| {});
    world.is_mute = true;
    restore(&before, &mut world).expect("it is being restored");
    assert_eq!(world.door.restoring(), 1);
    world.send(r#"{"command":"query","call-id":"c"}"#);
    assert!(world.replies.is_empty());
    world.is_mute = false;
    let legs: Vec<_> = world.commands.iter().filter_map(MediaCommand::leg).collect();
    for leg in legs {
        world.tell(MediaEvent::Restored { leg });
    }
    assert_eq!(world.door.restoring(), 0);
    assert_eq!(text_of(&world.replies.pop_front().expect("a reply").1, "result"), "ok");
}

#[test]
fn a_call_of_which_a_leg_is_missing_is_given_up() {
    let before = call();
    let mut world = next(&before, Duration::from_secs(1), |_| {});
    world.refuse_next = Some(MediaRefusal::NotAcceptable("the port is taken".to_owned()));
    restore(&before, &mut world).expect("it is tried");
    assert_eq!((world.door.call_count(), world.door.restoring()), (0, 0));
    assert_eq!(world.released(), 2);
    assert!(world.kept.is_empty());
    let query = world.ask(r#"{"command":"query","call-id":"c"}"#);
    assert_eq!(error_of(&query), "Unknown call-id");

    let mut world = next(&before, Duration::from_secs(1), |_| {});
    world.is_mute = true;
    restore(&before, &mut world).expect("it is tried");
    world.advance(Duration::from_secs(6));
    assert_eq!((world.door.call_count(), world.door.restoring()), (0, 0));
}

#[test]
fn what_is_too_old_is_dropped_and_what_cannot_be_read_is_left() {
    let before = call();
    let mut world = next(&before, Duration::from_secs(61), |_| {});
    let old = restore(&before, &mut world).expect_err("the silence is too long");
    assert_eq!(old, RestoreError::TooOld { age_s: 61, limit_s: 60 });
    assert!(world.kept.is_empty());
    let patient = |settings: &mut Settings| settings.silence_timeout_s = 0;
    let mut world = next(&before, Duration::from_secs(61), patient);
    restore(&before, &mut world).expect("nobody is in a hurry");
    let mut world = next(&before, Duration::from_secs(301), patient);
    restore(&before, &mut world).expect_err("numbers cannot be told apart any longer");

    let good = before.kept["c"].0.clone();
    for (text, is_version) in [
        (good.replacen("\"version\":1", "\"version\":7", 1), true),
        (good.replacen("\"call\"", "\"cell\"", 1), false),
        ("{".to_owned(), false),
    ] {
        let mut world = next(&before, Duration::from_secs(1), |_| {});
        world.kept.insert("c".to_owned(), CallSnapshot(text.clone()));
        let error = world.door.restore("c", &CallSnapshot(text), world.now).expect_err("refused");
        world.run();
        let version = RestoreError::Unreadable(Unreadable::Version { found: 7, expected: 1 });
        assert_eq!(error == version, is_version, "{error}");
        assert_eq!(world.kept.len(), 1, "it is left where it is");
    }
}

#[test]
fn a_call_is_not_restored_twice_nor_beyond_the_limit() {
    let before = call();
    let mut world = next(&before, Duration::from_secs(1), |_| {});
    restore(&before, &mut world).expect("once");
    assert_eq!(restore(&before, &mut world), Err(RestoreError::Conflict));
    let mut world = next(&before, Duration::from_secs(1), |settings| settings.calls_max = 0);
    assert_eq!(restore(&before, &mut world), Err(RestoreError::TooMany));
}

#[test]
fn the_delay_of_a_delete_and_the_watch_over_silence_go_on() {
    let mut before = call();
    before.ask(r#"{"command":"delete","call-id":"c","from-tag":"a","delete-delay":20}"#);
    before.advance(Duration::from_secs(5));
    let mut world = next(&before, Duration::from_secs(5), |_| {});
    restore(&before, &mut world).expect("it is restored");
    world.advance(Duration::from_secs(9));
    assert_eq!(world.door.call_count(), 1);
    world.advance(Duration::from_secs(2));
    assert_eq!(world.door.call_count(), 0);

    let before = call();
    let mut world = next(&before, Duration::from_secs(5), |_| {});
    restore(&before, &mut world).expect("it is restored");
    world.measure.idle_ms = Some(61_000);
    for _ in 0..70 {
        world.advance(Duration::from_secs(1));
    }
    assert_eq!(world.door.call_count(), 0, "nobody was heard since");
}

#[test]
fn a_recording_goes_on_in_another_file_and_stays_paused() {
    let mut before = call();
    before.ask(r#"{"command":"start recording","call-id":"c"}"#);
    before.ask(r#"{"command":"pause recording","call-id":"c"}"#);
    before.advance(SHORTLY);
    let mut world = next(&before, Duration::from_secs(5), |_| {});
    restore(&before, &mut world).expect("it is restored");
    let (first, second) = (before.recorded()[0].clone(), world.recorded()[0].clone());
    let (RecordingCommand::Start { path: old, .. }, RecordingCommand::Start { path: new, .. }) =
        (first, second)
    else {
        panic!("a recording begins");
    };
    assert_ne!(old, new);
    assert_eq!(*world.recorded()[1], RecordingCommand::Pause);
}

#[test]
fn a_blocked_party_is_still_known_as_blocked() {
    let mut before = call();
    before.ask(r#"{"command":"block media","call-id":"c","from-tag":"a"}"#);
    before.advance(SHORTLY);
    let mut world = next(&before, Duration::from_secs(1), |_| {});
    restore(&before, &mut world).expect("it is restored");
    world.ask(r#"{"command":"block DTMF","call-id":"c","from-tag":"a"}"#);
    let gate = world.commands.iter().find_map(|command| match command {
        MediaCommand::Gate { speech, dtmf, .. } => Some((*speech, *dtmf)),
        _ => None,
    });
    assert_eq!(gate, Some((SpeechGate::Shut, false)));
}

#[test]
fn a_description_that_is_no_text_stays_what_it_was() {
    let mut before = World::with(keeping);
    let latin = PHONE.replace("s=A call", "s=\u{e9}t\u{e9}");
    before.offer("", &latin);
    before.advance(SHORTLY);
    let mut world = next(&before, Duration::from_secs(1), |_| {});
    restore(&before, &mut world).expect("it is restored");
    world.advance(Duration::from_secs(2));
    // Each is two bytes of UTF-8, and each byte a letter.
    assert!(world.kept["c"].0.contains("\u{c3}\u{a9}t\u{c3}\u{a9}"));
}

/// The driver with a media role that restores whatever it is told to.
#[tokio::test]
async fn a_door_opens_with_the_calls_that_were_kept_and_counts_them() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.expect("after 1970");
    let mut before = World::with(|settings| {
        keeping(settings);
        settings.unix_start = now;
    });
    before.offer("", PHONE);
    before.answer("", OTHER);
    before.advance(SHORTLY);
    let good = before.kept["c"].clone();
    let calls = vec![("c".to_owned(), good), ("bad".to_owned(), CallSnapshot("{}".to_owned()))];

    let (media_commands, mut commands) = queue(MEDIA_QUEUE_MAX);
    let (events, media_events) = queue(MEDIA_QUEUE_MAX);
    let media = tokio::spawn(async move {
        while let Some(command) = commands.recv().await {
            if let MediaCommand::Restore { leg, .. } = command {
                events.send(MediaEvent::Restored { leg }).expect("room");
            }
            if let MediaCommand::Snapshot { leg } = command {
                let snapshot = Some(offhook_bus::LegSnapshot("all of it".to_owned()));
                events.send(MediaEvent::Snapshot { leg, snapshot }).expect("room");
            }
        }
    });
    // Nobody keeps what changes: it is dropped and counted.
    let (changes, _) = queue(1);
    let kept = Some(Kept { changes, calls });
    let config = Config { port: 0, ..Config::default() };
    let links = Links { media_commands, media_events, kept };
    let door = start(&config, links, &Handle::current()).await.expect("a door");
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let request = br#"1 {"command":"list"}"#;
    socket.send_to(request, door.addresses().udp).await.expect("sent");
    let mut buffer = [0; 2_000];
    let length = socket.recv(&mut buffer).await.expect("a reply");
    let reply = String::from_utf8_lossy(&buffer[..length]).into_owned();
    assert!(reply.contains(r#""calls":["c"]"#), "{reply}");
    let dropped = "offhook_bus_dropped_total{queue=\"snapshots\"}";
    let begun = std::time::Instant::now();
    while !metrics.render().contains(dropped) {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", metrics.render());
        tokio::task::yield_now().await;
    }
    let rendered = metrics.render();
    assert!(rendered.contains("offhook_calls_restored_total 1"), "{rendered}");
    assert!(rendered.contains("offhook_calls_restore_failed_total 1"), "{rendered}");
    drop(door);
    media.abort();
}

#[test]
fn a_leg_that_was_not_kept_leaves_its_number_to_nobody() {
    let mut before = call();
    let lost = before.commands.iter().filter_map(MediaCommand::leg).max().expect("a leg");
    let written = before.kept["c"].0.clone();
    let mut value: serde_json::Value = serde_json::from_str(&written).expect("JSON");
    let kept = value["legs"].as_array_mut().expect("legs");
    kept.retain(|leg| leg[0] != serde_json::json!(lost));
    assert_eq!(kept.len(), 1);
    before.kept.insert("c".to_owned(), CallSnapshot(value.to_string()));
    let mut world = next(&before, Duration::from_secs(1), |_| {});
    restore(&before, &mut world).expect("it is restored");
    world.commands.clear();
    let sdp = PHONE.replace('\r', "\\r").replace('\n', "\\n");
    world.ask(&format!(r#"{{"command":"offer","call-id":"d","from-tag":"x","sdp":"{sdp}"}}"#));
    let new = world.commands.iter().filter_map(MediaCommand::leg).next().expect("a leg");
    assert_ne!(new, lost, "a leg of another call has the number of a partner that is gone");
}
