//! Offers of this side and their answers: policy, payload types each way, renegotiation.

mod peer;

use offhook_sdp::{
    AudioFormat, CryptoSuite, Direction, DtlsRole, LocalMedia, Negotiated, NegotiationError,
    OfferPolicy, OfferSecurity, Protocol, Security, Session, SessionDescription, Setup,
    accept_answer, answer, offer,
};
use peer::{CHROMIUM, CHROMIUM_VIDEO, formats, local, parse, phone};

fn without_ice() -> LocalMedia {
    LocalMedia { ice: None, ..local() }
}

/// Offers with `policy`, answers with `other` and gives both sides' outcome.
fn exchange(
    local: &LocalMedia,
    policy: &OfferPolicy,
    other: &LocalMedia,
) -> (SessionDescription, Negotiated, Negotiated) {
    let offered = offer(local, policy).expect("an offer");
    let (answered, theirs) = answer(&parse(&offered.to_string()), other).expect("an answer");
    let ours = accept_answer(&offered, &parse(&answered.to_string())).expect("agreement");
    (offered, ours, theirs)
}

#[test]
fn a_plain_offer_suits_a_phone() {
    let (offered, ours, theirs) = exchange(&without_ice(), &OfferPolicy::plain(), &phone());
    let expected = [
        "111 opus/48000/2",
        "9 G722/8000",
        "8 PCMA/8000",
        "0 PCMU/8000",
        "118 L16/16000",
        "101 telephone-event/8000",
        "127 telephone-event/16000",
        "126 telephone-event/48000",
    ];
    assert_eq!(formats(&offered), expected);
    let (_, section) = offered.audio().unwrap();
    assert_eq!(section.protocol, Protocol::RtpAvp);
    for absent in ["mid", "ice-ufrag", "fingerprint", "crypto", "setup"] {
        assert!(!section.has(absent), "{absent}");
    }
    assert_eq!(ours.security, Security::Plain);
    assert_eq!(ours.codec().format, AudioFormat::PCMA);
    assert_eq!(theirs.codec().format, AudioFormat::PCMA);
    assert_eq!(ours.remote_rtp, Some("192.0.2.60:40000".parse().unwrap()));
    assert_eq!(ours.telephone_event(8_000).map(|e| e.send_payload_type), Some(101));
    assert!(ours.rtcp_mux && theirs.rtcp_mux);
}

#[test]
fn sdes_keys_cross() {
    let mut other = without_ice();
    other.sdes = Some(offhook_sdp::LocalSdes::new([9; 46]));
    let (offered, ours, theirs) = exchange(&without_ice(), &OfferPolicy::sdes(), &other);
    let suites: Vec<_> = offered.media[0].crypto().iter().map(|line| line.suite).collect();
    assert_eq!(suites, other.sdes.as_ref().unwrap().suites);
    assert_eq!(offered.media[0].protocol, Protocol::RtpSavp);
    let (Security::Sdes { suite, send, receive }, Security::Sdes { send: s, receive: r, .. }) =
        (&ours.security, &theirs.security)
    else {
        panic!("SDES on both sides");
    };
    assert_eq!(*suite, CryptoSuite::AesCm128HmacSha1_80);
    assert_eq!((send, receive), (r, s));
    assert_ne!(send, receive);
}

#[test]
fn of_both_kinds_of_keys_the_answer_takes_the_one_it_knows() {
    let policy = OfferPolicy::sdes_or_dtls();
    let with = |sdes: bool, dtls: bool| LocalMedia {
        sdes: without_ice().sdes.filter(|_| sdes),
        fingerprint: local().fingerprint.filter(|_| dtls),
        ..without_ice()
    };
    let (offered, ours, _) = exchange(&with(true, true), &policy, &with(true, false));
    assert_eq!(offered.media[0].protocol, Protocol::RtpSavp);
    assert!(matches!(ours.security, Security::Sdes { .. }));
    let (_, ours, theirs) = exchange(&with(true, true), &policy, &with(false, true));
    assert!(matches!(ours.security, Security::Dtls { .. }));
    assert!(matches!(theirs.security, Security::Dtls { .. }));
    let missing = offhook_sdp::offer(&with(true, false), &policy);
    assert_eq!(missing.err(), Some(NegotiationError::SecurityUnavailable));
}

#[test]
fn dtls_roles_are_opposite() {
    let full = LocalMedia {
        ice: local().ice.map(|ice| offhook_sdp::LocalIce { lite: false, ..ice }),
        ..local()
    };
    let (offered, ours, theirs) = exchange(&local(), &OfferPolicy::dtls(), &full);
    let (_, section) = offered.audio().unwrap();
    assert_eq!(section.protocol, Protocol::DtlsSavpf);
    assert_eq!(offered.setup(section), Some(Setup::ActPass));
    assert_eq!(offered.bundles()[0].mids, ["0"]);
    assert!(matches!(ours.security, Security::Dtls { role: DtlsRole::Client, .. }));
    assert!(matches!(theirs.security, Security::Dtls { role: DtlsRole::Server, .. }));
    assert!(ours.bundled && theirs.bundled);
    assert!(theirs.ice.is_some_and(|ice| ice.lite));
    assert!(ours.ice.is_some_and(|ice| !ice.lite));
}

#[test]
fn optional_keys_in_a_plain_profile_are_taken_or_left() {
    let policy = OfferPolicy::new(Protocol::RtpAvp, OfferSecurity::Sdes);
    let (_, ours, _) = exchange(&without_ice(), &policy, &without_ice());
    assert!(matches!(ours.security, Security::Sdes { .. }));
    let (_, ours, _) = exchange(&without_ice(), &policy, &phone());
    assert_eq!(ours.security, Security::Plain);
}

#[test]
fn an_answer_may_use_payload_types_of_its_own() {
    let offered = offer(&without_ice(), &OfferPolicy::plain()).unwrap();
    let answer = parse(
        "v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\n\
         m=audio 5000 RTP/AVP 96 97\na=rtpmap:96 opus/48000/2\na=fmtp:96 stereo=1\n\
         a=rtpmap:97 telephone-event/48000\n",
    );
    let negotiated = accept_answer(&offered, &answer).unwrap();
    let codec = negotiated.codec();
    assert_eq!((codec.send_payload_type, codec.receive_payload_type), (96, 111));
    assert_eq!(
        (codec.remote_fmtp.as_str(), codec.local_fmtp.as_str()),
        ("stereo=1", "useinbandfec=1")
    );
    let event = negotiated.telephone_event(48_000).unwrap();
    assert_eq!((event.send_payload_type, event.receive_payload_type), (97, 126));
    assert_eq!(negotiated.received_event(126), Some(event));
}

#[test]
fn answers_that_do_not_fit_are_refused() {
    let head = "v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\n";
    let cases = [
        ("", NegotiationError::SectionMismatch),
        ("m=video 4000 RTP/SAVP 0\n", NegotiationError::SectionMismatch),
        ("m=audio 0 RTP/SAVP 0\n", NegotiationError::AudioRefused),
        ("m=audio 4000 RTP/SAVP 3\n", NegotiationError::NoCommonCodec),
        ("m=audio 4000 RTP/SAVP 0\n", NegotiationError::SecurityUnavailable),
    ];
    let offered = offer(&without_ice(), &OfferPolicy::sdes()).unwrap();
    for (section, error) in cases {
        let answer = parse(&format!("{head}{section}"));
        assert_eq!(accept_answer(&offered, &answer), Err(error), "{section}");
    }
}

#[test]
fn an_answer_with_a_foreign_tag_has_no_keys() {
    let offered = offer(&without_ice(), &OfferPolicy::sdes()).unwrap();
    let (answered, _) = answer(&offered, &without_ice()).unwrap();
    let text = answered.to_string().replace("a=crypto:1", "a=crypto:9");
    let error = accept_answer(&offered, &parse(&text)).unwrap_err();
    assert_eq!(error, NegotiationError::SecurityUnavailable);
}

#[test]
fn a_policy_without_its_keys_makes_no_offer() {
    for policy in [OfferPolicy::sdes(), OfferPolicy::dtls()] {
        let error = offer(&phone(), &policy).unwrap_err();
        assert_eq!(error, NegotiationError::SecurityUnavailable);
    }
}

#[test]
fn colliding_payload_types_are_moved() {
    let mut local = without_ice();
    local.codecs = vec![
        offhook_sdp::LocalCodec::new(AudioFormat::OPUS, 101),
        offhook_sdp::LocalCodec::new(AudioFormat::new(offhook_sdp::Encoding::L16, 8_000, 1), 101),
    ];
    let offered = offer(&local, &OfferPolicy::plain()).unwrap();
    let mut payload_types: Vec<_> = offered.media[0].formats.clone();
    assert_eq!(payload_types.len(), 4);
    payload_types.sort();
    payload_types.dedup();
    assert_eq!(payload_types.len(), 4);
}

#[test]
fn hold_and_resume_from_this_side() {
    let mut session = Session::new(42);
    let mut peer = Session::new(7);
    let policy = OfferPolicy::plain();
    let mut media = without_ice();
    let mut versions = Vec::new();
    for (direction, expected) in [
        (Direction::SendRecv, Direction::SendRecv),
        (Direction::SendOnly, Direction::RecvOnly),
        (Direction::SendRecv, Direction::SendRecv),
        (Direction::SendRecv, Direction::SendRecv),
    ] {
        media.direction = direction;
        let offered = session.offer(&media, &policy).unwrap();
        let (answered, theirs) = peer.answer(&offered, &phone()).unwrap();
        let ours = session.handle_answer(&answered).unwrap();
        assert_eq!((ours.direction, theirs.direction), (direction, expected));
        assert_eq!(offered.origin.session_id, "42");
        versions.push(offered.origin.version.clone());
    }
    assert_eq!(versions, ["0", "1", "2", "2"]);
}

#[test]
fn an_offer_after_a_browsers_keeps_order_mids_and_payload_types() {
    let mut session = Session::new(42);
    let (_, first) = session.answer(&parse(CHROMIUM_VIDEO), &local()).unwrap();
    let mut media = local();
    media.codecs.rotate_left(1);
    media.codecs[0].payload_type = 9;
    let offered = session.offer(&media, &OfferPolicy::like(&first)).unwrap();
    let sections: Vec<_> = offered.media.iter().map(|s| (s.mid().unwrap(), s.port)).collect();
    assert_eq!(sections, [("video0", 0), ("audio1", 30_000), ("data2", 0)]);
    assert_eq!(offered.bundles()[0].mids, ["audio1"]);
    let audio = &offered.media[1];
    assert_eq!(audio.rtpmap(111).unwrap().encoding, "opus");
    assert_eq!(audio.rtpmap(110).unwrap().to_string(), "110 telephone-event/48000");
    assert_eq!(offered.origin.version, "1");
    assert_eq!(audio.protocol, Protocol::DtlsSavpf);
}

#[test]
fn a_dtls_client_stays_client_when_the_peer_offers() {
    let (mut session, mut peer) = (Session::new(42), Session::new(7));
    let offered = session.offer(&local(), &OfferPolicy::dtls()).unwrap();
    let (answered, _) = peer.answer(&offered, &local()).unwrap();
    let ours = session.handle_answer(&answered).unwrap();
    assert!(matches!(ours.security, Security::Dtls { role: DtlsRole::Client, .. }));
    let offered = peer.offer(&local(), &OfferPolicy::dtls()).unwrap();
    let (answered, ours) = session.answer(&offered, &local()).unwrap();
    assert!(matches!(ours.security, Security::Dtls { role: DtlsRole::Client, .. }));
    let theirs = peer.handle_answer(&answered).unwrap();
    assert!(matches!(theirs.security, Security::Dtls { role: DtlsRole::Server, .. }));
}

#[test]
fn a_refused_offer_leaves_the_session_as_it_was() {
    let mut session = Session::new(42);
    let (first, negotiated) = session.answer(&parse(CHROMIUM), &local()).unwrap();
    let mut held = local();
    held.direction = Direction::SendOnly;
    session.offer(&held, &OfferPolicy::like(&negotiated)).unwrap();
    assert!(session.is_offer_pending());
    session.handle_refusal();
    assert!(!session.is_offer_pending());
    assert_eq!(session.local(), Some(&first));
    assert_eq!(session.negotiated(), Some(&negotiated));
    let again = session.offer(&held, &OfferPolicy::like(&negotiated)).unwrap();
    assert_eq!(again.origin.version, "2");
}

#[test]
fn crossing_offers_and_stray_answers_are_errors() {
    let mut session = Session::new(42);
    let stray = session.handle_answer(&parse(CHROMIUM)).unwrap_err();
    assert_eq!(stray, NegotiationError::NoOffer);
    session.offer(&local(), &OfferPolicy::dtls()).unwrap();
    let glare = session.answer(&parse(CHROMIUM), &local()).unwrap_err();
    assert_eq!(glare, NegotiationError::OfferPending);
    let twice = session.offer(&local(), &OfferPolicy::dtls()).unwrap_err();
    assert_eq!(twice, NegotiationError::OfferPending);
}

#[test]
fn another_branch_of_a_fork_may_answer_too() {
    let mut session = Session::new(42);
    let offered = session.offer(&without_ice(), &OfferPolicy::plain()).unwrap();
    let (early, _) = answer(&offered, &phone()).unwrap();
    session.handle_answer(&early).unwrap();
    let elsewhere = LocalMedia { port: 50_000, ..phone() };
    let (answered, _) = answer(&offered, &elsewhere).unwrap();
    let negotiated = session.handle_answer(&answered).unwrap();
    assert_eq!(negotiated.remote_rtp.map(|address| address.port()), Some(50_000));
}
