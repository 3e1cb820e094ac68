use crate::{is_open, words};
use offhook_model::{Collect, Directory, Menu, MenuAction, Target};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The keys that a menu knows (RFC 4733 section 3.2, without the letters).
pub(crate) const KEYS: &str = "0123456789*#";
/// How often a caller hears something in one session; then the call ends.
const PROMPTS_PLAYED_MAX: u32 = 200;
/// How long a prompt may take; then it counts as heard, in milliseconds.
const PROMPT_MS_MAX: u64 = 300_000;
/// How long the answer of a webhook is waited for, in milliseconds. Whoever asks gives up earlier.
pub const ANSWER_WAIT_MS: u64 = 5_000;
/// Closed menus that lead to each other at most.
const CLOSED_MAX: usize = 16;
/// Variables of one caller.
const VARIABLES_MAX: usize = 32;

/// What a session wants done, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Play these prompts, in place of what is played.
    Play {
        /// Prompt URIs.
        prompts: Vec<String>,
        /// Whether keys interrupt them.
        barge_in: bool,
    },
    /// End what is played.
    Stop,
    /// Ask a webhook what is next, and call [`Session::handle_answer`].
    Ask {
        /// The question's number within the session.
        question: u64,
        /// The URL.
        url: String,
        /// The menu that asks.
        menu: String,
        /// What the caller has entered so far.
        variables: BTreeMap<String, String>,
    },
    /// Send the caller on. Who comes back to the menu that `otherwise` names goes on in this session, by
    /// [`Session::handle_return`].
    SendOn {
        /// Where to.
        target: Target,
        /// Where the caller goes when nobody takes it there.
        otherwise: Target,
    },
    /// The call ends.
    HangUp,
}

/// What the caller is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// One of the options.
    Choosing,
    /// An extension.
    Dialling { prompt: Option<String>, digits_max: u8 },
    /// Digits for a webhook.
    Collecting(Collect),
    /// Nothing: a webhook is being asked.
    Asking(Collect),
    /// Nothing: the caller was sent on, and comes back when nobody takes it.
    Away,
    /// Nothing: the caller hears the last words.
    Leaving,
    /// Nothing: the call ends.
    Over,
}

/// One caller's way through the menus.
#[derive(Debug)]
pub struct Session {
    directory: Arc<Directory>,
    /// The menus that led here, the current one last. None is in it twice.
    path: Vec<String>,
    stage: Stage,
    typed: String,
    prompts: Vec<String>,
    is_playing: bool,
    due_ms: Option<u64>,
    invalid_count: u32,
    timeout_count: u32,
    variables: BTreeMap<String, String>,
    question: u64,
    prompts_left: u32,
    outputs: VecDeque<Output>,
}

impl Session {
    /// A caller comes into a menu. The directory stays the same for as long as the session lasts.
    #[must_use]
    pub fn enter(directory: Arc<Directory>, menu: &str, now_ms: u64) -> Self {
        let mut session = Self {
            directory,
            path: Vec::new(),
            stage: Stage::Choosing,
            typed: String::new(),
            prompts: Vec::new(),
            is_playing: false,
            due_ms: None,
            invalid_count: 0,
            timeout_count: 0,
            variables: BTreeMap::new(),
            question: 0,
            prompts_left: PROMPTS_PLAYED_MAX,
            outputs: VecDeque::new(),
        };
        session.go_to(Target::Menu(menu.to_owned()), now_ms);
        session
    }

    /// The menu that the caller is in.
    #[must_use]
    pub fn menu(&self) -> Option<&str> {
        self.path.last().map(String::as_str)
    }

    /// Whether the caller was sent on and may come back.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.stage == Stage::Away
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Session::handle_timeout`] has something to do, milliseconds of Unix time. There is always a
    /// time, but for a caller who is away or whose call ends.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        self.due_ms
    }

    /// Nobody has taken the caller where it was sent: it hears so and is in the menu again.
    pub fn handle_return(&mut self, now_ms: u64) {
        if self.is_away() {
            self.begin_menu(vec![words::spoken(words::NOBODY)], now_ms);
        }
    }

    /// The caller's media was agreed anew: what was being played is played again.
    pub fn handle_renegotiated(&mut self, now_ms: u64) {
        if self.is_playing {
            self.play(self.prompts.clone(), now_ms);
        }
    }

    /// The caller pressed a key.
    pub fn handle_key(&mut self, key: char, now_ms: u64) {
        if !KEYS.contains(key) || !self.listens() {
            return;
        }
        if std::mem::take(&mut self.is_playing) {
            self.outputs.push_back(Output::Stop);
        }
        match &self.stage {
            Stage::Choosing => {
                self.typed.push(key);
                self.choose(false, now_ms);
            }
            Stage::Dialling { .. } | Stage::Collecting(_) if key == '*' => {
                self.begin_menu(Vec::new(), now_ms);
            }
            Stage::Dialling { digits_max, .. } => {
                let digits_max = *digits_max;
                let is_complete = self.type_digit(key, digits_max);
                self.dial(is_complete, now_ms);
            }
            Stage::Collecting(collect) => {
                let digits_max = collect.digits_max;
                let is_complete = self.type_digit(key, digits_max);
                self.collect(is_complete, now_ms);
            }
            Stage::Asking(_) | Stage::Away | Stage::Leaving | Stage::Over => {}
        }
    }

    /// A key has ended what was played. The key itself follows when it is released.
    pub fn handle_play_interrupted(&mut self, now_ms: u64) {
        self.handle_play_finished(now_ms);
    }

    /// What was played has ended.
    pub fn handle_play_finished(&mut self, now_ms: u64) {
        if !std::mem::take(&mut self.is_playing) {
            return;
        }
        match &self.stage {
            Stage::Choosing | Stage::Dialling { .. } | Stage::Collecting(_) => self.wait(now_ms),
            Stage::Leaving => self.hang_up(),
            Stage::Asking(_) | Stage::Away | Stage::Over => {}
        }
    }

    /// What a webhook has answered; `None` when it has not, or nothing that can be read.
    pub fn handle_answer(&mut self, question: u64, answer: Option<Target>, now_ms: u64) {
        if let Stage::Asking(collect) = &self.stage
            && question == self.question
        {
            let target = answer.unwrap_or_else(|| collect.otherwise.clone());
            self.go_to(target, now_ms);
        }
    }

    /// Does what has become due.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        if self.due_ms.is_none_or(|due| due > now_ms) {
            return;
        }
        self.due_ms = None;
        match &self.stage {
            Stage::Choosing | Stage::Dialling { .. } | Stage::Collecting(_) if self.is_playing => {
                self.outputs.push_back(Output::Stop);
                self.handle_play_finished(now_ms);
            }
            Stage::Choosing if !self.typed.is_empty() => self.choose(true, now_ms),
            Stage::Dialling { .. } if !self.typed.is_empty() => self.dial(true, now_ms),
            Stage::Collecting(_) if !self.typed.is_empty() => self.collect(true, now_ms),
            Stage::Choosing | Stage::Dialling { .. } | Stage::Collecting(_) => {
                self.note_silence(now_ms);
            }
            Stage::Asking(_) => self.handle_answer(self.question, None, now_ms),
            Stage::Leaving => self.hang_up(),
            Stage::Away | Stage::Over => {}
        }
    }

    /// Whether keys count now.
    fn listens(&self) -> bool {
        let asks =
            matches!(self.stage, Stage::Choosing | Stage::Dialling { .. } | Stage::Collecting(_));
        asks && (!self.is_playing || self.current().is_some_and(|menu| menu.barge_in))
    }

    fn current(&self) -> Option<&Menu> {
        self.directory.menus.get(self.path.last()?)
    }

    /// Adds a digit; says whether the entry is complete.
    fn type_digit(&mut self, key: char, digits_max: u8) -> bool {
        if key != '#' {
            self.typed.push(key);
        }
        key == '#' || self.typed.len() >= usize::from(digits_max)
    }

    /// Takes the option that was typed, or waits for another key when it may be a longer one.
    fn choose(&mut self, is_complete: bool, now_ms: u64) {
        let Some(menu) = self.current() else { return self.hang_up() };
        let typed = self.typed.as_str();
        let is_longer = |keys: &String| keys.len() > typed.len() && keys.starts_with(typed);
        if !is_complete && menu.options.keys().any(is_longer) {
            return self.wait(now_ms);
        }
        // Whoever does not want to wait ends the entry.
        let ended = typed.strip_suffix('#').and_then(|typed| menu.options.get(typed));
        match menu.options.get(typed).or(ended).cloned() {
            Some(action) => self.act(action, now_ms),
            None => self.note_invalid(words::INVALID, now_ms),
        }
    }

    fn act(&mut self, action: MenuAction, now_ms: u64) {
        match action {
            MenuAction::GoTo(target) => self.go_to(target, now_ms),
            MenuAction::Say(prompt) => {
                self.begin_menu(words::or_spoken(Some(&prompt), words::UNPLAYABLE), now_ms);
            }
            MenuAction::Back => {
                if self.path.len() > 1 {
                    self.path.pop();
                }
                self.begin_menu(Vec::new(), now_ms);
            }
            MenuAction::Repeat => self.begin_menu(Vec::new(), now_ms),
            MenuAction::DialExtension { prompt, digits_max } => {
                self.begin(Stage::Dialling { prompt, digits_max }, Vec::new(), now_ms);
            }
            MenuAction::Collect(collect) => {
                self.begin(Stage::Collecting(collect), Vec::new(), now_ms);
            }
        }
    }

    /// Rings the extension that was typed, once it is known that no longer one is meant.
    fn dial(&mut self, is_complete: bool, now_ms: u64) {
        let typed = self.typed.as_str();
        let is_longer = |number: &String| number.len() > typed.len() && number.starts_with(typed);
        let extensions = &self.directory.extensions;
        let is_known = extensions.contains_key(typed);
        if is_known && (is_complete || !extensions.keys().any(is_longer)) {
            return self.go_to(Target::Extension(self.typed.clone()), now_ms);
        }
        if is_complete {
            return self.note_invalid(words::NO_EXTENSION, now_ms);
        }
        self.wait(now_ms);
    }

    /// Asks the webhook about the digits, once there are enough.
    fn collect(&mut self, is_complete: bool, now_ms: u64) {
        let Stage::Collecting(collect) = &self.stage else { return };
        if !is_complete {
            return self.wait(now_ms);
        }
        if self.typed.len() < usize::from(collect.digits_min) {
            return self.note_invalid(words::TOO_FEW, now_ms);
        }
        let collect = collect.clone();
        let (name, url) = (collect.variable.clone(), collect.webhook.clone());
        if self.variables.len() < VARIABLES_MAX || self.variables.contains_key(&name) {
            self.variables.insert(name, std::mem::take(&mut self.typed));
        }
        self.stage = Stage::Asking(collect);
        self.play(vec![words::spoken(words::MOMENT)], now_ms);
        if self.stage != Stage::Over {
            self.question += 1;
            self.due_ms = Some(now_ms + ANSWER_WAIT_MS);
            let menu = self.menu().unwrap_or_default().to_owned();
            let (question, variables) = (self.question, self.variables.clone());
            self.outputs.push_back(Output::Ask { question, url, menu, variables });
        }
    }

    /// The caller has pressed nothing.
    fn note_silence(&mut self, now_ms: u64) {
        let Some(menu) = self.current() else { return self.hang_up() };
        if self.timeout_count >= menu.timeout_retries {
            return self.fail(now_ms);
        }
        let before = words::or_spoken(menu.timeout.as_deref(), words::SILENCE);
        self.timeout_count += 1;
        self.begin(self.stage.clone(), before, now_ms);
    }

    /// The caller has pressed what leads nowhere.
    fn note_invalid(&mut self, spoken: &str, now_ms: u64) {
        let Some(menu) = self.current() else { return self.hang_up() };
        if self.invalid_count >= menu.invalid_retries {
            return self.fail(now_ms);
        }
        let before = words::or_spoken(menu.invalid.as_deref(), spoken);
        self.invalid_count += 1;
        self.begin(self.stage.clone(), before, now_ms);
    }

    /// The caller has used up the retries.
    fn fail(&mut self, now_ms: u64) {
        let failure = self.current().map_or(Target::HangUp, |menu| menu.failure.clone());
        // Nobody presses a key here: the menu is not to begin again and again.
        self.leave_for(failure, Target::Play(words::spoken(words::SORRY)), now_ms);
    }

    /// Sends the caller to a target, from which it comes back here when nobody takes it.
    fn go_to(&mut self, target: Target, now_ms: u64) {
        let otherwise = match self.menu() {
            Some(menu) => Target::Menu(menu.to_owned()),
            None => Target::Play(words::spoken(words::SORRY)),
        };
        self.leave_for(target, otherwise, now_ms);
    }

    fn leave_for(&mut self, target: Target, otherwise: Target, now_ms: u64) {
        match self.open(target, now_ms) {
            Target::Menu(id) => self.enter_menu(id, now_ms),
            Target::Play(prompt) => {
                self.leave(words::or_spoken(Some(&prompt), words::GOODBYE), now_ms);
            }
            Target::HangUp => self.leave(vec![words::spoken(words::GOODBYE)], now_ms),
            target => {
                self.stage = Stage::Away;
                (self.is_playing, self.due_ms) = (false, None);
                self.outputs.push_back(Output::SendOn { target, otherwise });
            }
        }
    }

    /// Where a target leads at this time: closed menus lead elsewhere.
    fn open(&self, mut target: Target, now_ms: u64) -> Target {
        for _ in 0..CLOSED_MAX {
            let Target::Menu(id) = &target else { return target };
            let Some(menu) = self.directory.menus.get(id) else {
                return Target::Play(words::spoken(words::SORRY));
            };
            match &menu.hours {
                Some(hours) if !is_open(hours, now_ms) => target = hours.closed.clone(),
                Some(_) | None => return target,
            }
        }
        Target::HangUp
    }

    /// Goes down into a menu, or back to it when it led here.
    fn enter_menu(&mut self, id: String, now_ms: u64) {
        match self.path.iter().position(|known| *known == id) {
            Some(at) => self.path.truncate(at + 1),
            None => self.path.push(id),
        }
        self.begin_menu(Vec::new(), now_ms);
    }

    /// Begins the current menu, with something to be heard before its greeting.
    fn begin_menu(&mut self, before: Vec<String>, now_ms: u64) {
        (self.invalid_count, self.timeout_count) = (0, 0);
        self.begin(Stage::Choosing, before, now_ms);
    }

    /// Asks the caller for what the stage wants, with something to be heard before.
    fn begin(&mut self, stage: Stage, mut before: Vec<String>, now_ms: u64) {
        self.stage = stage;
        self.typed.clear();
        before.extend(self.asking());
        self.play(before, now_ms);
    }

    /// The prompts that ask for what the stage wants.
    fn asking(&self) -> Vec<String> {
        match &self.stage {
            Stage::Dialling { prompt, .. } => words::or_spoken(prompt.as_deref(), words::DIAL),
            Stage::Collecting(collect) => words::or_spoken(Some(&collect.prompt), words::COLLECT),
            Stage::Choosing | Stage::Asking(_) | Stage::Away | Stage::Leaving | Stage::Over => {
                let greeting = |menu: &Menu| {
                    words::or_spoken(Some(&menu.greeting), &words::options(menu, &self.directory))
                };
                self.current().map(greeting).unwrap_or_default()
            }
        }
    }

    fn play(&mut self, prompts: Vec<String>, now_ms: u64) {
        let Some(left) = self.prompts_left.checked_sub(1) else { return self.hang_up() };
        self.prompts_left = left;
        self.prompts.clone_from(&prompts);
        self.is_playing = true;
        self.due_ms = Some(now_ms + PROMPT_MS_MAX);
        let barge_in = self.listens();
        self.outputs.push_back(Output::Play { prompts, barge_in });
    }

    /// Gives the caller time for the next key.
    fn wait(&mut self, now_ms: u64) {
        let wait_ms = self.current().map_or(0, |menu| match self.typed.is_empty() {
            true => menu.timeout_ms,
            false => menu.inter_digit_ms,
        });
        self.due_ms = Some(now_ms + u64::from(wait_ms));
    }

    fn leave(&mut self, last_words: Vec<String>, now_ms: u64) {
        self.stage = Stage::Leaving;
        self.play(last_words, now_ms);
    }

    fn hang_up(&mut self) {
        self.stage = Stage::Over;
        (self.is_playing, self.due_ms) = (false, None);
        self.outputs.push_back(Output::HangUp);
    }
}
