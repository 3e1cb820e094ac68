//! Two calls of one party become one in which all three talk.

use super::{Output, Switch, serial_in, serial_of};
use offhook_call::Call;
use offhook_model::{CallRef, LegId, RecordingSource};
use std::time::Instant;

impl Switch {
    /// Lets the parties of two calls in which an extension talks talk with each other and with it. The call
    /// that began first goes on, the other one ends; false when the extension does not talk in both.
    pub fn merge(&mut self, call: &CallRef, with: &CallRef, extension: &str, now: Instant) -> bool {
        let known = |name: &CallRef| {
            self.calls.get(&serial_in(name)).filter(|call| call.reference() == name)
        };
        let (Some(one), Some(other)) = (known(call), known(with)) else { return false };
        let began = |call: &Call| (call.started_at_ms(), call.caller());
        let (to, from) = if began(one) <= began(other) { (one, other) } else { (other, one) };
        let serials = [serial_of(to.caller()), serial_of(from.caller())];
        let (Some(_), Some(own)) = (own_leg(to, extension), own_leg(from, extension)) else {
            return false;
        };
        let Some(party) = from.partner(own).filter(|_| serials[0] != serials[1]) else {
            return false;
        };
        let now_ms = self.unix_ms(now);
        self.move_leg(serials, (party, None), now, |source, to| {
            if let Some(moved) = source.release_partner(own, now_ms) {
                to.let_in(moved);
            }
        });
        true
    }

    /// One of three may have left, at whom the call was recorded: the recording goes on at one who stays.
    pub(super) fn record_who_is_left(&mut self, call: &Call, now: Instant) {
        let Some(left) = call.talking() else { return };
        let RecordingSource::Leg(recorded) = self.recordings.source_of(call) else { return };
        if left.contains(&recorded) {
            return;
        }
        let commands = self.recordings.follow(call, left[0], self.unix_ms(now));
        self.outputs.extend(commands.into_iter().map(Output::Media));
    }
}

/// The leg of an extension that talks with one other.
fn own_leg(call: &Call, extension: &str) -> Option<LegId> {
    call.talking()?.into_iter().find(|leg| call.account(*leg) == Some(extension))
}
