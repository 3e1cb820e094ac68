//! Bencode: `i42e`, `4:text`, `l...e`, `d...e`.

use crate::value::{BodyError, DEPTH_MAX, ITEMS_MAX, Value};
use std::borrow::Cow;
use std::io::Write;

/// Digits of a length or a number at most, so that it fits 64 bits.
const DIGITS_MAX: usize = 20;

/// Reads one value; bytes behind it are not looked at, as callers end messages with a newline or a NUL.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value<'_>, BodyError> {
    Reader { bytes, place: 0, items: 0 }.value(0)
}

struct Reader<'a> {
    bytes: &'a [u8],
    place: usize,
    items: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value<'a>, BodyError> {
        if depth > DEPTH_MAX {
            return Err(BodyError::TooDeep);
        }
        self.items += 1;
        if self.items > ITEMS_MAX {
            return Err(BodyError::TooManyItems);
        }
        match self.peek()? {
            b'i' => self.integer(),
            b'l' => self.list(depth),
            b'd' => self.dictionary(depth),
            b'0'..=b'9' => Ok(Value::Text(Cow::Borrowed(self.text()?))),
            _ => Err(self.malformed()),
        }
    }

    fn malformed(&self) -> BodyError {
        BodyError::Bencode(self.place)
    }

    fn peek(&self) -> Result<u8, BodyError> {
        self.bytes.get(self.place).copied().ok_or_else(|| self.malformed())
    }

    fn integer(&mut self) -> Result<Value<'a>, BodyError> {
        self.place += 1;
        let number = self.until(b'e')?;
        let number = std::str::from_utf8(number).ok().and_then(|text| text.parse().ok());
        number.map(Value::Integer).ok_or_else(|| self.malformed())
    }

    /// The bytes up to a delimiter, which is skipped.
    fn until(&mut self, delimiter: u8) -> Result<&'a [u8], BodyError> {
        let rest = &self.bytes[self.place..];
        let end = rest.iter().take(DIGITS_MAX + 1).position(|byte| *byte == delimiter);
        let end = end.ok_or_else(|| self.malformed())?;
        self.place += end + 1;
        Ok(&rest[..end])
    }

    fn text(&mut self) -> Result<&'a [u8], BodyError> {
        let digits = self.until(b':')?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(self.malformed());
        }
        let length = std::str::from_utf8(digits).ok().and_then(|text| text.parse::<usize>().ok());
        let end = length.and_then(|length| self.place.checked_add(length));
        let text = end.and_then(|end| self.bytes.get(self.place..end));
        let text = text.ok_or_else(|| self.malformed())?;
        self.place += text.len();
        Ok(text)
    }

    fn list(&mut self, depth: usize) -> Result<Value<'a>, BodyError> {
        self.place += 1;
        let mut values = Vec::new();
        while self.peek()? != b'e' {
            values.push(self.value(depth + 1)?);
        }
        self.place += 1;
        Ok(Value::List(values))
    }

    fn dictionary(&mut self, depth: usize) -> Result<Value<'a>, BodyError> {
        self.place += 1;
        let mut entries = Vec::new();
        while self.peek()? != b'e' {
            let key = self.text()?;
            entries.push((Cow::Borrowed(key), self.value(depth + 1)?));
        }
        self.place += 1;
        Ok(Value::Dictionary(entries))
    }
}

/// Prints a value, the keys of a dictionary in their order.
pub(crate) fn print(value: &Value<'_>, output: &mut Vec<u8>) {
    match value {
        Value::Integer(number) => write(output, format_args!("i{number}e")),
        Value::Text(text) => print_text(text, output),
        Value::List(values) => {
            output.push(b'l');
            values.iter().for_each(|value| print(value, output));
            output.push(b'e');
        }
        Value::Dictionary(entries) => {
            output.push(b'd');
            for (key, value) in entries {
                print_text(key, output);
                print(value, output);
            }
            output.push(b'e');
        }
    }
}

fn print_text(text: &[u8], output: &mut Vec<u8>) {
    write(output, format_args!("{}:", text.len()));
    output.extend_from_slice(text);
}

fn write(output: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    output.write_fmt(text).expect("writing into memory does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_printed() {
        let body = b"d7:command5:offer5:flagsl3:abc0:e3:numi-42ee";
        let value = parse(body).expect("bencode");
        assert_eq!(value.get("command"), Some(&Value::text("offer")));
        assert_eq!(value.get("num"), Some(&Value::Integer(-42)));
        let mut printed = Vec::new();
        print(&value, &mut printed);
        assert_eq!(printed, body);
    }

    #[test]
    fn what_is_cut_or_no_bencode_is_refused_where_it_breaks() {
        let whole = b"d7:command5:offer5:flagsl3:abce3:numi-42ee";
        for length in 0..whole.len() {
            assert!(matches!(parse(&whole[..length]), Err(BodyError::Bencode(_))), "{length}");
        }
        for bad in
            ["di1e3:abce", "d3:abcx", "d3:abcie", "d3:abci1", "d99999999999999999999:", "d-1:a"]
        {
            assert!(matches!(parse(bad.as_bytes()), Err(BodyError::Bencode(_))), "{bad}");
        }
        assert_eq!(parse(b"d5:a"), Err(BodyError::Bencode(3)));
    }

    #[test]
    fn depth_and_number_of_values_are_limited() {
        let deep = [b"l".repeat(40), b"e".repeat(40)].concat();
        assert_eq!(parse(&deep), Err(BodyError::TooDeep));
        let deepest = [b"l".repeat(DEPTH_MAX + 1), b"e".repeat(DEPTH_MAX + 1)].concat();
        assert!(parse(&deepest).is_ok());
        let many = [b"l".to_vec(), b"i1e".repeat(ITEMS_MAX), b"e".to_vec()].concat();
        assert_eq!(parse(&many), Err(BodyError::TooManyItems));
    }
}
