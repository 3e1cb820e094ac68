//! The thread on which audio forks are connected, and the ways to it, on which nobody waits.

mod client;
mod connection;

use super::Notice;
use crate::config::ForkConfig;
use crate::fork::Session;
use crate::state::Forked;
use anyhow::Context;
use client::Client;
use connection::Connector;
use futures_util::FutureExt;
use offhook_bus::{ForkEvent, MediaEvent, MediaEvents};
use offhook_model::{AllowedHost, ForkFailure, ForkId, ForkRequest, LegId};
use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// What a media thread has handed over and a fork has not taken: two seconds of both directions, and more.
const FORKED_MAX: usize = 512;
/// How much of that is kept free of packets, for what must not be lost: that it is paused, that it ends.
const ORDERS_MAX: usize = 128;
/// Forks that wait to be begun.
const OPENINGS_MAX: usize = 256;
/// How long forks have to say goodbye when the server stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// A media thread's way to one fork. A thread that finds it full goes on without it.
#[derive(Debug, Clone)]
pub(crate) struct ForkLink {
    forked: SyncSender<Box<Forked>>,
    waiting: Arc<AtomicUsize>,
    lost: Arc<AtomicU64>,
}

/// The other end of it.
#[derive(Debug)]
struct ForkInbox {
    forked: Receiver<Box<Forked>>,
    waiting: Arc<AtomicUsize>,
    lost: Arc<AtomicU64>,
}

impl ForkLink {
    fn new() -> (Self, ForkInbox) {
        let (sender, forked) = sync_channel(FORKED_MAX);
        let (waiting, lost) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
        let inbox = ForkInbox { forked, waiting: Arc::clone(&waiting), lost: Arc::clone(&lost) };
        (Self { forked: sender, waiting, lost }, inbox)
    }

    /// Hands over what there is, or drops and counts it.
    pub(crate) fn hand_over(&self, forked: Box<Forked>) {
        let has_room = self.waiting.load(Ordering::Relaxed) < FORKED_MAX - ORDERS_MAX;
        if forked.is_packet() && !has_room {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        if let Err(TrySendError::Full(forked)) = self.forked.try_send(forked) {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            tracing::warn!(fork = %forked.fork(), "an audio fork stands still");
        }
    }
}

impl ForkInbox {
    fn try_recv(&self) -> Result<Box<Forked>, TryRecvError> {
        let forked = self.forked.try_recv()?;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        Ok(forked)
    }

    /// How many packets found no room since it was asked last.
    fn take_lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }
}

/// A fork that is to be begun.
struct Opening {
    leg: LegId,
    fork: ForkId,
    request: Box<ForkRequest>,
    inbox: ForkInbox,
}

/// The dispatcher's side: which forks there are, and where they may go.
#[derive(Debug)]
pub(crate) struct Forks {
    allowed_hosts: Vec<AllowedHost>,
    forks_max: usize,
    forks: HashSet<ForkId>,
    openings: mpsc::Sender<Opening>,
}

impl Forks {
    /// Starts the thread. It ends when this is dropped, after the forks have said goodbye.
    pub(crate) fn start(
        config: &ForkConfig,
        events: MediaEvents,
        notices: mpsc::Sender<Notice>,
    ) -> anyhow::Result<(Self, JoinHandle<()>)> {
        let connector = Connector::new(config)?;
        let (openings, inbox) = mpsc::channel(OPENINGS_MAX);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new()
            .name("media-forks".to_owned())
            .spawn(move || runtime.block_on(run(inbox, connector, &events, &notices)))
            .context("starting the thread of the audio forks")?;
        let (allowed_hosts, forks_max) = (config.allowed_hosts.clone(), config.forks_max);
        Ok((Self { allowed_hosts, forks_max, forks: HashSet::new(), openings }, thread))
    }

    /// Makes a fork of a leg, which connects once the engine feeds it.
    pub(crate) fn open(
        &mut self,
        leg: LegId,
        fork: ForkId,
        request: &ForkRequest,
    ) -> Result<ForkLink, ForkFailure> {
        if !self.allowed_hosts.iter().any(|host| host.allows(&request.url)) {
            return Err(ForkFailure::HostNotAllowed);
        }
        if self.forks.len() >= self.forks_max || self.forks.contains(&fork) {
            return Err(ForkFailure::Exhausted);
        }
        let (link, inbox) = ForkLink::new();
        let request = Box::new(request.clone());
        let opening = Opening { leg, fork, request, inbox };
        self.openings.try_send(opening).map_err(|_full| ForkFailure::Exhausted)?;
        self.forks.insert(fork);
        Ok(link)
    }

    /// The fork is over.
    pub(crate) fn forget(&mut self, fork: ForkId) {
        self.forks.remove(&fork);
    }
}

async fn run(
    mut openings: mpsc::Receiver<Opening>,
    connector: Connector,
    events: &MediaEvents,
    notices: &mpsc::Sender<Notice>,
) {
    let connector = Arc::new(connector);
    let (stop, stopped) = watch::channel(false);
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            opening = openings.recv() => {
                let Some(Opening { leg, fork, request, inbox }) = opening else { break };
                let session = Session::new(fork, leg, request);
                let client = Client {
                    leg, fork, session, inbox,
                    connector: Arc::clone(&connector),
                    events: events.clone(),
                    notices: notices.clone(),
                    stopped: stopped.clone(),
                };
                clients.spawn(serve(client));
            }
            Some(_) = clients.join_next() => {}
        }
        show(clients.len());
    }
    stop.send_replace(true);
    let farewell = async { while clients.join_next().await.is_some() {} };
    if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
        tracing::warn!(forks = clients.len(), "audio forks end without a word");
    }
    show(0);
}

/// Serves one fork to its end, whatever happens to it.
async fn serve(client: Client) {
    let (leg, fork) = (client.leg, client.fork);
    let (events, notices) = (client.events.clone(), client.notices.clone());
    let event = match AssertUnwindSafe(client.run()).catch_unwind().await {
        Ok(event) => event,
        Err(_panic) => {
            tracing::error!(%fork, "an audio fork panicked");
            ForkEvent::Failed(ForkFailure::Unreachable("a fault in its code".to_owned()))
        }
    };
    tell(&events, leg, fork, event);
    // The dispatcher is gone when the server stops.
    notices.send(Notice::ForkOver { leg, fork }).await.ok();
}

/// Tells the switch what happened to a fork.
pub(super) fn tell(events: &MediaEvents, leg: LegId, fork: ForkId, event: ForkEvent) {
    let is_failure = match &event {
        ForkEvent::Failed(why) => {
            tracing::warn!(%leg, %fork, %why, "an audio fork failed");
            true
        }
        ForkEvent::Ended { why, counts } => {
            tracing::info!(%leg, %fork, %why, ?counts, "an audio fork ended");
            client::is_loss(why)
        }
        ForkEvent::Connected
        | ForkEvent::Reconnecting
        | ForkEvent::Progress(_)
        | ForkEvent::Message(_)
        | ForkEvent::HangUp => false,
    };
    if is_failure {
        metrics::counter!("offhook_audio_forks_failed_total").increment(1);
    }
    if let Err(full) = events.send(MediaEvent::Fork { leg, fork, event }) {
        tracing::warn!(event = ?full.0, "the switch does not listen");
        metrics::counter!("offhook_media_events_lost_total").increment(1);
    }
}

fn show(count: usize) {
    metrics::gauge!("offhook_audio_forks").set(u32::try_from(count).map_or(f64::MAX, f64::from));
}
