//! Recordings as Opus in Ogg (RFC 7845), page by page.

use crate::codec::CodecError;
use ogg::writing::{PacketWriteEndInfo, PacketWriter};
use opus::{Application, Bitrate, Channels};

/// Samples per second of each channel that is encoded.
pub const SAMPLE_RATE: u32 = 48_000;
/// Samples of each channel in a frame: 20 ms.
pub const FRAME_SAMPLES: usize = 960;
/// Frames of a page: what is lost at most when the writer dies is one second.
const PAGE_FRAMES: u64 = 50;
/// Bits per second for each channel: wideband speech.
const CHANNEL_BITRATE: i32 = 24_000;
/// libopus' effort from 0 to 10.
const COMPLEXITY: i32 = 5;
/// Bytes of a packet at most.
const PACKET_BYTES_MAX: usize = 1_275 * 2;

/// Makes one recording. Its bytes are taken as pages are completed.
pub struct OggOpus {
    encoder: opus::Encoder,
    channels: usize,
    serial: u32,
    writer: PacketWriter<'static, Vec<u8>>,
    pre_skip: u16,
    frame_count: u64,
}

impl OggOpus {
    /// A recording of one or two channels; `serial` tells its stream from others in one file.
    pub fn new(channels: u16, serial: u32) -> Result<Self, CodecError> {
        let layout = if channels == 1 { Channels::Mono } else { Channels::Stereo };
        let (encoder, pre_skip) = encoder(layout, channels).map_err(|_| CodecError::Unavailable)?;
        let mut made = Self {
            encoder,
            channels: usize::from(channels),
            serial,
            writer: PacketWriter::new(Vec::new()),
            pre_skip,
            frame_count: 0,
        };
        made.write(made.head(channels), PacketWriteEndInfo::EndPage, 0);
        made.write(tags(), PacketWriteEndInfo::EndPage, 0);
        Ok(made)
    }

    /// The identification header (RFC 7845 5.1).
    fn head(&self, channels: u16) -> Vec<u8> {
        let mut head = b"OpusHead\x01".to_vec();
        head.push(channels as u8);
        head.extend(self.pre_skip.to_le_bytes());
        head.extend(SAMPLE_RATE.to_le_bytes());
        head.extend([0, 0, 0]);
        head
    }

    /// Encodes [`FRAME_SAMPLES`] samples of each channel, interleaved.
    pub fn push(&mut self, interleaved: &[i16]) -> Result<(), CodecError> {
        if interleaved.len() != FRAME_SAMPLES * self.channels {
            return Err(CodecError::FrameLength);
        }
        let mut packet = vec![0; PACKET_BYTES_MAX];
        let length = self.encoder.encode(interleaved, &mut packet);
        packet.truncate(length.map_err(|_| CodecError::FrameLength)?);
        self.frame_count += 1;
        let ends_page = self.frame_count.is_multiple_of(PAGE_FRAMES);
        let end =
            if ends_page { PacketWriteEndInfo::EndPage } else { PacketWriteEndInfo::NormalPacket };
        self.write(packet, end, self.granule());
        Ok(())
    }

    /// Ends the stream with one more frame of silence.
    pub fn finish(&mut self) -> Result<(), CodecError> {
        let silence = vec![0; FRAME_SAMPLES * self.channels];
        let mut packet = vec![0; PACKET_BYTES_MAX];
        let length = self.encoder.encode(&silence, &mut packet);
        packet.truncate(length.map_err(|_| CodecError::FrameLength)?);
        self.frame_count += 1;
        // What the encoder was behind comes with the last frame, and no more of it (RFC 7845 4).
        let granule = self.granule() - FRAME_SAMPLES as u64 + u64::from(self.pre_skip);
        self.write(packet, PacketWriteEndInfo::EndStream, granule);
        Ok(())
    }

    /// The bytes of the pages that were completed since the last time.
    pub fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.inner_mut())
    }

    fn granule(&self) -> u64 {
        self.frame_count * FRAME_SAMPLES as u64
    }

    fn write(&mut self, packet: Vec<u8>, end: PacketWriteEndInfo, granule: u64) {
        self.writer
            .write_packet(packet, self.serial, end, granule)
            .expect("writing to memory does not fail");
    }
}

impl std::fmt::Debug for OggOpus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OggOpus").field("frames", &self.frame_count).finish_non_exhaustive()
    }
}

/// An encoder, and by how many samples its output is behind.
fn encoder(layout: Channels, channels: u16) -> opus::Result<(opus::Encoder, u16)> {
    let mut encoder = opus::Encoder::new(SAMPLE_RATE, layout, Application::Audio)?;
    encoder.set_bitrate(Bitrate::Bits(CHANNEL_BITRATE * i32::from(channels)))?;
    encoder.set_complexity(COMPLEXITY)?;
    let lookahead = encoder.get_lookahead()?;
    Ok((encoder, u16::try_from(lookahead).unwrap_or_default()))
}

/// The comment header (RFC 7845 5.2).
fn tags() -> Vec<u8> {
    let vendor = b"offhook";
    let mut tags = b"OpusTags".to_vec();
    tags.extend((vendor.len() as u32).to_le_bytes());
    tags.extend(vendor);
    tags.extend(0_u32.to_le_bytes());
    tags
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Tone, ToneGenerator, goertzel};
    use ogg::reading::PacketReader;
    use std::io::Cursor;

    /// The channels of a recording, and the granule position of its end.
    fn decode(bytes: &[u8], channels: usize) -> (Vec<Vec<i16>>, u64) {
        let layout = if channels == 1 { Channels::Mono } else { Channels::Stereo };
        let mut decoder = opus::Decoder::new(SAMPLE_RATE, layout).unwrap();
        let mut reader = PacketReader::new(Cursor::new(bytes));
        let head = reader.read_packet_expected().unwrap().data;
        assert_eq!((&head[..8], usize::from(head[9])), (&b"OpusHead"[..], channels));
        assert_eq!(&reader.read_packet_expected().unwrap().data[..8], b"OpusTags");
        let mut heard = vec![Vec::new(); channels];
        let mut granule = 0;
        while let Ok(Some(packet)) = reader.read_packet() {
            let mut pcm = vec![0; 5_760 * channels];
            let samples = decoder.decode(&packet.data, &mut pcm, false).unwrap();
            for (at, sample) in pcm[..samples * channels].iter().enumerate() {
                heard[at % channels].push(*sample);
            }
            granule = packet.absgp_page();
        }
        (heard, granule)
    }

    /// So many frames with a tone of its own in each channel.
    fn recording(channels: u16, frames: usize) -> OggOpus {
        let mut made = OggOpus::new(channels, 7).unwrap();
        let mut voices: Vec<ToneGenerator> = [440.0, 1_250.0][..usize::from(channels)]
            .iter()
            .map(|hz| ToneGenerator::new(SAMPLE_RATE, &[Tone { hz: *hz, dbm0: -10.0 }]))
            .collect();
        for _ in 0..frames {
            let frames: Vec<Vec<i16>> = voices
                .iter_mut()
                .map(|voice| {
                    let mut frame = vec![0; FRAME_SAMPLES];
                    voice.fill(&mut frame);
                    frame
                })
                .collect();
            let interleaved: Vec<i16> =
                (0..FRAME_SAMPLES).flat_map(|at| frames.iter().map(move |f| f[at])).collect();
            made.push(&interleaved).unwrap();
        }
        made
    }

    #[test]
    fn each_channel_keeps_its_tone() {
        for channels in [1, 2] {
            let mut made = recording(channels, 120);
            made.finish().unwrap();
            let (heard, granule) = decode(&made.take_bytes(), usize::from(channels));
            let pre_skip = u64::from(made.pre_skip);
            assert_eq!(granule - pre_skip, 120 * FRAME_SAMPLES as u64);
            for (pcm, hz) in heard.iter().zip([440.0, 1_250.0]) {
                let share = goertzel::power_share(&pcm[4_800..100_000], SAMPLE_RATE, hz);
                assert!(share > 0.95, "{share:.3} is at {hz} Hz");
            }
        }
    }

    #[test]
    fn what_was_taken_after_each_second_is_a_recording_without_an_end() {
        let mut made = recording(2, 149);
        let (heard, _) = decode(&made.take_bytes(), 2);
        assert_eq!(heard[0].len(), 100 * FRAME_SAMPLES);
    }

    #[test]
    fn a_frame_of_another_length_is_refused() {
        let mut made = OggOpus::new(2, 1).unwrap();
        assert_eq!(made.push(&[0; FRAME_SAMPLES]), Err(CodecError::FrameLength));
    }
}
