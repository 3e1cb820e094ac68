use crate::Offered;
use offhook_model::{
    CallRecord, ConferenceSettings, HangupCause, LegId, LiveCall, MediaCommand, OfferId, QueueId,
    Target,
};
use serde::{Deserialize, Serialize};

/// Where an outgoing leg is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The Request-URI: the contact that a device registered.
    pub contact: String,
    /// A Route header value that leads there through the edge.
    pub route: String,
    /// Whether every hop repeats what is lost.
    pub reliable: bool,
}

/// How an attempt to reach somebody failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The SIP status that says it.
    pub status: u16,
    /// The cause of Q.850.
    pub cause: HangupCause,
    /// The reason phrase.
    pub reason: String,
}

impl Failure {
    /// A failure that a cause and a reason phrase describe.
    #[must_use]
    pub fn new(cause: HangupCause, reason: &str) -> Self {
        Self { status: cause.sip_status(), cause, reason: reason.to_owned() }
    }
}

/// How an offer of a queue to an agent goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfferReport {
    /// A device of the agent's is alerting.
    Ringing,
    /// The agent has answered.
    Answered,
    /// No device of the agent's takes the call.
    Failed(Failure),
}

/// What is to be done. Actions are to be carried out in their order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A command for the media role.
    Media(MediaCommand),
    /// Signalling on one leg.
    Leg(LegId, LegAction),
    /// A leg is to be taken into the conference of this number. It leaves when its media is released.
    JoinConference {
        /// The leg.
        leg: LegId,
        /// The number.
        number: String,
        /// How the conference receives its callers.
        settings: ConferenceSettings,
    },
    /// A leg comes into this menu, or into it again after its media was negotiated anew.
    EnterMenu {
        /// The leg.
        leg: LegId,
        /// The menu.
        menu: String,
    },
    /// A leg has left its menu.
    LeaveMenu {
        /// The leg.
        leg: LegId,
    },
    /// A leg leaves a message in this mailbox, or goes on with it after its media was negotiated anew.
    LeaveMessage {
        /// The leg.
        leg: LegId,
        /// The mailbox.
        mailbox: String,
    },
    /// A leg is to hear messages, or goes on with it after its media was negotiated anew.
    HearMessages {
        /// The leg.
        leg: LegId,
        /// Whether they are those of its own extension; otherwise it is asked for the mailbox.
        own: bool,
    },
    /// A leg leaves or hears messages no longer.
    LeaveMailbox {
        /// The leg.
        leg: LegId,
    },
    /// A leg comes into this queue, or waits there again after an agent could not be connected.
    JoinQueue {
        /// The leg.
        leg: LegId,
        /// The queue.
        queue: QueueId,
    },
    /// A leg waits no longer: it talks, was sent on or is gone.
    LeaveQueue {
        /// The leg.
        leg: LegId,
    },
    /// How an offer of the queue to an agent goes.
    Offer(OfferId, OfferReport),
    /// An agent was called to call somebody back: whether that was reached. Said once.
    CalledBack {
        /// Whether it was.
        is_reached: bool,
    },
    /// The served leg is to be sent on: route it, and call [`crate::Call::handle_decision`].
    GoTo(Target),
    /// A supervisor's leg is up and comes on to a call of two. It leaves when its media is released.
    Supervise {
        /// The leg.
        leg: LegId,
    },
    /// Find out where this extension is bound, and call [`crate::Call::handle_bindings`].
    Lookup(String),
    /// How the call stands, for those who watch.
    Live(LiveCall),
    /// The call is over; the last action of all.
    Finished(Box<CallRecord>),
}

/// Signalling on one leg.
#[derive(Debug, Clone, PartialEq)]
pub enum LegAction {
    /// Places the leg.
    Invite {
        /// Where to.
        route: Route,
        /// The number shown as the caller.
        caller: String,
        /// The name shown as the caller.
        caller_name: Option<String>,
        /// Our offer.
        offer: String,
        /// The queue's offer, when an agent is rung for one.
        offered: Option<Offered>,
    },
    /// Tells the caller that somebody is alerted (180).
    Ring,
    /// Answers the leg with our SDP, which is an answer, or an offer when the caller made none.
    Accept(String),
    /// Turns the leg away.
    Reject(Failure),
    /// Answers the INVITE that replaces the leg's dialog with our SDP, and ends the dialog that was.
    AcceptReplacement(String),
    /// Turns the INVITE away that was to replace the leg's dialog.
    RefuseReplacement(Failure),
    /// Ends the leg, whatever its state.
    HangUp(HangupCause),
    /// Replies to a renegotiation of the party: our SDP, or a SIP status.
    AnswerReinvite(Result<String, u16>),
    /// Offers the party a change of what was agreed (re-INVITE with this SDP).
    Reinvite(String),
    /// Replies to a REFER with this status.
    AnswerRefer(u16),
    /// Tells the party of a key by INFO.
    SendDtmf {
        /// `0-9*#A-D`.
        digit: char,
        /// How long it was held, in milliseconds.
        duration_ms: u32,
    },
    /// Tells the transferor how the transfer goes: a SIP status, below 200 while it is under way (RFC 3515).
    NotifyRefer(u16),
}

/// What signalling reports of a leg.
#[derive(Debug, Clone, PartialEq)]
pub enum LegInput {
    /// An outgoing leg is alerting.
    Ringing,
    /// An outgoing leg was answered with this SDP.
    Accepted(Option<String>),
    /// An outgoing leg was refused, or could not be sent.
    Rejected(Failure),
    /// Our answer, or our reply to a renegotiation, was acknowledged; with the party's SDP when ours was
    /// an offer.
    Acked(Option<String>),
    /// The caller gave up before the answer.
    Cancelled,
    /// The party hung up.
    HungUp(HangupCause),
    /// The leg's dialog was lost: a timer or the transport.
    Lost(HangupCause),
    /// The party renegotiates; without SDP it wants our offer.
    Reinvite(Option<String>),
    /// The party has answered our re-INVITE with this SDP.
    Reinvited(Option<String>),
    /// The party has refused our re-INVITE, or it could not be sent: what was agreed before holds.
    ReinviteRefused,
    /// The party pressed keys and says so in an INFO request.
    Dtmf(String),
    /// The party can be told of keys by INFO: its Allow names the method.
    TakesInfo,
}

/// How a question to the call was taken, for callers that must answer a request at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It was taken on.
    Taken,
    /// It does not fit the call's state.
    Refused,
}
