//! What is spoken where a menu names no prompt, or one that cannot be played.

use offhook_model::{Directory, Menu, MenuAction, Target};

pub(crate) const INVALID: &str = "That is not one of the options.";
pub(crate) const SILENCE: &str = "We did not hear a key.";
pub(crate) const DIAL: &str = "Please dial the extension.";
pub(crate) const NO_EXTENSION: &str = "That is not an extension.";
pub(crate) const COLLECT: &str = "Please enter the digits, followed by the pound key.";
pub(crate) const TOO_FEW: &str = "Those are too few digits.";
pub(crate) const UNPLAYABLE: &str = "This message cannot be played at the moment.";
pub(crate) const NOBODY: &str = "We are sorry, nobody can be reached there at the moment.";
pub(crate) const SORRY: &str = "We are sorry, nobody can be reached at the moment. Goodbye.";
pub(crate) const MOMENT: &str = "One moment, please.";
pub(crate) const GOODBYE: &str = "Goodbye.";

/// The prompt URI that speaks these words.
pub(crate) fn spoken(words: &str) -> String {
    format!("tts:{words}")
}

/// A prompt with the words that are spoken without it.
pub(crate) fn or_spoken(prompt: Option<&str>, words: &str) -> Vec<String> {
    match prompt.filter(|prompt| !prompt.is_empty()) {
        Some(prompt) => vec![prompt.to_owned(), format!("else:tts:{words}")],
        None => vec![spoken(words)],
    }
}

/// All options of a menu.
pub(crate) fn options(menu: &Menu, directory: &Directory) -> String {
    let options = menu.options.iter();
    let lines = options.map(|(keys, action)| {
        format!(" {}, press {}.", purpose(action, directory), keys_in_words(keys))
    });
    std::iter::once("Please choose.".to_owned()).chain(lines).collect()
}

fn purpose(action: &MenuAction, directory: &Directory) -> String {
    match action {
        MenuAction::GoTo(target) => destination(target, directory),
        MenuAction::Say(_) => "For information".to_owned(),
        MenuAction::Back => "To go back".to_owned(),
        MenuAction::Repeat => "To hear this again".to_owned(),
        MenuAction::DialExtension { .. } => "To dial an extension".to_owned(),
        MenuAction::Collect(collect) => format!("To enter your {}", plain(&collect.variable)),
    }
}

fn destination(target: &Target, directory: &Directory) -> String {
    match target {
        Target::Queue(queue) => format!("For {}", plain(&queue.0)),
        Target::Menu(id) => {
            let name = directory.menus.get(id).map(|menu| menu.display_name.as_str());
            format!("For {}", plain(name.filter(|name| !name.is_empty()).unwrap_or(id)))
        }
        Target::Extension(number) => format!("For extension {}", apart(number)),
        Target::Number(number) => format!("For {}", apart(number)),
        Target::Room(_) => "To join a room".to_owned(),
        Target::Voicemail(_) => "To leave a message".to_owned(),
        Target::Play(_) => "For an announcement".to_owned(),
        Target::HangUp => "To end the call".to_owned(),
    }
}

fn plain(name: &str) -> String {
    name.replace(['_', '-'], " ")
}

fn apart(number: &str) -> String {
    number.chars().map(String::from).collect::<Vec<_>>().join(" ")
}

fn keys_in_words(keys: &str) -> String {
    let word = |key| match key {
        '*' => "star".to_owned(),
        '#' => "pound".to_owned(),
        digit => digit.to_string(),
    };
    keys.chars().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_model::QueueId;

    #[test]
    fn a_menu_speaks_for_itself() {
        let hours = Menu { display_name: "opening hours".to_owned(), ..Menu::default() };
        let directory =
            Directory { menus: [("info".to_owned(), hours)].into(), ..Directory::default() };
        let options_of = [
            ("12", MenuAction::GoTo(Target::Extension("1001".into()))),
            ("1", MenuAction::GoTo(Target::Queue(QueueId("first_line".into())))),
            ("3", MenuAction::GoTo(Target::Menu("info".into()))),
            ("*", MenuAction::Back),
        ];
        let options_of = options_of.map(|(keys, action)| (keys.to_owned(), action)).into();
        let menu = Menu { options: options_of, ..Menu::default() };
        assert_eq!(
            options(&menu, &directory),
            "Please choose. To go back, press star. For first line, press 1. For extension \
             1 0 0 1, press 1 2. For opening hours, press 3."
        );
    }
}
