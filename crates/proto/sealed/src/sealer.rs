use crate::format::{CHUNK_BYTES, Chunks, HEADER_BYTES, Header, SALT_BYTES};
use crate::key::Key;

/// Makes a sealed file, from its beginning to its end.
#[derive(Debug)]
pub struct Sealer {
    chunks: Chunks,
    header: [u8; HEADER_BYTES],
    number: u64,
    /// Less than a chunk.
    waiting: Vec<u8>,
}

impl Sealer {
    /// Begins a file. `salt` is random and used for no other.
    #[must_use]
    pub fn new(key: &Key, salt: [u8; SALT_BYTES]) -> Self {
        let header = Header::new(key.id(), salt);
        let waiting = Vec::with_capacity(CHUNK_BYTES);
        Self { chunks: Chunks::new(key, header), header: header.0, number: 0, waiting }
    }

    /// What the file begins with.
    #[must_use]
    pub fn header(&self) -> &[u8; HEADER_BYTES] {
        &self.header
    }

    /// Takes more of the recording, and puts the chunks that are full into `out`.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while self.waiting.len() + bytes.len() >= CHUNK_BYTES {
            let (fitting, rest) = bytes.split_at(CHUNK_BYTES - self.waiting.len());
            self.waiting.extend_from_slice(fitting);
            bytes = rest;
            self.seal(false, out);
        }
        self.waiting.extend_from_slice(bytes);
    }

    /// Puts the last chunk into `out`. It has what waited, which may be nothing.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.seal(true, out);
    }

    fn seal(&mut self, is_last: bool, out: &mut Vec<u8>) {
        self.chunks.seal(self.number, is_last, &self.waiting, out);
        self.number += 1;
        self.waiting.clear();
    }
}
