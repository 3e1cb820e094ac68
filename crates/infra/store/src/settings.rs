use crate::{Store, StoreError};
use offhook_model::{Directory, GuestPolicy};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The SIP domain of a store that was given none.
const DOMAIN_DEFAULT: &str = "offhook.local";
const DOMAIN: &str = "domain";
const GUEST_POLICY: &str = "guest_policy";
/// The name of a secret that is no [`SecretName`], since it is not 32 random bytes.
const DTLS_IDENTITY: &str = "dtls_identity";

/// Secrets of the installation: 32 random bytes each, drawn when they are asked for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretName {
    /// Guests' SIP passwords are made from it.
    GuestKey,
    /// Signs the tokens of people who are signed in.
    TokenKey,
    /// Signs the edge's nonces and flow tokens.
    EdgeKey,
    /// Tells this installation from others that share a Redis with it.
    NodeId,
}

impl SecretName {
    fn as_str(self) -> &'static str {
        match self {
            Self::GuestKey => "guest_key",
            Self::TokenKey => "token_key",
            Self::EdgeKey => "edge_key",
            Self::NodeId => "node_id",
        }
    }
}

impl Store {
    /// A secret of the installation, the same at every start.
    ///
    /// # Errors
    /// When the database fails, or the operating system has no randomness.
    pub async fn secret(&self, name: SecretName) -> Result<[u8; 32], StoreError> {
        let mut fresh = [0; 32];
        getrandom::fill(&mut fresh).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        sqlx::query(
            "INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
        )
        .bind(name.as_str())
        .bind(fresh.as_slice())
        .execute(self.pool())
        .await?;
        let kept: Vec<u8> = sqlx::query_scalar("SELECT value FROM secrets WHERE name = ?")
            .bind(name.as_str())
            .fetch_one(self.pool())
            .await?;
        kept.try_into().map_err(|_| StoreError::Refused(format!("{} is damaged", name.as_str())))
    }

    /// The certificate with its key by which parties know this installation's media, once one was kept.
    ///
    /// # Errors
    /// When the database fails or it is damaged.
    pub async fn dtls_identity(&self) -> Result<Option<String>, StoreError> {
        let kept: Option<Vec<u8>> = sqlx::query_scalar("SELECT value FROM secrets WHERE name = ?")
            .bind(DTLS_IDENTITY)
            .fetch_optional(self.pool())
            .await?;
        let damaged = |_| StoreError::Refused(format!("{DTLS_IDENTITY} is damaged"));
        kept.map(String::from_utf8).transpose().map_err(damaged)
    }

    /// Keeps a certificate with its key, in the place of an earlier one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_dtls_identity(&self, pem: &str) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO secrets (name, value) VALUES (?, ?)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(DTLS_IDENTITY)
        .bind(pem.as_bytes())
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// What calls are routed and devices authenticated from.
    ///
    /// # Errors
    /// When the database fails or a setting is damaged.
    pub async fn directory(&self) -> Result<Directory, StoreError> {
        let extensions = self.extension_snapshot().await?;
        Ok(Directory {
            domain: self.setting(DOMAIN).await?.unwrap_or_else(|| DOMAIN_DEFAULT.to_owned()),
            extensions,
            services: self.services().await?,
            recorded_services: self.recorded_services().await?,
            supervisors: self.supervisors().await?,
            guest_policy: self.setting(GUEST_POLICY).await?.unwrap_or_default(),
            queues: self.queues().await?,
            agents: self.agents().await?,
            menus: self.menus().await?,
            greetings: self.greetings().await?,
        })
    }

    /// Sets which numbers a caller without an account may dial.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_guest_policy(&self, policy: &GuestPolicy) -> Result<(), StoreError> {
        self.set_setting(GUEST_POLICY, policy).await
    }

    /// Sets the default SIP domain.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_domain(&self, domain: &str) -> Result<(), StoreError> {
        self.set_setting(DOMAIN, domain).await
    }

    pub(crate) async fn setting<T: DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, StoreError> {
        let text: Option<String> = sqlx::query_scalar("SELECT value FROM settings WHERE name = ?")
            .bind(name)
            .fetch_optional(self.pool())
            .await?;
        let parse = |text: String| {
            serde_json::from_str(&text)
                .map_err(|error| StoreError::Refused(format!("the setting {name}: {error}")))
        };
        text.map(parse).transpose()
    }

    pub(crate) async fn set_setting<T: Serialize + ?Sized>(
        &self,
        name: &str,
        value: &T,
    ) -> Result<(), StoreError> {
        let text =
            serde_json::to_string(value).map_err(|error| StoreError::Refused(error.to_string()))?;
        sqlx::query(
            "INSERT INTO settings (name, value) VALUES (?, ?)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(text)
        .execute(self.pool())
        .await?;
        Ok(())
    }
}
