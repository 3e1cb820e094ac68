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

/// All sources under a key; the one used last is found at once.
#[derive(Debug, Default)]
pub(super) struct Streams {
    streams: Vec<Stream>,
    last: usize,
    first_rtcp_index: u32,
}

impl Streams {
    /// How far each source has come.
    pub fn state(&self) -> SrtpState {
        let streams = self.streams.iter().map(Stream::state).collect();
        SrtpState { streams, first_rtcp_index: self.first_rtcp_index }
    }

    /// Sources that go on from this state, this many indices ahead. Every index up to there counts as used,
    /// also of a source that had sent nothing yet.
    pub fn restored(state: &SrtpState, ahead: u32) -> Self {
        let first_rtcp_index = ahead_of(state.first_rtcp_index, ahead);
        let states = state.streams.iter().take(SRTP_STREAMS_MAX);
        let streams = states.map(|state| Stream::restored(state, ahead)).collect();
        Self { streams, last: 0, first_rtcp_index }
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

    fn restored(state: &SrtpStreamState, ahead: u32) -> Self {
        let mut stream = Self::new(state.ssrc);
        if let Some(index) = state.rtp_index {
            let index = index.saturating_add(ahead.into()).min(RTP_INDEX_END - 1);
            stream.sequence = SequenceExtender::from_highest(FIRST_CYCLE + index);
            stream.rtp_window = ReplayWindow::seen_below(index + 1);
        }
        let next = ahead_of(state.next_rtcp_index, ahead);
        stream.next_rtcp_index = next;
        stream.rtcp_window = ReplayWindow::seen_below(next.into());
        stream
    }

    fn state(&self) -> SrtpStreamState {
        let received = u32::try_from(self.rtcp_window.next()).unwrap_or(RTCP_INDEX_MAX);
        SrtpStreamState {
            ssrc: self.ssrc,
            rtp_index: self.sequence.highest().map(|highest| highest.saturating_sub(FIRST_CYCLE)),
            next_rtcp_index: self.next_rtcp_index.max(received),
        }
    }
}

/// An SRTCP index this far behind another; one above the last means that there is none left.
fn ahead_of(index: u32, ahead: u32) -> u32 {
    index.saturating_add(ahead).min(RTCP_INDEX_MAX + 1)
}
