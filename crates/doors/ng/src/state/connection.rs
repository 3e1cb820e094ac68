//! Two parties that are joined without an offer and an answer, of one call or of two.

use super::call::{Call, PARTIES_MAX, PartyId};
use super::subscription::SUBSCRIPTIONS_MAX;
use super::work::{Refusal, needed, refuse};
use super::{Door, Output, RequestId, TimerName};
use offhook_bus::MediaCommand;
use offhook_model::LegId;
use offhook_ng::{Dictionary, Reply, Request};
use std::time::Instant;

impl Door {
    /// Joins two parties in the sections in which they speak; whom either talked with hears nobody from here
    /// on, and nothing of their other sections.
    pub(super) fn connect(
        &mut self,
        call_id: &str,
        id: RequestId,
        request: &Request,
        now: Instant,
    ) -> Result<(), Refusal> {
        let (from_tag, to_tag) = (
            needed(request.from_tag.as_deref(), "from-tag")?,
            needed(request.to_tag.as_deref(), "to-tag")?,
        );
        let other = request.argument("to-call-id").map(|other| self.resolved(other).to_owned());
        let other = other.filter(|other| other != call_id);
        let unknown = || refuse("Unknown call-id");
        let call = self.calls.get(call_id).ok_or_else(unknown)?;
        let far = match &other {
            Some(other) => self.calls.get(other).ok_or_else(|| refuse("Unknown to-call-id"))?,
            None => call,
        };
        let (a, a_leg) = party_with_leg(call, from_tag)?;
        let (b, b_leg) = party_with_leg(far, to_tag)?;
        if a_leg == b_leg {
            return Err(refuse("a party cannot be connected with itself"));
        }
        if call.parties[a].is_passed_on() != far.parties[b].is_passed_on() {
            return Err(refuse("what one party sends is passed on as it is, the other's is not"));
        }
        let b = match &other {
            Some(other) => self.merge(call_id, other)? + b,
            None => b,
        };
        let signalled_s = self.unix_s(now);
        let call = self.calls.get_mut(call_id).ok_or_else(unknown)?;
        call.join(a, b);
        call.last_signal_s = signalled_s;
        let further: Vec<_> = [a, b]
            .into_iter()
            .flat_map(|id| call.parties[id].further_legs.values().copied())
            .collect();
        self.keep(call_id);
        for leg in further {
            self.tell(MediaCommand::Unbridge { leg });
        }
        self.tell(MediaCommand::Bridge { a: a_leg, b: b_leg });
        self.note_change(call_id, now);
        self.reply(id, Reply::ok(Dictionary::new()));
        Ok(())
    }

    /// Makes one call of two, known by both call-ids. The place of the second's first party in it.
    fn merge(&mut self, call_id: &str, other: &str) -> Result<PartyId, Refusal> {
        let unknown = || refuse("Unknown call-id");
        let call = self.calls.get(call_id).ok_or_else(unknown)?;
        let far = self.calls.get(other).ok_or_else(unknown)?;
        if far.work.is_some() || !far.waiting.is_empty() {
            return Err(refuse("the call of to-call-id is being negotiated"));
        }
        if call.parties.len() + far.parties.len() > PARTIES_MAX {
            return Err(refuse(format!("the two calls have more than {PARTIES_MAX} parties")));
        }
        if call.subscriptions.len() + far.subscriptions.len() > SUBSCRIPTIONS_MAX {
            let most = SUBSCRIPTIONS_MAX;
            return Err(refuse(format!("the two calls have more than {most} subscriptions")));
        }
        for name in TimerName::ALL {
            self.clear_timer(other, name);
        }
        let far = self.calls.remove(other).ok_or_else(unknown)?;
        if far.is_kept {
            self.outputs.push_back(Output::Forget { call_id: other.to_owned() });
        }
        for leg in far.legs() {
            self.legs.insert(leg, call_id.to_owned());
        }
        let call = self.calls.get_mut(call_id).ok_or_else(unknown)?;
        let first = call.take_in(far, other);
        for alias in &call.aliases {
            self.aliases.insert(alias.clone(), call_id.to_owned());
        }
        Ok(first)
    }

    /// The call-id under which the call of this one is kept.
    pub(super) fn resolved<'a>(&'a self, call_id: &'a str) -> &'a str {
        self.aliases.get(call_id).map_or(call_id, String::as_str)
    }
}

impl Call {
    /// Two parties are each other's partners, and nobody else's.
    fn join(&mut self, a: PartyId, b: PartyId) {
        for party in &mut self.parties {
            if party.partner == Some(a) || party.partner == Some(b) {
                party.partner = None;
            }
        }
        self.parties[a].partner = Some(b);
        self.parties[b].partner = Some(a);
    }

    /// Takes in what another call has; the place of its first party.
    fn take_in(&mut self, other: Self, other_id: &str) -> PartyId {
        let first = self.parties.len();
        for mut party in other.parties {
            party.partner = party.partner.map(|partner| partner + first);
            self.parties.push(party);
        }
        for mut subscription in other.subscriptions {
            for feed in &mut subscription.feeds {
                feed.source += first;
            }
            self.subscriptions.push(subscription);
        }
        self.aliases.push(other_id.to_owned());
        self.aliases.extend(other.aliases);
        self.recorded = self.recorded.or(other.recorded);
        self.metadata = self.metadata.take().or(other.metadata);
        first
    }
}

fn party_with_leg(call: &Call, tag: &str) -> Result<(PartyId, LegId), Refusal> {
    let party = call.party_with_tag(tag);
    let party = party.ok_or_else(|| refuse(format!("there is no party with the tag {tag}")))?;
    let leg = call.parties[party].leg;
    let leg = leg.ok_or_else(|| refuse(format!("the party {tag} has no media yet")))?;
    Ok((party, leg))
}
