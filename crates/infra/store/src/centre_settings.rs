use crate::{Store, StoreError};
use serde::{Deserialize, Serialize};

const NOT_READY_REASONS: &str = "not_ready_reasons";
const DISPOSITIONS: &str = "dispositions";
const SCREEN_POP: &str = "screen_pop";

/// A reason that agents may give for taking no calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotReadyReason {
    /// In words.
    pub name: String,
    /// The status that goes with it: `busy` or `away`.
    pub status: String,
}

impl Store {
    /// The reasons for taking no calls; some usual ones until others are set.
    ///
    /// # Errors
    /// When the database fails or the setting is damaged.
    pub async fn not_ready_reasons(&self) -> Result<Vec<NotReadyReason>, StoreError> {
        let usual =
            [("Break", "away"), ("Lunch", "away"), ("Meeting", "busy"), ("Training", "busy")];
        let usual = usual.map(|(name, status)| NotReadyReason {
            name: name.to_owned(),
            status: status.to_owned(),
        });
        Ok(self.setting(NOT_READY_REASONS).await?.unwrap_or_else(|| usual.to_vec()))
    }

    /// Sets the reasons for taking no calls.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_not_ready_reasons(
        &self,
        reasons: &[NotReadyReason],
    ) -> Result<(), StoreError> {
        self.set_setting(NOT_READY_REASONS, reasons).await
    }

    /// What agents may say came of a call; some usual words until others are set.
    ///
    /// # Errors
    /// When the database fails or the setting is damaged.
    pub async fn dispositions(&self) -> Result<Vec<String>, StoreError> {
        let usual = ["Resolved", "Follow up", "Forwarded", "Wrong number"].map(str::to_owned);
        Ok(self.setting(DISPOSITIONS).await?.unwrap_or_else(|| usual.to_vec()))
    }

    /// Sets what agents may say came of a call.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_dispositions(&self, names: &[String]) -> Result<(), StoreError> {
        self.set_setting(DISPOSITIONS, names).await
    }

    /// The page that an agent sees beside a call, with its placeholders.
    ///
    /// # Errors
    /// When the database fails or the setting is damaged.
    pub async fn screen_pop(&self) -> Result<Option<String>, StoreError> {
        Ok(self.setting::<Option<String>>(SCREEN_POP).await?.flatten())
    }

    /// Sets the page that an agent sees beside a call.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_screen_pop(&self, url: Option<&str>) -> Result<(), StoreError> {
        self.set_setting(SCREEN_POP, &url).await
    }
}
