//! The door without I/O: requests come in, replies and commands to the media role go out.

mod call;
mod codecs;
mod connection;
mod control;
mod description;
mod ending;
mod negotiation;
mod publication;
mod report;
mod section;
mod snapshot;
mod subscription;
mod work;

pub use call::{PARTIES_MAX, REQUESTS_WAITING_MAX};
pub use description::SECTIONS_MAX;
pub use snapshot::{RestoreError, SNAPSHOT_AGE_MAX};
pub use subscription::SUBSCRIPTIONS_MAX;

use call::Call;
use offhook_bus::{CallSnapshot, DOOR_LEGS, MediaCommand, MediaEvent, MediaRefusal};
use offhook_model::{LegId, MediaTrouble};
use offhook_ng::{Command, Dictionary, Reply, Request, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};
use work::{Refusal, Task, Work, refuse};

/// How long a request waits for the media role.
pub const MEDIA_TIMEOUT: Duration = Duration::from_secs(5);
/// Call-ids that `list` names unless it is asked for another number.
pub const LIST_LIMIT: u32 = 32;
/// Bytes of a call-id, a tag or a branch at most.
pub const NAME_BYTES_MAX: usize = 512;

/// Names a request from its arrival to its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub u64);

/// Stands for a request where the door asks by itself; there is nobody to reply to.
const NOBODY: RequestId = RequestId(u64::MAX);

/// What the door wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Answer a request.
    Reply {
        /// The request.
        request: RequestId,
        /// The answer.
        reply: Reply,
    },
    /// Tell the media role.
    Media(MediaCommand),
    /// Keep this of a call, in the place of what was kept before.
    Keep {
        /// The call.
        call_id: String,
        /// What [`Door::restore`] reads.
        snapshot: CallSnapshot,
    },
    /// Keep nothing of a call.
    Forget {
        /// The call.
        call_id: String,
    },
}

/// What holds for all calls.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Calls at a time.
    pub calls_max: usize,
    /// Seconds between a delete and the end of a call when the delete does not say.
    pub delete_delay_s: u32,
    /// Seconds without a packet of any party after which a call ends.
    pub silence_timeout_s: u32,
    /// Seconds after which a call ends that nobody has answered.
    pub offer_timeout_s: u32,
    /// Addresses that stand for ours, by the names that `direction` has for them.
    pub interfaces: BTreeMap<String, IpAddr>,
    /// A name of this process among others that clients know, of letters and digits.
    pub instance: String,
    /// How often a call that does not change is looked at for its snapshot; `None` when nothing is kept.
    pub snapshot_interval: Option<Duration>,
    /// The moment at which the wall clock says `unix_start`.
    pub start: Instant,
    /// The wall clock at `start`, since 1970.
    pub unix_start: Duration,
}

/// Why a timer was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum TimerName {
    /// The media role should have answered.
    Media,
    /// The delay of a delete is over.
    Delete,
    /// Whether anybody is heard is to be looked at.
    Silence,
    /// The snapshot is to be renewed.
    Snapshot,
}

impl TimerName {
    /// Every timer of a call.
    const ALL: [Self; 4] = [Self::Media, Self::Delete, Self::Silence, Self::Snapshot];
}

/// Counts since the start, for `statistics`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Calls that were made.
    pub calls: u64,
    /// Offers that were refused for want of room.
    pub refused: u64,
    /// Calls that ended because nobody was heard.
    pub timed_out: u64,
    /// RTP packets relayed in calls that have ended.
    pub packets: u64,
    /// Bytes of their payload.
    pub octets: u64,
    /// Packets that were dropped.
    pub errors: u64,
    /// Sections of offers that were rejected: too many, without a port of their own, or of a protocol that
    /// cannot be passed on.
    pub sections_refused: u64,
}

/// The door. See the crate's documentation.
#[derive(Debug)]
pub struct Door {
    settings: Settings,
    calls: HashMap<String, Call>,
    /// Further call-ids of calls, with those that the calls are kept under.
    aliases: HashMap<String, String>,
    legs: HashMap<LegId, String>,
    next_leg: u64,
    /// Calls that wait for the media role to restore their legs.
    restoring: usize,
    timers: BTreeSet<(Instant, String, TimerName)>,
    outputs: VecDeque<Output>,
    totals: Totals,
    requests: HashMap<Command, u64>,
    errors: u64,
}

impl Door {
    /// A door without calls.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            calls: HashMap::new(),
            aliases: HashMap::new(),
            legs: HashMap::new(),
            next_leg: DOOR_LEGS.start,
            restoring: 0,
            timers: BTreeSet::new(),
            outputs: VecDeque::new(),
            totals: Totals::default(),
            requests: HashMap::new(),
            errors: 0,
        }
    }

    /// Calls that have not ended.
    #[must_use]
    pub fn call_count(&self) -> usize {
        self.calls.len()
    }

    /// Counts since the start.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Takes a request. Its reply comes out once, at once or later.
    pub fn handle_request(&mut self, id: RequestId, request: Request, now: Instant) {
        *self.requests.entry(request.command).or_default() += 1;
        match request.command {
            Command::Ping => self.reply(id, Reply::pong()),
            Command::List => {
                let reply = self.list(&request);
                self.reply(id, reply);
            }
            Command::Statistics => {
                let reply = self.statistics(now);
                self.reply(id, reply);
            }
            _ => self.handle_call_request(id, request, now),
        }
    }

    fn handle_call_request(&mut self, id: RequestId, request: Request, now: Instant) {
        let Some(call_id) = request.call_id.clone().filter(|call_id| !call_id.is_empty()) else {
            return self.reply(id, Reply::error("No call-id in message"));
        };
        let names = [&request.call_id, &request.from_tag, &request.to_tag, &request.via_branch];
        if names.into_iter().flatten().any(|name| name.len() > NAME_BYTES_MAX) {
            let reason = format!("a call-id, tag or branch has more than {NAME_BYTES_MAX} bytes");
            return self.reply(id, Reply::error(reason));
        }
        let call_id = self.resolved(&call_id).to_owned();
        if !self.calls.contains_key(&call_id)
            && let Err(reply) = self.make_call(&call_id, &request, now)
        {
            return self.reply(id, *reply);
        }
        let Some(call) = self.calls.get_mut(&call_id) else { return };
        if call.work.is_none() {
            self.work_on(&call_id, id, request, now);
        } else if call.waiting.len() < REQUESTS_WAITING_MAX {
            call.waiting.push_back((id, request));
        } else {
            self.reply(id, Reply::error("too many requests of this call wait"));
        }
    }

    /// Only an offer and a publication make a call.
    fn make_call(&mut self, call_id: &str, request: &Request, now: Instant) -> Result<(), Refusal> {
        if !matches!(request.command, Command::Offer | Command::Publish) {
            return Err(no_such_call(request));
        }
        if self.calls.len() >= self.settings.calls_max {
            self.totals.refused += 1;
            return Err(refuse("the limit of calls is reached"));
        }
        self.totals.calls += 1;
        let created = self.settings.unix(now);
        let last_signal_s = created.as_secs();
        let call = Call { created, last_signal_s, ..Call::default() };
        self.calls.insert(call_id.to_owned(), call);
        let wait = Duration::from_secs(u64::from(self.settings.offer_timeout_s));
        self.set_timer(call_id, TimerName::Silence, now + wait);
        Ok(())
    }

    fn work_on(&mut self, call_id: &str, id: RequestId, request: Request, now: Instant) {
        let started = match request.command {
            Command::Offer => self.offer(call_id, id, request, now),
            Command::Answer => self.answer(call_id, id, request, now),
            Command::Delete => self.delete(call_id, id, &request, now),
            Command::Query => self.query(call_id, id, &request, now),
            Command::SubscribeRequest => self.subscribe(call_id, id, request, now),
            Command::SubscribeAnswer => self.subscribe_answer(call_id, id, request, now),
            Command::Unsubscribe => self.unsubscribe(call_id, id, &request, now),
            Command::Publish => self.publish(call_id, id, request, now),
            Command::Connect => self.connect(call_id, id, &request, now),
            _ => self.control(call_id, id, &request, now),
        };
        if let Err(reply) = started {
            self.reply(id, *reply);
            self.forget_if_empty(call_id);
        }
    }

    /// A call whose first offer failed was not made.
    fn forget_if_empty(&mut self, call_id: &str) {
        let is_empty = |call: &Call| call.work.is_none() && call.legs().is_empty();
        if self.calls.get(call_id).is_some_and(is_empty) {
            self.forget(call_id);
        }
    }

    /// What the media role tells of a leg.
    pub fn handle_media(&mut self, event: MediaEvent, now: Instant) {
        let leg = event.leg();
        let Some(call_id) = leg.and_then(|leg| self.legs.get(&leg)).cloned() else { return };
        if let MediaEvent::Released { leg, .. } = event {
            self.legs.remove(&leg);
            return;
        }
        if let MediaEvent::Trouble { what: MediaTrouble::Silent { .. }, .. } = event {
            return self.check_silence(&call_id, now);
        }
        if let MediaEvent::Connected { .. } = event {
            return self.note_change(&call_id, now);
        }
        let Some(mut work) = self.calls.get_mut(&call_id).and_then(|call| call.work.take()) else {
            return;
        };
        if self.handle_for(&call_id, &mut work, event, now) {
            if matches!(
                work.task,
                Task::Offer(_)
                    | Task::Answer(_)
                    | Task::Record(_)
                    | Task::Publish(_)
                    | Task::Subscribe(_)
                    | Task::Subscription(_)
            ) {
                self.note_change(&call_id, now);
            }
            return self.go_on(&call_id, now);
        }
        if let Some(call) = self.calls.get_mut(&call_id) {
            call.work = Some(work);
        }
    }

    /// Whether the work is done.
    fn handle_for(
        &mut self,
        call_id: &str,
        work: &mut Work,
        event: MediaEvent,
        now: Instant,
    ) -> bool {
        let id = work.request;
        match &mut work.task {
            Task::Offer(task) => self.offer_goes_on(call_id, id, task, event),
            Task::Answer(task) => self.answer_goes_on(call_id, id, task, event, now),
            Task::Measure(task) => self.measure_goes_on(call_id, id, task, event, now),
            Task::Record(task) => self.recording_goes_on(call_id, id, task, &event),
            Task::Subscribe(task) => self.subscribe_goes_on(call_id, id, task, event),
            Task::Subscription(task) => self.subscription_goes_on(id, task, &event),
            Task::Publish(task) => self.publish_goes_on(call_id, id, task, event, now),
            Task::Snapshot(task) => self.snapshot_goes_on(call_id, task, event, now),
            Task::Restore(task) => self.restoring_goes_on(call_id, task, &event, now),
        }
    }

    /// The next request of the call that waits.
    fn go_on(&mut self, call_id: &str, now: Instant) {
        self.clear_timer(call_id, TimerName::Media);
        while let Some(call) = self.calls.get_mut(call_id)
            && call.work.is_none()
            && let Some((id, request)) = call.waiting.pop_front()
        {
            self.work_on(call_id, id, request, now);
        }
    }

    fn start_work(&mut self, call_id: &str, request: RequestId, task: Task, now: Instant) {
        self.set_timer(call_id, TimerName::Media, now + MEDIA_TIMEOUT);
        if let Some(call) = self.calls.get_mut(call_id) {
            if matches!(task, Task::Offer(_) | Task::Answer(_) | Task::Record(_)) {
                call.last_signal_s = self.settings.unix_s(now);
            }
            call.work = Some(Work { request, task });
        }
    }

    /// Acts on what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((due, call_id, name)) = self.timers.first().cloned() {
            if due > now {
                return;
            }
            self.clear_timer(&call_id, name);
            match name {
                TimerName::Media => self.handle_media_timeout(&call_id, now),
                TimerName::Delete => self.end_call(&call_id),
                TimerName::Silence => self.check_silence(&call_id, now),
                TimerName::Snapshot => self.take_snapshot(&call_id, now),
            }
        }
    }

    fn handle_media_timeout(&mut self, call_id: &str, now: Instant) {
        let work = self.calls.get_mut(call_id).and_then(|call| call.work.take());
        if let Some(work) = work {
            let request = work.request;
            tracing::warn!("the media role did not answer in time");
            match work.task {
                Task::Restore(_) => return self.give_up(call_id, "the media role did not answer"),
                Task::Snapshot(_) => self.plan_snapshot(call_id, now),
                Task::Offer(_)
                | Task::Answer(_)
                | Task::Measure(_)
                | Task::Record(_)
                | Task::Subscribe(_)
                | Task::Subscription(_)
                | Task::Publish(_) => {}
            }
            self.reply(request, Reply::error("the media role did not answer in time"));
            self.go_on(call_id, now);
        }
    }

    /// When [`Self::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|(due, _, _)| *due)
    }

    /// The next thing to be done.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn set_timer(&mut self, call_id: &str, name: TimerName, due: Instant) {
        self.clear_timer(call_id, name);
        if let Some(call) = self.calls.get_mut(call_id) {
            *call.due(name) = Some(due);
            self.timers.insert((due, call_id.to_owned(), name));
        }
    }

    fn clear_timer(&mut self, call_id: &str, name: TimerName) {
        let Some(call) = self.calls.get_mut(call_id) else { return };
        if let Some(due) = call.due(name).take() {
            self.timers.remove(&(due, call_id.to_owned(), name));
        }
    }

    fn reply(&mut self, request: RequestId, reply: Reply) {
        if request == NOBODY {
            return;
        }
        if reply.is_error() {
            self.errors += 1;
        }
        self.outputs.push_back(Output::Reply { request, reply });
    }

    fn tell(&mut self, command: MediaCommand) {
        self.outputs.push_back(Output::Media(command));
    }

    fn new_leg(&mut self, call_id: &str) -> LegId {
        let leg = LegId(self.next_leg);
        self.next_leg += 1;
        self.legs.insert(leg, call_id.to_owned());
        leg
    }

    fn unix_s(&self, now: Instant) -> u64 {
        self.settings.unix(now).as_secs()
    }

    fn list(&self, request: &Request) -> Reply {
        let limit = request.number("limit").unwrap_or(LIST_LIMIT);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let calls =
            self.calls.keys().chain(self.aliases.keys()).take(limit).map(Value::text).collect();
        Reply::ok(Dictionary::new().with("calls", Value::List(calls)))
    }
}

impl Call {
    fn due(&mut self, name: TimerName) -> &mut Option<Instant> {
        match name {
            TimerName::Media => &mut self.media_due,
            TimerName::Delete => &mut self.delete_due,
            TimerName::Silence => &mut self.silence_due,
            TimerName::Snapshot => &mut self.snapshot_due,
        }
    }
}

impl Settings {
    fn unix(&self, now: Instant) -> Duration {
        self.unix_start + now.saturating_duration_since(self.start)
    }

    fn unix_s(&self, now: Instant) -> u64 {
        self.unix(now).as_secs()
    }
}

/// A delete of what is not there has reached its end; RTPengine says so with a warning.
fn no_such_call(request: &Request) -> Refusal {
    if request.command != Command::Delete || request.flags.switches.fatal {
        return refuse("Unknown call-id");
    }
    Box::new(Reply::ok(Dictionary::new().text("warning", ending::NO_MATCH)))
}

/// Why the media role refused, in words.
fn reason(why: &MediaRefusal) -> String {
    match why {
        MediaRefusal::Malformed(text) | MediaRefusal::NotAcceptable(text) => text.clone(),
        MediaRefusal::NothingInCommon { text, verdict } => {
            format!("{text}: {}", verdict.evidence().trim_end_matches('.'))
        }
        MediaRefusal::Exhausted => "Ran out of ports".to_owned(),
        MediaRefusal::Overloaded => "there is no capacity left for transcoding".to_owned(),
        MediaRefusal::NoSuchLeg => "there is no offer that this could answer".to_owned(),
    }
}
