//! Changing a message while everything else stays byte for byte.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::Range;

use bytes::Bytes;

use super::OneLine;
use crate::grammar::trim_lws;
use crate::headers::{Via, item_end, received_text};
use crate::message::{HeaderName, Message};

/// Edits of one message. Edits apply in the order of the calls, each to what
/// the ones before it left.
///
/// ```
/// # use offhook_sip::{Editor, HeaderName, Message};
/// # let text = "OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n\r\n";
/// # let message = Message::parse(text.into()).expect("well-formed");
/// let forwarded = Editor::new(&message)
///     .request_uri("sip:b@192.0.2.7")
///     .prepend(HeaderName::Via, "SIP/2.0/UDP edge;branch=z9hG4bK7")
///     .set(HeaderName::MaxForwards, 69)
///     .finish();
/// # assert_eq!(forwarded.vias().count(), 2);
/// ```
#[derive(Debug, Clone)]
pub struct Editor<'a> {
    message: &'a Message,
    start_line: Option<Vec<u8>>,
    lines: Vec<Line>,
    body: Option<Bytes>,
}

#[derive(Debug, Clone)]
struct Line {
    name: HeaderName,
    text: LineText,
}

#[derive(Debug, Clone)]
enum LineText {
    /// As it stands in the message, with its line end.
    Kept { line: Range<usize>, name: Range<usize>, value: Range<usize> },
    /// A new line, with its line end.
    Written { text: Vec<u8>, name: Range<usize>, value: Range<usize> },
}

impl Line {
    fn write(name: HeaderName, name_text: &str, value: impl Display) -> Self {
        debug_assert!(!name_text.is_empty(), "HeaderName::Other has no text: name the header");
        use std::fmt::Write as _;
        let mut text = Vec::with_capacity(64);
        write!(OneLine(&mut text), "{name_text}: ").expect("writing to a Vec does not fail");
        let start = text.len();
        write!(OneLine(&mut text), "{value}").expect("writing to a Vec does not fail");
        let end = text.len();
        text.extend_from_slice(b"\r\n");
        Self { name, text: LineText::Written { text, name: 0..name_text.len(), value: start..end } }
    }

    fn bytes<'b>(&'b self, message: &'b Message) -> &'b [u8] {
        match &self.text {
            LineText::Kept { line, .. } => &message.as_bytes()[line.clone()],
            LineText::Written { text, .. } => text,
        }
    }

    fn name_bytes<'b>(&'b self, message: &'b Message) -> &'b [u8] {
        match &self.text {
            LineText::Kept { name, .. } => &message.as_bytes()[name.clone()],
            LineText::Written { text, name, .. } => &text[name.clone()],
        }
    }

    fn value<'b>(&'b self, message: &'b Message) -> &'b [u8] {
        match &self.text {
            LineText::Kept { value, .. } => &message.as_bytes()[value.clone()],
            LineText::Written { text, value, .. } => &text[value.clone()],
        }
    }

    fn is_named(&self, message: &Message, name: &str) -> bool {
        match HeaderName::from_text(name) {
            HeaderName::Other => self.name_bytes(message).eq_ignore_ascii_case(name.as_bytes()),
            known => self.name == known,
        }
    }

    /// The line with its value replaced by raw bytes.
    fn with_value(&self, message: &Message, value: &[u8]) -> Self {
        let name = self.name_bytes(message);
        let text = [name, b": ", value, b"\r\n"].concat();
        let start = name.len() + 2;
        let value = start..start + value.len();
        Self { name: self.name, text: LineText::Written { text, name: 0..name.len(), value } }
    }
}

impl<'a> Editor<'a> {
    /// Starts without edits.
    #[must_use]
    pub fn new(message: &'a Message) -> Self {
        let lines = message
            .lines()
            .map(|(name, line, name_range, value)| Line {
                name,
                text: LineText::Kept { line, name: name_range, value },
            })
            .collect();
        Self { message, start_line: None, lines, body: None }
    }

    /// Replaces the Request-URI. Responses have none and stay as they are.
    pub fn request_uri(&mut self, uri: impl Display) -> &mut Self {
        use std::fmt::Write as _;
        if let Some(method) = self.message.method() {
            let mut line = Vec::with_capacity(64);
            write!(OneLine(&mut line), "{method} {uri} SIP/2.0")
                .expect("writing to a Vec does not fail");
            line.extend_from_slice(b"\r\n");
            self.start_line = Some(line);
        }
        self
    }

    /// Puts a header in front of the first one of its name, or in front of all
    /// when there is none.
    pub fn prepend(&mut self, name: HeaderName, value: impl Display) -> &mut Self {
        let at = self.position(name).unwrap_or(0);
        self.lines.insert(at, Line::write(name, name.as_str(), value));
        self
    }

    /// Puts a header behind all others.
    pub fn append(&mut self, name: HeaderName, value: impl Display) -> &mut Self {
        self.lines.push(Line::write(name, name.as_str(), value));
        self
    }

    /// Puts a header behind all others, by its text.
    pub fn append_named(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.lines.push(Line::write(HeaderName::from_text(name), name, value));
        self
    }

    /// Replaces all headers of that name by one, in the first one's place, or
    /// appends it when there is none.
    pub fn set(&mut self, name: HeaderName, value: impl Display) -> &mut Self {
        self.set_named(name.as_str(), value)
    }

    /// Like [`Editor::set`], by the header's text.
    pub fn set_named(&mut self, name: &str, value: impl Display) -> &mut Self {
        let message = self.message;
        let line = Line::write(HeaderName::from_text(name), name, value);
        match self.lines.iter().position(|line| line.is_named(message, name)) {
            Some(first) => {
                self.remove_named(name);
                self.lines.insert(first, line);
            }
            None => self.lines.push(line),
        }
        self
    }

    /// Removes all headers of that name.
    pub fn remove(&mut self, name: HeaderName) -> &mut Self {
        self.lines.retain(|line| line.name != name);
        self
    }

    /// Removes all headers of that name, by its text.
    pub fn remove_named(&mut self, name: &str) -> &mut Self {
        let message = self.message;
        self.lines.retain(|line| !line.is_named(message, name));
        self
    }

    /// Removes the topmost value of a list header: one Via or one Route, also
    /// when several share a line.
    pub fn remove_top(&mut self, name: HeaderName) -> &mut Self {
        let Some(at) = self.position(name) else {
            return self;
        };
        let value = self.lines[at].value(self.message);
        let rest = value.get(item_end(value) + 1..).map(<[u8]>::trim_ascii);
        match rest {
            Some(rest) => self.lines[at] = self.lines[at].with_value(self.message, rest),
            None => {
                self.lines.remove(at);
            }
        }
        self
    }

    /// Replaces the topmost value of a list header, or appends the header when
    /// there is none.
    pub fn replace_top(&mut self, name: HeaderName, value: impl Display) -> &mut Self {
        let at = self.position(name).unwrap_or(self.lines.len());
        self.remove_top(name);
        self.lines.insert(at.min(self.lines.len()), Line::write(name, name.as_str(), value));
        self
    }

    /// Notes in the topmost Via where the request came from: `received` when
    /// it differs from sent-by or `rport` asks for it (RFC 3261 section 18.2.1,
    /// RFC 3581 section 4). Whatever the sender wrote there is replaced.
    pub fn note_source(&mut self, source: SocketAddr) -> &mut Self {
        let Some(at) = self.position(HeaderName::Via) else {
            return self;
        };
        let value = self.lines[at].value(self.message);
        let end = item_end(value);
        let Some(noted) =
            std::str::from_utf8(&value[..end]).ok().and_then(|top| noted_via(top, source))
        else {
            return self;
        };
        let value = [noted.as_bytes(), &value[end..]].concat();
        self.lines[at] = self.lines[at].with_value(self.message, &value);
        self
    }

    /// Replaces the body with its Content-Type and Content-Length. An empty
    /// body has no Content-Type.
    pub fn body(&mut self, content_type: &str, body: impl Into<Bytes>) -> &mut Self {
        let body = body.into();
        match body.is_empty() {
            true => self.remove(HeaderName::ContentType),
            false => self.set(HeaderName::ContentType, content_type),
        };
        self.set(HeaderName::ContentLength, body.len());
        self.body = Some(body);
        self
    }

    /// The edited message. Without edits it is the original byte for byte.
    #[must_use]
    pub fn finish(&self) -> Message {
        let message = self.message;
        let start_line = self.start_line.as_deref().unwrap_or(message.start_line_bytes());
        let body = self.body.as_deref().unwrap_or(message.body());
        let head_bytes: usize = self.lines.iter().map(|line| line.bytes(message).len()).sum();
        let mut raw = Vec::with_capacity(start_line.len() + head_bytes + 2 + body.len());
        raw.extend_from_slice(start_line);
        for line in &self.lines {
            raw.extend_from_slice(line.bytes(message));
        }
        raw.extend_from_slice(b"\r\n");
        raw.extend_from_slice(body);
        Message::from_own(raw.into())
    }

    fn position(&self, name: HeaderName) -> Option<usize> {
        self.lines.iter().position(|line| line.name == name)
    }
}

/// The Via value with its source noted; `None` when nothing has to be noted.
fn noted_via(top: &str, source: SocketAddr) -> Option<String> {
    let top = trim_lws(top);
    let via = Via::parse(top)?;
    let ip = source.ip().to_canonical();
    let asks_rport = via.rport().is_some();
    let is_same = via.host().ip().is_some_and(|host| host.to_canonical() == ip);
    let has_received = via.params().get("received").is_some();
    if is_same && !asks_rport && !has_received {
        return None;
    }
    let params = via.params().as_str();
    let mut noted = top[..top.len() - params.len()].trim_end().to_owned();
    for (name, value) in via.params().pairs() {
        if name.eq_ignore_ascii_case("received") || name.eq_ignore_ascii_case("rport") {
            continue;
        }
        noted.push(';');
        noted.push_str(name);
        if let Some(value) = value {
            noted.push('=');
            noted.push_str(value);
        }
    }
    noted.push_str(";received=");
    noted.push_str(&received_text(ip));
    if asks_rport {
        noted.push_str(&format!(";rport={}", source.port()));
    }
    Some(noted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "INVITE sip:b@c SIP/2.0\r\nv : SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bK1 ,\r\n \
                        SIP/2.0/UDP b\r\nX-A:  1\r\nx-a: 2\r\nRoute: <sip:p1;lr>,<sip:p2;lr>\r\nl: 3\r\n\r\nabc";

    fn message() -> Message {
        Message::parse(TEXT.into()).expect("well-formed")
    }

    #[test]
    fn without_edits_nothing_changes() {
        assert_eq!(Editor::new(&message()).finish().to_string(), TEXT);
    }

    #[test]
    fn top_values_are_removed_one_by_one() {
        let original = message();
        let mut editor = Editor::new(&original);
        let edited = editor.remove_top(HeaderName::Route).remove_top(HeaderName::Via).finish();
        assert_eq!(edited.header(HeaderName::Route), Some("<sip:p2;lr>"));
        assert_eq!(edited.header(HeaderName::Via), Some("SIP/2.0/UDP b"));
        let edited = editor.remove_top(HeaderName::Route).remove_top(HeaderName::Via).finish();
        assert!(!edited.has(HeaderName::Route) && !edited.has(HeaderName::Via));
        assert!(edited.to_string().contains("\r\nX-A:  1\r\nx-a: 2\r\n"), "the rest is untouched");
    }

    #[test]
    fn set_keeps_the_first_place_and_removes_the_rest() {
        let original = message();
        let edited =
            Editor::new(&original).set_named("X-A", 9).set(HeaderName::MaxForwards, 69).finish();
        let names: Vec<_> = edited.headers().map(|field| field.name_text).collect();
        assert_eq!(names, ["v", "X-A", "Route", "l", "Max-Forwards"]);
        assert_eq!(edited.header_named("x-a"), Some("9"));
    }

    #[test]
    fn a_new_body_brings_its_type_and_length() {
        let original = message();
        let edited = Editor::new(&original).body("application/sdp", "v=0\r\n").finish();
        assert_eq!(edited.body(), b"v=0\r\n");
        assert_eq!(edited.content_length(), Ok(Some(5)));
        assert!(
            edited
                .content_type()
                .is_ok_and(|media| media.is_some_and(|media| media.is("application/sdp")))
        );
        let emptied = Editor::new(&edited).body("", "").finish();
        assert_eq!(emptied.content_length(), Ok(Some(0)));
        assert!(!emptied.has(HeaderName::ContentType));
    }

    #[test]
    fn the_source_is_noted_once_and_lies_are_replaced() {
        let source = "192.0.2.9:4711".parse().expect("an address");
        let original = message();
        let noted = Editor::new(&original).note_source(source).finish();
        let via = noted.via_top().expect("a Via");
        assert_eq!(via.received(), Some(source.ip()));
        assert_eq!(via.rport(), Some(Some(4711)));
        assert_eq!(via.branch(), Some("z9hG4bK1"));
        assert_eq!(noted.vias().count(), 2);
        let again =
            Editor::new(&noted).note_source("192.0.2.10:1".parse().expect("an address")).finish();
        assert_eq!(again.to_string().matches("received").count(), 1);
        assert_eq!(again.via_top().expect("a Via").rport(), Some(Some(1)));
    }

    #[test]
    fn an_honest_sent_by_is_left_alone() {
        let text = "OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n\r\n";
        let original = Message::parse(text.into()).expect("well-formed");
        let noted = Editor::new(&original)
            .note_source("192.0.2.9:4711".parse().expect("an address"))
            .finish();
        assert_eq!(noted.to_string(), text);
    }
}
