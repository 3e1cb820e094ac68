//! Recordings as they are kept in files: WAV, MP3, and Ogg with Vorbis or Opus, as mono PCM.

use crate::codec::{Codec, MAX_FRAME_SAMPLES};
use crate::opus_codec::OpusDecoder;
use crate::resampler::{MAX_RATE, MIN_RATE};
use crate::wav::{self, Wav};
use std::io::Cursor;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use thiserror::Error as ThisError;

/// The most samples that are read: an hour at 48 kHz.
pub const MAX_SAMPLES: usize = 3_600 * 48_000;
/// Packets in a row that cannot be decoded before the file is given up.
const MAX_BAD_PACKETS: u32 = 50;
/// The rate at which Opus is decoded.
const OPUS_RATE: u32 = 48_000;

/// Why a file cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
pub enum SoundFileError {
    /// It is none of the formats that are read, or broken from the beginning.
    #[error("not a WAV, MP3, or Ogg file with Vorbis or Opus")]
    UnknownFormat,
    /// It is damaged.
    #[error("the sound file is damaged")]
    Malformed,
    /// It is empty, longer than [`MAX_SAMPLES`], or has a rate outside 8 to 192 kHz.
    #[error("the sound is empty or larger than is accepted")]
    Size,
}

/// Reads a whole file. What follows a damaged end is left out.
///
/// # Errors
/// When nothing of it can be played.
pub fn read(bytes: Vec<u8>) -> Result<Wav, SoundFileError> {
    if let Ok(wav) = wav::read(&bytes) {
        return Ok(wav);
    }
    if has_too_many_channels(&bytes) {
        return Err(SoundFileError::Size);
    }
    let source =
        MediaSourceStream::new(Box::new(Cursor::new(bytes)), MediaSourceStreamOptions::default());
    let (options, metadata) = (FormatOptions::default(), MetadataOptions::default());
    let probe = symphonia::default::get_probe();
    let format = probe.probe(&Hint::new(), source, options, metadata);
    let mut format = format.map_err(|_| SoundFileError::UnknownFormat)?;
    let track = format.default_track(TrackType::Audio).ok_or(SoundFileError::UnknownFormat)?;
    let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio());
    let mut decoder = Decoder::new(parameters.ok_or(SoundFileError::UnknownFormat)?)?;
    let id = track.id;
    decode_all(format.as_mut(), id, &mut decoder)?;
    decoder.finish()
}

/// Whether a `fmt` chunk of RIFF names more channels than are read. The reader behind looks for RIFF anywhere in
/// the file, and overflows with too many.
fn has_too_many_channels(bytes: &[u8]) -> bool {
    let has = |name: &[u8]| bytes.windows(name.len()).any(|window| window == name);
    // A chunk's name, its length of four bytes, the format of two, and the channels.
    let channels = |chunk: &[u8]| u16::from_le_bytes([chunk[10], chunk[11]]);
    let mut chunks = bytes.windows(12).filter(|chunk| chunk.starts_with(b"fmt "));
    has(b"RIFF") && chunks.any(|chunk| channels(chunk) > wav::MAX_CHANNELS)
}

fn decode_all(
    format: &mut dyn FormatReader,
    track: u32,
    decoder: &mut Decoder,
) -> Result<(), SoundFileError> {
    let mut bad_packets = 0;
    // A file that is cut short is played as far as it goes.
    while let Ok(Some(packet)) = format.next_packet() {
        if packet.track_id != track {
            continue;
        }
        match decoder.decode(&packet) {
            Ok(()) => bad_packets = 0,
            Err(error) if bad_packets == MAX_BAD_PACKETS => return Err(error),
            Err(_) => bad_packets += 1,
        }
        if decoder.samples.len() > MAX_SAMPLES {
            return Err(SoundFileError::Size);
        }
    }
    Ok(())
}

/// What decodes, and what was decoded.
struct Decoder {
    kind: Kind,
    rate: u32,
    samples: Vec<i16>,
    interleaved: Vec<i16>,
}

enum Kind {
    Opus(OpusDecoder),
    Other(Box<dyn AudioDecoder>),
}

impl Decoder {
    fn new(parameters: &AudioCodecParameters) -> Result<Self, SoundFileError> {
        let (kind, rate) = if parameters.codec == CODEC_ID_OPUS {
            let opus = OpusDecoder::new().map_err(|_| SoundFileError::UnknownFormat)?;
            (Kind::Opus(opus), OPUS_RATE)
        } else {
            let codecs = symphonia::default::get_codecs();
            let decoder = codecs.make_audio_decoder(parameters, &AudioDecoderOptions::default());
            (Kind::Other(decoder.map_err(|_| SoundFileError::UnknownFormat)?), 0)
        };
        Ok(Self { kind, rate, samples: Vec::new(), interleaved: Vec::new() })
    }

    fn decode(&mut self, packet: &Packet) -> Result<(), SoundFileError> {
        let decoded = match &mut self.kind {
            Kind::Opus(opus) => decode_opus(opus, &packet.data, &mut self.samples),
            Kind::Other(decoder) => match decoder.decode(packet) {
                Ok(audio) => {
                    let channels = audio.spec().channels().count().max(1);
                    self.rate = audio.spec().rate();
                    audio.copy_to_vec_interleaved(&mut self.interleaved);
                    self.samples.extend(wav::mix_to_mono(&self.interleaved, channels));
                    Ok(audio.frames())
                }
                Err(Error::DecodeError(_)) => Err(SoundFileError::Malformed),
                Err(_) => Err(SoundFileError::UnknownFormat),
            },
        };
        // What the encoder put before and behind the sound is not heard.
        let frames = decoded?;
        let start = self.samples.len() - frames.min(self.samples.len());
        let trim = |units: u64| usize::try_from(units).unwrap_or(frames).min(frames);
        let end = self.samples.len() - trim(packet.trim_end.get());
        self.samples.truncate(end.max(start));
        let first = (start + trim(packet.trim_start.get())).min(self.samples.len());
        self.samples.drain(start..first);
        Ok(())
    }

    fn finish(self) -> Result<Wav, SoundFileError> {
        let Self { rate, samples, .. } = self;
        if samples.is_empty() || !(MIN_RATE..=MAX_RATE).contains(&rate) {
            return Err(SoundFileError::Size);
        }
        Ok(Wav { rate, samples })
    }
}

fn decode_opus(
    opus: &mut OpusDecoder,
    payload: &[u8],
    samples: &mut Vec<i16>,
) -> Result<usize, SoundFileError> {
    let mut pcm = [0; MAX_FRAME_SAMPLES];
    Codec::Opus.payload_samples(payload).map_err(|_| SoundFileError::Malformed)?;
    let count = opus.decode(payload, &mut pcm).map_err(|_| SoundFileError::Malformed)?;
    samples.extend(&pcm[..count]);
    Ok(count)
}
