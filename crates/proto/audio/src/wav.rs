//! Recordings and prompts as WAV, in memory or over the caller's own file.

use hound::{SampleFormat, WavReader, WavSpec};
use std::io::{Cursor, Seek, Write};
use thiserror::Error;

/// The longest WAV that is read, in seconds.
pub const MAX_SECONDS: u32 = 3600;

/// The most channels that are mixed to one.
pub const MAX_CHANNELS: u16 = 8;

/// Mono speech.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wav {
    /// Samples per second.
    pub rate: u32,
    /// 16-bit linear PCM.
    pub samples: Vec<i16>,
}

/// Why a WAV cannot be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WavError {
    /// It is not a WAV, or it is cut short.
    #[error("not a readable WAV file")]
    Malformed,
    /// It is a WAV of a kind that is not read: linear PCM and floating point are.
    #[error("a WAV format other than linear PCM or floating point")]
    UnsupportedFormat,
    /// It has no samples, more than [`MAX_CHANNELS`] channels, a rate outside 8 to 192 kHz, or
    /// lasts longer than [`MAX_SECONDS`].
    #[error("the WAV is empty or larger than is accepted")]
    Size,
    /// The underlying writer failed.
    #[error("the WAV could not be written: {0:?}")]
    Write(std::io::ErrorKind),
}

/// Reads a WAV of any rate, sample size and channel count as mono.
pub fn read(bytes: &[u8]) -> Result<Wav, WavError> {
    let reader = WavReader::new(Cursor::new(bytes)).map_err(|error| wav_error(&error))?;
    let spec = reader.spec();
    check_size(&spec, reader.duration())?;
    let interleaved = interleaved_samples(reader, &spec)?;
    Ok(Wav {
        rate: spec.sample_rate,
        samples: mix_to_mono(&interleaved, usize::from(spec.channels)),
    })
}

fn check_size(spec: &WavSpec, duration: u32) -> Result<(), WavError> {
    let rates = crate::resampler::MIN_RATE..=crate::resampler::MAX_RATE;
    let fits = (1..=MAX_CHANNELS).contains(&spec.channels)
        && rates.contains(&spec.sample_rate)
        && (1..=spec.sample_rate.saturating_mul(MAX_SECONDS)).contains(&duration);
    if fits { Ok(()) } else { Err(WavError::Size) }
}

fn interleaved_samples(
    mut reader: WavReader<Cursor<&[u8]>>,
    spec: &WavSpec,
) -> Result<Vec<i16>, WavError> {
    let bits = spec.bits_per_sample;
    match spec.sample_format {
        SampleFormat::Float => reader
            .samples::<f32>()
            .map(|sample| sample.map(|s| (s * 32767.0).round() as i16))
            .collect::<Result<_, _>>(),
        SampleFormat::Int => reader
            .samples::<i32>()
            .map(|sample| sample.map(|s| to_16_bits(s, bits)))
            .collect::<Result<_, _>>(),
    }
    .map_err(|error| wav_error(&error))
}

fn to_16_bits(sample: i32, bits: u16) -> i16 {
    let shifted = if bits >= 16 { sample >> (bits - 16).min(31) } else { sample << (16 - bits) };
    shifted.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

fn mix_to_mono(interleaved: &[i16], channels: usize) -> Vec<i16> {
    let mean = |frame: &[i16]| {
        let sum: i32 = frame.iter().map(|&s| i32::from(s)).sum();
        (sum / channels as i32) as i16
    };
    interleaved.chunks_exact(channels).map(mean).collect()
}

fn wav_error(error: &hound::Error) -> WavError {
    match error {
        hound::Error::Unsupported | hound::Error::InvalidSampleFormat | hound::Error::TooWide => {
            WavError::UnsupportedFormat
        }
        _ => WavError::Malformed,
    }
}

fn write_error(error: &hound::Error) -> WavError {
    match error {
        hound::Error::IoError(error) => WavError::Write(error.kind()),
        _ => WavError::Size,
    }
}

/// Writes 16-bit PCM as it comes. [`WavWriter::finish`] completes the header; a writer that is
/// only dropped leaves that to chance.
pub struct WavWriter<W: Write + Seek>(hound::WavWriter<W>);

impl<W: Write + Seek> WavWriter<W> {
    /// Begins a WAV of `channels` interleaved channels at `rate` samples per second.
    pub fn new(sink: W, rate: u32, channels: u16) -> Result<WavWriter<W>, WavError> {
        let spec = WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        hound::WavWriter::new(sink, spec).map(WavWriter).map_err(|error| write_error(&error))
    }

    /// Appends samples, interleaved when there is more than one channel.
    pub fn write(&mut self, samples: &[i16]) -> Result<(), WavError> {
        samples
            .iter()
            .try_for_each(|&sample| self.0.write_sample(sample))
            .map_err(|error| write_error(&error))
    }

    /// Completes the header.
    pub fn finish(self) -> Result<(), WavError> {
        self.0.finalize().map_err(|error| write_error(&error))
    }
}

impl<W: Write + Seek> std::fmt::Debug for WavWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WavWriter").field("samples", &self.0.len()).finish()
    }
}

/// Bytes of the header that [`header`] writes.
pub const HEADER_BYTES: usize = 44;

/// The header of a WAV of 16-bit PCM with so many bytes of samples behind it, for a file that is to be readable
/// while it grows. A length that no WAV can have becomes the longest that it can.
pub fn header(rate: u32, channels: u16, data_bytes: u64) -> [u8; HEADER_BYTES] {
    let length_max = u32::MAX - HEADER_BYTES as u32;
    let data_bytes = u32::try_from(data_bytes).unwrap_or(u32::MAX).min(length_max);
    let frame_bytes = 2 * channels;
    let mut header = [0; HEADER_BYTES];
    let mut rest = &mut header[..];
    let mut put = |bytes: &[u8]| {
        rest.write_all(bytes).expect("the parts are as long as the header");
    };
    put(b"RIFF");
    put(&(data_bytes + HEADER_BYTES as u32 - 8).to_le_bytes());
    put(b"WAVEfmt ");
    put(&16_u32.to_le_bytes());
    put(&1_u16.to_le_bytes());
    put(&channels.to_le_bytes());
    put(&rate.to_le_bytes());
    put(&(rate * u32::from(frame_bytes)).to_le_bytes());
    put(&frame_bytes.to_le_bytes());
    put(&16_u16.to_le_bytes());
    put(b"data");
    put(&data_bytes.to_le_bytes());
    header
}

impl Wav {
    /// The recording as the bytes of a WAV file.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WavError> {
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut bytes, self.rate, 1)?;
        writer.write(&self.samples)?;
        writer.finish()?;
        Ok(bytes.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(spec: WavSpec, samples: &[i32]) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        for &sample in samples {
            writer.write_sample(sample).unwrap();
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    fn spec(channels: u16, bits_per_sample: u16) -> WavSpec {
        WavSpec { channels, sample_rate: 22_050, bits_per_sample, sample_format: SampleFormat::Int }
    }

    #[test]
    fn what_is_written_is_read() {
        let original = Wav { rate: 16_000, samples: vec![0, 1, -1, i16::MAX, i16::MIN] };
        assert_eq!(read(&original.to_bytes().unwrap()), Ok(original));
    }

    #[test]
    fn a_header_before_samples_makes_a_wav() {
        for (channels, samples) in [(1, [5, -5, 7, -7]), (2, [5, 5, -7, -7])] {
            let mut bytes = header(16_000, channels, 8).to_vec();
            samples.iter().for_each(|sample: &i16| bytes.extend(sample.to_le_bytes()));
            let reader = WavReader::new(Cursor::new(&bytes)).unwrap();
            assert_eq!(reader.spec().channels, channels);
            assert_eq!(
                reader.into_samples::<i16>().map(Result::unwrap).collect::<Vec<_>>(),
                samples
            );
            assert_eq!(read(&bytes).unwrap().rate, 16_000);
        }
        let endless = header(8_000, 1, u64::MAX);
        assert_eq!(endless[4..8], (u32::MAX - 8).to_le_bytes());
    }

    #[test]
    fn other_sample_sizes_become_16_bits() {
        assert_eq!(read(&wav(spec(1, 8), &[127, -128])).unwrap().samples, [0x7F00, i16::MIN]);
        assert_eq!(read(&wav(spec(1, 24), &[0x7F_FFFF, -256])).unwrap().samples, [i16::MAX, -1]);
        assert_eq!(read(&wav(spec(1, 32), &[i32::MIN])).unwrap().samples, [i16::MIN]);
    }

    #[test]
    fn stereo_is_mixed() {
        let mixed = read(&wav(spec(2, 16), &[100, 300, i32::from(i16::MIN), i32::from(i16::MIN)]));
        assert_eq!(mixed, Ok(Wav { rate: 22_050, samples: vec![200, i16::MIN] }));
    }

    #[test]
    fn broken_files_are_errors() {
        assert_eq!(read(b""), Err(WavError::Malformed));
        assert_eq!(read(b"RIFF\x04\0\0\0WAVE"), Err(WavError::Malformed));
        assert_eq!(read(&wav(spec(1, 16), &[])), Err(WavError::Size));
        let whole = wav(spec(1, 16), &[5; 400]);
        assert_eq!(read(&whole[..whole.len() - 101]), Err(WavError::Malformed));
    }
}
