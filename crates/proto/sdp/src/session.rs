//! The offers and answers of one dialog, in their order (RFC 3264 8).

use serde::{Deserialize, Serialize};

use crate::description::SessionDescription;
use crate::negotiation::{LocalMedia, Negotiated, NegotiationError, OfferPolicy, Security};
use crate::offer::{accept_answer, offer, offer_again};

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
        let (mut description, negotiated) = crate::answer::answer(offer, &self.prepare(local))?;
        self.stamp(&mut description);
        self.local = Some(description.clone());
        self.remote = Some(offer.clone());
        self.negotiated = Some(negotiated.clone());
        self.is_own_offer = false;
        Ok((description, negotiated))
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
        let mut description = match &self.local {
            Some(previous) => offer_again(previous, &local, policy)?,
            None => offer(&local, policy)?,
        };
        self.stamp(&mut description);
        self.before_offer = self.local.replace(description.clone());
        self.is_offer_pending = true;
        self.is_own_offer = true;
        Ok(description)
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
        Ok(self.negotiated.insert(negotiated))
    }

    /// The pending offer was refused: what was in force before it stays in force.
    pub fn handle_refusal(&mut self) {
        if self.is_offer_pending {
            self.is_offer_pending = false;
            self.is_own_offer = false;
            self.local = self.before_offer.take();
        }
    }

    /// What is in force.
    pub fn negotiated(&self) -> Option<&Negotiated> {
        self.negotiated.as_ref()
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
        let role = match self.negotiated.as_ref().map(|n| &n.security) {
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
