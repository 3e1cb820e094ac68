//! Supervisors come on to calls, do something else there, and go.

use super::supervisions::{Parting, Supervisor};
use super::{Output, Switch, serial_in, serial_of};
use offhook_bus::SupervisionOrder;
use offhook_call::{Call, Placement};
use offhook_model::{CallRef, HangupCause, LegId, MediaCommand, SupervisorMode};
use offhook_routing::Decision;
use std::time::Instant;

impl Switch {
    /// Puts a supervisor on a call, lets it do something else there, or takes it off; false when that cannot be
    /// done as things are.
    pub fn supervise(&mut self, call: &CallRef, order: SupervisionOrder, now: Instant) -> bool {
        let serial = serial_in(call);
        if self.calls.get(&serial).is_none_or(|known| known.reference() != call) {
            return false;
        }
        match order {
            SupervisionOrder::Start { extension, mode } => {
                self.call_supervisor(serial, &extension, mode, now)
            }
            SupervisionOrder::Change { extension, mode } => {
                let own = self.supervisions.find(serial, &extension);
                own.map(|own| self.set_supervisors_mode(own, mode, now)).is_some()
            }
            SupervisionOrder::TakeOver { extension } => {
                self.order_take_over(serial, &extension, now)
            }
            SupervisionOrder::End { extension } => {
                let own = self.supervisions.find(serial, &extension);
                own.map(|own| self.end_call_of_supervisor(own, now)).is_some()
            }
        }
    }

    /// Calls the supervisor's extension, for a call in which two talk.
    fn call_supervisor(
        &mut self,
        serial: u32,
        extension: &str,
        mode: SupervisorMode,
        now: Instant,
    ) -> bool {
        let Some(known) = self.calls.get(&serial) else { return false };
        let Some([served, agent]) = known.talking() else { return false };
        let is_party = [served, agent].iter().any(|leg| known.account(*leg) == Some(extension));
        let has_room = !self.draining && self.calls.len() < self.calls_max;
        if is_party || !has_room || !self.supervisions.may_add(serial, extension) {
            return false;
        }
        let whose = known.account(agent).or(known.account(served)).unwrap_or_default();
        let dialled = format!("{}{whose}", mode.code());
        let own = self.next_serial();
        let call = self.reference(own);
        self.supervisions.expect(serial, own, Supervisor::new(extension, mode, agent));
        let extension = extension.to_owned();
        let placement = Placement { call, serial: own, extension, dialled };
        let mut placed = Call::place(placement, self.unix_ms(now));
        placed.set_reattach_ms(self.reattach_ms);
        self.calls.insert(own, placed);
        self.step(own, now, |_| {});
        self.step(serial, now, Call::publish);
        true
    }

    /// The supervisor is to talk in the agent's place; one who is not on the call is called first.
    fn order_take_over(&mut self, serial: u32, extension: &str, now: Instant) -> bool {
        let is_there = self.supervisions.find(serial, extension).is_some();
        if !is_there && !self.call_supervisor(serial, extension, SupervisorMode::Barge, now) {
            return false;
        }
        let Some(own) = self.supervisions.find(serial, extension) else { return false };
        self.supervisions.ask_to_take_over(own);
        self.take_over_if_asked(own, now);
        true
    }

    /// Puts a supervisor who is on a call, and is to take it over, in the agent's place.
    pub(super) fn take_over_if_asked(&mut self, own: u32, now: Instant) {
        let Some((serial, agent, leg)) = self.supervisions.takes_over(own) else { return };
        self.leave_supervised(leg, now);
        if self.calls.get(&serial).is_none_or(|call| call.partner(agent).is_none()) {
            return self.end_call_of_supervisor(own, now);
        }
        let now_ms = self.unix_ms(now);
        self.move_leg([serial, own], (leg, Some(agent)), now, |source, to| {
            if let Some(moved) = source.release_supervisor(leg, now_ms) {
                to.take_over(agent, moved, now_ms);
            }
        });
    }

    /// Finds the call of the extension that a supervisor has dialled.
    pub(super) fn find_supervised(
        &mut self,
        own: u32,
        account: Option<&str>,
        decision: Decision,
    ) -> Decision {
        let Decision::Supervise { extension, mode } = &decision else { return decision };
        let account = account.unwrap_or_default();
        let of_extension = |call: &Call| {
            let mut parties = call.talking()?.into_iter();
            let agent = parties.find(|leg| call.account(*leg) == Some(extension.as_str()))?;
            Some((serial_of(call.caller()), agent))
        };
        let found = self.calls.values().find_map(of_extension);
        let found = found.filter(|(serial, _)| self.supervisions.may_add(*serial, account));
        let Some((serial, agent)) = found.filter(|_| extension != account) else {
            let reason = "That extension talks with nobody whom you could hear".to_owned();
            return Decision::Refuse { cause: HangupCause::SUBSCRIBER_ABSENT, reason };
        };
        self.supervisions.expect(serial, own, Supervisor::new(account, *mode, agent));
        decision
    }

    /// A supervisor's leg is up; false when the two have parted meanwhile.
    pub(super) fn join_supervised(&mut self, leg: LegId, now: Instant) -> bool {
        let supervised = self.supervisions.supervised_from(self.legs.call_of(leg));
        let parties = supervised.and_then(|serial| self.calls.get(&serial)?.talking());
        let (Some(serial), Some(parties)) = (supervised, parties) else { return false };
        let commands = self.supervisions.join(self.legs.call_of(leg), leg, parties);
        self.outputs.extend(commands.into_iter().map(Output::Media));
        self.step(serial, now, Call::publish);
        true
    }

    /// A key of a supervisor's changes what the supervisor does, and one of a party's is for the other, as it is
    /// when they are bridged.
    pub(super) fn handle_supervised_key(
        &mut self,
        leg: LegId,
        digit: char,
        duration_ms: u32,
        now: Instant,
    ) {
        if let Some(partner) = self.supervisions.partner_of(self.legs.call_of(leg), leg) {
            let digits = digit.to_string();
            let command = MediaCommand::SendDtmf { leg: partner, digits, duration_ms };
            return self.outputs.push_back(Output::Media(command));
        }
        if let Some(mode) = self.supervisions.handle_key(self.legs.call_of(leg), digit) {
            self.set_supervisors_mode(self.legs.call_of(leg), mode, now);
        }
    }

    fn set_supervisors_mode(&mut self, own: u32, mode: SupervisorMode, now: Instant) {
        let command = self.supervisions.set_mode(own, mode);
        self.outputs.extend(command.map(Output::Media));
        if let Some(serial) = self.supervisions.supervised_from(own) {
            self.step(serial, now, Call::publish);
        }
    }

    /// A leg goes or parts from its partner; says whether somebody supervised it.
    pub(super) fn leave_supervised(&mut self, leg: LegId, now: Instant) -> bool {
        let (commands, parting) = self.supervisions.leave(self.legs.call_of(leg), leg);
        self.part(commands, parting, now)
    }

    /// A call has ended.
    pub(super) fn stop_supervising(&mut self, serial: u32, now: Instant) {
        let (commands, parting) = self.supervisions.forget(serial);
        self.part(commands, parting, now);
    }

    fn part(&mut self, commands: Vec<MediaCommand>, parting: Parting, now: Instant) -> bool {
        self.outputs.extend(commands.into_iter().map(Output::Media));
        for own in parting.hang_up {
            self.end_call_of_supervisor(own, now);
        }
        if let Some(serial) = parting.changed {
            self.step(serial, now, Call::publish);
        }
        parting.changed.is_some()
    }

    fn end_call_of_supervisor(&mut self, own: u32, now: Instant) {
        let now_ms = self.unix_ms(now);
        self.step(own, now, |call| call.hang_up(HangupCause::NORMAL_CLEARING, now_ms));
    }
}
