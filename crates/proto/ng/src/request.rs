//! A request: the command, what names the call, and the flags.

use crate::command::Command;
use crate::flags::Flags;
use crate::value::Value;

/// A request as the door's user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub command: Command,
    /// The dialog's Call-ID.
    pub call_id: Option<String>,
    /// The tag of who sent the SIP request.
    pub from_tag: Option<String>,
    /// The tag of who received it.
    pub to_tag: Option<String>,
    /// The branch of the topmost Via, which tells forks apart.
    pub via_branch: Option<String>,
    /// The session description.
    pub sdp: Option<Vec<u8>>,
    /// How media is to be handled.
    pub flags: Flags,
    /// Keys that only some commands have, with their texts.
    pub arguments: Vec<(String, String)>,
}

/// Why a dictionary is no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// There is no `command`, or it is no text.
    #[error("Dictionary contains no key \"command\"")]
    NoCommand,
    /// The command is not known.
    #[error("Unrecognized command")]
    UnknownCommand(String),
}

/// Keys that are arguments of a command and no flags.
const ARGUMENTS: [&str; 16] = [
    "address",
    "blob",
    "code",
    "db-id",
    "digit",
    "duration",
    "file",
    "limit",
    "output-destination",
    "pause",
    "recording-file",
    "repeat-duration",
    "repeat-times",
    "start-pos",
    "to-call-id",
    "volume",
];

/// Keys that callers send for their own sake or that repeat what is said elsewhere.
const IGNORED: [&str; 2] = ["xmlrpc-callback", "supports"];

impl Request {
    /// Reads a dictionary.
    ///
    /// # Errors
    /// When it has no command that is known.
    pub fn from_value(value: &Value<'_>) -> Result<Self, RequestError> {
        let name = value.get("command").and_then(Value::as_text);
        let name = name.ok_or(RequestError::NoCommand)?;
        let command = Command::from_name(&name);
        let command = command.ok_or_else(|| RequestError::UnknownCommand(name.into_owned()))?;
        let mut request = Self {
            command,
            call_id: None,
            from_tag: None,
            to_tag: None,
            via_branch: None,
            sdp: None,
            flags: Flags::default(),
            arguments: Vec::new(),
        };
        if let Value::Dictionary(entries) = value {
            for (key, value) in entries {
                request.handle_key(&String::from_utf8_lossy(key), value);
            }
        }
        Ok(request)
    }

    /// The text of an argument of the command.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<&str> {
        let found = self.arguments.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The number of an argument of the command.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u32> {
        self.argument(name)?.trim().parse().ok()
    }

    fn handle_key(&mut self, key: &str, value: &Value<'_>) {
        let text = || value.as_text().map(std::borrow::Cow::into_owned);
        let number = || value.as_integer().map(|number| number.to_string());
        let key = key.to_ascii_lowercase().replace([' ', '_'], "-");
        match key.as_str() {
            "command" => {}
            "call-id" => self.call_id = text(),
            "from-tag" => self.from_tag = text(),
            "to-tag" => self.to_tag = text(),
            "via-branch" => self.via_branch = text(),
            "sdp" => {
                if let Value::Text(bytes) = value {
                    self.sdp = Some(bytes.clone().into_owned());
                }
            }
            name if IGNORED.contains(&name) => {}
            name if ARGUMENTS.contains(&name) => {
                if let Some(value) = text().or_else(number) {
                    self.arguments.push((key, value));
                }
            }
            _ => self.flags.handle_key(&key, value),
        }
    }
}
