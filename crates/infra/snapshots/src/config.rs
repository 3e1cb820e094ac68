use serde::{Deserialize, Serialize};

/// Settings of the state that outlives the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether calls outlive a restart at all.
    pub calls: bool,
    /// The Redis in which they are kept; the database in the data directory when none is named.
    pub redis_url: Option<RedisUrl>,
    /// What the keys in Redis begin with. Each Offhook at one Redis needs its own; unless set it is
    /// `offhook:` and a number that is drawn at the first start and kept in the data directory.
    pub key_prefix: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self { calls: true, redis_url: None, key_prefix: None }
    }
}

/// The address of a Redis, with its password. It does not show in `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RedisUrl(String);

impl RedisUrl {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RedisUrl {
    type Error = String;

    fn try_from(url: String) -> Result<Self, String> {
        match redis::Client::open(url.as_str()) {
            Ok(_) => Ok(Self(url)),
            Err(_) => Err("not the address of a Redis: expected \
                 redis://[user:password@]host[:port][/database], the same with rediss:// for TLS, or \
                 unix:///path/of/the/socket"
                .to_owned()),
        }
    }
}

impl From<RedisUrl> for String {
    fn from(url: RedisUrl) -> Self {
        url.0
    }
}

impl std::fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RedisUrl(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_checked_and_its_password_does_not_show() {
        for good in [
            "redis://127.0.0.1:6379/2",
            "rediss://me:secret@redis.example.org",
            "unix:///run/redis",
        ] {
            let config: Config = toml::from_str(&format!("redis_url = \"{good}\"")).expect(good);
            assert_eq!(config.redis_url.as_ref().map(RedisUrl::as_str), Some(good));
            assert!(!format!("{config:?}").contains("secret"));
        }
        for bad in ["127.0.0.1:6379", "http://redis.example.org", ""] {
            let error = toml::from_str::<Config>(&format!("redis_url = \"{bad}\"")).expect_err(bad);
            assert!(error.to_string().contains("redis://[user"), "{error}");
        }
        assert!(toml::from_str::<Config>("redis = 1").is_err());
        assert_eq!(toml::from_str::<Config>("").expect("empty"), Config::default());
    }
}
