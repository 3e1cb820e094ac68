//! Who comes in, who is heard and who is put out, by the commands to the media role.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use offhook_conference::{Conference, NotThere, Output};
use offhook_model::{
    ConferenceCommand, ConferenceEvent, ConferenceId, ConferenceSettings, HangupCause, JoinRefusal,
    LegId, MediaCommand, MemberRole,
};

const A: LegId = LegId(1);
const B: LegId = LegId(2);
const C: LegId = LegId(3);

/// A conference, and in short what it wanted: `join 1`, `role 1 muted`, `play 1 music:`.
struct Rig {
    conference: Conference,
}

impl Rig {
    fn new(change: impl FnOnce(&mut ConferenceSettings)) -> Self {
        let mut settings = ConferenceSettings::default();
        change(&mut settings);
        Self { conference: Conference::new(ConferenceId(5), settings) }
    }

    fn join(&mut self, leg: LegId) -> Vec<String> {
        self.conference.handle_join(leg);
        self.outputs()
    }

    fn keys(&mut self, leg: LegId, keys: &str) -> Vec<String> {
        keys.chars().for_each(|key| self.conference.handle_key(leg, key));
        self.outputs()
    }

    fn finish(&mut self, leg: LegId) -> Vec<String> {
        self.conference.handle_play_finished(leg);
        self.outputs()
    }

    fn outputs(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.conference.poll_output()).map(|output| short(&output)).collect()
    }
}

fn short(output: &Output) -> String {
    match output {
        Output::HangUp(leg, HangupCause::NORMAL_CLEARING) => format!("hang up {}", leg.0),
        Output::Media(MediaCommand::Play { leg, prompts, .. }) => {
            format!("play {} {}", leg.0, prompts.join(" "))
        }
        Output::Media(MediaCommand::Conference { conference, command }) => {
            assert_eq!(*conference, ConferenceId(5));
            short_order(command)
        }
        other => panic!("{other:?} was not wanted"),
    }
}

fn short_order(command: &ConferenceCommand) -> String {
    let role = |role: &MemberRole| match *role {
        MemberRole::TALKS => "talks",
        MemberRole::LISTENS => "muted",
        _ => "deaf",
    };
    match command {
        ConferenceCommand::Join { leg, role: as_role } => {
            format!("join {} {}", leg.0, role(as_role))
        }
        ConferenceCommand::SetRole { leg, role: as_role } => {
            format!("role {} {}", leg.0, role(as_role))
        }
        ConferenceCommand::Leave { leg } => format!("leave {}", leg.0),
        ConferenceCommand::Play { prompts, .. } => format!("all {}", prompts.join(" ")),
        ConferenceCommand::Stop => "stop".to_owned(),
    }
}

const ALONE: &str = "play 1 tts:You are the first in this conference.";
const ENTRY: &str = "all tone:660,120,-20";
const EXIT: &str = "all tone:440,120,-20";

#[test]
fn callers_come_are_announced_and_go() {
    let mut rig = Rig::new(|_| {});
    assert_eq!(rig.join(A), ["join 1 talks", ALONE]);
    assert_eq!(rig.join(B), ["join 2 talks", ENTRY]);
    assert_eq!(rig.join(B), ["join 2 talks"], "a renegotiation announces nobody");
    rig.conference.handle_leave(A);
    assert_eq!(rig.outputs(), ["leave 1", EXIT]);
    rig.conference.handle_leave(B);
    assert_eq!(rig.outputs(), ["leave 2"], "nobody is there to hear it");
    assert!(rig.conference.is_empty());
}

#[test]
fn a_pin_opens_and_three_wrong_ones_do_not() {
    let mut rig = Rig::new(|settings| settings.pin = Some("1234".into()));
    let ask = "play 1 tts:Please enter the PIN, followed by the pound key. silence:6000";
    assert_eq!(rig.join(A), [ask]);
    assert_eq!(rig.keys(A, "12"), ["play 1 silence:6000"; 2]);
    let wrong = "play 1 tts:That is not the PIN. tts:Please enter the PIN, followed by the pound \
                 key. silence:6000";
    assert_eq!(rig.keys(A, "#"), [wrong]);
    assert_eq!(rig.keys(A, "1234#").last().map(String::as_str), Some(ALONE));
    rig.join(B);
    assert_eq!(rig.finish(B).len(), 1, "who says nothing is asked again");
    rig.keys(B, "#");
    rig.keys(B, &"9".repeat(100));
    assert_eq!(rig.finish(B), ["play 2 tts:You cannot join this conference. Goodbye."]);
    assert_eq!(rig.finish(B), ["hang up 2"]);
    assert_eq!(rig.conference.members().count(), 1);
}

#[test]
fn members_wait_for_the_moderator() {
    let mut rig = Rig::new(|settings| {
        settings.moderator_pin = Some("99".into());
        settings.wait_for_moderator = true;
    });
    rig.join(A);
    assert_eq!(rig.keys(A, "#"), ["play 1 music:"], "without a PIN of its own a member types none");
    assert!(rig.conference.members().all(|member| member.is_waiting));
    rig.join(B);
    let outputs = rig.keys(B, "99#");
    assert_eq!(
        outputs[2..],
        ["join 2 talks", "play 2 tts:You are the first in this conference.", "join 1 talks", ENTRY,]
    );
    rig.join(C);
    assert_eq!(rig.keys(C, "#"), ["join 3 talks", ENTRY], "the moderator is there");
    let moderators: Vec<bool> = rig.conference.members().map(|m| m.is_moderator).collect();
    assert_eq!(moderators, [false, true, false]);
}

#[test]
fn a_locked_or_full_conference_takes_nobody_but_a_moderator() {
    let mut rig = Rig::new(|settings| {
        settings.moderator_pin = Some("99".into());
        settings.members_max = 2;
    });
    rig.join(A);
    rig.keys(A, "99#");
    rig.keys(A, "*7");
    assert!(rig.conference.is_locked());
    rig.join(B);
    assert_eq!(rig.keys(B, "#"), ["play 2 tts:This conference is locked. Goodbye."]);
    assert_eq!(rig.finish(B), ["hang up 2"]);
    rig.join(B);
    assert_eq!(rig.keys(B, "99#").last().map(String::as_str), Some(ENTRY));
    rig.conference.set_locked(false);
    rig.join(C);
    assert_eq!(rig.keys(C, "#"), ["play 3 tts:This conference is full. Goodbye."]);
}

#[test]
fn keys_mute_and_only_a_moderator_mutes_others() {
    let mut rig = Rig::new(|_| {});
    rig.join(A);
    rig.join(B);
    assert_eq!(rig.keys(B, "*6"), ["role 2 muted", "play 2 tts:You are muted."]);
    assert_eq!(rig.keys(B, "6"), [""; 0], "a key without a star is no command");
    assert_eq!(rig.keys(B, "*6")[0], "role 2 talks");
    assert_eq!(rig.keys(B, "*5*7*9"), [""; 0]);
    rig.conference.set_moderator(A, true).unwrap();
    assert_eq!(rig.keys(A, "*5"), ["role 2 muted"]);
    assert_eq!(rig.keys(B, "*6"), [""; 0], "whom a moderator has muted stays so");
    assert_eq!(rig.join(C)[0], "join 3 muted");
    assert_eq!(rig.keys(A, "*5"), ["role 2 talks", "role 3 talks"]);
    let ended = rig.keys(A, "*9");
    assert_eq!(ended.iter().filter(|line| line.starts_with("hang up")).count(), 3);
    assert!(rig.conference.is_empty());
}

#[test]
fn an_administrator_mutes_deafens_announces_and_puts_out() {
    let mut rig = Rig::new(|settings| settings.announce = false);
    rig.join(A);
    assert_eq!(rig.join(B), ["join 2 talks"], "nothing is announced");
    rig.conference.set_muted(A, true).unwrap();
    rig.conference.set_muted(A, true).unwrap();
    rig.conference.set_deaf(B, true).unwrap();
    assert_eq!(rig.outputs(), ["role 1 muted", "role 2 deaf"]);
    rig.conference.announce(&["tts:Five minutes."]);
    assert_eq!(rig.outputs(), ["all tts:Five minutes."]);
    rig.conference.kick(B).unwrap();
    assert_eq!(rig.outputs(), ["leave 2", "hang up 2"]);
    assert_eq!(rig.conference.kick(B), Err(NotThere(B)));
    assert_eq!(rig.conference.set_muted(C, true), Err(NotThere(C)));
}

#[test]
fn who_speaks_and_whom_the_media_role_refuses() {
    let mut rig = Rig::new(|_| {});
    rig.join(A);
    rig.conference.handle_media(&ConferenceEvent::Speaking { leg: A, speaks: true });
    assert!(rig.conference.members().all(|member| member.is_speaking));
    for (why, prompt) in [
        (JoinRefusal::Full, "This conference is full. Goodbye."),
        (JoinRefusal::Overloaded, "All lines are busy. Please try again later. Goodbye."),
    ] {
        let mut rig = Rig::new(|_| {});
        rig.join(A);
        rig.conference.handle_media(&ConferenceEvent::Refused { leg: A, why });
        assert_eq!(rig.outputs(), [format!("play 1 tts:{prompt}")]);
        assert_eq!(rig.finish(A), ["hang up 1"]);
    }
}

#[test]
fn a_conference_is_plain_data() {
    let mut rig = Rig::new(|settings| settings.pin = Some("1".into()));
    rig.join(A);
    rig.keys(A, "1#");
    rig.join(B);
    let text = serde_json::to_string(&rig.conference).unwrap();
    let mut again = Rig { conference: serde_json::from_str(&text).unwrap() };
    assert_eq!(rig.keys(B, "1#"), again.keys(B, "1#"));
    assert_eq!(rig.conference, again.conference);
}
