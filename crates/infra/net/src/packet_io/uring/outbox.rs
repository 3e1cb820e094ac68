//! Datagrams that wait for the next submission.

use crate::packet_io::DATAGRAM_BYTES_MAX;
use crate::packet_io::address::{NAME_BYTES, to_name};
use std::net::SocketAddr;

/// A datagram and where it goes, at a place in memory that does not change.
#[repr(C, align(8))]
pub(super) struct Letter {
    pub(super) name: [u8; NAME_BYTES],
    pub(super) name_length: u32,
    pub(super) length: u32,
    pub(super) bytes: [u8; DATAGRAM_BYTES_MAX],
}

/// Room for a batch. What is in it is sent, and its room free again, when the submission is done, since
/// every send is one that does not wait.
pub(super) struct Outbox {
    letters: Box<[Letter]>,
    used: usize,
}

impl Outbox {
    pub(super) fn new(letters: usize) -> Self {
        let empty = || Letter {
            name: [0; NAME_BYTES],
            name_length: 0,
            length: 0,
            bytes: [0; DATAGRAM_BYTES_MAX],
        };
        Self { letters: (0..letters).map(|_| empty()).collect(), used: 0 }
    }

    pub(super) fn is_full(&self) -> bool {
        self.used == self.letters.len()
    }

    /// Puts a datagram in. `None` when it is longer than any may be, or when there is no room.
    pub(super) fn put(&mut self, datagram: &[u8], to: SocketAddr) -> Option<&Letter> {
        let letter = self.letters.get_mut(self.used)?;
        letter.bytes.get_mut(..datagram.len())?.copy_from_slice(datagram);
        letter.length = u32::try_from(datagram.len()).ok()?;
        letter.name_length = to_name(to, &mut letter.name);
        self.used += 1;
        Some(letter)
    }

    /// Everything in it was handed to the kernel and has left.
    pub(super) fn clear(&mut self) {
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_outbox_takes_nothing_until_it_is_cleared() {
        let to: SocketAddr = "192.0.2.1:9".parse().unwrap();
        let mut outbox = Outbox::new(2);
        assert!(outbox.put(&[0; DATAGRAM_BYTES_MAX + 1], to).is_none());
        assert_eq!(outbox.put(b"one", to).unwrap().bytes[..3], *b"one");
        assert_eq!(outbox.put(b"two!", to).unwrap().length, 4);
        assert!(outbox.is_full());
        assert!(outbox.put(b"three", to).is_none());
        outbox.clear();
        assert!(outbox.put(b"three", to).is_some());
    }
}
