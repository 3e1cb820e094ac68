//! One leg or dialog in the place of another: attended transfer (RFC 5589 section 7), parties that come back
//! with a dialog of their own, and pick-up (RFC 3891).

use super::{Output, Switch, signalling};
use crate::identity::{Caller, Replaced, dialled, policy_for};
use bytes::Bytes;
use offhook_call::{Call, Failure, PickUp, Reattach, Reply};
use offhook_model::{HangupCause, LegId, Service};
use offhook_routing::{Decision, Request, normalize, route};
use offhook_sip::message::{Message, StatusCode};
use offhook_sip::user_agent::{CommandError, LegHandle, RequestKey};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

impl Switch {
    /// The transferor asks that the two it talks with in two calls talk with each other.
    pub(super) fn handle_attended(
        &mut self,
        handle: LegHandle,
        key: RequestKey,
        replaced: &Replaced,
        now: Instant,
    ) {
        let (call_id, tags) = (&replaced.call_id, (&replaced.to_tag, &replaced.from_tag));
        let other = self.agent.find_dialog(call_id, tags.0, tags.1);
        let other = other.and_then(|other| self.legs.leg(other));
        let (Some(leg), Some(other)) = (self.legs.leg(handle), other) else {
            return self.respond(key, StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST, now);
        };
        self.legs.keep_refer(leg, key);
        if let Err(status) = self.transfer_attended(leg, other, now) {
            let serial = self.legs.call_of(leg);
            self.step(serial, now, |call| call.refuse_refer(leg, status.code()));
        }
    }

    fn transfer_attended(
        &mut self,
        leg: LegId,
        other: LegId,
        now: Instant,
    ) -> Result<(), StatusCode> {
        let serials = [self.legs.call_of(leg), self.legs.call_of(other)];
        let none = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
        let [Some(call), Some(from)] = serials.map(|serial| self.calls.get(&serial)) else {
            return Err(none);
        };
        if call.partner(leg).is_none() {
            return Err(none);
        }
        if serials[0] == serials[1] || call.account(leg) != from.account(other) {
            return Err(StatusCode::FORBIDDEN);
        }
        match from.partner(other) {
            Some(party) => self.transfer_leg(serials, leg, (other, party), now),
            None => return self.transfer_unanswered(serials, leg, other, now),
        }
        Ok(())
    }

    /// The party that `other` talks with goes over to the call of `leg`, in whose place it comes.
    fn transfer_leg(
        &mut self,
        serials: [u32; 2],
        leg: LegId,
        (other, party): (LegId, LegId),
        now: Instant,
    ) {
        let now_ms = self.unix_ms(now);
        self.move_leg(serials, (party, Some(leg)), now, |source, to| {
            if let Some(moved) = source.release_partner(other, now_ms) {
                to.adopt(leg, moved, now_ms);
            }
        });
    }

    /// A leg goes over from one call to another, there in the place of somebody or beside those who talk.
    pub(super) fn move_leg(
        &mut self,
        [serial, from]: [u32; 2],
        (moved, instead_of): (LegId, Option<LegId>),
        now: Instant,
        step: impl FnOnce(&mut Call, &mut Call),
    ) {
        let now_ms = self.unix_ms(now);
        let Some((mut to, to_engaged)) = self.take(serial) else { return };
        let Some((mut source, source_engaged)) = self.take(from) else {
            return self.put_back(to, &to_engaged, now);
        };
        if catch_unwind(AssertUnwindSafe(|| step(&mut source, &mut to))).is_err() {
            self.queues.note_engaged(serial, &to_engaged, &[], now_ms);
            self.queues.note_engaged(from, &source_engaged, &[], now_ms);
            self.abandon(&to, now);
            return self.abandon(&source, now);
        }
        self.carry_all_out(&mut source, now);
        self.legs.move_to(moved, serial);
        self.carry_all_out(&mut to, now);
        if instead_of == Some(to.caller())
            && let Some(stays) = to.partner(moved)
        {
            let commands = self.recordings.follow(&to, stays, now_ms);
            self.outputs.extend(commands.into_iter().map(Output::Media));
        }
        // An agent who goes over with the leg is not free in between.
        self.put_back(to, &to_engaged, now);
        self.put_back(source, &source_engaged, now);
        self.drain_agent(now);
        self.drain_queues(now);
    }

    /// Nobody has answered the transferor's other call, or no person has: the party is sent where it was dialled.
    fn transfer_unanswered(
        &mut self,
        [serial, from]: [u32; 2],
        leg: LegId,
        other: LegId,
        now: Instant,
    ) -> Result<(), StatusCode> {
        let none = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
        let dialled = self.calls.get(&from).filter(|call| call.caller() == other);
        let dialled = dialled.map(|call| call.dialled().to_owned()).ok_or(none)?;
        let caller = self.calls.get(&serial).and_then(|call| call.account(leg));
        let decision = route(Request { caller, dialled: &dialled }, &self.directory);
        let now_ms = self.unix_ms(now);
        let mut reply = Reply::Refused;
        self.step(serial, now, |call| reply = call.handle_refer(leg, decision, now_ms));
        if reply == Reply::Taken {
            self.step(from, now, |call: &mut Call| call.give_up_for_transfer(other, now_ms));
        }
        Ok(())
    }

    /// An INVITE that names one of our dialogs. Its own party comes back with it; others pick up what rings.
    pub(super) fn handle_replaces(
        &mut self,
        handle: LegHandle,
        old: LegHandle,
        request: &Message,
        sdp: Option<&Bytes>,
        now: Instant,
    ) {
        if let Err(status) = self.replace_dialog(handle, old, request, sdp, now) {
            let rejected = self.agent.reject(handle, status, None, &[], now);
            signalling::note("reject a replacement", rejected);
        }
    }

    fn replace_dialog(
        &mut self,
        handle: LegHandle,
        old: LegHandle,
        request: &Message,
        sdp: Option<&Bytes>,
        now: Instant,
    ) -> Result<(), StatusCode> {
        let none = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
        let leg = self.legs.leg(old).ok_or(none)?;
        let serial = self.legs.call_of(leg);
        let call = self.calls.get(&serial).ok_or(none)?;
        let by = Caller::of(request);
        if !call.has_up(leg) {
            let rung = call.number(leg).filter(|number| call.rings_at(number)).ok_or(none)?;
            let rung = rung.to_owned();
            let account = by.account.ok_or(StatusCode::FORBIDDEN)?;
            return self.pick_up(handle, (serial, &rung), account, request, sdp, now);
        }
        // A guest proves no account: it is known by its name and by the tags, which nobody else was told.
        let is_own = call.account(leg) == by.account.as_deref();
        if !is_own || call.number(leg) != Some(by.number.as_str()) {
            return Err(StatusCode::FORBIDDEN);
        }
        let offer = sdp.map(signalling::text).ok_or(StatusCode::NOT_ACCEPTABLE_HERE)?;
        let back = Reattach { offer, policy: policy_for(request) };
        if let Some(earlier) = self.legs.keep_replacement(leg, handle) {
            let pending = StatusCode::REQUEST_PENDING;
            let rejected = self.agent.reject(earlier, pending, None, &[], now);
            signalling::note("reject a replacement", rejected);
        }
        let now_ms = self.unix_ms(now);
        self.step(serial, now, |call| call.reattach(leg, back, now_ms));
        Ok(())
    }

    /// The party that has come back is answered, and the dialog that it had before ends.
    pub(super) fn accept_replacement(
        &mut self,
        call: &mut Call,
        leg: LegId,
        sdp: String,
        now: Instant,
    ) -> Result<(), CommandError> {
        let Some(new) = self.legs.take_replacement(leg) else { return Ok(()) };
        self.agent.accept(new, Some(sdp.into()), &[], now)?;
        tracing::info!(call = %call.reference(), %leg, "a party has come back");
        if let Some(dialog) = self.agent.dialog(new) {
            call.set_sip_call_id(leg, dialog.id().call_id.clone());
        }
        match self.legs.replace(leg, new) {
            Some(old) => self.agent.hang_up(old, Some("SIP;cause=200;text=\"Replaced\""), now),
            None => Ok(()),
        }
    }

    /// The party that wanted to come back cannot; its leg is as it was.
    pub(super) fn refuse_replacement(
        &mut self,
        leg: LegId,
        failure: &Failure,
        now: Instant,
    ) -> Result<(), CommandError> {
        match self.legs.take_replacement(leg) {
            Some(new) => self.turn_away(new, failure, now),
            None => Ok(()),
        }
    }

    /// Whether the number dialled is the code of pick-up and an extension at which something rings, which is
    /// then picked up.
    pub(super) fn pick_up_dialled(
        &mut self,
        handle: LegHandle,
        request: &Message,
        sdp: Option<&Bytes>,
        now: Instant,
    ) -> bool {
        let number = normalize(&dialled(request));
        if self.directory.services.get(&number) == Some(&Service::Park {}) {
            return self.fetch_parked(handle, request, sdp, now);
        }
        let Some(extension) = number.strip_prefix(PICK_UP) else { return false };
        let ringing = |call: &Call| call.rings_at(extension);
        let found = self.calls.iter().filter(|(_, call)| ringing(call));
        // Of several, whoever has waited longest.
        let found = found.min_by_key(|(serial, call)| (call.started_at_ms(), **serial));
        let Some(serial) = found.map(|(serial, _)| *serial) else { return false };
        let Some(account) = Caller::of(request).account else { return false };
        let rung = (serial, extension);
        self.pick_up(handle, rung, account, request, sdp, now).is_ok()
    }

    /// Somebody with an extension picks up what rings at another in this call.
    fn pick_up(
        &mut self,
        handle: LegHandle,
        (serial, extension): (u32, &str),
        account: String,
        request: &Message,
        sdp: Option<&Bytes>,
        now: Instant,
    ) -> Result<(), StatusCode> {
        let by = self.who_picks_up(account, request, sdp)?;
        self.take_into(serial, handle, now, |call| call.pick_up(extension, by))
    }

    /// Somebody comes into a call with a dialog of its own.
    fn take_into(
        &mut self,
        serial: u32,
        handle: LegHandle,
        now: Instant,
        come: impl FnOnce(&mut Call) -> Option<LegId>,
    ) -> Result<(), StatusCode> {
        let mut leg = None;
        self.step(serial, now, |call| leg = come(call));
        let leg = leg.ok_or(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST)?;
        self.legs.insert(leg, handle);
        Ok(())
    }

    fn who_picks_up(
        &self,
        account: String,
        request: &Message,
        sdp: Option<&Bytes>,
    ) -> Result<PickUp, StatusCode> {
        if self.draining || !self.directory.extensions.contains_key(&account) {
            return Err(StatusCode::FORBIDDEN);
        }
        Ok(PickUp {
            account,
            sip_call_id: signalling::call_id(request),
            offer: sdp.map(signalling::text),
            policy: policy_for(request),
        })
    }

    /// Somebody with an extension fetches the party that has been parked for longest; whether there was one.
    fn fetch_parked(
        &mut self,
        handle: LegHandle,
        request: &Message,
        sdp: Option<&Bytes>,
        now: Instant,
    ) -> bool {
        let parked = |(serial, call): (&u32, &Call)| Some((call.parked_since_ms()?, *serial));
        let Some((_, serial)) = self.calls.iter().filter_map(parked).min() else { return false };
        let Some(account) = Caller::of(request).account else { return false };
        let Ok(by) = self.who_picks_up(account, request, sdp) else { return false };
        self.take_into(serial, handle, now, |call| call.fetch(by)).is_ok()
    }

    /// A device of the extension has registered: it is rung as well if the extension is.
    pub(super) fn ring_registered(&mut self, extension: &str, now: Instant) {
        let ringing = self.calls.iter().filter(|(_, call)| call.is_ringing(extension));
        let ringing: Vec<u32> = ringing.map(|(serial, _)| *serial).collect();
        for serial in ringing {
            self.step(serial, now, |call| call.handle_registered(extension));
        }
    }
}

/// What is dialled in front of an extension to pick up what rings there, as with Asterisk and FreeSWITCH.
const PICK_UP: &str = "*8";

/// What becomes of a call of the code of pick-up, where nothing rings.
pub(super) fn nothing_rings(dialled: &str, decision: Decision) -> Decision {
    let number = normalize(dialled);
    match (decision, number.strip_prefix(PICK_UP)) {
        (Decision::Refuse { .. }, Some(extension)) if !extension.is_empty() => {
            let reason = format!("Nothing rings at {extension}");
            Decision::Refuse { cause: HangupCause::SUBSCRIBER_ABSENT, reason }
        }
        (decision, _) => decision,
    }
}
