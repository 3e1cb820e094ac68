//! SDP descriptions (RFC 8866) and the offer/answer model (RFC 3264, RFC 8829).
//!
//! [`SessionDescription`] is what a body says, kept line by line in its own order, with typed
//! views of the attributes that telephony and WebRTC use.
//! [`offer()`], [`answer()`] and [`accept_answer()`] are pure functions from what this side can do
//! ([`LocalMedia`]) and what the other side said to what both agreed on ([`Negotiated`]).
//! [`Session`] remembers the descriptions of one dialog so that later offers keep the session id,
//! the section order, the `mid`s and the DTLS role.
//!
//! [`DescriptionEditor`] changes some lines of a body and leaves the others as they came.
//!
//! A section that another side serves, such as video, is taken out with
//! [`SessionDescription::section_alone`] and put in with [`SessionDescription::put_section`].
//!
//! The crate opens no sockets, resolves no names, makes no random keys and decides on no policy:
//! addresses, credentials and keys come in with [`LocalMedia`]. It accepts one audio section per
//! session and rejects every other section; a section of any kind that this side only passes on is a
//! session of its own, made by [`offer_opaque()`] or [`answer_opaque()`]. It does not multiplex several streams on one
//! transport, and it does not gather or check ICE candidates.

mod answer;
mod attribute;
mod candidate;
mod codec;
mod crypto;
mod description;
mod edit;
mod negotiation;
mod offer;
mod opaque;
mod parse;
mod section;
mod session;
mod split;
mod summary;

pub use answer::answer;
pub use attribute::{
    CANDIDATES_MAX, CRYPTO_LINES_MAX, Direction, ExtensionMap, FINGERPRINTS_MAX, Fingerprint,
    Group, MediaStreamId, RtcpAddress, RtcpFeedback, RtpMap, Setup, SourceAttribute,
};
pub use candidate::{Candidate, CandidateAddress, CandidateKind, CandidateTransport, TcpType};
pub use codec::{AudioFormat, Encoding, OpusParameters};
pub use crypto::{Crypto, CryptoError, CryptoSuite, MasterKey};
pub use description::{
    Connection, Line, MediaDescription, MediaKind, Origin, Protocol, SessionDescription,
};
pub use edit::{DescriptionEditor, EditedFormat, PartEditor};
pub use negotiation::{
    DtlsRole, IceRemote, LocalCodec, LocalIce, LocalMedia, LocalSdes, LocalStream, Negotiated,
    NegotiatedCodec, NegotiationError, OfferPolicy, OfferSecurity, Security, Transport,
};
pub use offer::{accept_answer, offer, offer_again};
pub use opaque::{
    DATAGRAM_TRANSPORT_ATTRIBUTES, TRANSPORT_ATTRIBUTES, accept_opaque, answer_opaque, offer_opaque,
};
pub use parse::{
    DESCRIPTION_BYTES_MAX, FORMATS_MAX, LINE_BYTES_MAX, LINES_MAX, MEDIA_SECTIONS_MAX, ParseError,
    Problem,
};
pub use session::Session;

use std::hint::black_box;

/// Entry point for fuzzing: parses `input` and, when it is a description, negotiates with it.
///
/// It must return for every input.
#[doc(hidden)]
pub fn fuzz(input: &[u8]) {
    let Ok(description) = SessionDescription::parse(input) else {
        return;
    };
    let printed = description.to_string();
    let again = SessionDescription::parse(printed.as_bytes());
    debug_assert_eq!(again.as_ref(), Ok(&description));
    if let Some((index, _)) = description.video()
        && let Some(alone) = description.section_alone(index)
    {
        let mut whole = description.clone();
        debug_assert!(whole.put_section(index, &alone, false));
        whole.keep_sections_of(&description);
        whole.set_version_after(&description);
    }
    let local = LocalMedia::for_fuzzing();
    std::hint::black_box((description.audio_formats(), description.audio_protection()));
    if let Ok((answer, _)) = answer(&description, &local) {
        debug_assert_eq!(answer.media.len(), description.media.len());
    }
    if let Ok((answer, _)) = answer_opaque(&description, &description, &local) {
        debug_assert_eq!(answer.media.len(), 1);
    }
    for policy in [OfferPolicy::plain(), OfferPolicy::sdes(), OfferPolicy::dtls()] {
        let mut session = Session::new(1);
        if session.offer_opaque(&description, &local, &policy).is_ok() {
            debug_assert!(session.local().is_some_and(|offer| offer.media.len() == 1));
            black_box(session.handle_opaque_answer(&description).is_ok());
            session.handle_refusal();
        }
        if session.offer(&local, &policy).is_ok() && session.handle_answer(&description).is_ok() {
            debug_assert!(session.offer(&local, &policy).is_ok());
        }
    }
}

/// Entry point for fuzzing: takes `input` apart as a description to be edited, whatever it is, and edits it.
///
/// It must return for every input, and what was not edited must come out as it came.
#[doc(hidden)]
pub fn fuzz_edit(input: &[u8]) {
    let mut editor = DescriptionEditor::new(input);
    debug_assert_eq!(editor.to_bytes(), input);
    let address = std::net::IpAddr::from([192, 0, 2, 1]);
    let formats = [EditedFormat::kept(0), EditedFormat::renumbered(8, 96)];
    editor.session().set_origin_address(address);
    editor.session().set_connection(address);
    for index in 0..editor.section_count().min(8) {
        let Some(section) = editor.section(index) else { continue };
        section.set_port(30_000);
        section.set_protocol("RTP/SAVP");
        section.set_formats(&formats);
        section.set_connection(address);
        section.remove_attributes(&["crypto", "candidate"]);
        section.push_attribute("rtcp", "30001");
        section.replace_ssrc(7);
    }
    editor.remove_from_groups(&["1".to_owned()]);
    let edited = editor.to_bytes();
    debug_assert_eq!(DescriptionEditor::new(&edited).to_bytes(), edited);
}
