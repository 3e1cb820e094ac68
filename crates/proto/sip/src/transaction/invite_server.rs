//! INVITE server transaction (RFC 3261 17.2.1, RFC 6026 8.5 and 8.7). Knows nothing of sockets or
//! dialogs.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::outbox::{Outbox, Output};
use super::timer::{T1, T2, T4, TIMER_H, TIMER_L, TimerName, TimerTable};
use crate::message::StatusCode;

/// States of figure 7 in RFC 3261 with the Accepted state of RFC 6026.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The INVITE waits for its final response.
    Proceeding,
    /// A 2xx was sent; the user retransmits it until its ACK comes.
    Accepted,
    /// A failure was sent and is retransmitted until its ACK comes.
    Completed,
    /// The failure's ACK came; retransmissions of it are absorbed.
    Confirmed,
    /// Nothing is left to do.
    Terminated,
}

enum Input {
    Invite,
    Ack,
    Provisional(Bytes),
    Success(Bytes),
    Failure(Bytes),
    TimerG,
    TimerH,
    TimerI,
    TimerL,
    TransportError,
}

/// The state machine.
#[derive(Debug, Clone)]
pub struct InviteServer {
    state: State,
    last_response: Option<Bytes>,
    reliable: bool,
    retransmit_interval: Duration,
    timers: TimerTable<2>,
    outbox: Outbox,
}

impl InviteServer {
    /// The transaction of an INVITE that has just come.
    pub fn new(reliable: bool) -> Self {
        Self {
            state: State::Proceeding,
            last_response: None,
            reliable,
            retransmit_interval: T1,
            timers: TimerTable::default(),
            outbox: Outbox::default(),
        }
    }

    /// Where the transaction stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes a retransmission of the INVITE.
    pub fn handle_invite(&mut self, now: Instant) {
        self.step(Input::Invite, now);
    }

    /// Takes an ACK that matches this transaction.
    pub fn handle_ack(&mut self, now: Instant) {
        self.step(Input::Ack, now);
    }

    /// Takes a response from the transaction user.
    pub fn respond(&mut self, status: StatusCode, response: Bytes, now: Instant) {
        let input = if status.is_provisional() {
            Input::Provisional(response)
        } else if status.is_success() {
            Input::Success(response)
        } else {
            Input::Failure(response)
        };
        self.step(input, now);
    }

    /// Takes note that a response could not be sent.
    pub fn handle_transport_error(&mut self, now: Instant) {
        self.step(Input::TransportError, now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(input) = self.timers.pop_due(now).and_then(Input::from_timer) {
            self.step(input, now);
        }
    }

    /// The next output of the last step.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outbox.pop()
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<(Instant, TimerName)> {
        self.timers.next()
    }

    fn step(&mut self, input: Input, now: Instant) {
        match self.state {
            State::Proceeding => self.proceeding(input, now),
            State::Accepted => self.accepted(input),
            State::Completed => self.completed(&input, now),
            State::Confirmed => self.confirmed(&input),
            State::Terminated => {}
        }
    }

    fn proceeding(&mut self, input: Input, now: Instant) {
        match input {
            Input::Invite => self.retransmit(),
            Input::Provisional(response) => self.transmit(response),
            Input::Success(response) => {
                self.state = State::Accepted;
                self.timers.start(TimerName::L, now + TIMER_L);
                self.transmit(response);
            }
            Input::Failure(response) => self.complete(response, now),
            // The transaction stays, to absorb retransmissions (RFC 6026 8.7).
            Input::TransportError => self.outbox.push(Output::TransportError),
            Input::Ack | Input::TimerG | Input::TimerH | Input::TimerI | Input::TimerL => {}
        }
    }

    fn accepted(&mut self, input: Input) {
        match input {
            Input::Success(response) => self.transmit(response),
            Input::Ack => self.outbox.push(Output::Deliver),
            Input::TimerL => self.terminate(),
            Input::TransportError => self.outbox.push(Output::TransportError),
            Input::Invite
            | Input::Provisional(_)
            | Input::Failure(_)
            | Input::TimerG
            | Input::TimerH
            | Input::TimerI => {}
        }
    }

    fn completed(&mut self, input: &Input, now: Instant) {
        match input {
            Input::Invite => self.retransmit(),
            Input::Ack => self.confirm(now),
            Input::TimerG => {
                self.retransmit_interval = T2.min(2 * self.retransmit_interval);
                self.timers.start(TimerName::G, now + self.retransmit_interval);
                self.retransmit();
            }
            Input::TimerH => {
                self.outbox.push(Output::TimedOut);
                self.terminate();
            }
            Input::TransportError => self.outbox.push(Output::TransportError),
            Input::Provisional(_)
            | Input::Success(_)
            | Input::Failure(_)
            | Input::TimerI
            | Input::TimerL => {}
        }
    }

    fn confirmed(&mut self, input: &Input) {
        match input {
            Input::TimerI => self.terminate(),
            Input::Invite
            | Input::Ack
            | Input::Provisional(_)
            | Input::Success(_)
            | Input::Failure(_)
            | Input::TimerG
            | Input::TimerH
            | Input::TimerL
            | Input::TransportError => {}
        }
    }

    fn complete(&mut self, response: Bytes, now: Instant) {
        self.state = State::Completed;
        if !self.reliable {
            self.timers.start(TimerName::G, now + T1);
        }
        self.timers.start(TimerName::H, now + TIMER_H);
        self.transmit(response);
    }

    fn confirm(&mut self, now: Instant) {
        self.state = State::Confirmed;
        self.timers.stop_all();
        let wait = if self.reliable { Duration::ZERO } else { T4 };
        self.timers.start(TimerName::I, now + wait);
    }

    fn transmit(&mut self, response: Bytes) {
        self.last_response = Some(response.clone());
        self.outbox.push(Output::Transmit(response));
    }

    fn retransmit(&mut self) {
        if let Some(response) = self.last_response.clone() {
            self.outbox.push(Output::Transmit(response));
        }
    }

    fn terminate(&mut self) {
        self.state = State::Terminated;
        self.timers.stop_all();
    }
}

impl Input {
    fn from_timer(name: TimerName) -> Option<Self> {
        match name {
            TimerName::G => Some(Self::TimerG),
            TimerName::H => Some(Self::TimerH),
            TimerName::I => Some(Self::TimerI),
            TimerName::L => Some(Self::TimerL),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRYING: Bytes = Bytes::from_static(b"100");
    const BUSY: Bytes = Bytes::from_static(b"486");
    const OK: Bytes = Bytes::from_static(b"200");

    fn drain(server: &mut InviteServer) -> Vec<Output> {
        std::iter::from_fn(|| server.poll_output()).collect()
    }

    fn respond(server: &mut InviteServer, status: StatusCode, bytes: Bytes, now: Instant) {
        server.respond(status, bytes.clone(), now);
        assert_eq!(drain(server), [Output::Transmit(bytes)]);
    }

    fn run(server: &mut InviteServer, start: Instant) -> Vec<(u128, Output)> {
        let mut outputs = Vec::new();
        while let Some((at, _)) = server.poll_timeout() {
            server.handle_timeout(at);
            let millis = (at - start).as_millis();
            outputs.extend(drain(server).into_iter().map(|output| (millis, output)));
        }
        outputs
    }

    #[test]
    fn retransmitted_invite_gets_the_last_provisional_response() {
        let now = Instant::now();
        let mut server = InviteServer::new(false);
        server.handle_invite(now);
        assert!(drain(&mut server).is_empty());
        respond(&mut server, StatusCode::TRYING, TRYING, now);
        server.handle_invite(now);
        assert_eq!(drain(&mut server), [Output::Transmit(TRYING)]);
    }

    #[test]
    fn failure_is_retransmitted_up_to_t2_until_timer_h() {
        let now = Instant::now();
        let mut server = InviteServer::new(false);
        respond(&mut server, StatusCode::BUSY_HERE, BUSY, now);
        let outputs = run(&mut server, now);
        let times: Vec<_> = outputs.iter().map(|(at, _)| *at).collect();
        let expected =
            [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500, 32_000];
        assert_eq!(times, expected);
        assert_eq!(outputs.last(), Some(&(32_000, Output::TimedOut)));
    }

    #[test]
    fn ack_stops_retransmission_and_is_absorbed_for_t4() {
        let now = Instant::now();
        let mut server = InviteServer::new(false);
        respond(&mut server, StatusCode::BUSY_HERE, BUSY, now);
        server.handle_ack(now);
        server.handle_ack(now);
        server.handle_invite(now);
        assert!(drain(&mut server).is_empty());
        assert_eq!(server.poll_timeout(), Some((now + T4, TimerName::I)));
    }

    #[test]
    fn accepted_absorbs_the_invite_and_delivers_acks() {
        let now = Instant::now();
        let mut server = InviteServer::new(false);
        respond(&mut server, StatusCode::OK, OK, now);
        server.handle_invite(now);
        assert!(drain(&mut server).is_empty());
        server.handle_ack(now);
        assert_eq!(drain(&mut server), [Output::Deliver]);
        respond(&mut server, StatusCode::OK, OK, now);
        assert_eq!(server.poll_timeout(), Some((now + TIMER_L, TimerName::L)));
    }

    #[test]
    fn transport_error_keeps_the_transaction() {
        let now = Instant::now();
        let mut server = InviteServer::new(true);
        respond(&mut server, StatusCode::BUSY_HERE, BUSY, now);
        server.handle_transport_error(now);
        assert_eq!(drain(&mut server), [Output::TransportError]);
        assert_eq!(server.state(), State::Completed);
    }
}
