//! The audio of a call on a WebSocket, both ways: for speech recognition and voice agents.
//!
//! [`connect`] opens a [`ForkSettings::url`] in the background and gives two ends at once: a [`ForkTap`],
//! which a media thread feeds with samples and takes samples from, and a [`ForkControl`], which ends the
//! fork and sends it notices. What becomes of the connection comes back as [`ForkEvent`]s.
//!
//! The tap never waits: samples go through two wait-free rings. A program that does not read loses audio,
//! which is counted and told to it; one that sends faster than speech is slowed down by its own socket.
//! The call notices neither. The messages on the socket are those of [`protocol`].
//!
//! The crate resamples nothing, decodes nothing, and knows no legs: the media role gives it linear PCM at
//! the rate that was asked for.

mod connection;
pub mod protocol;
mod settings;
mod tap;

pub use connection::{ForkControl, ForkEnd, ForkEvent, ForkNotice, connect};
pub use settings::{ForkChannels, ForkSettings, ForkSettingsError};
pub use tap::ForkTap;

use std::time::Duration;

/// How long the far side may take to accept the WebSocket.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How much audio waits for a program that does not read before audio is dropped.
pub const OUTGOING_MAX: Duration = Duration::from_secs(2);
/// How much audio of the program waits to be heard before its socket is no longer read.
pub const INCOMING_MAX: Duration = Duration::from_secs(30);
/// How often samples that have come together are sent.
pub const SEND_INTERVAL: Duration = Duration::from_millis(20);
/// A write that takes longer ends the fork.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// The longest message of the program, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Marks that wait to be reached at once.
pub const MARKS_MAX: usize = 256;
/// Notices and commands that wait for the connection.
pub const NOTICES_MAX: usize = 64;
