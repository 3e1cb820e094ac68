//! One recording: two streams of packets become frames on one time line.

use super::file::SoundFile;
use super::storage::RecordingFile;
use crate::state::recorded::{Beginning, Track};
use crate::voice::{FRAME_SAMPLES_MAX, Frame, Voice};
use offhook_audio::Codec;
use offhook_audio::activity::Activity;
use offhook_bus::{
    RecordingEvent, RecordingFailure, RecordingLayout, RecordingMark, RecordingSummary,
};
use offhook_rtp::RtpPacket;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const FRAME: Duration = Duration::from_millis(20);
const FRAME_MS: u32 = 20;
const FRAMES_PER_SECOND: u32 = 50;
/// A packet whose place was written this long ago comes too late.
const LATE_MAX: Duration = Duration::from_millis(200);
/// The longest recording: half a day, which a WAV can hold. The file ends there.
const FRAMES_MAX: u64 = 12 * 3_600 * FRAMES_PER_SECOND as u64;
/// Pauses of one recording that are remembered.
const MARKS_MAX: usize = 1_000;

#[derive(Debug)]
pub(super) struct Recording {
    path: PathBuf,
    layout: RecordingLayout,
    rate: u32,
    file: SoundFile,
    /// One for each of [`Track`]; a conference has only the first.
    voices: [Voice; 2],
    track_count: usize,
    begun: Instant,
    frame_count: u64,
    is_paused: bool,
    marks: Vec<RecordingMark>,
    frames_dropped: u64,
    activity: Activity,
    speech_frames: u64,
    /// Whether the party spoke when that was told last.
    was_speaking: bool,
}

impl Recording {
    pub(super) fn new(
        beginning: &Beginning,
        path: PathBuf,
        file: Box<dyn RecordingFile>,
        serial: u32,
        at: Instant,
    ) -> Result<Self, RecordingFailure> {
        let (layout, channels) = match beginning.layout {
            RecordingLayout::Stereo if beginning.track_count == 2 => (RecordingLayout::Stereo, 2),
            RecordingLayout::Stereo | RecordingLayout::Mixed => (RecordingLayout::Mixed, 1),
            RecordingLayout::Said => (RecordingLayout::Said, 1),
        };
        Ok(Self {
            path,
            layout,
            rate: beginning.rate,
            file: SoundFile::new(file, beginning.format, beginning.rate, channels, serial)?,
            voices: Default::default(),
            track_count: beginning.track_count,
            begun: at,
            frame_count: 0,
            is_paused: false,
            marks: Vec::new(),
            frames_dropped: 0,
            activity: Activity::default(),
            speech_frames: 0,
            was_speaking: false,
        })
    }

    pub(super) fn handle_packet(
        &mut self,
        track: Track,
        codec: Option<Codec>,
        bytes: &[u8],
        at: Instant,
    ) -> Result<(), RecordingFailure> {
        self.advance(at)?;
        if at + LATE_MAX < self.position() {
            self.frames_dropped += 1;
            return Ok(());
        }
        let Ok(packet) = RtpPacket::parse(bytes) else { return Ok(()) };
        let voice = match track {
            Track::Said => &mut self.voices[0],
            Track::Heard => &mut self.voices[1],
        };
        voice.handle_packet(codec, &packet, at);
        Ok(())
    }

    /// Writes the frames until this instant.
    pub(super) fn advance(&mut self, until: Instant) -> Result<(), RecordingFailure> {
        let elapsed = until.saturating_duration_since(self.begun).as_millis();
        let wanted = u64::try_from(elapsed / FRAME.as_millis()).unwrap_or(u64::MAX);
        while self.frame_count < wanted.min(FRAMES_MAX) {
            self.write_frame()?;
        }
        Ok(())
    }

    /// The instant of the next frame.
    fn position(&self) -> Instant {
        self.begun + FRAME * u32::try_from(self.frame_count).unwrap_or(u32::MAX)
    }

    fn write_frame(&mut self) -> Result<(), RecordingFailure> {
        let at = self.position();
        self.frame_count += 1;
        let samples = usize::try_from(self.rate / FRAMES_PER_SECOND).expect("a frame is short");
        let mut frames: [Frame; 2] = [[0; FRAME_SAMPLES_MAX]; 2];
        if !self.is_paused {
            let voices = self.voices.iter_mut().take(self.track_count);
            for (voice, frame) in voices.zip(&mut frames) {
                voice.fill(frame, self.rate, at);
            }
        }
        let [said, heard] = &frames;
        if self.layout == RecordingLayout::Said {
            self.activity.push(&said[..samples], FRAME_MS);
            self.speech_frames += u64::from(self.activity.is_speaking());
            return self.file.push(&said[..samples]);
        }
        let pairs = said.iter().zip(heard).take(samples);
        let mut interleaved = [0; 2 * FRAME_SAMPLES_MAX];
        let length = match self.layout {
            RecordingLayout::Stereo => {
                for (slot, (left, right)) in interleaved.chunks_exact_mut(2).zip(pairs) {
                    slot.copy_from_slice(&[*left, *right]);
                }
                2 * samples
            }
            RecordingLayout::Mixed | RecordingLayout::Said => {
                for (slot, (one, other)) in interleaved.iter_mut().zip(pairs) {
                    *slot = one.saturating_add(*other);
                }
                samples
            }
        };
        self.file.push(&interleaved[..length])
    }

    pub(super) fn pause(&mut self, at: Instant) -> Result<(), RecordingFailure> {
        self.advance(at)?;
        self.is_paused = true;
        // What waits to be played was said before; after the pause it must not come.
        self.voices = Default::default();
        self.mark();
        Ok(())
    }

    pub(super) fn resume(&mut self, at: Instant) -> Result<(), RecordingFailure> {
        self.advance(at)?;
        self.is_paused = false;
        self.mark();
        Ok(())
    }

    fn mark(&mut self) {
        if self.marks.len() < MARKS_MAX {
            let (seconds, is_pause) = (self.seconds(), self.is_paused);
            self.marks.push(RecordingMark { seconds, is_pause });
        }
    }

    pub(super) fn count_dropped(&mut self, packets: u64) {
        self.frames_dropped += packets;
    }

    pub(super) fn finish(&mut self) -> Result<(), RecordingFailure> {
        self.file.finish()
    }

    fn seconds(&self) -> f64 {
        self.frame_count as f64 / f64::from(FRAMES_PER_SECOND)
    }

    /// That the party has begun to speak or has fallen silent since this was asked last.
    pub(super) fn poll_speech(&mut self) -> Option<RecordingEvent> {
        let is_speaking = self.activity.is_speaking();
        let has_changed = std::mem::replace(&mut self.was_speaking, is_speaking) != is_speaking;
        has_changed.then_some(RecordingEvent::Speech { is_speaking })
    }

    pub(super) fn started(&self) -> RecordingEvent {
        let (path, is_encrypted) = (self.path.clone(), self.file.is_encrypted());
        RecordingEvent::Started { path, is_encrypted }
    }

    pub(super) fn summary(&self) -> RecordingSummary {
        RecordingSummary {
            path: self.path.clone(),
            bytes: self.file.bytes(),
            seconds: self.seconds(),
            speech_seconds: self.speech_frames as f64 / f64::from(FRAMES_PER_SECOND),
            marks: self.marks.clone(),
            frames_dropped: self.frames_dropped,
            is_encrypted: self.file.is_encrypted(),
        }
    }
}
