//! What is too much, and what else a datagram may hold that is no message.

use bytes::Bytes;
use offhook_sip::message::{
    HEAD_BYTES_MAX, HEADER_BYTES_MAX, HEADERS_MAX, MESSAGE_BYTES_MAX, VIAS_MAX, is_keep_alive,
};
use offhook_sip::{Defect, HeaderName, Message, ResponseBuilder, StatusCode};

const HEAD: &str = "From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n";

fn with(headers: &str) -> Bytes {
    format!("OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n{HEAD}{headers}\r\n")
        .into()
}

fn defect(datagram: impl Into<Bytes>) -> Option<Defect> {
    match Message::parse(datagram.into()) {
        Ok(message) => message.validate().err(),
        Err(failure) => Some(failure.defect),
    }
}

#[test]
fn a_message_at_each_limit_passes_and_one_beyond_it_does_not() {
    assert_eq!(defect(with("")), None);
    let line = |length: usize| with(&format!("Z: {}\r\n", "x".repeat(length - 3)));
    assert_eq!(defect(line(HEADER_BYTES_MAX)), None);
    assert_eq!(defect(line(HEADER_BYTES_MAX + 1)), Some(Defect::HeaderTooLong));
    let folded = |length: usize| with(&format!("Z: 1\r\n {}\r\n", "x".repeat(length - 7)));
    assert_eq!(defect(folded(HEADER_BYTES_MAX)), None);
    assert_eq!(defect(folded(HEADER_BYTES_MAX + 1)), Some(Defect::HeaderTooLong));
    assert_eq!(defect(with(&"Z: 1\r\n".repeat(HEADERS_MAX - 5))), None);
    assert_eq!(defect(with(&"Z: 1\r\n".repeat(HEADERS_MAX - 4))), Some(Defect::TooManyHeaders));
}

#[test]
fn a_thousand_vias_are_refused_on_lines_and_in_a_list() {
    let lines = |count: usize| with(&"Via: SIP/2.0/UDP b\r\n".repeat(count));
    assert_eq!(defect(lines(VIAS_MAX - 1)), None);
    assert_eq!(defect(lines(VIAS_MAX)), Some(Defect::TooManyVias));
    assert_eq!(defect(lines(1_000)), Some(Defect::TooManyHeaders));
    let list = vec!["SIP/2.0/UDP b"; VIAS_MAX].join(",");
    assert_eq!(defect(with(&format!("v: {list}\r\n"))), Some(Defect::TooManyVias));
}

#[test]
fn a_head_of_64_kilobytes_is_refused_with_513() {
    let headers = format!("Z: {}\r\n", "x".repeat(4_000)).repeat(9);
    assert!(headers.len() > HEAD_BYTES_MAX);
    let failure = Message::parse(with(&headers)).expect_err("too large");
    assert_eq!(failure.defect, Defect::HeadTooLarge);
    assert_eq!(failure.defect.status(), StatusCode::MESSAGE_TOO_LARGE);
    let request = failure.message.expect("enough for an answer");
    assert_eq!(request.call_id(), Ok("x"));
    assert_eq!(defect(vec![b'x'; MESSAGE_BYTES_MAX + 1]), Some(Defect::MessageTooLarge));
}

#[test]
fn keep_alives_are_told_from_messages() {
    for datagram in [&b""[..], b"\r\n\r\n", b"\0", b"\0\0\0\0", b"\r\n", b"  \r\n"] {
        assert!(is_keep_alive(datagram), "{datagram:?}");
        assert_eq!(defect(datagram), Some(Defect::Empty), "{datagram:?}");
    }
    assert!(!is_keep_alive(b"\r\nx"));
}

#[test]
fn line_ends_in_front_and_bytes_behind_the_length_are_ignored() {
    let text = format!(
        "\r\n\r\nOPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n{HEAD}l: 3\r\n\r\nabcINVITE"
    );
    let message = Message::parse(text.clone().into()).expect("well-formed");
    assert_eq!(message.body(), b"abc");
    assert_eq!(message.as_bytes(), &text.as_bytes()[4..text.len() - 6]);
    assert_eq!(message.to_bytes(), message.as_bytes());
}

#[test]
fn control_characters_are_refused_outside_quoted_pairs() {
    assert_eq!(defect(with("Z: a\0b\r\n")), Some(Defect::ControlCharacter));
    assert_eq!(defect(with("Z: a\x7fb\r\n")), Some(Defect::ControlCharacter));
    assert_eq!(defect(with("Subject: \"a\\\0b\"\r\n")), None);
    assert_eq!(defect(with("Z: a\rb\r\n")), Some(Defect::BareLineEnd));
    assert_eq!(defect(with("Z: a\nRoute: <sip:evil>\r\n")), Some(Defect::BareLineEnd));
    assert_eq!(defect("OPTIONS sip:b\0@c SIP/2.0\r\n\r\n"), Some(Defect::RequestUri));
}

#[test]
fn what_cannot_be_read_names_its_defect() {
    let cases = [
        ("garbage", Defect::StartLine),
        ("garbage\r\n\r\n", Defect::StartLine),
        ("GET / HTTP/1.1\r\n\r\n", Defect::StartLine),
        ("OPTIONS sip:b@c SIP/2.0\n\n", Defect::BareLineEnd),
        ("OPTIONS  SIP/2.0\r\n\r\n", Defect::StartLine),
        ("OPTIONS sip:b@c SIP/3.0\r\n\r\n", Defect::Version),
        ("OPT(IONS sip:b@c SIP/2.0\r\n\r\n", Defect::Method),
        ("OPTIONS sip:b@c SIP/2.0\r\n Z: 1\r\n\r\n", Defect::StartLine),
        ("OPTIONS sip:b@c SIP/2.0\r\n: 1\r\n\r\n", Defect::HeaderLine),
        ("OPTIONS sip:b@c SIP/2.0\r\nZ Y: 1\r\n\r\n", Defect::HeaderLine),
        ("OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n", Defect::NoEndOfHeaders),
        ("OPTIONS sip:b@c SIP/2.0\r\nl: 1\r\n\r\n", Defect::BodyTruncated),
        ("SIP/2.0 99 Low\r\n\r\n", Defect::StatusCode),
        ("SIP/2.0 4294967301 x\r\n\r\n", Defect::StatusCode),
        ("SIP/2.0\r\n\r\n", Defect::StartLine),
        ("SIP/3.0 200 OK\r\n\r\n", Defect::Version),
    ];
    for (text, expected) in cases {
        assert_eq!(defect(text), Some(expected), "{text}");
    }
}

#[test]
fn what_is_said_wrong_names_its_header() {
    let cases = [
        ("Route: sip:p;;lr\r\n", Defect::Malformed(HeaderName::Route)),
        ("Route: \r\n", Defect::Malformed(HeaderName::Route)),
        ("Contact: <sip:a@b>, <a\r\n", Defect::Malformed(HeaderName::Contact)),
        ("Max-Forwards: 256\r\n", Defect::Malformed(HeaderName::MaxForwards)),
        ("Max-Forwards: 7\r\nmax-forwards: 7\r\n", Defect::Duplicate(HeaderName::MaxForwards)),
        ("f: <sip:x@y>;tag=2\r\n", Defect::Duplicate(HeaderName::From)),
        ("c: text\r\n", Defect::Malformed(HeaderName::ContentType)),
        ("v: SIP/2.0/UDP b;;\r\n", Defect::Malformed(HeaderName::Via)),
    ];
    for (headers, expected) in cases {
        assert_eq!(defect(with(headers)), Some(expected), "{headers}");
    }
    let text = String::from_utf8(with("").to_vec()).expect("text");
    assert_eq!(defect(text.replace("1 OPTIONS", "1 INVITE")), Some(Defect::CSeqMethod));
    assert_eq!(
        defect(text.replace("Call-ID: x", "Call-ID: x y")),
        Some(Defect::Malformed(HeaderName::CallId))
    );
    assert_eq!(defect(text.replace("Via", "X")), Some(Defect::Missing(HeaderName::Via)));
}

#[test]
fn a_star_stands_alone_and_with_expires_0() {
    let register = |headers: &str| {
        let text = String::from_utf8(with(headers).to_vec()).expect("text");
        defect(text.replace("OPTIONS", "REGISTER"))
    };
    assert_eq!(register("Contact: *\r\nExpires: 0\r\n"), None);
    let malformed = Some(Defect::Malformed(HeaderName::Contact));
    assert_eq!(register("Contact: *\r\n"), malformed);
    assert_eq!(register("Contact: *\r\nExpires: 60\r\n"), malformed);
    assert_eq!(register("Contact: *, <sip:a@b>\r\nExpires: 0\r\n"), malformed);
}

#[test]
fn a_malformed_request_gets_its_answer() {
    let failure = Message::parse(with("Broken header\r\n")).expect_err("no colon");
    let request = failure.message.expect("enough for an answer");
    let answer =
        ResponseBuilder::with_reason(&request, failure.defect.status(), failure.defect, Some("t"))
            .build();
    assert_eq!(answer.status(), Some(StatusCode::BAD_REQUEST));
    assert_eq!(answer.reason(), "Malformed header line");
    assert_eq!(answer.validate(), Ok(()));
    assert_eq!(answer.via_top().map(|via| via.branch()), Ok(Some("z9hG4bK1")));
}

#[test]
fn bytes_that_are_not_utf8_pass_through_and_read_as_question_marks() {
    let mut raw = with("").to_vec();
    let at = raw.windows(5).position(|five| five == b"<sip:").expect("From's URI");
    raw.splice(at..at, *b"\"J\xfcrgen\" ");
    let message = Message::parse(raw.clone().into()).expect("well-formed");
    assert_eq!(message.validate(), Ok(()));
    assert_eq!(message.from().ok().and_then(|from| from.display_name()).as_deref(), Some("J?rgen"));
    assert_eq!(message.from_tag(), Some("1"));
    assert_eq!(message.as_bytes(), raw);
    let answer = ResponseBuilder::tagged(&message, StatusCode::OK, "t").build();
    assert!(answer.as_bytes().windows(7).any(|seven| seven == b"J\xfcrgen\""), "echoed as it came");
}
