//! What a media thread hands to the thread that writes recordings.

use offhook_audio::Codec;
use offhook_bus::{RecordingFormat, RecordingLayout, RecordingSource};
use offhook_rtp::RtpHeader;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Bytes of speech after which what was collected is handed over.
const BYTES_MAX: usize = 32 * 1024;
/// The age at which it is handed over.
const AGE_MAX: Duration = Duration::from_millis(100);

/// A piece of the recordings of one thread: copies of packets, and orders between them, in the order of time.
#[derive(Debug, Default)]
pub struct Recorded {
    pub(crate) entries: Vec<Entry>,
    bytes: Vec<u8>,
    is_urgent: bool,
}

/// What happened to one recording.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) source: RecordingSource,
    pub(crate) at: Instant,
    pub(crate) what: What,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum What {
    Begin(Box<Beginning>),
    /// An RTP packet, whose bytes are at this place; without a codec it carries something else than speech.
    Packet {
        track: Track,
        codec: Option<Codec>,
        start: usize,
        length: usize,
    },
    Pause,
    Resume,
    End,
    /// So many packets were not handed over.
    Dropped {
        packets: u64,
    },
}

/// How a recording is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Beginning {
    pub(crate) path: PathBuf,
    pub(crate) layout: RecordingLayout,
    pub(crate) format: RecordingFormat,
    /// The sample rate of what is recorded.
    pub(crate) rate: u32,
    /// Two tracks, or the one of a conference.
    pub(crate) track_count: usize,
}

/// Whose voice it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Track {
    /// What the party says, or the mix of a conference.
    Said,
    /// What the party hears.
    Heard,
}

impl Recorded {
    /// Takes note of an order, which is handed over at once.
    pub(crate) fn push(&mut self, source: RecordingSource, what: What, at: Instant) {
        self.entries.push(Entry { source, at, what });
        self.is_urgent = true;
    }

    /// Copies a packet.
    pub(crate) fn push_packet(
        &mut self,
        source: RecordingSource,
        track: Track,
        codec: Option<Codec>,
        header: &RtpHeader,
        payload: &[u8],
        at: Instant,
    ) {
        let start = self.bytes.len();
        let length = payload.len() + offhook_rtp::RTP_HEADER_BYTES;
        self.bytes.resize(start + length, 0);
        if header.write_packet(payload, &mut self.bytes[start..]).is_err() {
            return self.bytes.truncate(start);
        }
        let what = What::Packet { track, codec, start, length };
        self.entries.push(Entry { source, at, what });
    }

    /// The bytes of a packet.
    pub(crate) fn packet(&self, start: usize, length: usize) -> &[u8] {
        self.bytes.get(start..start + length).unwrap_or_default()
    }

    /// Takes all, when it is time.
    pub(crate) fn take_due(&mut self) -> Option<Box<Self>> {
        let (first, last) = (self.entries.first()?, self.entries.last()?);
        let is_old = last.at.saturating_duration_since(first.at) >= AGE_MAX;
        if !self.is_urgent && !is_old && self.bytes.len() < BYTES_MAX {
            return None;
        }
        let taken = Box::new(std::mem::take(self));
        self.bytes.reserve(taken.bytes.len());
        self.entries.reserve(taken.entries.len());
        Some(taken)
    }

    /// When what was collected is old enough to be handed over.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.entries.first().map(|first| first.at + AGE_MAX)
    }

    /// Hands over what is old enough.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.is_urgent |= self.poll_timeout().is_some_and(|due| due <= now);
    }

    /// Hands all over at the next opportunity.
    pub(crate) fn hurry(&mut self) {
        self.is_urgent = true;
    }

    /// Forgets the packets and keeps the orders, among them how many packets of each recording were
    /// forgotten, which it returns as well.
    pub(crate) fn drop_packets(&mut self) -> Vec<(RecordingSource, u64)> {
        let mut dropped: Vec<(RecordingSource, u64, Instant)> = Vec::new();
        for entry in &self.entries {
            if let What::Packet { .. } = entry.what {
                match dropped.iter_mut().find(|(source, ..)| *source == entry.source) {
                    Some((_, packets, _)) => *packets += 1,
                    None => dropped.push((entry.source, 1, entry.at)),
                }
            }
        }
        self.entries.retain(|entry| !matches!(entry.what, What::Packet { .. }));
        self.bytes.clear();
        let notes = dropped.iter().map(|&(source, packets, at)| Entry {
            source,
            at,
            what: What::Dropped { packets },
        });
        // The notes come first, since their recordings may end within the same piece.
        self.entries.splice(0..0, notes);
        dropped.into_iter().map(|(source, packets, _)| (source, packets)).collect()
    }

    /// Appends what has no packets. Notes of packets that were forgotten are added up.
    pub(crate) fn append_orders(&mut self, other: Self) {
        for entry in other.entries {
            let is_note_of = |known: &&mut Entry| {
                known.source == entry.source && matches!(known.what, What::Dropped { .. })
            };
            if let What::Dropped { packets: more } = entry.what
                && let Some(known) = self.entries.iter_mut().rev().find(is_note_of)
                && let What::Dropped { packets } = &mut known.what
            {
                *packets += more;
                continue;
            }
            self.entries.push(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_model::LegId;

    const SOURCE: RecordingSource = RecordingSource::Leg(LegId(1));
    const OTHER: RecordingSource = RecordingSource::Leg(LegId(2));

    fn push_packet(recorded: &mut Recorded, source: RecordingSource, at: Instant) {
        let header = RtpHeader { sequence_number: 7, ..RtpHeader::default() };
        let codec = Some(Codec::Pcmu);
        recorded.push_packet(source, Track::Said, codec, &header, &[1; 160], at);
    }

    #[test]
    fn packets_are_handed_over_together_and_orders_at_once() {
        let start = Instant::now();
        let mut recorded = Recorded::default();
        for number in 0..5 {
            push_packet(&mut recorded, SOURCE, start + Duration::from_millis(20 * number));
            assert!(recorded.take_due().is_none());
        }
        push_packet(&mut recorded, SOURCE, start + AGE_MAX);
        assert_eq!(recorded.take_due().expect("it is old").entries.len(), 6);
        assert!(recorded.take_due().is_none());
        recorded.push(SOURCE, What::Pause, start);
        assert!(recorded.take_due().is_some());
        (0..200).for_each(|_| push_packet(&mut recorded, SOURCE, start));
        assert!(recorded.take_due().is_some(), "it is much");
        push_packet(&mut recorded, SOURCE, start);
        assert_eq!(recorded.poll_timeout(), Some(start + AGE_MAX));
        recorded.handle_timeout(start + AGE_MAX);
        assert!(recorded.take_due().is_some(), "nothing came behind it");
    }

    #[test]
    fn what_is_forgotten_is_counted_and_orders_stay() {
        let now = Instant::now();
        let mut recorded = Recorded::default();
        (0..3).for_each(|_| push_packet(&mut recorded, SOURCE, now));
        push_packet(&mut recorded, OTHER, now);
        recorded.push(SOURCE, What::End, now);
        assert_eq!(recorded.drop_packets(), [(SOURCE, 3), (OTHER, 1)]);
        let mut later = Recorded::default();
        push_packet(&mut later, OTHER, now);
        assert_eq!(later.drop_packets(), [(OTHER, 1)]);
        recorded.append_orders(later);
        let left: Vec<String> =
            recorded.entries.iter().map(|e| format!("{:?} {:?}", e.source, e.what)).collect();
        let dropped = |source: RecordingSource, packets: u64| {
            format!("{source:?} Dropped {{ packets: {packets} }}")
        };
        assert_eq!(left, [dropped(SOURCE, 3), dropped(OTHER, 2), format!("{SOURCE:?} End")]);
    }
}
