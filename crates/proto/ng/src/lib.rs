//! RTPengine's NG control protocol: `COOKIE SP DICTIONARY` in bencode or JSON.
//!
//! [`Message`] splits a datagram into its cookie and its body, [`Value`] is a body of either encoding, and
//! [`Request`] is what it asks: a [`Command`] with the keys that name the call and the [`Flags`] that say
//! how media is to be handled, whether they came as keys, as entries of `flags` or in one `rtpp-flags`
//! string. [`ReplyCache`] gives a repeated cookie the reply that it had.
//!
//! The crate opens no socket and reads no clock. It knows nothing of SDP, of calls or of media: a session
//! description is a text to it, and what a flag means for the media is for its user to decide.

mod bencode;
mod command;
mod flags;
mod json;
mod message;
mod reply;
mod reply_cache;
mod request;
mod rtpp_flags;
mod stream;
mod value;

pub use command::Command;
pub use flags::{
    AddressFamily, CodecFlags, Dtls, Flags, Ice, NAMES_MAX, Replace, RtcpMux, Sdes, Switches,
};
pub use message::{COOKIE_BYTES_MAX, MESSAGE_BYTES_MAX, Message, MessageError};
pub use reply::{Dictionary, Reply};
pub use reply_cache::{CACHED_BYTES_MAX, CACHED_REPLIES_MAX, Known, REPLY_KEPT, ReplyCache};
pub use request::{Request, RequestError};
pub use rtpp_flags::RTPP_FLAGS_MAX;
pub use stream::StreamBroken;
pub use value::{BodyError, DEPTH_MAX, Encoding, ITEMS_MAX, Value};

/// Entry point for fuzzing: reads `input` as a message and as a body.
///
/// It must return for every input.
#[doc(hidden)]
pub fn fuzz(input: &[u8]) {
    if let Ok(message) = Message::parse(input) {
        check_body(message.body);
    }
    if let Ok((start, Some(end))) = Message::find_in_stream(input) {
        debug_assert!(start < end && end <= input.len());
    }
    check_body(input);
}

fn check_body(body: &[u8]) {
    let Ok((value, encoding)) = Value::parse(body) else { return };
    let printed = value.to_bytes(Encoding::Bencode);
    let again = Value::parse(&printed).map(|(value, _)| value);
    debug_assert!(!matches!(value, Value::Dictionary(_)) || again.as_ref() == Ok(&value));
    debug_assert!(!value.to_bytes(encoding).is_empty());
    if let Ok(request) = Request::from_value(&value) {
        debug_assert!(request.flags.unknown.len() <= NAMES_MAX);
    }
}

/// Entry point for fuzzing: reads `input` as the one string of flags that Kamailio's module hands on.
///
/// It must return for every input.
#[doc(hidden)]
pub fn fuzz_flags(input: &[u8]) {
    let Ok(line) = std::str::from_utf8(input) else { return };
    let entry = |key: &'static str, value: &str| (key.as_bytes().into(), Value::text(value));
    let entries = vec![entry("command", "offer"), entry("call-id", "c"), entry("rtpp-flags", line)];
    if let Ok(request) = Request::from_value(&Value::Dictionary(entries)) {
        debug_assert!(request.flags.unknown.len() <= NAMES_MAX);
    }
}
