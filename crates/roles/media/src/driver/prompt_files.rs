//! The files of the prompts folder, decoded once.

use anyhow::Context;
use offhook_audio::sound_file;
use offhook_speech::Pcm;
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Bytes of a sound file at most: an hour of narrowband speech.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Samples of files that are kept in memory at most: 32 MB.
const KEPT_SAMPLES_MAX: usize = 16 * 1024 * 1024;
/// What a name without an extension may end in, in this order.
const EXTENSIONS: [&str; 4] = ["wav", "mp3", "ogg", "opus"];

/// Reads prompts of one folder and keeps what was used lately.
#[derive(Debug)]
pub(crate) struct PromptFiles {
    folder: Option<PathBuf>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    files: HashMap<PathBuf, File>,
    samples: usize,
    /// Counts the calls; a file's is that of its last use.
    uses: u64,
}

#[derive(Debug)]
struct File {
    sound: Arc<Pcm>,
    modified: Option<SystemTime>,
    last_use: u64,
}

impl PromptFiles {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, kept: Mutex::default() }
    }

    /// The sound of a file; one that has changed on disk is read again.
    pub(crate) fn sound(&self, name: &str) -> anyhow::Result<Arc<Pcm>> {
        let folder = self.folder.as_deref().context("no prompts folder is configured")?;
        let path = find(folder, name)?;
        let modified = std::fs::metadata(&path).and_then(|data| data.modified()).ok();
        if let Some(sound) = self.kept().get(&path, modified) {
            return Ok(sound);
        }
        let sound = Arc::new(read(&path).with_context(|| path.display().to_string())?);
        self.kept().insert(path, Arc::clone(&sound), modified);
        Ok(sound)
    }

    /// What is kept is whole between its uses, whoever panicked in between.
    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn get(&mut self, path: &Path, modified: Option<SystemTime>) -> Option<Arc<Pcm>> {
        self.uses += 1;
        let file = self.files.get_mut(path).filter(|file| file.modified == modified)?;
        file.last_use = self.uses;
        Some(Arc::clone(&file.sound))
    }

    /// What was not used for longest makes room.
    fn insert(&mut self, path: PathBuf, sound: Arc<Pcm>, modified: Option<SystemTime>) {
        if sound.samples.len() > KEPT_SAMPLES_MAX {
            return;
        }
        self.samples += sound.samples.len();
        let file = File { sound, modified, last_use: self.uses };
        if let Some(replaced) = self.files.insert(path, file) {
            self.samples -= replaced.sound.samples.len();
        }
        while self.samples > KEPT_SAMPLES_MAX {
            let oldest = self.files.iter().min_by_key(|(_, file)| file.last_use);
            let Some(oldest) = oldest.map(|(path, _)| path.clone()) else { return };
            if let Some(file) = self.files.remove(&oldest) {
                self.samples -= file.sound.samples.len();
            }
        }
    }
}

/// The file that a name names. A link that leads out of the folder names nothing.
fn find(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let folder = folder.canonicalize().with_context(|| folder.display().to_string())?;
    let plain = folder.join(name);
    let with = |extension: &&str| folder.join(format!("{name}.{extension}"));
    let candidates = std::iter::once(plain).chain(EXTENSIONS.iter().map(with));
    let found = candidates.into_iter().find(|path| path.is_file());
    let path = found.with_context(|| format!("{name} is not in the prompts folder"))?;
    let path = path.canonicalize().with_context(|| path.display().to_string())?;
    anyhow::ensure!(path.starts_with(&folder), "{name} is a link out of the prompts folder");
    Ok(path)
}

fn read(path: &Path) -> anyhow::Result<Pcm> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    let sound = sound_file::read(bytes)?;
    Ok(Pcm { samples: sound.samples, rate: sound.rate })
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_audio::wav::Wav;

    fn write(path: &Path, samples: Vec<i16>) {
        let wav = Wav { rate: 8_000, samples }.to_bytes().expect("a WAV");
        std::fs::write(path, wav).expect("written");
    }

    #[test]
    fn a_file_is_decoded_once_until_it_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = PromptFiles::new(Some(folder.path().to_owned()));
        let path = folder.path().join("one.wav");
        write(&path, vec![1; 800]);
        let first = files.sound("one").expect("it is there");
        assert!(Arc::ptr_eq(&first, &files.sound("one.wav").expect("it is there")));
        write(&path, vec![2; 800]);
        let later = SystemTime::now() + std::time::Duration::from_secs(5);
        let file = std::fs::File::options().write(true).open(&path).expect("opened");
        file.set_modified(later).expect("its time is set");
        assert_eq!(files.sound("one").expect("it is there").samples, vec![2; 800]);
        assert_eq!(files.kept().samples, 800);
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let mut kept = Kept::default();
        for number in 0..5 {
            let path = PathBuf::from(number.to_string());
            kept.get(&path, None);
            let sound = Pcm { samples: vec![0; KEPT_SAMPLES_MAX / 3], rate: 8_000 };
            kept.insert(path, Arc::new(sound), None);
            kept.get(Path::new("0"), None);
        }
        assert!(kept.samples <= KEPT_SAMPLES_MAX && kept.files.len() == 3);
        assert!(kept.files.contains_key(Path::new("0")), "what is used stays");
    }

    #[test]
    fn nothing_outside_the_folder_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = folder.path().join("secret.wav");
        write(&secret, vec![1; 800]);
        let inside = folder.path().join("prompts");
        std::fs::create_dir(&inside).expect("made");
        std::os::unix::fs::symlink(&secret, inside.join("link.wav")).expect("linked");
        let files = PromptFiles::new(Some(inside));
        for name in ["link", "link.wav", "../secret.wav", "nothing"] {
            assert!(files.sound(name).is_err(), "{name}");
        }
        assert!(PromptFiles::new(None).sound("one").is_err());
    }
}
