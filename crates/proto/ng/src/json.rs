//! The same values in JSON.

use crate::value::{BodyError, DEPTH_MAX, ITEMS_MAX, Value};
use serde_json::{Map, Number, Value as Json};
use std::borrow::Cow;

pub(crate) fn parse(bytes: &[u8]) -> Result<Value<'static>, BodyError> {
    // Some callers end a message with a NUL or a newline.
    let bytes = bytes.trim_ascii_end();
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let json = serde_json::from_slice(bytes).map_err(|error| BodyError::Json(error.to_string()))?;
    let mut items = 0;
    value(json, 0, &mut items)
}

fn value(json: Json, depth: usize, items: &mut usize) -> Result<Value<'static>, BodyError> {
    if depth > DEPTH_MAX {
        return Err(BodyError::TooDeep);
    }
    *items += 1;
    if *items > ITEMS_MAX {
        return Err(BodyError::TooManyItems);
    }
    Ok(match json {
        Json::Null => Value::text(""),
        Json::Bool(is_true) => Value::Integer(i64::from(is_true)),
        Json::Number(number) => Value::Integer(whole(&number)),
        Json::String(text) => Value::text(text),
        Json::Array(values) => {
            let values = values.into_iter().map(|json| value(json, depth + 1, items));
            Value::List(values.collect::<Result<_, _>>()?)
        }
        Json::Object(entries) => {
            let entries = entries.into_iter().map(|(key, json)| {
                Ok((Cow::Owned(key.into_bytes()), value(json, depth + 1, items)?))
            });
            Value::Dictionary(entries.collect::<Result<_, _>>()?)
        }
    })
}

/// A number without what stands behind its point.
fn whole(number: &Number) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a float out of range becomes the limit")]
    let from_float = || number.as_f64().map_or(0, |float| float as i64);
    number.as_i64().unwrap_or_else(from_float)
}

pub(crate) fn print(value: &Value<'_>, output: &mut Vec<u8>) {
    serde_json::to_writer(output, &json(value)).expect("writing into memory does not fail");
}

fn json(value: &Value<'_>) -> Json {
    match value {
        Value::Integer(number) => Json::Number((*number).into()),
        Value::Text(text) => Json::String(String::from_utf8_lossy(text).into_owned()),
        Value::List(values) => Json::Array(values.iter().map(json).collect()),
        Value::Dictionary(entries) => {
            let entries = entries.iter();
            let entries = entries
                .map(|(key, value)| (String::from_utf8_lossy(key).into_owned(), json(value)));
            Json::Object(entries.collect::<Map<_, _>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_as_the_same_values() {
        let value = parse(br#"{"command":"query","n":-3,"b":true,"f":2.9,"l":["a",null]}"#);
        let value = value.expect("JSON");
        assert_eq!(value.get("command"), Some(&Value::text("query")));
        assert_eq!(value.get("n"), Some(&Value::Integer(-3)));
        assert_eq!(value.get("b"), Some(&Value::Integer(1)));
        assert_eq!(value.get("f"), Some(&Value::Integer(2)));
        let list = Value::List(vec![Value::text("a"), Value::text("")]);
        assert_eq!(value.get("l"), Some(&list));
    }

    #[test]
    fn malformed_or_deep_json_is_refused() {
        assert!(matches!(parse(b"{\"a\":"), Err(BodyError::Json(_))));
        assert!(matches!(parse(b"{} x"), Err(BodyError::Json(_))));
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(40), "]".repeat(40));
        assert_eq!(parse(deep.as_bytes()), Err(BodyError::TooDeep));
        let deeper = format!("{{\"a\":{}", "[".repeat(60_000));
        assert!(matches!(parse(deeper.as_bytes()), Err(BodyError::Json(_))));
    }

    #[test]
    fn what_is_no_utf8_is_replaced() {
        let mut output = Vec::new();
        print(&Value::Text(Cow::Borrowed(b"a\xffb")), &mut output);
        assert_eq!(output, "\"a\u{fffd}b\"".as_bytes());
    }
}
