//! The ring of buffers that the kernel receives into.

use io_uring::types::BufRingEntry;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

/// What the kernel wants the ring to be aligned to.
const PAGE_BYTES: usize = 4_096;

/// A buffer cannot be taken or given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BufferError {
    /// The kernel named a buffer that there is not, or one that it was not lent.
    #[error("the kernel does not have this buffer")]
    NotLent,
    /// It is with the kernel already.
    #[error("the buffer was given back before")]
    AlreadyLent,
}

/// Buffers of one size, each either lent to the kernel or with us. The memory that the kernel sees is
/// allocated once and stays where it is.
pub(super) struct ProvidedBuffers {
    entries: Pages,
    data: Pages,
    /// How many buffers there are, a power of two.
    count: u16,
    buffer_bytes: usize,
    /// How often a buffer was lent, modulo 2^16: where the next entry goes.
    tail: u16,
    is_lent: Vec<bool>,
}

impl ProvidedBuffers {
    /// `count` buffers, all lent.
    pub(super) fn new(count: u16, buffer_bytes: usize) -> Self {
        assert!(count.is_power_of_two(), "the ring's size is a power of two");
        let buffers = usize::from(count);
        let entries = Pages::new(buffers * size_of::<BufRingEntry>());
        let data = Pages::new(buffers * buffer_bytes);
        let is_lent = vec![false; buffers];
        let mut made = Self { entries, data, count, buffer_bytes, tail: 0, is_lent };
        for id in 0..count {
            made.lend(id).expect("no buffer was lent before");
        }
        made
    }

    /// Where the ring of entries is, for the kernel.
    pub(super) fn ring_address(&self) -> u64 {
        self.entries.start.as_ptr() as u64
    }

    /// How many there are.
    pub(super) fn count(&self) -> u16 {
        self.count
    }

    /// How many the kernel has.
    #[cfg(test)]
    pub(super) fn lent_count(&self) -> usize {
        self.is_lent.iter().filter(|lent| **lent).count()
    }

    /// The kernel has filled this buffer: it is ours until [`Self::lend`].
    pub(super) fn take(&mut self, id: u16) -> Result<(), BufferError> {
        match self.is_lent.get_mut(usize::from(id)) {
            Some(lent @ true) => {
                *lent = false;
                Ok(())
            }
            Some(false) | None => Err(BufferError::NotLent),
        }
    }

    /// The bytes of a buffer that is ours.
    pub(super) fn bytes(&mut self, id: u16) -> Result<&mut [u8], BufferError> {
        if self.is_lent.get(usize::from(id)) != Some(&false) {
            return Err(BufferError::NotLent);
        }
        let start = usize::from(id) * self.buffer_bytes;
        // SAFETY: the buffer lies within `data`, and while it is not lent the kernel does not touch it.
        // The borrow of `self` keeps it from being lent.
        Ok(unsafe {
            let start = self.data.start.as_ptr().add(start);
            std::slice::from_raw_parts_mut(start, self.buffer_bytes)
        })
    }

    /// Gives a buffer to the kernel.
    pub(super) fn lend(&mut self, id: u16) -> Result<(), BufferError> {
        match self.is_lent.get_mut(usize::from(id)) {
            Some(lent @ false) => *lent = true,
            Some(true) => return Err(BufferError::AlreadyLent),
            None => return Err(BufferError::NotLent),
        }
        let place = usize::from(self.tail & (self.count - 1));
        let length = u32::try_from(self.buffer_bytes).expect("a buffer holds one datagram");
        // SAFETY: the place lies within `entries`, which is aligned and zeroed; the kernel reads an entry
        // only once the tail has passed it. The tail's memory is the last field of the first entry, which
        // setting an entry does not touch.
        unsafe {
            let base = self.entries.start.as_ptr().cast::<BufRingEntry>();
            let entry = &mut *base.add(place);
            entry
                .set_addr(self.data.start.as_ptr().add(usize::from(id) * self.buffer_bytes) as u64);
            entry.set_len(length);
            entry.set_bid(id);
            self.tail = self.tail.wrapping_add(1);
            let tail = BufRingEntry::tail(base).cast::<AtomicU16>();
            (*tail).store(self.tail, Ordering::Release);
        }
        Ok(())
    }
}

/// Zeroed memory that begins on a page.
struct Pages {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the memory belongs to its owner alone, whatever thread that is on.
unsafe impl Send for Pages {}

impl Pages {
    fn new(bytes: usize) -> Self {
        let layout = Layout::from_size_align(bytes.max(1), PAGE_BYTES).expect("sizes are small");
        // SAFETY: the layout's size is not zero.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        Self { start, layout }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_ours_between_take_and_lend() {
        let mut buffers = ProvidedBuffers::new(4, 64);
        assert_eq!(buffers.lent_count(), 4);
        assert_eq!(buffers.bytes(2).err(), Some(BufferError::NotLent));
        buffers.take(2).unwrap();
        buffers.bytes(2).unwrap()[63] = 7;
        assert_eq!(buffers.bytes(2).unwrap().len(), 64);
        assert_eq!(buffers.lent_count(), 3);
        buffers.lend(2).unwrap();
        assert_eq!(buffers.lent_count(), 4);
    }

    #[test]
    fn a_buffer_that_is_given_back_twice_is_refused_and_not_lent_twice() {
        let mut buffers = ProvidedBuffers::new(4, 64);
        buffers.take(1).unwrap();
        buffers.lend(1).unwrap();
        let tail = buffers.tail;
        assert_eq!(buffers.lend(1), Err(BufferError::AlreadyLent));
        assert_eq!((buffers.tail, buffers.lent_count()), (tail, 4));
    }

    #[test]
    fn a_buffer_that_the_kernel_does_not_have_is_not_taken() {
        let mut buffers = ProvidedBuffers::new(4, 64);
        buffers.take(3).unwrap();
        assert_eq!(buffers.take(3), Err(BufferError::NotLent));
        assert_eq!(buffers.take(4), Err(BufferError::NotLent));
        assert_eq!(buffers.lend(4), Err(BufferError::NotLent));
    }

    #[test]
    fn the_ring_goes_round_more_often_than_its_counter() {
        let mut buffers = ProvidedBuffers::new(8, 16);
        for turn in 0..70_000_u32 {
            let id = u16::try_from(turn % 8).unwrap();
            buffers.take(id).unwrap();
            buffers.bytes(id).unwrap().fill(1);
            buffers.lend(id).unwrap();
        }
        assert_eq!(buffers.lent_count(), 8);
    }
}
