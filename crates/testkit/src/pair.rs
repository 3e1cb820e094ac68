//! Two user agents with a simulated network between them.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::clock::VirtualClock;
use crate::engine::Engine;
use crate::phone::Phone;
use crate::sim_net::SimNet;

/// Steps that one `advance` takes before the pair is taken for one that never rests.
const STEP_COUNT_MAX: usize = 1_000_000;

/// Which phone a datagram goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Alice,
    Bob,
}

/// Alice, Bob and what lies between them.
pub struct Pair {
    /// One phone.
    pub alice: Phone,
    /// The other phone.
    pub bob: Phone,
    net: SimNet<(Side, Bytes)>,
    clock: VirtualClock,
}

impl Pair {
    /// Two phones with default configurations over a network without faults.
    pub fn seeded(seed: u64) -> Self {
        let alice = Phone::seeded("alice", seed);
        let bob = Phone::seeded("bob", seed ^ u64::MAX);
        Self::of(alice, bob, seed)
    }

    /// Any two phones over a network without faults.
    pub fn of(alice: Phone, bob: Phone, seed: u64) -> Self {
        Self { alice, bob, net: SimNet::seeded(seed), clock: VirtualClock::new() }
    }

    /// Share of datagrams that are lost.
    #[must_use]
    pub fn loss(mut self, probability: f64) -> Self {
        self.net = self.net.loss(probability);
        self
    }

    /// Share of datagrams that arrive twice.
    #[must_use]
    pub fn duplicate(mut self, probability: f64) -> Self {
        self.net = self.net.duplicate(probability);
        self
    }

    /// Share of datagrams that are overtaken.
    #[must_use]
    pub fn reorder(mut self, probability: f64) -> Self {
        self.net = self.net.reorder(probability);
        self
    }

    /// Time each datagram takes.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.net = self.net.delay(delay);
        self
    }

    /// Changes the loss from here on.
    pub fn set_loss(&mut self, probability: f64) {
        self.net.set_loss(probability);
    }

    /// The present instant, for commands.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Time since the pair was made.
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Datagrams sent and lost so far.
    pub fn datagram_counts(&self) -> (u64, u64) {
        (self.net.sent_count(), self.net.lost_count())
    }

    /// Lets time pass, delivering datagrams and running timeouts at their own instants.
    pub fn advance(&mut self, duration: Duration) {
        let end = self.clock.now() + duration;
        for _ in 0..STEP_COUNT_MAX {
            self.send_all();
            let Some(due) = self.poll_timeout().filter(|due| *due <= end) else {
                self.clock.advance_to(end);
                return;
            };
            self.clock.advance_to(due);
            self.step();
        }
        panic!("the pair never rests");
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let timeouts =
            [self.net.poll_timeout(), self.alice.poll_timeout(), self.bob.poll_timeout()];
        timeouts.into_iter().flatten().min()
    }

    fn step(&mut self) {
        let now = self.clock.now();
        while let Some((side, datagram)) = self.net.receive(now) {
            match side {
                Side::Alice => self.alice.handle_datagram(datagram, now),
                Side::Bob => self.bob.handle_datagram(datagram, now),
            }
        }
        for phone in [&mut self.alice, &mut self.bob] {
            if phone.poll_timeout().is_some_and(|due| due <= now) {
                phone.handle_timeout(now);
            }
        }
    }

    fn send_all(&mut self) {
        let now = self.clock.now();
        while let Some(datagram) = self.alice.poll_transmit() {
            self.net.send((Side::Bob, datagram), now);
        }
        while let Some(datagram) = self.bob.poll_transmit() {
            self.net.send((Side::Alice, datagram), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use offhook_sip::user_agent::{Event, InviteRequest};

    use super::*;

    #[test]
    fn an_invite_reaches_the_other_phone_after_the_delay() {
        let mut pair = Pair::seeded(1).delay(Duration::from_millis(20));
        let now = pair.now();
        let request =
            InviteRequest::new("sip:bob@bob.example.org", "sip:alice@x", pair.alice.peer());
        pair.alice.ua.invite(request, now).unwrap();
        pair.advance(Duration::from_millis(19));
        assert!(pair.bob.event().is_none());
        pair.advance(Duration::from_millis(1));
        assert!(matches!(pair.bob.event(), Some(Event::IncomingInvite { .. })));
    }
}
