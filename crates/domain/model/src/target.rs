use crate::QueueId;
use serde::{Deserialize, Serialize};

/// Where a caller is sent on to: by a menu's option, a queue that overflows, a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "to")]
pub enum Target {
    /// Waits in a queue.
    Queue(QueueId),
    /// Hears a menu.
    Menu(String),
    /// Rings an extension's devices.
    Extension(String),
    /// Whatever this number, as dialled, leads to.
    Number(String),
    /// A room.
    Room(String),
    /// Leaves a message in the voicemail box of this extension or queue.
    Voicemail(String),
    /// Hears a prompt; the call ends with it.
    Play(String),
    /// The call ends.
    HangUp,
}
