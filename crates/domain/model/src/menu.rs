use crate::Target;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An IVR menu: a caller hears a greeting and presses keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Menu {
    /// Its name, as other menus and numbers know it: `main`.
    pub id: String,
    /// What it is for, as administrators see it.
    pub display_name: String,
    /// The prompt URI that is played at the beginning; the options in spoken words when it is empty or
    /// cannot be played.
    pub greeting: String,
    /// Whether keys interrupt what is played; else they count only when it has ended.
    pub barge_in: bool,
    /// The prompt URI for a key without an option; spoken words when absent.
    pub invalid: Option<String>,
    /// The prompt URI for a caller who presses nothing; spoken words when absent.
    pub timeout: Option<String>,
    /// How long a caller has for the first key after the greeting, milliseconds.
    pub timeout_ms: u32,
    /// How long for each further digit, milliseconds.
    pub inter_digit_ms: u32,
    /// How many wrong entries are forgiven.
    pub invalid_retries: u32,
    /// How many silences are forgiven.
    pub timeout_retries: u32,
    /// Where a caller goes who has used up one of the two.
    pub failure: Target,
    /// What each entry does: one digit or several.
    pub options: BTreeMap<String, MenuAction>,
    /// When the menu is open; always when absent.
    pub hours: Option<Hours>,
}

impl Default for Menu {
    fn default() -> Self {
        Self {
            id: String::new(),
            display_name: String::new(),
            greeting: String::new(),
            barge_in: true,
            invalid: None,
            timeout: None,
            timeout_ms: 5_000,
            inter_digit_ms: 2_500,
            invalid_retries: 3,
            timeout_retries: 3,
            failure: Target::HangUp,
            options: BTreeMap::new(),
            hours: None,
        }
    }
}

/// What an option of a menu does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action", content = "parameters")]
pub enum MenuAction {
    /// Sends the caller there; a menu is a sub-menu, from which [`MenuAction::Back`] returns.
    GoTo(Target),
    /// Plays a prompt and begins the menu again.
    Say(String),
    /// Back to the menu before.
    Back,
    /// The greeting again.
    Repeat,
    /// The caller dials an extension.
    DialExtension {
        /// The prompt URI that asks for it; spoken words when absent.
        prompt: Option<String>,
        /// How many digits extensions have at most.
        digits_max: u8,
    },
    /// Collects digits into a variable and asks a webhook what next.
    Collect(Collect),
}

/// Digits that a webhook is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collect {
    /// The prompt URI that asks for them.
    pub prompt: String,
    /// The variable's name.
    pub variable: String,
    /// How many at least.
    pub digits_min: u8,
    /// How many at most; fewer end with `#`.
    pub digits_max: u8,
    /// The URL that is asked, `http` or `https`, by POST of JSON: `{call, caller, dialled, menu, variables}`.
    /// The answer is a [`Target`] as JSON.
    pub webhook: String,
    /// Where the caller goes when it does not answer, or not with a target.
    pub otherwise: Target,
}

/// When a menu is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// The time zone: `Europe/Berlin`.
    pub zone: String,
    /// When it is open in a week.
    pub open: Vec<Opening>,
    /// Days on which it is closed, `2026-12-25`.
    #[serde(default)]
    pub holidays: Vec<String>,
    /// Where callers go while it is closed.
    pub closed: Target,
}

/// One time of a week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// Days, 1 for Monday to 7 for Sunday (ISO 8601).
    pub days: Vec<u8>,
    /// From, `08:00`.
    pub from: String,
    /// Until, `17:30`; `24:00` is the day's end.
    pub until: String,
}
