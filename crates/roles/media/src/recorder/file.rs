//! The two kinds of files, both of which can be played at any moment of their making.

use super::failure;
use super::storage::RecordingFile;
use offhook_audio::ogg_opus::OggOpus;
use offhook_audio::wav;
use offhook_bus::{RecordingFailure, RecordingFormat};

/// Seconds of sound that are written at a time, so that a process that is killed loses no more.
const PIECE_FRAMES: usize = 50;

/// A file that grows.
#[derive(Debug)]
pub(super) struct SoundFile {
    file: Box<dyn RecordingFile>,
    format: Format,
    bytes: u64,
}

#[derive(Debug)]
enum Format {
    Wav { rate: u32, channels: u16, waiting: Vec<u8>, frames_waiting: usize },
    OggOpus(OggOpus),
}

impl SoundFile {
    pub(super) fn new(
        file: Box<dyn RecordingFile>,
        format: RecordingFormat,
        rate: u32,
        channels: u16,
        serial: u32,
    ) -> Result<Self, RecordingFailure> {
        let format = match format {
            RecordingFormat::Wav => {
                // What cannot be corrected says that it is as long as it may be.
                let data_bytes = if file.is_encrypted() { u64::MAX } else { 0 };
                let waiting = wav::header(rate, channels, data_bytes).to_vec();
                Format::Wav { rate, channels, waiting, frames_waiting: 0 }
            }
            RecordingFormat::OggOpus => {
                let made = OggOpus::new(channels, serial);
                Format::OggOpus(
                    made.map_err(|error| RecordingFailure::Unwritable(error.to_string()))?,
                )
            }
        };
        let mut made = Self { file, format, bytes: 0 };
        made.flush()?;
        Ok(made)
    }

    /// How long the recording is, not counting what encryption adds.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether the file is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.file.is_encrypted()
    }

    /// Takes a frame of 20 ms, channels interleaved.
    pub(super) fn push(&mut self, interleaved: &[i16]) -> Result<(), RecordingFailure> {
        match &mut self.format {
            Format::Wav { waiting, frames_waiting, .. } => {
                waiting.extend(interleaved.iter().flat_map(|sample| sample.to_le_bytes()));
                *frames_waiting += 1;
                if *frames_waiting < PIECE_FRAMES {
                    return Ok(());
                }
            }
            Format::OggOpus(encoder) => encoder
                .push(interleaved)
                .map_err(|error| RecordingFailure::Unwritable(error.to_string()))?,
        }
        self.flush()
    }

    /// Writes what waits.
    fn flush(&mut self) -> Result<(), RecordingFailure> {
        let pages;
        let bytes = match &mut self.format {
            Format::Wav { waiting, .. } => &waiting[..],
            Format::OggOpus(encoder) => {
                pages = encoder.take_bytes();
                &pages[..]
            }
        };
        if bytes.is_empty() {
            return Ok(());
        }
        self.file.append(bytes).map_err(|error| failure(&error))?;
        self.bytes += bytes.len() as u64;
        if let Format::Wav { rate, channels, waiting, frames_waiting } = &mut self.format {
            waiting.clear();
            *frames_waiting = 0;
            // The samples are there before the header says so.
            if !self.file.is_encrypted() {
                let header = wav::header(*rate, *channels, self.bytes - wav::HEADER_BYTES as u64);
                self.file.rewrite_start(&header).map_err(|error| failure(&error))?;
            }
        }
        Ok(())
    }

    /// Completes the file.
    pub(super) fn finish(&mut self) -> Result<(), RecordingFailure> {
        if let Format::OggOpus(encoder) = &mut self.format {
            let finished = encoder.finish();
            finished.map_err(|error| RecordingFailure::Unwritable(error.to_string()))?;
        }
        self.flush()?;
        self.file.finish().map_err(|error| failure(&error))
    }
}
