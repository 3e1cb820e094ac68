//! Calling somebody back: an agent is called, and when it has answered, whoever asked for it. The agent is
//! the caller of that call, which counts as answered when whoever is called back has answered.

use crate::dial::{Dial, Otherwise, Purpose, Ring};
use crate::script::Script;
use crate::{Action, Call, Failure, Offered, Placement};
use offhook_model::{Forwarding, HangupCause, LegId, Party, Target};

/// By how much longer than the queue the call lets the agent's devices ring: the queue ends the ringing.
const RING_MARGIN_MS: u64 = 5_000;

/// What the agent hears when nobody was reached.
const UNREACHED: &str = "tts:Nobody could be reached at that number.";

impl Call {
    /// Rings an agent to whom the queue offers a callback: to the number that the placement has as dialled,
    /// under the queue's name.
    #[must_use]
    pub fn call_back(placement: Placement, offered: Offered, ring_ms: u64, now_ms: u64) -> Self {
        let extension = placement.extension.clone();
        let mut call = Self::placed(placement, now_ms);
        call.calls_back = true;
        call.caller_name = Some(offered.queue_name.clone());
        call.publish();
        let purpose = Purpose::Extension {
            until_ms: now_ms + ring_ms + RING_MARGIN_MS,
            forward: Forwarding::default(),
            otherwise: Otherwise::TurnAway,
        };
        let ring = Ring::new(extension.clone(), Some(offered));
        call.act(Action::Lookup(extension));
        call.run(Script::Dialling(Dial::new(purpose, vec![ring])));
        call
    }

    /// The agent is on the line: whoever is to be called back is called.
    pub(crate) fn begin_call_back(&mut self) {
        self.go_to(Target::Number(self.dialled.clone()), Otherwise::Unreached);
    }

    /// Whoever was called back has answered.
    pub(crate) fn note_called_back(&mut self, now_ms: u64) {
        if self.calls_back && self.answered_at_ms.is_none() {
            self.answered_at_ms = Some(now_ms);
            self.act(Action::CalledBack { is_reached: true });
        }
    }

    /// Nobody has taken the call: the agent is told so, and then the call ends.
    pub(crate) fn tell_unreached(&mut self, failure: &Failure, by: Party) {
        self.act(Action::CalledBack { is_reached: false });
        let (cause, status) = (failure.cause, failure.status);
        self.run(Script::Unreached { cause, status, by });
        self.resume_script(self.served);
    }

    pub(crate) fn play_unreached(&mut self, leg: LegId) {
        self.play(leg, &[UNREACHED], false);
    }
}

/// Why a number that is no person's is not called back.
pub(crate) fn is_no_person() -> Failure {
    Failure::new(HangupCause::UNALLOCATED_NUMBER, "Nobody to call back there")
}
