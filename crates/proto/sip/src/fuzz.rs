//! What the fuzz targets run. Each function must return for every input; the
//! assertions in them say what must hold for all.

use bytes::Bytes;

use crate::framer::{Frame, Opener, StreamFramer};
use crate::headers::{CSeq, Contact, NameAddr, RAck, Replaces, SessionExpires, Via, list_items};
use crate::message::{HeaderName, Message, StatusCode, unfold};
use crate::print::{Editor, ResponseBuilder};
use crate::uri::Uri;

/// Reads `input` as a datagram, asks the message for all it can say, prints,
/// edits and answers it.
pub fn message(input: &[u8]) {
    match Message::parse(Bytes::copy_from_slice(input)) {
        Ok(message) => {
            let leading = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            assert!(input[leading..].starts_with(message.as_bytes()));
            use_message(&message);
        }
        Err(failure) => {
            if let Some(request) = failure.message {
                let answer =
                    ResponseBuilder::tagged(&request, failure.defect.status(), "t").build();
                assert!(answer.is_response());
            }
        }
    }
}

/// Reads `input` as a stream, whole and cut into pieces as long as its first
/// byte says; both ways must give the same.
pub fn stream(input: &[u8]) {
    let Some((first, stream)) = input.split_first() else {
        return;
    };
    let pieces = frames(stream, usize::from(*first).max(1));
    assert_eq!(pieces, frames(stream, stream.len().max(1)));
}

/// Reads `input` as a URI and as the header values that are read most.
pub fn uri(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(uri) = Uri::parse(text) {
        assert_eq!(uri.to_string(), text);
        assert!(uri.is_equivalent(&uri));
        assert!(uri.to_owned().as_str() == text && uri.headers().count() <= text.len());
    }
    let addresses = list_items(text).filter_map(NameAddr::parse);
    let lengths = addresses.map(|address| address.display().len() + address.uri_text().len());
    assert!(lengths.sum::<usize>() <= text.len());
    if let Some(cseq) = CSeq::parse(text) {
        assert_eq!(CSeq::parse(&cseq.to_string()), Some(cseq));
    }
    if let Some(rack) = RAck::parse(text) {
        assert_eq!(RAck::parse(&rack.to_string()), Some(rack));
    }
    if let Some(timer) = SessionExpires::parse(text) {
        assert_eq!(SessionExpires::parse(&timer.to_string()), Some(timer));
    }
    let contact = Contact::parse(text);
    let q = contact.and_then(|contact| contact.q_thousandths());
    assert!(q.is_none_or(|q| q <= 1_000));
    let instance = contact.and_then(|contact| contact.instance());
    assert!(instance.is_none_or(|instance| instance.len() <= text.len()));
    let via = Via::parse(text);
    assert!(via.is_none_or(|via| via.sent_by().len() <= text.len()));
    let replaces = Replaces::parse(text);
    assert!(replaces.is_none_or(|replaces| !replaces.call_id.is_empty()));
}

fn use_message(message: &Message) {
    let is_valid = message.validate().is_ok();
    let fields: usize = message.headers().map(|field| unfold(field.value).len()).sum();
    assert!(fields <= message.as_bytes().len());
    let lists = message.vias().count() + message.contacts().count() + message.routes().count();
    let credentials = message.auth(HeaderName::Authorization);
    let parameters: usize = credentials.map(|value| value.params.pairs().count()).sum();
    assert!(lists + parameters <= message.as_bytes().len());
    assert!(message.q850().is_none_or(|cause| cause > 0));
    let optional = (message.rack(), message.session_expires(), message.retry_after_s());
    assert!(
        is_valid || message.max_forwards().is_ok() || message.has(HeaderName::MaxForwards),
        "{optional:?}"
    );
    assert_eq!(Editor::new(message).finish().as_bytes(), message.as_bytes());
    if is_valid {
        edit(message);
    }
    if message.is_request() {
        let answer = ResponseBuilder::tagged(message, StatusCode::BUSY_HERE, "t").build();
        assert_eq!(answer.status(), Some(StatusCode::BUSY_HERE));
        assert!(!is_valid || answer.validate().is_ok());
    }
}

/// What a proxy does to a valid message leaves a valid message.
fn edit(message: &Message) {
    let vias = message.vias().count();
    let source = std::net::SocketAddr::from(([192, 0, 2, 1], 5060));
    let mut editor = Editor::new(message);
    editor.note_source(source).prepend(HeaderName::Via, "SIP/2.0/UDP edge;branch=z9hG4bK1");
    let forwarded = editor.set(HeaderName::MaxForwards, 69).finish();
    assert_eq!(forwarded.vias().filter(Result::is_ok).count(), vias + 1);
    assert_eq!(forwarded.max_forwards(), Ok(Some(69)));
    assert_eq!(forwarded.body(), message.body());
    assert_eq!(editor.remove_top(HeaderName::Via).finish().vias().count(), vias);
}

/// The frames of a stream that arrives in pieces of `size` bytes, as text.
fn frames(stream: &[u8], size: usize) -> Vec<String> {
    let mut framer = StreamFramer::new(Opener::Peer);
    let mut frames = Vec::new();
    for piece in stream.chunks(size) {
        framer.handle_bytes(piece);
        frames.extend(std::iter::from_fn(|| framer.poll_output()).map(|frame| describe(&frame)));
    }
    frames
}

fn describe(frame: &Frame) -> String {
    match frame {
        Frame::Message(message) => message.to_string(),
        Frame::Malformed(failure) => format!("malformed: {failure}"),
        Frame::Broken(failure) => format!("broken: {failure}"),
        Frame::Ping => "ping".to_owned(),
        Frame::Pong => "pong".to_owned(),
    }
}
