//! Writing messages: new ones with [`RequestBuilder`] and [`ResponseBuilder`],
//! changed ones with [`Editor`].
//!
//! Values that are written can hold no line end: CR, LF and NUL in them become
//! spaces, so that no value can add a header or end the head. What is copied
//! from a message is copied byte for byte.

mod editor;
mod request;
mod response;

use std::fmt::{Display, Write as _};

use bytes::Bytes;

use crate::message::{HeaderName, Message};

pub use editor::Editor;
pub use request::RequestBuilder;
pub use response::ResponseBuilder;

/// Room for a typical message, so that writing one allocates once.
const TYPICAL_BYTES: usize = 1_024;

/// The start line and headers while they are being written, and the body.
#[derive(Debug, Clone)]
struct Draft {
    head: Vec<u8>,
    content_type: Option<String>,
    body: Bytes,
}

impl Draft {
    fn new(start_line: std::fmt::Arguments<'_>) -> Self {
        let mut draft = Self {
            head: Vec::with_capacity(TYPICAL_BYTES),
            content_type: None,
            body: Bytes::new(),
        };
        draft.write(start_line);
        draft.head.extend_from_slice(b"\r\n");
        draft
    }

    fn write(&mut self, value: impl Display) {
        write!(OneLine(&mut self.head), "{value}").expect("writing to a Vec does not fail");
    }

    fn header(&mut self, name: &str, value: impl Display) {
        debug_assert!(!name.is_empty(), "HeaderName::Other has no text: name the header");
        self.write(name);
        self.head.extend_from_slice(b": ");
        self.write(value);
        self.head.extend_from_slice(b"\r\n");
    }

    fn raw_header(&mut self, name: &str, value: &[u8]) {
        self.head.extend_from_slice(name.as_bytes());
        self.head.extend_from_slice(b": ");
        self.head.extend_from_slice(value);
        self.head.extend_from_slice(b"\r\n");
    }

    /// Copies all headers of that name, byte for byte.
    fn copy(&mut self, message: &Message, name: HeaderName) {
        for value in message.raw_values(name) {
            self.raw_header(name.as_str(), value);
        }
    }

    fn body(&mut self, content_type: &str, body: Bytes) {
        self.content_type = Some(content_type.to_owned());
        self.body = body;
    }

    fn finish(mut self) -> Message {
        if let Some(content_type) = self.content_type.take() {
            self.header(HeaderName::ContentType.as_str(), content_type);
        }
        let length = self.body.len();
        self.header(HeaderName::ContentLength.as_str(), length);
        self.head.extend_from_slice(b"\r\n");
        self.head.extend_from_slice(&self.body);
        Message::from_own(self.head.into())
    }
}

/// Writes text with spaces for CR, LF and NUL.
struct OneLine<'a>(&'a mut Vec<u8>);

impl std::fmt::Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let start = self.0.len();
        self.0.extend_from_slice(text.as_bytes());
        for byte in &mut self.0[start..] {
            if matches!(byte, b'\r' | b'\n' | 0) {
                *byte = b' ';
            }
        }
        Ok(())
    }
}
