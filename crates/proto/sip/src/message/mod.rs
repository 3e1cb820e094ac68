//! A SIP message over one buffer (RFC 3261 section 7).
//!
//! Parsing finds the start line and where each header stands; what a header
//! says is read when it is asked for, borrowing from the buffer. The methods
//! that give typed views are in `headers`.

mod defect;
mod header_name;
mod index;
mod method;
mod parse;
mod status;
mod validate;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

pub use defect::{Defect, ParseFailure};
pub use header_name::HeaderName;
pub use method::Method;
pub use parse::is_keep_alive;
pub use status::StatusCode;

pub(crate) use parse::{content_length, stream_body_length};

use crate::uri::{Uri, UriError};
use index::{Entry, HeaderIndex};

/// Longest message in bytes, on every transport: what a UDP datagram can hold.
pub const MESSAGE_BYTES_MAX: usize = 65_535;
/// Longest start line and headers together, in bytes.
pub const HEAD_BYTES_MAX: usize = 32_768;
/// Longest single header with its continuation lines, in bytes.
pub const HEADER_BYTES_MAX: usize = 8_192;
/// Most header lines in one message.
pub const HEADERS_MAX: usize = 256;
/// Most Via values in one message. Max-Forwards starts at 70 (RFC 3261 section
/// 8.1.1.6), so an honest message has fewer.
pub const VIAS_MAX: usize = 100;

/// A request or a response. Cloning shares the buffer.
#[derive(Clone)]
pub struct Message {
    raw: Bytes,
    /// See `parse::readable_copy`.
    lossy: Option<Arc<str>>,
    start: Start,
    headers: HeaderIndex,
    head_end: usize,
    body_start: usize,
    end: usize,
}

#[derive(Debug, Clone)]
enum Start {
    Request { method: Method, uri: Range<usize> },
    Response { status: StatusCode, reason: Range<usize> },
}

/// One header as it stands in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderField<'a> {
    /// Which header it is.
    pub name: HeaderName,
    /// The name as it was written.
    pub name_text: &'a str,
    /// The value without white space around it. Folded lines keep their line
    /// ends; see [`unfold`].
    pub value: &'a str,
}

impl Message {
    /// Reads one message from a datagram (or from a WebSocket frame).
    ///
    /// Line ends in front of the message and bytes behind Content-Length are
    /// ignored (RFC 3261 sections 7.5 and 18.3). What is checked here is the
    /// message's shape; [`Message::validate`] checks what its headers say.
    ///
    /// # Errors
    /// The first defect with as much of the message as could be read.
    pub fn parse(datagram: Bytes) -> Result<Self, ParseFailure> {
        parse::datagram(datagram)
    }

    /// Reads what a builder wrote.
    pub(crate) fn from_own(raw: Bytes) -> Self {
        let (message, _defect) = parse::read(raw, parse::Limits::Own);
        message.expect("builders write a start line")
    }

    /// Reads as much of a request as there is.
    pub(crate) fn read_partial(raw: Bytes) -> Option<Self> {
        let (message, _defect) = parse::read(raw, parse::Limits::Network);
        message.filter(Self::is_request)
    }

    /// True for a request.
    #[must_use]
    pub fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// True for a response.
    #[must_use]
    pub fn is_response(&self) -> bool {
        !self.is_request()
    }

    /// The method of a request; `None` for a response, whose method is in
    /// CSeq.
    #[must_use]
    pub fn method(&self) -> Option<&Method> {
        match &self.start {
            Start::Request { method, .. } => Some(method),
            Start::Response { .. } => None,
        }
    }

    /// The text of a request's Request-URI; empty for a response.
    #[must_use]
    pub fn request_uri_text(&self) -> &str {
        match &self.start {
            Start::Request { uri, .. } => self.text(uri.clone()),
            Start::Response { .. } => "",
        }
    }

    /// The Request-URI.
    ///
    /// # Errors
    /// When it is not a URI, or the message is a response.
    pub fn request_uri(&self) -> Result<Uri<'_>, UriError> {
        Uri::parse(self.request_uri_text())
    }

    /// The status of a response; `None` for a request.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self.start {
            Start::Response { status, .. } => Some(status),
            Start::Request { .. } => None,
        }
    }

    /// The reason phrase of a response; empty for a request.
    #[must_use]
    pub fn reason(&self) -> &str {
        match &self.start {
            Start::Response { reason, .. } => self.text(reason.clone()),
            Start::Request { .. } => "",
        }
    }

    /// The value of the first header of that name.
    #[must_use]
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        let entry = self.headers.first(name)?;
        Some(self.text(entry.value_range()))
    }

    /// The value of the first header with that name's text, in any case; for
    /// names that [`HeaderName`] does not list.
    #[must_use]
    pub fn header_named(&self, name: &str) -> Option<&str> {
        match HeaderName::from_text(name) {
            HeaderName::Other => self
                .headers()
                .find(|field| field.name_text.eq_ignore_ascii_case(name))
                .map(|field| field.value),
            known => self.header(known),
        }
    }

    /// The values of all headers of that name, a line each, in their order.
    pub fn headers_of(&self, name: HeaderName) -> impl Iterator<Item = &str> + Clone {
        self.headers
            .iter()
            .filter(move |entry| entry.name == name)
            .map(|entry| self.text(entry.value_range()))
    }

    /// All headers in their order.
    pub fn headers(&self) -> impl Iterator<Item = HeaderField<'_>> + Clone {
        self.headers.iter().map(|entry| self.field(entry))
    }

    /// How many header lines the message has.
    #[must_use]
    pub fn header_count(&self) -> usize {
        self.headers.len()
    }

    /// True when a header of that name is there.
    #[must_use]
    pub fn has(&self, name: HeaderName) -> bool {
        self.headers.first(name).is_some()
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.raw[self.body_start.min(self.end)..self.end]
    }

    /// The body, sharing the message's buffer.
    #[must_use]
    pub fn body_bytes(&self) -> Bytes {
        self.raw.slice(self.body_start.min(self.end)..self.end)
    }

    /// The message as it came.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.raw[..self.end]
    }

    /// The message as it came, sharing its buffer.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        self.raw.slice(..self.end)
    }

    /// The text of the start line and the headers.
    pub(crate) fn text(&self, range: Range<usize>) -> &str {
        match &self.lossy {
            Some(text) => &text[range],
            None => std::str::from_utf8(&self.raw[range])
                .expect("the head is UTF-8 and ranges end at ASCII characters"),
        }
    }

    fn field(&self, entry: &Entry) -> HeaderField<'_> {
        HeaderField {
            name: entry.name,
            name_text: self.text(entry.name_range()),
            value: self.text(entry.value_range()),
        }
    }

    /// The values of all headers of that name as they came.
    pub(crate) fn raw_values(&self, name: HeaderName) -> impl Iterator<Item = &[u8]> {
        self.headers
            .iter()
            .filter(move |entry| entry.name == name)
            .map(|entry| &self.raw[entry.value_range()])
    }

    /// The start line with its line end.
    pub(crate) fn start_line_bytes(&self) -> &[u8] {
        let end = self.headers.iter().next().map_or(self.head_end, Entry::line_start);
        &self.raw[..end]
    }

    /// Where each header stands: the whole line with its line end, the name
    /// and the value.
    pub(crate) fn lines(&self) -> impl Iterator<Item = HeaderPlace> {
        let starts = self.headers.iter().skip(1).map(Entry::line_start);
        let ends = starts.chain(std::iter::once(self.head_end));
        self.headers.iter().zip(ends).map(|(entry, end)| {
            (entry.name, entry.line_start()..end, entry.name_range(), entry.value_range())
        })
    }
}

/// A header's name and where its line, its name and its value stand.
pub(crate) type HeaderPlace = (HeaderName, Range<usize>, Range<usize>, Range<usize>);

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first_line = match &self.start {
            Start::Request { method, .. } => format!("{method} {}", self.request_uri_text()),
            Start::Response { status, .. } => format!("{status} {}", self.reason()),
        };
        f.debug_struct("Message")
            .field("start", &first_line)
            .field("header_count", &self.header_count())
            .field("body_bytes", &self.body().len())
            .finish()
    }
}

impl fmt::Display for Message {
    /// The message as text, for logs and tests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

impl PartialEq for Message {
    /// Equal byte for byte.
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

/// A header value on one line: each fold becomes a single space
/// (RFC 3261 section 7.3.1).
#[must_use]
pub fn unfold(value: &str) -> Cow<'_, str> {
    if !value.contains(['\r', '\n']) {
        return Cow::Borrowed(value);
    }
    let mut text = String::with_capacity(value.len());
    for line in value.lines() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(line.trim_matches([' ', '\t', '\r']));
    }
    Cow::Owned(text)
}
