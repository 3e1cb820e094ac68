//! Text to speech: who speaks, what is said, and what was said before.
//!
//! [`Speech`] turns a text into [`Pcm`] with the [`Voice`] it was made with and remembers what was said, in
//! memory and, when it is given a folder, on disk. The embedded voice is flite's `cmu_us_slt` (female,
//! American English, 16 kHz), linked from the system's libraries; [`Program`] and [`Server`] ask somebody
//! else, and the embedded voice speaks when they fail. [`say`] turns numbers, dates and money into words.
//!
//! Speaking takes milliseconds to seconds: call it from a thread that may block, never from a media
//! thread. SSML and playing are not here.

mod cache;
mod config;
mod disk;
mod ffi;
pub mod say;
mod text;
mod voice;

pub use config::{Config, ConfigError, EngineName, TIMEOUT_S};
pub use text::MAX_TEXT;
pub use voice::{Flite, Program, SOUND_BYTES_MAX, Server, Voice};

use cache::Cache;
use disk::Folder;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
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
    /// The program or server that was asked to speak did not; the embedded voice can.
    #[error("the speech engine failed")]
    Engine,
}

/// After a failure the engine is left alone for so long, since each try may take as long as it may.
pub const RETRY_AFTER: Duration = Duration::from_secs(30);

/// Speaks texts, each but once.
#[derive(Debug)]
pub struct Speech {
    /// `None` is silence.
    voice: Option<Box<dyn Voice>>,
    cache: Mutex<Cache>,
    folder: Option<Folder>,
    /// Until when the embedded voice speaks in place of one that has failed.
    failed_until: Mutex<Option<Instant>>,
}

impl Speech {
    /// A speaker. With a `folder`, what is said is kept there as WAV files and found again after a
    /// restart; a folder that cannot be used is logged and does without.
    pub fn new(engine: Engine, folder: Option<PathBuf>) -> Speech {
        match engine {
            Engine::Flite => Self::with_voice(Box::new(Flite), folder),
            Engine::Silent => Self { voice: None, ..Self::with_voice(Box::new(Flite), None) },
        }
    }

    /// A speaker with another voice. While that fails, the embedded one speaks.
    pub fn with_voice(voice: Box<dyn Voice>, folder: Option<PathBuf>) -> Speech {
        Speech {
            voice: Some(voice),
            cache: Mutex::new(Cache::default()),
            folder: folder.and_then(Folder::open),
            failed_until: Mutex::new(None),
        }
    }

    /// Speaks `text`, or finds it spoken. Blocks while it computes, waits for an engine or reads from disk.
    pub fn synthesize(&self, text: &str) -> Result<Arc<Pcm>, SpeechError> {
        let Some(voice) = &self.voice else {
            return Ok(Arc::new(silence(&text::speakable(text)?)));
        };
        match self.say(voice.as_ref(), text) {
            Err(SpeechError::Engine) => self.say(&Flite, text),
            outcome => outcome,
        }
    }

    fn say(&self, voice: &dyn Voice, text: &str) -> Result<Arc<Pcm>, SpeechError> {
        let (name, text) = (voice.name(), voice.prepare(text)?);
        let key = format!("{name}\n{text}");
        if let Some(pcm) = lock(&self.cache).get(&key) {
            return Ok(pcm);
        }
        let pcm = Arc::new(self.find_or_speak(voice, &key, &text)?);
        lock(&self.cache).insert(key, Arc::clone(&pcm));
        Ok(pcm)
    }

    fn find_or_speak(&self, voice: &dyn Voice, key: &str, text: &str) -> Result<Pcm, SpeechError> {
        if let Some(pcm) = self.folder.as_ref().and_then(|folder| folder.read(key)) {
            return Ok(pcm);
        }
        if lock(&self.failed_until).is_some_and(|until| Instant::now() < until)
            && voice.name() != Flite.name()
        {
            return Err(SpeechError::Engine);
        }
        let mut pcm = voice.speak(text).inspect_err(|error| self.note_failure(*error))?;
        bring_to_level(&mut pcm.samples);
        if let Some(folder) = &self.folder {
            folder.write(key, &pcm);
        }
        Ok(pcm)
    }

    fn note_failure(&self, error: SpeechError) {
        if error == SpeechError::Engine {
            tracing::warn!("the speech engine failed; the embedded voice speaks");
            metrics::counter!("offhook_speech_engine_failures_total").increment(1);
            *lock(&self.failed_until) = Some(Instant::now() + RETRY_AFTER);
        }
    }
}

/// What is kept is whole between its uses, whoever panicked in between.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
