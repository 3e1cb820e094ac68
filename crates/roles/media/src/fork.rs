//! Audio forks: from a leg's packets to what a WebSocket receiver gets, and back.
//!
//! A [`Session`] is one fork without its connection: it takes what the engine hands over
//! ([`crate::state::Forked`]) and what the receiver sends, and says what to send and what the party is to
//! hear. It opens no socket and reads no clock; time is an argument. Its driver is `driver/forks.rs`, and
//! the protocol is in `docs/audio-fork.md`.

mod frames;
mod session;
mod wire;

pub use session::{Order, Outgoing, Session};
