//! One message to one webhook.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::time::Duration;

/// How long a receiver may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Sends messages over HTTP. It follows no redirection, which would lead to a host that was not allowed.
#[derive(Debug, Clone)]
pub(super) struct Sender(ureq::Agent);

/// A message to be sent.
#[derive(Debug)]
pub(super) struct Letter {
    pub url: String,
    pub secret: String,
    pub webhook: String,
    pub event_id: String,
    pub body: String,
    /// How often it was sent before.
    pub attempts: i64,
    /// Unix time in seconds.
    pub at_s: u64,
}

impl Sender {
    /// `with_https` is needed as soon as a host may be asked.
    pub fn new(with_https: bool) -> Self {
        let requests = offhook_outgoing::requests(ANSWER_WITHIN, with_https);
        Self(requests.http_status_as_error(false).build().new_agent())
    }

    /// Sends a message, and says why it was not taken. It blocks.
    pub fn send(&self, letter: &Letter) -> Result<(), String> {
        let signature = signature(&letter.secret, letter.at_s, &letter.body);
        let request = self
            .0
            .post(&letter.url)
            .header("Content-Type", "application/cloudevents+json; charset=utf-8")
            .header("User-Agent", "offhook")
            .header("Offhook-Webhook", &letter.webhook)
            .header("Offhook-Event", &letter.event_id)
            .header("Offhook-Attempt", (letter.attempts + 1).to_string())
            .header("Offhook-Signature", signature);
        match request.send(letter.body.as_bytes()) {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("the answer was {}", answer.status().as_u16())),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// `t=SECONDS,v1=HMAC`: HMAC-SHA256 over `SECONDS.BODY`, in hexadecimal digits.
pub(super) fn signature(secret: &str, at_s: u64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length is a key");
    mac.update(format!("{at_s}.{body}").as_bytes());
    let digits: String =
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at_s},v1={digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_openssl_makes() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret
        let expected = include_str!("signature.txt").trim();
        assert_eq!(signature("secret", 1_700_000_000, "{\"a\":1}"), expected);
    }
}
