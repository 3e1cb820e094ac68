use crate::extensions::found;
use crate::store::{from_sql, now_ms};
use crate::{Store, StoreError, passwords};
use sqlx::{FromRow, Sqlite, Transaction};
use std::collections::BTreeSet;

/// The most users.
pub const USERS_MAX: usize = 100_000;

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Answers calls.
    Agent,
    /// Watches calls and agents as well.
    Supervisor,
    /// Manages everything as well.
    Admin,
}

impl Role {
    /// The word that is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Supervisor => "supervisor",
            Self::Admin => "admin",
        }
    }

    /// The reverse of [`Role::as_str`].
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Agent, Self::Supervisor, Self::Admin].into_iter().find(|role| role.as_str() == word)
    }
}

/// Somebody who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name to sign in with.
    pub username: String,
    /// What the user may do.
    pub role: Role,
    /// The extension whose calls are the user's, when there is one.
    pub extension: Option<String>,
    /// When the user was made, milliseconds of Unix time.
    pub created_at_ms: u64,
}

/// A user to be made.
#[derive(Clone, PartialEq, Eq)]
pub struct NewUser {
    /// The name to sign in with.
    pub username: String,
    /// The password, at most [`PASSWORD_BYTES_MAX`](crate::PASSWORD_BYTES_MAX) bytes.
    pub password: String,
    /// What the user may do.
    pub role: Role,
    /// The extension whose calls are the user's.
    pub extension: Option<String>,
}

/// What is to be changed of a user; what is `None` stays.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct UserChange {
    /// Another password; it ends the user's sessions.
    pub password: Option<String>,
    /// Another role; it ends the user's sessions.
    pub role: Option<Role>,
    /// Another extension, or none.
    pub extension: Option<Option<String>>,
}

#[derive(FromRow)]
pub(crate) struct UserRow {
    username: String,
    role: String,
    extension: Option<String>,
    created_at: i64,
}

impl UserRow {
    pub(crate) fn into_user(self) -> Result<User, StoreError> {
        let role = Role::parse(&self.role);
        Ok(User {
            role: role.ok_or_else(|| StoreError::Refused(format!("the role {}", self.role)))?,
            username: self.username,
            extension: self.extension,
            created_at_ms: from_sql(self.created_at),
        })
    }
}

impl Store {
    /// Users in the order of their names, those after `after`, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn users(&self, after: Option<&str>, limit: u32) -> Result<Vec<User>, StoreError> {
        let rows: Vec<UserRow> = sqlx::query_as(
            "SELECT username, role, extension, created_at FROM users
             WHERE username > ? ORDER BY username LIMIT ?",
        )
        .bind(after.unwrap_or_default())
        .bind(limit)
        .fetch_all(self.pool())
        .await?;
        rows.into_iter().map(UserRow::into_user).collect()
    }

    /// The extensions of those who may supervise calls.
    pub(crate) async fn supervisors(&self) -> Result<BTreeSet<String>, StoreError> {
        let numbers: Vec<String> = sqlx::query_scalar(
            "SELECT extension FROM users
             WHERE extension IS NOT NULL AND role IN ('admin', 'supervisor')",
        )
        .fetch_all(self.pool())
        .await?;
        Ok(numbers.into_iter().collect())
    }

    /// The first administrator, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn administrator(&self) -> Result<Option<User>, StoreError> {
        let row: Option<UserRow> = sqlx::query_as(
            "SELECT username, role, extension, created_at FROM users
             WHERE role = 'admin' ORDER BY username LIMIT 1",
        )
        .fetch_optional(self.pool())
        .await?;
        row.map(UserRow::into_user).transpose()
    }

    /// One user.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn user(&self, username: &str) -> Result<Option<User>, StoreError> {
        let row: Option<UserRow> = sqlx::query_as(
            "SELECT username, role, extension, created_at FROM users WHERE username = ?",
        )
        .bind(username)
        .fetch_optional(self.pool())
        .await?;
        row.map(UserRow::into_user).transpose()
    }

    /// The user with this name and password; `None` when there is none, after the same time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn verify_login(
        &self,
        username: &str,
        password: &str,
    ) -> Result<Option<User>, StoreError> {
        if password.len() > passwords::PASSWORD_BYTES_MAX {
            return Ok(None);
        }
        let hash: Option<String> =
            sqlx::query_scalar("SELECT password_hash FROM users WHERE username = ?")
                .bind(username)
                .fetch_optional(self.pool())
                .await?;
        if passwords::verify(password, hash).await? { self.user(username).await } else { Ok(None) }
    }

    /// Adds a user.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the name is in use, [`StoreError::NotFound`] when the extension does not
    /// exist, [`StoreError::Full`] when there are [`USERS_MAX`].
    pub async fn create_user(&self, user: &NewUser) -> Result<(), StoreError> {
        let hash = passwords::hash(&user.password).await?;
        let mut transaction = self.pool().begin_with("BEGIN IMMEDIATE").await?;
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&mut *transaction).await?;
        if from_sql(count) >= USERS_MAX as u64 {
            return Err(StoreError::Full { what: "users", limit: USERS_MAX });
        }
        sqlx::query(
            "INSERT INTO users (username, password_hash, role, extension, created_at) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(&user.username)
        .bind(hash)
        .bind(user.role.as_str())
        .bind(&user.extension)
        .bind(now_ms())
        .execute(&mut *transaction)
        .await
        .map_err(explain)?;
        keep_agent_in_step(&mut transaction, &user.username).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Changes a user.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such user or extension, [`StoreError::LastAdministrator`]
    /// when nobody could manage Offhook afterwards.
    pub async fn update_user(&self, username: &str, change: &UserChange) -> Result<(), StoreError> {
        let hash = match &change.password {
            Some(password) => Some(passwords::hash(password).await?),
            None => None,
        };
        let mut transaction = self.pool().begin_with("BEGIN IMMEDIATE").await?;
        let done = sqlx::query(
            "UPDATE users SET password_hash = coalesce(?, password_hash), role = coalesce(?, role),
             extension = CASE WHEN ? THEN ? ELSE extension END WHERE username = ?",
        )
        .bind(&hash)
        .bind(change.role.map(Role::as_str))
        .bind(change.extension.is_some())
        .bind(change.extension.clone().flatten())
        .bind(username)
        .execute(&mut *transaction)
        .await
        .map_err(explain)?;
        found(done.rows_affected(), "user")?;
        demand_administrator(&mut transaction).await?;
        if hash.is_some() || change.role.is_some() {
            sqlx::query("DELETE FROM sessions WHERE username = ?")
                .bind(username)
                .execute(&mut *transaction)
                .await?;
        }
        keep_agent_in_step(&mut transaction, username).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Removes a user and ends the user's sessions.
    ///
    /// # Errors
    /// As [`Store::update_user`].
    pub async fn delete_user(&self, username: &str) -> Result<(), StoreError> {
        let mut transaction = self.pool().begin_with("BEGIN IMMEDIATE").await?;
        let done = sqlx::query("DELETE FROM users WHERE username = ?")
            .bind(username)
            .execute(&mut *transaction)
            .await?;
        found(done.rows_affected(), "user")?;
        demand_administrator(&mut transaction).await?;
        transaction.commit().await?;
        Ok(())
    }
}

fn explain(error: sqlx::Error) -> StoreError {
    let foreign =
        error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation);
    match StoreError::from(error) {
        StoreError::Taken(_) => StoreError::Taken("the user name"),
        _ if foreign => StoreError::NotFound("extension"),
        other => other,
    }
}

async fn demand_administrator(transaction: &mut Transaction<'_, Sqlite>) -> Result<(), StoreError> {
    let exists: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin')")
            .fetch_one(&mut **transaction)
            .await?;
    if exists { Ok(()) } else { Err(StoreError::LastAdministrator) }
}

/// A user who is an agent with an extension has a row in `agents`, nobody else has.
async fn keep_agent_in_step(
    transaction: &mut Transaction<'_, Sqlite>,
    username: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM agents WHERE username = ?1 AND NOT EXISTS
         (SELECT 1 FROM users WHERE username = ?1 AND role = 'agent' AND extension IS NOT NULL)",
    )
    .bind(username)
    .execute(&mut **transaction)
    .await?;
    sqlx::query(
        "INSERT INTO agents (id, username, extension, changed_at)
         SELECT username, username, extension, ? FROM users
         WHERE username = ? AND role = 'agent' AND extension IS NOT NULL
         ON CONFLICT (username) DO UPDATE SET extension = excluded.extension",
    )
    .bind(now_ms())
    .bind(username)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
