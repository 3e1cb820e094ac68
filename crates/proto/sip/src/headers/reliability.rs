//! RAck (RFC 3262 section 7.2). RSeq is a number.

use std::fmt;

use super::cseq::{CSeq, sequence};
use crate::grammar::{self, Scanner};

/// Which reliable provisional response a PRACK acknowledges.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RAck {
    /// The response's RSeq.
    pub rseq: u32,
    /// The response's CSeq.
    pub cseq: CSeq,
}

impl RAck {
    /// Reads a value; `None` when it breaks the grammar.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut scanner = Scanner::new(grammar::trim_lws(text));
        let rseq = rseq(scanner.take_while(|byte| byte.is_ascii_digit()))?;
        let behind_number = scanner.at();
        let at = scanner.skip_lws().at();
        let cseq = CSeq::parse(scanner.rest())?;
        (at > behind_number).then_some(Self { rseq, cseq })
    }
}

impl fmt::Display for RAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.rseq, self.cseq)
    }
}

/// An RSeq: 1 to 2^31 - 1 when it is the first (RFC 3262 section 3).
pub(super) fn rseq(text: &str) -> Option<u32> {
    sequence(text).filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Method;

    #[test]
    fn three_parts_are_read() {
        let rack = RAck::parse("776656 1 INVITE").expect("well-formed");
        assert_eq!(
            rack,
            RAck { rseq: 776_656, cseq: CSeq { sequence: 1, method: Method::Invite } }
        );
        assert_eq!(rack.to_string(), "776656 1 INVITE");
        for text in ["0 1 INVITE", "1 INVITE", "1 1", "x 1 INVITE"] {
            assert_eq!(RAck::parse(text), None, "{text}");
        }
    }
}
