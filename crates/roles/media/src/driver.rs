//! Threads and sockets around [`crate::state::Engine`].
//!
//! One dispatcher thread takes the switch's commands, opens ports and knows which media thread has which
//! leg. Each media thread waits on its sockets and its commands and does what its engine says. A few more
//! threads fetch sounds, which may take long.

mod audiences;
mod dispatcher;
mod forks;
mod homes;
mod load;
mod measures;
mod numbers;
mod prompt_files;
mod recorded_files;
mod recorder;
mod sockets;
mod sounds;
mod worker;

use crate::config::Config;
use crate::recorder::Folder;
use crate::state::{Engine, Settings, Spoken};
use anyhow::Context;
use dispatcher::Dispatcher;
use forks::Forks;
use numbers::Numbers;
use offhook_bus::{Inbox, MediaCommand, MediaEvents};
use offhook_model::{ForkId, LegId};
use offhook_net::packet_io;
use offhook_rtc::Identity;
use offhook_sealed::KeyRing;
use offhook_speech::Speech;
use recorded_files::RecordedFiles;
use recorder::{RecorderLink, Retention};
use sounds::Sounds;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use worker::{Worker, WorkerHandle};

/// Notices to the dispatcher beyond one for each leg.
const NOTICES_SPARE: usize = 1_024;

/// What other threads tell the dispatcher.
pub(crate) enum Notice {
    /// The leg's sockets were closed.
    Closed(LegId),
    /// A sound was fetched, or cannot be had.
    Sound(sounds::Fetched),
    /// The receiver of a fork wants the party to hear something.
    Spoken { leg: LegId, fork: ForkId, spoken: Vec<Spoken> },
    /// The receiver of a fork wants something done to the leg.
    Command(MediaCommand),
    /// A fork is over.
    ForkOver { leg: LegId, fork: ForkId },
}

/// The running media role. Dropping it stops its threads; legs that are left end without a word.
#[derive(Debug)]
pub struct Media {
    runtime: Handle,
    stop: Option<oneshot::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Media {
    /// The runtime of the thread that takes the commands, for a client whose requests wait for the answers:
    /// there neither has to wake the other's thread. Its tasks end with the role.
    #[must_use]
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        drop(self.stop.take());
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a media thread had panicked");
            }
        }
    }
}

/// Starts the media threads, with a certificate that is made for this time.
///
/// # Errors
/// As [`start_as`], and when there can be no certificate.
pub fn start(
    config: &Config,
    commands: Inbox<MediaCommand>,
    events: impl Into<MediaEvents>,
    speech: Arc<Speech>,
    recording_keys: KeyRing,
) -> anyhow::Result<Media> {
    start_as(Identity::generate()?, config, commands, events, speech, recording_keys)
}

/// Starts the media threads with this certificate, by which parties that were talking before a restart know
/// the role again. Recordings are encrypted with the first of `recording_keys`, when there is one.
///
/// # Errors
/// When the configuration cannot be served or a thread cannot be started.
pub fn start_as(
    identity: Identity,
    config: &Config,
    commands: Inbox<MediaCommand>,
    events: impl Into<MediaEvents>,
    speech: Arc<Speech>,
    recording_keys: KeyRing,
) -> anyhow::Result<Media> {
    check(config)?;
    let events = events.into();
    let settings = settings(config, identity);
    let recorded = RecordedFiles::new(config.recordings.clone(), recording_keys.clone());
    let folder = Folder::new(config.recordings.clone(), recording_keys);
    let retention = Retention::new(config);
    let (pieces, recorder) = recorder::start(folder, events.clone(), retention)?;
    let (notices, notices_inbox) = mpsc::channel(config.legs_max.saturating_add(NOTICES_SPARE));
    let mut threads = vec![recorder];
    let (forks, forking) = Forks::start(&config.fork, events.clone(), notices.clone())?;
    threads.push(forking);
    let prompts = config.prompts.clone();
    let (sounds, fetchers) = Sounds::start(speech, prompts, recorded, notices.clone())?;
    threads.extend(fetchers);
    let numbers = numbers(config);
    let mut workers: Vec<WorkerHandle> = Vec::new();
    for number in 0..thread_count(config) {
        let io = packet_io::open(config.packet_io.wanted()).context("media.packet_io")?;
        if number == 0 {
            measures::show_packet_io(io.kind(), thread_count(config));
        }
        let engine = Engine::new(settings.clone());
        let recorder = RecorderLink::new(pieces.clone(), events.clone());
        let (events, notices, sounds) = (events.clone(), notices.clone(), sounds.clone());
        let worker = Worker::new(engine, io, events, notices, sounds, recorder, numbers.clone());
        let (handle, thread) = worker.start(number, pinned_to(config, number))?;
        workers.push(handle);
        threads.push(thread);
    }
    drop((sounds, pieces));
    let (stop, stopped) = oneshot::channel();
    let dispatcher = Dispatcher::new(config, &settings, workers, events, forks, numbers)?;
    let (runtime, thread) = dispatcher.start(commands, notices_inbox, stopped)?;
    threads.push(thread);
    // The dispatcher is joined first: it is what tells the others to stop.
    threads.reverse();
    Ok(Media { runtime, stop: Some(stop), threads })
}

fn check(config: &Config) -> anyhow::Result<()> {
    let by_kernel = config.port_min == 0 && config.port_max == 0;
    anyhow::ensure!(
        by_kernel || config.port_max.saturating_sub(config.port_min) >= 2,
        "media.port_min ({}) to media.port_max ({}) has no pair of ports",
        config.port_min,
        config.port_max
    );
    anyhow::ensure!(
        config.load_max_percent <= 100,
        "media.load_max_percent ({}) is a share of a thread's time: 1 to 100, or 0 for no limit",
        config.load_max_percent
    );
    Ok(())
}

fn settings(config: &Config, identity: Identity) -> Settings {
    let seconds = u64::from(config.silent_after_s);
    Settings {
        identity,
        advertised: advertised(config).into(),
        silent_after: (seconds > 0).then(|| Duration::from_secs(seconds)),
        hold_music: config.hold_music,
        inband_dtmf: config.inband_dtmf,
        load_max: load_max(config),
    }
}

fn load_max(config: &Config) -> Option<f64> {
    (config.load_max_percent > 0).then(|| f64::from(config.load_max_percent) / 100.0)
}

/// Without the file calls go on after a restart all the same, some of them later.
fn numbers(config: &Config) -> Numbers {
    let Some(path) = &config.numbers_file else { return Numbers::default() };
    Numbers::open(path).unwrap_or_else(|error| {
        let error = format!("{error:#}");
        tracing::warn!(error, "media.numbers_file cannot be used");
        Numbers::default()
    })
}

fn thread_count(config: &Config) -> usize {
    match config.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        count => count,
    }
}

/// The processor of a media thread, when it has one of its own.
fn pinned_to(config: &Config, number: usize) -> Option<usize> {
    config.pin.get(number.checked_rem(config.pin.len())?).copied()
}

fn advertised(config: &Config) -> Vec<IpAddr> {
    if !config.advertise.is_empty() {
        return config.advertise.clone();
    }
    if !config.bind.is_unspecified() {
        return vec![config.bind];
    }
    vec![outward_address().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))]
}

/// The address that this machine has towards the outside. Connecting a UDP socket sends nothing; the
/// address is one that is never used (RFC 5737).
fn outward_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 9))).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified())
}
