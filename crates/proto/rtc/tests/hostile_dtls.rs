//! Handshakes on a network that does everything to a flight, and peers that do.

mod pair;

use offhook_rtc::{DtlsError, DtlsStack, Incoming, Output};
use pair::{Pair, rtp};
use std::time::Duration;

const STACKS: [DtlsStack; 2] = [DtlsStack::Dimpl, DtlsStack::Openssl];
/// Content types of records.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
/// Bytes of a record's header (RFC 6347 4.1).
const RECORD_HEADER_BYTES: usize = 13;

/// Makes of each datagram of a handshake what arrives.
type Network = fn(usize, Vec<u8>) -> Vec<Vec<u8>>;

/// Both stacks as server, with what a network does; the client is the default one.
fn shake_hands(server: DtlsStack, network: Network) -> Pair {
    let mut pair = Pair::new(false);
    pair.network = network;
    pair.agree_dtls(DtlsStack::Dimpl, server, false);
    pair.advance(Duration::from_secs(40));
    pair
}

#[track_caller]
fn assert_media_flows(pair: &mut Pair, what: &str) {
    let outputs = (&pair.a.outputs, &pair.b.outputs);
    assert!(pair.a.is_connected() && pair.b.is_connected(), "{what}: {outputs:?}");
    let incoming = pair.send_rtp(7, b"the payload");
    assert!(matches!(incoming, Incoming::Rtp { .. }), "{what}: {incoming:?}");
    assert_eq!(pair.b.received.last(), Some(&rtp(7, b"the payload")));
}

/// A record in the clear.
fn record(content_type: u8, version: [u8; 2], sequence: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("it is short").to_be_bytes();
    let mut record = vec![content_type, version[0], version[1], 0, 0, 0, 0, 0, 0, 0, sequence];
    record.extend(length);
    record.extend(content);
    record
}

/// A fragment of a handshake message of this type and total length.
fn fragment(kind: u8, total: usize, offset: usize, body: &[u8]) -> Vec<u8> {
    let three = |number: usize| u32::try_from(number).expect("24 bits").to_be_bytes()[1..].to_vec();
    let mut message = vec![kind];
    message.extend(three(total));
    message.extend([0, 0]);
    message.extend(three(offset));
    message.extend(three(body.len()));
    message.extend(body);
    message
}

#[test]
fn a_handshake_survives_what_networks_do() {
    let networks: [(&str, Network); 3] = [
        ("every datagram twice", |_, datagram| vec![datagram.clone(), datagram]),
        ("a cut copy before each", |_, datagram| {
            vec![datagram[..datagram.len() / 2].to_vec(), datagram]
        }),
        ("a copy without its header before each", |_, datagram| {
            vec![datagram[RECORD_HEADER_BYTES.min(datagram.len())..].to_vec(), datagram]
        }),
    ];
    for server in STACKS {
        for (what, network) in networks {
            let mut pair = shake_hands(server, network);
            assert_media_flows(&mut pair, &format!("{what}, {server:?}"));
        }
    }
}

/// The records of a datagram from the last to the first; one whose end cannot be told stays as it is.
fn reversed(datagram: &[u8]) -> Vec<u8> {
    let mut records = Vec::new();
    let mut rest = datagram;
    while rest.len() > RECORD_HEADER_BYTES && (20..=26).contains(&rest[0]) {
        let length = usize::from(u16::from_be_bytes([rest[11], rest[12]])) + RECORD_HEADER_BYTES;
        if length > rest.len() {
            return datagram.to_vec();
        }
        records.push(&rest[..length]);
        rest = &rest[length..];
    }
    if rest.is_empty() {
        records.into_iter().rev().flatten().copied().collect()
    } else {
        datagram.to_vec()
    }
}

/// What cannot be a handshake ends it with a reason or not at all; it never connects with anything else, and
/// never for ever.
#[test]
fn a_handshake_whose_records_are_forged_ends_or_goes_on() {
    let networks: [(&str, Network); 7] = [
        ("an alert in the clear", |number, datagram| {
            let alert = record(ALERT, [0xfe, 0xfd], 9, &[2, 40]);
            if number == 1 { vec![alert, datagram] } else { vec![datagram] }
        }),
        ("a flipped bit in a copy", |_, mut datagram| {
            let whole = datagram.clone();
            let middle = datagram.len() / 2;
            datagram[middle] ^= 1;
            vec![datagram, whole]
        }),
        ("a flipped bit at the end of each", |number, mut datagram| {
            if number > 3
                && let Some(last) = datagram.last_mut()
            {
                *last ^= 1;
            }
            vec![datagram]
        }),
        ("versions that do not exist", |_, datagram| {
            let forged = record(HANDSHAKE, [0x03, 0x09], 1, &fragment(1, 40, 0, &[9; 40]));
            vec![forged, datagram]
        }),
        ("fragments that overlap and contradict", |_, datagram| {
            let mut forged = Vec::new();
            for (offset, fill) in [(0, 1), (10, 2), (5, 3), (39, 4), (0, 5)] {
                let body = vec![fill; 30];
                forged.push(record(HANDSHAKE, [0xfe, 0xfd], fill, &fragment(1, 60, offset, &body)));
            }
            forged.push(datagram);
            forged
        }),
        ("a message of sixteen megabytes", |_, datagram| {
            let forged = fragment(1, 0xff_ffff, 0xff_0000, &[7; 200]);
            vec![record(HANDSHAKE, [0xfe, 0xfd], 3, &forged), datagram]
        }),
        ("a cookie that fills the record", |number, datagram| {
            // HelloVerifyRequest (RFC 6347 4.2.1): version, and a cookie of 255 bytes.
            let mut body = vec![0xfe, 0xff, 255];
            body.extend([0xaa; 255]);
            let forged = record(HANDSHAKE, [0xfe, 0xff], 0, &fragment(3, body.len(), 0, &body));
            if number < 4 { vec![forged, datagram] } else { vec![datagram] }
        }),
    ];
    for server in STACKS {
        for (what, network) in networks {
            let pair = shake_hands(server, network);
            for side in [&pair.a, &pair.b] {
                let has_failed =
                    side.outputs.iter().any(|output| matches!(output, Output::DtlsFailed(_)));
                assert!(
                    has_failed || side.is_connected(),
                    "{what}, {server:?}: {:?}",
                    side.outputs
                );
                assert!(side.outputs.len() <= 2, "{what}, {server:?}: {:?}", side.outputs);
            }
        }
    }
}

/// Nobody who cannot see the keys ends a call that runs.
#[test]
fn records_in_the_clear_do_not_end_an_association() {
    for server in STACKS {
        let mut pair = shake_hands(server, |_, datagram| vec![datagram]);
        let stranger = "203.0.113.6:6666".parse().expect("an address");
        for (sequence, source) in (0..100).zip([pair.a.address, stranger].into_iter().cycle()) {
            for forged in [
                record(ALERT, [0xfe, 0xfd], sequence, &[2, 40]),
                record(ALERT, [0xfe, 0xfd], sequence, &[1, 0]),
                record(HANDSHAKE, [0xfe, 0xfd], sequence, &fragment(1, 60, 0, &[1; 60])),
                record(20, [0xfe, 0xfd], sequence, &[1]),
                record(23, [0xfe, 0xfd], sequence, &[0x55; 64]),
            ] {
                pair.deliver_rtp(source, forged);
            }
        }
        pair.advance(Duration::from_secs(5));
        assert_media_flows(&mut pair, &format!("{server:?}"));
    }
}

/// OpenSSL repeats a flight by a clock of its own, which does not run here; the other stack shows it.
#[test]
fn flights_in_the_wrong_order_are_put_right() {
    let network: Network = |number, datagram| match number {
        0..4 => vec![reversed(&datagram)],
        _ => vec![datagram],
    };
    let mut pair = shake_hands(DtlsStack::Dimpl, network);
    assert_media_flows(&mut pair, "reversed");
}

/// A client is told of an alert by its name.
#[test]
fn an_alert_before_the_keys_is_named() {
    let mut pair = Pair::new(false);
    pair.network = |number, datagram| match number {
        0 => vec![datagram],
        _ => vec![record(ALERT, [0xfe, 0xfd], 9, &[2, 71])],
    };
    pair.agree_dtls(DtlsStack::Openssl, DtlsStack::Dimpl, false);
    let failures = |outputs: &[Output]| {
        let reasons = outputs.iter().filter_map(|output| match output {
            Output::DtlsFailed(error) => Some(error.to_string()),
            _ => None,
        });
        reasons.collect::<Vec<_>>()
    };
    pair.advance(Duration::from_secs(1));
    let (a, b) = (failures(&pair.a.outputs), failures(&pair.b.outputs));
    let named = DtlsError::Alert(71).to_string();
    assert!(a.contains(&named) || b.contains(&named), "{a:?} {b:?}");
}
