//! INVITE client transaction (RFC 3261 17.1.1, RFC 6026 8.4). Knows nothing of sockets or dialogs.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::outbox::{Outbox, Output};
use super::timer::{T1, TIMER_B, TIMER_D, TIMER_M, TimerName, TimerTable};
use crate::message::StatusCode;

/// States of figure 5 in RFC 3261 with the Accepted state of RFC 6026.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The INVITE is being sent.
    Calling,
    /// A provisional response came.
    Proceeding,
    /// A 2xx came; further ones, from other forks too, go to the user.
    Accepted,
    /// A failure came and was acknowledged.
    Completed,
    /// Nothing is left to do.
    Terminated,
}

enum Input {
    Provisional,
    Success,
    Failure(Bytes),
    Cancelled,
    TimerA,
    TimerB,
    TimerD,
    TimerM,
    CancelTimer,
    TransportError,
}

/// The state machine.
#[derive(Debug, Clone)]
pub struct InviteClient {
    state: State,
    request: Bytes,
    ack: Option<Bytes>,
    reliable: bool,
    retransmit_interval: Duration,
    timers: TimerTable<2>,
    outbox: Outbox,
}

impl InviteClient {
    /// Sends `request` and waits.
    pub fn new(request: Bytes, reliable: bool, now: Instant) -> Self {
        let mut client = Self {
            state: State::Calling,
            request: request.clone(),
            ack: None,
            reliable,
            retransmit_interval: T1,
            timers: TimerTable::default(),
            outbox: Outbox::default(),
        };
        client.outbox.push(Output::Transmit(request));
        if !reliable {
            client.timers.start(TimerName::A, now + T1);
        }
        client.timers.start(TimerName::B, now + TIMER_B);
        client
    }

    /// Where the transaction stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes a response. `ack` builds the ACK for a failure (RFC 3261 17.1.1.3).
    pub fn handle_response(
        &mut self,
        status: StatusCode,
        ack: impl FnOnce() -> Bytes,
        now: Instant,
    ) {
        let input = if status.is_provisional() {
            Input::Provisional
        } else if status.is_success() {
            Input::Success
        } else {
            Input::Failure(self.ack.clone().unwrap_or_else(ack))
        };
        self.step(input, now);
    }

    /// Takes note that a CANCEL was sent: a final response is owed within 64*T1 (RFC 3261 9.1).
    pub fn handle_cancel(&mut self, now: Instant) {
        self.step(Input::Cancelled, now);
    }

    /// Takes note that a message of this transaction could not be sent.
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
            State::Calling => self.calling(input, now),
            State::Proceeding => self.proceeding(input, now),
            State::Accepted => self.accepted(&input),
            State::Completed => self.completed(input),
            State::Terminated => {}
        }
    }

    fn calling(&mut self, input: Input, now: Instant) {
        match input {
            Input::Provisional => {
                self.state = State::Proceeding;
                self.timers.stop_all();
                self.outbox.push(Output::Deliver);
            }
            Input::Success => self.accept(now),
            Input::Failure(ack) => self.complete(ack, now),
            Input::TimerA => {
                self.retransmit_interval *= 2;
                self.timers.start(TimerName::A, now + self.retransmit_interval);
                self.outbox.push(Output::Transmit(self.request.clone()));
            }
            Input::TimerB => self.terminate_with(Output::TimedOut),
            Input::TransportError => self.terminate_with(Output::TransportError),
            Input::Cancelled | Input::CancelTimer | Input::TimerD | Input::TimerM => {}
        }
    }

    fn proceeding(&mut self, input: Input, now: Instant) {
        match input {
            Input::Provisional => self.outbox.push(Output::Deliver),
            Input::Success => self.accept(now),
            Input::Failure(ack) => self.complete(ack, now),
            Input::Cancelled => self.timers.start(TimerName::Cancel, now + 64 * T1),
            Input::CancelTimer => self.terminate_with(Output::TimedOut),
            Input::TransportError => self.terminate_with(Output::TransportError),
            Input::TimerA | Input::TimerB | Input::TimerD | Input::TimerM => {}
        }
    }

    fn accepted(&mut self, input: &Input) {
        match input {
            Input::Success => self.outbox.push(Output::Deliver),
            Input::TimerM => self.terminate(),
            Input::Provisional
            | Input::Failure(_)
            | Input::Cancelled
            | Input::CancelTimer
            | Input::TimerA
            | Input::TimerB
            | Input::TimerD
            | Input::TransportError => {}
        }
    }

    fn completed(&mut self, input: Input) {
        match input {
            Input::Failure(ack) => self.outbox.push(Output::Transmit(ack)),
            Input::TimerD => self.terminate(),
            Input::TransportError => self.terminate_with(Output::TransportError),
            Input::Provisional
            | Input::Success
            | Input::Cancelled
            | Input::CancelTimer
            | Input::TimerA
            | Input::TimerB
            | Input::TimerM => {}
        }
    }

    fn accept(&mut self, now: Instant) {
        self.state = State::Accepted;
        self.timers.stop_all();
        self.timers.start(TimerName::M, now + TIMER_M);
        self.outbox.push(Output::Deliver);
    }

    fn complete(&mut self, ack: Bytes, now: Instant) {
        self.state = State::Completed;
        self.timers.stop_all();
        let wait = if self.reliable { Duration::ZERO } else { TIMER_D };
        self.timers.start(TimerName::D, now + wait);
        self.outbox.push(Output::Transmit(ack.clone()));
        self.outbox.push(Output::Deliver);
        self.ack = Some(ack);
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
            TimerName::A => Some(Self::TimerA),
            TimerName::B => Some(Self::TimerB),
            TimerName::D => Some(Self::TimerD),
            TimerName::M => Some(Self::TimerM),
            TimerName::Cancel => Some(Self::CancelTimer),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: Bytes = Bytes::from_static(b"INVITE");
    const ACK: Bytes = Bytes::from_static(b"ACK");

    fn drain(client: &mut InviteClient) -> Vec<Output> {
        std::iter::from_fn(|| client.poll_output()).collect()
    }

    fn started(reliable: bool) -> (InviteClient, Instant) {
        let now = Instant::now();
        let mut client = InviteClient::new(INVITE, reliable, now);
        assert_eq!(drain(&mut client), [Output::Transmit(INVITE)]);
        (client, now)
    }

    fn respond(client: &mut InviteClient, status: StatusCode, now: Instant) -> Vec<Output> {
        client.handle_response(status, || ACK, now);
        drain(client)
    }

    /// Runs every timer and returns the times of the outputs, in milliseconds.
    fn run(client: &mut InviteClient, start: Instant) -> Vec<(u128, Output)> {
        let mut outputs = Vec::new();
        while let Some((at, _)) = client.poll_timeout() {
            client.handle_timeout(at);
            let millis = (at - start).as_millis();
            outputs.extend(drain(client).into_iter().map(|output| (millis, output)));
        }
        outputs
    }

    #[test]
    fn retransmissions_double_until_timer_b() {
        let (mut client, start) = started(false);
        let times: Vec<_> = run(&mut client, start).iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [500, 1_500, 3_500, 7_500, 15_500, 31_500, 32_000]);
        assert_eq!(client.state(), State::Terminated);
    }

    #[test]
    fn reliable_transport_sends_once_and_times_out() {
        let (mut client, start) = started(true);
        assert_eq!(run(&mut client, start), [(32_000, Output::TimedOut)]);
    }

    #[test]
    fn provisional_response_stops_retransmission_and_timeout() {
        let (mut client, now) = started(false);
        assert_eq!(respond(&mut client, StatusCode::RINGING, now), [Output::Deliver]);
        assert_eq!(client.poll_timeout(), None);
        assert_eq!(client.state(), State::Proceeding);
    }

    #[test]
    fn failure_is_acknowledged_each_time_and_delivered_once() {
        let (mut client, now) = started(false);
        let first = respond(&mut client, StatusCode::BUSY_HERE, now);
        assert_eq!(first, [Output::Transmit(ACK), Output::Deliver]);
        let again = respond(&mut client, StatusCode::BUSY_HERE, now);
        assert_eq!(again, [Output::Transmit(ACK)]);
        assert!(respond(&mut client, StatusCode::OK, now).is_empty());
        assert_eq!(client.poll_timeout(), Some((now + TIMER_D, TimerName::D)));
    }

    #[test]
    fn accepted_delivers_every_2xx_until_timer_m() {
        let (mut client, now) = started(false);
        assert_eq!(respond(&mut client, StatusCode::OK, now), [Output::Deliver]);
        assert_eq!(respond(&mut client, StatusCode::OK, now), [Output::Deliver]);
        assert!(respond(&mut client, StatusCode::BUSY_HERE, now).is_empty());
        assert_eq!(client.poll_timeout(), Some((now + TIMER_M, TimerName::M)));
        assert!(run(&mut client, now).is_empty());
        assert_eq!(client.state(), State::Terminated);
    }

    #[test]
    fn cancelled_invite_without_final_response_is_given_up() {
        let (mut client, now) = started(false);
        respond(&mut client, StatusCode::RINGING, now);
        client.handle_cancel(now);
        assert_eq!(run(&mut client, now), [(32_000, Output::TimedOut)]);
    }

    #[test]
    fn transport_error_ends_the_attempt() {
        let (mut client, now) = started(true);
        client.handle_transport_error(now);
        assert_eq!(drain(&mut client), [Output::TransportError]);
        assert_eq!(client.state(), State::Terminated);
    }
}
