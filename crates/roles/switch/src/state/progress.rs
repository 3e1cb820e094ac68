//! Tells callers who can show it how their call stands: by INFO of the package `offhook-call` (RFC 6086).

use super::Switch;
use offhook_call::Call;
use offhook_model::{LegId, QueueId};
use offhook_sip::message::{Message, Method};
use offhook_sip::user_agent::Body;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

/// The name of the package, in Recv-Info and Info-Package.
pub(crate) const PACKAGE: &str = "offhook-call";
/// The type of what is told.
const CONTENT_TYPE: &str = "application/json";
/// Positions of those who wait are told at most this often, in milliseconds.
const POSITIONS_EVERY_MS: u64 = 1_000;

/// How a call stands, as its caller is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
enum Progress {
    /// It is in a menu: keys mean something.
    Menu,
    /// It waits, and may ask for a callback where that is offered.
    Queued { queue: String, position: usize, expected_wait_s: Option<u64>, callback: bool },
    /// It will be called back, and may hang up.
    CallbackTaken { number: String },
    /// Somebody talks with it.
    Talking { with: String, name: Option<String>, agent: bool },
    /// Something is played, or somebody is being rung.
    Connecting,
}

/// Callers who can show how their call stands, and what each was told last.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    told: HashMap<LegId, Option<Progress>>,
    /// Queues whose callers have other positions, and when they are told so.
    moved: BTreeSet<QueueId>,
    due_ms: Option<u64>,
}

impl Watchers {
    /// A caller whose INVITE says that it can be told.
    pub(super) fn note(&mut self, leg: LegId, invite: &Message) {
        let packages = invite.header_named("Recv-Info").unwrap_or_default();
        if packages.split(',').any(|name| name.trim() == PACKAGE) {
            self.told.insert(leg, None);
        }
    }

    pub(super) fn forget(&mut self, leg: LegId) {
        self.told.remove(&leg);
    }

    /// The positions in this queue are others.
    pub(super) fn note_moved(&mut self, queue: &QueueId, now_ms: u64) {
        if !self.told.is_empty() {
            self.moved.insert(queue.clone());
            self.due_ms.get_or_insert(now_ms + POSITIONS_EVERY_MS);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<u64> {
        self.due_ms
    }

    /// What is news to a caller.
    fn news(&mut self, leg: LegId, progress: Progress) -> Option<Progress> {
        let told = self.told.get_mut(&leg)?;
        if told.as_ref() == Some(&progress) {
            return None;
        }
        *told = Some(progress.clone());
        Some(progress)
    }
}

impl Switch {
    /// Tells the caller how its call stands, if it can show that and it is news.
    pub(super) fn tell_progress(&mut self, call: &Call, now: Instant) {
        let leg = call.caller();
        if !self.watchers.told.contains_key(&leg) || !call.is_answered() {
            return;
        }
        let progress = self.progress(call);
        self.tell(leg, progress, now);
    }

    /// Tells those who wait in queues whose positions have changed.
    pub(super) fn tell_positions(&mut self, now: Instant) {
        let now_ms = self.unix_ms(now);
        if self.watchers.due_ms.is_none_or(|due| due > now_ms) {
            return;
        }
        self.watchers.due_ms = None;
        let mut news = BTreeMap::new();
        for queue in std::mem::take(&mut self.watchers.moved) {
            let places = self.queues.places(&queue);
            let watched =
                places.into_iter().filter(|(leg, _)| self.watchers.told.contains_key(leg));
            let told = watched.map(|(leg, place)| (leg, self.queued(&queue, place)));
            news.extend(told.collect::<Vec<_>>());
        }
        for (leg, progress) in news {
            self.tell(leg, progress, now);
        }
    }

    fn progress(&self, call: &Call) -> Progress {
        if let Some((queue, leg)) = call.waits_in() {
            let place = self.queues.places(queue).into_iter().find(|(other, _)| *other == leg);
            return place.map_or(Progress::Connecting, |(_, place)| self.queued(queue, place));
        }
        if call.menu().is_some() {
            return Progress::Menu;
        }
        let other = call.talking().and_then(|both| both.into_iter().find(|l| *l != call.caller()));
        let number = other.and_then(|leg| call.number(leg));
        number.map_or(Progress::Connecting, |number| {
            let extension = self.directory.extensions.get(number);
            let name = extension.map(|extension| extension.display_name.clone());
            let agent = self.queues.is_agent(number);
            Progress::Talking { with: number.to_owned(), name, agent }
        })
    }

    fn queued(&self, queue: &QueueId, position: usize) -> Progress {
        let known = self.directory.queues.get(queue);
        Progress::Queued {
            queue: self.queue_name(queue),
            callback: known.is_some_and(|known| known.callback_key.is_some()),
            position,
            expected_wait_s: self.queues.expected_wait_s(queue),
        }
    }

    /// Tells a caller that it will be called back.
    pub(super) fn tell_will_call_back(&mut self, leg: LegId, number: &str, now: Instant) {
        self.tell(leg, Progress::CallbackTaken { number: number.to_owned() }, now);
    }

    fn tell(&mut self, leg: LegId, progress: Progress, now: Instant) {
        let Some(handle) = self.legs.handle(leg) else { return };
        let Some(progress) = self.watchers.news(leg, progress) else { return };
        let Ok(text) = serde_json::to_string(&progress) else { return };
        let headers = [("Info-Package", PACKAGE), ("Content-Disposition", "Info-Package")];
        let body = Some(Body::new(CONTENT_TYPE, text));
        let sent = self.agent.send_in_dialog(handle, &Method::Info, &headers, body, now).map(drop);
        super::signalling::note("tell a caller", sent);
    }
}
