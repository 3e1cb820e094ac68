//! CSeq (RFC 3261 section 20.16).

use std::fmt;

use crate::grammar::{self, Scanner};
use crate::message::Method;

/// Largest sequence number that may be sent: below 2^31 (section 8.1.1.5).
pub const SEQUENCE_MAX: u32 = (1 << 31) - 1;

/// A sequence number and the method of its request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CSeq {
    /// The sequence number, at most [`SEQUENCE_MAX`].
    pub sequence: u32,
    /// The request's method.
    pub method: Method,
}

impl CSeq {
    /// Reads a value; `None` when it breaks the grammar or the number is
    /// beyond [`SEQUENCE_MAX`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut scanner = Scanner::new(grammar::trim_lws(text));
        let sequence = sequence(scanner.take_while(|byte| byte.is_ascii_digit()))?;
        let behind_number = scanner.at();
        let at = scanner.skip_lws().at();
        let method = scanner.token()?;
        (at > behind_number && scanner.is_done())
            .then(|| Self { sequence, method: Method::from_token(method) })
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.sequence, self.method)
    }
}

/// A sequence number of CSeq, RSeq or RAck.
pub(super) fn sequence(text: &str) -> Option<u32> {
    let number = u32::try_from(grammar::digits(text)?).ok()?;
    (number <= SEQUENCE_MAX).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_method_are_read_across_a_fold() {
        let cseq = CSeq::parse("0009\r\n  INVITE").expect("well-formed");
        assert_eq!(cseq, CSeq { sequence: 9, method: Method::Invite });
        assert_eq!(cseq.to_string(), "9 INVITE");
    }

    #[test]
    fn numbers_beyond_31_bits_and_broken_values_are_refused() {
        assert!(CSeq::parse("2147483647 BYE").is_some());
        for text in [
            "2147483648 BYE",
            "36893488147419103232 REGISTER",
            "-1 BYE",
            "1",
            "BYE",
            "1BYE",
            "1 BYE x",
            "",
        ] {
            assert_eq!(CSeq::parse(text), None, "{text}");
        }
    }
}
