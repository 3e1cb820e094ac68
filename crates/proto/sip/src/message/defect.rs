//! What can be wrong with a message.

use thiserror::Error;

use super::{HeaderName, Message, StatusCode};

/// What is wrong with a message. `Display` is fit to be the reason phrase of
/// the answer, and [`Defect::status`] its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Defect {
    /// Nothing but line ends: a keep-alive, not a message.
    #[error("Empty message")]
    Empty,
    /// Longer than [`MESSAGE_BYTES_MAX`](super::MESSAGE_BYTES_MAX).
    #[error("Message Too Large")]
    MessageTooLarge,
    /// The headers are longer than [`HEAD_BYTES_MAX`](super::HEAD_BYTES_MAX).
    #[error("Headers too large")]
    HeadTooLarge,
    /// A header is longer than [`HEADER_BYTES_MAX`](super::HEADER_BYTES_MAX).
    #[error("Header line too long")]
    HeaderTooLong,
    /// More headers than [`HEADERS_MAX`](super::HEADERS_MAX).
    #[error("Too many header lines")]
    TooManyHeaders,
    /// More Via values than [`VIAS_MAX`](super::VIAS_MAX).
    #[error("Too many Via values")]
    TooManyVias,
    /// The start line is neither a Request-Line nor a Status-Line
    /// (RFC 3261 sections 7.1 and 7.2).
    #[error("Malformed start line")]
    StartLine,
    /// The method is not a token.
    #[error("Malformed method")]
    Method,
    /// The Request-URI is not a URI, has white space, angle brackets or header
    /// fields in it (RFC 3261 sections 7.1 and 19.1.1).
    #[error("Malformed Request-URI")]
    RequestUri,
    /// A version other than SIP/2.0.
    #[error("Version Not Supported")]
    Version,
    /// The status code is not a number from 100 to 699.
    #[error("Malformed status code")]
    StatusCode,
    /// CR or LF without the other.
    #[error("Bare CR or LF")]
    BareLineEnd,
    /// The empty line behind the headers is missing.
    #[error("Headers do not end")]
    NoEndOfHeaders,
    /// A header line without a colon, or whose name is not a token.
    #[error("Malformed header line")]
    HeaderLine,
    /// A control character outside a quoted pair.
    #[error("Control character in header")]
    ControlCharacter,
    /// The body is shorter than Content-Length says.
    #[error("Body shorter than Content-Length")]
    BodyTruncated,
    /// A message on a stream without Content-Length (RFC 3261 section 20.14).
    #[error("Missing Content-Length")]
    StreamWithoutLength,
    /// A mandatory header is missing (RFC 3261 section 8.1.1).
    #[error("Missing {0}")]
    Missing(HeaderName),
    /// A header that may stand once stands several times.
    #[error("Multiple {0}")]
    Duplicate(HeaderName),
    /// A header's value breaks its grammar or its range.
    #[error("Malformed {0}")]
    Malformed(HeaderName),
    /// The method in CSeq is not the method of the request (section 8.1.1.5).
    #[error("CSeq method does not match")]
    CSeqMethod,
}

impl Defect {
    /// The status of the answer that tells the sender.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Version => StatusCode::VERSION_NOT_SUPPORTED,
            Self::MessageTooLarge | Self::HeadTooLarge => StatusCode::MESSAGE_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// A message that could not be accepted, with as much of it as could be read.
#[derive(Debug, Clone, Error)]
#[error("{defect}")]
pub struct ParseFailure {
    /// The first thing found wrong.
    pub defect: Defect,
    /// The message as far as it could be read, for an answer: its Via, From,
    /// To, Call-ID and CSeq are copied from it. `None` when nothing in it says
    /// whom to answer, and when it is a response.
    pub message: Option<Box<Message>>,
}

impl PartialEq for ParseFailure {
    fn eq(&self, other: &Self) -> bool {
        self.defect == other.defect
            && self.message.as_deref().map(Message::as_bytes)
                == other.message.as_deref().map(Message::as_bytes)
    }
}
