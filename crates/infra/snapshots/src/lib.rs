//! Keeps snapshots of calls outside of the process, so that the next one can go on with them.
//!
//! [`SnapshotWriter`] is the task between those who change calls and a [`Backend`] that may be slow or down:
//! the newest snapshot of a call takes the place of older ones, and nobody waits for it. [`Redis`] is a
//! backend for an installation that has one; the embedded one is in the store, where all SQL is.
//!
//! It does not look into a snapshot, and decides nothing about calls.

mod config;
mod redis_backend;
mod writer;

pub use config::{Config, RedisUrl};
pub use redis_backend::Redis;
pub use writer::{FLUSH_TIME_MAX, PENDING_MAX, SnapshotWriter, WRITE_BATCH_MAX};

use offhook_bus::SnapshotChange;
use std::future::Future;

/// Where snapshots are kept.
pub trait Backend: Send + Sync + 'static {
    /// Puts changes into force, all or none where that is possible. Doing it twice does no harm.
    fn write(
        &self,
        changes: &[SnapshotChange],
    ) -> impl Future<Output = Result<(), BackendError>> + Send;
}

/// Why a backend did not do it; it is tried again. The text has no snapshot in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BackendError(pub String);
