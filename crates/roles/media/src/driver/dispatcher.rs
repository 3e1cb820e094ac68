//! Takes the switch's commands to the media thread that has the leg.

use super::Notice;
use super::sockets::{Exhausted, Sockets};
use super::worker::{Message, WorkerHandle};
use crate::config::Config;
use crate::ports::PortPool;
use crate::state::{LegAddresses, SEED_BYTES, Seed, Settings};
use anyhow::Context;
use offhook_bus::{Inbox, MediaCommand, MediaEvent, MediaEvents, MediaRefusal};
use offhook_model::LegId;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// How long a media thread may take to give up a leg. It answers within microseconds unless it is dead.
const SURRENDER_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) struct Dispatcher {
    bind: IpAddr,
    advertised: Arc<[IpAddr]>,
    /// `None` when the kernel chooses the ports.
    ports: Option<PortPool>,
    legs_max: usize,
    workers: Vec<WorkerHandle>,
    leg_counts: Vec<usize>,
    placements: HashMap<LegId, Placement>,
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
            workers,
            placements: HashMap::new(),
            events,
        })
    }

    pub(crate) fn start(
        mut self,
        commands: Inbox<MediaCommand>,
        notices: mpsc::Receiver<Notice>,
        stopped: oneshot::Receiver<()>,
    ) -> anyhow::Result<JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        std::thread::Builder::new()
            .name("media-dispatcher".to_owned())
            .spawn(move || runtime.block_on(self.run(commands, notices, stopped)))
            .context("starting the media dispatcher")
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
                    Some(command) => self.handle_command(command),
                    None => break,
                },
            }
        }
        for worker in &self.workers {
            worker.send(Message::Stop);
        }
    }

    fn handle_notice(&mut self, notice: Notice) {
        match notice {
            Notice::Closed(leg) => self.forget(leg),
            Notice::Sound(fetched) => {
                if let Some(placement) = self.placements.get(&fetched.leg) {
                    let (leg, ticket, sound) = (fetched.leg, fetched.ticket, fetched.sound);
                    self.workers[placement.worker].send(Message::Sound { leg, ticket, sound });
                }
            }
        }
    }

    fn forget(&mut self, leg: LegId) {
        let Some(placement) = self.placements.remove(&leg) else { return };
        self.leg_counts[placement.worker] -= 1;
        if let (Some(pool), Some(port)) = (&mut self.ports, placement.port) {
            pool.release(port, Instant::now());
        }
        self.show();
    }

    fn show(&self) {
        metrics::gauge!("offhook_media_legs").set(gauge(self.placements.len()));
        if let Some(pool) = &self.ports {
            metrics::gauge!("offhook_media_port_pairs_free").set(gauge(pool.available()));
        }
    }

    fn handle_command(&mut self, command: MediaCommand) {
        match &command {
            MediaCommand::Answer { leg, .. } => self.describe(*leg, None, command),
            MediaCommand::Offer { leg, policy } => {
                let partner = policy.prefer_codec_of;
                self.describe(*leg, partner, command);
            }
            MediaCommand::AnswerOn { leg, terms, .. } | MediaCommand::OfferOn { leg, terms } => {
                self.describe(*leg, terms.partner, command);
            }
            MediaCommand::Bridge { a, b } => {
                let (a, b) = (*a, *b);
                self.bring_together(a, b);
                self.pass(a, command);
            }
            MediaCommand::AcceptAnswer { leg, .. }
            | MediaCommand::Measure { leg }
            | MediaCommand::Rollback { leg }
            | MediaCommand::Play { leg, .. }
            | MediaCommand::Stop { leg }
            | MediaCommand::Echo { leg, .. }
            | MediaCommand::Unbridge { leg }
            | MediaCommand::SendDtmf { leg, .. }
            | MediaCommand::Release { leg } => self.pass(*leg, command),
        }
    }

    /// Passes on a command that describes a leg, and makes the leg first when it is not there.
    fn describe(&mut self, leg: LegId, partner: Option<LegId>, command: MediaCommand) {
        if !self.placements.contains_key(&leg)
            && let Err(error) = self.add(leg, partner)
        {
            tracing::warn!(%leg, %error, "a leg is refused");
            metrics::counter!("offhook_media_legs_refused_total").increment(1);
            let why = MediaRefusal::Exhausted;
            return self.tell(MediaEvent::Refused { leg, why });
        }
        self.pass(leg, command);
    }

    fn add(&mut self, leg: LegId, partner: Option<LegId>) -> anyhow::Result<()> {
        anyhow::ensure!(self.placements.len() < self.legs_max, "there are legs_max legs");
        let (sockets, port) = self.open()?;
        let (rtp_port, rtcp_port) = sockets.ports()?;
        let advertised = Arc::clone(&self.advertised);
        let addresses = LegAddresses { advertised, rtp_port, rtcp_port };
        let worker = self.place(partner);
        let seed = seed()?;
        self.placements.insert(leg, Placement { worker, port });
        self.leg_counts[worker] += 1;
        self.show();
        self.workers[worker].send(Message::Add { leg, sockets, addresses, seed });
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

    /// The thread of the leg it will be bridged to, or the one with the fewest legs.
    fn place(&self, partner: Option<LegId>) -> usize {
        let partner = partner.and_then(|partner| self.placements.get(&partner));
        let least = || (0..self.workers.len()).min_by_key(|worker| self.leg_counts[*worker]);
        partner.map(|placement| placement.worker).or_else(least).unwrap_or_default()
    }

    /// Moves the second leg to the thread of the first. The command that follows finds both there.
    fn bring_together(&mut self, a: LegId, b: LegId) {
        let (Some(at), Some(from)) = (self.placements.get(&a), self.placements.get(&b)) else {
            return;
        };
        let (at, from) = (at.worker, from.worker);
        if at == from {
            return;
        }
        let (reply, answer) = sync_channel(1);
        self.workers[from].send(Message::Surrender { leg: b, reply });
        let Ok(Some((leg, sockets))) = answer.recv_timeout(SURRENDER_TIMEOUT) else {
            tracing::warn!(leg = %b, "a leg could not be moved");
            return;
        };
        self.workers[at].send(Message::Adopt { leg, sockets });
        self.leg_counts[from] -= 1;
        self.leg_counts[at] += 1;
        if let Some(placement) = self.placements.get_mut(&b) {
            placement.worker = at;
        }
    }

    fn pass(&self, leg: LegId, command: MediaCommand) {
        let Some(placement) = self.placements.get(&leg) else {
            return self.refuse_unknown(leg, &command);
        };
        match seed() {
            Ok(seed) => {
                let command = Box::new(command);
                self.workers[placement.worker].send(Message::Command { command, seed });
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
            MediaCommand::AcceptAnswer { .. } => {
                self.tell(MediaEvent::Refused { leg, why: MediaRefusal::NoSuchLeg });
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

fn seed() -> anyhow::Result<Box<Seed>> {
    let mut bytes = [0; SEED_BYTES];
    getrandom::fill(&mut bytes).context("randomness")?;
    Ok(Box::new(Seed::new(bytes)))
}
