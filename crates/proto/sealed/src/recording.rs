use crate::format::{
    CHUNK_BYTES, Chunks, HEADER_BYTES, Header, MAGIC, SEALED_BYTES, TAG_BYTES, offset_of,
};
use crate::key::{KeyId, KeyRing};
use std::io::{self, Read, Seek, SeekFrom};
use thiserror::Error;

/// Bytes of a WAV's header as recordings have it; the two lengths in it stand at 4 and at 40.
const WAV_HEADER_BYTES: u64 = 44;

/// Why a recording cannot be read.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The system says so.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// None of the keys is the one that sealed it.
    #[error("it was encrypted with the key {0}, which is not among the key files")]
    NoKey(KeyId),
    /// It was made by a version that this one does not know, or its beginning was changed.
    #[error("it is encrypted in a way that this version does not know")]
    UnknownVersion,
}

/// A recording, sealed or not, that is read at any place. What was written when it was opened is all there
/// is of it.
#[derive(Debug)]
pub struct Recording<F> {
    file: F,
    length: u64,
    sealed: Option<Sealed>,
}

#[derive(Debug)]
struct Sealed {
    chunks: Chunks,
    is_complete: bool,
    /// The bytes with which the recording begins, when its header has to be told how long it became.
    wav_header: Option<[u8; WAV_HEADER_BYTES as usize]>,
    /// The chunk that was opened last.
    open: Option<(u64, Vec<u8>)>,
}

impl<F: Read + Seek> Recording<F> {
    /// Looks at the beginning and the end of a file.
    ///
    /// # Errors
    /// When it cannot be read or was sealed with a key that is not there.
    pub fn open(mut file: F, keys: &KeyRing) -> Result<Self, OpenError> {
        let file_bytes = file.seek(SeekFrom::End(0))?;
        let mut header = Header([0; HEADER_BYTES]);
        file.seek(SeekFrom::Start(0))?;
        let read = read_full(&mut file, &mut header.0)?;
        if !header.0[..read].starts_with(MAGIC) {
            return Ok(Self { file, length: file_bytes, sealed: None });
        }
        if read < HEADER_BYTES || !header.is_known() {
            return Err(OpenError::UnknownVersion);
        }
        let key = keys.find(header.key()).ok_or(OpenError::NoKey(header.key()))?;
        let sealed = Sealed {
            chunks: Chunks::new(key, header),
            is_complete: false,
            wav_header: None,
            open: None,
        };
        let mut made = Self { file, length: 0, sealed: Some(sealed) };
        made.measure(file_bytes - HEADER_BYTES as u64)?;
        made.mend_wav_header()?;
        Ok(made)
    }

    /// How long the recording is, in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Whether it is encrypted in its file.
    pub fn is_sealed(&self) -> bool {
        self.sealed.is_some()
    }

    /// Whether it was ended, rather than cut short or still going on. A file that is not sealed does not tell
    /// and counts as ended.
    pub fn is_complete(&self) -> bool {
        self.sealed.as_ref().is_none_or(|sealed| sealed.is_complete)
    }

    /// Reads all of it. Whoever asks has looked at [`Recording::length`] before.
    ///
    /// # Errors
    /// As [`Recording::read_at`].
    pub fn read_all(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.length).unwrap_or(usize::MAX)];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.read_at(filled as u64, &mut bytes[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// Reads from a place; how much was read, which is nothing at the end only.
    ///
    /// # Errors
    /// When the file cannot be read, or with [`io::ErrorKind::InvalidData`] when it was changed.
    pub fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.length.saturating_sub(offset);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let buffer = &mut buffer[..wanted];
        let Some(sealed) = &self.sealed else {
            self.file.seek(SeekFrom::Start(offset))?;
            return self.file.read(buffer);
        };
        if let Some(header) = sealed.wav_header.filter(|_| offset < WAV_HEADER_BYTES) {
            return (&header[usize::try_from(offset).unwrap_or(0)..]).read(buffer);
        }
        let number = offset / CHUNK_BYTES as u64;
        let within = usize::try_from(offset % CHUNK_BYTES as u64).unwrap_or(0);
        let chunk = self.chunk(number)?;
        chunk.get(within..).unwrap_or_default().read(buffer)
    }

    /// Finds out how much there is behind the header.
    fn measure(&mut self, behind: u64) -> io::Result<()> {
        let whole = behind / SEALED_BYTES as u64;
        self.length = whole * CHUNK_BYTES as u64;
        let rest = usize::try_from(behind % SEALED_BYTES as u64).unwrap_or(0);
        if rest < TAG_BYTES {
            return Ok(());
        }
        let mut bytes = vec![0; rest];
        self.file.seek(SeekFrom::Start(offset_of(whole)))?;
        self.file.read_exact(&mut bytes)?;
        let Some(sealed) = &mut self.sealed else { return Ok(()) };
        // What does not open is a chunk of which a killed process wrote only a part.
        if let Some(last) = sealed.chunks.open(whole, true, &mut bytes) {
            self.length += last.len() as u64;
            sealed.is_complete = true;
            sealed.open = Some((whole, last.to_vec()));
        }
        Ok(())
    }

    /// A WAV says in its first bytes how long it is. In a sealed file these are never written again, so they
    /// say as much as a WAV can have, and are corrected here.
    fn mend_wav_header(&mut self) -> io::Result<()> {
        let mut header = [0; WAV_HEADER_BYTES as usize];
        if self.length < WAV_HEADER_BYTES {
            return Ok(());
        }
        self.read_at(0, &mut header)?;
        if !header.starts_with(b"RIFF") || &header[36..40] != b"data" {
            return Ok(());
        }
        let length = u32::try_from(self.length).unwrap_or(u32::MAX);
        header[4..8].copy_from_slice(&(length - 8).to_le_bytes());
        header[40..].copy_from_slice(&(length - WAV_HEADER_BYTES as u32).to_le_bytes());
        if let Some(sealed) = &mut self.sealed {
            sealed.wav_header = Some(header);
        }
        Ok(())
    }

    /// The contents of a chunk.
    fn chunk(&mut self, number: u64) -> io::Result<&[u8]> {
        let changed = || io::Error::new(io::ErrorKind::InvalidData, "the recording was changed");
        let sealed = self.sealed.as_mut().ok_or_else(changed)?;
        let is_open = sealed.open.as_ref().is_some_and(|(open, _)| *open == number);
        if !is_open {
            let mut bytes = vec![0; SEALED_BYTES];
            self.file.seek(SeekFrom::Start(offset_of(number)))?;
            let read = read_full(&mut self.file, &mut bytes)?;
            // The last chunk is never a whole one.
            let is_last = read < SEALED_BYTES;
            let plain = sealed.chunks.open(number, is_last, &mut bytes[..read]);
            sealed.open = Some((number, plain.ok_or_else(changed)?.to_vec()));
        }
        Ok(sealed.open.as_ref().map(|(_, chunk)| chunk.as_slice()).unwrap_or_default())
    }
}

/// Reads until the buffer is full or the file ends.
fn read_full(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
