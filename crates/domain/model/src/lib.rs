//! The ids and nouns that all parts of Offhook share.
//!
//! Everything here is plain data: it can be compared, printed and serialised, and it decides nothing.
//! Decisions live in the other `domain` crates, side effects in `infra`.
//! The central types are [`Aor`] and [`Binding`] (where a user can be reached), [`CallRef`] and [`LegId`]
//! (our own names for a call and its legs; SIP's Call-ID is another thing), [`Directory`] (what the
//! database knows about numbers, as one immutable snapshot) and [`CallRecord`] (what remains of a call).

mod agent;
mod aor;
mod cause;
mod conference;
mod directory;
mod fork;
mod fork_url;
mod guest;
mod ids;
mod media;
mod menu;
mod queue;
mod queue_log;
mod queue_record;
mod record;
mod recording;
mod supervisor;
mod target;
mod verdict;
mod voicemail;
mod webhook_url;

pub use agent::{Agent, AgentId, AgentState, AgentStatus};
pub use aor::{Aor, Binding, InvalidAor, Transport};
pub use cause::HangupCause;
pub use conference::{
    Audience, ConferenceCommand, ConferenceEvent, ConferenceId, ConferenceSettings, JoinRefusal,
    LiveConference, LiveMember, MemberRole,
};
pub use directory::{Directory, Extension, Forwarding, GuestPolicy, RecordPolicy, Secret, Service};
pub use fork::{
    FORKS_PER_LEG_MAX, ForkChannels, ForkCommand, ForkCounts, ForkEnd, ForkEvent, ForkFailure,
    ForkHeaders, ForkId, ForkParty, ForkRate, ForkRequest, ForkState, LiveFork, UnsupportedRate,
};
pub use fork_url::{AllowedHost, ForkUrl, InvalidAllowedHost, InvalidForkUrl};
pub use guest::{guest_expiry, guest_password, guest_username};
pub use ids::{CallRef, LegId, OfferId, RecordingId};
pub use media::{
    IceRole, LegMeasure, LegSnapshot, MediaCommand, MediaEvent, MediaRefusal, MediaTrouble,
    OfferPolicy, PlayControl, Security, SourceRule, SpeechGate, Terms,
};
pub use menu::{Collect, Hours, Menu, MenuAction, Opening};
pub use queue::{Announcements, Queue, QueueId, Strategy, Tier, WhenEmpty};
pub use queue_log::{QueueLogContext, queue_log_lines};
pub use queue_record::{OfferOutcome, OverflowCause, QueueRecord, QueueStep, WaitingCallback};
pub use record::{
    CallRecord, CallState, Direction, LegRecord, LiveCall, LiveRecording, LiveSupervisor, LogEntry,
    Party, StreamReport,
};
pub use recording::{
    EXPIRED_RECORDINGS_MAX, RecordingCommand, RecordingEvent, RecordingFailure, RecordingForm,
    RecordingFormat, RecordingLayout, RecordingMark, RecordingRecord, RecordingSource,
    RecordingState, RecordingSummary, recording_path,
};
pub use supervisor::{CallSide, SupervisorMode};
pub use target::Target;
pub use verdict::AudioVerdict;
pub use voicemail::{
    Greetings, MESSAGES_HEARD_MAX, MailboxAnswer, MailboxRequest, Message, Opened, PIN_DIGITS,
    VoicemailId, VoicemailRecord,
};
pub use webhook_url::{InvalidWebhookUrl, WebhookUrl};
