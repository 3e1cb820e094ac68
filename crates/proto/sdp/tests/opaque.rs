//! Sections that are passed on: descriptions of somebody else with another transport.

use offhook_sdp::{
    Candidate, Direction, DtlsRole, Fingerprint, LocalIce, LocalMedia, LocalSdes, NegotiationError,
    OfferPolicy, OfferSecurity, Protocol, Security, Session, SessionDescription,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n";
const VIDEO: &str = "m=video 4000/2 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 10.0.0.7\r\na=mid:v\r\n\
    a=rtpmap:96 VP8/90000\r\na=x-odd:  1\r\na=setup:actpass\r\na=fingerprint:sha-256 AA\r\n\
    a=ice-ufrag:theirs\r\na=ice-pwd:theirs-theirs-theirs-th\r\na=candidate:1 1 udp 1 10.0.0.7 4000 typ host\r\n\
    a=rtcp-mux\r\na=ssrc:1 cname:x\r\n";

fn parsed(lines: &str) -> SessionDescription {
    SessionDescription::parse(format!("{HEAD}{lines}").as_bytes()).expect("a description")
}

fn local(port: u16) -> LocalMedia {
    let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let candidate = Candidate::host(SocketAddr::new(address, port), 1, 65_535);
    LocalMedia {
        fingerprint: Some(Fingerprint { algorithm: "sha-256".to_owned(), digest: vec![1; 32] }),
        sdes: Some(LocalSdes::new([7; 46])),
        ice: Some(LocalIce {
            ufrag: "ours".to_owned(),
            pwd: "ours-ours-ours-ours-ours".to_owned(),
            lite: true,
            candidates: vec![candidate],
        }),
        ..LocalMedia::new(address, port)
    }
}

fn protocols(protocol: &str) -> OfferPolicy {
    let protocol = Protocol::from(protocol);
    let security = match protocol {
        Protocol::DtlsSavp | Protocol::DtlsSavpf => OfferSecurity::Dtls,
        Protocol::RtpSavp | Protocol::RtpSavpf => OfferSecurity::Sdes,
        _ => OfferSecurity::Plain,
    };
    OfferPolicy::new(protocol, security)
}

#[test]
fn an_offer_keeps_every_line_but_those_of_its_transport() {
    let mut session = Session::new(1);
    let policy = protocols("UDP/TLS/RTP/SAVPF");
    let offer = session.offer_opaque(&parsed(VIDEO), &local(5_000), &policy).expect("an offer");
    let text = offer.to_string();
    let section = text.split_once("m=").expect("a section").1;
    let kept = "video 5000 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:v\r\na=rtpmap:96 VP8/90000\r\n\
        a=x-odd:  1\r\na=ssrc:1 cname:x\r\na=rtcp-mux\r\na=ice-ufrag:ours\r\n";
    assert!(section.starts_with(kept), "{text}");
    assert!(section.contains("a=setup:actpass\r\n") && text.contains("a=ice-lite\r\n"), "{text}");
    assert!(
        !text.contains("theirs") && !text.contains("10.0.0.") && !text.contains("AA"),
        "{text}"
    );
}

#[test]
fn two_sides_agree_on_a_transport_whatever_the_formats_are() {
    let (mut ours, mut theirs) = (Session::new(1), Session::new(2));
    let policy = protocols("UDP/TLS/RTP/SAVPF");
    let offer = ours.offer_opaque(&parsed(VIDEO), &local(5_000), &policy).expect("an offer");
    let like = VIDEO.replace("a=mid:v\r\n", "a=mid:other\r\na=recvonly\r\n").replace("96 97", "99");
    let answered = theirs.answer_opaque(&offer, &parsed(&like), &local(6_000));
    let (answer, theirs) = answered.expect("an answer");
    let text = answer.to_string();
    assert!(text.contains("m=video 6000 UDP/TLS/RTP/SAVPF 99\r\n"), "{text}");
    assert!(text.contains("a=mid:v\r\n") && !text.contains("a=mid:other"), "{text}");
    let ours = ours.handle_opaque_answer(&answer).expect("an agreement").clone();
    assert_eq!(ours.remote_rtp, Some("192.0.2.1:6000".parse().expect("an address")));
    assert_eq!(theirs.remote_rtp, Some("192.0.2.1:5000".parse().expect("an address")));
    assert!(ours.rtcp_mux && ours.ice.is_some() && theirs.ice.is_some());
    assert!(matches!(ours.security, Security::Dtls { role: DtlsRole::Client, .. }), "{ours:?}");
    assert!(matches!(theirs.security, Security::Dtls { role: DtlsRole::Server, .. }));
}

#[test]
fn a_direction_of_the_session_part_stays() {
    let like = SessionDescription::parse(
        format!("{HEAD}a=sendonly\r\nm=video 4000 RTP/AVP 96\r\n").as_bytes(),
    );
    let like = like.expect("a description");
    let offer = Session::new(1).offer_opaque(&like, &local(5_000), &protocols("RTP/AVP"));
    let offer = offer.expect("an offer");
    assert_eq!(offer.direction(&offer.media[0]), Direction::SendOnly);
    assert_eq!(offer.to_string().matches("sendonly").count(), 1);
}

#[test]
fn datagrams_keep_the_association_of_their_ends() {
    let channel = "a=fingerprint:sha-256 AA\r\na=setup:actpass\r\n\
        m=application 4000 UDP/DTLS/SCTP webrtc-datachannel\r\na=ice-ufrag:theirs\r\n\
        a=ice-pwd:theirs-theirs-theirs-th\r\na=sctp-port:5000\r\n";
    let mut session = Session::new(1);
    let offer = session.offer_opaque(&parsed(channel), &local(5_000), &protocols("RTP/AVP"));
    let text = offer.expect("an offer").to_string();
    for line in ["a=fingerprint:sha-256 AA\r\n", "a=setup:actpass\r\n", "a=ice-ufrag:ours\r\n"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains("rtcp"), "{text}");
    let fax = parsed("m=image 4000 udptl t38\r\na=T38FaxVersion:0\r\n");
    let answered = Session::new(2).answer_opaque(&fax, &fax, &local(6_000));
    let (answer, transport) = answered.expect("an answer");
    let expected = "m=image 6000 udptl t38\r\na=T38FaxVersion:0\r\n";
    assert!(answer.to_string().ends_with(expected), "{answer}");
    assert_eq!((transport.security, transport.ice), (Security::Plain, None));
}

#[test]
fn what_cannot_be_passed_on_is_refused() {
    let refused = |lines: &str, policy: &OfferPolicy| {
        let offer = Session::new(1).offer_opaque(&parsed(lines), &local(5_000), policy);
        offer.expect_err("no offer")
    };
    let text = "m=message 4000 TCP/MSRP *\r\n";
    let unsupported = NegotiationError::UnsupportedProtocol("TCP/MSRP".to_owned());
    assert_eq!(refused(text, &protocols("TCP/MSRP")), unsupported);
    assert_eq!(
        refused("m=video 0 RTP/AVP 96\r\n", &protocols("RTP/AVP")),
        NegotiationError::NoSection
    );
    let mut session = Session::new(1);
    let video = parsed("m=video 4000 RTP/SAVP 96\r\n");
    session.offer_opaque(&video, &local(5_000), &protocols("RTP/SAVP")).expect("an offer");
    let unprotected = session.handle_opaque_answer(&parsed("m=video 4000 RTP/SAVP 96\r\n"));
    assert_eq!(unprotected.expect_err("keys are missing"), NegotiationError::SecurityUnavailable);
    let other = session.handle_opaque_answer(&parsed("m=audio 4000 RTP/SAVP 96\r\n"));
    assert_eq!(other.expect_err("another kind"), NegotiationError::SectionMismatch);
}
