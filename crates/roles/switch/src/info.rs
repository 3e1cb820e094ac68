//! Keys that cross by INFO where there is no telephone-event (RFC 4733).

use crate::state::PACKAGE;
use offhook_sip::headers::MediaType;
use offhook_sip::message::{HeaderName, Message};
use offhook_sip::user_agent::Body;
use serde::Deserialize;

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

/// What a caller asks for in its dialog, by INFO of the package `offhook-call`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallbackRequest {
    /// `callback`.
    #[serde(rename = "request")]
    _request: Wanted,
    /// The number to call.
    pub(crate) number: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    Callback,
}

/// The request for a callback in an INFO; `None` when it is of another package. What cannot be read is an error
/// that says why.
pub(crate) fn callback_request(request: &Message) -> Option<Result<CallbackRequest, String>> {
    let package = request.header_named("Info-Package")?;
    if !package.trim().eq_ignore_ascii_case(PACKAGE) {
        return None;
    }
    let read = serde_json::from_slice(request.body());
    Some(read.map_err(|error| {
        format!("{error}; expected {{\"request\": \"callback\", \"number\": \"1001\"}}")
    }))
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
