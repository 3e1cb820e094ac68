//! The offers and answers of one dialog, in their order (RFC 3264 8).

use serde::{Deserialize, Serialize};

use crate::description::SessionDescription;
use crate::negotiation::{
    LocalMedia, Negotiated, NegotiationError, OfferPolicy, Security, Transport,
};
use crate::offer::{accept_answer, offer, offer_again};
use crate::opaque::{accept_opaque, answer_opaque, offer_opaque};

/// What one dialog agreed on, and the offer that waits for its answer.
///
/// It counts the version of `o=`, keeps the DTLS role, and falls back to what was in force when an
/// offer is refused. It is plain data, so that it can be carried to another process and go on there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    session_id: u64,
    session_version: u64,
    /// This side's description that was sent last.
    local: Option<SessionDescription>,
    /// This side's description before the offer that is pending or was answered last.
    before_offer: Option<SessionDescription>,
    remote: Option<SessionDescription>,
    negotiated: Option<Negotiated>,
    /// What is in force of a section that is passed on as it is; then `negotiated` is `None`.
    passed_on: Option<Transport>,
    is_offer_pending: bool,
    is_own_offer: bool,
}

impl Session {
    /// A session with nothing said; `session_id` goes into `o=`.
    pub fn new(session_id: u64) -> Self {
        Self {
            session_id,
            session_version: 0,
            local: None,
            before_offer: None,
            remote: None,
            negotiated: None,
            passed_on: None,
            is_offer_pending: false,
            is_own_offer: false,
        }
    }

    /// Answers an offer of the peer. On an error nothing changes.
    pub fn answer(
        &mut self,
        offer: &SessionDescription,
        local: &LocalMedia,
    ) -> Result<(SessionDescription, Negotiated), NegotiationError> {
        if self.is_offer_pending {
            return Err(NegotiationError::OfferPending);
        }
        let (description, negotiated) = crate::answer::answer(offer, &self.prepare(local))?;
        self.negotiated = Some(negotiated.clone());
        self.passed_on = None;
        Ok((self.answered(offer, description), negotiated))
    }

    /// Answers an offer of the peer with the section of `like`; see [`answer_opaque`]. On an error nothing
    /// changes.
    pub fn answer_opaque(
        &mut self,
        offer: &SessionDescription,
        like: &SessionDescription,
        local: &LocalMedia,
    ) -> Result<(SessionDescription, Transport), NegotiationError> {
        if self.is_offer_pending {
            return Err(NegotiationError::OfferPending);
        }
        let (description, transport) = answer_opaque(offer, like, &self.prepare(local))?;
        self.negotiated = None;
        self.passed_on = Some(transport.clone());
        Ok((self.answered(offer, description), transport))
    }

    fn answered(
        &mut self,
        offer: &SessionDescription,
        mut answer: SessionDescription,
    ) -> SessionDescription {
        self.stamp(&mut answer);
        self.local = Some(answer.clone());
        self.remote = Some(offer.clone());
        self.is_own_offer = false;
        answer
    }

    /// Makes an offer to the peer, the first or another.
    pub fn offer(
        &mut self,
        local: &LocalMedia,
        policy: &OfferPolicy,
    ) -> Result<SessionDescription, NegotiationError> {
        if self.is_offer_pending {
            return Err(NegotiationError::OfferPending);
        }
        let local = self.prepare(local);
        // What stood in the place of a section that is passed on says nothing of the audio.
        let previous = self.local.as_ref().filter(|local| local.audio().is_some());
        let description = match previous {
            Some(previous) => offer_again(previous, &local, policy)?,
            None => offer(&local, policy)?,
        };
        Ok(self.offered(description))
    }

    /// Makes an offer to the peer with the section of `like`; see [`offer_opaque`].
    pub fn offer_opaque(
        &mut self,
        like: &SessionDescription,
        local: &LocalMedia,
        policy: &OfferPolicy,
    ) -> Result<SessionDescription, NegotiationError> {
        if self.is_offer_pending {
            return Err(NegotiationError::OfferPending);
        }
        let description = offer_opaque(like, &self.prepare(local), policy)?;
        Ok(self.offered(description))
    }

    fn offered(&mut self, mut offer: SessionDescription) -> SessionDescription {
        self.stamp(&mut offer);
        self.before_offer = self.local.replace(offer.clone());
        self.is_offer_pending = true;
        self.is_own_offer = true;
        offer
    }

    /// Takes the answer to the last offer.
    ///
    /// A further answer to the same offer, from another branch of a forked call, replaces it.
    pub fn handle_answer(
        &mut self,
        answer: &SessionDescription,
    ) -> Result<&Negotiated, NegotiationError> {
        let own = self.local.as_ref().filter(|_| self.is_own_offer);
        let own = own.ok_or(NegotiationError::NoOffer)?;
        let negotiated = accept_answer(own, answer)?;
        self.is_offer_pending = false;
        self.remote = Some(answer.clone());
        self.passed_on = None;
        Ok(self.negotiated.insert(negotiated))
    }

    /// Takes the answer to the last offer, whose section is passed on as it is whatever its formats are.
    ///
    /// A further answer replaces it, as with [`Session::handle_answer`].
    pub fn handle_opaque_answer(
        &mut self,
        answer: &SessionDescription,
    ) -> Result<&Transport, NegotiationError> {
        let own = self.local.as_ref().filter(|_| self.is_own_offer);
        let own = own.ok_or(NegotiationError::NoOffer)?;
        let transport = accept_opaque(own, answer)?;
        self.is_offer_pending = false;
        self.remote = Some(answer.clone());
        self.negotiated = None;
        Ok(self.passed_on.insert(transport))
    }

    /// The pending offer was refused: what was in force before it stays in force.
    pub fn handle_refusal(&mut self) {
        if self.is_offer_pending {
            self.is_offer_pending = false;
            self.is_own_offer = false;
            self.local = self.before_offer.take();
        }
    }

    /// What is in force of an audio section that this side speaks in.
    pub fn negotiated(&self) -> Option<&Negotiated> {
        self.negotiated.as_ref()
    }

    /// What is in force of a section that is passed on as it is.
    pub fn passed_on(&self) -> Option<&Transport> {
        self.passed_on.as_ref()
    }

    /// This side's description that was sent last.
    pub fn local(&self) -> Option<&SessionDescription> {
        self.local.as_ref()
    }

    /// The peer's description that is in force.
    pub fn remote(&self) -> Option<&SessionDescription> {
        self.remote.as_ref()
    }

    /// Whether an offer of this side waits for its answer.
    pub fn is_offer_pending(&self) -> bool {
        self.is_offer_pending
    }

    fn prepare(&self, local: &LocalMedia) -> LocalMedia {
        let spoken = self.negotiated.as_ref().map(|negotiated| &negotiated.security);
        let passed_on = self.passed_on.as_ref().map(|transport| &transport.security);
        let role = match spoken.or(passed_on) {
            Some(Security::Dtls { role, .. }) => Some(*role),
            _ => None,
        };
        LocalMedia {
            session_id: self.session_id,
            session_version: self.session_version,
            dtls_role: local.dtls_role.or(role),
            ..local.clone()
        }
    }

    /// A description that differs from the last one sent has a version one higher (RFC 3264 8).
    fn stamp(&mut self, description: &mut SessionDescription) {
        let Some(last) = &self.local else {
            return;
        };
        description.origin.version.clone_from(&last.origin.version);
        if description != last {
            self.session_version += 1;
            description.origin.version = self.session_version.to_string();
        }
    }
}
