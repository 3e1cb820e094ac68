//! What is refused in menus, and the field that is named for it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod rig;

use offhook_ivr::{Problem, check, users_of};
use offhook_model::{
    Collect, Directory, Hours, Menu, MenuAction, Opening, QueueId, Service, Target,
};
use rig::{directory, go, menu, queue};

fn problems(directory: &Directory) -> Vec<String> {
    let line = |problem: Problem| format!("{} {}", problem.menu, problem.field);
    check(directory).into_iter().map(line).collect()
}

/// What is wrong with `main` after a change.
fn after(change: impl FnOnce(&mut Menu)) -> Vec<String> {
    let mut directory = directory();
    change(directory.menus.get_mut("main").unwrap());
    problems(&directory)
}

fn with(keys: &str, action: MenuAction) -> Vec<String> {
    after(|menu| {
        menu.options.insert(keys.to_owned(), action);
    })
}

#[test]
fn what_is_well_is_not_complained_about() {
    assert_eq!(problems(&directory()), [""; 0]);
    assert_eq!(with("99999999", go(Target::Number("+49 30-123".into()))), [""; 0]);
    assert_eq!(with("9", go(Target::Room("5551234".into()))), [""; 0]);
    assert_eq!(with("9", go(Target::Voicemail("1001".into()))), [""; 0]);
    assert_eq!(with("9", go(Target::Voicemail("sales".into()))), [""; 0]);
}

#[test]
fn what_points_nowhere_is_named() {
    for target in [
        Target::Menu("nothing".into()),
        queue("nothing"),
        Target::Extension("4711".into()),
        Target::Number("phone".into()),
        Target::Number(String::new()),
        Target::Room(String::new()),
        Target::Voicemail("nobody".into()),
        Target::Play("http://a.example/".into()),
    ] {
        let named = with("9", go(target.clone()));
        assert_eq!(named, ["main options.9.parameters.to"], "{target:?}");
        let named = after(|menu| menu.failure = target.clone());
        assert_eq!(named, ["main failure.to"], "{target:?}");
    }
}

#[test]
fn circles_that_no_key_leaves_are_named() {
    let to = |menu: &str| Target::Menu(menu.into());
    assert_eq!(after(|menu| menu.failure = to("main")), ["main failure.to"]);
    assert_eq!(with("9", go(to("main"))), ["main options.9.parameters.to"]);
    let mut directory = directory();
    directory.menus.get_mut("main").unwrap().failure = to("info");
    assert_eq!(problems(&directory), [""; 0], "a way on");
    directory.menus.get_mut("info").unwrap().failure = to("deep");
    assert_eq!(problems(&directory), [""; 0]);
    directory.menus.get_mut("deep").unwrap().hours = Some(hours(to("main")));
    let all = ["deep hours.closed.to", "info failure.to", "main failure.to"];
    assert_eq!(problems(&directory), all);
    let closed = after(|menu| menu.hours = Some(hours(to("main"))));
    assert_eq!(closed, ["main hours.closed.to"]);
}

fn hours(closed: Target) -> Hours {
    let opening = Opening { days: vec![1, 7], from: "08:00".into(), until: "24:00".into() };
    let holidays = vec!["2026-12-25".into()];
    Hours { zone: "Europe/Berlin".into(), open: vec![opening], holidays, closed }
}

#[test]
fn hours_are_read() {
    let with = |change: fn(&mut Hours)| {
        let mut hours = hours(Target::HangUp);
        change(&mut hours);
        after(|menu| menu.hours = Some(hours))
    };
    assert_eq!(with(|_| {}), [""; 0]);
    assert_eq!(with(|hours| hours.zone = "Europe/Atlantis".into()), ["main hours.zone"]);
    assert_eq!(with(|hours| hours.open.clear()), ["main hours.open"]);
    assert_eq!(with(|hours| hours.open[0].days = vec![8]), ["main hours.open.0.days"]);
    assert_eq!(with(|hours| hours.open[0].days.clear()), ["main hours.open.0.days"]);
    assert_eq!(with(|hours| hours.open[0].until = "07:00".into()), ["main hours.open.0.until"]);
    assert_eq!(with(|hours| hours.open[0].from = "8".into()), ["main hours.open.0.until"]);
    let wrong = with(|hours| hours.holidays.push("25.12.2026".into()));
    assert_eq!(wrong, ["main hours.holidays.1"]);
}

#[test]
fn keys_are_those_of_a_telephone() {
    for keys in ["", "A", "1 2", "123456789", "٣"] {
        let named = with(keys, MenuAction::Repeat);
        assert_eq!(named, [format!("main options.{keys}")], "{keys:?}");
    }
    assert_eq!(after(|menu| menu.options.clear()), ["main options"]);
    let many = after(|menu| {
        let options = (0..101).map(|keys| (keys.to_string(), MenuAction::Repeat));
        menu.options = options.collect();
    });
    assert_eq!(many, ["main options"]);
}

#[test]
fn prompts_and_times_are_read() {
    for greeting in ["welcome", "http://a.example", &format!("tts:{}", "a".repeat(1_000))] {
        assert_eq!(after(|menu| menu.greeting = greeting.into()), ["main greeting"]);
    }
    assert_eq!(after(|menu| menu.invalid = Some(String::new())), ["main invalid"]);
    assert_eq!(after(|menu| menu.timeout = Some("x".into())), ["main timeout"]);
    assert_eq!(after(|menu| menu.timeout_ms = 499), ["main timeout_ms"]);
    assert_eq!(after(|menu| menu.inter_digit_ms = 0), ["main inter_digit_ms"]);
    assert_eq!(after(|menu| menu.invalid_retries = 11), ["main invalid_retries"]);
    assert_eq!(after(|menu| menu.timeout_retries = 11), ["main timeout_retries"]);
    assert_eq!(with("8", MenuAction::Say("x".into())), ["main options.8.parameters"]);
}

#[test]
fn what_is_collected_is_read() {
    let collect = Collect {
        prompt: "tts:Digits?".into(),
        variable: "customer".into(),
        digits_min: 2,
        digits_max: 4,
        webhook: "https://hooks.test/next".into(),
        otherwise: Target::Menu("main".into()),
    };
    let with = |change: fn(&mut Collect)| {
        let mut collect = collect.clone();
        change(&mut collect);
        with("8", MenuAction::Collect(collect))
    };
    let field = |name: &str| [format!("main options.8.parameters.{name}")];
    assert_eq!(with(|_| {}), [""; 0], "a failing webhook may lead back: a key leads there again");
    assert_eq!(with(|collect| collect.prompt.clear()), field("prompt"));
    assert_eq!(with(|collect| collect.variable = "1a".into()), field("variable"));
    assert_eq!(with(|collect| collect.digits_min = 5), field("digits_min"));
    assert_eq!(with(|collect| collect.digits_min = 0), field("digits_min"));
    assert_eq!(with(|collect| collect.digits_max = 41), field("digits_max"));
    assert_eq!(with(|collect| collect.webhook = "ftp://a/".into()), field("webhook"));
    let nowhere = Target::Menu("nothing".into());
    assert_eq!(with(|_| {}), [""; 0]);
    let mut wrong = collect.clone();
    wrong.otherwise = nowhere;
    assert_eq!(self::with("8", MenuAction::Collect(wrong)), field("otherwise.to"));
    let dial = |digits_max| MenuAction::DialExtension { prompt: Some("x".into()), digits_max };
    let both = ["main options.8.parameters.prompt", "main options.8.parameters.digits_max"];
    assert_eq!(self::with("8", dial(0)), both);
    assert_eq!(self::with("8", dial(4)), both[..1]);
}

#[test]
fn a_name_is_small_letters_and_digits() {
    for id in ["", "Main", "a b", "../x", &"a".repeat(65)] {
        let mut directory = directory();
        directory.menus.insert(id.to_owned(), menu("", &[("1", MenuAction::Repeat)]));
        assert_eq!(problems(&directory), [format!("{id} id")], "{id}");
    }
}

#[test]
fn who_names_a_menu_is_known() {
    let mut directory = directory();
    let service = Service::GoTo {
        welcome: None,
        target: Target::Queue(QueueId("sales".into())),
        otherwise: Some(Target::Menu("info".into())),
    };
    directory.services.insert("9999".into(), service);
    let expected = ["the number 9999", "options.3.parameters of the menu main"];
    assert_eq!(users_of("info", &directory), expected);
    assert_eq!(users_of("nothing", &directory), [""; 0]);
}
