//! Callbacks: callers ask for them by a key or by INFO, and agents are called for them.

use super::{Switch, serial_in, serial_of};
use crate::info::CallbackRequest;
use offhook_acd::{
    CallKey, EntryId, Join, NotCalledBack, OfferFailure, Output as Wish, WithdrawReason,
};
use offhook_call::{Call, Offered, Placement};
use offhook_model::{CallRef, LegId, OfferId, QueueId, Target, WaitingCallback};
use offhook_routing::{Decision, resolve};
use offhook_sip::message::StatusCode;
use offhook_sip::user_agent::{Body, RequestKey};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

/// The longest number that can be asked for, in characters.
const NUMBER_MAX: usize = 32;

/// What a caller hears who has asked to be called back.
const TAKEN: &str = "tts:Thank you. You keep your place, and we will call you back. Goodbye.";

/// The calls that are placed for callbacks.
#[derive(Debug, Default)]
pub(super) struct Callbacks {
    /// Of offers of callbacks, the numbers of the calls in which the agents are rung.
    rung: HashMap<OfferId, u32>,
    /// Of calls in which the agent has answered, whom they are for.
    placed: HashMap<u32, EntryId>,
}

impl Callbacks {
    /// The call is over.
    pub(super) fn forget(&mut self, serial: u32) {
        self.placed.remove(&serial);
        self.rung.retain(|_, call| *call != serial);
    }
}

impl Switch {
    /// Lets callbacks wait again, each at its place, as if it had been asked for in a call of its own.
    pub(super) fn restore_callbacks(&mut self, callbacks: Vec<WaitingCallback>, now_ms: u64) {
        for callback in callbacks {
            let serial = self.next_serial();
            let caller = LegId(u64::from(serial) << 16);
            let (queue, number) = (callback.queue.clone(), callback.number.clone());
            let join = Join {
                caller,
                call: CallKey(serial),
                queue,
                number,
                priority: 0,
                skills: BTreeMap::new(),
                last_agent: None,
                joined_at_ms: Some(callback.joined_at_ms),
            };
            if !self.queues.acd_mut().restore_callback(join, now_ms) {
                let WaitingCallback { queue, number, .. } = callback;
                tracing::warn!(%queue, number, "a callback is given up: its queue is no more");
            }
        }
    }

    /// Calls nobody back for this call, in which that was asked for; false when nothing waits for it.
    pub fn cancel_callback(&mut self, call: &CallRef, now: Instant) -> bool {
        let wanted = CallKey(serial_in(call));
        if self.reference(wanted.0) != *call {
            return false;
        }
        let queues = self.directory.queues.keys();
        let mut waiting = queues.flat_map(|queue| self.queues.acd().waiting(queue));
        let found = waiting.find(|view| view.call == wanted && view.caller.is_none());
        let Some(entry) = found.map(|view| view.entry) else { return false };
        let now_ms = self.unix_ms(now);
        let done = self.queues.acd_mut().cancel_callback(entry, now_ms).is_ok();
        self.drain_queues(now);
        done
    }

    /// A key of a caller who waits may ask for a callback to the number that it has shown.
    pub(super) fn handle_queue_key(&mut self, leg: LegId, key: char, now: Instant) {
        let asked = self.queues.acd().callback_key(leg).filter(|(wanted, _)| *wanted == key);
        let Some(number) = asked.map(|(_, number)| number.to_owned()) else {
            return self.queues.key(leg, key, self.unix_ms(now));
        };
        if let Err(why) = self.request_callback(leg, &number, now) {
            let words = format!("tts:{} Please stay on the line.", spoken(why));
            self.step(self.legs.call_of(leg), now, |call| call.announce(&[&words]));
        }
    }

    /// A caller who waits asks in its dialog to be called back at a number.
    pub(super) fn answer_callback_request(
        &mut self,
        leg: Option<LegId>,
        key: RequestKey,
        request: Result<CallbackRequest, String>,
        now: Instant,
    ) {
        let asked = match (request, leg) {
            (Ok(request), Some(leg)) => self.request_callback(leg, &request.number, now),
            (Ok(_), None) => Err(Refusal::Not(NotCalledBack::NotWaiting)),
            (Err(why), _) => {
                return self.explain(key, StatusCode::BAD_REQUEST, "bad_request", &why, now);
            }
        };
        match asked {
            Ok(()) => self.respond(key, StatusCode::OK, now),
            Err(why) => {
                let (code, word) = why.status();
                self.explain(key, code, word, &why.to_string(), now);
            }
        }
        self.drain_queues(now);
    }

    /// Refuses a request with a body that says why: `{"error": {"code", "message", "field"}}`.
    fn explain(&mut self, key: RequestKey, code: StatusCode, word: &str, why: &str, now: Instant) {
        let error = json!({ "error": { "code": word, "message": why, "field": "number" } });
        let body = Some(Body::new("application/json", error.to_string()));
        super::signalling::note("respond", self.agent.respond(key, code, None, &[], body, now));
    }

    fn request_callback(&mut self, leg: LegId, number: &str, now: Instant) -> Result<(), Refusal> {
        let number = offhook_routing::normalize(number);
        if number.is_empty() || number.len() > NUMBER_MAX || !self.is_somebody(&number) {
            return Err(Refusal::NotCallable);
        }
        let now_ms = self.unix_ms(now);
        self.queues.acd_mut().request_callback(leg, &number, now_ms).map_err(Refusal::Not)
    }

    /// Whether a number is that of somebody who can be called.
    fn is_somebody(&self, number: &str) -> bool {
        let decision = resolve(&Target::Number(number.to_owned()), &self.directory);
        matches!(decision, Decision::Extension { .. } | Decision::Forward { .. })
            || self.directory.extensions.contains_key(number)
    }

    /// The callback has the caller's place: the caller is told so, and let go.
    pub(super) fn tell_callback_taken(&mut self, leg: LegId, number: &str, now: Instant) {
        self.tell_will_call_back(leg, number, now);
        let goodbye = Target::Play(TAKEN.to_owned());
        self.step(self.legs.call_of(leg), now, |call| call.send_on(goodbye, None));
    }

    /// Rings an agent to whom the queue offers a callback.
    pub(super) fn ring_for_callback(&mut self, wish: Wish, now: Instant) {
        let Wish::Offer {
            offer,
            agent,
            extension,
            ring_ms,
            auto_answer,
            queue,
            waited_ms,
            callback,
            ..
        } = wish
        else {
            return;
        };
        let Some(number) = callback else { return };
        let now_ms = self.unix_ms(now);
        if self.draining || self.calls.len() >= self.calls_max {
            return self.queues.acd_mut().offer_failed(offer, OfferFailure::Fault, now_ms);
        }
        tracing::info!(%queue, %agent, number, waited_ms, "a callback is offered to an agent");
        let serial = self.next_serial();
        if self.queues.acd_mut().begin_callback(offer, CallKey(serial)).is_err() {
            return;
        }
        self.callbacks.rung.insert(offer, serial);
        let call = self.reference(serial);
        let placement = Placement { call, serial, extension, dialled: number.clone() };
        let queue_name = self.queue_name(&queue);
        let callback = Some(number);
        let offered = Offered { offer, queue, queue_name, waited_ms, auto_answer, callback };
        let mut placed = Call::call_back(placement, offered, ring_ms, now_ms);
        placed.set_reattach_ms(self.reattach_ms);
        self.calls.insert(serial, placed);
        self.step(serial, now, |_| {});
    }

    /// How a queue is shown.
    pub(super) fn queue_name(&self, queue: &QueueId) -> String {
        let known = self.directory.queues.get(queue);
        known.map_or_else(|| queue.0.clone(), |known| known.display_name.clone())
    }

    /// The agent is rung no longer.
    pub(super) fn stop_ringing_for_callback(
        &mut self,
        offer: OfferId,
        why: WithdrawReason,
        now: Instant,
    ) {
        let Some(serial) = self.callbacks.rung.remove(&offer) else { return };
        let (cause, now_ms) = (super::queues::withdrawal_cause(why), self.unix_ms(now));
        self.step(serial, now, |call| call.hang_up(cause, now_ms));
    }

    /// The agent has answered. Its call goes on by itself to whoever is called back.
    pub(super) fn note_callback_placed(&mut self, offer: OfferId, call: CallKey, entry: EntryId) {
        self.callbacks.rung.remove(&offer);
        self.callbacks.placed.insert(call.0, entry);
    }

    /// What came of the call to whom an agent has called back.
    pub(super) fn note_called_back(&mut self, call: &Call, is_reached: bool, now: Instant) {
        let Some(entry) = self.callbacks.placed.remove(&serial_of(call.caller())) else { return };
        let now_ms = self.unix_ms(now);
        let acd = self.queues.acd_mut();
        if is_reached {
            acd.callback_answered(entry, now_ms);
        } else {
            acd.callback_failed(entry, now_ms);
        }
    }
}

/// Why a caller is not called back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("{0}")]
    Not(NotCalledBack),
    #[error("the number is none that can be called; an extension can, such as 1001")]
    NotCallable,
}

impl Refusal {
    fn status(self) -> (StatusCode, &'static str) {
        match self {
            Self::NotCallable => (StatusCode::NOT_FOUND, "not_callable"),
            Self::Not(NotCalledBack::NotWaiting) => (StatusCode::FORBIDDEN, "not_waiting"),
            Self::Not(NotCalledBack::NotOffered) => (StatusCode::FORBIDDEN, "not_offered"),
            Self::Not(NotCalledBack::WaitsAlready) => (StatusCode::FORBIDDEN, "waits_already"),
        }
    }
}

fn spoken(why: Refusal) -> &'static str {
    match why {
        Refusal::Not(NotCalledBack::WaitsAlready) => "We will call that number back already.",
        Refusal::NotCallable | Refusal::Not(_) => "Your number cannot be called back.",
    }
}
