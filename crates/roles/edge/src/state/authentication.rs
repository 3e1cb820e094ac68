//! Who sent a request, proven by digest (RFC 3261 section 22).

use super::Moment;
use super::bounded::BoundedMap;
use super::reply::{Reply, refused};
use super::throttle::{Failures, Rates, Source};
use crate::config::{Config, DigestAlgorithm};
use offhook_model::{Directory, Secret, guest_expiry, guest_password};
use offhook_net::Flow;
use offhook_sip::digest::{self, Authenticator, Credentials, Refusal};
use offhook_sip::{HeaderName, Message, Method, StatusCode};
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};

/// Requests whose credentials were accepted a short while ago and that may come again, unchanged.
pub(super) const ACCEPTED_MAX: usize = 131_072;
/// How long a client repeats a request (RFC 3261 section 17.1: 64 * T1).
const REPETITION: Duration = Duration::from_secs(32);

/// Challenges and checks credentials.
pub(super) struct Gatekeeper {
    authenticator: Authenticator,
    nonce_key: [u8; 32],
    guest_key: [u8; 32],
    algorithms: Vec<DigestAlgorithm>,
    md5_only_agents: Vec<String>,
    failures: Failures,
    users: Rates<String>,
    /// A digest is good for one request, but a datagram may arrive twice: the edge forwards the second as
    /// it did the first (RFC 3261 section 16.11), and must not challenge it.
    accepted: BoundedMap<Repetition, Accepted>,
    accepted_aged: Instant,
}

/// A hash of a request and of the way that it came.
type Repetition = [u8; 32];

/// Whose credentials were right, and when.
struct Accepted {
    user: String,
    at: Instant,
}

/// A user whose password was right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proven {
    /// The user name.
    pub(super) user: String,
    /// The header that the credentials were in.
    pub(super) header: HeaderName,
}

impl Gatekeeper {
    pub(super) fn new(
        realm: &str,
        nonce_key: [u8; 32],
        guest_key: [u8; 32],
        config: &Config,
        now: Instant,
    ) -> Self {
        Self {
            authenticator: Authenticator::new(realm, nonce_key),
            nonce_key,
            guest_key,
            algorithms: config.digest_algorithms.clone(),
            md5_only_agents: config.md5_only_agents.clone(),
            failures: Failures::new(&config.limits),
            users: Rates::new(config.limits.requests_per_second_per_user),
            accepted: BoundedMap::new(ACCEPTED_MAX),
            accepted_aged: now,
        }
    }

    /// Whether a request carries credentials for our realm.
    pub(super) fn has_credentials(&mut self, request: &Message, directory: &Directory) -> bool {
        self.follow_realm(directory);
        self.credentials(request).is_some()
    }

    /// Finds out who sent a request.
    ///
    /// # Errors
    /// The challenge or refusal that is to be sent.
    pub(super) fn prove(
        &mut self,
        request: &Message,
        flow: &Flow,
        directory: &Directory,
        moment: Moment,
    ) -> Result<Proven, Reply> {
        self.follow_realm(directory);
        self.forget_repetitions(moment.now);
        let Some((header, credentials)) = self.credentials(request) else {
            return Err(self.challenge(request, false, moment));
        };
        let user = credentials.username().to_owned();
        let repetition = repetition(request, flow);
        if self.accepted.peek(&repetition).is_some_and(|earlier| earlier.covers(&user, moment.now))
        {
            return Ok(Proven { user, header });
        }
        let source = Source::from(flow.remote.ip());
        if let Some(wait) = self.failures.wait(source, &user, moment.now) {
            return Err(wait_reply(wait));
        }
        self.check(&credentials, directory, moment).map_err(|refusal| match refusal {
            Denied::Challenge { is_stale } => self.challenge(request, is_stale, moment),
            Denied::WrongPassword => {
                self.failures.note_wrong(source, &user, moment.now);
                refused("wrong_password");
                self.challenge(request, false, moment)
            }
            Denied::Expired => {
                Reply::refusal(StatusCode::FORBIDDEN, "guest_expired", "Guest credentials expired")
            }
        })?;
        self.failures.note_right(source, &user, moment.now);
        if !self.users.take(user.clone(), moment.now) {
            let reason = "Too many requests from this user";
            return Err(Reply::refusal(StatusCode::SERVICE_UNAVAILABLE, "user_rate", reason)
                .header(HeaderName::RetryAfter, "1"));
        }
        self.accepted.insert(repetition, Accepted { user: user.clone(), at: moment.now });
        Ok(Proven { user, header })
    }

    fn check(
        &mut self,
        credentials: &Credentials<'_>,
        directory: &Directory,
        moment: Moment,
    ) -> Result<(), Denied> {
        let user = credentials.username();
        if guest_expiry(user).is_some_and(|expires_at| expires_at <= moment.unix_s) {
            return Err(Denied::Expired);
        }
        let secret = self.secret(user, directory);
        match self.authenticator.check(credentials, secret.as_ref(), moment.unix_s) {
            Ok(()) => Ok(()),
            Err(Refusal::Wrong) => Err(Denied::WrongPassword),
            Err(Refusal::Stale) => Err(Denied::Challenge { is_stale: true }),
            Err(Refusal::OtherUri) => Err(Denied::Challenge { is_stale: false }),
        }
    }

    fn secret(&self, user: &str, directory: &Directory) -> Option<digest::Secret> {
        if guest_expiry(user).is_some() {
            return Some(digest::Secret::Password(guest_password(&self.guest_key, user)));
        }
        let extension = directory.extensions.get(user)?;
        Some(match &extension.secret {
            Secret::Password(password) => digest::Secret::Password(password.clone()),
            Secret::Ha1 { md5, sha256 } => digest::Secret::Ha1 { md5: *md5, sha256: *sha256 },
        })
    }

    /// 401 of a registrar, 407 of a proxy.
    fn challenge(&mut self, request: &Message, is_stale: bool, moment: Moment) -> Reply {
        let (status, header) = match request.method() {
            Some(Method::Register) => (StatusCode::UNAUTHORIZED, HeaderName::WwwAuthenticate),
            _ => (StatusCode::PROXY_AUTHENTICATION_REQUIRED, HeaderName::ProxyAuthenticate),
        };
        let challenges = self.authenticator.challenge(is_stale, moment.unix_s);
        let algorithms: &[DigestAlgorithm] = match self.knows_md5_only(request) {
            true => &[DigestAlgorithm::Md5],
            false => &self.algorithms,
        };
        algorithms.iter().fold(Reply::new(status), |reply, algorithm| {
            let field = format!("algorithm={},", algorithm.token());
            match challenges.iter().find(|challenge| challenge.contains(&field)) {
                Some(challenge) => reply.header(header, challenge),
                None => reply,
            }
        })
    }

    fn knows_md5_only(&self, request: &Message) -> bool {
        let agent = request.user_agent().unwrap_or_default();
        self.algorithms.contains(&DigestAlgorithm::Md5)
            && self.md5_only_agents.iter().any(|prefix| agent.starts_with(prefix.as_str()))
    }

    /// Credentials count in either header: some clients answer every challenge in Authorization.
    fn credentials<'a>(&self, request: &'a Message) -> Option<(HeaderName, Credentials<'a>)> {
        [HeaderName::ProxyAuthorization, HeaderName::Authorization].into_iter().find_map(|header| {
            let credentials = self.authenticator.credentials(request, header)?;
            self.uses_allowed_algorithms(request, header).then_some((header, credentials))
        })
    }

    /// Without an algorithm, credentials are of MD5 (RFC 7616 section 3.4).
    fn uses_allowed_algorithms(&self, request: &Message, header: HeaderName) -> bool {
        let mut ours = request.auth(header).filter(|value| {
            value.params.get("realm").is_some_and(|realm| realm == self.authenticator.realm())
        });
        ours.all(|value| {
            let token = value.params.get("algorithm").unwrap_or("MD5".into());
            self.algorithms.iter().any(|known| known.token().eq_ignore_ascii_case(&token))
        })
    }

    /// The realm is the directory's domain, which an administrator may change.
    fn follow_realm(&mut self, directory: &Directory) {
        if self.authenticator.realm() != directory.domain {
            self.authenticator = Authenticator::new(&directory.domain, self.nonce_key);
        }
    }

    fn forget_repetitions(&mut self, now: Instant) {
        if now.saturating_duration_since(self.accepted_aged) >= REPETITION {
            self.accepted.age();
            self.accepted_aged = now;
        }
    }
}

impl Accepted {
    fn covers(&self, user: &str, now: Instant) -> bool {
        self.user == user && now.saturating_duration_since(self.at) < REPETITION
    }
}

/// Why credentials do not pass.
enum Denied {
    /// They may be right next time, with another nonce.
    Challenge { is_stale: bool },
    /// They are wrong, or there is no such user.
    WrongPassword,
    /// They belonged to a guest whose time is over.
    Expired,
}

/// What is equal in a request and its repetition only: every byte, and the way that it came.
fn repetition(request: &Message, flow: &Flow) -> Repetition {
    let mut hash = Sha256::new();
    hash.update(flow.id.0.to_be_bytes());
    hash.update(format!("{}\n{}\n", flow.transport.via_token(), flow.remote));
    hash.update(request.to_bytes());
    hash.finalize().into()
}

fn wait_reply(wait: Duration) -> Reply {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let reason = "Too many wrong passwords";
    Reply::refusal(StatusCode::SERVICE_UNAVAILABLE, "password_wait", reason)
        .header(HeaderName::RetryAfter, seconds.to_string())
}
