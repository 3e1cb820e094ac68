//! One media thread.

use super::Notice;
use super::forks::ForkLink;
use super::load::{self, LoadMeter};
use super::measures;
use super::numbers::Numbers;
use super::recorder::RecorderLink;
use super::sockets::Sockets;
use super::sounds::{Sounds, Wanted};
use crate::state::{
    Clock, Engine, Leg, LegAddresses, LegMap, Output, Packet, Reserved, Seed, Spoken,
};
use anyhow::Context;
use offhook_bus::{LegSnapshot, MediaCommand, MediaEvent, MediaEvents, MediaTrouble};
use offhook_model::{ForkId, LegId};
use offhook_net::packet_io::{Arrival, PacketIo, Waker, reachable_from};
use offhook_rtc::Component;
use offhook_speech::Pcm;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// Messages that wait for one media thread.
const MESSAGES_MAX: usize = 16_384;
/// How long messages are carried out before packets are looked at again: the one that begins last may take
/// longer, and nothing else delays a packet.
const MESSAGES_TURN: Duration = Duration::from_millis(1);
/// How often what was counted is handed to the metrics.
const COUNTS_INTERVAL: Duration = Duration::from_secs(1);

/// What a media thread is told.
pub(crate) enum Message {
    /// Make a leg on these sockets.
    Add { leg: LegId, sockets: Sockets, addresses: LegAddresses, seed: Box<Seed> },
    /// Make the leg of another process again, on these sockets.
    Restore { leg: LegId, sockets: Sockets, restored: Box<Restored>, seed: Box<Seed> },
    /// Carry out a command.
    Command { command: Box<MediaCommand>, seed: Box<Seed> },
    /// Give the leg up, to be adopted by another thread.
    Surrender { leg: LegId, reply: SyncSender<Option<(Box<Leg>, Sockets)>> },
    /// Take in a leg that another thread gave up.
    Adopt { leg: Box<Leg>, sockets: Sockets },
    /// A sound was fetched.
    Sound { leg: LegId, ticket: u64, sound: Option<Arc<Pcm>> },
    /// There is a fork; the leg may be here now or later.
    ForkOpened { fork: ForkId, link: ForkLink },
    /// The receiver of a fork wants the party to hear something.
    Spoken { leg: LegId, fork: ForkId, spoken: Vec<Spoken> },
    /// A fork is over.
    ForkOver { fork: ForkId },
    /// End the thread.
    Stop,
}

/// What a leg was in another process.
pub(crate) struct Restored {
    pub(crate) snapshot: LegSnapshot,
    /// What it had reserved, as far as that is known.
    pub(crate) reserved: Option<Reserved>,
    pub(crate) age: Duration,
    pub(crate) advertised: Arc<[IpAddr]>,
}

/// The way to a media thread.
#[derive(Debug, Clone)]
pub(crate) struct WorkerHandle {
    messages: SyncSender<Message>,
    waker: Waker,
    is_overloaded: Arc<AtomicBool>,
}

impl WorkerHandle {
    /// Hands over a message and wakes the thread.
    pub(crate) fn send(&self, message: Message) {
        self.put(message);
        self.wake();
    }

    /// Hands over a message that the thread may find late: [`Self::wake`] is for when the last is put. It
    /// waits while the thread's queue is full, which keeps the order.
    pub(crate) fn put(&self, message: Message) {
        let put = match self.messages.try_send(message) {
            Err(TrySendError::Full(message)) => {
                self.wake();
                self.messages.send(message).is_ok()
            }
            put => put.is_ok(),
        };
        if !put {
            tracing::error!("a media thread is gone");
        }
    }

    /// The thread looks at what was put.
    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// Whether the thread takes on no further transcoding and mixing.
    pub(crate) fn is_overloaded(&self) -> bool {
        self.is_overloaded.load(Ordering::Relaxed)
    }
}

pub(crate) struct Worker {
    engine: Engine,
    /// It owns the sockets.
    io: Box<dyn PacketIo>,
    /// Legs by the tokens of their sockets; a leg has the tokens of its place for RTP and RTCP.
    places: Vec<Option<Place>>,
    free_places: Vec<usize>,
    place_of: LegMap<usize>,
    events: MediaEvents,
    notices: mpsc::Sender<Notice>,
    sounds: Sounds,
    recorder: RecorderLink,
    numbers: Numbers,
    forks: HashMap<ForkId, ForkLink>,
    counted_at: Instant,
    /// Whether messages may be waiting.
    has_messages: bool,
    load: LoadMeter,
    /// Shown to whoever chooses a thread.
    is_overloaded: Arc<AtomicBool>,
    number: usize,
}

/// Where a leg's packets come and go.
#[derive(Debug, Clone, Copy)]
struct Place {
    leg: LegId,
    bound: IpAddr,
}

/// The thread is told to end.
struct Stopped;

impl Worker {
    pub(crate) fn new(
        engine: Engine,
        io: Box<dyn PacketIo>,
        events: MediaEvents,
        notices: mpsc::Sender<Notice>,
        sounds: Sounds,
        recorder: RecorderLink,
        numbers: Numbers,
    ) -> Self {
        Self {
            engine,
            io,
            places: Vec::new(),
            free_places: Vec::new(),
            place_of: LegMap::default(),
            events,
            notices,
            sounds,
            recorder,
            numbers,
            forks: HashMap::new(),
            counted_at: Instant::now(),
            has_messages: false,
            load: LoadMeter::new(Instant::now()),
            is_overloaded: Arc::default(),
            number: 0,
        }
    }

    /// Starts the thread, on a processor of its own if one is named.
    pub(crate) fn start(
        mut self,
        number: usize,
        processor: Option<usize>,
    ) -> anyhow::Result<(WorkerHandle, JoinHandle<()>)> {
        let (messages, inbox) = sync_channel(MESSAGES_MAX);
        let waker = self.io.waker();
        let is_overloaded = Arc::clone(&self.is_overloaded);
        self.number = number;
        let thread = std::thread::Builder::new()
            .name(format!("media-{number}"))
            .spawn(move || {
                pin(processor);
                self.run(&inbox);
            })
            .context("starting a media thread")?;
        Ok((WorkerHandle { messages, waker, is_overloaded }, thread))
    }

    fn run(&mut self, inbox: &Receiver<Message>) {
        loop {
            let now = Instant::now();
            self.load.handle_wait(now);
            let timeout = self.timeout(now);
            if let Err(error) = self.io.wait(timeout) {
                tracing::error!(%error, "waiting for packets failed");
                return;
            }
            // What came within a millisecond came at once.
            let now = Instant::now();
            self.measure_load(now);
            self.receive(now);
            self.handle_timers(now);
            if self.has_messages && self.handle_messages(inbox).is_err() {
                return;
            }
            self.flush_counts(now);
        }
    }

    /// Whatever was counted is handed over in time, also after the last leg has ended.
    fn timeout(&mut self, now: Instant) -> Option<Duration> {
        if self.has_messages {
            return Some(Duration::ZERO);
        }
        let next = self.engine.poll_timeout().map(|due| due.saturating_duration_since(now));
        let is_loaded = self.load.is_loaded() || self.engine.is_load_settling();
        if !self.engine.has_counts() && !self.recorder.is_holding() && !is_loaded {
            return next;
        }
        let interval = COUNTS_INTERVAL.min(load::INTERVAL);
        Some(next.map_or(interval, |next| next.min(interval)))
    }

    fn measure_load(&mut self, now: Instant) {
        if let Some(load) = self.load.handle_woken(now) {
            self.engine.handle_load(load);
            self.is_overloaded.store(self.engine.is_overloaded(), Ordering::Relaxed);
            measures::show_load(self.number, load);
        }
    }

    /// Handles what the wait has found.
    fn receive(&mut self, now: Instant) {
        while let Some(arrival) = self.io.receive() {
            let (token, source, bytes) = match arrival {
                Arrival::Datagram { token, source, bytes } => (token, source, bytes),
                Arrival::Woken => {
                    self.has_messages = true;
                    continue;
                }
            };
            let (place, component) = place_of(token);
            let Some(Some(Place { leg, .. })) = self.places.get(place).copied() else { continue };
            let engine = &mut self.engine;
            let handled = guarded(|| engine.handle_packet(leg, component, source, bytes, now));
            if handled.is_err() {
                self.bury(leg, now);
            }
            self.drain();
        }
    }

    /// Carries out messages until there are none or the turn is over; what is left waits for the next.
    fn handle_messages(&mut self, inbox: &Receiver<Message>) -> Result<(), Stopped> {
        let begun = Instant::now();
        while begun.elapsed() < MESSAGES_TURN {
            match inbox.try_recv() {
                Ok(Message::Stop) | Err(TryRecvError::Disconnected) => return Err(Stopped),
                Ok(message) => self.handle_message(message),
                Err(TryRecvError::Empty) => {
                    self.has_messages = false;
                    break;
                }
            }
        }
        Ok(())
    }

    fn handle_message(&mut self, message: Message) {
        let now = Instant::now();
        match message {
            Message::Add { leg, sockets, addresses, seed } => {
                if self.watch(leg, sockets) {
                    self.engine.add_leg(leg, addresses, &seed, clock(now));
                }
            }
            Message::Restore { leg, sockets, restored, seed } => {
                if self.watch(leg, sockets) {
                    let Restored { snapshot, reserved, age, advertised } = *restored;
                    let (state, since) = ((&snapshot, reserved), (clock(now), age));
                    self.guard(leg, now, |engine| {
                        engine.restore_leg(leg, state, advertised, &seed, since);
                    });
                }
            }
            Message::Command { command, seed } => {
                // A conference that is played to has no leg of its own; none has the default's number.
                let leg = command.leg().unwrap_or_default();
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
            Message::ForkOpened { fork, link } => {
                self.forks.insert(fork, link);
            }
            Message::Spoken { leg, fork, spoken } => {
                self.guard(leg, now, |engine| engine.handle_spoken(leg, fork, spoken, now));
            }
            Message::ForkOver { fork } => {
                self.forks.remove(&fork);
            }
            Message::Stop => {}
        }
        self.drain();
    }

    /// Gives a leg's sockets a place and watches them.
    fn watch(&mut self, leg: LegId, sockets: Sockets) -> bool {
        let place = self.free_places.pop().unwrap_or(self.places.len());
        let Sockets { rtp, rtcp, bound } = sockets;
        for (component, socket) in [(Component::Rtp, rtp), (Component::Rtcp, rtcp)] {
            if let Err(error) = self.io.add(socket, token(place, component)) {
                tracing::error!(%error, "a socket cannot be watched");
                drop(self.io.remove(token(place, Component::Rtp)));
                self.free_places.push(place);
                self.notify_closed(leg);
                return false;
            }
        }
        if place >= self.places.len() {
            self.places.resize(place + 1, None);
        }
        self.places[place] = Some(Place { leg, bound });
        self.place_of.insert(leg, place);
        true
    }

    fn unwatch(&mut self, leg: LegId) -> Option<Sockets> {
        let place = self.place_of.remove(&leg)?;
        let Place { bound, .. } = self.places.get_mut(place)?.take()?;
        self.free_places.push(place);
        let mut remove = |component| self.io.remove(token(place, component));
        let (rtp, rtcp) = (remove(Component::Rtp), remove(Component::Rtcp));
        Some(Sockets { rtp: rtp?, rtcp: rtcp?, bound })
    }

    fn surrender(&mut self, leg: LegId, now: Instant) -> Option<(Box<Leg>, Sockets)> {
        let taken = self.engine.take_leg(leg, now)?;
        Some((taken, self.unwatch(leg)?))
    }

    fn handle_timers(&mut self, now: Instant) {
        while let Some(leg) = self.engine.take_due(now) {
            self.guard(leg, now, |engine| engine.handle_due(leg, now));
            self.drain();
        }
    }

    /// Runs the engine for one leg.
    fn guard(&mut self, leg: LegId, now: Instant, act: impl FnOnce(&mut Engine)) {
        let engine = &mut self.engine;
        if guarded(|| act(engine)).is_err() {
            self.bury(leg, now);
        }
    }

    /// Drops a leg that has panicked.
    fn bury(&mut self, leg: LegId, now: Instant) {
        tracing::error!(%leg, "a leg panicked and is dropped");
        metrics::counter!("offhook_media_legs_panicked_total").increment(1);
        self.engine.drop_leg(leg, now);
        // For the switch it is as if the party could not be reached any longer.
        let what = MediaTrouble::IceFailed;
        self.tell(MediaEvent::Trouble { leg, what });
    }

    fn drain(&mut self) {
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
                Output::Forked(forked) => {
                    if let Some(link) = self.forks.get(&forked.fork()) {
                        link.hand_over(forked);
                    }
                }
                Output::Reserve { leg } => {
                    if let Some((rtp_port, reserved)) = self.engine.reserved(leg) {
                        self.numbers.note(leg, rtp_port, reserved);
                    }
                }
                Output::Closed { leg } => {
                    drop(self.unwatch(leg));
                    self.notify_closed(leg);
                }
            }
        }
    }

    fn send(&mut self, leg: LegId, component: Component, to: SocketAddr, packet: Packet) {
        if let Some(place) = self.place_of.get(&leg).copied()
            && let Some(Some(Place { bound, .. })) = self.places.get(place)
        {
            let to = reachable_from(*bound, to);
            self.io.send(token(place, component), packet.as_bytes(), to);
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

    fn flush_counts(&mut self, now: Instant) {
        if now.saturating_duration_since(self.counted_at) < COUNTS_INTERVAL {
            return;
        }
        self.counted_at = now;
        self.recorder.retry();
        measures::count(self.engine.take_counts());
    }
}

/// A wall clock before 1970 reads as 1970.
fn clock(now: Instant) -> Clock {
    let unix_time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Clock { now, unix_time }
}

/// A panic is ours: what it was about dies, the rest lives.
fn guarded(act: impl FnOnce()) -> std::thread::Result<()> {
    catch_unwind(AssertUnwindSafe(act))
}

/// Binds the thread to a processor. Where that is not allowed it stays free.
fn pin(processor: Option<usize>) {
    let Some(processor) = processor else { return };
    let mut set = rustix::thread::CpuSet::new();
    if processor >= rustix::thread::CpuSet::MAX_CPU {
        return tracing::warn!(processor, "there is no such processor");
    }
    set.set(processor);
    if let Err(error) = rustix::thread::sched_setaffinity(None, &set) {
        tracing::warn!(%error, processor, "a media thread is not bound to its processor");
    }
}

fn token(place: usize, component: Component) -> u32 {
    let place = u32::try_from(place).expect("there are fewer legs than 2^31");
    place * 2 + u32::from(component == Component::Rtcp)
}

fn place_of(token: u32) -> (usize, Component) {
    let component = if token.is_multiple_of(2) { Component::Rtp } else { Component::Rtcp };
    (usize::try_from(token / 2).expect("it was a usize"), component)
}
