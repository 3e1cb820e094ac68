use serde::{Deserialize, Serialize};

/// What an operator can set for voicemail.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The mail server that messages are sent by.
    pub smtp: SmtpConfig,
}

/// The mail server that messages are sent by; without a URL none are sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmtpConfig {
    /// `smtps://user:password@mail.example:465`, or `smtp://...:587?tls=required` for STARTTLS.
    pub url: SmtpUrl,
    /// The sender: `Offhook <voicemail@example.com>`.
    pub from: String,
}

/// The URL of a mail server, which may have a password in it and does not show in `Debug`.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SmtpUrl(pub String);

impl std::fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() { "SmtpUrl(none)" } else { "SmtpUrl(..)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_the_mail_server_is_not_printed() {
        let url = SmtpUrl("smtps://offhook:secret@mail.example".to_owned());
        let config = Config { smtp: SmtpConfig { url, from: "a@b.example".to_owned() } };
        assert!(!format!("{config:?}").contains("secret"));
    }
}
