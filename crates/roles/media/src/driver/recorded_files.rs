//! Recordings that are played to somebody, decrypted where they are encrypted.

use anyhow::Context;
use offhook_audio::sound_file;
use offhook_sealed::{KeyRing, Recording};
use offhook_speech::Pcm;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a recording that is played at most: half an hour at 16 kHz.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Reads recordings. Nothing is kept: a recording is seldom played twice.
#[derive(Debug, Clone)]
pub(crate) struct RecordedFiles {
    folder: Option<PathBuf>,
    keys: KeyRing,
}

impl RecordedFiles {
    pub(crate) fn new(folder: Option<PathBuf>, keys: KeyRing) -> Self {
        Self { folder, keys }
    }

    /// The sound of a recording, which is named by its path within the folder.
    pub(crate) fn sound(&self, name: &str) -> anyhow::Result<Arc<Pcm>> {
        let folder = self.folder.as_deref().context("no folder of recordings is configured")?;
        let bytes = self.read(&folder.join(name)).with_context(|| name.to_owned())?;
        let sound = sound_file::read(bytes)?;
        Ok(Arc::new(Pcm { samples: sound.samples, rate: sound.rate }))
    }

    fn read(&self, path: &Path) -> anyhow::Result<Vec<u8>> {
        let mut recording = Recording::open(File::open(path)?, &self.keys)?;
        anyhow::ensure!(recording.length() <= BYTES_MAX, "it is too long to be played");
        Ok(recording.read_all()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_audio::wav::Wav;
    use offhook_sealed::{Key, Sealer};

    #[test]
    fn a_recording_is_read_encrypted_or_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let samples: Vec<i16> = (0..8_000).map(|n| (n % 100) * 50).collect();
        let wav = Wav { rate: 8_000, samples: samples.clone() }.to_bytes().expect("a WAV");
        let bytes: Vec<u8> = (0..32).collect();
        let key = Key::parse(&bytes).expect("a key");
        let mut sealer = Sealer::new(&key, [3; 32]);
        let mut sealed = sealer.header().to_vec();
        sealer.push(&wav, &mut sealed);
        sealer.finish(&mut sealed);
        std::fs::write(folder.path().join("a.wav"), wav).expect("written");
        std::fs::write(folder.path().join("a.wav.enc"), sealed).expect("written");
        let files = RecordedFiles::new(Some(folder.path().into()), KeyRing::new(vec![key]));
        for name in ["a.wav", "a.wav.enc"] {
            assert_eq!(files.sound(name).expect(name).samples, samples, "{name}");
        }
        let without = RecordedFiles::new(Some(folder.path().into()), KeyRing::default());
        assert!(without.sound("a.wav.enc").is_err() && files.sound("b.wav").is_err());
    }
}
