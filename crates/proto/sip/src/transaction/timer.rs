//! Timers of RFC 3261 table 4 and RFC 6026, with the names and values given there.

use std::time::{Duration, Instant};

/// Round-trip time estimate.
pub const T1: Duration = Duration::from_millis(500);
/// Longest interval between retransmissions of non-INVITE requests and INVITE responses.
pub const T2: Duration = Duration::from_secs(4);
/// Longest time a message stays in the network.
pub const T4: Duration = Duration::from_secs(5);
/// INVITE client transaction timeout, 64*T1.
pub const TIMER_B: Duration = Duration::from_secs(32);
/// INVITE timeout of proxies, and of re-INVITEs here: more than three minutes.
pub const TIMER_C: Duration = Duration::from_secs(180 + 1);
/// Wait for response retransmissions of a failed INVITE over unreliable transport.
pub const TIMER_D: Duration = Duration::from_secs(32);
/// Non-INVITE client transaction timeout, 64*T1.
pub const TIMER_F: Duration = Duration::from_secs(32);
/// Wait for ACK, 64*T1.
pub const TIMER_H: Duration = Duration::from_secs(32);
/// Wait for retransmissions of a non-INVITE request over unreliable transport, 64*T1.
pub const TIMER_J: Duration = Duration::from_secs(32);
/// Wait for retransmissions of an accepted INVITE, 64*T1 (RFC 6026).
pub const TIMER_L: Duration = Duration::from_secs(32);
/// Wait for retransmissions of a 2xx and for those of other forks, 64*T1 (RFC 6026).
pub const TIMER_M: Duration = Duration::from_secs(32);

/// A timer's name, for logs and for the state machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimerName {
    /// INVITE request retransmission.
    A,
    /// INVITE transaction timeout.
    B,
    /// Patience with an INVITE that got a provisional response and no final one.
    C,
    /// Wait in Completed for response retransmissions to an INVITE.
    D,
    /// Non-INVITE request retransmission.
    E,
    /// Non-INVITE transaction timeout.
    F,
    /// INVITE final response retransmission.
    G,
    /// Wait for the ACK.
    H,
    /// Wait for ACK retransmissions.
    I,
    /// Wait for non-INVITE request retransmissions.
    J,
    /// Wait in Completed for response retransmissions to a non-INVITE.
    K,
    /// Wait in Accepted for INVITE retransmissions (RFC 6026).
    L,
    /// Wait in Accepted for further 2xx (RFC 6026).
    M,
    /// A server transaction whose user never answers is given up.
    Unanswered,
    /// A cancelled INVITE whose final response never comes is given up (RFC 3261 9.1).
    Cancel,
    /// Retransmission of a 2xx until its ACK comes (RFC 3261 13.3.1.4).
    Retransmit2xx,
    /// A 2xx whose ACK never comes ends the leg (RFC 3261 13.3.1.4).
    NoAck,
    /// Retransmission of a reliable provisional response until its PRACK comes (RFC 3262).
    RetransmitProvisional,
    /// A reliable provisional response whose PRACK never comes ends the attempt (RFC 3262).
    NoPrack,
    /// Ringing is said again each minute, for proxies on the way (RFC 3261 13.3.1.1).
    KeepRinging,
    /// Refresh of a session, or its end (RFC 4028).
    Session,
    /// A renegotiation refused with 491 is tried again (RFC 3261 14.1).
    Glare,
}

/// The running timers of one state machine, at most `N` at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimerTable<const N: usize> {
    slots: [Option<(Instant, TimerName)>; N],
}

impl<const N: usize> Default for TimerTable<N> {
    fn default() -> Self {
        Self { slots: [None; N] }
    }
}

impl<const N: usize> TimerTable<N> {
    /// Starts `name`, or restarts it.
    pub(crate) fn start(&mut self, name: TimerName, at: Instant) {
        self.stop(name);
        let free = self.slots.iter_mut().find(|slot| slot.is_none());
        *free.expect("N is the number of the machine's timers") = Some((at, name));
    }

    pub(crate) fn stop(&mut self, name: TimerName) {
        for slot in &mut self.slots {
            if slot.is_some_and(|(_, running)| running == name) {
                *slot = None;
            }
        }
    }

    pub(crate) fn stop_all(&mut self) {
        self.slots = [None; N];
    }

    /// The timer that fires first.
    pub(crate) fn next(&self) -> Option<(Instant, TimerName)> {
        self.slots.iter().flatten().min().copied()
    }

    /// Takes out the earliest timer that has fired by `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<TimerName> {
        let (_, name) = self.next().filter(|(at, _)| *at <= now)?;
        self.stop(name);
        Some(name)
    }
}
