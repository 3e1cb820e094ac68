//! Where callers are sent on to, as the API writes it.

use crate::validate::Check;
use offhook_model::{Directory, Target};
use serde::Serialize;
use utoipa::ToSchema;

/// Where a caller is sent on to.
#[derive(Serialize, ToSchema)]
#[schema(as = Target)]
pub(crate) struct TargetView {
    /// `queue`, `menu`, `extension`, `number`, `room`, `voicemail`, `play` or `hang_up`.
    #[schema(example = "queue")]
    kind: String,
    /// Which: a name, a number, or of `play` a prompt URI; nothing for `hang_up`.
    #[schema(example = "sales")]
    to: Option<String>,
}

/// Says whether a target leads somewhere.
pub(crate) fn check(check: &mut Check, field: &str, target: &Target, directory: &Directory) {
    let (is_there, allowed) = match target {
        Target::Queue(queue) => (directory.queues.contains_key(queue), "the name of a queue"),
        Target::Menu(menu) => (directory.menus.contains_key(menu), "the name of a menu"),
        Target::Extension(number) => (directory.extensions.contains_key(number), "an extension"),
        Target::Voicemail(mailbox) => {
            (directory.has_mailbox(mailbox), "an extension or the name of a queue")
        }
        Target::Number(number) => {
            let number = number.replace(['-', ' '], "");
            let is_known = directory.extensions.contains_key(&number)
                || directory.services.contains_key(&number);
            (is_known, "a number that can be dialled")
        }
        Target::Room(number) => (!number.is_empty(), "the number of a room"),
        Target::Play(prompt) => (prompt.contains(':'), "a prompt URI such as tts:Hello"),
        Target::HangUp => (true, ""),
    };
    check.demand(is_there, field, allowed);
}
