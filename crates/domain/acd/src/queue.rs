use crate::agent::{AgentRow, Group, Rank};
use crate::entry::Place;
use crate::{AgentIx, QueueCounts};
use offhook_model::{Queue, Strategy, WhenEmpty};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// After so many answers the wait can be guessed.
const ANSWERS_MIN: u32 = 3;
/// Each answer changes the mean interval by one part in so many.
const PACE_PARTS: u64 = 8;

/// A queue, who waits in it and who serves it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct QueueRow {
    pub(crate) config: Queue,
    pub(crate) seats: BTreeMap<AgentIx, Seat>,
    /// Of each level, who was offered the last call.
    pub(crate) turns: BTreeMap<u32, (u32, AgentIx)>,
    pub(crate) today: QueueCounts,
    pub(crate) pace: Pace,
    /// All who wait.
    #[serde(skip)]
    pub(crate) order: BTreeSet<Place>,
    /// Of these, those who can be offered: to whom nobody is being rung, or, where all agents are rung at
    /// once, everybody.
    #[serde(skip)]
    pub(crate) waiting: BTreeSet<Place>,
    /// Agents who could take a call.
    #[serde(skip)]
    pub(crate) idle: BTreeSet<Rank>,
    /// Of those who wait, those who are on the line.
    #[serde(skip)]
    pub(crate) callers: usize,
    #[serde(skip)]
    pub(crate) signed_in: usize,
    #[serde(skip)]
    pub(crate) willing: usize,
}

/// An agent's tier, and where it stands among those who could take a call.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Seat {
    pub(crate) level: u32,
    pub(crate) position: u32,
    #[serde(skip)]
    pub(crate) rank: Option<Rank>,
}

/// How fast callers are answered while some wait.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Pace {
    answers: u32,
    mean_ms: u64,
    /// The last answer, or when the first caller came into an empty queue.
    since_ms: u64,
}

impl QueueRow {
    pub(crate) fn new(config: &Queue) -> Self {
        Self {
            config: config.clone(),
            seats: BTreeMap::new(),
            turns: BTreeMap::new(),
            today: QueueCounts::default(),
            pace: Pace::default(),
            order: BTreeSet::new(),
            waiting: BTreeSet::new(),
            idle: BTreeSet::new(),
            callers: 0,
            signed_in: 0,
            willing: 0,
        }
    }

    pub(crate) fn rings_all(&self) -> bool {
        self.config.strategy == Strategy::RingAll
    }

    /// Whether it has too few agents for this.
    pub(crate) fn is_deserted(&self, policy: WhenEmpty) -> bool {
        match policy {
            WhenEmpty::Allow => false,
            WhenEmpty::NoAgents => self.signed_in == 0,
            WhenEmpty::NoReadyAgents => self.willing == 0,
        }
    }

    pub(crate) fn ring_ms(&self) -> u64 {
        u64::from(self.config.ring_timeout_s.max(1)) * 1_000
    }

    /// The position of somebody who waits, from 1.
    pub(crate) fn position(&self, place: Place) -> usize {
        // Most who are asked about have just joined, at the end.
        if self.order.last() == Some(&place) {
            return self.order.len();
        }
        self.order.range(..place).count() + 1
    }

    /// Puts an agent where it stands among those who could take a call, or takes it out.
    pub(crate) fn seat(&mut self, ix: AgentIx, agent: &AgentRow, is_available: bool) {
        let strategy = self.config.strategy;
        let Some(seat) = self.seats.get_mut(&ix) else { return };
        let rank = is_available.then(|| seat.rank(strategy, ix, agent));
        if seat.rank == rank {
            return;
        }
        if let Some(old) = seat.rank {
            self.idle.remove(&old);
        }
        self.idle.extend(rank);
        seat.rank = rank;
    }

    /// The agent of this group whose turn it is, among those for whom `suits` holds.
    pub(crate) fn next_in_turn(
        &self,
        group: Group,
        suits: impl Fn(&&Rank) -> bool,
    ) -> Option<AgentIx> {
        let of_group = |rank: &&Rank| rank.group == group;
        let first = Rank { group, key: (0, 0), agent: AgentIx(0) };
        let from_first = || self.idle.range(first..).take_while(of_group);
        let last = self.turns.get(&group.level);
        let after_last = last.and_then(|(position, agent)| {
            let last = Rank { group, key: (u64::from(*position), 0), agent: *agent };
            let next = self.idle.range(last..).take_while(of_group);
            next.filter(|rank| **rank > last).find(|rank| suits(rank))
        });
        after_last.or_else(|| from_first().find(|rank| suits(rank))).map(|rank| rank.agent)
    }
}

impl Seat {
    fn rank(&self, strategy: Strategy, agent: AgentIx, row: &AgentRow) -> Rank {
        let position = u64::from(self.position);
        let key = match strategy {
            Strategy::RingAll | Strategy::LongestIdle | Strategy::Random | Strategy::SkillBased => {
                (row.idle_since_ms, position)
            }
            Strategy::RoundRobin | Strategy::TopDown => (position, 0),
            Strategy::FewestCalls => (row.today.answered, row.idle_since_ms),
            Strategy::LeastTalkTime => (row.today.talk_ms, row.idle_since_ms),
        };
        Rank { group: self.group(row), key, agent }
    }

    pub(crate) fn group(&self, row: &AgentRow) -> Group {
        Group { is_busy: row.is_busy(), level: self.level }
    }
}

impl Pace {
    /// Somebody has come into the empty queue.
    pub(crate) fn begin(&mut self, now_ms: u64) {
        self.since_ms = now_ms;
    }

    /// Somebody was answered.
    pub(crate) fn answered(&mut self, now_ms: u64) {
        let interval_ms = now_ms.saturating_sub(self.since_ms);
        self.since_ms = now_ms;
        let parts = u64::from(self.answers).min(PACE_PARTS - 1);
        self.answers = self.answers.saturating_add(1);
        self.mean_ms = (self.mean_ms * parts + interval_ms) / (parts + 1);
    }

    /// How long somebody at this position will wait: one mean interval for each who is before it, and for
    /// itself what an answer takes at this moment.
    pub(crate) fn expected_ms(&self, position: usize, now_ms: u64) -> Option<u64> {
        let before = u64::try_from(position).ok()?.saturating_sub(1);
        let stalled_ms = now_ms.saturating_sub(self.since_ms);
        let own_ms = if before > 0 { self.mean_ms.max(stalled_ms) } else { self.mean_ms };
        (self.answers >= ANSWERS_MIN)
            .then(|| before.saturating_mul(self.mean_ms).saturating_add(own_ms))
    }
}
