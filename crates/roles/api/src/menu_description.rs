//! A menu as the API's description shows it. What is sent and taken is `offhook_model::Menu`, which knows
//! nothing of descriptions; a test compares the two.
#![expect(dead_code, reason = "these types are described and never made")]

use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An IVR menu with its options.
#[derive(ToSchema)]
#[schema(as = Menu)]
pub(crate) struct MenuDescription {
    /// Its name, as other menus and numbers know it: 1 to 64 small letters, digits, - and _.
    #[schema(example = "main")]
    id: String,
    /// What it is for, as administrators see it; the name when absent.
    display_name: Option<String>,
    /// The prompt that is played first: `tts:text`, `file:name`, `tone:Hz,ms`, `say:kind:value`, `silence:ms`.
    /// The options in spoken words when it is absent or cannot be played.
    #[schema(example = "tts:Welcome. For sales, press 1.")]
    greeting: Option<String>,
    /// Whether keys interrupt what is played; true when absent.
    barge_in: Option<bool>,
    /// The prompt for a wrong entry; spoken words when absent.
    invalid: Option<String>,
    /// The prompt for a caller who presses nothing; spoken words when absent.
    timeout: Option<String>,
    /// How long a caller has for the first key, 500 to 60000 milliseconds; 5000 when absent.
    timeout_ms: Option<u32>,
    /// How long for each further key, 200 to 20000 milliseconds; 2500 when absent.
    inter_digit_ms: Option<u32>,
    /// How many wrong entries are forgiven, 0 to 10; 3 when absent.
    invalid_retries: Option<u32>,
    /// How many silences are forgiven, 0 to 10; 3 when absent.
    timeout_retries: Option<u32>,
    /// Where a caller goes who has used up one of the two; the call ends when absent.
    failure: Option<TargetDescription>,
    /// What each entry of 1 to 8 keys (0 to 9, * and #) does.
    #[schema(example = json!({
        "1": {"action": "go_to", "parameters": {"kind": "extension", "to": "1001"}},
        "3": {"action": "say", "parameters": "tts:We are open from nine to five."},
        "*": {"action": "back"},
    }))]
    options: BTreeMap<String, ActionDescription>,
    /// When the menu is open; always when absent.
    hours: Option<HoursDescription>,
}

/// What an option of a menu does.
#[derive(ToSchema)]
#[schema(as = MenuAction)]
#[serde(rename_all = "snake_case", tag = "action", content = "parameters")]
pub(crate) enum ActionDescription {
    /// Sends the caller there. From a menu, `back` returns.
    GoTo(TargetDescription),
    /// Plays a prompt and begins the menu again.
    Say(String),
    /// Back to the menu before.
    Back,
    /// The greeting again.
    Repeat,
    /// The caller dials an extension.
    DialExtension {
        /// The prompt that asks for it; spoken words when absent.
        prompt: Option<String>,
        /// How many digits extensions have at most, 1 to 20.
        digits_max: u8,
    },
    /// Collects digits into a variable and asks a webhook what next.
    Collect(CollectDescription),
}

/// Digits that a webhook is asked about. The host must be one of `switch.webhook.allowed_hosts`.
#[derive(ToSchema)]
#[schema(as = Collect)]
pub(crate) struct CollectDescription {
    /// The prompt that asks for them.
    prompt: String,
    /// The variable's name.
    #[schema(example = "customer")]
    variable: String,
    /// How many at least.
    digits_min: u8,
    /// How many at most, up to 40; fewer end with `#`.
    digits_max: u8,
    /// The URL that is asked by POST of `{call, caller, dialled, menu, variables}`. It answers with a target.
    #[schema(example = "https://hooks.example/next")]
    webhook: String,
    /// Where the caller goes when it does not answer within 3 seconds, or not with a target.
    otherwise: TargetDescription,
}

/// Where a caller is sent.
#[derive(ToSchema)]
#[schema(as = Target)]
#[serde(rename_all = "snake_case", tag = "kind", content = "to")]
pub(crate) enum TargetDescription {
    /// Waits in a queue.
    Queue(String),
    /// Hears a menu.
    Menu(String),
    /// Rings an extension.
    Extension(String),
    /// Whatever this number, as dialled, leads to.
    Number(String),
    /// A room.
    Room(String),
    /// Leaves a message for this extension or queue.
    Voicemail(String),
    /// Hears a prompt; the call ends with it.
    Play(String),
    /// The call ends.
    HangUp,
}

/// When a menu is open.
#[derive(ToSchema)]
#[schema(as = Hours)]
pub(crate) struct HoursDescription {
    /// The time zone, by its IANA name.
    #[schema(example = "Europe/Berlin")]
    zone: String,
    /// When it is open in a week.
    open: Vec<OpeningDescription>,
    /// Days on which it is closed, by the zone's calendar.
    #[schema(example = json!(["2026-12-25"]))]
    holidays: Option<Vec<String>>,
    /// Where callers go while it is closed.
    closed: TargetDescription,
}

/// One time of a week.
#[derive(ToSchema)]
#[schema(as = Opening)]
pub(crate) struct OpeningDescription {
    /// Days, 1 for Monday to 7 for Sunday (ISO 8601).
    #[schema(example = json!([1, 2, 3, 4, 5]))]
    days: Vec<u8>,
    /// From.
    #[schema(example = "08:00")]
    from: String,
    /// Until; `24:00` is the day's end.
    #[schema(example = "17:30")]
    until: String,
}
