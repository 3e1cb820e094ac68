//! Questions at a shell to the server that runs: queues and agents as its API shows them.

mod table;

use crate::Place;
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use offhook_store::{SecretName, Store};
use serde_json::Value;
use std::time::Duration;
use table::Table;

/// How long the server may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The variable with a token of the API, where the database is not at hand.
const TOKEN: &str = "OFFHOOK_TOKEN";

/// Which server is asked, and how the answer looks.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    #[command(flatten)]
    place: Place,
    /// The server; by default the one of this configuration, on this machine.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Prints the API's JSON.
    #[arg(long)]
    json: bool,
}

/// What is asked of queues.
#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// Shows all queues.
    List(Asked),
    /// Shows one queue with its callers.
    Show {
        /// The queue.
        queue: String,
        #[command(flatten)]
        asked: Asked,
    },
    /// Shows what must never be in the queues and is; fails when there is anything.
    Audit(Asked),
}

/// What is asked of agents.
#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Shows all agents.
    List(Asked),
    /// Shows one agent.
    Show {
        /// The agent.
        agent: String,
        #[command(flatten)]
        asked: Asked,
    },
}

/// Answers a question about queues; an error when something is wrong.
pub(crate) fn queue(command: QueueCommand) -> anyhow::Result<()> {
    match command {
        QueueCommand::List(asked) => {
            let items = asked.all("/api/queues")?;
            asked.print(&Value::Array(items.clone()), || table::queues(&items))
        }
        QueueCommand::Show { queue, asked } => {
            let one = asked.get(&format!("/api/queues/{}", segment(&queue)?))?;
            asked.print(&one, || table::queue(&one))
        }
        QueueCommand::Audit(asked) => {
            let audit = asked.get("/api/queues/audit")?;
            asked.print(&audit, || table::audit(&audit))?;
            match audit["violations"].as_array().map_or(0, Vec::len) {
                0 => Ok(()),
                count => bail!("{count} violations"),
            }
        }
    }
}

/// Answers a question about agents; an error when something is wrong.
pub(crate) fn agent(command: AgentCommand) -> anyhow::Result<()> {
    match command {
        AgentCommand::List(asked) => {
            let items = asked.all("/api/agents")?;
            asked.print(&Value::Array(items.clone()), || table::agents(&items))
        }
        AgentCommand::Show { agent, asked } => {
            let one = asked.get(&format!("/api/agents/{}", segment(&agent)?))?;
            asked.print(&one, || table::agent(&one))
        }
    }
}

/// A name as a part of a path: names of queues and agents have no other characters.
fn segment(name: &str) -> anyhow::Result<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    if name.is_empty() || !name.chars().all(is_name) || name.starts_with('.') {
        bail!("{name:?} is no name: allowed are letters, digits and - _ . @");
    }
    Ok(name)
}

impl Asked {
    fn print(&self, value: &Value, table: impl FnOnce() -> Vec<Table>) -> anyhow::Result<()> {
        if self.json {
            crate::say(&serde_json::to_string_pretty(value)?);
            return Ok(());
        }
        table().iter().for_each(|table| crate::say(&table.to_string()));
        Ok(())
    }

    /// All items of a list.
    fn all(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut query = "?limit=1000".to_owned();
        let server = self.server()?;
        let token = Token::find(self)?;
        let answered = loop {
            let page = match get(&server, &format!("{path}{query}"), &token.text) {
                Ok(page) => page,
                Err(error) => break Err(error),
            };
            items.extend(page["items"].as_array().cloned().unwrap_or_default());
            match page["next_cursor"].as_str() {
                Some(cursor) => query = format!("?limit=1000&cursor={cursor}"),
                None => break Ok(()),
            }
        };
        token.give_back()?;
        answered.map(|()| items)
    }

    fn get(&self, path: &str) -> anyhow::Result<Value> {
        let (server, token) = (self.server()?, Token::find(self)?);
        let answer = get(&server, path, &token.text);
        token.give_back()?;
        answer
    }

    /// The server's URL.
    fn server(&self) -> anyhow::Result<String> {
        if let Some(url) = &self.url {
            return Ok(url.trim_end_matches('/').to_owned());
        }
        let gateway = self.place.load(false)?.gateway;
        if gateway.http_port == 0 {
            bail!("gateway.http_port is 0, so the port is not known: name the server by --url");
        }
        let bind = match gateway.bind {
            any if any.is_unspecified() => "127.0.0.1".to_owned(),
            std::net::IpAddr::V6(v6) => format!("[{v6}]"),
            v4 => v4.to_string(),
        };
        Ok(format!("http://{bind}:{}", gateway.http_port))
    }
}

fn get(server: &str, path: &str, token: &str) -> anyhow::Result<Value> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(ANSWER_WITHIN))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None);
    let request = config.build().new_agent().get(format!("{server}{path}"));
    let answer = request.header("Authorization", format!("Bearer {token}")).call();
    let mut answer = answer.with_context(|| format!("no server answers at {server}"))?;
    let text = answer.body_mut().read_to_string().context("the answer cannot be read")?;
    let value: Value = serde_json::from_str(&text).context("the answer is no JSON")?;
    if !answer.status().is_success() {
        bail!("{}", value["detail"].as_str().unwrap_or("the server refused"));
    }
    Ok(value)
}

/// What the server lets us in by.
struct Token {
    text: String,
    /// The database and the session that was begun for this question.
    begun: Option<(tokio::runtime::Runtime, Store, String)>,
}

impl Token {
    /// Whoever may read the database may sign in as its administrator.
    fn find(asked: &Asked) -> anyhow::Result<Self> {
        if let Ok(text) = std::env::var(TOKEN) {
            return Ok(Self { text, begun: None });
        }
        let path = asked.place.load(false)?.data_dir.join("offhook.db");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (text, store, session) = runtime.block_on(async {
            let store = Store::open_beside(&path).await.with_context(|| {
                format!(
                    "{} cannot be opened: name the server's folder by --data-dir, or give a token \
                     in {TOKEN}",
                    path.display()
                )
            })?;
            let secret = store.secret(SecretName::TokenKey).await?;
            let (text, session) = offhook_api::sign_in_locally(&store, &secret).await?;
            anyhow::Ok((text, store, session))
        })?;
        Ok(Self { text, begun: Some((runtime, store, session)) })
    }

    fn give_back(self) -> anyhow::Result<()> {
        let Some((runtime, store, session)) = self.begun else { return Ok(()) };
        runtime.block_on(async {
            store.end_session(&session).await?;
            store.close().await;
            anyhow::Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        assert!(segment("sales").is_ok() && segment("al.ice@x").is_ok());
        for bad in ["", "..", "a/b", "a?b", "a%2f", "é"] {
            assert!(segment(bad).is_err(), "{bad}");
        }
    }
}
