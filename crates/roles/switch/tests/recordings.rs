//! Which calls are recorded, and what is known of their recordings.

mod desk;

use desk::{Desk, SDP, invite, within};
use offhook_bus::RecordingOrder;
use offhook_model::{
    CallRef, LiveRecording, MediaCommand, MediaEvent, RecordPolicy, RecordingCommand,
    RecordingEvent, RecordingFailure, RecordingForm, RecordingFormat, RecordingLayout,
    RecordingSource, RecordingState, RecordingSummary,
};
use offhook_sip::message::Message;
use offhook_switch::Config;
use offhook_testkit::ScriptedPeer;
use std::path::{Path, PathBuf};

const START: RecordingOrder =
    RecordingOrder::Start(RecordingForm { format: None, layout: None, tone: None });

/// A guest calls 9196; our 200.
fn echo(peer: &mut ScriptedPeer<Desk>) -> Message {
    peer.say(&invite("9196", None, Some(SDP)));
    peer.expect("SIP/2.0 100");
    let ok = peer.expect("SIP/2.0 200");
    peer.say(&within("ACK", 1, &ok, ""));
    ok
}

/// 1002 calls 1001, who answers; our 200.
fn talk(peer: &mut ScriptedPeer<Desk>) -> Message {
    peer.say(&invite("1001", Some("1002"), Some(SDP)));
    peer.expect("SIP/2.0 100");
    let out = peer.expect("INVITE");
    assert_eq!(ordered(peer), [], "a call that rings is not recorded");
    let contact = "Contact: <sip:1001@127.0.0.3:5070>\n";
    let answer = format!("{contact}Content-Type: application/sdp\n\n{SDP}");
    peer.reply(&out, "200 OK", "callee", &answer);
    let both = [peer.expect(""), peer.expect("")];
    let ok = both.into_iter().find(|message| !message.is_request()).expect("our answer");
    peer.say(&within("ACK", 1, &ok, ""));
    ok
}

/// What was ordered of recordings since the last time.
fn ordered(peer: &mut ScriptedPeer<Desk>) -> Vec<RecordingCommand> {
    let commands = std::mem::take(&mut peer.engine.commands);
    let recordings = commands.into_iter().filter_map(|command| match command {
        MediaCommand::Record { command, .. } => Some(command),
        _ => None,
    });
    recordings.collect()
}

fn call(peer: &ScriptedPeer<Desk>) -> CallRef {
    peer.engine.live[0].call.clone()
}

fn order(peer: &mut ScriptedPeer<Desk>, order: RecordingOrder) -> bool {
    let call = call(peer);
    peer.engine.order(|switch, now| switch.record(&call, order, now))
}

fn tell(peer: &mut ScriptedPeer<Desk>, event: RecordingEvent) {
    let leg = peer.engine.recorded_leg.expect("something was recorded");
    peer.engine.media(MediaEvent::Recording { source: RecordingSource::Leg(leg), event });
}

fn started(path: &Path) -> RecordingEvent {
    RecordingEvent::Started { path: path.to_owned(), is_encrypted: false }
}

fn path_of(command: &RecordingCommand) -> PathBuf {
    match command {
        RecordingCommand::Start { path, .. } => path.clone(),
        other => panic!("{other:?} begins nothing"),
    }
}

fn live(peer: &ScriptedPeer<Desk>) -> Option<LiveRecording> {
    peer.engine.live.last().expect("a call").recording
}

#[test]
fn a_call_has_one_recording_after_the_other_by_order() {
    let mut peer = Desk::peer();
    let ok = echo(&mut peer);
    let call = call(&peer);
    let nobody = CallRef::from_bits(7);
    assert!(!peer.engine.order(|switch, now| switch.record(&nobody, START, now)));
    assert!(!order(&mut peer, RecordingOrder::Pause), "nothing is recorded");
    assert!(order(&mut peer, START));
    assert!(!order(&mut peer, START), "it is recorded already");
    let first = PathBuf::from(format!("1970/01/01/{call}-1.wav"));
    let (layout, format) = (RecordingLayout::Stereo, RecordingFormat::Wav);
    let start = RecordingCommand::Start { path: first.clone(), layout, format, tone: false };
    assert_eq!(ordered(&mut peer), [start]);
    tell(&mut peer, started(&first));
    assert_eq!(live(&peer), Some(LiveRecording::Running));
    assert!(order(&mut peer, RecordingOrder::Pause));
    assert_eq!(live(&peer), Some(LiveRecording::Paused));
    assert!(order(&mut peer, RecordingOrder::Resume) && order(&mut peer, RecordingOrder::Stop));
    assert_eq!(live(&peer), None);

    let form = RecordingForm {
        format: Some(RecordingFormat::OggOpus),
        layout: Some(RecordingLayout::Mixed),
        tone: Some(true),
    };
    assert!(order(&mut peer, RecordingOrder::Start(form)), "another begins");
    let commands = ordered(&mut peer);
    let second = path_of(&commands[3]);
    assert_eq!(second, PathBuf::from(format!("1970/01/01/{call}-2.ogg")));
    let summary = RecordingSummary { path: first, seconds: 3.0, ..RecordingSummary::default() };
    tell(&mut peer, RecordingEvent::Stopped(summary));
    assert_eq!(live(&peer), Some(LiveRecording::Running), "the second goes on");
    tell(&mut peer, started(&second));
    peer.say(&within("BYE", 2, &ok, ""));
    let summary = RecordingSummary { path: second, ..RecordingSummary::default() };
    tell(&mut peer, RecordingEvent::Stopped(summary));

    let known: Vec<_> =
        peer.engine.recordings.iter().map(|one| (one.id.as_str(), one.state)).collect();
    let (one, two) = (format!("{call}-1"), format!("{call}-2"));
    let (recording, complete) = (RecordingState::Recording, RecordingState::Complete);
    assert_eq!(
        known,
        [(one.as_str(), recording), (&one, complete), (&two, recording), (&two, complete)]
    );
    assert_eq!(peer.engine.recordings[1].summary.seconds, 3.0);
    let named = peer.engine.records[0].recordings.iter().map(|id| id.as_str());
    assert_eq!(named.collect::<Vec<_>>(), [one.as_str(), &two]);
}

#[test]
fn a_recording_that_fails_is_written_down_and_another_may_begin() {
    let mut peer = Desk::peer();
    echo(&mut peer);
    assert!(order(&mut peer, START));
    let path = path_of(&ordered(&mut peer)[0]);
    let summary = RecordingSummary { path, ..RecordingSummary::default() };
    tell(&mut peer, RecordingEvent::Failed { why: RecordingFailure::DiskFull, summary });
    let record = &peer.engine.recordings[0];
    assert_eq!(record.state, RecordingState::Failed);
    assert_eq!(record.failure.as_deref(), Some("no space is left for recordings"));
    assert_eq!(live(&peer), None);
    assert!(order(&mut peer, START));
}

#[test]
fn where_all_calls_are_recorded_each_is_from_its_answer_and_as_configured() {
    let config = Config {
        record_calls: true,
        recording_format: RecordingFormat::OggOpus,
        recording_layout: RecordingLayout::Mixed,
        recording_tone: true,
        ..Config::default()
    };
    let mut peer = ScriptedPeer::new(Desk::with(&config));
    let ok = talk(&mut peer);
    let commands = ordered(&mut peer);
    let path = PathBuf::from(format!("1970/01/01/{}-1.ogg", call(&peer)));
    let (layout, format) = (RecordingLayout::Mixed, RecordingFormat::OggOpus);
    assert_eq!(commands, [RecordingCommand::Start { path, layout, format, tone: true }]);
    assert!(order(&mut peer, RecordingOrder::Stop), "it is ended by order");
    peer.say(&within("BYE", 2, &ok, ""));
    assert_eq!(ordered(&mut peer), [RecordingCommand::Stop], "and does not begin again");
}

#[test]
fn an_extension_or_a_number_may_want_its_calls_recorded() {
    let cases: [(&str, RecordPolicy, bool); 6] = [
        ("1001", RecordPolicy::Inbound, true),
        ("1001", RecordPolicy::Outbound, false),
        ("1002", RecordPolicy::Outbound, true),
        ("1002", RecordPolicy::Inbound, false),
        ("1002", RecordPolicy::All, true),
        ("1003", RecordPolicy::All, false),
    ];
    for (number, policy, is_recorded) in cases {
        let mut peer = Desk::peer();
        peer.engine.change_directory(|directory| {
            directory.extensions.get_mut(number).expect("an extension").record = policy;
        });
        talk(&mut peer);
        assert_eq!(ordered(&mut peer).len(), usize::from(is_recorded), "{number} {policy:?}");
    }
    let mut peer = Desk::peer();
    peer.engine.change_directory(|directory| {
        directory.recorded_services.insert("9196".to_owned());
    });
    echo(&mut peer);
    assert_eq!(ordered(&mut peer).len(), 1);
}
