//! Cutting a byte stream into messages (RFC 3261 section 18.3, RFC 5626
//! section 3.5.1).

use bytes::{Buf, BytesMut};

use crate::message::{
    Defect, HEAD_BYTES_MAX, MESSAGE_BYTES_MAX, Message, ParseFailure, stream_body_length,
};

/// Most bytes that wait in a framer: a whole message and what the next read
/// brought with it.
pub const BUFFERED_BYTES_MAX: usize = MESSAGE_BYTES_MAX + 65_536;
/// The answer to a keep-alive ping.
pub const PONG: &[u8] = b"\r\n";
/// The keep-alive ping that the side which opened the connection sends.
pub const PING: &[u8] = b"\r\n\r\n";

/// What a stream holds.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a message is the common case and is moved once")]
pub enum Frame {
    /// A message.
    Message(Message),
    /// A keep-alive ping; answer with [`PONG`].
    Ping,
    /// The answer to our own ping.
    Pong,
    /// A malformed message. The stream goes on behind it.
    Malformed(ParseFailure),
    /// Where this message ends is unknown: answer it if it can be answered and
    /// close the connection. Nothing more will come out of the framer.
    Broken(ParseFailure),
}

/// Which side opened the connection. It is the one that sends pings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opener {
    /// We did.
    Us,
    /// The peer did.
    Peer,
}

/// Collects bytes and gives frames.
#[derive(Debug)]
pub struct StreamFramer {
    opener: Opener,
    buffer: BytesMut,
    /// Up to here the buffer is known to hold no end of headers.
    searched: usize,
    /// The whole length of the message in front, once its head is there.
    message_length: Option<usize>,
    overflows: bool,
    is_broken: bool,
}

impl StreamFramer {
    /// An empty framer.
    #[must_use]
    pub fn new(opener: Opener) -> Self {
        Self {
            opener,
            buffer: BytesMut::new(),
            searched: 0,
            message_length: None,
            overflows: false,
            is_broken: false,
        }
    }

    /// Takes bytes that were read. Drain [`StreamFramer::poll_output`] behind
    /// each call: what exceeds [`BUFFERED_BYTES_MAX`] breaks the stream.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        if self.is_broken {
            return;
        }
        self.overflows |= self.buffer.len() + bytes.len() > BUFFERED_BYTES_MAX;
        if !self.overflows {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next frame, when it is complete.
    pub fn poll_output(&mut self) -> Option<Frame> {
        if self.is_broken {
            return None;
        }
        if self.overflows {
            return Some(self.broken(Defect::MessageTooLarge));
        }
        if self.message_length.is_none() {
            if let Some(keep_alive) = self.keep_alive() {
                return Some(keep_alive);
            }
            if let Err(defect) = self.find_length()? {
                return Some(self.broken(defect));
            }
        }
        self.message()
    }

    /// True when part of a message has arrived. A peer that stays in this
    /// state for long deserves to lose its connection; a line end is no part
    /// of one (RFC 3261 section 7.5), however long the next one is in coming.
    #[must_use]
    pub fn is_mid_message(&self) -> bool {
        let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        !self.is_broken && !self.buffer.iter().all(is_line_end)
    }

    /// True after [`Frame::Broken`].
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Takes line ends in front of a message. A ping may arrive in two parts,
    /// so on a connection that the peer opened a single line end waits for
    /// what follows.
    fn keep_alive(&mut self) -> Option<Frame> {
        loop {
            if self.opener == Opener::Peer && self.buffer.starts_with(PING) {
                self.skip(PING.len());
                return Some(Frame::Ping);
            }
            if !self.buffer.starts_with(PONG) {
                return None;
            }
            match self.opener {
                Opener::Us => {
                    self.skip(PONG.len());
                    return Some(Frame::Pong);
                }
                Opener::Peer
                    if self.buffer.len() < PING.len() && PING.starts_with(&self.buffer) =>
                {
                    return None;
                }
                Opener::Peer => self.skip(PONG.len()),
            }
        }
    }

    fn skip(&mut self, length: usize) {
        self.buffer.advance(length);
        self.searched = 0;
    }

    /// Looks for the end of the head and reads Content-Length. `None` when
    /// more bytes are needed.
    fn find_length(&mut self) -> Option<Result<(), Defect>> {
        let from = self.searched.saturating_sub(3);
        let Some(found) = memchr::memmem::find(&self.buffer[from..], b"\r\n\r\n") else {
            self.searched = self.buffer.len();
            return (self.buffer.len() > HEAD_BYTES_MAX).then_some(Err(Defect::HeadTooLarge));
        };
        let body_start = from + found + 4;
        if body_start > HEAD_BYTES_MAX {
            return Some(Err(Defect::HeadTooLarge));
        }
        let length = match stream_body_length(&self.buffer[..body_start]) {
            Ok(length) => length,
            Err(defect) => return Some(Err(defect)),
        };
        match body_start.checked_add(length).filter(|whole| *whole <= MESSAGE_BYTES_MAX) {
            Some(whole) => {
                self.message_length = Some(whole);
                Some(Ok(()))
            }
            None => Some(Err(Defect::MessageTooLarge)),
        }
    }

    /// Takes the message in front once all of it is there.
    fn message(&mut self) -> Option<Frame> {
        let length = self.message_length.filter(|length| *length <= self.buffer.len())?;
        self.message_length = None;
        self.searched = 0;
        let raw = self.buffer.split_to(length).freeze();
        match Message::parse(raw) {
            Ok(message) => Some(Frame::Message(message)),
            Err(failure) => Some(Frame::Malformed(failure)),
        }
    }

    /// Ends the stream, with as much of the message as is there.
    fn broken(&mut self, defect: Defect) -> Frame {
        self.is_broken = true;
        let raw = std::mem::take(&mut self.buffer).freeze();
        let message = Message::read_partial(raw).map(Box::new);
        Frame::Broken(ParseFailure { defect, message })
    }
}
