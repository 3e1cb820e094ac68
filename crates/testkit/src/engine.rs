//! What a test can drive: anything that takes messages and gives messages, without I/O.

use std::time::Instant;

use bytes::Bytes;

/// A sans-I/O thing that speaks SIP. Events stay with the implementor.
pub trait Engine {
    /// Takes one message from the network.
    fn handle_datagram(&mut self, datagram: Bytes, now: Instant);
    /// Does what is due.
    fn handle_timeout(&mut self, now: Instant);
    /// The next message for the network.
    fn poll_transmit(&mut self) -> Option<Bytes>;
    /// When `handle_timeout` is due.
    fn poll_timeout(&self) -> Option<Instant>;
}
