//! Events reach webhooks: at least once each, in order.

use super::sending::{Letter, Sender};
use super::target;
use crate::context::ApiState;
use crate::events::{envelope, type_of};
use crate::moment;
use offhook_bus::{Cursor, Event};
use offhook_store::{Delivery, StoreError, Webhook};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// The longest pause between two tries.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(300);
/// The pause after the database did not answer.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// How long events gather that are written in one transaction.
const GATHER: Duration = Duration::from_millis(50);
/// How often it is looked for webhooks that were made elsewhere.
const LOOK_PERIOD: Duration = Duration::from_secs(60);

/// Tells webhooks of events, until it is dropped. What was not delivered waits in the database.
pub async fn deliver_webhooks(state: ApiState) {
    let queued = watch::Sender::new(());
    metrics::counter!("offhook_webhook_events_lost_total").absolute(0);
    tokio::join!(gather(&state, &queued), employ(&state, &queued));
}

/// Lets events wait for those who want them.
async fn gather(state: &ApiState, queued: &watch::Sender<()>) {
    let events = state.shared.events();
    let mut latest = events.watch();
    let mut cursor = events.latest();
    loop {
        latest.wait_for(|at| *at > cursor).await.map(drop).ok();
        tokio::time::sleep(GATHER).await;
        let Ok(batch) = events.after(cursor) else {
            // The database was away for too long.
            metrics::counter!("offhook_webhook_events_lost_total").increment(1);
            tracing::error!(
                "webhooks are not told of some events: they were not kept for long enough"
            );
            cursor = events.oldest();
            continue;
        };
        match queue_batch(state, &batch).await {
            Ok(()) => cursor = last_of(&batch).unwrap_or(cursor),
            Err(error) => {
                tracing::warn!(%error, "webhooks cannot be told of events at the moment");
                tokio::time::sleep(STORE_PAUSE).await;
            }
        }
        queued.send_replace(());
        count(state).await;
    }
}

fn last_of(batch: &[Arc<Event>]) -> Option<Cursor> {
    batch.last().map(|event| event.cursor)
}

async fn queue_batch(state: &ApiState, batch: &[Arc<Event>]) -> Result<(), StoreError> {
    let webhooks = state.store.webhooks().await?;
    let wants = |webhook: &Webhook, event: &Event| {
        let kind = type_of(&event.what);
        webhook.types.is_empty() || webhook.types.iter().any(|wanted| wanted == kind)
    };
    let mut messages = Vec::new();
    for event in batch {
        let wanted: Vec<_> = webhooks.iter().filter(|webhook| wants(webhook, event)).collect();
        let told = if wanted.is_empty() { None } else { envelope(state, event) };
        let Some(body) = told.map(|told| told.to_string()) else { continue };
        let id = event.cursor.to_string();
        messages.extend(wanted.iter().map(|known| (known.id.clone(), id.clone(), body.clone())));
    }
    if messages.is_empty() {
        return Ok(());
    }
    let lost = state.store.queue_deliveries(&messages).await?;
    metrics::counter!("offhook_webhook_events_lost_total").increment(lost);
    Ok(())
}

/// Has a task for each webhook, so that none waits for another.
async fn employ(state: &ApiState, queued: &watch::Sender<()>) {
    let sender = Sender::new(!state.config.webhooks.allowed_hosts.is_empty());
    let mut tasks = JoinSet::new();
    let mut carriers: HashMap<String, AbortHandle> = HashMap::new();
    loop {
        match state.store.webhooks().await {
            Ok(webhooks) => {
                let is_known = |id: &String| webhooks.iter().any(|webhook| webhook.id == *id);
                carriers.retain(|id, task| {
                    is_known(id) || {
                        task.abort();
                        false
                    }
                });
                for Webhook { id, .. } in webhooks {
                    carriers.entry(id.clone()).or_insert_with(|| {
                        tasks.spawn(carry(state.clone(), id, sender.clone(), queued.subscribe()))
                    });
                }
            }
            Err(error) => tracing::warn!(%error, "the webhooks cannot be read"),
        }
        count(state).await;
        tokio::time::timeout(LOOK_PERIOD, state.webhooks_changed.notified()).await.ok();
        while tasks.try_join_next().is_some() {}
    }
}

/// Delivers to one webhook, in order, for as long as there is such a webhook.
async fn carry(state: ApiState, id: String, sender: Sender, mut queued: watch::Receiver<()>) {
    loop {
        queued.mark_unchanged();
        match deliver_first(&state, &id, &sender).await {
            Ok(Some(pause)) => tokio::time::sleep(pause).await,
            // The sender lives as long as this task.
            Ok(None) => queued.changed().await.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, webhook = id, "deliveries cannot be read or written");
                tokio::time::sleep(STORE_PAUSE).await;
            }
        }
    }
}

/// Delivers the first event that waits. Says how long to pause then; `None` when nothing waits.
async fn deliver_first(
    state: &ApiState,
    id: &str,
    sender: &Sender,
) -> Result<Option<Duration>, StoreError> {
    let Some(first) = state.store.first_delivery(id).await? else { return Ok(None) };
    let now_ms = moment::now_ms();
    let due_ms = u64::try_from(first.next_at_ms).unwrap_or_default();
    if due_ms > now_ms {
        return Ok(Some(Duration::from_millis(due_ms - now_ms)));
    }
    let Some(webhook) = state.store.webhooks().await?.into_iter().find(|known| known.id == id)
    else {
        return Ok(None);
    };
    let outcome = send(state, sender, webhook, &first).await;
    let name = if outcome.is_ok() { "delivered" } else { "failed" };
    metrics::counter!("offhook_webhook_deliveries_total", "outcome" => name).increment(1);
    match outcome {
        Ok(()) => state.store.end_delivery(first.position).await?,
        Err(error) => {
            tracing::debug!(error, webhook = id, "a webhook does not take an event");
            let pause = pause_after(state.config.webhooks.retry_first_ms, first.attempts);
            let next_at_ms = moment::now_ms() + pause.as_millis() as u64;
            state.store.put_delivery_off(first.position, next_at_ms, &error).await?;
        }
    }
    count(state).await;
    Ok(Some(Duration::ZERO))
}

async fn send(
    state: &ApiState,
    sender: &Sender,
    webhook: Webhook,
    first: &Delivery,
) -> Result<(), String> {
    let hosts = &state.config.webhooks.allowed_hosts;
    let url = target(&webhook.url, hosts).ok_or("the configuration does not allow its host")?;
    let letter = Letter {
        url,
        secret: webhook.secret,
        webhook: webhook.id,
        event_id: first.event_id.clone(),
        body: first.body.clone(),
        attempts: first.attempts,
        at_s: moment::now_ms() / 1_000,
    };
    let sender = sender.clone();
    let sent = tokio::task::spawn_blocking(move || sender.send(&letter)).await;
    sent.unwrap_or_else(|error| Err(error.to_string()))
}

/// The pause doubles with each try.
fn pause_after(first_ms: u64, attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts).unwrap_or(u32::MAX).min(32);
    Duration::from_millis(first_ms.saturating_mul(1 << doublings)).min(RETRY_PAUSE_MAX)
}

async fn count(state: &ApiState) {
    if let Ok(undelivered) = state.store.undelivered().await {
        metrics::gauge!("offhook_events_undelivered").set(undelivered as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_growing() {
        let pauses: Vec<_> = (0..4).map(|tries| pause_after(1_000, tries).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8]);
        assert_eq!(pause_after(1_000, 1_000), RETRY_PAUSE_MAX);
    }
}
