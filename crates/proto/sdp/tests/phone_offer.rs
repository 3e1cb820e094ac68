//! Answers to phones: codecs in their order, plain RTP, SDES and optional keys, hold old and new.

mod peer;

use offhook_sdp::{
    AudioFormat, CryptoSuite, Direction, DtlsRole, Encoding, NegotiationError, Protocol, Security,
    answer,
};
use peer::{BARESIP, DESK_PHONE, PJSIP, formats, local, parse, phone, plain_offer};

#[test]
fn pjsip_gets_plain_rtp_and_the_first_format_both_have() {
    let (answer, negotiated) = answer(&parse(PJSIP), &local()).unwrap();
    assert_eq!(formats(&answer), ["0 PCMU/8000", "96 telephone-event/8000"]);
    assert_eq!(negotiated.security, Security::Plain);
    assert_eq!(negotiated.ice, None);
    assert!(!negotiated.rtcp_mux && !answer.is_ice_lite());
    assert_eq!(negotiated.remote_rtp, Some("127.0.0.3:4000".parse().unwrap()));
    assert_eq!(negotiated.remote_rtcp, Some("127.0.0.3:4001".parse().unwrap()));
    let (_, section) = answer.audio().unwrap();
    assert_eq!(section.protocol, Protocol::RtpAvp);
    assert!(!section.has("fingerprint") && !section.has("ice-ufrag") && !section.has("mid"));
    assert_eq!(section.ptime_ms(), Some(20));
}

#[test]
fn baresip_gets_the_optional_keys_it_offers_in_a_plain_profile() {
    let (answer, negotiated) = answer(&parse(BARESIP), &local()).unwrap();
    let (_, section) = answer.audio().unwrap();
    assert_eq!(section.protocol, Protocol::RtpAvp);
    let Security::Sdes { suite, send, receive } = &negotiated.security else {
        panic!("SDES, not {:?}", negotiated.security);
    };
    assert_eq!(*suite, CryptoSuite::AesCm128HmacSha1_80);
    assert_eq!(receive.as_bytes(), b"YS___semctl () {\t220;}\n}\nunles");
    let line = &section.crypto()[0];
    assert_eq!((line.tag, &line.key), (1, send));
    assert_eq!(send.as_bytes(), (0..30).collect::<Vec<u8>>());
    assert_eq!(negotiated.ptime_ms, Some(20));
}

#[test]
fn baresip_gets_plain_rtp_from_a_side_without_keys() {
    let (answer, negotiated) = answer(&parse(BARESIP), &phone()).unwrap();
    assert_eq!(negotiated.security, Security::Plain);
    assert!(answer.audio().unwrap().1.crypto().is_empty());
}

#[test]
fn opus_with_telephone_event_at_8000_alone_still_has_digits() {
    let (answer, negotiated) = answer(&parse(BARESIP), &local()).unwrap();
    assert_eq!(formats(&answer), ["96 opus/48000/2", "101 telephone-event/8000"]);
    assert_eq!(negotiated.telephone_event(48_000).map(|e| e.format.clock_rate), Some(8_000));
}

#[test]
fn optional_dtls_in_a_plain_profile_is_taken() {
    let lines = "a=fingerprint:sha-256 AA:BB\na=setup:actpass\n";
    let (answer, negotiated) = answer(&plain_offer("192.0.2.9", "0", lines), &local()).unwrap();
    assert!(matches!(negotiated.security, Security::Dtls { role: DtlsRole::Server, .. }));
    let (_, section) = answer.audio().unwrap();
    assert_eq!(section.protocol, Protocol::RtpAvp);
    assert!(section.has("fingerprint"));
}

#[test]
fn sdes_follows_the_phones_order_and_repeats_its_tag() {
    let (answer, negotiated) = answer(&parse(DESK_PHONE), &local()).unwrap();
    let ports: Vec<_> = answer.media.iter().map(|section| section.port).collect();
    assert_eq!(ports, [30_000, 0]);
    let line = &answer.media[0].crypto()[0];
    assert_eq!((line.tag, line.suite), (1, CryptoSuite::AesCm128HmacSha1_32));
    assert!(matches!(negotiated.security, Security::Sdes { .. }));
    assert_eq!(formats(&answer), ["9 G722/8000", "101 telephone-event/8000"]);
}

#[test]
fn an_unwanted_suite_is_passed_over() {
    let mut local = local();
    local.sdes.as_mut().unwrap().suites = vec![CryptoSuite::AesCm128HmacSha1_80];
    let (answer, _) = answer(&parse(DESK_PHONE), &local).unwrap();
    assert_eq!(answer.media[0].crypto()[0].tag, 2);
}

#[test]
fn a_side_without_keys_takes_the_plain_section_beside_the_secure_one() {
    let (answer, negotiated) = answer(&parse(DESK_PHONE), &phone()).unwrap();
    let ports: Vec<_> = answer.media.iter().map(|section| section.port).collect();
    assert_eq!(ports, [0, 40_000]);
    assert_eq!(negotiated.section, 1);
    assert_eq!(negotiated.security, Security::Plain);
}

#[test]
fn keys_with_an_identifier_or_unencrypted_are_not_used() {
    for parameters in ["|2^20|1:4", " UNENCRYPTED_SRTP", " UNAUTHENTICATED_SRTP"] {
        let key = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
        let lines = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 {key}{parameters}\n");
        let text = plain_offer("192.0.2.9", "0", &lines).to_string();
        let offer = parse(&text.replace("RTP/AVP", "RTP/SAVP"));
        let error = answer(&offer, &local()).unwrap_err();
        assert_eq!(error, NegotiationError::SecurityUnavailable, "{parameters}");
    }
}

#[test]
fn hold_is_answered_by_its_mirror() {
    let cases = [
        ("192.0.2.9", "sendrecv", Direction::SendRecv),
        ("192.0.2.9", "sendonly", Direction::RecvOnly),
        ("192.0.2.9", "recvonly", Direction::SendOnly),
        ("192.0.2.9", "inactive", Direction::Inactive),
        ("0.0.0.0", "sendrecv", Direction::RecvOnly),
        ("0.0.0.0", "recvonly", Direction::Inactive),
    ];
    for (address, offered, expected) in cases {
        let offer = plain_offer(address, "0", &format!("a={offered}\n"));
        let (answer, negotiated) = answer(&offer, &phone()).unwrap();
        assert_eq!(negotiated.direction, expected, "{address} {offered}");
        assert_eq!(answer.direction(&answer.media[0]), expected);
        assert_eq!(negotiated.remote_rtp.is_none(), address == "0.0.0.0");
    }
}

#[test]
fn a_side_that_holds_does_not_say_more_than_it_wants() {
    let mut local = phone();
    local.direction = Direction::SendOnly;
    let offer = plain_offer("192.0.2.9", "0", "");
    let (_, negotiated) = answer(&offer, &local).unwrap();
    assert_eq!(negotiated.direction, Direction::SendOnly);
    let held = plain_offer("192.0.2.9", "0", "a=sendonly\n");
    let (_, negotiated) = answer(&held, &local).unwrap();
    assert_eq!(negotiated.direction, Direction::Inactive);
}

#[test]
fn unusual_payload_types_are_kept() {
    let lines =
        "a=rtpmap:77 PCMA/8000\na=rtpmap:100 L16/16000\na=rtpmap:99 telephone-event/16000\n";
    let offer = plain_offer("192.0.2.9", "100 77 99", lines);
    let (_, negotiated) = answer(&offer, &local()).unwrap();
    let codec = negotiated.codec();
    assert_eq!(codec.format, AudioFormat::new(Encoding::L16, 16_000, 1));
    assert_eq!(codec.send_payload_type, 100);
    assert_eq!(negotiated.telephone_event(16_000).map(|e| e.send_payload_type), Some(99));
    let (_, negotiated) = answer(&offer, &phone()).unwrap();
    assert_eq!(negotiated.codec().send_payload_type, 77);
}

#[test]
fn rtcp_has_the_next_port_unless_it_says_otherwise() {
    let rtcp = |lines: &str| {
        let (_, negotiated) = answer(&plain_offer("192.0.2.9", "0", lines), &phone()).unwrap();
        negotiated.remote_rtcp.unwrap().to_string()
    };
    assert_eq!(rtcp(""), "192.0.2.9:5001");
    assert_eq!(rtcp("a=rtcp:6000\n"), "192.0.2.9:6000");
    assert_eq!(rtcp("a=rtcp:6000 IN IP4 192.0.2.10\n"), "192.0.2.10:6000");
    assert_eq!(rtcp("a=rtcp-mux\n"), "192.0.2.9:5000");
}

#[test]
fn a_port_for_rtcp_of_its_own_is_told() {
    let mut local = phone();
    local.rtcp_port = Some(41_000);
    let (answer, _) = answer(&plain_offer("192.0.2.9", "0", ""), &local).unwrap();
    assert_eq!(answer.media[0].rtcp().map(|rtcp| rtcp.port), Some(41_000));
}

#[test]
fn what_cannot_be_accepted_is_named() {
    let no_audio = "v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\nt=0 0\nm=video 5000 RTP/AVP 96\n";
    let other = plain_offer("192.0.2.9", "0", "").to_string();
    let other = other.replace("RTP/AVP", "TCP/RTP/AVP");
    let disabled = plain_offer("192.0.2.9", "0", "").to_string();
    let disabled = disabled.replace("audio 5000", "audio 0");
    let cases = [
        (parse(no_audio), NegotiationError::NoAudio),
        (parse(&disabled), NegotiationError::NoAudio),
        (plain_offer("192.0.2.9", "3 18", ""), NegotiationError::NoCommonCodec),
        (
            plain_offer("192.0.2.9", "101", "a=rtpmap:101 telephone-event/8000\n"),
            NegotiationError::NoCommonCodec,
        ),
        (parse(&other), NegotiationError::UnsupportedProtocol("TCP/RTP/AVP".to_owned())),
    ];
    for (offer, error) in cases {
        assert_eq!(answer(&offer, &phone()).unwrap_err(), error);
    }
}
