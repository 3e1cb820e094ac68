//! One task that owns the switch: reads the bus, hands everything to the state, carries outputs out.

mod webhooks;

use crate::queue_metrics::{QueueMetrics, note_record};
use crate::{Config, Output, Setup, Switch, happenings};
use offhook_bus::{
    Happening, Inbox, MailboxLink, MediaCommand, MediaEvent, Outbox, QueueAudit, Shared, SipLink,
    SwitchOrder,
};
use offhook_model::{CallRecord, Directory, LiveCall, LogEntry, MailboxAnswer};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use webhooks::{Answer, Webhooks};

/// How long the task sleeps at most when nothing is due.
const IDLE: Duration = Duration::from_secs(60);
/// How often the queues are looked through for what must never be.
const AUDIT_PERIOD: Duration = Duration::from_secs(10);

/// What the switch is connected to.
#[derive(Debug)]
pub struct Links {
    /// The edge.
    pub sip: SipLink,
    /// Towards the media role.
    pub media_commands: Outbox<MediaCommand>,
    /// From the media role.
    pub media_events: Inbox<MediaEvent>,
    /// From the API.
    pub orders: Inbox<SwitchOrder>,
    /// The mailbox role.
    pub mailbox: MailboxLink,
    /// Towards whoever writes things down.
    pub records: Outbox<LogEntry>,
    /// State that all roles share.
    pub shared: Shared,
}

/// A switch that runs.
#[derive(Debug)]
pub struct Running {
    stop: watch::Sender<bool>,
    calls: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Running {
    /// Calls that have not ended.
    #[must_use]
    pub fn call_count(&self) -> usize {
        *self.calls.borrow()
    }

    /// Tells, whenever it is asked, whether the switch still runs.
    pub fn is_running(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let task = self.task.abort_handle();
        move || !task.is_finished()
    }

    /// Waits until no call is left.
    pub async fn idle(&mut self) {
        // The sender is gone only when the task has ended, and then no call is left either.
        self.calls.wait_for(|count| *count == 0).await.ok();
    }

    /// Ends every call and then the task. Waits at most [`STOP_WAIT`] for the last records.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        tokio::time::timeout(STOP_WAIT, self.idle()).await.ok();
        self.task.abort();
    }
}

/// How long a stop waits for the legs' last words.
pub const STOP_WAIT: Duration = Duration::from_secs(3);

/// Starts the switch. `setup.directory` is replaced by the shared one.
#[must_use]
pub fn start(config: &Config, mut setup: Setup, links: Links) -> Running {
    setup.directory = links.shared.directory();
    let switch = Switch::new(config, setup);
    let (webhooks, answers) = Webhooks::new(&config.webhook);
    let (stop, stopped) = watch::channel(false);
    let (count, calls) = watch::channel(0);
    let queue_metrics = QueueMetrics::default();
    let driver = Driver { switch, links, webhooks, count, queue_metrics };
    let task = tokio::spawn(run(driver, answers, stopped));
    Running { stop, calls, task }
}

struct Driver {
    switch: Switch,
    links: Links,
    webhooks: Webhooks,
    count: watch::Sender<usize>,
    queue_metrics: QueueMetrics,
}

async fn run(
    mut driver: Driver,
    mut answers: mpsc::Receiver<Answer>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut directory = driver.links.shared.watch_directory();
    let mut reachability = driver.links.shared.watch_reachability();
    driver.note_devices();
    driver.carry_out();
    let mut audits = tokio::time::interval(AUDIT_PERIOD);
    audits.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stopping = false;
    loop {
        // Timers wait for no queue: messages that keep coming would put them off without end.
        driver.run_timers();
        let wait = driver.switch.poll_timeout().unwrap_or_else(|| Instant::now() + IDLE);
        tokio::select! {
            biased;
            Some(event) = driver.links.media_events.recv() => {
                driver.switch.handle_media(event, Instant::now());
            }
            Some(message) = driver.links.sip.from_peer.recv() => {
                driver.switch.handle_sip(message, Instant::now());
            }
            Some(order) = driver.links.orders.recv() => driver.obey(order),
            Some(answer) = answers.recv() => driver.hand_over(answer),
            Some(answer) = driver.links.mailbox.answers.recv() => {
                driver.take_answer(answer);
            }
            Ok(()) = directory.changed() => driver.take_directory(&directory),
            Ok(()) = reachability.changed() => driver.take_reachability(),
            _ = stopped.changed(), if !stopping => {
                stopping = true;
                driver.switch.drain();
                driver.switch.hang_up_all(Instant::now());
            }
            _ = audits.tick() => driver.audit(),
            () = tokio::time::sleep_until(wait.into()) => {}
        }
        driver.carry_out();
    }
}

impl Driver {
    /// What the mailbox role says.
    fn take_answer(&mut self, answer: MailboxAnswer) {
        let now = Instant::now();
        match answer {
            MailboxAnswer::Opened { leg, opened } => self.switch.handle_opened(leg, opened, now),
            MailboxAnswer::Counted { mailbox, new, old } => {
                self.switch.set_messages(&mailbox, new, old, now);
            }
        }
    }

    fn run_timers(&mut self) {
        let now = Instant::now();
        self.switch.set_clock(unix_ms(), now);
        if self.switch.poll_timeout().is_some_and(|due| due <= now) {
            self.switch.handle_timeout(now);
            self.carry_out();
        }
    }

    fn obey(&mut self, order: SwitchOrder) {
        match order {
            SwitchOrder::HangUp(call) => {
                if !self.switch.hang_up(&call, Instant::now()) {
                    tracing::debug!(%call, "asked to end a call that is not there");
                }
            }
            SwitchOrder::Record(call, order) => {
                if !self.switch.record(&call, order, Instant::now()) {
                    tracing::debug!(%call, "asked to record a call that is not there, or not so");
                }
                self.carry_out();
            }
            SwitchOrder::Supervise(call, order) => {
                if !self.switch.supervise(&call, order, Instant::now()) {
                    tracing::warn!(%call, "a call could not be supervised as was asked");
                }
                self.carry_out();
            }
            SwitchOrder::Merge { call, with, extension } => {
                if !self.switch.merge(&call, &with, &extension, Instant::now()) {
                    tracing::warn!(%call, %with, "two calls could not be merged");
                }
                self.carry_out();
            }
            SwitchOrder::Fork(call, order) => {
                if !self.switch.fork(&call, order) {
                    tracing::debug!(%call, "asked to fork a call that is not there");
                }
                self.carry_out();
            }
            SwitchOrder::Conference(number, order) => {
                if !self.switch.conference(&number, order, Instant::now()) {
                    tracing::debug!(number, "asked of a conference what it cannot do");
                }
                self.carry_out();
            }
            SwitchOrder::Agent(agent, order) => {
                if !self.switch.agent(&agent, order, Instant::now()) {
                    tracing::debug!(%agent, "asked of an agent what it cannot do");
                }
            }
            SwitchOrder::CancelCallback(call) => {
                if !self.switch.cancel_callback(&call, Instant::now()) {
                    tracing::info!(%call, "no callback waits that could be cancelled");
                }
            }
            SwitchOrder::MoveCaller(call, position) => {
                if !self.switch.move_caller(&call, position, Instant::now()) {
                    tracing::debug!(%call, "asked to move a caller who does not wait");
                }
            }
            SwitchOrder::Drain => self.switch.drain(),
        }
    }

    fn hand_over(&mut self, answer: Answer) {
        let Answer { leg, number, target } = answer;
        self.switch.handle_answer(leg, number, target, Instant::now());
    }

    fn take_directory(&mut self, directory: &watch::Receiver<Arc<Directory>>) {
        let latest = directory.borrow().clone();
        self.switch.set_directory(latest, Instant::now());
        self.note_devices();
    }

    /// Tells which agents have devices, of all of them.
    fn note_devices(&mut self) {
        let directory = self.links.shared.directory();
        for agent in directory.agents.values() {
            let aor = directory.aor(&agent.extension);
            let is_reachable = aor.is_some_and(|aor| !self.links.shared.bindings(&aor).is_empty());
            self.switch.set_reachable(&agent.extension, is_reachable, Instant::now());
        }
    }

    /// The same of those whose first device came or whose last one went.
    fn take_reachability(&mut self) {
        for aor in self.links.shared.take_reachability() {
            let is_reachable = !self.links.shared.bindings(&aor).is_empty();
            self.switch.set_reachable(aor.user(), is_reachable, Instant::now());
        }
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Sip(message) => count_full("sip", &self.links.sip.to_peer.send(message)),
                Output::Media(command) => {
                    count_full("media", &self.links.media_commands.send(command));
                }
                Output::Lookup { call, extension } => {
                    let aor = self.links.shared.directory().aor(&extension);
                    let bindings = aor.map(|aor| self.links.shared.bindings(&aor));
                    let mut bindings = bindings.unwrap_or_default();
                    // The edge writes the end of a binding by the clock on the wall.
                    let now_ms = unix_ms();
                    bindings.retain(|binding| binding.expires_at * 1_000 > now_ms);
                    self.switch.handle_bindings(&call, &extension, &bindings, Instant::now());
                }
                Output::Ask(question) => {
                    if let Some(answer) = self.webhooks.ask(question) {
                        self.hand_over(answer);
                    }
                }
                Output::Mailbox(request) => {
                    count_full("mailbox", &self.links.mailbox.requests.send(request));
                }
                Output::LiveConference(conference) => {
                    self.links.shared.set_live_conference(conference);
                }
                Output::Live(call) => self.show_call(call),
                Output::Agent(agent) => {
                    let id = agent.view.id.clone();
                    self.queue_metrics.note_agent(&agent);
                    self.links.shared.centre().set_agent(*agent);
                    self.tell(Happening::AgentChanged(id));
                }
                Output::AgentGone(agent) => {
                    self.queue_metrics.forget_agent(&agent);
                    self.links.shared.centre().remove_agent(&agent);
                }
                Output::Queue(queue) => {
                    let id = queue.view.id.clone();
                    self.queue_metrics.note_queue(&queue, unix_ms());
                    self.links.shared.centre().set_queue(*queue);
                    self.tell(Happening::QueueChanged(id));
                }
                Output::QueueGone(queue) => {
                    self.queue_metrics.forget_queue(&queue);
                    self.links.shared.centre().remove_queue(&queue);
                }
                Output::Forks(call, forks) => self.links.shared.set_forks(&call, forks),
                Output::Log(entry) => self.write_down(entry),
            }
        }
        let count = self.switch.call_count();
        self.count.send_if_modified(|known| std::mem::replace(known, count) != count);
        #[expect(clippy::cast_precision_loss, reason = "a gauge of at most some thousands")]
        metrics::gauge!("offhook_calls").set(count as f64);
    }

    fn show_call(&self, call: LiveCall) {
        let before = self.links.shared.live_call(&call.call);
        let happening = happenings::of_live(before.as_ref(), &call);
        self.links.shared.set_live_call(call);
        happening.into_iter().for_each(|what| self.tell(what));
    }

    fn write_down(&mut self, entry: LogEntry) {
        match &entry {
            LogEntry::Call(record) => self.finish(record),
            LogEntry::Queue(record) => note_record(record),
            LogEntry::Recording(_)
            | LogEntry::RecordingsExpired(_)
            | LogEntry::AgentStatus { .. }
            | LogEntry::Voicemail(_)
            | LogEntry::VoicemailHeard(_)
            | LogEntry::VoicemailDeleted(_) => {}
        }
        happenings::of_entry(&entry).into_iter().for_each(|what| self.tell(what));
        count_full("records", &self.links.records.send(entry));
    }

    /// Shows what must never be in the queues and is.
    fn audit(&mut self) {
        let found = self.switch.audit_queues(Instant::now());
        for violation in &found {
            tracing::error!(%violation, "the queues are not as they must be");
        }
        self.queue_metrics.note_audit(&found, unix_ms());
        self.links.shared.centre().set_audit(QueueAudit { at_ms: unix_ms(), found });
    }

    fn tell(&self, what: Happening) {
        self.links.shared.events().publish(what, unix_ms());
    }

    fn finish(&mut self, record: &CallRecord) {
        tracing::info!(call = %record.call, cause = %record.cause, "call ends");
        metrics::counter!("offhook_calls_total", "cause" => record.cause.name()).increment(1);
        if let Some((leg, verdict)) = record.verdict() {
            tracing::info!(call = %record.call, leg = %leg.leg, %verdict, "a party was not heard");
            metrics::counter!("offhook_call_verdicts_total", "verdict" => verdict.as_str())
                .increment(1);
        }
        self.links.shared.remove_live_call(&record.call);
    }
}

/// Milliseconds of Unix time; 0 before 1970.
fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn count_full<T>(queue: &'static str, outcome: &Result<(), offhook_bus::Full<T>>) {
    if outcome.is_err() {
        metrics::counter!("offhook_bus_dropped_total", "queue" => queue).increment(1);
    }
}
