//! Whether a target is there.

use offhook_model::{Directory, Target};

/// Characters of a number that is dialled.
const NUMBER_CHARACTERS_MAX: usize = 64;
/// Characters of a prompt.
const PROMPT_CHARACTERS_MAX: usize = 1_000;
/// What prompts begin with.
const SCHEMES: [&str; 6] = ["tone:", "silence:", "music:", "tts:", "say:", "file:"];

pub(crate) const PROMPT: &str = "a prompt of at most 1000 characters that begins with tone:, silence:, music:, tts:, say: or file:";

/// What is allowed in the place of a target, when it leads nowhere.
pub(crate) fn nowhere(target: &Target, directory: &Directory) -> Option<&'static str> {
    let (is_there, allowed) = match target {
        Target::Queue(queue) => (directory.queues.contains_key(queue), "a queue that exists"),
        Target::Menu(menu) => (directory.menus.contains_key(menu), "a menu that exists"),
        Target::Extension(number) => {
            (directory.extensions.contains_key(number), "an extension that exists")
        }
        Target::Number(number) => {
            (is_number(number), "1 to 64 digits, *, # and +, with - and spaces between them")
        }
        Target::Room(room) => (is_number(room), "the number of a room"),
        Target::Voicemail(of) => {
            let is_queue = directory.queues.keys().any(|queue| queue.0 == *of);
            let is_there = is_queue || directory.extensions.contains_key(of);
            (is_there, "an extension or a queue that exists")
        }
        Target::Play(prompt) => (is_prompt(prompt), PROMPT),
        Target::HangUp => (true, ""),
    };
    (!is_there).then_some(allowed)
}

pub(crate) fn is_prompt(prompt: &str) -> bool {
    let is_known = SCHEMES.iter().any(|scheme| prompt.starts_with(scheme));
    is_known && prompt.chars().count() <= PROMPT_CHARACTERS_MAX
}

fn is_number(number: &str) -> bool {
    let is_mark = |c: char| c.is_ascii_digit() || "*#+- ".contains(c);
    number.chars().any(|c| c.is_ascii_digit())
        && number.len() <= NUMBER_CHARACTERS_MAX
        && number.chars().all(is_mark)
}
