//! Contact (RFC 3261 section 20.10, RFC 5626).

use std::borrow::Cow;

use super::name_addr::NameAddr;
use super::params::Params;
use crate::grammar;
use crate::uri::{Uri, UriError};

/// One Contact value of a list: an address, or the star that stands for all
/// bindings of a REGISTER.
#[derive(Debug, Clone, Copy)]
pub enum ContactValue<'a> {
    /// `*`
    Star,
    /// An address.
    Address(Contact<'a>),
}

impl<'a> ContactValue<'a> {
    /// Reads one value; `None` when it breaks the grammar, its URI included.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        match grammar::trim_lws(text) {
            "*" => Some(Self::Star),
            address => Contact::parse(address).map(Self::Address),
        }
    }

    /// The address, unless it is the star.
    #[must_use]
    pub fn address(&self) -> Option<Contact<'a>> {
        match self {
            Self::Star => None,
            Self::Address(contact) => Some(*contact),
        }
    }
}

/// An address with the parameters of a binding.
#[derive(Debug, Clone, Copy)]
pub struct Contact<'a> {
    /// Display name, URI text and parameters.
    pub name_addr: NameAddr<'a>,
}

impl<'a> Contact<'a> {
    /// Reads an address; `None` when it breaks the grammar, its URI included.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let name_addr = NameAddr::parse(text)?;
        name_addr.uri().ok()?;
        Some(Self { name_addr })
    }

    /// The URI.
    ///
    /// # Errors
    /// Never for a contact that [`Contact::parse`] gave.
    pub fn uri(&self) -> Result<Uri<'a>, UriError> {
        self.name_addr.uri()
    }

    /// The URI's text.
    #[must_use]
    pub fn uri_text(&self) -> &'a str {
        self.name_addr.uri_text()
    }

    /// The parameters behind the address.
    #[must_use]
    pub fn params(&self) -> Params<'a> {
        self.name_addr.params()
    }

    /// The preference in thousandths: `q=0.33` is 330. A malformed value reads
    /// as absent.
    #[must_use]
    pub fn q_thousandths(&self) -> Option<u16> {
        q_value(self.params().get("q")?)
    }

    /// How long the binding shall live, in seconds. Values beyond 32 bits
    /// saturate; malformed ones read as 3600 (section 20.10).
    #[must_use]
    pub fn expires_s(&self) -> Option<u32> {
        let value = self.params().get("expires")?;
        Some(grammar::delta_seconds(value).unwrap_or(3_600))
    }

    /// `+sip.instance`, without quotes and angle brackets (RFC 5626
    /// section 4.1).
    #[must_use]
    pub fn instance(&self) -> Option<Cow<'a, str>> {
        let value = self.params().get_unquoted("+sip.instance")?;
        let urn = |text: &str| text.trim_start_matches('<').trim_end_matches('>').len();
        match value {
            Cow::Borrowed(text) => {
                Some(Cow::Borrowed(text.trim_start_matches('<').trim_end_matches('>')))
            }
            Cow::Owned(text) => {
                let start = text.len() - text.trim_start_matches('<').len();
                let end = start + urn(&text);
                Some(Cow::Owned(text[start..end].to_owned()))
            }
        }
    }

    /// `reg-id` (RFC 5626 section 4.2): which of an instance's flows this is.
    #[must_use]
    pub fn reg_id(&self) -> Option<u32> {
        let id = grammar::digits(self.params().get("reg-id")?)?;
        u32::try_from(id).ok().filter(|id| *id > 0)
    }
}

/// `0`, `1`, or up to three decimals, in thousandths.
fn q_value(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let is_decimal = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    let whole = match whole {
        "0" | "" => 0,
        "1" => 1_000,
        _ => return None,
    };
    let scale = 10_u16.pow(3_u32.saturating_sub(u32::try_from(decimals.len()).ok()?));
    let thousandths = match decimals {
        "" => 0,
        digits => digits.parse::<u16>().ok()? * scale,
    };
    (is_decimal && !text.is_empty() && whole + thousandths <= 1_000).then_some(whole + thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_of_a_binding_are_read() {
        let text =
            "\"A\" <sip:a@b;ob>;q=0.33;expires=60;reg-id=1;+sip.instance=\"<urn:uuid:00-1>\"";
        let contact =
            ContactValue::parse(text).and_then(|value| value.address()).expect("an address");
        assert_eq!(contact.q_thousandths(), Some(330));
        assert_eq!(contact.expires_s(), Some(60));
        assert_eq!(contact.reg_id(), Some(1));
        assert_eq!(contact.instance().as_deref(), Some("urn:uuid:00-1"));
        assert!(matches!(ContactValue::parse(" * "), Some(ContactValue::Star)));
    }

    #[test]
    fn odd_scalars_have_defined_readings() {
        fn contact(text: &str) -> Contact<'_> {
            Contact::parse(text).expect("an address")
        }
        assert_eq!(contact("<sip:a@b>;expires=280297596632815").expires_s(), Some(u32::MAX));
        assert_eq!(contact("<sip:a@b>;expires=soon").expires_s(), Some(3_600));
        for (q, expected) in [
            ("1", Some(1_000)),
            ("1.000", Some(1_000)),
            ("0.5", Some(500)),
            ("1.001", None),
            ("0.1234", None),
            ("2", None),
            ("-1", None),
        ] {
            assert_eq!(contact(&format!("<sip:a@b>;q={q}")).q_thousandths(), expected, "{q}");
        }
    }
}
