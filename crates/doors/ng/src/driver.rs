//! Sockets and the bus around [`crate::state::Door`].

mod streams;
mod web;

use crate::Config;
use crate::state::{Door, Output, RequestId, Settings};
use anyhow::Context;
use offhook_bus::{CallSnapshot, Inbox, MediaCommand, MediaEvent, Outbox, SnapshotChange};
use offhook_ng::{Encoding, Known, MESSAGE_BYTES_MAX, Message, Reply, ReplyCache, Request, Value};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::net::{TcpListener, UdpSocket};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How long the task sleeps at most when nothing is due.
const IDLE: Duration = Duration::from_secs(60);
/// How often what is kept of a call is renewed when nothing about it changes.
const SNAPSHOT_INTERVAL: Duration = Duration::from_secs(10);
/// Calls that are restored at a time, so that the media role's queue has room for them.
const RESTORING_MAX: usize = 128;
/// Messages of all connections that wait for the door.
const ASKED_WAITING_MAX: usize = 1_024;
/// Replies that wait for one connection.
pub(crate) const REPLIES_WAITING_MAX: usize = 256;
/// TCP connections at a time, and HTTP ones.
pub(crate) const CONNECTIONS_MAX: usize = 256;

/// What the door is connected to.
#[derive(Debug)]
pub struct Links {
    /// Towards the media role.
    pub media_commands: Outbox<MediaCommand>,
    /// From the media role.
    pub media_events: Inbox<MediaEvent>,
    /// What is kept of calls; `None` when they end with the process.
    pub kept: Option<Kept>,
}

/// What is kept of calls, so that they outlive the process.
#[derive(Debug)]
pub struct Kept {
    /// Towards whoever keeps it.
    pub changes: Outbox<SnapshotChange>,
    /// The calls of the process before this one, by their call-ids.
    pub calls: Vec<(String, CallSnapshot)>,
}

/// Where the door listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The NG protocol over UDP.
    pub udp: SocketAddr,
    /// Over TCP.
    pub tcp: Option<SocketAddr>,
    /// Over HTTP and WebSockets.
    pub http: Option<SocketAddr>,
}

/// A door that runs. Dropping it closes it; its calls stay with the media role until that ends.
#[derive(Debug)]
pub struct NgDoor {
    addresses: Addresses,
    tasks: Vec<JoinHandle<()>>,
}

impl NgDoor {
    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }
}

impl Drop for NgDoor {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Opens the door. Its requests are served by `beside`, the runtime of whatever takes its commands: a thread
/// less that each request has to wake. Calls that were kept are there when it is open, unless they cannot be
/// restored, which is logged and counted.
///
/// # Errors
/// When a port cannot be had; the message names the key of the configuration.
pub async fn start(config: &Config, mut links: Links, beside: &Handle) -> anyhow::Result<NgDoor> {
    let address = SocketAddr::new(config.bind, config.port);
    let socket = bind(address);
    let socket = socket.with_context(|| format!("ng.bind and ng.port: UDP {address}"))?;
    let (asked, inbox) = mpsc::channel(ASKED_WAITING_MAX);
    let mut addresses = Addresses { udp: socket.local_addr()?, tcp: None, http: None };
    let mut tasks = Vec::new();
    if config.tcp {
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("ng.bind and ng.port: TCP {address}"))?;
        addresses.tcp = Some(listener.local_addr()?);
        tasks.push(tokio::spawn(streams::serve(listener, asked.clone())));
    }
    if config.http {
        let address = SocketAddr::new(config.bind, config.http_port());
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("ng.http_port: TCP {address}"))?;
        addresses.http = Some(listener.local_addr()?);
        tasks.push(tokio::spawn(web::serve(listener, asked)));
    }
    let socket = {
        let _beside = beside.enter();
        Arc::new(UdpSocket::from_std(socket)?)
    };
    let (changes, calls) = match links.kept.take() {
        Some(Kept { changes, calls }) => (Some(changes), calls),
        None => (None, Vec::new()),
    };
    let mut driver = Driver {
        door: Door::new(settings(config, changes.is_some())?),
        changes,
        links,
        socket,
        cache: ReplyCache::new(),
        pending: HashMap::new(),
        next_request: 0,
    };
    driver.restore(calls).await;
    tasks.push(beside.spawn(driver.run(inbox)));
    Ok(NgDoor { addresses, tasks })
}

fn bind(address: SocketAddr) -> std::io::Result<std::net::UdpSocket> {
    let socket = std::net::UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn settings(config: &Config, keeps: bool) -> anyhow::Result<Settings> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).context("randomness for the name of the NG door")?;
    Ok(Settings {
        calls_max: config.calls_max,
        delete_delay_s: config.delete_delay_s,
        silence_timeout_s: config.silence_timeout_s,
        offer_timeout_s: config.offer_timeout_s,
        interfaces: config.interfaces.clone(),
        instance: format!("{:016x}", u64::from_ne_bytes(random)),
        snapshot_interval: keeps.then_some(SNAPSHOT_INTERVAL),
        start: Instant::now(),
        unix_start: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
    })
}

/// A message of a connection.
pub(crate) struct Asked {
    pub(crate) bytes: Vec<u8>,
    pub(crate) source: SocketAddr,
    pub(crate) replies: mpsc::Sender<Arc<[u8]>>,
}

/// The way of a reply.
#[derive(Clone)]
enum Way {
    Udp,
    Connection(mpsc::Sender<Arc<[u8]>>),
}

/// Who waits for a reply.
struct Asker {
    source: SocketAddr,
    way: Way,
    cookie: Vec<u8>,
    encoding: Encoding,
}

struct Driver {
    door: Door,
    changes: Option<Outbox<SnapshotChange>>,
    links: Links,
    socket: Arc<UdpSocket>,
    cache: ReplyCache,
    pending: HashMap<RequestId, Asker>,
    next_request: u64,
}

impl Driver {
    /// Goes on with calls of the process before this one. It waits for the media role, so that nobody else is
    /// given their ports.
    async fn restore(&mut self, calls: Vec<(String, CallSnapshot)>) {
        for series in ["offhook_calls_restored_total", "offhook_calls_restore_failed_total"] {
            metrics::counter!(series).absolute(0);
        }
        for (call_id, snapshot) in calls {
            self.wait_for_restored(RESTORING_MAX - 1).await;
            if let Err(error) = self.door.restore(&call_id, &snapshot, Instant::now()) {
                tracing::warn!(%error, "a call cannot be restored");
            }
            self.carry_out();
        }
        self.wait_for_restored(0).await;
        let calls = self.door.call_count();
        if calls > 0 {
            tracing::info!(calls, "calls go on that began before this start");
        }
    }

    /// Waits until no more than so many calls are being restored.
    async fn wait_for_restored(&mut self, limit: usize) {
        while self.door.restoring() > limit {
            let wait = self.door.poll_timeout().unwrap_or_else(|| Instant::now() + IDLE);
            tokio::select! {
                biased;
                event = self.links.media_events.recv() => match event {
                    Some(event) => self.door.handle_media(event, Instant::now()),
                    None => return,
                },
                () = tokio::time::sleep_until(wait.into()) => {
                    self.door.handle_timeout(Instant::now());
                }
            }
            self.carry_out();
        }
    }

    async fn run(mut self, mut inbox: mpsc::Receiver<Asked>) {
        let mut buffer = vec![0; MESSAGE_BYTES_MAX + 1];
        let socket = Arc::clone(&self.socket);
        loop {
            let wait = self.door.poll_timeout().unwrap_or_else(|| Instant::now() + IDLE);
            tokio::select! {
                biased;
                event = self.links.media_events.recv() => match event {
                    Some(event) => self.door.handle_media(event, Instant::now()),
                    None => return,
                },
                received = socket.recv_from(&mut buffer) => match received {
                    Ok((length, source)) => self.receive(&buffer[..length], source, Way::Udp),
                    Err(error) => tracing::debug!(%error, "receiving failed"),
                },
                Some(asked) = inbox.recv() => {
                    let way = Way::Connection(asked.replies);
                    self.receive(&asked.bytes, asked.source, way);
                }
                () = tokio::time::sleep_until(wait.into()) => {
                    self.door.handle_timeout(Instant::now());
                }
            }
            self.carry_out();
        }
    }

    fn receive(&mut self, bytes: &[u8], source: SocketAddr, way: Way) {
        let message = match Message::parse(bytes) {
            Ok(message) => message,
            Err(error) => {
                tracing::debug!(%error, "a message nobody can be answered to");
                metrics::counter!("offhook_ng_malformed_total").increment(1);
                return;
            }
        };
        let now = Instant::now();
        match self.cache.handle_request(source, message.cookie, now) {
            Known::New => {}
            Known::Pending => return,
            Known::Answered(reply) => return self.send(reply, source, &way),
        }
        let (encoding, request) = read(message.body);
        let id = RequestId(self.next_request);
        self.next_request += 1;
        let asker = Asker { source, way, cookie: message.cookie.to_vec(), encoding };
        self.pending.insert(id, asker);
        match request {
            Ok(request) => {
                let command = request.command.as_str();
                metrics::counter!("offhook_ng_requests_total", "command" => command).increment(1);
                self.door.handle_request(id, request, now);
            }
            Err(reason) => {
                metrics::counter!("offhook_ng_malformed_total").increment(1);
                self.reply(id, &Reply::error(reason));
            }
        }
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.door.poll_output() {
            match output {
                Output::Reply { request, reply } => self.reply(request, &reply),
                Output::Keep { call_id, snapshot } => self.keep(call_id, Some(snapshot)),
                Output::Forget { call_id } => self.keep(call_id, None),
                Output::Media(command) => {
                    if self.links.media_commands.send(command).is_err() {
                        metrics::counter!("offhook_bus_dropped_total", "queue" => "media")
                            .increment(1);
                    }
                }
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a gauge of at most some thousands")]
        metrics::gauge!("offhook_ng_calls").set(self.door.call_count() as f64);
    }

    /// A snapshot that finds no room is followed by another.
    fn keep(&self, call_id: String, snapshot: Option<CallSnapshot>) {
        let Some(changes) = &self.changes else { return };
        if changes.send(SnapshotChange { call_id, snapshot }).is_err() {
            metrics::counter!("offhook_bus_dropped_total", "queue" => "snapshots").increment(1);
        }
    }

    fn reply(&mut self, id: RequestId, reply: &Reply) {
        let Some(asker) = self.pending.remove(&id) else { return };
        if reply.is_error() {
            metrics::counter!("offhook_ng_errors_total").increment(1);
        }
        let message: Arc<[u8]> = reply.to_message(&asker.cookie, asker.encoding).into();
        self.cache.handle_reply(asker.source, &asker.cookie, Arc::clone(&message));
        self.send(message, asker.source, &asker.way);
    }

    /// A reply that is lost is asked for again.
    fn send(&self, message: Arc<[u8]>, to: SocketAddr, way: &Way) {
        match way {
            Way::Udp => {
                if let Err(error) = self.socket.try_send_to(&message, to) {
                    tracing::debug!(%error, "a reply could not be sent");
                }
            }
            Way::Connection(replies) => {
                if replies.try_send(message).is_err() {
                    tracing::debug!("a connection is gone or takes no replies");
                }
            }
        }
    }
}

/// The request of a body and the encoding for its reply, or what is wrong with it.
fn read(body: &[u8]) -> (Encoding, Result<Request, String>) {
    let guessed = if body.first() == Some(&b'{') { Encoding::Json } else { Encoding::Bencode };
    match Value::parse(body) {
        Ok((value, encoding)) => {
            (encoding, Request::from_value(&value).map_err(|error| error.to_string()))
        }
        Err(error) => (guessed, Err(format!("Could not decode dictionary: {error}"))),
    }
}
