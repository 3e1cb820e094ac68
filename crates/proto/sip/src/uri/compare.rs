//! When two URIs are equivalent (RFC 3261 section 19.1.4).

use super::{Uri, UriParams, decoded_bytes};

/// Parameters that must match when either URI has them.
const MUST_MATCH: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

impl Uri<'_> {
    /// True when both URIs are equivalent. URIs of other schemes than sip and
    /// sips are equivalent when their texts are equal without regard to case.
    #[must_use]
    pub fn is_equivalent(&self, other: &Uri<'_>) -> bool {
        if !self.is_sip() || !other.is_sip() {
            return self.as_str().eq_ignore_ascii_case(other.as_str());
        }
        self.scheme() == other.scheme()
            && same_decoded(self.user(), other.user())
            && same_decoded(self.password(), other.password())
            && self.host() == other.host()
            && self.port() == other.port()
            && same_params(self.params(), other.params())
            && same_headers(self, other)
    }
}

fn same_decoded(ours: Option<&str>, theirs: Option<&str>) -> bool {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => decoded_bytes(ours).eq(decoded_bytes(theirs)),
        (None, None) => true,
        _ => false,
    }
}

fn same_ignoring_case(ours: &str, theirs: &str) -> bool {
    let lower = |text| decoded_bytes(text).map(|byte: u8| byte.to_ascii_lowercase());
    lower(ours).eq(lower(theirs))
}

fn same_params(ours: UriParams<'_>, theirs: UriParams<'_>) -> bool {
    let find = |params: UriParams<'_>, name: &str| {
        params
            .pairs()
            .find(|(found, _)| same_ignoring_case(found, name))
            .map(|(_, value)| value.unwrap_or_default().to_owned())
    };
    let must_match =
        MUST_MATCH.iter().all(|name| find(ours, name).is_some() == find(theirs, name).is_some());
    // Of a parameter that is repeated, the first one counts.
    let shared_match = ours.pairs().all(|(name, _)| match (find(ours, name), find(theirs, name)) {
        (Some(ours), Some(theirs)) => same_ignoring_case(&ours, &theirs),
        _ => true,
    });
    must_match && shared_match
}

/// Header fields are never ignored: each must be in both URIs.
fn same_headers(ours: &Uri<'_>, theirs: &Uri<'_>) -> bool {
    let sorted = |uri: &Uri<'_>| {
        let mut fields: Vec<_> = uri
            .headers()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned()))
            .collect();
        fields.sort();
        fields
    };
    match (ours.header_text(), theirs.header_text()) {
        (None, None) => true,
        (Some(_), Some(_)) => sorted(ours) == sorted(theirs),
        _ => false,
    }
}
