//! SIP without I/O: messages, transactions, dialogs and digest authentication.
//!
//! A [`Message`] is one buffer with an index of its headers; what a header says
//! is read when it is asked for, as views that borrow from the buffer. What is
//! not touched leaves byte for byte as it came: see [`mod@print`]. Streams are cut
//! into messages by [`framer::StreamFramer`].
//!
//! The crate deliberately opens no socket, reads no clock, resolves no name and
//! rolls no die: bytes, `now` and seeds come in as arguments. It knows nothing
//! of SDP; bodies are bytes.
//!
//! The central types are [`Message`], and [`user_agent::UserAgent`], which stands
//! on [`transaction::TransactionLayer`] and [`dialog::Dialog`].

mod grammar;

pub mod dialog;
pub mod digest;
pub mod framer;
#[doc(hidden)]
pub mod fuzz;
pub mod headers;
pub mod message;
pub mod print;
pub mod session_timer;
pub mod transaction;
pub mod uri;
pub mod user_agent;

pub use headers::{CSeq, Contact, ContactValue, HeaderError, NameAddr, Via};
pub use message::{Defect, HeaderName, Message, Method, ParseFailure, StatusCode};
pub use print::{Editor, RequestBuilder, ResponseBuilder};
pub use uri::{Host, OwnedUri, Uri, UriBuilder};
