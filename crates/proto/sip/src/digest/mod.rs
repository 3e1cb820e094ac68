//! Digest authentication (RFC 3261 section 22, RFC 7616, RFC 8760).
//!
//! [`Authenticator`] challenges and checks; [`respond`] answers the challenge
//! of another server.

mod authenticator;
mod client;
mod nonce;

use std::fmt;
use std::hint::black_box;

use md5::Md5;
use sha2::Sha256;

use crate::message::Method;

pub use authenticator::{Authenticator, Credentials, Refusal};
pub use client::{Challenge, Request, respond};
pub use nonce::{NONCE_LIFETIME_S, NONCES_MAX};

/// A digest algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RFC 2617; for clients that know nothing better.
    Md5,
    /// RFC 7616.
    Sha256,
}

impl Algorithm {
    /// The algorithm that a token names, without regard to case.
    #[must_use]
    pub fn from_token(token: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256]
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(token))
    }

    /// The token on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// The digest of the parts joined by colons, in hexadecimal.
    fn hash(self, parts: &[&[u8]]) -> String {
        match self {
            Self::Md5 => hex(&digest_of::<Md5>(parts)),
            Self::Sha256 => hex(&digest_of::<Sha256>(parts)),
        }
    }
}

fn digest_of<D: sha2::Digest>(parts: &[&[u8]]) -> sha2::digest::Output<D> {
    let mut digest = D::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            digest.update(b":");
        }
        digest.update(part);
    }
    digest.finalize()
}

/// What a user proves to know. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The password itself.
    Password(String),
    /// The digests of `user:realm:password`, so that the password need not be
    /// stored.
    Ha1 {
        /// With MD5.
        md5: [u8; 16],
        /// With SHA-256.
        sha256: [u8; 32],
    },
}

impl Secret {
    /// The digests to store for a user of a realm.
    #[must_use]
    pub fn ha1_of(user: &str, realm: &str, password: &str) -> Self {
        let parts = [user.as_bytes(), realm.as_bytes(), password.as_bytes()];
        Self::Ha1 {
            md5: digest_of::<Md5>(&parts).into(),
            sha256: digest_of::<Sha256>(&parts).into(),
        }
    }

    /// HA1 in hexadecimal. Both kinds of secret do the same work, so that time
    /// does not tell them apart.
    fn ha1(&self, algorithm: Algorithm, user: &str, realm: &str) -> String {
        let password = match self {
            Self::Password(password) => password.as_bytes(),
            Self::Ha1 { .. } => b"",
        };
        let computed = black_box(algorithm.hash(&[user.as_bytes(), realm.as_bytes(), password]));
        match (self, algorithm) {
            (Self::Password(_), _) => computed,
            (Self::Ha1 { md5, .. }, Algorithm::Md5) => hex(md5),
            (Self::Ha1 { sha256, .. }, Algorithm::Sha256) => hex(sha256),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password(_) => "Password(..)",
            Self::Ha1 { .. } => "Ha1(..)",
        })
    }
}

/// What the response is computed from (RFC 7616 section 3.4.1).
struct Inputs<'a> {
    algorithm: Algorithm,
    nonce: &'a str,
    /// `nc` and `cnonce` as written, and `qop`; `None` for RFC 2069.
    quality: Option<(&'a str, &'a str, Quality<'a>)>,
    method: &'a Method,
    uri: &'a str,
}

/// What is protected.
#[derive(Debug, Clone, Copy)]
enum Quality<'a> {
    Auth,
    /// With the body.
    AuthInt(&'a [u8]),
}

impl Quality<'_> {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt(_) => "auth-int",
        }
    }
}

impl Inputs<'_> {
    fn response(&self, ha1: &str) -> String {
        let hash = |parts: &[&[u8]]| self.algorithm.hash(parts);
        let (method, uri) = (self.method.as_str().as_bytes(), self.uri.as_bytes());
        let (ha1, nonce) = (ha1.as_bytes(), self.nonce.as_bytes());
        let ha2 = match self.quality {
            Some((_, _, Quality::AuthInt(body))) => hash(&[method, uri, hash(&[body]).as_bytes()]),
            _ => hash(&[method, uri]),
        };
        match self.quality {
            Some((nc, cnonce, quality)) => {
                let quality = quality.as_str().as_bytes();
                hash(&[ha1, nonce, nc.as_bytes(), cnonce.as_bytes(), quality, ha2.as_bytes()])
            }
            None => hash(&[ha1, nonce, ha2.as_bytes()]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of RFC 7616 section 3.9.1.
    fn example(algorithm: Algorithm) -> String {
        let method = Method::Other("GET".into());
        let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let inputs = Inputs {
            algorithm,
            nonce,
            quality: Some(("00000001", cnonce, Quality::Auth)),
            method: &method,
            uri: "/dir/index.html",
        };
        let secret = Secret::Password("Circle of Life".to_owned());
        inputs.response(&secret.ha1(algorithm, "Mufasa", "http-auth@example.org"))
    }

    #[test]
    fn the_examples_of_rfc_7616_come_out() {
        assert_eq!(example(Algorithm::Md5), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            example(Algorithm::Sha256),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn without_qop_the_example_of_rfc_2069_comes_out() {
        // The response is the one in the RFC's erratum 749.
        let inputs = Inputs {
            algorithm: Algorithm::Md5,
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            quality: None,
            method: &Method::Other("GET".into()),
            uri: "/dir/index.html",
        };
        let secret = Secret::Password("CircleOfLife".to_owned());
        let response = inputs.response(&secret.ha1(Algorithm::Md5, "Mufasa", "testrealm@host.com"));
        assert_eq!(response, "1949323746fe6a43ef61f9606e7febea");
    }

    #[test]
    fn stored_digests_do_as_well_as_the_password() {
        let password = Secret::Password("p".to_owned());
        let stored = Secret::ha1_of("u", "r", "p");
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            assert_eq!(password.ha1(algorithm, "u", "r"), stored.ha1(algorithm, "u", "r"));
        }
        assert!(!format!("{password:?} {stored:?}").contains('p'.to_string().repeat(2).as_str()));
    }
}
