//! Non-INVITE client transaction (RFC 3261 17.1.2). Knows nothing of sockets or dialogs.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::outbox::{Outbox, Output};
use super::timer::{T1, T2, T4, TIMER_F, TimerName, TimerTable};
use crate::message::StatusCode;

/// States of figure 6 in RFC 3261.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The request is being sent.
    Trying,
    /// A provisional response came.
    Proceeding,
    /// The final response came; retransmissions of it are absorbed.
    Completed,
    /// Nothing is left to do.
    Terminated,
}

enum Input {
    Provisional,
    Final,
    TimerE,
    TimerF,
    TimerK,
    TransportError,
}

/// The state machine.
#[derive(Debug, Clone)]
pub struct NonInviteClient {
    state: State,
    request: Bytes,
    reliable: bool,
    retransmit_interval: Duration,
    timers: TimerTable<2>,
    outbox: Outbox,
}

impl NonInviteClient {
    /// Sends `request` and waits.
    pub fn new(request: Bytes, reliable: bool, now: Instant) -> Self {
        let mut client = Self {
            state: State::Trying,
            request: request.clone(),
            reliable,
            retransmit_interval: T1,
            timers: TimerTable::default(),
            outbox: Outbox::default(),
        };
        client.outbox.push(Output::Transmit(request));
        if !reliable {
            client.timers.start(TimerName::E, now + T1);
        }
        client.timers.start(TimerName::F, now + TIMER_F);
        client
    }

    /// Where the transaction stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes a response.
    pub fn handle_response(&mut self, status: StatusCode, now: Instant) {
        let input = if status.is_provisional() { Input::Provisional } else { Input::Final };
        self.step(&input, now);
    }

    /// Takes note that the request could not be sent.
    pub fn handle_transport_error(&mut self, now: Instant) {
        self.step(&Input::TransportError, now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(input) = self.timers.pop_due(now).and_then(Input::from_timer) {
            self.step(&input, now);
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

    fn step(&mut self, input: &Input, now: Instant) {
        match self.state {
            State::Trying => self.trying(input, now),
            State::Proceeding => self.proceeding(input, now),
            State::Completed => self.completed(input),
            State::Terminated => {}
        }
    }

    fn trying(&mut self, input: &Input, now: Instant) {
        match input {
            Input::Provisional => {
                self.state = State::Proceeding;
                self.retransmit_interval = T2;
                self.outbox.push(Output::Deliver);
            }
            Input::Final => self.complete(now),
            Input::TimerE => {
                self.retransmit_interval = T2.min(2 * self.retransmit_interval);
                self.retransmit(now);
            }
            Input::TimerF => self.terminate_with(Output::TimedOut),
            Input::TransportError => self.terminate_with(Output::TransportError),
            Input::TimerK => {}
        }
    }

    fn proceeding(&mut self, input: &Input, now: Instant) {
        match input {
            Input::Provisional => self.outbox.push(Output::Deliver),
            Input::Final => self.complete(now),
            Input::TimerE => self.retransmit(now),
            Input::TimerF => self.terminate_with(Output::TimedOut),
            Input::TransportError => self.terminate_with(Output::TransportError),
            Input::TimerK => {}
        }
    }

    fn completed(&mut self, input: &Input) {
        match input {
            Input::TimerK => self.terminate(),
            Input::Provisional
            | Input::Final
            | Input::TimerE
            | Input::TimerF
            | Input::TransportError => {}
        }
    }

    fn complete(&mut self, now: Instant) {
        self.state = State::Completed;
        self.timers.stop_all();
        let wait = if self.reliable { Duration::ZERO } else { T4 };
        self.timers.start(TimerName::K, now + wait);
        self.outbox.push(Output::Deliver);
    }

    fn retransmit(&mut self, now: Instant) {
        self.timers.start(TimerName::E, now + self.retransmit_interval);
        self.outbox.push(Output::Transmit(self.request.clone()));
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
            TimerName::E => Some(Self::TimerE),
            TimerName::F => Some(Self::TimerF),
            TimerName::K => Some(Self::TimerK),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: Bytes = Bytes::from_static(b"OPTIONS");

    fn drain(client: &mut NonInviteClient) -> Vec<Output> {
        std::iter::from_fn(|| client.poll_output()).collect()
    }

    fn started(reliable: bool) -> (NonInviteClient, Instant) {
        let now = Instant::now();
        let mut client = NonInviteClient::new(OPTIONS, reliable, now);
        assert_eq!(drain(&mut client), [Output::Transmit(OPTIONS)]);
        (client, now)
    }

    fn run(client: &mut NonInviteClient, start: Instant) -> Vec<(u128, Output)> {
        let mut outputs = Vec::new();
        while let Some((at, _)) = client.poll_timeout() {
            client.handle_timeout(at);
            let millis = (at - start).as_millis();
            outputs.extend(drain(client).into_iter().map(|output| (millis, output)));
        }
        outputs
    }

    #[test]
    fn retransmissions_double_up_to_t2_until_timer_f() {
        let (mut client, start) = started(false);
        let outputs = run(&mut client, start);
        let times: Vec<_> = outputs.iter().map(|(at, _)| *at).collect();
        let expected =
            [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500, 32_000];
        assert_eq!(times, expected);
        assert_eq!(outputs.last(), Some(&(32_000, Output::TimedOut)));
    }

    #[test]
    fn provisional_response_slows_retransmission_to_t2() {
        let (mut client, start) = started(false);
        client.handle_response(StatusCode::TRYING, start);
        assert_eq!(drain(&mut client), [Output::Deliver]);
        let outputs = run(&mut client, start);
        let times: Vec<_> = outputs.iter().map(|(at, _)| *at).collect();
        let expected = [500, 4_500, 8_500, 12_500, 16_500, 20_500, 24_500, 28_500, 32_000];
        assert_eq!(times, expected);
    }

    #[test]
    fn final_response_is_delivered_once() {
        let (mut client, now) = started(false);
        client.handle_response(StatusCode::OK, now);
        client.handle_response(StatusCode::OK, now);
        assert_eq!(drain(&mut client), [Output::Deliver]);
        assert_eq!(client.poll_timeout(), Some((now + T4, TimerName::K)));
    }

    #[test]
    fn reliable_transport_completes_at_once() {
        let (mut client, now) = started(true);
        client.handle_response(StatusCode::OK, now);
        assert_eq!(drain(&mut client), [Output::Deliver]);
        client.handle_timeout(now);
        assert_eq!(client.state(), State::Terminated);
    }
}
