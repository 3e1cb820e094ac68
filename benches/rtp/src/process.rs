//! What a process has used.

use anyhow::{Context, Result};
use std::path::PathBuf;
use std::time::Duration;

/// A running process, by its files under `/proc`.
pub struct Process {
    folder: PathBuf,
}

/// What it has used up to a moment.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Processor time of all its threads that live.
    pub cpu: Duration,
    /// Resident memory in kB.
    pub resident_kb: u64,
}

impl Process {
    /// The process with this id.
    pub fn new(pid: u32) -> Self {
        Self { folder: PathBuf::from(format!("/proc/{pid}")) }
    }

    /// What it has used so far.
    pub fn usage(&self) -> Result<Usage> {
        let mut nanoseconds = 0;
        for task in std::fs::read_dir(self.folder.join("task"))? {
            // A thread may end while it is looked at.
            let Ok(text) = std::fs::read_to_string(task?.path().join("schedstat")) else {
                continue;
            };
            let used = text.split(' ').next().and_then(|used| used.parse::<u64>().ok());
            nanoseconds += used.context("schedstat has no number")?;
        }
        let status = std::fs::read_to_string(self.folder.join("status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|text| text.trim().split(' ').next());
        let resident_kb = resident.and_then(|kb| kb.parse().ok()).context("no VmRSS")?;
        Ok(Usage { cpu: Duration::from_nanos(nanoseconds), resident_kb })
    }
}
