//! A caller's way through menus, by what is played and where it is sent.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod rig;

use offhook_model::{Collect, Hours, Menu, MenuAction, Opening, Target};
use rig::{Rig, directory, go, menu};

const GREETING: &str = "play tone:600,200 else";

#[test]
fn three_levels_down_and_back() {
    let mut rig = Rig::enter(directory());
    assert_eq!(rig.outputs(), [GREETING]);
    assert_eq!(rig.press('3'), ["stop", "play tone:700,200 else"]);
    assert_eq!(rig.press('2'), ["stop", "play tone:800,200 else"]);
    assert_eq!(rig.session.menu(), Some("deep"));
    assert_eq!(rig.press('#'), ["stop", "play tone:800,200 else"]);
    assert_eq!(rig.press('*'), ["stop", "play tone:700,200 else"]);
    assert_eq!(rig.press('*'), ["stop", GREETING]);
    assert_eq!(rig.press('*'), ["stop", GREETING], "there is nothing above");
    rig.press('3');
    rig.press('2');
    assert_eq!(rig.press('0'), ["stop", GREETING], "the main menu is gone back to");
    rig.press('*');
    assert_eq!(rig.session.menu(), Some("main"), "and nothing is above it either");
}

#[test]
fn silence_is_told_and_then_given_up() {
    let mut rig = Rig::enter(directory());
    rig.outputs();
    for _ in 0..2 {
        assert_eq!(rig.heard(), [""; 0]);
        assert_eq!(rig.wait_ms(), 5_000);
        let asked_again = "play tts:We did not hear a key. tone:600,200 else";
        assert_eq!(rig.time_out(), [asked_again]);
    }
    rig.heard();
    assert_eq!(rig.time_out(), ["play tts:Goodbye."]);
    assert_eq!(rig.heard(), ["hang up"]);
    assert_eq!(rig.session.poll_timeout(), None);
}

#[test]
fn wrong_keys_have_a_count_of_their_own() {
    let mut rig = Rig::enter(directory());
    rig.outputs();
    rig.heard();
    rig.time_out();
    for _ in 0..2 {
        assert_eq!(rig.press('9'), ["stop", "play tone:400,100 else tone:600,200 else"]);
    }
    assert_eq!(rig.press('9'), ["stop", "play tts:Goodbye."]);
    assert_eq!(rig.press('1'), [""; 0], "the last words are not interrupted");
}

#[test]
fn going_on_forgives_what_was_wrong_before() {
    let mut rig = Rig::enter(directory());
    for _ in 0..10 {
        rig.press('9');
        rig.press('9');
        rig.press('#');
    }
    assert_eq!(rig.outputs(), [""; 0]);
    assert_eq!(rig.session.menu(), Some("main"));
}

#[test]
fn a_short_option_waits_for_the_longer_one() {
    let mut rig = Rig::enter(directory());
    rig.outputs();
    assert_eq!(rig.press('1'), ["stop"]);
    assert_eq!(rig.wait_ms(), 2_500);
    assert_eq!(rig.time_out(), ["send queue sales, else menu main"]);

    let mut rig = Rig::enter(directory());
    assert_eq!(rig.press('1').last().unwrap(), "stop");
    assert_eq!(rig.press('2'), ["send extension 1001, else menu main"]);

    let mut rig = Rig::enter(directory());
    rig.press('1');
    assert_eq!(rig.press('#'), ["send queue sales, else menu main"], "it need not be waited for");

    let mut rig = Rig::enter(directory());
    rig.press('1');
    let wrong = "play tone:400,100 else tone:600,200 else";
    assert_eq!(rig.press('7'), [wrong]);
}

#[test]
fn who_is_not_taken_is_told_and_goes_on_where_it_was() {
    let mut rig = Rig::enter(directory());
    rig.press('3');
    rig.press('1');
    assert!(rig.session.is_away() && rig.session.poll_timeout().is_none());
    assert_eq!(rig.press('5'), [""; 0], "keys are for whoever it talks with");
    rig.session.handle_return(rig.now_ms);
    let sorry =
        "play tts:We are sorry, nobody can be reached there at the moment. tone:700,200 else";
    assert_eq!(rig.outputs(), [sorry]);
    assert_eq!(rig.press('*'), ["stop", GREETING], "the way back is known");
}

#[test]
fn an_extension_is_dialled() {
    let mut rig = Rig::enter(directory());
    assert_eq!(rig.press('4').last().unwrap(), "play tts:Please dial the extension.");
    for key in ['1', '0', '0'] {
        rig.press(key);
    }
    assert_eq!(rig.wait_ms(), 2_500);
    assert_eq!(rig.press('2'), ["send extension 1002, else menu main"]);

    // 1001 is one, and the beginning of another.
    let mut rig = Rig::enter(directory());
    rig.press('4');
    rig.press_all("1001");
    assert_eq!(rig.outputs(), [""; 0]);
    assert_eq!(rig.press('#'), ["send extension 1001, else menu main"]);
    let mut rig = Rig::enter(directory());
    rig.press('4');
    assert_eq!(rig.press_all("100177").last().unwrap(), "send extension 100177, else menu main");

    let mut rig = Rig::enter(directory());
    rig.press('4');
    let wrong = "play tone:400,100 else tts:Please dial the extension.";
    assert_eq!(rig.press_all("4711#").last().unwrap(), wrong);
    rig.press_all("10");
    assert_eq!(rig.time_out(), [wrong]);
    assert_eq!(rig.press_all("12*").last().unwrap(), GREETING, "a star leads back");
}

#[test]
fn nobody_dials_a_number_that_is_no_extension() {
    let mut rig = Rig::enter(directory());
    rig.press('4');
    let last = rig.press_all("9196#").last().cloned().unwrap();
    assert!(last.starts_with("play tone:400,100"), "{last}");
}

#[test]
fn a_webhook_is_asked_and_obeyed() {
    let mut rig = Rig::enter(directory());
    assert_eq!(rig.press('5').last().unwrap(), "play tts:Your number? else");
    rig.press('1');
    let few = "play tone:400,100 else tts:Your number? else";
    assert_eq!(rig.press('#'), [few]);
    let asked = [
        "stop",
        "play tts:One moment, please.",
        "ask 1 http://hooks.test/next of main: customer=1234",
    ];
    assert_eq!(rig.press_all("1234"), asked);
    assert_eq!(rig.heard(), [""; 0]);
    rig.session.handle_answer(7, Some(Target::HangUp), rig.now_ms);
    assert_eq!(rig.outputs(), [""; 0], "another question's answer");
    rig.session.handle_answer(1, Some(Target::Menu("info".into())), rig.now_ms);
    assert_eq!(rig.outputs(), ["play tone:700,200 else"]);
    rig.session.handle_answer(1, Some(Target::HangUp), rig.now_ms);
    assert_eq!(rig.outputs(), [""; 0], "it is answered once");
}

#[test]
fn a_webhook_that_fails_or_says_nothing_leads_to_the_default() {
    let mut rig = Rig::enter(directory());
    rig.press('5');
    rig.press_all("1234");
    rig.session.handle_answer(1, None, rig.now_ms);
    assert_eq!(rig.outputs(), ["send queue support, else menu main"]);

    let mut rig = Rig::enter(directory());
    rig.press('5');
    rig.press_all("1234");
    assert_eq!(rig.wait_ms(), offhook_ivr::ANSWER_WAIT_MS);
    assert_eq!(rig.time_out(), ["send queue support, else menu main"]);
}

#[test]
fn a_prompt_is_played_and_the_menu_begins_again() {
    let mut rig = Rig::enter(directory());
    assert_eq!(rig.press('6').last().unwrap(), "play file:news else tone:600,200 else");
    assert_eq!(rig.press('7').last().unwrap(), "play tts:Bye. else");
    assert_eq!(rig.heard(), ["hang up"]);
}

#[test]
fn without_barge_in_keys_count_after_the_prompt() {
    let mut directory = directory();
    directory.menus.get_mut("main").unwrap().barge_in = false;
    let mut rig = Rig::enter(directory);
    assert_eq!(rig.outputs(), ["play tone:600,200 else, to its end"]);
    assert_eq!(rig.press('3'), [""; 0]);
    rig.heard();
    assert_eq!(rig.press('3'), ["play tone:700,200 else"]);
}

#[test]
fn a_key_that_interrupts_is_waited_for() {
    let mut rig = Rig::enter(directory());
    rig.outputs();
    rig.session.handle_play_interrupted(rig.now_ms);
    assert_eq!(rig.wait_ms(), 5_000);
    assert_eq!(rig.press('3'), ["play tone:700,200 else"], "nothing is left to be stopped");
}

#[test]
fn a_renegotiation_plays_the_prompt_again_and_changes_nothing_else() {
    let mut rig = Rig::enter(directory());
    rig.press('3');
    rig.session.handle_renegotiated(rig.now_ms);
    assert_eq!(rig.outputs(), ["play tone:700,200 else"]);
    rig.heard();
    rig.session.handle_renegotiated(rig.now_ms);
    assert_eq!(rig.outputs(), [""; 0]);
    assert_eq!(rig.wait_ms(), 5_000);
}

#[test]
fn a_closed_menu_leads_elsewhere() {
    // 2026-07-05 is a Sunday.
    let sunday = 1_783_252_800_000;
    let mut directory = directory();
    let opening = Opening { days: vec![1], from: "08:00".into(), until: "17:00".into() };
    let hours = |closed: Target| Hours {
        zone: "Europe/Berlin".into(),
        open: vec![opening.clone()],
        holidays: Vec::new(),
        closed,
    };
    directory.menus.get_mut("main").unwrap().hours = Some(hours(Target::Menu("info".into())));
    let mut rig = Rig::enter_at(directory.clone(), sunday);
    assert_eq!(rig.outputs(), ["play tone:700,200 else"]);
    assert_eq!(rig.session.menu(), Some("info"));
    let mut rig = Rig::enter_at(directory.clone(), sunday + 22 * 3_600_000);
    assert_eq!(rig.outputs(), [GREETING], "on Monday it is open");

    directory.menus.get_mut("info").unwrap().hours = Some(hours(Target::Voicemail("sales".into())));
    let mut rig = Rig::enter_at(directory.clone(), sunday);
    let sorry = "We are sorry, nobody can be reached at the moment. Goodbye.";
    assert_eq!(rig.outputs(), [format!("send voicemail sales, else play tts:{sorry}")]);
    // What the check refuses ends the call.
    directory.menus.get_mut("info").unwrap().hours = Some(hours(Target::Menu("main".into())));
    let mut rig = Rig::enter_at(directory, sunday);
    assert_eq!(rig.outputs(), ["play tts:Goodbye."]);
}

#[test]
fn a_failure_that_nobody_takes_does_not_begin_the_menu_again() {
    let mut directory = directory();
    let main = directory.menus.get_mut("main").unwrap();
    main.failure = Target::Extension("1001".into());
    main.timeout_retries = 0;
    let mut rig = Rig::enter(directory);
    rig.heard();
    let sorry = "We are sorry, nobody can be reached at the moment. Goodbye.";
    assert_eq!(rig.time_out(), [format!("send extension 1001, else play tts:{sorry}")]);
}

#[test]
fn a_menu_that_is_not_there_ends_the_call_in_words() {
    let mut rig = Rig::enter_menu(directory(), "nothing");
    let sorry = "play tts:We are sorry, nobody can be reached at the moment. Goodbye. else";
    assert_eq!(rig.outputs(), [sorry]);
    assert_eq!(rig.heard(), ["hang up"]);
}

#[test]
fn a_prompt_that_never_ends_counts_as_heard() {
    let mut rig = Rig::enter(directory());
    rig.outputs();
    assert_eq!(rig.time_out(), ["stop"]);
    assert_eq!(rig.wait_ms(), 5_000);
}

#[test]
fn a_menu_without_a_greeting_speaks_its_options() {
    let options = [("1", go(Target::HangUp)), ("2", MenuAction::Repeat)];
    let mut directory = directory();
    directory.menus = [("main".to_owned(), menu("", &options))].into();
    let mut rig = Rig::enter(directory);
    let words = "play tts:Please choose. To end the call, press 1. To hear this again, press 2.";
    assert_eq!(rig.outputs(), [words]);
}

/// A menu with a collecting option keeps what was entered before, for the next question.
#[test]
fn variables_are_gathered() {
    let collect = |variable: &str| {
        MenuAction::Collect(Collect {
            prompt: "tts:Digits?".into(),
            variable: variable.into(),
            digits_min: 1,
            digits_max: 1,
            webhook: "http://hooks.test/".into(),
            otherwise: Target::Menu("main".into()),
        })
    };
    let options = [("1", collect("one")), ("2", collect("two"))];
    let mut directory = directory();
    directory.menus = [("main".to_owned(), Menu { ..menu("tone:600,200", &options) })].into();
    let mut rig = Rig::enter(directory);
    rig.press_all("17");
    rig.session.handle_answer(1, None, rig.now_ms);
    let asked = rig.press_all("28");
    assert_eq!(asked.last().unwrap(), "ask 2 http://hooks.test/ of main: one=7 two=8");
}
