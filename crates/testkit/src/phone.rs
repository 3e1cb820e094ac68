//! A user agent with its events kept for a test to read.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use offhook_sip::transaction::Transport;
use offhook_sip::user_agent::{Config, Event, LegHandle, Output, UserAgent};

use crate::engine::Engine;
use crate::rng::Rng;

/// A [`UserAgent`] whose only peer is the other end of the test.
pub struct Phone {
    /// The user agent, for commands.
    pub ua: UserAgent<Transport>,
    transport: Transport,
    transmits: VecDeque<Bytes>,
    events: VecDeque<Event<Transport>>,
}

impl Phone {
    /// A phone over UDP with the default configuration, reached as `sip:NAME@NAME.example.org`.
    pub fn seeded(name: &str, seed: u64) -> Self {
        Self::configured(Self::config(name), Transport::Udp, seed)
    }

    /// The configuration that [`Phone::seeded`] uses.
    pub fn config(name: &str) -> Config {
        let host = format!("{name}.example.org");
        Config::new(format!("sip:{name}@{host}"), host)
    }

    /// A phone with any configuration and transport.
    pub fn configured(config: Config, transport: Transport, seed: u64) -> Self {
        Self {
            ua: UserAgent::new(config, Rng::seeded(seed).bytes32()),
            transport,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// The peer to name in commands.
    pub fn peer(&self) -> Transport {
        self.transport
    }

    /// The next event.
    pub fn event(&mut self) -> Option<Event<Transport>> {
        self.collect();
        self.events.pop_front()
    }

    /// All events so far.
    pub fn events(&mut self) -> Vec<Event<Transport>> {
        self.collect();
        self.events.drain(..).collect()
    }

    /// Takes events until one is an incoming call, and gives its leg.
    pub fn incoming(&mut self) -> Option<LegHandle> {
        while let Some(event) = self.event() {
            if let Event::IncomingInvite { handle, .. } = event {
                return Some(handle);
            }
        }
        None
    }

    fn collect(&mut self) {
        while let Some(output) = self.ua.poll_output() {
            match output {
                Output::Transmit(transmit) => self.transmits.push_back(transmit.bytes),
                Output::Event(event) => self.events.push_back(*event),
            }
        }
    }
}

impl Engine for Phone {
    fn handle_datagram(&mut self, datagram: Bytes, now: Instant) {
        self.ua.handle_datagram(datagram, self.transport, now);
        self.collect();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.ua.handle_timeout(now);
        self.collect();
    }

    fn poll_transmit(&mut self) -> Option<Bytes> {
        self.collect();
        self.transmits.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.ua.poll_timeout().map(|(at, _)| at)
    }
}
