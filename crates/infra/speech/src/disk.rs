//! What was spoken before, as WAV files named by their text's hash.

use crate::Pcm;
use offhook_audio::wav::{self, Wav};
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The most files that are kept; when there are as many, no more are written.
const MAX_FILES: usize = 4096;

/// A folder of spoken texts. Its failures are logged and never in the way of speaking.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    files: AtomicUsize,
    writes: AtomicU64,
}

impl Folder {
    /// Opens the folder, creating it when needed.
    pub(crate) fn open(path: PathBuf) -> Option<Folder> {
        let files = fs::create_dir_all(&path).and_then(|()| fs::read_dir(&path));
        match files {
            Ok(files) => Some(Folder {
                path,
                files: AtomicUsize::new(files.count()),
                writes: AtomicU64::new(0),
            }),
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "spoken prompts are not kept on disk");
                None
            }
        }
    }

    /// The speech that was kept under this key, the voice's name and the text, when it is there and whole.
    pub(crate) fn read(&self, key: &str) -> Option<Pcm> {
        let bytes = fs::read(self.path_of(key)).ok()?;
        match wav::read(&bytes) {
            Ok(Wav { rate, samples }) => Some(Pcm { samples, rate }),
            Err(error) => {
                tracing::debug!(%error, "a kept prompt is spoken anew");
                None
            }
        }
    }

    /// Keeps the speech of a text.
    pub(crate) fn write(&self, key: &str, pcm: &Pcm) {
        if self.files.load(Ordering::Relaxed) >= MAX_FILES {
            return;
        }
        match self.write_file(key, pcm) {
            Ok(()) => {
                self.files.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => tracing::debug!(%error, "a spoken prompt was not kept"),
        }
    }

    /// Writes beside the file and renames, so that a reader never sees half of it.
    fn write_file(&self, key: &str, pcm: &Pcm) -> io::Result<()> {
        let wav = Wav { rate: pcm.rate, samples: pcm.samples.clone() };
        let bytes = wav.to_bytes().map_err(io::Error::other)?;
        let number = self.writes.fetch_add(1, Ordering::Relaxed);
        let partial = self.path.join(format!("{}-{number}.part", std::process::id()));
        fs::write(&partial, bytes)?;
        fs::rename(&partial, self.path_of(key))
    }

    fn path_of(&self, key: &str) -> PathBuf {
        let mut hash = Sha256::new();
        hash.update(key);
        let name: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        self.path.join(name + ".wav")
    }
}
