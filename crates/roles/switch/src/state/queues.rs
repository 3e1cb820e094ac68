//! Queues: callers wait in the ACD, which says which agents are rung for them.

use super::{Output, Switch, serial_in, serial_of};
use offhook_acd::{
    Acd, AgentView, CallKey, DayCounts, Join, Left, OfferFailure, Output as Wish, QueueEvent,
    WithdrawReason,
};
use offhook_bus::{AgentOrder, LiveAgent, LiveQueue, LiveWaiting, OnCall};
use offhook_call::{Call, Failure, OfferReport, Offered};
use offhook_model::{
    AgentId, AgentStatus, CallRef, Directory, HangupCause, LegId, LogEntry, OfferId, Party,
    QueueId, QueueStep,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

/// A day in milliseconds. Days begin at midnight UTC.
const DAY_MS: u64 = 86_400_000;

/// An agent's part in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    agent: AgentId,
    is_holding: bool,
    is_three_way: bool,
}

/// The queues of this node, and what the ACD is not told of them.
#[derive(Debug)]
pub(super) struct Queues {
    acd: Acd,
    /// The agents by the extensions at which they are rung.
    by_extension: HashMap<String, AgentId>,
    /// Since when a party waits: one whose agent could not be connected keeps its place.
    since_ms: HashMap<LegId, u64>,
    /// Whether what the ACD wants is being done.
    is_hearing: bool,
    changed_agents: BTreeSet<AgentId>,
    changed_queues: BTreeSet<QueueId>,
    /// Things that happened in queues so far.
    record_count: u64,
    /// The day whose counts are kept.
    day: u64,
}

impl Queues {
    pub(super) fn new(seed: u64, now_ms: u64) -> Self {
        Self {
            acd: Acd::new(seed),
            by_extension: HashMap::new(),
            since_ms: HashMap::new(),
            is_hearing: false,
            changed_agents: BTreeSet::new(),
            changed_queues: BTreeSet::new(),
            record_count: 0,
            day: now_ms / DAY_MS,
        }
    }

    /// Goes on counting where an earlier process stopped.
    pub(super) fn restore_day(&mut self, counts: &DayCounts) {
        self.acd.restore_day(counts);
    }

    /// Takes what the directory says of queues and agents.
    pub(super) fn configure(&mut self, before: &Directory, directory: &Directory, now_ms: u64) {
        self.acd.configure(&directory.queues, &directory.agents, now_ms);
        let agents = directory.agents.values();
        self.by_extension =
            agents.map(|agent| (agent.extension.clone(), agent.id.clone())).collect();
        self.changed_queues.extend(changed(&before.queues, &directory.queues));
        self.changed_agents.extend(changed(&before.agents, &directory.agents));
    }

    /// The parties who wait in a queue, and the position of each, from 1.
    pub(super) fn places(&self, queue: &QueueId) -> Vec<(LegId, usize)> {
        let waiting = self.acd.waiting(queue).into_iter();
        waiting.filter_map(|waiting| Some((waiting.caller?, waiting.position))).collect()
    }

    /// How long a caller who joined the queue at this moment would probably wait, seconds.
    pub(super) fn expected_wait_s(&self, queue: &QueueId) -> Option<u64> {
        self.acd.queue(queue)?.expected_wait_ms.map(|wait_ms| wait_ms.div_ceil(1_000))
    }

    /// When the queues' timers are due; at the latest when the next day begins.
    pub(super) fn poll_timeout(&self) -> u64 {
        let midnight_ms = (self.day + 1) * DAY_MS;
        self.acd.poll_timeout().map_or(midnight_ms, |due_ms| due_ms.min(midnight_ms))
    }

    /// Today's counts start again when the day is another.
    fn turn_day(&mut self, now_ms: u64) {
        let today = now_ms / DAY_MS;
        if today > self.day {
            self.day = today;
            self.acd.start_day(now_ms);
        }
    }

    /// Whether an agent is rung at this extension.
    pub(super) fn is_agent(&self, extension: &str) -> bool {
        self.by_extension.contains_key(extension)
    }

    /// The agents who take part in a call.
    pub(super) fn agents_in(&self, call: &Call) -> Vec<Part> {
        let is_three_way = call.three().is_some();
        let agents = call.engaged().filter_map(|(account, is_holding)| {
            let agent = self.by_extension.get(account)?.clone();
            Some(Part { agent, is_holding, is_three_way })
        });
        agents.collect()
    }

    /// Somebody has come into the call, has gone, or has put it on hold or taken it up again.
    pub(super) fn note_engaged(&mut self, call: u32, before: &[Part], after: &[Part], now_ms: u64) {
        let is_in = |all: &[Part], agent: &AgentId| all.iter().any(|part| part.agent == *agent);
        for part in before.iter().filter(|part| !is_in(after, &part.agent)) {
            self.acd.end_call(&part.agent, CallKey(call), now_ms);
        }
        for part in after.iter().filter(|part| !before.contains(part)) {
            if !is_in(before, &part.agent) {
                self.acd.begin_call(&part.agent, CallKey(call), now_ms);
            }
            self.acd.hold(&part.agent, CallKey(call), part.is_holding, now_ms);
            self.changed_agents.insert(part.agent.clone());
        }
    }

    /// A party comes to wait, or waits again.
    pub(super) fn join(&mut self, call: &Call, leg: LegId, queue: QueueId, now_ms: u64) {
        let joined_at_ms = *self.since_ms.entry(leg).or_insert(now_ms);
        self.acd.join(
            Join {
                caller: leg,
                call: CallKey(serial_of(call.caller())),
                queue,
                number: call.number(leg).unwrap_or_default().to_owned(),
                priority: 0,
                skills: BTreeMap::new(),
                last_agent: None,
                joined_at_ms: Some(joined_at_ms),
            },
            now_ms,
        );
    }

    /// A party waits no longer.
    pub(super) fn leave(&mut self, call: &Call, leg: LegId, now_ms: u64) {
        let why = if call.has_ended() { Left::HungUp } else { Left::Moved };
        self.acd.leave(leg, why, now_ms);
        self.since_ms.remove(&leg);
    }

    /// How an offer goes.
    pub(super) fn report(&mut self, offer: OfferId, report: &OfferReport, now_ms: u64) {
        match report {
            OfferReport::Ringing => self.acd.offer_ringing(offer, now_ms),
            OfferReport::Answered => self.acd.offer_answered(offer, now_ms),
            OfferReport::Failed(failure) => {
                self.acd.offer_failed(offer, why_not(failure), now_ms);
            }
        }
    }

    pub(super) fn acd(&self) -> &Acd {
        &self.acd
    }

    pub(super) fn acd_mut(&mut self) -> &mut Acd {
        &mut self.acd
    }

    pub(super) fn key(&mut self, leg: LegId, key: char, now_ms: u64) {
        if self.acd.queue_of(leg).is_some() {
            self.acd.key(leg, key, now_ms);
        }
    }

    /// Whether one of the devices of an extension is registered.
    pub(super) fn set_reachable(&mut self, extension: &str, is_reachable: bool, now_ms: u64) {
        if let Some(agent) = self.by_extension.get(extension) {
            self.acd.set_reachable(agent, is_reachable, now_ms);
            self.changed_agents.insert(agent.clone());
        }
    }
}

/// The names under which something else stands now, or nothing any longer.
fn changed<Id: Ord + Clone, Item: PartialEq>(
    before: &BTreeMap<Id, Item>,
    now: &BTreeMap<Id, Item>,
) -> BTreeSet<Id> {
    let names = before.keys().chain(now.keys());
    names.filter(|name| before.get(*name) != now.get(*name)).cloned().collect()
}

/// What an agent's device says of an offer.
fn why_not(failure: &Failure) -> OfferFailure {
    match failure.status {
        486 | 600 | 603 => OfferFailure::Refused,
        404 | 408 | 410 | 430 | 480 => OfferFailure::Unreachable,
        _ => OfferFailure::Fault,
    }
}

impl Switch {
    /// Does what is asked about an agent; false when there is none, or when it does not fit its state.
    pub fn agent(&mut self, agent: &AgentId, order: AgentOrder, now: Instant) -> bool {
        let now_ms = self.unix_ms(now);
        let acd = &mut self.queues.acd;
        let done = match order {
            AgentOrder::Status(status, reason) => {
                let set = acd.set_status(agent, status, reason.clone(), now_ms).is_ok();
                if set {
                    self.write_status_down(agent.clone(), status, reason, now_ms);
                }
                set
            }
            AgentOrder::FinishWrapUp => acd.finish_wrap_up(agent, now_ms).is_ok(),
            AgentOrder::ExtendWrapUp(by_ms) => acd.extend_wrap_up(agent, by_ms, now_ms).is_ok(),
        };
        self.drain_queues(now);
        done
    }

    /// Gives a caller who waits another position; false when it does not wait.
    pub fn move_caller(&mut self, call: &CallRef, position: usize, now: Instant) -> bool {
        let now_ms = self.unix_ms(now);
        let known = self.calls.get(&serial_in(call)).filter(|known| known.reference() == call);
        let Some((_, leg)) = known.and_then(Call::waits_in) else { return false };
        let moved = self.queues.acd.move_caller(leg, position, now_ms).is_ok();
        self.drain_queues(now);
        moved
    }

    /// Whether one of the devices of an extension is registered.
    pub fn set_reachable(&mut self, extension: &str, is_reachable: bool, now: Instant) {
        let now_ms = self.unix_ms(now);
        self.queues.set_reachable(extension, is_reachable, now_ms);
        if is_reachable {
            self.ring_registered(extension, now);
        }
        self.drain_queues(now);
    }

    /// What is wrong with the queues and must never be. For metrics and audits.
    #[must_use]
    pub fn audit_queues(&self, now: Instant) -> Vec<offhook_acd::Violation> {
        self.queues.acd.audit(self.unix_ms(now))
    }

    pub(super) fn run_queue_timers(&mut self, now: Instant) {
        let now_ms = self.unix_ms(now);
        self.queues.turn_day(now_ms);
        self.queues.acd.handle_timeout(now_ms);
        self.drain_queues(now);
    }

    /// Does what the ACD wants until it wants no more. That leads to steps of calls, and these to more of it:
    /// it is done in its turn by the outermost of these functions.
    pub(super) fn drain_queues(&mut self, now: Instant) {
        if std::mem::replace(&mut self.queues.is_hearing, true) {
            return;
        }
        while let Some(wish) = self.queues.acd.poll_output() {
            self.carry_out_for_queue(wish, now);
        }
        self.queues.is_hearing = false;
    }

    fn carry_out_for_queue(&mut self, wish: Wish, now: Instant) {
        match wish {
            Wish::Offer { caller: Some(caller), .. } => self.ring_agent(caller, wish, now),
            Wish::Withdraw { offer, caller: Some(caller), why } => {
                let cause = withdrawal_cause(why);
                self.step(self.legs.call_of(caller), now, |call| {
                    call.handle_withdrawal(offer, cause);
                });
            }
            Wish::Announce { caller, position, expected_wait_ms, comfort } => {
                let words = announcement(position, expected_wait_ms);
                let prompts: Vec<_> = words.iter().chain(&comfort).map(String::as_str).collect();
                self.step(self.legs.call_of(caller), now, |call| call.announce(&prompts));
            }
            Wish::SendOn { caller, queue, target, why } => {
                tracing::info!(%caller, %queue, ?why, "a caller is sent on from its queue");
                self.step(self.legs.call_of(caller), now, |call| call.send_on(target, None));
            }
            Wish::CallbackTaken { caller, number, .. } => {
                self.tell_callback_taken(caller, &number, now);
            }
            Wish::Offer { caller: None, .. } => self.ring_for_callback(wish, now),
            Wish::Withdraw { offer, caller: None, why } => {
                self.stop_ringing_for_callback(offer, why, now);
            }
            Wish::CallBack { offer, call, entry, .. } => {
                self.note_callback_placed(offer, call, entry);
            }
            Wish::AgentChanged(agent) => {
                self.queues.changed_agents.insert(agent);
            }
            Wish::QueueChanged(queue) => {
                let now_ms = self.unix_ms(now);
                self.watchers.note_moved(&queue, now_ms);
                self.queues.changed_queues.insert(queue);
            }
            Wish::StatusChanged { agent, status, reason } => {
                let now_ms = self.unix_ms(now);
                self.write_status_down(agent, status, reason, now_ms);
            }
            Wish::Event(event) => self.write_event_down(&event, now),
            Wish::CallbackDropped { queue, number, why, .. } => {
                tracing::info!(%queue, number, ?why, "a callback is given up");
            }
            // The call itself bridges the two.
            Wish::Connect { .. } => {}
        }
    }

    fn ring_agent(&mut self, caller: LegId, wish: Wish, now: Instant) {
        let Wish::Offer { offer, agent, extension, auto_answer, queue, waited_ms, .. } = wish
        else {
            return;
        };
        tracing::info!(%caller, %queue, %agent, waited_ms, "a caller is offered to an agent");
        let queue_name = self.queue_name(&queue);
        let offered = Offered { offer, queue, queue_name, waited_ms, auto_answer, callback: None };
        self.step(self.legs.call_of(caller), now, |call| call.handle_offer(extension, offered));
    }

    fn write_event_down(&mut self, event: &QueueEvent, now: Instant) {
        self.queues.record_count += 1;
        let id = u128::from(self.boot) << 64 | u128::from(self.queues.record_count);
        let name = |call: CallKey| self.reference(call.0);
        let mut record = event.record(format!("{id:032x}"), name, self.unix_ms(now));
        if let QueueStep::Completed { by, .. } = &mut record.step {
            // An agent who leaves a call that goes on has ended its own part.
            let call = event.talked_in().and_then(|call| self.calls.get(&call.0));
            *by = call.map(|call| call.ended_by().unwrap_or(Party::Callee));
        }
        self.outputs.push_back(Output::Log(LogEntry::Queue(Box::new(record))));
    }

    fn write_status_down(
        &mut self,
        agent: AgentId,
        status: AgentStatus,
        reason: Option<String>,
        at_ms: u64,
    ) {
        let entry = LogEntry::AgentStatus { agent, status, reason, at_ms };
        self.outputs.push_back(Output::Log(entry));
    }

    /// The next agent or queue that is other than it was when it was shown.
    pub(super) fn poll_queue_change(&mut self) -> Option<Output> {
        if let Some(agent) = self.queues.changed_agents.pop_first() {
            let live = self.live_agent(&agent);
            return Some(
                live.map_or(Output::AgentGone(agent), |live| Output::Agent(Box::new(live))),
            );
        }
        let queue = self.queues.changed_queues.pop_first()?;
        let live = self.live_queue(&queue);
        Some(live.map_or(Output::QueueGone(queue), |live| Output::Queue(Box::new(live))))
    }

    fn live_agent(&self, agent: &AgentId) -> Option<LiveAgent> {
        let view = self.queues.acd.agent(agent)?;
        let calls = view.calls.iter().map(|call| self.reference(call.call.0)).collect();
        let on_call = self.on_call(&view);
        Some(LiveAgent { view, calls, on_call })
    }

    /// What an agent who is on calls does in them.
    fn on_call(&self, view: &AgentView) -> Option<OnCall> {
        let talks = view.calls.iter().find(|call| !call.is_on_hold);
        let Some(talks) = talks else { return (!view.calls.is_empty()).then_some(OnCall::Hold) };
        let call = self.calls.get(&talks.call.0);
        if call.is_some_and(|call| call.three().is_some()) {
            return Some(OnCall::Conference);
        }
        let has_called = |call: &Call| {
            let account = call.account(call.caller());
            account.and_then(|number| self.queues.by_extension.get(number)) == Some(&view.id)
        };
        let consults = view.calls.len() > 1 && call.is_some_and(has_called);
        Some(if consults { OnCall::Consult } else { OnCall::Talking })
    }

    fn live_queue(&self, queue: &QueueId) -> Option<LiveQueue> {
        let view = self.queues.acd.queue(queue)?;
        let waiting = self.queues.acd.waiting(queue).into_iter();
        let waiting = waiting.map(|view| LiveWaiting { call: self.reference(view.call.0), view });
        Some(LiveQueue { view, waiting: waiting.collect() })
    }
}

/// Why the agent's device stops ringing, as its call list is to show it.
pub(super) fn withdrawal_cause(why: WithdrawReason) -> HangupCause {
    match why {
        WithdrawReason::AnsweredElsewhere => HangupCause::NON_SELECTED_USER_CLEARING,
        WithdrawReason::NoAnswer => HangupCause::NO_ANSWER,
        WithdrawReason::CallerLeft
        | WithdrawReason::AgentGone
        | WithdrawReason::AgentBusy
        | WithdrawReason::TooLate => HangupCause::NORMAL_CLEARING,
    }
}

/// The words that tell a caller how it stands.
fn announcement(position: Option<usize>, expected_wait_ms: Option<u64>) -> Vec<String> {
    let place = position.map(|position| match position {
        1 => "tts:You are next in line.".to_owned(),
        other => format!("tts:You are number {other} in line."),
    });
    let wait = expected_wait_ms.map(|wait_ms| match wait_ms.div_ceil(60_000) {
        0 | 1 => "tts:The expected wait is less than one minute.".to_owned(),
        minutes => format!("tts:The expected wait is about {minutes} minutes."),
    });
    place.into_iter().chain(wait).collect()
}
