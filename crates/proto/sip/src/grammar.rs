//! The character classes and the small scanner that all header parsers share
//! (RFC 3261 section 25.1).

const TOKEN: u8 = 1;
const URI_USER: u8 = 2;
const URI_PASSWORD: u8 = 4;
const URI_PARAM: u8 = 8;
const URI_HEADER: u8 = 16;
const HOST_NAME: u8 = 32;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = class_of(byte as u8);
        byte += 1;
    }
    table
}

const fn class_of(byte: u8) -> u8 {
    let alphanumeric = byte.is_ascii_alphanumeric();
    let unreserved = alphanumeric || contains(b"-_.!~*'()", byte);
    let mut class = 0;
    if alphanumeric || contains(b"-.!%*_+`'~", byte) {
        class |= TOKEN;
    }
    // '#' is not in the grammar, but phones dial it unescaped.
    if unreserved || contains(b"&=+$,;?/%#", byte) {
        class |= URI_USER;
    }
    if unreserved || contains(b"&=+$,%", byte) {
        class |= URI_PASSWORD;
    }
    if unreserved || contains(b"[]/:&+$%", byte) {
        class |= URI_PARAM;
    }
    if unreserved || contains(b"[]/?:+$%", byte) {
        class |= URI_HEADER;
    }
    // '_' is not in the grammar, but names of internal hosts carry it.
    if alphanumeric || contains(b"-._", byte) {
        class |= HOST_NAME;
    }
    class
}

const fn contains(set: &[u8], byte: u8) -> bool {
    let mut at = 0;
    while at < set.len() {
        if set[at] == byte {
            return true;
        }
        at += 1;
    }
    false
}

fn is_of(byte: u8, class: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

fn all_of(text: &str, class: u8) -> bool {
    text.bytes().all(|byte| is_of(byte, class))
}

pub(crate) fn is_token_byte(byte: u8) -> bool {
    is_of(byte, TOKEN)
}

pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && all_of(text, TOKEN)
}

/// True for what a URI's user part may hold. Escapes are not looked into, here
/// and in the other parts: see [`escapes_are_whole`].
pub(crate) fn is_uri_user(text: &str) -> bool {
    !text.is_empty() && all_of(text, URI_USER)
}

pub(crate) fn is_uri_password(text: &str) -> bool {
    all_of(text, URI_PASSWORD)
}

pub(crate) fn is_uri_param(text: &str) -> bool {
    !text.is_empty() && all_of(text, URI_PARAM)
}

pub(crate) fn is_uri_param_byte(byte: u8) -> bool {
    is_of(byte, URI_PARAM)
}

pub(crate) fn is_uri_header(text: &str) -> bool {
    all_of(text, URI_HEADER)
}

pub(crate) fn is_host_name_byte(byte: u8) -> bool {
    is_of(byte, HOST_NAME)
}

/// True when every `%` is followed by two hexadecimal digits.
pub(crate) fn escapes_are_whole(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'%', bytes).all(|at| {
        let digits = bytes.get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// White space as it stands inside a header value: folded lines keep their
/// CR and LF in the buffer, so both count.
pub(crate) const fn is_lws(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

pub(crate) fn trim_lws(text: &str) -> &str {
    let bytes = text.as_bytes();
    let (mut start, mut end) = (0, bytes.len());
    while start < end && is_lws(bytes[start]) {
        start += 1;
    }
    while end > start && is_lws(bytes[end - 1]) {
        end -= 1;
    }
    &text[start..end]
}

/// Index just behind the closing quote of the quoted string that opens at
/// `open`, or `None` when it never closes.
pub(crate) fn quoted_string_end(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// A decimal number of digits only. `None` when a byte is not a digit, the
/// text is empty or the number does not fit 64 bits.
pub(crate) fn digits(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// A number of seconds (delta-seconds, RFC 3261 section 25.1). Values that do
/// not fit 32 bits saturate: "for longer than anyone counts".
pub(crate) fn delta_seconds(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u32::MAX))
}

/// Walks over a header value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(crate) fn is_done(&self) -> bool {
        self.at == self.text.len()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(crate) fn skip_lws(&mut self) -> &mut Self {
        self.at += run_length(&self.text.as_bytes()[self.at..], is_lws);
        self
    }

    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Takes the longest run of bytes that `wanted` accepts. Only for
    /// predicates that never split a multi-byte character.
    pub(crate) fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a str {
        let start = self.at;
        self.at += run_length(&self.text.as_bytes()[start..], wanted);
        &self.text[start..self.at]
    }

    pub(crate) fn token(&mut self) -> Option<&'a str> {
        let token = self.take_while(is_token_byte);
        (!token.is_empty()).then_some(token)
    }

    /// Takes a quoted string and gives it with its quotes.
    pub(crate) fn quoted_string(&mut self) -> Option<&'a str> {
        if self.peek() != Some(b'"') {
            return None;
        }
        let start = self.at;
        self.at = quoted_string_end(self.text.as_bytes(), start)?;
        Some(&self.text[start..self.at])
    }
}

/// How many bytes in front are wanted.
pub(crate) fn run_length(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !wanted(*byte)).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_string_ends_at_the_first_bare_quote() {
        assert_eq!(quoted_string_end(br#""a\"b" x"#, 0), Some(6));
        assert_eq!(quoted_string_end(br#""\\""#, 0), Some(4));
        assert_eq!(quoted_string_end(br#""open"#, 0), None);
        assert_eq!(quoted_string_end(br#""open\"#, 0), None);
    }

    #[test]
    fn seconds_saturate_and_signs_are_refused() {
        assert_eq!(delta_seconds("3600"), Some(3600));
        assert_eq!(delta_seconds("99999999999999999999999"), Some(u32::MAX));
        assert_eq!(delta_seconds("-1"), None);
        assert_eq!(delta_seconds("+1"), None);
        assert_eq!(delta_seconds(""), None);
    }

    #[test]
    fn escapes_need_two_hexadecimal_digits() {
        assert!(escapes_are_whole("a%20b%4f"));
        assert!(!escapes_are_whole("a%2"));
        assert!(!escapes_are_whole("a%zz"));
    }
}
