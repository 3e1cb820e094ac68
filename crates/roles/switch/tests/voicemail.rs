//! Messages left and heard, by what the media and mailbox roles are told and what is written down.

mod desk;

use desk::{Desk, SDP, invite, within};
use offhook_model::{
    CallRef, Directory, LegId, LogEntry, MailboxRequest, MediaCommand, MediaEvent, Message, Opened,
    Queue, QueueId, RecordingCommand, RecordingEvent, RecordingLayout, RecordingSource,
    RecordingSummary, Service, Target, VoicemailId,
};
use offhook_switch::Config;
use offhook_testkit::ScriptedPeer;
use std::path::PathBuf;
use std::time::Duration;

fn directory(directory: &mut Directory) {
    directory.queues.insert(QueueId("sales".into()), Queue::new("sales"));
    let target = Target::Voicemail("sales".into());
    let to_voicemail = Service::GoTo { welcome: None, target, otherwise: None };
    directory.services.insert("6000".into(), to_voicemail);
    directory.services.insert("4000".into(), Service::Mailbox { own: false });
    directory.guest_policy.allowed.push("6000".into());
}

type Peer = ScriptedPeer<Desk>;

/// Somebody calls a number; our 200 and the leg that hears something.
fn call(mut peer: Peer, number: &str, account: Option<&str>) -> (Peer, String, LegId) {
    peer.engine.change_directory(directory);
    peer.say(&invite(number, account, Some(SDP)));
    peer.expect("SIP/2.0 100");
    let ok = peer.expect("SIP/2.0 200");
    peer.say(&within("ACK", 1, &ok, ""));
    let leg = peer.engine.live.first().map(|_| ()).and_then(|()| {
        peer.engine.commands.iter().find_map(|command| match command {
            MediaCommand::Answer { leg, .. } => Some(*leg),
            _ => None,
        })
    });
    let bye = within("BYE", 2, &ok, "");
    (peer, bye, leg.expect("a leg"))
}

fn played(peer: &mut Peer) -> Vec<String> {
    let commands = std::mem::take(&mut peer.engine.commands);
    let prompts = commands.into_iter().filter_map(|command| match command {
        MediaCommand::Play { prompts, .. } => Some(prompts.join(" ")),
        _ => None,
    });
    prompts.collect()
}

fn finish(peer: &mut Peer, leg: LegId) {
    peer.engine.media(MediaEvent::PlayFinished { leg });
}

/// The file of the recording that was begun last.
fn recorded(peer: &Peer) -> PathBuf {
    let begun = peer.engine.commands.iter().rev().find_map(|command| match command {
        MediaCommand::Record { command: RecordingCommand::Start { path, layout, .. }, .. } => {
            assert_eq!(*layout, RecordingLayout::Said);
            Some(path.clone())
        }
        _ => None,
    });
    begun.expect("a recording begins")
}

fn tell(peer: &mut Peer, leg: LegId, event: RecordingEvent) {
    peer.engine.media(MediaEvent::Recording { source: RecordingSource::Leg(leg), event });
}

fn stopped(path: PathBuf, speech_seconds: f64) -> RecordingEvent {
    let summary = RecordingSummary { path, seconds: 6.0, speech_seconds, ..Default::default() };
    RecordingEvent::Stopped(summary)
}

#[test]
fn a_guest_leaves_a_message_for_a_queue_and_hangs_up() {
    let (mut peer, bye, leg) = call(Desk::peer(), "6000", None);
    assert!(played(&mut peer)[0].starts_with("tts:sales cannot take your call"));
    finish(&mut peer, leg);
    assert_eq!(played(&mut peer), ["tone:1000,800"]);
    finish(&mut peer, leg);
    let path = recorded(&peer);
    let encrypted = PathBuf::from(format!("{}.enc", path.display()));
    let started = RecordingEvent::Started { path: encrypted.clone(), is_encrypted: true };
    tell(&mut peer, leg, started);
    tell(&mut peer, leg, RecordingEvent::Speech { is_speaking: true });
    peer.advance(Duration::from_secs(6));
    peer.say(&bye);
    peer.expect("SIP/2.0 200");
    assert_eq!(peer.engine.switch.call_count(), 0);
    assert!(peer.engine.messages.is_empty(), "its end is not known yet");
    tell(&mut peer, leg, stopped(encrypted.clone(), 5.0));
    let [LogEntry::Voicemail(record)] = &peer.engine.messages[..] else {
        panic!("{:?}", peer.engine.messages)
    };
    assert_eq!((record.mailbox.as_str(), record.number.as_str()), ("sales", "somebody"));
    assert_eq!((record.name.as_deref(), &record.path), (Some("Bo"), &encrypted));
    assert_eq!(record.call, peer.engine.records[0].call);
    assert!(peer.engine.recordings.is_empty(), "it is no recording of the call");
}

#[test]
fn a_message_in_a_recorded_call_ends_the_recording_of_the_call() {
    let config = Config { record_calls: true, ..Config::default() };
    let (mut peer, bye, leg) = call(ScriptedPeer::new(Desk::with(&config)), "6000", None);
    let of_call = peer.engine.commands.iter().find_map(|command| match command {
        MediaCommand::Record { command: RecordingCommand::Start { path, .. }, .. } => {
            Some(path.clone())
        }
        _ => None,
    });
    let of_call = of_call.expect("the call is recorded");
    let started = RecordingEvent::Started { path: of_call.clone(), is_encrypted: false };
    tell(&mut peer, leg, started);
    finish(&mut peer, leg);
    peer.engine.commands.clear();
    finish(&mut peer, leg);
    let source = RecordingSource::Leg(leg);
    let stop = MediaCommand::Record { source, command: RecordingCommand::Stop };
    assert_eq!(peer.engine.commands.first(), Some(&stop));
    let path = recorded(&peer);
    tell(&mut peer, leg, stopped(of_call, 0.0));
    assert_eq!(peer.engine.recordings.len(), 2, "it has begun and ended");
    peer.say(&bye);
    peer.expect("SIP/2.0 200");
    tell(&mut peer, leg, stopped(path, 2.0));
    assert!(matches!(peer.engine.messages[..], [LogEntry::Voicemail(_)]));
}

#[test]
fn silence_is_no_message_and_its_file_goes() {
    let (mut peer, _, leg) = call(Desk::peer(), "6000", None);
    finish(&mut peer, leg);
    finish(&mut peer, leg);
    let path = recorded(&peer);
    peer.engine.commands.clear();
    peer.advance(Duration::from_secs(6));
    let source = RecordingSource::Leg(leg);
    let stop = MediaCommand::Record { source, command: RecordingCommand::Stop };
    assert_eq!(peer.engine.commands, [stop]);
    tell(&mut peer, leg, stopped(path.clone(), 0.2));
    assert_eq!(peer.engine.mailbox, [MailboxRequest::DeleteFile(path)]);
    assert_eq!(played(&mut peer), ["tts:We did not hear anything. Goodbye."]);
    finish(&mut peer, leg);
    peer.expect("BYE");
    assert!(peer.engine.messages.is_empty());
}

fn message() -> Message {
    let id = VoicemailId::new(&CallRef::from_bits(9), 1);
    let path = id.path(0);
    Message { id, number: "1001".into(), received_at_ms: 7, path, is_heard: false }
}

#[test]
fn an_owner_dials_star_98_hears_the_message_and_deletes_it() {
    let (mut peer, _, leg) = call(Desk::peer(), "*98", Some("1002"));
    let open = MailboxRequest::Open { leg, mailbox: "1002".into(), pin: None };
    assert_eq!(peer.engine.mailbox, [open]);
    played(&mut peer);
    let message = message();
    peer.engine.opened(leg, Opened::Messages(vec![message.clone()]));
    let heard = played(&mut peer);
    assert!(heard[0].contains(&format!("recording:{}", message.path.display())), "{heard:?}");
    finish(&mut peer, leg);
    assert_eq!(peer.engine.messages, [LogEntry::VoicemailHeard(message.id.clone())]);
    peer.engine.media(MediaEvent::Dtmf { leg, digit: '7', duration_ms: 100 });
    assert_eq!(peer.engine.messages.pop(), Some(LogEntry::VoicemailDeleted(message.id)));
    assert_eq!(peer.engine.mailbox.pop(), Some(MailboxRequest::DeleteFile(message.path)));
    finish(&mut peer, leg);
    peer.expect("BYE");
}

#[test]
fn whoever_dials_4000_is_asked_for_mailbox_and_pin() {
    let (mut peer, _, leg) = call(Desk::peer(), "4000", Some("1002"));
    assert_eq!(played(&mut peer), ["tts:Please enter the mailbox, followed by the pound key."]);
    for digit in "1001#4711#".chars() {
        peer.engine.media(MediaEvent::Dtmf { leg, digit, duration_ms: 100 });
    }
    let open = MailboxRequest::Open { leg, mailbox: "1001".into(), pin: Some("4711".into()) };
    assert_eq!(peer.engine.mailbox, [open]);
    peer.advance(Duration::from_secs(11));
    assert!(played(&mut peer).pop().expect("words").contains("cannot be heard"));
    finish(&mut peer, leg);
    peer.expect("BYE");
}
