use crate::CallRef;
use crate::ids::numbered;
use crate::recording::dated_path;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Messages of one mailbox that a caller hears of; older ones are in the list of the API.
pub const MESSAGES_HEARD_MAX: usize = 100;
/// Digits of a mailbox's PIN.
pub const PIN_DIGITS: std::ops::RangeInclusive<usize> = 4..=8;

/// A message: the call in which it was left, and its number among the call's, from 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VoicemailId(String);

impl VoicemailId {
    /// Names a call's message.
    #[must_use]
    pub fn new(call: &CallRef, number: u32) -> Self {
        Self(format!("{call}-v{number}"))
    }

    /// Takes a name that was printed before; `None` when it could not be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        numbered(text, "-v").map(|(call, number)| Self::new(&call, number))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where it is recorded, relative to the folder of the recordings: by the day of its call in UTC.
    #[must_use]
    pub fn path(&self, started_at_ms: u64) -> PathBuf {
        dated_path(&self.0, "wav", started_at_ms)
    }
}

impl fmt::Display for VoicemailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A message as it is kept: one row of `voicemails`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoicemailRecord {
    /// Its name.
    pub id: VoicemailId,
    /// Whose it is: an extension, or a queue's name.
    pub mailbox: String,
    /// The call.
    pub call: CallRef,
    /// Who called: number or user name.
    pub number: String,
    /// The name that the caller gave.
    pub name: Option<String>,
    /// When it was left, milliseconds of Unix time.
    pub received_at_ms: u64,
    /// How long it plays, in seconds.
    pub duration_s: f64,
    /// The file, relative to the folder of the recordings.
    pub path: PathBuf,
}

/// A message as its owner's call knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its name.
    pub id: VoicemailId,
    /// Who called.
    pub number: String,
    /// When it was left, milliseconds of Unix time.
    pub received_at_ms: u64,
    /// The file, relative to the folder of the recordings.
    pub path: PathBuf,
    /// Whether somebody has listened to it.
    pub is_heard: bool,
}

/// What became of the wish to open a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Opened {
    /// It is open: its messages, the new ones first, and of each kind the oldest first.
    Messages(Vec<Message>),
    /// It has a PIN, and none was given.
    PinWanted,
    /// There is no such mailbox, or it has no PIN, or another one. Which of these is not told.
    Wrong,
    /// There were too many wrong PINs: nobody is let in for some time.
    Locked,
    /// The database does not answer.
    Unavailable,
}

/// What the mailbox role is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailboxRequest {
    /// Open a mailbox for a leg, by its PIN. Answered by an [`Opened`], always.
    Open {
        /// The leg of its owner.
        leg: crate::LegId,
        /// The mailbox.
        mailbox: String,
        /// The digits that were entered; `None` for the owner's own device, which needs none unless one is set.
        pin: Option<String>,
    },
    /// Write down whether an extension wants to be disturbed, and put that in force. It has dialled so.
    DoNotDisturb {
        /// The extension.
        extension: String,
        /// Whether it does not.
        is_on: bool,
    },
    /// Delete the file of a recording that is no message, or no longer one.
    DeleteFile(PathBuf),
}

/// What the mailbox role says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailboxAnswer {
    /// The answer to [`MailboxRequest::Open`].
    Opened {
        /// The leg.
        leg: crate::LegId,
        /// What became of it.
        opened: Opened,
    },
    /// There are so many messages in a mailbox: said at the start, and when it is another number.
    Counted {
        /// The mailbox.
        mailbox: String,
        /// Messages that nobody has heard.
        new: u32,
        /// The others.
        old: u32,
    },
}

/// The prompt URIs of the mailboxes that have a greeting of their own.
pub type Greetings = BTreeMap<String, String>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_messages_name_survives_printing() {
        let id = VoicemailId::new(&CallRef::from_bits(7), 2);
        assert_eq!(VoicemailId::parse(id.as_str()), Some(id.clone()));
        for text in ["", "7-v1", "../x-v1", &format!("{}-1", "0".repeat(32)), &format!("{id}x")] {
            assert_eq!(VoicemailId::parse(text), None, "{text}");
        }
        assert_eq!(id.path(951_782_400_000), PathBuf::from(format!("2000/02/29/{id}.wav")));
    }
}
