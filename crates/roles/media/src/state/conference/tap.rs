//! The recording of a conference.

use super::{Conference, FRAME_SAMPLES_MAX, convert};
use crate::state::leg::Outgoing;
use crate::state::recorded::Track;
use crate::state::recording::Tap;
use offhook_audio::{Codec, L16Rate, Resampler};
use offhook_bus::RecordingSource;
use offhook_rtp::RtpHeader;
use std::time::Instant;

/// The mix is handed over at this rate.
const CODEC: Codec = Codec::L16(L16Rate::Hz16000);
/// Bytes of a frame of it.
const FRAME_BYTES: usize = 640;

/// What is said to everyone, as a stream of packets.
#[derive(Debug)]
pub(super) struct ConferenceTap {
    tap: Tap,
    resampler: Option<(u32, Resampler)>,
    sequence_number: u16,
    timestamp: u32,
}

impl Conference {
    pub(crate) fn tap(&self) -> Option<Tap> {
        self.tap.as_ref().map(|tap| tap.tap)
    }

    /// Begins or ends the recording; `notice` when those who are recorded shall hear that they are.
    pub(crate) fn set_tap(&mut self, tap: Option<Tap>, notice: Option<Instant>) {
        self.notice.set(notice);
        let made = |tap| {
            Box::new(ConferenceTap { tap, resampler: None, sequence_number: 0, timestamp: 0 })
        };
        self.tap = tap.map(made);
    }

    pub(crate) fn pause_tap(&mut self, is_paused: bool) {
        if let Some(tap) = &mut self.tap {
            tap.tap.is_paused = is_paused;
        }
    }

    /// Hands the mix of this frame to the recording.
    pub(super) fn record(&mut self, outgoing: &mut Outgoing, now: Instant) {
        let Some(tap) = self.tap.as_mut() else { return };
        tap.sequence_number = tap.sequence_number.wrapping_add(1);
        tap.timestamp = tap.timestamp.wrapping_add(CODEC.frame_ticks(20));
        if tap.tap.is_paused {
            return;
        }
        let mix = &mut self.frame[..self.mixer.frame_samples()];
        self.mixer.mix_for_all(mix);
        let mut pcm = [0; FRAME_SAMPLES_MAX];
        let samples = convert(&mut tap.resampler, mix, self.rate, CODEC.sample_rate(), &mut pcm);
        let mut payload = [0; FRAME_BYTES];
        let samples = &pcm[..samples.unwrap_or_default()];
        for (bytes, sample) in payload.chunks_exact_mut(2).zip(samples) {
            bytes.copy_from_slice(&sample.to_be_bytes());
        }
        let (sequence_number, timestamp) = (tap.sequence_number, tap.timestamp);
        let header = RtpHeader { sequence_number, timestamp, ..RtpHeader::default() };
        let source = RecordingSource::Conference(self.id);
        let recorded = &mut outgoing.recorded;
        recorded.push_packet(source, Track::Said, Some(CODEC), &header, &payload, now);
    }
}
