//! The text messages of the protocol.

use offhook_model::{ForkChannels, ForkCounts, ForkEnd, ForkId, ForkRequest, LegId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Why a message of the receiver is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Text that is no JSON object with an `event`, or whose members are wrong.
    Malformed,
    /// Binary with half a sample at its end.
    OddLength,
    /// The fork was not begun with what this needs.
    NotAllowed,
    /// More sound or marks wait than may.
    Overflow,
    /// Too many messages, or one that is too long.
    TooMuch,
}

impl Refusal {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::OddLength => "odd_length",
            Self::NotAllowed => "not_allowed",
            Self::Overflow => "overflow",
            Self::TooMuch => "too_much",
        }
    }
}

/// What a receiver may say in text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Clear,
    Mark {
        name: String,
    },
    Dtmf {
        digits: String,
    },
    HangUp,
    /// An object of the application's.
    Other,
}

#[derive(Deserialize)]
struct Mark {
    name: String,
}

#[derive(Deserialize)]
struct Dtmf {
    digits: String,
}

/// Reads a text message.
pub(super) fn read(text: &str) -> Result<Said, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let event = value.get("event").and_then(Value::as_str);
    let event = event.ok_or_else(|| "an object with an \"event\" is expected".to_owned())?;
    let wrong = |error: serde_json::Error| error.to_string();
    match event {
        "clear" => Ok(Said::Clear),
        "hangup" => Ok(Said::HangUp),
        "mark" => {
            let Mark { name } = serde_json::from_value(value).map_err(wrong)?;
            Ok(Said::Mark { name })
        }
        "dtmf" => {
            let Dtmf { digits } = serde_json::from_value(value).map_err(wrong)?;
            let is_key = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#' | 'A'..='D');
            let is_good = (1..=DIGITS_MAX).contains(&digits.len()) && digits.chars().all(is_key);
            is_good.then_some(Said::Dtmf { digits }).ok_or_else(|| DIGITS_ALLOWED.to_owned())
        }
        _ => Ok(Said::Other),
    }
}

/// Keys that may be pressed by one message.
const DIGITS_MAX: usize = 32;
const DIGITS_ALLOWED: &str = "\"digits\" are 1 to 32 of 0-9, *, # and A-D";

#[derive(Serialize)]
struct Start<'a> {
    event: &'static str,
    version: u32,
    fork: String,
    call: &'a str,
    leg: String,
    party: &'static str,
    direction: &'static str,
    sample_rate: u32,
    channels: &'static str,
    channel_count: u32,
    encoding: &'static str,
    frame_ms: u64,
    bidirectional: bool,
    reconnects: u32,
    metadata: Value,
}

/// What the receiver is told first on every connection.
pub(super) fn start(fork: ForkId, leg: LegId, request: &ForkRequest, reconnects: u32) -> String {
    let start = Start {
        event: "start",
        version: 1,
        fork: fork.to_string(),
        call: request.call.as_str(),
        leg: leg.to_string(),
        party: request.party.as_str(),
        direction: request.party.direction(),
        sample_rate: request.rate.hz(),
        channels: request.channels.as_str(),
        channel_count: if request.channels == ForkChannels::Stereo { 2 } else { 1 },
        encoding: "linear16le",
        frame_ms: super::frames::FRAME_MS,
        bidirectional: request.is_bidirectional,
        reconnects,
        metadata: serde_json::from_str(&request.metadata).unwrap_or_default(),
    };
    serde_json::to_string(&start).expect("it has string keys only")
}

pub(super) fn stop(why: &ForkEnd, counts: ForkCounts) -> String {
    let ForkCounts { sent_ms, dropped_ms, received_ms, refused_ms, messages_refused, .. } = counts;
    let (reason, refused) = (why.as_str(), messages_refused);
    json!({
        "event": "stop", "reason": reason, "sent_ms": sent_ms, "dropped_ms": dropped_ms,
        "received_ms": received_ms, "refused_ms": refused_ms, "messages_refused": refused,
    })
    .to_string()
}

pub(super) fn dtmf(digit: char, duration_ms: u32) -> String {
    json!({"event": "dtmf", "digit": digit.to_string(), "duration_ms": duration_ms}).to_string()
}

pub(super) fn paused(is_paused: bool) -> String {
    json!({"event": if is_paused { "pause" } else { "resume" }}).to_string()
}

pub(super) fn dropped(ms: u64) -> String {
    json!({"event": "dropped", "ms": ms}).to_string()
}

pub(super) fn mark(name: &str, is_cleared: bool) -> String {
    json!({"event": "mark", "name": name, "cleared": is_cleared}).to_string()
}

pub(super) fn error(why: Refusal, detail: &str) -> String {
    json!({"event": "error", "why": why.as_str(), "detail": detail}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_receiver_may_say_is_read() {
        for (text, said) in [
            (r#"{"event":"clear"}"#, Said::Clear),
            (r#"{"event":"mark","name":"m","more":1}"#, Said::Mark { name: "m".into() }),
            (r#"{"event":"dtmf","digits":"12#"}"#, Said::Dtmf { digits: "12#".into() }),
            (r#"{"event":"hangup"}"#, Said::HangUp),
            (r#"{"event":"transcript","text":"yes"}"#, Said::Other),
        ] {
            assert_eq!(read(text), Ok(said), "{text}");
        }
    }

    #[test]
    fn what_it_may_not_say_is_told_why() {
        for (text, word) in [
            ("", "EOF"),
            ("hello", "expected"),
            ("[1]", "\"event\""),
            (r#"{"event":7}"#, "\"event\""),
            (r#"{"event":"mark"}"#, "name"),
            (r#"{"event":"mark","name":5}"#, "string"),
            (r#"{"event":"dtmf","digits":"1x"}"#, "0-9"),
            (r#"{"event":"dtmf","digits":""}"#, "1 to 32"),
        ] {
            let why = read(text).expect_err(text);
            assert!(why.contains(word), "{text}: {why}");
        }
    }
}
