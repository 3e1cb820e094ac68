use crate::store::{from_sql, now_ms, to_sql};
use crate::{Store, StoreError};
use offhook_model::{Extension, RecordPolicy, Secret};
use sqlx::FromRow;
use std::collections::BTreeMap;

/// The most extensions; the directory holds all of them in memory.
pub const EXTENSIONS_MAX: usize = 100_000;
/// How long an extension's devices ring when nobody said otherwise, in seconds.
pub const RING_TIMEOUT_S_DEFAULT: u32 = 30;

#[derive(FromRow)]
struct ExtensionRow {
    number: String,
    display_name: String,
    sip_password: Option<String>,
    ha1_md5: Option<Vec<u8>>,
    ha1_sha256: Option<Vec<u8>>,
    ring_timeout_s: i64,
    record: String,
    forward: String,
}

impl ExtensionRow {
    /// `None` when the row has no usable secret, which the table's checks rule out.
    fn into_extension(self) -> Option<Extension> {
        Some(Extension {
            secret: secret(self.sip_password, self.ha1_md5, self.ha1_sha256)?,
            number: self.number,
            display_name: self.display_name,
            ring_timeout_s: u32::try_from(from_sql(self.ring_timeout_s)).unwrap_or(u32::MAX),
            record: RecordPolicy::parse(&self.record).unwrap_or_default(),
            forward: serde_json::from_str(&self.forward).unwrap_or_default(),
        })
    }
}

fn secret(
    password: Option<String>,
    md5: Option<Vec<u8>>,
    sha256: Option<Vec<u8>>,
) -> Option<Secret> {
    if let Some(password) = password {
        return Some(Secret::Password(password));
    }
    Some(Secret::Ha1 { md5: md5?.try_into().ok()?, sha256: sha256?.try_into().ok()? })
}

/// The columns of a secret: the password, or the two digests.
fn secret_columns(secret: &Secret) -> (Option<&str>, Option<&[u8]>, Option<&[u8]>) {
    match secret {
        Secret::Password(password) => (Some(password), None, None),
        Secret::Ha1 { md5, sha256 } => (None, Some(md5), Some(sha256)),
    }
}

impl Store {
    /// Extensions in the order of their numbers, those after `after`, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn extensions(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Extension>, StoreError> {
        let rows: Vec<ExtensionRow> =
            sqlx::query_as("SELECT * FROM extensions WHERE number > ? ORDER BY number LIMIT ?")
                .bind(after.unwrap_or_default())
                .bind(limit)
                .fetch_all(self.pool())
                .await?;
        Ok(rows.into_iter().filter_map(ExtensionRow::into_extension).collect())
    }

    /// One extension.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn extension(&self, number: &str) -> Result<Option<Extension>, StoreError> {
        let row: Option<ExtensionRow> = sqlx::query_as("SELECT * FROM extensions WHERE number = ?")
            .bind(number)
            .fetch_optional(self.pool())
            .await?;
        Ok(row.and_then(ExtensionRow::into_extension))
    }

    pub(crate) async fn extension_snapshot(
        &self,
    ) -> Result<BTreeMap<String, Extension>, StoreError> {
        let limit = u32::try_from(EXTENSIONS_MAX).unwrap_or(u32::MAX);
        let all = self.extensions(None, limit).await?;
        Ok(all.into_iter().map(|extension| (extension.number.clone(), extension)).collect())
    }

    /// Adds an extension.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when an extension or a service has the number, [`StoreError::Full`] when there
    /// are [`EXTENSIONS_MAX`] of them.
    pub async fn create_extension(&self, extension: &Extension) -> Result<(), StoreError> {
        let (count, service): (i64, bool) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM extensions), EXISTS (SELECT 1 FROM services WHERE number = ?)",
        )
        .bind(&extension.number)
        .fetch_one(self.pool())
        .await?;
        if service {
            return Err(StoreError::Taken("the number"));
        }
        if from_sql(count) >= EXTENSIONS_MAX as u64 {
            return Err(StoreError::Full { what: "extensions", limit: EXTENSIONS_MAX });
        }
        self.insert_extension(extension).await.map_err(|error| match error {
            StoreError::Taken(_) => StoreError::Taken("the number"),
            other => other,
        })
    }

    async fn insert_extension(&self, extension: &Extension) -> Result<(), StoreError> {
        let (password, md5, sha256) = secret_columns(&extension.secret);
        sqlx::query(
            "INSERT INTO extensions
             (number, display_name, sip_password, ha1_md5, ha1_sha256, ring_timeout_s, record, forward,
             created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&extension.number)
        .bind(&extension.display_name)
        .bind(password)
        .bind(md5)
        .bind(sha256)
        .bind(to_sql(extension.ring_timeout_s.into()))
        .bind(extension.record.as_str())
        .bind(forward_column(extension)?)
        .bind(now_ms())
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Replaces what is known of an extension.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such extension.
    pub async fn update_extension(&self, extension: &Extension) -> Result<(), StoreError> {
        let (password, md5, sha256) = secret_columns(&extension.secret);
        let done = sqlx::query(
            "UPDATE extensions SET display_name = ?, sip_password = ?, ha1_md5 = ?, ha1_sha256 = ?,
             ring_timeout_s = ?, record = ?, forward = ? WHERE number = ?",
        )
        .bind(&extension.display_name)
        .bind(password)
        .bind(md5)
        .bind(sha256)
        .bind(to_sql(extension.ring_timeout_s.into()))
        .bind(extension.record.as_str())
        .bind(forward_column(extension)?)
        .bind(&extension.number)
        .execute(self.pool())
        .await?;
        found(done.rows_affected(), "extension")
    }

    /// Notes whether an extension wants to be disturbed; what else is known of it stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such extension.
    pub async fn set_do_not_disturb(&self, number: &str, is_on: bool) -> Result<(), StoreError> {
        let value = if is_on { "true" } else { "false" };
        let done = sqlx::query(
            "UPDATE extensions SET forward = json_set(forward, '$.do_not_disturb', json(?))
             WHERE number = ?",
        )
        .bind(value)
        .bind(number)
        .execute(self.pool())
        .await?;
        found(done.rows_affected(), "extension")
    }

    /// Removes an extension; users who had it keep their login.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such extension.
    pub async fn delete_extension(&self, number: &str) -> Result<(), StoreError> {
        let done = sqlx::query("DELETE FROM extensions WHERE number = ?")
            .bind(number)
            .execute(self.pool())
            .await?;
        found(done.rows_affected(), "extension")
    }
}

fn forward_column(extension: &Extension) -> Result<String, StoreError> {
    serde_json::to_string(&extension.forward)
        .map_err(|error| StoreError::Refused(error.to_string()))
}

/// Says that nothing was changed because nothing has that name.
pub(crate) fn found(rows_affected: u64, what: &'static str) -> Result<(), StoreError> {
    if rows_affected == 0 { Err(StoreError::NotFound(what)) } else { Ok(()) }
}
