//! The life of the server: start every role, say `ready`, wait, drain, stop.

use crate::config::Config;
use crate::kept;
use crate::recordings::load_keys;
use anyhow::Context;
use futures_util::Stream;
use offhook_api::Check;
use offhook_bus::{
    Bus, GuestKey, Inbox, MEDIA_QUEUE_MAX, MediaCommand, MediaEvent, MediaEvents, Outbox, Shared,
    SwitchOrder, queue,
};
use offhook_media::Media;
use offhook_model::{LogEntry, MailboxAnswer, MailboxRequest};
use offhook_ng_door::NgDoor;
use offhook_sealed::KeyRing;
use offhook_snapshots::SnapshotWriter;
use offhook_speech::Speech;
use offhook_store::{
    ACTIVE_CALLS_PERIOD, DAY_COUNTS_PERIOD, RecordWriter, SecretName, Store, mirror_active_calls,
    mirror_day_counts, write_queue_log,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

/// The roles that this process runs.
const ROLES: [&str; 5] = ["gateway", "edge", "switch", "media", "api"];

/// Runs the server until it is told to stop.
pub(crate) fn run(config: Config, demo: bool) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(config, demo))
}

async fn serve(config: Config, demo: bool) -> anyhow::Result<()> {
    let recording_keys = load_keys(&config.media.recordings_key_file)?;
    let metrics = offhook_telemetry::start(&config.telemetry)?;
    let mut signals = Signals::new()?;
    let store = open_store(&config.data_dir, demo).await?;
    let shared = share(&store).await?;
    let Bus {
        edge,
        switch,
        media_commands,
        mut media_events,
        records,
        orders,
        mailbox,
        mailbox_role,
        shared,
    } = Bus::in_process(shared);

    let commands = (media_commands.0.clone(), media_commands.1);
    let keys = recording_keys.clone();
    let media = MediaSide::start(&config, &store, commands, media_events.0, keys).await?;
    let edge_key = store.secret(SecretName::EdgeKey).await?;
    let edge = offhook_edge::start(&config.edge, edge, shared.clone(), edge_key)?;
    offhook_media::self_check(&media_commands.0, &mut media_events.1, config.media.bind)
        .await
        .context("the media path does not work")?;
    let media_is_running = is_open(&media_commands.0);
    let links = offhook_switch::Links {
        sip: switch,
        media_commands: media_commands.0,
        media_events: media_events.1,
        orders: orders.1,
        mailbox,
        records: records.0,
        shared: shared.clone(),
    };
    let mailboxes =
        open_mailboxes(&config, &store, &shared, &media.recordings, &recording_keys, mailbox_role)?;
    let mut switch = offhook_switch::start(&config.switch, setup(&shared, &store).await?, links);
    let writer = RecordWriter::spawn(store.clone(), stream(records.1));
    let mut mirrors = mirrors(&config, &store, &shared);
    let drains = Arc::new(AtomicBool::new(false));
    let parts = offhook_api::Parts {
        store: store.clone(),
        shared: shared.clone(),
        orders: orders.0.clone(),
        secret: store.secret(SecretName::TokenKey).await?,
        checks: checks(switch.is_running(), media_is_running, edge.is_running(), drains.clone()),
        roles: ROLES.to_vec(),
        version: env!("CARGO_PKG_VERSION"),
        recordings: media.recordings.clone(),
        recording_keys,
        fork_hosts: config.media.fork.allowed_hosts,
    };
    let state = offhook_api::ApiState::new(config.api, parts);
    mirrors.push(tokio::spawn(offhook_api::deliver_webhooks(state.clone())));
    let api = offhook_api::router(state);
    let parts = offhook_gateway::Parts { api, sip: edge.websocket_door(), metrics };
    let gateway = offhook_gateway::start(&config.gateway, parts).await?;
    announce(demo, &gateway, &edge, media.ng.as_ref());

    wait(&mut signals, &store, &shared).await;
    drains.store(true, Ordering::Relaxed);
    drain(&orders.0, &mut switch, Duration::from_secs(config.stop_grace_s), &mut signals).await;
    switch.stop().await;
    let beside = Beside { mailboxes, gateway, edge, media, mirrors, writer };
    beside.stop(&store, &shared).await;
    store.close().await;
    Ok(())
}

/// Tells whether the media role still takes commands.
fn is_open(commands: &Outbox<MediaCommand>) -> impl Fn() -> bool + Send + Sync + 'static {
    let commands = commands.clone();
    move || !commands.is_closed()
}

/// What is stopped after the switch.
struct Beside {
    mailboxes: offhook_mailbox::Running,
    gateway: offhook_gateway::Gateway,
    edge: offhook_edge::Edge,
    media: MediaSide,
    mirrors: Vec<JoinHandle<()>>,
    writer: RecordWriter,
}

impl Beside {
    async fn stop(self, store: &Store, shared: &Shared) {
        drop(self.mailboxes);
        self.gateway.stop().await;
        self.edge.stop().await;
        self.media.stop().await;
        self.mirrors.iter().for_each(JoinHandle::abort);
        keep_day(store, shared).await;
        let flushed = self.writer.stop().await;
        tracing::info!(?flushed, "stopped");
    }
}

/// The media role with the door in front of it, and what keeps the door's calls.
struct MediaSide {
    media: Media,
    ng: Option<NgDoor>,
    snapshots: Option<SnapshotWriter>,
    /// The folder of the recordings.
    recordings: PathBuf,
}

impl MediaSide {
    async fn start(
        config: &Config,
        store: &Store,
        (to_media, commands): (Outbox<MediaCommand>, Inbox<MediaCommand>),
        events: Outbox<MediaEvent>,
        keys: KeyRing,
    ) -> anyhow::Result<Self> {
        let (mut media_config, recordings) = with_folders(config);
        if media_config.numbers_file.is_none() && config.ng.enabled {
            media_config.numbers_file = kept::numbers_file(&config.shared_state, store).await?;
        }
        let (to_door, media_events) = queue(MEDIA_QUEUE_MAX);
        let events = MediaEvents::from(events).with_door(to_door);
        let (identity, speech) = (kept::identity(store).await?, speech(config)?);
        let media =
            offhook_media::start_as(identity, &media_config, commands, events, speech, keys)?;
        // Calls from before this start have their ports before anybody else is given any.
        let (kept, snapshots) = kept::open(&config.shared_state, store).await?.unzip();
        let links = offhook_ng_door::Links { media_commands: to_media, media_events, kept };
        let ng = open_ng(&config.ng, links, media.runtime()).await?;
        Ok(Self { media, ng, snapshots, recordings })
    }

    /// What is kept of the door's calls stays: the proxy ends them, and the process after this goes on with
    /// them until then.
    async fn stop(self) {
        drop(self.ng);
        drop(self.media);
        if let Some(snapshots) = self.snapshots {
            snapshots.stop().await;
        }
    }
}

/// The voice of the prompts, and where what it has said is kept.
fn speech(config: &Config) -> anyhow::Result<Arc<Speech>> {
    let voice = config.speech.voice().context("the speech configuration cannot be used")?;
    Ok(Arc::new(Speech::with_voice(voice, Some(config.data_dir.join("speech")))))
}

/// The door for RTPengine's clients, unless it is switched off.
async fn open_ng(
    config: &offhook_ng_door::Config,
    links: offhook_ng_door::Links,
    beside: &Handle,
) -> anyhow::Result<Option<NgDoor>> {
    if !config.enabled {
        return Ok(None);
    }
    Ok(Some(offhook_ng_door::start(config, links, beside).await?))
}

/// The tasks that show elsewhere what is in memory.
fn mirrors(config: &Config, store: &Store, shared: &Shared) -> Vec<JoinHandle<()>> {
    let always = [mirror(store, shared), mirror_day(store, shared)];
    always.into_iter().chain(queue_log(config, store, shared)).collect()
}

/// The mailbox role.
fn open_mailboxes(
    config: &Config,
    store: &Store,
    shared: &Shared,
    recordings: &Path,
    keys: &KeyRing,
    (requests, answers): (Inbox<MailboxRequest>, Outbox<MailboxAnswer>),
) -> anyhow::Result<offhook_mailbox::Running> {
    let links = offhook_mailbox::Links {
        requests,
        answers,
        store: store.clone(),
        shared: shared.clone(),
        recordings: recordings.to_owned(),
        keys: keys.clone(),
    };
    offhook_mailbox::start(&config.voicemail, links)
}

/// Shows the calls in progress in the database.
fn mirror(store: &Store, shared: &Shared) -> JoinHandle<()> {
    let live = shared.clone();
    let calls = move || live.live_calls();
    tokio::spawn(mirror_active_calls(store.clone(), calls, ACTIVE_CALLS_PERIOD))
}

/// Keeps the day's counts in the database, so that the next process goes on counting.
fn mirror_day(store: &Store, shared: &Shared) -> JoinHandle<()> {
    let centre = shared.centre().clone();
    let counts = move || (today_ms(), centre.day_counts());
    tokio::spawn(mirror_day_counts(store.clone(), counts, DAY_COUNTS_PERIOD))
}

/// Adds what happens in queues to a file, where one is configured.
fn queue_log(config: &Config, store: &Store, shared: &Shared) -> Option<JoinHandle<()>> {
    let path = config.api.queue_log_file.clone()?;
    let shared = shared.clone();
    let directory = move || shared.directory();
    Some(tokio::spawn(write_queue_log(store.clone(), path, directory, now_ms)))
}

/// Milliseconds of Unix time.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Writes the day's counts down a last time.
async fn keep_day(store: &Store, shared: &Shared) {
    let written = store.set_day_counts(today_ms(), &shared.centre().day_counts()).await;
    if let Err(error) = written {
        tracing::warn!(%error, "the last counts of the day are not written down");
    }
}

/// The first moment of the day, milliseconds of Unix time.
fn today_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() / 86_400 * 86_400_000
}

/// The media role's settings with its folders, which are in the data folder unless configured otherwise, and
/// the folder of the recordings.
fn with_folders(config: &Config) -> (offhook_media::Config, PathBuf) {
    let mut media = config.media.clone();
    media.prompts.get_or_insert_with(|| config.data_dir.join("prompts"));
    let in_data_dir = || config.data_dir.join("recordings");
    let recordings = media.recordings.get_or_insert_with(in_data_dir).clone();
    (media, recordings)
}

/// The queue of records as a stream, which is what the store reads.
fn stream(records: Inbox<LogEntry>) -> impl Stream<Item = LogEntry> {
    futures_util::stream::unfold(records, |mut inbox| async move {
        inbox.recv().await.map(|record| (record, inbox))
    })
}

/// A role is well as long as its task or threads run; the whole takes calls until it drains.
fn checks(
    switch: impl Fn() -> bool + Send + Sync + 'static,
    media: impl Fn() -> bool + Send + Sync + 'static,
    edge: impl Fn() -> bool + Send + Sync + 'static,
    drains: Arc<AtomicBool>,
) -> offhook_api::Checks {
    let check = |name, runs: bool| Check {
        name,
        failure: (!runs).then(|| format!("the {name} role has stopped")),
    };
    let accepting = move || Check {
        name: "accepting",
        failure: drains.load(Ordering::Relaxed).then(|| "no new calls: Offhook drains".to_owned()),
    };
    Arc::new(move || {
        let roles = [check("edge", edge()), check("switch", switch()), check("media", media())];
        roles.into_iter().chain([accepting()]).collect()
    })
}

async fn open_store(folder: &Path, demo: bool) -> anyhow::Result<Store> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the data directory {}", folder.display()))?;
    let store = Store::open(&folder.join("offhook.db")).await?;
    if demo {
        store.seed_demo().await?;
        crate::say("demo: public passwords, bound to loopback only");
    } else if let Some(administrator) = store.first_start().await? {
        let (name, password) = (administrator.username, administrator.password);
        crate::say(&format!("first start: administrator {name}, password {password}"));
    }
    Ok(store)
}

async fn share(store: &Store) -> anyhow::Result<Shared> {
    let guest_key = GuestKey(store.secret(SecretName::GuestKey).await?);
    Ok(Shared::new(store.directory().await?, guest_key))
}

async fn setup(shared: &Shared, store: &Store) -> anyhow::Result<offhook_switch::Setup> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("the operating system has no randomness")?;
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    Ok(offhook_switch::Setup {
        seed,
        start: Instant::now(),
        unix_ms: u64::try_from(unix.as_millis())?,
        directory: shared.directory(),
        today: store.day_counts(today_ms()).await?,
        callbacks: store.take_callbacks().await?,
    })
}

/// One line, for people and for programs that start us.
fn announce(
    demo: bool,
    gateway: &offhook_gateway::Gateway,
    edge: &offhook_edge::Edge,
    ng: Option<&NgDoor>,
) {
    let http = gateway.address();
    let mut line = format!("ready portal=http://{http}/ ws=ws://{http}/ws");
    let sip = edge.addresses();
    let listeners =
        [("sip_udp", sip.udp), ("sip_tcp", sip.tcp), ("sip_tls", sip.tls), ("sip_ws", sip.ws)];
    for (name, address) in listeners {
        if let Some(address) = address {
            line.push_str(&format!(" {name}={address}"));
        }
    }
    if let Some(ng) = ng {
        let addresses = ng.addresses();
        line.push_str(&format!(" ng={}", addresses.udp));
        for (name, address) in [("ng_tcp", addresses.tcp), ("ng_http", addresses.http)] {
            if let Some(address) = address {
                line.push_str(&format!(" {name}={address}"));
            }
        }
    }
    if demo {
        line.push_str(" demo=true");
    }
    crate::say(&line);
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Returns when somebody wants us to stop.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Serves until a stop is asked for; SIGHUP reads the directory again.
async fn wait(signals: &mut Signals, store: &Store, shared: &Shared) {
    loop {
        tokio::select! {
            _ = signals.hang_up.recv() => match shared.reload_directory(store.directory()).await {
                Ok(()) => tracing::info!("the directory was read again"),
                Err(error) => tracing::error!(%error, "the directory could not be read again"),
            },
            _ = signals.terminate.recv() => return,
            _ = signals.interrupt.recv() => return,
        }
    }
}

/// No new calls; those that run may end by themselves, until the grace is over or somebody insists.
async fn drain(
    orders: &offhook_bus::Outbox<SwitchOrder>,
    switch: &mut offhook_switch::Running,
    grace: Duration,
    signals: &mut Signals,
) {
    if orders.send(SwitchOrder::Drain).is_err() {
        tracing::warn!("the switch could not be told to drain");
    }
    tracing::info!(calls = switch.call_count(), "draining");
    tokio::select! {
        () = switch.idle() => {}
        () = tokio::time::sleep(grace) => tracing::warn!("the grace is over: calls are ended"),
        () = signals.stop() => tracing::warn!("told to stop twice: calls are ended"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drains_or_has_stopped_is_not_ready() {
        let (runs, drains) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        let edge = runs.clone();
        let checks = checks(|| true, || true, move || edge.load(Ordering::Relaxed), drains.clone());
        let failing = || -> Vec<&str> {
            let failing = checks().into_iter().filter(|check| check.failure.is_some());
            failing.map(|check| check.name).collect()
        };
        assert_eq!(failing(), [""; 0]);
        drains.store(true, Ordering::Relaxed);
        assert_eq!(failing(), ["accepting"]);
        runs.store(false, Ordering::Relaxed);
        assert_eq!(failing(), ["edge", "accepting"]);
    }
}
