use crate::deposit::recording_prompt;
use crate::{PROMPT_MS_MAX, spoken, words};
use offhook_model::{Message, Opened, PIN_DIGITS, VoicemailId};
use std::collections::VecDeque;
use std::path::PathBuf;

/// Wrong PINs of one call; the last one ends it.
pub const WRONG_PINS_MAX: u32 = 3;
/// Digits of a mailbox at most.
const MAILBOX_DIGITS_MAX: usize = 20;
/// How long a key is waited for, in milliseconds.
const KEY_WAIT_MS: u64 = 6_000;
/// How often the owner is asked without pressing a key; then the call ends.
const ASKED_MAX: u32 = 3;
/// How long the answer to a wish to open is waited for, in milliseconds.
const OPEN_WAIT_MS: u64 = 10_000;
/// Prompts of one call. Whoever wants more calls again.
const PROMPTS_PLAYED_MAX: u32 = 1_000;

/// What a retrieval wants done, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetrievalOutput {
    /// Play these prompts, in place of what is played.
    Play(Vec<String>),
    /// Stop what is played.
    Stop,
    /// Open the mailbox, and call [`Retrieval::handle_opened`].
    Open {
        /// The mailbox.
        mailbox: String,
        /// What was entered as its PIN; `None` from the owner's own device.
        pin: Option<String>,
    },
    /// Somebody has listened to this message.
    Heard(VoicemailId),
    /// Delete this message and its file.
    Delete(VoicemailId, PathBuf),
    /// The call ends.
    HangUp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Digits of the mailbox are entered.
    Mailbox,
    /// Digits of the PIN are entered.
    Pin,
    /// The mailbox is being opened.
    Opening,
    /// A message is played.
    Playing,
    /// The owner decides what becomes of it.
    Choosing,
    /// The owner hears the last words.
    Leaving,
    Over,
}

/// One owner's way through the messages of a mailbox.
#[derive(Debug)]
pub struct Retrieval {
    stage: Stage,
    mailbox: String,
    typed: String,
    /// Where the mailbox was entered it is entered again when the PIN was wrong.
    asks_mailbox: bool,
    wrong_pins: u32,
    asked: u32,
    messages: Vec<Message>,
    at: usize,
    prompts: Vec<String>,
    is_playing: bool,
    due_ms: Option<u64>,
    prompts_left: u32,
    outputs: VecDeque<RetrievalOutput>,
}

impl Retrieval {
    /// The owner of a mailbox calls from the device that it belongs to.
    #[must_use]
    pub fn of_own(mailbox: &str, now_ms: u64) -> Self {
        let mut retrieval = Self::new(mailbox.to_owned());
        retrieval.open(None, now_ms);
        retrieval
    }

    /// Somebody calls from anywhere, who is asked for mailbox and PIN.
    #[must_use]
    pub fn of_any(now_ms: u64) -> Self {
        let mut retrieval = Self { asks_mailbox: true, ..Self::new(String::new()) };
        retrieval.ask(Stage::Mailbox, Vec::new(), now_ms);
        retrieval
    }

    fn new(mailbox: String) -> Self {
        Self {
            stage: Stage::Opening,
            mailbox,
            typed: String::new(),
            asks_mailbox: false,
            wrong_pins: 0,
            asked: 0,
            messages: Vec::new(),
            at: 0,
            prompts: Vec::new(),
            is_playing: false,
            due_ms: None,
            prompts_left: PROMPTS_PLAYED_MAX,
            outputs: VecDeque::new(),
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<RetrievalOutput> {
        self.outputs.pop_front()
    }

    /// When [`Retrieval::handle_timeout`] has something to do, milliseconds of Unix time.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        self.due_ms
    }

    /// The owner's media was agreed anew: what was being played is played again.
    pub fn handle_renegotiated(&mut self, now_ms: u64) {
        if self.is_playing {
            self.play(self.prompts.clone(), now_ms);
        }
    }

    /// What became of the wish to open the mailbox.
    pub fn handle_opened(&mut self, opened: Opened, now_ms: u64) {
        if self.stage != Stage::Opening {
            return;
        }
        match opened {
            Opened::Messages(messages) => self.announce(messages, now_ms),
            Opened::PinWanted => self.ask(Stage::Pin, Vec::new(), now_ms),
            Opened::Wrong => self.note_wrong(now_ms),
            Opened::Locked => self.leave(words::LOCKED, now_ms),
            Opened::Unavailable => self.leave(words::UNAVAILABLE, now_ms),
        }
    }

    /// The owner pressed a key.
    pub fn handle_key(&mut self, key: char, now_ms: u64) {
        match self.stage {
            Stage::Mailbox => self.type_digit(key, MAILBOX_DIGITS_MAX, now_ms),
            Stage::Pin => self.type_digit(key, *PIN_DIGITS.end(), now_ms),
            Stage::Playing | Stage::Choosing => self.choose(key, now_ms),
            Stage::Opening | Stage::Leaving | Stage::Over => {}
        }
    }

    /// What was played has ended.
    pub fn handle_play_finished(&mut self, now_ms: u64) {
        if !std::mem::take(&mut self.is_playing) {
            return;
        }
        match self.stage {
            Stage::Mailbox | Stage::Pin | Stage::Choosing => {
                self.due_ms = Some(now_ms + KEY_WAIT_MS)
            }
            Stage::Playing => {
                self.note_heard();
                self.offer_choices(now_ms);
            }
            Stage::Leaving => self.hang_up(),
            Stage::Opening | Stage::Over => {}
        }
    }

    /// Does what has become due.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        if self.due_ms.is_none_or(|due| due > now_ms) {
            return;
        }
        self.due_ms = None;
        match self.stage {
            Stage::Opening => self.leave(words::UNAVAILABLE, now_ms),
            _ if self.is_playing => {
                self.outputs.push_back(RetrievalOutput::Stop);
                self.handle_play_finished(now_ms);
            }
            Stage::Mailbox | Stage::Pin if !self.typed.is_empty() => self.complete(now_ms),
            Stage::Mailbox | Stage::Pin if self.asked < ASKED_MAX => {
                self.ask(self.stage, Vec::new(), now_ms);
            }
            Stage::Choosing if self.asked < ASKED_MAX => self.offer_choices(now_ms),
            Stage::Mailbox | Stage::Pin | Stage::Choosing | Stage::Playing => {
                self.leave(words::GOODBYE, now_ms);
            }
            Stage::Leaving | Stage::Over => {}
        }
    }

    fn ask(&mut self, stage: Stage, mut before: Vec<String>, now_ms: u64) {
        self.stage = stage;
        self.typed.clear();
        self.asked += 1;
        let words = if stage == Stage::Mailbox { words::ASK_MAILBOX } else { words::ASK_PIN };
        before.push(spoken(words));
        self.play(before, now_ms);
    }

    fn type_digit(&mut self, key: char, digits_max: usize, now_ms: u64) {
        if std::mem::take(&mut self.is_playing) {
            self.outputs.push_back(RetrievalOutput::Stop);
        }
        self.due_ms = Some(now_ms + KEY_WAIT_MS);
        if key.is_ascii_digit() {
            self.typed.push(key);
        }
        if key == '#' || self.typed.len() >= digits_max {
            self.complete(now_ms);
        }
    }

    fn complete(&mut self, now_ms: u64) {
        self.asked = 0;
        let typed = std::mem::take(&mut self.typed);
        if self.stage == Stage::Mailbox {
            self.mailbox = typed;
            return self.ask(Stage::Pin, Vec::new(), now_ms);
        }
        self.open(Some(typed), now_ms);
    }

    fn open(&mut self, pin: Option<String>, now_ms: u64) {
        self.stage = Stage::Opening;
        self.due_ms = Some(now_ms + OPEN_WAIT_MS);
        let mailbox = self.mailbox.clone();
        self.outputs.push_back(RetrievalOutput::Open { mailbox, pin });
    }

    fn note_wrong(&mut self, now_ms: u64) {
        self.wrong_pins += 1;
        if self.wrong_pins >= WRONG_PINS_MAX {
            return self.leave(words::WRONG_TOO_OFTEN, now_ms);
        }
        let again = if self.asks_mailbox { Stage::Mailbox } else { Stage::Pin };
        self.ask(again, vec![spoken(words::WRONG)], now_ms);
    }

    fn announce(&mut self, messages: Vec<Message>, now_ms: u64) {
        let old = messages.iter().filter(|message| message.is_heard).count();
        let counts = words::counts(messages.len() - old, old);
        self.messages = messages;
        if self.messages.is_empty() {
            return self.leave(&counts, now_ms);
        }
        self.begin_message(vec![spoken(&counts)], now_ms);
    }

    /// Plays the current message, or says that there is none.
    fn begin_message(&mut self, mut before: Vec<String>, now_ms: u64) {
        let Some(message) = self.messages.get(self.at) else {
            before.push(spoken(words::NO_MORE));
            self.stage = Stage::Leaving;
            return self.play(before, now_ms);
        };
        let from = words::apart(&message.number);
        before.push(spoken(&format!("Message {}, from {from}.", self.at + 1)));
        before.push(recording_prompt(&message.path));
        before.push(format!("else:{}", spoken(words::UNPLAYABLE)));
        self.stage = Stage::Playing;
        self.asked = 0;
        self.play(before, now_ms);
    }

    fn offer_choices(&mut self, now_ms: u64) {
        self.stage = Stage::Choosing;
        self.asked += 1;
        self.play(vec![spoken(words::AFTER_MESSAGE)], now_ms);
    }

    fn choose(&mut self, key: char, now_ms: u64) {
        match key {
            '7' => {
                self.delete_current();
                self.begin_message(vec![spoken(words::DELETED)], now_ms);
            }
            '9' | '6' => {
                self.note_heard();
                self.at += 1;
                self.begin_message(Vec::new(), now_ms);
            }
            '4' => {
                self.at = self.at.saturating_sub(1);
                self.begin_message(Vec::new(), now_ms);
            }
            _ => {}
        }
    }

    fn delete_current(&mut self) {
        if self.at < self.messages.len() {
            let message = self.messages.remove(self.at);
            self.outputs.push_back(RetrievalOutput::Delete(message.id, message.path));
        }
    }

    fn note_heard(&mut self) {
        if let Some(message) = self.messages.get_mut(self.at).filter(|message| !message.is_heard) {
            message.is_heard = true;
            self.outputs.push_back(RetrievalOutput::Heard(message.id.clone()));
        }
    }

    fn leave(&mut self, last_words: &str, now_ms: u64) {
        self.stage = Stage::Leaving;
        self.play(vec![spoken(last_words)], now_ms);
    }

    fn play(&mut self, prompts: Vec<String>, now_ms: u64) {
        let Some(left) = self.prompts_left.checked_sub(1) else { return self.hang_up() };
        self.prompts_left = left;
        self.prompts.clone_from(&prompts);
        self.is_playing = true;
        self.due_ms = Some(now_ms + PROMPT_MS_MAX);
        self.outputs.push_back(RetrievalOutput::Play(prompts));
    }

    fn hang_up(&mut self) {
        self.stage = Stage::Over;
        (self.is_playing, self.due_ms) = (false, None);
        self.outputs.push_back(RetrievalOutput::HangUp);
    }
}
