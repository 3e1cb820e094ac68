//! Symmetric RTP: media goes back to where it came from (RFC 4961), which is learnt once.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// From where packets are taken and to where they go, when nothing but addresses tells who sent them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SourceRule {
    /// The first packet after a description decides, and others than its sender are refused.
    #[default]
    Latch,
    /// Every packet decides anew.
    Follow,
    /// Packets go to where the description says, and are taken from anywhere.
    Described,
}

/// Where one component's packets are sent, and from where they are taken.
///
/// It starts at the address that the description names and follows the first valid packet. After that it
/// holds: whoever sends from elsewhere is refused, until a new description opens it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Latch {
    described: Option<SocketAddr>,
    current: Option<SocketAddr>,
    is_open: bool,
    rule: SourceRule,
}

impl Latch {
    /// Open for the first packet; until then the described address is sent to, when there is one.
    pub(crate) fn new(described: Option<SocketAddr>) -> Self {
        Self { described, current: described, is_open: true, rule: SourceRule::Latch }
    }

    /// How sources are learnt from here on.
    pub(crate) fn set_rule(&mut self, rule: SourceRule) {
        self.rule = rule;
        if rule == SourceRule::Described {
            self.current = self.described.or(self.current);
        }
    }

    /// A new description was agreed. When it names another address that one is sent to; either way the
    /// next packet may come from elsewhere, since a device behind NAT cannot say where it has moved.
    pub(crate) fn reopen(&mut self, described: Option<SocketAddr>) {
        if described.is_some() && described != self.described {
            self.current = described;
            self.described = described;
        }
        self.is_open = true;
    }

    /// Whether a packet from `source` is taken when nothing but its address speaks for it.
    pub(crate) fn admits(&self, source: SocketAddr) -> bool {
        self.rule != SourceRule::Latch || self.is_open || Some(source) == self.current
    }

    /// A valid packet came from `source`, which [`Self::admits`] let pass or whose authentication proves
    /// that the party itself sent it.
    pub(crate) fn handle_packet(&mut self, source: SocketAddr) {
        if self.rule != SourceRule::Described || self.current.is_none() {
            self.current = Some(source);
        }
        self.is_open = false;
    }

    /// Where to send to.
    pub(crate) fn destination(&self) -> Option<SocketAddr> {
        self.current
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("a socket address")
    }

    fn described(text: &str) -> Option<SocketAddr> {
        Some(address(text))
    }

    #[test]
    fn the_first_packet_decides_and_later_strangers_are_refused() {
        let mut latch = Latch::new(described("10.0.0.1:4000"));
        assert_eq!(latch.destination(), described("10.0.0.1:4000"));
        let nat = address("203.0.113.5:61000");
        assert!(latch.admits(nat));
        latch.handle_packet(nat);
        assert_eq!(latch.destination(), Some(nat));
        assert!(!latch.admits(address("198.51.100.1:4000")));
        assert!(!latch.admits(address("10.0.0.1:4000")));
    }

    #[test]
    fn a_party_that_is_followed_may_move_at_any_time() {
        let mut latch = Latch::new(described("10.0.0.1:4000"));
        latch.set_rule(SourceRule::Follow);
        for source in ["203.0.113.5:61000", "203.0.113.6:61000", "10.0.0.1:4000"] {
            assert!(latch.admits(address(source)));
            latch.handle_packet(address(source));
            assert_eq!(latch.destination(), described(source));
        }
    }

    #[test]
    fn an_address_that_is_believed_stays_whoever_sends() {
        let mut latch = Latch::new(described("10.0.0.1:4000"));
        latch.set_rule(SourceRule::Described);
        let elsewhere = address("203.0.113.5:61000");
        assert!(latch.admits(elsewhere));
        latch.handle_packet(elsewhere);
        assert_eq!(latch.destination(), described("10.0.0.1:4000"));
        assert!(latch.admits(address("198.51.100.1:4000")));
    }

    #[test]
    fn a_description_with_the_same_address_keeps_the_destination_but_lets_the_party_move() {
        let mut latch = Latch::new(described("10.0.0.1:4000"));
        latch.handle_packet(address("203.0.113.5:61000"));
        latch.reopen(described("10.0.0.1:4000"));
        assert_eq!(latch.destination(), described("203.0.113.5:61000"));
        assert!(latch.admits(address("203.0.113.5:62000")));
    }

    #[test]
    fn a_description_with_another_address_moves_the_destination() {
        let mut latch = Latch::new(described("10.0.0.1:4000"));
        latch.handle_packet(address("203.0.113.5:61000"));
        latch.reopen(described("10.0.0.2:4000"));
        assert_eq!(latch.destination(), described("10.0.0.2:4000"));
    }
}
