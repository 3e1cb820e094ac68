//! The header names that the parsers know, with their compact forms.

use std::fmt;

/// A header's name. Names are compared without regard to case and compact
/// forms are folded in (RFC 3261 section 7.3.3); every name that is not in
/// this list is [`HeaderName::Other`] and found by its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each variant is the header of that name")]
pub enum HeaderName {
    Accept,
    AcceptContact,
    AcceptEncoding,
    AcceptLanguage,
    AlertInfo,
    Allow,
    AllowEvents,
    AuthenticationInfo,
    Authorization,
    CallId,
    CallInfo,
    Contact,
    ContentDisposition,
    ContentEncoding,
    ContentLanguage,
    ContentLength,
    ContentType,
    CSeq,
    Date,
    Diversion,
    ErrorInfo,
    Event,
    Expires,
    FlowTimer,
    From,
    HistoryInfo,
    Identity,
    InReplyTo,
    InfoPackage,
    MaxForwards,
    MimeVersion,
    MinExpires,
    MinSe,
    Organization,
    PAssertedIdentity,
    PPreferredIdentity,
    Path,
    Priority,
    Privacy,
    ProxyAuthenticate,
    ProxyAuthorization,
    ProxyRequire,
    RAck,
    RSeq,
    Reason,
    RecordRoute,
    RecvInfo,
    ReferSub,
    ReferTo,
    ReferredBy,
    RejectContact,
    RemotePartyId,
    Replaces,
    ReplyTo,
    RequestDisposition,
    Require,
    RetryAfter,
    Route,
    Server,
    ServiceRoute,
    SessionExpires,
    SipEtag,
    SipIfMatch,
    Subject,
    SubscriptionState,
    Supported,
    TargetDialog,
    Timestamp,
    To,
    Unsupported,
    UserAgent,
    Via,
    Warning,
    WwwAuthenticate,
    /// Any other name; see `HeaderField::name_text` for its text.
    Other,
}

/// Every known name with its canonical spelling and its compact form.
#[rustfmt::skip]
pub(crate) const NAMES: &[(HeaderName, &str, Option<u8>)] = {
    use HeaderName as H;
    &[
        (H::Accept, "Accept", None),
        (H::AcceptContact, "Accept-Contact", Some(b'a')),
        (H::AcceptEncoding, "Accept-Encoding", None),
        (H::AcceptLanguage, "Accept-Language", None),
        (H::AlertInfo, "Alert-Info", None),
        (H::Allow, "Allow", None),
        (H::AllowEvents, "Allow-Events", Some(b'u')),
        (H::AuthenticationInfo, "Authentication-Info", None),
        (H::Authorization, "Authorization", None),
        (H::CallId, "Call-ID", Some(b'i')),
        (H::CallInfo, "Call-Info", None),
        (H::Contact, "Contact", Some(b'm')),
        (H::ContentDisposition, "Content-Disposition", None),
        (H::ContentEncoding, "Content-Encoding", Some(b'e')),
        (H::ContentLanguage, "Content-Language", None),
        (H::ContentLength, "Content-Length", Some(b'l')),
        (H::ContentType, "Content-Type", Some(b'c')),
        (H::CSeq, "CSeq", None),
        (H::Date, "Date", None),
        (H::Diversion, "Diversion", None),
        (H::ErrorInfo, "Error-Info", None),
        (H::Event, "Event", Some(b'o')),
        (H::Expires, "Expires", None),
        (H::FlowTimer, "Flow-Timer", None),
        (H::From, "From", Some(b'f')),
        (H::HistoryInfo, "History-Info", None),
        (H::Identity, "Identity", Some(b'y')),
        (H::InReplyTo, "In-Reply-To", None),
        (H::InfoPackage, "Info-Package", None),
        (H::MaxForwards, "Max-Forwards", None),
        (H::MimeVersion, "MIME-Version", None),
        (H::MinExpires, "Min-Expires", None),
        (H::MinSe, "Min-SE", None),
        (H::Organization, "Organization", None),
        (H::PAssertedIdentity, "P-Asserted-Identity", None),
        (H::PPreferredIdentity, "P-Preferred-Identity", None),
        (H::Path, "Path", None),
        (H::Priority, "Priority", None),
        (H::Privacy, "Privacy", None),
        (H::ProxyAuthenticate, "Proxy-Authenticate", None),
        (H::ProxyAuthorization, "Proxy-Authorization", None),
        (H::ProxyRequire, "Proxy-Require", None),
        (H::RAck, "RAck", None),
        (H::RSeq, "RSeq", None),
        (H::Reason, "Reason", None),
        (H::RecordRoute, "Record-Route", None),
        (H::RecvInfo, "Recv-Info", None),
        (H::ReferSub, "Refer-Sub", None),
        (H::ReferTo, "Refer-To", Some(b'r')),
        (H::ReferredBy, "Referred-By", Some(b'b')),
        (H::RejectContact, "Reject-Contact", Some(b'j')),
        (H::RemotePartyId, "Remote-Party-ID", None),
        (H::Replaces, "Replaces", None),
        (H::ReplyTo, "Reply-To", None),
        (H::RequestDisposition, "Request-Disposition", Some(b'd')),
        (H::Require, "Require", None),
        (H::RetryAfter, "Retry-After", None),
        (H::Route, "Route", None),
        (H::Server, "Server", None),
        (H::ServiceRoute, "Service-Route", None),
        (H::SessionExpires, "Session-Expires", Some(b'x')),
        (H::SipEtag, "SIP-ETag", None),
        (H::SipIfMatch, "SIP-If-Match", None),
        (H::Subject, "Subject", Some(b's')),
        (H::SubscriptionState, "Subscription-State", None),
        (H::Supported, "Supported", Some(b'k')),
        (H::TargetDialog, "Target-Dialog", None),
        (H::Timestamp, "Timestamp", None),
        (H::To, "To", Some(b't')),
        (H::Unsupported, "Unsupported", None),
        (H::UserAgent, "User-Agent", None),
        (H::Via, "Via", Some(b'v')),
        (H::Warning, "Warning", None),
        (H::WwwAuthenticate, "WWW-Authenticate", None),
    ]
};

/// Longest known name, in bytes.
const NAME_BYTES_MAX: usize = 20;
/// Slots of the name table. The hash has no collision at this size, which the
/// compiler checks while it builds the table.
const SLOTS: usize = 512;

static SLOT_TO_NAME: [u8; SLOTS] = slots();
static COMPACT: [u8; 256] = compact_forms();

const fn hash(length: usize, first: u8, middle: u8, last: u8) -> usize {
    let first = (first | 0x20) as usize;
    let middle = (middle | 0x20) as usize;
    let last = (last | 0x20) as usize;
    (length * 404 + first * 158 + middle * 191 + last * 162) % SLOTS
}

const fn hash_of(name: &[u8]) -> usize {
    hash(name.len(), name[0], name[name.len() / 2], name[name.len() - 1])
}

const fn slots() -> [u8; SLOTS] {
    let mut table = [HeaderName::Other as u8; SLOTS];
    let mut at = 0;
    while at < NAMES.len() {
        let slot = hash_of(NAMES[at].1.as_bytes());
        assert!(NAMES[at].0 as usize == at, "the names are listed in the order of the enum");
        assert!(NAMES[at].1.len() <= NAME_BYTES_MAX, "NAME_BYTES_MAX covers every name");
        assert!(table[slot] == HeaderName::Other as u8, "two names share a slot");
        table[slot] = at as u8;
        at += 1;
    }
    table
}

const fn compact_forms() -> [u8; 256] {
    let mut table = [HeaderName::Other as u8; 256];
    let mut at = 0;
    while at < NAMES.len() {
        if let Some(letter) = NAMES[at].2 {
            table[letter as usize] = at as u8;
            table[letter.to_ascii_uppercase() as usize] = at as u8;
        }
        at += 1;
    }
    table
}

impl HeaderName {
    /// The name that a header's text stands for, long or compact, in any case.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self::from_bytes(text.as_bytes())
    }

    pub(crate) fn from_bytes(text: &[u8]) -> Self {
        let position = match text.len() {
            1 => COMPACT[usize::from(text[0])],
            2..=NAME_BYTES_MAX => SLOT_TO_NAME[hash_of(text)],
            _ => return Self::Other,
        };
        match NAMES.get(usize::from(position)) {
            Some((name, spelled, _))
                if text.len() == 1
                    || text == spelled.as_bytes()
                    || text.eq_ignore_ascii_case(spelled.as_bytes()) =>
            {
                *name
            }
            _ => Self::Other,
        }
    }

    /// The canonical spelling; empty for [`HeaderName::Other`].
    #[must_use]
    pub fn as_str(self) -> &'static str {
        NAMES.get(self as usize).map_or("", |(_, spelled, _)| spelled)
    }

    /// True for headers that may stand in a message once only
    /// (RFC 3261 section 7.3.1 and table 2).
    #[must_use]
    pub fn is_single(self) -> bool {
        matches!(
            self,
            Self::CallId
                | Self::ContentDisposition
                | Self::ContentLength
                | Self::ContentType
                | Self::CSeq
                | Self::Event
                | Self::Expires
                | Self::From
                | Self::MaxForwards
                | Self::MinExpires
                | Self::MinSe
                | Self::RAck
                | Self::RSeq
                | Self::ReferTo
                | Self::ReferredBy
                | Self::Replaces
                | Self::ReplyTo
                | Self::RetryAfter
                | Self::SessionExpires
                | Self::SipIfMatch
                | Self::SubscriptionState
                | Self::TargetDialog
                | Self::Timestamp
                | Self::To
        )
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Other => "header",
            known => known.as_str(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case_and_in_its_compact_form() {
        for (name, spelled, compact) in NAMES {
            assert_eq!(HeaderName::from_text(spelled), *name);
            assert_eq!(HeaderName::from_text(&spelled.to_uppercase()), *name);
            assert_eq!(HeaderName::from_text(&spelled.to_lowercase()), *name);
            assert_eq!(name.as_str(), *spelled);
            if let Some(letter) = compact {
                assert_eq!(HeaderName::from_bytes(&[*letter]), *name);
            }
        }
    }

    #[test]
    fn near_misses_are_other_names() {
        for text in ["", "z", "Vya", "Vi", "Contakt", "C%6Fntact", "X-Long-Name-Of-Nobody-At-All"] {
            assert_eq!(HeaderName::from_text(text), HeaderName::Other, "{text}");
        }
    }
}
