//! Reason (RFC 3326, RFC 6432).

use std::borrow::Cow;

use super::event::token_with_params;
use super::params::Params;
use crate::grammar;

/// Why a request or response was sent.
#[derive(Debug, Clone, Copy)]
pub struct Reason<'a> {
    /// The protocol whose causes are meant: `SIP`, `Q.850` or another token.
    pub protocol: &'a str,
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> Reason<'a> {
    /// Reads one value; `None` when it breaks the grammar.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (protocol, params) = token_with_params(text)?;
        Some(Self { protocol, params })
    }

    /// The cause: a status code for `SIP`, an ITU-T cause for `Q.850`.
    #[must_use]
    pub fn cause(&self) -> Option<u16> {
        u16::try_from(grammar::digits(self.params.get("cause")?)?).ok()
    }

    /// The cause's text for people.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'a, str>> {
        self.params.get_unquoted("text")
    }

    /// The Q.850 cause, when this is one (1 to 127).
    #[must_use]
    pub fn q850(&self) -> Option<u8> {
        let cause = self.protocol.eq_ignore_ascii_case("Q.850").then(|| self.cause())??;
        u8::try_from(cause).ok().filter(|cause| (1..=127).contains(cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_cause_and_text_are_read() {
        let reason =
            Reason::parse("Q.850;cause=16;text=\"Normal, clearing\"").expect("well-formed");
        assert_eq!(reason.q850(), Some(16));
        assert_eq!(reason.text().as_deref(), Some("Normal, clearing"));
        let sip = Reason::parse("SIP ;cause=200").expect("well-formed");
        assert_eq!((sip.cause(), sip.q850()), (Some(200), None));
        assert_eq!(Reason::parse("Q.850;cause=300").and_then(|reason| reason.q850()), None);
    }
}
