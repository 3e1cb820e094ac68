//! The outputs that one step of a state machine leaves behind.

use bytes::Bytes;

/// What a transaction wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this message.
    Transmit(Bytes),
    /// Hand the message that was just handled to the transaction user.
    Deliver,
    /// Tell the transaction user that the other side did not answer in time.
    TimedOut,
    /// Tell the transaction user that the transport failed.
    TransportError,
}

/// A queue for the outputs of one step. No step makes more than two.
#[derive(Debug, Clone, Default)]
pub(super) struct Outbox {
    slots: [Option<Output>; 2],
}

impl Outbox {
    pub(super) fn push(&mut self, output: Output) {
        let free = self.slots.iter_mut().find(|slot| slot.is_none());
        debug_assert!(free.is_some(), "outputs are drained after each step");
        if let Some(slot) = free {
            *slot = Some(output);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Output> {
        let first = self.slots[0].take();
        self.slots.swap(0, 1);
        first
    }
}
