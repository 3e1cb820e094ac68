//! The 49 messages of RFC 4475 and the 10 of RFC 5118, each with its verdict as
//! far as the message layer decides it. What the elements above decide (405,
//! 416, 420, 483 ...) is checked as the fact that they decide it by.

use std::collections::BTreeSet;
use std::path::PathBuf;

use bytes::Bytes;
use offhook_sip::digest::Authenticator;
use offhook_sip::framer::{Frame, Opener, StreamFramer};
use offhook_sip::headers::Transport;
use offhook_sip::uri::{Scheme, Uri};
use offhook_sip::{Defect, HeaderName, Message, Method, ResponseBuilder, StatusCode};

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn load(folder_name: &str, file: &str) -> Bytes {
    let path = folder(folder_name).join(file).with_extension("dat");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into()
}

/// Parses and validates; the message comes along even when it is refused.
fn verdict(raw: Bytes) -> (Option<Message>, Result<(), Defect>) {
    match Message::parse(raw) {
        Ok(message) => {
            let valid = message.validate();
            (Some(message), valid)
        }
        Err(failure) => (failure.message.map(|message| *message), Err(failure.defect)),
    }
}

fn accepted(file: &str) -> Message {
    let raw = load("rfc4475", file);
    let (message, valid) = verdict(raw.clone());
    assert_eq!(valid, Ok(()), "{file}");
    let message = message.expect("accepted");
    assert!(
        raw.windows(message.as_bytes().len()).next() == Some(message.as_bytes()),
        "{file} leaves as it came"
    );
    message
}

#[track_caller]
fn refused(file: &str, expected: Defect) {
    let (message, valid) = verdict(load("rfc4475", file));
    assert_eq!(valid, Err(expected), "{file}");
    let Some(request) = message.filter(Message::is_request) else {
        return;
    };
    let answer =
        ResponseBuilder::with_reason(&request, expected.status(), expected, Some("t")).build();
    assert_eq!(answer.status(), Some(expected.status()), "{file}");
    assert_eq!(answer.reason(), expected.to_string(), "{file}");
    let values =
        |message: &Message, name| message.headers_of(name).map(str::to_owned).collect::<Vec<_>>();
    for name in [HeaderName::Via, HeaderName::From, HeaderName::CallId, HeaderName::CSeq] {
        assert_eq!(values(&answer, name), values(&request, name), "{file}");
    }
}

/// `class` and `expect` of each line of expected.csv.
fn expectations() -> Vec<(String, String, String)> {
    let csv =
        std::fs::read_to_string(folder("rfc4475").join("expected.csv")).expect("the expectations");
    let line = |line: &str| {
        let mut fields = line.splitn(6, ',').map(str::to_owned);
        let (file, _section, class, _kind, expect) =
            (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        Some((file, class, expect))
    };
    csv.lines().skip(1).filter_map(line).collect()
}

#[test]
fn every_message_has_its_verdict_of_the_table() {
    let expectations = expectations();
    let listed: BTreeSet<_> = expectations.iter().map(|(file, ..)| format!("{file}.dat")).collect();
    let present: BTreeSet<_> = std::fs::read_dir(folder("rfc4475"))
        .expect("the messages")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .filter(|name| name.ends_with(".dat"))
        .collect();
    assert_eq!(listed.len(), 49);
    assert_eq!(listed, present);
    for (file, class, expect) in expectations {
        let (_, valid) = verdict(load("rfc4475", &file));
        let status = valid.err().map(|defect| defect.status().code());
        match (file.as_str(), expect.as_str()) {
            // A Date that is not GMT may be ignored (RFC 4475 section 3.1.2.12).
            ("baddate", _) => assert_eq!(status, None, "{file}"),
            // Responses that cannot be understood are dropped.
            ("scalarlg" | "bigcode", "nocrash") => assert_eq!(status, Some(400), "{file}"),
            (_, "400") => assert_eq!(status, Some(400), "{file}"),
            (_, "505") => assert_eq!(status, Some(505), "{file}"),
            // Everything else is well-formed; the elements above have the say.
            _ => assert_eq!(status, None, "{file} ({class})"),
        }
    }
}

#[test]
fn a_short_tortuous_invite() {
    let message = accepted("wsinv");
    assert_eq!(message.method(), Some(&Method::Invite));
    assert_eq!(message.request_uri().expect("a URI").param("unknownparam"), Some(""));
    assert_eq!(message.to_tag(), Some("1918181833n"));
    let from = message.from().expect("From");
    assert_eq!(from.display_name().as_deref(), Some("J Rosenberg \\\""));
    assert_eq!(from.tag(), Some("98asjd8"));
    assert_eq!(message.max_forwards(), Ok(Some(68)));
    assert_eq!(message.cseq().expect("CSeq").sequence, 9);
    let vias: Vec<_> = message.vias().map(|via| via.expect("a Via")).collect();
    let branches: Vec<_> = vias.iter().map(|via| via.branch().expect("a branch")).collect();
    assert_eq!(branches, ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"]);
    assert_eq!(vias[1].transport(), Transport::Tcp);
    assert_eq!(vias[1].sent_by(), "spindle.example.com");
    let contact = message.contact().expect("a Contact");
    assert_eq!(contact.q_thousandths(), Some(330));
    assert_eq!(contact.params().get("newparam"), Some("newvalue"));
    assert_eq!(contact.name_addr.display_name().as_deref(), Some("Quoted string \"\""));
    let route = message.route_top().expect("well-formed").expect("a Route");
    assert!(route.uri().expect("a URI").is_loose_router());
    assert_eq!(message.header(HeaderName::Subject), Some(""));
    assert_eq!(message.header_named("unknownheaderwithunusualvalue"), Some(";;,,;;,;"));
    assert_eq!(message.body().len(), 150);
}

#[test]
fn the_wide_range_of_valid_characters() {
    let message = accepted("intmeth");
    let method = "!interesting-Method0123456789_*+`.%indeed'~";
    assert_eq!(message.method().map(Method::as_str), Some(method));
    assert_eq!(message.cseq().expect("CSeq").method, Method::from_token(method));
    assert_eq!(message.call_id(), Ok("intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"));
    assert_eq!(message.from_tag(), Some("_token~1'+`*%!-."));
    let to = message.to().expect("To");
    assert_eq!(to.display_name().as_deref(), Some("BEL:\x07 NUL:\0 DEL:\x7f"));
    assert_eq!(message.header_named("extensionHeader-!.%*+_`'~"), Some("\u{feff}大停電"));
    let answer = ResponseBuilder::tagged(&message, StatusCode::METHOD_NOT_ALLOWED, "t").build();
    assert_eq!(answer.to().expect("To").display(), to.display(), "echoed with its controls");
}

#[test]
fn escapes_are_neither_confused_nor_cut() {
    let message = accepted("esc01");
    let uri = message.request_uri().expect("a URI");
    assert_eq!(uri.user_decoded().as_deref(), Some("sips:user@example.com"));
    assert_eq!(uri.host().and_then(|host| host.name()), Some("example.net"));
    let message = accepted("escnull");
    let contacts: Vec<_> = message.contacts().filter_map(|value| value.ok()?.address()).collect();
    let uris: Vec<_> = contacts.iter().map(|contact| contact.uri().expect("a URI")).collect();
    assert_eq!(uris.len(), 2);
    assert!(!uris[0].is_equivalent(&uris[1]), "two bindings");
    let message = accepted("esc02");
    assert_ne!(message.method(), Some(&Method::Register), "methods are not escaped");
    assert_eq!(message.contacts().count(), 2, "neither are header names");
    assert_eq!(message.to().expect("To").display_name().as_deref(), Some("%Z%45"));
}

#[test]
fn odd_but_valid_addresses_and_lists() {
    let message = accepted("lwsdisp");
    assert_eq!(message.from().expect("From").display(), "caller");
    let message = accepted("longreq");
    assert_eq!(message.vias().filter(Result::is_ok).count(), 34);
    assert_eq!(message.header_count(), 43);
    let message = accepted("semiuri");
    assert_eq!(message.request_uri().expect("a URI").user(), Some("user;par=u%40example.net"));
    assert_eq!(message.tokens(HeaderName::Accept).count(), 6);
    let message = accepted("transports");
    let transports: Vec<_> = message.vias().map(|via| via.expect("a Via").transport()).collect();
    let expected = [
        Transport::Udp,
        Transport::Sctp,
        Transport::Tls,
        Transport::Other("UNKNOWN"),
        Transport::Tcp,
    ];
    assert_eq!(transports, expected);
    let message = accepted("mpart01");
    let media = message.content_type().expect("well-formed").expect("a type");
    assert!(media.is("multipart/mixed"));
    assert!(media.params.get("boundary").is_some());
    assert_eq!(message.content_length(), Ok(Some(message.body().len())));
}

#[test]
fn one_datagram_holds_one_message_and_a_stream_two() {
    let raw = load("rfc4475", "dblreq");
    let message = accepted("dblreq");
    assert_eq!(message.method(), Some(&Method::Register));
    assert_eq!(message.call_id(), Ok("dblreq.0ha0isndaksdj99sdfafnl3lk233412"));
    let mut framer = StreamFramer::new(Opener::Peer);
    framer.handle_bytes(&raw);
    let methods: Vec<_> = std::iter::from_fn(|| framer.poll_output())
        .filter_map(|frame| match frame {
            Frame::Message(message) => message.method().cloned(),
            _ => None,
        })
        .collect();
    assert_eq!(methods, [Method::Register, Method::Invite]);
}

#[test]
fn reason_phrases_may_be_unusual_or_empty() {
    let message = accepted("unreason");
    assert_eq!(message.status(), Some(StatusCode::OK));
    assert!(message.reason().starts_with("= 2**3 * 5**2 "));
    let message = accepted("noreason");
    assert_eq!(message.status(), Some(StatusCode::TRYING));
    assert_eq!(message.reason(), "");
}

#[test]
fn invalid_messages_are_refused_for_what_is_wrong_with_them() {
    refused("badinv01", Defect::Malformed(HeaderName::Via));
    refused("clerr", Defect::BodyTruncated);
    refused("ncl", Defect::Malformed(HeaderName::ContentLength));
    refused("scalar02", Defect::Malformed(HeaderName::CSeq));
    refused("scalarlg", Defect::Malformed(HeaderName::CSeq));
    refused("quotbal", Defect::Malformed(HeaderName::To));
    refused("ltgtruri", Defect::RequestUri);
    refused("lwsruri", Defect::RequestUri);
    refused("lwsstart", Defect::StartLine);
    refused("trws", Defect::StartLine);
    refused("escruri", Defect::RequestUri);
    refused("regbadct", Defect::Malformed(HeaderName::Contact));
    refused("badaspec", Defect::Malformed(HeaderName::To));
    refused("badvers", Defect::Version);
    refused("mismatch01", Defect::CSeqMethod);
    refused("mismatch02", Defect::CSeqMethod);
    refused("bigcode", Defect::StatusCode);
    refused("insuf", Defect::Missing(HeaderName::From));
    refused("multi01", Defect::Duplicate(HeaderName::CSeq));
    refused("mcl01", Defect::Duplicate(HeaderName::ContentLength));
}

/// The file carries no empty line at its end, which alone would refuse it; with
/// the line the display name does.
#[test]
fn an_unquoted_comma_in_a_display_name_is_refused() {
    refused("baddn", Defect::NoEndOfHeaders);
    let whole = [&load("rfc4475", "baddn")[..], b"\r\n"].concat();
    assert_eq!(verdict(whole.into()).1, Err(Defect::Malformed(HeaderName::From)));
}

/// Each of the values that are too large is refused by itself, but Expires,
/// which saturates.
#[test]
fn over_large_scalars_are_each_noticed() {
    let text = String::from_utf8(load("rfc4475", "scalar02").to_vec()).expect("text");
    let with_cseq = text.replace("36893488147419103232", "1");
    assert_eq!(
        verdict(with_cseq.clone().into()).1,
        Err(Defect::Malformed(HeaderName::MaxForwards))
    );
    let (message, valid) =
        verdict(with_cseq.replace("Max-Forwards: 300", "Max-Forwards: 70").into());
    assert_eq!(valid, Ok(()));
    let message = message.expect("accepted");
    assert_eq!(message.expires_s(), Ok(Some(u32::MAX)));
    assert_eq!(message.contact().expect("a Contact").expires_s(), Some(u32::MAX));
}

#[test]
fn a_stream_waits_for_a_long_body_and_ends_at_a_negative_one() {
    let mut framer = StreamFramer::new(Opener::Peer);
    framer.handle_bytes(&load("rfc4475", "clerr"));
    assert!(framer.poll_output().is_none());
    assert!(framer.is_mid_message());
    let mut framer = StreamFramer::new(Opener::Peer);
    framer.handle_bytes(&load("rfc4475", "ncl"));
    assert!(matches!(framer.poll_output(), Some(Frame::Broken(_))));
}

#[test]
fn a_bare_magic_cookie_is_no_branch() {
    let message = accepted("badbranch");
    let via = message.via_top().expect("a Via");
    assert_eq!((via.branch(), via.unique_branch()), (Some("z9hG4bK"), None));
}

#[test]
fn what_the_elements_above_decide_by_is_there() {
    let scheme = |file| match accepted(file).request_uri().expect("a URI").scheme() {
        Scheme::Other(scheme) => scheme.to_owned(),
        known => panic!("{known:?}"),
    };
    assert_eq!(scheme("unkscm"), "nobodyKnowsThisScheme");
    assert_eq!(scheme("novelsc"), "soap.beep");
    let message = accepted("unksm2");
    assert!(!message.to().expect("To").uri().expect("a URI").is_sip());
    assert!(!message.contact().expect("a Contact").uri().expect("a URI").is_sip());
    let message = accepted("bext01");
    assert!(message.has_token(HeaderName::Require, "nothingSupportsThisEither"));
    assert!(message.has_token(HeaderName::ProxyRequire, "norDoAnyProxiesSupportThis"));
    let message = accepted("invut");
    assert!(
        message
            .content_type()
            .is_ok_and(|media| media.is_some_and(|media| !media.is("application/sdp")))
    );
    let message = accepted("regaut01");
    assert!(message.has(HeaderName::Authorization));
    let authenticator = Authenticator::new("example.com", [1; 32]);
    assert!(authenticator.credentials(&message, HeaderName::Authorization).is_none());
    assert_eq!(accepted("zeromf").max_forwards(), Ok(Some(0)));
    let message = accepted("bcast");
    let hosts: Vec<_> = message.vias().map(|via| via.expect("a Via").host().ip()).collect();
    assert_eq!(hosts, [Some([192, 0, 2, 198].into()), Some([255, 255, 255, 255].into())]);
    let message = accepted("sdp01");
    assert_eq!(message.tokens(HeaderName::Accept).collect::<Vec<_>>(), ["text/nobodyKnowsThis"]);
    assert!(accepted("baddate").has(HeaderName::Date));
}

#[test]
fn unknown_parameters_and_escaped_headers_stay_with_their_contact() {
    let message = accepted("cparam01");
    let contact = message.contact().expect("a Contact");
    assert_eq!(contact.params().get("unknownparam"), Some(""));
    assert_eq!(contact.uri_text(), "sip:+19725552222@gw1.example.net");
    let message = accepted("cparam02");
    let contact = message.contact().expect("a Contact");
    assert!(contact.params().is_empty());
    assert_eq!(contact.uri().expect("a URI").param("unknownparam"), Some(""));
    let message = accepted("regescrt");
    let uri = message.contact().expect("a Contact").uri().expect("a URI");
    let headers: Vec<_> = uri.headers().collect();
    assert_eq!(headers, [("Route".into(), "<sip:sip.example.com>".into())]);
    assert!(!message.has(HeaderName::Route), "not applied");
}

#[test]
fn a_message_of_rfc_2543_is_understood() {
    let message = accepted("inv2543");
    assert_eq!(message.from_tag(), None);
    assert_eq!(message.via_top().expect("a Via").branch(), None);
    assert!(!message.has(HeaderName::ContentLength));
    assert!(message.body().ends_with(b"m=audio 49217 RTP/AVP 0\r\n"));
    let record_route = message.record_routes().next().expect("one").expect("well-formed");
    assert_eq!(record_route.uri().expect("a URI").param("maddr"), Some("ss1.example.com"));
}

#[test]
fn ipv6_is_read_wherever_it_may_stand() {
    let load6 = |number: u32| {
        let raw = load("rfc5118", &format!("torture_{number:02}"));
        let (message, valid) = verdict(raw);
        (message.expect("a message"), valid)
    };
    for number in (1..=10).filter(|number| *number != 2) {
        assert_eq!(load6(number).1, Ok(()), "torture_{number:02}");
    }
    assert_eq!(load6(2).1, Err(Defect::RequestUri));
    let address = |text: &str| text.parse().ok();
    let (message, _) = load6(3);
    let ambiguous: Uri<'_> = message.request_uri().expect("a URI");
    assert_eq!(ambiguous.host().and_then(|host| host.ip()), address("2001:db8::10:5070"));
    assert_eq!(ambiguous.port(), None);
    assert_eq!(load6(4).0.request_uri().expect("a URI").port(), Some(5070));
    for number in [5, 6] {
        let (message, _) = load6(number);
        assert_eq!(message.via_top().expect("a Via").received(), address("2001:db8::9:255"));
    }
    let (message, _) = load6(8);
    let hosts: Vec<_> = message.vias().map(|via| via.expect("a Via").host().ip()).collect();
    assert_eq!(hosts, [address("2001:db8::9:1"), address("192.0.2.1"), address("2001:db8::9:255")]);
    assert_eq!(message.via_top().expect("a Via").port(), Some(6050));
    let (message, _) = load6(10);
    let via = message.via_top().expect("a Via");
    assert_eq!((via.host().ip(), via.port()), (address("::ffff:192.0.2.10"), Some(19823)));
    assert_eq!(
        message.contact().expect("a Contact").name_addr.display_name().as_deref(),
        Some("T. desk phone")
    );
}

#[test]
fn every_answer_to_a_torture_request_is_valid_where_the_request_was() {
    for (file, ..) in expectations() {
        let (message, valid) = verdict(load("rfc4475", &file));
        let Some(request) = message.filter(Message::is_request).filter(|_| valid.is_ok()) else {
            continue;
        };
        let answer = ResponseBuilder::tagged(&request, StatusCode::NOT_FOUND, "t").build();
        assert_eq!(answer.validate(), Ok(()), "{file}");
        assert!(answer.to_tag().is_some(), "{file}");
    }
}
