//! Messages on a byte stream, where nothing but their own syntax tells where they end.

use crate::message::{COOKIE_BYTES_MAX, MESSAGE_BYTES_MAX, Message, MessageError};
use serde_json::{Deserializer, Value as Json};

/// Digits of a number or a length that stand before its end.
const DIGITS_MAX: usize = 21;

/// A stream that cannot be followed any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stream is not a row of cookies and dictionaries")]
pub struct StreamBroken;

impl Message<'_> {
    /// How many bytes at the beginning of a stream are line ends and NULs between messages, and where the
    /// first message behind them ends; `None` when more bytes must come.
    ///
    /// # Errors
    /// When what stands there will never be a message.
    pub fn find_in_stream(bytes: &[u8]) -> Result<(usize, Option<usize>), StreamBroken> {
        let is_between = |byte: &&u8| matches!(byte, b'\r' | b'\n' | 0);
        let start = bytes.iter().take_while(is_between).count();
        let rest = &bytes[start..];
        let message = match Message::parse(rest) {
            Ok(message) => message,
            Err(MessageError::NoCookie)
                if rest.len() <= COOKIE_BYTES_MAX && rest.first() != Some(&b' ') =>
            {
                return Ok((start, None));
            }
            Err(MessageError::TooLong) => {
                // The stream may hold many messages; only the first counts.
                let cut = rest.get(..MESSAGE_BYTES_MAX).unwrap_or(rest);
                Message::parse(cut).map_err(|_| StreamBroken)?
            }
            Err(_) => return Err(StreamBroken),
        };
        let before = start + message.cookie.len() + 1;
        match end_of_dictionary(message.body)? {
            Some(length) => Ok((start, Some(before + length))),
            None if rest.len() >= MESSAGE_BYTES_MAX => Err(StreamBroken),
            None => Ok((start, None)),
        }
    }
}

fn end_of_dictionary(body: &[u8]) -> Result<Option<usize>, StreamBroken> {
    match body.first() {
        None => Ok(None),
        Some(b'd') => end_of_bencode(body),
        Some(b'{') => end_of_json(body),
        Some(_) => Err(StreamBroken),
    }
}

fn end_of_json(body: &[u8]) -> Result<Option<usize>, StreamBroken> {
    let mut values = Deserializer::from_slice(body).into_iter::<Json>();
    match values.next() {
        Some(Ok(_)) => Ok(Some(values.byte_offset())),
        Some(Err(error)) if error.is_eof() => Ok(None),
        Some(Err(_)) | None => Err(StreamBroken),
    }
}

fn end_of_bencode(body: &[u8]) -> Result<Option<usize>, StreamBroken> {
    let (mut place, mut depth) = (0_usize, 0_usize);
    while let Some(byte) = body.get(place) {
        match byte {
            b'd' | b'l' => {
                depth += 1;
                place += 1;
            }
            b'e' => {
                depth = depth.checked_sub(1).ok_or(StreamBroken)?;
                place += 1;
            }
            b'i' => match end_of_digits(&body[place + 1..], b'e')? {
                Some(length) => place += length + 2,
                None => return Ok(None),
            },
            b'0'..=b'9' => match end_of_digits(&body[place..], b':')? {
                Some(digits) => {
                    let length = std::str::from_utf8(&body[place..place + digits]);
                    let length = length.ok().and_then(|digits| digits.parse::<usize>().ok());
                    let length = length.filter(|length| *length <= MESSAGE_BYTES_MAX);
                    place += digits + 1 + length.ok_or(StreamBroken)?;
                }
                None => return Ok(None),
            },
            _ => return Err(StreamBroken),
        }
        if depth == 0 {
            return Ok(Some(place).filter(|place| *place <= body.len()));
        }
    }
    Ok(None)
}

/// Where the delimiter behind a number stands.
fn end_of_digits(bytes: &[u8], delimiter: u8) -> Result<Option<usize>, StreamBroken> {
    let found = bytes.iter().take(DIGITS_MAX).position(|byte| *byte == delimiter);
    if found.is_none() && bytes.len() >= DIGITS_MAX { Err(StreamBroken) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_however_the_stream_is_cut() {
        let messages: [&[u8]; 3] = [
            b"c1 d7:command4:ping3:numi5e4:listl1:aee",
            b"c2 {\"command\":\"ping\",\"a\":[1,{\"b\":\"}\"}]}",
            b"c3 d7:command4:pinge",
        ];
        let stream = [messages[0], messages[1], b"\r\n\0", messages[2]].concat();
        let mut found = Vec::new();
        let mut buffer: Vec<u8> = Vec::new();
        for byte in stream {
            buffer.push(byte);
            let (start, end) = Message::find_in_stream(&buffer).expect("a good stream");
            if let Some(end) = end {
                found.push(buffer[start..end].to_vec());
                buffer.clear();
            }
        }
        assert_eq!(found, messages);
        let (start, end) =
            Message::find_in_stream(&[messages[2], messages[0]].concat()).expect("good");
        assert_eq!((start, end), (0, Some(messages[2].len())));
    }

    #[test]
    fn what_is_no_message_breaks_the_stream() {
        let long_cookie = vec![b'a'; COOKIE_BYTES_MAX + 1];
        let bad: [&[u8]; 5] = [&long_cookie, b" d", b"GET /", b"c d99999999:", b"c {]"];
        for bytes in bad {
            assert_eq!(Message::find_in_stream(bytes), Err(StreamBroken));
        }
        let endless = [b"c d".to_vec(), b"1:a1:b".repeat(20_000)].concat();
        assert_eq!(Message::find_in_stream(&endless), Err(StreamBroken));
    }
}
