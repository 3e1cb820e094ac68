//! A peer that says and expects what a script tells, in plain SIP text.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use offhook_sip::message::Message;

use crate::clock::VirtualClock;
use crate::engine::Engine;

/// Timeouts that one `advance` runs before it is taken for an engine that never rests.
const STEP_COUNT_MAX: usize = 100_000;

/// Speaks to one [`Engine`] and holds its time.
///
/// Every `expect` panics with the whole conversation when something else came.
pub struct ScriptedPeer<E> {
    /// The thing under test, for commands and events.
    pub engine: E,
    clock: VirtualClock,
    inbox: VecDeque<Message>,
    conversation: Vec<String>,
}

impl<E: Engine> ScriptedPeer<E> {
    /// A peer of `engine`.
    pub fn new(engine: E) -> Self {
        Self {
            engine,
            clock: VirtualClock::new(),
            inbox: VecDeque::new(),
            conversation: Vec::new(),
        }
    }

    /// The present instant, for the engine's commands.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Sends a message given as text. Indentation is taken away, line ends become CRLF, an empty
    /// line ends the headers, and Content-Length is written unless it is given.
    pub fn say(&mut self, text: &str) {
        let bytes = wire(text);
        self.log(">", &String::from_utf8_lossy(&bytes));
        self.engine.handle_datagram(bytes, self.clock.now());
        self.collect();
    }

    /// Answers a request that came from the engine. `status` is such as `180 Ringing`; `tag` is
    /// added to To when it has none; `more` is further header lines, and a body behind an empty
    /// line.
    pub fn reply(&mut self, request: &Message, status: &str, tag: &str, more: &str) {
        self.say(&reply_text(request, status, tag, more));
    }

    /// Takes the next message from the engine, which must begin with `start`: a method, or
    /// `SIP/2.0 180`.
    pub fn expect(&mut self, start: &str) -> Message {
        self.collect();
        let message = self.inbox.pop_front();
        let Some(message) = message.filter(|found| found.to_string().starts_with(start)) else {
            panic!("expected {start}\n{}", self.conversation());
        };
        message
    }

    /// Asserts that the engine has sent nothing more.
    pub fn expect_nothing(&mut self) {
        self.collect();
        assert!(self.inbox.is_empty(), "expected nothing\n{}", self.conversation());
    }

    /// Takes whatever the engine has sent.
    pub fn received(&mut self) -> Vec<Message> {
        self.collect();
        self.inbox.drain(..).collect()
    }

    /// Lets time pass, running every timeout at its own instant.
    pub fn advance(&mut self, duration: Duration) {
        let end = self.clock.now() + duration;
        self.collect();
        for _ in 0..STEP_COUNT_MAX {
            let Some(due) = self.engine.poll_timeout().filter(|due| *due <= end) else {
                self.clock.advance_to(end);
                return;
            };
            self.clock.advance_to(due);
            self.engine.handle_timeout(self.clock.now());
            self.collect();
        }
        panic!("the engine's timeouts never end\n{}", self.conversation());
    }

    /// Time since the peer was made.
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Everything said so far, for failure messages.
    pub fn conversation(&self) -> String {
        self.conversation.join("\n")
    }

    fn collect(&mut self) {
        while let Some(bytes) = self.engine.poll_transmit() {
            self.log("<", &String::from_utf8_lossy(&bytes));
            let message = Message::parse(bytes);
            let message = message.unwrap_or_else(|failure| {
                panic!("not a SIP message: {failure}\n{}", self.conversation())
            });
            self.inbox.push_back(message);
        }
    }

    fn log(&mut self, arrow: &str, text: &str) {
        let elapsed = self.clock.elapsed().as_millis();
        self.conversation.push(format!("{arrow} {elapsed} ms\n{text}"));
    }
}

/// The bytes of a message that a test gives as indented text.
fn wire(text: &str) -> Bytes {
    let lines: Vec<&str> = text.trim_start().lines().map(str::trim).collect();
    let end = lines.iter().position(|line| line.is_empty()).unwrap_or(lines.len());
    let (head, rest) = lines.split_at(end);
    let body_lines = rest.get(1..).unwrap_or_default();
    let mut body = body_lines.join("\r\n");
    if !body.trim().is_empty() {
        body.truncate(body.trim_end().len());
        body.push_str("\r\n");
    } else {
        body.clear();
    }
    let mut message = head.join("\r\n");
    if !head.iter().any(|line| line.to_ascii_lowercase().starts_with("content-length")) {
        message.push_str(&format!("\r\nContent-Length: {}", body.len()));
    }
    Bytes::from(format!("{message}\r\n\r\n{body}"))
}

fn reply_text(request: &Message, status: &str, tag: &str, more: &str) -> String {
    let mut text = format!("SIP/2.0 {status}\n");
    for field in request.headers() {
        let name = field.name_text.to_ascii_lowercase();
        match name.as_str() {
            "via" | "from" | "call-id" | "cseq" | "record-route" => {
                text.push_str(&format!("{}: {}\n", field.name_text, field.value));
            }
            "to" if tag.is_empty() || field.value.contains(";tag=") => {
                text.push_str(&format!("To: {}\n", field.value));
            }
            "to" => text.push_str(&format!("To: {};tag={tag}\n", field.value)),
            _ => {}
        }
    }
    text.push_str(more.trim_start());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_wire_format() {
        let bytes = wire(
            "
            OPTIONS sip:a SIP/2.0
            CSeq: 1 OPTIONS

            v=0
            s=-
            ",
        );
        let expected = "OPTIONS sip:a SIP/2.0\r\nCSeq: 1 OPTIONS\r\nContent-Length: 10\r\n\r\n\
                        v=0\r\ns=-\r\n";
        assert_eq!(bytes, expected);
    }

    #[test]
    fn text_without_body_ends_with_an_empty_line() {
        let expected = "ACK sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(wire("ACK sip:a SIP/2.0"), expected);
    }

    /// Sends one message at each of two times.
    struct Twice(Vec<Instant>, VecDeque<Bytes>);

    impl Engine for Twice {
        fn handle_datagram(&mut self, datagram: Bytes, _now: Instant) {
            self.1.push_back(datagram);
        }

        fn handle_timeout(&mut self, now: Instant) {
            self.0.retain(|due| *due > now);
            self.1.push_back(wire("OPTIONS sip:a SIP/2.0"));
        }

        fn poll_transmit(&mut self) -> Option<Bytes> {
            self.1.pop_front()
        }

        fn poll_timeout(&self) -> Option<Instant> {
            self.0.first().copied()
        }
    }

    #[test]
    fn advance_runs_what_is_due_and_no_more() {
        let start = Instant::now();
        let due = [1, 5].map(|seconds| start + Duration::from_secs(seconds));
        let mut peer = ScriptedPeer::new(Twice(due.to_vec(), VecDeque::new()));
        peer.advance(Duration::from_secs(3));
        peer.expect("OPTIONS");
        peer.expect_nothing();
        peer.advance(Duration::from_secs(3));
        peer.expect("OPTIONS");
        assert_eq!(peer.elapsed(), Duration::from_secs(6));
    }

    #[test]
    #[should_panic(expected = "expected ACK")]
    fn expect_of_something_else_panics() {
        let mut peer = ScriptedPeer::new(Twice(Vec::new(), VecDeque::new()));
        peer.say("BYE sip:a SIP/2.0");
        peer.expect("ACK");
    }
}
