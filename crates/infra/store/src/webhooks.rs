use crate::extensions::found;
use crate::store::{from_sql, now_ms, to_sql};
use crate::{Store, StoreError};
use sqlx::FromRow;

/// The most webhooks.
pub const WEBHOOKS_MAX: usize = 64;
/// The most events that wait for one webhook; further ones are lost, and counted.
pub const WEBHOOK_DELIVERIES_MAX: u32 = 10_000;

/// Somebody who wants to be told of events.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its name.
    pub id: String,
    /// Where it is told.
    pub url: String,
    /// The types of events that are wanted; empty for all.
    pub types: Vec<String>,
    /// What its messages are signed with.
    pub secret: String,
    /// When it was made, milliseconds of Unix time.
    pub created_at_ms: u64,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Webhook({})", self.id)
    }
}

/// How the deliveries of a webhook stand.
#[derive(Debug, Clone, PartialEq, Eq, Default, FromRow)]
pub struct WebhookState {
    /// Events that were not delivered yet.
    pub waiting: i64,
    /// How often the first of them was tried.
    pub attempts: i64,
    /// Why it failed last.
    pub last_error: Option<String>,
}

/// The first event that waits for a webhook.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Delivery {
    /// Its place.
    pub position: i64,
    /// The event.
    pub event_id: String,
    /// The message.
    pub body: String,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next, milliseconds of Unix time.
    #[sqlx(rename = "next_at")]
    pub next_at_ms: i64,
}

#[derive(FromRow)]
struct Row {
    id: String,
    url: String,
    types: String,
    secret: String,
    created_at: i64,
}

impl Row {
    fn into_webhook(self) -> Webhook {
        let types = serde_json::from_str(&self.types).unwrap_or_else(|error| {
            tracing::error!(webhook = self.id, %error, "a webhook's types cannot be read");
            Vec::new()
        });
        let created_at_ms = from_sql(self.created_at);
        Webhook { id: self.id, url: self.url, types, secret: self.secret, created_at_ms }
    }
}

impl Store {
    /// All webhooks, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, StoreError> {
        let rows: Vec<Row> =
            sqlx::query_as("SELECT * FROM webhooks ORDER BY id").fetch_all(self.pool()).await?;
        Ok(rows.into_iter().map(Row::into_webhook).collect())
    }

    /// Adds a webhook.
    ///
    /// # Errors
    /// [`StoreError::Full`] when there are [`WEBHOOKS_MAX`] of them.
    pub async fn create_webhook(&self, webhook: &Webhook) -> Result<(), StoreError> {
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM webhooks").fetch_one(self.pool()).await?;
        if usize::try_from(count).unwrap_or(WEBHOOKS_MAX) >= WEBHOOKS_MAX {
            return Err(StoreError::Full { what: "webhooks", limit: WEBHOOKS_MAX });
        }
        sqlx::query(
            "INSERT INTO webhooks (url, types, secret, created_at, id) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(&webhook.url)
        .bind(types(webhook)?)
        .bind(&webhook.secret)
        .bind(now_ms())
        .bind(&webhook.id)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Changes where a webhook is told, and of what.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none of that name.
    pub async fn update_webhook(&self, webhook: &Webhook) -> Result<(), StoreError> {
        let done = sqlx::query("UPDATE webhooks SET url = ?, types = ?, secret = ? WHERE id = ?")
            .bind(&webhook.url)
            .bind(types(webhook)?)
            .bind(&webhook.secret)
            .bind(&webhook.id)
            .execute(self.pool())
            .await?;
        found(done.rows_affected(), "webhook")
    }

    /// Removes a webhook, and what waits for it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none of that name.
    pub async fn delete_webhook(&self, id: &str) -> Result<(), StoreError> {
        let done =
            sqlx::query("DELETE FROM webhooks WHERE id = ?").bind(id).execute(self.pool()).await?;
        found(done.rows_affected(), "webhook")
    }

    /// How the deliveries of a webhook stand.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn webhook_state(&self, id: &str) -> Result<WebhookState, StoreError> {
        let state = sqlx::query_as(
            "SELECT (SELECT count(*) FROM webhook_deliveries WHERE webhook = ?1) AS waiting,
             attempts, last_error FROM webhook_deliveries WHERE webhook = ?1
             ORDER BY position LIMIT 1",
        )
        .bind(id)
        .fetch_optional(self.pool())
        .await?;
        Ok(state.unwrap_or_default())
    }

    /// Lets events wait for a webhook: the id and the message of each. What waits already is not there
    /// twice. Gives how many were lost, since [`WEBHOOK_DELIVERIES_MAX`] wait already.
    ///
    /// # Errors
    /// When nothing was written.
    pub async fn queue_deliveries(
        &self,
        messages: &[(String, String, String)],
    ) -> Result<u64, StoreError> {
        let mut lost = 0;
        let mut transaction = self.pool().begin_with("BEGIN IMMEDIATE").await?;
        for (webhook, event_id, body) in messages {
            let done = sqlx::query(
                "INSERT INTO webhook_deliveries (webhook, event_id, body, next_at)
                 SELECT id, ?, ?, ? FROM webhooks WHERE id = ?
                 AND (SELECT count(*) FROM webhook_deliveries WHERE webhook = webhooks.id) < ?
                 ON CONFLICT (webhook, event_id) DO NOTHING",
            )
            .bind(event_id)
            .bind(body)
            .bind(now_ms())
            .bind(webhook)
            .bind(WEBHOOK_DELIVERIES_MAX)
            .execute(&mut *transaction)
            .await?;
            lost += 1 - done.rows_affected().min(1);
        }
        transaction.commit().await?;
        Ok(lost)
    }

    /// The first event that waits for a webhook, whether or not it is due.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn first_delivery(&self, webhook: &str) -> Result<Option<Delivery>, StoreError> {
        let first = sqlx::query_as(
            "SELECT * FROM webhook_deliveries WHERE webhook = ? ORDER BY position LIMIT 1",
        )
        .bind(webhook)
        .fetch_optional(self.pool())
        .await?;
        Ok(first)
    }

    /// An event was delivered.
    ///
    /// # Errors
    /// When the database fails: it is delivered again then.
    pub async fn end_delivery(&self, position: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM webhook_deliveries WHERE position = ?")
            .bind(position)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// An event could not be delivered, and is tried again at that moment (milliseconds of Unix time).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_delivery_off(
        &self,
        position: i64,
        next_at_ms: u64,
        error: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE webhook_deliveries SET attempts = attempts + 1, next_at = ?, last_error = ?
             WHERE position = ?",
        )
        .bind(to_sql(next_at_ms))
        .bind(error)
        .bind(position)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Events that were not delivered yet, to all webhooks together.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn undelivered(&self) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM webhook_deliveries")
            .fetch_one(self.pool())
            .await?;
        Ok(from_sql(count))
    }
}

fn types(webhook: &Webhook) -> Result<String, StoreError> {
    serde_json::to_string(&webhook.types).map_err(|error| StoreError::Refused(error.to_string()))
}
