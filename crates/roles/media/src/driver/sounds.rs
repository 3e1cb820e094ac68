//! Makes and reads sounds, away from the media threads.

use super::Notice;
use crate::state::SoundSource;
use anyhow::Context;
use offhook_audio::wav;
use offhook_model::LegId;
use offhook_speech::{Pcm, Speech};
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use tokio::sync::mpsc;

/// Sounds that wait to be fetched.
const WANTED_MAX: usize = 4_096;
/// Bytes of a sound file at most: an hour of narrowband speech.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Samples of files that are kept in memory at most.
const KEPT_SAMPLES_MAX: usize = 16 * 1024 * 1024;

/// A sound that a leg plays.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) leg: LegId,
    pub(crate) ticket: u64,
    pub(crate) source: SoundSource,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) leg: LegId,
    pub(crate) ticket: u64,
    pub(crate) sound: Option<Arc<Pcm>>,
}

/// The way to the thread that fetches. It ends when the last clone is gone.
#[derive(Debug, Clone)]
pub(crate) struct Sounds(SyncSender<Wanted>);

struct Fetcher {
    speech: Arc<Speech>,
    folder: Option<PathBuf>,
    files: HashMap<String, Arc<Pcm>>,
    kept_samples: usize,
}

impl Sounds {
    pub(crate) fn start(
        speech: Arc<Speech>,
        folder: Option<PathBuf>,
        notices: mpsc::Sender<Notice>,
    ) -> anyhow::Result<(Self, JoinHandle<()>)> {
        let (sender, receiver) = sync_channel(WANTED_MAX);
        let mut fetcher = Fetcher { speech, folder, files: HashMap::new(), kept_samples: 0 };
        let thread = std::thread::Builder::new()
            .name("media-sounds".to_owned())
            .spawn(move || fetcher.run(&receiver, &notices))
            .context("starting the thread that fetches sounds")?;
        Ok((Self(sender), thread))
    }

    /// Asks for a sound; hands the wish back when too many are waiting.
    pub(crate) fn want(&self, wanted: Wanted) -> Result<(), Wanted> {
        self.0.try_send(wanted).map_err(|error| match error {
            TrySendError::Full(wanted) | TrySendError::Disconnected(wanted) => wanted,
        })
    }
}

impl Fetcher {
    fn run(&mut self, wanted: &Receiver<Wanted>, notices: &mpsc::Sender<Notice>) {
        // The music is composed here, so that the first media thread that plays it need not.
        offhook_audio::music::hold_music();
        while let Ok(Wanted { leg, ticket, source }) = wanted.recv() {
            let sound = self.fetch(&source);
            let fetched = Fetched { leg, ticket, sound };
            if notices.blocking_send(Notice::Sound(fetched)).is_err() {
                return;
            }
        }
    }

    fn fetch(&mut self, source: &SoundSource) -> Option<Arc<Pcm>> {
        let result = match source {
            SoundSource::Text(text) => self.speech.synthesize(text).context("speaking"),
            SoundSource::File(name) => self.file(name),
        };
        match result {
            Ok(sound) => Some(sound),
            Err(error) => {
                tracing::warn!(error = %format!("{error:#}"), "a prompt cannot be played");
                metrics::counter!("offhook_media_prompts_skipped_total", "why" => "missing")
                    .increment(1);
                None
            }
        }
    }

    fn file(&mut self, name: &str) -> anyhow::Result<Arc<Pcm>> {
        if let Some(sound) = self.files.get(name) {
            return Ok(Arc::clone(sound));
        }
        let folder = self.folder.as_deref().context("no prompts folder is configured")?;
        let sound = Arc::new(read(folder, name)?);
        self.keep(name, &sound);
        Ok(sound)
    }

    /// When there is no room, everything kept so far makes room.
    fn keep(&mut self, name: &str, sound: &Arc<Pcm>) {
        if self.kept_samples + sound.samples.len() > KEPT_SAMPLES_MAX {
            self.files.clear();
            self.kept_samples = 0;
        }
        if sound.samples.len() <= KEPT_SAMPLES_MAX {
            self.kept_samples += sound.samples.len();
            self.files.insert(name.to_owned(), Arc::clone(sound));
        }
    }
}

/// Reads a WAV; the name may leave out its extension.
fn read(folder: &Path, name: &str) -> anyhow::Result<Pcm> {
    let path = folder.join(name);
    let path = if path.extension().is_some() { path } else { path.with_extension("wav") };
    let file = std::fs::File::open(&path).with_context(|| path.display().to_string())?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .with_context(|| path.display().to_string())?;
    let wav = wav::read(&bytes).with_context(|| path.display().to_string())?;
    Ok(Pcm { samples: wav.samples, rate: wav.rate })
}
