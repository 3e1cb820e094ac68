use crate::agent::Rank;
use crate::callers::Departure;
use crate::entry::{Entry, Place};
use crate::queue::QueueRow;
use crate::{Acd, AgentIx, EntryId, Overflow};
use offhook_model::Strategy;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// A caller to offer: because something has changed for it, or for an agent for whom it comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    weight: Reverse<u32>,
    place: Place,
    agent: Option<AgentIx>,
}

impl Acd {
    /// Offers whoever can be offered to whoever can be asked, and says which views are other ones.
    ///
    /// Before each input no caller waits beside an agent who could take it. So only those agents and callers
    /// need a look for whom something has changed. Of these the caller who comes first is offered first; who
    /// is asked is for its queue to decide.
    pub(crate) fn settle(&mut self) {
        self.send_overdue_on();
        let mut turns = self.turns();
        while let Some(turn) = turns.pop_first() {
            self.offer_to_idle(turn.place.entry);
            let next = turn.agent.and_then(|agent| self.turn_of(agent));
            debug_assert!(next != Some(turn), "an agent suits a caller, and the caller no agent");
            turns.extend(next.filter(|next| *next != turn));
        }
        self.tell_changes();
    }

    fn send_overdue_on(&mut self) {
        let is_to_go = |id: &&EntryId| {
            self.entries.get(id).is_some_and(|entry| entry.is_overdue && entry.is_left_alone())
        };
        let overdue: Vec<EntryId> = self.unserved.iter().filter(is_to_go).copied().collect();
        for entry in overdue {
            self.depart(entry, &Departure::SentOn(Overflow::MaxWait));
        }
    }

    fn turns(&mut self) -> BTreeSet<Turn> {
        let agents = std::mem::take(&mut self.freed);
        let entries = std::mem::take(&mut self.unserved);
        let of_entry = |id: EntryId| {
            let entry = self.entries.get(&id)?;
            let queue = self.queues.get(&entry.queue)?;
            let weight = Reverse(queue.config.weight);
            Some(Turn { weight, place: entry.place(), agent: None })
        };
        let of_entries = entries.into_iter().filter_map(of_entry);
        of_entries.chain(agents.into_iter().filter_map(|ix| self.turn_of(ix))).collect()
    }

    /// The turn of the caller who comes first for this agent, while it can take one.
    fn turn_of(&self, ix: AgentIx) -> Option<Turn> {
        let is_available = self.agents.get(&ix)?.indexed.is_available;
        let (weight, place) = self.first_for(ix).filter(|_| is_available)?;
        Some(Turn { weight, place, agent: Some(ix) })
    }

    /// The caller who comes first among those whom this agent could take.
    fn first_for(&self, ix: AgentIx) -> Option<(Reverse<u32>, Place)> {
        let row = self.agents.get(&ix)?;
        let first_of = |queue: &QueueRow| -> Option<(Reverse<u32>, Place)> {
            let rank = queue.seats.get(&ix)?.rank?;
            let suits = |place: &&Place| {
                let entry = self.entries.get(&place.entry);
                entry.is_some_and(|entry| self.suits(entry, queue, &rank))
            };
            let first = queue.waiting.iter().find(suits)?;
            Some((Reverse(queue.config.weight), *first))
        };
        let queues = row.queues.iter().filter_map(|queue| self.queues.get(queue));
        queues.filter_map(first_of).min()
    }

    /// Whether an agent who is available may be asked for this caller.
    pub(crate) fn suits(&self, entry: &Entry, queue: &QueueRow, rank: &Rank) -> bool {
        // Where all are rung at once, those of a higher level wait until nobody of a lower one is rung, and
        // nobody else is rung for a caller who is to go when the ringing is over.
        !entry.is_overdue
            && entry.rung.is_none_or(|rung| rank.group <= rung)
            && self
                .agents
                .get(&rank.agent)
                .is_some_and(|row| entry.suits(&queue.config, rank.agent, &row.config))
    }

    /// Offers a caller to whom its queue's strategy chooses, if there is anybody.
    fn offer_to_idle(&mut self, id: EntryId) {
        for agent in self.choose(id) {
            self.make_offer(id, agent);
        }
    }

    fn choose(&mut self, id: EntryId) -> Vec<AgentIx> {
        let Some(entry) = self.entries.get(&id) else { return Vec::new() };
        let Some(queue) = self.queues.get(&entry.queue) else { return Vec::new() };
        if !queue.waiting.contains(&entry.place()) {
            return Vec::new();
        }
        let suits = |rank: &&Rank| self.suits(entry, queue, rank);
        let Some(first) = queue.idle.iter().find(suits) else { return Vec::new() };
        let group = first.group;
        let of_group = || {
            let from_first = queue.idle.range(*first..).take_while(move |rank| rank.group == group);
            from_first.filter(suits)
        };
        match queue.config.strategy {
            Strategy::LongestIdle
            | Strategy::FewestCalls
            | Strategy::LeastTalkTime
            | Strategy::TopDown => vec![first.agent],
            Strategy::RingAll => of_group().map(|rank| rank.agent).collect(),
            Strategy::RoundRobin => queue.next_in_turn(group, suits).into_iter().collect(),
            Strategy::SkillBased => {
                let proficiency = |rank: &&Rank| {
                    let row = self.agents.get(&rank.agent);
                    row.map_or(0, |row| entry.proficiency(&queue.config, &row.config))
                };
                let best = of_group().max_by_key(|rank| (proficiency(rank), Reverse(**rank)));
                best.map(|rank| rank.agent).into_iter().collect()
            }
            Strategy::Random => {
                let all: Vec<AgentIx> = of_group().map(|rank| rank.agent).collect();
                vec![all[self.rng.below(all.len())]]
            }
        }
    }
}
