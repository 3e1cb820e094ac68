//! Changing some lines of a description and leaving the others byte for byte as they came.

use crate::description::Connection;
use std::borrow::Cow;
use std::net::IpAddr;

/// A description as the lines it came in.
///
/// Unlike [`crate::SessionDescription`] it keeps line ends, odd spaces and bytes that are no UTF-8. It
/// should be made of a body that [`crate::SessionDescription::parse`] takes; of any other it changes what
/// it recognises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescriptionEditor<'a> {
    session: PartEditor<'a>,
    sections: Vec<PartEditor<'a>>,
}

/// The lines of the session part or of one media section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartEditor<'a> {
    /// Each with its line end.
    lines: Vec<Cow<'a, [u8]>>,
    line_end: &'static str,
}

/// A format of an edited section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditedFormat {
    /// Its payload type from here on.
    pub payload_type: u8,
    /// The payload type under which its lines stand in the section; `None` when it is added.
    pub source: Option<u8>,
    /// What `rtpmap` says of an added one, such as `PCMU/8000`.
    pub rtpmap: String,
    /// Its parameters when it is added; empty for none.
    pub fmtp: String,
}

impl EditedFormat {
    /// A format that stays as it is.
    pub fn kept(payload_type: u8) -> Self {
        Self::renumbered(payload_type, payload_type)
    }

    /// A format whose lines stay under another payload type.
    pub fn renumbered(source: u8, payload_type: u8) -> Self {
        let source = Some(source);
        Self { payload_type, source, rtpmap: String::new(), fmtp: String::new() }
    }

    /// A format that is added.
    pub fn added(payload_type: u8, rtpmap: impl Into<String>, fmtp: impl Into<String>) -> Self {
        Self { payload_type, source: None, rtpmap: rtpmap.into(), fmtp: fmtp.into() }
    }
}

impl<'a> DescriptionEditor<'a> {
    /// Takes a body apart.
    pub fn new(body: &'a [u8]) -> Self {
        let line_end = if body.windows(2).any(|pair| pair == b"\r\n") { "\r\n" } else { "\n" };
        let part = || PartEditor { lines: Vec::new(), line_end };
        let mut editor = Self { session: part(), sections: Vec::new() };
        for line in body.split_inclusive(|byte| *byte == b'\n') {
            if line.starts_with(b"m=") {
                editor.sections.push(part());
            }
            let part = editor.sections.last_mut().unwrap_or(&mut editor.session);
            part.lines.push(Cow::Borrowed(line));
        }
        editor
    }

    /// The session part.
    pub fn session(&mut self) -> &mut PartEditor<'a> {
        &mut self.session
    }

    /// A media section.
    pub fn section(&mut self, index: usize) -> Option<&mut PartEditor<'a>> {
        self.sections.get_mut(index)
    }

    /// How many media sections there are.
    pub fn section_count(&self) -> usize {
        self.sections.len()
    }

    /// Takes out every section but one.
    pub fn keep_only(&mut self, index: usize) {
        let mut place = 0;
        self.sections.retain(|_| {
            place += 1;
            place == index + 1
        });
    }

    /// Takes `mid`s out of the session's groups (RFC 9143 7); a group that has none left goes.
    pub fn remove_from_groups(&mut self, mids: &[String]) {
        self.remove_from_groups_of(None, mids);
    }

    /// Takes `mid`s out of the session's bundles alone: their sections have a transport of their own.
    pub fn remove_from_bundles(&mut self, mids: &[String]) {
        self.remove_from_groups_of(Some("BUNDLE"), mids);
    }

    fn remove_from_groups_of(&mut self, wanted: Option<&str>, mids: &[String]) {
        let line_end = self.session.line_end;
        self.session.lines.retain_mut(|line| {
            let text = String::from_utf8_lossy(line).into_owned();
            let Some(group) = text.trim_end().strip_prefix("a=group:") else { return true };
            let is_gone = |mid: &&str| mids.iter().any(|gone| gone == mid);
            let mut words = group.split_ascii_whitespace();
            let semantics = words.next().unwrap_or_default();
            if wanted.is_some_and(|wanted| wanted != semantics) {
                return true;
            }
            let (gone, left): (Vec<_>, Vec<_>) = words.partition(is_gone);
            if !gone.is_empty() {
                let group = format!("a=group:{semantics} {}{line_end}", left.join(" "));
                *line = Cow::Owned(group.into_bytes());
            }
            gone.is_empty() || !left.is_empty()
        });
    }

    /// The body.
    pub fn to_bytes(&self) -> Vec<u8> {
        let parts = std::iter::once(&self.session).chain(&self.sections);
        let lines = parts.flat_map(|part| &part.lines);
        lines.flat_map(|line| line.iter().copied()).collect()
    }
}

impl<'a> PartEditor<'a> {
    /// The address of `o=`.
    pub fn set_origin_address(&mut self, address: IpAddr) {
        self.edit_first("o=", |fields| {
            if fields.len() == 6 {
                let connection = Connection::new(address);
                fields[4] = connection.address_type;
                fields[5] = connection.address;
            }
        });
    }

    /// The user name of `o=`.
    pub fn set_origin_username(&mut self, name: &str) {
        self.edit_first("o=", |fields| {
            if let Some(first) = fields.first_mut() {
                *first = name.to_owned();
            }
        });
    }

    /// The `s=` line.
    pub fn set_session_name(&mut self, name: &str) {
        self.edit_first("s=", |fields| *fields = vec![name.to_owned()]);
    }

    /// Whether there is a `c=` line.
    pub fn has_connection(&self) -> bool {
        self.lines.iter().any(|line| line.starts_with(b"c="))
    }

    /// The address of every `c=` line.
    pub fn set_connection(&mut self, address: IpAddr) {
        let line = format!("c={}{}", Connection::new(address), self.line_end).into_bytes();
        for found in self.lines.iter_mut().filter(|line| line.starts_with(b"c=")) {
            if found.as_ref() != line.as_slice() {
                *found = Cow::Owned(line.clone());
            }
        }
    }

    /// Adds a `c=` line behind the `m=` line.
    pub fn add_connection(&mut self, address: IpAddr) {
        let line = format!("c={}{}", Connection::new(address), self.line_end).into_bytes();
        self.end_last_line();
        self.lines.insert(1.min(self.lines.len()), Cow::Owned(line));
    }

    /// The port of the `m=` line; a count of ports goes.
    pub fn set_port(&mut self, port: u16) {
        self.edit_media(1, &port.to_string());
    }

    /// The protocol of the `m=` line.
    pub fn set_protocol(&mut self, protocol: &str) {
        self.edit_media(2, protocol);
    }

    fn edit_media(&mut self, place: usize, word: &str) {
        self.edit_first("m=", |fields| {
            if let Some(field) = fields.get_mut(place) {
                *field = word.to_owned();
            }
        });
    }

    /// The formats of the section in their order. Lines of those that stay are kept, lines of others go.
    pub fn set_formats(&mut self, formats: &[EditedFormat]) {
        self.edit_first("m=", |fields| {
            fields.truncate(3);
            fields.extend(formats.iter().map(|format| format.payload_type.to_string()));
        });
        self.lines.retain_mut(|line| retain_format_line(line, formats));
        for format in formats.iter().filter(|format| format.source.is_none()) {
            self.push_attribute("rtpmap", &format!("{} {}", format.payload_type, format.rtpmap));
            if !format.fmtp.is_empty() {
                self.push_attribute("fmtp", &format!("{} {}", format.payload_type, format.fmtp));
            }
        }
    }

    /// Takes out the attributes of these names.
    pub fn remove_attributes(&mut self, names: &[&str]) {
        self.lines.retain(|line| attribute_name(line).is_none_or(|name| !names.contains(&name)));
    }

    /// Adds an attribute at the end; a flag when `value` is empty.
    pub fn push_attribute(&mut self, name: &str, value: &str) {
        self.end_last_line();
        let colon = if value.is_empty() { "" } else { ":" };
        let line = format!("a={name}{colon}{value}{}", self.line_end);
        self.lines.push(Cow::Owned(line.into_bytes()));
    }

    /// Whether there is an attribute of that name.
    pub fn has_attribute(&self, name: &str) -> bool {
        self.lines.iter().any(|line| attribute_name(line) == Some(name))
    }

    /// Puts another source in the place of the one that `ssrc` attributes name; what they say of further
    /// sources goes, as one stream is sent.
    pub fn replace_ssrc(&mut self, ssrc: u32) {
        let mut first: Option<Vec<u8>> = None;
        self.lines.retain_mut(|line| {
            if attribute_name(line) == Some("ssrc-group") {
                return false;
            }
            let Some(rest) = line.strip_prefix(b"a=ssrc:") else { return true };
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (number, rest) = (rest[..digits].to_vec(), rest[digits..].to_vec());
            if first.get_or_insert_with(|| number.clone()) != &number {
                return false;
            }
            *line = Cow::Owned([format!("a=ssrc:{ssrc}").as_bytes(), &rest].concat());
            true
        });
    }

    /// Changes the fields of the first line that begins so; a line whose fields stay is left as it came.
    fn edit_first(&mut self, beginning: &str, edit: impl FnOnce(&mut Vec<String>)) {
        let mut lines = self.lines.iter_mut();
        let Some(line) = lines.find(|line| line.starts_with(beginning.as_bytes())) else { return };
        let text = String::from_utf8_lossy(&line[beginning.len()..]).into_owned();
        let before: Vec<String> = text.split_ascii_whitespace().map(str::to_owned).collect();
        let mut fields = before.clone();
        edit(&mut fields);
        if fields != before {
            let line_end = self.line_end;
            let edited = format!("{beginning}{}{line_end}", fields.join(" "));
            *line = Cow::Owned(edited.into_bytes());
        }
    }

    /// The last line of a body may have no end.
    fn end_last_line(&mut self) {
        if let Some(last) = self.lines.last_mut()
            && !last.ends_with(b"\n")
        {
            let line_end = self.line_end.as_bytes();
            last.to_mut().extend_from_slice(line_end);
        }
    }
}

fn attribute_name(line: &[u8]) -> Option<&str> {
    let rest = line.strip_prefix(b"a=")?;
    let end = rest.iter().position(|byte| matches!(byte, b':' | b'\r' | b'\n' | b' '));
    std::str::from_utf8(&rest[..end.unwrap_or(rest.len())]).ok()
}

/// Keeps, renumbers or drops a line that belongs to one format.
fn retain_format_line(line: &mut Cow<'_, [u8]>, formats: &[EditedFormat]) -> bool {
    let Some(name @ ("rtpmap" | "fmtp" | "rtcp-fb")) = attribute_name(line) else { return true };
    let start = "a=".len() + name.len() + ":".len();
    let rest = line.get(start..).unwrap_or_default();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let Some(payload_type) =
        std::str::from_utf8(&rest[..digits]).ok().and_then(|digits| digits.parse::<u8>().ok())
    else {
        // `rtcp-fb:*` is for all of them.
        return true;
    };
    let mut formats = formats.iter();
    let Some(format) = formats.find(|format| format.source == Some(payload_type)) else {
        return false;
    };
    if format.payload_type != payload_type {
        let beginning = format!("a={name}:{}", format.payload_type);
        *line = Cow::Owned([beginning.as_bytes(), &rest[digits..]].concat());
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"v=0\r\no=-  1 1 IN IP4 10.0.0.1\r\ns=caf\xe9 \r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
        a=group:BUNDLE 0 1\r\nm=audio 4000/2 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\n\
        a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=x-odd:  1\r\n\
        a=rtcp:4001\r\na=ssrc:1 cname:a\r\na=ssrc:2 cname:a\r\na=mid:0\r\nm=video 0 RTP/AVP 96";

    fn edited(edit: impl FnOnce(&mut DescriptionEditor<'_>)) -> String {
        let mut editor = DescriptionEditor::new(BODY);
        edit(&mut editor);
        String::from_utf8_lossy(&editor.to_bytes()).into_owned()
    }

    fn audio(edit: impl FnOnce(&mut PartEditor<'_>)) -> String {
        edited(|editor| edit(editor.section(0).expect("an audio section")))
    }

    #[test]
    fn what_is_not_touched_stays_byte_for_byte() {
        assert_eq!(DescriptionEditor::new(BODY).to_bytes(), BODY);
        let mut editor = DescriptionEditor::new(BODY);
        editor.section(0).expect("audio").set_port(30_000);
        editor.session().set_origin_address(IpAddr::from([192, 0, 2, 1]));
        let bytes = editor.to_bytes();
        let contains = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(contains(b"s=caf\xe9 \r\n") && contains(b"a=x-odd:  1\r\n"));
        assert!(contains(b"o=- 1 1 IN IP4 192.0.2.1\r\n"));
        assert!(contains(b"m=audio 30000 RTP/AVP 0 8 101\r\n"));
        assert!(bytes.ends_with(b"m=video 0 RTP/AVP 96"));
    }

    #[test]
    fn an_edit_that_changes_nothing_leaves_the_line() {
        let text = edited(|editor| {
            editor.session().set_origin_address(IpAddr::from([10, 0, 0, 1]));
            editor.session().set_connection(IpAddr::from([10, 0, 0, 1]));
            editor.section(0).expect("audio").set_protocol("RTP/AVP");
        });
        assert_eq!(text, String::from_utf8_lossy(BODY));
    }

    #[test]
    fn formats_are_kept_renumbered_dropped_and_added() {
        let text = audio(|section| {
            section.set_formats(&[
                EditedFormat::renumbered(8, 97),
                EditedFormat::added(111, "opus/48000/2", "useinbandfec=1"),
                EditedFormat::kept(101),
            ]);
        });
        assert!(text.contains("m=audio 4000/2 RTP/AVP 97 111 101\r\n"), "{text}");
        assert!(text.contains("a=rtpmap:97 PCMA/8000\r\n"), "{text}");
        assert!(
            text.contains("a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n"),
            "{text}"
        );
        assert!(text.contains("a=fmtp:101 0-15\r\n") && !text.contains("PCMU"), "{text}");
    }

    #[test]
    fn attributes_are_taken_out_and_added() {
        let text = audio(|section| {
            section.remove_attributes(&["rtcp"]);
            section.push_attribute("rtcp-mux", "");
            section.replace_ssrc(77);
        });
        assert!(!text.contains("a=rtcp:") && text.contains("a=rtcp-mux\r\n"), "{text}");
        assert!(text.contains("a=ssrc:77 cname:a\r\n") && !text.contains("ssrc:2"), "{text}");
        let text = edited(|editor| {
            editor.section(1).expect("video").push_attribute("mid", "1");
        });
        assert!(text.ends_with("m=video 0 RTP/AVP 96\r\na=mid:1\r\n"), "{text}");
    }

    #[test]
    fn groups_lose_what_is_rejected() {
        let text = edited(|editor| editor.remove_from_groups(&["1".to_owned()]));
        assert!(text.contains("a=group:BUNDLE 0\r\n"), "{text}");
        let text = edited(|editor| editor.remove_from_bundles(&["0".to_owned()]));
        assert!(text.contains("a=group:BUNDLE 1\r\n"), "{text}");
        let all = ["0".to_owned(), "1".to_owned()];
        assert!(!edited(|editor| editor.remove_from_groups(&all)).contains("group"));
    }

    #[test]
    fn one_section_can_be_kept_alone() {
        let text = edited(|editor| editor.keep_only(1));
        assert!(!text.contains("m=audio") && text.contains("m=video"), "{text}");
    }

    #[test]
    fn line_feeds_alone_stay_alone() {
        let mut editor = DescriptionEditor::new(b"v=0\nm=audio 1 RTP/AVP 0\n");
        let section = editor.section(0).expect("audio");
        section.add_connection(IpAddr::from([10, 0, 0, 1]));
        section.push_attribute("sendonly", "");
        let expected = b"v=0\nm=audio 1 RTP/AVP 0\nc=IN IP4 10.0.0.1\na=sendonly\n";
        assert_eq!(editor.to_bytes(), expected);
    }
}
