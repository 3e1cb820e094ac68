//! Logs, metrics and their set-up.
//!
//! [`start`] sends what `tracing` gathers to standard error, filtered by the [`Config`]'s level, and puts
//! the recorder behind the `metrics` macros in place; [`Metrics`] renders what was recorded as Prometheus
//! reads it.
//! This crate names no metric of its own but the process's, opens no port, and stores nothing: the gateway
//! serves the text, and whoever started us keeps the log.

mod config;
mod logs;
mod metrics_text;
mod process;

pub use config::Config;
pub use metrics_text::Metrics;
pub use process::resident_bytes;

use anyhow::Context;

/// Sets logs and metrics up for the whole process. Call it once, inside a tokio runtime.
///
/// # Errors
/// When the level cannot be read, or logs or metrics were set up before.
pub fn start(config: &Config) -> anyhow::Result<Metrics> {
    logs::start(config)?;
    Metrics::start().context("the metrics were set up twice")
}
