//! The ids and nouns that all parts of Offhook share.
//!
//! Everything here is plain data: it can be compared, printed and serialised, and it decides nothing.
//! Decisions live in the other `domain` crates, side effects in `infra`.
//! The central types are [`Aor`] and [`Binding`] (where a user can be reached), [`CallRef`] and [`LegId`]
//! (our own names for a call and its legs; SIP's Call-ID is another thing), [`Directory`] (what the
//! database knows about numbers, as one immutable snapshot) and [`CallRecord`] (what remains of a call).

mod aor;
mod cause;
mod conference;
mod directory;
mod guest;
mod ids;
mod media;
mod record;
mod recording;
mod verdict;

pub use aor::{Aor, Binding, InvalidAor, Transport};
pub use cause::HangupCause;
pub use conference::{
    Audience, ConferenceCommand, ConferenceEvent, ConferenceId, ConferenceSettings, MemberRole,
};
pub use directory::{Directory, Extension, GuestPolicy, Secret, Service};
pub use guest::{guest_expiry, guest_password, guest_username};
pub use ids::{CallRef, LegId};
pub use media::{
    IceRole, LegMeasure, LegSnapshot, MediaCommand, MediaEvent, MediaRefusal, MediaTrouble,
    OfferPolicy, PlayControl, Security, SourceRule, Terms,
};
pub use record::{CallRecord, CallState, Direction, LegRecord, LiveCall, Party, StreamReport};
pub use recording::{
    RecordingCommand, RecordingEvent, RecordingFailure, RecordingFormat, RecordingLayout,
    RecordingMark, RecordingSource, RecordingSummary, recording_path,
};
pub use verdict::AudioVerdict;
