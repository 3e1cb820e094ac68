use crate::store::{now_ms, to_sql};
use crate::users::UserRow;
use crate::{Store, StoreError, User};

/// The most sessions of one user; a further sign-in ends the oldest.
pub const SESSIONS_PER_USER_MAX: u32 = 32;

/// A user's sign-in, which lasts until it is ended or over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Unguessable: 128 random bits in hexadecimal digits.
    pub id: String,
    /// When it is over, milliseconds of Unix time.
    pub expires_at_ms: u64,
}

impl Store {
    /// Begins a session of a user that ends at `expires_at_ms`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such user.
    pub async fn begin_session(
        &self,
        username: &str,
        expires_at_ms: u64,
    ) -> Result<Session, StoreError> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let id = format!("{:032x}", u128::from_ne_bytes(bits));
        let mut transaction = self.pool().begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("DELETE FROM sessions WHERE expires_at <= ?")
            .bind(now_ms())
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "DELETE FROM sessions WHERE id IN
             (SELECT id FROM sessions WHERE username = ? ORDER BY created_at DESC LIMIT -1 OFFSET ?)",
        )
        .bind(username)
        .bind(SESSIONS_PER_USER_MAX - 1)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "INSERT INTO sessions (id, username, created_at, expires_at)
             SELECT ?, username, ?, ? FROM users WHERE username = ?",
        )
        .bind(&id)
        .bind(now_ms())
        .bind(to_sql(expires_at_ms))
        .bind(username)
        .execute(&mut *transaction)
        .await
        .map_err(StoreError::from)
        .and_then(|done| crate::extensions::found(done.rows_affected(), "user"))?;
        transaction.commit().await?;
        Ok(Session { id, expires_at_ms })
    }

    /// Whose session this is; `None` when it was ended or is over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn session_user(&self, id: &str) -> Result<Option<User>, StoreError> {
        let row: Option<UserRow> = sqlx::query_as(
            "SELECT users.username, users.role, users.extension, users.created_at
             FROM sessions JOIN users USING (username) WHERE sessions.id = ? AND sessions.expires_at > ?",
        )
        .bind(id)
        .bind(now_ms())
        .fetch_optional(self.pool())
        .await?;
        row.map(UserRow::into_user).transpose()
    }

    /// Ends a session; one that is over already is no error.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_session(&self, id: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sessions WHERE id = ?").bind(id).execute(self.pool()).await?;
        Ok(())
    }
}
