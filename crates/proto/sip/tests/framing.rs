//! How a byte stream becomes messages, pings and errors.

use offhook_sip::framer::{BUFFERED_BYTES_MAX, Frame, Opener, StreamFramer};
use offhook_sip::message::{HEAD_BYTES_MAX, HEADERS_MAX, MESSAGE_BYTES_MAX};
use offhook_sip::{Defect, HeaderName};

const HEAD: &str = "Via: SIP/2.0/TCP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\n\
                    Call-ID: x\r\nCSeq: 1 MESSAGE\r\n";

fn message(body: &str) -> String {
    format!("MESSAGE sip:b@c SIP/2.0\r\n{HEAD}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn frames(opener: Opener, pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Vec<Frame> {
    let mut framer = StreamFramer::new(opener);
    let mut frames = Vec::new();
    for piece in pieces {
        framer.handle_bytes(piece.as_ref());
        frames.extend(std::iter::from_fn(|| framer.poll_output()));
    }
    frames
}

fn bodies(frames: &[Frame]) -> Vec<&[u8]> {
    frames.iter().map(body).collect()
}

fn body(frame: &Frame) -> &[u8] {
    match frame {
        Frame::Message(message) => message.body(),
        other => panic!("not a message: {other:?}"),
    }
}

fn broken(frames: &[Frame]) -> Defect {
    match frames {
        [Frame::Broken(failure)] => failure.defect,
        other => panic!("expected one broken frame: {other:?}"),
    }
}

#[test]
fn messages_come_out_whole_however_the_bytes_are_cut() {
    let stream = format!("{}\r\n{}{}", message("one"), message(""), message("three\r\n\r\n"));
    let expected: [&[u8]; 3] = [b"one", b"", b"three\r\n\r\n"];
    assert_eq!(bodies(&frames(Opener::Peer, [&stream])), expected);
    for size in 1..80 {
        let found = frames(Opener::Peer, stream.as_bytes().chunks(size));
        assert_eq!(bodies(&found), expected, "pieces of {size} bytes");
    }
}

#[test]
fn a_ping_is_two_line_ends_even_when_they_arrive_apart() {
    assert_eq!(frames(Opener::Peer, ["\r\n\r\n"]), [Frame::Ping]);
    assert_eq!(frames(Opener::Peer, ["\r", "\n", "\r", "\n"]), [Frame::Ping]);
    assert_eq!(frames(Opener::Peer, ["\r\n\r\n\r\n\r\n"]), [Frame::Ping, Frame::Ping]);
    assert_eq!(frames(Opener::Peer, ["\r\n"]), []);
    let around = format!("\r\n\r\n{}\r\n\r\n", message("x"));
    let found = frames(Opener::Peer, [around]);
    assert!(matches!(found[..], [Frame::Ping, Frame::Message(_), Frame::Ping]), "{found:?}");
}

#[test]
fn on_a_connection_we_opened_each_line_end_is_a_pong() {
    assert_eq!(frames(Opener::Us, ["\r\n"]), [Frame::Pong]);
    assert_eq!(frames(Opener::Us, ["\r", "\n\r\n"]), [Frame::Pong, Frame::Pong]);
}

#[test]
fn a_malformed_message_does_not_spoil_the_one_behind_it() {
    let bad = message("x").replace("To: <sip:b@c>", "To <sip:b@c>");
    let found = frames(Opener::Peer, [bad + &message("good")]);
    let [Frame::Malformed(failure), Frame::Message(good)] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!(failure.defect, Defect::HeaderLine);
    let answerable = failure.message.as_ref().expect("enough for an answer");
    assert_eq!(answerable.call_id(), Ok("x"));
    assert_eq!(good.body(), b"good");
}

#[test]
fn without_a_usable_length_the_stream_is_broken() {
    let length = |value: &str| message("").replace("Content-Length: 0", value);
    let cases = [
        (length("Z: 0"), Defect::StreamWithoutLength),
        (length("Content-Length: -1"), Defect::Malformed(HeaderName::ContentLength)),
        (length("l: five"), Defect::Malformed(HeaderName::ContentLength)),
        (length("l: 1\r\nContent-Length: 2"), Defect::Duplicate(HeaderName::ContentLength)),
        (length("l: 99999999999999999999999"), Defect::MessageTooLarge),
        (length(&format!("l: {MESSAGE_BYTES_MAX}")), Defect::MessageTooLarge),
    ];
    for (text, defect) in cases {
        let found = frames(Opener::Peer, [text.as_str(), &message("lost")]);
        assert_eq!(broken(&found), defect, "{text}");
        let [Frame::Broken(failure)] = &found[..] else { unreachable!("checked by broken()") };
        let request = failure.message.as_ref().expect("enough for an answer");
        assert_eq!(request.call_id(), Ok("x"));
    }
}

#[test]
fn a_folded_length_counts_and_a_length_inside_a_fold_does_not() {
    let text = message("abc")
        .replace("Content-Length: 3", "Subject: x\r\n Content-Length: 9\r\nl :\r\n 3");
    assert_eq!(bodies(&frames(Opener::Peer, [text])), [b"abc"]);
}

#[test]
fn what_exceeds_a_limit_breaks_the_stream() {
    let endless = format!("OPTIONS sip:a@b SIP/2.0\r\nZ: {}", "x".repeat(HEAD_BYTES_MAX));
    assert_eq!(broken(&frames(Opener::Peer, [endless])), Defect::HeadTooLarge);
    let many =
        message("").replace("Call-ID", &format!("{}Call-ID", "Z: 1\r\n".repeat(HEADERS_MAX)));
    assert_eq!(broken(&frames(Opener::Peer, [many])), Defect::TooManyHeaders);
    let flood = vec![b'x'; BUFFERED_BYTES_MAX + 1];
    assert_eq!(broken(&frames(Opener::Peer, [flood])), Defect::MessageTooLarge);
}

#[test]
fn a_broken_stream_stays_silent() {
    let mut framer = StreamFramer::new(Opener::Peer);
    framer.handle_bytes(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let Some(Frame::Broken(failure)) = framer.poll_output() else {
        panic!("not SIP");
    };
    assert!(failure.message.is_none(), "nobody to answer");
    framer.handle_bytes(message("x").as_bytes());
    assert!(framer.poll_output().is_none());
    assert!(framer.is_broken() && !framer.is_mid_message());
}

#[test]
fn half_a_message_is_noticed() {
    let mut framer = StreamFramer::new(Opener::Peer);
    framer.handle_bytes(b"OPTIONS sip:a@b SIP/2.0\r\n");
    assert!(framer.poll_output().is_none());
    assert!(framer.is_mid_message());
}

#[test]
fn a_line_end_alone_is_no_message_that_has_begun() {
    let mut framer = StreamFramer::new(Opener::Peer);
    for part in ["\r", "\n", "\r"] {
        framer.handle_bytes(part.as_bytes());
        assert_eq!(framer.poll_output(), None);
        assert!(!framer.is_mid_message());
    }
    framer.handle_bytes(b"\n");
    assert_eq!(framer.poll_output(), Some(Frame::Ping));
    framer.handle_bytes(b"\r\n");
    assert_eq!(framer.poll_output(), None);
    framer.handle_bytes(message("x").as_bytes());
    assert_eq!(bodies(&[framer.poll_output().expect("a message")]), [b"x"]);
}
