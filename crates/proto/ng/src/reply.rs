//! Replies.

use crate::value::{Encoding, Value};
use std::borrow::Cow;

/// The body of a reply, without the cookie and the encoding of its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply(Value<'static>);

/// A dictionary that is being written.
#[derive(Debug, Clone, Default)]
pub struct Dictionary(Vec<(Cow<'static, [u8]>, Value<'static>)>);

impl Dictionary {
    /// An empty dictionary.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: Value<'static>) -> Self {
        self.0.push((Cow::Borrowed(key.as_bytes()), value));
        self
    }

    /// Adds a key with a text.
    #[must_use]
    pub fn text(self, key: &'static str, text: impl Into<String>) -> Self {
        self.with(key, Value::text(text))
    }

    /// Adds a key with a number.
    #[must_use]
    pub fn number(self, key: &'static str, number: impl TryInto<i64>) -> Self {
        self.with(key, Value::integer(number))
    }

    /// Adds a key whose name is not known beforehand, such as a tag.
    pub fn push(&mut self, key: &str, value: Value<'static>) {
        self.0.push((Cow::Owned(key.as_bytes().to_vec()), value));
    }
}

impl From<Dictionary> for Value<'static> {
    fn from(dictionary: Dictionary) -> Self {
        Self::Dictionary(dictionary.0)
    }
}

impl Reply {
    /// `{"result":"ok"}` with more keys.
    #[must_use]
    pub fn ok(keys: Dictionary) -> Self {
        Self::with_result("ok", keys)
    }

    /// The answer to a ping.
    #[must_use]
    pub fn pong() -> Self {
        Self::with_result("pong", Dictionary::new())
    }

    /// `{"result":"error"}` with what went wrong.
    #[must_use]
    pub fn error(reason: impl Into<String>) -> Self {
        Self::with_result("error", Dictionary::new().text("error-reason", reason))
    }

    fn with_result(result: &'static str, keys: Dictionary) -> Self {
        let mut entries = Dictionary::new().text("result", result).0;
        entries.extend(keys.0);
        Self(Value::Dictionary(entries))
    }

    /// Whether it says that something went wrong.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.0.get("result") == Some(&Value::text("error"))
    }

    /// The dictionary.
    #[must_use]
    pub fn value(&self) -> &Value<'static> {
        &self.0
    }

    /// The message: cookie, space, dictionary.
    #[must_use]
    pub fn to_message(&self, cookie: &[u8], encoding: Encoding) -> Vec<u8> {
        let mut message = cookie.to_vec();
        message.push(b' ');
        message.extend(self.0.to_bytes(encoding));
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_has_the_cookie_and_the_encoding_of_its_request() {
        let reply = Reply::error("Unknown call-id");
        assert_eq!(
            reply.to_message(b"c1", Encoding::Bencode),
            b"c1 d6:result5:error12:error-reason15:Unknown call-ide"
        );
        assert_eq!(Reply::pong().to_message(b"c1", Encoding::Json), br#"c1 {"result":"pong"}"#);
    }
}
