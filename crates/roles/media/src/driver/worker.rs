//! One media thread.

use super::Notice;
use super::measures;
use super::packet_io::{PacketIo, WAKE, Waker, reachable_from};
use super::recorder::RecorderLink;
use super::sockets::Sockets;
use super::sounds::{Sounds, Wanted};
use crate::state::{Clock, Engine, Leg, LegAddresses, Output, Packet, Seed};
use anyhow::Context;
use offhook_bus::{
    ConferenceCommand, MediaCommand, MediaEvent, MediaTrouble, Outbox, RecordingSource,
};
use offhook_model::LegId;
use offhook_rtc::Component;
use offhook_speech::Pcm;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// Messages that wait for one media thread.
const MESSAGES_MAX: usize = 16_384;
/// Bytes of a datagram at most; a longer one is cut and fails its checks.
const DATAGRAM_BYTES_MAX: usize = 2_048;
/// How often what was counted is handed to the metrics.
const COUNTS_INTERVAL: Duration = Duration::from_secs(1);

/// What a media thread is told.
pub(crate) enum Message {
    /// Make a leg on these sockets.
    Add { leg: LegId, sockets: Sockets, addresses: LegAddresses, seed: Box<Seed> },
    /// Carry out a command.
    Command { command: Box<MediaCommand>, seed: Box<Seed> },
    /// Give the leg up, to be adopted by another thread.
    Surrender { leg: LegId, reply: SyncSender<Option<(Box<Leg>, Sockets)>> },
    /// Take in a leg that another thread gave up.
    Adopt { leg: Box<Leg>, sockets: Sockets },
    /// A sound was fetched.
    Sound { leg: LegId, ticket: u64, sound: Option<Arc<Pcm>> },
    /// End the thread.
    Stop,
}

/// The way to a media thread.
#[derive(Debug, Clone)]
pub(crate) struct WorkerHandle {
    messages: SyncSender<Message>,
    waker: Waker,
}

impl WorkerHandle {
    /// Hands over a message. It waits while the thread's queue is full, which keeps the order.
    pub(crate) fn send(&self, message: Message) {
        if self.messages.send(message).is_err() {
            tracing::error!("a media thread is gone");
        }
        self.waker.wake();
    }
}

pub(crate) struct Worker<Io> {
    engine: Engine,
    io: Io,
    /// Sockets by token; a leg has the tokens of its place for RTP and RTCP.
    places: Vec<Option<(LegId, Sockets)>>,
    free_places: Vec<usize>,
    place_of: HashMap<LegId, usize>,
    events: Outbox<MediaEvent>,
    notices: mpsc::Sender<Notice>,
    sounds: Sounds,
    recorder: RecorderLink,
    counted_at: Instant,
}

impl<Io: PacketIo + 'static> Worker<Io> {
    pub(crate) fn new(
        engine: Engine,
        io: Io,
        events: Outbox<MediaEvent>,
        notices: mpsc::Sender<Notice>,
        sounds: Sounds,
        recorder: RecorderLink,
    ) -> Self {
        Self {
            engine,
            io,
            places: Vec::new(),
            free_places: Vec::new(),
            place_of: HashMap::new(),
            events,
            notices,
            sounds,
            recorder,
            counted_at: Instant::now(),
        }
    }

    pub(crate) fn start(
        mut self,
        number: usize,
        waker: Waker,
    ) -> anyhow::Result<(WorkerHandle, JoinHandle<()>)> {
        let (messages, inbox) = sync_channel(MESSAGES_MAX);
        let thread = std::thread::Builder::new()
            .name(format!("media-{number}"))
            .spawn(move || self.run(&inbox))
            .context("starting a media thread")?;
        Ok((WorkerHandle { messages, waker }, thread))
    }

    fn run(&mut self, inbox: &Receiver<Message>) {
        let mut ready = Vec::new();
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            let timeout = self.timeout();
            if let Err(error) = self.io.wait(timeout, &mut ready) {
                tracing::error!(%error, "waiting for packets failed");
                return;
            }
            for token in &ready {
                if *token == WAKE {
                    if self.handle_messages(inbox).is_err() {
                        return;
                    }
                } else {
                    self.receive(*token, &mut buffer);
                }
            }
            self.handle_timers();
            self.flush_counts();
        }
    }

    /// Whatever was counted is handed over in time, also after the last leg has ended.
    fn timeout(&mut self) -> Option<Duration> {
        let now = Instant::now();
        let next = self.engine.poll_timeout().map(|due| due.saturating_duration_since(now));
        if !self.engine.has_counts() && !self.recorder.is_holding() {
            return next;
        }
        Some(next.map_or(COUNTS_INTERVAL, |next| next.min(COUNTS_INTERVAL)))
    }

    fn handle_messages(&mut self, inbox: &Receiver<Message>) -> Result<(), ()> {
        loop {
            match inbox.try_recv() {
                Ok(Message::Stop) | Err(TryRecvError::Disconnected) => return Err(()),
                Ok(message) => self.handle_message(message),
                Err(TryRecvError::Empty) => return Ok(()),
            }
        }
    }

    fn handle_message(&mut self, message: Message) {
        let now = Instant::now();
        match message {
            Message::Add { leg, sockets, addresses, seed } => {
                if self.watch(leg, sockets) {
                    self.engine.add_leg(leg, addresses, &seed, clock(now));
                }
            }
            Message::Command { command, seed } => {
                let leg = leg_of(&command);
                self.guard(leg, now, |engine| engine.handle_command(*command, &seed, now));
            }
            Message::Surrender { leg, reply } => {
                let surrendered = self.surrender(leg, now);
                if reply.send(surrendered).is_err() {
                    tracing::error!(%leg, "a leg is lost: nobody waits for it");
                }
            }
            Message::Adopt { leg, sockets } => {
                if self.watch(leg.id(), sockets) {
                    self.engine.put_leg(leg, now);
                }
            }
            Message::Sound { leg, ticket, sound } => {
                self.engine.handle_sound(leg, ticket, sound.as_ref());
            }
            Message::Stop => {}
        }
        self.drain(now);
    }

    /// Gives a leg's sockets a place and watches them.
    fn watch(&mut self, leg: LegId, sockets: Sockets) -> bool {
        let place = self.free_places.pop().unwrap_or(self.places.len());
        for component in [Component::Rtp, Component::Rtcp] {
            if let Err(error) = self.io.add(sockets.of(component), token(place, component)) {
                tracing::error!(%error, "a socket cannot be watched");
                self.free_places.push(place);
                self.notify_closed(leg);
                return false;
            }
        }
        if place == self.places.len() {
            self.places.push(None);
        }
        self.places[place] = Some((leg, sockets));
        self.place_of.insert(leg, place);
        true
    }

    fn unwatch(&mut self, leg: LegId) -> Option<Sockets> {
        let place = self.place_of.remove(&leg)?;
        let (_, sockets) = self.places.get_mut(place)?.take()?;
        self.free_places.push(place);
        for component in [Component::Rtp, Component::Rtcp] {
            if let Err(error) = self.io.remove(sockets.of(component)) {
                tracing::debug!(%error, "a socket was not watched");
            }
        }
        Some(sockets)
    }

    fn surrender(&mut self, leg: LegId, now: Instant) -> Option<(Box<Leg>, Sockets)> {
        let taken = self.engine.take_leg(leg, now)?;
        Some((taken, self.unwatch(leg)?))
    }

    fn receive(&mut self, token: u64, buffer: &mut [u8]) {
        let Some((place, component)) = place_of(token) else { return };
        let Some(Some((leg, sockets))) = self.places.get(place) else { return };
        let leg = *leg;
        match self.io.receive(sockets.of(component), buffer) {
            Ok(Some((length, source))) => {
                let now = Instant::now();
                let packet = &mut buffer[..length];
                self.guard(leg, now, |engine| {
                    engine.handle_packet(leg, component, source, packet, now);
                });
                self.drain(now);
            }
            Ok(None) => {}
            // A port unreachable message from the far side reads as an error once.
            Err(error) => tracing::trace!(%error, "receiving failed"),
        }
    }

    fn handle_timers(&mut self) {
        let now = Instant::now();
        while let Some(leg) = self.engine.take_due(now) {
            self.guard(leg, now, |engine| engine.handle_due(leg, now));
        }
        self.drain(now);
    }

    /// Runs the engine for one leg. A panic is ours: that leg dies, the others live.
    fn guard(&mut self, leg: LegId, now: Instant, act: impl FnOnce(&mut Engine)) {
        let engine = &mut self.engine;
        if catch_unwind(AssertUnwindSafe(|| act(engine))).is_err() {
            tracing::error!(%leg, "a leg panicked and is dropped");
            metrics::counter!("offhook_media_legs_panicked_total").increment(1);
            self.engine.drop_leg(leg, now);
            // For the switch it is as if the party could not be reached any longer.
            let what = MediaTrouble::IceFailed;
            self.tell(MediaEvent::Trouble { leg, what });
        }
    }

    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Transmit { leg, component, destination, packet } => {
                    self.send(leg, component, destination, packet);
                }
                Output::Event(event) => self.tell(event),
                Output::Fetch { leg, ticket, source } => {
                    if self.sounds.want(Wanted { leg, ticket, source }).is_err() {
                        tracing::warn!("too many sounds are being fetched");
                        self.engine.handle_sound(leg, ticket, None);
                    }
                }
                Output::Recorded(piece) => self.recorder.hand_over(piece),
                Output::Closed { leg } => {
                    drop(self.unwatch(leg));
                    self.notify_closed(leg);
                }
            }
        }
        debug_assert!(now <= Instant::now());
    }

    fn send(&mut self, leg: LegId, component: Component, to: SocketAddr, packet: Packet) {
        let sockets = self.place_of.get(&leg).and_then(|place| self.places[*place].as_ref());
        if let Some((_, sockets)) = sockets {
            let to = reachable_from(sockets.bound, to);
            if let Err(error) = self.io.send(sockets.of(component), packet.as_bytes(), to) {
                tracing::trace!(%error, "sending failed");
            }
        }
        self.engine.recycle(packet);
    }

    fn tell(&self, event: MediaEvent) {
        if let MediaEvent::Released { report: Some(report), .. } = &event {
            measures::record(report);
        }
        if let Err(full) = self.events.send(event) {
            tracing::warn!(event = ?full.0, "the switch does not listen");
            metrics::counter!("offhook_media_events_lost_total").increment(1);
        }
    }

    fn notify_closed(&self, leg: LegId) {
        if self.notices.try_send(Notice::Closed(leg)).is_err() {
            tracing::debug!(%leg, "the dispatcher is gone");
        }
    }

    fn flush_counts(&mut self) {
        if self.counted_at.elapsed() < COUNTS_INTERVAL {
            return;
        }
        self.counted_at = Instant::now();
        self.recorder.retry();
        measures::count(self.engine.take_counts());
    }
}

/// A wall clock before 1970 reads as 1970.
fn clock(now: Instant) -> Clock {
    let unix_time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Clock { now, unix_time }
}

/// The leg that a command is about; none has the default's number.
fn leg_of(command: &MediaCommand) -> LegId {
    match command {
        MediaCommand::Answer { leg, .. }
        | MediaCommand::Offer { leg, .. }
        | MediaCommand::AcceptAnswer { leg, .. }
        | MediaCommand::Rollback { leg }
        | MediaCommand::Play { leg, .. }
        | MediaCommand::Stop { leg }
        | MediaCommand::Echo { leg, .. }
        | MediaCommand::Bridge { a: leg, .. }
        | MediaCommand::Unbridge { leg }
        | MediaCommand::SendDtmf { leg, .. }
        | MediaCommand::Release { leg }
        | MediaCommand::Record { source: RecordingSource::Leg(leg), .. } => *leg,
        MediaCommand::Conference { command, .. } => member_of(command).unwrap_or_default(),
        MediaCommand::Record { source: RecordingSource::Conference(_), .. } => LegId::default(),
    }
}

/// The member that a command is about.
pub(crate) fn member_of(command: &ConferenceCommand) -> Option<LegId> {
    match command {
        ConferenceCommand::Join { leg, .. }
        | ConferenceCommand::SetRole { leg, .. }
        | ConferenceCommand::Leave { leg } => Some(*leg),
        ConferenceCommand::Play { .. } | ConferenceCommand::Stop => None,
    }
}

fn token(place: usize, component: Component) -> u64 {
    let place = u64::try_from(place).expect("a place fits in 64 bits");
    place * 2 + u64::from(component == Component::Rtcp)
}

fn place_of(token: u64) -> Option<(usize, Component)> {
    let component = if token.is_multiple_of(2) { Component::Rtp } else { Component::Rtcp };
    Some((usize::try_from(token / 2).ok()?, component))
}
