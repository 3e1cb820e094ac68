//! Header values that are lists: commas at the top level separate values, and
//! a repeated header continues the list (RFC 3261 section 7.3.1).

use crate::grammar::{quoted_string_end, trim_lws};

/// Splits one header value at the commas outside quoted strings and angle
/// brackets. A value of nothing but white space has no items.
pub fn list_items(value: &str) -> impl Iterator<Item = &str> + Clone {
    let mut rest = Some(value).filter(|value| !trim_lws(value).is_empty());
    std::iter::from_fn(move || {
        let text = rest?;
        let end = item_end(text.as_bytes());
        rest = text.get(end + 1..);
        Some(trim_lws(&text[..end]))
    })
}

/// Where the first item ends: at its comma or at the end of the text.
pub(crate) fn item_end(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| memchr::memchr3(b',', b'"', b'<', rest))
    {
        at += found;
        let next = match text[at] {
            b',' => return at,
            b'"' => quoted_string_end(text, at),
            _ => memchr::memchr(b'>', &text[at..]).map(|length| at + length + 1),
        };
        match next {
            Some(next) => at = next,
            None => break,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(value: &str) -> Vec<&str> {
        list_items(value).collect()
    }

    #[test]
    fn commas_in_quotes_and_brackets_do_not_separate() {
        let value = "\"Bell, A\" <sip:a,b@c>;x=\"1,2\" , <sip:d>,\r\n sip:e";
        assert_eq!(items(value), ["\"Bell, A\" <sip:a,b@c>;x=\"1,2\"", "<sip:d>", "sip:e"]);
    }

    #[test]
    fn empty_items_are_kept_and_empty_values_have_none() {
        assert_eq!(items("a,,b,"), ["a", "", "b", ""]);
        assert!(items("  \r\n ").is_empty());
        assert!(items("").is_empty());
    }

    #[test]
    fn unclosed_quotes_and_brackets_take_the_rest() {
        assert_eq!(items("\"a, b"), ["\"a, b"]);
        assert_eq!(items("<a, b"), ["<a, b"]);
    }
}
