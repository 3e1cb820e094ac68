use crate::{AgentCounts, AgentIx, CallKey, EntryId, OfferId, QueueIx};
use offhook_model::{Agent, AgentState, AgentStatus, QueueId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many calls an agent can have while it is offered another one: one, which makes two.
const CALLS_BESIDE_OFFER_MAX: usize = 1;

/// An agent and what it does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AgentRow {
    pub(crate) config: Agent,
    pub(crate) status: AgentStatus,
    pub(crate) reason: Option<String>,
    pub(crate) is_reachable: bool,
    pub(crate) offer: Option<OfferId>,
    pub(crate) is_ringing: bool,
    pub(crate) calls: BTreeMap<CallKey, AgentCall>,
    pub(crate) wrap_up: Option<WrapUp>,
    pub(crate) rest: Option<Rest>,
    pub(crate) misses_in_a_row: u32,
    /// Whether it waits for a call, and since when, for the strategies: an offer that is withdrawn does not
    /// change that.
    pub(crate) is_idle: bool,
    pub(crate) idle_since_ms: u64,
    pub(crate) state: AgentState,
    pub(crate) since_ms: u64,
    pub(crate) activity: Activity,
    pub(crate) accounted_ms: u64,
    pub(crate) today: AgentCounts,
    pub(crate) queues: Vec<QueueIx>,
    /// What the indexes of its queues say of it.
    #[serde(skip)]
    pub(crate) indexed: Presence,
}

/// A call that the agent takes part in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AgentCall {
    pub(crate) since_ms: u64,
    pub(crate) held_since_ms: Option<u64>,
    pub(crate) held_ms: u64,
    pub(crate) origin: Option<Origin>,
}

/// The queue that a call came from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub(crate) queue: QueueIx,
    pub(crate) name: QueueId,
    pub(crate) entry: EntryId,
    /// The call in which the caller came to wait.
    pub(crate) stay: CallKey,
    pub(crate) waited_ms: u64,
}

/// Work after a call of this queue.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct WrapUp {
    pub(crate) until_ms: u64,
    pub(crate) queue: QueueIx,
}

/// An agent is skipped after an offer that failed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Rest {
    pub(crate) until_ms: u64,
    /// Whether a device that registers ends it.
    pub(crate) is_for_device: bool,
}

/// What the queues of an agent count it as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Presence {
    pub(crate) is_signed_in: bool,
    /// Signed in, and takes calls now or soon.
    pub(crate) is_willing: bool,
    /// Could be offered a call at this moment.
    pub(crate) is_available: bool,
}

/// What an agent's time is counted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum Activity {
    #[default]
    Offline,
    Ready,
    NotReady,
    Ring,
    Talk,
    Hold,
    Acw,
}

impl AgentRow {
    pub(crate) fn new(config: &Agent, now_ms: u64) -> Self {
        Self {
            config: config.clone(),
            status: config.status,
            reason: config.reason.clone(),
            is_reachable: false,
            offer: None,
            is_ringing: false,
            calls: BTreeMap::new(),
            wrap_up: None,
            rest: None,
            misses_in_a_row: 0,
            is_idle: false,
            idle_since_ms: now_ms,
            state: AgentState::Offline,
            since_ms: now_ms,
            activity: Activity::Offline,
            accounted_ms: now_ms,
            today: AgentCounts::default(),
            queues: Vec::new(),
            indexed: Presence::default(),
        }
    }

    /// What the agent does. A call is a fact, whatever the agent has chosen meanwhile.
    pub(crate) fn current_state(&self) -> AgentState {
        match self.offer {
            Some(_) if self.is_ringing => AgentState::Ringing,
            Some(_) => AgentState::Reserved,
            None => self.state_without_offer(),
        }
    }

    fn state_without_offer(&self) -> AgentState {
        if !self.calls.is_empty() {
            return AgentState::OnCall;
        }
        match self.status {
            AgentStatus::Offline => AgentState::Offline,
            _ if !self.is_reachable => AgentState::Offline,
            AgentStatus::Busy | AgentStatus::Away => AgentState::NotReady,
            AgentStatus::Online if self.wrap_up.is_some() => AgentState::Acw,
            AgentStatus::Online => AgentState::Ready,
        }
    }

    pub(crate) fn current_activity(&self) -> Activity {
        if self.calls.values().any(|call| call.held_since_ms.is_none()) {
            return Activity::Talk;
        }
        if !self.calls.is_empty() {
            return Activity::Hold;
        }
        match self.current_state() {
            AgentState::Offline => Activity::Offline,
            AgentState::Ready => Activity::Ready,
            AgentState::Reserved | AgentState::Ringing => Activity::Ring,
            AgentState::OnCall => Activity::Talk,
            AgentState::Acw => Activity::Acw,
            AgentState::NotReady => Activity::NotReady,
        }
    }

    pub(crate) fn presence(&self) -> Presence {
        let is_there = self.is_reachable || !self.calls.is_empty();
        Presence {
            is_signed_in: is_there && self.status != AgentStatus::Offline,
            is_willing: is_there && self.status == AgentStatus::Online,
            is_available: self.is_available(),
        }
    }

    /// Whether it may be offered a call at this moment.
    pub(crate) fn is_available(&self) -> bool {
        self.takes_offers() && self.offer.is_none() && self.wrap_up.is_none() && self.rest.is_none()
    }

    /// Whether an offer that it has may stay.
    pub(crate) fn takes_offers(&self) -> bool {
        self.status == AgentStatus::Online && self.is_reachable && self.has_a_hand_free()
    }

    pub(crate) fn has_a_hand_free(&self) -> bool {
        self.calls.is_empty()
            || (self.config.takes_second_call && self.calls.len() <= CALLS_BESIDE_OFFER_MAX)
    }

    /// Counts the time up to now as what it was spent with, and gives what of it was work after a call.
    pub(crate) fn account(&mut self, now_ms: u64) -> Option<(QueueIx, u64)> {
        let spent_ms = now_ms.saturating_sub(self.accounted_ms);
        self.accounted_ms = now_ms;
        let today = &mut self.today;
        let account = match self.activity {
            Activity::Offline => return None,
            Activity::Ready => &mut today.ready_ms,
            Activity::NotReady => &mut today.not_ready_ms,
            Activity::Ring => &mut today.ring_ms,
            Activity::Talk => &mut today.talk_ms,
            Activity::Hold => &mut today.hold_ms,
            Activity::Acw => &mut today.acw_ms,
        };
        *account = account.saturating_add(spent_ms);
        let wrap_up = self.wrap_up.filter(|_| self.activity == Activity::Acw && spent_ms > 0);
        wrap_up.map(|wrap_up| (wrap_up.queue, spent_ms))
    }

    /// Where the agent stands among those of a queue, for its strategy.
    pub(crate) fn is_busy(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Notes when it begins to wait for a call.
    pub(crate) fn note_idle(&mut self, now_ms: u64) {
        let is_idle = self.state_without_offer() == AgentState::Ready;
        if is_idle && !self.is_idle {
            self.idle_since_ms = now_ms;
        }
        self.is_idle = is_idle;
    }

    /// Makes it wait behind those who have not just failed a caller.
    pub(crate) fn idle_from(&mut self, now_ms: u64) {
        self.idle_since_ms = now_ms;
    }
}

impl AgentCall {
    pub(crate) fn new(now_ms: u64, origin: Option<Origin>) -> Self {
        Self { since_ms: now_ms, held_since_ms: None, held_ms: 0, origin }
    }

    pub(crate) fn hold(&mut self, is_on_hold: bool, now_ms: u64) {
        match (is_on_hold, self.held_since_ms) {
            (true, None) => self.held_since_ms = Some(now_ms),
            (false, Some(since_ms)) => {
                self.held_ms += now_ms.saturating_sub(since_ms);
                self.held_since_ms = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// How long it was talked and how long it was on hold.
    pub(crate) fn talk_and_hold_ms(&self, now_ms: u64) -> (u64, u64) {
        let held_ms = self.held_since_ms.map_or(0, |since_ms| now_ms.saturating_sub(since_ms));
        let held_ms = self.held_ms + held_ms;
        (now_ms.saturating_sub(self.since_ms).saturating_sub(held_ms), held_ms)
    }
}

/// Who waits for a call in a queue, the first to be asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    pub(crate) group: Group,
    pub(crate) key: (u64, u64),
    pub(crate) agent: AgentIx,
}

/// Agents of one group are asked before those of the next: those without a call first, then by their level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) is_busy: bool,
    pub(crate) level: u32,
}
