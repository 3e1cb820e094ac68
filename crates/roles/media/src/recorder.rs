//! Writes recordings: from copies of packets to files, away from the media threads.
//!
//! [`Recorder`] takes pieces of [`Recorded`] and decodes, aligns, encodes and writes what is in them. Time is
//! what the packets say of it, so that a recorder that is behind writes the same file as one that is not. Its
//! files come from a [`Storage`].

mod file;
mod recording;
mod retention;
mod storage;

pub use retention::delete_older;
pub use storage::{Folder, RecordingFile, Storage};

use crate::state::Recorded;
use crate::state::recorded::{Beginning, Entry, What};
use offhook_bus::{
    MediaEvent, RecordingEvent, RecordingFailure, RecordingSource, RecordingSummary,
};
use recording::Recording;
use std::collections::{HashMap, VecDeque};
use std::path::{Component, Path};
use std::time::Instant;

/// Recordings at a time.
pub const RECORDINGS_MAX: usize = 2_000;

/// All recordings of the process.
#[derive(Debug)]
pub struct Recorder<S> {
    storage: S,
    recordings: HashMap<RecordingSource, Box<Recording>>,
    events: VecDeque<MediaEvent>,
    serial: u32,
}

impl<S: Storage> Recorder<S> {
    /// A recorder without recordings.
    pub fn new(storage: S) -> Self {
        Self { storage, recordings: HashMap::new(), events: VecDeque::new(), serial: 0 }
    }

    /// How many recordings there are.
    pub fn recording_count(&self) -> usize {
        self.recordings.len()
    }

    /// Takes what a media thread handed over.
    pub fn handle_recorded(&mut self, recorded: &Recorded) {
        for entry in &recorded.entries {
            self.handle_entry(recorded, entry);
        }
    }

    /// Writes what happened until this instant to all recordings: silence, where nothing did.
    pub fn handle_timeout(&mut self, until: Instant) {
        let sources: Vec<RecordingSource> = self.recordings.keys().copied().collect();
        for source in sources {
            self.with(source, |recording| recording.advance(until));
        }
    }

    /// Completes all recordings.
    pub fn finish(&mut self, now: Instant) {
        let sources: Vec<RecordingSource> = self.recordings.keys().copied().collect();
        for source in sources {
            self.end(source, now);
        }
    }

    /// The next thing to be told.
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        self.events.pop_front()
    }

    fn handle_entry(&mut self, recorded: &Recorded, entry: &Entry) {
        let (source, at) = (entry.source, entry.at);
        match &entry.what {
            What::Begin(beginning) => self.begin(source, beginning, at),
            What::Packet { track, codec, start, length } => {
                let packet = recorded.packet(*start, *length);
                self.with(source, |recording| recording.handle_packet(*track, *codec, packet, at));
            }
            What::Pause => self.with(source, |recording| recording.pause(at)),
            What::Resume => self.with(source, |recording| recording.resume(at)),
            What::End => self.end(source, at),
            What::Dropped { packets } => self.with(source, |recording| {
                recording.count_dropped(*packets);
                Ok(())
            }),
        }
    }

    fn begin(&mut self, source: RecordingSource, beginning: &Beginning, at: Instant) {
        self.serial = self.serial.wrapping_add(1);
        match self.made(source, beginning, at) {
            Ok(recording) => {
                let event = recording.started();
                self.recordings.insert(source, Box::new(recording));
                self.events.push_back(MediaEvent::Recording { source, event });
            }
            Err(why) => {
                let path = beginning.path.clone();
                self.fail(source, why, RecordingSummary { path, ..RecordingSummary::default() });
            }
        }
    }

    fn made(
        &mut self,
        source: RecordingSource,
        beginning: &Beginning,
        at: Instant,
    ) -> Result<Recording, RecordingFailure> {
        if self.recordings.contains_key(&source) {
            return Err(RecordingFailure::AlreadyRecorded);
        }
        if self.recordings.len() >= RECORDINGS_MAX {
            return Err(RecordingFailure::Exhausted);
        }
        if !stays_inside(&beginning.path) {
            return Err(RecordingFailure::BadPath);
        }
        let path = self.storage.name(&beginning.path);
        let file = self.storage.create(&path).map_err(|error| failure(&error))?;
        Recording::new(beginning, path, file, self.serial, at)
    }

    /// Does something with a recording that is there. When it fails it ends.
    fn with(
        &mut self,
        source: RecordingSource,
        act: impl FnOnce(&mut Recording) -> Result<(), RecordingFailure>,
    ) {
        let Some(recording) = self.recordings.get_mut(&source) else { return };
        let done = act(recording);
        if let Some(event) = recording.poll_speech() {
            self.events.push_back(MediaEvent::Recording { source, event });
        }
        if let Err(why) = done {
            let summary = recording.summary();
            self.recordings.remove(&source);
            self.fail(source, why, summary);
        }
    }

    fn end(&mut self, source: RecordingSource, at: Instant) {
        let Some(mut recording) = self.recordings.remove(&source) else { return };
        let ended = recording.advance(at).and_then(|()| recording.finish());
        let summary = recording.summary();
        metrics::counter!("offhook_recording_bytes_total").increment(summary.bytes);
        match ended {
            Ok(()) => {
                let event = RecordingEvent::Stopped(summary);
                self.events.push_back(MediaEvent::Recording { source, event });
            }
            Err(why) => self.fail(source, why, summary),
        }
    }

    fn fail(&mut self, source: RecordingSource, why: RecordingFailure, summary: RecordingSummary) {
        tracing::warn!(?source, ?why, "a recording failed");
        metrics::counter!("offhook_recordings_failed_total").increment(1);
        let event = RecordingEvent::Failed { why, summary };
        self.events.push_back(MediaEvent::Recording { source, event });
    }
}

/// Whether the path names a file beneath the folder that it is relative to.
fn stays_inside(path: &Path) -> bool {
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    path.components().all(is_plain) && path.file_name().is_some()
}

/// Why a file could not be written.
fn failure(error: &std::io::Error) -> RecordingFailure {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            RecordingFailure::DiskFull
        }
        std::io::ErrorKind::AlreadyExists => RecordingFailure::Exists,
        _ => RecordingFailure::Unwritable(error.to_string()),
    }
}
