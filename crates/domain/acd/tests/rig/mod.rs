//! An ACD on a virtual clock, with agents and callers that say what the test wants.

#![allow(dead_code)] // Each test file uses its part of it.
#![allow(clippy::unwrap_used)]

use offhook_acd::{
    Acd, CallKey, EntryId, Join, Left, NotCalledBack, OfferFailure, OfferId, Output, Overflow,
    QueueEvent, WithdrawReason,
};
use offhook_model::{
    Agent, AgentId, AgentState, AgentStatus, LegId, Queue, QueueId, Strategy, Target, Tier,
};
use std::collections::{BTreeMap, BTreeSet};

pub const START_MS: u64 = 1_000_000;

pub struct Rig {
    pub acd: Acd,
    pub now_ms: u64,
    pub queues: BTreeMap<QueueId, Queue>,
    pub agents: BTreeMap<AgentId, Agent>,
    /// What is being rung: the offer, its agent and its caller.
    pub ringing: Vec<(OfferId, AgentId, Option<LegId>)>,
    pub outputs: Vec<Output>,
}

pub fn agent_id(name: &str) -> AgentId {
    AgentId(name.to_owned())
}

pub fn queue_id(name: &str) -> QueueId {
    QueueId(name.to_owned())
}

pub fn tier(agent: &str, level: u32, position: u32) -> Tier {
    Tier { agent: agent_id(agent), level, position }
}

/// A queue of these agents, all of level 1, in this order.
pub fn queue(name: &str, strategy: Strategy, agents: &[&str]) -> Queue {
    let tiers = agents.iter().zip(1..).map(|(agent, position)| tier(agent, 1, position));
    let mut queue = Queue::new(name);
    queue.strategy = strategy;
    queue.tiers = tiers.collect();
    queue.overflow = Target::Voicemail(name.to_owned());
    queue
}

/// A caller who comes to this queue and wants nothing special.
pub fn join(queue: &str, caller: u32) -> Join {
    Join {
        caller: LegId(caller.into()),
        call: CallKey(caller),
        queue: queue_id(queue),
        number: format!("555{caller:04}"),
        priority: 0,
        skills: BTreeMap::new(),
        last_agent: None,
        joined_at_ms: None,
    }
}

impl Rig {
    /// These queues; every agent that is named in one is online and can be reached.
    pub fn new(queues: Vec<Queue>) -> Self {
        let mut rig = Self::of(queues);
        rig.configure();
        for name in rig.agents.keys().cloned().collect::<Vec<_>>() {
            rig.sign_in(&name.0);
        }
        rig.outputs.clear();
        rig
    }

    /// The same, before they are configured.
    pub fn of(queues: Vec<Queue>) -> Self {
        let names: BTreeSet<String> =
            queues.iter().flat_map(|queue| &queue.tiers).map(|tier| tier.agent.0.clone()).collect();
        Self {
            acd: Acd::new(7),
            now_ms: START_MS,
            agents: names.iter().map(|name| (agent_id(name), Agent::new(name))).collect(),
            queues: queues.into_iter().map(|queue| (queue.id.clone(), queue)).collect(),
            ringing: Vec::new(),
            outputs: Vec::new(),
        }
    }

    pub fn configure(&mut self) {
        self.acd.configure(&self.queues, &self.agents, self.now_ms);
        self.drain();
    }

    pub fn sign_in(&mut self, agent: &str) {
        self.reach(agent, true);
        self.status(agent, AgentStatus::Online);
    }

    pub fn status(&mut self, agent: &str, status: AgentStatus) {
        let reason = (status == AgentStatus::Away).then(|| "lunch".to_owned());
        self.acd.set_status(&agent_id(agent), status, reason, self.now_ms).unwrap();
        self.drain();
    }

    pub fn reach(&mut self, agent: &str, is_reachable: bool) {
        self.acd.set_reachable(&agent_id(agent), is_reachable, self.now_ms);
        self.drain();
    }

    pub fn begin_call(&mut self, agent: &str, call: u32) {
        self.acd.begin_call(&agent_id(agent), CallKey(call), self.now_ms);
        self.drain();
    }

    pub fn end_call(&mut self, agent: &str, call: u32) {
        self.acd.end_call(&agent_id(agent), CallKey(call), self.now_ms);
        self.drain();
    }

    pub fn join(&mut self, queue: &str, caller: u32) {
        self.join_as(queue, caller, |_| {});
    }

    pub fn join_as(&mut self, queue: &str, caller: u32, change: impl FnOnce(&mut Join)) {
        let mut join = join(queue, caller);
        change(&mut join);
        self.acd.join(join, self.now_ms);
        self.drain();
    }

    pub fn leave(&mut self, caller: u64, why: Left) {
        self.acd.leave(LegId(caller), why, self.now_ms);
        self.drain();
    }

    pub fn key(&mut self, caller: u64, key: char) {
        self.acd.key(LegId(caller), key, self.now_ms);
        self.drain();
    }

    /// The caller asks to be called back at this number.
    pub fn ask_back(&mut self, caller: u64, number: &str) -> Result<(), NotCalledBack> {
        let asked = self.acd.request_callback(LegId(caller), number, self.now_ms);
        self.drain();
        asked
    }

    /// A restart has left these calls.
    pub fn keep_calls(&mut self, live: &[u32]) {
        self.acd.keep_calls(|call| live.contains(&call.0), self.now_ms);
        self.drain();
    }

    /// Lets time pass, and everything happen when it is due.
    pub fn advance(&mut self, ms: u64) {
        let until_ms = self.now_ms + ms;
        while let Some(due_ms) = self.acd.poll_timeout().filter(|due_ms| *due_ms <= until_ms) {
            self.now_ms = self.now_ms.max(due_ms);
            self.acd.handle_timeout(self.now_ms);
            self.drain();
        }
        self.now_ms = until_ms;
        assert_eq!(self.acd.audit(self.now_ms), [], "after {ms} ms");
    }

    pub fn drain(&mut self) {
        while let Some(output) = self.acd.poll_output() {
            match &output {
                Output::Offer { offer, agent, caller, .. } => {
                    self.ringing.push((*offer, agent.clone(), *caller));
                }
                Output::Withdraw { offer, .. }
                | Output::Connect { offer, .. }
                | Output::CallBack { offer, .. } => {
                    self.ringing.retain(|(known, ..)| known != offer);
                }
                _ => {}
            }
            self.outputs.push(output);
        }
        assert_eq!(self.acd.audit(self.now_ms), []);
    }

    pub fn offer_to(&self, agent: &str) -> OfferId {
        let found = self.ringing.iter().find(|(_, rung, _)| rung.0 == agent);
        found.unwrap_or_else(|| panic!("{agent} is not rung, but {:?}", self.rung())).0
    }

    /// The agent's device rings.
    pub fn ring(&mut self, agent: &str) -> OfferId {
        let offer = self.offer_to(agent);
        self.acd.offer_ringing(offer, self.now_ms);
        self.drain();
        offer
    }

    /// The agent's device rings and is answered. Gives the call.
    pub fn answer(&mut self, agent: &str) -> u32 {
        let offer = self.ring(agent);
        self.answer_offer(offer);
        let call = self.acd.agent(&agent_id(agent)).unwrap().calls.last().unwrap().call;
        call.0
    }

    pub fn answer_offer(&mut self, offer: OfferId) {
        self.acd.offer_answered(offer, self.now_ms);
        self.drain();
    }

    pub fn fail(&mut self, agent: &str, why: OfferFailure) {
        let offer = self.offer_to(agent);
        self.ringing.retain(|(known, ..)| *known != offer);
        self.acd.offer_failed(offer, why, self.now_ms);
        self.drain();
    }

    /// Who is rung, in the order of the offers, for whom.
    pub fn rung(&self) -> Vec<(String, u64)> {
        let rung = self.ringing.iter();
        rung.map(|(_, agent, caller)| (agent.0.clone(), caller.map_or(0, |leg| leg.0))).collect()
    }

    /// Joins a caller; gives who is rung for it, and lets the caller hang up.
    pub fn who_is_asked(&mut self, queue: &str, caller: u32) -> Vec<String> {
        self.join(queue, caller);
        let asked = self.rung().into_iter().filter(|(_, rung)| *rung == u64::from(caller));
        let asked = asked.map(|(agent, _)| agent).collect();
        self.leave(caller.into(), Left::HungUp);
        asked
    }

    pub fn state(&self, agent: &str) -> AgentState {
        self.acd.agent(&agent_id(agent)).unwrap().state
    }

    pub fn positions(&self, queue: &str) -> Vec<u64> {
        let waiting = self.acd.waiting(&queue_id(queue));
        waiting.iter().map(|view| view.caller.map_or(0, |leg| leg.0)).collect()
    }

    pub fn entry_of(&self, queue: &str, index: usize) -> EntryId {
        self.acd.waiting(&queue_id(queue))[index].entry
    }

    pub fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    pub fn sent_on(&self) -> Vec<(u64, Overflow)> {
        let sent = self.outputs.iter().filter_map(|output| match output {
            Output::SendOn { caller, why, .. } => Some((caller.0, *why)),
            _ => None,
        });
        sent.collect()
    }

    pub fn withdrawn(&self) -> Vec<(OfferId, WithdrawReason)> {
        let withdrawn = self.outputs.iter().filter_map(|output| match output {
            Output::Withdraw { offer, why, .. } => Some((*offer, *why)),
            _ => None,
        });
        withdrawn.collect()
    }

    pub fn events(&self) -> Vec<&QueueEvent> {
        let events = self.outputs.iter().filter_map(|output| match output {
            Output::Event(event) => Some(event),
            _ => None,
        });
        events.collect()
    }

    /// Sets something of a queue and configures it.
    pub fn change(&mut self, queue: &str, change: impl FnOnce(&mut Queue)) {
        change(self.queues.get_mut(&queue_id(queue)).unwrap());
        self.configure();
    }

    /// Sets something of an agent and configures it.
    pub fn change_agent(&mut self, agent: &str, change: impl FnOnce(&mut Agent)) {
        change(self.agents.get_mut(&agent_id(agent)).unwrap());
        self.configure();
    }
}
