//! Answers to a browser: ICE, DTLS, BUNDLE and what JSEP (RFC 8829) asks of rejected sections.

mod peer;

use offhook_sdp::{
    AudioFormat, Direction, DtlsRole, ExtensionMap, LocalStream, MediaKind, NegotiationError,
    Protocol, Security, Session, Setup, answer,
};
use peer::{CHROMIUM, CHROMIUM_VIDEO, formats, local, parse};

const OFFERED_DIGEST_START: [u8; 3] = [0x4A, 0xAD, 0xB9];

#[test]
fn a_browser_gets_opus_with_its_own_payload_types() {
    let (answer, negotiated) = answer(&parse(CHROMIUM), &local()).unwrap();
    assert_eq!(formats(&answer), ["111 opus/48000/2", "110 telephone-event/48000"]);
    let codec = negotiated.codec();
    assert_eq!(codec.format, AudioFormat::OPUS);
    assert_eq!((codec.send_payload_type, codec.receive_payload_type), (111, 111));
    assert_eq!(codec.remote_fmtp, "minptime=10;useinbandfec=1");
    assert_eq!(codec.local_fmtp, "useinbandfec=1");
    assert_eq!(negotiated.received_codec(111), Some(codec));
    assert_eq!(negotiated.received_codec(0), None);
    assert_eq!(negotiated.telephone_event(48_000).map(|e| e.send_payload_type), Some(110));
    assert_eq!(negotiated.received_event(110).map(|e| e.format.clock_rate), Some(48_000));
}

#[test]
fn several_codecs_bring_telephone_event_at_each_of_their_clock_rates() {
    let mut local = local();
    local.answer_codecs_max = 3;
    local.comfort_noise = true;
    let (answer, negotiated) = answer(&parse(CHROMIUM), &local).unwrap();
    let expected = [
        "111 opus/48000/2",
        "9 G722/8000",
        "0 PCMU/8000",
        "110 telephone-event/48000",
        "126 telephone-event/8000",
        "13 CN/8000",
    ];
    assert_eq!(formats(&answer), expected);
    assert_eq!(negotiated.telephone_event(8_000).map(|e| e.send_payload_type), Some(126));
    assert_eq!(negotiated.comfort_noise[0].send_payload_type, 13);
}

#[test]
fn a_browser_gets_ice_dtls_and_mux() {
    let (answer, negotiated) = answer(&parse(CHROMIUM), &local()).unwrap();
    let (_, section) = answer.audio().unwrap();
    assert_eq!(section.protocol, Protocol::DtlsSavpf);
    assert_eq!(section.port, 30_000);
    assert!(answer.is_ice_lite() && section.has_rtcp_mux());
    assert_eq!(section.attribute("ice-ufrag"), Some("ours"));
    assert_eq!(section.candidates().len(), 1);
    assert!(section.has("end-of-candidates"));
    assert_eq!(answer.setup(section), Some(Setup::Passive));
    assert_eq!(answer.fingerprints(section)[0].digest.len(), 32);
    assert!(section.crypto().is_empty());

    let ice = negotiated.ice.as_ref().unwrap();
    assert_eq!((ice.ufrag.as_str(), ice.pwd.as_str()), ("Fk2p", "m8tW1cTq3zYx0Ue7R4bLs9Vd"));
    assert!(ice.trickle && !ice.lite && !ice.end_of_candidates);
    assert_eq!(ice.candidates.len(), 2);
    assert_eq!(negotiated.remote_rtp, Some("192.0.2.33:51472".parse().unwrap()));
    assert_eq!(negotiated.remote_rtcp, negotiated.remote_rtp);
    assert!(negotiated.rtcp_mux && negotiated.has_feedback());
    assert_eq!(negotiated.remote_ssrcs, [2_315_178_541]);
    let Security::Dtls { fingerprints, role } = &negotiated.security else {
        panic!("DTLS, not {:?}", negotiated.security);
    };
    assert_eq!(*role, DtlsRole::Server);
    assert_eq!(fingerprints[0].digest[..3], OFFERED_DIGEST_START);
}

#[test]
fn the_bundle_of_the_answer_holds_the_accepted_section() {
    let (answer, negotiated) = answer(&parse(CHROMIUM), &local()).unwrap();
    assert_eq!(answer.bundles()[0].mids, ["0"]);
    assert!(negotiated.bundled);
    assert_eq!(negotiated.mid.as_deref(), Some("0"));
}

#[test]
fn without_a_bundle_in_the_offer_there_is_none_in_the_answer() {
    let offer = parse(&CHROMIUM.replace("a=group:BUNDLE 0\n", ""));
    let (answer, negotiated) = answer(&offer, &local()).unwrap();
    assert!(answer.bundles().is_empty() && !negotiated.bundled);
    assert_eq!(answer.audio().unwrap().1.mid(), Some("0"));
}

#[test]
fn video_and_data_are_rejected_and_bundle_only_audio_takes_the_bundles_transport() {
    let (answer, negotiated) = answer(&parse(CHROMIUM_VIDEO), &local()).unwrap();
    let kinds: Vec<_> = answer.media.iter().map(|m| (m.kind.clone(), m.port)).collect();
    let expected = [(MediaKind::Video, 0), (MediaKind::Audio, 30_000), (MediaKind::Application, 0)];
    assert_eq!(kinds, expected);
    let mids: Vec<_> = answer.media.iter().map(|section| section.mid()).collect();
    assert_eq!(mids, [Some("video0"), Some("audio1"), Some("data2")]);
    assert_eq!(answer.bundles()[0].mids, ["audio1"]);
    assert_eq!(answer.media[0].formats, ["96", "97"]);
    assert!(!answer.media[0].has("ice-ufrag"));
    assert_eq!(negotiated.section, 1);
    let ice = negotiated.ice.as_ref().unwrap();
    assert_eq!(ice.pwd, "theVideoSectionPassword0");
    assert_eq!(negotiated.remote_rtp, None);
    assert!(negotiated.rtcp_mux);
    assert!(matches!(&negotiated.security, Security::Dtls { fingerprints, .. }
        if fingerprints[0].digest[0] == 0x11));
}

#[test]
fn a_second_audio_section_is_rejected() {
    let (_, section) = CHROMIUM.split_once("m=audio").unwrap();
    let second = section.replace("a=mid:0", "a=mid:1");
    let text = format!("{CHROMIUM}m=audio{second}").replace("BUNDLE 0", "BUNDLE 0 1");
    let (answer, _) = answer(&parse(&text), &local()).unwrap();
    let ports: Vec<_> = answer.media.iter().map(|section| section.port).collect();
    assert_eq!(ports, [30_000, 0]);
    assert_eq!(answer.bundles()[0].mids, ["0"]);
}

#[test]
fn the_dtls_role_answers_the_offers() {
    let cases = [
        ("actpass", DtlsRole::Server, Setup::Passive),
        ("active", DtlsRole::Server, Setup::Passive),
        ("passive", DtlsRole::Client, Setup::Active),
    ];
    for (offered, expected, setup) in cases {
        let text = CHROMIUM.replace("setup:actpass", &format!("setup:{offered}"));
        let (answer, negotiated) = answer(&parse(&text), &local()).unwrap();
        assert_eq!(answer.setup(answer.audio().unwrap().1), Some(setup), "{offered}");
        assert!(matches!(negotiated.security, Security::Dtls { role, .. } if role == expected));
    }
}

#[test]
fn known_header_extensions_keep_their_ids() {
    let mut local = local();
    local.extensions = vec!["urn:ietf:params:rtp-hdrext:sdes:mid".to_owned()];
    let (answer, negotiated) = answer(&parse(CHROMIUM), &local).unwrap();
    let expected = [ExtensionMap { id: 4, direction: None, uri: local.extensions[0].clone() }];
    assert_eq!(negotiated.extensions, expected);
    assert_eq!(answer.audio().unwrap().1.extension_maps(), expected);
}

#[test]
fn the_source_that_is_sent_is_announced() {
    let mut local = local();
    local.stream =
        Some(LocalStream { ssrc: 7, cname: "offhook".to_owned(), msid: "call audio".to_owned() });
    let (answer, _) = answer(&parse(CHROMIUM), &local).unwrap();
    let (_, section) = answer.audio().unwrap();
    assert_eq!(section.sources()[0].ssrc, 7);
    assert_eq!(section.sources()[0].value, "offhook");
    assert_eq!(section.msid().unwrap().stream, "call");
}

#[test]
fn a_browser_is_refused_by_a_side_without_a_certificate() {
    let mut local = local();
    local.fingerprint = None;
    let error = answer(&parse(CHROMIUM), &local).unwrap_err();
    assert_eq!(error, NegotiationError::SecurityUnavailable);
}

#[test]
fn the_answer_reads_back_as_it_was_meant() {
    let (answer, _) = answer(&parse(CHROMIUM), &local()).unwrap();
    let text = answer.to_string();
    assert_eq!(parse(&text), answer);
    assert!(
        text.starts_with(
            "v=0\r\no=- 42 0 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
        )
    );
}

#[test]
fn a_browser_that_holds_and_resumes_keeps_its_dtls_role() {
    let mut session = Session::new(42);
    let (first, _) = session.answer(&parse(CHROMIUM), &local()).unwrap();
    let held = parse(&CHROMIUM.replace("a=sendrecv", "a=sendonly"));
    let (second, negotiated) = session.answer(&held, &local()).unwrap();
    assert_eq!(negotiated.direction, Direction::RecvOnly);
    assert_eq!(second.origin.session_id, first.origin.session_id);
    assert_eq!((first.origin.version.as_str(), second.origin.version.as_str()), ("0", "1"));
    let (third, negotiated) = session.answer(&parse(CHROMIUM), &local()).unwrap();
    assert_eq!(negotiated.direction, Direction::SendRecv);
    assert_eq!(third.origin.version, "2");
    assert!(matches!(negotiated.security, Security::Dtls { role: DtlsRole::Server, .. }));
}
