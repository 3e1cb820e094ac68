use offhook_conference::{Supervision, SupervisionMode};
use offhook_model::{CallSide, ConferenceId, LegId, LiveSupervisor, MediaCommand, SupervisorMode};
use std::collections::{BTreeMap, HashMap};

/// Supervisors of one call at a time.
pub(super) const SUPERVISORS_MAX: usize = 4;
/// The conferences of supervised calls are counted from here, those that are dialled from below.
const FIRST_CONFERENCE: u64 = 1 << 62;

/// A supervisor, whose own call has this number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Supervisor {
    pub(super) extension: String,
    pub(super) mode: SupervisorMode,
    /// The leg of the supervised call whose party is the agent.
    pub(super) agent: LegId,
    pub(super) leg: Option<LegId>,
    /// Whether it is to talk in the agent's place as soon as it is on the call.
    takes_over: bool,
    has_pressed_star: bool,
}

impl Supervisor {
    pub(super) fn new(extension: &str, mode: SupervisorMode, agent: LegId) -> Self {
        let extension = extension.to_owned();
        Self { extension, mode, agent, leg: None, takes_over: false, has_pressed_star: false }
    }

    fn mode_on(&self, parties: [LegId; 2]) -> SupervisionMode {
        match self.mode {
            SupervisorMode::Listen => SupervisionMode::Listen,
            SupervisorMode::Barge => SupervisionMode::Barge,
            SupervisorMode::Whisper(CallSide::Agent) => SupervisionMode::Whisper { to: self.agent },
            SupervisorMode::Whisper(CallSide::Customer) => {
                let [one, other] = parties;
                SupervisionMode::Whisper { to: if self.agent == one { other } else { one } }
            }
        }
    }
}

/// One call that is supervised, or will be when its supervisor answers.
#[derive(Debug, Default)]
struct Supervised {
    /// Those who are on it.
    supervision: Option<Supervision>,
    /// By the numbers of their own calls.
    supervisors: BTreeMap<u32, Supervisor>,
}

/// Who supervises which call, by the numbers of calls.
#[derive(Debug, Default)]
pub(super) struct Supervisions {
    supervised: HashMap<u32, Supervised>,
    /// From a supervisor's own call to the one that it supervises.
    by_supervisor: HashMap<u32, u32>,
    conferences_made: u64,
}

/// What follows from somebody's going.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parting {
    /// The calls of supervisors that are to end.
    pub(super) hang_up: Vec<u32>,
    /// The call that is supervised in another way, or no longer.
    pub(super) changed: Option<u32>,
}

impl Supervisions {
    /// Whether one more may supervise a call from this extension.
    pub(super) fn may_add(&self, call: u32, extension: &str) -> bool {
        self.supervised.get(&call).is_none_or(|known| {
            known.supervisors.len() < SUPERVISORS_MAX
                && known.supervisors.values().all(|other| other.extension != extension)
        })
    }

    /// Somebody will supervise a call once the own call is answered.
    pub(super) fn expect(&mut self, call: u32, own: u32, supervisor: Supervisor) {
        self.by_supervisor.insert(own, call);
        self.supervised.entry(call).or_default().supervisors.insert(own, supervisor);
    }

    /// The call that is supervised from this one.
    pub(super) fn supervised_from(&self, own: u32) -> Option<u32> {
        self.by_supervisor.get(&own).copied()
    }

    /// A supervisor's leg is up: it comes on to the call of the two. Said again of one who is on it, as after a
    /// renegotiation, it puts the same in force again.
    pub(super) fn join(&mut self, own: u32, leg: LegId, parties: [LegId; 2]) -> Vec<MediaCommand> {
        let Some(call) = self.by_supervisor.get(&own) else { return Vec::new() };
        let Some(known) = self.supervised.get_mut(call) else { return Vec::new() };
        let Some(supervisor) = known.supervisors.get_mut(&own) else { return Vec::new() };
        supervisor.leg = Some(leg);
        let mode = supervisor.mode_on(parties);
        let supervision = known.supervision.get_or_insert_with(|| {
            self.conferences_made += 1;
            Supervision::new(ConferenceId(FIRST_CONFERENCE + self.conferences_made), parties)
        });
        supervision.add(leg, mode)
    }

    /// What is to be done instead of bridging these two; `None` when they are to be bridged.
    pub(super) fn instead_of_bridge(
        &self,
        call: u32,
        a: LegId,
        b: LegId,
    ) -> Option<Vec<MediaCommand>> {
        let supervision = self.supervised.get(&call)?.supervision.as_ref()?;
        let [one, other] = supervision.parties();
        let is_same = (a, b) == (one, other) || (b, a) == (one, other);
        is_same.then(|| supervision.join_parties())
    }

    /// Whom a party of a supervised call talks with.
    pub(super) fn partner_of(&self, call: u32, leg: LegId) -> Option<LegId> {
        let supervision = self.supervised.get(&call)?.supervision.as_ref()?;
        match supervision.parties() {
            [one, other] if one == leg => Some(other),
            [one, other] if other == leg => Some(one),
            [_, _] => None,
        }
    }

    /// The number of the own call of who supervises a call from this extension.
    pub(super) fn find(&self, call: u32, extension: &str) -> Option<u32> {
        let mut all = self.supervised.get(&call)?.supervisors.iter();
        all.find(|(_, supervisor)| supervisor.extension == extension).map(|(own, _)| *own)
    }

    /// A supervisor wants to talk in the agent's place, at once or as soon as the own call is answered.
    pub(super) fn ask_to_take_over(&mut self, own: u32) {
        let call = self.by_supervisor.get(&own).and_then(|call| self.supervised.get_mut(call));
        let supervisor = call.and_then(|known| known.supervisors.get_mut(&own));
        supervisor.into_iter().for_each(|supervisor| supervisor.takes_over = true);
    }

    /// Whether a supervisor who is on a call is to take it over: the call, the agent's leg and the supervisor's.
    pub(super) fn takes_over(&self, own: u32) -> Option<(u32, LegId, LegId)> {
        let call = *self.by_supervisor.get(&own)?;
        let supervisor = self.supervised.get(&call)?.supervisors.get(&own)?;
        Some((call, supervisor.agent, supervisor.leg.filter(|_| supervisor.takes_over)?))
    }

    /// A supervisor wants to do something else, at once or as soon as the own call is answered.
    pub(super) fn set_mode(&mut self, own: u32, mode: SupervisorMode) -> Option<MediaCommand> {
        let known = self.supervised.get_mut(self.by_supervisor.get(&own)?)?;
        let supervisor = known.supervisors.get_mut(&own)?;
        supervisor.mode = mode;
        let supervision = known.supervision.as_mut()?;
        let mode = supervisor.mode_on(supervision.parties());
        supervision.set_mode(supervisor.leg?, mode)
    }

    /// A key of a leg; the mode that a supervisor asks for with it.
    pub(super) fn handle_key(&mut self, own: u32, key: char) -> Option<SupervisorMode> {
        let known = self.supervised.get_mut(self.by_supervisor.get(&own)?)?;
        let supervisor = known.supervisors.get_mut(&own)?;
        let is_command = std::mem::replace(&mut supervisor.has_pressed_star, key == '*');
        SupervisorMode::of_key(key).filter(|_| is_command)
    }

    /// A leg leaves whatever it is in: that of a supervisor the call that it supervises, that of a party ends
    /// the supervision.
    pub(super) fn leave(&mut self, serial: u32, leg: LegId) -> (Vec<MediaCommand>, Parting) {
        if self.by_supervisor.contains_key(&serial) {
            return self.remove_supervisor(serial, Some(leg));
        }
        let is_party = self.supervised.get(&serial).is_some_and(|known| {
            known.supervision.as_ref().is_some_and(|two| two.parties().contains(&leg))
        });
        if is_party { self.end(serial) } else { Default::default() }
    }

    /// A call has ended: one that supervises, or one that is supervised.
    pub(super) fn forget(&mut self, serial: u32) -> (Vec<MediaCommand>, Parting) {
        if self.by_supervisor.contains_key(&serial) {
            return self.remove_supervisor(serial, None);
        }
        self.end(serial)
    }

    /// The supervisors of a call, in the order in which they came.
    pub(super) fn live(&self, call: u32) -> Vec<LiveSupervisor> {
        let supervisors = self.supervised.get(&call).map(|known| known.supervisors.values());
        let view = |supervisor: &Supervisor| LiveSupervisor {
            extension: supervisor.extension.clone(),
            mode: supervisor.mode,
            is_ringing: supervisor.leg.is_none(),
        };
        supervisors.into_iter().flatten().map(view).collect()
    }

    /// Takes a supervisor off the call; when only a leg of its own call is gone, only if it is that leg.
    fn remove_supervisor(&mut self, own: u32, leg: Option<LegId>) -> (Vec<MediaCommand>, Parting) {
        let Some(call) = self.by_supervisor.get(&own).copied() else { return Default::default() };
        let Some(known) = self.supervised.get_mut(&call) else { return Default::default() };
        let joined = known.supervisors.get(&own).and_then(|supervisor| supervisor.leg);
        if leg.is_some() && leg != joined {
            return Default::default();
        }
        known.supervisors.remove(&own);
        self.by_supervisor.remove(&own);
        let supervision = known.supervision.as_mut();
        let commands = match (supervision, joined) {
            (Some(supervision), Some(leg)) => supervision.remove(leg),
            (Some(_) | None, None) | (None, Some(_)) => Vec::new(),
        };
        if known.supervision.as_ref().is_some_and(Supervision::is_empty) {
            known.supervision = None;
        }
        if known.supervisors.is_empty() {
            self.supervised.remove(&call);
        }
        (commands, Parting { hang_up: Vec::new(), changed: Some(call) })
    }

    /// Nothing is left to be supervised of a call.
    fn end(&mut self, call: u32) -> (Vec<MediaCommand>, Parting) {
        let Some(known) = self.supervised.remove(&call) else { return Default::default() };
        let hang_up: Vec<u32> = known.supervisors.into_keys().collect();
        for own in &hang_up {
            self.by_supervisor.remove(own);
        }
        let commands = known.supervision.map(Supervision::end).unwrap_or_default();
        (commands, Parting { hang_up, changed: Some(call) })
    }
}
