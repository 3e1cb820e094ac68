//! The server's side.

use std::borrow::Cow;
use std::fmt::Write as _;

use subtle::ConstantTimeEq as _;

use super::nonce::{NONCE_LIFETIME_S, NonceKey, NonceUses};
use super::{Algorithm, Inputs, Quality, Secret};
use crate::headers::{AuthParams, quote};
use crate::message::{HeaderName, Message, Method};
use crate::uri::{Host, Scheme, Uri, decoded_bytes};

/// Challenges requests of one realm and checks their credentials.
///
/// Time is in seconds since the Unix epoch, so that nodes that share a key
/// accept each other's nonces. ACK and CANCEL cannot be challenged (RFC 3261
/// section 22.1).
pub struct Authenticator {
    realm: String,
    key: NonceKey,
    nonce_lifetime_s: u64,
    issued: u64,
    uses: NonceUses,
}

/// Why credentials are not accepted. The answer is a challenge either way; an
/// unknown user and a wrong password are both `Wrong`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The digest is right but the nonce is too old, not ours, or was used with
    /// that count before: challenge with `stale=true` and the client tries
    /// again without asking its user.
    #[error("Stale nonce")]
    Stale,
    /// The digest is wrong. Count it: it may be somebody guessing.
    #[error("Wrong credentials")]
    Wrong,
    /// The digest is right but was made for another Request-URI
    /// (RFC 7616 section 3.4.6).
    #[error("Digest URI does not match")]
    OtherUri,
}

/// Digest credentials for our realm, taken from a request.
#[derive(Debug, Clone)]
pub struct Credentials<'a> {
    username: Cow<'a, str>,
    nonce: Cow<'a, str>,
    uri: Cow<'a, str>,
    response: Cow<'a, str>,
    algorithm: Algorithm,
    /// `nc` as written and `cnonce`; `None` without `qop`.
    count: Option<(Cow<'a, str>, Cow<'a, str>)>,
    method: &'a Method,
    request_uri: &'a str,
}

impl<'a> Credentials<'a> {
    /// The user they claim to be of.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    fn read(params: AuthParams<'a>, method: &'a Method, request_uri: &'a str) -> Option<Self> {
        let algorithm = params
            .get("algorithm")
            .map_or(Some(Algorithm::Md5), |token| Algorithm::from_token(&token))?;
        let count = match params.get("qop") {
            None => None,
            Some(qop) if qop.eq_ignore_ascii_case("auth") => {
                Some((params.get("nc")?, params.get("cnonce")?))
            }
            Some(_) => return None,
        };
        Some(Self {
            username: params.get("username")?,
            nonce: params.get("nonce")?,
            uri: params.get("uri")?,
            response: params.get("response")?,
            algorithm,
            count,
            method,
            request_uri,
        })
    }

    /// True when `secret` gives the response. Takes the same time wherever the
    /// two differ.
    fn is_proof(&self, secret: &Secret, realm: &str) -> bool {
        let inputs = Inputs {
            algorithm: self.algorithm,
            nonce: &self.nonce,
            quality: self
                .count
                .as_ref()
                .map(|(nc, cnonce)| (nc.as_ref(), cnonce.as_ref(), Quality::Auth)),
            method: self.method,
            uri: &self.uri,
        };
        let expected = inputs.response(&secret.ha1(self.algorithm, &self.username, realm));
        let given = self.response.to_ascii_lowercase();
        expected.as_bytes().ct_eq(given.as_bytes()).into()
    }

    /// How often the nonce was used, by the client's count. Without `qop` there
    /// is no count and a nonce is good for one request.
    fn use_count(&self) -> Option<u32> {
        let Some((nc, _)) = &self.count else {
            return Some(1);
        };
        (nc.len() == 8).then(|| u32::from_str_radix(nc, 16).ok())?
    }

    /// Parameters may differ, since proxies on the way add and remove them, and
    /// so may whether the default port is spelled out.
    fn is_for_request_uri(&self) -> bool {
        if self.uri == self.request_uri {
            return true;
        }
        let (Ok(ours), Ok(theirs)) = (Uri::parse(self.request_uri), Uri::parse(&self.uri)) else {
            return false;
        };
        match ours.is_sip() && theirs.is_sip() {
            true => target(&ours) == target(&theirs),
            false => ours.is_equivalent(&theirs),
        }
    }
}

/// Whom a URI names, whatever its parameters.
fn target<'a>(uri: &Uri<'a>) -> (Option<Host<'a>>, u16, Option<Vec<u8>>) {
    let default_port = if uri.scheme() == Scheme::Sips { 5061 } else { 5060 };
    let user = uri.user().map(|user| decoded_bytes(user).collect());
    (uri.host(), uri.port().unwrap_or(default_port), user)
}

impl Authenticator {
    /// An authenticator for `realm` that signs its nonces with `key`, which must
    /// be random and secret.
    #[must_use]
    pub fn new(realm: &str, key: [u8; 32]) -> Self {
        Self {
            realm: realm.to_owned(),
            key: NonceKey::new(key),
            nonce_lifetime_s: NONCE_LIFETIME_S,
            issued: 0,
            uses: NonceUses::default(),
        }
    }

    /// Sets how long a nonce is good for, in seconds.
    #[must_use]
    pub fn nonce_lifetime_s(mut self, lifetime_s: u64) -> Self {
        self.nonce_lifetime_s = lifetime_s;
        self
    }

    /// The realm.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The values of WWW-Authenticate or Proxy-Authenticate, a header each, the
    /// stronger algorithm first (RFC 8760 section 2.4).
    pub fn challenge(&mut self, is_stale: bool, now_s: u64) -> [String; 2] {
        self.issued += 1;
        let nonce = self.key.print((now_s, self.issued));
        [Algorithm::Sha256, Algorithm::Md5].map(|algorithm| {
            let mut value = format!(
                "Digest realm={}, nonce=\"{nonce}\", algorithm={}, qop=\"auth\"",
                quote(&self.realm),
                algorithm.as_str()
            );
            if is_stale {
                write!(value, ", stale=true").expect("writing to a String does not fail");
            }
            value
        })
    }

    /// The credentials for our realm in `header` (Authorization or
    /// Proxy-Authorization), when a request has any that we understand.
    #[must_use]
    pub fn credentials<'a>(
        &self,
        request: &'a Message,
        header: HeaderName,
    ) -> Option<Credentials<'a>> {
        let method = request.method()?;
        request
            .auth(header)
            .filter(|value| value.is_digest())
            .filter(|value| value.params.get("realm").is_some_and(|realm| realm == self.realm))
            .find_map(|value| Credentials::read(value.params, method, request.request_uri_text()))
    }

    /// Checks credentials against what is stored for their user, `None` when
    /// there is no such user. Both take the same way and the same time.
    ///
    /// # Errors
    /// Why they are refused.
    pub fn check(
        &mut self,
        credentials: &Credentials<'_>,
        secret: Option<&Secret>,
        now_s: u64,
    ) -> Result<(), Refusal> {
        let nobodys = Secret::Password(self.key.nobodys_password(&credentials.username));
        let is_proof = credentials.is_proof(secret.unwrap_or(&nobodys), &self.realm);
        if !is_proof || secret.is_none() {
            return Err(Refusal::Wrong);
        }
        if !credentials.is_for_request_uri() {
            return Err(Refusal::OtherUri);
        }
        let oldest_s = now_s.saturating_sub(self.nonce_lifetime_s);
        let stamp = self.key.read(&credentials.nonce).filter(|stamp| stamp.0 >= oldest_s);
        let (Some(stamp), Some(count)) = (stamp, credentials.use_count()) else {
            return Err(Refusal::Stale);
        };
        match self.uses.note(stamp, count, oldest_s) {
            true => Ok(()),
            false => Err(Refusal::Stale),
        }
    }
}
