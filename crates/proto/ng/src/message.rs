//! The frame of a message: a cookie, a space and a body.

/// Bytes of a message at most, which is what a UDP datagram holds.
pub const MESSAGE_BYTES_MAX: usize = 65_535;
/// Bytes of a cookie at most.
pub const COOKIE_BYTES_MAX: usize = 255;

/// A message as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// What the sender recognises the reply by.
    pub cookie: &'a [u8],
    /// The dictionary in its encoding.
    pub body: &'a [u8],
}

/// Why a message has no cookie to answer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// There is no space behind a cookie.
    #[error("a message is a cookie, a space and a dictionary")]
    NoCookie,
    /// The cookie is longer than [`COOKIE_BYTES_MAX`].
    #[error("the cookie is longer than {COOKIE_BYTES_MAX} bytes")]
    CookieTooLong,
    /// The message is longer than [`MESSAGE_BYTES_MAX`].
    #[error("the message is longer than {MESSAGE_BYTES_MAX} bytes")]
    TooLong,
}

impl<'a> Message<'a> {
    /// Splits a message at its first space.
    ///
    /// # Errors
    /// When there is no cookie to which an answer could be sent.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, MessageError> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(MessageError::TooLong);
        }
        let space = bytes.iter().position(|byte| *byte == b' ');
        match space {
            None | Some(0) => Err(MessageError::NoCookie),
            Some(length) if length > COOKIE_BYTES_MAX => Err(MessageError::CookieTooLong),
            Some(length) => Ok(Self { cookie: &bytes[..length], body: &bytes[length + 1..] }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_split_at_its_first_space() {
        let message = Message::parse(b"5323_1 d7:command4:pinge").expect("a message");
        assert_eq!(message.cookie, b"5323_1");
        assert_eq!(message.body, b"d7:command4:pinge");
    }

    #[test]
    fn without_a_cookie_there_is_nobody_to_answer() {
        assert_eq!(Message::parse(b""), Err(MessageError::NoCookie));
        assert_eq!(Message::parse(b" d7:command4:pinge"), Err(MessageError::NoCookie));
        assert_eq!(Message::parse(b"d7:command4:pinge"), Err(MessageError::NoCookie));
        let long = [vec![b'a'; 256], b" de".to_vec()].concat();
        assert_eq!(Message::parse(&long), Err(MessageError::CookieTooLong));
        assert_eq!(Message::parse(&vec![b'a'; 65_536]), Err(MessageError::TooLong));
    }
}
