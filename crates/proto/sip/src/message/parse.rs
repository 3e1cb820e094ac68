//! From bytes to a [`Message`]: the start line, the lines of the head and the
//! extent of the body.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::index::HeaderIndex;
use super::{
    Defect, HEAD_BYTES_MAX, HEADERS_MAX, HeaderName, MESSAGE_BYTES_MAX, Message, Method,
    ParseFailure, Start, StatusCode,
};
use crate::grammar;

/// How far the parser looks at limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limits {
    /// From the network: every limit holds.
    Network,
    /// From our own builders.
    Own,
}

/// True for datagrams that only keep a NAT binding open: nothing in them but
/// CR, LF, NUL or spaces (RFC 5626 section 3.5.1 and what phones send).
#[must_use]
pub fn is_keep_alive(datagram: &[u8]) -> bool {
    datagram.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0 | b' '))
}

pub(super) fn datagram(mut raw: Bytes) -> Result<Message, ParseFailure> {
    let leading = raw.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    raw.advance(leading);
    if raw.is_empty() || is_keep_alive(&raw) {
        return Err(ParseFailure { defect: Defect::Empty, message: None });
    }
    if raw.len() > MESSAGE_BYTES_MAX {
        return Err(ParseFailure { defect: Defect::MessageTooLarge, message: None });
    }
    match read(raw, Limits::Network) {
        (Some(message), None) => Ok(message),
        (message, defect) => Err(failure(message, defect.unwrap_or(Defect::StartLine))),
    }
}

fn failure(message: Option<Message>, defect: Defect) -> ParseFailure {
    let message = message.filter(Message::is_request).map(Box::new);
    ParseFailure { defect, message }
}

/// Reads as much as can be read and names the first defect.
pub(super) fn read(raw: Bytes, limits: Limits) -> (Option<Message>, Option<Defect>) {
    let Some(first_line_end) = memchr::memchr(b'\n', &raw) else {
        return (None, Some(Defect::StartLine));
    };
    let (start, mut defect) = start_line(&raw, first_line_end);
    let Some(start) = start else {
        return (None, defect);
    };
    let mut headers = HeaderIndex::new();
    let head = head(&raw, first_line_end, limits, &mut headers);
    defect = defect.or(head.defect).or_else(|| control_characters(&raw[..head.end]));
    let lossy = readable_copy(&raw[..head.end]);
    let mut message = Message {
        end: raw.len(),
        raw,
        lossy,
        start,
        headers,
        head_end: head.end,
        body_start: head.body_start,
    };
    defect = defect.or(message.set_body_end().err());
    (Some(message), defect)
}

/// Reads the Request-Line or Status-Line in front of `line_feed`.
fn start_line(raw: &[u8], line_feed: usize) -> (Option<Start>, Option<Defect>) {
    let end = match line_feed.checked_sub(1) {
        Some(before) if raw[before] == b'\r' => before,
        _ => return (None, Some(Defect::BareLineEnd)),
    };
    let line = &raw[..end];
    if line.len() >= 4 && line[..4].eq_ignore_ascii_case(b"SIP/") {
        return status_line(line);
    }
    request_line(line)
}

fn status_line(line: &[u8]) -> (Option<Start>, Option<Defect>) {
    let Some(rest) = line.get(8..).filter(|_| line[7] == b' ') else {
        return (None, Some(Defect::StartLine));
    };
    if !line[..7].eq_ignore_ascii_case(b"SIP/2.0") {
        return (None, Some(Defect::Version));
    }
    let code = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
    let status = std::str::from_utf8(code)
        .ok()
        .filter(|code| code.len() == 3)
        .and_then(grammar::digits)
        .and_then(|code| u16::try_from(code).ok())
        .and_then(StatusCode::new);
    match status {
        Some(status) => {
            let reason = (8 + code.len() + 1).min(line.len())..line.len();
            (Some(Start::Response { status, reason }), None)
        }
        None => (None, Some(Defect::StatusCode)),
    }
}

fn request_line(line: &[u8]) -> (Option<Start>, Option<Defect>) {
    let (Some(first), Some(last)) = (memchr::memchr(b' ', line), version_at(line)) else {
        return (None, Some(Defect::StartLine));
    };
    let method = &line[..first];
    let Ok(method_text) = std::str::from_utf8(method) else {
        return (None, Some(Defect::Method));
    };
    let outer = first + 1..last.start.saturating_sub(1).max(first + 1);
    let uri = trim_spaces(line, outer.clone());
    let defect = if !grammar::is_token(method_text) {
        Some(Defect::Method)
    } else if !line[last.clone()].eq_ignore_ascii_case(b"SIP/2.0") {
        Some(Defect::Version)
    } else if uri.is_empty() || uri != outer || last.end != line.len() {
        Some(Defect::StartLine)
    } else if line[uri.clone()].iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
        Some(Defect::RequestUri)
    } else {
        None
    };
    let method = Method::from_token(method_text);
    (Some(Start::Request { method, uri }), defect)
}

/// Where the version stands: the last word, if it begins with `SIP/`.
fn version_at(line: &[u8]) -> Option<Range<usize>> {
    let mut end = line.len();
    while end > 0 && line[end - 1] == b' ' {
        end -= 1;
    }
    let start = memchr::memrchr(b' ', &line[..end])? + 1;
    let word = &line[start..end];
    (word.len() >= 4 && word[..4].eq_ignore_ascii_case(b"SIP/")).then_some(start..end)
}

fn trim_spaces(line: &[u8], mut range: Range<usize>) -> Range<usize> {
    while !range.is_empty() && line[range.start] == b' ' {
        range.start += 1;
    }
    while !range.is_empty() && line[range.end - 1] == b' ' {
        range.end -= 1;
    }
    range
}

struct Head {
    end: usize,
    body_start: usize,
    defect: Option<Defect>,
}

/// Indexes the header lines behind the start line up to the empty line.
fn head(raw: &[u8], first_line_feed: usize, limits: Limits, headers: &mut HeaderIndex) -> Head {
    let mut at = first_line_feed + 1;
    let mut defect = None;
    while let Some(length) = memchr::memchr(b'\n', &raw[at..]) {
        let line_feed = at + length;
        let mut end = line_feed;
        match end > at && raw[end - 1] == b'\r' {
            true => end -= 1,
            false => defect = defect.or(Some(Defect::BareLineEnd)),
        }
        if end == at {
            return Head { end: at, body_start: line_feed + 1, defect };
        }
        if limits == Limits::Network {
            if line_feed >= HEAD_BYTES_MAX {
                return Head { end: at, body_start: raw.len(), defect: Some(Defect::HeadTooLarge) };
            }
            if headers.len() == HEADERS_MAX {
                let defect = defect.or(Some(Defect::TooManyHeaders));
                return Head { end: at, body_start: raw.len(), defect };
            }
        }
        defect = defect.or(headers.add_line(raw, at, end).err());
        at = line_feed + 1;
    }
    Head { end: at, body_start: raw.len(), defect: defect.or(Some(Defect::NoEndOfHeaders)) }
}

/// A copy of the head to read from when it is not UTF-8: of the same length,
/// with `?` for each byte that is not part of a character, so that the index
/// fits both. What leaves is always the buffer as it came.
fn readable_copy(head: &[u8]) -> Option<Arc<str>> {
    if head.is_ascii() || std::str::from_utf8(head).is_ok() {
        return None;
    }
    let mut text = String::with_capacity(head.len());
    for chunk in head.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    Some(text.into())
}

/// Bytes whose line ends fit a counter of one byte; a multiple of what the
/// processor compares at once.
const COUNTED_RUN: usize = 224;

/// Looks for control characters. They may stand in quoted pairs only, and CR
/// and LF only together at the end of a line (RFC 3261 section 25.1).
fn control_characters(head: &[u8]) -> Option<Defect> {
    let (mut returns, mut feeds, mut controls) = (0_usize, 0_usize, 0_u8);
    // Short runs counted in bytes let the compiler take many bytes at once.
    for run in head.chunks(COUNTED_RUN) {
        let (mut run_returns, mut run_feeds) = (0_u8, 0_u8);
        for byte in run {
            run_returns += u8::from(*byte == b'\r');
            run_feeds += u8::from(*byte == b'\n');
            controls |= u8::from(is_control(*byte));
        }
        returns += usize::from(run_returns);
        feeds += usize::from(run_feeds);
    }
    if returns != feeds {
        return Some(Defect::BareLineEnd);
    }
    if controls == 0 {
        return None;
    }
    let is_bare = |at: &usize| is_control(head[*at]) && (*at == 0 || head[*at - 1] != b'\\');
    (0..head.len()).find(is_bare).map(|_| Defect::ControlCharacter)
}

fn is_control(byte: u8) -> bool {
    (byte < b' ') & (byte != b'\t') & (byte != b'\r') & (byte != b'\n') | (byte == 0x7f)
}

impl Message {
    /// Cuts the body to Content-Length, or to the end of the buffer when there
    /// is none (RFC 3261 section 18.3).
    fn set_body_end(&mut self) -> Result<(), Defect> {
        let mut lengths = self.headers_of(HeaderName::ContentLength);
        let Some(first) = lengths.next() else {
            return Ok(());
        };
        let is_alone = lengths.next().is_none();
        let length = content_length(first);
        drop(lengths);
        let length = length.ok_or(Defect::Malformed(HeaderName::ContentLength))?;
        let wanted = self.body_start.saturating_add(length);
        self.end = wanted.min(self.raw.len());
        if !is_alone {
            return Err(Defect::Duplicate(HeaderName::ContentLength));
        }
        match wanted <= self.raw.len() {
            true => Ok(()),
            false => Err(Defect::BodyTruncated),
        }
    }
}

/// The Content-Length in a whole head, which tells where a message on a stream
/// ends.
pub(crate) fn stream_body_length(head_bytes: &[u8]) -> Result<usize, Defect> {
    let first_line_end = memchr::memchr(b'\n', head_bytes).ok_or(Defect::StartLine)?;
    let mut headers = HeaderIndex::new();
    let limits = head(head_bytes, first_line_end, Limits::Network, &mut headers).defect;
    if let Some(defect @ (Defect::TooManyHeaders | Defect::HeadTooLarge)) = limits {
        return Err(defect);
    }
    let mut length = None;
    for entry in headers.iter().filter(|entry| entry.name == HeaderName::ContentLength) {
        let value =
            std::str::from_utf8(&head_bytes[entry.value_range()]).ok().and_then(content_length);
        let value = value.ok_or(Defect::Malformed(HeaderName::ContentLength))?;
        if length.replace(value).is_some_and(|before| before != value) {
            return Err(Defect::Duplicate(HeaderName::ContentLength));
        }
    }
    length.ok_or(Defect::StreamWithoutLength)
}

/// The number in a Content-Length. Numbers beyond what memory can hold are
/// read as the largest one, so that they are refused as too large.
pub(crate) fn content_length(value: &str) -> Option<usize> {
    let length = grammar::delta_seconds(value)?;
    Some(usize::try_from(length).unwrap_or(usize::MAX))
}
