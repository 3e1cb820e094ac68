//! Non-INVITE server transaction (RFC 3261 17.2.2). Knows nothing of sockets or dialogs.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::outbox::{Outbox, Output};
use super::timer::{TIMER_F, TIMER_J, TimerName, TimerTable};
use crate::message::StatusCode;

/// States of figure 8 in RFC 3261.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The request waits for a response.
    Trying,
    /// A provisional response was sent.
    Proceeding,
    /// The final response was sent and is sent again for each retransmission.
    Completed,
    /// Nothing is left to do.
    Terminated,
}

enum Input {
    Request,
    Provisional(Bytes),
    Final(Bytes),
    TimerJ,
    Unanswered,
    TransportError,
}

/// The state machine.
#[derive(Debug, Clone)]
pub struct NonInviteServer {
    state: State,
    last_response: Option<Bytes>,
    reliable: bool,
    timers: TimerTable<1>,
    outbox: Outbox,
}

impl NonInviteServer {
    /// The transaction of a request that has just come.
    ///
    /// It ends by itself when the user has not answered after 64*T1: the client has given up then
    /// (Timer F) and no answer is wanted any more (RFC 4320 section 4.2).
    pub fn new(reliable: bool, now: Instant) -> Self {
        let mut timers = TimerTable::default();
        timers.start(TimerName::Unanswered, now + TIMER_F);
        Self {
            state: State::Trying,
            last_response: None,
            reliable,
            timers,
            outbox: Outbox::default(),
        }
    }

    /// Where the transaction stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes a retransmission of the request.
    pub fn handle_request(&mut self, now: Instant) {
        self.step(Input::Request, now);
    }

    /// Takes a response from the transaction user.
    pub fn respond(&mut self, status: StatusCode, response: Bytes, now: Instant) {
        let input = if status.is_provisional() {
            Input::Provisional(response)
        } else {
            Input::Final(response)
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
            State::Trying => self.trying(input, now),
            State::Proceeding => self.proceeding(input, now),
            State::Completed => self.completed(&input),
            State::Terminated => {}
        }
    }

    fn trying(&mut self, input: Input, now: Instant) {
        match input {
            Input::Provisional(response) => {
                self.state = State::Proceeding;
                self.transmit(response);
            }
            Input::Final(response) => self.complete(response, now),
            Input::Unanswered => self.terminate_with(Output::TimedOut),
            Input::TransportError => self.terminate_with(Output::TransportError),
            Input::Request | Input::TimerJ => {}
        }
    }

    fn proceeding(&mut self, input: Input, now: Instant) {
        match input {
            Input::Request => self.retransmit(),
            Input::Provisional(response) => self.transmit(response),
            Input::Final(response) => self.complete(response, now),
            Input::Unanswered => self.terminate_with(Output::TimedOut),
            Input::TransportError => self.terminate_with(Output::TransportError),
            Input::TimerJ => {}
        }
    }

    fn completed(&mut self, input: &Input) {
        match input {
            Input::Request => self.retransmit(),
            Input::TimerJ => self.terminate(),
            Input::TransportError => self.terminate_with(Output::TransportError),
            Input::Provisional(_) | Input::Final(_) | Input::Unanswered => {}
        }
    }

    fn complete(&mut self, response: Bytes, now: Instant) {
        self.state = State::Completed;
        self.timers.stop_all();
        let wait = if self.reliable { Duration::ZERO } else { TIMER_J };
        self.timers.start(TimerName::J, now + wait);
        self.transmit(response);
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

    fn terminate_with(&mut self, output: Output) {
        self.outbox.push(output);
        self.terminate();
    }

    fn terminate(&mut self) {
        self.state = State::Terminated;
        self.timers.stop_all();
    }
}

impl Input {
    fn from_timer(name: TimerName) -> Option<Self> {
        match name {
            TimerName::J => Some(Self::TimerJ),
            TimerName::Unanswered => Some(Self::Unanswered),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: Bytes = Bytes::from_static(b"200");

    fn drain(server: &mut NonInviteServer) -> Vec<Output> {
        std::iter::from_fn(|| server.poll_output()).collect()
    }

    #[test]
    fn retransmissions_get_the_final_response_for_timer_j() {
        let now = Instant::now();
        let mut server = NonInviteServer::new(false, now);
        server.handle_request(now);
        assert!(drain(&mut server).is_empty());
        server.respond(StatusCode::OK, OK, now);
        server.handle_request(now);
        let twice = [Output::Transmit(OK), Output::Transmit(OK)];
        assert_eq!(drain(&mut server), twice);
        assert_eq!(server.poll_timeout(), Some((now + TIMER_J, TimerName::J)));
        server.handle_timeout(now + TIMER_J);
        assert_eq!(server.state(), State::Terminated);
    }

    #[test]
    fn request_that_nobody_answers_is_given_up() {
        let now = Instant::now();
        let mut server = NonInviteServer::new(false, now);
        server.handle_timeout(now + TIMER_F);
        assert_eq!(drain(&mut server), [Output::TimedOut]);
        assert_eq!(server.state(), State::Terminated);
    }
}
