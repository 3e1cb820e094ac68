//! Where recordings go.

use offhook_sealed::{KeyRing, Sealer};
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A place for recordings.
pub trait Storage: Send {
    /// The name that a file gets which is asked for by this one.
    fn name(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }

    /// Makes a file, and the folders that it lies in. A file that exists is an error.
    ///
    /// # Errors
    /// What the system says.
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn RecordingFile>>;
}

/// A recording as it is written.
pub trait RecordingFile: Send + std::fmt::Debug {
    /// Writes behind what was written before.
    ///
    /// # Errors
    /// What the system says; a part may have been written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Writes over the file's first bytes. An encrypted file has none to write over and is never asked to.
    ///
    /// # Errors
    /// What the system says.
    fn rewrite_start(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Completes the file; nothing is written behind it.
    ///
    /// # Errors
    /// What the system says.
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Whether what is written is encrypted. Then nothing can be written over.
    fn is_encrypted(&self) -> bool {
        false
    }
}

/// What the name of an encrypted recording ends in.
pub(super) const ENCRYPTED_EXTENSION: &str = "enc";

/// A folder of the file system; without one nothing can be recorded.
#[derive(Debug)]
pub struct Folder {
    path: Option<PathBuf>,
    keys: KeyRing,
}

impl Folder {
    /// Recordings lie beneath this folder, encrypted with the first of the keys when there is one.
    #[must_use]
    pub fn new(path: Option<PathBuf>, keys: KeyRing) -> Self {
        Self { path, keys }
    }
}

impl Storage for Folder {
    fn name(&self, path: &Path) -> PathBuf {
        match self.keys.sealing_key() {
            Some(_) => PathBuf::from(format!("{}.{ENCRYPTED_EXTENSION}", path.display())),
            None => path.to_owned(),
        }
    }

    fn create(&mut self, path: &Path) -> io::Result<Box<dyn RecordingFile>> {
        let missing = || io::Error::other("no folder for recordings is configured");
        let path = self.path.as_deref().ok_or_else(missing)?.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let Some(key) = self.keys.sealing_key() else { return Ok(Box::new(file)) };
        let mut salt = [0; offhook_sealed::SALT_BYTES];
        getrandom::fill(&mut salt).map_err(io::Error::other)?;
        Ok(Box::new(SealedFile::new(file, Sealer::new(key, salt))?))
    }
}

impl RecordingFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.seek(SeekFrom::End(0))?;
        self.write_all(bytes)
    }

    fn rewrite_start(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.seek(SeekFrom::Start(0))?;
        self.write_all(bytes)
    }
}

/// A file that is encrypted while it is written. Its header is there at once, and what is written waits for a
/// chunk to be full.
#[derive(Debug)]
struct SealedFile {
    file: File,
    /// `None` when the file is complete.
    sealer: Option<Sealer>,
    sealed: Vec<u8>,
}

impl SealedFile {
    fn new(mut file: File, sealer: Sealer) -> io::Result<Self> {
        file.write_all(sealer.header())?;
        Ok(Self { file, sealer: Some(sealer), sealed: Vec::new() })
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = self.file.write_all(&self.sealed);
        self.sealed.clear();
        written
    }
}

impl RecordingFile for SealedFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(sealer) = &mut self.sealer {
            sealer.push(bytes, &mut self.sealed);
        }
        self.flush()
    }

    fn rewrite_start(&mut self, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Some(sealer) = self.sealer.take() {
            sealer.finish(&mut self.sealed);
        }
        self.flush()
    }

    fn is_encrypted(&self) -> bool {
        true
    }
}
