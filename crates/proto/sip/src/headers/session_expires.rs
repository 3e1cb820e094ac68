//! Session-Expires (RFC 4028 section 4).

use std::fmt;

use super::params::Params;
use crate::grammar::{self, Scanner};

/// Which side refreshes the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refresher {
    /// The side that sent the request.
    Uac,
    /// The side that answers it.
    Uas,
}

impl fmt::Display for Refresher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uac => "uac",
            Self::Uas => "uas",
        })
    }
}

/// The session interval and who refreshes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionExpires {
    /// The interval in seconds.
    pub interval_s: u32,
    /// The refresher, when one is named.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads a value; `None` when it breaks the grammar.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut scanner = Scanner::new(grammar::trim_lws(text));
        let interval_s = grammar::delta_seconds(scanner.take_while(|byte| byte.is_ascii_digit()))?;
        let params = Params::parse(scanner.rest())?;
        let refresher = match params.get("refresher") {
            Some(role) if role.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(role) if role.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            Some(_) => return None,
            None => None,
        };
        Some(Self { interval_s, refresher })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.interval_s)?;
        match self.refresher {
            Some(refresher) => write!(f, ";refresher={refresher}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_and_refresher_are_read_and_printed() {
        let value = SessionExpires::parse("1800 ; refresher=UAS").expect("well-formed");
        assert_eq!(value, SessionExpires { interval_s: 1_800, refresher: Some(Refresher::Uas) });
        assert_eq!(value.to_string(), "1800;refresher=uas");
        assert_eq!(SessionExpires::parse("90").map(|value| value.refresher), Some(None));
        assert_eq!(SessionExpires::parse("soon"), None);
        assert_eq!(SessionExpires::parse("90;refresher=proxy"), None);
    }
}
