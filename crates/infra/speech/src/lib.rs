//! Text to speech: the embedded voice and its cache.
//!
//! [`Speech`] turns a text into [`Pcm`] with the engine it was made with and remembers what was
//! said, in memory and, when it is given a folder, on disk. The engine is flite with the voice
//! `cmu_us_slt` (female, American English, 16 kHz), linked from the system's libraries.
//!
//! Speaking takes milliseconds to tenths of a second of computing: call it from a thread that may
//! block, never from a media thread. Other engines, other languages, SSML and playing are not
//! here.

mod cache;
mod disk;
mod ffi;
mod text;

pub use text::MAX_TEXT;

use cache::Cache;
use disk::Folder;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;

/// Level to which speech is brought, in dBm0 over the whole utterance.
pub const LEVEL_DBM0: f64 = -20.0;

/// Speech as mono 16-bit linear PCM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pcm {
    /// The samples.
    pub samples: Vec<i16>,
    /// Samples per second.
    pub rate: u32,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Engine {
    /// flite's `cmu_us_slt`.
    #[default]
    Flite,
    /// Nobody: silence about as long as the text. For measurements that speech would disturb.
    Silent,
}

/// Why a text is not spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SpeechError {
    /// Nothing in the text can be pronounced; give another text.
    #[error("the text has nothing that can be pronounced")]
    NothingToSay,
    /// The text has more than [`MAX_TEXT`] bytes; split it.
    #[error("the text is longer than {MAX_TEXT} bytes")]
    TooLong,
    /// The speech library could not be set up or gave no sound; speech cannot be had.
    #[error("the speech library failed; is flite's cmu_us_slt voice intact?")]
    Library,
}

/// Speaks texts, each but once.
#[derive(Debug)]
pub struct Speech {
    engine: Engine,
    cache: Mutex<Cache>,
    folder: Option<Folder>,
}

impl Speech {
    /// A speaker. With a `folder`, what is said is kept there as WAV files and found again after a
    /// restart; a folder that cannot be used is logged and does without.
    pub fn new(engine: Engine, folder: Option<PathBuf>) -> Speech {
        Speech {
            engine,
            cache: Mutex::new(Cache::default()),
            folder: folder.and_then(Folder::open),
        }
    }

    /// Speaks `text`, or finds it spoken. Blocks while it computes or reads from disk.
    pub fn synthesize(&self, text: &str) -> Result<Arc<Pcm>, SpeechError> {
        let text = text::speakable(text)?;
        if let Some(pcm) = self.cache().get(&text) {
            return Ok(pcm);
        }
        let pcm = Arc::new(self.find_or_speak(&text)?);
        self.cache().insert(text, Arc::clone(&pcm));
        Ok(pcm)
    }

    fn find_or_speak(&self, text: &str) -> Result<Pcm, SpeechError> {
        let folder = match (self.engine, &self.folder) {
            (Engine::Flite, Some(folder)) => folder,
            (Engine::Flite, None) => return speak(text),
            (Engine::Silent, _) => return Ok(silence(text)),
        };
        if let Some(pcm) = folder.read(text) {
            return Ok(pcm);
        }
        let pcm = speak(text)?;
        folder.write(text, &pcm);
        Ok(pcm)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        // The cache is whole between its calls, whoever panicked in between.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn speak(text: &str) -> Result<Pcm, SpeechError> {
    let mut pcm = ffi::speak(text)?;
    bring_to_level(&mut pcm.samples);
    Ok(pcm)
}

/// Scales to [`LEVEL_DBM0`], or as near as the peaks allow.
fn bring_to_level(samples: &mut [i16]) {
    let peak = samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
    if peak == 0 {
        return;
    }
    let wanted = 10f64.powf((LEVEL_DBM0 - offhook_audio::level::dbm0(samples)) / 20.0);
    let gain = wanted.min(f64::from(i16::MAX) / f64::from(peak));
    for sample in samples {
        *sample = (f64::from(*sample) * gain).round() as i16;
    }
}

fn silence(text: &str) -> Pcm {
    const RATE: u32 = 16_000;
    const SAMPLES_PER_LETTER: usize = 1000;
    Pcm { samples: vec![0; text.len() * SAMPLES_PER_LETTER], rate: RATE }
}
