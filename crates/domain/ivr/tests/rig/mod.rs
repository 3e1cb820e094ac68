//! One caller and its menus, with what the session wants in short words.
#![allow(dead_code, reason = "each behaviour uses its own part")]

use offhook_ivr::{Output, Session};
use offhook_model::{
    Collect, Directory, Extension, Menu, MenuAction, Queue, QueueId, RecordPolicy, Secret, Target,
};
use std::sync::Arc;

pub struct Rig {
    pub session: Session,
    pub now_ms: u64,
}

impl Rig {
    pub fn enter(directory: Directory) -> Self {
        Self::enter_menu(directory, "main")
    }

    pub fn enter_at(directory: Directory, now_ms: u64) -> Self {
        Self { session: Session::enter(Arc::new(directory), "main", now_ms), now_ms }
    }

    pub fn enter_menu(directory: Directory, menu: &str) -> Self {
        let now_ms = 1_000_000;
        Self { session: Session::enter(Arc::new(directory), menu, now_ms), now_ms }
    }

    pub fn press(&mut self, key: char) -> Vec<String> {
        self.outputs();
        self.session.handle_key(key, self.now_ms);
        self.outputs()
    }

    /// What all the keys led to, what was wanted before apart.
    pub fn press_all(&mut self, keys: &str) -> Vec<String> {
        self.outputs();
        keys.chars().for_each(|key| self.session.handle_key(key, self.now_ms));
        self.outputs()
    }

    /// What is played has been heard.
    pub fn heard(&mut self) -> Vec<String> {
        self.outputs();
        self.session.handle_play_finished(self.now_ms);
        self.outputs()
    }

    pub fn wait_ms(&self) -> u64 {
        self.session.poll_timeout().expect("something is waited for") - self.now_ms
    }

    /// Time passes until something is due.
    pub fn time_out(&mut self) -> Vec<String> {
        self.outputs();
        self.now_ms = self.session.poll_timeout().expect("something is waited for");
        self.session.handle_timeout(self.now_ms - 1);
        assert_eq!(self.outputs(), [""; 0], "too early");
        self.session.handle_timeout(self.now_ms);
        self.outputs()
    }

    pub fn outputs(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.session.poll_output()).map(|output| short(&output)).collect()
    }
}

fn short(output: &Output) -> String {
    match output {
        Output::Play { prompts, barge_in } => {
            let prompts: Vec<&str> = prompts
                .iter()
                .map(|prompt| if prompt.starts_with("else:tts:") { "else" } else { prompt })
                .collect();
            let is_last = prompts[0].contains("oodbye") || prompts[0].contains("Bye");
            let is_told = prompts[0].contains("One moment");
            let end = if *barge_in || is_last || is_told { "" } else { ", to its end" };
            format!("play {}{end}", prompts.join(" "))
        }
        Output::Stop => "stop".to_owned(),
        Output::Ask { question, url, menu, variables } => {
            let variables: Vec<_> =
                variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("ask {question} {url} of {menu}: {}", variables.join(" "))
        }
        Output::SendOn { target, otherwise } => {
            format!("send {}, else {}", place(target), place(otherwise))
        }
        Output::HangUp => "hang up".to_owned(),
    }
}

fn place(target: &Target) -> String {
    match target {
        Target::Queue(queue) => format!("queue {}", queue.0),
        Target::Menu(menu) => format!("menu {menu}"),
        Target::Extension(number) => format!("extension {number}"),
        Target::Number(number) => format!("number {number}"),
        Target::Room(room) => format!("room {room}"),
        Target::Voicemail(of) => format!("voicemail {of}"),
        Target::Play(prompt) => format!("play {prompt}"),
        Target::HangUp => "hang up".to_owned(),
    }
}

pub fn go(target: Target) -> MenuAction {
    MenuAction::GoTo(target)
}

pub fn queue(name: &str) -> Target {
    Target::Queue(QueueId(name.into()))
}

pub fn menu(greeting: &str, options: &[(&str, MenuAction)]) -> Menu {
    let options = options.iter().map(|(keys, action)| ((*keys).to_owned(), action.clone()));
    Menu {
        greeting: greeting.to_owned(),
        options: options.collect(),
        invalid: Some("tone:400,100".to_owned()),
        invalid_retries: 2,
        timeout_retries: 2,
        ..Menu::default()
    }
}

/// The menus `main`, `info` below it and `deep` below that; extensions 1001, 1002 and 100177.
pub fn directory() -> Directory {
    let collect = MenuAction::Collect(Collect {
        prompt: "tts:Your number?".into(),
        variable: "customer".into(),
        digits_min: 2,
        digits_max: 4,
        webhook: "http://hooks.test/next".into(),
        otherwise: queue("support"),
    });
    let main = [
        ("1", go(queue("sales"))),
        ("12", go(Target::Extension("1001".into()))),
        ("3", go(Target::Menu("info".into()))),
        ("4", MenuAction::DialExtension { prompt: None, digits_max: 6 }),
        ("5", collect),
        ("6", MenuAction::Say("file:news".into())),
        ("7", go(Target::Play("tts:Bye.".into()))),
        ("#", MenuAction::Repeat),
        ("*", MenuAction::Back),
    ];
    let info = [
        ("1", go(Target::Extension("1002".into()))),
        ("2", go(Target::Menu("deep".into()))),
        ("*", MenuAction::Back),
    ];
    let deep = [
        ("0", go(Target::Menu("main".into()))),
        ("*", MenuAction::Back),
        ("#", MenuAction::Repeat),
    ];
    let extension = |number: &str| {
        let extension = Extension {
            number: number.into(),
            display_name: String::new(),
            secret: Secret::Password("secret".into()),
            ring_timeout_s: 20,
            record: RecordPolicy::None,
            forward: offhook_model::Forwarding::default(),
        };
        (number.to_owned(), extension)
    };
    Directory {
        extensions: ["1001", "1002", "100177"].map(extension).into(),
        queues: ["sales", "support"].map(|name| (QueueId(name.into()), Queue::new(name))).into(),
        menus: [
            ("main".to_owned(), menu("tone:600,200", &main)),
            ("info".to_owned(), menu("tone:700,200", &info)),
            ("deep".to_owned(), menu("tone:800,200", &deep)),
        ]
        .into(),
        ..Directory::default()
    }
}
