//! The demo's menus: `main`, which 9999 leads to, and `info` below it.

use offhook_model::{Menu, MenuAction, QueueId, Target};

const MAIN_GREETING: &str = "tts:Welcome to Offhook. For sales, press 1. For support, press 2. For our \
    opening hours and our address, press 3. To dial an extension, press 4. For reception, press 0. To hear \
    this again, press the pound key.";
const INFO_GREETING: &str =
    "tts:For our opening hours, press 1. For our address, press 2. To go back, press star.";
const OPENING_HOURS: &str =
    "tts:We are open from Monday to Friday, from eight in the morning until half past five.";
const ADDRESS: &str = "tts:You find us at 12 Exchange Street, on the second floor.";

pub(crate) fn demo_menus() -> [Menu; 2] {
    let queue = |name: &str| MenuAction::GoTo(Target::Queue(QueueId(name.to_owned())));
    let main = menu(
        "main",
        "Main menu",
        MAIN_GREETING,
        [
            ("1", queue("sales")),
            ("2", queue("support")),
            ("3", MenuAction::GoTo(Target::Menu("info".to_owned()))),
            ("4", MenuAction::DialExtension { prompt: None, digits_max: 4 }),
            ("0", queue("reception")),
            ("#", MenuAction::Repeat),
        ],
    );
    let info = menu(
        "info",
        "Opening hours and address",
        INFO_GREETING,
        [
            ("1", MenuAction::Say(OPENING_HOURS.to_owned())),
            ("2", MenuAction::Say(ADDRESS.to_owned())),
            ("*", MenuAction::Back),
        ],
    );
    [main, info]
}

fn menu<const N: usize>(
    id: &str,
    display_name: &str,
    greeting: &str,
    options: [(&str, MenuAction); N],
) -> Menu {
    Menu {
        id: id.to_owned(),
        display_name: display_name.to_owned(),
        greeting: greeting.to_owned(),
        options: options.map(|(keys, action)| (keys.to_owned(), action)).into(),
        ..Menu::default()
    }
}
