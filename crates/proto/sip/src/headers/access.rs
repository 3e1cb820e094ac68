//! What a [`Message`] says, header by header.

use super::event::{Event, SubscriptionState};
use super::list::{item_end, list_items};
use super::reliability::rseq;
use super::tokens::tokens;
use super::{
    AuthValue, CSeq, ContactValue, HeaderError, MediaType, NameAddr, RAck, Reason, Replaces,
    SessionExpires, Via, auth_values,
};
use crate::grammar;
use crate::message::{HeaderName, Message, content_length};

/// Largest Max-Forwards (RFC 3261 section 20.22).
const MAX_FORWARDS_MAX: u64 = 255;

impl Message {
    /// The topmost Via.
    ///
    /// # Errors
    /// When there is none or it is malformed.
    pub fn via_top(&self) -> Result<Via<'_>, HeaderError> {
        self.required(HeaderName::Via, |value| Via::parse(first_item(value)))
    }

    /// All Via values, topmost first.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via<'_>, HeaderError>> {
        self.items(HeaderName::Via).map(|item| found(HeaderName::Via, Via::parse(item)))
    }

    /// From.
    ///
    /// # Errors
    /// When it is missing or malformed.
    pub fn from(&self) -> Result<NameAddr<'_>, HeaderError> {
        self.required(HeaderName::From, NameAddr::parse)
    }

    /// To.
    ///
    /// # Errors
    /// When it is missing or malformed.
    pub fn to(&self) -> Result<NameAddr<'_>, HeaderError> {
        self.required(HeaderName::To, NameAddr::parse)
    }

    /// The From tag; `None` when there is none or From is malformed.
    #[must_use]
    pub fn from_tag(&self) -> Option<&str> {
        self.from().ok()?.tag()
    }

    /// The To tag; `None` when there is none or To is malformed.
    #[must_use]
    pub fn to_tag(&self) -> Option<&str> {
        self.to().ok()?.tag()
    }

    /// Call-ID.
    ///
    /// # Errors
    /// When it is missing, empty or has white space in it.
    pub fn call_id(&self) -> Result<&str, HeaderError> {
        self.required(HeaderName::CallId, |value| {
            (!value.is_empty() && !value.bytes().any(grammar::is_lws)).then_some(value)
        })
    }

    /// CSeq.
    ///
    /// # Errors
    /// When it is missing or malformed.
    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        self.required(HeaderName::CSeq, CSeq::parse)
    }

    /// Max-Forwards, when there is one.
    ///
    /// # Errors
    /// When it is not a number from 0 to 255.
    pub fn max_forwards(&self) -> Result<Option<u8>, HeaderError> {
        self.optional(HeaderName::MaxForwards, |value| {
            let hops = grammar::digits(value).filter(|hops| *hops <= MAX_FORWARDS_MAX)?;
            u8::try_from(hops).ok()
        })
    }

    /// All Contact values.
    pub fn contacts(&self) -> impl Iterator<Item = Result<ContactValue<'_>, HeaderError>> {
        self.items(HeaderName::Contact)
            .map(|item| found(HeaderName::Contact, ContactValue::parse(item)))
    }

    /// The first Contact's address; the remote target of a dialog.
    ///
    /// # Errors
    /// When there is none, it is malformed or it is the star.
    pub fn contact(&self) -> Result<super::Contact<'_>, HeaderError> {
        self.required(HeaderName::Contact, |value| super::Contact::parse(first_item(value)))
    }

    /// All Route values, topmost first.
    pub fn routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> {
        self.addresses(HeaderName::Route)
    }

    /// The topmost Route. Its URI is checked when it is asked for.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn route_top(&self) -> Result<Option<NameAddr<'_>>, HeaderError> {
        self.optional(HeaderName::Route, |value| NameAddr::parse(first_item(value)))
    }

    /// All Record-Route values, topmost first.
    pub fn record_routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> {
        self.addresses(HeaderName::RecordRoute)
    }

    /// All values of a header whose values are addresses: Route, Record-Route,
    /// Path, Service-Route, P-Asserted-Identity, Diversion and the like. The
    /// URI is checked as well.
    pub fn addresses(
        &self,
        name: HeaderName,
    ) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> {
        self.items(name).map(move |item| found(name, address(item)))
    }

    /// Expires in seconds. Values beyond 32 bits saturate.
    ///
    /// # Errors
    /// When it is not a number.
    pub fn expires_s(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::Expires, grammar::delta_seconds)
    }

    /// Min-Expires in seconds.
    ///
    /// # Errors
    /// When it is not a number.
    pub fn min_expires_s(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::MinExpires, grammar::delta_seconds)
    }

    /// Retry-After in seconds, without its comment and parameters. Values
    /// beyond 32 bits saturate.
    ///
    /// # Errors
    /// When it does not begin with a number.
    pub fn retry_after_s(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::RetryAfter, |value| {
            let end = value.bytes().take_while(u8::is_ascii_digit).count();
            grammar::delta_seconds(&value[..end])
        })
    }

    /// Content-Length.
    ///
    /// # Errors
    /// When it is not a number.
    pub fn content_length(&self) -> Result<Option<usize>, HeaderError> {
        self.optional(HeaderName::ContentLength, content_length)
    }

    /// Content-Type.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn content_type(&self) -> Result<Option<MediaType<'_>>, HeaderError> {
        self.optional(HeaderName::ContentType, MediaType::parse)
    }

    /// The body, when Content-Type says that it is of `essence`
    /// (such as `application/sdp`) and it is not empty.
    #[must_use]
    pub fn body_of(&self, essence: &str) -> Option<&[u8]> {
        let media = self.content_type().ok()??;
        (media.is(essence) && !self.body().is_empty()).then(|| self.body())
    }

    /// The option tags, methods or other tokens of a list header: Supported,
    /// Require, Proxy-Require, Unsupported, Allow, Allow-Events.
    pub fn tokens(&self, name: HeaderName) -> impl Iterator<Item = &str> {
        tokens(self.headers_of(name))
    }

    /// True when a list header has that token, without regard to case.
    #[must_use]
    pub fn has_token(&self, name: HeaderName, token: &str) -> bool {
        self.tokens(name).any(|found| found.eq_ignore_ascii_case(token))
    }

    /// True when Supported or Require has that option tag.
    #[must_use]
    pub fn supports(&self, option_tag: &str) -> bool {
        self.has_token(HeaderName::Supported, option_tag)
            || self.has_token(HeaderName::Require, option_tag)
    }

    /// Credentials and challenges of Authorization, Proxy-Authorization,
    /// WWW-Authenticate or Proxy-Authenticate. Malformed ones are left out.
    pub fn auth(&self, name: HeaderName) -> impl Iterator<Item = AuthValue<'_>> {
        auth_values(self.headers_of(name))
    }

    /// Session-Expires.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn session_expires(&self) -> Result<Option<SessionExpires>, HeaderError> {
        self.optional(HeaderName::SessionExpires, SessionExpires::parse)
    }

    /// Min-SE in seconds.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn min_se_s(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::MinSe, |value| {
            SessionExpires::parse(value).map(|value| value.interval_s)
        })
    }

    /// RSeq (RFC 3262).
    ///
    /// # Errors
    /// When it is malformed.
    pub fn rseq(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::RSeq, rseq)
    }

    /// RAck (RFC 3262).
    ///
    /// # Errors
    /// When it is malformed.
    pub fn rack(&self) -> Result<Option<RAck>, HeaderError> {
        self.optional(HeaderName::RAck, RAck::parse)
    }

    /// Refer-To (RFC 3515).
    ///
    /// # Errors
    /// When it or its URI is malformed.
    pub fn refer_to(&self) -> Result<Option<NameAddr<'_>>, HeaderError> {
        self.optional(HeaderName::ReferTo, address)
    }

    /// Referred-By (RFC 3892).
    ///
    /// # Errors
    /// When it or its URI is malformed.
    pub fn referred_by(&self) -> Result<Option<NameAddr<'_>>, HeaderError> {
        self.optional(HeaderName::ReferredBy, address)
    }

    /// Replaces (RFC 3891).
    ///
    /// # Errors
    /// When it is malformed.
    pub fn replaces(&self) -> Result<Option<Replaces<'_>>, HeaderError> {
        self.optional(HeaderName::Replaces, Replaces::parse)
    }

    /// All Reason values (RFC 3326). Malformed ones are left out.
    pub fn reasons(&self) -> impl Iterator<Item = Reason<'_>> {
        self.items(HeaderName::Reason).filter_map(Reason::parse)
    }

    /// The Q.850 cause in Reason.
    #[must_use]
    pub fn q850(&self) -> Option<u8> {
        self.reasons().find_map(|reason| reason.q850())
    }

    /// Event (RFC 6665).
    ///
    /// # Errors
    /// When it is malformed.
    pub fn event(&self) -> Result<Option<Event<'_>>, HeaderError> {
        self.optional(HeaderName::Event, Event::parse)
    }

    /// Subscription-State (RFC 6665).
    ///
    /// # Errors
    /// When it is malformed.
    pub fn subscription_state(&self) -> Result<Option<SubscriptionState<'_>>, HeaderError> {
        self.optional(HeaderName::SubscriptionState, SubscriptionState::parse)
    }

    /// User-Agent, or Server in responses.
    #[must_use]
    pub fn user_agent(&self) -> Option<&str> {
        self.header(HeaderName::UserAgent).or_else(|| self.header(HeaderName::Server))
    }

    /// The items of all values of a list header. A header line without any is
    /// given as one empty item, which no address parser accepts.
    fn items(&self, name: HeaderName) -> impl Iterator<Item = &str> {
        self.headers_of(name).flat_map(|value| {
            let is_empty = value.is_empty();
            list_items(value).chain(is_empty.then_some(""))
        })
    }

    fn required<'a, T>(
        &'a self,
        name: HeaderName,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, HeaderError> {
        found(name, parse(self.header(name).ok_or(HeaderError::Missing(name))?))
    }

    fn optional<'a, T>(
        &'a self,
        name: HeaderName,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<Option<T>, HeaderError> {
        self.header(name).map(|value| found(name, parse(value))).transpose()
    }
}

fn first_item(value: &str) -> &str {
    &value[..item_end(value.as_bytes())]
}

fn address(text: &str) -> Option<NameAddr<'_>> {
    NameAddr::parse(text).filter(|address| address.uri().is_ok())
}

fn found<T>(name: HeaderName, parsed: Option<T>) -> Result<T, HeaderError> {
    parsed.ok_or(HeaderError::Malformed(name))
}
