//! Parsing and printing: what came is what leaves, and errors say where and what.

use offhook_sdp::{
    Candidate, DESCRIPTION_BYTES_MAX, Direction, FORMATS_MAX, LINE_BYTES_MAX, LINES_MAX,
    MEDIA_SECTIONS_MAX, MediaKind, Problem, Protocol, SessionDescription, Setup,
};
use proptest::prelude::*;

const CHROMIUM: &str = include_str!("data/chromium.sdp");
const BARESIP: &str = include_str!("data/baresip.sdp");
const ALL: [&str; 5] = [
    CHROMIUM,
    include_str!("data/chromium-video.sdp"),
    BARESIP,
    include_str!("data/pjsip.sdp"),
    include_str!("data/desk-phone.sdp"),
];

fn parse(text: &str) -> SessionDescription {
    SessionDescription::parse(text.as_bytes()).expect("a description")
}

fn problem(text: &str) -> (usize, Problem) {
    let error = SessionDescription::parse(text.as_bytes()).expect_err("no description");
    (error.line, error.problem)
}

#[test]
fn descriptions_of_the_field_print_as_they_came_with_crlf() {
    for text in ALL {
        assert_eq!(parse(text).to_string(), text.replace('\n', "\r\n"));
    }
}

#[test]
fn crlf_and_missing_last_line_end_read_alike() {
    let crlf = BARESIP.replace('\n', "\r\n");
    assert_eq!(parse(&crlf), parse(BARESIP));
    assert_eq!(parse(BARESIP.trim_end()), parse(BARESIP));
    assert_eq!(parse(&format!("\n{BARESIP}\n\n")), parse(BARESIP));
}

#[test]
fn a_browsers_section_reads_through_its_views() {
    let description = parse(CHROMIUM);
    let (index, audio) = description.audio().expect("audio");
    assert_eq!((index, audio.port), (0, 51_472));
    assert_eq!(audio.protocol, Protocol::DtlsSavpf);
    assert_eq!(audio.mid(), Some("0"));
    assert_eq!(audio.attribute("ice-ufrag"), Some("Fk2p"));
    assert_eq!(description.setup(audio), Some(Setup::ActPass));
    assert_eq!(description.direction(audio), Direction::SendRecv);
    assert!(audio.has_rtcp_mux() && !description.is_ice_lite());
    assert_eq!(audio.rtcp().map(|rtcp| rtcp.port), Some(9));
    assert_eq!(audio.fmtp(111), Some("minptime=10;useinbandfec=1"));
    assert_eq!(audio.fmtp(0), None);
    let rtpmap = audio.rtpmap(111).expect("rtpmap");
    assert_eq!((rtpmap.clock_rate, rtpmap.channels), (48_000, 2));
    assert_eq!(audio.rtpmaps().count(), 8);
    let candidates = audio.candidates();
    assert_eq!(candidates.len(), 2);
    assert!(candidates[0].is_mdns());
    let fingerprints = description.fingerprints(audio);
    assert_eq!(fingerprints[0].algorithm, "sha-256");
    assert_eq!(fingerprints[0].digest.len(), 32);
    assert_eq!(audio.sources()[0].ssrc, 2_315_178_541);
    assert_eq!(audio.extension_maps()[2].id, 4);
    assert_eq!(audio.rtcp_feedback()[0].feedback, "transport-cc");
    assert!(audio.msid().is_some_and(|msid| msid.track.is_some()));
    assert_eq!(description.bundles()[0].mids, ["0"]);
}

#[test]
fn a_section_inherits_from_the_session_part() {
    let text = "v=0\no=- 1 1 IN IP6 ::1\ns=-\nc=IN IP6 2001:db8::5\nt=0 0\na=recvonly\n\
                a=fingerprint:SHA-256 0a:1B\na=setup:passive\nm=audio 4000 RTP/AVP 0\n";
    let description = parse(text);
    let (_, audio) = description.audio().unwrap();
    let connection = description.connection(audio).unwrap();
    assert_eq!(connection.ip(), Some("2001:db8::5".parse().unwrap()));
    assert_eq!(description.direction(audio), Direction::RecvOnly);
    assert_eq!(description.fingerprints(audio)[0].to_string(), "sha-256 0A:1B");
    assert_eq!(description.setup(audio), Some(Setup::Passive));
}

#[test]
fn static_payload_types_need_no_rtpmap() {
    let text = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\nm=audio 4000 RTP/AVP 18 0 96 8\n";
    let description = parse(text);
    let names: Vec<_> = description.media[0].rtpmaps().map(|m| m.encoding).collect();
    assert_eq!(names, ["G729", "PCMU", "PCMA"]);
}

#[test]
fn missing_mandatory_lines_are_filled_in_where_they_belong() {
    let text = "v=0\no=- 1 1 IN IP4 192.0.2.1\nc=IN IP4 192.0.2.1\na=tool:x\nm=audio 4 RTP/AVP 0\n";
    let expected = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                    a=tool:x\r\nm=audio 4 RTP/AVP 0\r\n";
    assert_eq!(parse(text).to_string(), expected);
}

#[test]
fn unknown_lines_media_and_protocols_are_kept() {
    let text = "v=0\r\no=a b c IN IP4 host.example\r\ns= \r\nt=0 0\r\ny=odd\r\n\
                m=text 49170/2 TCP/MSRP *\r\na=x-y z: 1\r\nX=\r\n";
    let description = parse(text);
    assert_eq!(description.media[0].kind, MediaKind::Other("text".to_owned()));
    assert_eq!(description.media[0].port_count, Some(2));
    assert_eq!(description.to_string(), text);
}

#[test]
fn errors_name_the_line_and_what_is_wrong() {
    let head = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\n";
    let with = |line: &str| format!("{head}{line}\n");
    let cases = [
        (String::new(), 1, Problem::NoVersion),
        ("o=- 1 1 IN IP4 1.2.3.4".to_owned(), 1, Problem::NoVersion),
        ("v=1\n".to_owned(), 1, Problem::UnknownVersion),
        ("v=0\ns=-\n".to_owned(), 3, Problem::NotOneOrigin),
        (with("o=- 1 1 IN IP4 192.0.2.1"), 5, Problem::NotOneOrigin),
        ("v=0\no=- 1 1 IN IP4".to_owned(), 2, Problem::BadOrigin),
        (with("hello"), 5, Problem::NotALine),
        (with("=x"), 5, Problem::NotALine),
        (with("ab=x"), 5, Problem::NotALine),
        (with("a=x\0y"), 5, Problem::ForbiddenByte),
        (with("c=IN IP4"), 5, Problem::BadConnection),
        (with("m=audio"), 5, Problem::BadMedia),
        (with("m=audio 4000"), 5, Problem::BadMedia),
        (with("m=audio 65536 RTP/AVP 0"), 5, Problem::BadPort),
        (with("m=audio -1 RTP/AVP 0"), 5, Problem::BadPort),
        (with("m=audio 4000/x RTP/AVP 0"), 5, Problem::BadPort),
    ];
    for (text, line, expected) in cases {
        assert_eq!(problem(&text), (line, expected), "{text:?}");
    }
    let error = SessionDescription::parse(with("m=audio x RTP/AVP").as_bytes());
    let shown = error.expect_err("no port").to_string();
    assert_eq!(shown, "SDP line 5: the port is a number from 0 to 65535");
}

#[test]
fn limits_hold_and_what_is_just_within_passes() {
    let head = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\n";
    let media = "m=audio 0 RTP/AVP 0\n";
    let within = format!("{head}{}", media.repeat(MEDIA_SECTIONS_MAX));
    assert_eq!(parse(&within).media.len(), MEDIA_SECTIONS_MAX);
    assert_eq!(problem(&format!("{within}{media}")).1, Problem::TooManyMediaSections);

    let lines = format!("{head}{}", "a=x\n".repeat(LINES_MAX - 4));
    assert_eq!(parse(&lines).lines.len(), LINES_MAX - 2);
    assert_eq!(problem(&format!("{lines}a=x\n")), (LINES_MAX + 1, Problem::TooManyLines));

    let long = |bytes: usize| format!("{head}a={}\n", "x".repeat(bytes - 2));
    assert_eq!(parse(&long(LINE_BYTES_MAX)).lines.len(), 3);
    assert_eq!(problem(&long(LINE_BYTES_MAX + 1)), (5, Problem::LineTooLong));

    let formats = |count: usize| format!("{head}m=audio 4 RTP/AVP{}\n", " 0".repeat(count));
    assert_eq!(parse(&formats(FORMATS_MAX)).media[0].formats.len(), FORMATS_MAX);
    assert_eq!(problem(&formats(FORMATS_MAX + 1)), (5, Problem::TooManyFormats));

    let huge = format!("{head}{}", "\n".repeat(DESCRIPTION_BYTES_MAX));
    assert_eq!(problem(&huge).1, Problem::DescriptionTooLong);
}

#[test]
fn a_flood_of_candidates_is_cut() {
    let line = "a=candidate:1 1 udp 1 192.0.2.1 4000 typ host\n";
    let text =
        format!("v=0\no=- 1 1 IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\n{}", line.repeat(1_000));
    let candidates: Vec<Candidate> = parse(&text).media[0].candidates();
    assert_eq!(candidates.len(), 64);
}

#[test]
fn keys_and_passwords_do_not_show_in_debug() {
    for text in [CHROMIUM, BARESIP] {
        let shown = format!("{:?}", parse(text));
        assert!(!shown.contains("WVNfX19z") && !shown.contains("m8tW1cTq"));
    }
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20);
    (0..ALL.len(), edits).prop_map(|(which, edits)| {
        let mut bytes = ALL[which].as_bytes().to_vec();
        for (place, byte) in edits {
            let place = place.index(bytes.len());
            if byte < 40 {
                bytes.remove(place);
            } else {
                bytes[place] = byte;
            }
        }
        bytes
    })
}

/// Lines in the grammar's own words, put together at random.
fn shuffled() -> impl Strategy<Value = Vec<u8>> {
    let all: Vec<&str> = ALL.iter().flat_map(|text| text.lines()).collect();
    prop::collection::vec(prop::sample::select(all), 0..60).prop_map(|lines| {
        let text = lines.join("\n");
        format!("v=0\no=- 1 1 IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0 8\n{text}").into_bytes()
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        offhook_sdp::fuzz(&bytes);
    }

    #[test]
    fn mutated_descriptions_never_panic(bytes in mutated()) {
        offhook_sdp::fuzz(&bytes);
    }

    #[test]
    fn shuffled_lines_never_panic(bytes in shuffled()) {
        offhook_sdp::fuzz(&bytes);
    }
}
