//! Nothing that comes from the network makes the parser panic, and what it prints it reads.

use offhook_ng::{BodyError, Encoding, Message, Request, Value};
use proptest::prelude::*;
use std::borrow::Cow;

fn value() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::Integer),
        any::<Vec<u8>>().prop_map(|bytes| Value::Text(Cow::Owned(bytes))),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::List),
            proptest::collection::vec((any::<Vec<u8>>(), inner), 0..8).prop_map(dictionary),
        ]
    })
}

fn dictionary(entries: Vec<(Vec<u8>, Value<'static>)>) -> Value<'static> {
    Value::Dictionary(entries.into_iter().map(|(key, value)| (Cow::Owned(key), value)).collect())
}

fn text_value() -> impl Strategy<Value = Value<'static>> {
    let leaf =
        prop_oneof![any::<i64>().prop_map(Value::Integer), any::<String>().prop_map(Value::text),];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::List),
            proptest::collection::btree_map(any::<String>(), inner, 0..8).prop_map(|entries| {
                dictionary(entries.into_iter().map(|(k, v)| (k.into_bytes(), v)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in any::<Vec<u8>>()) {
        offhook_ng::fuzz(&bytes);
    }

    #[test]
    fn any_bytes_behind_a_beginning_are_read_or_refused(
        bytes in "(c d|c \\{|d|\\{)[dl0-9ie:\"\\[\\]{},a]{0,60}",
    ) {
        offhook_ng::fuzz(bytes.as_bytes());
    }

    #[test]
    fn bencode_is_read_as_it_was_printed(
        entries in proptest::collection::vec((any::<Vec<u8>>(), value()), 0..8),
    ) {
        let value = dictionary(entries);
        let printed = value.to_bytes(Encoding::Bencode);
        prop_assert_eq!(Value::parse(&printed), Ok((value, Encoding::Bencode)));
    }

    #[test]
    fn json_is_read_as_it_was_printed(
        entries in proptest::collection::btree_map(any::<String>(), text_value(), 0..8),
    ) {
        let entries = entries.into_iter().map(|(key, value)| (key.into_bytes(), value)).collect();
        let value = dictionary(entries);
        let printed = value.to_bytes(Encoding::Json);
        prop_assert_eq!(Value::parse(&printed), Ok((value, Encoding::Json)));
    }

    #[test]
    fn any_flags_are_read(line in any::<String>(), key in any::<String>()) {
        let body = Value::Dictionary(vec![
            (Cow::Borrowed(b"command"), Value::text("offer")),
            (Cow::Borrowed(b"rtpp-flags"), Value::text(line.clone())),
            (Cow::Owned(key.into_bytes()), Value::List(vec![Value::text(line)])),
        ]);
        prop_assert!(Request::from_value(&body).is_ok());
    }
}

#[test]
fn a_body_is_a_dictionary() {
    let message = Message::parse(b"1 li1ee").expect("a message");
    assert_eq!(Value::parse(message.body), Err(BodyError::NoDictionary));
    assert_eq!(Value::parse(b""), Err(BodyError::NoDictionary));
}
