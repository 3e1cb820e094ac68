//! Interrupting a wait from another thread.

use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::io;
use std::sync::Arc;

/// Makes the wait of the [`super::PacketIo`] that it belongs to return.
#[derive(Debug, Clone)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    /// Makes the wait return. A counter that is full makes it return as well.
    pub fn wake(&self) {
        if let Err(error) = rustix::io::write(&*self.0, &1_u64.to_ne_bytes()) {
            tracing::debug!(%error, "the waker is full");
        }
    }

    /// Whatever woke is known.
    pub(super) fn reset(&self) {
        let mut count = [0; 8];
        if let Err(error) = rustix::io::read(&*self.0, &mut count) {
            tracing::trace!(%error, "the waker was already empty");
        }
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
