//! The state of each source under a key: packet index and replay windows (RFC 3711 3.2.3, 3.3.1).

use super::replay::ReplayWindow;
use super::{RTCP_INDEX_MAX, SrtpError};
use crate::sequence::SequenceExtender;
use serde::{Deserialize, Serialize};

/// Sources under one master key at most.
pub const SRTP_STREAMS_MAX: usize = 256;

/// Indices of this size and above do not fit the 48 bits of an index.
const RTP_INDEX_END: u64 = 1 << 48;
/// [`SequenceExtender`] begins one cycle up, the rollover counter at zero.
const FIRST_CYCLE: u64 = 1 << 16;

/// The 48-bit packet index: rollover counter and sequence number.
pub(super) type PacketIndex = u64;

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    sequence: SequenceExtender,
    rtp_window: ReplayWindow,
    rtcp_window: ReplayWindow,
    next_rtcp_index: u32,
}

/// How far one source under a key has come, for a context that goes on elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SrtpStreamState {
    /// The source.
    pub ssrc: u32,
    /// The highest packet index, rollover counter and sequence number (RFC 3711 3.3.1); `None` before the
    /// first RTP packet.
    pub rtp_index: Option<u64>,
    /// The SRTCP index that follows the highest one.
    pub next_rtcp_index: u32,
}

/// How far all sources under a key have come.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SrtpState {
    /// Those that have sent something.
    pub streams: Vec<SrtpStreamState>,
    /// The SRTCP index with which any other one begins.
    pub first_rtcp_index: u32,
}

/// What a sender may have sent since its state was noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SentSince<'a> {
    /// RTP packets of a source at most.
    pub packets: u32,
    /// Reports of a source at most.
    pub reports: u32,
    /// What is known of sources whose packets are passed on with the numbers that they have.
    pub passed_on: PassedOn<'a>,
}

/// Up to where the numbers of sources that are passed on may have been used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PassedOn<'a> {
    /// None are passed on: [`SentSince::packets`] is for all sources.
    #[default]
    Nothing,
    /// Whoever sent has noted the highest index that it may use, by source, before it did.
    Noted {
        /// The source of the sender's own packets, for which [`SentSince::packets`] is.
        own_ssrc: u32,
        /// Sources with their highest indices. One that is not among them has sent nothing since.
        indices: &'a [(u32, u64)],
        /// Whether there was no room for further sources, so that others may have sent any number.
        is_full: bool,
    },
    /// It is not known. Sources that the state does not have may have sent any number.
    Unknown {
        /// The source of the sender's own packets, for which [`SentSince::packets`] is.
        own_ssrc: u32,
        /// Packets at most of each other source that the state has; [`u32::MAX`] refuses them altogether.
        packets: u32,
    },
}

/// All sources under a key; the one used last is found at once.
#[derive(Debug, Default)]
pub(super) struct Streams {
    streams: Vec<Stream>,
    last: usize,
    first_rtcp_index: u32,
    /// Sources of which no packet is known are refused but for this one: their numbers may have been used.
    closed_but_for: Option<u32>,
}

impl SentSince<'_> {
    /// How many numbers of a source may have been used that are not noted.
    fn packets_of(&self, ssrc: u32) -> u32 {
        match self.passed_on {
            PassedOn::Noted { own_ssrc, .. } if ssrc != own_ssrc => 0,
            PassedOn::Unknown { own_ssrc, packets } if ssrc != own_ssrc => packets,
            PassedOn::Nothing | PassedOn::Noted { .. } | PassedOn::Unknown { .. } => self.packets,
        }
    }

    fn closed_but_for(&self) -> Option<u32> {
        match self.passed_on {
            PassedOn::Nothing => None,
            PassedOn::Noted { own_ssrc, is_full, .. } => is_full.then_some(own_ssrc),
            PassedOn::Unknown { own_ssrc, .. } => Some(own_ssrc),
        }
    }

    fn noted(&self) -> &[(u32, u64)] {
        match self.passed_on {
            PassedOn::Nothing | PassedOn::Unknown { .. } => &[],
            PassedOn::Noted { indices, .. } => indices,
        }
    }
}

impl Streams {
    /// How far each source has come.
    pub fn state(&self) -> SrtpState {
        let streams = self.streams.iter().map(Stream::state).collect();
        SrtpState { streams, first_rtcp_index: self.first_rtcp_index }
    }

    /// Sources of a sender that go on from this state. Every index that may have been used counts as used, a
    /// report's also of a source that had sent nothing yet.
    pub fn of_sender(state: &SrtpState, since: &SentSince<'_>) -> Self {
        let mut streams = Self::of_receiver(state);
        streams.first_rtcp_index = ahead_of(state.first_rtcp_index, since.reports);
        for stream in &mut streams.streams {
            stream.skip_reports(since.reports);
            stream.skip_packets(since.packets_of(stream.ssrc));
        }
        streams.closed_but_for = since.closed_but_for();
        for (ssrc, index) in since.noted() {
            // One that finds no room is refused for good.
            if let Ok(stream) = streams.find_or_insert(*ssrc) {
                stream.use_up_to(*index);
            }
        }
        streams
    }

    /// Sources of a receiver that go on from this state.
    pub fn of_receiver(state: &SrtpState) -> Self {
        let states = state.streams.iter().take(SRTP_STREAMS_MAX);
        let streams = states.map(Stream::restored).collect();
        let first_rtcp_index = state.first_rtcp_index.min(RTCP_INDEX_MAX + 1);
        Self { streams, last: 0, first_rtcp_index, closed_but_for: None }
    }

    /// The highest index of a source; `None` before its first RTP packet.
    pub fn highest_rtp_index(&self, ssrc: u32) -> Option<PacketIndex> {
        self.find(ssrc)?.highest()
    }

    /// The index of a packet as far as can be told from its sequence number.
    pub fn rtp_index(&self, ssrc: u32, sequence_number: u16) -> Result<PacketIndex, SrtpError> {
        let Some(stream) = self.find(ssrc) else {
            return Ok(u64::from(sequence_number));
        };
        let extended = stream.sequence.peek(sequence_number);
        let index = extended.checked_sub(FIRST_CYCLE).ok_or(SrtpError::Replayed)?;
        if index >= RTP_INDEX_END {
            return Err(SrtpError::KeyExhausted);
        }
        Ok(index)
    }

    pub fn check_rtp(&self, ssrc: u32, index: PacketIndex) -> Result<(), SrtpError> {
        match self.find(ssrc) {
            Some(stream) if !stream.rtp_window.is_fresh(index) => Err(SrtpError::Replayed),
            Some(stream) if stream.highest().is_some() => Ok(()),
            _ if self.closed_but_for.is_some_and(|own| own != ssrc) => {
                Err(SrtpError::TooManyStreams)
            }
            Some(_) => Ok(()),
            None => self.check_room(),
        }
    }

    pub fn accept_rtp(&mut self, ssrc: u32, index: PacketIndex) -> Result<(), SrtpError> {
        let stream = self.find_or_insert(ssrc)?;
        stream.sequence.extend(index as u16);
        stream.rtp_window.insert(index);
        Ok(())
    }

    pub fn check_rtcp(&self, ssrc: u32, index: u32) -> Result<(), SrtpError> {
        match self.find(ssrc) {
            Some(stream) if !stream.rtcp_window.is_fresh(index.into()) => Err(SrtpError::Replayed),
            Some(_) => Ok(()),
            None => self.check_room(),
        }
    }

    pub fn accept_rtcp(&mut self, ssrc: u32, index: u32) -> Result<(), SrtpError> {
        let stream = self.find_or_insert(ssrc)?;
        stream.rtcp_window.insert(index.into());
        Ok(())
    }

    /// The index for the next RTCP packet of a source that this side sends.
    pub fn next_rtcp_index(&mut self, ssrc: u32) -> Result<u32, SrtpError> {
        let stream = self.find_or_insert(ssrc)?;
        let index = stream.next_rtcp_index;
        if index > RTCP_INDEX_MAX {
            return Err(SrtpError::KeyExhausted);
        }
        stream.next_rtcp_index += 1;
        Ok(index)
    }

    fn find(&self, ssrc: u32) -> Option<&Stream> {
        let last = self.streams.get(self.last);
        let last = last.filter(|stream| stream.ssrc == ssrc);
        last.or_else(|| self.streams.iter().find(|stream| stream.ssrc == ssrc))
    }

    fn check_room(&self) -> Result<(), SrtpError> {
        if self.streams.len() >= SRTP_STREAMS_MAX {
            return Err(SrtpError::TooManyStreams);
        }
        Ok(())
    }

    fn find_or_insert(&mut self, ssrc: u32) -> Result<&mut Stream, SrtpError> {
        let is_last = self.streams.get(self.last).is_some_and(|s| s.ssrc == ssrc);
        if !is_last {
            let mut streams = self.streams.iter();
            self.last = match streams.position(|stream| stream.ssrc == ssrc) {
                Some(place) => place,
                None => self.insert(ssrc)?,
            };
        }
        Ok(&mut self.streams[self.last])
    }

    fn insert(&mut self, ssrc: u32) -> Result<usize, SrtpError> {
        self.check_room()?;
        let next_rtcp_index = self.first_rtcp_index;
        self.streams.push(Stream { next_rtcp_index, ..Stream::new(ssrc) });
        Ok(self.streams.len() - 1)
    }
}

impl Stream {
    fn new(ssrc: u32) -> Self {
        Self {
            ssrc,
            sequence: SequenceExtender::default(),
            rtp_window: ReplayWindow::default(),
            rtcp_window: ReplayWindow::default(),
            next_rtcp_index: 0,
        }
    }

    fn restored(state: &SrtpStreamState) -> Self {
        let mut stream = Self::new(state.ssrc);
        if let Some(index) = state.rtp_index {
            stream.use_up_to(index);
        }
        stream.next_rtcp_index = state.next_rtcp_index.min(RTCP_INDEX_MAX + 1);
        stream.rtcp_window = ReplayWindow::seen_below(stream.next_rtcp_index.into());
        stream
    }

    /// Every index up to this one counts as used.
    fn use_up_to(&mut self, index: PacketIndex) {
        let index = index.min(RTP_INDEX_END - 1).max(self.highest().unwrap_or_default());
        self.sequence = SequenceExtender::from_highest(FIRST_CYCLE + index);
        self.rtp_window = ReplayWindow::seen_below(index + 1);
    }

    fn skip_packets(&mut self, count: u32) {
        match self.highest() {
            Some(_) if count == u32::MAX => self.use_up_to(RTP_INDEX_END - 1),
            Some(index) => self.use_up_to(index.saturating_add(count.into())),
            None => {}
        }
    }

    fn skip_reports(&mut self, count: u32) {
        self.next_rtcp_index = ahead_of(self.next_rtcp_index, count);
        self.rtcp_window = ReplayWindow::seen_below(self.next_rtcp_index.into());
    }

    fn highest(&self) -> Option<PacketIndex> {
        self.sequence.highest().map(|highest| highest.saturating_sub(FIRST_CYCLE))
    }

    fn state(&self) -> SrtpStreamState {
        let received = u32::try_from(self.rtcp_window.next()).unwrap_or(RTCP_INDEX_MAX);
        SrtpStreamState {
            ssrc: self.ssrc,
            rtp_index: self.highest(),
            next_rtcp_index: self.next_rtcp_index.max(received),
        }
    }
}

/// An SRTCP index this far behind another; one above the last means that there is none left.
fn ahead_of(index: u32, ahead: u32) -> u32 {
    index.saturating_add(ahead).min(RTCP_INDEX_MAX + 1)
}
