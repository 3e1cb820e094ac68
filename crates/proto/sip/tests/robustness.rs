//! Whatever arrives: no panic, and what is not touched leaves as it came.

use offhook_sip::{Uri, fuzz};
use proptest::collection::vec;
use proptest::prelude::*;

const INVITE: &str = include_str!("data/invite_1300.sip");

/// A real message with some bytes changed, removed or repeated.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..4_u8);
    vec(change, 1..12).prop_map(|changes| {
        let mut raw = INVITE.as_bytes().to_vec();
        for (at, byte, kind) in changes {
            let at = at.index(raw.len());
            match kind {
                0 => raw[at] = byte,
                1 => drop(raw.remove(at)),
                2 => raw.insert(at, byte),
                _ => raw.insert(at, b"\r\n;,<>\"\\: @"[usize::from(byte) % 11]),
            }
        }
        raw
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(raw in vec(any::<u8>(), 0..600)) {
        fuzz::message(&raw);
    }

    #[test]
    fn mutated_messages_never_panic(raw in mutated()) {
        fuzz::message(&raw);
    }

    #[test]
    fn a_stream_gives_the_same_frames_however_it_is_cut(raw in mutated(), size in any::<u8>()) {
        fuzz::stream(&[&[size], &raw[..]].concat());
    }

    #[test]
    fn typed_views_never_panic(text in "\\PC{0,80}|[ \\r\\n\\t;,<>\"\\\\:@=%*a-z0-9]{0,80}") {
        fuzz::uri(text.as_bytes());
    }

    #[test]
    fn a_uri_prints_as_it_was_read(user in "[a-zA-Z0-9_.!~*'()&=+$,;?/-]{1,20}", port in any::<u16>()) {
        let text = format!("sip:{user}@example.org:{port};transport=tcp");
        let uri = Uri::parse(&text).expect("well-formed");
        prop_assert_eq!(uri.to_string(), text.clone());
        prop_assert_eq!((uri.user(), uri.port()), (Some(user.as_str()), Some(port)));
        prop_assert!(uri.is_equivalent(&Uri::parse(&text).expect("well-formed")));
    }
}
