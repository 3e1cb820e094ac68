//! What outlives the process: calls, in the database or in Redis, and the certificate of their media.

use anyhow::Context;
use offhook_bus::{CallSnapshot, Inbox, SNAPSHOT_QUEUE_MAX, SnapshotChange, queue};
use offhook_media::Identity;
use offhook_ng_door::{Kept, SNAPSHOT_AGE_MAX};
use offhook_snapshots::{Backend, BackendError, Config, Redis, SnapshotWriter};
use offhook_store::{SecretName, Store};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A certificate that has fewer days left is replaced at a start.
const CERTIFICATE_DAYS_MIN: i32 = 30;
/// Bytes of an installation's number that go into the names of its keys.
const NODE_BYTES: usize = 8;
/// Where Linux keeps files in memory.
const MEMORY_FOLDER: &str = "/dev/shm";

/// Where calls are kept.
enum SharedState {
    /// The database in the data directory.
    Embedded(Store),
    Redis(Box<Redis>),
}

impl Backend for SharedState {
    async fn write(&self, changes: &[SnapshotChange]) -> Result<(), BackendError> {
        match self {
            Self::Redis(redis) => redis.write(changes).await,
            Self::Embedded(store) => {
                let values = changes.iter().map(|change| {
                    let snapshot = change.snapshot.as_ref();
                    (change.call_id.as_str(), snapshot.map(|CallSnapshot(text)| text.as_str()))
                });
                let values: Vec<_> = values.collect();
                let written = store.write_call_snapshots(values).await;
                written.map_err(|error| BackendError(error.to_string()))
            }
        }
    }
}

impl SharedState {
    async fn open(config: &Config, store: &Store) -> anyhow::Result<Self> {
        let Some(url) = &config.redis_url else { return Ok(Self::Embedded(store.clone())) };
        let prefix = match &config.key_prefix {
            Some(prefix) => prefix.clone(),
            None => format!("offhook:{}:call:", node(store).await?),
        };
        let redis = Redis::new(url, prefix, SNAPSHOT_AGE_MAX).context("shared_state.redis_url")?;
        Ok(Self::Redis(Box::new(redis)))
    }

    async fn load(&self) -> Result<Vec<(String, CallSnapshot)>, BackendError> {
        match self {
            Self::Redis(redis) => redis.load().await,
            Self::Embedded(store) => {
                let rows = store.call_snapshots(SNAPSHOT_AGE_MAX).await;
                let rows = rows.map_err(|error| BackendError(error.to_string()))?;
                Ok(rows.into_iter().map(|(id, text)| (id, CallSnapshot(text))).collect())
            }
        }
    }
}

/// The number of this installation.
async fn node(store: &Store) -> anyhow::Result<String> {
    let node = store.secret(SecretName::NodeId).await?;
    Ok(node[..NODE_BYTES].iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The file of numbers that media threads reserve, for the process after this one: in memory, where no disk
/// makes them wait. `None` when no calls are kept.
pub(crate) async fn numbers_file(
    config: &Config,
    store: &Store,
) -> anyhow::Result<Option<PathBuf>> {
    if !config.calls {
        return Ok(None);
    }
    Ok(Some(Path::new(MEMORY_FOLDER).join(format!("offhook-{}-numbers", node(store).await?))))
}

/// Reads the calls of the process before this one, and begins to keep those of this one. Without what keeps
/// them the server starts all the same.
pub(crate) async fn open(
    config: &Config,
    store: &Store,
) -> anyhow::Result<Option<(Kept, SnapshotWriter)>> {
    if !config.calls {
        return Ok(None);
    }
    let state = SharedState::open(config, store).await?;
    let calls = state.load().await.unwrap_or_else(|error| {
        tracing::error!(%error, "calls from before this start cannot be read and are lost");
        Vec::new()
    });
    let (changes, inbox): (_, Inbox<SnapshotChange>) = queue(SNAPSHOT_QUEUE_MAX);
    Ok(Some((Kept { changes, calls }, SnapshotWriter::spawn(state, inbox))))
}

/// The certificate of the media, the same at every start, so that a party of a call that goes on finds the
/// fingerprint that it knows. One that is about to end is replaced.
pub(crate) async fn identity(store: &Store) -> anyhow::Result<Identity> {
    if let Some(pem) = store.dtls_identity().await? {
        match kept_identity(&pem) {
            Ok(Some(identity)) => return Ok(identity),
            Ok(None) => tracing::info!("the certificate of the media ends soon and is replaced"),
            Err(error) => tracing::warn!(%error, "the certificate of the media is replaced"),
        }
    }
    let identity = Identity::generate()?;
    store.set_dtls_identity(&identity.to_pem()?).await?;
    Ok(identity)
}

/// `None` when it ends soon.
fn kept_identity(pem: &str) -> anyhow::Result<Option<Identity>> {
    let identity = Identity::from_pem(pem)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let days_left = identity.days_left(i64::try_from(now)?)?;
    Ok((days_left >= CERTIFICATE_DAYS_MIN).then_some(identity))
}
