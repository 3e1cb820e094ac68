//! Legs whose section is passed on as it is: video, T.38, audio in formats that nobody here decodes.
//!
//! A leg is opaque from an agreement on until one on speech follows, and may have been either before: a
//! phone may choose G.729 in its answer, or send a fax in the middle of a call. Its ports, transport,
//! partner and gate are those of any leg. What comes from its party goes to the party of its partner, if
//! that one is opaque too, with payload types, sources, sequence numbers, extensions and RTCP feedback
//! untouched, so that what the two ends agree on between them works as if nobody stood there.

use super::Engine;
use super::packet::PACKET_BYTES_MAX;
use offhook_bus::{
    ConferenceCommand, ConferenceEvent, JoinRefusal, MediaCommand, MediaEvent, RecordingCommand,
    RecordingEvent, RecordingFailure, RecordingSummary,
};
use offhook_model::{LegId, RecordingSource};
use offhook_rtc::PROTECTION_BYTES_MAX;
use std::time::Instant;

/// Bytes of a packet that is passed on at most, so that its protection finds room.
pub(crate) const PASSED_BYTES_MAX: usize = PACKET_BYTES_MAX - PROTECTION_BYTES_MAX;

/// What serves an opaque leg.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opaque {
    /// Whether RTP is spoken, and not other datagrams.
    pub(crate) is_rtp: bool,
    /// `none`, `sdes` or `dtls`.
    pub(crate) security: &'static str,
}

/// What is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passed {
    Rtp,
    Rtcp,
    /// A datagram of something else, such as UDPTL.
    Datagram,
}

/// How it counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PassedSize {
    /// The source of RTP.
    pub(crate) ssrc: Option<u32>,
    pub(crate) payload_bytes: usize,
}

impl Engine {
    /// Passes on what the party of an opaque leg has sent.
    pub(super) fn pass_as_it_is(&mut self, id: LegId, what: Passed, bytes: &[u8], now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(size) = leg.note_passed(what, bytes, now) else {
            return self.outgoing.counts.refuse("malformed");
        };
        let partner = leg.partner().filter(|_| leg.lets_pass(what));
        if let Some(partner) = partner.and_then(|partner| self.legs.get_mut(&partner)) {
            partner.send_as_it_is(what, bytes, size, &mut self.outgoing);
        }
    }

    /// Speech that was played to a leg, mixed or recorded before it became opaque ends.
    pub(super) fn end_speech_of_opaque(&mut self, id: LegId, now: Instant) {
        if self.legs.get(&id).is_some_and(|leg| leg.is_opaque()) {
            self.leave_conference(id, now);
            self.end_recording_of(id, now);
        }
    }

    /// Whether the command asks for speech on an opaque leg, so that it is refused.
    pub(super) fn refuses_speech(&mut self, command: &MediaCommand) -> bool {
        let leg = command.leg().filter(|id| self.legs.get(id).is_some_and(|leg| leg.is_opaque()));
        let Some(leg) = leg else { return false };
        match command {
            MediaCommand::Play { .. } => self.outgoing.event(MediaEvent::PlayFinished { leg }),
            MediaCommand::Echo { .. }
            | MediaCommand::SendDtmf { .. }
            | MediaCommand::PlayControl { .. } => {
                tracing::debug!(%leg, "there is no speech on an opaque leg");
            }
            MediaCommand::Conference {
                conference,
                command: ConferenceCommand::Join { leg, .. },
            } => {
                let event = ConferenceEvent::Refused { leg: *leg, why: JoinRefusal::NoSuchLeg };
                self.outgoing.event(MediaEvent::Conference { conference: *conference, event });
            }
            MediaCommand::Record { source, command: RecordingCommand::Start { path, .. } } => {
                let summary = RecordingSummary { path: path.clone(), ..Default::default() };
                let event = RecordingEvent::Failed { why: RecordingFailure::NoSuchSource, summary };
                let source: RecordingSource = *source;
                self.outgoing.event(MediaEvent::Recording { source, event });
            }
            _ => return false,
        }
        true
    }
}
