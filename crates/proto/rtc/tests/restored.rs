//! A side that is made again from what was noted of it, in the middle of the media.

mod pair;

use offhook_rtc::{
    DtlsStack, IceLocal, Identity, Incoming, MasterKey, Peer, PeerConfig, PeerSnapshot, Refusal,
    Remote, Security,
};
use offhook_rtp::{PassedOn, SentSince, SrtpProfile};
use offhook_sdp::DtlsRole;
use pair::{Pair, Side};
use std::time::{Duration, Instant};

/// Packets that may have been sent since the snapshot.
const PACKETS_SINCE: u32 = 300;

/// The side as another process would make it: from its certificate, its description's credentials, what it
/// knows of the other, and the snapshot.
fn restart(side: &mut Side, remote: &Remote, with_ice: bool, now: Instant) {
    let pem = side.identity.to_pem().expect("a certificate");
    let identity = Identity::from_pem(&pem).expect("the same one");
    restart_with(side, identity, remote, with_ice, now);
}

fn restart_with(
    side: &mut Side,
    identity: Identity,
    remote: &Remote,
    with_ice: bool,
    now: Instant,
) {
    let snapshot = side.peer.snapshot();
    side.identity = identity;
    let ice = with_ice.then(|| IceLocal {
        credentials: side.credentials.clone(),
        candidates: vec![side.address],
        tie_breaker: 99,
    });
    let config = PeerConfig { identity: side.identity.clone(), ice };
    let (packets, passed_on) = (PACKETS_SINCE, PassedOn::Nothing);
    let since = SentSince { packets, reports: packets, passed_on };
    let made = Peer::restore(config, Some(remote), &snapshot, &since, now);
    side.peer = made.expect("the keys fit");
    side.outputs.clear();
}

fn dtls(side: &Side, role: DtlsRole, stack: DtlsStack) -> Security {
    Security::Dtls { role, stack, fingerprints: vec![side.fingerprint()] }
}

/// What each side knows of the other: `a` is the DTLS client and, with ICE, the full agent.
fn remotes(pair: &Pair, stack: DtlsStack, ice: bool) -> (Remote, Remote) {
    let of_b = pair.b.remote(dtls(&pair.b, DtlsRole::Client, stack), ice.then_some(true));
    let of_a = pair.a.remote(dtls(&pair.a, DtlsRole::Server, stack), ice.then_some(false));
    (of_b, of_a)
}

fn assert_arrives(pair: &mut Pair, sequence: u16) {
    let incoming = pair.send_rtp(sequence, b"the payload");
    assert!(matches!(incoming, Incoming::Rtp { .. }), "{sequence}: {incoming:?}");
}

#[test]
fn media_goes_on_after_either_side_was_restarted() {
    for stack in [DtlsStack::Dimpl, DtlsStack::Openssl] {
        for ice in [false, true] {
            let mut pair = Pair::new(ice);
            let (of_b, of_a) = remotes(&pair, stack, ice);
            pair.agree_dtls(stack, stack, ice);
            pair.advance(Duration::from_secs(3));
            assert_arrives(&mut pair, 7);
            let now = pair.now;
            restart(&mut pair.b, &of_a, ice, now);
            assert!(pair.b.peer.is_connected());
            assert_arrives(&mut pair, 8);
            assert!(matches!(
                pair.deliver_rtp(pair.a.address, pair::rtp(9, b"in the clear")),
                Incoming::Refused(Refusal::Authentication | Refusal::Malformed)
            ));
            restart(&mut pair.a, &of_b, ice, now);
            assert_arrives(&mut pair, 9 + PACKETS_SINCE as u16);
            pair.advance(Duration::from_secs(40));
            assert_arrives(&mut pair, 10 + PACKETS_SINCE as u16);
            let said = [&pair.a.outputs, &pair.b.outputs];
            assert!(said.iter().all(|outputs| outputs.is_empty()), "{stack:?} {ice}: {said:?}");
        }
    }
}

#[test]
fn the_same_description_again_keeps_the_keys_and_another_fingerprint_makes_new_ones() {
    let mut pair = Pair::new(false);
    let stack = DtlsStack::Openssl;
    let (of_b, of_a) = remotes(&pair, stack, false);
    pair.agree(&of_b, &of_a);
    pair.advance(Duration::from_secs(2));
    let now = pair.now;
    restart(&mut pair.b, &of_a, false, now);
    pair.b.peer.set_remote(&of_a, now).expect("keys fit");
    assert_arrives(&mut pair, 1);

    pair.a.identity = Identity::generate().expect("a certificate");
    let config = PeerConfig { identity: pair.a.identity.clone(), ice: None };
    pair.a.peer = Peer::new(config);
    let (of_b, of_a) = remotes(&pair, stack, false);
    pair.agree(&of_b, &of_a);
    pair.advance(Duration::from_secs(2));
    assert_arrives(&mut pair, 1);
}

#[test]
fn a_certificate_of_ours_that_was_replaced_begins_another_association_with_the_next_description() {
    for stack in [DtlsStack::Dimpl, DtlsStack::Openssl] {
        for ice in [false, true] {
            let mut pair = Pair::new(ice);
            let (of_b, of_a) = remotes(&pair, stack, ice);
            pair.agree(&of_b, &of_a);
            pair.advance(Duration::from_secs(3));
            assert_arrives(&mut pair, 7);
            let now = pair.now;
            restart_with(&mut pair.b, Identity::generate().expect("one"), &of_a, ice, now);
            assert_arrives(&mut pair, 8);
            let (of_b, of_a) = remotes(&pair, stack, ice);
            pair.agree(&of_b, &of_a);
            pair.advance(Duration::from_secs(3));
            assert_arrives(&mut pair, 7);
            pair.agree(&of_b, &of_a);
            assert_arrives(&mut pair, 9);
        }
    }
}

#[test]
fn what_is_said_on_an_association_of_another_process_is_harmless() {
    let mut pair = Pair::new(false);
    let (of_b, of_a) = remotes(&pair, DtlsStack::Dimpl, false);
    pair.agree(&of_b, &of_a);
    pair.advance(Duration::from_secs(2));
    let now = pair.now;
    restart(&mut pair.b, &of_a, false, now);
    // A close_notify in the clear, and a handshake record of nobody.
    for record in [
        vec![21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0],
        vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1],
    ] {
        assert_eq!(pair.deliver_rtp(pair.a.address, record), Incoming::Control);
    }
    pair.advance(Duration::from_secs(30));
    assert_eq!(pair.b.outputs, []);
    assert_arrives(&mut pair, 1);
}

#[test]
fn keys_of_descriptions_go_on_and_the_address_stays_learnt() {
    let profile = SrtpProfile::AesCm128HmacSha1_80;
    let key = |byte| MasterKey { profile, key_and_salt: vec![byte; 30] };
    let sdes = |send, receive| Security::Sdes { send: key(send), receive: key(receive) };
    for (security_a, security_b) in [(sdes(1, 2), sdes(2, 1)), (Security::Plain, Security::Plain)] {
        let is_plain = security_a == Security::Plain;
        let mut pair = Pair::new(false);
        let of_b = pair.b.remote(security_a, None);
        // Behind NAT: the description of `a` names another address.
        let described = Some("10.0.0.1:4000".parse().expect("an address"));
        let of_a = Remote { rtp: described, ..pair.a.remote(security_b, None) };
        pair.agree(&of_b, &of_a);
        assert_arrives(&mut pair, 65_535);
        assert_arrives(&mut pair, 0);
        let now = pair.now;
        restart(&mut pair.b, &of_a, false, now);
        assert_eq!(pair.b.peer.destination(), Some(pair.a.address));
        assert_arrives(&mut pair, 1);
        let stranger = "198.51.100.9:9".parse().expect("an address");
        let incoming = pair.deliver_rtp(stranger, pair::rtp(2, b"x"));
        let why = if is_plain { Refusal::Source } else { Refusal::Malformed };
        assert!(
            matches!(incoming, Incoming::Refused(refusal) if refusal == why || !is_plain),
            "{incoming:?}"
        );
    }
}

#[test]
fn a_handshake_that_had_not_ended_begins_anew() {
    let mut pair = Pair::new(false);
    let (of_b, of_a) = remotes(&pair, DtlsStack::Openssl, false);
    pair.b.peer.set_remote(&of_a, pair.now).expect("keys fit");
    let now = pair.now;
    restart(&mut pair.b, &of_a, false, now);
    pair.a.peer.set_remote(&of_b, pair.now).expect("keys fit");
    pair.advance(Duration::from_secs(2));
    assert!(pair.a.is_connected() && pair.b.is_connected());
    assert_arrives(&mut pair, 1);
}

#[test]
fn a_snapshot_shows_no_key() {
    let mut pair = Pair::new(false);
    let (of_b, of_a) = remotes(&pair, DtlsStack::Dimpl, false);
    pair.agree(&of_b, &of_a);
    pair.advance(Duration::from_secs(2));
    let snapshot: PeerSnapshot = pair.a.peer.snapshot();
    let shown = format!("{snapshot:?}");
    assert!(!shown.contains("key_and_salt") && shown.contains("MasterKey("), "{shown}");
}

#[test]
fn a_certificate_that_was_kept_is_the_same_and_its_end_is_known() {
    let identity = Identity::generate().expect("a certificate");
    let again = Identity::from_pem(&identity.to_pem().expect("PEM")).expect("the same one");
    assert_eq!(identity.digest(), again.digest());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now_s = i64::try_from(now.expect("after 1970").as_secs()).expect("a date");
    assert!((360..=366).contains(&again.days_left(now_s).expect("a date")));
    let other = Identity::generate().expect("a certificate").to_pem().expect("PEM");
    let certificate = other.split("-----BEGIN CERTIFICATE").nth(1).expect("two parts");
    let key = identity.to_pem().expect("PEM");
    let key = key.split("-----BEGIN CERTIFICATE").next().expect("two parts").to_owned();
    let mixed = format!("{key}-----BEGIN CERTIFICATE{certificate}");
    assert!(Identity::from_pem(&mixed).is_err());
    assert!(Identity::from_pem("nothing").is_err());
}
