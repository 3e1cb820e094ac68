//! One section that this side passes on as it is, whatever it carries: video, T.38, audio in formats that
//! nobody here decodes.
//!
//! Its description is somebody else's with another transport: addresses, ICE and keys are this side's,
//! every other line stays. Formats are not looked at. A section of RTP is protected as its profile says; in
//! one of other datagrams keys and fingerprints are between its two ends and stay as they are.

use crate::answer;
use crate::attribute::Direction;
use crate::description::{Line, MediaDescription, SessionDescription};
use crate::negotiation::{
    LocalMedia, NegotiationError, OfferPolicy, OfferSecurity, Security, Transport,
};
use crate::offer::{self, Keys};
use crate::section::Remote;

/// Attributes of a section of RTP that belong to its transport.
pub const TRANSPORT_ATTRIBUTES: [&str; 15] = [
    "rtcp",
    "rtcp-mux",
    "rtcp-mux-only",
    "ice-lite",
    "ice-ufrag",
    "ice-pwd",
    "ice-options",
    "candidate",
    "end-of-candidates",
    "remote-candidates",
    "bundle-only",
    "crypto",
    "fingerprint",
    "setup",
    "tls-id",
];
/// Those of a section of other datagrams, whose association is between its two ends.
pub const DATAGRAM_TRANSPORT_ATTRIBUTES: &[&str] = TRANSPORT_ATTRIBUTES.split_at(11).0;
/// What a section of datagrams may have inherited from the session part.
const ASSOCIATION_ATTRIBUTES: [&str; 3] = ["fingerprint", "setup", "tls-id"];
const DIRECTIONS: [Direction; 4] =
    [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];

/// The offer with the first section of `like` that is in use, its protocol among what stays.
///
/// # Errors
/// When `like` has no section in use, its protocol is none of RTP and none of datagrams, or keys are
/// missing.
pub fn offer_opaque(
    like: &SessionDescription,
    local: &LocalMedia,
    policy: &OfferPolicy,
) -> Result<SessionDescription, NegotiationError> {
    let (_, section) = like.first_in_use().ok_or(NegotiationError::NoSection)?;
    check_protocol(section)?;
    let policy = match section.protocol.is_rtp() {
        true => policy.clone(),
        false => OfferPolicy::new(section.protocol.clone(), OfferSecurity::Plain),
    };
    let keys = Keys::choose(local, &policy)?;
    let mut described = passed_on(like, section, local);
    if section.protocol.is_rtp() {
        offer::describe_transport(&mut described, local, &keys);
    } else if let Some(ice) = &local.ice {
        described.push_ice(ice, false);
    }
    Ok(alone(described, local, local.ice.is_some()))
}

/// Answers the first section of an offer that is in use with that of `like`. The answer has the protocol and
/// the `mid` of the offer.
///
/// # Errors
/// As [`offer_opaque`], and when the offer's protection cannot be met.
pub fn answer_opaque(
    offer: &SessionDescription,
    like: &SessionDescription,
    local: &LocalMedia,
) -> Result<(SessionDescription, Transport), NegotiationError> {
    let (index, offered) = offer.first_in_use().ok_or(NegotiationError::NoSection)?;
    let (_, section) = like.first_in_use().ok_or(NegotiationError::NoSection)?;
    check_protocol(offered)?;
    let remote = Remote::new(offer, index, offered);
    let (transport, crypto) = match offered.protocol.is_rtp() {
        true => answer::choose_transport(&remote, local)?,
        false => (datagrams(&remote, local.ice.is_some()), None),
    };
    let mut described = passed_on(like, section, local);
    described.protocol = offered.protocol.clone();
    described.lines.retain(|line| line.as_attribute().is_none_or(|(name, _)| name != "mid"));
    if let Some(mid) = &transport.mid {
        described.push_attribute("mid", mid);
    }
    if offered.protocol.is_rtp() {
        answer::describe_transport(&mut described, &transport, crypto.as_ref(), local);
    } else if let (Some(remote), Some(ice)) = (&transport.ice, &local.ice) {
        described.push_ice(ice, remote.trickle);
    }
    Ok((alone(described, local, transport.ice.is_some()), transport))
}

/// Takes the answer to an offer of this side, whose formats are not looked at.
///
/// # Errors
/// When the answer does not have the section, refuses it, or does not protect it as was offered.
pub fn accept_opaque(
    offer: &SessionDescription,
    answer: &SessionDescription,
) -> Result<Transport, NegotiationError> {
    let (index, offered) = offer.first_in_use().ok_or(NegotiationError::NoSection)?;
    let section = answer.media.get(index).ok_or(NegotiationError::SectionMismatch)?;
    if section.kind != offered.kind {
        return Err(NegotiationError::SectionMismatch);
    }
    if !section.is_in_use() {
        return Err(NegotiationError::NoSection);
    }
    let local = Remote::new(offer, index, offered);
    let remote = Remote::new(answer, index, section);
    match offered.protocol.is_rtp() {
        true => offer::accept_transport(&local, &remote),
        false => Ok(datagrams(&remote, local.has_ice())),
    }
}

fn check_protocol(section: &MediaDescription) -> Result<(), NegotiationError> {
    let protocol = &section.protocol;
    if protocol.is_rtp() || protocol.is_datagrams() {
        return Ok(());
    }
    Err(NegotiationError::UnsupportedProtocol(protocol.as_str().to_owned()))
}

/// How datagrams that are no RTP travel.
fn datagrams(remote: &Remote<'_>, has_ice: bool) -> Transport {
    Transport {
        mid: remote.section.mid().map(str::to_owned),
        bundled: remote.bundle().is_some(),
        protocol: remote.section.protocol.clone(),
        direction: remote.direction().reversed(),
        remote_rtp: remote.rtp_address(),
        remote_rtcp: None,
        rtcp_mux: true,
        ice: remote.ice(has_ice),
        security: Security::Plain,
    }
}

/// The section with this side's port and without its transport.
fn passed_on(
    like: &SessionDescription,
    section: &MediaDescription,
    local: &LocalMedia,
) -> MediaDescription {
    let is_rtp = section.protocol.is_rtp();
    let of_transport =
        if is_rtp { &TRANSPORT_ATTRIBUTES[..] } else { DATAGRAM_TRANSPORT_ATTRIBUTES };
    let stays = |line: &Line| match line.as_attribute() {
        Some((name, _)) => !of_transport.contains(&name),
        None => line.kind != b'c',
    };
    let mut described = MediaDescription { port: local.port, port_count: None, ..section.clone() };
    described.lines.retain(stays);
    let direction = like.direction(section);
    let says_direction = DIRECTIONS.iter().any(|direction| section.has(direction.as_str()));
    if direction != Direction::SendRecv && !says_direction {
        described.push_attribute(direction.as_str(), "");
    }
    for name in ASSOCIATION_ATTRIBUTES.into_iter().filter(|name| !is_rtp && !section.has(name)) {
        if let Some(value) = like.attribute_for(section, name) {
            described.push_attribute(name, value);
        }
    }
    described
}

fn alone(section: MediaDescription, local: &LocalMedia, is_ice: bool) -> SessionDescription {
    let mut description = SessionDescription::of_local(local, is_ice);
    description.media.push(section);
    description
}
