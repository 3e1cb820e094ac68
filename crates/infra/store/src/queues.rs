use crate::store::now_ms;
use crate::{Store, StoreError};
use offhook_model::{AgentId, Queue, QueueId, Tier};
use std::collections::BTreeMap;

/// The most queues; the directory holds all of them in memory.
pub const QUEUES_MAX: usize = 1_000;

impl Store {
    /// All queues with their tiers. One that this version cannot read is left out, with an error in the log.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn queues(&self) -> Result<BTreeMap<QueueId, Queue>, StoreError> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT id, settings FROM queues ORDER BY id")
                .fetch_all(self.pool())
                .await?;
        let mut tiers = self.tiers().await?;
        let read = |(id, settings): (String, String)| {
            let mut queue: Queue = serde_json::from_str(&settings)
                .inspect_err(|error| tracing::error!(id, %error, "a queue cannot be read"))
                .ok()?;
            queue.id = QueueId(id);
            queue.tiers = tiers.remove(&queue.id).unwrap_or_default();
            Some((queue.id.clone(), queue))
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    async fn tiers(&self) -> Result<BTreeMap<QueueId, Vec<Tier>>, StoreError> {
        let rows: Vec<(String, String, u32, u32)> = sqlx::query_as(
            "SELECT queue, agent, level, position FROM queue_tiers ORDER BY level, position, agent",
        )
        .fetch_all(self.pool())
        .await?;
        let mut tiers = BTreeMap::<_, Vec<_>>::new();
        for (queue, agent, level, position) in rows {
            let tier = Tier { agent: AgentId(agent), level, position };
            tiers.entry(QueueId(queue)).or_default().push(tier);
        }
        Ok(tiers)
    }

    /// Adds a queue with its tiers.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when there is one of that name, [`StoreError::NotFound`] when a tier names an agent
    /// who is not there, [`StoreError::Full`] when there are [`QUEUES_MAX`] of them.
    pub async fn create_queue(&self, queue: &Queue) -> Result<(), StoreError> {
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM queues").fetch_one(self.pool()).await?;
        if usize::try_from(count).unwrap_or(QUEUES_MAX) >= QUEUES_MAX {
            return Err(StoreError::Full { what: "queues", limit: QUEUES_MAX });
        }
        let mut transaction = self.pool().begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("INSERT INTO queues (id, settings, created_at) VALUES (?, ?, ?)")
            .bind(&queue.id.0)
            .bind(settings(queue)?)
            .bind(now_ms())
            .execute(&mut *transaction)
            .await
            .map_err(|error| match StoreError::from(error) {
                StoreError::Taken(_) => StoreError::Taken("the queue"),
                other => other,
            })?;
        write_tiers(&mut transaction, queue).await?;
        Ok(transaction.commit().await?)
    }

    /// Changes a queue and its tiers.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such queue, or a tier names an agent who is not there.
    pub async fn update_queue(&self, queue: &Queue) -> Result<(), StoreError> {
        let mut transaction = self.pool().begin_with("BEGIN IMMEDIATE").await?;
        let done = sqlx::query("UPDATE queues SET settings = ? WHERE id = ?")
            .bind(settings(queue)?)
            .bind(&queue.id.0)
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound("queue"));
        }
        write_tiers(&mut transaction, queue).await?;
        Ok(transaction.commit().await?)
    }

    /// Removes a queue.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such queue.
    pub async fn delete_queue(&self, queue: &QueueId) -> Result<(), StoreError> {
        let done = sqlx::query("DELETE FROM queues WHERE id = ?")
            .bind(&queue.0)
            .execute(self.pool())
            .await?;
        if done.rows_affected() == 0 { Err(StoreError::NotFound("queue")) } else { Ok(()) }
    }
}

/// A queue without its name and its tiers, which have places of their own.
fn settings(queue: &Queue) -> Result<String, StoreError> {
    let bare = Queue { id: QueueId(String::new()), tiers: Vec::new(), ..queue.clone() };
    serde_json::to_string(&bare).map_err(|error| StoreError::Refused(error.to_string()))
}

async fn write_tiers(
    transaction: &mut sqlx::Transaction<'_, sqlx::Sqlite>,
    queue: &Queue,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM queue_tiers WHERE queue = ?")
        .bind(&queue.id.0)
        .execute(&mut **transaction)
        .await?;
    for tier in &queue.tiers {
        let done = sqlx::query(
            "INSERT INTO queue_tiers (queue, agent, level, position)
             SELECT ?, id, ?, ? FROM agents WHERE id = ?",
        )
        .bind(&queue.id.0)
        .bind(tier.level)
        .bind(tier.position)
        .bind(&tier.agent.0)
        .execute(&mut **transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound("agent"));
        }
    }
    Ok(())
}
