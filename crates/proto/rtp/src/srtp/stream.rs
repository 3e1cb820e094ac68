//! The state of each source under a key: packet index and replay windows (RFC 3711 3.2.3, 3.3.1).

use super::replay::ReplayWindow;
use super::{RTCP_INDEX_MAX, SrtpError};
use crate::sequence::SequenceExtender;

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

/// All sources under a key; the one used last is found at once.
#[derive(Debug, Default)]
pub(super) struct Streams {
    streams: Vec<Stream>,
    last: usize,
}

impl Streams {
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
        self.streams.push(Stream {
            ssrc,
            sequence: SequenceExtender::default(),
            rtp_window: ReplayWindow::default(),
            rtcp_window: ReplayWindow::default(),
            next_rtcp_index: 0,
        });
        Ok(self.streams.len() - 1)
    }
}
