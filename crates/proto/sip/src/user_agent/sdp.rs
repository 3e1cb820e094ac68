//! The session description within a message's body.

use bytes::Bytes;

use crate::headers::MediaType;
use crate::message::{HeaderName, Message};

/// Parts of a multipart body that are looked at.
const PART_COUNT_MAX: usize = 16;

const SDP: &str = "application/sdp";

/// The SDP of a message: its body, or the first such part of a multipart body (RFC 5621).
pub(super) fn of(message: &Message) -> Option<Bytes> {
    let media = message.content_type().ok()??;
    let body = message.body_bytes();
    if body.is_empty() {
        return None;
    }
    if media.is(SDP) {
        return Some(body);
    }
    if !media.kind.eq_ignore_ascii_case("multipart") {
        return None;
    }
    let boundary = media.params.get_unquoted("boundary")?;
    part_of(&body, &boundary)
}

fn part_of(body: &Bytes, boundary: &str) -> Option<Bytes> {
    let delimiter = format!("--{boundary}");
    let finder = memchr::memmem::Finder::new(&delimiter);
    let mut rest = body.slice(finder.find(body)? + delimiter.len()..);
    for _ in 0..PART_COUNT_MAX {
        let end = finder.find(&rest)?;
        let part = rest.slice(..end);
        if let Some(sdp) = sdp_of_part(&part) {
            return Some(sdp);
        }
        rest = rest.slice(end + delimiter.len()..);
    }
    None
}

/// `part` stands between two delimiters: the end of its line, headers, an empty line, content and
/// the line end that belongs to the next delimiter.
fn sdp_of_part(part: &Bytes) -> Option<Bytes> {
    let head_end = memchr::memmem::find(part, b"\r\n\r\n")?;
    let head = std::str::from_utf8(&part[..head_end]).ok()?;
    let is_sdp = head.lines().any(|line| {
        line.split_once(':').is_some_and(|(name, value)| {
            HeaderName::from_text(name.trim()) == HeaderName::ContentType
                && MediaType::parse(value.trim()).is_some_and(|media| media.is(SDP))
        })
    });
    let content = part.slice(head_end + 4..);
    let length = content.strip_suffix(b"\r\n").unwrap_or(&content).len();
    (is_sdp && length > 0).then(|| content.slice(..length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(content_type: &str, body: &str) -> Message {
        let text = format!(
            "INVITE sip:a@b SIP/2.0\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Message::parse(text.into()).expect("well-formed")
    }

    #[test]
    fn whole_body_or_part_of_a_multipart() {
        assert_eq!(of(&message("application/SDP", "v=0\r\n")).unwrap(), "v=0\r\n");
        let body = "--b1\r\nContent-Type: text/plain\r\n\r\nhi\r\n\
                    --b1\r\nContent-Disposition: session\r\ncontent-type: application/sdp\r\n\r\n\
                    v=0\r\ns=-\r\n\r\n--b1--\r\n";
        let multipart = message("multipart/mixed;boundary=\"b1\"", body);
        assert_eq!(of(&multipart).unwrap(), "v=0\r\ns=-\r\n");
    }

    #[test]
    fn other_and_broken_bodies_have_none() {
        assert_eq!(of(&message("text/plain", "v=0")), None);
        assert_eq!(of(&message("application/sdp", "")), None);
        assert_eq!(of(&message("multipart/mixed;boundary=x", "--x\r\n--x")), None);
        assert_eq!(of(&message("multipart/mixed", "--x\r\n--x")), None);
    }
}
