use crate::agent::{AgentRow, Rank};
use crate::entry::Entry;
use crate::queue::QueueRow;
use crate::timers::Timer;
use crate::{Acd, AgentIx, Violation};
use offhook_model::AgentState;

/// By how much a timer may be late before that is a violation.
const LATE_MAX_MS: u64 = 250;

impl Acd {
    /// What must never be and is. Looks at everything: for metrics and `offhook queue audit`, not for each
    /// call.
    #[must_use]
    pub fn audit(&self, now_ms: u64) -> Vec<Violation> {
        let mut found = Vec::new();
        self.audit_offers(&mut found);
        self.audit_agents(&mut found);
        self.audit_entries(&mut found);
        self.audit_queues(&mut found);
        self.audit_timers(now_ms, &mut found);
        found
    }

    fn audit_offers(&self, found: &mut Vec<Violation>) {
        for (id, offer) in &self.offers {
            let entry = self.entries.get(&offer.entry);
            if !entry.is_some_and(|entry| entry.offers.contains(id)) {
                let entry = offer.entry;
                found.push(Violation::OfferWithoutCaller { offer: *id, entry });
            }
            if self.agents.get(&offer.agent).and_then(|row| row.offer) != Some(*id) {
                let agent = self.agent_name(offer.agent);
                found.push(Violation::StrayOffer { agent, offer: *id });
            }
            self.expect_timer(Timer::Ring(*id), found);
        }
    }

    fn audit_agents(&self, found: &mut Vec<Violation>) {
        for (ix, row) in &self.agents {
            if let Some(offer) = row.offer.filter(|offer| !self.offers.contains_key(offer)) {
                let agent = row.config.id.clone();
                found.push(Violation::StrayOffer { agent, offer });
            }
            if row.offer.is_some() && !row.has_a_hand_free() {
                let (agent, calls) = (row.config.id.clone(), row.calls.len());
                found.push(Violation::TooManyCalls { agent, calls });
            }
            if row.wrap_up.is_some() {
                self.expect_timer(Timer::WrapUp(*ix), found);
            }
            if row.rest.is_some() {
                self.expect_timer(Timer::Rest(*ix), found);
            }
            self.audit_index(*ix, row, found);
        }
    }

    fn audit_index(&self, ix: AgentIx, row: &AgentRow, found: &mut Vec<Violation>) {
        let is_told = row.state == row.current_state() && row.indexed == row.presence();
        let is_reserved = matches!(row.state, AgentState::Reserved | AgentState::Ringing);
        let ranks = row.queues.iter().filter_map(|queue| {
            let queue = self.queues.get(queue)?;
            let rank = queue.seats.get(&ix)?.rank;
            let is_right = rank.is_none_or(|rank| queue.idle.contains(&rank));
            Some(rank.is_some() == row.is_available() && is_right)
        });
        let is_ranked = ranks.into_iter().all(|is_right| is_right);
        if !is_told || is_reserved != row.offer.is_some() || !is_ranked {
            found.push(Violation::WrongIndex { what: format!("agent {}", row.config.id) });
        }
    }

    fn audit_entries(&self, found: &mut Vec<Violation>) {
        for entry in self.entries.values() {
            let Some(queue) = self.queues.get(&entry.queue) else {
                found.push(Violation::WrongIndex { what: format!("{}: no queue", entry.id) });
                continue;
            };
            let can_be_offered = entry.is_open() && (entry.offers.is_empty() || queue.rings_all());
            let is_known = entry.caller.is_none_or(|leg| self.callers.get(&leg) == Some(&entry.id));
            if !queue.order.contains(&entry.place())
                || queue.waiting.contains(&entry.place()) != can_be_offered
                || !is_known
            {
                found.push(Violation::WrongIndex { what: entry.id.to_string() });
            }
            if !entry.failed.is_empty() {
                self.expect_timer(Timer::Retry(entry.id), found);
            }
            if entry.sticky.is_some() {
                self.expect_timer(Timer::Sticky(entry.id), found);
            }
            if entry.again_ms.is_some() {
                self.expect_timer(Timer::CallAgain(entry.id), found);
            }
            self.audit_wait(entry, queue, found);
        }
    }

    /// A caller who is offered to nobody waits beside nobody who could take it.
    fn audit_wait(&self, entry: &Entry, queue: &QueueRow, found: &mut Vec<Violation>) {
        let idle = queue.seats.iter().filter_map(|(ix, seat)| {
            let row = self.agents.get(ix).filter(|row| row.is_available())?;
            let rank = Rank { group: seat.group(row), key: (0, 0), agent: *ix };
            self.suits(entry, queue, &rank).then_some(row)
        });
        for row in idle.filter(|_| entry.is_open() && entry.offers.is_empty()).take(1) {
            let (queue, agent) = (queue.config.id.clone(), row.config.id.clone());
            found.push(Violation::IdleAgent { queue, entry: entry.id, agent });
        }
    }

    fn audit_queues(&self, found: &mut Vec<Violation>) {
        for queue in self.queues.values() {
            let today = &queue.today;
            let waiting = u64::try_from(queue.order.len()).unwrap_or(u64::MAX);
            let over = today.answered
                + today.abandoned
                + today.short_abandoned
                + today.overflowed
                + today.transferred_out;
            let (joined, accounted) = (today.joined, over + waiting);
            if joined != accounted {
                let queue = queue.config.id.clone();
                found.push(Violation::Unaccounted { queue, joined, accounted });
            }
            self.audit_counts(queue, found);
        }
    }

    fn audit_counts(&self, queue: &QueueRow, found: &mut Vec<Violation>) {
        let seated = || queue.seats.keys().filter_map(|ix| self.agents.get(ix));
        let signed_in = seated().filter(|row| row.presence().is_signed_in).count();
        let willing = seated().filter(|row| row.presence().is_willing).count();
        let available = seated().filter(|row| row.is_available()).count();
        let known = queue.order.iter().chain(&queue.waiting);
        let strangers = known.filter(|place| !self.entries.contains_key(&place.entry));
        if (signed_in, willing, available) != (queue.signed_in, queue.willing, queue.idle.len())
            || strangers.count() > 0
        {
            found.push(Violation::WrongIndex { what: format!("queue {}", queue.config.id) });
        }
    }

    fn audit_timers(&self, now_ms: u64, found: &mut Vec<Violation>) {
        let mut clock = self.clock;
        clock.advance(now_ms);
        let late_ms = self.timers.next_due().map_or(0, |due| clock.now_ms().saturating_sub(due));
        if late_ms > LATE_MAX_MS {
            found.push(Violation::LateTimer { late_ms });
        }
        for timer in self.timers.iter().filter(|timer| !self.has_owner(*timer)) {
            found.push(Violation::WrongIndex { what: format!("timers: {timer:?}") });
        }
    }

    fn has_owner(&self, timer: Timer) -> bool {
        match timer {
            Timer::Ring(offer) => self.offers.contains_key(&offer),
            Timer::WrapUp(agent) => {
                self.agents.get(&agent).is_some_and(|row| row.wrap_up.is_some())
            }
            Timer::Rest(agent) => self.agents.get(&agent).is_some_and(|row| row.rest.is_some()),
            Timer::Empty(queue) => self.queues.contains_key(&queue),
            Timer::Sticky(entry)
            | Timer::Relax(entry)
            | Timer::Retry(entry)
            | Timer::MaxWait(entry)
            | Timer::Announce(entry)
            | Timer::Comfort(entry)
            | Timer::CallAgain(entry) => self.entries.contains_key(&entry),
        }
    }

    fn expect_timer(&self, timer: Timer, found: &mut Vec<Violation>) {
        if self.timers.due(timer).is_none() {
            found.push(Violation::NoTimer { what: format!("{timer:?}") });
        }
    }
}
