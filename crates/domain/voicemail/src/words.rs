//! What callers and owners are told.

use offhook_model::Directory;

pub(crate) const INSTRUCTIONS: &str =
    "Please leave a message after the tone, and press the pound key or hang up when you are done.";
/// The tone behind which the message begins.
pub(crate) const BEEP: &str = "tone:1000,800";
pub(crate) const TOO_SHORT: &str = "That was too short. Please speak after the tone.";
pub(crate) const NOTHING_SAID: &str = "We did not hear anything. Goodbye.";
pub(crate) const CHOICES: &str =
    "To hear your message, press 1. To record it again, press 2. To keep it, press 3.";
pub(crate) const KEPT: &str = "Thank you. Your message was taken. Goodbye.";
pub(crate) const NOT_TAKEN: &str =
    "We are sorry, your message cannot be taken at the moment. Goodbye.";
pub(crate) const ASK_MAILBOX: &str = "Please enter the mailbox, followed by the pound key.";
pub(crate) const ASK_PIN: &str = "Please enter your PIN, followed by the pound key.";
pub(crate) const WRONG: &str = "That is not right.";
pub(crate) const WRONG_TOO_OFTEN: &str = "That is not right. Goodbye.";
pub(crate) const LOCKED: &str = "This mailbox is locked for some time. Goodbye.";
pub(crate) const UNAVAILABLE: &str =
    "We are sorry, your messages cannot be heard at the moment. Goodbye.";
pub(crate) const AFTER_MESSAGE: &str = "To delete this message, press 7. To keep it, press 9. For the \
     next message, press 6. For the previous one, press 4.";
pub(crate) const DELETED: &str = "The message was deleted.";
pub(crate) const NO_MORE: &str = "There are no more messages. Goodbye.";
pub(crate) const UNPLAYABLE: &str = "This message cannot be played at the moment.";
pub(crate) const GOODBYE: &str = "Goodbye.";

/// The prompt URI that speaks these words.
#[must_use]
pub fn spoken(words: &str) -> String {
    format!("tts:{words}")
}

/// The greeting of a mailbox that has none of its own, without the instructions.
#[must_use]
pub fn default_greeting(mailbox: &str, directory: &Directory) -> String {
    if directory.extensions.contains_key(mailbox) {
        return spoken(&format!("Extension {} cannot take your call.", apart(mailbox)));
    }
    let queue = directory.queues.iter().find(|(id, _)| id.0 == mailbox);
    let name = queue.map(|(_, queue)| queue.display_name.as_str()).filter(|name| !name.is_empty());
    spoken(&format!("{} cannot take your call at the moment.", name.unwrap_or(mailbox)))
}

/// How many messages there are.
pub(crate) fn counts(new: usize, old: usize) -> String {
    let many = |count: usize, kind: &str| match count {
        1 => format!("1 {kind} message"),
        count => format!("{count} {kind} messages"),
    };
    match (new, old) {
        (0, 0) => "You have no messages. Goodbye.".to_owned(),
        (new, 0) => format!("You have {}.", many(new, "new")),
        (0, old) => format!("You have {}.", many(old, "old")),
        (new, old) => format!("You have {} and {}.", many(new, "new"), many(old, "old")),
    }
}

pub(crate) fn apart(number: &str) -> String {
    number.chars().map(String::from).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_model::{Queue, QueueId};

    #[test]
    fn numbers_of_messages_are_said_as_people_say_them() {
        assert_eq!(counts(1, 2), "You have 1 new message and 2 old messages.");
        assert_eq!(counts(2, 0), "You have 2 new messages.");
        assert_eq!(counts(0, 1), "You have 1 old message.");
        assert_eq!(counts(0, 0), "You have no messages. Goodbye.");
    }

    #[test]
    fn a_mailbox_without_a_greeting_says_whose_it_is() {
        let mut directory = Directory::default();
        let queue = Queue { display_name: "Sales".to_owned(), ..Queue::new("sales") };
        directory.queues.insert(QueueId("sales".to_owned()), queue);
        let greeting = default_greeting("sales", &directory);
        assert_eq!(greeting, "tts:Sales cannot take your call at the moment.");
    }
}
