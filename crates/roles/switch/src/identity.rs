//! Who calls whom, read from an INVITE.

use offhook_model::{IceRole, OfferPolicy, Security};
use offhook_sip::headers::{NameAddr, Replaces};
use offhook_sip::message::{HeaderName, Message};

/// The longest display name that is passed on, in characters.
const DISPLAY_NAME_MAX: usize = 64;

/// The caller of an INVITE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The user that the edge has authenticated (P-Asserted-Identity, RFC 3325).
    pub(crate) account: Option<String>,
    /// What is shown and recorded: the account, or else the user part of From.
    pub(crate) number: String,
    /// From's display name.
    pub(crate) name: Option<String>,
}

impl Caller {
    pub(crate) fn of(request: &Message) -> Self {
        let account = request.header(HeaderName::PAssertedIdentity).and_then(user_of);
        let from = request.header(HeaderName::From);
        let number = account.clone().or_else(|| from.and_then(user_of));
        Self {
            account,
            number: number.unwrap_or_else(|| "anonymous".to_owned()),
            name: from.and_then(display_name_of),
        }
    }
}

/// The number that a request is for: the user part of its Request-URI, or a tel URI's number.
pub(crate) fn dialled(request: &Message) -> String {
    let uri = request.request_uri_text();
    if let Some(number) = uri.strip_prefix("tel:") {
        return number.split(';').next().unwrap_or_default().to_owned();
    }
    let user =
        request.request_uri().ok().and_then(|uri| uri.user_decoded().map(|u| u.into_owned()));
    user.unwrap_or_default()
}

/// The user part of a Refer-To that asks for a plain new call; `None` for an attended transfer or nonsense.
pub(crate) fn refer_target(request: &Message) -> Option<String> {
    let target = NameAddr::parse(request.header(HeaderName::ReferTo)?)?;
    let uri = target.uri().ok()?;
    if uri.header_text().is_some() {
        return None;
    }
    uri.user_decoded().map(|user| user.into_owned())
}

/// The dialog that an attended transfer is to replace: the Replaces header in the URI of Refer-To (RFC 3891
/// section 6.2), in the words of whom it names as the target.
pub(crate) struct Replaced {
    pub(crate) call_id: String,
    /// Our tag.
    pub(crate) to_tag: String,
    /// The tag of the other side.
    pub(crate) from_tag: String,
}

impl Replaced {
    /// `None` when Refer-To has no such header, or a broken one.
    pub(crate) fn by_refer(request: &Message) -> Option<Self> {
        let target = NameAddr::parse(request.header(HeaderName::ReferTo)?)?;
        let uri = target.uri().ok()?;
        let is_replaces = |name: &str| name.eq_ignore_ascii_case("replaces");
        let (_, value) = uri.headers().find(|(name, _)| is_replaces(name))?;
        let replaces = Replaces::parse(&value)?;
        Some(Self {
            call_id: replaces.call_id.to_owned(),
            to_tag: replaces.to_tag().to_owned(),
            from_tag: replaces.from_tag().to_owned(),
        })
    }
}

/// What is offered to a caller that leaves the offer to us: the edge's Record-Route tells its transport.
pub(crate) fn policy_for(request: &Message) -> OfferPolicy {
    let route = request.header(HeaderName::RecordRoute).unwrap_or_default();
    let (security, ice) = if route.contains("transport=ws") {
        (Security::Dtls, IceRole::Full)
    } else {
        (Security::Plain, IceRole::None)
    };
    OfferPolicy { security, ice, prefer_codec_of: None }
}

fn user_of(value: &str) -> Option<String> {
    let address = NameAddr::parse(value)?;
    let user = address.uri().ok()?.user_decoded()?.into_owned();
    (!user.is_empty()).then_some(user)
}

fn display_name_of(value: &str) -> Option<String> {
    let name = NameAddr::parse(value)?.display_name()?.into_owned();
    let name: String = name.chars().filter(|c| !c.is_control()).take(DISPLAY_NAME_MAX).collect();
    (!name.trim().is_empty()).then(|| name.trim().to_owned())
}
