//! How the devices of an extension are reached: one attempt for each binding, with one offer after another.

use crate::leg::Attempt;
use crate::{Failure, Route};
use offhook_model::{Binding, HangupCause, IceRole, OfferPolicy, Party, Security, Transport};
use offhook_sdp::SessionDescription;

/// What the caller is told. What a device says of itself is not said of this server: it has not moved, asks
/// for no password of the callee's, and is not overloaded.
pub(crate) fn told(failure: &Failure, by: Party) -> Failure {
    let (status, cause, reason) = match failure.status {
        300..=399 | 401 | 407 | 430 | 481 => {
            (480, HangupCause::DESTINATION_OUT_OF_ORDER, "Temporarily Unavailable")
        }
        503 if by == Party::Callee => (500, failure.cause, "Server Internal Error"),
        _ => return failure.clone(),
    };
    Failure { status, cause, reason: reason.to_owned() }
}

/// Failures of the offer, after which the same device is asked again with another.
pub(crate) fn is_about_media(status: u16) -> bool {
    matches!(status, 415 | 488 | 606)
}

/// Which of several failures the caller is told: an answer of a person counts more than a silence.
pub(crate) fn failure_rank(status: u16) -> u8 {
    match status {
        600..=699 => 4,
        486 => 3,
        480 | 408 | 430 => 0,
        488 | 415 => 2,
        _ => 1,
    }
}

/// What an offer of ours says, in words.
pub(crate) fn summary(offer: &str) -> Option<String> {
    let offer = SessionDescription::parse(offer.as_bytes()).ok()?;
    Some(format!("{} ({})", offer.audio_protection(), offer.audio_formats().join(", ")))
}

pub(crate) fn attempt(binding: &Binding) -> Attempt {
    Attempt {
        route: Route {
            contact: binding.contact.clone(),
            route: binding.route.clone(),
            reliable: binding.transport.is_reliable(),
        },
        policies: policies(binding.transport),
        offered: Vec::new(),
        with_video: true,
    }
}

/// The offers to try on a device, best first: browsers accept nothing but DTLS with ICE; a phone on TLS
/// can keep SDES keys secret, others are most likely to want plain RTP. SDES and DTLS are offered together,
/// since a phone that speaks DTLS alone may take an offer of SDES and then answer without keys.
fn policies(transport: Transport) -> Vec<OfferPolicy> {
    let offer = |security, ice| OfferPolicy { security, ice, prefer_codec_of: None };
    let plain = offer(Security::Plain, IceRole::None);
    let secured = offer(Security::SdesOrDtls, IceRole::None);
    let dtls = offer(Security::Dtls, IceRole::None);
    match transport {
        Transport::Ws | Transport::Wss => vec![offer(Security::Dtls, IceRole::Full)],
        Transport::Tls => vec![secured, plain, dtls],
        Transport::Udp | Transport::Tcp => vec![plain, secured, dtls],
    }
}
