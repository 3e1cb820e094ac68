use crate::store::{from_sql, now_ms};
use crate::{Store, StoreError};
use offhook_model::CallRef;
use sqlx::FromRow;

/// What a caller thinks of its call.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct CallRating {
    /// 1 to 5.
    pub stars: i64,
    /// In its own words.
    pub comment: Option<String>,
    /// When it said so, milliseconds of Unix time.
    #[sqlx(rename = "rated_at")]
    pub rated_at_ms: i64,
}

impl CallRating {
    /// When it said so, milliseconds of Unix time.
    #[must_use]
    pub fn at_ms(&self) -> u64 {
        from_sql(self.rated_at_ms)
    }
}

impl Store {
    /// Writes a rating down; false when the call has one.
    ///
    /// # Errors
    /// When the database fails, or the stars are not 1 to 5.
    pub async fn rate_call(
        &self,
        call: &CallRef,
        stars: u8,
        comment: Option<&str>,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO call_ratings (call_id, stars, comment, rated_at) VALUES (?, ?, ?, ?)
             ON CONFLICT (call_id) DO NOTHING",
        )
        .bind(call.as_str())
        .bind(stars)
        .bind(comment)
        .bind(now_ms())
        .execute(self.pool())
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// What the caller thinks of a call.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn call_rating(&self, call: &CallRef) -> Result<Option<CallRating>, StoreError> {
        let rating =
            sqlx::query_as("SELECT stars, comment, rated_at FROM call_ratings WHERE call_id = ?")
                .bind(call.as_str())
                .fetch_optional(self.pool())
                .await?;
        Ok(rating)
    }
}
