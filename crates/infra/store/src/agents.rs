use crate::store::{now_ms, to_sql};
use crate::{Store, StoreError};
use offhook_model::{Agent, AgentId, AgentStatus};
use sqlx::{FromRow, Sqlite, Transaction};
use std::collections::BTreeMap;

/// The most agents; the directory holds all of them in memory.
pub const AGENTS_MAX: usize = 20_000;

#[derive(FromRow)]
struct AgentRow {
    id: String,
    username: String,
    extension: String,
    status: String,
    reason: Option<String>,
    skills: String,
    max_misses: u32,
    auto_answer: bool,
    takes_second_call: bool,
}

impl AgentRow {
    fn into_agent(self) -> Agent {
        let skills = serde_json::from_str(&self.skills).unwrap_or_else(|error| {
            tracing::error!(agent = self.id, %error, "an agent's skills cannot be read");
            BTreeMap::new()
        });
        Agent {
            id: AgentId(self.id),
            username: self.username,
            extension: self.extension,
            status: AgentStatus::parse(&self.status).unwrap_or_default(),
            reason: self.reason,
            skills,
            max_misses: self.max_misses,
            auto_answer: self.auto_answer,
            takes_second_call: self.takes_second_call,
        }
    }
}

impl Store {
    /// All agents.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn agents(&self) -> Result<BTreeMap<AgentId, Agent>, StoreError> {
        let rows: Vec<AgentRow> =
            sqlx::query_as("SELECT * FROM agents ORDER BY id").fetch_all(self.pool()).await?;
        let agents = rows.into_iter().map(AgentRow::into_agent);
        Ok(agents.map(|agent| (agent.id.clone(), agent)).collect())
    }

    /// Adds an agent.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when there is one of that name or of that user, [`StoreError::NotFound`] when there is
    /// no such user or extension, [`StoreError::Full`] when there are [`AGENTS_MAX`] of them.
    pub async fn create_agent(&self, agent: &Agent) -> Result<(), StoreError> {
        self.find_people(agent).await?;
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM agents").fetch_one(self.pool()).await?;
        if usize::try_from(count).unwrap_or(AGENTS_MAX) >= AGENTS_MAX {
            return Err(StoreError::Full { what: "agents", limit: AGENTS_MAX });
        }
        sqlx::query(
            "INSERT INTO agents (username, extension, skills, max_misses, auto_answer,
             takes_second_call, status, reason, changed_at, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&agent.username)
        .bind(&agent.extension)
        .bind(skills(agent)?)
        .bind(agent.max_misses)
        .bind(agent.auto_answer)
        .bind(agent.takes_second_call)
        .bind(agent.status.as_str())
        .bind(&agent.reason)
        .bind(now_ms())
        .bind(&agent.id.0)
        .execute(self.pool())
        .await
        .map_err(|error| match StoreError::from(error) {
            StoreError::Taken(_) => StoreError::Taken("the agent"),
            other => other,
        })?;
        Ok(())
    }

    /// Changes an agent's settings. Its status stays, which is the switch's.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such agent, user or extension.
    pub async fn update_agent(&self, agent: &Agent) -> Result<(), StoreError> {
        self.find_people(agent).await?;
        let done = sqlx::query(
            "UPDATE agents SET username = ?, extension = ?, skills = ?, max_misses = ?,
             auto_answer = ?, takes_second_call = ? WHERE id = ?",
        )
        .bind(&agent.username)
        .bind(&agent.extension)
        .bind(skills(agent)?)
        .bind(agent.max_misses)
        .bind(agent.auto_answer)
        .bind(agent.takes_second_call)
        .bind(&agent.id.0)
        .execute(self.pool())
        .await
        .map_err(|error| match StoreError::from(error) {
            StoreError::Taken(_) => StoreError::Taken("an agent of that user"),
            other => other,
        })?;
        if done.rows_affected() == 0 { Err(StoreError::NotFound("agent")) } else { Ok(()) }
    }

    /// Removes an agent.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such agent.
    pub async fn delete_agent(&self, agent: &AgentId) -> Result<(), StoreError> {
        let done = sqlx::query("DELETE FROM agents WHERE id = ?")
            .bind(&agent.0)
            .execute(self.pool())
            .await?;
        if done.rows_affected() == 0 { Err(StoreError::NotFound("agent")) } else { Ok(()) }
    }

    async fn find_people(&self, agent: &Agent) -> Result<(), StoreError> {
        let (user, extension): (bool, bool) = sqlx::query_as(
            "SELECT EXISTS (SELECT 1 FROM users WHERE username = ?),
             EXISTS (SELECT 1 FROM extensions WHERE number = ?)",
        )
        .bind(&agent.username)
        .bind(&agent.extension)
        .fetch_one(self.pool())
        .await?;
        match (user, extension) {
            (false, _) => Err(StoreError::NotFound("user")),
            (_, false) => Err(StoreError::NotFound("extension")),
            (true, true) => Ok(()),
        }
    }
}

fn skills(agent: &Agent) -> Result<String, StoreError> {
    serde_json::to_string(&agent.skills).map_err(|error| StoreError::Refused(error.to_string()))
}

/// Writes an agent's status down; one who is no more has none.
pub(crate) async fn write_status(
    transaction: &mut Transaction<'_, Sqlite>,
    agent: &AgentId,
    status: AgentStatus,
    reason: Option<&str>,
    at_ms: u64,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE agents SET status = ?, reason = ?, changed_at = ? WHERE id = ?")
        .bind(status.as_str())
        .bind(reason)
        .bind(to_sql(at_ms))
        .bind(&agent.0)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
