//! The places of the packets that wait. Their memory is used again and again.

use super::Frame;

/// Packets that wait at most.
pub const JITTER_PACKETS_MAX: usize = 128;
/// Bytes of a payload at most.
pub const JITTER_PAYLOAD_BYTES_MAX: usize = 1_500;

/// What is put into a place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content<'a> {
    Speech { payload_type: u8, payload: &'a [u8] },
    Other,
}

#[derive(Debug, Default)]
pub(super) struct Slot {
    /// The packet's number; 0 for none, as numbers begin one cycle up.
    number: u64,
    is_waiting: bool,
    pub is_other: bool,
    pub timestamp: u32,
    payload_type: u8,
    payload: Vec<u8>,
}

/// Places for packets by number.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// Empty, or [`JITTER_PACKETS_MAX`] places.
    slots: Vec<Slot>,
    count: usize,
    /// No packet that waits has a lower number.
    lowest: u64,
}

impl Slot {
    pub fn frame(&self) -> Frame<'_> {
        Frame {
            payload_type: self.payload_type,
            payload: &self.payload,
            sequence_number: self.number as u16,
            timestamp: self.timestamp,
        }
    }
}

impl Slots {
    /// Puts a packet into its place. The caller keeps numbers within [`JITTER_PACKETS_MAX`].
    pub fn put(&mut self, number: u64, timestamp: u32, content: Content<'_>) {
        if self.slots.is_empty() {
            self.slots.resize_with(JITTER_PACKETS_MAX, Slot::default);
        }
        let slot = &mut self.slots[index(number)];
        self.count += usize::from(!slot.is_waiting);
        slot.number = number;
        slot.is_waiting = true;
        slot.timestamp = timestamp;
        slot.payload.clear();
        slot.is_other = match content {
            Content::Speech { payload_type, payload } => {
                slot.payload_type = payload_type;
                slot.payload.extend_from_slice(payload);
                false
            }
            Content::Other => true,
        };
        let is_lowest = self.count == 1 || number < self.lowest;
        self.lowest = if is_lowest { number } else { self.lowest };
    }

    /// Whether the packet neither waits nor was taken lately.
    pub fn is_unknown(&self, number: u64) -> bool {
        self.slots.get(index(number)).is_none_or(|slot| slot.number != number)
    }

    /// The packet with that number, if it waits.
    pub fn get(&self, number: u64) -> Option<&Slot> {
        let slot = self.slots.get(index(number));
        slot.filter(|slot| slot.is_waiting && slot.number == number)
    }

    /// Takes a packet; its content stays until its place is used again.
    pub fn take(&mut self, number: u64) -> Option<&Slot> {
        let slot = self.slots.get_mut(index(number))?;
        if !slot.is_waiting || slot.number != number {
            return None;
        }
        slot.is_waiting = false;
        self.count -= 1;
        Some(slot)
    }

    /// Number and timestamp of the packet with the lowest number.
    pub fn first(&mut self) -> Option<(u64, u32)> {
        let first = self.at_or_after(self.lowest)?;
        self.lowest = first.0;
        Some(first)
    }

    /// Number and timestamp of the packet behind the first.
    pub fn second(&mut self) -> Option<(u64, u32)> {
        let (first, _) = self.first()?;
        if self.count < 2 {
            return None;
        }
        self.at_or_after(first + 1)
    }

    fn at_or_after(&self, number: u64) -> Option<(u64, u32)> {
        if self.count == 0 {
            return None;
        }
        let mut numbers = number..number + JITTER_PACKETS_MAX as u64;
        numbers.find_map(|number| Some((number, self.get(number)?.timestamp)))
    }

    /// Takes all packets before a number away and gives how many there were.
    pub fn drop_before(&mut self, number: u64) -> u64 {
        let mut dropped = 0;
        for slot in self.slots.iter_mut().filter(|slot| slot.is_waiting && slot.number < number) {
            slot.is_waiting = false;
            dropped += 1;
        }
        self.count -= dropped;
        self.lowest = self.lowest.max(number);
        dropped as u64
    }

    pub fn clear(&mut self) {
        for slot in &mut self.slots {
            slot.is_waiting = false;
            slot.number = 0;
        }
        self.count = 0;
    }

    pub fn len(&self) -> usize {
        self.count
    }
}

fn index(number: u64) -> usize {
    (number % JITTER_PACKETS_MAX as u64) as usize
}
