//! Sections of descriptions that are ours: their direction, and several in one.

use offhook_sdp::DescriptionEditor;

/// The attribute that tells who has edited a description, as RTPengine writes it.
const MARK: &str = "rtpengine";
const DIRECTIONS: [&str; 4] = ["sendrecv", "sendonly", "recvonly", "inactive"];

/// The description with this direction in every section.
pub(super) fn with_direction(sdp: &[u8], direction: &str) -> Vec<u8> {
    let mut editor = DescriptionEditor::new(sdp);
    editor.session().remove_attributes(&DIRECTIONS);
    for index in 0..editor.section_count() {
        if let Some(section) = editor.section(index) {
            section.remove_attributes(&DIRECTIONS);
            section.push_attribute(direction, "");
        }
    }
    editor.to_bytes()
}

/// Descriptions of one section each as one: the session part of the first with the sections of all. Each
/// section has a transport of its own, so that there is no bundle.
pub(super) fn joined(mut bodies: Vec<Vec<u8>>) -> Vec<u8> {
    if bodies.len() > 1 {
        bodies = bodies.iter().map(|body| without_bundle(body)).collect();
    }
    let mut bodies = bodies.into_iter();
    let mut all = bodies.next().unwrap_or_default();
    for body in bodies {
        all.extend_from_slice(&body[start_of_sections(&body)..]);
    }
    all
}

fn without_bundle(body: &[u8]) -> Vec<u8> {
    let mut editor = DescriptionEditor::new(body);
    editor.session().remove_attributes(&["group"]);
    if let Some(section) = editor.section(0) {
        section.remove_attributes(&["mid"]);
    }
    editor.to_bytes()
}

/// What is added to a description that was edited.
#[derive(Debug, Clone, Copy)]
pub(super) struct Additions<'a> {
    /// The name of this process, by which it knows descriptions that it has edited.
    pub(super) mark: Option<&'a str>,
    /// The packet time of the section at this place, in milliseconds.
    pub(super) ptime: Option<(usize, u16)>,
}

/// Adds to a description.
pub(super) fn with_additions(sdp: Vec<u8>, additions: Additions<'_>) -> Vec<u8> {
    if additions.mark.is_none() && additions.ptime.is_none() {
        return sdp;
    }
    let mut editor = DescriptionEditor::new(&sdp);
    if let Some(mark) = additions.mark {
        editor.session().push_attribute(MARK, mark);
    }
    if let Some((index, ptime_ms)) = additions.ptime
        && let Some(section) = editor.section(index)
    {
        section.remove_attributes(&["ptime"]);
        section.push_attribute("ptime", &ptime_ms.to_string());
    }
    editor.to_bytes()
}

/// Whether this process has edited a description already.
pub(super) fn is_marked(sdp: &[u8], instance: &str) -> bool {
    let mark = format!("a={MARK}:{instance}");
    let mut lines = sdp.split(|byte| matches!(byte, b'\r' | b'\n'));
    lines.any(|line| line == mark.as_bytes())
}

/// Where the first section begins.
fn start_of_sections(body: &[u8]) -> usize {
    let starts = |at: &usize| body[*at..].starts_with(b"m=");
    let lines = body.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    lines.into_iter().find(starts).unwrap_or(body.len())
}

/// A section of ours at the place that it has in an offer, whose other sections are rejected
/// (RFC 3264 6).
pub(super) fn among_rejected(ours: &[u8], offer: &[u8], place: usize) -> Vec<u8> {
    let start = start_of_sections(ours);
    let mut editor = DescriptionEditor::new(offer);
    let count = editor.section_count();
    let mut all = ours[..start].to_vec();
    for index in 0..count {
        if index == place {
            all.extend_from_slice(&ours[start..]);
            continue;
        }
        if let Some(section) = editor.section(index) {
            section.set_port(0);
        }
        all.extend_from_slice(&media_line(&editor.to_bytes(), index));
    }
    all
}

/// The `m=` line of a section, without what follows it.
fn media_line(body: &[u8], index: usize) -> Vec<u8> {
    let lines = body.split_inclusive(|byte| *byte == b'\n');
    let mut media = lines.filter(|line| line.starts_with(b"m="));
    media.nth(index).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
        m=audio 30000 RTP/AVP 0\r\na=mid:0\r\na=sendrecv\r\n";

    #[test]
    fn a_direction_takes_the_place_of_every_other() {
        let text = format!("{ONE}a=ptime:20\r\n");
        let sdp = with_direction(text.as_bytes(), "sendonly");
        let sdp = String::from_utf8(sdp).expect("text");
        assert!(
            !sdp.contains("sendrecv") && sdp.ends_with("a=ptime:20\r\na=sendonly\r\n"),
            "{sdp}"
        );
    }

    #[test]
    fn sections_are_joined_without_a_bundle() {
        assert_eq!(joined(vec![ONE.as_bytes().to_vec()]), ONE.as_bytes());
        let sdp = joined(vec![ONE.as_bytes().to_vec(), ONE.replace("30000", "30002").into_bytes()]);
        let expected = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n\
            m=audio 30000 RTP/AVP 0\r\na=sendrecv\r\nm=audio 30002 RTP/AVP 0\r\na=sendrecv\r\n";
        assert_eq!(String::from_utf8(sdp).expect("text"), expected);
    }

    #[test]
    fn what_is_not_ours_is_rejected_in_its_place() {
        let offer = "v=0\r\no=a 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
            m=video 5000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\nm=audio 4000 RTP/AVP 0\r\n\
            m=text 6000 RTP/AVP 98\r\n";
        let sdp = among_rejected(ONE.as_bytes(), offer.as_bytes(), 1);
        let sdp = String::from_utf8(sdp).expect("text");
        let lines: Vec<&str> = sdp.lines().filter(|line| line.starts_with("m=")).collect();
        let expected = ["m=video 0 RTP/AVP 96", "m=audio 30000 RTP/AVP 0", "m=text 0 RTP/AVP 98"];
        assert_eq!(lines, expected);
        assert!(!sdp.contains("VP8") && sdp.contains("a=mid:0"));
    }
}
