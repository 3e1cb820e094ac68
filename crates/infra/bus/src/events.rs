//! What happens, for those who follow it.

use crate::shared::lock;
use offhook_model::{
    AgentId, AgentStatus, CallRecord, LiveCall, QueueId, QueueRecord, RecordingRecord,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// Events that are kept for readers who are behind; the oldest goes first.
pub const EVENTS_MAX: usize = 16_384;
/// Events given to a reader at once.
pub const EVENT_BATCH_MAX: usize = 256;

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    /// A call has come in.
    CallRinging(Box<LiveCall>),
    /// A call was answered, or another party has it.
    CallAnswered(Box<LiveCall>),
    /// A call is over.
    CallEnded(Box<CallRecord>),
    /// An agent is other than it was; of each agent only the latest of these is kept.
    AgentChanged(AgentId),
    /// An agent has another status.
    AgentStatusChanged(AgentId, AgentStatus, Option<String>),
    /// A queue is other than it was; of each queue only the latest of these is kept.
    QueueChanged(QueueId),
    /// Something happened in a queue.
    InQueue(Box<QueueRecord>),
    /// A recording began or ended.
    Recording(Box<RecordingRecord>),
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its place.
    pub cursor: Cursor,
    /// When, milliseconds of Unix time.
    pub at_ms: u64,
    /// What.
    pub what: Happening,
}

/// The place of an event among all: the process's start and a number. No two events share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    start: u64,
    number: u64,
}

impl Cursor {
    /// Reads what `Display` printed; `None` when it could not have.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (start, number) = text.split_once('-')?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let start = u64::from_str_radix(start, 16).ok().filter(|_| start.len() == 16)?;
        Some(Self { start, number: number.parse().ok().filter(|_| is_number)? })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}-{}", self.start, self.number)
    }
}

/// What followed a cursor is not kept any more, or was of another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what followed this cursor is not kept any more")]
pub struct Gone;

/// The latest events. Cheap to clone. Publishing never waits for a reader.
#[derive(Debug, Clone)]
pub struct Events {
    ring: Arc<Mutex<Ring>>,
    latest: Arc<watch::Sender<Cursor>>,
}

#[derive(Debug)]
struct Ring {
    start: u64,
    number: u64,
    /// The greatest number that had to go for want of room.
    forgotten: u64,
    kept: BTreeMap<u64, Arc<Event>>,
    changes: HashMap<Changed, u64>,
}

/// Of what only the latest change is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Changed {
    Agent(AgentId),
    Queue(QueueId),
}

impl Changed {
    fn of(what: &Happening) -> Option<Self> {
        match what {
            Happening::AgentChanged(agent) => Some(Self::Agent(agent.clone())),
            Happening::QueueChanged(queue) => Some(Self::Queue(queue.clone())),
            Happening::CallRinging(_)
            | Happening::CallAnswered(_)
            | Happening::CallEnded(_)
            | Happening::AgentStatusChanged(..)
            | Happening::InQueue(_)
            | Happening::Recording(_) => None,
        }
    }
}

impl Default for Events {
    /// No events; the start is told from others by the clock, to the nanosecond.
    fn default() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::starting(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl Events {
    fn starting(start: u64) -> Self {
        let ring =
            Ring { start, number: 0, forgotten: 0, kept: BTreeMap::new(), changes: HashMap::new() };
        let latest = Arc::new(watch::Sender::new(Cursor { start, number: 0 }));
        Self { ring: Arc::new(Mutex::new(ring)), latest }
    }

    /// Adds an event.
    pub fn publish(&self, what: Happening, at_ms: u64) {
        let cursor = lock(&self.ring).push(what, at_ms);
        // Of two that publish at once the later number stays.
        self.latest.send_if_modified(|latest| {
            let is_later = cursor > *latest;
            *latest = cursor.max(*latest);
            is_later
        });
    }

    /// The place of the latest event: who reads from here sees what comes.
    #[must_use]
    pub fn latest(&self) -> Cursor {
        *self.latest.borrow()
    }

    /// Tells whenever there is a later event.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Cursor> {
        self.latest.subscribe()
    }

    /// The events after a cursor, at most [`EVENT_BATCH_MAX`] of them.
    ///
    /// # Errors
    /// [`Gone`] when some of them are not kept any more.
    pub fn after(&self, cursor: Cursor) -> Result<Vec<Arc<Event>>, Gone> {
        lock(&self.ring).after(cursor)
    }

    /// The first place that can be read from.
    #[must_use]
    pub fn oldest(&self) -> Cursor {
        let ring = lock(&self.ring);
        Cursor { start: ring.start, number: ring.forgotten }
    }
}

impl Ring {
    fn push(&mut self, what: Happening, at_ms: u64) -> Cursor {
        self.number += 1;
        let cursor = Cursor { start: self.start, number: self.number };
        if let Some(changed) = Changed::of(&what) {
            let before = self.changes.insert(changed, self.number);
            before.and_then(|number| self.kept.remove(&number));
        }
        self.kept.insert(self.number, Arc::new(Event { cursor, at_ms, what }));
        while self.kept.len() > EVENTS_MAX {
            self.forget_oldest();
        }
        cursor
    }

    fn forget_oldest(&mut self) {
        let Some((number, event)) = self.kept.pop_first() else { return };
        self.forgotten = number;
        if let Some(changed) = Changed::of(&event.what) {
            self.changes.remove(&changed);
        }
    }

    fn after(&self, cursor: Cursor) -> Result<Vec<Arc<Event>>, Gone> {
        let is_known =
            cursor.start == self.start && (self.forgotten..=self.number).contains(&cursor.number);
        if !is_known {
            return Err(Gone);
        }
        let after = self.kept.range(cursor.number + 1..);
        Ok(after.take(EVENT_BATCH_MAX).map(|(_, event)| event.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(n: usize) -> Happening {
        Happening::AgentStatusChanged(AgentId(n.to_string()), AgentStatus::Online, None)
    }

    fn agent(name: &str) -> Happening {
        Happening::AgentChanged(AgentId(name.into()))
    }

    #[test]
    fn whoever_is_behind_goes_on_where_it_was() {
        let events = Events::starting(7);
        let begin = events.latest();
        (0..3).for_each(|n| events.publish(status(n), 1_000));
        let read = events.after(begin).expect("kept");
        assert_eq!(read.len(), 3);
        let rest = events.after(read[0].cursor).expect("kept");
        assert_eq!(rest, read[1..]);
        assert_eq!(events.after(events.latest()), Ok(Vec::new()));
    }

    #[test]
    fn what_had_to_go_is_gone_and_nothing_is_skipped_silently() {
        let events = Events::starting(7);
        let begin = events.latest();
        (0..EVENTS_MAX).for_each(|n| events.publish(status(n), 1_000));
        assert_eq!(events.after(begin).expect("just kept").len(), EVENT_BATCH_MAX);
        events.publish(status(0), 1_000);
        assert_eq!(events.after(begin), Err(Gone));
        assert!(events.after(events.oldest()).is_ok());
        let other = Events::starting(8);
        assert_eq!(other.after(begin), Err(Gone), "of another process");
        assert_eq!(events.after(Cursor { start: 7, number: u64::MAX }), Err(Gone));
    }

    #[test]
    fn of_an_agent_the_latest_change_is_kept() {
        let events = Events::starting(7);
        let begin = events.latest();
        for _ in 0..EVENTS_MAX * 2 {
            events.publish(agent("2001"), 1_000);
        }
        events.publish(agent("2002"), 1_000);
        let read = events.after(begin).expect("kept: the change that was told again is no loss");
        let whats: Vec<_> = read.iter().map(|event| event.what.clone()).collect();
        assert_eq!(whats, [agent("2001"), agent("2002")]);
    }

    #[test]
    fn a_cursor_survives_printing_and_nothing_else_is_one() {
        let cursor = Cursor { start: 0xfeed, number: 12 };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for text in ["", "-", "feed-1", "000000000000feed-", "000000000000feed-+1", "12"] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }
}
