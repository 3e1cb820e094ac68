//! Event and Subscription-State (RFC 6665 section 8.2).

use super::params::Params;
use crate::grammar::{self, Scanner};

/// An event package with its parameters.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// The package with its templates, such as `message-summary`.
    pub package: &'a str,
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> Event<'a> {
    /// Reads a value; `None` when it breaks the grammar.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (package, params) = token_with_params(text)?;
        Some(Self { package, params })
    }

    /// The `id` that tells subscriptions of one dialog apart.
    #[must_use]
    pub fn id(&self) -> Option<&'a str> {
        self.params.get("id")
    }
}

/// The state of a subscription.
#[derive(Debug, Clone, Copy)]
pub struct SubscriptionState<'a> {
    /// `active`, `pending`, `terminated` or an extension.
    pub state: &'a str,
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> SubscriptionState<'a> {
    /// Reads a value; `None` when it breaks the grammar.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (state, params) = token_with_params(text)?;
        Some(Self { state, params })
    }

    /// True for `terminated`.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.state.eq_ignore_ascii_case("terminated")
    }

    /// Seconds left of the subscription.
    #[must_use]
    pub fn expires_s(&self) -> Option<u32> {
        self.params.get("expires").and_then(grammar::delta_seconds)
    }

    /// Why the subscription ended.
    #[must_use]
    pub fn reason(&self) -> Option<&'a str> {
        self.params.get("reason")
    }
}

/// `token *(SEMI param)`.
pub(super) fn token_with_params(text: &str) -> Option<(&str, Params<'_>)> {
    let mut scanner = Scanner::new(grammar::trim_lws(text));
    let token = scanner.token()?;
    Some((token, Params::parse(scanner.rest())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_and_parameters_are_read() {
        let event = Event::parse("presence.winfo;id=7").expect("well-formed");
        assert_eq!((event.package, event.id()), ("presence.winfo", Some("7")));
        let state = SubscriptionState::parse("Terminated ; reason=noresource;expires=0")
            .expect("well-formed");
        assert!(state.is_terminated());
        assert_eq!((state.reason(), state.expires_s()), (Some("noresource"), Some(0)));
        assert!(Event::parse("").is_none());
        assert!(Event::parse("a b").is_none());
    }
}
