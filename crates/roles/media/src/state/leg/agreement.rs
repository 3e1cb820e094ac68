//! What a leg and its party agree on.

use super::{Leg, Program};
use crate::state::agreed::Agreed;
use crate::state::description;
use crate::state::seed::Seed;
use crate::state::settings::Settings;
use offhook_bus::{MediaRefusal, OfferPolicy};
use offhook_rtc::Remote;
use offhook_sdp::{AudioFormat, LocalMedia, Negotiated, SessionDescription};
use std::time::Instant;

impl Leg {
    pub(crate) fn answer(
        &mut self,
        offer: &str,
        seed: &Seed,
        settings: &Settings,
        now: Instant,
    ) -> Result<String, MediaRefusal> {
        let offer = description::parse(offer)?;
        let local = |leg: &Self| leg.local.for_answer(settings, &offer);
        self.answer_as(&offer, local, seed, settings, now)
    }

    /// Answers with what `local` gives, which it is asked for when our ICE credentials stand.
    pub(super) fn answer_as(
        &mut self,
        offer: &SessionDescription,
        local: impl FnOnce(&Self) -> LocalMedia,
        seed: &Seed,
        settings: &Settings,
        now: Instant,
    ) -> Result<String, MediaRefusal> {
        let credentials = self.local.credentials.clone();
        let is_restart = self.restarts_ice(offer, settings);
        if is_restart {
            self.local.credentials = seed.ice_credentials();
        }
        let local = local(self);
        let answered = self.session.answer(offer, &local);
        let (answer, negotiated) = answered.map_err(|error| {
            self.local.credentials = credentials;
            description::not_agreed(&error)
        })?;
        if is_restart {
            self.peer.restart_ice(self.local.credentials.clone());
        }
        self.agree(&negotiated, now)?;
        Ok(answer.to_string())
    }

    /// Whether the offer has ICE credentials that are others than before, so that ours must change too.
    fn restarts_ice(&self, offer: &SessionDescription, settings: &Settings) -> bool {
        let local = self.local.for_answer(settings, offer);
        let Ok((_, negotiated)) = offhook_sdp::answer(offer, &local) else { return false };
        let ice = Remote::from_negotiated(&negotiated).ice;
        ice.is_some_and(|ice| self.peer.is_ice_restart(&ice))
    }

    pub(crate) fn offer(
        &mut self,
        policy: &OfferPolicy,
        preferred: Option<AudioFormat>,
        settings: &Settings,
    ) -> Result<String, MediaRefusal> {
        let (speaks_ice, sdp_policy) = match self.session.negotiated() {
            Some(agreed) => (agreed.ice.is_some(), offhook_sdp::OfferPolicy::like(agreed)),
            None => {
                let policy = self.policy.get_or_insert_with(|| policy.clone());
                (description::speaks_ice(policy), description::offer_policy(policy))
            }
        };
        let local = self.local.for_offer(settings, speaks_ice, preferred.or(self.format()));
        let offer = self.session.offer(&local, &sdp_policy);
        offer.map(|offer| offer.to_string()).map_err(|error| description::not_agreed(&error))
    }

    pub(crate) fn accept_answer(&mut self, answer: &str, now: Instant) -> Result<(), MediaRefusal> {
        let answer = description::parse(answer)?;
        let negotiated = self.session.handle_answer(&answer);
        let negotiated = negotiated.map_err(|error| description::not_agreed(&error))?.clone();
        self.agree(&negotiated, now)
    }

    pub(crate) fn rollback(&mut self) {
        self.session.handle_refusal();
    }

    /// Puts a negotiation's result in force.
    pub(super) fn agree(
        &mut self,
        negotiated: &Negotiated,
        now: Instant,
    ) -> Result<(), MediaRefusal> {
        let unusable = |why: &str| MediaRefusal::NotAcceptable(why.to_owned());
        let agreed = Agreed::new(negotiated).ok_or_else(|| unusable("the codec is not known"))?;
        let remote = Remote::from_negotiated(negotiated);
        self.peer.set_remote(&remote, now).map_err(|error| unusable(&error.to_string()))?;
        self.put_in_force(agreed, &remote, now);
        Ok(())
    }

    /// Takes note of what was agreed on, beside the transport.
    pub(super) fn put_in_force(&mut self, agreed: Agreed, remote: &Remote, now: Instant) {
        self.timeline.set_clock_rate(agreed.codec.clock_rate());
        self.reports.set_clock_rate(agreed.codec.clock_rate(), now);
        if let Program::Player(player) = &mut self.program {
            player.set_rate(agreed.codec.sample_rate());
        }
        // A party that was held or re-invited is not silent before it had its time again.
        self.last_heard = self.last_heard.map(|_| now);
        self.evidence.handle_agreement(&agreed, remote, now);
        self.agreed = Some(agreed);
    }
}
