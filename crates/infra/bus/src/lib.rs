//! Messages between roles and the state they share.
//!
//! Roles know each other only through this crate: the edge and the switch exchange SIP messages over a
//! [`SipLink`], the switch drives the media role with [`MediaCommand`]s and hears [`MediaEvent`]s, and what
//! all of them may ask (bindings, the directory, live calls) is in [`Shared`].
//! Every message is plain data and every queue has a named limit; a full queue refuses and is counted by
//! the sender.
//! This implementation is in process. It opens no socket and decides nothing.

mod centre;
mod events;
mod media_events;
mod queue;
mod shared;
mod snapshots;

pub use centre::{AgentOrder, Centre, LiveAgent, LiveQueue, LiveWaiting, OnCall, QueueAudit};
pub use events::{Cursor, EVENT_BATCH_MAX, EVENTS_MAX, Event, Events, Gone, Happening};
pub use media_events::{DOOR_LEGS, MediaEvents};
pub use offhook_model::{
    Audience, ConferenceCommand, ConferenceEvent, ConferenceId, JoinRefusal, MemberRole,
    RecordingCommand, RecordingEvent, RecordingFailure, RecordingFormat, RecordingLayout,
    RecordingMark, RecordingSource, RecordingSummary,
};
pub use offhook_model::{ForkCommand, ForkEvent};
pub use offhook_model::{
    IceRole, LegMeasure, LegSnapshot, MediaCommand, MediaEvent, MediaRefusal, MediaTrouble,
    OfferPolicy, PlayControl, Security, SourceRule, SpeechGate, Terms,
};
pub use queue::{Full, Inbox, Outbox, queue};
pub use shared::{GuestKey, Shared};
pub use snapshots::{CallSnapshot, SnapshotChange, Unreadable, read_snapshot};

use bytes::Bytes;
use offhook_model::{
    AgentId, CallRef, ForkId, ForkRequest, LegId, LogEntry, MailboxAnswer, MailboxRequest,
    RecordingForm, SupervisorMode,
};

/// Messages waiting between edge and switch, in each direction.
pub const SIP_QUEUE_MAX: usize = 16_384;
/// Commands or events waiting between switch and media, in each direction.
pub const MEDIA_QUEUE_MAX: usize = 16_384;
/// What is to be written down, waiting while the database is slow or down.
pub const RECORD_QUEUE_MAX: usize = 65_536;
/// Snapshots of calls waiting for whoever keeps them, while that is slow or down.
pub const SNAPSHOT_QUEUE_MAX: usize = 4_096;
/// Orders from the API waiting for the switch.
pub const ORDER_QUEUE_MAX: usize = 1_024;

/// Wishes waiting for the mailbox role, and its answers.
pub const MAILBOX_QUEUE_MAX: usize = 1_024;

/// One SIP message on its way between the edge and the switch.
#[derive(Debug, Clone, PartialEq)]
pub struct SipMessage {
    /// The message as it stands on the wire.
    pub bytes: Bytes,
    /// Whether every hop between this role and the far device repeats what is lost, so that no
    /// retransmission timer is needed (RFC 3261 section 17). Towards the edge it is not read.
    pub reliable: bool,
}

/// One role's end of the link between edge and switch.
#[derive(Debug)]
pub struct SipLink {
    /// Towards the other role.
    pub to_peer: Outbox<SipMessage>,
    /// From the other role.
    pub from_peer: Inbox<SipMessage>,
}

/// What an administrator asks of the switch.
#[derive(Debug, Clone, PartialEq)]
pub enum SwitchOrder {
    /// End this call.
    HangUp(CallRef),
    /// Record this call, or do something with its recording.
    Record(CallRef, RecordingOrder),
    /// Put a supervisor on this call, or change what is there.
    Supervise(CallRef, SupervisionOrder),
    /// Let the parties of two calls in which this extension talks talk with each other, all three.
    Merge {
        /// The one call.
        call: CallRef,
        /// The other.
        with: CallRef,
        /// Who talks in both.
        extension: String,
    },
    /// Fork the audio of this call, or do something with its forks.
    Fork(CallRef, ForkOrder),
    /// Do something with the conference of this number.
    Conference(String, ConferenceOrder),
    /// Do something about an agent.
    Agent(AgentId, AgentOrder),
    /// Give a caller who waits another position in its queue, from 1.
    MoveCaller(CallRef, usize),
    /// Call nobody back for this call, in which that was asked for.
    CancelCallback(CallRef),
    /// Take no new calls; those that run go on.
    Drain,
}

/// What is asked of a conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConferenceOrder {
    /// Mute a member, or let it speak.
    Mute(LegId, bool),
    /// Let a member hear nobody, or the others.
    Deafen(LegId, bool),
    /// Put a member out.
    Kick(LegId),
    /// Let nobody else in but moderators, or let them in again.
    Lock(bool),
    /// Play prompts to all who listen.
    Play(Vec<String>),
    /// Record what all hear, or do something with that recording.
    Record(RecordingOrder),
    /// Put all out.
    End,
}

/// What is asked about a supervisor on a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SupervisionOrder {
    /// Call this extension, and put it on the call.
    Start {
        /// The supervisor's extension.
        extension: String,
        /// What the supervisor does.
        mode: SupervisorMode,
    },
    /// Let the supervisor do something else.
    Change {
        /// The supervisor's extension.
        extension: String,
        /// What the supervisor does from here on.
        mode: SupervisorMode,
    },
    /// Let the supervisor talk in the agent's place, who is let go. One who is not on the call is called first.
    TakeOver {
        /// The supervisor's extension.
        extension: String,
    },
    /// Let the supervisor go.
    End {
        /// The supervisor's extension.
        extension: String,
    },
}

/// What an administrator asks of a call's recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordingOrder {
    /// Begin one, which is made as the switch's configuration says where the form does not. Nothing happens
    /// when one runs.
    Start(RecordingForm),
    /// Let it be silent from here on.
    Pause,
    /// Let it have sound again.
    Resume,
    /// End it.
    Stop,
}

/// What an administrator asks of a call's audio forks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForkOrder {
    /// Begin one.
    Start(ForkId, Box<ForkRequest>),
    /// Let nothing leave by it from here on.
    Pause(ForkId),
    /// Let it go on.
    Resume(ForkId),
    /// End it.
    Stop(ForkId),
    /// End all of them.
    StopAll,
}

/// The switch's end of the link to the mailbox role.
#[derive(Debug)]
pub struct MailboxLink {
    /// Towards the mailbox role.
    pub requests: Outbox<MailboxRequest>,
    /// From it.
    pub answers: Inbox<MailboxAnswer>,
}

/// Everything that connects the roles of one process. Each role takes its own part out of it.
#[derive(Debug)]
pub struct Bus {
    /// The edge's end of the SIP link.
    pub edge: SipLink,
    /// The switch's end of the SIP link.
    pub switch: SipLink,
    /// The switch's way to the media role.
    pub media_commands: (Outbox<MediaCommand>, Inbox<MediaCommand>),
    /// The media role's way to the switch.
    pub media_events: (Outbox<MediaEvent>, Inbox<MediaEvent>),
    /// From the switch to whoever writes records.
    pub records: (Outbox<LogEntry>, Inbox<LogEntry>),
    /// The switch's end of the link to the mailbox role.
    pub mailbox: MailboxLink,
    /// The mailbox role's end.
    pub mailbox_role: (Inbox<MailboxRequest>, Outbox<MailboxAnswer>),
    /// From the API to the switch.
    pub orders: (Outbox<SwitchOrder>, Inbox<SwitchOrder>),
    /// State that several roles read.
    pub shared: Shared,
}

impl Bus {
    /// A bus within one process.
    #[must_use]
    pub fn in_process(shared: Shared) -> Self {
        let (to_switch, from_edge) = queue(SIP_QUEUE_MAX);
        let (to_edge, from_switch) = queue(SIP_QUEUE_MAX);
        let (requests, wishes) = queue(MAILBOX_QUEUE_MAX);
        let (replies, answers) = queue(MAILBOX_QUEUE_MAX);
        Self {
            edge: SipLink { to_peer: to_switch, from_peer: from_switch },
            switch: SipLink { to_peer: to_edge, from_peer: from_edge },
            media_commands: queue(MEDIA_QUEUE_MAX),
            media_events: queue(MEDIA_QUEUE_MAX),
            records: queue(RECORD_QUEUE_MAX),
            mailbox: MailboxLink { requests, answers },
            mailbox_role: (wishes, replies),
            orders: queue(ORDER_QUEUE_MAX),
            shared,
        }
    }
}
