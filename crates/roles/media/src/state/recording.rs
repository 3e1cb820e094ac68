//! Which legs and conferences are recorded.

use super::Engine;
use super::agreed::PayloadKind;
use super::description::codec_of;
use super::leg::{Leg, Outgoing};
use super::recorded::{Beginning, Track, What};
use offhook_bus::{
    MediaEvent, RecordingCommand, RecordingEvent, RecordingFailure, RecordingFormat,
    RecordingSource, RecordingSummary,
};
use offhook_model::{ConferenceId, LegId};
use offhook_rtp::{RtpHeader, RtpPacket};
use std::time::Instant;

/// The sample rate of a WAV at most: what telephones carry is no better.
const WAV_RATE_MAX: u32 = 16_000;

/// That a leg or a conference is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tap {
    pub(crate) is_paused: bool,
}

impl Engine {
    pub(super) fn record(
        &mut self,
        source: RecordingSource,
        command: RecordingCommand,
        now: Instant,
    ) {
        match command {
            RecordingCommand::Start { path, layout, format, tone } => {
                let Some(rate) = self.recorded_rate(source) else {
                    let summary = RecordingSummary { path, ..RecordingSummary::default() };
                    let why = RecordingFailure::NoSuchSource;
                    let event = RecordingEvent::Failed { why, summary };
                    return self.outgoing.event(MediaEvent::Recording { source, event });
                };
                let rate = match format {
                    RecordingFormat::Wav => rate.min(WAV_RATE_MAX),
                    RecordingFormat::OggOpus => offhook_audio::ogg_opus::SAMPLE_RATE,
                };
                let track_count = match source {
                    RecordingSource::Leg(_) => 2,
                    RecordingSource::Conference(_) => 1,
                };
                let beginning = Beginning { path, layout, format, rate, track_count };
                self.outgoing.recorded.push(source, What::Begin(Box::new(beginning)), now);
                self.set_tap(source, Some(Tap { is_paused: false }), tone, now);
            }
            RecordingCommand::Pause => self.pause(source, true, now),
            RecordingCommand::Resume => self.pause(source, false, now),
            RecordingCommand::Stop => self.stop_recording(source, now),
        }
    }

    /// The sample rate of what is said; `None` when the source is not there.
    fn recorded_rate(&self, source: RecordingSource) -> Option<u32> {
        match source {
            RecordingSource::Leg(leg) => {
                let agreed = self.legs.get(&leg)?.agreed();
                Some(agreed.map_or(WAV_RATE_MAX, |agreed| agreed.codec.sample_rate()))
            }
            RecordingSource::Conference(id) => self.conferences.get(&id).map(|_| WAV_RATE_MAX),
        }
    }

    fn tap(&self, source: RecordingSource) -> Option<Tap> {
        match source {
            RecordingSource::Leg(leg) => self.legs.get(&leg)?.tap(),
            RecordingSource::Conference(id) => self.conferences.get(&id)?.tap(),
        }
    }

    fn set_tap(&mut self, source: RecordingSource, tap: Option<Tap>, tone: bool, now: Instant) {
        match source {
            RecordingSource::Leg(id) => {
                if let Some(leg) = self.legs.get_mut(&id) {
                    leg.set_tap(tap);
                    leg.set_notice(tone.then_some(now));
                    self.settle(id, now);
                }
            }
            RecordingSource::Conference(id) => {
                if let Some(conference) = self.conferences.get_mut(&id) {
                    conference.set_tap(tap, tone.then_some(now));
                }
            }
        }
    }

    fn pause(&mut self, source: RecordingSource, is_paused: bool, now: Instant) {
        if self.tap(source).is_none_or(|tap| tap.is_paused == is_paused) {
            return;
        }
        let what = if is_paused { What::Pause } else { What::Resume };
        self.outgoing.recorded.push(source, what, now);
        match source {
            RecordingSource::Leg(id) => {
                if let Some(leg) = self.legs.get_mut(&id) {
                    leg.set_tap(Some(Tap { is_paused }));
                }
            }
            RecordingSource::Conference(id) => {
                if let Some(conference) = self.conferences.get_mut(&id) {
                    conference.pause_tap(is_paused);
                }
            }
        }
    }

    fn stop_recording(&mut self, source: RecordingSource, now: Instant) {
        if self.tap(source).is_some() {
            self.outgoing.recorded.push(source, What::End, now);
            self.set_tap(source, None, false, now);
        }
    }

    /// The leg goes, and its recording with it.
    pub(super) fn end_recording_of(&mut self, leg: LegId, now: Instant) {
        self.stop_recording(RecordingSource::Leg(leg), now);
    }

    /// The conference goes, and its recording with it.
    pub(super) fn end_recording_in(&mut self, conference: ConferenceId, now: Instant) {
        self.stop_recording(RecordingSource::Conference(conference), now);
    }
}

impl Leg {
    /// Hands a packet of the party to its recording and its forks.
    pub(crate) fn tap_said(
        &self,
        packet: &RtpPacket<'_>,
        kind: PayloadKind,
        outgoing: &mut Outgoing,
        now: Instant,
    ) {
        let codec = match kind {
            PayloadKind::Speech(format) => codec_of(format),
            PayloadKind::Event { .. } | PayloadKind::Noise => None,
            PayloadKind::Unknown => return,
        };
        let header = packet.header();
        self.forks().push_packet(Track::Said, codec, &header, packet.payload, outgoing, now);
        if self.is_recorded() {
            let source = RecordingSource::Leg(self.id());
            let recorded = &mut outgoing.recorded;
            recorded.push_packet(source, Track::Said, codec, &header, packet.payload, now);
        }
    }

    /// Hands a packet to the party to its recording and its forks.
    pub(crate) fn tap_heard(
        &self,
        header: &RtpHeader,
        payload: &[u8],
        outgoing: &mut Outgoing,
        now: Instant,
    ) {
        let is_tapped = self.is_recorded() || !self.forks().are_none();
        let Some(agreed) = self.agreed().filter(|_| is_tapped) else { return };
        let codec = agreed.sent_format(header.payload_type).and_then(codec_of);
        self.forks().push_packet(Track::Heard, codec, header, payload, outgoing, now);
        if self.is_recorded() {
            let source = RecordingSource::Leg(self.id());
            let recorded = &mut outgoing.recorded;
            recorded.push_packet(source, Track::Heard, codec, header, payload, now);
        }
    }

    fn is_recorded(&self) -> bool {
        self.tap().is_some_and(|tap| !tap.is_paused)
    }
}
