use crate::ForkUrl;
use std::fmt;

/// The URL of a web server that is asked something, taken apart. Whoever connects prints these parts and never
/// reads the text again, so that the host that was allowed is the host that is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(ForkUrl);

/// A text that is no URL of a web server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a URL such as https://host.example/path?query, without user, password and fragment, of at most 2048 bytes"
)]
pub struct InvalidWebhookUrl;

impl WebhookUrl {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// When it is none of `http` or `https`, or holds anything but a host, a port, a path and a query.
    pub fn parse(text: &str) -> Result<Self, InvalidWebhookUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidWebhookUrl)?;
        // The two families of URLs differ in their schemes only (RFC 6455 section 3).
        let like = match scheme.to_ascii_lowercase().as_str() {
            "http" => "ws",
            "https" => "wss",
            _ => return Err(InvalidWebhookUrl),
        };
        let parts = ForkUrl::parse(&format!("{like}://{rest}")).map_err(|_| InvalidWebhookUrl)?;
        Ok(Self(parts))
    }

    /// Its parts, by which [`AllowedHost`](crate::AllowedHost) decides.
    #[must_use]
    pub fn parts(&self) -> &ForkUrl {
        &self.0
    }

    /// Whether it is `https`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.0.is_secure()
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure() { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.0.authority(), self.0.path_and_query())
    }
}

/// Without the query, which may hold secrets.
impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.without_query().replacen("ws", "http", 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AllowedHost;

    #[test]
    fn a_url_is_taken_apart_and_put_together() {
        let url = WebhookUrl::parse("HTTPS://Shop.Example/next?key=secret").unwrap();
        assert_eq!(url.to_string(), "https://shop.example:443/next?key=secret");
        assert_eq!(format!("{url:?}"), "https://shop.example:443/next");
        let allowed = AllowedHost::parse("shop.example").unwrap();
        assert!(allowed.allows(url.parts()));
        let other = WebhookUrl::parse("http://[::1]:8080").unwrap();
        assert_eq!(other.to_string(), "http://[::1]:8080/");
        assert!(!allowed.allows(other.parts()));
        for text in ["", "ws://a/", "ftp://a/", "http://", "http://me@a/", "http://a/#b", "a.b/c"] {
            assert_eq!(WebhookUrl::parse(text), Err(InvalidWebhookUrl), "{text}");
        }
    }
}
