//! Where recordings go.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A place for recordings.
pub trait Storage: Send {
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

    /// Writes over the file's first bytes.
    ///
    /// # Errors
    /// What the system says.
    fn rewrite_start(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// A folder of the file system; without one nothing can be recorded.
#[derive(Debug)]
pub struct Folder(Option<PathBuf>);

impl Folder {
    /// Recordings lie beneath this folder.
    #[must_use]
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self(folder)
    }
}

impl Storage for Folder {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn RecordingFile>> {
        let missing = || io::Error::other("no folder for recordings is configured");
        let path = self.0.as_deref().ok_or_else(missing)?.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Box::new(file))
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
