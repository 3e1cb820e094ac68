//! Numbers of packets that are passed on and encrypted, reserved before they are used.
//!
//! Such packets keep the numbers that their senders gave them, so that a process after this one cannot leave
//! out those that may have been used, as it does in streams of its own. It has to know them. What a leg has
//! reserved is noted where a killed process leaves it behind, before the first packet that uses it is sent.

use offhook_rtp::PassedOn;

/// Sources of a leg whose numbers are reserved at most. A browser that sends a picture in three sizes has six.
pub const RESERVED_SOURCES_MAX: usize = 16;
/// Numbers that are reserved beyond the one that is used. As many are lost of each source in a restart.
const RESERVED_AHEAD: u64 = 15;

/// Up to where each source of a leg may have been encrypted under the key that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    /// Which of the leg's keys it is, counted from one; zero before there is any.
    pub keys: u32,
    /// The sources with their highest indices, rollover counter and sequence number (RFC 3711 3.3.1).
    pub indices: Vec<(u32, u64)>,
    /// Whether further sources may have sent, whose numbers are not known.
    pub is_full: bool,
}

impl Default for Reserved {
    fn default() -> Self {
        // There is room from the beginning: nothing is allocated for a packet.
        Self { keys: 0, indices: Vec::with_capacity(RESERVED_SOURCES_MAX), is_full: false }
    }
}

impl Reserved {
    /// What a process knows that does not know what the one before has reserved under these keys.
    pub(crate) fn unknown(keys: u32) -> Self {
        Self { keys, is_full: true, ..Self::default() }
    }

    /// Nothing was sent yet under keys that are others than before. Says whether they are.
    pub(crate) fn begin(&mut self, keys: u32) -> bool {
        if self.keys == keys {
            return false;
        }
        self.keys = keys;
        self.indices.clear();
        self.is_full = false;
        true
    }

    /// A packet with this index is to be sent. Says whether more is reserved than before.
    pub(crate) fn note(&mut self, keys: u32, ssrc: u32, index: u64) -> bool {
        let is_begun = self.begin(keys);
        let has_room = self.indices.len() < RESERVED_SOURCES_MAX;
        match self.indices.iter_mut().find(|(known, _)| *known == ssrc) {
            Some((_, highest)) if *highest >= index => return is_begun,
            Some((_, highest)) => *highest = index + RESERVED_AHEAD,
            None if has_room => self.indices.push((ssrc, index + RESERVED_AHEAD)),
            None => return !std::mem::replace(&mut self.is_full, true) || is_begun,
        }
        true
    }

    /// What a sender that goes on elsewhere has to know; `own_ssrc` is the source of the leg's own packets.
    pub(crate) fn passed_on(&self, own_ssrc: u32) -> PassedOn<'_> {
        PassedOn::Noted { own_ssrc, indices: &self.indices, is_full: self.is_full }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_reserved_some_at_a_time() {
        let mut reserved = Reserved::default();
        assert!(reserved.note(1, 7, 100));
        for index in 101..=115 {
            assert!(!reserved.note(1, 7, index), "{index}");
        }
        assert!(!reserved.note(1, 7, 3), "one that comes late");
        assert!(reserved.note(1, 7, 116));
        assert!(reserved.note(1, 8, 5));
        assert_eq!(reserved.indices, [(7, 131), (8, 20)]);
    }

    #[test]
    fn another_key_begins_anew() {
        let mut reserved = Reserved::unknown(1);
        assert!(!reserved.begin(1));
        assert!(reserved.note(1, 7, 100));
        assert!(reserved.is_full);
        assert!(reserved.note(2, 8, 0));
        assert_eq!((reserved.keys, reserved.is_full), (2, false));
        assert_eq!(reserved.indices, [(8, 15)]);
    }

    #[test]
    fn sources_beyond_the_limit_are_told_once() {
        let mut reserved = Reserved::default();
        for ssrc in 0..16 {
            assert!(reserved.note(1, ssrc, 0));
        }
        assert!(!reserved.is_full);
        assert!(reserved.note(1, 16, 0));
        assert!(reserved.is_full);
        assert!(!reserved.note(1, 17, 0));
        assert_eq!(reserved.indices.len(), RESERVED_SOURCES_MAX);
    }
}
