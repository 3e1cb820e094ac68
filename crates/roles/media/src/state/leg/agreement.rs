//! What a leg and its party agree on.

use super::{Leg, Program};
use crate::state::agreed::Agreed;
use crate::state::capacity::Admission;
use crate::state::description;
use crate::state::packing::Packing;
use crate::state::seed::Seed;
use crate::state::settings::Settings;
use offhook_bus::{MediaRefusal, OfferPolicy};
use offhook_rtc::Remote;
use offhook_sdp::{AudioFormat, LocalMedia, Negotiated, SessionDescription, Transport};
use std::time::Instant;

impl Leg {
    pub(crate) fn answer(
        &mut self,
        offer: &str,
        seed: &Seed,
        settings: &Settings,
        admission: Admission<'_>,
        now: Instant,
    ) -> Result<String, MediaRefusal> {
        let offer = description::parse(offer)?;
        // Whoever has a codec already keeps it: its bridge may pass packets on as they are.
        let is_frugal = self.agreed.is_none() && admission.is_frugal();
        let local = |leg: &Self| leg.local.for_answer(settings, &offer, is_frugal);
        self.answer_as(&offer, local, seed, settings, admission, now)
    }

    /// Answers with what `local` gives, which it is asked for when our ICE credentials stand.
    pub(super) fn answer_as(
        &mut self,
        offer: &SessionDescription,
        local: impl FnOnce(&Self) -> LocalMedia,
        seed: &Seed,
        settings: &Settings,
        admission: Admission<'_>,
        now: Instant,
    ) -> Result<String, MediaRefusal> {
        let trial = offhook_sdp::answer(offer, &self.local.for_answer(settings, offer, false));
        let trial = trial.ok().map(|(_, negotiated)| negotiated.transport());
        let (answer, negotiated) = self.with_credentials(trial.as_ref(), seed, |leg| {
            let local = local(leg);
            leg.session.answer(offer, &local).map_err(|error| {
                let ours = || (local.format_names(), local.protection());
                description::nothing_in_common(&error, offer, ours)
            })
        })?;
        self.agree(&negotiated, admission, now)?;
        Ok(answer.to_string())
    }

    /// Negotiates with ICE credentials of ours that are others than before where those of the party are:
    /// `trial` is what comes of it either way.
    pub(super) fn with_credentials<T>(
        &mut self,
        trial: Option<&Transport>,
        seed: &Seed,
        negotiate: impl FnOnce(&mut Self) -> Result<T, MediaRefusal>,
    ) -> Result<T, MediaRefusal> {
        let ice = trial.and_then(|trial| Remote::from_transport(trial).ice);
        let is_restart = ice.is_some_and(|ice| self.peer.is_ice_restart(&ice));
        let credentials = self.local.credentials.clone();
        if is_restart {
            self.local.credentials = seed.ice_credentials();
        }
        let negotiated = negotiate(self).inspect_err(|_| {
            self.local.credentials = credentials;
        })?;
        if is_restart {
            self.peer.restart_ice(self.local.credentials.clone());
        }
        Ok(negotiated)
    }

    pub(crate) fn offer(
        &mut self,
        policy: &OfferPolicy,
        preferred: Option<AudioFormat>,
        settings: &Settings,
    ) -> Result<String, MediaRefusal> {
        self.expected_partner = policy.prefer_codec_of.or(self.expected_partner);
        let (speaks_ice, sdp_policy) = match self.session.negotiated() {
            Some(agreed) => (agreed.ice.is_some(), offhook_sdp::OfferPolicy::like(agreed)),
            None => {
                let policy = self.policy.get_or_insert_with(|| policy.clone());
                (description::speaks_ice(policy), description::offer_policy(policy))
            }
        };
        let local = self.local.for_offer(settings, speaks_ice, preferred.or(self.format()));
        self.is_offer_opaque = false;
        let offer = self.session.offer(&local, &sdp_policy);
        offer.map(|offer| offer.to_string()).map_err(|error| description::not_agreed(&error))
    }

    pub(crate) fn accept_answer(
        &mut self,
        answer: &str,
        admission: Admission<'_>,
        now: Instant,
    ) -> Result<(), MediaRefusal> {
        if self.is_offer_opaque {
            return self.accept_opaque_answer(answer, now);
        }
        let answer = description::parse(answer)?;
        let ours = self.session.local().cloned();
        let negotiated = self.session.handle_answer(&answer).map_err(|error| {
            let ours = || {
                ours.map_or_else(Default::default, |ours| {
                    (ours.audio_formats(), ours.audio_protection())
                })
            };
            description::nothing_in_common(&error, &answer, ours)
        })?;
        let negotiated = negotiated.clone();
        self.agree(&negotiated, admission, now)
    }

    pub(crate) fn rollback(&mut self) {
        self.session.handle_refusal();
    }

    /// Puts a negotiation's result in force. The first one is refused when the thread has no room for what
    /// follows from it; a call that runs is never broken.
    fn agree(
        &mut self,
        negotiated: &Negotiated,
        mut admission: Admission<'_>,
        now: Instant,
    ) -> Result<(), MediaRefusal> {
        let unusable = |why: &str| MediaRefusal::NotAcceptable(why.to_owned());
        let agreed = Agreed::new(negotiated).ok_or_else(|| unusable("the codec is not known"))?;
        if self.agreed.is_none() && !admission.admits(&agreed) {
            return Err(MediaRefusal::Overloaded);
        }
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
        self.opaque = None;
        self.packing.iter_mut().for_each(Packing::clear);
    }
}
