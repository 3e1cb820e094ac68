//! Takes the switch's commands to the media thread that has the leg.

use super::Notice;
use super::audiences::Audiences;
use super::forks::{self, Forks};
use super::homes::Homes;
use super::numbers::Numbers;
use super::sockets::{Exhausted, Sockets};
use super::worker::{Message, Restored, WorkerHandle};
use crate::config::Config;
use crate::ports::PortPool;
use crate::state::{LegAddresses, LegState, SEED_BYTES, Seed, Settings};
use anyhow::Context;
use offhook_bus::{
    ConferenceCommand, ConferenceEvent, ForkCommand, ForkEvent, Inbox, JoinRefusal, LegSnapshot,
    MediaCommand, MediaEvent, MediaEvents, MediaRefusal, RecordingCommand, RecordingEvent,
    RecordingFailure, RecordingSummary,
};
use offhook_model::{ConferenceId, ForkFailure, ForkId, ForkRequest, LegId, RecordingSource};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// How long a media thread may take to give up a leg. It answers within microseconds unless it is dead.
const SURRENDER_TIMEOUT: Duration = Duration::from_secs(2);
/// Commands that are taken to the media threads before these are woken.
const COMMANDS_AT_ONCE_MAX: usize = 64;

pub(crate) struct Dispatcher {
    bind: IpAddr,
    advertised: Arc<[IpAddr]>,
    /// `None` when the kernel chooses the ports.
    ports: Option<PortPool>,
    legs_max: usize,
    workers: Vec<WorkerHandle>,
    /// Which media threads have messages that they were not woken for.
    to_wake: Vec<bool>,
    leg_counts: Vec<usize>,
    placements: HashMap<LegId, Placement>,
    conferences: Homes,
    forks: Forks,
    audiences: Audiences,
    numbers: Numbers,
    events: MediaEvents,
}

#[derive(Debug, Clone, Copy)]
struct Placement {
    worker: usize,
    port: Option<u16>,
}

impl Dispatcher {
    pub(crate) fn new(
        config: &Config,
        settings: &Settings,
        workers: Vec<WorkerHandle>,
        events: MediaEvents,
        forks: Forks,
        numbers: Numbers,
    ) -> anyhow::Result<Self> {
        let by_kernel = config.port_min == 0 && config.port_max == 0;
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).context("randomness for the order of ports")?;
        let pool = || PortPool::new(config.port_min, config.port_max, u64::from_ne_bytes(seed));
        Ok(Self {
            bind: config.bind,
            advertised: Arc::clone(&settings.advertised),
            ports: (!by_kernel).then(pool),
            legs_max: config.legs_max,
            leg_counts: vec![0; workers.len()],
            to_wake: vec![false; workers.len()],
            workers,
            placements: HashMap::new(),
            conferences: Homes::default(),
            forks,
            audiences: Audiences::default(),
            numbers,
            events,
        })
    }

    pub(crate) fn start(
        mut self,
        commands: Inbox<MediaCommand>,
        notices: mpsc::Receiver<Notice>,
        stopped: oneshot::Receiver<()>,
    ) -> anyhow::Result<(Handle, JoinHandle<()>)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let thread = std::thread::Builder::new()
            .name("media-dispatcher".to_owned())
            .spawn(move || runtime.block_on(self.run(commands, notices, stopped)))
            .context("starting the media dispatcher")?;
        Ok((handle, thread))
    }

    async fn run(
        &mut self,
        mut commands: Inbox<MediaCommand>,
        mut notices: mpsc::Receiver<Notice>,
        mut stopped: oneshot::Receiver<()>,
    ) {
        loop {
            tokio::select! {
                biased;
                _ = &mut stopped => break,
                Some(notice) = notices.recv() => self.handle_notice(notice),
                command = commands.recv() => match command {
                    Some(command) => self.handle_commands(command, &mut commands),
                    None => break,
                },
            }
            self.wake_workers();
        }
        for worker in &self.workers {
            worker.send(Message::Stop);
        }
    }

    /// What comes together is taken on together, so that a media thread is woken once for it.
    fn handle_commands(&mut self, first: MediaCommand, commands: &mut Inbox<MediaCommand>) {
        self.handle_command(first);
        for _ in 1..COMMANDS_AT_ONCE_MAX {
            let Some(command) = commands.try_recv() else { return };
            self.handle_command(command);
        }
    }

    fn put(&mut self, worker: usize, message: Message) {
        self.workers[worker].put(message);
        self.to_wake[worker] = true;
    }

    fn wake_workers(&mut self) {
        for (worker, is_to_wake) in self.workers.iter().zip(&mut self.to_wake) {
            if std::mem::take(is_to_wake) {
                worker.wake();
            }
        }
    }

    fn handle_notice(&mut self, notice: Notice) {
        match notice {
            Notice::Closed(leg) => self.forget(leg),
            Notice::Sound(fetched) => {
                if let Some(placement) = self.placements.get(&fetched.leg).copied() {
                    let (leg, ticket, sound) = (fetched.leg, fetched.ticket, fetched.sound);
                    self.put(placement.worker, Message::Sound { leg, ticket, sound });
                }
            }
            Notice::Spoken { leg, fork, spoken } => {
                if let Some(placement) = self.placements.get(&leg) {
                    self.workers[placement.worker].send(Message::Spoken { leg, fork, spoken });
                }
            }
            Notice::Command(command) => self.handle_command(command),
            Notice::ForkOver { leg, fork } => {
                self.forks.forget(fork);
                for worker in &self.workers {
                    worker.send(Message::ForkOver { fork });
                }
                self.handle_command(MediaCommand::Fork { leg, fork, command: ForkCommand::Stop });
            }
        }
    }

    fn forget(&mut self, leg: LegId) {
        self.conferences.leave(leg);
        self.audiences.forget(leg);
        let Some(placement) = self.placements.remove(&leg) else { return };
        self.leg_counts[placement.worker] -= 1;
        if let (Some(pool), Some(port)) = (&mut self.ports, placement.port) {
            pool.release(port, Instant::now());
        }
        self.show();
    }

    fn show(&self) {
        metrics::gauge!("offhook_media_legs").set(gauge(self.placements.len()));
        metrics::gauge!("offhook_conferences").set(gauge(self.conferences.len()));
        if let Some(pool) = &self.ports {
            metrics::gauge!("offhook_media_port_pairs_free").set(gauge(pool.available()));
        }
    }

    fn handle_command(&mut self, command: MediaCommand) {
        match &command {
            MediaCommand::Answer { leg, .. } => self.describe(*leg, None, None, command),
            MediaCommand::Offer { leg, policy } => {
                let partner = policy.prefer_codec_of;
                self.describe(*leg, partner, None, command);
            }
            MediaCommand::AnswerOn { leg, terms, .. } | MediaCommand::OfferOn { leg, terms } => {
                self.describe(*leg, terms.partner, terms.type_of_service, command);
            }
            MediaCommand::Restore { leg, snapshot, age_ms } => {
                self.restore(*leg, snapshot, Duration::from_millis(*age_ms));
            }
            MediaCommand::Bridge { a, b } => {
                let (a, b) = (*a, *b);
                for leg in [a, b] {
                    self.conferences.leave(leg);
                    self.audiences.leave(leg);
                }
                self.bring_together(a, b);
                self.pass(a, command);
            }
            MediaCommand::Listen { leg, to } => {
                let (leg, to) = (*leg, *to);
                self.conferences.leave(leg);
                self.bring_together(to, leg);
                self.audiences.listen(leg, to);
                self.pass(leg, command);
            }
            MediaCommand::Conference { conference, command: order } => {
                let (conference, leg) = (*conference, order.member());
                let is_leaving = matches!(order, ConferenceCommand::Leave { .. });
                if let ConferenceCommand::Join { leg, .. } = order {
                    self.audiences.leave(*leg);
                    self.bring_to(conference, *leg);
                }
                self.pass_to_conference(conference, command);
                if let Some(leg) = leg.filter(|_| is_leaving) {
                    self.conferences.leave_from(conference, leg);
                }
                self.show();
            }
            MediaCommand::Record { source: RecordingSource::Conference(conference), .. } => {
                self.pass_to_conference(*conference, command);
            }
            MediaCommand::Fork { leg, fork, command: ForkCommand::Start(request) } => {
                match self.open_fork(*leg, *fork, request) {
                    Ok(()) => self.pass(*leg, command),
                    Err(why) => {
                        forks::tell(&self.events, *leg, *fork, ForkEvent::Failed(why));
                    }
                }
            }
            _ => self.pass(command.leg().unwrap_or_default(), command),
        }
    }

    /// Makes a fork, to which all media threads know the way, since its leg may move.
    fn open_fork(
        &mut self,
        leg: LegId,
        fork: ForkId,
        request: &ForkRequest,
    ) -> Result<(), ForkFailure> {
        if !self.placements.contains_key(&leg) {
            return Err(ForkFailure::NoSuchLeg);
        }
        let link = self.forks.open(leg, fork, request)?;
        for worker in &self.workers {
            worker.send(Message::ForkOpened { fork, link: link.clone() });
        }
        Ok(())
    }

    /// Passes on a command that describes a leg, and makes the leg first when it is not there.
    fn describe(
        &mut self,
        leg: LegId,
        partner: Option<LegId>,
        type_of_service: Option<u8>,
        command: MediaCommand,
    ) {
        if !self.placements.contains_key(&leg)
            && let Err(error) = self.add(leg, partner, type_of_service)
        {
            tracing::warn!(%leg, %error, "a leg is refused");
            metrics::counter!("offhook_media_legs_refused_total").increment(1);
            let why = MediaRefusal::Exhausted;
            return self.tell(MediaEvent::Refused { leg, why });
        }
        self.pass(leg, command);
    }

    fn add(
        &mut self,
        leg: LegId,
        partner: Option<LegId>,
        type_of_service: Option<u8>,
    ) -> anyhow::Result<()> {
        anyhow::ensure!(self.placements.len() < self.legs_max, "there are legs_max legs");
        let (sockets, port) = self.open()?;
        let (rtp_port, rtcp_port) = sockets.ports()?;
        set_type_of_service(&sockets, type_of_service);
        let advertised = Arc::clone(&self.advertised);
        let addresses = LegAddresses { advertised, rtp_port, rtcp_port };
        let seed = seed()?;
        let worker = self.settle(leg, partner, port);
        self.put(worker, Message::Add { leg, sockets, addresses, seed });
        Ok(())
    }

    /// Gives a new leg its thread.
    fn settle(&mut self, leg: LegId, partner: Option<LegId>, port: Option<u16>) -> usize {
        let worker = self.place(partner);
        self.placements.insert(leg, Placement { worker, port });
        self.leg_counts[worker] += 1;
        self.show();
        worker
    }

    fn restore(&mut self, leg: LegId, snapshot: &LegSnapshot, age: Duration) {
        if let Err(error) = self.try_restore(leg, snapshot, age) {
            tracing::warn!(%leg, error = format!("{error:#}"), "a leg cannot be restored");
            let why = MediaRefusal::NotAcceptable(format!("{error:#}"));
            self.tell(MediaEvent::Refused { leg, why });
        }
    }

    /// Opens the ports that the leg had and makes it again, on the thread of its partner.
    fn try_restore(
        &mut self,
        leg: LegId,
        snapshot: &LegSnapshot,
        age: Duration,
    ) -> anyhow::Result<()> {
        anyhow::ensure!(!self.placements.contains_key(&leg), "the leg is there");
        anyhow::ensure!(self.placements.len() < self.legs_max, "there are legs_max legs");
        let state = LegState::read(snapshot)?;
        let (rtp, rtcp) = (state.rtp_port, state.rtcp_port);
        let sockets = Sockets::open_at(self.bind, rtp, rtcp);
        let sockets = sockets.with_context(|| format!("the ports {rtp} and {rtcp}"))?;
        set_type_of_service(&sockets, state.type_of_service);
        let seed = seed()?;
        let is_of_pool = self.ports.as_mut().is_some_and(|pool| pool.reserve(rtp));
        let worker = self.settle(leg, state.partner, is_of_pool.then_some(rtp));
        let advertised = Arc::clone(&self.advertised);
        let (snapshot, reserved) = (snapshot.clone(), self.numbers.of(leg, rtp));
        let restored = Box::new(Restored { snapshot, reserved, age, advertised });
        self.put(worker, Message::Restore { leg, sockets, restored, seed });
        Ok(())
    }

    fn open(&mut self) -> Result<(Sockets, Option<u16>), Exhausted> {
        match &mut self.ports {
            Some(pool) => {
                let (sockets, port) = Sockets::open(self.bind, pool, Instant::now())?;
                Ok((sockets, Some(port)))
            }
            None => Ok((Sockets::open_any(self.bind)?, None)),
        }
    }

    /// The thread of the leg it will be bridged to, or the one with the fewest legs among those that are not
    /// overloaded.
    fn place(&self, partner: Option<LegId>) -> usize {
        let partner = partner.and_then(|partner| self.placements.get(&partner));
        let cost =
            |worker: &usize| (self.workers[*worker].is_overloaded(), self.leg_counts[*worker]);
        let least = || (0..self.workers.len()).min_by_key(cost);
        partner.map(|placement| placement.worker).or_else(least).unwrap_or_default()
    }

    /// Moves the second leg to the thread of the first. The command that follows finds both there.
    fn bring_together(&mut self, a: LegId, b: LegId) {
        if let Some(placement) = self.placements.get(&a) {
            self.bring(b, placement.worker);
        }
    }

    /// Moves a leg to the thread of the conference that it joins, or begins the conference on its own.
    fn bring_to(&mut self, conference: ConferenceId, leg: LegId) {
        let Some(placement) = self.placements.get(&leg) else { return };
        let at = self.conferences.of(conference).unwrap_or(placement.worker);
        self.bring(leg, at);
        self.conferences.join(conference, leg, at);
    }

    /// Moves a leg to a thread, and after it those who listen to it.
    fn bring(&mut self, id: LegId, at: usize) {
        if !self.carry(id, at) {
            return;
        }
        for listener in self.audiences.of(id) {
            self.carry(listener, at);
            self.pass(listener, MediaCommand::Listen { leg: listener, to: id });
        }
    }

    /// Moves a leg alone; whether it was elsewhere.
    fn carry(&mut self, id: LegId, at: usize) -> bool {
        let Some(from) = self.placements.get(&id).map(|placement| placement.worker) else {
            return false;
        };
        if at == from {
            return false;
        }
        let (reply, answer) = sync_channel(1);
        self.workers[from].send(Message::Surrender { leg: id, reply });
        let Ok(Some((leg, sockets))) = answer.recv_timeout(SURRENDER_TIMEOUT) else {
            tracing::warn!(leg = %id, "a leg could not be moved");
            return false;
        };
        self.put(at, Message::Adopt { leg, sockets });
        self.leg_counts[from] -= 1;
        self.leg_counts[at] += 1;
        if let Some(placement) = self.placements.get_mut(&id) {
            placement.worker = at;
        }
        true
    }

    fn pass(&mut self, leg: LegId, command: MediaCommand) {
        match self.placements.get(&leg).copied() {
            Some(placement) => self.pass_to_worker(placement.worker, command),
            None => self.refuse_unknown(leg, &command),
        }
    }

    fn pass_to_conference(&mut self, conference: ConferenceId, command: MediaCommand) {
        match self.conferences.of(conference) {
            Some(worker) => self.pass_to_worker(worker, command),
            None => self.refuse_unknown(LegId::default(), &command),
        }
    }

    fn pass_to_worker(&mut self, worker: usize, command: MediaCommand) {
        match seed() {
            Ok(seed) => {
                let command = Box::new(command);
                self.put(worker, Message::Command { command, seed });
            }
            Err(error) => tracing::error!(%error, "a command is lost"),
        }
    }

    fn refuse_unknown(&self, leg: LegId, command: &MediaCommand) {
        match command {
            MediaCommand::Release { .. } => {
                self.tell(MediaEvent::Released { leg, report: None });
            }
            MediaCommand::Measure { .. } => self.tell(MediaEvent::Measured { leg, measure: None }),
            MediaCommand::Snapshot { .. } => {
                self.tell(MediaEvent::Snapshot { leg, snapshot: None });
            }
            MediaCommand::AcceptAnswer { .. }
            | MediaCommand::AcceptOpaqueAnswer { .. }
            | MediaCommand::Listen { .. } => {
                self.tell(MediaEvent::Refused { leg, why: MediaRefusal::NoSuchLeg });
            }
            MediaCommand::Conference {
                conference,
                command: ConferenceCommand::Join { leg, .. },
            } => {
                let event = ConferenceEvent::Refused { leg: *leg, why: JoinRefusal::NoSuchLeg };
                self.tell(MediaEvent::Conference { conference: *conference, event });
            }
            MediaCommand::Record { source, command: RecordingCommand::Start { path, .. } } => {
                let summary = RecordingSummary { path: path.clone(), ..Default::default() };
                let event = RecordingEvent::Failed { why: RecordingFailure::NoSuchSource, summary };
                self.tell(MediaEvent::Recording { source: *source, event });
            }
            _ => tracing::debug!(%leg, "a command for a leg that is not there"),
        }
    }

    fn tell(&self, event: MediaEvent) {
        if let Err(full) = self.events.send(event) {
            tracing::warn!(event = ?full.0, "the switch does not listen");
            metrics::counter!("offhook_media_events_lost_total").increment(1);
        }
    }
}

/// Counts of legs and ports are small.
fn gauge(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// Packets leave without it where it cannot be set.
fn set_type_of_service(sockets: &Sockets, value: Option<u8>) {
    if let Some(value) = value
        && let Err(error) = sockets.set_type_of_service(value)
    {
        tracing::debug!(%error, value, "the type of service cannot be set");
    }
}

fn seed() -> anyhow::Result<Box<Seed>> {
    let mut bytes = [0; SEED_BYTES];
    getrandom::fill(&mut bytes).context("randomness")?;
    Ok(Box::new(Seed::new(bytes)))
}
