//! Keys that cross by INFO where there is no telephone-event (RFC 4733).

use offhook_sip::headers::MediaType;
use offhook_sip::message::{HeaderName, Message};
use offhook_sip::user_agent::Body;

/// Whether the party says that INFO may be sent to it.
pub(crate) fn takes_info(message: &Message) -> bool {
    message.has_token(HeaderName::Allow, "INFO")
}

/// The body that tells of one key; `application/dtmf-relay` is what most devices read.
pub(crate) fn dtmf_relay(digit: char, duration_ms: u32) -> Body {
    Body::new("application/dtmf-relay", format!("Signal={digit}\r\nDuration={duration_ms}\r\n"))
}

/// The keys of an INFO request: `application/dtmf-relay` (`Signal=5`) or `application/dtmf` (`5`).
/// `None` when it is about something else, or is not understood.
pub(crate) fn dtmf_keys(request: &Message) -> Option<String> {
    let content_type = MediaType::parse(request.header(HeaderName::ContentType)?)?;
    let body = std::str::from_utf8(request.body()).ok()?;
    if content_type.is("application/dtmf-relay") {
        key(body.lines().find_map(signal_of)?)
    } else if content_type.is("application/dtmf") {
        key(body)
    } else {
        None
    }
}

fn signal_of(line: &str) -> Option<&str> {
    let (name, value) = line.split_once('=')?;
    name.trim().eq_ignore_ascii_case("Signal").then_some(value)
}

/// One key; some devices write the event numbers 10 and 11 for star and pound.
fn key(text: &str) -> Option<String> {
    let key = match text.trim() {
        "10" => "*",
        "11" => "#",
        other => other,
    };
    let valid =
        key.len() == 1 && key.chars().all(|c| matches!(c, '0'..='9' | '*' | '#' | 'A'..='D'));
    valid.then(|| key.to_owned())
}
