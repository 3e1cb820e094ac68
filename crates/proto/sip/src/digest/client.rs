//! The client's side.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{Algorithm, Inputs, Quality, Secret};
use crate::headers::{AuthValue, quote};
use crate::message::Method;

/// A challenge that we can answer.
#[derive(Debug, Clone)]
pub struct Challenge<'a> {
    realm: Cow<'a, str>,
    nonce: Cow<'a, str>,
    opaque: Option<Cow<'a, str>>,
    algorithm: Option<Algorithm>,
    is_session: bool,
    quality: Option<OfferedQuality>,
    is_stale: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OfferedQuality {
    Auth,
    AuthInt,
}

/// The request that credentials are made for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its Request-URI as it is sent.
    pub uri: &'a str,
    /// Its body.
    pub body: &'a [u8],
}

impl<'a> Challenge<'a> {
    /// Picks the first challenge that we can answer: servers list the one they
    /// prefer first (RFC 8760 section 2.4).
    pub fn choose(mut values: impl Iterator<Item = AuthValue<'a>>) -> Option<Self> {
        values.find_map(|value| Self::read(&value))
    }

    /// Reads one challenge; `None` when it is not Digest or of an algorithm or
    /// quality that we do not know.
    #[must_use]
    pub fn read(value: &AuthValue<'a>) -> Option<Self> {
        value.is_digest().then_some(())?;
        let params = value.params;
        let named = params.get("algorithm");
        let (algorithm, is_session) = match named.as_deref() {
            None => (None, false),
            Some(token) => {
                match token.len().checked_sub(5).and_then(|at| token.split_at_checked(at)) {
                    Some((base, tail)) if tail.eq_ignore_ascii_case("-sess") => {
                        (Some(Algorithm::from_token(base)?), true)
                    }
                    _ => (Some(Algorithm::from_token(token)?), false),
                }
            }
        };
        let quality = match params.get("qop") {
            None => None,
            Some(offered) => Some(choose_quality(&offered)?),
        };
        Some(Self {
            realm: params.get("realm")?,
            nonce: params.get("nonce")?,
            opaque: params.get("opaque"),
            algorithm,
            is_session,
            quality,
            is_stale: params.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The realm that asks.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// True when the digest was right and only the nonce was too old. Without
    /// it, answering again with the same secret is of no use.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.is_stale
    }
}

fn choose_quality(offered: &str) -> Option<OfferedQuality> {
    let has = |token: &str| offered.split(',').any(|one| one.trim().eq_ignore_ascii_case(token));
    if has("auth") {
        return Some(OfferedQuality::Auth);
    }
    has("auth-int").then_some(OfferedQuality::AuthInt)
}

/// The value of Authorization or Proxy-Authorization that answers a challenge.
///
/// `cnonce` must be random; `count` is 1 for the first request with this nonce
/// and one more for each further request.
#[must_use]
pub fn respond(
    challenge: &Challenge<'_>,
    username: &str,
    secret: &Secret,
    request: Request<'_>,
    cnonce: &str,
    count: u32,
) -> String {
    let algorithm = challenge.algorithm.unwrap_or(Algorithm::Md5);
    let nc = format!("{count:08x}");
    let quality = challenge.quality.map(|quality| match quality {
        OfferedQuality::Auth => Quality::Auth,
        OfferedQuality::AuthInt => Quality::AuthInt(request.body),
    });
    let inputs = Inputs {
        algorithm,
        nonce: &challenge.nonce,
        quality: quality.map(|quality| (nc.as_str(), cnonce, quality)),
        method: request.method,
        uri: request.uri,
    };
    let mut ha1 = secret.ha1(algorithm, username, &challenge.realm);
    if challenge.is_session {
        ha1 = algorithm.hash(&[ha1.as_bytes(), challenge.nonce.as_bytes(), cnonce.as_bytes()]);
    }
    print(challenge, username, &inputs, &inputs.response(&ha1), cnonce)
}

fn print(
    challenge: &Challenge<'_>,
    username: &str,
    inputs: &Inputs<'_>,
    response: &str,
    cnonce: &str,
) -> String {
    let mut value = format!(
        "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\"",
        quote(username),
        quote(&challenge.realm),
        quote(&challenge.nonce),
        quote(inputs.uri),
    );
    let mut add = |text: std::fmt::Arguments<'_>| {
        value.write_fmt(text).expect("writing to a String does not fail");
    };
    if let Some(algorithm) = challenge.algorithm {
        let session = if challenge.is_session { "-sess" } else { "" };
        add(format_args!(", algorithm={}{session}", algorithm.as_str()));
    }
    if let Some((nc, cnonce, quality)) = inputs.quality {
        add(format_args!(", qop={}, nc={nc}, cnonce={}", quality.as_str(), quote(cnonce)));
    } else if challenge.is_session {
        add(format_args!(", cnonce={}", quote(cnonce)));
    }
    if let Some(opaque) = &challenge.opaque {
        add(format_args!(", opaque={}", quote(opaque)));
    }
    value
}
