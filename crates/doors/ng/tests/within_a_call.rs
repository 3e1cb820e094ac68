//! What is asked of a call that stands: queries, deletes, blocking, playing, keys and recordings.

mod world;

use offhook_bus::{LegMeasure, MediaCommand, MediaEvent, SpeechGate};
use offhook_model::{LegId, MediaTrouble, RecordingCommand, StreamReport};
use offhook_ng::Value;
use std::time::Duration;
use world::{OTHER, PHONE, World, error_of, text_of};

fn talking() -> World {
    let mut world = World::new();
    world.offer("", PHONE);
    world.answer("", OTHER);
    let report = StreamReport {
        packets_received: 50,
        packets_sent: 40,
        mos: Some(4.38),
        packets_refused: 2,
        ..StreamReport::default()
    };
    world.measure = LegMeasure {
        report,
        octets_received: 8_000,
        octets_sent: 6_400,
        ssrc_received: Some(77),
        idle_ms: Some(2_000),
        destination: Some("10.0.0.1:4000".parse().expect("an address")),
        ..LegMeasure::default()
    };
    world
}

fn number(value: &Value<'_>, path: &[&str]) -> Option<i64> {
    let mut value = value;
    for key in path {
        value = match (value, key.parse::<usize>()) {
            (Value::List(values), Ok(place)) => values.get(place)?,
            _ => value.get(key)?,
        };
    }
    value.as_integer()
}

#[test]
fn a_query_tells_of_each_stream() {
    let mut world = talking();
    let reply = world.ask(r#"{"command":"query","call-id":"c"}"#);
    let value = reply.value();
    let stream = ["tags", "a", "medias", "0", "streams", "0"];
    let of_stream = |keys: &[&str]| number(value, &[&stream, keys].concat());
    assert_eq!(of_stream(&["stats", "packets"]), Some(50));
    assert_eq!(of_stream(&["stats", "bytes"]), Some(8_000));
    assert_eq!(of_stream(&["stats", "errors"]), Some(2));
    assert_eq!(of_stream(&["stats_out", "packets"]), Some(40));
    assert_eq!(of_stream(&["SSRC"]), Some(77));
    assert_eq!(of_stream(&["last packet"]), Some(1_699_999_998));
    assert_eq!(of_stream(&["endpoint", "port"]), Some(4_000));
    assert_eq!(number(value, &["SSRC", "77", "average MOS", "MOS"]), Some(44));
    assert_eq!(number(value, &["totals", "RTP", "packets"]), Some(100));
    assert_eq!(number(value, &["created"]), Some(1_700_000_000));
    let partner = value.get("tags").and_then(|tags| tags.get("a"));
    let partner = partner.and_then(|tag| tag.get("in dialogue with"));
    assert_eq!(partner.and_then(Value::as_text).as_deref(), Some("b"));
}

#[test]
fn a_query_of_nobody_is_an_error() {
    let mut world = talking();
    assert_eq!(error_of(&world.ask(r#"{"command":"query","call-id":"x"}"#)), "Unknown call-id");
    let reply = world.ask(r#"{"command":"query","call-id":"c","from-tag":"x"}"#);
    assert!(error_of(&reply).contains("tags didn't match"));
}

#[test]
fn calls_are_listed() {
    let mut world = talking();
    let reply = world.ask(r#"{"command":"list"}"#);
    assert_eq!(reply.value().get("calls"), Some(&Value::List(vec![Value::text("c")])));
    let none = world.ask(r#"{"command":"list","limit":0}"#);
    assert_eq!(none.value().get("calls"), Some(&Value::List(Vec::new())));
}

#[test]
fn a_delete_without_delay_ends_the_call_and_tells_of_it() {
    let mut world = talking();
    let reply = world.ask(r#"{"command":"delete","call-id":"c","from-tag":"a","delete-delay":0}"#);
    assert_eq!(text_of(&reply, "result"), "ok");
    assert_eq!(number(reply.value(), &["totals", "RTP", "packets"]), Some(100));
    assert_eq!((world.released(), world.door.call_count()), (2, 0));
    let again = world.ask(r#"{"command":"delete","call-id":"c","from-tag":"a"}"#);
    assert!(text_of(&again, "warning").contains("Call-ID not found"));
    assert_eq!(world.door.totals().packets, 100);
}

#[test]
fn a_delete_waits_for_its_delay() {
    let mut world = talking();
    world.ask(r#"{"command":"delete","call-id":"c","from-tag":"a","delete-delay":5}"#);
    world.advance(Duration::from_secs(4));
    assert_eq!((world.released(), world.door.call_count()), (0, 1));
    world.advance(Duration::from_secs(1));
    assert_eq!((world.released(), world.door.call_count()), (2, 0));
}

#[test]
fn an_offer_takes_a_delete_back() {
    let mut world = talking();
    world.ask(r#"{"command":"delete","call-id":"c","from-tag":"a"}"#);
    world.offer(r#""to-tag":"b","#, PHONE);
    world.advance(Duration::from_secs(31));
    assert_eq!(world.door.call_count(), 1);
}

#[test]
fn a_delete_of_a_branch_leaves_the_others() {
    let mut world = World::new();
    world.offer(r#""via-branch":"1","#, PHONE);
    world.offer(r#""via-branch":"2","#, PHONE);
    world.answer(r#""via-branch":"2","#, OTHER);
    let delete =
        r#"{"command":"delete","call-id":"c","from-tag":"a","via-branch":"1","delete-delay":0}"#;
    world.ask(delete);
    assert_eq!((world.released(), world.door.call_count()), (1, 1));
    world.ask(r#"{"command":"delete","call-id":"c","from-tag":"a","to-tag":"b","delete-delay":0}"#);
    assert_eq!((world.released(), world.door.call_count()), (3, 0));
}

#[test]
fn a_delete_with_a_wrong_tag_ends_nothing() {
    let mut world = talking();
    let reply = world.ask(r#"{"command":"delete","call-id":"c","from-tag":"x","delete-delay":0}"#);
    assert_eq!(text_of(&reply, "result"), "ok");
    assert!(text_of(&reply, "warning").contains("tags didn't match"));
    let fatal = r#"{"command":"delete","call-id":"c","from-tag":"x","flags":["fatal"]}"#;
    error_of(&world.ask(fatal));
    assert_eq!(world.door.call_count(), 1);
}

#[test]
fn media_and_dtmf_are_blocked_apart_from_each_other() {
    let mut world = talking();
    let gate = |world: &World| match world.commands.last() {
        Some(MediaCommand::Gate { speech, dtmf, .. }) => (*speech, *dtmf),
        other => panic!("{other:?}"),
    };
    world.ask(r#"{"command":"block media","call-id":"c","from-tag":"a"}"#);
    assert_eq!(gate(&world), (SpeechGate::Shut, true));
    world.ask(r#"{"command":"block DTMF","call-id":"c","from-tag":"a"}"#);
    assert_eq!(gate(&world), (SpeechGate::Shut, false));
    world.ask(r#"{"command":"unblock media","call-id":"c","from-tag":"a"}"#);
    assert_eq!(gate(&world), (SpeechGate::Open, false));
    world.ask(r#"{"command":"silence media","call-id":"c","from-tag":"a"}"#);
    assert_eq!(gate(&world), (SpeechGate::Silent, false));
    world.ask(r#"{"command":"block media","call-id":"c","from-tag":"a"}"#);
    world.ask(r#"{"command":"unsilence media","call-id":"c","from-tag":"a"}"#);
    assert_eq!(gate(&world), (SpeechGate::Shut, false));
    world.ask(r#"{"command":"unblock media","call-id":"c","address":"10.0.0.1"}"#);
    assert_eq!(gate(&world), (SpeechGate::Open, false));
    let reply = world.ask(r#"{"command":"block media","call-id":"c","address":"10.9.9.9"}"#);
    assert!(error_of(&reply).contains("no such party"));
    let reply = world.ask(r#"{"command":"block media","call-id":"c","from-tag":"x"}"#);
    assert!(error_of(&reply).contains("no such party"));
}

#[test]
fn a_sound_is_played_to_the_named_party() {
    let mut world = talking();
    let play = r#"{"command":"play media","call-id":"c","from-tag":"a","file":"tone:440,500","repeat-times":2}"#;
    world.ask(play);
    let MediaCommand::AnswerOn { leg: to_a, .. } = &world.commands[2] else { panic!("an answer") };
    let prompts = vec!["tone:440,500".to_owned(); 2];
    let expected = MediaCommand::Play { leg: *to_a, prompts, repeat: false };
    assert_eq!(world.commands.last(), Some(&expected));
    let stopped = MediaCommand::Stop { leg: *to_a };
    world.ask(r#"{"command":"stop media","call-id":"c","from-tag":"a"}"#);
    assert_eq!(world.commands.last(), Some(&stopped));
    let reply = world.ask(r#"{"command":"play media","call-id":"c","from-tag":"a","blob":"RIFF"}"#);
    assert!(error_of(&reply).contains("blob"));
}

#[test]
fn a_key_is_heard_by_the_other_party() {
    let mut world = talking();
    world.ask(r#"{"command":"play DTMF","call-id":"c","from-tag":"a","code":"5","duration":120}"#);
    let MediaCommand::OfferOn { leg: to_b, .. } = &world.commands[0] else { panic!("an offer") };
    let digits = "5".to_owned();
    let expected = MediaCommand::SendDtmf { leg: *to_b, digits, duration_ms: 120 };
    assert_eq!(world.commands.last(), Some(&expected));
    let reply = world.ask(r#"{"command":"play DTMF","call-id":"c","from-tag":"a","code":"x"}"#);
    assert!(error_of(&reply).contains("DTMF code"));
}

#[test]
fn a_call_is_recorded_paused_and_goes_on() {
    let mut world = talking();
    let ask = |world: &mut World, command: &str| {
        world.ask(&format!(r#"{{"command":"{command}","call-id":"c"}}"#))
    };
    assert_eq!(error_of(&ask(&mut world, "stop recording")), "the call is not recorded");
    let file = text_of(&ask(&mut world, "start recording"), "recording-file");
    assert_eq!(file, "ng/c-1700000000.wav");
    ask(&mut world, "pause recording");
    ask(&mut world, "start recording");
    ask(&mut world, "stop recording");
    let orders = world.recorded();
    assert!(matches!(
        orders[..],
        [
            RecordingCommand::Start { .. },
            RecordingCommand::Pause,
            RecordingCommand::Resume,
            RecordingCommand::Stop
        ]
    ));
}

#[test]
fn a_flag_records_the_call_from_its_answer() {
    let mut world = World::new();
    world.offer(r#""record-call":"yes","#, PHONE);
    assert!(world.recorded().is_empty());
    world.answer("", OTHER);
    assert_eq!(world.recorded().len(), 1);
}

#[test]
fn a_call_in_which_nobody_is_heard_ends() {
    let mut world = talking();
    world.measure.idle_ms = Some(59_000);
    let leg = LegId(offhook_bus::DOOR_LEGS.start);
    let silent = || MediaEvent::Trouble { leg, what: MediaTrouble::Silent { seconds: 30 } };
    world.tell(silent());
    assert_eq!(world.door.call_count(), 1, "a packet came less than a minute ago");
    world.measure.idle_ms = Some(60_000);
    world.advance(Duration::from_secs(1));
    assert_eq!((world.door.call_count(), world.door.totals().timed_out), (0, 1));
    assert!(world.replies.is_empty());
}

#[test]
fn a_call_that_nobody_answers_ends() {
    let mut world = World::with(|settings| settings.offer_timeout_s = 120);
    world.offer("", PHONE);
    world.advance(Duration::from_secs(119));
    assert_eq!(world.door.call_count(), 1);
    world.advance(Duration::from_secs(1));
    assert_eq!(world.door.call_count(), 0);
}

#[test]
fn statistics_count_what_was_asked() {
    let mut world = talking();
    world.ask(r#"{"command":"ping"}"#);
    let reply = world.ask(r#"{"command":"statistics"}"#);
    let path = ["statistics", "currentstatistics", "sessionstotal"];
    assert_eq!(number(reply.value(), &path), Some(1));
    let path = ["statistics", "controlstatistics", "totalpingcount"];
    assert_eq!(number(reply.value(), &path), Some(1));
}
