//! An owner hears messages, by what is played and what is done to them.

use offhook_model::{CallRef, Message, Opened, VoicemailId};
use offhook_voicemail::{Retrieval, RetrievalOutput as Wanted};

fn id(number: u32) -> VoicemailId {
    VoicemailId::new(&CallRef::from_bits(7), number)
}

fn message(number: u32, is_heard: bool) -> Message {
    let path = format!("{number}.wav").into();
    Message { id: id(number), number: "1002".into(), received_at_ms: 5, path, is_heard }
}

fn wanted(retrieval: &mut Retrieval) -> Vec<Wanted> {
    std::iter::from_fn(|| retrieval.poll_output()).collect()
}

fn played(wanted: &[Wanted]) -> String {
    match wanted.last() {
        Some(Wanted::Play(prompts)) => prompts.join(" "),
        other => panic!("nothing is played but {other:?}"),
    }
}

fn open(mailbox: &str, pin: Option<&str>) -> Wanted {
    Wanted::Open { mailbox: mailbox.into(), pin: pin.map(str::to_owned) }
}

fn type_in(retrieval: &mut Retrieval, keys: &str) {
    keys.chars().for_each(|key| retrieval.handle_key(key, 1_000));
}

/// The owner of 1001 with these messages.
fn opened(messages: Vec<Message>) -> Retrieval {
    let mut retrieval = Retrieval::of_own("1001", 0);
    assert_eq!(wanted(&mut retrieval), [open("1001", None)]);
    retrieval.handle_opened(Opened::Messages(messages), 10);
    retrieval
}

#[test]
fn an_owner_hears_how_many_there_are_and_then_each() {
    let mut retrieval = opened(vec![message(1, false), message(2, true)]);
    let first = played(&wanted(&mut retrieval));
    assert_eq!(
        first,
        "tts:You have 1 new message and 1 old message. tts:Message 1, from 1 0 0 2. recording:1.wav \
         else:tts:This message cannot be played at the moment."
    );
    retrieval.handle_play_finished(9_000);
    let after = wanted(&mut retrieval);
    assert_eq!(after[0], Wanted::Heard(id(1)));
    assert!(played(&after).starts_with("tts:To delete this message, press 7."));
    retrieval.handle_key('9', 10_000);
    assert!(played(&wanted(&mut retrieval)).contains("recording:2.wav"));
    retrieval.handle_key('6', 11_000);
    let end = wanted(&mut retrieval);
    assert_eq!(end.len(), 1, "an old message is not told to be heard again");
    assert_eq!(played(&end), "tts:There are no more messages. Goodbye.");
    retrieval.handle_play_finished(12_000);
    assert_eq!(wanted(&mut retrieval), [Wanted::HangUp]);
}

#[test]
fn an_owner_deletes_a_message_and_goes_back() {
    let mut retrieval = opened(vec![message(1, false), message(2, false), message(3, false)]);
    wanted(&mut retrieval);
    retrieval.handle_key('6', 1_000);
    assert_eq!(wanted(&mut retrieval)[0], Wanted::Heard(id(1)));
    retrieval.handle_key('7', 2_000);
    let deleted = wanted(&mut retrieval);
    assert_eq!(deleted[0], Wanted::Delete(id(2), "2.wav".into()));
    assert!(played(&deleted).contains("recording:3.wav"));
    retrieval.handle_key('4', 3_000);
    assert!(played(&wanted(&mut retrieval)).contains("recording:1.wav"));
    retrieval.handle_key('4', 4_000);
    assert!(played(&wanted(&mut retrieval)).contains("recording:1.wav"), "the first is the first");
}

#[test]
fn a_mailbox_without_messages_says_so_and_ends_the_call() {
    let mut retrieval = opened(Vec::new());
    assert_eq!(played(&wanted(&mut retrieval)), "tts:You have no messages. Goodbye.");
    retrieval.handle_play_finished(3_000);
    assert_eq!(wanted(&mut retrieval), [Wanted::HangUp]);
}

#[test]
fn the_third_wrong_pin_ends_the_call() {
    let mut retrieval = Retrieval::of_any(0);
    assert!(played(&wanted(&mut retrieval)).contains("enter the mailbox"));
    for attempt in 1..=3 {
        type_in(&mut retrieval, "1001#");
        assert!(played(&wanted(&mut retrieval)).contains("enter your PIN"));
        type_in(&mut retrieval, "9999#");
        assert_eq!(wanted(&mut retrieval).pop(), Some(open("1001", Some("9999"))));
        retrieval.handle_opened(Opened::Wrong, 2_000);
        let said = played(&wanted(&mut retrieval));
        assert_eq!(said.ends_with("Goodbye."), attempt == 3, "{said}");
    }
    retrieval.handle_play_finished(4_000);
    assert_eq!(wanted(&mut retrieval), [Wanted::HangUp]);
}

#[test]
fn a_pin_that_is_set_is_asked_for_on_the_own_device_too() {
    let mut retrieval = Retrieval::of_own("1001", 0);
    wanted(&mut retrieval);
    retrieval.handle_opened(Opened::PinWanted, 10);
    assert!(played(&wanted(&mut retrieval)).contains("enter your PIN"));
    type_in(&mut retrieval, "12345678");
    assert_eq!(wanted(&mut retrieval), [Wanted::Stop, open("1001", Some("12345678"))]);
    retrieval.handle_opened(Opened::Messages(vec![message(1, false)]), 20);
    assert!(played(&wanted(&mut retrieval)).contains("recording:1.wav"));
}

#[test]
fn nobody_is_waited_for_without_end() {
    let mut silent = Retrieval::of_any(0);
    let mut now_ms = 0;
    for _ in 0..20 {
        silent.handle_play_finished(now_ms);
        now_ms = silent.poll_timeout().unwrap_or(now_ms);
        silent.handle_timeout(now_ms);
    }
    assert_eq!(wanted(&mut silent).pop(), Some(Wanted::HangUp));
    let mut unanswered = Retrieval::of_own("1001", 0);
    unanswered.handle_timeout(10_000);
    assert!(played(&wanted(&mut unanswered)).contains("cannot be heard"));
    for opened in [Opened::Locked, Opened::Unavailable] {
        let mut retrieval = Retrieval::of_own("1001", 0);
        retrieval.handle_opened(opened, 10);
        assert!(played(&wanted(&mut retrieval)).ends_with("Goodbye."));
    }
}
